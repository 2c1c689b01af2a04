"""Services and addresses that are out for an hour or a day, in simulated time."""

import logging
import threading
from collections import Counter

import pytest

from hub.model import Severity, Status
from hub.notify import breaker, desk
from hub.notify.outbox import Answer
from tests.nights import GONE, REFUSED, SENT, SILENT, TOWN, by_ntfy, finished, mail_is, night, to
from tests.towns import HOUR, MINUTE, SECOND

# --- a service is out -----------------------------------------------------------------------------


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
