"""Who is sent to next: threads, order and what a crash leaves. The phones are functions here."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from msgspec.structs import replace

from hub import notify
from hub.clock import SetClock
from hub.config.shapes import Channel, Person
from hub.ledger import Ledger
from hub.model import Notification, Outcome, Reason, Severity, Status
from hub.notify import Send, desk
from hub.notify.outbox import Answer
from tests import towns
from tests.ledgers import waiting
from tests.test_outbox import NOON, notification
from tests.towns import HOUR, MINUTE, SECOND

SENT = Answer(Status.SENT)
SECONDS = 10.0
"""Until a test that waits for something gives up."""


class Book:
    """As much of a ledger as the desk needs, in a dict."""

    def __init__(self, *notifications: Notification) -> None:
        self.rows = {n.id: n for n in notifications}
        self.changed = asyncio.Condition()

    def notifications_after(self, last: int = 0) -> tuple[int, list[Notification]]:
        new = list(self.rows.values())[last:]
        return len(self.rows), [n for n in new if n.finished_at is None]

    def notifications_of(self, alert_id: str) -> list[Notification]:
        return [n for n in self.rows.values() if n.alert_id == alert_id]

    async def update_notification(self, notification: Notification) -> None:
        async with self.changed:
            self.rows[notification.id] = notification
            self.changed.notify_all()

    async def until(self, told: Callable[[dict[str, Notification]], bool]) -> None:
        async with asyncio.timeout(SECONDS), self.changed:
            await self.changed.wait_for(lambda: told(self.rows))

    async def until_finished(self, *ids: str) -> None:
        await self.until(lambda rows: all(rows[id].finished_at is not None for id in ids))


def person(id: str, channels: int = 1) -> Person:
    kinds = ("mail", "ntfy", "line")[:channels]
    url = "json://127.0.0.1"
    return Person(
        id=id, name=id, roles=("farmer",), channels=tuple(Channel(kind=kind, url=url) for kind in kinds)
    )


def to(recipient: str, id: str = "", **more: object) -> Notification:
    return replace(notification(id or f"for-{recipient}", recipient=recipient), **more)


@asynccontextmanager
async def at_work(
    outbox: desk.Outbox,
    send: Send | None,
    *people: Person,
    clock: SetClock | None = None,
) -> AsyncIterator[asyncio.Event]:
    """The desk, working; gives the event that wakes it. Intervals run by the set clock too."""
    wake = asyncio.Event()
    town = towns.town(people=people)
    at = clock or SetClock(NOON)
    task = asyncio.create_task(notify.deliver(outbox, town, at, wake, send, ticks=lambda: at.now() / 1000))
    try:
        yield wake
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Phones:
    """Answers as told and keeps who was called, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.rang = threading.Condition()
        self.dead: set[str] = set()
        self.released = threading.Event()
        self.answers: dict[str, list[Answer]] = {}

    def send(self, person: Person, notification: Notification) -> Answer:
        with self.rang:
            self.calls.append((person.id, notification.id))
            self.rang.notify_all()
        if person.id in self.dead:
            self.released.wait(SECONDS)
            return Answer(Status.TIMEOUT, "Read timed out")
        left = self.answers.get(notification.id)
        return left.pop(0) if left else SENT

    async def until_called(self, times: int) -> None:
        def wait() -> bool:
            with self.rang:
                return self.rang.wait_for(lambda: len(self.calls) >= times, SECONDS)

        assert await asyncio.to_thread(wait)


async def test_what_is_pending_is_sent_and_written_down_with_its_time() -> None:
    phones, book = Phones(), Book(to("tanaka"), to("suzuki"))
    async with at_work(book, phones.send, person("tanaka"), person("suzuki"), clock=SetClock(NOON + 30)):
        await book.until_finished("for-tanaka", "for-suzuki")
    assert {n.status for n in book.rows.values()} == {Status.SENT}
    assert {n.finished_at for n in book.rows.values()} == {NOON + 30}


async def test_another_begins_only_when_the_newest_is_answered() -> None:
    """So that a siren's order does not wait for several mails that are made ready at once."""
    phones, book, wake = Phones(), Book(to("dead"), to("tanaka"), to("suzuki")), asyncio.Event()
    phones.dead.add("dead")
    people = [person("dead"), person("tanaka"), person("suzuki")]
    at = desk.Desk(book, towns.town(people=people), SetClock(NOON), wake, phones.send, apart_s=HOUR)
    tasks = [asyncio.create_task(work) for work in (at.send_due(), at.write_down())]
    await phones.until_called(1)
    wake.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(at.under_way) == 1
    phones.released.set()
    await book.until_finished("for-tanaka", "for-suzuki")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await at.close()


async def test_what_comes_later_is_sent_when_the_desk_is_woken() -> None:
    phones, book = Phones(), Book()
    async with at_work(book, phones.send, person("tanaka")) as wake:
        await asyncio.sleep(0)
        book.rows["late"] = to("tanaka", "late")
        wake.set()
        await book.until_finished("late")
    assert phones.calls == [("tanaka", "late")]


async def test_a_desk_with_nothing_to_do_reads_the_outbox_once_and_sleeps() -> None:
    class Counted(Book):
        reads = 0

        def notifications_after(self, last: int = 0) -> tuple[int, list[Notification]]:
            self.reads += 1
            return super().notifications_after(last)

    book = Counted(to("tanaka"))
    async with at_work(book, Phones().send, person("tanaka")):
        await book.until_finished("for-tanaka")
        before = book.reads
        await asyncio.sleep(desk.POLL_S / 4)
        assert book.reads - before <= 2


async def test_a_dead_phone_delays_nobody() -> None:
    """The dead one is still hanging when all others have been told, on the same kind of channel."""
    phones = Phones()
    phones.dead.add("dead")
    others = [f"p{i}" for i in range(20)]
    book = Book(
        *(to("dead", f"dead-{i}", severity=Severity.LIFE) for i in range(5)), *(to(o) for o in others)
    )
    async with at_work(book, phones.send, person("dead"), *(person(o) for o in others)):
        await book.until_finished(*(f"for-{o}" for o in others))
        assert [call for call in phones.calls if call[0] == "dead"] == [("dead", "dead-0")]
        phones.released.set()


async def test_dead_phones_that_are_known_share_two_threads_of_their_own() -> None:
    phones = Phones()
    dead = [f"dead{i}" for i in range(desk.SENDERS)]
    book = Book(*(to(d, severity=Severity.LIFE) for d in dead))
    clock = SetClock(NOON)
    people = [*(person(d) for d in dead), person("tanaka")]
    phones.answers = {f"for-{d}": [Answer(Status.PENDING, "Connection refused")] for d in dead}
    async with at_work(book, phones.send, *people, clock=clock) as wake:
        await book.until(lambda rows: all(n.attempts == 1 for n in rows.values()))
        phones.dead.update(dead)
        clock.at += HOUR // 2
        wake.set()
        await phones.until_called(desk.SENDERS + desk.SENDERS_TO_DOUBTFUL)
        book.rows["for-tanaka"] = to("tanaka", next_at=clock.at)
        wake.set()
        await book.until_finished("for-tanaka")
        assert len(phones.calls) == desk.SENDERS + desk.SENDERS_TO_DOUBTFUL + 1
        phones.released.set()


async def test_a_kind_of_channel_that_hangs_does_not_hold_up_another_kind() -> None:
    phones = Phones()
    hanging = [f"p{i}" for i in range(desk.SENDERS)]
    phones.dead.update(hanging)
    by_ntfy = to("tanaka", channel=1, channel_kind="ntfy")
    book = Book(*(to(p, severity=Severity.LIFE) for p in hanging), by_ntfy)
    async with at_work(book, phones.send, *(person(p) for p in hanging), person("tanaka", channels=2)):
        await book.until_finished("for-tanaka")
        assert all(book.rows[f"for-{p}"].finished_at is None for p in hanging)
        phones.released.set()


async def test_the_life_saving_message_goes_out_before_the_notices() -> None:
    """More is waiting than there are threads: what is urgent is among the first."""
    phones = Phones()
    crowd = [f"p{i}" for i in range(50)]
    book = Book(*(to(p, severity=Severity.NOTICE) for p in crowd), to("tanaka", severity=Severity.LIFE))
    async with at_work(book, phones.send, *(person(p) for p in crowd), person("tanaka")):
        await book.until_finished("for-tanaka", *(f"for-{p}" for p in crowd))
    assert ("tanaka", "for-tanaka") in phones.calls[: desk.SENDERS]


async def test_one_address_gets_one_message_at_a_time_in_the_order_of_the_levels() -> None:
    phones = Phones()
    levels = [("lv4", Severity.DANGER), ("lv2", Severity.CAUTION), ("lv3", Severity.WARNING)]
    book = Book(*(to("tanaka", id, severity=severity) for id, severity in levels))
    async with at_work(book, phones.send, person("tanaka")):
        await book.until_finished("lv2", "lv3", "lv4")
    assert [id for _, id in phones.calls] == ["lv2", "lv3", "lv4"]


async def test_a_message_that_failed_is_sent_when_its_time_has_come() -> None:
    phones, book, clock = Phones(), Book(to("tanaka")), SetClock(NOON)
    phones.answers["for-tanaka"] = [Answer(Status.PENDING, "Connection refused")]
    async with at_work(book, phones.send, person("tanaka"), clock=clock) as wake:
        await book.until(lambda rows: rows["for-tanaka"].attempts == 1)
        wake.set()
        assert book.rows["for-tanaka"].error == "Connection refused"
        assert book.rows["for-tanaka"].next_at > NOON
        clock.at += 10 * SECOND
        wake.set()
        await book.until_finished("for-tanaka")
    done = book.rows["for-tanaka"]
    assert (done.status, done.attempts, done.error) == (Status.SENT, 2, "")


async def test_the_loss_of_an_address_is_logged_once_and_its_return_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    phones, book, clock = Phones(), Book(to("tanaka")), SetClock(NOON)
    phones.answers["for-tanaka"] = [Answer(Status.PENDING, "Connection refused")] * 3
    caplog.set_level(logging.INFO, "naruko.notify")
    async with at_work(book, phones.send, person("tanaka"), clock=clock) as wake:
        for attempt in (1, 2, 3, 4):
            await book.until(lambda rows, n=attempt: rows["for-tanaka"].attempts == n)  # type: ignore[misc]
            clock.at += MINUTE
            wake.set()
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "mail of notification for-tanaka: not delivered, will be tried again: Connection refused",
        "mail of notification for-tanaka: delivers again",
    ]


async def test_a_message_that_is_no_news_any_more_is_not_sent() -> None:
    phones, book = Phones(), Book(to("tanaka"))
    async with at_work(book, phones.send, person("tanaka"), clock=SetClock(NOON + HOUR)):
        await book.until_finished("for-tanaka")
    assert book.rows["for-tanaka"].status is Status.EXPIRED
    assert phones.calls == []


async def test_an_alarm_that_could_not_be_delivered_does_not_follow_its_all_clear() -> None:
    phones, book, clock = Phones(), Book(to("tanaka", "alarm", severity=Severity.LIFE)), SetClock(NOON)
    phones.answers["alarm"] = [Answer(Status.PENDING, "Connection refused")]
    async with at_work(book, phones.send, person("tanaka"), clock=clock) as wake:
        await book.until(lambda rows: rows["alarm"].attempts == 1)
        clock.at += MINUTE
        cancel = to("tanaka", "cancel", severity=Severity.WARNING, reason=Reason.CANCELLED)
        book.rows["cancel"] = replace(cancel, created_at=clock.at, next_at=clock.at)
        wake.set()
        await book.until_finished("alarm", "cancel")
    assert [id for _, id in phones.calls] == ["alarm", "cancel"]
    assert book.rows["alarm"].status is Status.EXPIRED
    assert "overtaken" in book.rows["alarm"].error


async def test_a_recipient_who_left_the_config_is_written_down_as_failed() -> None:
    phones, book = Phones(), Book(to("gone"), to("tanaka", channel=3))
    async with at_work(book, phones.send, person("tanaka")):
        await book.until_finished("for-gone", "for-tanaka")
    assert {n.status for n in book.rows.values()} == {Status.FAILED}
    assert phones.calls == []


async def test_a_crash_between_sending_and_writing_repeats_the_message_under_the_same_id() -> None:
    class DiesBeforeWriting(Book):
        async def update_notification(self, notification: Notification) -> None:
            raise OSError("the disk is gone")

    phones, book = Phones(), DiesBeforeWriting(to("tanaka"))
    with pytest.RaisesGroup(OSError, allow_unwrapped=True):
        await notify.deliver(
            book, towns.town(people=[person("tanaka")]), SetClock(NOON), asyncio.Event(), phones.send
        )
    again = Book(*book.rows.values())
    async with at_work(again, phones.send, person("tanaka")):
        await again.until_finished("for-tanaka")
    assert phones.calls == [("tanaka", "for-tanaka")] * 2
    assert again.rows["for-tanaka"].status is Status.SENT


async def test_what_is_answered_while_the_hub_stops_is_still_written_down() -> None:
    phones, book = Phones(), Book(to("tanaka"))
    phones.dead.add("tanaka")
    async with at_work(book, phones.send, person("tanaka")):
        await phones.until_called(1)
        asyncio.get_running_loop().call_later(0.05, phones.released.set)
    assert book.rows["for-tanaka"].attempts == 1
    assert book.rows["for-tanaka"].status is Status.TIMEOUT


async def test_a_phone_that_hangs_does_not_keep_the_hub_from_stopping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk, "GRACE_S", 0.05)
    phones, book = Phones(), Book(to("tanaka"))
    phones.dead.add("tanaka")
    async with at_work(book, phones.send, person("tanaka")):
        await phones.until_called(1)
    assert book.rows["for-tanaka"].finished_at is None
    phones.released.set()


async def test_an_error_in_sending_that_nobody_foresaw_ends_the_desk() -> None:
    def send(person: Person, notification: Notification) -> Answer:
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError):
        await notify.deliver(
            Book(to("tanaka")), towns.town(people=[person("tanaka")]), SetClock(NOON), asyncio.Event(), send
        )


class Watched:
    """The real ledger, and a word when something was written."""

    def __init__(self, ledger: Ledger) -> None:
        self.notifications_after = ledger.notifications_after
        self.notifications_of = ledger.notifications_of
        self._update = ledger.update_notification
        self.written: asyncio.Queue[str] = asyncio.Queue()

    async def update_notification(self, notification: Notification) -> None:
        await self._update(notification)
        self.written.put_nowait(notification.id)


async def test_the_real_ledger_hands_out_what_waits_and_keeps_what_was_sent() -> None:
    ledger = Ledger.in_memory()
    try:
        await ledger.store(
            Outcome(notifications=[to("tanaka", "n1"), to("tanaka", "n2", created_at=NOON + 1)])
        )
        phones, watched = Phones(), Watched(ledger)
        phones.answers["n2"] = [Answer(Status.TIMEOUT, "Read timed out")]
        async with at_work(watched, phones.send, person("tanaka")), asyncio.timeout(SECONDS):
            assert [await watched.written.get(), await watched.written.get()] == ["n1", "n2"]
        first, second = ledger.notifications_of("a1")
        assert (first.id, first.status, first.finished_at) == ("n1", Status.SENT, NOON)
        assert (second.status, second.finished_at) == (Status.TIMEOUT, None)
        assert [n.id for n in waiting(ledger, second.next_at)] == ["n2"]
    finally:
        ledger.close()


async def test_the_ledger_hands_out_what_is_new_once_due_or_not_and_after_a_restart_all_that_waits() -> None:
    ledger = Ledger.in_memory()
    try:
        await ledger.store(Outcome(notifications=[to("tanaka", "n1"), to("tanaka", "n2")]))
        last, found = ledger.notifications_after()
        assert [n.id for n in found] == ["n1", "n2"]
        assert ledger.notifications_after(last) == (last, [])
        await ledger.update_notification(replace(found[0], status=Status.SENT, finished_at=NOON))
        await ledger.store(Outcome(notifications=[to("tanaka", "n3", next_at=NOON + HOUR)]))
        last, found = ledger.notifications_after(last)
        assert [n.id for n in found] == ["n3"]
        assert [n.id for n in ledger.notifications_after()[1]] == ["n2", "n3"]
        await ledger.update_notification(replace(found[0], status=Status.MERGED, finished_at=NOON))
        assert [n.id for n in ledger.notifications_after()[1]] == ["n2"]
    finally:
        ledger.close()
