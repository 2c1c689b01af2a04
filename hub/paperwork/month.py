"""One month in numbers, as the town's office keeps them: what `tally` makes of what the ledger holds. Pure.

Drills and tests are told apart before anything is counted, and stand in `drills` alone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta, tzinfo

from devices.frame import Millis
from hub import statistics
from hub.config.town import Town
from hub.days import begins, wall
from hub.detect.health import DeviceHealth
from hub.ledger.views.history import Opened
from hub.model import Alert, Event, EventKind, Mode, Status
from hub.paperwork.captures import captures
from hub.paperwork.month_devices import (
    deliveries,
    floods,
    is_test,
    place_of,
    sensors,
    sirens,
    watched,
)
from hub.paperwork.month_shape import (
    Captured,
    Drill,
    Facts,
    Month,
    PlaceHours,
    PlaceMonths,
    Season,
    SpeciesSeen,
)

VISITS = frozenset({EventKind.ANIMAL_SEEN, EventKind.RETURNED})
SIGHTINGS = VISITS | {EventKind.ANIMAL_MOVED}
ANIMALS = frozenset({"animal", "bear"})
PLACES = 30
"""Rows of a table of places. What is beyond is one row more."""
MONTHS = 12
FOREVER: Millis = 1 << 62


def span(month: str, zone: tzinfo) -> tuple[Millis, Millis]:
    """From when to before when a month (`2026-11`) lasts, by the clock on the town's wall."""
    first = date.fromisoformat(f"{month}-01")
    return begins(first, zone), begins(_later(first, 1), zone)


def months_to(month: str) -> tuple[str, ...]:
    """The twelve months up to this one, the oldest first."""
    first = date.fromisoformat(f"{month}-01")
    return tuple(f"{_later(first, number - MONTHS + 1):%Y-%m}" for number in range(MONTHS))


def days_of(month: str, zone: tzinfo) -> list[tuple[int, Millis, Millis]]:
    """(day, begin, end) of every day."""
    day = first = date.fromisoformat(f"{month}-01")
    found = []
    while day.month == first.month:
        found.append((day.day, begins(day, zone), begins(day + timedelta(days=1), zone)))
        day += timedelta(days=1)
    return found


def overlaps(alert: Alert | Opened, since: Millis, until: Millis) -> bool:
    """Whether it was open at any time from `since` to before `until`."""
    return alert.opened_at < until and (alert.closed_at is None or alert.closed_at >= since)


def tally(town: Town, health: Mapping[str, DeviceHealth], facts: Facts, month: str, now: Millis) -> Month:
    """`health` by device, as it is now."""
    since, until = span(month, town.zone_info)
    opened = [alert for alert in facts.alerts.values() if since <= alert.opened_at < until]
    practised = _practised(facts.alerts.values())
    events = [event for event in facts.events if not _is_practised(practised, event)]
    sightings = [event for event in events if event.kind in SIGHTINGS]
    actual = [a for a in facts.alerts.values() if overlaps(a, since, until) and a.mode is Mode.ACTUAL]
    silences, watch = watched(town, health, actual, events, (since, min(until, now)))
    return Month(
        month=month,
        since_at=since,
        until_at=until,
        made_at=now,
        ledger_since_at=facts.oldest,
        is_over=now >= until,
        empty_days=facts.empty_days,
        alerts=sum(alert.mode is Mode.ACTUAL for alert in opened),
        drills=_drills(facts, opened),
        captures=_captured(town, facts),
        species=_species(sightings),
        hours=_hours(town, sightings),
        season=_season(town, facts, month),
        sensors=sensors(town, opened, facts.labels),
        floods=floods(town, actual, facts),
        sirens=sirens(town, facts),
        deterred=sum(a.deterred for a in opened if a.mode is Mode.ACTUAL),
        returned=sum(event.kind is EventKind.RETURNED for event in events),
        deliveries=deliveries(facts),
        watch=watch,
        silences=silences,
    )


# --- drills ---------------------------------------------------------------------------------------


def _practised(alerts: Iterable[Alert]) -> dict[str, list[tuple[Millis, Millis]]]:
    """Incident -> when it was a drill or a test."""
    found: dict[str, list[tuple[Millis, Millis]]] = defaultdict(list)
    for alert in alerts:
        if alert.mode is not Mode.ACTUAL:
            end = FOREVER if alert.closed_at is None else alert.closed_at
            found[alert.incident].append((alert.opened_at, end))
    return found


def _is_practised(practised: Mapping[str, list[tuple[Millis, Millis]]], event: Event) -> bool:
    return any(begin <= event.at <= end for begin, end in practised.get(event.incident, ()))


def _drills(facts: Facts, opened: Iterable[Alert]) -> tuple[Drill, ...]:
    found: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    for alert in opened:
        if alert.mode is not Mode.ACTUAL:
            found[alert.mode.value, alert.kind].append(alert)
    sent = Counter(one.alert_id for one in facts.deliveries if one.status is Status.SENT)
    sounded = Counter(one.alert_id for one in facts.commands if one.action != "stop")
    drills = [
        Drill(
            mode=mode,
            kind=kind,
            alerts=len(alerts),
            sent=sum(sent[alert.id] for alert in alerts),
            activations=sum(sounded[alert.id] for alert in alerts),
            first_at=min(alert.opened_at for alert in alerts),
            last_at=max(alert.opened_at for alert in alerts),
        )
        for (mode, kind), alerts in sorted(found.items())
    ]
    return (*drills, *_test_messages(facts))


def _test_messages(facts: Facts) -> Iterable[Drill]:
    if tests := [one for one in facts.deliveries if is_test(one)]:
        times = [one.created_at for one in tests]
        sent = sum(one.status is Status.SENT for one in tests)
        yield Drill(Mode.TEST.value, "", 0, sent, 0, min(times), max(times))


# --- animals --------------------------------------------------------------------------------------


def _captured(town: Town, facts: Facts) -> tuple[Captured, ...]:
    found: Counter[tuple[str, str, str]] = Counter()
    forms: Counter[tuple[str, str, str]] = Counter()
    for capture in captures(facts.events, facts.acts, facts.alerts):
        if capture.alert.mode is Mode.ACTUAL:
            species = capture.event.species or capture.alert.species or "unknown"
            key = capture.alert.device, species, capture.event.detail
            found[key] += max(capture.event.count, 1)
            forms[key] += 1
    rows = []
    for key in sorted(found):
        trap, species, result = key
        device = town.devices.get(trap)
        place, place_en = place_of(town, trap)
        no = device.trap.no if device and device.trap else ""
        rows.append(Captured(trap, no, place, place_en, species, result, found[key], forms[key]))
    return tuple(rows)


def _species(sightings: Iterable[Event]) -> tuple[SpeciesSeen, ...]:
    """The most frequent first."""
    all_of: Counter[str] = Counter()
    visits: Counter[str] = Counter()
    for event in sightings:
        species = event.species or "unknown"
        all_of[species] += 1
        visits[species] += event.kind in VISITS
    return tuple(SpeciesSeen(name, visits[name], number) for name, number in all_of.most_common())


def _hours(town: Town, sightings: Iterable[Event]) -> tuple[PlaceHours, ...]:
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 24)
    for event in sightings:
        found[place_of(town, event.device)][wall(event.at, town.zone_info).hour] += 1
    ordered = sorted(found.items(), key=lambda item: (-sum(item[1]), item[0]))
    rows = [PlaceHours(*place, 1, tuple(hours), sum(hours)) for place, hours in ordered[:PLACES]]
    if rest := [hours for _, hours in ordered[PLACES:]]:
        sums = tuple(sum(column) for column in zip(*rest, strict=True))
        rows.append(PlaceHours("", "", len(rest), sums, sum(sums)))
    return tuple(rows)


def _season(town: Town, facts: Facts, month: str) -> Season:
    """Visits of animals by place and month; None of a month of which the ledger has nothing."""
    zone, months = town.zone_info, months_to(month)
    columns = {name: number for number, name in enumerate(months)}
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * MONTHS)
    for alert in facts.season:
        name = f"{wall(alert.opened_at, zone):%Y-%m}"
        false = facts.labels.get(alert.id, alert.label) == statistics.FALSE
        is_visit = alert.kind in ANIMALS and alert.mode is Mode.ACTUAL and alert.state != "cancelled"
        if name in columns and is_visit and not false:
            place = place_of(town, alert.device, (alert.place, alert.place_en))
            found[place][columns[name]] += 1
    known = [facts.oldest is not None and span(name, zone)[1] > facts.oldest for name in months]
    ordered = sorted(found.items(), key=lambda item: (-sum(item[1]), item[0]))
    rows = [_months(place, 1, counts, known) for place, counts in ordered[:PLACES]]
    if rest := [counts for _, counts in ordered[PLACES:]]:
        sums = [sum(column) for column in zip(*rest, strict=True)]
        rows.append(_months(("", ""), len(rest), sums, known))
    return Season(months, tuple(rows))


def _months(place: tuple[str, str], places: int, counts: Sequence[int], known: Sequence[bool]) -> PlaceMonths:
    cells = tuple(count if count or is_known else None for count, is_known in zip(counts, known, strict=True))
    return PlaceMonths(*place, places, cells, sum(counts))


# --- days -----------------------------------------------------------------------------------------


def _later(first: date, months: int) -> date:
    """The first day of the month so many months later."""
    number = first.year * 12 + first.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
