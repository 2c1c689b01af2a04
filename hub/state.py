"""What the hub must remember to decide: a frozen value per (room, key), loaded at start, saved by batch."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from devices.frame import Millis
from hub.console.sessions import ConsoleSession
from hub.console.users import Account
from hub.detect.health import DeviceHealth
from hub.detect.hub import Worry
from hub.detect.missed import Away, Missed
from hub.detect.patrol import Round
from hub.detect.river import RiverState
from hub.detect.slope import StreamState
from hub.detect.trap import TrapState
from hub.detect.wildlife import WildlifeState
from hub.deterrent import DeterrentState
from hub.drill import Drill
from hub.model import Alert, AlertState
from hub.people.enrolment import Invitation
from hub.people.roll import Enrolled, Said
from hub.quality import DeviceQuality
from hub.quality.skew import DeviceClock
from hub.telling.budget import Spent
from hub.telling.held import Held
from hub.telling.silences import Period, Withheld
from hub.telling.storm import Storm
from hub.watch.digest import Morning
from hub.watch.roll_call import RollCall

LATER = "later"
SITE = "site"
"""Key of a state that is one for the whole site."""
RECALL_BEFORE: Millis = 15_000
"""So long before a save a message may have come that it does not hold: it was waiting for its turn."""


class Saved(Struct, frozen=True):
    """Up to when everything that was put off has been saved, by the hub's clock."""

    at: Millis = 0


class Session(Struct, frozen=True):
    """What our persistent session at the broker is subscribed to."""

    topics: tuple[str, ...] = ()


ROOMS: dict[str, type[Struct]] = {
    "health": DeviceHealth,
    "quality": DeviceQuality,
    "clock": DeviceClock,
    "river": RiverState,
    "slope": StreamState,
    "trap": TrapState,
    "wildlife": WildlifeState,
    "deterrent": DeterrentState,
    "broker": Session,
    "away": Away,
    "missed": Missed,
    "hub": Worry,
    "digest": Morning,
    "roll_call": RollCall,
    "saved": Saved,
    "storm": Storm,
    "silence": Period,
    "maintenance": Period,
    "withheld": Withheld,
    "drill": Drill,
    "held": Held,
    "budget": Spent,
    "patrol": Round,
    "invitation": Invitation,
    "person": Enrolled,
    "said": Said,
    "user": Account,
    "session": ConsoleSession,
}


class State:
    """States by room and key, open alerts by incident. `changed` collects what the next commit must hold.

    What follows from the stored messages alone may be put off: `later` collects it, `flush` makes it due.
    After a crash it is had again from the messages since the last flush.
    """

    def __init__(self) -> None:
        self.later: dict[tuple[str, str], Any] = {}
        self.rooms: dict[str, dict[str, Any]] = {room: {} for room in ROOMS}
        self.alerts: dict[str, Alert] = {}
        self.changed: dict[tuple[str, str], Any] = {}

    @classmethod
    def load(cls, stored: Iterable[tuple[str, str, bytes]], alerts: Iterable[Alert]) -> "State":
        """From the ledger. A room that this release does not know is left alone."""
        state = cls()
        for room, key, data in stored:
            if room in ROOMS:
                state.rooms[room][key] = msgspec.json.decode(data, type=ROOMS[room])
        state.alerts = {alert.incident: alert for alert in alerts}
        return state

    def put(self, room: str, key: str, value: Any) -> None:
        self.rooms[room][key] = value
        self.changed[room, key] = value
        self.later.pop((room, key), None)

    def put_off(self, room: str, key: str, value: Any) -> None:
        """As `put`, but not for the next commit; unless that holds an older value already."""
        self.rooms[room][key] = value
        (self.changed if (room, key) in self.changed else self.later)[room, key] = value

    def drop(self, room: str, key: str) -> None:
        """Nothing is to be remembered any more."""
        if self.rooms[room].pop(key, None) is not None:
            self.changed[room, key] = None
            self.later.pop((room, key), None)

    def flush(self, now: Millis) -> None:
        """Makes all that was put off part of the next commit."""
        self.changed |= self.later
        self.later = {}
        self.put("saved", LATER, Saved(now))

    @property
    def saved_at(self) -> Millis:
        return int(self.rooms["saved"].get(LATER, Saved()).at)

    def put_alert(self, alert: Alert) -> None:
        if alert.state is AlertState.OPEN:
            self.alerts[alert.incident] = alert
        else:
            self.alerts.pop(alert.incident, None)

    def take_changed(self) -> dict[tuple[str, str], Any]:
        changed, self.changed = self.changed, {}
        return changed
