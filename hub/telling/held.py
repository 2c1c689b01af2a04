"""What of the news goes as it is, and what waits: for the morning, for a storm's count, for a digest. Pure.

A person's quiet hours hold what is less urgent than the policy says; a channel of which only the reserve is
left holds what is no disaster. What was held so comes in one message, when the hours end or at the policy's
hours, with the newest of each alert. Nothing of an alert waits any more once something newer of it was told.

LIFE and DANGER never wait, nor does the end of what somebody was told in danger. While the clock is not set
nobody knows whether it is night, and nothing waits for the morning.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub import wording
from hub.alerts import Scene, Telling
from hub.config.channels import READ_BY_OTHERS
from hub.config.policy import Policy
from hub.config.shapes import Person, Role
from hub.config.town import Town
from hub.days import wall
from hub.model import Alert, Mode, Notification, Reason, Severity, Status
from hub.people.roll import Said
from hub.telling import budget, storm
from hub.telling.budget import GOING, Spent
from hub.telling.compose import notification_id, on_every_channel
from hub.telling.rules import is_grave, severity_of
from hub.telling.storm import class_of
from hub.wording.values import words

TEMPLATE = "morning_digest"
KEEP_FOR: Millis = 12 * 3_600_000
MOST = 100
"""Alerts of which one person's digest holds something; of more only the count is kept."""
FIELD = frozenset({Role.FARMER, Role.HUNTER, Role.PATROL})
LONGEST = timedelta(days=8)
"""A digest due later than that was noted by a clock that was wrong."""
WHY_QUIET = "quiet: "


class Item(Struct, frozen=True, omit_defaults=True):
    """The newest that waits of one alert. `due` is when it is told, by the clock on the site's wall (ISO, to
    the minute); `channels` the indices of those that did not carry it, empty: it waits on all of them."""

    alert: str
    news: str
    severity: int
    title: str
    at: Millis
    due: str
    channels: tuple[int, ...] = ()
    mode: Mode = Mode.ACTUAL


class Held(Struct, frozen=True, omit_defaults=True):
    """What waits for one person. `more`: how much else, of which nothing is kept."""

    items: tuple[Item, ...] = ()
    more: int = 0


NOTHING = Held()


class Sifted(NamedTuple):
    """`alert` remembers who was told or will be; `states` are the rooms that changed."""

    alert: Alert
    notifications: list[Notification]
    states: dict[tuple[str, str], Struct]


def sift(
    scene: Scene,
    rooms: Mapping[str, Mapping[str, Any]],
    before: Alert,
    alert: Alert,
    notifications: Sequence[Notification],
    *,
    clock_set: bool,
) -> Sifted:
    """What of `notifications` goes as it is. `before` is the alert as it was before they were decided,
    `alert` as it is with all of them told."""
    town, now = scene.town, scene.now
    gravity = {n.id: _gravity(before, n) for n in notifications}
    due: dict[str, str] = {}
    if clock_set:
        for n in notifications:
            said: Said | None = rooms["said"].get(n.recipient)
            due[n.id] = _quiet_until(scene, said, alert.kind, gravity[n.id], n)
    quiet = [_waiting(n, due[n.id], now) for n in notifications if due.get(n.id)]
    storms, alert, going = storm.sift(
        scene, rooms["storm"], before, alert, [n for n in notifications if not due.get(n.id)]
    )
    spent, going = budget.sift(town, rooms["budget"], alert.kind, gravity, going, now=now)
    states: dict[tuple[str, str], Struct] = {("storm", id): weather for id, weather in storms.items()}
    states |= {("budget", kind): count for kind, count in spent.items()}
    held = _noted(town, rooms["held"], alert, [*quiet, *going], due, now=now)
    return Sifted(alert, [*quiet, *going], states | {("held", id): one for id, one in held.items()})


def _gravity(before: Alert, notification: Notification) -> Severity:
    """An end is as urgent as what it ends was to that person."""
    if notification.reason not in storm.ENDS:
        return notification.severity
    return Severity(max(notification.severity, before.told.get(notification.recipient, 0)))


# --- quiet hours ------------------------------------------------------------------------------------


def _quiet_until(
    scene: Scene, said: Said | None, kind: str, gravity: Severity, notification: Notification
) -> str:
    """When its person's quiet ends, empty where it does not wait."""
    town, now = scene.town, scene.now
    if gravity >= Severity.DANGER:
        return ""
    if said and now < said.quiet_until and not is_grave(kind, gravity):
        return _minute(wall(said.quiet_until, town.zone_info) + timedelta(minutes=1))
    policy, person = town.policy.quiet, town.people[notification.recipient]
    hours = person.quiet or policy.hours
    if not hours or gravity >= _wakes_from(town.policy, person):
        return ""
    field = class_of(kind) in ("animal", "trap") and not FIELD.isdisjoint(person.roles)
    if field and not (person.quiet or policy.field_too):
        return ""
    return _end_of(hours, wall(now, town.zone_info))


def _wakes_from(policy: Policy, person: Person) -> Severity:
    quiet = policy.quiet
    if person.quiet:
        return severity_of(quiet.below_own)
    levels = [quiet.below_by_role.get(role, quiet.below) for role in person.roles] or [quiet.below]
    return min(severity_of(level) for level in levels)


def _end_of(hours: str, local: datetime) -> str:
    """When the quiet hours end in which `local` lies, empty where it lies in none."""
    begins, ends = hours.split("-")
    clock = f"{local:%H:%M}"
    is_quiet = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
    return _next((ends,), local) if is_quiet else ""


def _next(hours: Iterable[str], local: datetime) -> str:
    """The first of these hours after `local`."""
    days = (local.date(), local.date() + timedelta(days=1))
    return min(at for day in days for hour in hours if (at := f"{day}T{hour}") > _minute(local))


def _minute(local: datetime) -> str:
    return f"{local:%Y-%m-%dT%H:%M}"


def _waiting(notification: Notification, due: str, now: Millis) -> Notification:
    error = f"{WHY_QUIET}told from {due[11:]} on"
    return replace(notification, status=Status.HELD, finished_at=now, error=error)


# --- what waits -------------------------------------------------------------------------------------


def _noted(
    town: Town,
    held: Mapping[str, Held],
    alert: Alert,
    notifications: Sequence[Notification],
    due: Mapping[str, str],
    *,
    now: Millis,
) -> dict[str, Held]:
    """What waits for each person after these, of those for whom it is something else than before."""
    changed: dict[str, Held] = {}
    by_person = sorted(notifications, key=lambda n: n.recipient)
    for id, group in groupby(by_person, key=lambda n: n.recipient):
        rows = list(group)
        before = held.get(id, NOTHING)
        others = tuple(item for item in before.items if item.alert != alert.id)
        waiting = [row for row in rows if due.get(row.id) or row.error.startswith(budget.WHY)]
        if any(row.status in GOING for row in rows):
            after = replace(before, items=others)
        elif waiting:
            after = _with(replace(before, items=others), _item(town, alert, waiting, due, now))
        else:
            after = before  # held in a storm, which will count it
        if after != before:
            changed[id] = after
    return changed


def _item(
    town: Town, alert: Alert, rows: Sequence[Notification], due: Mapping[str, str], now: Millis
) -> Item:
    """Its title is one that may be read on every channel of the person."""
    said = min(rows, key=lambda row: (row.channel_kind not in READ_BY_OTHERS, not row.title, row.channel))
    quiet = due.get(rows[0].id, "")
    return Item(
        alert=alert.id,
        news=class_of(alert.kind),
        severity=max(int(row.severity) for row in rows),
        title=said.title or said.body,
        at=now,
        due=quiet or _next(town.policy.channels.digest_hours, wall(now, town.zone_info)),
        channels=() if quiet else tuple(row.channel for row in rows),
        mode=alert.mode,
    )


def _with(held: Held, item: Item) -> Held:
    items = (*held.items, item)
    return Held(items[-MOST:], held.more + max(0, len(items) - MOST))


# --- the digest -------------------------------------------------------------------------------------


def is_due(held: Held, now: Millis, zone: tzinfo) -> bool:
    return any(_has_come(item, now, zone) for item in held.items)


def tell(
    town: Town,
    person: Person | None,
    held: Held,
    spent: Mapping[str, Spent],
    *,
    now: Millis,
    live: bool,
) -> tuple[Held, list[Notification]]:
    """What is due, in one message of each mode, and what waits on. Nobody is told who has left the config."""
    if person is None:
        return NOTHING, []
    ready = [item for item in held.items if _has_come(item, now, town.zone_info)]
    rest = tuple(item for item in held.items if item not in ready)
    told: list[Notification] = []
    for index in _channels(town, person, ready, spent, now):
        mine = [item for item in ready if not item.channels or index in item.channels]
        for mode in Mode:
            if items := [item for item in mine if item.mode is mode]:
                told += _message(town, person, index, items, more=held.more, now=now, live=live)
    return Held(rest), told


def _has_come(item: Item, now: Millis, zone: tzinfo) -> bool:
    local = wall(now, zone)
    return item.due <= _minute(local) or item.due > _minute(local + LONGEST)


def _channels(
    town: Town, person: Person, items: Sequence[Item], spent: Mapping[str, Spent], now: Millis
) -> list[int]:
    """Those that have more left than their reserve; where there is none, those that did not carry it."""
    every = range(len(person.channels))
    kinds = [channel.kind for channel in person.channels]
    zone = town.zone_info
    carry = [n for n in every if not budget.saves(town.policy, kinds[n], spent, now, zone)]
    if town.policy.channels.below_danger == "first":
        carry = carry[:1]
    needed = {n for item in items for n in item.channels if n < len(kinds)}
    return sorted(needed.union(carry) if needed else carry or every[:1])


def _message(
    town: Town,
    person: Person,
    channel: int,
    items: Sequence[Item],
    *,
    more: int,
    now: Millis,
    live: bool,
) -> Iterable[Notification]:
    severity = Severity(max(item.severity for item in items))
    telling = Telling(TEMPLATE, Reason.REPORTED, severity, keep_for=KEEP_FOR)
    mode = items[0].mode
    id = "digest-" + notification_id(person.id, mode, items[0].due, items[0].at)
    return on_every_channel(
        person,
        telling,
        _fields(town, items, more, now),
        now,
        alert_id=id,
        event_id=id,
        event_received_at=now,
        mode=mode,
        live=live,
        only=(channel,),
    )


def _fields(town: Town, items: Sequence[Item], more: int, now: Millis) -> dict[str, Any]:
    """The gravest come first, and of these the newest."""
    zone, named = town.zone_info, words()["news"]
    ordered = sorted(items, key=lambda item: (-item.severity, -item.at))
    kinds: dict[str, int] = {}
    for item in ordered:
        kinds[item.news] = kinds.get(item.news, 0) + 1
    return {
        "time": wording.format_time(now, now, zone),
        "held": len(items) + more,
        "kinds": [f"{named[news][0]}{number}" for news, number in kinds.items()],
        "kinds_en": [f"{named[news][1]} {number}" for news, number in kinds.items()],
        "listed": [f"{wording.format_time(item.at, now, zone)} {item.title}" for item in ordered],
        "hub_url": town.site.hub_url,
        "contact": town.site.contact,
    }
