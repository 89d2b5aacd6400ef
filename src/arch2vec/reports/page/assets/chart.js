// Line charts with bands, drawn anew at every width.
"use strict";

function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Math.abs(at) < step * 1e-6 ? 0 : at);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return { found, text: (value) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) };
}

function extent(view, shown) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  const ends = view.series.filter((line) => shown.has(line.name)).map((line) => line.x[line.x.length - 1]);
  const early = 0.04 * Math.max(...ends);
  for (const line of view.series) {
    if (!shown.has(line.name)) continue;
    line.x.forEach((x, at) => {
      x0 = Math.min(x0, x); x1 = Math.max(x1, x);
      // The steep rise at the beginning may come from below the picture.
      if (view.step && x < early && line.x.length > 20) return;
      for (const values of [line.mean, line.low, line.high]) {
        if (values && values[at] !== null) { y0 = Math.min(y0, values[at]); y1 = Math.max(y1, values[at]); }
      }
    });
  }
  if (view.reference && y1 > -Infinity) y1 = Math.max(y1, view.reference.value);
  if (!(x1 > x0)) { x0 -= 0.5; x1 += 0.5; }
  const margin = 0.05 * (y1 - y0) || 0.5;
  return [x0, x1, y0 - margin, y1 + margin];
}

// The corners of a line: in steps each value holds until the next place.
function corners(xs, ys, step) {
  const found = [];
  xs.forEach((x, at) => {
    if (ys[at] === null) return;
    if (step && found.length) found.push([x, found[found.length - 1][1]]);
    found.push([x, ys[at]]);
  });
  return found;
}

function wayOf(points, px, py) {
  return points.length ? `M${points.map(([x, y]) => `${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join("L")}` : "";
}

function startChart(figure, chart) {
  const views = figure.querySelector(".views"), box = figure.querySelector(".drawing"), legend = figure.querySelector(".legend");
  const names = new Map();
  for (const view of chart.views) for (const line of view.series) names.set(line.name, line);
  const shown = new Set(names.keys());
  let current = chart.views[0];
  const tip = document.createElement("div");
  tip.className = "tip"; tip.hidden = true;

  chart.views.forEach((view) => {
    if (chart.views.length < 2) return;
    const button = document.createElement("button");
    button.type = "button"; button.textContent = view.label;
    button.addEventListener("click", () => { current = view; draw(); });
    views.append(button);
  });
  for (const [name, line] of names) {
    const button = document.createElement("button");
    button.type = "button"; button.setAttribute("aria-pressed", "true");
    const key = element("svg", { width: 26, height: 10, "aria-hidden": "true" });
    key.append(element("line", { x1: 0, x2: 26, y1: 5, y2: 5, stroke: line.colour, "stroke-width": 2.4, "stroke-dasharray": line.dash || "none" }));
    button.append(key, document.createTextNode(name));
    button.addEventListener("click", () => {
      if (shown.has(name) && shown.size > 1) shown.delete(name); else shown.add(name);
      button.setAttribute("aria-pressed", String(shown.has(name)));
      draw();
    });
    legend.append(button);
  }

  function draw() {
    [...views.children].forEach((button, place) => button.setAttribute("aria-pressed", String(chart.views[place] === current)));
    const width = Math.max(280, box.clientWidth), height = Math.round(Math.min(380, Math.max(240, width * 0.46)));
    const [x0, x1, y0, y1] = extent(current, shown), ty = ticks(y0, y1, height / 55);
    const left = Math.max(...ty.found.map((value) => textWidth(ty.text(value), 12))) + 34, right = 14, top = 12, bottom = 44;
    const tx = ticks(x0, x1, Math.max(2, (width - left) / 90));
    const px = (x) => left + (x - x0) / (x1 - x0) * (width - left - right), py = (y) => top + (y1 - y) / (y1 - y0) * (height - top - bottom);
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${current.y} against ${current.x}` });
    const id = `clip${Math.random().toString(36).slice(2)}`, clip = element("clipPath", { id });
    clip.append(element("rect", { x: left, y: top - 2, width: width - left - right + 2, height: height - top - bottom + 4 }));
    svg.append(clip);
    for (const value of ty.found) {
      svg.append(element("line", { x1: left, x2: width - right, y1: py(value), y2: py(value), stroke: "#e8ebf0" }));
      svg.append(element("text", { x: left - 7, y: py(value) + 4, "text-anchor": "end", "font-size": 12, fill: "#596273" }, ty.text(value)));
    }
    for (const value of tx.found) {
      svg.append(element("text", { x: px(value), y: height - bottom + 17, "text-anchor": "middle", "font-size": 12, fill: "#596273" }, tx.text(value)));
    }
    svg.append(element("text", { x: (left + width - right) / 2, y: height - 7, "text-anchor": "middle", "font-size": 12.5, fill: "#1d2430" }, current.x));
    svg.append(element("text", { x: 2, y: 14, "font-size": 12.5, fill: "#1d2430" }, current.y));
    const lines = element("g", { "clip-path": `url(#${id})` });
    if (current.reference) {
      const y = py(current.reference.value);
      lines.append(element("line", { x1: left, x2: width - right, y1: y, y2: y, stroke: "#8a8a8a", "stroke-dasharray": "4 3" }));
      svg.append(element("text", { x: left + 6, y: y + 14, "font-size": 11.5, fill: "#596273" }, `${current.reference.label}: ${current.reference.value.toFixed(2)}`));
    }
    const drawn = current.series.filter((line) => shown.has(line.name));
    for (const line of drawn) {
      if (!line.low) continue;
      const around = [...corners(line.x, line.high, current.step), ...corners(line.x, line.low, current.step).reverse()];
      lines.append(element("path", { d: `${wayOf(around, px, py)}Z`, fill: line.colour, opacity: 0.15 }));
    }
    for (const line of drawn) {
      lines.append(element("path", {
        d: wayOf(corners(line.x, line.mean, current.step), px, py), fill: "none", stroke: line.colour, "stroke-width": 2,
        "stroke-dasharray": line.dash || "none", "stroke-linejoin": "round",
      }));
      if (line.x.length === 1) lines.append(element("circle", { cx: px(line.x[0]), cy: py(line.mean[0]), r: 3.5, fill: line.colour }));
    }
    const rule = element("line", { y1: top, y2: height - bottom, stroke: "#9aa3b2", "stroke-width": 1, visibility: "hidden" });
    svg.append(lines, rule);
    svg.addEventListener("pointermove", (event) => {
      const bounds = svg.getBoundingClientRect(), scale = width / bounds.width;
      const at = x0 + ((event.clientX - bounds.left) * scale - left) / (width - left - right) * (x1 - x0);
      if (at < x0 || at > x1) { hide(); return; }
      rule.setAttribute("x1", px(at)); rule.setAttribute("x2", px(at)); rule.setAttribute("visibility", "visible");
      tip.replaceChildren();
      const head = document.createElement("b");
      head.textContent = `${current.x}: ${tx.text(current.x.startsWith("epoch") || current.x === "evaluations" ? Math.round(at) : at)}`;
      tip.append(head);
      const values = drawn.map((line) => [line, valueAt(line, at)]).filter(([, value]) => value);
      values.sort((a, b) => b[1].mean - a[1].mean);
      for (const [line, value] of values.slice(0, 12)) {
        const row = document.createElement("div");
        row.style.color = line.colour;
        const band = value.low === null ? "" : ` (${value.low.toFixed(2)} to ${value.high.toFixed(2)})`;
        row.textContent = `${line.name}: ${value.mean.toFixed(Math.abs(value.mean) < 1 ? 4 : 2)}${band}`;
        tip.append(row);
      }
      tip.hidden = false;
      const x = (event.clientX - bounds.left), flip = x > bounds.width / 2;
      tip.style.left = flip ? "auto" : `${x + 14}px`;
      tip.style.right = flip ? `${bounds.width - x + 14}px` : "auto";
      tip.style.top = "14px";
    });
    const hide = () => { tip.hidden = true; rule.setAttribute("visibility", "hidden"); };
    svg.addEventListener("pointerleave", hide);
    box.replaceChildren(svg, tip);
  }

  function valueAt(line, at) {
    let place = -1;
    for (let k = 0; k < line.x.length && line.x[k] <= at + 1e-9; k++) place = k;
    if (!current.step && place >= 0 && place + 1 < line.x.length && line.x[place + 1] - at < at - line.x[place]) place += 1;
    if (place < 0 || line.mean[place] === null) return null;
    return { mean: line.mean[place], low: line.low ? line.low[place] : null, high: line.high ? line.high[place] : null };
  }

  draw();
  let width = box.clientWidth;
  new ResizeObserver(() => { if (box.clientWidth !== width) { width = box.clientWidth; draw(); } }).observe(box);
}
