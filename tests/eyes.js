// What a person sees on a page and can tap, for tests/browser.py. It works where the page itself may run no script.
const isSeen = e => e.checkVisibility() && e.getClientRects().length > 0;
const all = (what, within = document) => [...within.querySelectorAll(what)].filter(isSeen);
const buttons = () => all("button, input[type=submit]");

// The words on it or beside it, without the readings above Chinese signs.
const nameOf = e => {
  const words = (e.labels && e.labels.length ? e.labels[0] : e).cloneNode(true);
  words.querySelectorAll("rt, rp").forEach(reading => reading.remove());
  return e.getAttribute("aria-label") || words.textContent.replace(/\s+/g, " ").trim() || e.value || "";
};

const headed = group => {
  const groups = [...document.querySelectorAll("fieldset, article")];
  return groups.find(g => nameOf(g.querySelector("legend, h2") || g).includes(group));
};

const field = label => {
  const found = [...document.querySelectorAll("input, textarea, select")]
    .find(f => [...(f.labels || [])].some(l => nameOf(l).includes(label)));
  if (!found) throw new Error(`no field ${label}`);
  return found;
};

const sees = {
  text() {
    const readings = [...document.querySelectorAll("rt")];
    readings.forEach(r => { r.hidden = true; });
    const text = document.body.innerText;
    readings.forEach(r => { r.hidden = false; });
    return text;
  },

  // The middle of what bears this name, within the group of this heading.
  place(name, group) {
    const within = group ? headed(group) : document;
    if (!within) return {error: `is not asked: there is no ${group}`};
    const there = all("a[href], button, summary, label, input", within);
    const e = there.find(e => nameOf(e) === name) || there.find(e => nameOf(e).includes(name));
    if (!e) return {error: "is not on the page"};
    e.scrollIntoView({block: "center", behavior: "instant"});
    const box = e.getClientRects()[0], x = box.x + box.width / 2, y = box.y + box.height / 2;
    const hit = document.elementFromPoint(x, y);
    const isIt = hit && (e.contains(hit) || hit.contains(e) || [...(hit.labels || [])].includes(e));
    return isIt ? {x, y} : {error: "is covered or off the screen"};
  },

  focus(label) {
    const f = field(label);
    f.scrollIntoView({block: "center", behavior: "instant"});
    f.focus();
    f.select();
  },

  value: label => field(label).value,
  url: () => location.href,
  buttons: () => buttons().map(nameOf),
  photos: () => [...document.images].filter(i => i.naturalWidth > 0).length,
  overflow: () => document.documentElement.scrollWidth - innerWidth,

  biggest() {
    const area = e => { const box = e.getBoundingClientRect(); return box.width * box.height; };
    const [first] = all("button, a[href], input[type=submit], summary")
      .filter(e => getComputedStyle(e).display !== "inline").sort((a, b) => area(b) - area(a));
    return first ? nameOf(first) : "";
  },

  tooSmall: least => all("button, input[type=submit], summary, label:has(input)")
    .map(e => [nameOf(e), e.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least)
    .map(([name, box]) => `${name} ${Math.round(box.width)}x${Math.round(box.height)}`),

  async violations(tags) {
    const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]});
    return found.violations.map(rule => {
      const where = rule.nodes.slice(0, 3).map(n => `${n.html.slice(0, 160)} ${(n.any[0] || {message: ""}).message}`);
      return `${rule.id}: ${rule.help}: ${where.join(" | ")}`;
    });
  },
};
