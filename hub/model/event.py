"""What happened, as the detectors see it and as people say it."""

from enum import StrEnum

from msgspec import Struct

from devices.frame import Millis
from hub.model.message import Freshness


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
    """Something is wrong with the hub itself; `incident` says what: hub/disk, hub/channel/line."""
    HUB_WELL = "hub_well"
    DEVICE_FLAPPING = "device_flapping"
    """One thing of a device goes and comes again and again: told in place of each going and coming."""
    DEVICE_STEADY = "device_steady"
    MESSAGES_MISSED = "messages_missed"
    """What the broker has lost while the hub was away: `count` messages of `devices`."""
    TASK_TAKEN = "task_taken"
    """`who` goes, and means to be there in `window`. Of one that goes already: another time of arrival."""
    TASK_JOINED = "task_joined"
    """`who` goes too: nobody should go near a trap alone."""
    TASK_ARRIVED = "task_arrived"
    TASK_LEFT = "task_left"
    """`who` cannot go after all."""
    TASK_LAPSED = "task_lapsed"
    """Nothing was heard of who took it: nobody has it any more."""
    TASK_OVERDUE = "task_overdue"
    """For `window` nobody has taken it; `count` is the number of the reminder."""
    TASK_QUIET = "task_quiet"
    """`who` is there, and nothing was heard for `window`."""
    TASK_DONE = "task_done"
    """`detail` is the result, `level` how the trap was left: armed, disarmed or not yet."""
    ACKNOWLEDGED = "acknowledged"
    """`who` has seen it: repeats end."""
    REPEATED = "repeated"
    """It goes on and nobody has acknowledged it: told for the `count`th time, after `window`."""
    LABELLED = "labelled"
    """`who` says in `detail` what it was: true, false, unknown."""
    RETURNED = "returned"
    """An animal is back within `window` after it was driven off: the deterrent did not work."""
    PATROL_MISSING = "patrol_missing"
    """Today nobody has seen the traps `devices` of one owner."""
    PATROL_DONE = "patrol_done"
    CONFIRMED = "confirmed"
    """`who` has looked, and it is so."""
    CANCELLED = "cancelled"
    """`who` has looked, and it is nothing; `detail` is the cause."""
    CLOSED = "closed"
    """`who` has ended it by hand."""
    DRILL_OVER = "drill_over"
    """The drill that it was part of is over."""


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
    who: str = ""
    """Person id, or the name given at the command line: who did what the event says."""
