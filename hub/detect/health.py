"""The devices themselves: silent, babbling, low of battery, losing messages; and the gateways they hang on.

Silence is judged from stored times in `tick`, each device by its own interval: it needs no timer, survives a
restart, and cannot hang on a race. A word that comes with the time-out only makes a silence short.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.policy import HealthPolicy
from hub.config.shapes import Device, Kind, Profile
from hub.config.town import Town
from hub.detect import battery, flapping
from hub.detect.budget import Budget, StrangerLimits, calm, spend
from hub.detect.flapping import STEADY, Flaps
from hub.model import Event, EventKind, Freshness, Uplink
from hub.quality.skew import DeviceClock

__all__ = ["DeviceHealth", "StrangerLimits", "heard", "heartbeat", "is_newer", "tick"]

LIVE, DELAYED, RETAINED = Freshness.LIVE, Freshness.DELAYED, Freshness.RETAINED
"""As names of this module: looking a member up costs 0.1 µs, and `heard` is on the path of every message."""

OFFLINE_GRACE: Millis = 30_000
"""A gateway that the broker declares gone may be restarting: it is waited for so long."""
DOUBT = 1.5
"""A gateway one and a half heartbeats late is in doubt: its devices are not judged until it is. A hub that
has begun to hear waits as long: a word comes a heartbeat after the one before, and a little late."""
SEQ_JUMP = 65_535
"""A larger step is another count, not a loss: a 16-bit counter cannot have missed so many."""


class DeviceHealth(Struct, frozen=True, omit_defaults=True):
    """One device. Times are the hub's, but for `last_at`, the newest that the device stated.

    `last_seen` is 0 where it was never heard. `silent_at` is when its silence was told, 0 while it is not
    silent. `lost` counts gaps in its sequence numbers since the hub knows it.
    """

    known_since: Millis = 0
    last_seen: Millis = 0
    last_at: Millis = 0
    silent_at: Millis = 0
    back_at: Millis = 0
    offline_since: Millis = 0
    budget: Budget = Budget()
    battery: float | None = None
    low: bool = False
    seq: int | None = None
    lost: int = 0
    flaps: Flaps = STEADY
    heard_at: Millis = 0
    """When the newest message came, of any age: up to which this state follows from the messages."""


def heard(
    policy: HealthPolicy,
    device: Device,
    profile: Profile,
    state: DeviceHealth,
    uplink: Uplink,
    *,
    at: Millis,
    freshness: Freshness,
    received_at: Millis,
) -> tuple[DeviceHealth, list[Event], bool]:
    """One message of a device. False: it is over its budget, and is counted but not kept.

    Only LIVE is a sign of life now; DELAYED is one for its own time. What is older, stored or retained never
    ends a silence.
    """
    if freshness is RETAINED:
        return _declared(state, profile, uplink, received_at), [], True
    is_news = freshness is LIVE or freshness is DELAYED
    live = freshness is LIVE
    budget, keep = spend(policy, state.budget, is_news=live, received_at=received_at)
    if budget is state.budget:
        return state, [], False
    events: list[Event] = []
    flaps = state.flaps
    if budget.babbling and not state.budget.babbling:
        babbles = _event(EventKind.BABBLING, device, received_at, received_at)
        flaps, events = flapping.again(policy, device, flaps, "babble", babbles)
    elif state.budget.babbling and not budget.babbling:
        events = [_event(EventKind.BABBLING_OVER, device, received_at, received_at)]
    if not keep:
        return replace(state, budget=budget, flaps=flaps), events, False

    last_seen, silent_at, back_at = state.last_seen, state.silent_at, state.back_at
    offline_since = state.offline_since
    if uplink.signals and _is_offline(uplink):
        if profile.kind is Kind.GATEWAY and is_news and not offline_since:
            offline_since = received_at
    elif is_news:
        alive_at = received_at if live else at
        if silent_at and (live or alive_at >= silent_at):
            events.append(_back(device, profile, state, received_at))
            silent_at, back_at = 0, received_at
            flaps = flapping.paused(flaps, received_at - _anchor(state))
        last_seen = max(last_seen, alive_at)
        offline_since = 0 if live else offline_since
    seq, lost = (state.seq, state.lost) if uplink.seq is None else _counted(state, uplink.seq, at)
    volts, low = state.battery, state.low
    if profile.battery is not None and is_news:
        volts, low, told = _charge(device, profile, state, uplink, at=at, received_at=received_at)
        if low and told:
            flaps, told = flapping.again(policy, device, flaps, "battery", told[0])
        events += told
    after = DeviceHealth(
        state.known_since or received_at,
        last_seen,
        max(state.last_at, at),
        silent_at,
        back_at,
        offline_since,
        budget,
        volts,
        low,
        seq,
        lost,
        flaps,
        received_at,
    )
    return after, events, True


def is_newer(state: DeviceHealth, uplink: Uplink, at: Millis, received_at: Millis) -> bool:
    """Whether a message was heard after this state of its device, for who reads the messages again."""
    if received_at != state.heard_at or uplink.seq is None or state.seq is None:
        return received_at > (state.heard_at or state.last_seen)
    return (at, uplink.seq) > (state.last_at, state.seq)


def tick(
    town: Town,
    states: Mapping[str, DeviceHealth],
    river_above: Callable[[str], str],
    now: Millis,
    *,
    hearing_since: Millis = 0,
    replay: bool = False,
) -> tuple[dict[str, DeviceHealth], list[Event]]:
    """Who has fallen silent. Returns the states that changed, and nothing at all while the clock is not sane.

    `river_above` gives the key of the level in which a gauge stands at or above caution, else nothing: such a
    gauge has the shorter heartbeat of its flood mode, and its silence is told even if its gateway's is.
    `hearing_since` is when the hub itself last began to hear: its start, the return of the broker. Nobody is
    silent before one and a half heartbeats after it. In a `replay` the clock is simulated, and sane.
    """
    if not (replay or is_sane(now)):
        return {}, []
    watch = _Watch(town, states, river_above, now, hearing_since=hearing_since, replay=replay)
    own = [device for device in town.devices.values() if town.kind(device) is Kind.GATEWAY]
    for gateway in own:
        watch.gateway(gateway)
    for device in town.devices.values():
        if town.kind(device) is not Kind.GATEWAY:
            watch.device(device)
    return watch.changed, watch.events


def heartbeat(device: Device, profile: Profile, *, flood: bool) -> Millis:
    """How often a sign of life is due; 0 where none is. What the device states goes before its profile."""
    if device.heartbeat is not None:
        usual, in_flood = device.heartbeat, device.flood_heartbeat
    else:
        usual, in_flood = profile.heartbeat, device.flood_heartbeat or profile.flood_heartbeat
    return min(usual, in_flood) if flood and in_flood is not None else usual


class _Watch:
    """One round over all devices: gateways before the devices which hang on them."""

    def __init__(
        self,
        town: Town,
        states: Mapping[str, DeviceHealth],
        river_above: Callable[[str], str],
        now: Millis,
        *,
        hearing_since: Millis,
        replay: bool,
    ) -> None:
        self.town = town
        self.states = states
        self.river_above = river_above
        self.now = now
        self.hearing_since = hearing_since
        self.replay = replay
        self.policy = town.policy.health
        self.missed = town.policy.health.missed
        self.changed: dict[str, DeviceHealth] = {}
        self.events: list[Event] = []

    def state(self, id: str) -> DeviceHealth:
        """As it is in this round: known from the first, and with no time that a wrong clock has left."""
        state = self.changed.get(id) or self.states.get(id) or DeviceHealth()
        if self._possible(state.known_since) and (not state.last_seen or self._possible(state.last_seen)):
            return state
        state = self.changed[id] = replace(
            state,
            known_since=state.known_since if self._possible(state.known_since) else self.now,
            last_seen=state.last_seen if not state.last_seen or self._possible(state.last_seen) else self.now,
        )
        return state

    def _possible(self, at: Millis) -> bool:
        return 0 < at <= self.now and (self.replay or is_sane(at))

    def device(self, device: Device) -> None:
        state = self._calmed(device, self.state(device.id))
        if state.silent_at or device.maintenance:
            self._outlasted(EventKind.DEVICE_SILENT, device, state)
            return
        level = self._level(device)
        beat = heartbeat(device, self.town.profile(device), flood=bool(level))
        if not self._overdue(state, beat) or (not level and self._excused(device, state, beat)):
            return
        self._tell(EventKind.DEVICE_SILENT, device, state, _anchor(state), level=level)

    def gateway(self, gateway: Device) -> None:
        state = self._calmed(gateway, self.state(gateway.id))
        children = [
            id for id in self.town.children.get(gateway.id, ()) if not self.town.devices[id].maintenance
        ]
        newest = max((self.state(id).last_seen for id in children), default=0)
        beat = heartbeat(gateway, self.town.profile(gateway), flood=False)
        own = self._speaks(state, beat, children)
        if state.silent_at:
            if not own and newest >= state.silent_at:
                flaps = flapping.paused(state.flaps, self.now - _anchor(state))
                self.changed[gateway.id] = replace(
                    state, silent_at=0, offline_since=0, back_at=self.now, flaps=flaps
                )
                self.events.append(_back(gateway, self.town.profile(gateway), state, self.now))
            else:
                self._outlasted(EventKind.GATEWAY_SILENT, gateway, state, devices=tuple(children))
            return
        gone = state.offline_since != 0 and self.now - state.offline_since >= OFFLINE_GRACE
        if gone or (self._overdue(state, beat) if own else self._all_quiet(children, newest)):
            since = _anchor(state) if own else newest or _anchor(state)
            self._tell(EventKind.GATEWAY_SILENT, gateway, state, since, devices=tuple(children))

    def _calmed(self, device: Device, state: DeviceHealth) -> DeviceHealth:
        """Without its babbling, where a whole minute has passed without a message; steady after a day."""
        if state.budget.babbling and calm(state.budget, self.now):
            self.events.append(_event(EventKind.BABBLING_OVER, device, self.now, self.now))
            state = self.changed[device.id] = replace(state, budget=Budget())
        return state if state.flaps is STEADY else self._steadied(device, state)

    def _steadied(self, device: Device, state: DeviceHealth) -> DeviceHealth:
        """Without the flapping of which nothing was seen for a day, and which did not end badly."""
        bad = {"silence": state.silent_at != 0, "battery": state.low, "babble": state.budget.babbling}
        within = self.policy.flapping_within
        flaps, events = flapping.steadied(
            device, state.flaps, bad, back_at=state.back_at, now=self.now, within=within
        )
        if events:
            self.events += events
            state = self.changed[device.id] = replace(state, flaps=flaps)
        return state

    def _outlasted(
        self, kind: EventKind, device: Device, state: DeviceHealth, *, devices: tuple[str, ...] = ()
    ) -> None:
        """A flapping device that stays silent for twice as long as ever is told as silent."""
        flap, pause = state.flaps.silence, self.now - _anchor(state)
        if device.maintenance or not flapping.outlasts(flap, pause, self.policy.flapping_within):
            return
        flaps = replace(state.flaps, silence=replace(flap, quiet=False))
        self.changed[device.id] = replace(state, flaps=flaps)
        event = _event(kind, device, self.now, self.now, devices=devices)
        self.events.append(replace(event, window=pause))

    def _level(self, device: Device) -> str:
        return self.river_above(device.id) if device.gauge is not None else ""

    def _overdue(self, state: DeviceHealth, beat: Millis) -> bool:
        if not beat or self.now - self.hearing_since < DOUBT * beat:
            return False
        return self.now - _anchor(state) >= self.missed * beat

    def _excused(self, device: Device, state: DeviceHealth, beat: Millis) -> bool:
        """Its gateway is silent or in doubt, or has not been back for a heartbeat of the device."""
        if not device.gateway or device.gateway not in self.town.devices:
            return False
        gateway = self.state(device.gateway)
        if gateway.silent_at:
            return state.last_seen < gateway.silent_at
        if gateway.back_at and self.now - gateway.back_at < beat:
            return True
        own_beat = heartbeat(
            self.town.devices[device.gateway],
            self.town.profile(self.town.devices[device.gateway]),
            flood=False,
        )
        in_doubt = gateway.last_seen != 0 and own_beat and self.now - gateway.last_seen >= DOUBT * own_beat
        return bool(in_doubt or gateway.offline_since)

    def _speaks(self, state: DeviceHealth, beat: Millis, children: list[str]) -> bool:
        """Whether a gateway is judged by its own word: it has a heartbeat, and has been heard or is alone."""
        return beat > 0 and (state.last_seen != 0 or not children)

    def _all_quiet(self, children: list[str], newest: Millis) -> bool:
        """Whether so many devices are silent that it must be their gateway.

        A device that should have spoken before another was last heard is silent for itself: not counted.
        """
        silent = judged = 0
        for id in children:
            state, device = self.state(id), self.town.devices[id]
            beat = heartbeat(device, self.town.profile(device), flood=bool(self._level(device)))
            overdue = self._overdue(state, beat)
            if overdue and newest > _anchor(state) + beat:
                continue
            judged += 1
            silent += overdue
        return silent >= 2 and silent >= self.town.policy.health.gateway_share * judged

    def _tell(
        self,
        kind: EventKind,
        device: Device,
        state: DeviceHealth,
        since: Millis,
        *,
        level: str = "",
        devices: tuple[str, ...] = (),
    ) -> None:
        self.changed[device.id] = replace(state, silent_at=self.now)
        if device.maintenance:
            return
        event = _event(kind, device, since, self.now, level=level, devices=devices)
        event = replace(event, at=self.now, window=self.now - since)
        if level:  # a river above its level that is not watched: told each time, whatever the device is like
            self.events.append(event)
            return
        flaps, events = flapping.again(self.policy, device, state.flaps, "silence", event, low=state.low)
        self.changed[device.id] = replace(state, silent_at=self.now, flaps=flaps)
        self.events += events


def clock_event(kind: EventKind, device: Device, clock: DeviceClock, now: Millis) -> Event:
    """CLOCK_WRONG or CLOCK_RIGHT: `window` is by how much, `detail` behind or ahead."""
    event = _event(kind, device, now, now)
    return replace(event, window=abs(clock.behind), detail="behind" if clock.behind > 0 else "ahead")


def _anchor(state: DeviceHealth) -> Millis:
    return state.last_seen or state.known_since


def _is_offline(uplink: Uplink) -> bool:
    """The broker's last will speaks for a device that is gone: no sign of life."""
    return any(signal.type == "status" and signal.state == "offline" for signal in uplink.signals)


def _declared(state: DeviceHealth, profile: Profile, uplink: Uplink, received_at: Millis) -> DeviceHealth:
    """What the broker retained is a state: it may say that a gateway is gone, never that it is there."""
    if profile.kind is Kind.GATEWAY and not state.offline_since and _is_offline(uplink):
        return replace(state, offline_since=received_at)
    return state


def _counted(state: DeviceHealth, seq: int, at: Millis) -> tuple[int, int]:
    """(newest sequence number, messages lost so far).

    A number from before that comes now fills a gap; a number that begins anew is a restart, and no loss.
    """
    if state.seq is None or seq == state.seq:
        return seq, state.lost
    if seq > state.seq:
        gap = seq - state.seq - 1
        return seq, state.lost + (gap if gap < SEQ_JUMP else 0)
    if at < state.last_at:
        return state.seq, max(state.lost - 1, 0)
    return seq, state.lost


def _charge(
    device: Device, profile: Profile, state: DeviceHealth, uplink: Uplink, *, at: Millis, received_at: Millis
) -> tuple[float | None, bool, list[Event]]:
    """(newest value, low or not, what is told: `value` as measured, `change` the percent left)."""
    value = battery.measured(profile, uplink.measures)
    if profile.battery is None or value is None:
        return state.battery, state.low, []
    low = battery.is_low(profile.battery, value, before=state.low)
    if low is state.low:
        return value, low, []
    event = _event(EventKind.BATTERY_LOW if low else EventKind.BATTERY_OK, device, at, received_at)
    return value, low, [replace(event, value=value, change=battery.percent(profile.battery, value))]


def _back(device: Device, profile: Profile, state: DeviceHealth, now: Millis) -> Event:
    kind = EventKind.GATEWAY_BACK if profile.kind is Kind.GATEWAY else EventKind.DEVICE_BACK
    return replace(_event(kind, device, now, now), window=max(now - _anchor(state), 0))


INCIDENTS = {
    EventKind.DEVICE_SILENT: "silent",
    EventKind.DEVICE_BACK: "silent",
    EventKind.GATEWAY_SILENT: "gateway",
    EventKind.GATEWAY_BACK: "gateway",
    EventKind.BATTERY_LOW: "battery",
    EventKind.BATTERY_OK: "battery",
    EventKind.BABBLING: "babble",
    EventKind.BABBLING_OVER: "babble",
    EventKind.CLOCK_WRONG: "clock",
    EventKind.CLOCK_RIGHT: "clock",
}


def _event(
    kind: EventKind,
    device: Device,
    at: Millis,
    received_at: Millis,
    *,
    level: str = "",
    devices: tuple[str, ...] = (),
) -> Event:
    return Event(
        id=f"{device.id}/{kind}/{at}",
        kind=kind,
        incident=f"{INCIDENTS[kind]}/{device.id}",
        device=device.id,
        at=at,
        received_at=received_at,
        lat=device.lat,
        lon=device.lon,
        level=level,
        devices=devices,
    )
