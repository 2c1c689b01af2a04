"""The map of the console: what is on it without a network, by hand and by keyboard, and how it keeps up."""

import asyncio
import os
import re
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from hub.config.load import load
from hub.config.settings import Console, Web
from hub.config.town import Town
from hub.console.api.town import map_of
from hub.console.pages.map import ABOUT_TILES, SAID, TILES
from hub.console.users import ConsoleRole
from hub.detect.health import DeviceHealth
from hub.deterrent import DeterrentState
from hub.model import Alert, Message, Mode
from hub.web.files import FILES
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD, Visitor, console
from tests.data import ROOT
from tests.hubs import up
from tests.towns import HOUR, MINUTE, town

DESK, TABLET, PHONE = (1280, 800), (820, 1180), (390, 844)
PICTURES = os.environ.get("PICTURES", "")
"""Where pictures of the pages go, for people to look at."""
MOST_BYTES = 300_000
CUT = {"type": "wire", "state": "cut"}
SPRUNG = {"type": "trap", "state": "sprung"}
BOAR = {"type": "animal", "species": "boar", "confidence": 0.91, "count": 3}
EXAMPLE = load(ROOT / "config", {})


# --- the town, as the API tells it ----------------------------------------------------------------


def test_the_town_is_told_with_its_zones_and_its_terrain_as_geojson() -> None:
    told = map_of(EXAMPLE, Mode.ACTUAL)
    assert {one.properties["id"] for one in told.zones.features} == set(EXAMPLE.zones)
    names = {one.properties.get("name_en") for one in told.terrain.features}
    assert {"Ono River", "Kamisawa", "Prefectural road", "Ueda"} <= names
    ponds = [one for one in told.terrain.features if one.properties["kind"] == "water"]
    assert [one.geometry.type for one in ponds] == ["Polygon"]


def test_all_that_stands_in_the_town_is_within_the_bounds_that_are_shown_first() -> None:
    west, south, east, north = map_of(EXAMPLE, Mode.ACTUAL).bounds
    for device in EXAMPLE.devices.values():
        assert west < device.lon < east
        assert south < device.lat < north


def test_a_town_without_devices_and_zones_is_shown_as_the_circle_about_its_centre() -> None:
    empty = town(devices=[])
    west, south, east, north = map_of(empty, Mode.TEST).bounds
    assert west < empty.site.lon < east
    assert (north - south) * 111.195 == pytest.approx(2 * empty.site.radius_km, rel=0.2)


async def test_who_has_the_town_already_is_not_sent_it_again(tmp_path: Path) -> None:
    async with console(tmp_path, _ground(), yamada=ConsoleRole.VIEWER) as yamada:
        assert (await yamada.get("/api/v1/town")).status == 401
        await yamada.logs_in("yamada")
        first = await yamada.get("/api/v1/town")
        assert (first.status, msgspec.json.decode(first.text)["id"]) == (200, "naruko-cho")
        again = await yamada.get("/api/v1/town", **{"If-None-Match": first.headers["etag"]})
        assert (again.status, again.text) == (304, "")
        assert (await yamada.get("/api/v1/town?x=1")).status == 400


# --- the map, in a browser --------------------------------------------------------------------------


def _ground() -> Town:
    web = Web(port=0, console=Console())
    return replace(EXAMPLE, hub=EXAMPLE.hub.model_copy(update={"web": web}))


class Running:
    """A hub of the example town with a console, in a thread of its own. All its devices are well."""

    def __init__(self, folder: Path) -> None:
        self.seq = 0
        self.loop = asyncio.new_event_loop()
        self.there, self.over = threading.Event(), asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._run(folder),))

    async def _run(self, folder: Path) -> None:
        async with console(folder, _ground(), yamada=ConsoleRole.OPERATOR) as self.visitor:
            self.place = f"http://127.0.0.1:{self.visitor.hub.web_port}"
            self.there.set()
            await self.over.wait()

    def does(self, what: Coroutine[object, object, object]) -> None:
        asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    def now(self) -> int:
        return self.visitor.hub.clock.now()

    def says(self, device: str, *events: dict[str, object], ago: int = 0) -> None:
        self.seq += 1
        self.does(_says(self.visitor, self.seq, device, events, ago))

    def is_well(self) -> None:
        """Every device was heard a minute ago, but for some."""

        async def put() -> None:
            state, now = self.visitor.hub.pipeline.state, self.now()
            for id in EXAMPLE.devices:
                state.put(
                    "health",
                    id,
                    DeviceHealth(known_since=now - HOUR, last_seen=now - MINUTE, heard_at=now - MINUTE),
                )

        self.does(put())

    def puts(self, device: str, **health: object) -> None:
        async def put() -> None:
            state = self.visitor.hub.pipeline.state
            state.put("health", device, msgspec.structs.replace(state.rooms["health"][device], **health))

        self.does(put())

    def sounds(self, siren: str) -> None:
        async def put() -> None:
            until = self.now() + HOUR
            state = DeterrentState(command="x", action="sound", until=until)
            self.visitor.hub.pipeline.state.put("deterrent", siren, state)

        self.does(put())

    def alert(self, kind: str) -> Alert:
        return next(a for a in self.visitor.hub.pipeline.state.alerts.values() if a.kind == kind)

    def map_of(
        self,
        browser: Browser,
        where: str = "",
        *,
        size: tuple[int, int] = DESK,
        lang: str = "en",
        **more: object,
    ) -> Phone:
        """Somebody who has logged in and opened the map."""
        said = {"en": ("User name", "Password", "Log in"), "ja": ("利用者名", "パスワード", "ログイン")}
        name, password, go = said[lang]
        phone = browser.phone(size, lang=lang, **more).opens(f"{self.place}/console/me")  # type: ignore[arg-type]
        phone.types(name, "yamada").types(password, PASSWORD).taps(go)
        return phone.opens(f"{self.place}/console/map{where}").waits_for(
            "Open alerts" if lang == "en" else "開いているお知らせ"
        )


async def _says(
    visitor: Visitor, seq: int, device: str, events: tuple[dict[str, object], ...], ago: int
) -> None:
    hub = visitor.hub
    now = hub.clock.now()
    topic = f"naruko/{hub.town.site.id}/{device}/up"
    await hub.handle([Message(topic, up(seq, now - ago, e=list(events)), now)])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A boar passes two cameras, a trap has sprung, a siren sounds, two devices are in trouble."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.console.access.LOGINS_A_MINUTE", 1_000)
        hub = Running(tmp_path_factory.mktemp("map"))
        hub.thread.start()
        assert hub.there.wait(30)
        hub.is_well()
        for device, ago in (("cam-ueda-2", 9), ("cam-ueda-1", 5), ("cam-ueda-3", 1)):
            hub.says(device, BOAR, ago=ago * MINUTE)
        hub.says("trap-05", SPRUNG)
        hub.sounds("siren-ueda-1")
        hub.puts("rain-kominkan-1", silent_at=hub.now() - HOUR, last_seen=hub.now() - 9 * HOUR)
        hub.puts("cam-kitahara-3", low=True)
        yield hub
        hub.loop.call_soon_threadsafe(hub.over.set)
        hub.thread.join(30)
        hub.loop.close()


def sound(phone: Phone, name: str) -> None:
    """Nothing that a screen reader, a thumb or a narrow screen stumbles over."""
    if PICTURES:
        phone.picture(Path(PICTURES) / f"map-{name}.png")
    assert phone.violations() == []
    assert phone.overflow() == 0
    assert phone.too_small() == []


@pytest.mark.parametrize("size", [DESK, TABLET, PHONE], ids=["desk", "tablet", "phone"])
@pytest.mark.parametrize(("lang", "scheme"), [("ja", "light"), ("en", "dark")])
def test_the_map_can_be_read_and_used_in_every_size_language_and_light(
    running: Running, browser: Browser, lang: str, size: tuple[int, int], scheme: str
) -> None:
    phone = running.map_of(browser, size=size, lang=lang, scheme=scheme)
    sound(phone, f"{lang}-{size[0]}-{scheme}")
    animal = running.alert("animal").id
    phone.runs(f"document.querySelector('[data-for=\"alert {animal}\"]').click()")
    phone.waits_for("Where it was and when" if lang == "en" else "通った所と時刻")
    sound(phone, f"{lang}-{size[0]}-{scheme}-chosen")


def test_with_every_tile_failing_zones_streams_devices_and_alerts_are_there(
    running: Running, browser: Browser
) -> None:
    phone = running.map_of(browser).waits_for("The base map cannot be loaded")
    for said in (
        "Ono River",
        "Ueda paddies",
        "Ueda hamlet",
        "Trap 5 has sprung",
        "Community hall rain gauge",
    ):
        assert said in phone.text
    assert phone.text.index("Community hall rain gauge") < phone.text.index(
        "Kitahara camera 3"
    )  # worst first
    assert phone.runs("document.querySelectorAll('.flag').length") >= 2
    assert "SOUNDING" in phone.text
    assert phone.runs("document.querySelector('.leaflet-control-attribution a').href") == ABOUT_TILES
    asked = phone.runs("[...document.querySelectorAll('.leaflet-tile')].map(one => one.src)")
    assert asked
    assert all(one.startswith(TILES.partition("{")[0]) for one in asked)
    ground = phone.runs(
        """(() => {
          const [first] = document.querySelectorAll('.leaflet-ground-pane canvas');
          const { data } = first.getContext('2d').getImageData(0, 0, first.width, first.height);
          return data.some((one) => one > 0);
        })()"""
    )
    assert ground is True


def presses_enter(phone: Phone) -> None:
    for kind in ("keyDown", "keyUp"):
        phone.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r")


def test_a_keyboard_reaches_every_alert_and_the_map_goes_there(running: Running, browser: Browser) -> None:
    phone = running.map_of(browser)
    before = phone.url
    animal = running.alert("animal").id
    phone.runs(f"document.querySelector('[data-for=\"alert {animal}\"]').focus()")
    presses_enter(phone)
    phone.waits_for("Where it was and when")
    assert f"alert={animal}" in phone.url
    assert phone.url != before
    assert phone.runs("document.activeElement.id") == "chosen"
    assert phone.runs("document.querySelectorAll('.stop').length") == 3
    phone.touches("Close")
    assert "Where it was and when" not in phone.text
    assert phone.runs("document.activeElement.dataset.for") == f"alert {animal}"


def test_a_keyboard_reaches_the_flag_of_an_alert_on_the_map_itself(
    running: Running, browser: Browser
) -> None:
    phone = running.map_of(browser)
    name = (
        "[...document.querySelectorAll('.flag-at[role=button]')].find(one => one.title.startsWith('Trap 5'))"
    )
    assert phone.runs(f"{name}.tabIndex") == 0
    phone.runs(f"{name}.focus()")
    presses_enter(phone)
    phone.waits_for("Act on it")
    assert f"alert={running.alert('trap').id}" in phone.url


def test_place_zoom_choice_and_filter_are_still_there_after_a_reload(
    running: Running, browser: Browser
) -> None:
    phone = running.map_of(browser, "#map=15.5/36.06050/137.98100&device=cam-kitahara-3&off=trap,zone-paddy")
    phone.waits_for("Kitahara camera 3")
    assert "Kitahara paddies" not in phone.text
    assert "map=15.5/36.06050/137.98100" in phone.url
    phone.reloads().waits_for("See the device")
    phone.touches("Key and what is shown").touches("Trap").touches("Paddies")
    assert "off=" not in phone.url
    assert "Kitahara paddies" in phone.text


def test_what_happens_while_one_looks_comes_onto_the_map_by_itself(
    running: Running, browser: Browser
) -> None:
    phone = running.map_of(browser)
    before = phone.runs("document.querySelectorAll('.flag').length")
    assert "Trap 2 has sprung" not in phone.text
    running.says("trap-02", SPRUNG)
    phone.waits_for("Trap 2 has sprung")
    assert phone.runs("document.querySelectorAll('.flag').length") == before + 1


def test_an_alert_that_has_no_place_of_its_own_stands_at_its_device(
    running: Running, browser: Browser
) -> None:
    async def put() -> None:
        trap = running.alert("trap")
        made = msgspec.structs.replace(
            trap, id="battery-0000000001", incident="battery/x", kind="battery", device="cam-kitahara-3"
        )
        running.visitor.hub.pipeline.state.put_alert(msgspec.structs.replace(made, lat=None, lon=None))

    running.does(put())
    phone = running.map_of(browser, "#alert=battery-0000000001").waits_for("Act on it")
    assert "It has no place on the map" not in phone.text
    device = EXAMPLE.devices["cam-kitahara-3"]
    assert f"/{device.lat:.5f}/{device.lon:.5f}" in phone.url


def test_the_first_view_weighs_less_than_300_kb_without_tiles(running: Running, browser: Browser) -> None:
    assert running.map_of(browser).weight() < MOST_BYTES


def test_a_thousand_devices_are_drawn_and_moved_in_no_time(running: Running, browser: Browser) -> None:
    """On one canvas: whatever there are of them, a frame of a move takes less than a tenth of a second."""
    phone = running.map_of(browser)
    took = phone.runs(
        """(async () => {
          const given = JSON.parse(document.getElementById('given').textContent);
          const { drawDevices } = await import(given.scripts[1]);
          const box = document.createElement('div');
          box.style.cssText = 'position:fixed;inset:0;';
          document.body.append(box);
          const map = L.map(box).setView([36.055, 137.985], 15);
          const devices = Array.from({ length: 1000 }, (_, n) => ({
            id: `d${n}`, kind: ['trap', 'animal'][n % 2], state: n % 10 ? 'ok' : 'silent',
            lat: 36.045 + 0.02 * (n % 32) / 32, lon: 137.975 + 0.02 * Math.floor(n / 32) / 32,
          }));
          const start = performance.now();
          drawDevices(map, () => {}).show(devices, (one) => one.id);
          const times = [performance.now() - start];
          for (let n = 0; n < 10; n++) {
            const then = performance.now();
            map.panBy([40, 10], { animate: false });
            await new Promise(requestAnimationFrame);
            times.push(performance.now() - then);
          }
          map.remove();
          box.remove();
          return times;
        })()"""
    )
    assert took[0] < 2_000
    assert sorted(took[1:])[5] < 100


def test_every_word_of_the_map_is_used() -> None:
    words = (ROOT / "hub/wording/console/map.yaml").read_text("utf-8")
    keys = re.findall(r"^  (\w+):", words, re.MULTILINE)
    code = "\n".join(
        (ROOT / "hub/console" / file).read_text("utf-8")
        for file in ("pages/map.py", "templates/map.html", "static/map.js", "static/map_marks.js")
    )
    for key in keys:
        group = key.partition("_")[0]
        assert re.search(rf"\b{key}\b", code) or group == "zone", key
    said = re.findall(r"said\.(\w+)", code)
    assert set(said) <= set(SAID)
    assert "data:" not in FILES["map.js"].body.decode()
