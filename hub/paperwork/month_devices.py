"""What one month says of devices, rivers, sirens and messages. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from devices.frame import Millis
from hub import statistics
from hub.config.shapes import LEVELS
from hub.config.town import Town
from hub.detect.health import DeviceHealth
from hub.ledger.views.history import Delivery
from hub.ledger.views.messages import LATE_AFTER, result_of
from hub.model import Alert, Command, Event, EventKind, Mode, Status
from hub.paperwork.month_shape import (
    Deliveries,
    Facts,
    Flood,
    Passed,
    Sensor,
    Silence,
    SirenMonth,
    Watch,
)

SILENCES = frozenset({"silent", "gateway", "unwatched"})
SILENT = frozenset({EventKind.DEVICE_SILENT, EventKind.GATEWAY_SILENT})
FLOODS = frozenset({"river", "river_unverified"})
LISTED = 40
"""Devices that are listed, the longest silent first."""
TEST = "test"
"""The template of the test message."""


def is_actual(facts: Facts, alert_id: str) -> bool:
    alert = facts.alerts.get(alert_id)
    return alert is None or alert.mode is Mode.ACTUAL


def is_test(one: Delivery) -> bool:
    """The monthly test message, or one that somebody asked for."""
    return one.template == TEST


def sensors(town: Town, opened: Iterable[Alert], labels: Mapping[str, str]) -> tuple[Sensor, ...]:
    return tuple(
        Sensor(
            row.device,
            *name_of(town, row.device),
            alerts=row.alerts,
            true=row.true,
            false=row.false,
            unknown=row.unknown,
            unlabelled=row.unlabelled,
            false_rate=row.false_rate,
        )
        for row in statistics.by_sensor(opened, labels)
    )


def floods(town: Town, watched: Iterable[Alert], facts: Facts) -> tuple[Flood, ...]:
    """In the order in which they began; also one that had begun before the month, or that was never sure."""
    rows = []
    for alert in sorted(watched, key=lambda alert: alert.opened_at):
        if alert.kind not in FLOODS:
            continue
        events = facts.floods.get(alert.id, ())
        passed: dict[str, Passed] = {}
        for event in events:
            if event.kind is EventKind.LEVEL_UP and event.level in LEVELS:
                passed.setdefault(
                    event.level, Passed(event.level, *_threshold(town, alert.device, event.level), event.at)
                )
        measured = facts.peaks.get(alert.id)
        told = [(event.value, event.at) for event in events if event.value is not None]
        peak = measured or max(told, key=lambda item: item[0], default=None)
        device = town.devices.get(alert.device)
        gauge = device.gauge if device else None
        names = (gauge.station, gauge.station_en) if gauge else (alert.place, alert.place_en)
        rivers = (gauge.river, gauge.river_en) if gauge else ("", "")
        rows.append(
            Flood(
                alert=alert.id,
                device=alert.device,
                river=rivers[0],
                river_en=rivers[1],
                station=names[0],
                station_en=names[1],
                sure=alert.kind == "river",
                opened_at=alert.opened_at,
                closed_at=alert.closed_at,
                peak_m=peak[0] if peak else None,
                peak_at=peak[1] if peak else None,
                is_measured=measured is not None,
                passed=tuple(sorted(passed.values(), key=lambda one: LEVELS.index(one.level))),
            )
        )
    return tuple(rows)


def _threshold(town: Town, device: str, level: str) -> tuple[str, str]:
    """The town's own words for a level, empty where it has none."""
    found = town.devices.get(device)
    names = found.gauge.names if found and found.gauge else {}
    own = next((said for key, said in names.items() if key == level), None)
    return (own.ja, own.en) if own else ("", "")


def sirens(town: Town, facts: Facts) -> tuple[SirenMonth, ...]:
    found: dict[str, list[Command]] = defaultdict(list)
    for command in facts.commands:
        if is_actual(facts, command.alert_id):
            found[command.device].append(command)
    rows = []
    for device in sorted(found):
        acted = [command for command in found[device] if command.action != "stop"]
        said = Counter(command.status for command in acted)
        answered = said[Status.DONE] + said[Status.REFUSED] + said[Status.EXPIRED]
        rows.append(
            SirenMonth(
                device,
                *name_of(town, device),
                activations=len(acted),
                for_people=sum(command.action == "warn" for command in acted),
                stopped=len(found[device]) - len(acted),
                done=said[Status.DONE],
                refused=said[Status.REFUSED],
                expired=said[Status.EXPIRED],
                unanswered=len(acted) - answered,
            )
        )
    return tuple(rows)


def deliveries(facts: Facts) -> tuple[Deliveries, ...]:
    by_channel: dict[str, list[Delivery]] = defaultdict(list)
    for one in facts.deliveries:
        if is_actual(facts, one.alert_id) and not is_test(one):
            by_channel[one.channel_kind].append(one)
    return tuple(_channel(kind, by_channel[kind]) for kind in sorted(by_channel))


def _channel(kind: str, rows: Sequence[Delivery]) -> Deliveries:
    took = [
        one.finished_at - one.event_received_at
        for one in rows
        if one.status is Status.SENT and one.finished_at is not None
    ]
    said = Counter(result_of(one) for one in rows)
    return Deliveries(
        channel=kind,
        decided=len(rows),
        sent=said["sent"],
        late=sum(millis >= LATE_AFTER for millis in took),
        merged=said["merged"],
        held=said["held"],
        overtaken=said["overtaken"],
        failed=said["failed"],
        unanswered=said["unsure"],
        waiting=said["waiting"],
        not_sent=said["replayed"],
        median_ms=round(median(took)) if took else None,
    )


# --- devices --------------------------------------------------------------------------------------


def watched(
    town: Town,
    health: Mapping[str, DeviceHealth],
    alerts: Iterable[Alert],
    events: Iterable[Event],
    span: tuple[Millis, Millis],
) -> tuple[tuple[Silence, ...], Watch]:
    """Who was silent for how long within `span`, but for those that were never heard at all.

    A gateway's silence is that of its devices too.
    """
    before = {(event.incident, event.at): event.window for event in events if event.kind in SILENT}
    found: dict[str, list[tuple[Millis, Millis]]] = defaultdict(list)
    for alert in alerts:
        if alert.kind in SILENCES:
            begin = alert.opened_at - before.get((alert.incident, alert.opened_at), 0)
            end = span[1] if alert.closed_at is None else alert.closed_at
            for device in {alert.device, *alert.devices} & town.devices.keys():
                found[device].append((begin, end))
    expected = [id for id, device in town.devices.items() if not device.maintenance]
    never = [id for id in expected if id not in health or not health[id].last_seen]
    rows = []
    for device, times in found.items():
        if device in never:
            continue
        known_since = health[device].known_since if device in health else 0
        known = max(span[0], min(known_since, *(begin for begin, _ in times)))
        parts = merged((max(begin, known), min(end, span[1])) for begin, end in times)
        lengths = [end - begin for begin, end in parts]
        if lengths:
            whole = max(span[1] - known, 1)
            rows.append(
                Silence(
                    device,
                    *name_of(town, device),
                    *place_of(town, device),
                    times=len(lengths),
                    silent_ms=sum(lengths),
                    longest_ms=max(lengths),
                    heard_share=1 - sum(lengths) / whole,
                )
            )
    rows.sort(key=lambda row: (-row.silent_ms, row.device))
    watch = Watch(
        devices=len(expected),
        maintenance=len(town.devices) - len(expected),
        never_heard=tuple(never[:LISTED]),
        never=len(never),
        silent=len(rows),
    )
    return tuple(rows[:LISTED]), watch


def merged(spans: Iterable[tuple[Millis, Millis]]) -> list[tuple[Millis, Millis]]:
    """The time that any of them covers, in order, without what is empty."""
    found: list[tuple[Millis, Millis]] = []
    for begin, end in sorted(spans):
        if end <= begin:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


# --- names ----------------------------------------------------------------------------------------


def name_of(town: Town, device: str) -> tuple[str, str]:
    found = town.devices.get(device)
    return (found.name, found.name_en) if found else (device, device)


def place_of(town: Town, device: str, otherwise: tuple[str, str] = ("", "")) -> tuple[str, str]:
    """Where a device stands, as people say it; of one that is gone what was known."""
    found = town.devices.get(device)
    if found:
        return found.place, found.place_en
    return otherwise if any(otherwise) else (device, device)
