"""The round that the hub makes every second: what time alone changes."""

from msgspec.structs import replace

from devices.frame import Millis
from hub import daylight
from hub.acts import quiet
from hub.acts.doing import Doing
from hub.alerts import repeats, task_events
from hub.clock import is_sane
from hub.detect import hub as hub_itself
from hub.detect import missed, patrol, silent_devices, trap, wildlife
from hub.detect.hub import Vitals
from hub.model import Event, Outcome
from hub.pipeline import CALM, Pipeline
from hub.state import SITE
from hub.telling import budget, held, storm
from hub.watch import digest, roll_call

SAVE_EVERY: Millis = 120_000
SAVE_AFTER = 20_000
"""Signs of life are saved so often, or after so many messages: what a start after a crash must recall."""
HEALTH_LOOK: Millis = 10_000
"""How often all devices are looked over for silence."""
UNHEARD_LOOK: Millis = 60_000
"""While some device has been heard so lately, it needs no counting which should have been."""
BLIND = frozenset({"hub/broker", "hub/deaf"})
"""What is wrong with the hub where it hears no sensor."""


def tick(pipeline: Pipeline, now: Millis) -> Outcome:
    """Visits end, devices fall silent. Nothing of it while the clock is not set."""
    outcome = Outcome()
    quiet.expire(Doing(pipeline, now, outcome))
    if is_sane(now) or not pipeline.live:
        _wildlife(pipeline, now, outcome)
        _traps(pipeline, now, outcome)
        _tasks(pipeline, now, outcome)
        _repeats(pipeline, now, outcome)
        if now - pipeline.health_looked >= HEALTH_LOOK or now < pipeline.health_looked:
            pipeline.health_looked = now
            _health(pipeline, now, outcome)
            _patrol(pipeline, now, outcome)
        _missed(pipeline, now, outcome)
    _storms(pipeline, now, outcome)
    _held(pipeline, now, outcome)
    if pipeline.shut.is_due(now):
        outcome.shed = pipeline.shut.take_counts()
    put_off_for = now - pipeline.state.saved_at
    if pipeline.state.later and (not 0 <= put_off_for < SAVE_EVERY or pipeline.taken >= SAVE_AFTER):
        pipeline.save(now)
    outcome.states = pipeline.state.take_changed()
    return outcome


def _happened(pipeline: Pipeline, event: Event, now: Millis, outcome: Outcome) -> None:
    """To its alert and to people; nothing where the town has no device left."""
    if device := pipeline.device(event.device):
        pipeline.happened(pipeline.scene(device, now), event, outcome)


def _wildlife(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    before = pipeline.state.rooms["wildlife"].get(SITE)
    if before is None:
        return
    after, events = wildlife.tick(pipeline.town.policy.wildlife, before, now)
    if after is not before:
        pipeline.state.put("wildlife", SITE, after)
    for event in events:
        _happened(pipeline, event, now, outcome)


def _traps(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    for id, state in list(pipeline.state.rooms["trap"].items()):
        device = pipeline.town.devices.get(id)
        if device and device.trap:
            beat = silent_devices.heartbeat(device, pipeline.posts[id].profile, flood=False)
            change = trap.tick(pipeline.town.policy.trap, state, device, now, beat)
            pipeline.moved(pipeline.scene(device, now), "trap", id, change, outcome)


def _tasks(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    """Who is asked once more to go, and whose promise has run out."""
    town, traps = pipeline.town, pipeline.state.rooms["trap"]
    sun = daylight.Sun(town.site.lat, town.site.lon)
    for alert in [alert for alert in pipeline.state.alerts.values() if alert.task]:
        if alert.kind == "trap" and alert.device not in town.devices:
            continue
        sprung_at = traps[alert.device].since if alert.device in traps else None
        for event in task_events.tick(town.policy.trap, alert, now, sun=sun, sprung_at=sprung_at):
            _happened(pipeline, event, now, outcome)


def _repeats(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    """What goes on in danger and nobody has acknowledged. Nothing in a replay: nobody is there who could."""
    state = pipeline.state
    for event in repeats.tick(pipeline.town, state.alerts.values(), now) if pipeline.live else ():
        good = state.rooms["river"].get(event.device, CALM).good if event.level else None
        _happened(pipeline, replace(event, value=good), now, outcome)


def _patrol(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    """Which traps nobody has seen today. Nothing in a replay."""
    state = pipeline.state
    if not pipeline.live:
        return
    rounds, events = patrol.tick(pipeline.town, state.rooms["trap"], state.rooms["patrol"], state.alerts, now)
    for owner, told in rounds.items():
        state.put("patrol", owner, told)
    for event in events:
        _happened(pipeline, event, now, outcome)


def _storms(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    """What was held is summed up, by a clock that is not set too: it must come out."""
    town, storms = pipeline.town, pipeline.state.rooms["storm"]
    for id in [id for id, weather in storms.items() if storm.due(town.policy.storm, weather, now)]:
        after, summary = storm.sum_up(
            town, town.people.get(id), storms[id], now, pipeline.mode, live=pipeline.live
        )
        if storms[id].held.keys() <= budget.SAVED_ON:
            spent = pipeline.state.rooms["budget"]
            summary = list(budget.spared(town.policy, spent, summary, now, town.zone_info))
        pipeline.state.put("storm", id, after)
        pipeline.tell(summary, now, outcome)


def _held(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    """What waited for the morning or for a digest, and is due."""
    town, rooms = pipeline.town, pipeline.state.rooms
    zone = town.zone_info
    for id in sorted(id for id, waiting in rooms["held"].items() if held.is_due(waiting, now, zone)):
        rest, told = held.tell(
            town,
            town.people.get(id),
            rooms["held"][id],
            rooms["budget"],
            now=now,
            live=pipeline.live,
        )
        if rest.items:
            pipeline.state.put("held", id, rest)
        else:
            pipeline.state.drop("held", id)
        pipeline.tell(told, now, outcome)


def _health(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    rooms = pipeline.state.rooms

    def flooded(device: str) -> str:
        """The level in force at a gauge that stands above caution, else nothing."""
        state = rooms["river"].get(device, CALM)
        return state.highest if state.above_caution else ""

    states, events = silent_devices.tick(
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


def _missed(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    """Once after the broker was away: which messages never came."""
    state, town = pipeline.state, pipeline.town
    away: missed.Away | None = state.rooms["away"].get(SITE)
    if away is None:
        return
    unheard = missed.unheard(away, state.rooms["health"])
    if not missed.is_due(town.policy.health, away, now, unheard):
        return
    missing = {id: found.count for id, found in state.rooms["missed"].items() if found.count}
    for id in list(state.rooms["missed"]):
        state.drop("missed", id)
    state.drop("away", SITE)
    if event := missed.summary(town.site.id, away, missing, unheard, now):
        pipeline.happened(pipeline.scene(town.own_device, now), event, outcome)


# --- the hub itself ---------------------------------------------------------------------------------


def look_inward(pipeline: Pipeline, vitals: Vitals, now: Millis, day: digest.Day | None = None) -> Outcome:
    """What is wrong with the hub itself, the monthly test and the morning's report. Nothing in a replay.

    `day` is what the ledger says of the last 24 hours, where a report is due.
    """
    outcome = Outcome()
    if pipeline.live:
        _worries(pipeline, vitals, now, outcome)
        if is_sane(now):
            _roll_call(pipeline, now, outcome)
            _morning(pipeline, vitals, day, now, outcome)
    outcome.states = pipeline.state.take_changed()
    return outcome


def _worries(pipeline: Pipeline, vitals: Vitals, now: Millis, outcome: Outcome) -> None:
    policy, rooms = pipeline.town.policy, pipeline.state.rooms
    if vitals.unheard_for is None or vitals.unheard_for >= UNHEARD_LOOK:
        vitals = replace(vitals, beat=_beat(pipeline))
    worries, events = hub_itself.judge(policy.hub, policy.health.missed, rooms["hub"], vitals, now)
    told = {event.incident.removeprefix("hub/") for event in events}
    for what, worry in worries.items():
        (pipeline.state.put if what in told else pipeline.state.put_off)("hub", what, worry)
    for event in events:
        unwatched = _high_rivers(pipeline) if event.incident in BLIND else ()
        scene = pipeline.scene(pipeline.town.own_device, now)
        pipeline.happened(scene, replace(event, devices=unwatched), outcome)


def _high_rivers(pipeline: Pipeline) -> tuple[str, ...]:
    return tuple(id for id, state in pipeline.state.rooms["river"].items() if state.above_caution)


def _beat(pipeline: Pipeline) -> Millis:
    """Within this time two of the devices that have ever spoken are to speak again; 0 where nobody can say.

    Two, as one alone that falls silent is told of for itself.
    """
    known = pipeline.state.rooms["health"]
    beats = sorted(
        beat
        for id, post in pipeline.posts.items()
        if id in known and known[id].last_seen and not post.device.maintenance
        if (beat := silent_devices.heartbeat(post.device, post.profile, flood=False))
    )
    return beats[1] if len(beats) > 1 else 0


def _roll_call(pipeline: Pipeline, now: Millis, outcome: Outcome) -> None:
    town, state = pipeline.town, pipeline.state.rooms["roll_call"].get(SITE)
    if begun := roll_call.begin(town.policy.hub, state, now, town.zone_info):
        pipeline.state.put("roll_call", SITE, begun)
    elif roll_call.is_due(town.policy.hub, state, pipeline.state.alerts.values(), now, town.zone_info):
        called, told = roll_call.call(town, now, links=pipeline.links)
        pipeline.state.put("roll_call", SITE, called)
        pipeline.tell(told, now, outcome)


def _morning(
    pipeline: Pipeline, vitals: Vitals, day: digest.Day | None, now: Millis, outcome: Outcome
) -> None:
    town, rooms = pipeline.town, pipeline.state.rooms
    policy = town.policy.hub
    state: digest.Morning | None = rooms["digest"].get(SITE)
    if begun := digest.begin(policy, state, now, town.zone_info):
        pipeline.state.put("digest", SITE, begun)
    elif state and day and digest.is_due(policy, state, now, town.zone_info):
        called: roll_call.RollCall | None = rooms["roll_call"].get(SITE)
        unheard = tuple(p for p in roll_call.overdue(policy, called, now) if p in town.people)
        morning, told = digest.report(
            town,
            state,
            rooms["health"],
            vitals,
            day=day,
            unheard=unheard,
            now=now,
            links=pipeline.links,
            left=budget.left(town, rooms["budget"], now),
        )
        pipeline.state.put("digest", SITE, morning)
        if called and unheard:
            pipeline.state.put("roll_call", SITE, replace(called, reported=True))
        pipeline.tell(told, now, outcome)
