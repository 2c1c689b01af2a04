"""What is told when a service is back, over restarts too, and of what was changed meanwhile."""

import re

import pytest
from msgspec.structs import replace

from hub.clock import Step
from hub.model import Reason, Severity, Status
from hub.notify import desk
from hub.notify.desk import LATE_S
from hub.notify.outbox import Answer
from tests.nights import GONE, SENT, TOWN, by_ntfy, finished, mail_is, night, out_for, to
from tests.test_outbox import NOON
from tests.towns import DAY, HOUR, MINUTE, SECOND
from tests.waiting import until

# --- what is told afterwards ------------------------------------------------------------------------


async def test_of_a_river_that_rose_in_the_outage_the_level_of_now_is_told_as_a_follow_up() -> None:
    async with night([*TOWN, "tanaka"]) as it:
        levels = [Severity.CAUTION, Severity.WARNING, Severity.DANGER]
        rows = [to("tanaka", f"lv{n}", "river", severity=s) for n, s in enumerate(levels, start=2)]
        await out_for(it, *rows)
        assert it.sent() == ["lv4"]
        (_, told), *_ = it.calls
        assert told.title == "【続報】【イノシシ】上田"
        assert told.body.splitlines()[0].endswith("前の2件はここに届いていません。")
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


async def test_an_alarm_and_its_all_clear_that_wait_together_for_a_phone_that_works_both_arrive() -> None:
    """Decided while the phone is busy with something else, or the threads are."""
    async with night([*TOWN, "tanaka"]) as it:
        it.tell(
            to("tanaka", "boar", "boar"),
            to("tanaka", "gone", "boar", severity=Severity.NOTICE, reason=Reason.CLEARED),
        )
        await it.rest()
        assert it.sent() == ["boar", "gone"]


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
