"""The morning's report to the operators: all is well, or what there is to do; to the other officials what is
still open. Pure.

A stored day and a time of day, not a timer: it comes once a day by the site's own calendar, whatever daylight
saving does, and after an outage as soon as the hub is back.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta, tzinfo
from typing import Any, NamedTuple

from msgspec import Struct

from devices.frame import Millis
from hub import wording
from hub.alerts import OFFICE, OPERATORS, Telling
from hub.config.policy import HubPolicy
from hub.config.shapes import Role
from hub.config.town import Town
from hub.days import wall
from hub.detect.health import DeviceHealth
from hub.detect.hub import MB, Vitals
from hub.links import Links, Purpose
from hub.model import Alert, AlertState, Mode, Notification, Reason, Severity
from hub.telling.audience import Audience, resolve
from hub.telling.budget import Left
from hub.telling.compose import on_every_channel
from hub.wording.values import words

A_DAY: Millis = 86_400_000
KEEP_FOR: Millis = 6 * 3_600_000
LINK_LASTS: Millis = 36 * 3_600_000
"""Of the link to the office's list: over the next report, should that be late."""


class Morning(Struct, frozen=True, omit_defaults=True):
    """The last report: its day by the site's calendar (ISO), and what had been counted by then."""

    day: str = ""
    counts: dict[str, int] = {}


class Day(NamedTuple):
    """What the ledger says of the last 24 hours; `counts` since its first day."""

    counts: dict[str, int]
    alerts: list[Alert]
    """Changed within the day, and those that are open."""
    given_up: dict[tuple[str, int, str], int]
    """(person, channel, kind) -> notifications."""
    held: int


def today(policy: HubPolicy, now: Millis, zone: tzinfo) -> str:
    """The day whose report is the newest due: today's from `digest_at` on, else yesterday's."""
    local = wall(now, zone)
    day = local.date() if local.time() >= policy.digest_at else local.date() - timedelta(days=1)
    return day.isoformat()


def begin(policy: HubPolicy, state: Morning | None, now: Millis, zone: tzinfo) -> Morning | None:
    """The state where there is none yet, or one from the future, which a wrong clock has left: nothing is
    reported of a day that the hub has not seen. None: the state is right as it is."""
    day = today(policy, now, zone)
    return Morning(day) if state is None or state.day > day else None


def is_due(policy: HubPolicy, state: Morning | None, now: Millis, zone: tzinfo) -> bool:
    """Whether a morning has come since the last report."""
    return policy.digest and state is not None and state.day < today(policy, now, zone)


def report(
    town: Town,
    state: Morning,
    health: Mapping[str, DeviceHealth],
    vitals: Vitals,
    *,
    day: Day,
    unheard: tuple[str, ...],
    now: Millis,
    links: Links | None = None,
    left: Iterable[Left] = (),
) -> tuple[Morning, list[Notification]]:
    """The report of this morning, and the state after it. `unheard` have not answered the test message.

    With `links` it leads each reader to the list of open alerts. `left` is what the channels may still carry.
    """
    morning = Morning(today(town.policy.hub, now, town.zone_info), day.counts)
    about = _fields(town, state, health, vitals, day=day, unheard=unheard, now=now)
    about |= {name: list(_left(left, lang)) for name, lang in (("budgets", 0), ("budgets_en", 1))}
    roles = OPERATORS if town.by_role[Role.OPERATOR] else OFFICE
    readers = resolve(town, Audience(everywhere=roles), (), now)
    others = [person for person in town.by_role[Role.OFFICIAL] if person not in readers]
    still_open = _still_open(town, day.alerts, now)
    told: list[Notification] = []
    for person in (*readers, *(others if still_open["held"] else ())):
        office = links.of(Purpose.OFFICE, person.id, now + LINK_LASTS) if links else None
        template, own = ("morning", about) if person in readers else ("morning_open", {})
        told += on_every_channel(
            person,
            Telling(template, Reason.REPORTED, Severity.NOTICE, keep_for=KEEP_FOR),
            still_open | own | {"ack_url": office},
            now,
            alert_id=f"morning-{morning.day}",
            event_id=morning.day,
            event_received_at=now,
        )
    return morning, told


def _left(left: Iterable[Left], lang: int) -> Iterator[str]:
    for one in left:
        mark = words()["budget"]["saves"][lang] if one.saves else ""
        yield f"{words()['channel'][one.kind][lang]} {one.left}/{one.limit}{mark}"


def _still_open(town: Town, alerts: Iterable[Alert], now: Millis) -> dict[str, Any]:
    """What the list of open alerts can say, the gravest first and of these the oldest. What is wrong with the
    hub itself is the operators'."""
    found = [alert for alert in alerts if alert.state is AlertState.OPEN and alert.kind != "hub"]
    found.sort(key=lambda alert: (-alert.severity, alert.opened_at))
    kinds = Counter(alert.kind for alert in found)
    about: dict[str, Any] = {
        "time": wording.format_time(now, now, town.zone_info),
        "contact": town.site.contact,
        "hub_url": town.site.hub_url,
        "held": len(found),
    }
    for suffix, lang in (("", 0), ("_en", 1)):
        about[f"kinds{suffix}"] = [f"{_word('alert_kind', kind, lang)} {n}" for kind, n in _most(kinds)]
        about[f"listed{suffix}"] = [
            f"{wording.format_time(alert.opened_at, now, town.zone_info)} "
            f"{_word('alert_kind', alert.kind, lang)} {alert.place_en if lang else alert.place}"
            for alert in found
        ]
    return about


def _fields(
    town: Town,
    state: Morning,
    health: Mapping[str, DeviceHealth],
    vitals: Vitals,
    *,
    day: Day,
    unheard: tuple[str, ...],
    now: Millis,
) -> dict[str, Any]:
    watched = [device for device in town.devices.values() if not device.maintenance]
    states = {device.id: health.get(device.id, DeviceHealth()) for device in watched}
    silent = [device for device in watched if states[device.id].silent_at]
    low = [device for device in watched if states[device.id].low]
    open_alerts = [alert for alert in day.alerts if alert.state is AlertState.OPEN]
    troubles = [alert.incident.split("/")[1] for alert in open_alerts if alert.kind == "hub"]
    failed = [f"{person}/{kind}" for person, _, kind in day.given_up]
    to_do = len(silent) + len(low) + len(troubles) + len(failed) + len(unheard)
    verdict = words()["verdict"]["to_do" if to_do else "well"]
    begun = [alert for alert in day.alerts if alert.opened_at >= now - A_DAY]
    kinds = Counter(alert.kind for alert in begun if alert.mode is not Mode.EXERCISE)
    about: dict[str, Any] = {
        "time": wording.format_time(now, now, town.zone_info),
        "contact": town.site.contact,
        "verdict": verdict[0].format(count=to_do),
        "verdict_en": verdict[1].format(count=to_do),
        "devices": len(watched),
        "heard": sum(now - states[device.id].last_seen < A_DAY for device in watched),
        "silent": [device.name for device in silent],
        "silent_en": [device.name_en for device in silent],
        "low": [device.name for device in low],
        "low_en": [device.name_en for device in low],
        "open": len(open_alerts) - len(troubles),
        "failed_count": sum(day.given_up.values()),
        "failed": failed,
        "unheard_count": len(unheard),
        "unheard": unheard,
        "held_count": day.held,
        "disk": f"{vitals.disk_free / MB / 1000:.1f} GB" if vitals.disk_free is not None else None,
        "memory": f"{vitals.memory:.0%}" if vitals.memory is not None else None,
    }
    about |= {name: max(0, day.counts.get(name, 0) - state.counts.get(name, 0)) for name in COUNTED}
    for suffix, lang in (("", 0), ("_en", 1)):
        about[f"troubles{suffix}"] = [_word("trouble", what, lang) for what in troubles]
        about[f"by_kind{suffix}"] = [f"{_word('alert_kind', kind, lang)} {n}" for kind, n in _most(kinds)]
    return about


COUNTED = ("messages", "quarantined", "shed", "lost")


def _most(kinds: Counter[str]) -> Iterator[tuple[str, int]]:
    yield from sorted(kinds.items(), key=lambda one: (-one[1], one[0]))


def _word(group: str, code: str, lang: int) -> str:
    known = words()[group]
    return known.get(code, known["unknown"])[lang]
