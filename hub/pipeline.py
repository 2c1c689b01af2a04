"""The whole path of a message, from bytes to decisions. Pure but for the state it carries: no clock, no I/O.

Production, replay, `explain`, the demo, tests and the benchmark all run this.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from devices.frame import Millis, Signal
from hub import deterrent, quality
from hub.alerts import Scene
from hub.clock import is_sane
from hub.config.town import Town
from hub.decode import Decoder, QuarantineError, fingerprint
from hub.detect import health, missed, river, silent_devices, slope, trap, wildlife
from hub.detect.babbling import Shut
from hub.dispatch import Dispatch, Post
from hub.links import Links
from hub.model import (
    Event,
    Freshness,
    Message,
    Mode,
    Outcome,
    Reading,
    Receipt,
    Uplink,
    Verdict,
)
from hub.quality import skew
from hub.state import SITE, State

LEVEL = "level_m"
NEVER_HEARD = health.DeviceHealth()
UNTESTED = quality.DeviceQuality()
CALM = river.RiverState()
LIVE = Freshness.LIVE


class Decoded(NamedTuple):
    """A message with what was read from it; `reason` says why there is nothing."""

    message: Message
    uplink: Uplink | None
    fingerprint: int
    reason: str = ""


class Word(NamedTuple):
    """An uplink with its time: what a device says, when it was so, and how far it is the present."""

    uplink: Uplink
    at: Millis
    freshness: Freshness
    received_at: Millis


class Pipeline(Dispatch):
    """The path, and what the hub notes of its devices on the way.

    `known` answers which fingerprints the ledger already holds.
    """

    def __init__(
        self,
        town: Town,
        state: State,
        known: Callable[[Sequence[int]], Collection[int]],
        *,
        mode: Mode = Mode.ACTUAL,
        live: bool = True,
        links: Links | None = None,
    ) -> None:
        super().__init__(town, state, mode=mode, live=live, links=links)
        self.known = known
        self.decoder = Decoder(town)
        self.live_within = town.policy.deterrent.live_within
        self.strangers = health.StrangerLimits(town.policy.health.max_per_minute)
        self.shut = Shut()
        self.streams = tuple({d.slope.stream: None for d in town.devices.values() if d.slope})
        self.hearing_since: Millis = 0
        """When this hub last began to hear: its start, or the broker's return. Silence counts from there."""
        self.health_looked: Millis = 0
        self.punctual: set[str] = set()
        """Devices whose clock agreed with ours when they last spoke, our own steps apart (`clocks`)."""
        self.taken = 0

    # --- the path -----------------------------------------------------------------------------

    def run(self, messages: Iterable[Message], now: Millis) -> Outcome:
        """All that this batch changes. The caller commits it, and only then acknowledges the batch."""
        outcome = Outcome()
        if self.state.rooms["maintenance"]:
            self.tend(now)
        if self.shut.topics:
            messages = [message for message in messages if not self.shut.sheds(message)]
        decoded = [self._decode(message) for message in messages]
        known = set(self.known([item.fingerprint for item in decoded]))
        for item in decoded:
            outcome.receipts.append(self._take(item, known, now, outcome))
        outcome.states = self.state.take_changed()
        if outcome.receipts and self.shut.counts:
            outcome.shed = self.shut.take_counts()
        return outcome

    def _decode(self, message: Message) -> Decoded:
        try:
            uplink = self.decoder.decode(message)
        except QuarantineError as error:
            return Decoded(message, None, fingerprint(message, None), str(error))
        # A retained copy is no news: it must not make a repeat of the news that is still on its way.
        return Decoded(message, uplink, fingerprint(message, uplink) ^ message.retain)

    def _take(self, item: Decoded, known: set[int], now: Millis, outcome: Outcome) -> Receipt:
        """One message: known already, not readable, over its budget, or taken."""
        message, uplink, number, reason = item
        device_id = uplink.device if uplink else ""
        if number in known and (message.dup or _is_one_of_its_kind(uplink, message.received_at)):
            return Receipt(message, Verdict.DUPLICATE, device_id, number)
        known.add(number)
        if uplink is None:
            quarantine = self.strangers.admit(message.topic, message.received_at)
            if not quarantine and self.decoder.is_strange(message.topic):
                self.shut.add(message.topic, message.received_at)
            return Receipt(message, Verdict.QUARANTINED if quarantine else Verdict.SHED, "", number, reason)
        self.taken += 1
        post, word = self._word(message, uplink)
        scene = self.scene(post.device, now)
        if uplink.at is not None:
            if uplink.at == word.at and word.freshness is LIVE and not self.clocks:
                self.punctual.add(uplink.device)
            else:
                self._compared(scene, post, word, outcome)
        if not self._heard(scene, post, word, outcome):
            if not self.decoder.is_shared(message.topic):
                self.shut.add(message.topic, message.received_at)
            return Receipt(message, Verdict.SHED, device_id, number, "over its budget of messages")
        for reading in self._judge(post, word):
            outcome.readings.append(reading)
            self._measured(scene, reading, outcome)
        for signal in uplink.signals:
            self._signalled(scene, signal, word, outcome)
        return Receipt(message, Verdict.STORED, device_id, number)

    def _word(self, message: Message, uplink: Uplink) -> tuple[Post, Word]:
        post = self.posts[uplink.device]
        stated, doubtful = uplink.at, False
        if self.clocks and stated is not None and (clock := self.clocks.get(uplink.device)):
            stated, doubtful = skew.read(clock, stated, message.received_at)
        at, freshness, _ = quality.when(
            stated, message.received_at, post.late_after, self.live_within, retain=message.retain
        )
        if doubtful and freshness is LIVE:
            freshness = Freshness.DELAYED
        return post, Word(uplink, at, freshness, message.received_at)

    def _compared(self, scene: Scene, post: Post, word: Word, outcome: Outcome) -> None:
        """The device's clock beside ours: what is learned of it, and told of it once."""
        stated, received_at, id = word.uplink.at, word.received_at, post.device.id
        if stated == word.at and word.freshness is LIVE and id not in self.clocks:
            self.punctual.add(id)
            return
        if stated is None or word.freshness is Freshness.RETAINED:
            return
        if id not in self.clocks and not quality.is_plausible(stated, received_at):
            self.punctual.discard(id)
        if self.live and not is_sane(received_at):
            return
        before = self.clocks.get(id, skew.UNKNOWN)
        beat = silent_devices.heartbeat(post.device, post.profile, flood=False)
        after, kind = skew.weigh(before, stated, received_at, beat)
        if after is None:
            self.state.drop("clock", id)
        elif after is not before:
            self.state.put("clock", id, after)
        if kind:
            self.happened(scene, health.clock_event(kind, post.device, after or before, received_at), outcome)

    # --- the steps ----------------------------------------------------------------------------

    def _heard(self, scene: Scene, post: Post, word: Word, outcome: Outcome) -> bool:
        """The device speaks: sign of life, battery, sequence. False: it is over its budget of messages."""
        device = scene.device
        before = self.state.rooms["health"].get(device.id, NEVER_HEARD)
        after, events, keep = self._listen(post, word)
        if events or before is NEVER_HEARD:
            self.state.put("health", device.id, after)
        elif after is not before:
            self.state.put_off("health", device.id, after)
        if after.lost != before.lost:
            self._missed(before, after, word)
        for event in events:
            self.happened(scene, event, outcome)
        if device.trap and keep and word.freshness is Freshness.LIVE:
            trapped = self.state.rooms["trap"].get(device.id)
            if trapped and (heard := trap.heard(trapped, word.received_at)) is not trapped:
                self.state.put("trap", device.id, heard)
        return keep

    def _listen(self, post: Post, word: Word) -> tuple[health.DeviceHealth, list[Event], bool]:
        return health.heard(
            self.town.policy.health,
            post.device,
            post.profile,
            self.state.rooms["health"].get(post.device.id, NEVER_HEARD),
            word.uplink,
            at=word.at,
            freshness=word.freshness,
            received_at=word.received_at,
        )

    def _missed(self, before: health.DeviceHealth, after: health.DeviceHealth, word: Word) -> None:
        """A gap in a device's numbers, or one that closes: saved at once with what it is counted from."""
        id, rooms = word.uplink.device, self.state.rooms
        if away := rooms["away"].get(SITE):
            known = rooms["missed"].get(id, missed.NOTHING)
            if (found := missed.counted(away, known, before, after, word.at)) is not known:
                self.state.put("missed", id, found)
                self.state.put("health", id, after)

    def _judge(self, post: Post, word: Word) -> list[Reading]:
        device, states = post.device, self.state.rooms["quality"]
        before = states.get(device.id, UNTESTED)
        rain_mm_h = self._rain(word.at) if device.gauge else 0.0
        after, readings = quality.check(
            device, post.profile, before, word.uplink, word.at, word.freshness, word.received_at, rain_mm_h
        )
        if after is not before:
            self.state.put("quality", device.id, after)
        return readings

    def _rain(self, at: Millis) -> float:
        """mm/h of the last hour, for the flat-line test of a gauge."""
        streams = self.state.rooms["slope"].values()
        return max((slope.rain_mm_h(stream, at) for stream in streams), default=0.0)

    def _measured(self, scene: Scene, reading: Reading, outcome: Outcome) -> None:
        policy, rooms = self.town.policy, self.state.rooms
        if reading.quantity == LEVEL and scene.device.gauge:
            before = rooms["river"].get(reading.device, CALM)
            change = river.step(scene.device, policy.river, before, reading, scene.now)
            self.moved(scene, "river", reading.device, change, outcome)
        elif reading.quantity == slope.RAIN_MM:
            for stream in self.streams:
                before = rooms["slope"].get(stream, slope.StreamState(stream=stream))
                rained = slope.rain(policy.slope, before, scene.device, reading)
                self.moved(scene, "slope", stream, rained, outcome)

    def _signalled(self, scene: Scene, signal: Signal, word: Word, outcome: Outcome) -> None:
        """One thing the device says has happened, to the room of its hazard."""
        device, policy, rooms = scene.device, self.town.policy, self.state.rooms
        if signal.at is not None:
            word = word._replace(at=signal.at, freshness=Freshness.STORED)
        _, at, freshness, received_at = word
        if signal.type == "done":
            outcome.commands_done.append((signal.command, signal.state, at))
            if ordered := rooms["deterrent"].get(device.id):
                answered = deterrent.done(ordered, signal.command, signal.state, at)
                self.moved(scene, "deterrent", device.id, (answered, []), outcome)
        elif signal.type in ("animal", "motion"):
            seen = wildlife.step(
                policy.wildlife,
                rooms["wildlife"].get(SITE, wildlife.WildlifeState()),
                device,
                signal,
                at=at,
                freshness=freshness,
                received_at=received_at,
                geofence=self.geofence,
            )
            self.moved(scene, "wildlife", SITE, seen, outcome)
        elif device.trap:
            sprung = trap.step(
                policy.trap,
                rooms["trap"].get(device.id, trap.TrapState()),
                device,
                signal,
                at=at,
                freshness=freshness,
                received_at=received_at,
            )
            self.moved(scene, "trap", device.id, sprung, outcome)
        elif device.slope:
            stream = device.slope.stream
            tripped = slope.step(
                policy.slope,
                rooms["slope"].get(stream, slope.StreamState(stream=stream)),
                device,
                signal,
                at=at,
                freshness=freshness,
                received_at=received_at,
            )
            self.moved(scene, "slope", stream, tripped, outcome)

    def moved(
        self, scene: Scene, room: str, key: str, change: tuple[Struct, list[Event]], outcome: Outcome
    ) -> None:
        """Remembers the state after a step, and passes its events on."""
        after, events = change
        if after is not self.state.rooms[room].get(key):
            self.state.put(room, key, after)
        for event in events:
            self.happened(scene, event, outcome)

    # --- what else the middle is asked -------------------------------------------------------------

    def save(self, now: Millis) -> None:
        """All that was put off goes with the next commit."""
        self.state.flush(now)
        self.taken = 0

    def recall(self, messages: Iterable[Message]) -> None:
        """After a crash: what was put off, once more from the messages which the ledger has held since.

        What came of them is in the ledger; here they are signs of life and no more.
        """
        saved = dict(self.state.rooms["health"])
        for message in messages:
            if (uplink := self._decode(message).uplink) is None:
                continue
            post, word = self._word(message, uplink)
            if health.is_newer(saved.get(uplink.device, NEVER_HEARD), uplink, word.at, message.received_at):
                before = self.state.rooms["health"].get(uplink.device, NEVER_HEARD)
                after, _, _ = self._listen(post, word)
                self.state.put_off("health", uplink.device, after)
                if after.lost != before.lost:
                    self._missed(before, after, word)

    def returned(self, now: Millis, *, forgotten: bool) -> None:
        """The broker has answered, and we hear again. `forgotten`: it had no session for us any more.

        What was heard before is saved: after a crash it must not be recalled into this absence.
        """
        self.hearing_since = now
        self.save(now)
        rooms = self.state.rooms
        away = missed.returned(rooms["away"].get(SITE), rooms["health"].values(), now, forgotten=forgotten)
        if away:
            self.state.put("away", SITE, away)

    def lost(self) -> int:
        """Messages that never came, by the gaps in the devices' own numbering."""
        return sum(state.lost for state in self.state.rooms["health"].values())


def _is_one_of_its_kind(uplink: Uplink | None, received_at: Millis) -> bool:
    """Whether the same again is a repeat: it has a number, or says when; a clock never set says nothing."""
    if uplink is None or uplink.identity:
        return True
    return uplink.at is not None and quality.is_plausible(uplink.at, received_at)
