"""What has changed, for pages that are open: ids of things, never more than there are."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from hub.clock import monotonic
from hub.model import Outcome

if TYPE_CHECKING:
    from hub.app import Hub

MOST_LISTENERS = 40
"""Of the hundred connections that the pages have."""

OF_THE_TOWN = frozenset({"silence", "maintenance", "drill", "hub", "storm"})
"""Rooms of the state."""


def ticks() -> int:
    """The monotonic clock in ms."""
    return round(monotonic() * 1000)


class Changes(Struct):
    """Ids of what is to be looked at anew. Bounded by the town: a device that babbles is in it once."""

    alerts: set[str] = set()
    devices: set[str] = set()
    sirens: set[str] = set()
    messages: bool = False
    """Something was told to somebody, or has come to an end."""
    town: bool = False
    """A silence, a repair, a drill or a worry of the hub itself has begun or ended."""

    def __bool__(self) -> bool:
        return bool(self.alerts or self.devices or self.sirens or self.messages or self.town)

    def add(self, outcome: Outcome) -> None:
        self.alerts.update(alert.id for alert in outcome.alerts)
        self.devices.update(receipt.device for receipt in outcome.receipts if receipt.device)
        self.devices.update(event.device for event in outcome.events if event.device)
        self.sirens.update(command.device for command in outcome.commands)
        self.messages |= bool(outcome.notifications)
        for room, key in outcome.states:
            if room == "deterrent":
                self.sirens.add(key)
            elif room in OF_THE_TOWN:
                self.town = True


class Listener:
    """One open page. `take` waits for a change and gives all there are."""

    def __init__(self) -> None:
        self.has_ended = False
        self._changes = Changes()
        self._any = asyncio.Event()

    def note(self, outcome: Outcome) -> None:
        self._changes.add(outcome)
        if self._changes:
            self._any.set()

    def told(self) -> None:
        self._changes.messages = True
        self._any.set()

    def end(self) -> None:
        self.has_ended = True
        self._any.set()

    async def take(self, within_s: float) -> Changes:
        """Empty: nothing has changed in this time, or there is no more to come."""
        try:
            async with asyncio.timeout(within_s):
                await self._any.wait()
        except TimeoutError:
            return Changes()
        self._any.clear()
        taken, self._changes = self._changes, Changes()
        return taken


class Live:
    """All open pages of one hub. Where there is none, an outcome costs two looks at empty lists."""

    def __init__(self, hub: "Hub") -> None:
        self.news_at = 0
        """When an alert or something of the town changed last, ms of the monotonic clock: a page whose making
        began before that has not seen it."""
        self._listeners: list[Listener] = []
        hub.observers.append(self._note)
        hub.settled.append(self._settled)

    @property
    def is_full(self) -> bool:
        return len(self._listeners) >= MOST_LISTENERS

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        listener = Listener()
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)

    def end(self) -> None:
        """The hub stops."""
        for listener in self._listeners:
            listener.end()

    def _note(self, outcome: Outcome) -> None:
        if outcome.alerts or any(room in OF_THE_TOWN for room, _ in outcome.states):
            self.news_at = ticks()
        for listener in self._listeners:
            listener.note(outcome)

    def _settled(self) -> None:
        for listener in self._listeners:
            listener.told()
