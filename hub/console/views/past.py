"""Alerts of the past: which of them are looked for, and how they are shown. Pure."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Annotated, Literal

from msgspec import Meta, Struct

from devices.frame import Millis
from hub import model
from hub.config.town import Town
from hub.console.api.frame import NEVER, Instant
from hub.console.views.open_alerts import signed, what
from hub.days import wall
from hub.model import Severity
from hub.web.words import plain
from hub.wording.values import clean, words

MINUTE: Millis = 60_000
HIRAGANA, KATAKANA = range(0x3041, 0x3097), 0x60
TO_KATAKANA = {sign: sign + KATAKANA for sign in HIRAGANA}
SEVERITIES = tuple(
    tuple(plain(lang, f"office.severity_{int(one)}") for lang in ("ja", "en")) for one in Severity
)
STATES = {"open": ("継続中", "open"), "resolved": ("終了", "over"), "cancelled": ("取消", "cancelled")}
MODES = {"actual": ("通常", "actual"), "exercise": ("訓練", "exercise"), "test": ("試験", "test")}
LABELS = {"true": ("本物", "true"), "false": ("誤報", "false"), "unknown": ("不明", "cannot tell")}
HEADINGS = (
    (
        "区分", "番号", "内容", "種類", "重さ", "場所", "機器", "地区", "発生", "終了", "続いた時間（分）",
        "状態", "結果・原因", "判定", "行った人", "確認した人",
    ),
    (
        "mode", "id", "what", "kind", "severity", "place", "device", "zones", "opened", "closed",
        "lasted (min)", "state", "outcome", "label", "who went", "who has seen it",
    ),
)  # fmt: skip
"""Of the table for Excel: Japanese, English."""

Code = Annotated[str, Meta(max_length=63)]


class HistoryQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`q`: words that all stand in what happened, where, or at which device, in either language. `severity`:
    the highest of its life at least. `since` <= opened < `until`."""

    q: Annotated[str, Meta(max_length=100)] = ""
    kind: Code = ""
    severity: Annotated[int, Meta(ge=0, le=4)] = 0
    state: Literal["", "open", "resolved", "cancelled"] = ""
    mode: Literal["", "actual", "exercise", "test"] = ""
    zone: Code = ""
    device: Code = ""
    since: Instant = 0
    until: Instant = NEVER


class Past(Struct, frozen=True):
    """One alert, open or over. Times in epoch ms UTC.

    `severity` 0 to 4: the highest of its life. `device`: the id of the one that began it. `zones`: their ids.
    `result`: captured, empty, wrong or escaped, where somebody has been there. `cause`: what it was, where it
    was cancelled. `label`: what people said that it was: true, false or unknown. `who`: names of those who
    went; `acknowledged`: of those who have seen it. `lasted_ms`: null while it is open.
    """

    id: str
    kind: str
    severity: int
    state: str
    mode: str
    what: str
    what_en: str
    place: str
    place_en: str
    device: str
    zones: tuple[str, ...]
    opened_at: Millis
    closed_at: Millis | None
    lasted_ms: Millis | None
    result: str
    cause: str
    label: str
    who: tuple[str, ...]
    acknowledged: tuple[str, ...]


class Search:
    """Which alerts are wanted. Keeps what alike alerts say, so that a year is looked through fast."""

    def __init__(self, town: Town, asked: HistoryQuery) -> None:
        self.town = town
        self.asked = asked
        self.parts = folded(asked.q).split()
        self._texts: dict[tuple[object, ...], str] = {}

    def wants(self, alert: model.Alert) -> bool:
        asked = self.asked
        return (
            asked.since <= alert.opened_at < asked.until
            and asked.kind in ("", alert.kind)
            and asked.severity <= max(alert.severity, alert.peak)
            and asked.state in ("", alert.state.value)
            and asked.mode in ("", alert.mode.value)
            and (not asked.zone or asked.zone in alert.zones)
            and (not asked.device or asked.device == alert.device or asked.device in alert.devices)
            and self._is_named(alert)
        )

    def _is_named(self, alert: model.Alert) -> bool:
        if not self.parts:
            return True
        key = (
            alert.kind, alert.species, alert.level, alert.confirmed, alert.device, alert.zones, alert.place,
            alert.incident if alert.kind == "hub" else "",
        )  # fmt: skip
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = folded(" ".join(self._said(alert)))
        return all(part in text or part == alert.id for part in self.parts)

    def _said(self, alert: model.Alert) -> Iterable[str]:
        device = self.town.devices.get(alert.device)
        yield from (what(alert, device, "ja"), what(alert, device, "en"), alert.place, alert.place_en)
        yield from words()["alert_kind"].get(alert.kind, ())
        yield from words()["species"].get(alert.species, ())
        yield alert.device
        if device:
            yield from (device.name, device.name_en)
        for zone in (self.town.zones[id] for id in alert.zones if id in self.town.zones):
            yield from (zone.name, zone.name_en)


def folded(text: str) -> str:
    """So that イノシシ, いのしし and ｲﾉｼｼ are the same, and Boar and boar."""
    return unicodedata.normalize("NFKC", text).casefold().translate(TO_KATAKANA)


def view(alert: model.Alert, town: Town, labels: Mapping[str, str]) -> Past:
    """`labels`: what people said of alerts, also of those that were over."""
    device, task = town.devices.get(alert.device), alert.task
    going = (task.who, *task.others) if task and task.who else ()
    closed = alert.closed_at
    return Past(
        id=alert.id,
        kind=alert.kind,
        severity=int(max(alert.severity, alert.peak)),
        state=alert.state.value,
        mode=alert.mode.value,
        what=what(alert, device, "ja"),
        what_en=what(alert, device, "en"),
        place=alert.place,
        place_en=alert.place_en,
        device=alert.device,
        zones=alert.zones,
        opened_at=alert.opened_at,
        closed_at=closed,
        lasted_ms=None if closed is None else max(closed - alert.opened_at, 0),
        result=task.result if task else "",
        cause=clean(alert.cause),
        label=labels.get(alert.id, alert.label),
        who=tuple(signed(town, who) for who in going),
        acknowledged=tuple(signed(town, who) for who in alert.acknowledged),
    )


def row(past: Past, town: Town, lang: int) -> tuple[object, ...]:
    """Under `HEADINGS`; `lang` 0 Japanese, 1 English."""
    device = town.devices.get(past.device)
    zones = (town.zones[id] for id in past.zones if id in town.zones)
    comma = ("、", ", ")[lang]
    closed, lasted = past.closed_at, past.lasted_ms
    kinds = words()["alert_kind"]
    return (
        MODES[past.mode][lang],
        past.id,
        (past.what, past.what_en)[lang],
        kinds.get(past.kind, kinds["unknown"])[lang],
        SEVERITIES[past.severity][lang],
        (past.place, past.place_en)[lang],
        (device.name, device.name_en)[lang] if device else past.device,
        comma.join((zone.name, zone.name_en)[lang] for zone in zones),
        local(past.opened_at, town.zone_info),
        "" if closed is None else local(closed, town.zone_info),
        "" if lasted is None else round(lasted / MINUTE),
        STATES[past.state][lang],
        outcome(past, lang),
        LABELS[past.label][lang] if past.label in LABELS else "",
        comma.join(past.who),
        comma.join(past.acknowledged),
    )


def outcome(past: Past, lang: int) -> str:
    """How it ended: what was found at the trap, what had set it off. Empty where that is not known."""
    results = words()["result"]
    return results[past.result][lang] if past.result in results else past.cause


def local(at: Millis, zone: tzinfo) -> str:
    """`2026/11/21 21:07`, by the clock on the town's wall."""
    return f"{wall(at, zone):%Y/%m/%d %H:%M}"
