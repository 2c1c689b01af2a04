"""What people do at traps."""

from hub.acts.doing import Doing
from hub.detect import trap
from hub.detect.patrol import done_event, incident_of, missing
from hub.model import Act


def set_or_disarm(doing: Doing, act: Act) -> None:
    """`trap_reset`, `trap_disarm`: the target is the trap's device."""
    pipeline = doing.pipeline
    device = pipeline.town.devices.get(act.target)
    if device and device.trap:
        before = pipeline.state.rooms["trap"].get(act.target, trap.TrapState())
        done = trap.act(before, device, act, doing.now)
        pipeline.moved(pipeline.scene(device, doing.now), "trap", act.target, done, doing.outcome)
        round_done(doing, act.target)


def seen(doing: Doing, act: Act) -> None:
    """`seen`: the daily round. The target is the trap's device."""
    was_there(doing, act, act.target)


def was_there(doing: Doing, act: Act, id: str) -> None:
    state, device = doing.pipeline.state, doing.pipeline.town.devices.get(id)
    if device and device.trap:
        state.put("trap", id, trap.seen(state.rooms["trap"].get(id, trap.TrapState()), act.at))
        round_done(doing, device.trap.owner)


def round_done(doing: Doing, owner: str) -> None:
    """Whether the owner has now seen all traps of the day: what was missed is over."""
    pipeline = doing.pipeline
    alert = pipeline.state.alerts.get(incident_of(owner))
    if alert and not missing(pipeline.town, pipeline.state.rooms["trap"], doing.now).get(owner):
        doing.happened(done_event(alert, doing.now))
