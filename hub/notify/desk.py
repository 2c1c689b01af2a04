"""Who is sent to next: what waits, which services are tried, and the threads that send.

Knows no way of sending. What waits is held in memory; a row stays in the outbox until it is finished.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from hub.clock import Clock, monotonic
from hub.config.shapes import Person
from hub.config.town import Town
from hub.lanes import Call, Lane
from hub.model import Notification, Severity, Status
from hub.notify import backlog
from hub.notify.backlog import ALL_CLEARS, Heard, Letter, moved_letter
from hub.notify.outbox import Answer, due_after, give_up, settle
from hub.notify.service import Service, service_of
from hub.notify.services import Services
from hub.notify.waiting import Address, Queue, Waiting
from hub.steps import moved_notification
from hub.wording import format_time

log = logging.getLogger("naruko.notify")

SENDERS = 6
SENDERS_TO_DOUBTFUL = 2
"""Threads of one service: for addresses whose last message went well, and for the others. So a dead address
takes from the living ones its first attempt at most."""

APART_S = 0.05
"""A second attempt begins when the newest is answered, or so much later: by then that one waits for a server.
Several that are made ready at once take the loop's time, and a siren waits (docs/benchmarks.md)."""

POLL_S = 1.0
SWEEP_S = 30.0
"""How often what has expired is looked for, also where nothing can be sent."""

LATE_S = 120.0
"""What has waited so long is late: stale news is left out, and the message says of when it is."""

CALL_LIMIT_S = 120.0
"""Then an attempt is taken for unanswered and its thread written off: a server that sends a byte now and then
outlives every time limit of a socket. An honest one needs at most 15 s for each of some seven steps."""

GRACE_S = 2.0
"""At the end, what is under way has so long to be answered. What is not will be repeated."""

REMEMBERED_ALERTS = 200

Send = Callable[[Person, Notification], Answer]
"""Called in a thread, for one address one at a time."""


class Outbox(Protocol):
    """What this edge needs of the ledger."""

    def notifications_after(self, last: int = 0) -> tuple[int, list[Notification]]:
        """Those that wait and were written after number `last`, due or not, and the next number to ask with;
        also those of status TIMEOUT that are not finished."""

    def notifications_of(self, alert_id: str) -> list[Notification]: ...

    async def update_notification(self, notification: Notification) -> None: ...


class UnderWay(Struct):
    """One attempt: the letter, what was taken out of the queue for it, and its thread."""

    letter: Letter
    items: list[Waiting]
    service: Service
    lane: Lane[Answer]
    began: float
    call: Call | None = None


class Desk:
    """What is held of the outbox: waiting by service and address, under way, and to be written down.

    `ticks` is the monotonic clock, in seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        town: Town,
        clock: Clock,
        wake: asyncio.Event,
        send: Send,
        *,
        ticks: Callable[[], float] = monotonic,
        people: Callable[[], Mapping[str, Person]] | None = None,
        apart_s: float = APART_S,
    ) -> None:
        self.outbox = outbox
        self.town = town
        self.people = people or (lambda: town.people)
        self.clock = clock
        self.wake = wake
        self.send = send
        self.ticks = ticks
        self.last = 0
        self.aged = True
        """Whether what is read next may have waited before us."""
        self.swept = ticks()
        self.held: set[str] = set()
        self.queues: dict[Service, Queue] = {}
        self.services = Services()
        self.under_way: dict[Address, UnderWay] = {}
        self.apart_s = apart_s
        self.newest: tuple[UnderWay, float] | None = None
        """With when it began by the machine's own clock."""
        self.settled: deque[Notification] = deque()
        self.to_write = asyncio.Event()
        self.lanes: dict[tuple[Service, bool], Lane[Answer]] = {}
        self.heard: dict[str, Heard] = {}
        self.broken: BaseException | None = None
        self.followed = len(clock.followed)

    # --- the tasks ------------------------------------------------------------------------------

    async def send_due(self) -> None:
        while True:
            self.wake.clear()
            self._follow()
            self._sweep()
            self._fetch()
            self._abandon()
            pause = self._start()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, POLL_S)):
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

    def _follow(self) -> None:
        """The hub's clock was set, and with it the rows: what is held of them too."""
        for step in self.clock.followed[self.followed :]:
            for item in (item for queue in self.queues.values() for item in queue):
                item.notification = moved_notification(item.notification, step)
            for attempt in self.under_way.values():
                attempt.letter = moved_letter(attempt.letter, step)
                for item in attempt.items:
                    item.notification = moved_notification(item.notification, step)
        self.followed = len(self.clock.followed)

    # --- the ledger -----------------------------------------------------------------------------

    async def _write(self) -> None:
        """All at once, so that the ledger may put them into one transaction."""
        while self.settled:
            batch = tuple(self.settled)
            await asyncio.gather(*map(self.outbox.update_notification, batch))
            for notification in batch:
                self.settled.popleft()
                if notification.finished_at is not None:
                    self.held.discard(notification.id)

    def _fetch(self) -> None:
        """What is new in the outbox. What was there before us counts as waiting since it was decided."""
        aged, self.aged = self.aged, False
        self.last, found = self.outbox.notifications_after(self.last)
        now, ticks = self.clock.now(), self.ticks()
        for notification in found:
            if notification.id in self.held:
                continue
            self.held.add(notification.id)
            if notification.alert_id in self.heard:
                self.heard[notification.alert_id].note(notification)
            due_at = notification.created_at if notification.attempts else notification.next_at
            age = max(0, now - due_at) / 1000 if aged else 0.0
            due_in = due_after(notification, now)
            since = ticks - age + (0.0 if notification.attempts else due_in)
            self._queue(notification, Waiting(notification, since, ticks + due_in))

    def _queue(self, notification: Notification, item: Waiting) -> None:
        person = self.people().get(notification.recipient)
        if person is None or notification.channel >= len(person.channels):
            self._settle(self._orphaned(notification))
            return
        service = self._service(person, notification.channel)
        self.queues.setdefault(service, Queue()).add((person.id, notification.channel), item)

    def _orphaned(self, notification: Notification) -> Notification:
        error = "recipient or channel is no longer in the config"
        return replace(notification, status=Status.FAILED, finished_at=self.clock.now(), error=error)

    def _service(self, person: Person, channel: int) -> Service:
        return self.services.known.setdefault((person.id, channel), service_of(person.channels[channel]))

    def _sweep(self) -> None:
        """What has expired is finished, also where nobody can be reached to send it to."""
        if self.ticks() - self.swept < SWEEP_S:
            return
        self.swept = self.ticks()
        now = self.clock.now()
        for queue in self.queues.values():
            for row in self._drop(queue, lambda row: now >= row.expires_at):
                self._settle(give_up(row, now))

    def _drop(self, queue: Queue, those: Callable[[Notification], bool]) -> list[Notification]:
        """Out of the queue, and no longer held."""
        gone = [item.notification for item in queue if those(item.notification)]
        for row in gone:
            queue.take((row.recipient, row.channel), {row.id})
            self.held.discard(row.id)
        return gone

    def _settle(self, notification: Notification) -> None:
        self.settled.append(notification)
        self.held.add(notification.id)
        if notification.alert_id in self.heard:
            self.heard[notification.alert_id].note(notification)
        self.to_write.set()

    def _heard(self, alert_id: str) -> Heard:
        """Read once from the ledger, which may hold thousands of rows of one alert, and then kept up."""
        if alert_id not in self.heard:
            if len(self.heard) >= REMEMBERED_ALERTS:
                self.heard.pop(next(iter(self.heard)))
            heard = Heard(self.outbox.notifications_of(alert_id))
            for row in self.settled:
                if row.alert_id == alert_id:
                    heard.note(row)
            self.heard[alert_id] = heard
        return self.heard[alert_id]

    # --- what goes next -------------------------------------------------------------------------

    def _start(self) -> float:
        """Hands to the threads what they can take now. Returns for how many seconds nothing more can go."""
        return min((self._start_service(s, queue) for s, queue in self.queues.items()), default=POLL_S)

    def _start_service(self, service: Service, queue: Queue) -> float:
        """The most urgent first."""
        if not queue:
            self.services.caught_up(service)
            return POLL_S
        if self.services.is_out(service):
            return self._probe(service, queue)
        pauses = [POLL_S]
        for doubtful in (False, True):
            lane = self._lane(service, doubtful=doubtful)
            for address in queue.addresses():
                if not lane.free:
                    break
                if wait := self._crowded():
                    pauses.append(wait)
                    break
                if address in self.under_way or self.services.doubts(service, address) is not doubtful:
                    continue
                now, urgent = self.ticks(), queue.urgency(address) >= Severity.DANGER
                if wait := self.services.wait(service, now, urgent=urgent):
                    pauses.append(wait)  # and longer for those that follow
                    break
                if wait := self.services.wait_of_address(address, now, urgent=urgent):
                    pauses.append(wait)
                elif letter := self._pick(service, queue, address):
                    self._hand_over(service, queue, letter, lane, urgent=urgent)
        return min(pauses)

    def _crowded(self) -> float:
        """For how many seconds the newest attempt may still be busy within the hub."""
        if self.newest is None:
            return 0.0
        newest, began = self.newest
        answered = self.under_way.get((newest.letter.row.recipient, newest.letter.row.channel)) is not newest
        return 0.0 if answered else max(0.0, began + self.apart_s - monotonic())

    def _probe(self, service: Service, queue: Queue) -> float:
        """One attempt at a service that is out, for an address that has not failed itself where there is one:
        a few dead phones must not hold up for ever what is urgent for others."""
        now, urgent = self.ticks(), queue.urgent()
        lane = self._lane(service, doubtful=True)
        if wait := self.services.wait(service, now, urgent=urgent) or self._crowded():
            return wait
        for address in sorted(queue.addresses(), key=self.services.has_failed):
            if not lane.free or address in self.under_way:
                continue
            if self.services.wait_of_address(address, now, urgent=urgent):
                continue
            if letter := self._pick(service, queue, address):
                self._hand_over(service, queue, letter, lane, urgent=urgent)
                break
        return POLL_S

    def _lane(self, service: Service, *, doubtful: bool) -> Lane[Answer]:
        key = (service, doubtful)
        if key not in self.lanes:
            size = SENDERS_TO_DOUBTFUL if doubtful else SENDERS
            self.lanes[key] = Lane(f"naruko.notify.{service.name}", size)
        return self.lanes[key]

    def _pick(self, service: Service, queue: Queue, address: Address) -> Letter | None:
        """The next message to this address; what needs no attempt any more is finished on the way."""
        now, ticks = self.clock.now(), self.ticks()
        person = self.people().get(address[0])
        if person is None:  # has left while it waited
            for item in list(queue.of(address)):
                self._end(queue, address, self._orphaned(item.notification))
            return None
        for item in list(queue.of(address)):
            if now >= item.notification.expires_at:
                self._end(queue, address, give_up(item.notification, now))
        late = {item.notification.id for item in queue.of(address) if ticks - item.since >= LATE_S}
        hindered = bool(late) or self.services.hinders(service, address)
        if hindered:
            for row, by in backlog.overtaken([item.notification for item in queue.of(address)]):
                self._end(queue, address, give_up(row, now, f"overtaken by {by.id}"))
        for item in list(queue.of(address)):
            row = item.notification
            if row.reason in ALL_CLEARS and not self._heard(row.alert_id).needs(row):
                self._end(queue, address, give_up(row, now, "the alarm did not arrive"))
        ready = [item.notification for item in queue.of(address) if item.ready_at <= ticks]
        if not ready:
            return None
        return backlog.next_letter(
            ready,
            late,
            lambda row: self._heard(row.alert_id).missed(row) if hindered else 0,
            lang=person.lang,
            contact=self.town.site.contact,
            time=lambda at: format_time(at, now, self.town.zone_info),
        )

    def _end(self, queue: Queue, address: Address, row: Notification) -> None:
        queue.take(address, {row.id})
        self._settle(row)

    def _hand_over(
        self, service: Service, queue: Queue, letter: Letter, lane: Lane[Answer], *, urgent: bool
    ) -> None:
        address = (letter.row.recipient, letter.row.channel)
        ids = {letter.row.id, *(row.id for row in letter.covers)}
        now = self.ticks()
        attempt = UnderWay(letter, queue.take(address, ids), service, lane, now)
        self.under_way[address] = attempt
        self.newest = attempt, monotonic()
        self.services.begun(service, address, now, urgent=urgent)
        person = self.people()[address[0]]
        attempt.call = lane.submit(
            partial(self.send, person, letter.as_sent), partial(self._answered, address)
        )

    # --- what came of it ------------------------------------------------------------------------

    def _abandon(self) -> None:
        """Attempts that no server will end."""
        now = self.ticks()
        for address, attempt in list(self.under_way.items()):
            if now - attempt.began > CALL_LIMIT_S and attempt.call and attempt.lane.abandon(attempt.call):
                reason = f"no answer within {CALL_LIMIT_S:g} s"
                self._answered(address, Answer(Status.TIMEOUT, reason, of_service=True))

    def _answered(self, address: Address, answer: Answer | BaseException) -> None:
        self._follow()
        attempt = self.under_way.pop(address)
        self.wake.set()
        if isinstance(answer, BaseException):
            self.broken = answer
            return
        service, queue = attempt.service, self.queues[attempt.service]
        message = attempt.letter.row.id
        self.services.judge(service, address, answer, self.ticks(), waiting=len(queue), message=message)
        now = self.clock.now()
        row = settle(attempt.letter.row, answer, now, service_out=self.services.is_out(service))
        if row.status is Status.SENT:
            row = replace(row, title=attempt.letter.as_sent.title, body=attempt.letter.as_sent.body)
        if row.finished_at is not None and row.status in (Status.SENT, Status.TIMEOUT):
            told = Status.MERGED if row.status is Status.SENT else Status.TIMEOUT
            for covered in attempt.letter.covers:
                error = f"told in the message of {row.id}"
                self._settle(replace(covered, status=told, finished_at=now, error=error))
        else:
            self._put_back(address, queue, attempt, row)
        self._settle(row)

    def _put_back(self, address: Address, queue: Queue, attempt: UnderWay, row: Notification) -> None:
        """What was not sent waits again, unless it failed for good."""
        ready_at = self.ticks() + due_after(row, self.clock.now())
        for item in attempt.items:
            if item.notification.id == row.id:
                item.notification = row
            if item.notification.finished_at is None:
                item.ready_at = ready_at  # what may have arrived in one list is not told in another
                queue.add(address, item)
