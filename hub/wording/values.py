"""From the values of an alert to the words of a message."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from devices.frame import Millis
from hub import maps
from hub.config.channels import READ_BY_OTHERS
from hub.days import day_of, wall
from hub.wording.files import read

MAX_TEXT = 64
"""Characters of one text from a device, a person or the config."""

MAX_URL = 500
MAX_LISTED = 8

NAMES = ("place", "river", "station", "stream", "sensor_name", "hub", "cause", "fallback", "verdict")
"""Free text with an English twin `<name>_en`; where that is missing, the Japanese stands for both."""

PLAIN = (
    "time", "last_seen", "trap_no", "contact", "who", "held", "reply_to", "figure", "disk", "memory",
    "eta", "sprung_time", "dawn", "leader", "leader_tel",
)  # fmt: skip
LONG = ("what_to_do", "whom_to_call")
"""Sentences of the contact book, with their English twins."""
MAX_LONG = 200
URLS = ("ack_url", "photo_url", "info_url", "patrol_url")
METRES = {"level": "{:.2f}", "to_next": "{:.2f}", "change": "{:+.2f}", "volts": "{:.2f}"}
COUNTS = (
    "count", "child_count", "minutes", "window", "hours", "devices", "open",
    "failed_count", "unheard_count", "held_count", "lost", "quarantined", "shed",
)  # fmt: skip
"""Whole numbers of which none is the same as not known."""
WHOLE = ("percent", "days", "heard", "messages")
LISTS = {
    "path": ("→", "→"),
    "children": ("、", ", "),
    "sensors": ("、", ", "),
    "kinds": ("、", ", "),
    "gravest": ("、", ", "),
    "newest": ("、", ", "),
    "troubles": ("、", ", "),
    "silent": ("、", ", "),
    "low": ("、", ", "),
    "failed": ("、", ", "),
    "unheard": ("、", ", "),
    "by_kind": ("、", ", "),
    "missed": ("、", ", "),
    "listed": ("\n・", "\n- "),
    "budgets": ("、", ", "),
    "going": ("、", ", "),
    "traps": ("、", ", "),
}
CODES = (
    "trap_type", "trend", "deterrent", "sign", "residents", "flaps", "hint", "trouble", "trouble_means",
    "trouble_do", "trouble_area", "channel", "fault", "result", "trap_state",
)  # fmt: skip

PERSONAL = ("who", "failed", "unheard", "going", "going_en", "leader", "leader_tel")
BEARS = frozenset({"bear", "brown_bear"})

SHORTENED = frozenset(
    [*NAMES, *(f"{name}_en" for name in NAMES), "trap_no", "threshold_name", "threshold_name_en", "who"]
)
"""What gives way when a message is too long for its channel."""


def format_time(at: Millis, now: Millis, zone: tzinfo) -> str:
    """`21:07`; `11/21 21:07` where that is not today."""
    then = wall(at, zone)
    today = day_of(now, zone)
    clock = f"{then:%H:%M}"
    return clock if then.date() == today else f"{then.month}/{then.day} {clock}"


@cache
def words() -> dict[str, dict[str, tuple[str, str]]]:
    """`words.yaml`: group -> code -> (Japanese, English)."""
    groups = read(Path(__file__).parent / "words.yaml")
    return {g: {code: (ja, en) for code, (ja, en) in codes.items()} for g, codes in groups.items()}


def clean(value: object, limit: int = MAX_TEXT) -> str:
    """One line of printable text: control and format characters out, cut to `limit` with an ellipsis."""
    text = str(value)[: 16 * limit]
    text = " ".join("".join(c if c.isprintable() else " " if c.isspace() else "" for c in text).split())
    return shorten(text, limit)


def shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def spell(fields: Mapping[str, Any], channel_kind: str) -> dict[str, str]:
    """Every placeholder of `messages/` that `fields` has a value for, as text.

    What is None, empty, not finite or not a known code is left out, and with it the line that needs it.
    `fields`: the names above; `species` an id of the animal table, `threshold` and `next_threshold` keys of
    a river level (`threshold_name`, `next_name` and their `_en`: the town's own words for them), `trap_type`,
    `trend`, `deterrent`, `sign` and `residents` codes of `words.yaml`, `lat` and `lon` degrees; metres and
    volts as numbers, lists as sequences of names.
    """
    values = dict(_texts(fields)) | dict(_numbers(fields))
    for code in CODES:
        known = words()[code]
        if word := known.get(str(fields.get(code) or "")) or known.get("unknown"):
            values[code], values[f"{code}_en"] = word
    values |= _species(fields) | _thresholds(fields) | _lists(fields) | _where(fields)
    values = {name: text for name, text in values.items() if text}
    values |= _level(values) | _battery(values)
    if channel_kind != "mail":
        values.pop("gsi_url", None)
    if channel_kind in READ_BY_OTHERS:
        for name in PERSONAL:
            values.pop(name, None)  # no personal data there: the guideline of 2021-04-30 for public bodies
    values["who_en"] = values.get("who") or words()["who"]["unknown"][1]
    return values


def _texts(fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name in PLAIN:
        yield name, clean(fields.get(name) or "")
    for name in NAMES:
        japanese = clean(fields.get(name) or "")
        yield name, japanese
        yield f"{name}_en", clean(fields.get(f"{name}_en") or "") or japanese
    for name in LONG:
        japanese = clean(fields.get(name) or "", MAX_LONG)
        yield name, japanese
        yield f"{name}_en", clean(fields.get(f"{name}_en") or "", MAX_LONG) or japanese
    for name in URLS:
        url = str(fields.get(name) or "")
        yield name, url if len(url) <= MAX_URL and url.isprintable() and " " not in url else ""


def _numbers(fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name in (*METRES, *COUNTS, *WHOLE):
        number = fields.get(name)
        if not isinstance(number, int | float) or not isfinite(number):
            continue
        if name in METRES:
            yield name, METRES[name].format(number).replace("-0.00", "0.00")
        elif name in WHOLE or round(number) > 0:
            yield name, str(round(number))


def _species(fields: Mapping[str, Any]) -> dict[str, str]:
    known = words()["species"]
    code = str(fields.get("species") or "unknown")
    japanese, english = known.get(code) or known["unknown"]
    guess = japanese if code in known and code != "unknown" else ""
    advice, advice_en = words()["advice"]["bear" if code in BEARS else "usual"]
    return {
        "species": japanese,
        "species_guess": guess,
        "species_en": english,
        "advice": advice,
        "advice_en": advice_en,
    }


def _thresholds(fields: Mapping[str, Any]) -> dict[str, str]:
    values = {}
    for key, name in (("threshold", "threshold_name"), ("next_threshold", "next_name")):
        japanese, english = words()["threshold"].get(str(fields.get(key) or ""), ("", ""))
        own = clean(fields.get(name) or "")
        values[name] = own or japanese
        values[f"{name}_en"] = clean(fields.get(f"{name}_en") or "") or own or english
    reached = words()["threshold_reached"]
    usual = fields.get("threshold") == "overflow" and not fields.get("threshold_name")
    for suffix, form in zip(("", "_en"), reached["overflow" if usual else "own"], strict=True):
        name = values[f"threshold_name{suffix}"]
        values[f"threshold_reached{suffix}"] = (
            form.replace(f"{{threshold_name{suffix}}}", name) if name else ""
        )
    return values


def _level(values: Mapping[str, str]) -> dict[str, str]:
    """`level_now`: the level with its trend; `level_below`: and how far the next threshold is."""
    if "level" not in values:
        return {}
    forms = words()["level"]
    now = [form.format_map(values) for form in forms["with_trend" if "trend" in values else "now"]]
    below = ["", ""]
    if values.keys() >= {"to_next", "next_name", "next_name_en"}:
        below = [form.format_map(values) for form in forms["below_next"]]
    return {
        "level_now": now[0],
        "level_now_en": now[1],
        "level_below": now[0] + below[0],
        "level_below_en": now[1] + below[1],
    }


def _battery(values: Mapping[str, str]) -> dict[str, str]:
    known = [name for name in ("percent", "volts") if name in values]
    form = "both" if len(known) == 2 else known[0] if known else "unknown"
    japanese, english = words()["battery"][form]
    return {"battery": japanese.format_map(values), "battery_en": english.format_map(values)}


def _lists(fields: Mapping[str, Any]) -> dict[str, str]:
    values = {}
    for name, (comma, comma_en) in LISTS.items():
        names = list(fields.get(name) or ())
        english = list(fields.get(f"{name}_en") or names)
        values[name] = _join(names, comma, "ほか{}")
        values[f"{name}_en"] = _join(english, comma_en, "and {} more")
        if name == "children" and names and not fields.get("child_count"):
            values["child_count"] = str(len(names))
    return values


def _join(names: list[Any], comma: str, more: str) -> str:
    listed = [text for text in (clean(name, MAX_TEXT // 2) for name in names[:MAX_LISTED]) if text]
    if len(names) > MAX_LISTED:
        listed.append(more.format(len(names) - MAX_LISTED))
    return comma.join(listed)


def _where(fields: Mapping[str, Any]) -> dict[str, str]:
    """Coordinates and links; nothing where the position is no position: the message must go out without."""
    lat, lon = fields.get("lat"), fields.get("lon")
    if lat is None or lon is None:
        return {}
    try:
        return {
            "coordinates": maps.coordinates(lat, lon),
            "map_url": maps.google_link(lat, lon),
            "gsi_url": maps.gsi_link(lat, lon),
        }
    except (TypeError, ValueError):
        return {}
