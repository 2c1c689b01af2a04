// The charts of /console/rivers: drawn when they come into sight, and kept at the present.
"use strict";
(() => {
  const MINUTE = 60000;
  const AGAIN_MS = 4000; // between two looks at what is new
  const { Hydrograph, page, now, fill } = hydrographs;
  const graphs = new Map();
  const seen = new Set();
  for (const river of page.rivers) {
    const box = document.querySelector(`.graph[data-device="${river.device}"]`);
    graphs.set(box, new Hydrograph(box, river));
  }
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting || seen.has(target)) continue;
        seen.add(target);
        graphs.get(target).load();
      }
    },
    { rootMargin: "300px" },
  );
  for (const box of graphs.keys()) watch.observe(box);

  const waiting = new Set();
  document.addEventListener("naruko:changed", ({ detail }) => {
    for (const box of seen) {
      const { river } = graphs.get(box);
      if (detail === null || [river.device, river.rain].some((id) => detail.devices.includes(id))) waiting.add(box);
    }
  });
  setInterval(() => {
    for (const box of waiting) {
      const graph = graphs.get(box);
      if (document.hidden || graph.busy || performance.now() - graph.asked < AGAIN_MS) continue;
      waiting.delete(box);
      graph.load();
    }
  }, 500);

  // The age of what stands there, and the time that passes on the charts.
  setInterval(() => {
    for (const age of document.querySelectorAll(".age[data-at]")) {
      const minutes = Math.floor((now() - age.dataset.at) / MINUTE);
      const key = minutes < 1 ? "just_now" : minutes < 120 ? "ago" : "ago_hours";
      age.textContent = fill(page.words[key], { minutes, hours: Math.floor(minutes / 60) });
    }
    for (const graph of graphs.values()) {
      if (!graph.chart || graph.busy) continue;
      graph.to = Math.round(now());
      graph.chart.setData(graph.data);
    }
  }, 30000);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const { chart } of graphs.values()) chart?.redraw(false, false);
  });
})();
