"""From an event to its alert, to the sirens and to people; the town as it is now. Pure but for the state."""

import dataclasses
from collections.abc import Collection, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from devices.frame import Millis
from hub import alerts, deterrent, drill
from hub.alerts import Scene, Telling
from hub.clock import is_sane
from hub.config.shapes import Device, Kind, Profile
from hub.config.town import Town
from hub.detect import wildlife
from hub.geofence import Geofence
from hub.links import Links
from hub.model import Alert, Command, Event, Freshness, Mode, Notification, Outcome
from hub.people import roll
from hub.quality import skew
from hub.state import SITE, State
from hub.telling import budget, compose, held, silences


class Post(NamedTuple):
    """What the path asks of every message's device, looked up once."""

    device: Device
    profile: Profile
    late_after: Millis


class Dispatch:
    """Town and state, and what comes of an event."""

    def __init__(self, town: Town, state: State, *, mode: Mode, live: bool, links: Links | None) -> None:
        self.config = town
        """As the files say, but for who is at work on what; `town` has the people as they are now."""
        self.as_configured = town.devices
        self.at_work: frozenset[str] = frozenset()
        self.state = state
        self.put_people()
        self.mode = mode
        self.live = live
        """False in a replay: nothing is sent, no siren sounds."""
        self.links = links
        self.geofence = Geofence(town)
        self.clocks: dict[str, skew.DeviceClock] = state.rooms["clock"]
        self.posts = {
            device.id: Post(device, town.profile(device), late_after(town, device))
            for device in town.devices.values()
        }

    # --- what comes of an event ---------------------------------------------------------------

    def happened(self, scene: Scene, event: Event, outcome: Outcome) -> None:
        """An event to the alert of its incident, to the deterrents, and to people."""
        outcome.events.append(event)
        if event.device != scene.device.id and event.device in self.town.devices:
            scene = self.scene(self.town.devices[event.device], scene.now)
        before = self.state.alerts.get(event.incident)
        alert, tellings = alerts.step(scene, before, event)
        if alert is None:
            return
        if before is None:
            alert = drill.marked(scene, self.state.rooms["drill"].get(SITE), alert, event)
        commands = self._command(scene, event, alert) if self._is_sure(event) else []
        if any(command.action == "deter" for command in commands):
            alert = replace(alert, deterred=True)
            if visits := self.state.rooms["wildlife"].get(SITE):
                self.state.put("wildlife", SITE, wildlife.deterred(visits, event.incident))
        if not self.live:
            commands = []
        outcome.commands += commands
        alert = replace(alert, peak=max(alert.peak, alert.severity))
        if silences.is_silenced(scene, self.silent(scene.now), alert, event):
            tellings, withheld = silences.parted(alert, event, tellings)
            if withheld:
                self.state.put("withheld", event.incident, silences.Withheld(alert.id, event, withheld))
        self.announce(scene, alert, event, tellings, outcome, commands=commands)

    def announce(
        self,
        scene: Scene,
        alert: Alert,
        event: Event,
        tellings: Iterable[Telling],
        outcome: Outcome,
        *,
        commands: Collection[Command] = (),
    ) -> None:
        """The alert as it is now, and to people what must be told of it."""
        told, notifications = compose.tell(scene, alert, event, tellings, commands, live=self.live)
        if notifications:
            clock_set = is_sane(scene.now) or not self.live
            told, notifications, states = held.sift(
                scene, self.state.rooms, alert, told, notifications, clock_set=clock_set
            )
            for (room, key), state in states.items():
                self.state.put(room, key, state)
        alert = told
        self.state.put_alert(alert)
        outcome.alerts.append(alert)
        outcome.notifications += notifications

    def tell(self, notifications: Iterable[Notification], now: Millis, outcome: Outcome) -> None:
        """What is told at its hour, of no one event: a summary, a test, a report."""
        told = list(notifications)
        outcome.notifications += told
        spent = budget.count(self.town.policy, self.state.rooms["budget"], told, now, self.town.zone_info)
        for kind, count in spent.items():
            self.state.put("budget", kind, count)

    def _is_sure(self, event: Event) -> bool:
        """False where a wrong clock may hide that it is long past: people are told, no siren sounds."""
        clock = self.clocks.get(event.device)
        return clock is None or not (
            clock.learned or (clock.behind < 0 and event.freshness is not Freshness.LIVE)
        )

    def _command(self, scene: Scene, event: Event, alert: Alert) -> list[Command]:
        states, commands = deterrent.decide(
            self.town,
            self.geofence,
            self.state.rooms["deterrent"],
            event,
            alert.id,
            scene.now,
            in_drill=alert.mode is Mode.EXERCISE,
        )
        for device, state in states.items():
            self.state.put("deterrent", device, state)
        return commands

    # --- the town as it is now ----------------------------------------------------------------

    def scene(self, device: Device, now: Millis) -> Scene:
        return Scene(self.town, self.geofence, device, self.mode, now, self.links)

    def device(self, id: str) -> Device | None:
        """The device, or any other where the town has it no more: what it began must still come to an end."""
        return self.town.devices.get(id) or next(iter(self.town.devices.values()), None)

    def silent(self, now: Millis) -> frozenset[str]:
        """What people have silenced just now."""
        return silences.holding(self.state.rooms["silence"], now)

    def tend(self, now: Millis) -> None:
        """The devices at which somebody is at work now are under maintenance, as if the files said so."""
        at_work = silences.holding(self.state.rooms["maintenance"], now) & self.posts.keys()
        if at_work == self.at_work:
            return
        devices = dict(self.config.devices)
        for id in at_work ^ self.at_work:
            under = id in at_work or self.as_configured[id].maintenance
            devices[id] = self.as_configured[id].model_copy(update={"maintenance": under})
            self.posts[id] = self.posts[id]._replace(device=devices[id])
        self.at_work = at_work
        self.config = dataclasses.replace(self.config, devices=devices)
        self.put_people()

    def put_people(self) -> None:
        """Somebody has enrolled, left or wishes to be told otherwise: from now on the new roll counts."""
        rooms = self.state.rooms
        for id in rooms["said"].keys() - rooms["person"].keys() - self.config.people.keys():
            self.state.drop("said", id)
        self.town = roll.roll(self.config, rooms["person"], rooms["said"])


def late_after(town: Town, device: Device) -> Millis:
    """From which age on what this device reports is history."""
    policy = town.policy
    if device.gauge:
        return device.gauge.late_after
    if device.trap:
        return policy.trap.late_after
    return policy.wildlife.late_after if town.kind(device) is Kind.ANIMAL else policy.slope.late_after
