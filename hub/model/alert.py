"""One incident at one place, and the task that it is for somebody."""

from enum import IntEnum, StrEnum

from msgspec import Struct

from devices.frame import Millis


class Mode(StrEnum):
    """通常・訓練・試験, as CAP's status."""

    ACTUAL = "actual"
    EXERCISE = "exercise"
    TEST = "test"


class Severity(IntEnum):
    """The fixed ladder of urgency words: お知らせ < 注意 < 警戒 < 危険 < 命の危険."""

    NOTICE = 0
    CAUTION = 1
    WARNING = 2
    DANGER = 3
    LIFE = 4


class AlertState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    """Nobody has taken it."""
    TAKEN = "taken"
    ON_SITE = "on_site"
    DONE = "done"
    """Dealt with; its trap is not yet set again."""


class Task(Struct, frozen=True, omit_defaults=True):
    """What somebody must go and see to.

    `who` has taken it, person id or name as given; `others` go too. `since` is when the stage began, `eta`
    when `who` means to arrive. Reminders count from `waiting_since`; `reminded` is how many there were.
    """

    stage: Stage = Stage.WAITING
    who: str = ""
    others: tuple[str, ...] = ()
    since: Millis = 0
    eta: Millis | None = None
    waiting_since: Millis = 0
    reminded: int = 0
    result: str = ""
    """captured, empty, wrong, escaped."""
    quiet_told: bool = False
    """It was said that nothing is heard of who is there."""


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
    task: Task | None = None
    """None: nobody need go there."""
    acknowledged: dict[str, Millis] = {}
    """Who has seen it as it is now, and when."""
    worse_at: Millis | None = None
    """When it last grew worse; None: it is as it began."""
    repeats: int = 0
    """How often it was told again while it went on."""
    label: str = ""
    """What a person said that it was: true, false or unknown."""
    cause: str = ""
    """Of one that was cancelled: what it was."""
    deterred: bool = False
    """A siren or flash was set off for it."""
