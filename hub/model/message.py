"""What the hub hears: messages, and the readings in them."""

from enum import IntEnum, StrEnum

from msgspec import Struct

from devices.frame import Measure, Millis, Signal


class Flag(IntEnum):
    """QARTOD flag of a reading (Manual for Real-Time QC of Water Level Data v2.1, 2021)."""

    PASS = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


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
