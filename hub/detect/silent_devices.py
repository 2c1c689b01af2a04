"""Who is watched and has fallen silent: each device, and the gateways that they hang on.

Silence is judged from stored times in `tick`, each device by its own interval: it needs no timer, survives a
restart, and cannot hang on a race. A word that comes with the time-out only makes a silence short.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.shapes import Device, Kind, Profile
from hub.config.town import Town
from hub.detect import flapping
from hub.detect.babbling import Budget, calm
from hub.detect.flapping import STEADY
from hub.detect.health import DeviceHealth, anchor, back_event, event_of
from hub.model import Event, EventKind

OFFLINE_GRACE: Millis = 30_000
"""A gateway that the broker declares gone may be restarting: it is waited for so long."""
DOUBT = 1.5
"""A gateway one and a half heartbeats late is in doubt: its devices are not judged until it is. A hub that
has begun to hear waits as long: a word comes a heartbeat after the one before, and a little late."""


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
        self._tell(EventKind.DEVICE_SILENT, device, state, anchor(state), level=level)

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
                flaps = flapping.paused(state.flaps, self.now - anchor(state))
                self.changed[gateway.id] = replace(
                    state, silent_at=0, offline_since=0, back_at=self.now, flaps=flaps
                )
                self.events.append(back_event(gateway, self.town.profile(gateway), state, self.now))
            else:
                self._outlasted(EventKind.GATEWAY_SILENT, gateway, state, devices=tuple(children))
            return
        gone = state.offline_since != 0 and self.now - state.offline_since >= OFFLINE_GRACE
        if gone or (self._overdue(state, beat) if own else self._all_quiet(children, newest)):
            since = anchor(state) if own else newest or anchor(state)
            self._tell(EventKind.GATEWAY_SILENT, gateway, state, since, devices=tuple(children))

    def _calmed(self, device: Device, state: DeviceHealth) -> DeviceHealth:
        """Without its babbling, where a whole minute has passed without a message; steady after a day."""
        if state.budget.babbling and calm(state.budget, self.now):
            self.events.append(event_of(EventKind.BABBLING_OVER, device, self.now, self.now))
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
        flap, pause = state.flaps.silence, self.now - anchor(state)
        if device.maintenance or not flapping.outlasts(flap, pause, self.policy.flapping_within):
            return
        flaps = replace(state.flaps, silence=replace(flap, quiet=False))
        self.changed[device.id] = replace(state, flaps=flaps)
        event = event_of(kind, device, self.now, self.now, devices=devices)
        self.events.append(replace(event, window=pause))

    def _level(self, device: Device) -> str:
        return self.river_above(device.id) if device.gauge is not None else ""

    def _overdue(self, state: DeviceHealth, beat: Millis) -> bool:
        if not beat or self.now - self.hearing_since < DOUBT * beat:
            return False
        return self.now - anchor(state) >= self.missed * beat

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
            if overdue and newest > anchor(state) + beat:
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
        event = event_of(kind, device, since, self.now, level=level, devices=devices)
        event = replace(event, at=self.now, window=self.now - since)
        if level:  # a river above its level that is not watched: told each time, whatever the device is like
            self.events.append(event)
            return
        flaps, events = flapping.again(self.policy, device, state.flaps, "silence", event, low=state.low)
        self.changed[device.id] = replace(state, silent_at=self.now, flaps=flaps)
        self.events += events
