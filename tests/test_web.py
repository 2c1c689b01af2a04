"""The pages as a server: links, headers, limits, and a stop that nobody waits for."""

import asyncio
import contextlib
import http.client
import logging
import re
import signal
import socket
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import monotonic
from hub.config.settings import Web
from hub.links import Links, Purpose
from hub.model import Stage
from hub.web.guard import REMEMBERED, Haste
from hub.web.words import phone, says, telephone
from tests.data import ROOT
from tests.hubs import Told, hub_of
from tests.paged import PLACE, Paged, paged, village
from tests.test_demo import Demo
from tests.timeline import SPRUNG
from tests.towns import DAY
from tests.waiting import until, wait_until, within

# --- links ----------------------------------------------------------------------------------------


async def test_a_link_that_was_changed_or_made_up_opens_a_kind_page_and_nothing_else(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        good = p.link("yamane")
        for bad in ("/a/", good[:-1], good + "A", good.replace("/a/", "/h/"), "/a/ここ", "/wp-login.php"):
            answer = await p.get(bad.replace("ここ", "%E3%81%93"))
            assert answer.status == 404, bad
            assert "このページは開けません" in answer.text
            assert "町役場 0263-00-0000" in answer.text, "whom to call"
        forged = Links(b"another hub", PLACE).of_notification(Purpose.ALERT, p.notification("yamane").id)
        assert (await p.get(forged.removeprefix(PLACE))).status == 404
        assert (await p.get(good)).status == 200


async def test_a_link_is_good_while_its_alert_is_open_and_for_a_day_after_it_was_sent(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        link = p.link("yamane")
        p.clock.at += 3 * DAY
        assert (await p.get(link)).status == 200, "a trap that nobody has seen to for three days"
        await p.says("trap-1", {"type": "trap", "state": "armed"})
        await p.does("yamane", "take")
        await p.post(link, do="done", result="empty", trap="armed")
        expired = await p.get(link)
        assert expired.status == 410
        assert "リンクの期限が切れました" in expired.text


async def test_of_an_alert_that_was_just_closed_the_page_says_so_and_offers_nothing(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take")
        closed = await p.does("yamane", "done", result="empty", trap="armed")
        assert "終わりました" in closed.text
        assert closed.acts == []


async def test_a_link_of_somebody_who_has_left_shows_nothing_any_more(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        link = p.link("yamane")
        town = p.hub.pipeline.town
        del town.people["yamane"]
        answer = await p.get(link)
        assert answer.status == 410
        assert "もう使えません" in answer.text


async def test_a_look_at_the_page_changes_nothing_however_it_is_asked_for(tmp_path: Path) -> None:
    """Mail scanners open every link, and some ask for the head alone."""
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        before, link = p.alert(), p.link("yamane")
        for method in ("GET", "HEAD"):
            for query in ("", "?do=take", "?did=take", "?step=done", "?lang=en", "?lang=xx&step=cancel"):
                answer = await p.get(link + query, method=method)
                assert answer.status == 200
                assert bool(answer.body) == (method == "GET")
        assert (await p.get(link, method="OPTIONS")).status == 405
        assert (await p.get(link, method="DELETE")).status == 405
        assert p.alert() == before
        assert p.hub.ledger.acts_on(before.id) == []


# --- headers, limits, log -----------------------------------------------------------------------------


async def test_no_script_no_referrer_no_frame_no_index_and_nothing_is_kept(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        for path in (p.link("yamane"), "/a/bad", "/healthz"):
            headers = (await p.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert "script" not in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert "noindex" in headers["x-robots-tag"]
            assert "server" not in headers
        page = await p.get(p.link("yamane"))
        style = re.search(r"<style>(.*?)</style>", page.html)
        assert style, "the tiles of the map"
        mark = b64encode(sha256(style[1].encode()).digest()).decode()
        assert f"'sha256-{mark}'" in page.headers["content-security-policy"]
        assert "<script" not in page.html
        assert " style=" not in page.html


async def test_style_sheets_may_be_kept_for_their_address_says_what_they_hold(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        page = await p.get("/a/bad")
        url = re.search(r'href="(/static/pages\.css\?[0-9a-f]+)"', page.html)
        assert url
        sheet = await p.get(url[1])
        assert sheet.headers["content-type"].startswith("text/css")
        assert "max-age" in sheet.headers["cache-control"]
        assert (await p.get("/static/../../config/hub.yaml")).status == 404


async def test_who_guesses_links_gets_short_answers_and_good_links_go_on(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        answers = [await p.get(f"/a/guess{n}") for n in range(40)]
        assert {a.status for a in answers[:20]} == {404}
        assert answers[-1].status == 429
        assert len(answers[-1].body) < 20
        assert (await p.get(p.link("yamane"))).status == 200
        assert (await p.does("yamane", "take")).status == 200


async def test_whoever_sends_without_end_is_told_to_wait(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        answers = [await p.post("/a/none") for _ in range(70)]
        assert answers[-1].status == 429
        assert answers[-1].headers["retry-after"]


@pytest.mark.parametrize(("path", "size"), [("/healthz", 70_000), ("/a/x", 33_000_000)])
async def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path, path: str, size: int) -> None:
    async with paged(tmp_path) as p:
        reader, writer = await asyncio.open_connection("127.0.0.1", p.hub.web_port)
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode())
        answer = await within(reader.readline(), 5)
        writer.close()
        assert b" 413 " in answer


async def test_a_form_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        _, writer = await asyncio.open_connection("127.0.0.1", p.hub.web_port)
        kind = "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked"
        writer.write(f"POST {p.link('yamane')} HTTP/1.1\r\nHost: x\r\n{kind}\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        with contextlib.suppress(ConnectionError):
            for _ in range(1_000):
                writer.write(chunk)
                await writer.drain()
            pytest.fail("64 MB were taken")
        writer.close()
        assert (await p.get("/healthz")).status == 200


async def test_a_form_that_falls_silent_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.web.guard.SILENCE_S", 0.1)
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        reader, writer = await asyncio.open_connection("127.0.0.1", p.hub.web_port)
        kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500"
        writer.write(f"POST {p.link('yamane')} HTTP/1.1\r\nHost: x\r\n{kind}\r\n\r\ndo=ta".encode())
        answer = await within(reader.read(), 5)
        assert b" 400 " in answer.splitlines()[0]
        writer.close()
        assert p.alert().task.stage is Stage.WAITING  # type: ignore[union-attr]


async def test_the_log_names_pages_and_never_a_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        await p.does("yamane", "take", eta="20")
        await p.get("/a/stranger")
        await p.get("/stranger")
        token = p.link("yamane").removeprefix("/a/")
    assert "POST /a 303" in caplog.text
    assert "GET /a 404" in caplog.text
    assert "GET /... 404" in caplog.text
    assert token not in caplog.text
    assert "stranger" not in caplog.text


async def test_an_error_in_a_page_is_a_kind_page_and_the_hub_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        with monkeypatch.context() as broken:
            broken.setattr("hub.web.alert.page_of", lambda *_args, **_more: 1 / 0)
            answer = await p.get(p.link("yamane"))
        assert answer.status == 500
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "うまくいきませんでした" in answer.text
        assert (await p.get(p.link("yamane"))).status == 200


# --- the edge ------------------------------------------------------------------------------------------


async def test_it_stops_within_a_second_also_with_phones_that_hold_on(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        held = [await asyncio.open_connection("127.0.0.1", p.hub.web_port) for _ in range(5)]
        for _, writer in held[:2]:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        for _, writer in held[2:4]:
            writer.write(b"POST /a/x HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf")
        await held[0][0].readline()
        began = monotonic()
    assert monotonic() - began < 1.5
    for _, writer in held:
        writer.close()


async def test_a_port_that_is_taken_is_said_once_and_alerts_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.server.RETRY_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        town = village(tmp_path)
        pages = Web(port=taken.getsockname()[1], photos=tmp_path)
        busy = town.hub.model_copy(update={"web": pages})
        object.__setattr__(town, "hub", busy)
        async with hub_of(town, tmp_path / "naruko.db", told=Told(), connected=False) as hub:
            await until(lambda: "no pages: cannot listen" in caplog.text, "it is said")
            await asyncio.sleep(0.2)
            assert caplog.text.count("cannot listen") == 1
            assert hub.web_port is None
            await hub.tick()
            taken.close()
            await until(lambda: hub.web_port is not None, "the pages come when the port is free")


async def test_without_web_in_hub_yaml_there_are_no_pages_and_no_links(tmp_path: Path) -> None:
    town = village(tmp_path)
    object.__setattr__(town, "hub", town.hub.model_copy(update={"web": None}))
    async with hub_of(town, tmp_path / "naruko.db", told=Told(), connected=False) as hub:
        await until(hub.ready.is_set, "the hub is ready")
        assert hub.web_port is None
        assert hub.pipeline.links is None


async def test_alerts_do_not_wait_for_people_who_look_at_pages(tmp_path: Path) -> None:
    async with paged(tmp_path) as p:
        await p.says("trap-1", SPRUNG)
        enough = asyncio.Event()
        looking = [asyncio.create_task(_looks(p, enough)) for _ in range(8)]
        waits = []
        for _ in range(20):
            began = monotonic()
            await p.says("cam", {"type": "status", "state": "on"})
            waits.append(monotonic() - began)
            await asyncio.sleep(0.02)
        enough.set()
        assert sum(await asyncio.gather(*looking)) >= 8, "pages were looked at meanwhile"
    assert sorted(waits)[10] < 0.25
    assert max(waits) < 1.0


async def _looks(p: Paged, enough: asyncio.Event) -> int:
    seen = 0
    while not enough.is_set():
        assert (await p.get(p.link("yamane"))).status == 200
        seen += 1
    return seen


# --- the demo ---------------------------------------------------------------------------------------------


def test_in_the_demo_a_trap_is_taken_finished_and_reset_from_the_page(tmp_path: Path) -> None:
    run = Demo(tmp_path / "demo", "--scenario", "sprung_trap", "--speed", 60, "--for", "60s")
    try:
        link = re.compile(r"http://127\.0\.0\.1:(\d+)(/a/\S+)")
        wait_until(lambda: link.search(run.text()), "the story names a page")
        found = link.findall(run.text())[0]
        phone = http.client.HTTPConnection("127.0.0.1", int(found[0]), timeout=10)
        kind = {"content-type": "application/x-www-form-urlencoded"}
        for form in ("do=take&eta=30", "do=arrive", "do=done&result=empty&trap=later", "do=trap_reset"):
            phone.request("POST", found[1], form, kind)
            answer = phone.getresponse()
            answer.read()
            assert answer.status == 303
            assert "did=late" not in str(answer.headers["location"]), form
        phone.close()
        wait_until(lambda: "trap reset" in run.text(), "the story tells of it")
    finally:
        run.process.send_signal(signal.SIGINT)
        run.wait()
    assert run.code == 0
    for told in ("task taken", "on site", "task done", "trap reset"):
        assert told in run.text()


# --- pure -----------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from("abc")), max_size=200),
    st.integers(min_value=1, max_value=60),
)
def test_nobody_gets_more_in_a_minute_than_twice_what_is_allowed(
    steps: list[tuple[float, str]], a_minute: int
) -> None:
    now = 0.0
    haste = Haste(a_minute, lambda: now)
    let: list[tuple[float, str]] = []
    for wait, address in steps:
        now += wait
        if haste.allows(address):
            let.append((now, address))
    for at, address in let:
        inside = [t for t, other in let if other == address and at <= t < at + 60]
        assert len(inside) <= 2 * a_minute


def test_addresses_are_forgotten_before_they_fill_the_memory() -> None:
    haste = Haste(2, lambda: 0.0)
    for number in range(3 * REMEMBERED):
        haste.allows(str(number))
    assert len(haste._left) == REMEMBERED


def test_every_word_of_the_pages_has_japanese_and_english_and_the_same_values() -> None:
    texts = yaml.safe_load((ROOT / "hub/wording/pages.yaml").read_text("utf-8"))
    for group, entries in texts.items():
        for key, words in entries.items():
            assert len(words) in (2, 3), f"{group}.{key}"
            assert all(isinstance(word, str) and word for word in words), f"{group}.{key}"
            named = [set(re.findall(r"\{(\w+)\}", word)) for word in words]
            assert named[0] == named[1], f"{group}.{key}: {named}"


def test_a_reading_stands_above_its_signs_and_a_name_is_never_markup() -> None:
    assert "<ruby>沢<rp>(</rp><rt>さわ</rt>" in says("ja-easy", "advice.debris_1")
    assert "<b>" not in says("ja", "event.task_taken", who="<b>山根</b>")
    assert "&lt;b&gt;山根" in says("ja", "event.task_taken", who="<b>山根</b>")


@pytest.mark.parametrize(
    ("contact", "number"),
    [
        ("鳴子町役場 防災係 0000-00-0000", "0000000000"),
        ("警察 110", "110"),
        ("Office +81 263-52-0280", "+81263520280"),
        ("役場の窓口", ""),
    ],
)
def test_the_number_in_a_contact_can_be_called(contact: str, number: str) -> None:
    assert phone(contact) == number
    assert re.sub("<[^>]+>", "", telephone(contact)) == contact
