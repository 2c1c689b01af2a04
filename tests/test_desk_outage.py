"""Services and addresses that are out for an hour or a day, in simulated time. The phones are functions."""

import asyncio
import logging
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import pytest
from msgspec.structs import replace

from hub.clock import SetClock, Step
from hub.config.shapes import Channel, Person
from hub.model import Notification, Reason, Severity, Status
from hub.notify import breaker, desk
from hub.notify.desk import LATE_S, Desk
from hub.notify.outbox import Answer
from tests import towns
from tests.test_desk import Book
from tests.test_outbox import NOON, notification
from tests.towns import DAY, HOUR, MINUTE, SECOND
from tests.waiting import until

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
        return Desk(self.book, town, self.clock, self.wake, self.send, ticks=lambda: self.clock.now() / 1000)

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


# --- a service is out -----------------------------------------------------------------------------

TOWN = [f"p{i}" for i in range(60)]


@pytest.mark.parametrize("how", [GONE, SILENT], ids=["refuses", "is silent"])
async def test_a_service_that_is_out_is_probed_and_not_hammered_and_the_others_go_on(how: Answer) -> None:
    async with night(TOWN) as it:
        it.answers = mail_is(how)
        news = [to(p, f"{p}-boar", lasts=6 * HOUR) for p in TOWN]
        it.tell(*news, *map(by_ntfy, news))
        await it.rest()
        assert all(it.row(f"{p}-boar-ntfy").status is Status.SENT for p in TOWN), "at once"
        await it.passes(HOUR)
        tried = [row for _, row in it.calls if row.channel_kind == "mail"]
        most = desk.SENDERS + HOUR / 1000 / (breaker.PAUSES_S[-1] * (1 - breaker.JITTER)) + 8
        assert len(tried) <= most
        assert len(tried) >= HOUR / 1000 / (breaker.PAUSES_S[-1] * (1 + breaker.JITTER)) - 2
        it.answers = lambda *_: SENT
        await it.passes(20 * MINUTE)
        assert finished(it)
        assert {row.status for row in it.book.rows.values()} == {Status.SENT}


async def test_while_it_is_out_nothing_occupies_its_threads_but_one_probe() -> None:
    async with night(TOWN) as it:
        it.answers = mail_is(GONE)
        it.tell(*(to(p, f"{p}-boar") for p in TOWN))
        await it.passes(MINUTE)
        it.hanging = set(TOWN)
        await it.passes(5 * MINUTE)
        assert len(it.desk.under_way) == 1


async def test_what_is_urgent_has_a_service_that_is_out_tried_within_seconds() -> None:
    async with night(TOWN) as it:
        it.answers = mail_is(GONE)
        it.tell(*(to(p, f"{p}-boar", lasts=6 * HOUR) for p in TOWN))
        await it.passes(HOUR)
        before = len(it.calls)
        it.tell(to("p59", "run", "debris", severity=Severity.LIFE))
        await it.passes(MINUTE)
        tried = it.calls[before:]
        assert tried[0][1].id == "run"
        assert 3 <= len(tried) <= 6
        it.answers = lambda *_: SENT
        await it.passes(round(breaker.URGENT_PAUSE_S * SECOND))
        assert it.row("run").status is Status.SENT


async def test_the_backlog_follows_in_the_order_of_urgency_and_at_a_bounded_rate() -> None:
    async with night(TOWN) as it:
        it.answers = mail_is(GONE)
        levels = list(Severity)
        it.tell(*(to(p, f"{p}-boar", p, severity=levels[n % 5]) for n, p in enumerate(TOWN)))
        await it.passes(HOUR)
        back = it.clock.now()
        it.answers = lambda *_: SENT
        await it.passes(30 * SECOND, step=25)
        got = [(at, row.severity) for at, row in it.calls if at > back]
        assert len(got) == len(TOWN)
        assert [s for _, s in got] == sorted((s for _, s in got), reverse=True)
        mild = Counter(at // SECOND for at, severity in got if severity < Severity.DANGER)
        assert max(mild.values()) <= 11
        grave = [at for at, severity in got if severity >= Severity.DANGER]
        assert grave[-1] - grave[0] <= SECOND


async def test_one_dead_address_does_not_close_the_service_to_others() -> None:
    async with night(TOWN) as it:
        it.answers = lambda person, _: GONE if person.id == "p0" else SENT
        for hour in range(6):
            it.tell(*(to("p0", f"p0-{hour}-{n}", f"a{hour}{n}") for n in range(5)))
            await it.passes(HOUR, step=MINUTE)
            before = it.clock.now()
            it.tell(*(to(p, f"{p}-{hour}", f"b{hour}") for p in TOWN[1:]))
            await it.rest()
            assert all(it.row(f"{p}-{hour}").finished_at == before for p in TOWN[1:])


async def test_three_recipients_that_are_refused_do_not_close_the_service_either() -> None:
    async with night(TOWN) as it:
        it.answers = lambda person, _: REFUSED if person.id in TOWN[:20] else SENT
        it.tell(*(to(p, f"{p}-boar") for p in TOWN))
        await it.rest()
        assert all(it.row(f"{p}-boar").status is Status.SENT for p in TOWN[20:])


async def test_the_loss_of_a_service_is_logged_once_and_its_return_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "naruko.notify")
    async with night(TOWN) as it:
        it.answers = mail_is(GONE)
        it.tell(*(to(p, f"{p}-boar") for p in TOWN))
        await it.passes(HOUR)
        it.answers = lambda *_: SENT
        await it.passes(5 * MINUTE)
    said = [record.getMessage() for record in caplog.records]
    of_service = [line for line in said if line.startswith("mail (mailto)")]
    assert [line.partition(",")[0] for line in of_service] == [
        "mail (mailto) is out of service",
        "mail (mailto) is back",
    ]
    assert len(said) <= 2 + desk.SENDERS


async def test_a_message_is_not_given_up_for_attempts_that_nobody_of_its_service_answered() -> None:
    """A silent server uses up three repeats of one message within the hour; of a dead service it must not."""
    async with night(["p0", "p1", "p2"]) as it:
        it.answers = mail_is(SILENT)
        it.tell(*(to(p, f"{p}-boar", lasts=6 * HOUR) for p in ("p0", "p1", "p2")))
        await it.passes(3 * HOUR, step=MINUTE)
        assert max(it.row(f"{p}-boar").attempts for p in ("p0", "p1", "p2")) > 4
        it.answers = lambda *_: SENT
        await it.passes(30 * MINUTE)
        assert {row.status for row in it.book.rows.values()} == {Status.SENT}


async def test_when_one_service_is_back_the_others_are_tried_soon() -> None:
    """It was the network."""
    async with night(TOWN) as it:
        it.answers = lambda *_: GONE
        news = [to(p, f"{p}-boar", lasts=6 * HOUR) for p in TOWN]
        it.tell(*news, *map(by_ntfy, news))
        await it.passes(2 * HOUR, step=10 * SECOND)
        it.answers = lambda *_: SENT
        before = len(it.calls)
        while len(it.calls) == before:
            await it.passes(SECOND, step=SECOND)
        await it.passes(8 * SECOND, step=SECOND)
        assert {row.channel_kind for _, row in it.calls[before:]} == {"mail", "ntfy"}


# --- one address is out for a day -------------------------------------------------------------------


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_one_recipients_channel_dead_for_a_day(how: str) -> None:
    """All others hear everything at once. Alive again, it is told what is so then, and nothing else."""
    people = ["dead", *TOWN[:5]]
    async with night(people) as it:
        if how == "hangs":
            it.hanging = {"dead"}
        else:
            it.answers = lambda person, _: REFUSED if person.id == "dead" else SENT
        threads = set[int]()
        for hour in range(24):
            boar = f"boar-{hour}"
            for p in people:
                it.tell(to(p, f"{p}-{boar}", boar, lasts=HOUR // 2))
            it.tell(
                *(to(p, f"{p}-lv{hour}", "river", lasts=48 * HOUR, severity=Severity.DANGER) for p in people)
            )
            await it.rest()
            others = [row for row in it.book.rows.values() if row.recipient != "dead"]
            assert all(row.finished_at == row.created_at for row in others)
            await it.passes(HOUR, step=MINUTE)
            threads.add(sum(t.name.startswith("naruko.notify") for t in threading.enumerate()))
        attempts = sum(row.recipient == "dead" for _, row in it.calls)
        assert attempts <= 24 * 60 * 60 / breaker.URGENT_PAUSE_S + 10
        assert max(threads) <= 2 * (desk.SENDERS + desk.SENDERS_TO_DOUBTFUL)
        it.hanging, it.answers = set(), lambda *_: SENT
        it.let_go.set()
        await it.rest()
        back = it.clock.now()
        await it.passes(15 * MINUTE)
        told = [row for at, row in it.calls if at > back]
        assert [row.id for row in told] == ["dead-lv23"]
        statuses = Counter(row.status for row in it.book.rows.values() if row.recipient == "dead")
        assert set(statuses) <= {Status.SENT, Status.EXPIRED, Status.TIMEOUT}
        assert statuses[Status.SENT] == 1
        assert finished(it)


async def test_a_day_of_hanging_costs_no_more_threads_than_an_hour_of_it() -> None:
    """Calls that never come back at all are written off, and their threads replaced, up to a bound."""
    async with night(TOWN) as it:
        it.hanging = set(TOWN)
        for hour in range(24):
            it.tell(*(to(p, f"{p}-{hour}", f"a{hour}", severity=Severity.LIFE) for p in TOWN))
            await it.passes(HOUR, step=MINUTE)
            count = sum(t.name.startswith("naruko.notify.mail") for t in threading.enumerate())
            assert count <= 2 * (desk.SENDERS + desk.SENDERS_TO_DOUBTFUL)
        assert len(it.calls) < 100


async def test_a_call_that_no_time_limit_ends_is_written_off_and_its_place_taken() -> None:
    async with night(TOWN) as it:
        it.hanging = set(TOWN[: desk.SENDERS])
        it.tell(*(to(p, f"{p}-boar", severity=Severity.LIFE) for p in it.hanging))
        await it.passes(10 * SECOND)
        others = TOWN[desk.SENDERS :]
        it.tell(*(to(p, f"{p}-boar", lasts=2 * HOUR) for p in others))
        it.answers = lambda person, _: SENT
        await it.passes(round(desk.CALL_LIMIT_S) * SECOND - MINUTE)
        assert not [p for p in others if it.row(f"{p}-boar").finished_at]
        await it.passes(10 * MINUTE)
        assert all(it.row(f"{p}-boar").status is Status.SENT for p in others)
        assert all(it.row(f"{p}-boar").status is Status.TIMEOUT for p in it.hanging)


# --- what is told afterwards ------------------------------------------------------------------------


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


async def test_of_a_river_that_rose_in_the_outage_the_level_of_now_is_told_as_a_follow_up() -> None:
    async with night([*TOWN, "tanaka"]) as it:
        levels = [Severity.CAUTION, Severity.WARNING, Severity.DANGER]
        rows = [to("tanaka", f"lv{n}", "river", severity=s) for n, s in enumerate(levels, start=2)]
        await out_for(it, *rows)
        assert it.sent() == ["lv4"]
        (_, told), *_ = it.calls
        assert told.title == "【続報】【イノシシ】上田"
        assert told.body.splitlines()[0].endswith("この宛先には前の2件が届いていません。")
        for id in ("lv2", "lv3"):
            assert it.row(id).status is Status.EXPIRED
            assert re.search("overtaken by lv[34]$", it.row(id).error)
        assert it.row("lv4").body == told.body, "written down as it was said"


async def test_an_alarm_does_not_come_after_its_all_clear() -> None:
    async with night([*TOWN, "tanaka"]) as it:
        await out_for(
            it,
            to("tanaka", "run", "debris", severity=Severity.LIFE),
            to("tanaka", "false", "debris", severity=Severity.WARNING, reason=Reason.CANCELLED),
        )
        assert it.sent() == ["false"]
        assert it.row("run").error.endswith("overtaken by false")


async def test_the_all_clear_of_an_alarm_that_did_not_arrive_is_kept_back() -> None:
    async with night([*TOWN, "tanaka"]) as it:
        await out_for(
            it,
            to("tanaka", "boar", "boar"),
            to("tanaka", "gone", "boar", severity=Severity.NOTICE, reason=Reason.CLEARED),
        )
        assert it.sent() == []
        assert it.row("gone").status is Status.EXPIRED
        assert it.row("gone").error == "the alarm did not arrive"


async def test_and_is_told_where_another_channel_delivered_the_alarm() -> None:
    async with night([*TOWN, "tanaka"]) as it:
        boar = to("tanaka", "boar", "boar")
        over = to("tanaka", "gone", "boar", severity=Severity.NOTICE, reason=Reason.CLEARED)
        it.answers = mail_is(GONE)
        it.tell(by_ntfy(boar))
        await it.rest()
        await out_for(it, boar, over)
        assert it.sent() == ["gone"]


async def test_small_news_of_many_alerts_comes_as_one_message_and_each_row_names_it() -> None:
    async with night([*TOWN, "tanaka"]) as it:
        boars = [
            to(
                "tanaka",
                f"b{n}",
                f"boar-{n}",
                title=f"【イノシシ】{n}番の田",
                body=f"{n}番の田で見つけました。",
            )
            for n in range(6)
        ]
        run = to("tanaka", "run", "debris", severity=Severity.LIFE)
        await out_for(it, *boars, run)
        assert it.sent() == ["run", "b0"]
        _, listed = it.calls[1]
        assert listed.title == "【遅れ まとめ】お知らせ6件"
        assert all(f"【イノシシ】{n}番の田" in listed.body for n in range(6))
        assert it.row("b0").status is Status.SENT
        for n in range(1, 6):
            assert it.row(f"b{n}").status is Status.MERGED
            assert it.row(f"b{n}").error == "told in the message of b0"


async def test_news_that_is_none_any_more_is_written_down_as_expired_while_the_service_is_still_out() -> None:
    async with night(["tanaka"]) as it:
        it.hanging = {"tanaka"}
        hangs = to("tanaka", "hangs", severity=Severity.WARNING)
        it.tell(hangs, to("tanaka", "boar", "boar", lasts=MINUTE))
        await it.passes(round(desk.CALL_LIMIT_S - 10) * SECOND)
        assert it.row("boar").status is Status.EXPIRED
        assert it.row("boar").attempts == 0


async def test_a_short_outage_changes_no_word() -> None:
    async with night(["tanaka"]) as it:
        it.answers = mail_is(GONE)
        row = to("tanaka", "boar")
        it.tell(row)
        await it.passes(round(LATE_S / 4) * SECOND)
        it.answers = lambda *_: SENT
        await it.passes(MINUTE)
        assert it.row("boar").status is Status.SENT
        assert (it.row("boar").title, it.row("boar").body) == (row.title, row.body)


# --- restarts and changed rows ----------------------------------------------------------------------


async def test_a_list_that_was_sent_when_the_hub_died_is_sent_again_under_its_id() -> None:
    rows = [
        replace(to("tanaka", f"b{n}", f"boar-{n}"), created_at=NOON - HOUR + n, next_at=NOON - HOUR)
        for n in range(5)
    ]
    first = []
    for _ in range(2):
        async with night(["tanaka"], *rows) as it:
            await it.passes(MINUTE)
            first.append(it.calls[0][1])
            assert len(it.calls) == 1
    assert first[0] == first[1]
    assert first[0].title == "【遅れ まとめ】お知らせ5件"


async def test_a_list_that_may_have_arrived_is_repeated_and_then_all_of_it_is_finished() -> None:
    rows = [
        replace(to("tanaka", f"b{n}", f"boar-{n}"), created_at=NOON - HOUR + n, next_at=NOON - HOUR)
        for n in range(5)
    ]
    async with night(["tanaka"], *rows, how=Answer(Status.TIMEOUT, "Read timed out")) as it:
        await it.passes(2 * HOUR, step=30 * SECOND)
        assert it.sent() == ["b0"] * 3
        first, second, third = (at for at, _ in it.calls)
        assert second - first >= 24 * SECOND
        assert third - second >= 4 * MINUTE
        assert {row.status for row in it.book.rows.values()} == {Status.TIMEOUT}
        assert finished(it)


async def test_what_was_under_way_when_the_clock_was_set_is_not_taken_for_expired() -> None:
    """As on a Raspberry Pi that has booted in 1970: the rows are moved, and the message in the air too."""
    async with night(["suzuki"]) as it:
        it.hanging = {"suzuki"}
        it.tell(to("suzuki", "boar", lasts=HOUR))
        await it.rest()
        years = 20 * 365 * DAY
        before, it.clock.at = it.row("boar"), it.clock.at + years
        times = ("created_at", "event_received_at", "expires_at", "next_at")
        it.book.rows["boar"] = replace(before, **{name: getattr(before, name) + years for name in times})
        it.clock.followed.append(Step(NOON - MINUTE, NOON, years))
        it.hanging = set()
        it.let_go.set()
        await until(lambda: it.row("boar").attempts)
        assert (it.row("boar").attempts, it.row("boar").finished_at) == (1, None)
        await it.passes(5 * MINUTE)
        assert it.row("boar").status is Status.SENT


@pytest.mark.parametrize("jump", [-HOUR, -5 * HOUR])
async def test_a_clock_that_is_put_back_holds_nothing_up(jump: int) -> None:
    """Pauses are by the monotonic clock; here it goes on while the wall's is put back."""
    async with night(["tanaka"]) as it:
        start = it.clock.now()
        gone = 0

        def ticks() -> float:
            return (start + gone) / 1000

        it.desk.ticks = ticks
        it.answers = mail_is(GONE)
        it.tell(to("tanaka", "boar", lasts=12 * HOUR))
        await it.rest()
        it.clock.at += jump
        it.answers = lambda *_: SENT
        gone = 10 * SECOND
        it.wake.set()
        await it.rest()
        assert it.row("boar").status is Status.SENT
