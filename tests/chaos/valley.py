"""A town of any number of devices, one day of its life, and a hub that lives through it in simulated time."""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from shapely.geometry import box

from firmware_sim.faults import DeadBattery, Duplicates, Fault, GatewayOutage, Loss, Reordering, Restart
from firmware_sim.fleet import Fleet
from firmware_sim.report import Transmission
from firmware_sim.scenarios.plot import Stage, jst
from firmware_sim.tracks import Track, walk
from firmware_sim.world import MINUTE, FloodWave, Rain, World
from hub import command, notify
from hub.app import Hub
from hub.clock import SetClock
from hub.config.policy import Policy, StormPolicy
from hub.config.settings import Hub as HubSettings
from hub.config.settings import LedgerSettings, Site
from hub.config.shapes import Device, Kind, Zone, ZoneKind
from hub.config.town import Town
from hub.ledger import Ledger
from hub.model import Alert, Message, Notification, Outcome
from tests.hubs import Told
from tests.ledgers import waiting
from tests.town_of_devices import PROFILES
from tests.towns import LAT, LON, person, place
from tests.waiting import until

TICK = 30_000
"""Between two rounds of the hub."""
STARTS_AT = jst("2026-09-12 12:00")
MIX = (
    ("naruko-animal", 34), ("naruko-trap", 26), ("naruko-wire", 8), ("naruko-siren", 6), ("naruko-gauge", 6),
    ("naruko-tilt", 5), ("naruko-vibration", 5), ("naruko-weather", 5), ("naruko-gateway", 3),
    ("naruko-rain", 2),
)  # fmt: skip
"""Of a hundred devices so many are of this profile."""
APART_M = 250.0
SMALL = LedgerSettings(limit_mb=16)


def town_of(devices: int) -> Town:
    """On a grid about the centre; every device but the gateways hangs on one of these."""
    profiles = [profile for profile, share in MIX for _ in range(share * devices // 100)]
    side = round(len(profiles) ** 0.5) + 1
    gateways = [f"gw-{n}" for n in range(profiles.count("naruko-gateway"))]
    made: dict[str, Device] = {}
    numbers = dict.fromkeys((profile for profile, _ in MIX), 0)
    # One of each after the other, so that the kinds stand among each other.
    for spot, profile in enumerate(sorted(profiles, key=lambda p: _turn(p, numbers))):
        n = sum(device.profile == profile for device in made.values())
        id = f"gw-{n}" if profile == "naruko-gateway" else f"{profile.removeprefix('naruko-')}-{n}"
        lat, lon = place((spot // side - side / 2) * APART_M, (spot % side - side / 2) * APART_M)
        gateway = None if profile == "naruko-gateway" else gateways[spot % len(gateways)]
        words = {"name": id, "name_en": id, "place": f"{id}の所", "place_en": f"at {id}"}
        parts = _parts(profile, n)
        made[id] = Device(id=id, profile=profile, lat=lat, lon=lon, gateway=gateway, **words, **parts)
    zones = {
        "hunting": Zone(id="hunting", kind=ZoneKind.HUNTING, name="猟区", name_en="Ground"),
        "flood": Zone(
            id="flood",
            kind=ZoneKind.FLOOD,
            name="川辺",
            name_en="Riverside",
            rivers=tuple(d.id for d in made.values() if d.gauge),
        ),
    }
    everywhere = box(LON - 0.2, LAT - 0.2, LON + 0.2, LAT + 0.2)
    people = [
        person("yamane", "hunter", zones=("hunting",)),
        person("tanaka", "farmer", zones=("hunting",)),
        person("kawai", "resident", zones=("flood",)),
        person("bosai", "official", "operator"),
    ]
    site = Site(
        id="valley", name="谷", name_en="Valley", lat=LAT, lon=LON, radius_km=30, contact="役場",
        info_url="https://town.test/",
    )  # fmt: skip
    return Town(
        hub=HubSettings(site=site),
        policy=Policy(storm=StormPolicy(first=100, first_of_devices=100, first_in_danger=1_000)),
        profiles=PROFILES,
        devices=made,
        zones=zones,
        geometry=dict.fromkeys(zones, everywhere),
        people={somebody.id: somebody for somebody in people},
    )


def _turn(profile: str, numbers: dict[str, int]) -> float:
    numbers[profile] += 1
    return numbers[profile] / dict(MIX)[profile]


def _parts(profile: str, n: int) -> dict[str, Any]:
    """What a device of this profile has besides its place."""
    if profile == "naruko-gauge":
        names = {"river": f"川{n}", "river_en": f"River {n}", "station": "橋", "station_en": "Bridge"}
        return {"gauge": names | {"sensor_height_m": 6.0, "levels_m": {"caution": 3.0, "danger": 4.0}}}
    if profile == "naruko-trap":
        return {"trap": {"no": str(n), "type": "box", "owner": "yamane"}}
    if profile in ("naruko-wire", "naruko-tilt", "naruko-vibration"):
        return {"slope": {"stream": f"沢{n}", "stream_en": f"stream {n}"}}
    if profile == "naruko-siren":
        return {"siren": {"use": ["deter"]}}
    return {}


class Plan(NamedTuple):
    """What happens in the valley, and of what people must and may be told: kind of alert -> devices."""

    world: World
    faults: tuple[Fault, ...]
    must: dict[str, set[str]]
    may: dict[str, set[str]]


def plan(town: Town, lasts: int) -> Plan:
    """A storm and a flood, boars at night, traps, dead batteries, restarts, a gateway cut off.

    Each at its share of `lasts`, so that a short day has all of it, too.
    """
    stage = Stage(town)
    hour = lasts // 24
    cameras, traps, gauges = stage.all(Kind.ANIMAL), stage.all(Kind.TRAP), stage.all(Kind.RIVER)
    flooded, dying = gauges[: max(1, len(gauges) // 12)], gauges[-2:]
    visited = cameras[:: max(1, len(cameras) // 6)][:5]
    sprung = {trap.id: STARTS_AT + (9 + n) * hour for n, trap in enumerate(traps[3::7][:5])}
    rise, fall = max(3 * hour, 90 * MINUTE), max(6 * hour, 90 * MINUTE)
    world = World(
        stage.plane,
        7,
        calm_m=stage.calm_m(),
        rains=[Rain(STARTS_AT + hour, 5 * hour, 20.0)],
        waves=[
            FloodWave(gauge.id, STARTS_AT + 2 * hour + n * MINUTE, 4.3, rise, fall)
            for n, gauge in enumerate(flooded)
        ],
        tracks=[_visit(stage, camera, STARTS_AT + (8 + n) * hour) for n, camera in enumerate(visited)],
        sprung=sprung,
    )
    faults: tuple[Fault, ...] = (
        *(DeadBattery(gauge.id, STARTS_AT + 6 * hour, 2 * hour) for gauge in dying),
        *(Restart(trap.id, STARTS_AT + (3 + n % 18) * hour) for n, trap in enumerate(traps[::5])),
        GatewayOutage("gw-0", STARTS_AT + 12 * hour, STARTS_AT + 12 * hour + max(hour, 20 * MINUTE)),
        Duplicates(0.01),
        Reordering(0.005, within=5_000),
        Loss(0.002),
    )
    must = {
        "animal": {camera.id for camera in visited},
        "trap": set(sprung),
        "river": {gauge.id for gauge in flooded},
        "silent": {gauge.id for gauge in dying},
        "gateway": {"gw-0"},
    }
    may = {
        "river_unverified": {gauge.id for gauge in flooded},
        "battery": {gauge.id for gauge in dying},
        "silent": {"gw-0", *town.children["gw-0"]},
    }
    return Plan(world, faults, must, may)


def _visit(stage: Stage, camera: Device, at: int) -> Track:
    """A boar comes by, stays two minutes before the camera, and goes."""
    x, y = stage.at(camera)
    away, near = (x + 60.0, y + 60.0), (x, y - 3.0)
    return walk(f"boar-{camera.id}", "boar", 1, at, [(away, 1.0, 0), (near, 1.0, 2 * MINUTE), (away, 1.5, 0)])


# --- the hub that lives through it ------------------------------------------------------------------------


class Sample(NamedTuple):
    """One look at a process and its ledger."""

    rss_mb: float
    fds: int
    ledger_mb: float
    wal_mb: float


class Day:
    """The fleet, the hub on a ledger file, and what came of each hour. Restarts as a process does."""

    def __init__(self, town: Town, path: Path, lasts: int) -> None:
        self.town = town
        self.path = path
        self.plan = plan(town, lasts)
        self.fleet = Fleet(town, self.plan.world, 3, self.plan.faults, starts_at=STARTS_AT)
        self.clock = SetClock(STARTS_AT)
        self.ends_at = STARTS_AT + lasts
        self.told = Told()
        self.alerts: dict[str, Alert] = {}
        self.notifications: list[Notification] = []
        self.messages = 0
        self.samples: list[Sample] = []
        self._ordered: list[tuple[str, bytes]] = []

    async def live(self, restarts: int, every: int) -> None:
        """From the start to the end, with so many new processes between; a sample each `every` ms."""
        stretch = (self.ends_at - STARTS_AT) // (restarts + 1)
        for number in range(restarts + 1):
            last = number == restarts
            await self._stretch(self.ends_at if last else STARTS_AT + (number + 1) * stretch, every)

    async def _stretch(self, ends_at: int, every: int) -> None:
        async with self._hub() as (hub, ledger):
            while self.clock.at < ends_at:
                self.clock.at = min(self.clock.at + TICK, ends_at)
                await self._pass(hub, ledger)
                if (self.clock.at - STARTS_AT) % every == 0:
                    await self._look(ledger)

    async def _pass(self, hub: Hub, ledger: Ledger) -> None:
        """What arrives between two rounds, and the round. The phones are as quick as ever."""
        now, before = self.clock.at, len(self.notifications)
        arrived: list[Transmission] = self.fleet.step(now)
        while self._ordered:
            arrived += self.fleet.command(*self._ordered.pop(), now)
        if arrived:
            self.messages += len(arrived)
            await hub.handle([Message(sent.topic, sent.payload, sent.at, sent.retain) for sent in arrived])
        await hub.tick()
        if len(self.notifications) > before:
            await self._sent(ledger)

    @asynccontextmanager
    async def _hub(self) -> AsyncIterator[tuple[Hub, Ledger]]:
        ledger = Ledger.open(self.path, SMALL)
        hub = Hub(self.town, ledger, self.clock, observe=self._observe)
        hub.pipeline.hearing_since = self.clock.at
        wake = hub._notifications
        sending = asyncio.create_task(
            notify.deliver(ledger, self.town, self.clock, wake, self.told, ticks=lambda: self.clock.at / 1000)
        )
        try:
            yield hub, ledger
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            ledger.close()

    def _observe(self, outcome: Outcome) -> None:
        self.alerts |= {alert.id: alert for alert in outcome.alerts}
        self.notifications += outcome.notifications
        site = self.town.site.id
        self._ordered += [
            (f"naruko/{site}/{order.device}/cmd", command.payload(order, self.clock.at))
            for order in outcome.commands
        ]

    async def _sent(self, ledger: Ledger) -> None:
        await until(lambda: not waiting(ledger, self.clock.at), "the outbox is empty")

    async def _look(self, ledger: Ledger) -> None:
        """What `tend` does, all that waits sent, and then the sample."""
        await ledger.shed(self.clock.at)
        await ledger.checkpoint_off_loop()
        await self._sent(ledger)
        self.samples.append(sample(os.getpid(), self.path))


def sample(pid: int, ledger: Path) -> Sample:
    """Of this process, or of another."""
    if pid == os.getpid():
        gc.collect()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    fds = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    rss = pages * os.sysconf("SC_PAGE_SIZE")
    return Sample(rss / 1e6, fds, _megabytes(ledger), _megabytes(Path(f"{ledger}-wal")))


def _megabytes(path: Path) -> float:
    try:
        return path.stat().st_size / 1e6
    except FileNotFoundError:
        return 0.0


def thirds(values: list[float]) -> Iterator[float]:
    """The medians of the first, the middle and the last third."""
    size = len(values) // 3
    for number in range(3):
        part = sorted(values[number * size : (number + 1) * size])
        yield part[len(part) // 2]
