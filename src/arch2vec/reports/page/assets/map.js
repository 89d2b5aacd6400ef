// The map: points on one canvas, marks on another above it; a panel with the cell, its numbers and its neighbours.
"use strict";
const VIRIDIS = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725"];
const NO_VALUE = "#d5d9e0", FRAME_MS = 90;

function ramp(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (VIRIDIS.length - 1), low = Math.floor(at), part = at - low;
  const channel = (hex, place) => parseInt(hex.slice(place, place + 2), 16);
  const mixed = [1, 3, 5].map((place) => Math.round(channel(VIRIDIS[low], place) * (1 - part) + channel(VIRIDIS[low + 1], place) * part));
  return `rgb(${mixed.join(",")})`;
}
const RAMP = Array.from({ length: 64 }, (_, place) => ramp(place / 63));

function shownNumber(value) {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  for (const [least, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]]) {
    if (size >= least) return `${(value / least).toLocaleString("en", { maximumSignificantDigits: 4 })} ${unit}`;
  }
  return value.toLocaleString("en", { maximumFractionDigits: size >= 1000 ? 0 : size >= 1 ? 2 : 4 });
}

function startMap(data) {
  const plane = document.getElementById("plane"), cloud = document.getElementById("cloud"), marks = document.getElementById("marks");
  const details = document.getElementById("details"), says = document.getElementById("says"), scale = document.getElementById("scale");
  const byId = (name) => document.getElementById(name);
  const [colourBox, objectiveBox, pathBox, play, stepBox] = ["colour", "objective", "path", "play", "step"].map(byId);
  const points = data.points, n = data.count, texts = data.texts, cells = data.cells;
  const [xs, ys] = [points.subarray(0, n), points.subarray(n)];
  let objective = data.objectives[0] || null, path = null, column = null, size = [0, 0], pixel = 1;
  let zoom = 1, shift = [0, 0], hovered = -1, selected = -1, timer = 0, grid = new Map();
  const values = new Float32Array(n);

  // Places

  const limits = (array) => array.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const [[left, right], [bottom, top]] = [limits(xs), limits(ys)];
  const fit = () => Math.min((size[0] - 44) / (right - left || 1), (size[1] - 60) / (top - bottom || 1));
  const px = (row) => size[0] / 2 + (xs[row] - (left + right) / 2) * fit() * zoom + shift[0];
  const py = (row) => size[1] / 2 - 8 - (ys[row] - (bottom + top) / 2) * fit() * zoom + shift[1];

  function resize() {
    size = [plane.clientWidth, plane.clientHeight];
    pixel = Math.min(2, window.devicePixelRatio || 1);
    for (const canvas of [cloud, marks]) { canvas.width = size[0] * pixel; canvas.height = size[1] * pixel; }
    redraw();
  }

  // Colours

  function columns() {
    return [...(objective ? objective.columns.map((one) => ({ ...one, rows: objective.rows })) : []), ...data.columns];
  }

  function fill() {
    const kept = column && column.key, all = columns();
    colourBox.replaceChildren(...all.map((one) => new Option(one.unit ? `${one.label}, ${one.unit}` : one.label, one.key)));
    if (!all.length) colourBox.append(new Option("nothing", ""));
    column = all.find((one) => one.key === kept) || all[0] || null;
    if (column) colourBox.value = column.key;
    const mine = data.paths.filter((one) => !objective || one.objective === objective.name);
    pathBox.replaceChildren(new Option(mine.length > 1 ? `all ${data.objectives.length ? "searches" : ""}` : "all evaluations", ""));
    mine.forEach((one) => pathBox.append(new Option(`${one.method}, seed ${one.seed}`, String(data.paths.indexOf(one)))));
    if (mine.length === 1) pathBox.value = String(data.paths.indexOf(mine[0]));
    choosePath();
  }

  function choosePath() {
    stop();
    path = pathBox.value === "" ? null : data.paths[Number(pathBox.value)];
    play.disabled = stepBox.disabled = !path;
    stepBox.max = path ? path.rows.length : 0;
    stepBox.value = stepBox.max;
    recolour();
  }

  let domain = [0, 1], clipped = [false, false];
  function recolour() {
    values.fill(NaN);
    if (column) {
      if (column.rows) column.rows.forEach((row, place) => { values[row] = column.values[place]; });
      else values.set(column.values);
    }
    const known = Array.from(values).filter(Number.isFinite).sort((a, b) => a - b);
    if (known.length) {
      const at = (share) => known[Math.min(known.length - 1, Math.floor(share * known.length))];
      const low = column.high ? at(0.05) : known[0], high = column.high === true ? known[known.length - 1] : at(0.98);
      domain = [low, high];
      clipped = [low > known[0], high < known[known.length - 1]];
    }
    legend(known.length);
    redraw();
  }

  const shareOf = (value) => {
    const [low, high] = column.log ? domain.map(Math.log) : domain;
    return high > low ? ((column.log ? Math.log(value) : value) - low) / (high - low) : 0.5;
  };

  function legend(known) {
    scale.replaceChildren();
    const say = (text) => { const span = document.createElement("span"); span.textContent = text; scale.append(span); return span; };
    if (column && known) {
      say(`${clipped[0] ? "≤ " : ""}${shownNumber(domain[0])}`);
      const strip = document.createElement("span");
      strip.className = "ramp";
      strip.style.background = `linear-gradient(90deg, ${VIRIDIS.join(",")})`;
      scale.append(strip);
      say(`${clipped[1] ? "≥ " : ""}${shownNumber(domain[1])} ${column.label}${column.unit ? `, ${column.unit}` : ""}${column.log ? " (logarithmic)" : ""}`);
    }
    if (known < n) {
      const dot = document.createElement("span");
      dot.className = "dot"; dot.style.background = NO_VALUE;
      scale.append(dot);
      say(known ? "not evaluated" : "nothing is known of these");
    }
  }

  // Drawing

  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; paint(); mark(); });
  }

  function paint() {
    const to = cloud.getContext("2d"), radius = Math.min(5, (n > 4000 ? 1.6 : n > 800 ? 2.6 : 4) * Math.sqrt(zoom));
    to.setTransform(pixel, 0, 0, pixel, 0, 0);
    to.clearRect(0, 0, size[0], size[1]);
    grid = new Map();
    const sparse = [];
    to.fillStyle = NO_VALUE;
    for (let row = 0; row < n; row++) {
      const [x, y] = [px(row), py(row)];
      if (x < -5 || y < -5 || x > size[0] + 5 || y > size[1] + 5) continue;
      const key = (x >> 4) * 4096 + (y >> 4);
      if (grid.has(key)) grid.get(key).push(row); else grid.set(key, [row]);
      if (Number.isFinite(values[row])) sparse.push(row);
      else to.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
    const few = sparse.length < 3000 && sparse.length < n, big = few ? Math.max(4.2, radius) : radius;
    // The highest values last, so that they lie on top.
    const order = sparse.map((row) => [Math.min(63, Math.max(0, Math.floor(shareOf(values[row]) * 64))), row]).sort((a, b) => a[0] - b[0]);
    for (const [place, row] of order) {
      to.fillStyle = RAMP[place];
      if (!few) { to.fillRect(px(row) - big, py(row) - big, 2 * big, 2 * big); continue; }
      to.beginPath(); to.arc(px(row), py(row), big, 0, 7); to.fill();
      to.strokeStyle = "rgba(29,36,48,.55)"; to.lineWidth = 0.7; to.stroke();
    }
    to.fillStyle = "#596273"; to.font = "12px system-ui, sans-serif"; to.textAlign = "left"; to.textBaseline = "bottom";
    to.fillText(`→ ${data.axes[0]}`, 10, size[1] - 8);
    to.textBaseline = "top";
    to.fillText(`↑ ${data.axes[1]}`, 10, 8);
  }

  function ring(to, row, radius, colour, width) {
    to.beginPath(); to.arc(px(row), py(row), radius, 0, 7);
    to.strokeStyle = "#fff"; to.lineWidth = width + 2.4; to.stroke();
    to.strokeStyle = colour; to.lineWidth = width; to.stroke();
  }

  function mark() {
    const to = marks.getContext("2d");
    to.setTransform(pixel, 0, 0, pixel, 0, 0);
    to.clearRect(0, 0, size[0], size[1]);
    if (path) drawPath(to, Number(stepBox.value));
    if (selected >= 0) {
      for (const row of near(selected)) ring(to, row, 5, "#e69f00", 2);
      ring(to, selected, 8, "#1d2430", 2.4);
    }
    if (hovered >= 0) ring(to, hovered, 6.5, "#d55e00", 2.2);
  }

  function drawPath(to, until) {
    const recent = 15;
    let best = -1;
    for (let at = 0; at < until; at++) {
      if (Number.isFinite(path.validation[at]) && (best < 0 || path.validation[at] > path.validation[best])) best = at;
    }
    to.lineJoin = "round";
    for (let at = 1; at < until; at++) {
      const age = until - at;
      to.beginPath();
      to.moveTo(px(path.rows[at - 1]), py(path.rows[at - 1]));
      to.lineTo(px(path.rows[at]), py(path.rows[at]));
      to.strokeStyle = age <= recent ? `rgba(29,36,48,${0.85 - 0.6 * age / recent})` : "rgba(29,36,48,.1)";
      to.lineWidth = age <= recent ? 1.6 : 0.8;
      to.stroke();
    }
    if (until > 0) ring(to, path.rows[until - 1], 6, "#0072b2", 2.4);
    if (best >= 0) star(to, px(path.rows[best]), py(path.rows[best]));
    const value = until > 0 ? path.validation[until - 1] : NaN;
    says.textContent = until === 0 ? "Nothing is evaluated yet." : `Evaluation ${path.number[until - 1]}: `
      + `${Number.isFinite(value) ? value.toFixed(2) : "failed"}${best < 0 ? "" : `; best so far ${path.validation[best].toFixed(2)} (star), found by evaluation ${path.number[best]}`}.`;
  }

  function star(to, x, y) {
    to.beginPath();
    for (let corner = 0; corner < 10; corner++) {
      const radius = corner % 2 ? 4.4 : 10, angle = corner * Math.PI / 5 - Math.PI / 2;
      to.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    }
    to.closePath();
    to.fillStyle = "#e69f00"; to.fill();
    to.strokeStyle = "#1d2430"; to.lineWidth = 1.2; to.stroke();
  }

  // Looking at one

  const near = (row) => Array.from(data.neighbours.subarray(row * data.k, (row + 1) * data.k));

  function nearestTo(x, y, reach) {
    let [best, least] = [-1, reach * reach];
    for (let i = (x - reach) >> 4; i <= (x + reach) >> 4; i++) {
      for (let j = (y - reach) >> 4; j <= (y + reach) >> 4; j++) {
        for (const row of grid.get(i * 4096 + j) || []) {
          const away = (px(row) - x) ** 2 + (py(row) - y) ** 2 - (Number.isFinite(values[row]) ? 6 : 0);
          if (away < least) [best, least] = [row, away];
        }
      }
    }
    return best;
  }

  function tableRow(table, name, value) {
    const row = table.insertRow(), cell = row.insertCell();
    cell.textContent = name;
    const number = row.insertCell();
    number.className = "number";
    number.textContent = value;
  }

  let panel = -2;
  function show(row) {
    if (row === panel) return;
    panel = row;
    details.replaceChildren();
    if (row < 0) {
      const hint = document.createElement("p");
      hint.className = "small";
      hint.textContent = "Point at an architecture to see its cell and its numbers; click to keep it and to list the nearest ones. "
        + "Turn the wheel or drag to look closer; double-click for the whole map.";
      details.append(hint);
      return;
    }
    details.append(drawCell(cells, row));
    const code = document.createElement("code");
    code.textContent = texts[row];
    details.append(code);
    const table = document.createElement("table");
    for (const one of columns()) {
      const place = one.rows ? one.rows.indexOf(row) : row;
      if (place < 0 || !Number.isFinite(one.values[place])) continue;
      tableRow(table, one.unit ? `${one.label}, ${one.unit}` : one.label, shownNumber(one.values[place]));
    }
    if (!table.rows.length) tableRow(table, "not evaluated", "");
    details.append(table);
    if (row !== selected) return;
    const head = document.createElement("h3");
    head.textContent = "Nearest architectures";
    head.style.marginTop = "14px";
    const list = document.createElement("table");
    list.className = "near";
    near(row).forEach((other, place) => {
      const line = list.insertRow(), button = document.createElement("button");
      button.type = "button";
      button.textContent = texts[other];
      button.addEventListener("click", () => select(other));
      line.insertCell().append(button);
      const number = line.insertCell();
      number.className = "number";
      number.textContent = shownNumber(data.distances[row * data.k + place]);
      number.title = "distance of the vectors";
      const value = line.insertCell();
      value.className = "number";
      value.textContent = Number.isFinite(values[other]) ? shownNumber(values[other]) : "";
      value.title = column ? column.label : "";
    });
    details.append(head, list);
    const foot = document.createElement("p");
    foot.className = "small";
    foot.textContent = `Numbers: distance of the vectors${column ? `; ${column.label}` : ""}.`;
    details.append(foot);
  }

  function select(row) {
    selected = row; hovered = -1; panel = -2;
    show(row);
    mark();
  }

  function hover(row) {
    if (row === hovered) return;
    hovered = row;
    show(row >= 0 ? row : selected);
    mark();
  }

  // The search's path

  function stop() { clearInterval(timer); timer = 0; play.textContent = "Play"; }
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    if (Number(stepBox.value) >= path.rows.length) stepBox.value = 0;
    play.textContent = "Pause";
    timer = setInterval(() => {
      stepBox.value = Number(stepBox.value) + 1;
      mark();
      if (Number(stepBox.value) >= path.rows.length) stop();
    }, FRAME_MS);
  });
  stepBox.addEventListener("input", () => { stop(); mark(); });

  // Events

  const placeOf = (event) => { const box = plane.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  let drag = null;
  plane.addEventListener("pointerdown", (event) => { drag = { at: placeOf(event), shift: [...shift], moved: false }; });
  window.addEventListener("pointerup", () => { setTimeout(() => { drag = null; }, 0); });
  plane.addEventListener("pointermove", (event) => {
    const [x, y] = placeOf(event);
    if (drag && event.buttons && event.pointerType === "mouse") {
      if (Math.hypot(x - drag.at[0], y - drag.at[1]) > 4) drag.moved = true;
      if (drag.moved) { shift = [drag.shift[0] + x - drag.at[0], drag.shift[1] + y - drag.at[1]]; redraw(); return; }
    }
    hover(nearestTo(x, y, 14));
  });
  plane.addEventListener("pointerleave", () => hover(-1));
  plane.addEventListener("click", (event) => {
    if (drag && drag.moved) return;
    const row = nearestTo(...placeOf(event), 18);
    select(row);
  });
  plane.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [x, y] = placeOf(event), next = Math.min(60, Math.max(1, zoom * Math.exp(-event.deltaY * 0.0016))), factor = next / zoom;
    const centre = [size[0] / 2, size[1] / 2 - 8];
    shift = next === 1 ? [0, 0] : [x - centre[0] - (x - centre[0] - shift[0]) * factor, y - centre[1] - (y - centre[1] - shift[1]) * factor];
    zoom = next;
    redraw();
  }, { passive: false });
  const whole = () => { zoom = 1; shift = [0, 0]; redraw(); };
  plane.addEventListener("dblclick", whole);
  byId("whole").addEventListener("click", whole);
  plane.addEventListener("keydown", (event) => { // the neighbours of what is selected, in turn
    if (selected < 0 || !["ArrowRight", "ArrowLeft"].includes(event.key)) return;
    event.preventDefault();
    select(near(selected)[event.key === "ArrowRight" ? 0 : 1] ?? selected);
  });
  colourBox.addEventListener("change", () => { column = columns().find((one) => one.key === colourBox.value); panel = -2; recolour(); show(selected); });
  objectiveBox.addEventListener("change", () => { objective = data.objectives[Number(objectiveBox.value)]; panel = -2; fill(); show(selected); });
  pathBox.addEventListener("change", choosePath);
  byId("find").addEventListener("input", (event) => {
    const wanted = event.target.value.trim();
    if (!wanted) { says.textContent = ""; return; }
    const row = texts.indexOf(wanted) >= 0 ? texts.indexOf(wanted) : texts.findIndex((text) => text.includes(wanted));
    says.textContent = row < 0 ? "No architecture on the map has this in its text." : "";
    if (row >= 0) select(row);
  });
  for (const button of document.querySelectorAll("button.show")) {
    const row = texts.indexOf(button.dataset.show);
    button.hidden = row < 0;
    button.addEventListener("click", () => { select(row); document.getElementById("map").scrollIntoView(); });
  }

  data.objectives.forEach((one, place) => objectiveBox.append(new Option(one.name, String(place))));
  byId("objective-label").hidden = data.objectives.length < 2;
  byId("path-label").hidden = play.hidden = stepBox.hidden = !data.paths.length;
  show(-1);
  fill();
  new ResizeObserver(resize).observe(plane);
  return { place: (row) => [px(row), py(row)], texts }; // where an architecture is drawn
}
