"""What the ledger says of all devices at once, held between two looks at a page: traffic, signal, batteries.

It is asked for in threads. What takes long, the batteries, is worked out in the background and shown as soon
as it is there.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from starlette.requests import Request

from devices.frame import Millis
from hub.config.shapes import Battery
from hub.config.town import Town
from hub.console.views.battery_life import DAY, days_left
from hub.console.views.carried import Carried, carried
from hub.detect.health import DeviceHealth
from hub.detect.silent_devices import heartbeat
from hub.ledger import Ledger
from hub.ledger.views import devices as views

log = logging.getLogger("naruko.web")

HOUR: Millis = 3_600_000
FRESH: Millis = 5_000
"""So long one look serves every page."""
WEIGHED: Millis = 6 * HOUR
"""So often batteries are looked at anew: a day less is no news."""
WEEKS: Millis = 28 * DAY
ONCE = 50
"""Batteries that are worked out at a time, some 5 ms."""
MOST_SOUGHT = 100
"""Devices whose last message is sought in one look, where it was not within the hour."""


class Found(Struct, frozen=True):
    """By device: messages an hour, how the newest was heard, days that the battery lasts."""

    rates: dict[str, float] = {}
    carried: dict[str, Carried] = {}
    days: dict[str, int] = {}


class Heard(NamedTuple):
    id: int
    carried: Carried


class Survey:
    """Of one hub. `found` is what the last look found."""

    def __init__(self) -> None:
        self.found = Found()
        self._looked_at: Millis | None = None
        self._weighed_at: Millis | None = None
        self._heard: dict[str, Heard] = {}
        self._sought: dict[str, Millis] = {}
        """When those that were sought had last been heard."""
        self._looking = asyncio.Lock()
        self._weighing: asyncio.Task[None] | None = None

    async def look(
        self, ledger: Ledger, town: Town, health: Mapping[str, DeviceHealth], now: Millis
    ) -> Found:
        async with self._looking:
            if self._looked_at is None or not 0 <= now - self._looked_at < FRESH:
                self._looked_at = now
                await self._listen(ledger, health, now)
        if self._weighed_at is None or not 0 <= now - self._weighed_at < WEIGHED:
            self._weighed_at = now
            self._weighing = asyncio.create_task(self._weigh(ledger, town, now))
        return self.found

    async def weighed(self) -> None:
        """Returns when the batteries that are being worked out are done."""
        if self._weighing:
            await self._weighing

    async def _listen(self, ledger: Ledger, health: Mapping[str, DeviceHealth], now: Millis) -> None:
        known = {device: heard.id for device, heard in self._heard.items()}
        traffic, news = await ledger.view(_news, now - HOUR, known)
        self._heard |= news
        missing = {
            id: state.heard_at
            for id, state in health.items()
            if id not in traffic.devices and state.heard_at and self._sought.get(id) != state.heard_at
        }
        sought = dict(list(missing.items())[:MOST_SOUGHT])
        if sought:
            self._heard |= await ledger.view(_last_words, sought)
            self._sought |= sought
        hours = max(now - traffic.since, 1) / HOUR
        self.found = Found(
            {device: many / hours for device, (many, _) in traffic.devices.items()},
            {device: heard.carried for device, heard in self._heard.items()},
            self.found.days,
        )

    async def _weigh(self, ledger: Ledger, town: Town, now: Millis) -> None:
        batteries = {
            id: battery for id, one in town.devices.items() if (battery := town.profile(one).battery)
        }
        samples: dict[str, list[tuple[Millis, float]]] = {id: [] for id in batteries}
        try:
            for since, until, devices in _windows(town, batteries, now):
                found = await ledger.view(views.charges, devices, since, until)
                for id, sample in found.items():
                    samples[id].append(sample)
        except sqlite3.Error as error:
            log.info("batteries not worked out: %s", error)
            self._weighed_at = None
            return
        ids, days = list(batteries), dict[str, int]()
        for start in range(0, len(ids), ONCE):
            part = [(id, batteries[id], samples[id]) for id in ids[start : start + ONCE]]
            days |= await asyncio.to_thread(_estimates, part, now)
        self.found = Found(self.found.rates, self.found.carried, days)


def survey_of(request: Request) -> Survey:
    """The one of the hub at which this request came in."""
    state = request.app.state
    if not hasattr(state, "survey"):
        state.survey = Survey()
    survey: Survey = state.survey
    return survey


def _news(
    connection: sqlite3.Connection, since: Millis, known: Mapping[str, int]
) -> tuple[views.Traffic, dict[str, Heard]]:
    traffic = views.traffic(connection, since)
    new = {device: id for device, (_, id) in traffic.devices.items() if known.get(device) != id}
    payloads = views.payloads(connection, new.values())
    return traffic, {device: Heard(id, carried(payloads[id])) for device, id in new.items() if id in payloads}


def _last_words(connection: sqlite3.Connection, sought: Mapping[str, Millis]) -> dict[str, Heard]:
    found = {}
    for device, heard_at in sought.items():
        for id, payload in views.last_word(connection, device, heard_at):
            found[device] = Heard(id, carried(payload))
    return found


def _windows(
    town: Town, batteries: Mapping[str, Battery], now: Millis
) -> list[tuple[Millis, Millis, dict[str, str]]]:
    """(since, until, device -> quantity): every second day an hour of those that speak twice in it; of the
    others every third day as long as it takes to hear them. Always up to the same hour of the day as now."""
    brisk: dict[str, str] = {}
    slow: dict[str, str] = {}
    for id, battery in batteries.items():
        device = town.devices[id]
        beat = heartbeat(device, town.profile(device), flood=False)
        (brisk if 0 < beat <= HOUR // 2 else slow)[id] = battery.quantity
    windows = []
    for devices, step, length in ((brisk, 2 * DAY, HOUR), (slow, 3 * DAY, DAY + 2 * HOUR)):
        if devices:
            windows += [(at - length, at, devices) for at in range(now, now - WEEKS - 1, -step)]
    return windows


def _estimates(
    part: Sequence[tuple[str, Battery, Sequence[tuple[Millis, float]]]], now: Millis
) -> dict[str, int]:
    found = {id: days_left(battery, samples, now) for id, battery, samples in part}
    return {id: days for id, days in found.items() if days is not None}
