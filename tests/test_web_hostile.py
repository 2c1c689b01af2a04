"""The pages before people who mean ill, phones that hold on, and forms that no page of ours has made."""

import asyncio
import contextlib
import dataclasses
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from hub.acts.people import LONGEST_INVITATION
from hub.ledger.opening import LockedError
from hub.links import Purpose
from hub.model import Outcome
from hub.people.enrolment import DAY
from tests.paged import CAUGHT, jpeg, paged, village
from tests.test_office import alert, office_path
from tests.timeline import SPRUNG, Timeline
from tests.waiting import within

# --- addresses ----------------------------------------------------------------------------------------


async def test_no_page_leads_to_another_host_whatever_is_asked_for(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        for path in ("//evil.example/x", "/%2Fevil.example", p.link("yamane") + "/"):
            answer = await p.get(path, host="evil.example")
            assert answer.status == 404, path
            assert "location" not in answer.headers
            assert "evil.example" not in answer.html
            assert 'href="?lang=en"' in answer.html


async def test_a_picture_of_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        for name in (f"{p.alert().id}-%00.jpg", f"{p.alert().id}-{'a' * 300}.jpg", "..%2Fnaruko.db"):
            assert (await p.get(f"{p.link('yamane')}/photo/{name}")).status == 404, name


# --- forms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", ["9" * 5_000, "-1", "1e2", "0", "100", "١"])
async def test_a_count_that_is_none_is_said_on_the_form(count: str, tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take")
        answer = await p.post(p.link("yamane"), do="done", **(CAUGHT | {"count": count}))
        assert answer.status == 422
        assert "1から99までの数字で書いてください" in answer.text


async def test_signs_that_nobody_sees_are_not_kept_of_what_is_written(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take")
        await p.does(
            "yamane", "done", **(CAUGHT | {"note": "右\u202e左\0\x1b[31m", "capturer": "山\u200b根"})
        )
        form = p.hub.ledger.acts_on(p.alert().id)[-1].form
        assert (form["note"], form["capturer"]) == ("右左[31m", "山根")


async def test_a_cause_that_turns_the_line_around_is_shown_the_right_way_round(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("wire", {"type": "wire", "state": "cut"})
        answer = await p.does("bosai", "cancel", cause="other", cause_text="鹿\u202e<b>{who}")
        assert "\u202e" not in answer.html
        assert "鹿&lt;b&gt;{who}" in answer.html


async def test_no_alert_has_more_pictures_than_a_disk_can_bear(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take")
        for _ in range(22):
            answer = await p.post(p.link("yamane"), files={"picture": jpeg()}, do="done", result="empty")
        assert answer.status == 422
        assert "写真なしで送れます" in answer.text
        assert len(list((tmp_path / "photos").iterdir())) == 20


def test_a_number_of_five_thousand_digits_stops_no_hub(tmp_path: Path) -> None:
    t = Timeline(village(tmp_path))
    t.does("invite", "i-1", roles="farmer", days="9" * 5_000, uses="9" * 5_000)
    invitation = t.pipeline.state.rooms["invitation"]["i-1"]
    assert invitation.until <= t.now + LONGEST_INVITATION * DAY
    assert invitation.uses == 1


async def test_who_asks_for_twenty_tests_at_once_gets_one(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        assert p.hub.pipeline.links
        url = p.hub.pipeline.links.of(Purpose.MINE, "yamane", p.clock.now() + DAY)
        await asyncio.gather(*(p.post(urlsplit(url).path, do="test") for _ in range(20)))
        assert [act.kind for act in p.hub.ledger.acts_on("yamane")] == ["test_send"]


async def test_who_takes_over_from_the_office_and_who_hunts_do_not_both_come_first(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        office, id = office_path(p), p.alert().id
        answers = await asyncio.gather(
            *(p.post(office, do="take", alert=id) for _ in range(5)),
            *(p.post(p.link("yamane"), do="take") for _ in range(5)),
        )
        assert {answer.status for answer in answers} == {303}
        kinds = [act.kind for act in p.hub.ledger.acts_on(id)]
        assert sorted(kinds) in (["join", "take"], ["take"])


# --- names -----------------------------------------------------------------------------------------------


async def test_a_name_stands_on_the_page_as_it_is_written_in_the_config(tmp_path: Path) -> None:
    town = village(tmp_path)
    gauge = town.devices["gauge"]
    assert gauge.gauge
    named = gauge.gauge.model_copy(update={"river": "小野川 & <b>{0}</b>", "river_en": "O'Hara & Sons"})
    devices = town.devices | {"gauge": gauge.model_copy(update={"gauge": named})}
    async with paged(tmp_path, dataclasses.replace(town, devices=devices)) as p:
        for value in (1.0, 3.5, 3.5):
            p.clock.at += 60_000
            await p.says("gauge", level_m=value)
        page = await p.get(p.link("bosai"))
        assert "小野川 &amp; &lt;b&gt;{0}&lt;/b&gt;" in page.html
        english = await p.get(p.link("bosai") + "?lang=en")
        assert "O&#39;Hara &amp; Sons" in english.html
        for answer in (page, english):
            assert "&amp;amp;" not in answer.html
            assert "&amp;#39;" not in answer.html
            assert "<b>{0}" not in answer.html


# --- connections and load ---------------------------------------------------------------------------------


async def test_who_holds_all_connections_and_asks_for_nothing_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.server.IDLE_S", 0.2)
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        held = [socket.create_connection(("127.0.0.1", p.hub.web_port or 0)) for _ in range(101)]
        for one in held[:50]:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        await asyncio.sleep(0.1)
        assert (await p.get(p.link("yamane"))).status == 503
        await asyncio.sleep(0.6)
        assert (await p.get(p.link("yamane"))).status == 200
        for one in held:
            one.close()


async def test_a_form_of_one_byte_now_and_then_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.server.IDLE_S", 0.1)
    monkeypatch.setattr("hub.web.server.ASKS_S", 0.4)
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        reader, writer = await asyncio.open_connection("127.0.0.1", p.hub.web_port)
        writer.write(f"POST {p.link('yamane')} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n".encode())
        writer.write(b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")

        async def dribble() -> None:
            while True:
                writer.write(b"a")
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        with contextlib.suppress(ConnectionError):
            assert await within(reader.read(), 5) == b""
        dribbling.cancel()
        writer.close()
        assert (await p.get(p.link("yamane"))).status == 200


async def test_with_ten_thousand_open_alerts_the_office_still_has_its_page(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        first = replace(alert("silent", opened_at=p.clock.now()), device="cam")
        for number in range(10_000):
            p.hub.pipeline.state.put_alert(
                replace(first, id=f"silent-{number:010x}", incident=f"silent/{number}")
            )
        page = await p.get(office_path(p))
        assert "続いているお知らせ 10000件" in page.text
        assert len(page.body) < 60_000
        rest = await p.get(office_path(p) + "?all")
        assert rest.html.count("<article") == 300
        assert "?all" not in rest.html


# --- the ledger -----------------------------------------------------------------------------------------


async def test_what_a_page_could_not_write_down_ends_the_hub_and_is_not_half_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken_and_not_written() -> None:
        async with paged(tmp_path) as p:
            await p.says("trap-1", SPRUNG)
            write = p.hub.ledger.write

            async def locked(outcome: Outcome) -> None:
                if outcome.acts:
                    raise LockedError("another program writes")
                await write(outcome)

            monkeypatch.setattr(p.hub.ledger, "write", locked)
            answer = await p.post(p.link("yamane"), do="take", eta="30")
            assert answer.status == 500
            await asyncio.sleep(1)
            pytest.fail("the hub goes on with a task that the ledger knows nothing of")

    with pytest.raises(ExceptionGroup) as ended:
        await taken_and_not_written()
    assert ended.group_contains(LockedError)
