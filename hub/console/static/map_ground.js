// The ground: what of the terrain and the zones is drawn, in which colours, and which names have room.
const LINES = {
  contour: { weight: 0.8, color: "--contour" },
  water: { weight: 1, color: "--stream", fill: "--water", fillOpacity: 1 },
  stream: { weight: 2.4, color: "--stream" },
  ridge: { weight: 1.6, color: "--ridge", dashArray: "1 7" },
  boundary: { weight: 1.6, color: "--boundary", dashArray: "10 4 2 4" },
  path: { weight: 1.6, color: "--path", dashArray: "6 3" },
  road: { weight: 3, color: "--road", under: { weight: 5, color: "--roadside" } },
  railway: { weight: 2.4, color: "--path", dashArray: "8 6", under: { weight: 4, color: "--roadside" } },
  settlement: { weight: 0, color: "--settled", fill: "--settled", fillOpacity: 0.5 },
};
const ORDER = ["settlement", "contour", "water", "stream", "ridge", "boundary", "path", "railway", "road"];
const ZONES = {
  paddy: { weight: 2, fillOpacity: 0.24 },
  dwelling: { weight: 2, fillOpacity: 0.22 },
  hunting: { weight: 2, fillOpacity: 0.07, dashArray: "9 6" },
  flood: { weight: 2, fillOpacity: 0.13, dashArray: "2 5" },
  stream: { weight: 2, fillOpacity: 0.14, dashArray: "10 4 2 4" },
};
const RANKS = ["settlement", "zone", "stream", "peak", "landmark", "water", "road", "ridge", "railway", "path"];
const NEAREST = { path: 15.5, road: 15, landmark: 14.5, water: 15, ridge: 13.5, railway: 14, zone: 13, stream: 12 };
const CLOSE = 14; // from here on the names of FIRST give way to nothing but each other
const FIRST = new Set(["settlement", "zone", "stream"]);
const BESIDE = [[0, 0], [0, -1], [0, 1], [1, 0], [-1, 0], [1, -1], [-1, -1], [1, 1], [-1, 1], [0, -2.2], [0, 2.2]];
const EVERY_M = 100; // of contours one in so many metres is drawn bold

// `inTheWay()`: boxes on the screen where no name should stand.
export function drawGround(map, given, inTheWay) {
  const under = L.canvas({ pane: pane(map, "ground", 150), padding: 0.2 });
  const over = L.canvas({ pane: pane(map, "zones", 350), padding: 0.2 });
  pane(map, "names", 450);
  let drawn = [], zones = {}, names = [];

  function show(town) {
    for (const one of drawn) one.layer.remove();
    for (const name of names) name.tag.remove();
    drawn = [];
    names = [];
    zones = {};
    for (const kind of ORDER)
      for (const feature of town.terrain.features)
        if (feature.properties.kind === kind && feature.geometry.type !== "Point") line(feature, kind);
    for (const feature of town.zones.features) zone(feature);
    for (const feature of town.terrain.features) name(feature, feature.properties.kind);
    names.sort((a, b) => RANKS.indexOf(a.rank) - RANKS.indexOf(b.rank));
    paint();
    makeRoom();
  }

  function line(feature, kind) {
    const style = LINES[kind];
    if (style.under) add(feature, style.under, under);
    const bold = kind === "contour" && feature.properties.height_m % EVERY_M === 0;
    add(feature, bold ? { ...style, weight: 1.7 } : style, under);
  }

  function zone(feature) {
    const { kind } = feature.properties;
    const colour = `--zone-${kind}`;
    const made = add(feature, { ...ZONES[kind], color: colour, fill: colour }, over);
    (zones[kind] ??= []).push(made, name(feature, "zone", kind));
  }

  function add(feature, style, renderer) {
    const layer = L.geoJSON(feature, { renderer, interactive: false }).addTo(map);
    drawn.push({ layer, style });
    return layer;
  }

  // Each name is where its thing is in view: a stream's in the middle of what can be seen of it.
  function name(feature, rank, kind = rank) {
    const { properties } = feature;
    const text = given.lang === "en" ? properties.name_en : properties.name;
    if (!text || !RANKS.includes(rank)) return null;
    const height = properties.kind === "peak" && properties.height_m ? ` ${Math.round(properties.height_m)} m` : "";
    const html = document.createElement("span");
    html.className = `name ${rank} of-${kind}`;
    html.textContent = text + height;
    const icon = L.divIcon({ html, className: "tag", iconSize: null });
    const at = middle(feature.geometry, null);
    const tag = L.marker(at, { icon, pane: "names", interactive: false, keyboard: false }).addTo(map);
    names.push({ tag, html, rank, geometry: feature.geometry, hidden: false });
    return names.at(-1);
  }

  function paint() {
    const colours = getComputedStyle(map.getContainer());
    const of = (name) => colours.getPropertyValue(name).trim();
    for (const { layer, style } of drawn)
      layer.setStyle({ ...style, opacity: 1, color: of(style.color), fill: Boolean(style.fill), fillColor: style.fill && of(style.fill) });
  }

  // Each name beside what stands in its way; those of least rank give way altogether.
  function makeRoom() {
    const zoom = map.getZoom(), view = map.getBounds().pad(-0.04), screen = map.getSize();
    const taken = [], covered = inTheWay();
    for (const { tag, html, rank, geometry, hidden } of names) {
      tag.setLatLng(middle(geometry, view));
      html.hidden = hidden || zoom < (NEAREST[rank] ?? 0);
    }
    const sizes = names.map(({ html }) => ({ wide: html.offsetWidth, high: html.offsetHeight }));
    names.forEach(({ tag, html, rank }, index) => {
      if (html.hidden) return;
      const { wide, high } = sizes[index], { x, y } = map.latLngToContainerPoint(tag.getLatLng());
      const boxes = BESIDE.map(([east, south]) => {
        const dx = east * (wide / 2 + 14), dy = south * (high / 2 + 12);
        return { dx, dy, left: x + dx - wide / 2, right: x + dx + wide / 2, top: y + dy - high / 2, bottom: y + dy + high / 2 };
      });
      const free = boxes.filter((box) => !taken.some((other) => meets(box, other)));
      for (const box of free) box.hits = covered.filter((other) => meets(box, other)).length + 2 * isCut(box, screen);
      const box = free.sort((a, b) => a.hits - b.hits)[0];
      html.hidden = !box || (box.hits > 0 && !(zoom < CLOSE ? rank === "settlement" : FIRST.has(rank)));
      if (html.hidden) return;
      taken.push(box);
      html.style.translate = `${box.dx}px ${box.dy}px`;
    });
  }

  function showZones(kind, seen) {
    for (const one of zones[kind] ?? [])
      if (one?.tag) one.hidden = !seen;
      else if (one) seen ? one.addTo(map) : one.remove();
    makeRoom();
  }

  map.on("moveend", makeRoom);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  return { show, showZones, makeRoom };
}

function pane(map, name, height) {
  const made = map.createPane(name);
  made.style.zIndex = height;
  made.style.pointerEvents = "none";
  return name;
}

const meets = (a, b) => a.left < b.right + 2 && b.left < a.right + 2 && a.top < b.bottom && b.top < a.bottom;

const isCut = (box, screen) => box.right > 0 && box.left < screen.x && (box.left < 0 || box.right > screen.x);

// [lat, lng] on or in a geometry; of a line the middle of what is within `view`.
function middle({ type, coordinates }, view) {
  if (type === "Point") return [coordinates[1], coordinates[0]];
  if (type.endsWith("Polygon")) return centre(type === "Polygon" ? coordinates[0] : widest(coordinates));
  const places = type === "LineString" ? coordinates : coordinates.reduce((a, b) => (a.length < b.length ? b : a));
  const seen = view ? places.filter(([lng, lat]) => view.contains([lat, lng])) : [];
  const among = seen.length ? seen : places;
  const [lng, lat] = among[Math.floor(among.length * 0.55)];
  return [lat, lng];
}

const widest = (polygons) => polygons.map((one) => one[0]).reduce((a, b) => (Math.abs(area(a)) < Math.abs(area(b)) ? b : a));

const area = (ring) => ring.reduce((sum, [x, y], i) => {
  const [u, v] = ring[(i + 1) % ring.length];
  return sum + x * v - u * y;
}, 0);

function centre(ring) {
  const [west, south] = ring[0];
  let twice = 0, x = 0, y = 0;
  for (let i = 0; i + 1 < ring.length; i++) {
    const [a, b, c, d] = [ring[i][0] - west, ring[i][1] - south, ring[i + 1][0] - west, ring[i + 1][1] - south];
    const cross = a * d - c * b;
    twice += cross;
    x += (a + c) * cross;
    y += (b + d) * cross;
  }
  return twice ? [south + y / (3 * twice), west + x / (3 * twice)] : [south, west];
}
