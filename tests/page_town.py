"""A town with pages, for phones: a hub in its own process, a broker, mail that arrives, and links to tap."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devices.frame import Millis
from firmware_sim.phones import Phones
from hub.clock import SystemClock
from hub.ledger import Ledger
from hub.links import Links, Purpose
from hub.model import Act
from tests.hubs import up
from tests.processes import HubProcess, bodies
from tests.servers import free_port
from tests.stations import Station
from tests.town_folders import mail, person, square, trap, unit, write_town
from tests.waiting import wait_until

HOUR: Millis = 3_600_000
LEVELS_M = {"standby": 2.0, "caution": 3.0, "danger": 5.0}
LINK = re.compile(r"http://127\.0\.0\.1:\d+/[ah]/\S+")


class PageTown:
    """One town and its running hub. `place` is where its pages are."""

    def __init__(self, folder: Path, broker: int, phones: Phones, site: str) -> None:
        self.phones = phones
        self.site = site
        self.port = free_port()
        self.place = f"http://127.0.0.1:{self.port}"
        self.hub = HubProcess(_write(folder, broker, phones, site, self.port), phones)
        self._station = Station(broker)
        self._seq = 0

    def says(self, device: str, *events: dict[str, Any], **measures: float) -> None:
        """One message of a device, that the broker has taken."""
        self._seq += 1
        said: dict[str, Any] = {"e": list(events)} if events else {}
        said |= {"m": measures} if measures else {}
        payload = up(self._seq, SystemClock().now(), **said)
        self._station.publish(f"naruko/{self.site}/{device}/up", payload)
        self._station.wait_acknowledged()

    def springs(self, trap: str) -> None:
        self.says(trap, {"type": "trap", "state": "sprung"})

    def mails(self, to: str, word: str = "") -> list[str]:
        """The texts that this person got, with this word in title or text."""
        return [
            m.body for m in self.phones.inbox if m.to.startswith(f"{to}@") and word in f"{m.title}\n{m.body}"
        ]

    def told(self, to: str, word: str) -> None:
        """Returns when this person has got a text with this word."""
        wait_until(lambda: self.mails(to, word), f"{to} is told {word}")

    def link(self, to: str, word: str = "") -> str:
        """The link to a page in the newest mail that this person got, as soon as there is one."""
        wait_until(lambda: any(LINK.search(text) for text in self.mails(to, word)), f"{to} is told {word}")
        found = [LINK.findall(text) for text in self.mails(to, word)]
        return str(next(links[0] for links in reversed(found) if links))

    def link_of(self, purpose: Purpose, person: str, until: Millis | None = None) -> str:
        """As `naruko link` makes it; good for an hour."""
        with contextlib.closing(Ledger.attach(self.hub.ledger)) as ledger:
            secret = ledger.secret("link_secret")
        return Links(secret, self.place).of(purpose, person, until or SystemClock().now() + HOUR)

    def alerts(self, kind: str = "") -> list[dict[str, Any]]:
        return [alert for alert in bodies(self.hub.ledger, "alert") if kind in ("", alert["kind"])]

    def acts(self, *kinds: str) -> list[Act]:
        """What people did, in order."""
        with contextlib.closing(Ledger.attach(self.hub.ledger)) as ledger:
            return ledger.acts_of(kinds, 0, SystemClock().now() + HOUR)

    def __enter__(self) -> "PageTown":
        self.hub.__enter__()
        self._station.__enter__()
        wait_until(lambda: "pages at" in self.hub.log(), "the pages are there")
        return self

    def __exit__(self, *_: object) -> None:
        self._station.__exit__()
        self.hub.__exit__()


@contextlib.contextmanager
def page_town(folder: Path, broker: int, site: str) -> Iterator[PageTown]:
    """山根 (hunter) owns the traps; 犬飼 is a hunter who reads English, 水田 a farmer, 防災係 the office."""
    with Phones() as phones, PageTown(folder, broker, phones, site) as town:
        yield town


def _write(folder: Path, broker: int, phones: Phones, site: str, pages: int) -> Path:
    def one(id: str, name: str, *roles: str, lang: str = "ja", zones: tuple[str, ...] = ()) -> dict[str, Any]:
        return person(id, *roles, channels=[mail(phones, id)], zones=zones) | {"name": name, "lang": lang}

    names = (
        ("一本杉の奥", "behind the lone cedar"),
        ("炭焼き窯跡", "at the old kiln"),
        ("林道終点の下", "end of the forest road"),
    )
    traps = [
        trap(f"trap-{n}", n, owner="yamane", north=300 * n)
        | {"place": f"東山 {ja}", "place_en": f"East hill, {en}"}
        for n, (ja, en) in enumerate(names, 1)
    ]
    gauge = {"river": "小野川", "river_en": "Ono River", "station": "上橋", "station_en": "Kamihashi"}
    return write_town(
        folder,
        broker,
        site=site,
        pages=pages,
        devices=[
            *traps,
            unit("cam-1", "naruko-animal", east=400) | {"place": "上田 水口", "place_en": "Ueda inlet"},
            unit("gauge-1", "naruko-gauge", east=-600, gauge=gauge | {"levels_m": LEVELS_M})
            | {"place": "上橋", "place_en": "Kami bridge"},
        ],
        zones=[
            square("hunting-1", "hunting", 6_000),
            square("paddy-1", "paddy", 600, east=400),
            square("flood-1", "flood", 2_000, rivers=["gauge-1"]),
        ],
        people=[
            one("yamane", "山根 猛", "hunter", zones=("hunting-1",)),
            one("inukai", "Tsuyoshi Inukai", "hunter", lang="en", zones=("hunting-1",)),
            one("mizuta", "水田 守", "farmer", zones=("paddy-1",)),
            one("bosai", "防災係", "official", "operator"),
            one("clarke", "Emma Clarke", "official", lang="en"),
        ],
        policy={"trap": {"patrol_by": None, "night": "go"}},
    )
