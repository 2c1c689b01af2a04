"""A desk at work in simulated time, whose services and addresses are out. The phones are functions."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from msgspec.structs import replace

from hub.clock import SetClock
from hub.config.shapes import Channel, Person
from hub.model import Notification, Status
from hub.notify.desk import Desk
from hub.notify.outbox import Answer
from tests import towns
from tests.test_desk import Book
from tests.test_outbox import NOON, notification
from tests.towns import DAY, HOUR, MINUTE, SECOND

SENT = Answer(Status.SENT)


REFUSED = Answer(Status.PENDING, "{'***': (550, b'no such user')}")


GONE = Answer(Status.PENDING, "[Errno 101] Network is unreachable", of_service=True)


SILENT = Answer(Status.TIMEOUT, "Read timed out", of_service=True)


STEP = 5 * SECOND


def person(id: str) -> Person:
    """With one mail server and one ntfy server for all."""
    mail = Channel(kind="mail", url=f"mailto://mail.example?to={id}@a.example")
    ntfy = Channel(kind="ntfy", url=f"ntfy://ntfy.example/{id}")
    return Person(id=id, name=id, roles=("farmer",), channels=(mail, ntfy))


class Night:
    """A desk at work; time passes when it is told to, and only when the desk has done all it can."""

    def __init__(self, people: Iterable[str], rows: Iterable[Notification] = ()) -> None:
        self.book = Book(*rows)
        self.clock = SetClock(NOON)
        self.answers: Callable[[Person, Notification], Answer] = lambda *_: SENT
        self.calls: list[tuple[int, Notification]] = []
        self.hanging: set[str] = set()
        self.hung: list[str] = []
        self.let_go = threading.Event()
        self.wake = asyncio.Event()
        self.desk = self.new_desk(people)
        self.tasks: list[asyncio.Task[None]] = []

    def new_desk(self, people: Iterable[str]) -> Desk:
        town = towns.town(people=[person(id) for id in people])
        return Desk(
            self.book,
            town,
            self.clock,
            self.wake,
            self.send,
            ticks=lambda: self.clock.now() / 1000,
            apart_s=0.0,
        )

    def send(self, person: Person, row: Notification) -> Answer:
        self.calls.append((self.clock.now(), row))
        if row.recipient in self.hanging:
            self.hung.append(row.id)
            self.let_go.wait(60)
            return SILENT
        return self.answers(person, row)

    def tell(self, *rows: Notification) -> None:
        """Decided now."""
        for row in rows:
            lasts = row.expires_at - row.created_at
            now = self.clock.now()
            self.book.rows[row.id] = replace(
                row, created_at=now, event_received_at=now, next_at=now, expires_at=now + lasts
            )
        self.wake.set()

    def row(self, id: str) -> Notification:
        return self.book.rows[id]

    def sent(self, *, since: int = 0) -> list[str]:
        """Ids in the order in which they were tried."""
        return [row.id for at, row in self.calls if at >= since]

    async def passes(self, millis: int, step: int = STEP) -> None:
        end = self.clock.now() + millis
        while self.clock.at < end:
            self.clock.at = min(self.clock.at + step, end)
            self.wake.set()
            await self.rest()

    async def rest(self) -> None:
        """Until nothing can be done any more at this instant."""
        async with asyncio.timeout(30):
            while self.wake.is_set() or self.desk.settled or not self._all_hang():
                for task in self.tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0)

    def _all_hang(self) -> bool:
        """What is under way has begun, and will not end."""
        return all(
            address[0] in self.hanging and attempt.letter.row.id in self.hung
            for address, attempt in self.desk.under_way.items()
        )


@asynccontextmanager
async def night(people: Iterable[str], *rows: Notification, how: Answer = SENT) -> AsyncIterator[Night]:
    it = Night(people, rows)
    it.answers = lambda *_: how
    it.tasks = [asyncio.create_task(it.desk.send_due()), asyncio.create_task(it.desk.write_down())]
    try:
        it.wake.set()
        await it.rest()
        yield it
    finally:
        it.let_go.set()
        for task in it.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await it.desk.close()


def to(recipient: str, id: str, alert: str = "a1", *, lasts: int = DAY, **more: object) -> Notification:
    row = notification(id, recipient=recipient, alert=alert)
    return replace(row, **({"expires_at": NOON + lasts} | more))


def by_ntfy(row: Notification) -> Notification:
    return replace(row, id=f"{row.id}-ntfy", channel=1, channel_kind="ntfy")


def mail_is(answer: Answer) -> Callable[[Person, Notification], Answer]:
    return lambda _, row: answer if row.channel_kind == "mail" else SENT


def finished(night: Night) -> bool:
    return all(row.finished_at is not None for row in night.book.rows.values())


TOWN = [f"p{i}" for i in range(60)]


async def out_for(it: Night, *rows: Notification, millis: int = HOUR) -> None:
    """The town's mail is out while these are decided, ten minutes apart, and comes back."""
    it.answers = mail_is(GONE)
    it.tell(*(to(p, f"{p}-x", f"x-{p}", lasts=2 * MINUTE) for p in TOWN[:3]))
    for row in rows:
        it.tell(row)
        await it.passes(10 * MINUTE)
    await it.passes(millis)
    it.answers = lambda *_: SENT
    it.calls.clear()
    await it.passes(10 * MINUTE)
