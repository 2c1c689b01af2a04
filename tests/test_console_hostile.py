"""What may be asked of the console by somebody who is logged in and means ill, or whose program is broken."""

import asyncio
import contextlib
import http.client
import sqlite3
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from hub.app import Hub
from hub.clock import SystemClock, monotonic
from hub.console.api.endpoints import ENDPOINTS
from hub.console.live import MOST_LISTENERS
from hub.console.routes import ROUTES
from hub.console.users import ConsoleRole
from hub.console.views import device_rows
from hub.model import Act, Message
from tests.consoles import Answer, Visitor, console, made, place
from tests.hubs import Told, hub_of, up
from tests.waiting import until, within

PATHS = [route.path for route in ROUTES if not {"GET"}.isdisjoint(getattr(route, "methods", None) or ())]
PAGES = [path for path in PATHS if path.startswith("/console") and "{" not in path]
POSTED = [route.path for route in ROUTES if "POST" in (getattr(route, "methods", None) or ())]
POSTED = [path for path in POSTED if not path.startswith("/api/")]
WITH_ID = [path for path in PATHS if "{" in path]
BOAR = {"type": "animal", "species": "boar", "confidence": 0.9, "count": 1}
STRANGE_IDS = (
    "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "%ff%fe", "x" * 5_000, "%E2%80%AE", "%D9%A1", "-1", "0",
    "%7B%7B7*7%7D%7D", "%3Cscript%3E", "'%20OR%201=1--", "%0d%0aSet-Cookie:%20a=b", "__class__", "cam%00",
)  # fmt: skip
STRANGE_VALUES = (
    "", "-1", "0", "1e400", "1e18", "NaN", "inf", "%D9%A1", "%EF%BC%91", "9" * 19, "9" * 400, "1.5", "1_0",
    "%00", "%ff", "9999-12-31", "0001-01-01", "x" * 3_000, "'", "%25", "%0a", "../..", "{{7*7}}", "%ED%A0%80",
)  # fmt: skip


async def posts(browser: Visitor, path: str, body: bytes, **headers: str) -> Answer:
    """As a program asks the API, with the token of its session."""
    csrf = (await browser.get("/console/me")).hidden("csrf")
    named = {"X-Csrf-Token": csrf, "Content-Type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}

    def ask() -> Answer:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", int(browser.hub.web_port or 0), timeout=30)
        ) as line:
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            line.request("POST", path, body, named | {"Cookie": cookie})
            answer = line.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())

    return await asyncio.to_thread(ask)


@pytest.fixture
async def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Visitor]:
    monkeypatch.setattr("hub.web.server.POSTS_A_MINUTE", 10_000)
    monkeypatch.setattr("hub.web.pages.MISTAKES_A_MINUTE", 10_000)
    async with console(tmp_path, yamada=ConsoleRole.OPERATOR, chief=ConsoleRole.ADMIN) as browser:
        await browser.logs_in("yamada")
        yield browser


# --- what is asked ----------------------------------------------------------------------------------


async def test_no_id_that_is_none_breaks_anything_or_leads_anywhere(operator: Visitor) -> None:
    for path in WITH_ID:
        before, _, rest = path.partition("{")
        for id in STRANGE_IDS:
            answer = await operator.get(before + id + rest.partition("}")[2])
            assert answer.status in (200, 303, 400, 404, 422), (path, id, answer.status)
            assert answer.status != 200 or id in ("..",), (path, id)
            assert "a=b" not in str(answer.headers.get("set-cookie"))
            assert "<script>" not in answer.text.replace('<script type="module"', "")


async def test_no_value_of_any_question_breaks_anything(operator: Visitor) -> None:
    names = {
        "/console/history": ("q", "since", "until", "before", "severity", "zone", "device"),
        "/console/messages": ("who", "person", "since", "until", "before", "first", "search", "alert"),
        "/console/devices": ("page", "words", "gateway"),
        "/console/quarantine": ("before", "device"),
        "/console/deterrents": ("first",),
        "/console/rivers": ("hours",),
        "/console": ("step", "did", "fault"),
    }
    asked = [
        f"{path}?{name}={value}" for path, all in names.items() for name in all for value in STRANGE_VALUES
    ]
    asked += [
        f"/console/messages?tab=people&{name}={v}" for name in ("first", "search") for v in STRANGE_VALUES
    ]
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and "{" not in endpoint.path:
            for field in msgspec.structs.fields(endpoint.asked):
                asked += [f"/api/v1{endpoint.path}?{field.name}={value}" for value in STRANGE_VALUES]
    found = [(path, await operator.get(path)) for path in asked]
    assert [(path, one.status) for path, one in found if one.status not in (200, 303, 400, 404, 422)] == []


async def test_many_words_are_sought_in_what_a_device_is_called_once(
    operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded: list[str] = []
    real = device_rows._folded
    monkeypatch.setattr(device_rows, "_folded", lambda text: folded.append(text) or real(text))
    answer = await operator.get("/console/devices?words=" + "c%20a%20m%20" * 20)
    assert "/console/devices/cam" in answer.text
    assert len(folded) == 1 + len(operator.hub.pipeline.town.devices)


async def test_no_body_breaks_the_api(operator: Visitor) -> None:
    bodies = (
        b"[" * 60_000, b'{"a":' * 10_000, b"{" + b" " * 60_000, b"\xff", b"null", b"1", b'""',
        b'{"minutes": 1e400}', b'{"minutes": 1e300}', b'{"minutes": NaN}', b'{"minutes": 1, "minutes": 2}',
        b'{"id": "other"}',
        b'{"cause": "\\ud800"}', b'{"cause": "\\u0000"}', b'{"target": "\\u0000", "kind": "unsilence"}',
        b'{"reason": "\\u202e\\u0000<script>", "until_at": 253402300799999}', b'{"until_at": -5}',
    )  # fmt: skip
    for endpoint in ENDPOINTS:
        if endpoint.method == "POST":
            for body in bodies:
                answer = await posts(operator, "/api/v1" + endpoint.path.replace("{id}", "cam"), body)
                assert answer.status in (200, 400, 404, 409, 422), (endpoint.path, body[:40], answer.text)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a/b;;;"):
        answer = await posts(operator, "/api/v1/quiet/end", b"\x00%00&&==", Content_Type=kind)
        assert answer.status == 400


async def test_no_form_breaks_a_page(operator: Visitor) -> None:
    pages = [path for path in POSTED if path not in ("/login", "/logout")]
    part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    forms = (
        ("application/x-www-form-urlencoded", b"&" * 60_000),
        ("application/x-www-form-urlencoded", b"&".join(b"do=end" for _ in range(2_000))),
        (
            "application/x-www-form-urlencoded",
            b"do=%00&do=%ff&target=%ED%A0%80&siren=%00&person=%00&name=%00",
        ),
        (
            "application/x-www-form-urlencoded",
            b"do=silence&minutes=1e400&do=work&hours=-1&reason=" + b"x" * 50_000,
        ),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"--y\r\n"),
        ("multipart/form-data; boundary=x", part % (b"do", b'; filename="../../x"', b"end") + b"--x--"),
        (
            "multipart/form-data; boundary=x",
            b"".join(part % (b"f%d" % n, b"", b"") for n in range(900)) + b"--x--",
        ),
        ("text/plain", b"do=end"),
        ("", b"\0"),
    )
    for path in pages:
        for kind, body in forms:
            answer = await posts(operator, path.replace("{id}", "cam"), body, Content_Type=kind)
            assert answer.status in (200, 303, 400, 401, 403, 404, 413, 422), (path, kind, body[:40])


async def test_a_question_in_another_way_than_offered_is_refused(operator: Visitor) -> None:
    def ask(method: str, path: str, version: int = 11) -> int:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", int(operator.hub.web_port or 0), timeout=30)
        ) as line:
            line._http_vsn, line._http_vsn_str = version, f"HTTP/1.{version % 10}"  # type: ignore[attr-defined]
            cookie = "; ".join(f"{name}={value}" for name, value in operator.cookies.items())
            line.request(method, path, headers={"Cookie": cookie})
            return line.getresponse().status

    for path in ("/console", "/api/v1/alerts", "/console/devices", "/login"):
        for method in ("OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "PROPFIND"):
            assert await asyncio.to_thread(ask, method, path) == 405, (method, path)
        assert await asyncio.to_thread(ask, "HEAD", path) in (200, 303, 405)
        assert await asyncio.to_thread(ask, "GET", path, 10) in (200, 303)


async def test_what_is_shown_to_users_is_kept_by_no_cache_and_shown_in_no_frame(operator: Visitor) -> None:
    paths = [
        *PAGES,
        *(f"/api/v1/{name}" for name in ("alerts", "devices", "people", "messages", "history.csv")),
    ]
    for path in paths:
        answer = await operator.get(path)
        assert answer.status in (200, 303, 403), path
        assert answer.headers["cache-control"] == "no-store", path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert (await operator.get("/api/v1/town")).headers["cache-control"] == "private, no-cache"


async def test_no_form_leads_to_another_site(operator: Visitor) -> None:
    for path in ("/console", "/console/messages", "/console/deterrents", "/console/alerts/x", "/console/me"):
        for lang in ("//evil.example", "https://evil.example/", "\r\nSet-Cookie: a=b", "ja", "@evil.example"):
            answer = await operator.sends(
                f"{path}?lang={quote(lang)}&next=//evil.example",
                next="https://evil.example/", back="//evil.example", do="end", target="x", siren="x",
            )  # fmt: skip
            assert answer.location[:8] in ("", "/console"), (path, answer.location)
            assert not answer.location.startswith(("//", "http"))
            assert "a=b" not in str(answer.headers.get("set-cookie"))


# --- whose time is over -----------------------------------------------------------------------------


async def test_who_was_removed_or_may_less_by_now_gets_no_further_answer(operator: Visitor) -> None:
    assert (await operator.get("/api/v1/people")).status == 200
    csrf = (await operator.get("/console/me")).hidden("csrf")
    lower = Act(0, 0, "ops", "cli", "user_role", "yamada", form={"role": "viewer"})
    await operator.hub.do(lower)
    stop = {"siren": "all", "csrf": csrf}
    assert (await operator.post("/console/deterrents", stop)).status in (401, 403)
    await operator.hub.do(Act(0, 0, "ops", "cli", "user_remove", "yamada"))
    for path in ("/api/v1/people", "/api/v1/devices", "/api/v1/stream", "/api/v1/history.csv"):
        assert (await operator.get(path)).status == 401
    for path in PAGES:
        assert (await operator.get(path)).status == 303
    assert (await operator.post("/console/deterrents", stop)).status == 401


# --- a hub that is not well -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), sqlite3.DatabaseError("x")])
async def test_where_the_disk_cannot_be_read_pages_say_so_and_alerts_go_on(tmp_path, error) -> None:
    told = Told()
    async with console(tmp_path, told=told, yamada=ConsoleRole.OPERATOR) as browser:
        await browser.logs_in("yamada")

        async def broken(*_args: object, **_more: object) -> object:
            raise error

        browser.hub.ledger.view = broken  # type: ignore[method-assign]
        for path in PAGES:
            answer = await browser.get(path)
            assert answer.status in (200, 303, 403, 500, 503), path
            if answer.status >= 500:
                assert "disk I/O" not in answer.text
                assert "<h1" in answer.text
        for name in ("history", "messages", "quarantine", "people", "devices", "deterrents", "rivers"):
            answer = await browser.get(f"/api/v1/{name}")
            assert answer.status == 200 or msgspec.json.decode(answer.text)["error"] in (
                "broken",
                "ledger",
            ), name
        await seen(browser.hub)
        await until(lambda: told.notifications, "the farmer is told")
        assert (await browser.get("/healthz")).status == 200


async def test_while_the_ledger_does_not_answer_the_pages_alerts_do_not_wait_with_them(tmp_path) -> None:
    told, answers = Told(), threading.Event()
    async with console(tmp_path, told=told, yamada=ConsoleRole.OPERATOR) as browser:
        await browser.logs_in("yamada")
        stuck = asyncio.create_task(browser.hub.ledger.view(lambda _: answers.wait(30)))
        pages = [asyncio.create_task(browser.get(path)) for path in ("/console/history", "/api/v1/people")]
        try:
            await seen(browser.hub)
            await until(lambda: told.notifications, "the farmer is told")
            assert (await browser.get("/healthz")).status == 200
            assert (await browser.get("/console/me")).status == 200
            assert not any(page.done() for page in pages)
        finally:
            answers.set()
        assert [(await page).status for page in pages] == [200, 200]
        await stuck


async def seen(hub: Hub) -> None:
    now = hub.clock.now()
    await hub.handle([Message("naruko/test/cam/up", up(1, now, e=[BOAR]), now, False)])


async def test_where_the_clock_is_not_set_every_page_answers(tmp_path) -> None:
    """1970, and what has passed since the machine started."""
    clock = SystemClock(wall=lambda: round(monotonic() * 1000))
    async with hub_of(place(), tmp_path / "naruko.db", clock=clock, connected=False) as hub:
        await until(lambda: hub.web_port is not None, "the pages are there")
        await hub.do(made("yamada"))
        browser = Visitor(hub)
        await browser.logs_in("yamada")
        await seen(hub)
        for path in PAGES:
            assert (await browser.get(path)).status in (200, 303, 403), path
        this_month = (await browser.get("/console/report")).location
        assert (await browser.get(this_month)).status in (200, 404)
        for endpoint in ENDPOINTS:
            if endpoint.method == "GET" and "{" not in endpoint.path:
                answer = await browser.get(f"/api/v1{endpoint.path}")
                assert answer.status in (200, 400), endpoint.path


async def test_a_town_with_nothing_in_it_has_every_page(tmp_path) -> None:
    empty = replace(place(), devices={}, zones={}, geometry={}, people={})
    async with console(tmp_path, empty, yamada=ConsoleRole.ADMIN) as browser:
        await browser.logs_in("yamada")
        for path in PAGES:
            answer = await browser.get(path)
            assert answer.status in (200, 303), path
        for endpoint in ENDPOINTS:
            if endpoint.method == "GET" and "{" not in endpoint.path:
                answer = await browser.get(f"/api/v1{endpoint.path}")
                assert answer.status in (200, 400), endpoint.path


# --- connections --------------------------------------------------------------------------------------


async def open_line(browser: Visitor, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """A question, and the first line of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(browser.hub.web_port or 0))
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
    return reader, writer, await within(reader.readline(), 20)


async def test_of_90_streams_that_are_opened_at_once_40_stay_and_other_pages_are_still_there(
    operator: Visitor,
) -> None:
    lines = await asyncio.gather(*(open_line(operator, "/api/v1/stream") for _ in range(90)))
    try:
        said = [first.split()[1] for _, _, first in lines]
        assert said.count(b"200") <= MOST_LISTENERS, said
        assert set(said) <= {b"200", b"503"}
        assert (await operator.other().get("/a/none")).status == 404
        assert (await operator.get("/console")).status == 200
    finally:
        for _, writer, _ in lines:
            writer.close()


async def test_who_has_logged_out_is_told_nothing_more_by_a_stream_that_was_open(operator: Visitor) -> None:
    reader, writer, first = await open_line(operator, "/api/v1/stream")
    try:
        assert b" 200 " in first
        assert b"hello" in await within(reader.readuntil(b"hello"), 20)
        await operator.sends("/logout")
        await seen(operator.hub)
        assert b"changed" not in await within(reader.readuntil(b"0\r\n\r\n"), 20)
    finally:
        writer.close()


async def test_more_connections_than_are_taken_are_refused_and_leave_no_trace(operator: Visitor) -> None:
    found = await asyncio.gather(*(open_line(operator, "/console/me") for _ in range(200)))
    assert {first.split()[1] for _, _, first in found} <= {b"200", b"503"}
    for _, writer, _ in found:
        writer.close()
    await seen(operator.hub)
    await until(lambda: operator.hub.pipeline.state.alerts, "alerts go on")

    async def is_back() -> bool:
        return (await operator.get("/console/me")).status == 200

    for _ in range(100):
        if await is_back():
            return
    raise AssertionError("the pages do not come back")
