"""The console's devices: who hangs on whom, how each is, how long it lasts, and what nobody could read."""

import asyncio
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.clock import monotonic
from hub.config.settings import Console, Web
from hub.config.town import Town
from hub.console.users import ConsoleRole
from hub.console.views.battery_life import DAY
from hub.console.views.survey import Survey
from hub.ledger.views import devices as survey_views
from hub.model import Message
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD, Visitor, console, standing
from tests.device_town import NASTY, fill, ground, maintained, said
from tests.hubs import up
from tests.towns import HOUR, MINUTE, pir, town
from tests.towns import device as device_of

YAMADA, KOUHOU = ConsoleRole.OPERATOR, ConsoleRole.VIEWER
DESK, TABLET, PHONE = (1280, 800), (820, 1180), (390, 844)
PICTURES = os.environ.get("PICTURES", "")
"""Where pictures of the pages go, for people to look at."""


# --- a hub with these devices -------------------------------------------------------------------------


@asynccontextmanager
async def desk(folder: Path, **users: ConsoleRole) -> AsyncIterator[Visitor]:
    async with console(folder, ground(), **(users or {"yamada": YAMADA})) as visitor:
        await fill(visitor.hub)
        await visitor.logs_in(next(iter(users), "yamada"))
        yield visitor


async def ask(visitor: Visitor, path: str) -> Any:
    return msgspec.json.decode((await visitor.get(f"/api/v1{path}")).text)


async def device(visitor: Visitor, id: str) -> dict[str, Any]:
    listed = (await ask(visitor, "/devices"))["devices"]
    return dict(next(d for d in listed if d["id"] == id))


async def test_every_device_is_in_the_state_that_it_is_in(tmp_path):
    async with desk(tmp_path) as visitor:
        listed = {d["id"]: d for d in (await ask(visitor, "/devices"))["devices"]}
        assert {id: d["state"] for id, d in listed.items()} == {
            "gw-1": "ok",
            "gw-2": "silent",
            "trap-1": "ok",
            "trap-2": "battery",
            "lora-1": "ok",
            "gauge-1": "fault",
            "cam-1": "late",  # its gateway is silent, and is what people are told of
            "siren-1": "unheard",
            "pir-1": "silent",
            "pir-2": "maintenance",
        }
        assert listed["gw-1"]["children"] == ["trap-1", "trap-2", "lora-1"]
        lora, low = listed["lora-1"], listed["trap-2"]
        assert (lora["rssi_dbm"], lora["snr_db"], lora["firmware"]) == (-118.0, -11.5, "1.4.2")
        assert lora["expected_by"] == lora["seen_at"] + 20 * MINUTE
        assert (low["battery_v"], low["battery_days"]) == (3.21, 0)
        assert round(low["battery_pct"]) == 14
        assert listed["gauge-1"]["messages_per_hour"] == 2.0
        assert listed["cam-1"]["messages_per_hour"] == 0


async def test_the_days_of_a_battery_are_there_as_soon_as_they_are_worked_out(tmp_path):
    async with desk(tmp_path) as visitor:

        async def days() -> bool:
            return (await device(visitor, "trap-1"))["battery_days"] is not None

        for _ in range(100):
            if await days():
                break
        found = (await device(visitor, "trap-1"))["battery_days"]
        assert found is not None
        assert found in range(3, 6)  # (3.56 - 28 * 0.008 - 3.3) / 0.008
        assert (await device(visitor, "gauge-1"))["battery_days"] is None
        page = await visitor.get("/console/devices?lang=en")
        assert f"about {found} days left" in page.text


async def test_batteries_that_could_not_be_read_are_read_again_at_the_next_look(tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with desk(tmp_path) as visitor:
        survey, hub = Survey(), visitor.hub
        health = hub.pipeline.state.rooms["health"]
        with monkeypatch.context() as patch:
            patch.setattr(survey_views, "charges", broken)
            await survey.look(hub.ledger, hub.town, health, hub.clock.now())
            await survey.weighed()
        assert survey.found.days == {}
        await survey.look(hub.ledger, hub.town, health, hub.clock.now())
        await survey.weighed()
        assert "trap-1" in survey.found.days


async def test_each_gateway_is_shown_with_its_devices_and_the_worst_first(tmp_path):
    async with desk(tmp_path) as visitor:
        page = (await visitor.get("/console/devices?lang=en")).text
        order = [
            page.index(f"/console/devices/{id}?")
            for id in ("gw-2", "gauge-1", "cam-1", "pir-1", "gw-1", "trap-2", "trap-1")
        ]
        assert order == sorted(order)
        assert "3 devices, 1 of them not well" in page
        assert "9 h ago" in page
        assert "every 60 min" in page
        assert "weak" in page
        only = (await visitor.get("/console/devices?lang=en&state=battery")).text
        assert "Old kiln trap" in only
        assert "Inlet camera" not in only
        assert "No device is like that" in (await visitor.get("/console/devices?lang=en&words=zzz")).text
        for odd in (
            "page=99999999999",
            "page=-1",
            "page=%EF%BC%99",
            "kind=<b>",
            "state=x&gateway=%00",
            "words=%ff%fe",
        ):
            assert (await visitor.get(f"/console/devices?{odd}")).status == 200


async def test_a_device_tells_all_that_is_known_of_it(tmp_path):
    async with desk(tmp_path) as visitor:
        found = await ask(visitor, "/devices/gauge-1")
        assert found["main"] == "level_m"
        newest = {r["quantity"]: r for r in found["readings"]}
        assert newest["level_m"]["flag"] == 3
        assert newest["level_m"]["tests"]
        assert newest["battery_v"]["value"] == 3.7
        assert len(found["measured"]) >= 20
        assert len(found["messages"]) == 10
        assert found["messages"][0]["received_at"] > found["messages"][-1]["received_at"]
        assert found["alerts"][0]["kind"] == "river_unverified"
        page = (await visitor.get("/console/devices/gauge-1?lang=en")).text
        assert "suspect" in page
        assert "See the chart on the river page" in page
        silent = await ask(visitor, "/devices/pir-1")
        assert silent["silent_since"] is not None
        assert len(silent["messages"]) == 1
        assert (await visitor.get("/console/devices/nobody")).status == 404
        assert (await visitor.get("/api/v1/devices/nobody")).status == 404


async def test_what_could_not_be_read_is_shown_with_its_reason_and_does_no_harm(tmp_path):
    async with desk(tmp_path) as visitor:
        pages = [
            (await visitor.get(path)).text
            for path in ("/console/quarantine?lang=en", "/console/devices/trap-1?lang=en")
        ]
        for page in pages:
            assert "<script>document" not in page
            assert "<b>bold" not in page
            assert "<img" not in page
            assert "\u202e" not in page
            assert "\x00" not in page
            assert "00 01 fe ff 20 6e 6f 74" in page
            assert "payload version 7, this hub reads version 1" in page
        assert "nobody of this town" in pages[0]
        found = await ask(visitor, "/quarantine")
        assert [m["device"] for m in found["messages"]] == ["", "trap-1", "trap-1"]
        assert {(r["device"], r["count"]) for r in found["reasons"]} == {("", 1), ("trap-1", 1)}
        assert NASTY.encode() == msgspec.convert(found["messages"][0]["payload"], bytes)


async def test_the_quarantine_is_turned_over_page_by_page(tmp_path):
    async with desk(tmp_path) as visitor:
        seen, before = [], ""
        while True:
            part = await ask(visitor, f"/quarantine?limit=1{before}")
            seen += [m["id"] for m in part["messages"]]
            if part["next_before"] is None:
                break
            before = f"&before={part['next_before']}"
        assert len(seen) == 3
        assert seen == sorted(seen, reverse=True)
        mine = await ask(visitor, "/quarantine?device=trap-1&limit=1")
        assert [m["device"] for m in mine["messages"]] == ["trap-1"]
        rest = await ask(visitor, f"/quarantine?device=trap-1&limit=1&before={mine['next_before']}")
        assert rest["messages"][0]["id"] < mine["messages"][0]["id"]
        assert rest["next_before"] is None


async def test_work_on_a_device_begins_and_ends_and_is_written_down(tmp_path):
    async with desk(tmp_path, yamada=YAMADA, kouhou=KOUHOU) as visitor:
        answer = await visitor.sends("/console/devices/cam-1", do="work", hours="4", reason="レンズ掃除")
        assert answer.location.endswith("did=work")
        found = await device(visitor, "cam-1")
        assert found["state"] == "maintenance"
        assert 0 <= found["maintenance_until"] - visitor.hub.clock.now() - 4 * HOUR + MINUTE <= 2 * MINUTE
        page = (await visitor.get("/console/devices/cam-1?lang=en")).text
        assert "レンズ掃除" in page
        assert "(yamada)" in page
        await visitor.sends("/console/devices/cam-1", do="end")
        assert (await device(visitor, "cam-1"))["maintenance_until"] is None
        assert [a.who for a in visitor.acts("maintenance")] == ["user:yamada"]
        assert (await visitor.sends("/console/devices/cam-1", do="work", hours="9999")).status == 422
        other = visitor.other()
        await other.logs_in("kouhou")
        assert (await other.sends("/console/devices/cam-1", do="end")).status == 403
        assert "Begin" not in (await other.get("/console/devices/cam-1?lang=en")).text


async def test_a_program_may_plan_work_within_the_bounds_of_the_town(tmp_path):
    async with desk(tmp_path) as visitor:
        now = visitor.hub.clock.now()

        async def plans(**asked: int) -> int:
            csrf = (await visitor.get("/console/me")).hidden("csrf")
            return await asyncio.to_thread(post, visitor, "/api/v1/devices/cam-1/maintenance", csrf, asked)

        assert await plans(until_at=now - 1) == 422
        assert await plans(until_at=now + 99 * DAY) == 422
        assert await plans(until_at=now + 500 * DAY, from_at=now + 499 * DAY) == 422
        assert await plans() == 400
        assert await plans(from_at=now + DAY, until_at=now + DAY + HOUR) == 200
        detail = await ask(visitor, "/devices/cam-1")
        assert detail["device"]["maintenance_until"] is None
        assert abs(detail["work"]["until_at"] - detail["work"]["from_at"] - HOUR) <= MINUTE


def post(visitor: Visitor, path: str, csrf: str, said: dict[str, int]) -> int:
    import http.client  # noqa: PLC0415

    line = http.client.HTTPConnection("127.0.0.1", int(visitor.hub.web_port or 0), timeout=20)
    cookie = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    own = {"Cookie": cookie, "x-csrf-token": csrf, "Origin": f"http://127.0.0.1:{visitor.hub.web_port}"}
    line.request("POST", path, msgspec.json.encode(said), own)
    status = line.getresponse().status
    line.close()
    return status


async def test_a_thousand_devices_are_one_light_page(tmp_path):
    many = thousand()
    async with console(tmp_path, many, yamada=YAMADA) as visitor:
        hub = visitor.hub
        now = hub.clock.now()
        heard = [f"naruko/test/pir-{n}/up" for n in range(975)]
        await hub.handle([Message(topic, up(n, now), now) for n, topic in enumerate(heard)])
        await visitor.logs_in("yamada")
        for path in ("/console/devices", "/console/devices", "/api/v1/devices"):
            began = monotonic()
            answer = await visitor.get(path)
            size = len(answer.text.encode())
            print(f"{path}: {1_000 * (monotonic() - began):.0f} ms, {size} bytes")  # noqa: T201
            assert answer.status == 200
            assert size < 150_000 or path.startswith("/api")
        assert len(msgspec.json.decode(answer.text)["devices"]) == 1_000
        seen = set()
        for page in range(1, 11):
            text = (await visitor.get(f"/console/devices?page={page}")).text
            seen |= set(re.findall(r"/console/devices/([a-z0-9-]+)", text))
        assert len(seen) == 1_000


def thousand() -> Town:
    """25 gateways with 39 devices each."""
    gateways = [device_of(f"gw-{n}", "gateway") for n in range(25)]
    others = [pir(f"pir-{n}", north=n, gateway=f"gw-{n % 25}") for n in range(975)]
    made = town(devices=[*gateways, *others])
    return replace(made, hub=made.hub.model_copy(update={"web": Web(port=0, console=Console())}))


# --- in a browser -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    async def before(hub: Any) -> None:
        await fill(hub)
        await hub.do(maintained("lora-1", 90))

    with standing(tmp_path_factory.mktemp("devices"), ground(), before, yamada=YAMADA) as found:
        yield found


def logged_in(phone: Phone, address: str, path: str) -> Phone:
    labels = {True: ("User name", "Password", "Log in"), False: ("利用者名", "パスワード", "ログイン")}
    phone.opens(f"{address}{path}")
    for name, password, go in labels.values():
        if phone.shows(go):
            phone.types(name, "yamada").types(password, PASSWORD).taps(go)
            break
    return phone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, TABLET, PHONE], ids=["desk", "tablet", "phone"])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_pages_of_the_devices_can_be_read_by_everybody_everywhere(
    address: str, browser: Browser, lang: str, size: tuple[int, int], scheme: str
) -> None:
    phone = browser.phone(size, scheme=scheme, lang=lang)  # type: ignore[arg-type]
    logged_in(phone, address, "/console/devices")
    for name, path in (
        ("devices", "/console/devices"),
        ("gauge", "/console/devices/gauge-1"),
        ("trap", "/console/devices/trap-1"),
        ("work", "/console/devices/lora-1"),
        ("quarantine", "/console/quarantine"),
    ):
        phone.opens(f"{address}{path}")
        phone.runs("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
        if PICTURES:
            phone.picture(Path(PICTURES) / f"{name}-{lang}-{size[0]}-{scheme}.png")
        assert phone.violations() == []
        assert phone.overflow() == 0
        assert phone.too_small() == []
        assert phone.runs("document.title") != "hurt"


def test_a_device_that_speaks_is_seen_without_a_reload(tmp_path: Path, browser: Browser) -> None:
    async def nothing(hub: Any) -> None:
        hubs.append((hub, asyncio.get_running_loop()))

    hubs: list[tuple[Any, asyncio.AbstractEventLoop]] = []
    with standing(tmp_path, ground(), nothing, yamada=YAMADA) as found:
        phone = browser.phone(DESK, lang="en")
        logged_in(phone, found, "/console/devices/pir-1")
        assert "never" in phone.text
        phone.waits_for("Not heard yet")
        hub, loop = hubs[0]
        asyncio.run_coroutine_threadsafe(said(hub, "pir-1", hub.clock.now()), loop).result(10)
        phone.waits_for("just now")
