"""Who is sent to next: the outbox in memory, and the threads that send. Knows no way of sending."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from devices.frame import Millis
from hub.clock import Clock, monotonic
from hub.config.shapes import Person
from hub.config.town import Town
from hub.lanes import Lane
from hub.model import Notification, Status
from hub.notify.outbox import Answer, give_up, next_of, overtaken, settle

log = logging.getLogger("naruko.notify")

SENDERS = 6
SENDERS_TO_DOUBTFUL = 2
"""Threads of one kind of channel: for addresses whose last message went well, and for the others. So a dead
address takes from the living ones its first attempt at most."""

PAGE = 200
POLL_S = 1.0
FETCH_SHARE = 0.1
"""Of the time at most this share goes into reading a long backlog again."""

GRACE_S = 2.0
"""At the end, what is under way has so long to be answered. What is not will be repeated."""

Address = tuple[str, int]
"""Person id and index of the channel: what may be logged of an address."""

Send = Callable[[Person, Notification], Answer]
"""Called in a thread, for one address one at a time."""


class Outbox(Protocol):
    """What this edge needs of the ledger."""

    def pending_notifications(self, now: Millis, limit: int) -> list[Notification]:
        """Due by `now`, the most urgent first; also those of status TIMEOUT that are not finished."""

    def notifications_of(self, alert_id: str) -> list[Notification]: ...

    async def update_notification(self, notification: Notification) -> None: ...


class Desk:
    """What is held of the outbox: waiting by address, under way, and to be written down."""

    def __init__(self, outbox: Outbox, town: Town, clock: Clock, wake: asyncio.Event, send: Send) -> None:
        self.outbox = outbox
        self.town = town
        self.clock = clock
        self.wake = wake
        self.send = send
        self.held: set[str] = set()
        self.waiting: dict[Address, list[Notification]] = {}
        self.under_way: set[Address] = set()
        self.settled: deque[Notification] = deque()
        self.to_write = asyncio.Event()
        self.doubtful: set[Address] = set()
        self.lanes: dict[tuple[str, bool], Lane[Answer]] = {}
        self.fetch_after = 0.0
        self.broken: BaseException | None = None

    async def send_due(self) -> None:
        while True:
            self.wake.clear()
            put_off = self._fetch()
            self._start()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(put_off or POLL_S):
                    await self.wake.wait()
            if self.broken:
                raise self.broken

    async def write_down(self) -> None:
        while True:
            await self.to_write.wait()
            self.to_write.clear()
            await self._write()

    async def close(self) -> None:
        """Waits a little for what is under way, and writes it down."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while self.under_way:
                    self.wake.clear()
                    await self.wake.wait()
        try:
            await self._write()
        finally:
            for lane in self.lanes.values():
                lane.close()

    async def _write(self) -> None:
        """All at once, so that the ledger may put them into one transaction."""
        while self.settled:
            batch = tuple(self.settled)
            await asyncio.gather(*map(self.outbox.update_notification, batch))
            for notification in batch:
                self.settled.popleft()
                self.held.discard(notification.id)

    def _fetch(self) -> float:
        """Reads what is due. Returns for how many seconds that is put off, 0 where it was done."""
        begun = monotonic()
        if begun < self.fetch_after:
            return self.fetch_after - begun
        for notification in self.outbox.pending_notifications(self.clock.now(), PAGE + len(self.held)):
            if notification.id not in self.held:
                self.held.add(notification.id)
                address = (notification.recipient, notification.channel)
                self.waiting.setdefault(address, []).append(notification)
        ended = monotonic()
        self.fetch_after = ended + (ended - begun) / FETCH_SHARE
        return 0.0

    def _start(self) -> None:
        """Hands to the threads what they can take now, the most urgent first."""
        ready = [address for address in self.waiting if address not in self.under_way]
        ready.sort(key=lambda address: -max(n.severity for n in self.waiting[address]))
        for address in ready:
            while address in self.waiting and address not in self.under_way:
                notification = next_of(self.waiting[address])
                if closed := self._closed(notification):
                    self._put_aside(address, notification)
                    self._settle(closed)
                elif not self._hand_over(address, notification):
                    break

    def _closed(self, notification: Notification) -> Notification | None:
        """What needs no attempt any more: too late, overtaken, or nobody there."""
        now = self.clock.now()
        person = self.town.people.get(notification.recipient)
        if person is None or notification.channel >= len(person.channels):
            error = "recipient or channel is no longer in the config"
            return replace(notification, status=Status.FAILED, finished_at=now, error=error)
        if now >= notification.expires_at:
            return give_up(notification, now)
        if notification.attempts and overtaken(
            notification, self.outbox.notifications_of(notification.alert_id)
        ):
            return give_up(notification, now, "overtaken by a later message of this alert")
        return None

    def _hand_over(self, address: Address, notification: Notification) -> bool:
        """False where no thread is free for it."""
        key = (notification.channel_kind, address in self.doubtful)
        if key not in self.lanes:
            size = SENDERS_TO_DOUBTFUL if key[1] else SENDERS
            self.lanes[key] = Lane(f"naruko.notify.{key[0]}", size)
        lane = self.lanes[key]
        if not lane.free:
            return False
        self._put_aside(address, notification)
        self.under_way.add(address)
        person = self.town.people[notification.recipient]
        lane.submit(partial(self.send, person, notification), partial(self._answered, address, notification))
        return True

    def _put_aside(self, address: Address, notification: Notification) -> None:
        left = self.waiting[address]
        left.remove(notification)
        if not left:
            del self.waiting[address]

    def _answered(self, address: Address, notification: Notification, answer: Answer | BaseException) -> None:
        self.under_way.discard(address)
        self.wake.set()
        if isinstance(answer, BaseException):
            self.broken = answer
            return
        self._watch(address, notification, answer)
        self._settle(settle(notification, answer, self.clock.now()))

    def _watch(self, address: Address, notification: Notification, answer: Answer) -> None:
        """Says once that an address is lost, and once that it is back."""
        recipient, channel = address
        name = f"{recipient}, channel {channel} ({notification.channel_kind})"
        if answer.status is not Status.SENT:
            if address not in self.doubtful:
                log.warning("%s: not delivered, will be tried again: %s", name, answer.reason)
            self.doubtful.add(address)
        elif address in self.doubtful:
            log.info("%s: delivers again", name)
            self.doubtful.discard(address)

    def _settle(self, notification: Notification) -> None:
        self.settled.append(notification)
        self.to_write.set()
