// What stands on the ground: devices as signs on one canvas, alerts and what sounds as elements over it.
const SIGNS = { late: "◐", silent: "✕", battery: "▬", fault: "▲", maintenance: "◇", unheard: "○" };
const INKS = { ok: "--good", late: "--late", battery: "--late", silent: "--bad", fault: "--bad", maintenance: "--dim", unheard: "--dim" };
const ROUND = "circle", SQUARE = "square", DIAMOND = "diamond", SIX = "six";
const round = (x, y, rx, ry) => `M${x - rx} ${y}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0z`;
// In a square of 24: what is filled, and what is drawn as a line.
const KINDS = {
  animal: { form: ROUND, fill: `M12 12c-3.2 0-5.6 2.7-5.6 5.1 0 1.7 1.3 2.6 2.8 2.6 1.1 0 1.8-.5 2.8-.5s1.7.5 2.8.5c1.5 0 2.8-.9 2.8-2.6C17.6 14.7 15.2 12 12 12z${round(5.2, 11, 1.7, 2.2)}${round(9.2, 7, 1.8, 2.5)}${round(14.8, 7, 1.8, 2.5)}${round(18.8, 11, 1.7, 2.2)}` },
  trap: { form: SQUARE, line: "M3.5 19h17M5.5 19v-8a6.5 6.5 0 0 1 13 0v8M9.8 19V5.2M14.2 19V5.2" },
  river: { form: SIX, line: "M3.5 8c2.8-2.6 5.6-2.6 8.5 0s5.7 2.6 8.5 0M3.5 13c2.8-2.6 5.6-2.6 8.5 0s5.7 2.6 8.5 0M3.5 18c2.8-2.6 5.6-2.6 8.5 0s5.7 2.6 8.5 0" },
  slope: { form: DIAMOND, fill: "M3.5 19L10 6.5l3.2 5.5 2-2.5L20.5 19z" },
  rain: { form: ROUND, fill: "M12 3.5c3.5 4.6 5.7 7.4 5.7 10.5a5.7 5.7 0 0 1-11.4 0C6.3 10.9 8.5 8.1 12 3.5z" },
  weather: { form: ROUND, line: "M3.5 9h9.5a2.5 2.5 0 1 0-2.5-2.5M3.5 13h13.5a2.5 2.5 0 1 1-2.5 2.5M3.5 17h6.5" },
  tracker: { form: ROUND, line: "M12 4a6 6 0 0 1 6 6c0 4.5-6 10.5-6 10.5S6 14.5 6 10a6 6 0 0 1 6-6z", fill: round(12, 10, 2, 2) },
  siren: { form: ROUND, fill: "M4 9.5v5h3.2L12.5 19V5L7.2 9.5z", line: "M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11" },
  gateway: { form: SQUARE, fill: round(12, 9, 1.8, 1.8), line: "M12 11v9M8.5 20h7M8.6 12.6a5 5 0 0 1 0-7.2M15.4 5.4a5 5 0 0 1 0 7.2M5.8 15.2a9 9 0 0 1 0-12.4M18.2 2.8a9 9 0 0 1 0 12.4" },
};
const ALERTS = { animal: "animal", bear: "animal", trap: "trap", patrol: "trap", river: "river", river_unverified: "river", unwatched: "river", debris: "slope", slope_check: "slope", gateway: "gateway", hub: "gateway" };
const SIZES = [[12.5, 5], [13.5, 8], [14.5, 10], [15.5, 12], [99, 14]];
const CROWD = 300;
const LARGER = 2; // pixels, of what is in trouble
const SVG = "http://www.w3.org/2000/svg";

export const isTrouble = (device) => device.state !== "ok" && device.state !== "maintenance";
export const sign = (state) => SIGNS[state] ?? "";

// The sign of a kind as an element, for lists and keys.
export function picture(kind) {
  const { fill, line } = KINDS[kind] ?? KINDS.gateway;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "sign");
  for (const [name, d] of [["fill", fill], ["line", line]])
    if (d) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", d);
      path.setAttribute("class", name);
      svg.append(path);
    }
  return svg;
}

export const pictureOfAlert = (alert, devices) => picture(ALERTS[alert.kind] ?? devices.get(alert.device)?.kind ?? "gateway");

// --- devices ---------------------------------------------------------------------------------------

const Sign = L.CircleMarker.extend({
  _updatePath() {
    const { _ctx: ctx, _drawing } = this._renderer;
    if (!_drawing || this._empty()) return;
    const stamp = this.options.stamp();
    ctx.globalAlpha = 1;
    ctx.drawImage(stamp, this._point.x - stamp.reach, this._point.y - stamp.reach, 2 * stamp.reach, 2 * stamp.reach);
  },
});

export function drawDevices(map, choose) {
  const made = map.createPane("devices");
  made.style.zIndex = 500;
  const renderer = L.canvas({ pane: "devices", padding: 0.2, tolerance: 4 });
  const signs = new Map();
  let stamps = new Map(), size = sizeAt(map.getZoom());

  function show(devices, nameOf) {
    const left = new Set(signs.keys());
    for (const device of devices) {
      left.delete(device.id);
      const old = signs.get(device.id);
      if (!old) signs.set(device.id, add(device, nameOf));
      else if (old.device.state !== device.state || old.device.kind !== device.kind) {
        old.device = device;
        old.setRadius(reach(device));
        if (isTrouble(device)) old.bringToFront();
      } else old.device = device;
    }
    for (const id of left) {
      signs.get(id).remove();
      signs.delete(id);
    }
  }

  function add(device, nameOf) {
    const one = new Sign([device.lat, device.lon], {
      renderer,
      radius: reach(device),
      stamp: () => stamp(one.device),
    });
    one.device = device;
    // An element: of a text Leaflet would make HTML.
    const name = () => Object.assign(document.createElement("span"), { textContent: nameOf(one.device) });
    one.bindTooltip(name, { direction: "top", offset: [0, -8] });
    one.on("click", () => choose(one.device.id));
    one.addTo(map);
    if (isTrouble(device)) one.bringToFront();
    return one;
  }

  const reach = (device) => size + (isTrouble(device) ? LARGER : 0) + 5;

  function stamp(device) {
    const key = `${device.kind} ${device.state}`;
    if (!stamps.has(key)) stamps.set(key, stampOf(map, device, size + (isTrouble(device) ? LARGER : 0)));
    return stamps.get(key);
  }

  function again() {
    size = sizeAt(map.getZoom());
    stamps = new Map();
    for (const one of signs.values()) one.setRadius(reach(one.device));
  }

  // On the screen; none where there are so many that a name could stand nowhere.
  function boxes() {
    const view = map.getBounds(), seen = [...signs.values()].filter((one) => view.contains(one.getLatLng()));
    return seen.length > CROWD ? [] : seen.map((one) => {
      const { x, y } = map.latLngToContainerPoint(one.getLatLng());
      return { left: x - size, right: x + size, top: y - size, bottom: y + size };
    });
  }

  map.on("zoomend", () => sizeAt(map.getZoom()) === size || again());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  return { show, boxes };
}

const sizeAt = (zoom) => SIZES.find(([below]) => zoom < below)[1];

function stampOf(map, { kind, state }, size) {
  const colours = getComputedStyle(map.getContainer());
  const of = (name) => colours.getPropertyValue(name).trim();
  const ink = of(INKS[state]), paper = of("--paper"), loud = state !== "ok" && state !== "unheard" && state !== "maintenance";
  const reach = size + 5, scale = Math.max(2, devicePixelRatio || 1);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 2 * reach * scale;
  canvas.reach = reach;
  const ctx = canvas.getContext("2d");
  ctx.scale(scale, scale);
  ctx.translate(reach, reach);
  const { form, fill, line } = KINDS[kind];
  outline(ctx, form, size + 1.5);
  ctx.fillStyle = paper;
  ctx.fill();
  outline(ctx, form, size);
  ctx.fillStyle = loud ? ink : paper;
  ctx.fill();
  ctx.lineWidth = 2;
  ctx.strokeStyle = ink;
  if (state === "unheard") ctx.setLineDash([3, 2]);
  ctx.stroke();
  ctx.setLineDash([]);
  if (size >= 8) {
    ctx.save();
    const part = (form === DIAMOND ? 1.1 : 1.35) * size / 24;
    ctx.scale(part, part);
    ctx.translate(-12, form === DIAMOND ? -13 : -12);
    ctx.fillStyle = ctx.strokeStyle = loud ? paper : ink;
    ctx.lineWidth = 2.4;
    ctx.lineCap = ctx.lineJoin = "round";
    if (fill) ctx.fill(new Path2D(fill));
    if (line) ctx.stroke(new Path2D(line));
    ctx.restore();
  }
  if (SIGNS[state] && size >= 8) corner(ctx, SIGNS[state], size, ink, paper);
  return canvas;
}

function corner(ctx, text, size, ink, paper) {
  const at = size * 0.78;
  ctx.beginPath();
  ctx.arc(at, -at, 6, 0, 7);
  ctx.fillStyle = paper;
  ctx.fill();
  ctx.lineWidth = 1.4;
  ctx.strokeStyle = ink;
  ctx.stroke();
  ctx.fillStyle = ink;
  ctx.font = "bold 8px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(text, at, -at + 0.5);
}

function outline(ctx, form, size) {
  ctx.beginPath();
  if (form === ROUND) return ctx.arc(0, 0, size, 0, 7);
  if (form === SQUARE) return ctx.roundRect(-size * 0.9, -size * 0.9, size * 1.8, size * 1.8, size * 0.25);
  const corners = form === DIAMOND ? 4 : 6, radius = form === DIAMOND ? size * 1.18 : size * 1.06;
  for (let i = 0; i < corners; i++) {
    const turn = (2 * Math.PI * i) / corners - Math.PI / 2;
    ctx.lineTo(radius * Math.cos(turn), radius * Math.sin(turn));
  }
  ctx.closePath();
}

// --- alerts, what sounds, and the way of an incident ------------------------------------------------

export function drawAlerts(map, given, choose) {
  const flags = new Map();

  function show(alerts, devices) {
    const left = new Set(flags.keys());
    for (const alert of alerts) {
      if (alert.lat === null || alert.lon === null) continue;
      left.delete(alert.id);
      const said = [alert.severity, alert.mode, alert.what, alert.lat, alert.lon, devices.get(alert.device)?.kind].join(" ");
      if (flags.get(alert.id)?.said === said) continue;
      flags.get(alert.id)?.marker.remove();
      flags.set(alert.id, { said, severity: alert.severity, ...flag(alert, devices) });
    }
    for (const id of left) {
      flags.get(id).marker.remove();
      flags.delete(id);
    }
    stack();
  }

  function flag(alert, devices) {
    const html = document.createElement("span");
    html.className = `flag badge s${alert.severity}`;
    const drill = given.said[alert.mode] ?? ""; // that nobody takes it for real
    html.append(pictureOfAlert(alert, devices), drill + given.severity[alert.severity]);
    const icon = L.divIcon({ html, className: "flag-at", iconSize: null });
    const title = drill + (given.lang === "en" ? `${alert.what_en}, ${alert.place_en}` : `${alert.what} ${alert.place}`);
    const marker = L.marker([alert.lat, alert.lon], { icon, title, zIndexOffset: 1000 * alert.severity, riseOnHover: true });
    marker.on("click keypress", ({ originalEvent: { key = "Enter" } }) => ["Enter", " "].includes(key) && choose(alert.id));
    marker.addTo(map);
    return { marker, html };
  }

  // Flags that would cover each other stand one above the other, the gravest lowest.
  function stack() {
    const taken = [];
    for (const flag of [...flags.values()].sort((a, b) => b.severity - a.severity)) {
      const { marker, html } = flag;
      const { x, y } = map.latLngToLayerPoint(marker.getLatLng());
      const wide = html.offsetWidth / 2 + 2, high = html.offsetHeight + 3;
      let up = 0;
      while (taken.some((one) => Math.abs(one.x - x) < one.wide + wide && Math.abs(one.y - (y - up)) < high)) up += 4;
      taken.push({ x, y: y - up, wide });
      flag.up = up;
      html.style.setProperty("--up", `${up}px`);
    }
  }

  function boxes() {
    return [...flags.values()].map(({ marker, html, up }) => {
      const { x, y } = map.latLngToContainerPoint(marker.getLatLng()), half = html.offsetWidth / 2;
      return { left: x - half, right: x + half, top: y - up - 14 - html.offsetHeight, bottom: y - up - 14 };
    });
  }

  map.on("zoomend", stack);
  return { show, boxes };
}

// A ring about what is chosen, or about nothing.
export function drawChosen(map) {
  const ring = L.circleMarker([0, 0], { pane: "devices", interactive: false, radius: 24, weight: 4, fill: false, renderer: L.svg({ pane: "zones" }) });

  return function show(thing) {
    if (!thing || thing.lat === null) return ring.remove();
    const color = getComputedStyle(map.getContainer()).getPropertyValue("--link").trim();
    ring.setLatLng([thing.lat, thing.lon]).setStyle({ color }).addTo(map);
  };
}

export function drawSounding(map, given) {
  const rings = new Map();

  return function show(devices) {
    const left = new Set(rings.keys());
    for (const device of devices) {
      left.delete(device.id);
      if (rings.has(device.id)) continue;
      const html = document.createElement("span");
      html.className = "rings";
      html.append(document.createElement("i"), document.createElement("i"));
      const word = document.createElement("b");
      word.textContent = given.said.sounding;
      html.append(word);
      const icon = L.divIcon({ html, className: "flag-at", iconSize: null });
      rings.set(device.id, L.marker([device.lat, device.lon], { icon, interactive: false, keyboard: false, zIndexOffset: -1000 }).addTo(map));
    }
    for (const id of left) {
      rings.get(id).remove();
      rings.delete(id);
    }
  };
}

// `stops`: [{lat, lon, times}] in order, each place once in a row.
export function drawTrack(map) {
  const layer = L.layerGroup().addTo(map);
  const renderer = L.canvas({ pane: "zones", padding: 0.2 });

  return function show(stops) {
    layer.clearLayers();
    if (stops.length < 2) return;
    const colours = getComputedStyle(map.getContainer());
    const of = (name) => colours.getPropertyValue(name).trim();
    const way = stops.map(({ lat, lon }) => [lat, lon]);
    L.polyline(way, { renderer, interactive: false, weight: 7, color: of("--paper"), opacity: 0.85 }).addTo(layer);
    L.polyline(way, { renderer, interactive: false, weight: 3, color: of("--ink"), dashArray: "7 7" }).addTo(layer);
    stops.forEach(({ lat, lon, times }, index) => {
      const html = document.createElement("span");
      html.className = "stop";
      const number = document.createElement("b");
      number.textContent = index + 1;
      html.append(number, times);
      const icon = L.divIcon({ html, className: "flag-at", iconSize: null });
      L.marker([lat, lon], { icon, interactive: false, keyboard: false, zIndexOffset: 5000 }).addTo(layer);
    });
  };
}
