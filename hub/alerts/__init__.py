"""The life of an alert: opened, changed and closed by events, and who must be told of it. Pure."""

from hub.alerts import care, device, hub, river, slope, task, trap, wildlife
from hub.alerts.life import (
    OFFICE,
    OPERATORS,
    Change,
    Handler,
    Scene,
    Telling,
    alert_id,
    end_quietly,
    ended,
)
from hub.model import Alert, Event, EventKind, Severity

__all__ = ["OFFICE", "OPERATORS", "Scene", "Telling", "alert_id", "step"]


def step(scene: Scene, alert: Alert | None, event: Event) -> Change:
    """What `event` does to the open alert of its incident (None: there is none).

    Returns the alert as it is now (None: no alert comes of it) and what must be told. The same event again
    opens nothing more, and what it tells has the same ids.
    """
    handler = HANDLERS.get(event.kind)
    return handler(scene, alert, event) if handler else (alert, [])


HANDLERS: dict[EventKind, Handler] = {
    EventKind.ANIMAL_SEEN: wildlife.animal_seen,
    EventKind.RETURNED: wildlife.animal_seen,
    EventKind.ANIMAL_MOVED: wildlife.animal_moved,
    EventKind.ANIMAL_GONE: ended("animal_closed"),
    EventKind.TRAP_SPRUNG: trap.trap_sprung,
    EventKind.TRAP_SILENT: trap.trap_silent,
    EventKind.TRAP_RESET: trap.trap_reset,
    EventKind.TASK_TAKEN: task.taken,
    EventKind.TASK_JOINED: task.joined,
    EventKind.TASK_ARRIVED: task.arrived,
    EventKind.TASK_LEFT: task.left,
    EventKind.TASK_LAPSED: task.lapsed,
    EventKind.TASK_OVERDUE: task.overdue,
    EventKind.TASK_QUIET: task.quiet,
    EventKind.TASK_DONE: task.done,
    EventKind.PATROL_MISSING: trap.patrol_missing,
    EventKind.PATROL_DONE: end_quietly,
    EventKind.LEVEL_UP: river.level_up,
    EventKind.LEVEL_DOWN: river.level_down,
    EventKind.LEVEL_CLEAR: ended("river_cleared"),
    EventKind.LEVEL_UNVERIFIED: river.level_unverified,
    EventKind.LEVEL_VERIFIED: river.level_verified,
    EventKind.DEBRIS_FLOW: slope.debris_flow,
    EventKind.DEBRIS_CONFIRMED: slope.debris_confirmed,
    EventKind.DEBRIS_CANCEL: slope.debris_cancel,
    EventKind.SLOPE_MOVED: slope.slope_moved,
    EventKind.DEVICE_SILENT: device.device_silent,
    EventKind.DEVICE_BACK: ended("sensor_back"),
    EventKind.GATEWAY_SILENT: device.faulty("gateway", "gateway_offline", Severity.WARNING),
    EventKind.GATEWAY_BACK: ended("gateway_back"),
    EventKind.BATTERY_LOW: device.faulty("battery", "battery_low", Severity.NOTICE),
    EventKind.BATTERY_OK: end_quietly,
    EventKind.BABBLING: device.faulty("babble", "babbling", Severity.CAUTION),
    EventKind.BABBLING_OVER: end_quietly,
    EventKind.CLOCK_WRONG: device.clock_wrong,
    EventKind.CLOCK_RIGHT: end_quietly,
    EventKind.HUB_TROUBLE: hub.hub_trouble,
    EventKind.HUB_WELL: ended("hub_well"),
    EventKind.DEVICE_FLAPPING: device.flapping,
    EventKind.DEVICE_STEADY: ended("device_steady"),
    EventKind.MESSAGES_MISSED: hub.messages_missed,
    EventKind.ACKNOWLEDGED: care.acknowledged,
    EventKind.REPEATED: care.repeated,
    EventKind.LABELLED: care.labelled,
    EventKind.CONFIRMED: care.confirmed,
    EventKind.CANCELLED: care.cancelled,
    EventKind.CLOSED: care.closed,
    EventKind.DRILL_OVER: ended("drill_over"),
}
