"""What `naruko status` finds: the hub, its town and its stores at one look. Pure.

`report` makes of what was read what is said and what a person is to see to. `hub.cli.screen` writes it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.policy import HubPolicy
from hub.config.town import Town
from hub.ledger.gauges import Gauges
from hub.ledger.nightly import Done
from hub.model import Alert as OpenAlert
from hub.model import Mode, Severity, Stage
from hub.telling.silences import holding

MB = 1_000_000
OVERDUE: Millis = 36 * 3_600_000
"""A backup is made every night: one was missed."""
FIRST_BACKUP: Millis = 3_600_000
"""A new hub has made one by then."""
HubState = Literal["ready", "runs", "not_ready", "no_answer", "stopped", "no_ledger"]
"""`runs`: a process holds the ledger, and has no page to be asked at. `no_answer`: its page is silent."""
Reason = Literal["broker", "stands_still", "no_commit", "clock", "other"]
Need = Literal[
    "hub", "broker", "alerts", "silent", "battery", "outbox", "trouble", "ledger", "influx", "backup"
]
REASONS: tuple[tuple[str, Reason], ...] = (
    ("the broker", "broker"),
    ("no round", "stands_still"),
    ("no commit", "no_commit"),
    ("the clock", "clock"),
)
"""How the lines of `/readyz` begin."""


class Process(Struct, frozen=True, kw_only=True):
    """The hub. `since_at`: its start; `written_at`: when its ledger was last written."""

    state: HubState
    pid: int | None = None
    since_at: Millis | None = None
    written_at: Millis | None = None
    reasons: tuple[Reason, ...] = ()


class Broker(Struct, frozen=True, kw_only=True):
    """`connected` null: nobody says. `heard_at`: the newest message."""

    where: str
    connected: bool | None = None
    heard_at: Millis | None = None


class Alert(Struct, frozen=True, kw_only=True):
    """`severity` 0 to 4. `waiting`: somebody must go there, and nobody has said so yet."""

    id: str
    kind: str
    severity: int
    mode: str
    device: str
    place: str
    place_en: str
    opened_at: Millis
    waiting: bool
    acknowledged: bool


class Device(Struct, frozen=True):
    id: str
    name: str
    name_en: str
    seen_at: Millis | None = None
    """Its last sign of life; null: none yet."""


class Devices(Struct, frozen=True):
    count: int
    silent: tuple[Device, ...]
    battery_low: tuple[Device, ...]


class Outbox(Struct, frozen=True):
    """Notifications that wait, of the oldest 2,000."""

    waiting: int
    oldest_at: Millis | None
    channels: dict[str, int]


class Trouble(Struct, frozen=True):
    """`what` as the hub's own alerts name it: disk, memory, channel/mail, ..."""

    what: str
    since_at: Millis


class Siren(Struct, frozen=True):
    id: str
    name: str
    name_en: str
    until_at: Millis


class Quiet(Struct, frozen=True):
    """A silence, work on a device or a drill that goes on."""

    what: Literal["silence", "maintenance", "drill"]
    target: str
    until_at: Millis


class Store(Struct, frozen=True):
    """The ledger. Bytes; `disk_free` null: not known."""

    path: str
    size: int
    limit: int
    disk_free: int | None


class Influx(Struct, frozen=True):
    """`behind`: no more readings than so many wait. `oldest_at`: when the first of them came."""

    behind: int
    oldest_at: Millis | None


class Backup(Struct, frozen=True):
    """`good_at` null: there is none. `failed_at`: the newest attempt went wrong."""

    good_at: Millis | None
    failed_at: Millis | None


class Report(Struct, frozen=True, kw_only=True):
    """What `--json` writes. Times are epoch ms UTC. `needs` is empty where all is well."""

    version: int = 1
    site: str
    name: str
    name_en: str
    now: Millis
    needs: tuple[Need, ...]
    hub: Process
    broker: Broker
    alerts: tuple[Alert, ...] = ()
    sirens: tuple[Siren, ...] = ()
    devices: Devices | None = None
    outbox: Outbox | None = None
    troubles: tuple[Trouble, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    ledger: Store | None = None
    influx: Influx | None = None
    backup: Backup | None = None


class Answer(Struct, frozen=True):
    """What the hub's page `/readyz` said. `reached` False: nothing."""

    reached: bool
    ready: bool = False
    lines: tuple[str, ...] = ()


class Seen(Struct, frozen=True, kw_only=True):
    """What was read of a ledger that there is. `answer` None: the hub has no page, or does not run.

    `size` in bytes with its log; `rooms` as `hub.state` has them.
    """

    now: Millis
    pid: int | None
    since_at: Millis | None
    written_at: Millis | None
    answer: Answer | None
    alerts: tuple[OpenAlert, ...]
    rooms: Mapping[str, Mapping[str, Any]]
    gauges: Gauges
    size: int
    disk_free: int | None
    backup: Done


def nothing(town: Town, now: Millis) -> Report:
    """Of a town without a ledger."""
    return Report(
        site=town.site.id,
        name=town.site.name,
        name_en=town.site.name_en,
        now=now,
        needs=("hub",),
        hub=Process(state="no_ledger"),
        broker=Broker(where=_where(town)),
    )


def report(town: Town, seen: Seen) -> Report:
    """How it is, and what a person is to see to."""
    settings = town.hub.ledger
    found = replace(
        nothing(town, seen.now),
        hub=_process(seen),
        broker=_broker(town, seen),
        alerts=tuple(map(_alert, sorted(seen.alerts, key=lambda a: (-a.severity, a.opened_at)))),
        sirens=tuple(_sirens(town, seen)),
        devices=_devices(town, seen),
        outbox=_outbox(seen.gauges),
        troubles=tuple(_troubles(seen)),
        quiet=tuple(_quiet(seen)),
        ledger=Store(str(settings.path), seen.size, settings.limit_mb * 1024 * 1024, seen.disk_free),
        influx=_influx(town, seen.gauges),
        backup=_backup(seen.backup),
    )
    return replace(found, needs=tuple(_needs(town.policy.hub, found)))


def reason_of(line: str) -> Reason:
    """Of one line of `/readyz`."""
    return next((reason for beginning, reason in REASONS if line.startswith(beginning)), "other")


# --- what was read ----------------------------------------------------------------------------------


def _process(seen: Seen) -> Process:
    state: HubState = "stopped"
    if seen.pid is not None:
        state = "runs"
    if seen.pid is not None and (answer := seen.answer):
        state = "ready" if answer.ready else "not_ready" if answer.reached else "no_answer"
    lines = seen.answer.lines if seen.answer and state == "not_ready" else ()
    return Process(
        state=state,
        pid=seen.pid,
        since_at=seen.since_at if seen.pid is not None else None,
        written_at=seen.written_at,
        reasons=tuple(dict.fromkeys(map(reason_of, lines))),
    )


def _broker(town: Town, seen: Seen) -> Broker:
    """By the hub's own word, else by what it has noted; never guessed."""
    connected = None
    if seen.pid is not None:
        if seen.answer and seen.answer.reached:
            connected = "broker" not in map(reason_of, seen.answer.lines)
        elif (worry := seen.rooms["hub"].get("broker")) and worry.since:
            connected = False
    return Broker(where=_where(town), connected=connected, heard_at=seen.gauges.newest_message)


def _where(town: Town) -> str:
    return f"{town.hub.mqtt.host}:{town.hub.mqtt.port}"


def _alert(alert: OpenAlert) -> Alert:
    return Alert(
        id=alert.id,
        kind=alert.kind,
        severity=int(alert.severity),
        mode=alert.mode.value,
        device=alert.device,
        place=alert.place,
        place_en=alert.place_en,
        opened_at=alert.opened_at,
        waiting=alert.task is not None and alert.task.stage is Stage.WAITING,
        acknowledged=bool(alert.acknowledged),
    )


def _sirens(town: Town, seen: Seen) -> Iterator[Siren]:
    """Told to sound, not at their end, and not yet done by their own word."""
    for id, state in sorted(seen.rooms["deterrent"].items()):
        if (
            state.action != "stop"
            and state.until > seen.now
            and state.finished_at is None
            and id in town.devices
        ):
            device = town.devices[id]
            yield Siren(id, device.name, device.name_en, state.until)


def _devices(town: Town, seen: Seen) -> Devices:
    """Those at which somebody works are neither silent nor low."""
    health, at_work = seen.rooms["health"], holding(seen.rooms["maintenance"], seen.now)
    silent, low = [], []
    for device in town.devices.values():
        state = health.get(device.id)
        if state is None or device.maintenance or device.id in at_work:
            continue
        if state.silent_at:
            silent.append(Device(device.id, device.name, device.name_en, state.last_seen or None))
        if state.low:
            low.append(Device(device.id, device.name, device.name_en, state.last_seen or None))
    return Devices(len(town.devices), tuple(silent), tuple(low))


def _outbox(gauges: Gauges) -> Outbox:
    waiting = gauges.waiting
    return Outbox(
        sum(one.number for one in waiting.values()),
        min((one.oldest for one in waiting.values()), default=None),
        {kind: one.number for kind, one in sorted(waiting.items())},
    )


def _troubles(seen: Seen) -> Iterator[Trouble]:
    """The broker has a place of its own."""
    for what, worry in sorted(seen.rooms["hub"].items()):
        if worry.since and what != "broker":
            yield Trouble(what, worry.since)


def _quiet(seen: Seen) -> Iterator[Quiet]:
    for target in sorted(holding(seen.rooms["silence"], seen.now)):
        period = seen.rooms["silence"][target]
        yield Quiet("silence", target, period.since + period.lasts)
    for target in sorted(holding(seen.rooms["maintenance"], seen.now)):
        period = seen.rooms["maintenance"][target]
        yield Quiet("maintenance", target, period.since + period.lasts)
    for drill in seen.rooms["drill"].values():
        if not drill.is_over(seen.now):
            yield Quiet("drill", drill.name or " ".join(drill.targets), drill.since + drill.lasts)


def _influx(town: Town, gauges: Gauges) -> Influx | None:
    if town.hub.influx is None:
        return None
    return Influx(gauges.readings_behind, gauges.oldest_behind)


def _backup(done: Done) -> Backup:
    return Backup(done.good_at or None, done.at if done.at and not done.ok else None)


# --- what a person is to see to ---------------------------------------------------------------------


def _needs(policy: HubPolicy, found: Report) -> Iterator[Need]:
    """Gravest first."""
    if found.hub.state not in ("ready", "runs"):
        yield "hub"
    if found.broker.connected is False:
        yield "broker"
    if any(_needs_somebody(alert) for alert in found.alerts):
        yield "alerts"
    if found.devices and found.devices.silent:
        yield "silent"
    if found.devices and found.devices.battery_low:
        yield "battery"
    if found.outbox and _is_old(found.outbox.oldest_at, policy.channel_failing, found.now):
        yield "outbox"
    if found.troubles:
        yield "trouble"
    free = found.ledger.disk_free if found.ledger else None
    if free is not None and free < policy.disk_full_mb * MB:
        yield "ledger"
    if found.influx and _is_old(found.influx.oldest_at, policy.influx_behind, found.now):
        yield "influx"
    if found.backup and _is_missed(found.backup, found.hub, found.now):
        yield "backup"


def _needs_somebody(alert: Alert) -> bool:
    """What is no exercise and more than a notice; and a notice that somebody must go and see to."""
    return alert.mode == Mode.ACTUAL and (alert.severity >= Severity.CAUTION or alert.waiting)


def _is_old(at: Millis | None, limit: Millis, now: Millis) -> bool:
    return at is not None and is_sane(at) and is_sane(now) and now - at >= limit


def _is_missed(backup: Backup, hub: Process, now: Millis) -> bool:
    if backup.failed_at is not None:
        return True
    if backup.good_at is None:
        return _is_old(hub.since_at, FIRST_BACKUP, now)
    return _is_old(backup.good_at, OVERDUE, now)
