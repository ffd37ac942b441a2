"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const COLOURS = {
    latency: "#4a7fb0", transmission: "#f2b447", queueing: "#c8553d",
    window: "#3a7d44", restart: "#9bc53d", acknowledgement: "#b07aa1", other: "#8d7a99", compute: "#a6cee3", waiting: "#d9d9d9",
  };

  // Numbers for people: as mpcsim writes them, four digits in the largest unit that keeps one.
  const time = (seconds) => {
    for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["us", 1e-6]]) {
      if (Math.abs(seconds) >= size) return `${Number((seconds / size).toPrecision(4))} ${unit}`;
    }
    return `${Math.round(seconds * 1e9)} ns`;
  };
  const exact = (nanoseconds) => `${(nanoseconds / 1e9).toFixed(9)} s`;

  // Tables: a button in each column's head sorts by what the cells hold in data-v.
  const sortBy = (table, column, head) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => row.cells[column].dataset.v;
    const rows = [...table.tBodies[0].rows];
    const numeric = rows.every((row) => value(row) !== "" && !Number.isNaN(Number(value(row))));
    rows.sort((a, b) => {
      const order = numeric ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b));
      return up ? order : -order;
    });
    table.tBodies[0].append(...rows);
  };
  for (const table of document.querySelectorAll("table")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => sortBy(table, column, head));
    });
  }

  const bytes = (count) => {
    for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (count >= size) return `${Number((count / size).toPrecision(3))} ${unit}`;
    }
    return `${count} B`;
  };
  const remove = (id) => byId(id)?.closest("figure").remove();

  // A chart is drawn when it comes near the screen, so that the page is there at once.
  const waiting = new Map();
  const drawn = new Set();
  const release = (id) => {
    const action = waiting.get(id);
    if (!action) return;
    waiting.delete(id);
    drawn.add(id);
    action();
  };
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) release(entry.target.id);
  }, { rootMargin: "500px 0px" });
  const later = (id, action) => {
    const place = byId(id);
    if (!place) return;
    waiting.set(id, action);
    observer.observe(place);
  };
  window.addEventListener("beforeprint", () => [...waiting.keys()].forEach(release));

  // What was drawn is drawn again where its place has another width.
  const again = new Map();
  const widths = new Map();
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (!again.has(target.id) || widths.get(target.id) === target.clientWidth) continue;
      widths.set(target.id, target.clientWidth);
      again.get(target.id)();
    }
  });
  const draw = (id, action) => {
    const place = byId(id);
    if (!place) return;
    widths.set(id, place.clientWidth);
    again.set(id, () => action(place));
    action(place);
    resized.observe(place);
  };

  // Layers.
  const bars = data.bars;
  const simple = (id, names, values, title, text) => draw(id, (place) => charts.bars(place,
    names.map((name, row) => ({ name, values: [values[row]], label: text(values[row]) })),
    { title, parts: ["latency"], colours: COLOURS, show: text }));
  const used = data.parts.filter((part) => bars.some((bar) => bar[part] > 0));
  const column = (key) => bars.map((bar) => bar[key]);
  const planLayers = () => {
    if (!used.length) remove("chart-parts");
    if (!bars.length) ["chart-rounds", "chart-bytes"].forEach(remove);
    later("chart-parts", () => draw("chart-parts", (place) => charts.bars(place,
      bars.map((bar) => ({ name: bar.name, values: used.map((part) => bar[part]), label: time(used.reduce((sum, part) => sum + bar[part], 0)) })),
      { title: "time", parts: used, colours: COLOURS, show: time })));
    later("chart-rounds", () => simple("chart-rounds", column("name"), column("rounds"), "rounds", String));
    later("chart-bytes", () => simple("chart-bytes", column("name"), column("payload_bytes"), "payload, all parties", bytes));
  };

  // Other networks: the sliders step through points that `mpcsim retime` computed.
  const choices = data.choices;
  const transport = () => (choices.other ? byId("transport").value : choices.transport);
  const at = (latency, bandwidth) => {
    const points = transport() === choices.transport ? choices.points : choices.other;
    return points[latency * choices.bandwidths.length + bandwidth];
  };
  let mark = null;
  const show = () => {
    const latency = Number(byId("latency").value), bandwidth = Number(byId("bandwidth").value);
    const [makespan, bound, spans, error] = at(latency, bandwidth);
    for (const [key, values, place] of [
      ["latency", choices.latencies, latency], ["bandwidth", choices.bandwidths, bandwidth],
    ]) {
      byId(`${key}-value`).textContent = values[place];
      byId(key).setAttribute("aria-valuetext", values[place]);
    }
    byId("command").textContent = `mpcsim retime ${data.run} --set network.latency="${choices.latencies[latency]}"`
      + ` --set network.bandwidth="${choices.bandwidths[bandwidth]}"`
      + (transport() === choices.transport ? "" : ` --set network.transport=${transport()}`);
    if (error) {
      byId("makespan").textContent = "cannot be retimed";
      byId("compared").textContent = error;
      byId("bound").textContent = "nothing that is known";
      return;
    }
    byId("makespan").textContent = time(makespan / 1e9);
    byId("makespan").dataset.ns = makespan;
    byId("compared").textContent = `(${exact(makespan)})`
      + (data.makespan_ns ? `: ×${Number((makespan / data.makespan_ns).toPrecision(3))} of the run's` : "");
    byId("bound").textContent = bound || "nothing";
    if (mark) mark(latency, bandwidth);
    if (drawn.has("chart-retimed")) drawRetimed(spans);
  };
  const drawRetimed = (spans) => simple("chart-retimed", data.leaf_names, data.leaves.map((place) => spans[place]), "time", time);
  const planChoices = () => {
    if (!data.leaves.length) remove("chart-retimed");
    for (const key of ["latency", "bandwidth"]) byId(key).addEventListener("input", show);
    byId("transport")?.addEventListener("input", () => {
      if (drawn.has("chart-grid")) drawGrid();
      show();
    });
    show();
    later("chart-grid", () => { drawGrid(); show(); });
    later("chart-retimed", show);
  };
  const drawGrid = () => draw("chart-grid", (place) => {
    mark = charts.map(place, {
      across: choices.bandwidths, upward: choices.latencies, show: time, titles: ["bandwidth", "one-way latency"],
      values: choices.latencies.map((_, row) => choices.bandwidths.map((_, column) => (at(row, column)[3] ? null : at(row, column)[0] / 1e9))),
      about: (row, column) => `${choices.latencies[row]}, ${choices.bandwidths[column]}: ${at(row, column)[3] || time(at(row, column)[0] / 1e9)}`,
      chosen: [Number(byId("latency").value), Number(byId("bandwidth").value)],
      choose: (row, column) => { byId("latency").value = row; byId("bandwidth").value = column; show(); },
    });
  });

  // Messages, and what a training learnt.
  const drawTimeline = () => {
    const found = data.timeline;
    if (found && found.count) draw("chart-timeline", (place) => charts.lanes(place, found, time, COLOURS));
  };
  const planTraining = () => {
    data.training.forEach((one, number) => later(`chart-training-${number}`, () => draw(`chart-training-${number}`, (place) => charts.curves(place, one))));
  };

  planLayers();
  if (choices) planChoices();
  later("chart-timeline", drawTimeline);
  planTraining();
  document.documentElement.dataset.ready = "true";
})();
