"""Markup in any text that comes from people, files or devices is text on every page of the console."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel
from shapely import LineString

from hub.app import Hub
from hub.config.settings import Console, Web
from hub.config.terrain import Terrain, TerrainFeature, TerrainKind
from hub.config.town import Town
from hub.console.users import ConsoleRole
from hub.model import Act, Message
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD, standing
from tests.device_town import NASTY
from tests.towns import LAT, LON, valley

EVIL = (
    "\"'><img src=evil onerror=window.pwned=1></script></title></textarea><!--<script>window.pwned=1</script>"
    "<svg onload=window.pwned=1>{{7*7}}${7*7}=1+1\u202e"
)
TEXTS = frozenset(
    {"name", "name_en", "place", "place_en", "river", "river_en", "station", "station_en", "stream", "no",
     "stream_en", "contact", "address", "info_url"}
)  # fmt: skip
"""Fields of the config which people fill in as they like."""
PAGES = (
    *("", "/map", "/rivers", "/rivers?hours=720", "/devices", "/quarantine", "/messages", "/deterrents"),
    *(
        "/messages?tab=people",
        "/history",
        "/report",
        "/me",
        "/users",
        "/acts",
        "/devices/cam",
        "/devices/gauge",
    ),
    *("/devices?words=%3Cimg src=evil%3E", "/history?q=%22%3E%3Cimg src=evil%3E", "/rivers?all=%3Cimg%3E"),
)
WATCH = (
    "window.broken = [];"
    "addEventListener('securitypolicyviolation', (e) =>"
    " broken.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`));"
)
INJECTED = (
    "[...document.querySelectorAll('img[src=evil], [onerror], [onload], script')]"
    ".filter((one) => one.tagName !== 'SCRIPT' || !(one.src || one.type === 'application/json'))"
    ".map((one) => one.outerHTML.slice(0, 200))"
)


def hostile(model: BaseModel) -> Any:
    """The same with EVIL in every text; past what the config would let through."""
    found: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if name in TEXTS and isinstance(value, str):
            found[name] = EVIL
        elif isinstance(value, BaseModel):
            found[name] = hostile(value)
    return model.model_copy(update=found)


def ground() -> Town:
    made = valley()
    web = Web(port=0, console=Console())
    stream = TerrainFeature(
        Terrain.model_construct(kind=TerrainKind.STREAM, name=EVIL, name_en=EVIL, height_m=None),
        LineString([(LON - 0.01, LAT), (LON + 0.01, LAT)]),
    )
    return replace(
        made,
        hub=made.hub.model_copy(update={"web": web, "site": hostile(made.hub.site)}),
        profiles={id: hostile(one) for id, one in made.profiles.items()},
        devices={id: hostile(one) for id, one in made.devices.items()},
        zones={id: hostile(one) for id, one in made.zones.items()},
        people={id: hostile(one) for id, one in made.people.items()},
        terrain=(stream,),
    )


async def fill(hub: Hub) -> None:
    """What devices, people and strangers have said is as hostile."""
    now = hub.clock.now()

    async def says(device: str, seq: int, **said: object) -> None:
        payload = msgspec.json.encode({"v": 1, "seq": seq, "at": now / 1000} | said)
        await hub.handle([Message(f"naruko/test/{device}/up", payload, now, False)])

    animal = {"type": "animal", "species": EVIL[:60], "confidence": 0.9, "count": 1}
    await says("cam", 1, e=[animal], fw=EVIL)
    await says("cam", 2, e=[animal | {"species": "boar"}])
    await says("trap", 1, e=[{"type": "trap", "state": "sprung"}])
    await says("gauge", 1, m={"distance_m": 1.0, EVIL: 1.0})
    for text in (NASTY, EVIL, EVIL * 40):
        topic = f"naruko/test/{text[:40]}/up".replace("#", "").replace("+", "").replace("\0", "")
        await hub.handle([Message(topic, msgspec.json.encode({"v": 9, "say": text}), now, False)])
        await hub.handle([Message("naruko/test/cam/up", text.encode(), now, False)])
    acts = [
        Act(0, 0, "user:yamada", "console", "maintenance", "rain", form={"minutes": "60", "reason": EVIL}),
        Act(0, 0, f"user:{EVIL}", "console", "silence", "device/wire", form={"minutes": "60"}),
    ]
    alerts = list(hub.pipeline.state.alerts.values())
    acts += [Act(0, 0, EVIL, "console", "acknowledge", one.id) for one in alerts]
    acts += [Act(0, 0, "user:yamada", "console", "cancel", one.id, EVIL) for one in alerts[:1]]
    for act in acts:
        await hub.do(act)
    await hub.tick()
    await asyncio.sleep(0)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("markup")
    with standing(folder, ground(), fill, yamada=ConsoleRole.ADMIN) as found:
        yield found


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_no_text_becomes_markup_and_no_script_of_it_runs_on_any_page(
    address: str, browser: Browser, lang: str
) -> None:
    desk = watched(browser, address)
    alerts = desk.runs("fetch('/api/v1/alerts').then((a) => a.json()).then((a) => a.alerts.map((b) => b.id))")
    assert alerts
    more = [f"/{kind}/{id}" for id in alerts for kind in ("alerts", "history")]
    more += [f"/alerts/{id}/phone" for id in alerts]
    more += ["/map?n=1#device=cam", f"/map?n=2#alert={alerts[0]}"]
    for page in (*PAGES, *more):
        path, mark, hash = page.partition("#")
        path += ("&" if "?" in path else "?") + f"lang={lang}"
        desk.opens(f"{address}/console{path.replace(' ', '%20')}{mark}{hash}")
        assert desk.status in (200, 404), page
        harmless(desk, page)


def test_the_name_over_a_device_on_the_map_is_text(address: str, browser: Browser) -> None:
    desk = watched(browser, address)
    desk.opens(f"{address}/console/map?lang=en#device=cam")
    x, y = desk.runs(
        "(() => { const b = document.getElementById('ground').getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    for dx in range(-60, 61, 6):
        desk.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + dx, y=y, pointerType="mouse")
    assert "onerror" in desk.runs("document.querySelector('.leaflet-tooltip').textContent")
    harmless(desk, "map, hovered")


def watched(browser: Browser, address: str) -> Phone:
    desk = browser.phone((1280, 900), lang="en")
    desk.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
    desk.opens(f"{address}/console/me")
    return desk.types("User name", "yamada").types("Password", PASSWORD).taps("Log in")


def harmless(desk: Phone, page: str) -> None:
    assert desk.runs("window.pwned") is None, page
    assert desk.runs(INJECTED) == [], page
    assert desk.runs("window.broken") == [], page
    assert "49" not in desk.runs("document.title"), page
