"""Who was at which trap on which day, as a table for the town. Pure.

Nothing that a sensor says stands in it: a round is what a person has seen.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

from msgspec import Struct

from devices.frame import Millis
from hub.config.shapes import Device, Trap
from hub.config.town import Town
from hub.days import day_of, wall
from hub.model import Act
from hub.telling.facts import name_of
from hub.wording.values import words

AT_TRAPS = frozenset({"seen", "trap_reset", "trap_disarm"})
"""Acts whose target is the trap."""
AT_ALERTS = frozenset({"arrive", "done"})
"""Acts whose target is the trap's alert."""
VISITS = AT_TRAPS | AT_ALERTS
ONE_DAY = timedelta(days=1)

HEADINGS = (
    "日付", "わな番号", "標識番号", "わなの種類", "設置場所", "所有者", "状態", "見回り", "時刻",
    "見回りした人",
)  # fmt: skip


class Visit(Struct, frozen=True):
    """Somebody was at a trap. `left_as` is set where the trap was armed or disarmed."""

    trap: str
    at: Millis
    who: str
    left_as: str = ""


def visits(acts: Iterable[Act], devices: Mapping[str, str]) -> Iterator[Visit]:
    """From what people did, in the order of time; `devices` leads from the id of an alert to its device."""
    for act in acts:
        if act.kind in AT_ALERTS and act.target in devices:
            said = act.form.get("trap", "") if act.kind == "done" else ""
            yield Visit(devices[act.target], act.at, act.who, said if said in ("armed", "disarmed") else "")
        elif act.kind in AT_TRAPS:
            left_as = {"trap_reset": "armed", "trap_disarm": "disarmed"}.get(act.kind, "")
            yield Visit(act.target, act.at, act.who, left_as)


def rows(town: Town, made: Iterable[Visit], first: date, last: date) -> list[tuple[object, ...]]:
    """Under `HEADINGS`, a row for each trap and each day from `first` to `last`. `made` are all visits ever:
    a trap that was taken out of use in spring still is."""
    by_trap: dict[str, list[Visit]] = {}
    for visit in made:
        by_trap.setdefault(visit.trap, []).append(visit)
    found: list[tuple[object, ...]] = []
    for number in range((last - first).days + 1):
        day = first + number * ONE_DAY
        for device in town.devices.values():
            if device.trap:
                found.append(_row(town, device, device.trap, by_trap.get(device.id, []), day))
    return found


def _row(town: Town, device: Device, trap: Trap, made: list[Visit], day: date) -> tuple[object, ...]:
    zone = town.zone_info
    today = [visit for visit in made if day_of(visit.at, zone) == day]
    left_as = [visit.left_as for visit in made if visit.left_as and day_of(visit.at, zone) <= day]
    idle = bool(left_as) and left_as[-1] == "disarmed"
    times = [wall(v.at, zone) for v in today]
    return (
        f"{day:%Y/%m/%d}",
        trap.no,
        trap.tag_no,
        words()["trap_type"][trap.type][0],
        device.place,
        name_of(town, trap.owner),
        "休止" if idle else "使用中",
        "○" if today else ("－" if idle else "記録なし"),
        "、".join(f"{time:%H:%M}" for time in times),
        "、".join(dict.fromkeys(name_of(town, visit.who) for visit in today)),
    )
