// Unpacks the page's data and starts what needs it.
"use strict";
function bytesOf(text) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  return bytes;
}

const KINDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array, f4: Float32Array };
function unpacked(value) {
  if (Array.isArray(value)) return value.map(unpacked);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.data === "string" && value.type in KINDS) return new KINDS[value.type](bytesOf(value.data).buffer);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, unpacked(entry)]));
}

for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch {
      const area = document.createElement("textarea");
      area.value = button.dataset.copy;
      document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1200);
  });
}

// A page within another one has no address of its own that a link to a heading could lead to.
for (const link of document.querySelectorAll("nav a[href^='#']")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.querySelector(link.getAttribute("href")).scrollIntoView();
  });
}

(async () => {
  const packed = bytesOf(document.getElementById("data").textContent);
  if (typeof DecompressionStream === "undefined") {
    const note = document.createElement("p");
    note.className = "banner";
    note.textContent = "This browser is too old for the curves and the map; the tables are complete.";
    document.querySelector("main").prepend(note);
    return;
  }
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = JSON.parse(await new Response(stream).text());
  document.querySelectorAll("[data-chart]").forEach((figure) => startChart(figure, data.charts[Number(figure.dataset.chart)]));
  if (data.map) {
    const map = unpacked(data.map);
    map.texts = map.texts.split("\n");
    map.count = map.texts.length;
    window.arch2vecMap = startMap(map);
  }
  document.documentElement.dataset.ready = "yes";
})();
