"""What people do: reset a trap, cancel a debris flow, stop a siren, close an alert."""

from collections.abc import Iterable

from msgspec.structs import replace

from devices.frame import Millis
from hub import deterrent
from hub.detect import slope, trap
from hub.detect.hub import Worry
from hub.model import Act, AlertState, Outcome
from hub.pipeline import SITE, Pipeline
from hub.watch import roll_call


def apply(pipeline: Pipeline, acts: Iterable[Act], now: Millis) -> Outcome:
    """What people did. An act that fits nothing is written down as applied and changes nothing."""
    outcome = Outcome()
    for act in acts:
        _apply(pipeline, act, now, outcome)
        outcome.acts_applied.append(act.id)
    outcome.states = pipeline.state.take_changed()
    return outcome


def _apply(pipeline: Pipeline, act: Act, now: Millis, outcome: Outcome) -> None:
    if act.kind in ("trap_reset", "trap_disarm"):
        device = pipeline.town.devices.get(act.target)
        if device and device.trap:
            before = pipeline.state.rooms["trap"].get(act.target, trap.TrapState())
            done = trap.act(before, device, act, now)
            pipeline.moved(pipeline.scene(device, now), "trap", act.target, done, outcome)
    elif act.kind == "debris_cancel" and act.target in pipeline.state.rooms["slope"]:
        before = pipeline.state.rooms["slope"][act.target]
        if device := pipeline.device(before.device):
            change = slope.act(before, act, now)
            pipeline.moved(pipeline.scene(device, now), "slope", act.target, change, outcome)
    elif act.kind == "siren_stop":
        states, commands = deterrent.stop(pipeline.town, pipeline.state.rooms["deterrent"], act, now)
        for siren, state in states.items():
            pipeline.state.put("deterrent", siren, state)
        outcome.commands += commands
    elif act.kind == "close":
        _close(pipeline, act, now, outcome)
    elif act.kind == "test_send":
        called, told = roll_call.call(pipeline.town, now, live=pipeline.live)
        pipeline.state.put("roll_call", SITE, called)
        outcome.notifications += told
    elif act.kind == "test_heard" and SITE in pipeline.state.rooms["roll_call"]:
        asked = pipeline.state.rooms["roll_call"][SITE]
        pipeline.state.put("roll_call", SITE, roll_call.answered(asked, act.target, act.at))


def _close(pipeline: Pipeline, act: Act, now: Millis, outcome: Outcome) -> None:
    """A person ends an alert by its id. The room that holds it open is told too: it would go on there.

    A trap is reset by it. What is still there, or comes again, opens a new alert.
    """
    alert = next((a for a in pipeline.state.alerts.values() if a.id == act.target), None)
    if alert is None:
        return
    rooms, (room, _, key) = pipeline.state.rooms, alert.incident.partition("/")
    if room == "trap":
        _apply(pipeline, replace(act, kind="trap_reset", target=key), now, outcome)
    elif room == "slope" and key in rooms["slope"]:
        pipeline.state.put("slope", key, slope.act(rooms["slope"][key], act, now)[0])
    elif room == "animal" and SITE in rooms["wildlife"]:
        visits = rooms["wildlife"][SITE]
        others = tuple(i for i in visits.incidents if i.id != alert.incident)
        pipeline.state.put("wildlife", SITE, replace(visits, incidents=others))
    elif room == "hub":
        pipeline.state.put("hub", alert.incident.removeprefix("hub/"), Worry())
    if alert.incident in pipeline.state.alerts:
        closed = replace(alert, state=AlertState.RESOLVED, closed_at=act.at, updated_at=now)
        pipeline.state.put_alert(closed)
        outcome.alerts.append(closed)
