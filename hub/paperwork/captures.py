"""What was captured, as the paperwork of the subsidy (鳥獣被害防止総合対策交付金) asks for it. Pure.

A capture is a form that somebody filled in (the act `done`) and that counted: the event is there too. A
second tap, or a form about an alert that was closed already, is none.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from hub.config.town import Town
from hub.days import wall
from hub.model import Act, Alert, Event, EventKind
from hub.telling.facts import name_of
from hub.wording.values import words

KEPT = frozenset({"captured", "wrong"})
"""Results with an animal in hand; a trap that sprang empty is none."""

HEADINGS = (
    "捕獲日", "時刻", "結果", "鳥獣の種類", "性別", "成獣・幼獣", "頭数", "捕獲方法", "わな番号", "標識番号",
    "捕獲場所", "緯度", "経度", "捕獲者", "処理方法", "証拠部位の番号", "写真", "報告者", "備考",
)  # fmt: skip


class Capture(Struct, frozen=True):
    """One form with the alert it is about. `count` and `detail` are the event's."""

    act: Act
    alert: Alert
    event: Event


def captures(events: Iterable[Event], acts: Iterable[Act], alerts: Mapping[str, Alert]) -> list[Capture]:
    """In the order of time. `alerts` by id, open or not."""
    counted = {
        (event.id.partition("/")[0], event.at): event
        for event in events
        if event.kind is EventKind.TASK_DONE and event.detail in KEPT
    }
    forms: dict[tuple[str, int], Act] = {}
    for act in sorted(acts, key=lambda act: (act.at, act.id)):
        if act.kind == "done" and act.target in alerts:
            forms.setdefault((act.target, act.at), act)  # of two in one moment the first counted
    return [Capture(act, alerts[act.target], counted[key]) for key, act in forms.items() if key in counted]


def rows(town: Town, found: Iterable[Capture]) -> list[tuple[object, ...]]:
    """Under `HEADINGS`. What the form leaves open is filled from the trap: method, capturer."""
    return [_row(town, capture) for capture in found]


def _row(town: Town, capture: Capture) -> tuple[object, ...]:
    act, alert, form = capture.act, capture.alert, capture.act.form
    device = town.devices.get(alert.device)
    trap = device.trap if device else None
    when = wall(act.at, town.zone_info)
    reporter = name_of(town, act.who)
    return (
        f"{when:%Y/%m/%d}",
        f"{when:%H:%M}",
        _word("result", capture.event.detail),
        _word("species", capture.event.species or alert.species),
        _word("sex", form.get("sex", "")),
        _word("age", form.get("age", "")),
        capture.event.count,
        form.get("method") or (_word("trap_type", trap.type) if trap else ""),
        trap.no if trap else "",
        trap.tag_no if trap else "",
        alert.place,
        _degrees(alert.lat),
        _degrees(alert.lon),
        name_of(town, form.get("capturer", "")) or reporter,
        _word("disposal", form.get("disposal", "")),
        form.get("evidence", ""),
        form.get("photo", ""),
        reporter,
        form.get("note", ""),
    )


def _word(group: str, code: str) -> str:
    known = words()[group].get(code)
    return known[0] if known else code


def _degrees(value: float | None) -> str:
    return "" if value is None else f"{value:.5f}"
