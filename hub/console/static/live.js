// Pages that live: what has changed is fetched anew and put in its place, while the hands of who works stay free.
const APART_MS = 1000;
const HAND_MS = 2000; // so long after a move or a press a tap may follow
const LOST_MS = 5000; // the stream ends now and then as planned, and is there again at once
const ANSWER_MS = 20000;
const FAILED_MS = 5000; // after a question without an answer
const REFUSED_MS = 10000; // after a stream that was refused
const lost = document.getElementById("lost");
const waiting = new Set();
const madeAt = Number(document.querySelector("meta[name=made-at]").content);
let source, heard = false, fetching = false, again = 0, losing = 0;
let hand = { at: -Infinity, over: null };

function open() {
  if (source || document.hidden) return;
  source = new EventSource("/api/v1/stream");
  source.addEventListener("hello", (event) => {
    clearTimeout(losing);
    losing = 0;
    lost.hidden = true;
    // What happened before we listened was not told to us.
    if (heard || JSON.parse(event.data).news_at >= madeAt) told(null);
    heard = true;
  });
  source.addEventListener("changed", (event) => told(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) {
      losing ||= setTimeout(() => ((losing = 0), (lost.hidden = source?.readyState === EventSource.OPEN)), LOST_MS);
      return;
    }
    // Refused: the session is over, or too many pages are open. Who asks for the page learns which.
    close();
    lost.hidden = false;
    told(null);
    again = setTimeout(open, REFUSED_MS);
  });
}

function close() {
  clearTimeout(again);
  clearTimeout(losing);
  losing = 0;
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
  let next = APART_MS;
  try {
    if ([...waiting].every((id) => isInUse(document.getElementById(id)))) return;
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, signal });
    if (answer.redirected) return location.reload(); // to the login
    if (answer.ok) {
      if (source?.readyState === EventSource.OPEN) lost.hidden = true;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of [...waiting]) if (swap(id, page.getElementById(id))) waiting.delete(id);
      document.dispatchEvent(new CustomEvent("naruko:swapped"));
    } else next = FAILED_MS;
  } catch {
    lost.hidden = false;
    next = FAILED_MS;
  } finally {
    fetching = false;
    setTimeout(refresh, next);
  }
}

// Somebody writes in it, or is about to tap on it: what a tap is aimed at stays where it is.
function isInUse(part) {
  if (!part) return false;
  const isInHand = performance.now() - hand.at < HAND_MS && part.contains(hand.over);
  const held = part.contains(document.activeElement) ? document.activeElement : null;
  return isInHand || isWritten(part) || Boolean(held?.matches("input, select, textarea"));
}

// False: it is in use; later.
function swap(id, fresh) {
  const old = document.getElementById(id);
  if (!old || !fresh) return true;
  if (isInUse(old)) return false;
  const held = old.contains(document.activeElement) ? document.activeElement : null;
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

// A hand over what may be swapped; a finger that moves scrolls.
const feels = ({ target }) => (hand = { at: performance.now(), over: target });
document.addEventListener("pointerdown", feels, { capture: true, passive: true });
document.addEventListener("pointermove", (event) => event.pointerType === "touch" || feels(event), { capture: true, passive: true });

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
