"""A hub with a console in this process, and browsers that log in to it."""

import asyncio
import contextlib
import http.client
import re
import threading
import urllib.parse
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from hub.app import Hub
from hub.config.settings import Console, Web
from hub.config.town import Town
from hub.console.passwords import hashed
from hub.console.users import ConsoleRole
from hub.model import Act
from tests.hubs import Told, hub_of
from tests.towns import camera, person, square, town
from tests.waiting import until

PASSWORD = "mizu no oto 7"
HASH = hashed(PASSWORD)


def place(hub_url: str = "", web: Web | None = None, **settings: object) -> Town:
    """A small town; `settings` are those of its console."""
    found = town(
        devices=[camera("cam")],
        zones=[square("paddy", "paddy")],
        people=[person("farmer", "farmer", zones=("paddy",))],
    )
    site = found.site.model_copy(update={"hub_url": hub_url})
    web = web or Web(port=0, console=Console(**settings))
    return replace(found, hub=found.hub.model_copy(update={"site": site, "web": web}))


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    @property
    def cookies(self) -> SimpleCookie:
        return SimpleCookie("; ".join(self.headers.get_all("set-cookie") or []))

    def hidden(self, name: str) -> str:
        return re.findall(rf'name="{name}" value="([^"]*)"', self.text)[0]


@dataclass
class Visitor:
    """One browser. It keeps the cookies that it was given; `headers` go with all it asks."""

    hub: Hub
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Answer:
        return await asyncio.to_thread(self._ask, "GET", path, None, headers)

    async def post(self, path: str, form: dict[str, str], **headers: str) -> Answer:
        """As a browser sends a form of our own page."""
        own = {"Origin": f"http://127.0.0.1:{self.hub.web_port}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in (own | named).items() if value}
        return await asyncio.to_thread(self._ask, "POST", path, form, sent)

    async def logs_in(self, name: str, password: str = PASSWORD, **more: str) -> Answer:
        return await self.post("/login", {"name": name, "password": password} | more)

    async def sends(self, path: str, **form: str) -> Answer:
        """A form of the console, with the token of the page on which it stands."""
        csrf = (await self.get("/console/me")).hidden("csrf")
        return await self.post(path, form | {"csrf": csrf})

    def other(self, **headers: str) -> "Visitor":
        """Another browser."""
        return Visitor(self.hub, {name.replace("_", "-"): value for name, value in headers.items()})

    def acts(self, kind: str) -> list[Act]:
        return self.hub.ledger.acts_of([kind], 0, self.hub.clock.now() + 1)

    def _ask(self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]) -> Answer:
        said = {"Accept-Language": "en"} | self.headers | headers
        if self.cookies:
            said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            said["Content-Type"] = "application/x-www-form-urlencoded"
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", int(self.hub.web_port or 0), timeout=30)
        ) as line:
            line.request(method, path, body, said)
            answer = line.getresponse()
            found = Answer(answer.status, answer.headers, answer.read().decode())
        for name, morsel in found.cookies.items():
            self.cookies.pop(name, None)
            if morsel.value:
                self.cookies[name] = morsel.value
        return found


@contextlib.asynccontextmanager
async def console(
    folder: Path, ground: Town | None = None, told: Told | None = None, **users: ConsoleRole
) -> AsyncIterator[Visitor]:
    """A running hub where these users have the same password. What it was before a restart it still is."""
    async with hub_of(ground or place(), folder / "naruko.db", told=told, connected=False) as hub:
        await until(lambda: hub.web_port is not None, "the pages are there")
        for name, role in users.items():
            await hub.do(made(name, role))
        yield Visitor(hub)


@contextlib.contextmanager
def standing(
    folder: Path,
    ground: Town | None = None,
    before: Callable[[Hub], Coroutine[object, object, None]] | None = None,
    **users: ConsoleRole,
) -> Iterator[str]:
    """The address of a running hub, in a loop of its own thread, for browsers. Nobody is too hasty for it."""
    loop, place, there = asyncio.new_event_loop(), [""], threading.Event()
    over = asyncio.Event()

    async def run() -> None:
        async with console(folder, ground, **users) as visitor:
            if before:
                await before(visitor.hub)
            place[0] = f"http://127.0.0.1:{visitor.hub.web_port}"
            there.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.console.access.LOGINS_A_MINUTE", 10_000)
        patch.setattr("hub.web.server.POSTS_A_MINUTE", 10_000)
        thread.start()
        assert there.wait(30)
    try:
        yield place[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
        loop.close()


def made(name: str, role: ConsoleRole = ConsoleRole.OPERATOR) -> Act:
    return Act(0, 0, "ops", "cli", "user_add", name, form={"role": role, "password": HASH})
