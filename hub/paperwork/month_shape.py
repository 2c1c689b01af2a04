"""The shapes of a month: what the ledger says of it, and the numbers that are made of that."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from devices.frame import Millis
from hub.ledger.views.history import Delivery, Opened
from hub.model import Act, Alert, Command, Event


class Facts(Struct, frozen=True):
    """What the ledger says of a month.

    `alerts`: those open at any time in it, and any other that something in it belongs to. `season`: those of
    the twelve months up to it. `events`, `acts` (done), `deliveries`, `commands`: of the month. `labels`:
    alert id -> what people said of it. `floods`: alert id -> the events of its incident while it was open.
    `peaks`: alert id -> (m, when). `empty_days`: those on which nothing was measured. `oldest`: from when on
    the ledger has anything, None where it has nothing.
    """

    alerts: Mapping[str, Alert]
    season: Sequence[Opened]
    events: Sequence[Event]
    acts: Sequence[Act]
    labels: Mapping[str, str]
    deliveries: Sequence[Delivery]
    commands: Sequence[Command]
    floods: Mapping[str, Sequence[Event]]
    peaks: Mapping[str, tuple[float, Millis]]
    empty_days: tuple[int, ...] = ()
    oldest: Millis | None = None


class Drill(Struct, frozen=True):
    """Alerts of one kind in drills (`exercise`) or tests. `sent`: messages; `activations`: of sirens.

    `kind` is empty for the test messages, which are of no alert.
    """

    mode: str
    kind: str
    alerts: int
    sent: int
    activations: int
    first_at: Millis
    last_at: Millis


class Captured(Struct, frozen=True):
    """What one trap has caught of one species. `result`: captured, or wrong for an animal that must not be.

    `trap` is the device; `animals` were caught, by `forms` that were filled in.
    """

    trap: str
    trap_no: str
    place: str
    place_en: str
    species: str
    result: str
    animals: int
    forms: int


class SpeciesSeen(Struct, frozen=True):
    """`visits` began; `sightings` is how often it was detected in them."""

    species: str
    visits: int
    sightings: int


class PlaceHours(Struct, frozen=True):
    """Detections at one place by the hour of the day, 0 to 23, local time.

    The last row may be the sum of `places` others: then it has no name.
    """

    place: str
    place_en: str
    places: int
    hours: tuple[int, ...]
    total: int


class PlaceMonths(Struct, frozen=True):
    """Visits at one place by month; null in a month of which the ledger has nothing. See `PlaceHours`."""

    place: str
    place_en: str
    places: int
    months: tuple[int | None, ...]
    total: int


class Season(Struct, frozen=True):
    """The visits of animals in twelve months, false alarms apart. `months`: 2026-11, the oldest first."""

    months: tuple[str, ...]
    rows: tuple[PlaceMonths, ...]


class Sensor(Struct, frozen=True):
    """The alerts that one sensor opened, by what people said of them. `unlabelled`: nobody has said anything.

    `false_rate`: false among true and false, 0 to 1; null where nobody knows of any.
    """

    device: str
    name: str
    name_en: str
    alerts: int
    true: int
    false: int
    unknown: int
    unlabelled: int
    false_rate: float | None


class Passed(Struct, frozen=True):
    """A threshold that was passed for the first time in a flood. `name`: the town's own, empty where it has
    none."""

    level: str
    name: str
    name_en: str
    at: Millis


class Flood(Struct, frozen=True):
    """One alert of one gauge, open in the month. `sure`: false where it was never more than to be checked.

    `peak_m` is above the gauge's zero. `is_measured`: it is of all readings that are not suspect; else of
    those that a message told of. Null: not known.
    """

    alert: str
    device: str
    river: str
    river_en: str
    station: str
    station_en: str
    sure: bool
    opened_at: Millis
    closed_at: Millis | None
    peak_m: float | None
    peak_at: Millis | None
    is_measured: bool
    passed: tuple[Passed, ...]


class SirenMonth(Struct, frozen=True):
    """How often one siren or flash was set off, `for_people` among them, and what it said to that.

    `stopped`: by hand. `expired`: it was not reached in time. `unanswered`: whether it acted is not known.
    """

    device: str
    name: str
    name_en: str
    activations: int
    for_people: int
    stopped: int
    done: int
    refused: int
    expired: int
    unanswered: int


class Deliveries(Struct, frozen=True):
    """Messages on one kind of channel; `decided` is the sum of those below but for `late`, a part of `sent`.

    `late`: delivered a minute or more after the news had come. `merged`: told within another. `held`: in
    quiet hours or a storm. `overtaken`: a later one of its alert said what was so. `failed`: given up.
    `unanswered`: may have arrived. `waiting`: still tried. `not_sent`: any other.
    `median_ms`: from the news to the delivery, null where none was sent.
    """

    channel: str
    decided: int
    sent: int
    late: int
    merged: int
    held: int
    overtaken: int
    failed: int
    unanswered: int
    waiting: int
    not_sent: int
    median_ms: Millis | None


class Silence(Struct, frozen=True):
    """How long one device was not heard, ms, in `times` pieces; with its gateway too. Not of one never heard.

    `heard_share`: the rest of the month, or of the time since the hub knows it, 0 to 1.
    """

    device: str
    name: str
    name_en: str
    place: str
    place_en: str
    times: int
    silent_ms: Millis
    longest_ms: Millis
    heard_share: float


class Watch(Struct, frozen=True):
    """`devices`: watched now, without those in `maintenance`. `silent`: so many of them fell silent in the
    month. `never`: so many were never heard, the first of which are in `never_heard`."""

    devices: int
    maintenance: int
    silent: int
    never: int
    never_heard: tuple[str, ...]


class Month(Struct, frozen=True):
    """All of one month. `ledger_since_at`: of what was before it nothing is known. `is_over`: false while its
    numbers still grow. `empty_days`: days of the month on which nothing was measured. `alerts`: opened,
    without drills. `deterred`: alerts for which a siren or flash was set off; `returned`: animals that were
    back after that.
    """

    month: str
    since_at: Millis
    until_at: Millis
    made_at: Millis
    ledger_since_at: Millis | None
    is_over: bool
    empty_days: tuple[int, ...]
    alerts: int
    drills: tuple[Drill, ...]
    captures: tuple[Captured, ...]
    species: tuple[SpeciesSeen, ...]
    hours: tuple[PlaceHours, ...]
    season: Season
    sensors: tuple[Sensor, ...]
    floods: tuple[Flood, ...]
    sirens: tuple[SirenMonth, ...]
    deterred: int
    returned: int
    deliveries: tuple[Deliveries, ...]
    watch: Watch
    silences: tuple[Silence, ...]
