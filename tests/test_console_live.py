"""Pages that are open are told what has changed, and no alert waits for them."""

import asyncio
import contextlib
import gzip
import http.client
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.app import Hub
from hub.console.api import stream
from hub.console.live import MOST_LISTENERS, Changes, ticks
from hub.console.users import ConsoleRole
from hub.ledger import Ledger
from hub.model import Act, Message, Outcome, Receipt, Verdict
from hub.web.files import FILES, URLS
from tests.consoles import Visitor, console
from tests.hubs import up
from tests.waiting import until, within

BOAR = {"type": "animal", "species": "boar", "confidence": 0.9, "count": 2}


class Open:
    """One open page: what it is told, event by event."""

    def __init__(self, line: http.client.HTTPConnection) -> None:
        self.answer = line.getresponse()

    async def next(self) -> tuple[str, dict[str, Any]]:
        return await within(asyncio.to_thread(self._next), 20)

    def _next(self) -> tuple[str, dict[str, Any]]:
        name = ""
        while line := self.answer.readline().decode():
            field, _, value = line.strip().partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                return name, json.loads(value)
        return "end", {}


@contextlib.asynccontextmanager
async def opened(visitor: Visitor) -> AsyncIterator[Open]:
    line = http.client.HTTPConnection("127.0.0.1", int(visitor.hub.web_port or 0), timeout=20)
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    line.request("GET", "/api/v1/stream", headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
    try:
        yield await asyncio.to_thread(Open, line)
    finally:
        line.close()


async def says(hub: Hub, seq: int, **payload: object) -> None:
    now = hub.clock.now()
    await hub.handle([Message("naruko/test/cam/up", up(seq, now, **payload), now, False)])


@pytest.fixture
async def viewer(tmp_path: Path) -> AsyncIterator[Visitor]:
    async with console(tmp_path, tanaka=ConsoleRole.VIEWER) as visitor:
        await visitor.logs_in("tanaka")
        yield visitor


async def test_an_open_page_is_told_of_an_alert_its_device_and_its_messages(viewer: Visitor) -> None:
    async with opened(viewer) as page:
        assert page.answer.headers["content-type"].startswith("text/event-stream")
        assert (await page.next())[0] == "hello"
        await says(viewer.hub, 1, e=[BOAR])
        name, told = await page.next()
        (alert,) = viewer.hub.pipeline.state.alerts.values()
        assert name == "changed"
        assert told["alerts"] == [alert.id]
        assert told["devices"] == ["cam"]
        assert told["messages"] is True


async def test_what_becomes_of_a_message_is_told_too(viewer: Visitor) -> None:
    async with opened(viewer) as page:
        await page.next()
        await says(viewer.hub, 1, e=[BOAR])
        told = [await page.next(), await page.next()]
        assert [one["messages"] for _, one in told] == [True, True], "decided, and then sent"


async def test_many_messages_of_one_device_are_one_line(viewer: Visitor) -> None:
    async with opened(viewer) as page:
        await page.next()
        for seq in range(1, 60):
            await says(viewer.hub, seq, m={"battery_v": 3.6 + seq / 1000})
        first, second = await page.next(), await page.next()
        assert first[1]["devices"] == second[1]["devices"] == ["cam"]


async def test_a_silence_is_told_as_something_of_the_town(viewer: Visitor) -> None:
    async with opened(viewer) as page:
        await page.next()
        await viewer.hub.do(Act(0, 0, "ops", "cli", "silence", "device/cam"))
        assert (await page.next())[1]["town"] is True


async def test_who_is_not_logged_in_is_told_nothing(tmp_path: Path) -> None:
    async with console(tmp_path) as visitor, opened(visitor) as page:
        assert page.answer.status == 401
        assert json.loads(page.answer.read()) == {"error": "login"}


async def test_a_page_is_told_nothing_more_when_its_session_has_ended(
    viewer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT_S", 0.05)
    async with opened(viewer) as page:
        await page.next()
        await viewer.hub.do(Act(0, 0, "ops", "cli", "user_remove", "tanaka"))
        while (told := await page.next())[0] != "end":
            assert told[0] == "changed"


async def test_pages_beyond_the_most_are_refused_and_one_that_goes_makes_room(viewer: Visitor) -> None:
    async with contextlib.AsyncExitStack() as pages:
        for _ in range(MOST_LISTENERS):
            await (await pages.enter_async_context(opened(viewer))).next()
        async with opened(viewer) as late:
            assert late.answer.status == 503
    assert (await viewer.get("/healthz")).status == 200

    async def has_room() -> bool:
        async with opened(viewer) as page:
            return page.answer.status == 200

    async with asyncio.timeout(20):
        while not await has_room():  # noqa: ASYNC110 (it asks the server)
            await asyncio.sleep(0.05)


async def test_pages_that_read_nothing_delay_no_message(viewer: Visitor) -> None:
    async with contextlib.AsyncExitStack() as pages:
        for _ in range(20):
            await pages.enter_async_context(opened(viewer))
        for seq in range(1, 400):
            await says(viewer.hub, seq, m={"battery_v": 3.6})
        await says(viewer.hub, 400, e=[BOAR])
        assert viewer.hub.pipeline.state.alerts
        await until(lambda: viewer.hub.handled == 400, "all were taken")


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=20), max_size=50))
def test_changes_hold_each_device_once_however_often_it_speaks(batches: list[list[str]]) -> None:
    changes = Changes()
    for batch in batches:
        changes.add(
            Outcome(receipts=[Receipt(Message("t", b"", 0, False), Verdict.STORED, device=d) for d in batch])
        )
    assert changes.devices == {device for batch in batches for device in batch}
    assert bool(changes) == any(batches)


async def test_a_hub_with_open_pages_stops_in_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with contextlib.AsyncExitStack() as pages:
        async with asyncio.timeout(20), console(tmp_path, tanaka=ConsoleRole.VIEWER) as visitor:
            await visitor.logs_in("tanaka")
            page = await pages.enter_async_context(opened(visitor))
            await page.next()
        assert (await page.next())[0] == "end"
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_long_answers_come_compressed_and_the_stream_does_not_wait_for_it(viewer: Visitor) -> None:
    asked = viewer.other(Accept_Encoding="gzip")
    line = http.client.HTTPConnection("127.0.0.1", int(viewer.hub.web_port or 0), timeout=20)
    with contextlib.closing(line):
        await asyncio.to_thread(line.request, "GET", URLS["leaflet.js"], headers=asked.headers)
        answer = await asyncio.to_thread(line.getresponse)
        sent = await asyncio.to_thread(answer.read)
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(sent) == FILES["leaflet.js"].body
    async with opened(viewer) as page:
        assert "content-encoding" not in page.answer.headers
        assert (await page.next())[0] == "hello"


async def test_a_page_that_was_made_before_an_alert_learns_of_it_with_the_first_word(viewer: Visitor) -> None:
    made = re.compile(r'name="made-at" content="(-?\d+)"')
    early = (await viewer.get("/console")).text
    await says(viewer.hub, 1, e=[BOAR])
    async with opened(viewer) as page:
        _, said = await page.next()
    assert said["news_at"] >= int(made.findall(early)[0])


async def test_a_page_counts_as_made_when_it_was_asked_for_and_a_silence_is_news_to_it(
    viewer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, asked = re.compile(r'name="made-at" content="(-?\d+)"'), Ledger.view

    async def meanwhile(ledger: Ledger, *question: Any) -> Any:
        monkeypatch.setattr(Ledger, "view", asked)
        await viewer.hub.do(Act(0, 0, "ops", "cli", "silence", "device/cam"))
        return await asked(ledger, *question)

    monkeypatch.setattr(Ledger, "view", meanwhile)
    before = ticks()
    page = (await viewer.get("/console")).text
    async with opened(viewer) as stream_of_it:
        _, said = await stream_of_it.next()
    assert before <= int(made.findall(page)[0]) <= said["news_at"]
