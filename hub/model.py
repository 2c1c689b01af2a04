"""The words of the hub as frozen values. All times are UTC epoch milliseconds, all durations milliseconds."""

from enum import IntEnum, StrEnum
from typing import Any

from msgspec import Struct

from devices.frame import Measure, Millis, Signal


class Flag(IntEnum):
    """QARTOD flag of a reading (Manual for Real-Time QC of Water Level Data v2.1, 2021)."""

    PASS = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


class Mode(StrEnum):
    """通常・訓練・試験, as CAP's status."""

    ACTUAL = "actual"
    EXERCISE = "exercise"
    TEST = "test"


class Freshness(IntEnum):
    """How far a report may be taken for the present."""

    LIVE = 0
    """Happened within the last moments: may sound a siren."""
    DELAYED = 1
    """Late, but still news: may open an alert, never sounds a siren."""
    LATE = 2
    """History: stored, may amend what is open, tells nobody and clears nothing."""
    RETAINED = 3
    """The broker's memory, handed over at subscription: a state, never an event."""
    STORED = 4
    """From the device's own memory: history, as LATE."""


class Severity(IntEnum):
    """The fixed ladder of urgency words: お知らせ < 注意 < 警戒 < 危険 < 命の危険."""

    NOTICE = 0
    CAUTION = 1
    WARNING = 2
    DANGER = 3
    LIFE = 4


class Message(Struct, frozen=True):
    """Topic, payload and receive time, as it came."""

    topic: str
    payload: bytes
    received_at: Millis
    retain: bool = False
    dup: bool = False
    """The broker says that it may have delivered this before."""


class Uplink(Struct, frozen=True):
    """One message, decoded: what one device says.

    `at` is the device's own time, None where it sent none. `identity` is what makes the message one of
    its kind (frame counter, packet id, own time), empty where nothing does.
    """

    device: str
    at: Millis | None = None
    identity: str = ""
    measures: tuple[Measure, ...] = ()
    signals: tuple[Signal, ...] = ()
    seq: int | None = None
    gateway: str = ""
    rssi_dbm: float | None = None


class Reading(Struct, frozen=True):
    """One measured quantity of one device at one time. `tests` names the quality tests it did not pass."""

    device: str
    quantity: str
    at: Millis
    value: float | None
    flag: Flag
    received_at: Millis
    tests: tuple[str, ...] = ()
    freshness: Freshness = Freshness.LIVE


class EventKind(StrEnum):
    """Something that happened, as the detectors see it."""

    ANIMAL_SUSPECT = "animal_suspect"
    """One uncertain sign: stored, told to nobody."""
    ANIMAL_SEEN = "animal_seen"
    """A confirmed visit begins."""
    ANIMAL_MOVED = "animal_moved"
    """The visit goes on: another sighting. `zones_added` is set where it reached new ground."""
    ANIMAL_GONE = "animal_gone"
    """Quiet for the set time."""
    TRAP_SPRUNG = "trap_sprung"
    TRAP_SILENT = "trap_silent"
    """Sprung, and its sensor has fallen silent since."""
    TRAP_RESET = "trap_reset"
    """A person says that the trap is set again or taken out of use."""
    LEVEL_UP = "level_up"
    LEVEL_DOWN = "level_down"
    LEVEL_CLEAR = "level_clear"
    LEVEL_UNVERIFIED = "level_unverified"
    """A change that may be a flood or a fault: 要確認, for officials."""
    LEVEL_VERIFIED = "level_verified"
    """The doubt is over."""
    DEBRIS_FLOW = "debris_flow"
    DEBRIS_CONFIRMED = "debris_confirmed"
    """A second sensor or the rain agrees with an unconfirmed debris flow."""
    DEBRIS_CANCEL = "debris_cancel"
    """A person says that there is none; `detail` is the cause."""
    SLOPE_MOVED = "slope_moved"
    """Tilt or vibration alone: officials look."""
    DEVICE_SILENT = "device_silent"
    DEVICE_BACK = "device_back"
    GATEWAY_SILENT = "gateway_silent"
    GATEWAY_BACK = "gateway_back"
    BATTERY_LOW = "battery_low"
    BATTERY_OK = "battery_ok"
    BABBLING = "babbling"
    BABBLING_OVER = "babbling_over"
    CLOCK_WRONG = "clock_wrong"
    """A device's clock is off by `window`; `detail` is behind or ahead."""
    CLOCK_RIGHT = "clock_right"
    HUB_TROUBLE = "hub_trouble"
    """Something is wrong with the hub itself; `incident` says what: hub/disk, hub/channel/mail."""
    HUB_WELL = "hub_well"
    DEVICE_FLAPPING = "device_flapping"
    """One thing of a device goes and comes again and again: told in place of each going and coming."""
    DEVICE_STEADY = "device_steady"
    MESSAGES_MISSED = "messages_missed"
    """What the broker has lost while the hub was away: `count` messages of `devices`."""


class Event(Struct, frozen=True):
    """What happened, where and when. `incident` names the one alert which it opens, changes or closes."""

    id: str
    kind: EventKind
    incident: str
    device: str
    at: Millis
    received_at: Millis
    freshness: Freshness = Freshness.LIVE
    lat: float | None = None
    lon: float | None = None
    species: str = ""
    confidence: float | None = None
    count: int = 0
    level: str = ""
    """Threshold key: standby, caution, evac_judge, danger, overflow."""
    value: float | None = None
    """The measured value behind the event, in the unit of its kind (level m, battery V)."""
    change: float | None = None
    window: Millis = 0
    """`change` happened within `window`."""
    trend: str = ""
    """rising, falling or steady."""
    confirmed: bool = True
    devices: tuple[str, ...] = ()
    """The path of an animal, the children of a gateway, the sensors that agree."""
    detail: str = ""


class AlertState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


class Alert(Struct, frozen=True):
    """One incident at one place, with severity and a life."""

    id: str
    incident: str
    kind: str
    severity: Severity
    device: str
    opened_at: Millis
    updated_at: Millis
    lat: float | None
    lon: float | None
    place: str
    place_en: str
    zones: tuple[str, ...] = ()
    state: AlertState = AlertState.OPEN
    closed_at: Millis | None = None
    mode: Mode = Mode.ACTUAL
    level: str = ""
    species: str = ""
    count: int = 0
    devices: tuple[str, ...] = ()
    confirmed: bool = True
    told: dict[str, int] = {}
    """Person id -> the highest severity told to that person."""
    last_told_at: Millis | None = None
    held: int = 0
    """Updates that were not told because of the cooldown."""
    peak: Severity = Severity.NOTICE
    """The highest severity of its life."""


class Reason(StrEnum):
    """Why a notification was sent."""

    OPENED = "opened"
    ESCALATED = "escalated"
    SPREAD = "spread"
    UPDATED = "updated"
    FALLING = "falling"
    CLEARED = "cleared"
    CANCELLED = "cancelled"
    UNVERIFIED = "unverified"
    REPEATED = "repeated"
    REPORTED = "reported"
    """Told at its hour and without cause: the morning's report, the monthly test."""
    SUMMARY = "summary"
    """What was held in a storm, as one count."""


class Status(StrEnum):
    """Where a notification or a command stands."""

    PENDING = "pending"
    SENT = "sent"
    TIMEOUT = "timeout"
    """Handed over without an answer: it may have arrived, and may be repeated under the same id."""
    FAILED = "failed"
    EXPIRED = "expired"
    MERGED = "merged"
    """Told within the message of another notification: `error` names it."""
    DONE = "done"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    """Decided in a replay: nothing leaves the house."""
    HELD = "held"
    """Too much at once for one person: written down, and counted in a summary."""


class Notification(Struct, frozen=True):
    """One alert told to one recipient on one channel, with the reason it was sent."""

    id: str
    alert_id: str
    recipient: str
    channel: int
    """Index of the channel in the recipient's list."""
    channel_kind: str
    """mail, ntfy, line, sms or other: what limits its text."""
    reason: Reason
    template: str
    severity: Severity
    title: str
    body: str
    created_at: Millis
    event_received_at: Millis
    expires_at: Millis
    status: Status = Status.PENDING
    attempts: int = 0
    next_at: Millis = 0
    finished_at: Millis | None = None
    error: str = ""


class Command(Struct, frozen=True):
    """What a device is told. Always with an end; never retained."""

    id: str
    device: str
    alert_id: str
    action: str
    """deter, warn or stop."""
    created_at: Millis
    until: Millis
    """The device switches off at this instant, and ignores a command that comes after it."""
    sound: bool = False
    light: bool = False
    pattern: str = ""
    reason: str = ""
    status: Status = Status.PENDING
    finished_at: Millis | None = None
    result: str = ""


class Verdict(StrEnum):
    STORED = "stored"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    SHED = "shed"
    """Over the budget of a babbling device: counted, not kept."""


class Receipt(Struct, frozen=True):
    """What became of one message. `fingerprint` is the 63-bit number by which a repeat is known."""

    message: Message
    verdict: Verdict
    device: str = ""
    fingerprint: int = 0
    reason: str = ""


class Act(Struct, frozen=True):
    """What a person did: reset a trap, cancel a debris flow, stop a siren. Who, when, from where."""

    id: int
    at: Millis
    who: str
    source: str
    """cli, web."""
    kind: str
    """trap_reset, trap_disarm, debris_cancel, close, siren_stop, exercise, test_send, test_heard."""
    target: str
    detail: str = ""


class Outcome(Struct):
    """All that one batch or one tick changed: written in one transaction."""

    receipts: list[Receipt] = []
    readings: list[Reading] = []
    events: list[Event] = []
    alerts: list[Alert] = []
    notifications: list[Notification] = []
    commands: list[Command] = []
    commands_done: list[tuple[str, str, Millis]] = []
    """(command id, result, at) as the device reported it."""
    states: dict[tuple[str, str], Any] = {}
    """(room, key) -> the state after the batch, None where it ended."""
    acts_applied: list[int] = []
    shed: dict[Millis, int] = {}
    """Receive time, to the minute, -> messages that were shed before they were read: they have no receipt."""

    def is_empty(self) -> bool:
        """Nothing to write."""
        return self == Outcome()
