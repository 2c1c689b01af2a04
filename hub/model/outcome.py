"""What people do, and what a batch, a tick or an act changes."""

from typing import Any

from msgspec import Struct

from devices.frame import Millis
from hub.model.alert import Alert
from hub.model.event import Event
from hub.model.message import Reading, Receipt
from hub.model.outbox import Command, Notification


class Act(Struct, frozen=True):
    """What a person did: took a task, reset a trap, stopped a siren. Who, when, from where."""

    id: int
    """Number in the ledger; 0 while it is not yet written down."""
    at: Millis
    who: str
    """Person id, the name given at the command line, or `user:NAME` of a user of the console."""
    source: str
    """cli, web, console."""
    kind: str
    """See `hub.acts`."""
    target: str
    """Id of an alert, a device, a person, a stream, a silence: by kind."""
    detail: str = ""
    form: dict[str, str] = {}
    """The fields of a form as they were filled in: `eta` minutes, `result`, `species`, `count`, ..."""


class Erased(Struct, frozen=True):
    """Who has left, and is to be erased from the ledger.

    `name` and `invitation` are those of one who had enrolled; empty, the person stands in the config.
    """

    person: str
    name: str = ""
    invitation: str = ""


class Outcome(Struct):
    """All that one batch or one tick changed: written in one transaction."""

    receipts: list[Receipt] = []
    readings: list[Reading] = []
    events: list[Event] = []
    alerts: list[Alert] = []
    notifications: list[Notification] = []
    commands: list[Command] = []
    commands_done: list[tuple[str, str, Millis]] = []
    """(command id, result, at) as the device reported it."""
    states: dict[tuple[str, str], Any] = {}
    """(room, key) -> the state after the batch, None where it ended."""
    acts: list[Act] = []
    """Done on a page of this hub: written down together with what came of them."""
    acts_applied: list[int] = []
    """Ids of acts that were written down before."""
    acts_bared: list[Act] = []
    """Of those the ones whose form held a secret, as they are to be kept."""
    erased: list[Erased] = []
    """Last, so that it holds for all the rest of this outcome too."""
    shed: dict[Millis, int] = {}
    """Receive time, to the minute, -> messages that were shed before they were read: they have no receipt."""

    def is_empty(self) -> bool:
        """Nothing to write."""
        return self == Outcome()
