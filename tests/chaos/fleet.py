"""The town's devices: each numbers its messages, the sirens obey, and the story says what must come of it."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple, Self

from hub.clock import SystemClock
from tests.hubs import up
from tests.stations import Heard, Station
from tests.town_folders import square, trap, unit
from tests.waiting import wait_until

FLOOD_M = 4.2
"""Above 氾濫危険水位 of every gauge here."""
EVENT_EVERY = 25
"""In the load, one of so many messages is an event of the story."""

SPRUNG = {"type": "trap", "state": "sprung"}
BOAR = {"type": "animal", "species": "boar", "confidence": 0.93, "count": 1}
CUT = {"type": "wire", "state": "cut"}


class Cast(NamedTuple):
    """How many of each the town has. A trap, paddy, stream or gauge is good for one event of a story."""

    cameras: int = 20
    traps: int = 40
    paddies: int = 8
    """Each with a camera `paddy-n` and a siren `siren-n` that deters."""
    streams: int = 2
    """Each with a wire `wire-n` and a siren `horn-n` that warns people."""
    gauges: int = 2
    """Silent until they flood."""

    def devices(self) -> list[dict[str, Any]]:
        made = [unit(f"cam-{n}", "naruko-animal", north=20 * n) for n in range(self.cameras)]
        made += [trap(f"trap-{n}", str(n)) for n in range(self.traps)]
        for n in range(self.paddies):
            north, east = 2_000 + 600 * (n // 10), 600 * (n % 10 - 5)
            made.append(unit(f"paddy-{n}", "naruko-animal", north=north, east=east))
            made.append(unit(f"siren-{n}", "naruko-siren", north=north + 40, east=east, siren={}))
        for n in range(self.streams):
            slope = {"stream": f"沢{n}", "stream_en": f"stream {n}"}
            made.append(unit(f"wire-{n}", "naruko-wire", north=-4_000, east=2_000 * n, slope=slope))
            warns = {"use": ["warn"]}
            made.append(unit(f"horn-{n}", "naruko-siren", north=-4_000, east=2_000 * n, siren=warns))
        for n in range(self.gauges):
            names = {"river": f"川{n}", "river_en": f"River {n}", "station": "橋", "station_en": "Bridge"}
            gauge = names | {"levels_m": {"caution": 3.0, "danger": 4.0}, "max_rise_m_per_10min": 50.0}
            made.append(unit(f"gauge-{n}", "naruko-gauge", north=-500, east=300 * n, gauge=gauge))
        return made

    def zones(self) -> list[dict[str, Any]]:
        gauges = [f"gauge-{n}" for n in range(self.gauges)]
        flood = [square("flood-1", "flood", rivers=gauges)] if gauges else []
        below = [
            square(f"stream-{n}", "stream", size=300.0, north=-4_000, east=2_000 * n, rivers=[f"沢{n}"])
            for n in range(self.streams)
        ]
        return [square("hunting-1", "hunting", size=16_000.0), *flood, *below]

    def lowland(self) -> tuple[str, ...]:
        """Zones of whoever lives below the streams and by the river."""
        return (*(["flood-1"] if self.gauges else []), *(f"stream-{n}" for n in range(self.streams)))


class Demand(NamedTuple):
    """One text about one device that one person must be told, on each channel of that person."""

    device: str
    template: str
    person: str


class Story:
    """What must come of the events: texts to people, orders (siren, action). Nothing else may.

    `tolerated`: templates that may be told besides, of the hub's own troubles.
    """

    def __init__(self) -> None:
        self.demands: Counter[Demand] = Counter()
        self.orders: Counter[tuple[str, str]] = Counter()
        self.tolerated: set[str] = set()

    def demand(self, device: str, template: str, *people: str) -> None:
        self.demands.update(Demand(device, template, person) for person in people)


class Sent(NamedTuple):
    """One message. `number` is the station's, `seq` and `at` are the device's own."""

    number: int
    device: str
    topic: str
    payload: bytes
    seq: int
    at: int
    measures: dict[str, float]


class Fleet:
    """Publishes for all devices of the cast, each numbering its messages from 1 at times of its own."""

    def __init__(self, site: str, cast: Cast, station: Station) -> None:
        self.site = site
        self.cast = cast
        self.station = station
        self.sent: list[Sent] = []
        self.story = Story()
        self._seq: Counter[str] = Counter()
        self._at: Counter[str] = Counter()
        self._used: Counter[str] = Counter()
        self._events = self._all()

    def topic(self, device: str, leaf: str = "up") -> str:
        return f"naruko/{self.site}/{device}/{leaf}"

    def says(
        self, device: str, *events: dict[str, Any], at: int | None = None, retain: bool = False, **m: float
    ) -> Sent:
        """One message, now or with the device's time `at`; two of one device never have the same time."""
        self._seq[device] += 1
        seq = self._seq[device]
        if at is None:
            at = self._at[device] = max(self._at[device] + 1, SystemClock().now())
        more = ({"m": m} if m else {}) | ({"e": list(events)} if events else {})
        payload = up(seq, at, **more)
        number = self.station.publish(self.topic(device), payload, retain=retain)
        self.sent.append(Sent(number, device, self.topic(device), payload, seq, at, m))
        return self.sent[-1]

    def acknowledged(self) -> list[Sent]:
        """What the broker has taken over."""
        self.station.acknowledged()
        return [sent for sent in self.sent if sent.number in self.station.acknowledged_at]

    # --- the story --------------------------------------------------------------------------------

    def springs(self, n: int | None = None, at: int | None = None) -> str:
        device = self._one("trap", n)
        self.says(device, SPRUNG, at=at)
        self.story.demand(device, "trap_sprung", "yamane")
        return device

    def boar(self, n: int | None = None) -> str:
        device = self._one("paddy", n)
        self.says(device, BOAR, battery_v=3.6)
        self.story.demand(device, "animal_detected", "yamane", "tanaka")
        self.story.orders[device.replace("paddy", "siren"), "deter"] += 1
        return device

    def cut(self, n: int | None = None) -> str:
        """In dry weather, and one wire alone: unconfirmed. Those below run, the office hears of the doubt."""
        device = self._one("wire", n)
        self.says(device, CUT)
        self.story.demand(device, "debris_unconfirmed", "bosai")
        self.story.demand(device, "debris_flow", "kawai")
        self.story.orders[device.replace("wire", "horn"), "warn"] += 1
        return device

    def floods(self, n: int | None = None) -> str:
        """The first word of the gauge: three levels within seconds would be a backlog, and doubted."""
        device = self._one("gauge", n)
        self.says(device, level_m=FLOOD_M)
        self.story.demand(device, "river_lv4", "kawai", "bosai")
        return device

    def reports(self, device: str) -> Sent:
        """Routine: what the device measures, different with each message."""
        tenth = self._seq[device] % 100 / 1_000
        return self.says(device, battery_v=round(3.6 + tenth, 4), air_c=self._seq[device] % 40 / 2)

    def stands(self) -> None:
        """Each gauge in flood says that the river stands where it stood, give or take a centimetre."""
        for n in range(self._used["gauge"]):
            device = f"gauge-{n}"
            self.says(device, level_m=FLOOD_M + self._seq[device] % 2 / 100)

    def happens(self) -> bool:
        """The next event of the story, each kind in turn; False where every device has had its own."""
        return next(self._events, "") != ""

    def _all(self) -> Iterator[str]:
        cast = self.cast
        for n in range(max(cast[1:])):
            for many, event in (
                (cast.traps, self.springs),
                (cast.paddies, self.boar),
                (cast.streams, self.cut),
                (cast.gauges, self.floods),
            ):
                if n < many:
                    yield event(n)

    def load(self, per_second: float = 250.0, *, event_every: int = EVENT_EVERY) -> "Load":
        """`event_every` 0: routine alone."""
        return Load(self, per_second, event_every)

    def _one(self, kind: str, n: int | None) -> str:
        """The next of its kind that has no event yet, or number `n`."""
        chosen = self._used[kind] if n is None else n
        self._used[kind] = max(self._used[kind], chosen + 1)
        return f"{kind}-{chosen}"


class Load:
    """A context manager: routine from all cameras in a thread, and the events of the story between."""

    def __init__(self, fleet: Fleet, per_second: float, event_every: int) -> None:
        self.fleet = fleet
        self._event_every = event_every
        self._pause = 1 / per_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for number in count(1):
            if self._stop.wait(self._pause):
                return
            if self._event_every and number % self._event_every == 0 and self.fleet.happens():
                continue
            self.fleet.reports(f"cam-{number % self.fleet.cast.cameras}")


class Sirens:
    """All sirens of a site: each obeys an order once, says so, and answers a repeated one again.

    A context manager. Their session at the broker outlives a connection.
    """

    def __init__(self, port: int, site: str) -> None:
        self.heard: list[tuple[str, dict[str, Any], bool]] = []
        """(siren, order, retained), every copy."""
        self.obeyed: Counter[str] = Counter()
        """By the id of the order."""
        self._site = site
        self._station = Station(
            port, f"naruko/{site}/+/cmd", client_id=f"sirens-{site}", on_heard=self._on_heard
        )

    def __enter__(self) -> Self:
        self._station.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._station.__exit__()

    def _on_heard(self, heard: Heard) -> None:
        siren = heard.topic.split("/")[2]
        order = json.loads(heard.payload)
        self.heard.append((siren, order, heard.retain))
        if not self.obeyed[order["id"]]:
            self.obeyed[order["id"]] += 1
        done = {"v": 1, "id": order["id"], "result": "done", "at": SystemClock().now() / 1000}
        self._station.publish(f"naruko/{self._site}/{siren}/done", json.dumps(done).encode())

    def wait_heard(self, number: int) -> None:
        wait_until(lambda: len(self.heard) >= number, f"the sirens hear {number} orders")
