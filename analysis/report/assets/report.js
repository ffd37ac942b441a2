"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const INK = "#1a1a1a";
  const COLOURS = {
    latency: "#1f4e79", transmission: "#f2b447", queueing: "#c8553d",
    window: "#3a7d44", restart: "#9bc53d", acknowledgement: "#b07aa1", other: "#6d597a", compute: "#a6cee3", waiting: "#e6e6e6",
  };
  const PATTERNS = { transmission: "/", queueing: "\\", window: "|", restart: "-", acknowledgement: "+",
    other: "x", compute: ".", waiting: "" };
  const CONFIG = { responsive: true, displaylogo: false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]] };

  // Numbers for people: as mpcsim writes them, four digits in the largest unit that keeps one.
  const time = (seconds) => {
    for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["us", 1e-6]]) {
      if (Math.abs(seconds) >= size) return `${Number((seconds / size).toPrecision(4))} ${unit}`;
    }
    return `${Math.round(seconds * 1e9)} ns`;
  };
  // Plotly reads some HTML in its texts: names of users are text.
  const plain = (name) => name.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
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

  const narrow = window.matchMedia("(max-width: 36rem)").matches;
  const layout = (more) => ({
    margin: { l: 10, r: 10, t: 40, b: 45 },
    modebar: { bgcolor: "rgba(255,255,255,0)", color: "#5a5a5a", activecolor: INK },
    dragmode: narrow ? false : "zoom",
    font: { family: "system-ui, sans-serif", size: 13, color: INK },
    paper_bgcolor: "#fff", plot_bgcolor: "#fff",
    legend: { orientation: "h", y: -70 / (more.height - 85), yanchor: "top", x: 0, traceorder: "normal" },
    hoverlabel: { bgcolor: "#fff", font: { color: INK } },
    ...more,
  });
  const axis = (title, more) => ({
    title: { text: title }, gridcolor: "#d8d8d8", zerolinecolor: "#9a9a9a", automargin: true, ...more,
  });
  const names = (rows) => axis("", { autorange: "reversed", type: "category", dtick: 1, tickfont: { size: 11 },
    gridcolor: "#fff", categoryorder: "array", categoryarray: rows });
  const height = (rows) => Math.max(260, 110 + 19 * rows);
  const bytes = (count) => {
    for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (count >= size) return `${Number((count / size).toPrecision(3))} ${unit}`;
    }
    return `${count} B`;
  };
  const draw = (id, traces, more) => {
    const place = byId(id);
    if (place) Plotly.react(place, traces, layout(more), CONFIG);
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

  // Layers.
  const bars = data.bars;
  const labels = bars.map((bar) => plain(bar.name));
  const simple = (id, key, title, text) => draw(id, [{
    type: "bar", orientation: "h", y: labels, x: bars.map((bar) => bar[key]),
    marker: { color: COLOURS.latency }, text: bars.map((bar) => text(bar[key])), textposition: "auto",
    textangle: 0, constraintext: "none", textfont: { size: 11 }, hovertemplate: "%{y}: %{text}<extra></extra>",
  }], { xaxis: axis(title), yaxis: names(labels), height: height(bars.length) });
  const used = data.parts.filter((part) => bars.some((bar) => bar[part] > 0));
  const planLayers = () => {
    if (!used.length) remove("chart-parts");
    if (!bars.length) ["chart-rounds", "chart-bytes"].forEach(remove);
    later("chart-parts", drawParts);
    later("chart-rounds", () => simple("chart-rounds", "rounds", "rounds", String));
    later("chart-bytes", () => simple("chart-bytes", "payload_bytes", "payload (bytes)", bytes));
  };
  const drawParts = () => {
    draw("chart-parts", used.map((part) => ({
      type: "bar", orientation: "h", name: part, y: labels, x: bars.map((bar) => bar[part]),
      marker: { color: COLOURS[part], line: { color: INK, width: 0.5 },
        pattern: { shape: PATTERNS[part] || "", fillmode: "replace", bgcolor: COLOURS[part], fgcolor: INK,
          size: 6, solidity: 0.12 } },
      text: bars.map((bar) => time(bar[part])), textposition: "none",
      hovertemplate: `%{y}, ${part}: %{text}<extra></extra>`,
    })), { barmode: "stack", xaxis: axis("time (s)"), yaxis: names(labels), height: height(bars.length) + 40 });
  };

  // Other networks: the sliders step through points that `mpcsim retime` computed.
  const choices = data.choices;
  const transport = () => (choices.other ? byId("transport").value : choices.transport);
  const at = (latency, bandwidth) => {
    const points = transport() === choices.transport ? choices.points : choices.other;
    return points[latency * choices.bandwidths.length + bandwidth];
  };
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
    if (drawn.has("chart-grid")) Plotly.restyle("chart-grid", { x: [[bandwidth]], y: [[latency]] }, [1]);
    if (drawn.has("chart-retimed")) drawRetimed(spans);
  };
  const drawRetimed = (spans) => {
    const rows = data.leaf_names.map(plain);
    draw("chart-retimed", [{
      type: "bar", orientation: "h", y: rows, x: data.leaves.map((place) => spans[place]),
      marker: { color: COLOURS.latency }, text: data.leaves.map((place) => time(spans[place])),
      textposition: "auto", textangle: 0, constraintext: "none", textfont: { size: 11 }, hovertemplate: "%{y}: %{text}<extra></extra>",
    }], { xaxis: axis("time (s)"), yaxis: names(rows), height: height(rows.length) });
  };
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
  const drawGrid = () => {
    const wide = choices.bandwidths.length, tall = choices.latencies.length;
    const seconds = choices.latencies.map((_, row) => choices.bandwidths.map((_, column) => {
      const point = at(row, column);
      return point[3] ? null : point[0] / 1e9;
    }));
    const logs = seconds.map((row) => row.map((value) => (value > 0 ? Math.log10(value) : null)));
    const flat = logs.flat().filter((value) => value !== null);
    const ticks = [];
    for (let power = Math.ceil(Math.min(...flat)); power <= Math.floor(Math.max(...flat)); power += 1) ticks.push(power);
    const category = (title, values, count) => axis(title, {
      tickmode: "array", tickvals: values.map((_, place) => place), ticktext: values,
      range: [-0.5, count - 0.5], tickfont: { size: 11 }, gridcolor: "#fff", zeroline: false,
    });
    draw("chart-grid", [{
      type: "heatmap", z: logs, text: seconds.map((row) => row.map((value) => (value === null ? "" : time(value)))),
      colorscale: [[0, "#f7fbff"], [0.5, "#6baed6"], [1, "#08306b"]], xgap: 1, ygap: 1,
      customdata: choices.latencies.map((latency) => choices.bandwidths.map((bandwidth) => `${latency}, ${bandwidth}`)),
      hovertemplate: "%{customdata}: %{text}<extra></extra>",
      colorbar: { title: { text: "s" }, thickness: 12, tickvals: ticks, ticktext: ticks.map((power) => String(10 ** power)) },
    }, {
      type: "scatter", mode: "markers", x: [0], y: [0], hoverinfo: "skip", showlegend: false,
      marker: { symbol: "x", size: 13, color: "#f2b447", line: { color: INK, width: 1.5 } },
    }], { xaxis: category("bandwidth", choices.bandwidths, wide), yaxis: category("latency", choices.latencies, tall), height: 420 });
    byId("chart-grid").on("plotly_click", (event) => {
      const point = event.points[0];
      if (point.curveNumber !== 0) return;
      byId("bandwidth").value = point.x;
      byId("latency").value = point.y;
      show();
    });
  };

  // Messages.
  const drawTimeline = () => {
    const found = data.timeline;
    if (!found || !found.count) return;
    const lanes = { tickmode: "array", tickvals: found.lanes.map((_, lane) => lane), ticktext: found.lanes.map(plain),
      range: [found.lanes.length - 0.5, -0.5], zeroline: false };
    const tall = Math.max(320, 120 + 55 * Math.min(found.lanes.length, 20));
    if (!found.messages) {
      draw("chart-timeline", [{
        type: "heatmap", z: found.bytes, x0: found.interval_s / 2, dx: found.interval_s, ygap: 2,
        colorscale: [[0, "#ffffff"], [0.01, "#deebf7"], [0.4, "#6baed6"], [1, "#08306b"]], customdata: found.messages_sent,
        hovertemplate: "%{customdata} messages, %{z} bytes<extra></extra>",
        colorbar: { title: { text: "bytes" }, thickness: 12 },
      }], { xaxis: axis("time (s)"), yaxis: axis("", lanes), height: tall });
      return;
    }
    const line = (critical) => {
      const x = [], y = [], text = [];
      for (const [source, to, sent, , leaves, arrival, size, span, mark] of found.messages) {
        if (Boolean(mark) !== critical) continue;
        const end = arrival === null ? leaves : arrival;
        const words = `${plain(found.lanes[source])} to ${plain(found.lanes[to])}, ${size.toLocaleString("en")} B<br>${plain(span)}<br>`
          + `sent ${time(sent)}, ${arrival === null ? "never arrived" : `arrives ${time(arrival)}`}`;
        x.push(leaves, end, null);
        y.push(source, arrival === null ? source + 0.25 * Math.sign(to - source) : to, null);
        text.push(words, words, "");
      }
      return { type: "scatter", mode: "lines+markers", x, y, text, hovertemplate: "%{text}<extra></extra>",
        name: critical ? "on the critical path" : "message",
        line: { color: critical ? INK : "#8fa3b5", width: critical ? 2.2 : 0.9 },
        marker: { size: critical ? 6 : 4, symbol: "arrow", angleref: "previous" } };
    };
    const busy = { type: "scatter", mode: "lines", name: "uplink busy", x: [], y: [], hoverinfo: "skip",
      line: { color: "#f2b447", width: 8 } };
    for (const [source, , , starts, leaves] of found.messages) {
      if (leaves <= starts) continue;
      busy.x.push(starts, leaves, null);
      busy.y.push(source, source, null);
    }
    const traces = [busy, line(false), line(true)].filter((trace) => trace.x.length);
    draw("chart-timeline", traces, { xaxis: axis("time (s)"), yaxis: axis("", lanes), height: tall + 40, hovermode: "closest" });
  };

  planLayers();
  if (choices) planChoices();
  later("chart-timeline", drawTimeline);
  document.documentElement.dataset.ready = "true";
})();
