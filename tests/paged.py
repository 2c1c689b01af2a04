"""A hub in this process with its pages on loopback, and a phone that speaks plain HTTP to them."""

import asyncio
import contextlib
import http.client
import re
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from hub.app import Hub
from hub.clock import SetClock
from hub.config.settings import Web
from hub.config.town import Town
from hub.links import Purpose
from hub.model import Alert, Message, Notification
from tests.hubs import Told, hub_of, up
from tests.towns import at, camera, gauge, person, slope, square, town, trap
from tests.waiting import until

START = at("2026-11-21 16:00")
PLACE = "http://127.0.0.1"
BOUNDARY = "naruko-test-boundary"


CAUGHT = {
    "result": "captured",
    "species": "boar",
    "count": "2",
    "sex": "female",
    "age": "adult",
    "disposal": "buried",
    "trap": "later",
}


GPS = b"\x88\x25GPS-36.0600,137.9700"


def jpeg(*, turned: int = 1, order: str = ">") -> bytes:
    """The bones of a JPEG of a phone: position and maker in Exif, a comment, then the scan."""
    mark = b"MM" if order == ">" else b"II"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, turned, 0)
    tiff = mark + struct.pack(order + "HIH", 42, 8, 1) + entry + struct.pack(order + "I", 0) + GPS
    exif = b"Exif\0\0" + tiff
    app1 = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    comment = b"\xff\xfe\x00\x08YAMANE"
    table = b"\xff\xdb\x00\x05\x00\x01\x02"
    return b"\xff\xd8" + app1 + comment + table + b"\xff\xda\x00\x04\x01\x02" + b"scan\xff\xd9"


class Answer(Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def html(self) -> str:
        return self.body.decode()

    @property
    def text(self) -> str:
        """What can be read, without the readings above Chinese signs."""
        bare = re.sub(r"<rp>.*?</rp>|<rt>.*?</rt>|<svg.*?</svg>", "", self.html, flags=re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", " ", bare).split())

    @property
    def acts(self) -> list[str]:
        """What can be pressed: the values of `do` of the buttons, and the steps that are links."""
        return [a or b for a, b in re.findall(r'name="do" value="(\w+)"|\?step=(\w+)', self.html)]


class Paged:
    """A hub whose clock the test sets, and who was told what."""

    def __init__(self, hub: Hub, clock: SetClock, told: Told) -> None:
        self.hub = hub
        self.clock = clock
        self.told = told
        self._seq = 0

    @property
    def site(self) -> str:
        return self.hub.town.site.id

    async def says(self, device: str, *events: dict[str, Any], **measures: float) -> None:
        """One message of a device, decided and committed."""
        self._seq += 1
        payload = up(self._seq, self.clock.now(), **({"e": list(events)} if events else {"m": measures}))
        await self.hub.handle([Message(f"naruko/{self.site}/{device}/up", payload, self.clock.now())])

    def alert(self, kind: str = "") -> Alert:
        """The newest of a kind, open or over."""
        alerts = [a for a in self.hub.ledger.alerts(0) if kind in ("", a.kind)]
        return alerts[-1]

    def notification(self, who: str, kind: str = "") -> Notification:
        """The first about the newest alert of a kind that this person got."""
        found = self.hub.ledger.notifications_of(self.alert(kind).id)
        return next(n for n in found if n.recipient == who)

    def link(self, who: str, kind: str = "") -> str:
        """Path of the page that the message to this person names."""
        assert self.hub.pipeline.links
        url = self.hub.pipeline.links.of_notification(Purpose.ALERT, self.notification(who, kind).id)
        return urlsplit(url).path

    async def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        return await asyncio.to_thread(self._ask, method, path, b"", headers)

    async def post(self, path: str, *, files: Mapping[str, bytes] | None = None, **fields: str) -> Answer:
        """A form as a browser sends it; where it has files, in parts."""
        if files is None:
            kind, body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        else:
            kind, body = f"multipart/form-data; boundary={BOUNDARY}", _parts(fields, files)
        return await asyncio.to_thread(self._ask, "POST", path, body, {"content-type": kind})

    async def does(self, who: str, do: str, **fields: str) -> Answer:
        """Presses a button, and is shown what comes of it."""
        answer = await self.post(self.link(who), do=do, **fields)
        assert answer.status == 303, answer.text
        return await self.get(answer.headers["location"])

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.hub.web_port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def _parts(fields: Mapping[str, str], files: Mapping[str, bytes]) -> bytes:
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts += [
        f'name="{name}"; filename="a.jpg"\r\ncontent-type: image/jpeg\r\n\r\n'.encode() + data
        for name, data in files.items()
    ]
    head = f"--{BOUNDARY}\r\ncontent-disposition: form-data; ".encode()
    return b"".join(head + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def village(folder: Path, **web: Any) -> Town:
    """山根 owns the trap, 犬飼 hunts too, 水田 farms, 川端 lives by the river, 防災 is the office."""
    made = town(
        devices=[
            trap("trap-1", owner="yamane", place="東山 一本杉", place_en="East hill"),
            camera("cam", 100, 100, place="上田 水口", place_en="Ueda inlet"),
            gauge(
                "gauge",
                {"standby": 2.0, "caution": 3.0, "evac_judge": 4.0, "danger": 5.0},
                -300,
                max_rise_m_per_10min=50.0,
            ),
            slope("wire", "wire", 500, stream="上沢"),
        ],
        zones=[
            square("hunting-1", "hunting", size=4_000),
            square("paddy-1", "paddy", 100, 100, size=300),
            square("flood-1", "flood", -300, size=600, rivers=("gauge",)),
            square("stream-1", "stream", 500, size=300, rivers=("上沢",)),
        ],
        people=[
            person("yamane", "hunter", name="山根 猛", zones=("hunting-1",)),
            person("inukai", "hunter", name="犬飼 剛", zones=("hunting-1",), lang="en"),
            person("mizuta", "farmer", name="水田 守", zones=("paddy-1",)),
            person("kawabata", "resident", name="川端 ハル", lang="ja-easy", zones=("flood-1", "stream-1")),
            person("bosai", "official", name="防災係"),
        ],
    )
    site = made.site.model_copy(update={"hub_url": PLACE})
    pages = Web(port=0, photos=folder / "photos", **web)
    return replace(made, hub=made.hub.model_copy(update={"site": site, "web": pages}))


@contextlib.asynccontextmanager
async def paged(folder: Path, town: Town | None = None) -> AsyncIterator[Paged]:
    """A hub with pages that answer."""
    clock, told = SetClock(START), Told()
    made = town or village(folder)
    async with hub_of(made, folder / "naruko.db", clock=clock, told=told, connected=False) as hub:
        await until(lambda: hub.web_port is not None, "the pages are there")
        yield Paged(hub, clock, told)
