// Pages that live: what has changed is fetched anew and put in its place, while the hands of who works stay free.
const APART_MS = 1000;
const BUSY_MS = 5000; // somebody writes in what has changed
const lost = document.getElementById("lost");
const waiting = new Set();
const madeAt = Number(document.querySelector("meta[name=made-at]").content);
let source, heard = false, fetching = false, again = 0;

function open() {
  if (source || document.hidden) return;
  source = new EventSource("/api/v1/stream");
  source.addEventListener("hello", (event) => {
    lost.hidden = true;
    // What happened before we listened was not told to us.
    if (heard || JSON.parse(event.data).alerts_at >= madeAt) told(null);
    heard = true;
  });
  source.addEventListener("changed", (event) => told(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    lost.hidden = false;
    if (source.readyState === EventSource.CLOSED) {
      close();
      again = setTimeout(open, 10000);
    }
  });
}

function close() {
  clearTimeout(again);
  source?.close();
  source = undefined;
}

// `changes` null: anything may have changed.
function told(changes) {
  document.dispatchEvent(new CustomEvent("naruko:changed", { detail: changes }));
  for (const part of document.querySelectorAll("[data-live][id]"))
    if (concerns(part, changes)) waiting.add(part.id);
  refresh();
}

function concerns(part, changes) {
  const only = part.dataset.only;
  return part.dataset.live.split(" ").some((word) => {
    const what = changes === null ? true : changes[word];
    return Array.isArray(what) ? (only ? what.includes(only) : what.length > 0) : what;
  });
}

async function refresh() {
  if (fetching || waiting.size === 0) return;
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) return location.reload(); // to the login
    if (answer.ok) {
      lost.hidden = source?.readyState === EventSource.OPEN;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of [...waiting]) if (swap(id, page.getElementById(id))) waiting.delete(id);
      document.dispatchEvent(new CustomEvent("naruko:swapped"));
    }
  } catch {
    lost.hidden = false;
  } finally {
    fetching = false;
    setTimeout(refresh, waiting.size ? BUSY_MS : APART_MS);
  }
}

// False: somebody writes in it; later.
function swap(id, fresh) {
  const old = document.getElementById(id);
  if (!old || !fresh) return true;
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  if (isWritten(old) || held?.matches("input, select, textarea")) return false;
  for (const details of old.querySelectorAll("details[open][id]"))
    fresh.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
  const place = held?.closest("[id]")?.id;
  const label = held?.textContent;
  old.replaceWith(document.adoptNode(fresh));
  if (held) find(id, place, held, label)?.focus({ preventScroll: true });
  return true;
}

// The same button or link in what came anew.
function find(id, place, held, label) {
  const around = document.getElementById(place) ?? document.getElementById(id);
  if (held.id) return document.getElementById(held.id) ?? around;
  return [...around.querySelectorAll(held.tagName)].find((one) => one.textContent === label) ?? around;
}

function isWritten(part) {
  return [...part.querySelectorAll("input:not([type=hidden]), textarea, select")].some((field) =>
    field.tagName === "SELECT"
      ? field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected))
      : field.type === "checkbox" || field.type === "radio"
        ? field.checked !== field.defaultChecked
        : field.value !== field.defaultValue,
  );
}

// How long something has been so is said in minutes.
setInterval(() => {
  if (document.hidden) return;
  for (const part of document.querySelectorAll('[data-live~="minute"][id]')) waiting.add(part.id);
  refresh();
}, 60000);

// On a phone the menu is wider than the screen.
document.querySelector("header [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
window.addEventListener("offline", () => {
  lost.hidden = false;
  close();
});
window.addEventListener("online", open);
window.addEventListener("pagehide", close);
window.addEventListener("pageshow", (event) => event.persisted && open());
open();
