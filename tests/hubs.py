"""Hubs in this process, for tests of the edges."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from hub.app import Hub
from hub.clock import Clock, SystemClock
from hub.config.settings import LedgerSettings, Mqtt
from hub.config.shapes import Person
from hub.config.town import Town
from hub.ledger import Ledger
from hub.model import Notification, Status
from hub.notify.outbox import Answer
from tests.waiting import until


def at_broker(town: Town, port: int, site: str = "test", **mqtt: object) -> Town:
    """The town, its hub connected to a broker on this port."""
    named = town.site.model_copy(update={"id": site})
    settings = Mqtt(port=port, **({"client_id": f"hub-{site}"} | mqtt))
    return replace(town, hub=town.hub.model_copy(update={"mqtt": settings, "site": named}))


def up(seq: int, at: int | None = None, **payload: object) -> bytes:
    """Our own payload, numbered."""
    said: dict[str, object] = {"v": 1, "seq": seq}
    if at is not None:
        said["at"] = at / 1000
    return msgspec.json.encode(said | payload)


class Told:
    """Stands in for Apprise: keeps what would be sent."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []

    def __call__(self, person: Person, notification: Notification) -> Answer:
        self.notifications.append(notification)
        return Answer(Status.SENT)


@contextlib.asynccontextmanager
async def hub_of(
    town: Town,
    path: Path,
    *,
    clock: Clock | None = None,
    told: Told | None = None,
    before: Callable[[Hub], None] = lambda _: None,
    connected: bool = True,
) -> AsyncIterator[Hub]:
    """A hub at work on the ledger at `path`; stopped in order at the end. `before` sees it before it runs."""
    ledger = Ledger.open(path, LedgerSettings(path=path))
    try:
        hub = Hub(town, ledger, clock or SystemClock(), send=told or Told(), tick_s=0.1)
        before(hub)
        running = asyncio.create_task(hub.run())
        try:
            if connected:
                await until(lambda: hub.broker.connected.is_set() or running.done(), "the hub is connected")
            yield hub
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    finally:
        ledger.close()


def stored(path: Path) -> list[bytes]:
    """Payloads in the ledger's file, in order of arrival, read as another process would."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [payload for (payload,) in connection.execute("SELECT payload FROM message ORDER BY id")]
