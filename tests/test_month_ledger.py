"""What a report reads from the ledger: all that is of the month, day by day, and never two at once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.console.api.history import facts_of
from hub.console.users import ConsoleRole
from hub.ledger import Ledger
from hub.ledger.views import history as view
from hub.ledger.views.numbers import first_from
from hub.model import Command, Event, Outcome
from hub.paperwork.month_shape import Facts
from tests.consoles import console
from tests.ledgers import notification
from tests.towns import DAY, HOUR, MINUTE, at
from tests.years import ground

FIRST, END = at("2026-11-01 00:00"), at("2026-12-01 00:00")


def ledger_of(times: list[int]) -> Ledger:
    ledger = Ledger.in_memory()
    told = [notification(f"n{n}", created_at=when) for n, when in enumerate(times)]
    done = [Command(f"c{n}", "siren-1", "a", "deter", when, when + 1) for n, when in enumerate(times)]
    ledger.insert(Outcome(notifications=told, commands=done))
    ledger.commit()
    return ledger


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=40), st.integers(-5, 10_005))
def test_a_time_is_found_by_halving(times: list[int], sought: int) -> None:
    ledger = ledger_of([FIRST + t for t in sorted(times)])
    before = sum(t < sought for t in times)
    assert first_from(ledger._read, "notification", FIRST + sought) == before + 1
    assert first_from(ledger._read, "command", FIRST + sought) == before + 1


@given(st.lists(st.tuples(st.integers(0, 90), st.booleans()), min_size=1, max_size=40), st.integers(-5, 95))
def test_no_row_is_jumped_over_because_the_clock_was_not_set_for_a_while(
    written: list[tuple[int, bool]], minute: int
) -> None:
    """Of each row its minute, and whether the hub had lost its clock when it was written."""
    times = [n * MINUTE if lost else FIRST + m * MINUTE for n, (m, lost) in enumerate(sorted(written))]
    sought = FIRST + minute * MINUTE
    first = first_from(ledger_of(times)._read, "notification", sought)
    assert all(when < sought for when in times[: first - 1])
    assert not any(FIRST <= when < sought for when in times[first - 1 :])


def test_the_first_of_a_month_are_found_also_where_the_clock_was_not_set_for_a_while() -> None:
    lost, of_the_month = [n * HOUR for n in range(20)], [FIRST + n * HOUR for n in range(20)]
    ledger = ledger_of([FIRST - DAY, *of_the_month[:5], *lost, *of_the_month[5:]])
    assert len(view.deliveries_between(ledger._viewed, FIRST, END)) == 20
    assert len(view.commands_between(ledger._viewed, FIRST, END)) == 20


async def test_a_month_is_read_day_by_day_and_one_report_is_made_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans, making, most = [], 0, 0
    read, facts = view.events_between, facts_of

    def events_between(connection: Any, since: int, until: int) -> list[Event]:
        spans.append(until - since)
        return read(connection, since, until)

    async def counting(*asked: Any) -> Facts:
        nonlocal making, most
        making += 1
        most = max(most, making)
        found = await facts(*asked)
        making -= 1
        return found

    monkeypatch.setattr(view, "events_between", events_between)
    monkeypatch.setattr("hub.console.api.history.facts_of", counting)
    async with console(tmp_path, ground(), kouhou=ConsoleRole.VIEWER) as visitor:
        await visitor.logs_in("kouhou")
        answers = await asyncio.gather(*(visitor.get("/api/v1/reports/2026-01") for _ in range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    assert spans == [DAY] * 31 * 4
    assert most == 1
