"use strict";
// Charts as SVG, drawn by this page alone: nothing is loaded, colours follow the page's scheme.
const charts = (() => {
  const NS = "http://www.w3.org/2000/svg";
  const LETTER = 6.7; // pixels of a letter at 12 px, on average
  const make = (name, attributes = {}, text = "") => {
    const one = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    if (text) one.textContent = text;
    return one;
  };
  const told = (one, text) => { one.append(make("title", {}, text)); return one; };
  const letters = (texts) => LETTER * Math.max(0, ...texts.map((text) => text.length));
  const canvas = (place, height, label) => {
    const width = Math.max(place.clientWidth, 260);
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
    place.replaceChildren(svg);
    return [svg, width];
  };

  // Round numbers along an axis, the last of them at or above the largest value.
  const ticks = (most, count) => {
    if (!(most > 0)) return [0, 1];
    const rough = most / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
    const found = [];
    for (let place = 0; place * step < most * 0.9999 + step; place += 1) found.push(Number((place * step).toPrecision(9)));
    return found;
  };

  // Hatches, so that no part is known by its colour alone.
  const ANGLES = { transmission: [45], queueing: [-45], window: [0], restart: [90], acknowledgement: [0, 90], other: [45, -45], compute: [20] };
  const fills = (svg, parts, colours) => {
    const defs = make("defs");
    for (const part of parts) {
      const pattern = make("pattern", { id: `${svg.parentNode.id}-${part}`, width: 6, height: 6, patternUnits: "userSpaceOnUse" });
      pattern.append(make("rect", { width: 6, height: 6, fill: colours[part] }));
      for (const angle of ANGLES[part] || []) {
        pattern.append(make("path", { d: "M-3 3H9", stroke: "#1a1a1a", "stroke-width": 0.7, transform: `rotate(${angle} 3 3)` }));
      }
      defs.append(pattern);
    }
    svg.append(defs);
    return (part) => `url(#${svg.parentNode.id}-${part})`;
  };
  const legend = (place, entries) => {
    const list = document.createElement("ul");
    list.className = "legend";
    for (const [name, swatch] of entries) {
      const item = document.createElement("li");
      const box = make("svg", { width: 26, height: 12, "aria-hidden": "true" });
      box.append(swatch);
      item.append(box, name);
      list.append(item);
    }
    place.append(list);
  };

  // Bars to the right, one row a name; a row's parts stand behind each other, its label behind them.
  const bars = (place, rows, { title, parts, colours, show }) => {
    const narrow = place.clientWidth < 480;
    const row = narrow ? 36 : 21, top = 6, bottom = 40;
    const [svg, width] = canvas(place, top + row * rows.length + bottom, title);
    const left = narrow ? 4 : Math.min(0.4 * width, letters(rows.map((one) => one.name)) + 10);
    const right = letters(rows.map((one) => one.label)) + 12;
    const most = Math.max(0, ...rows.map((one) => one.values.reduce((sum, value) => sum + value, 0)));
    const scale = (width - left - right) / (most || 1);
    const fill = fills(svg, parts, colours);
    const foot = top + row * rows.length;
    for (const tick of ticks(most, Math.max(2, Math.floor((width - left - right) / 90)))) {
      const x = left + tick * scale;
      if (x > width - right + 1) continue;
      svg.append(make("path", { class: "grid", d: `M${x} ${top}V${foot}` }));
      svg.append(make("text", { class: "tick", x, y: foot + 15, "text-anchor": tick ? "middle" : "start" }, show(tick)));
    }
    svg.append(make("text", { class: "axis", x: left, y: foot + 34 }, title));
    const room = Math.floor((narrow ? width : left - 10) / LETTER);
    rows.forEach((one, place_) => {
      const y = top + row * place_ + (narrow ? 17 : 3), height = 15;
      const name = one.name.length > room ? `${one.name.slice(0, Math.ceil(room / 2) - 1)}…${one.name.slice(-Math.floor(room / 2))}` : one.name;
      const at = narrow ? { x: left, y: y - 4 } : { x: left - 6, y: y + 12, "text-anchor": "end" };
      svg.append(told(make("text", { class: "name", ...at }, name), one.name));
      let x = left;
      one.values.forEach((value, part) => {
        const bar = make("rect", { class: "bar", x, y, width: Math.max(0, value * scale), height, fill: fill(parts[part]), "data-v": value });
        svg.append(told(bar, `${one.name}${parts.length > 1 ? `, ${parts[part]}` : ""}: ${show(value)}`));
        x += value * scale;
      });
      svg.append(make("text", { class: "value", x: x + 5, y: y + 12 }, one.label));
    });
    if (parts.length > 1) {
      legend(place, parts.map((part) => [part, make("rect", { width: 26, height: 12, class: "bar", fill: fill(part) })]));
    }
  };

  // A map of numbers, darker for more; `values` are rows from below.
  const shade = (share) => {
    const [low, high] = share < 0.5 ? [[247, 251, 255], [107, 174, 214]] : [[107, 174, 214], [8, 48, 107]];
    const within = share < 0.5 ? 2 * share : 2 * share - 1;
    return `rgb(${low.map((from, place) => Math.round(from + within * (high[place] - from))).join(",")})`;
  };
  const map = (place, { across, upward, values, show, about, titles, chosen, choose }) => {
    const row = 30, top = 6, bottom = 74;
    const [svg, width] = canvas(place, top + row * upward.length + bottom, `${titles[0]} and ${titles[1]}`);
    const left = letters(upward) + 12, step = (width - left - 4) / across.length, foot = top + row * upward.length;
    const flat = values.flat().filter((value) => value > 0).map(Math.log10);
    const fits = values.flat().every((value) => value === null || show(value).length * LETTER + 4 < step);  // all or none
    const least = Math.min(...flat), span = Math.max(...flat) - least || 1;
    upward.forEach((name, line) => {
      const y = foot - row * (line + 1);
      svg.append(make("text", { class: "name", x: left - 6, y: y + 19, "text-anchor": "end" }, name));
      across.forEach((_, column) => {
        const value = values[line][column], share = value > 0 ? (Math.log10(value) - least) / span : 0;
        const cell = make("rect", { class: "cell", x: left + step * column, y, width: step - 1, height: row - 1, fill: value === null ? "var(--wash)" : shade(share) });
        cell.addEventListener("click", () => choose(line, column));
        svg.append(told(cell, about(line, column)));
        const text = value === null ? "–" : show(value);
        if (fits) {
          svg.append(make("text", { class: "in", x: left + step * (column + 0.5), y: y + 19, "text-anchor": "middle", fill: share > 0.7 ? "#fff" : "#1a1a1a" }, text));
        }
      });
    });
    across.forEach((name, column) => {
      const x = left + step * (column + 0.5);
      svg.append(make("text", { class: "tick", x, y: foot + 14, "text-anchor": "end", transform: `rotate(-35 ${x} ${foot + 14})` }, name));
    });
    svg.append(make("text", { class: "axis", x: left, y: foot + 68 }, `→ ${titles[0]}   ↑ ${titles[1]}`));
    const cross = make("rect", { class: "chosen", width: step - 1, height: row - 1 });
    svg.append(cross);
    const mark = (line, column) => { cross.setAttribute("x", left + step * column); cross.setAttribute("y", foot - row * (line + 1)); };
    mark(...chosen);
    return mark;
  };

  // Lanes, one a party, and time to the right; drag to look closer, double-click to see all.
  const lanes = (place, found, time, colours) => {
    const names = found.lanes, row = names.length > 24 ? 16 : Math.max(22, Math.min(56, 900 / names.length));
    const end = found.messages
      ? Math.max(found.end_s, ...found.messages.map((one) => one[5] === null ? one[4] : one[5]))
      : Math.max(found.end_s, found.interval_s * found.bytes[0].length);
    const draw = (from, until) => {
      const [svg, width] = canvas(place, row * names.length + 60, "messages over time");
      const left = Math.min(0.32 * width, letters(names) + 10), foot = row * names.length + 10;
      const room = Math.floor((left - 8) / LETTER), scale = (width - left - 12) / (until - from || 1);
      const x = (at) => left + (at - from) * scale, y = (lane) => 10 + row * (lane + 0.5);
      const inside = make("svg", { x: left, y: 0, width: width - left - 8, height: foot, viewBox: `${left} 0 ${width - left - 8} ${foot}` });
      for (const tick of ticks(until - from, Math.max(2, Math.floor((width - left) / 110)))) {
        if (from + tick > until * 1.0001) continue;
        svg.append(make("path", { class: "grid", d: `M${x(from + tick)} 10V${foot}` }));
        svg.append(make("text", { class: "tick", x: x(from + tick), y: foot + 15, "text-anchor": "middle" }, time(from + tick)));
      }
      names.forEach((name, lane) => {
        const cut = name.length > room ? `${name.slice(0, Math.max(1, room - 1))}…` : name;
        if (row >= 14 || lane % 2 === 0) svg.append(told(make("text", { class: "name", x: left - 6, y: y(lane) + 4, "text-anchor": "end" }, cut), name));
        inside.append(make("path", { class: "grid", d: `M${left} ${y(lane)}H${width}` }));
      });
      svg.append(make("text", { class: "axis", x: left, y: foot + 36 }, "time"), inside);
      if (found.messages) arrows(inside, found, time, colours, x, y); else density(inside, found, x, y, row);
      let start = null;
      svg.addEventListener("pointerdown", (event) => { start = event.offsetX; });
      svg.addEventListener("pointerup", (event) => {
        const ends = [start, event.offsetX].map((at) => from + (at - left) / scale).sort((a, b) => a - b);
        if (start !== null && Math.abs(event.offsetX - start) > 12) draw(Math.max(0, ends[0]), Math.min(end, ends[1]));
      });
      svg.addEventListener("dblclick", () => draw(0, end));
      if (!found.messages) return;
      legend(place, [["message", make("path", { d: "M0 6H26", class: "message" })], ...(found.messages.some((one) => one[8]) ? [["on the critical path", make("path", { d: "M0 6H26", class: "critical" })]] : []),
        ["uplink busy", make("rect", { y: 3, width: 26, height: 6, fill: colours.transmission })]]);
    };
    draw(0, end);
  };
  const arrows = (inside, found, time, colours, x, y) => {
    for (const [source, , , starts, leaves] of found.messages) {
      if (leaves > starts) inside.append(make("rect", { x: x(starts), y: y(source) - 4, width: Math.max(0.5, x(leaves) - x(starts)), height: 8, fill: colours.transmission }));
    }
    for (const critical of [0, 1]) {
      for (const [source, to, sent, , leaves, arrival, size, span, mark] of found.messages) {
        if (mark !== critical) continue;
        const end = arrival === null ? leaves : arrival, under = arrival === null ? y(source) + 8 * Math.sign(to - source) : y(to);
        const line = make("path", { class: critical ? "critical" : "message", d: `M${x(leaves)} ${y(source)}L${x(end)} ${under}` });
        inside.append(told(line, `${found.lanes[source]} to ${found.lanes[to]}, ${size.toLocaleString("en")} B\n${span}\nsent ${time(sent)}, `
          + (arrival === null ? "never arrived" : `arrives ${time(arrival)}`)));
        const head = Math.sign(under - y(source)) * 5;
        inside.append(make("path", { class: critical ? "head critical" : "head", d: `M${x(end)} ${under}l-3 ${-head}h6z` }));
      }
    }
  };
  const density = (inside, found, x, y, row) => {
    const most = Math.max(...found.bytes.flat());
    found.bytes.forEach((line, lane) => line.forEach((bytes, place) => {
      if (!bytes) return;
      const from = place * found.interval_s;
      const cell = make("rect", { x: x(from), y: y(lane) - row / 2 + 1, width: Math.max(0.5, x(from + found.interval_s) - x(from)), height: row - 2, class: "bytes", "fill-opacity": (0.2 + 0.8 * bytes / most).toFixed(2) });
      inside.append(told(cell, `${found.lanes[lane]}: ${found.messages_sent[lane][place]} messages, ${bytes.toLocaleString("en")} bytes`));
    }));
  };

  // Curves by epoch; a later one is thinner, so that those below it are seen where they coincide.
  const DASHES = ["", "7 4", "2 3", "8 3 2 3"], WIDTHS = [5, 3, 1.5, 1.5];
  const curves = (place, { title, series }) => {
    const [svg, width] = canvas(place, 260, title), left = 52, foot = 214;
    const points = series.flatMap((one) => one.points), most = Math.max(...points.map((one) => one[1]));
    const first = Math.min(...points.map((one) => one[0])), last = Math.max(...points.map((one) => one[0]), first + 1);
    const above = ticks(most, 5), top = above[above.length - 1] || 1;
    const x = (at) => left + (at - first) / (last - first) * (width - left - 16), y = (value) => foot - value / top * (foot - 14);
    for (const tick of above) {
      svg.append(make("path", { class: "grid", d: `M${left} ${y(tick)}H${width - 8}` }), make("text", { class: "tick", x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, String(tick)));
    }
    const every = Math.max(1, Math.ceil((last - first) / Math.max(2, (width - left) / 45)));
    for (let at = first; at <= last; at += every) svg.append(make("text", { class: "tick", x: x(at), y: foot + 16, "text-anchor": "middle" }, String(at)));
    svg.append(make("text", { class: "axis", x: left, y: foot + 36 }, `epoch; upwards: ${title}`));
    const strokes = ["var(--accent)", "var(--second)", "var(--third)", "var(--soft)"];
    series.forEach((one, place_) => {
      const d = one.points.map(([at, value], number) => `${number ? "L" : "M"}${x(at)} ${y(value)}`).join("");
      svg.append(make("path", { d, fill: "none", stroke: strokes[place_ % 4], "stroke-width": WIDTHS[place_ % 4], "stroke-dasharray": DASHES[place_ % 4] }));
      for (const [at, value] of one.points) {
        svg.append(told(make("circle", { cx: x(at), cy: y(value), r: 3, fill: strokes[place_ % 4] }), `${one.name}, epoch ${at}: ${value}`));
      }
    });
    legend(place, series.map((one, place_) => [one.name, make("path", { d: "M0 6H26", stroke: strokes[place_ % 4], "stroke-width": WIDTHS[place_ % 4], "stroke-dasharray": DASHES[place_ % 4] })]));
  };
  return { bars, map, lanes, curves };
})();
