// The map of the console: what is open, what is broken and where, on the map and as a list beside it.
const given = JSON.parse(document.getElementById("given").textContent);
const [{ drawGround }, marks, asks] = await Promise.all(given.scripts.map((url) => import(url)));
const { said, lang } = given;
const APART_MS = 1000;
const MINUTE = 60000; // time alone makes a device late
const MANY = 200, MANY_APART_MS = 5000; // devices, and how far apart these are asked for
const MOST_LISTED = 60;
const NEAR_ZOOM = 16;
const part = (id) => document.getElementById(id);
const english = lang === "en";
const still = matchMedia("(prefers-reduced-motion: reduce)");
// `alerts`, `devices` null: nothing is known of them yet.
const state = { town: null, alerts: null, devices: null, chosen: null, off: new Set(), now: 0 };

// --- words ------------------------------------------------------------------------------------------

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: given.timezone, hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat("en-GB", { timeZone: given.timezone, month: "numeric", day: "numeric", year: "numeric" });

function time(at) {
  const [day, month] = date.format(at).split("/").map(Number);
  return date.format(at) === date.format(state.now) ? clock.format(at) : `${month}/${day} ${clock.format(at)}`;
}

const nameOf = (device) => (english ? device.name_en || device.name : device.name);
const whatOf = (alert) => (said[alert.mode] ?? "") + (english ? alert.what_en : alert.what);
const placeOf = (alert) => (english ? alert.place_en : alert.place);

function made(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...inside.filter((one) => one !== null && one !== ""));
  return element;
}

const badge = (severity) => made("span", { class: `badge s${severity}` }, given.severity[severity]);
const stateOf = (device) => made("span", { class: `state ${device.state}` }, given.state[device.state]);

// --- the map ----------------------------------------------------------------------------------------

const Tiles = L.GridLayer.extend({
  createTile({ x, y, z }, done) {
    const img = document.createElement("img");
    img.alt = "";
    img.onload = () => done(null, img);
    img.onerror = () => done(new Error("tile"), img);
    img.src = given.tiles.replace("{x}", x).replace("{y}", y).replace("{z}", z);
    return img;
  },
});
const map = L.map("ground", { preferCanvas: true, zoomControl: false, minZoom: 9, maxZoom: 18, zoomSnap: 0.5, zoomDelta: 1 });
map.setView([0, 0], 14);
map.attributionControl.setPrefix(false);
const Fit = L.Control.extend({
  onAdd: () => made("div", { class: "leaflet-bar" }, made("button", { type: "button", onclick: whole }, said.fit)),
});
L.control.zoom({ position: "topright", zoomInText: "+", zoomOutText: "−" }).addTo(map);
new Fit({ position: "topright" }).addTo(map);
L.control.scale({ imperial: false }).addTo(map);
const tiles = new Tiles({
  minNativeZoom: 9,
  maxNativeZoom: 18,
  attribution: `<a href="${given.about_tiles}" target="_blank" rel="noopener">${said.tiles}</a>`,
});
const read = readHash();
const ground = drawGround(map, given, () => [...devices.boxes(), ...alerts.boxes()]);
const devices = marks.drawDevices(map, (id) => choose("device", id));
const alerts = marks.drawAlerts(map, given, (id) => choose("alert", id));
const sounding = marks.drawSounding(map, given);
const ring = marks.drawChosen(map);
const track = marks.drawTrack(map);

function whole() {
  if (!state.town) return;
  const [west, south, east, north] = state.town.bounds;
  map.fitBounds([[south, west], [north, east]]);
}

function note(about, text) {
  const notes = (note.all ??= {});
  notes[about] = text;
  const shown = [...new Set(Object.values(notes).filter(Boolean))].join(" ");
  if (part("note").textContent !== shown) part("note").textContent = shown;
  part("note").hidden = !shown;
}

let failing = 0;
tiles.on("tileerror", () => ++failing >= 3 && note("tiles", said.offline));
tiles.on("tileload", () => {
  failing = 0;
  note("tiles", "");
});

// --- where one was, kept in the address -------------------------------------------------------------

function readHash() {
  const found = new URLSearchParams(location.hash.slice(1));
  const [zoom, lat, lng] = (found.get("map") ?? "").split("/").map(Number);
  const chosen = ["alert", "device"].find((kind) => found.get(kind));
  state.off = new Set((found.get("off") ?? "").split(",").filter(Boolean));
  return { at: Number.isFinite(lng) ? { zoom, lat, lng } : null, chosen: chosen ? [chosen, found.get(chosen)] : null };
}

function writeHash() {
  if (!map._loaded) return;
  const { lat, lng } = map.getCenter();
  const words = [`map=${map.getZoom()}/${lat.toFixed(5)}/${lng.toFixed(5)}`];
  if (state.chosen) words.push(`${state.chosen[0]}=${encodeURIComponent(state.chosen[1])}`);
  if (state.off.size) words.push(`off=${[...state.off].join(",")}`);
  history.replaceState(null, "", `#${words.join("&")}`);
}

addEventListener("hashchange", () => {
  const { at, chosen } = readHash();
  if (at) map.setView([at.lat, at.lng], at.zoom);
  if (chosen) choose(...chosen);
});

// --- what is chosen ---------------------------------------------------------------------------------

async function choose(kind, id, { moves = true, focuses = false } = {}) {
  state.chosen = [kind, id];
  const thing = found();
  if (thing && moves && thing.lat !== null) goTo(thing);
  track([]);
  note("track", "");
  part("way")?.replaceChildren();
  draw();
  writeHash();
  if (focuses) part("chosen").focus();
  if (kind === "alert" && !(await follow(id))) renewAlerts();
}

// From far off at once: signs that swell with the ground are no help.
function goTo({ lat, lon }) {
  const zoom = Math.max(map.getZoom(), NEAR_ZOOM);
  map.setView([lat, lon], zoom, { animate: !still.matches && zoom - map.getZoom() <= 1 });
}

function found() {
  const [kind, id] = state.chosen ?? [];
  return kind === "alert" ? alertsOpen().find((one) => one.id === id) : state.devices?.get(id);
}

const alertsOpen = () => (state.alerts ?? []).map(placed);

// Where nothing else is known of the place, it is that of the device.
function placed(alert) {
  const device = state.devices?.get(alert.device);
  return alert.lat !== null || !device ? alert : { ...alert, lat: device.lat, lon: device.lon };
}

function leave() {
  const [kind, id] = state.chosen;
  state.chosen = null;
  track([]);
  note("track", "");
  draw();
  writeHash();
  document.querySelector(`[data-for="${kind} ${CSS.escape(id)}"]`)?.focus();
}

// False: no answer came.
async function follow(id) {
  const full = await ask(`alerts/${encodeURIComponent(id)}`, "track");
  if (state.chosen?.[1] !== id) note("track", "");
  else if (full) showTrack(full);
  return full !== undefined;
}

function showTrack(full) {
  const stops = [];
  for (const one of full.track) {
    const last = stops.at(-1);
    if (last && last.lat === one.lat && last.lon === one.lon) last.until = one.at;
    else stops.push({ ...one, until: one.at });
  }
  for (const stop of stops)
    stop.times = stop.until - stop.at < 60000 ? time(stop.at) : `${time(stop.at)}–${clock.format(stop.until)}`;
  track(stops);
  const list = made("ol", { class: "way" }, ...stops.map((stop) => made("li", {}, made("b", {}, stop.times), " ", english ? stop.what_en : stop.what)));
  part("way")?.replaceChildren(...(stops.length > 1 ? [made("h3", {}, said.track), list] : []));
}

function card() {
  const box = part("chosen"), thing = found();
  box.hidden = !thing;
  if (!thing) {
    delete box.dataset.told;
    return box.replaceChildren();
  }
  const close = made("button", { type: "button", class: "shut", "aria-label": said.close, onclick: leave }, "×");
  const told = JSON.stringify([thing, state.now - (state.now % 60000)]);
  if (box.dataset.told === told) return;
  box.dataset.told = told;
  const way = part("way")?.childNodes ?? [];
  box.replaceChildren(close, ...(state.chosen[0] === "alert" ? aboutAlert(thing) : aboutDevice(thing)), made("div", { id: "way" }, ...way));
}

function aboutAlert(alert) {
  const nobody = alert.stage === "waiting" ? made("strong", { class: "lacks" }, said.nobody) : null;
  return [
    made("h2", {}, badge(alert.severity), " ", whatOf(alert)),
    made("p", {}, placeOf(alert)),
    made("p", {}, fill(said.since, { time: time(alert.opened_at) }), alert.lat === null ? ` · ${said.nowhere}` : ""),
    made("p", {}, alert.who.length ? fill(said.going, { who: alert.who.join("、") }) : (nobody ?? "")),
    made("p", {}, made("a", { class: "button go", href: `/console/alerts/${encodeURIComponent(alert.id)}${given.query}` }, said.to_alert)),
  ];
}

function aboutDevice(device) {
  const facts = [
    device.seen_at ? fill(said.seen, { time: time(device.seen_at) }) : said.never,
    device.battery_pct === null ? "" : fill(said.battery, { n: Math.round(device.battery_pct) }),
    device.battery_days === null ? "" : fill(said.days, { n: device.battery_days }),
    device.children.length ? fill(said.children, { n: device.children.length }) : "",
  ];
  return [
    made("h2", {}, marks.picture(device.kind), " ", nameOf(device)),
    made("p", {}, stateOf(device), ` · ${given.kind[device.kind]}`),
    made("p", {}, facts.filter(Boolean).join(" · ")),
    device.active_until > state.now ? made("p", { class: "sounds" }, `${said.sounding} ${fill(said.until, { time: time(device.active_until) })}`) : "",
    made("p", {}, made("a", { class: "button", href: `/console/devices/${encodeURIComponent(device.id)}${given.query}` }, said.to_device)),
  ].filter(Boolean);
}

// --- the list beside --------------------------------------------------------------------------------

function draw() {
  const known = state.devices ?? new Map(), all = [...known.values()], chosen = found();
  const sounds = all.filter((one) => one.active_until > state.now);
  const wrong = all.filter(marks.isTrouble).sort((a, b) => given.worst.indexOf(a.state) - given.worst.indexOf(b.state) || (a.name < b.name ? -1 : 1));
  const kept = (one) => !state.off.has(one.kind) && !(state.off.has("ok") && !marks.isTrouble(one));
  devices.show(all.filter((one) => kept(one) || one === chosen), (one) => `${nameOf(one)} · ${given.state[one.state]}`);
  alerts.show(alertsOpen(), known);
  sounding(sounds);
  ring(chosen);
  list(sounds, wrong);
  card();
}

function list(sounds, wrong) {
  const open = alertsOpen();
  const parts = [
    section("alerts", open.length, open.map(alertRow), state.alerts ? said.no_alerts : said.loading),
    ...(sounds.length ? [section("sirens", sounds.length, sounds.map((one) => deviceRow(one, true)))] : []),
    section("trouble", wrong.length, wrong.slice(0, MOST_LISTED).map((one) => deviceRow(one)), state.devices ? said.all_well : said.loading),
  ];
  if (wrong.length > MOST_LISTED)
    parts.push(made("p", {}, made("a", { href: `/console/devices${given.query}` }, fill(said.more, { n: wrong.length - MOST_LISTED }))));
  const fresh = made("div", {}, ...parts);
  if (fresh.innerHTML === list.last) return;
  list.last = fresh.innerHTML;
  const held = part("listed").contains(document.activeElement) ? document.activeElement.dataset.for : null;
  const beside = document.querySelector(".beside"), top = beside.scrollTop;
  part("listed").replaceChildren(...fresh.childNodes);
  beside.scrollTop = top;
  if (held) document.querySelector(`[data-for="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
}

function section(key, count, rows, none) {
  const heading = made("h2", {}, count || !none ? fill(said[key], { n: count }) : none);
  return made("section", { class: `of-${key}` }, heading, rows.length ? made("ul", {}, ...rows) : "");
}

function row(kind, thing, ...inside) {
  const is = state.chosen?.[0] === kind && state.chosen[1] === thing.id;
  const onclick = () => choose(kind, thing.id, { focuses: true });
  return made("li", {}, made("button", { type: "button", "data-for": `${kind} ${thing.id}`, "aria-pressed": String(is), onclick }, ...inside));
}

function alertRow(alert) {
  const nobody = alert.stage === "waiting" ? made("span", { class: "lacks" }, said.nobody) : "";
  const lines = made("span", { class: "lines" }, made("b", {}, whatOf(alert)), made("span", {}, placeOf(alert)), nobody);
  return row("alert", alert, made("span", { class: "grave" }, badge(alert.severity), made("time", {}, time(alert.opened_at))), lines);
}

function deviceRow(device, sounds = false) {
  const word = sounds ? made("span", { class: "sounds" }, said.sounding) : stateOf(device);
  const seen = device.seen_at ? fill(said.seen, { time: time(device.seen_at) }) : said.never;
  const lines = made("span", { class: "lines" }, made("b", {}, nameOf(device)), made("span", {}, word, " ", made("small", {}, seen)));
  return row("device", device, marks.picture(device.kind), lines);
}

// --- key and filter ---------------------------------------------------------------------------------

function pick(name, label, before) {
  const input = made("input", { type: "checkbox", name });
  return made("label", { class: "pick" }, input, before, label);
}

function makeKey() {
  part("kinds").append(...given.kinds.map((kind) => pick(kind, given.kind[kind], marks.picture(kind))));
  part("zones").append(...given.zones.map((kind) => pick(`zone-${kind}`, given.zone[kind], made("i", { class: `swatch of-${kind}` }))));
  part("severities").append(...given.severity.map((_, level) => made("li", {}, badge(level))));
  part("states").append(...given.worst.map((code) => made("li", {}, made("span", { class: `state ${code}` }, given.state[code]))));
  for (const input of part("key").querySelectorAll("input")) {
    input.checked = input.name === "only" ? state.off.has("ok") : !state.off.has(input.name);
    input.addEventListener("change", () => (filter(input), writeHash(), draw(), ground.makeRoom()));
  }
}

function filter({ name, checked }) {
  const [code, seen] = name === "only" ? ["ok", !checked] : [name, checked];
  if (seen) state.off.delete(code);
  else state.off.add(code);
  if (name === "base") seen ? tiles.addTo(map) : tiles.remove();
  if (name.startsWith("zone-")) ground.showZones(name.slice(5), seen);
}

// --- what the hub says ------------------------------------------------------------------------------

// null: there is none of it; undefined: no answer came. `about`: which note says so.
async function ask(path, about = path) {
  const told = await asks.answerOf(path);
  note(about, told === undefined ? said.failed : "");
  return told;
}

// Of these, true: an answer came.
async function getAlerts() {
  const answer = await ask("alerts");
  if (answer) Object.assign(state, { alerts: answer.alerts, now: answer.now });
  const isFollowed = state.chosen?.[0] !== "alert" || (await follow(state.chosen[1]));
  return Boolean(answer) && isFollowed;
}

async function getDevices() {
  const answer = await ask("devices");
  if (answer) Object.assign(state, { devices: new Map(answer.devices.map((one) => [one.id, one])), now: answer.now });
  return Boolean(answer);
}

async function getTown() {
  const town = await ask("town");
  if (town) ground.show((state.town = town));
  return Boolean(town);
}

const renewing = (get, apart) => asks.renewing(get, apart, () => settled && begin());
const renewTown = renewing(getTown, () => APART_MS);
const renewAlerts = renewing(getAlerts, () => APART_MS);
const renewDevices = renewing(getDevices, () => (state.devices?.size > MANY ? MANY_APART_MS : APART_MS));

document.addEventListener("naruko:changed", ({ detail }) => {
  const any = (...words) => detail === null || words.some((word) => (Array.isArray(detail[word]) ? detail[word].length : detail[word]));
  if (any("alerts")) renewAlerts();
  if (any("devices", "sirens", "town")) renewDevices();
  if (detail === null) renewTown();
});
setInterval(() => document.hidden || renewDevices(), MINUTE);

// --- it begins --------------------------------------------------------------------------------------

// All was asked for once: what is known now is shown. The map begins with the town, once.
let settled = false, begun = false;

function begin() {
  if (begun || !state.town) return draw();
  begun = true;
  if (read.at) map.setView([read.at.lat, read.at.lng], read.at.zoom);
  else whole();
  if (!state.off.has("base")) tiles.addTo(map);
  for (const code of state.off) if (code.startsWith("zone-")) ground.showZones(code.slice(5), false);
  map.on("moveend", writeHash);
  if (read.chosen) choose(...read.chosen, { moves: !read.at });
  else draw();
  ground.makeRoom();
}

async function start() {
  await Promise.all([renewTown(), renewAlerts(), renewDevices()]);
  settled = true;
  begin();
}

makeKey();
start();
