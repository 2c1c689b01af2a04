"""The round that the hub makes every second: what time alone changes."""

from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import is_sane
from hub.detect import health, river, trap, wildlife
from hub.model import Outcome
from hub.pipeline import SITE, Pipeline

SAVE_EVERY: Millis = 120_000
SAVE_AFTER = 20_000
"""Signs of life are saved so often, or after so many messages: what a start after a crash must recall."""
HEALTH_LOOK: Millis = 10_000
"""How often all devices are looked over for silence."""
CALM = river.RiverState()


def tick(pipeline: Pipeline, now: Millis) -> Outcome:
    """Visits end, devices fall silent. Nothing of it while the clock is not set."""
    outcome = Outcome()
    if is_sane(now) or not pipeline.live:
        _wildlife(pipeline, now, outcome)
        _traps(pipeline, now, outcome)
        if now - pipeline.health_looked >= HEALTH_LOOK or now < pipeline.health_looked:
            pipeline.health_looked = now
            _health(pipeline, now, outcome)
    put_off_for = now - pipeline.state.saved_at
    if pipeline.state.later and (not 0 <= put_off_for < SAVE_EVERY or pipeline.taken >= SAVE_AFTER):
        pipeline.save(now)
    outcome.states = pipeline.state.take_changed()
    return outcome


def _wildlife(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    before = pipeline.state.rooms["wildlife"].get(SITE)
    if before is None:
        return
    after, events = wildlife.tick(pipeline.town.policy.wildlife, before, now)
    if after is not before:
        pipeline.state.put("wildlife", SITE, after)
    for event in events:
        if device := pipeline.device(event.device):
            pipeline.happened(pipeline.scene(device, now), event, outcome)


def _traps(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    for id, state in list(pipeline.state.rooms["trap"].items()):
        device = pipeline.town.devices.get(id)
        if device and device.trap:
            beat = health.heartbeat(device, pipeline.posts[id].profile, flood=False)
            change = trap.tick(pipeline.town.policy.trap, state, device, now, beat)
            pipeline.moved(pipeline.scene(device, now), "trap", id, change, outcome)


def _health(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    rooms = pipeline.state.rooms

    def flooded(device: str) -> str:
        """The level in force at a gauge that stands above caution, else nothing."""
        state = rooms["river"].get(device, CALM)
        return state.highest if state.above_caution else ""

    states, events = health.tick(
        pipeline.town,
        rooms["health"],
        flooded,
        now,
        hearing_since=pipeline.hearing_since,
        replay=not pipeline.live,
    )
    for device, state in states.items():
        pipeline.state.put("health", device, state)
    for event in events:
        last = rooms["river"].get(event.device, CALM).good if event.level else event.value
        scene = pipeline.scene(pipeline.town.devices[event.device], now)
        pipeline.happened(scene, replace(event, value=last), outcome)
