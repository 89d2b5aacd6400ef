// A cell as SVG, from top to bottom, for the panel beside the map. Texts are set as text, never as markup.
"use strict";
const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const textMeasure = document.createElement("canvas").getContext("2d");
function textWidth(text, size) {
  textMeasure.font = `${size}px system-ui, sans-serif`;
  return textMeasure.measureText(text).width;
}

function paler(colour, share) {
  const mixed = [1, 3, 5].map((at) => Math.round(parseInt(colour.slice(at, at + 2), 16) * (1 - share) + 255 * share));
  return `rgb(${mixed.join(",")})`;
}

// The operations and edges of one architecture.
function graphOf(cells, row) {
  const v = cells.vertices, ops = [], edges = [];
  for (let i = 0; i < v; i++) ops.push(cells.ops[row * v + i]);
  let bit = 0;
  for (let i = 0; i < v; i++) {
    for (let j = i + 1; j < v; j++, bit++) {
      if ((cells.bits[row * cells.bytes + (bit >> 3)] >> (7 - (bit & 7))) & 1) edges.push([i, j]);
    }
  }
  return { ops, edges };
}

function drawCell(cells, row) {
  const { ops, edges } = graphOf(cells, row);
  return cells.onEdges ? drawOnEdges(cells, ops) : drawLayers(cells, ops, edges);
}

function arrow(svg, way, tip, from, colour, width) {
  const away = Math.hypot(tip[0] - from[0], tip[1] - from[1]) || 1;
  const [u, w] = [(tip[0] - from[0]) / away, (tip[1] - from[1]) / away], long = 8, half = 3.6;
  svg.append(element("path", { d: way, fill: "none", stroke: colour, "stroke-width": width }));
  const back = [tip[0] - long * u, tip[1] - long * w];
  const corners = [tip, [back[0] - half * w, back[1] + half * u], [back[0] + half * w, back[1] - half * u]];
  svg.append(element("path", { d: `M${corners.map((p) => p.join(" ")).join("L")}Z`, fill: colour }));
}

function boxed(svg, x, y, text, colour, plain) {
  const width = textWidth(text, 12) + 14, height = 22;
  svg.append(element("rect", {
    x: x - width / 2, y: y - height / 2, width, height, rx: 5,
    fill: plain ? "#fff" : paler(colour, 0.74), stroke: colour, "stroke-width": 1.4,
  }));
  svg.append(element("text", { x, y: y + 4.2, "text-anchor": "middle", "font-size": 12, fill: "#1d2430" }, text));
}

// Four nodes below each other, an operation on each edge.
function drawOnEdges(cells, ops) {
  const pairs = [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]], x = 140, step = 82, radius = 15;
  const bend = { "0,2": 85, "1,3": -85, "0,3": 160 };
  const svg = element("svg", { viewBox: "4 0 346 290", width: 340, role: "img" }), over = element("g");
  pairs.forEach(([source, target], place) => {
    const code = ops[place + 1], colour = cells.colours[code], text = cells.operations[code];
    const y0 = 22 + source * step, y1 = 22 + target * step, out = bend[`${source},${target}`] || 0, middle = (y0 + y1) / 2;
    let way, from, tip, tagX = x;
    if (!out) {
      [from, tip] = [[x, y0], [x, y1 - radius - 1]];
      way = `M${x} ${y0 + radius}L${x} ${tip[1] - 6}`;
    } else {
      const reach = x + out * 4 / 3, lean = (y1 - y0) * 0.18;
      tagX = x + out;
      const away = Math.hypot(reach - x, lean) || 1;
      tip = [x + (reach - x) / away * (radius + 1), y1 - lean / away * (radius + 1)];
      from = [reach, y1 - lean];
      way = `M${x} ${y0}C${reach} ${y0 + lean} ${reach} ${y1 - lean} ${tip[0] + (reach - x) / away * 6} ${tip[1] - lean / away * 6}`;
    }
    if (cells.none[code]) {
      svg.append(element("path", { d: way, fill: "none", stroke: "#b4bac6", "stroke-width": 1, "stroke-dasharray": "2 3" }));
      const wide = textWidth(text, 11) + 6;
      over.append(element("rect", { x: tagX - wide / 2, y: middle - 8, width: wide, height: 16, fill: "#fff" }));
      over.append(element("text", { x: tagX, y: middle + 4, "text-anchor": "middle", "font-size": 11, fill: "#8a8a8a" }, text));
    } else {
      arrow(svg, way, tip, from, colour, 2);
      boxed(over, tagX, middle, text, colour, false);
    }
  });
  ["in", "1", "2", "out"].forEach((text, node) => {
    over.append(element("circle", { cx: x, cy: 22 + node * step, r: radius, fill: "#fff", stroke: "#1d2430", "stroke-width": 1.5 }));
    over.append(element("text", { x, y: 26 + node * step, "text-anchor": "middle", "font-size": 12, fill: "#1d2430" }, text));
  });
  svg.append(over);
  return svg;
}

// Boxes in layers; an edge that skips layers passes each of them at a place of its own.
function drawLayers(cells, ops, edges) {
  const layer = ops.map(() => 0);
  for (const [i, j] of edges) layer[j] = Math.max(layer[j], layer[i] + 1); // edges come in the order of their sources
  const rows = [], add = (at, item) => { (rows[at] = rows[at] || []).push(item); };
  const items = ops.map((code, vertex) => ({
    vertex, code, width: code === cells.padding ? 0 : textWidth(cells.operations[code], 12) + 14, up: [], down: [],
  }));
  items.forEach((item, vertex) => { if (item.code !== cells.padding) add(layer[vertex], item); });
  const chains = edges.map(([i, j]) => {
    const chain = [items[i]];
    for (let at = layer[i] + 1; at < layer[j]; at++) {
      const bend = { vertex: -1, width: 8, up: [], down: [] };
      add(at, bend);
      chain.push(bend);
    }
    chain.push(items[j]);
    for (let k = 1; k < chain.length; k++) { chain[k - 1].down.push(chain[k]); chain[k].up.push(chain[k - 1]); }
    return chain;
  });
  rows.forEach((row) => row.forEach((item, place) => { item.place = place / row.length; }));
  for (let sweep = 0; sweep < 12; sweep++) {
    const down = sweep % 2 === 0, order = down ? rows : [...rows].reverse();
    for (const row of order) {
      for (const item of row) {
        const others = down ? item.up : item.down;
        if (others.length) item.pull = others.reduce((sum, other) => sum + other.place, 0) / others.length;
        else item.pull = item.place;
      }
      row.sort((a, b) => a.pull - b.pull);
      row.forEach((item, place) => { item.place = (place + 0.5) / row.length; });
    }
  }
  const gap = 12, step = 46;
  const widths = rows.map((row) => row.reduce((sum, item) => sum + item.width, 0) + gap * (row.length - 1));
  const width = Math.max(...widths, 60) + 12, height = rows.length * step;
  rows.forEach((row, at) => {
    let x = (width - widths[at]) / 2;
    for (const item of row) { item.x = x + item.width / 2; item.y = 16 + at * step; x += item.width + gap; }
  });
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, width: Math.min(340, width), role: "img" }), over = element("g");
  for (const chain of chains) {
    const [first, last] = [chain[0], chain[chain.length - 1]];
    let way = `M${first.x} ${first.y + 11}`, [x, y] = [first.x, first.y + 11];
    for (const item of chain.slice(1)) {
      const end = item === last ? item.y - 17 : item.y - 8, middle = (y + end) / 2;
      way += `C${x} ${middle} ${item.x} ${middle} ${item.x} ${end}`;
      [x, y] = [item.x, end];
      if (item !== last) { y = item.y + 8; way += `L${x} ${y}`; }
    }
    arrow(svg, way, [last.x, last.y - 11], [last.x, last.y - 30], "#6b7280", 1.1);
  }
  for (const item of items) {
    if (item.code === cells.padding) continue;
    const colour = cells.colours[item.code];
    boxed(over, item.x, item.y, cells.operations[item.code], colour, colour === "#222222");
  }
  svg.append(over);
  return svg;
}
