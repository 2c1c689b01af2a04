"""What one payload says: the vocabulary shared by the decoders and the hub."""

from msgspec import Struct

Millis = int
"""UTC epoch milliseconds for an instant, milliseconds for a duration."""


class BadFrameError(ValueError):
    """The payload is not what its device sends; the text says why, for the quarantine."""


STATES: dict[str, tuple[str, ...]] = {
    "animal": ("",),
    "motion": ("on", "off"),
    "trap": ("sprung", "armed"),
    "contact": ("open", "closed"),
    "wire": ("cut", "ok"),
    "vibration": ("on", "off"),
    "tilt": ("on", "off"),
    "status": ("online", "offline"),
    "done": ("done", "refused", "expired"),
}
"""Type of signal -> the states it may have. The first is what the type itself says: it happened."""


class Measure(Struct, frozen=True):
    """One quantity as the device states it, before any judgement.

    `quantity` carries its unit as suffix (`distance_m`, `battery_v`). `value` is None where the device
    says that it has none, and `why` then holds the reason. `at` is set only for a value which the device
    stored earlier and delivers now: such a value is history, never the present state.
    """

    quantity: str
    value: float | None
    at: Millis | None = None
    why: str = ""


class Signal(Struct, frozen=True):
    """Something the device says has happened or a state it reports.

    `type` and the `state` it may have:
    `animal` (species, confidence, count), `motion` (`on`/`off`), `trap` (`sprung`/`armed`),
    `contact` (`open`/`closed`; what that means for a trap or a wire is the device's config),
    `wire` (`cut`/`ok`), `vibration` (`on`/`off`), `tilt` (`on`/`off`), `status` (`online`/`offline`),
    `done` (`command` is the id of the command, `state` the result: `done`, `refused` or `expired`).
    `key` tells apart several reports of one happening (a camera's object id). `at` as in `Measure`.
    """

    type: str
    state: str = ""
    species: str = ""
    confidence: float | None = None
    count: int = 1
    command: str = ""
    key: str = ""
    at: Millis | None = None


class Frame(Struct, frozen=True):
    """All that one payload says. Both tuples may be empty: such a frame is a sign of life.

    `at` is the device's own clock where the payload carries it: the time of all that has none of its own.
    """

    measures: tuple[Measure, ...] = ()
    signals: tuple[Signal, ...] = ()
    at: Millis | None = None
