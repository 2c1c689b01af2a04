"""Cursor -> batches of line protocol -> InfluxDB. Its failing for a week delays no alert by a second."""

import asyncio
import logging
import random
import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from shapely import Point

from devices.frame import Millis
from hub.clock import Clock
from hub.config.shapes import Kind
from hub.config.town import Town
from hub.influx import line_protocol
from hub.influx.delivery import Batch, Delivery
from hub.influx.target import Target, UnavailableError, connect
from hub.lanes import Lane
from hub.ledger import Ledger
from hub.ledger.rows import AlertChange
from hub.ledger.shedding import INFLUX_CURSOR
from hub.model import Reading
from hub.wording.values import clean

log = logging.getLogger("naruko.influx")

T = TypeVar("T")

ALERT_CURSOR = "influx_alert"
UNKNOWN_DEVICE = "device"
"""Measurement for the readings of a device which has left the config."""
POSITION = ("lat", "lon")
"""How the names of quantities begin which tell where something is."""
SAID_BAD_LINES = 5
LONGEST_LINE_SAID = 400
FIGURE = re.compile(r"(?<![\w.])-?\d+\.\d*(?![\w.])")
"""A position, or what a server has left of one."""


class Pace(NamedTuple):
    """Seconds, and readings. The pauses while catching up bound what that takes from the rest of the hub."""

    batch: int = 5_000
    idle: float = 1.0
    most_per_s: float = 10_000
    """While catching up: a full batch and half a second's rest. A town of 1,000 devices makes 40 a second."""
    retry_first: float = 1.0
    retry_last: float = 60.0


def sayable(line: str, reason: str) -> tuple[str, str]:
    """Why a line is refused, and which: without its fields, and without the figures that a server repeats."""
    return FIGURE.sub("#", reason), clean(line.partition(" ")[0], LONGEST_LINE_SAID)


def _unsaid(up: bool, reason: str) -> None:  # noqa: ARG001, FBT001
    return


class Forwarder:
    """Carries readings and the life of alerts from the ledger to InfluxDB, in order of arrival.

    A batch which was sent and not yet written down as sent goes again: the same points, which overwrite
    themselves. `report` is told of each loss and each return.
    """

    def __init__(
        self,
        ledger: Ledger,
        town: Town,
        clock: Clock,
        *,
        target: Target,
        pace: Pace,
        report: Callable[[bool, str], None],
    ) -> None:
        self.ledger = ledger
        self.town = town
        self.clock = clock
        self.delivery = Delivery(target, pace.batch)
        self.pace = pace
        self.report = report
        self._heads: dict[str, str] = {}
        self._lost_at: Millis | None = None

    async def run(self) -> None:
        """Forwards until cancelled. A server that hangs does not keep the process from ending."""
        lane: Lane[Any] = Lane("naruko.influx", 1)
        self._lane = lane
        try:
            while True:
                rows = await self._carry(INFLUX_CURSOR, self._next_readings)
                rows = max(rows, await self._carry(ALERT_CURSOR, self._next_changes))
                full = rows == self.pace.batch
                await asyncio.sleep(rows / self.pace.most_per_s if full else self.pace.idle)
        finally:
            self.delivery.stopping = True
            lane.close()

    async def _carry(self, name: str, following: Callable[[int], tuple[int, int, list[str]]]) -> int:
        """One batch of one cursor: how many rows it had."""
        before = int(self.ledger.cursor(name) or 0)
        after, rows, lines = await self._in_thread(following, before)
        if after > before:
            await self._deliver(lines)
            await self.ledger.move_cursor(name, str(after))
        return rows

    async def _deliver(self, lines: list[str]) -> None:
        """Tries until the server has every line that it takes, in order; what it has taken goes once."""
        batch = Batch(lines)
        attempt = 0
        while batch.left:
            left = len(batch)
            try:
                await self._in_thread(self.delivery.write, batch)
            except UnavailableError as error:
                attempt = 0 if len(batch) < left else attempt
                if attempt or not error.slow:
                    self._lost(error)
                wait = min(self.pace.retry_last, self.pace.retry_first * 2**attempt)
                attempt = min(attempt + 1, 16)
                await asyncio.sleep(max(wait * random.uniform(0.5, 1.0), error.retry_after))  # noqa: S311 (jitter)
        self._returned()
        for text, reason in batch.refused[:SAID_BAD_LINES]:
            log.error("InfluxDB refuses a line for good (%s): %s", *sayable(text, reason))
        if len(batch.refused) > SAID_BAD_LINES:
            log.error("InfluxDB refuses %d more lines of this batch", len(batch.refused) - SAID_BAD_LINES)

    # --- what is sent -------------------------------------------------------------------------

    def _next_readings(self, cursor: int) -> tuple[int, int, list[str]]:
        after, readings = self.ledger.readings_after(cursor, self.pace.batch)
        return after, len(readings), self._reading_lines(readings)

    def _next_changes(self, cursor: int) -> tuple[int, int, list[str]]:
        after, changes = self.ledger.alert_changes_after(cursor, self.pace.batch)
        return after, len(changes), [self._alert_line(c) for c in changes if line_protocol.sendable(c.at)]

    def _reading_lines(self, readings: list[Reading]) -> list[str]:
        return line_protocol.reading_lines(readings, self._head, self._hidden)

    def _alert_line(self, change: AlertChange) -> str:
        """No person, and no position of a trap or of what somebody carries."""
        device = self.town.devices.get(change.device)
        start = line_protocol.head("alert", {**self._tags(change.device), "kind": change.kind})
        fields: dict[str, line_protocol.Value] = {
            "id": change.alert,
            "severity": change.severity,
            "state": change.state,
            "mode": change.mode,
            "level": change.level,
            "species": change.species,
            "count": change.count,
            "confirmed": change.confirmed,
        }
        if (
            device is not None
            and not self._place_is_secret(change.device)
            and not change.kind.startswith("trap")
        ):
            fields |= {"lat": float(device.lat), "lon": float(device.lon)}
        return line_protocol.line(start, fields, change.at)

    def _head(self, device: str) -> str:
        found = self._heads.get(device)
        if found is None:
            known = self.town.devices.get(device)
            name = self.town.kind(known).value if known else UNKNOWN_DEVICE
            found = self._heads[device] = line_protocol.head(name, self._tags(device))
        return found

    def _tags(self, device: str) -> dict[str, str]:
        return {"site": self.town.site.id, "device": device, "zone": self._zone(device)}

    def _zone(self, device: str) -> str:
        """The smallest zone that holds the device, empty where none does."""
        known = self.town.devices.get(device)
        if known is None:
            return ""
        place = Point(known.lon, known.lat)
        around = [(g.area, zone) for zone, g in self.town.geometry.items() if g.covers(place)]
        return min(around, default=(0.0, ""))[1]

    def _place_is_secret(self, device: str) -> bool:
        """Of traps, and of what people and dogs carry; of a device that nobody knows, too."""
        known = self.town.devices.get(device)
        return known is None or known.trap is not None or self.town.kind(known) in (Kind.TRAP, Kind.TRACKER)

    def _hidden(self, device: str, quantity: str) -> bool:
        return quantity.startswith(POSITION) and self._place_is_secret(device)

    # --- loss and return ----------------------------------------------------------------------

    def _lost(self, error: UnavailableError) -> None:
        if self._lost_at is None:
            self._lost_at = self.clock.now()
            said = FIGURE.sub("#", str(error))
            log.warning("InfluxDB: %s; readings wait in the ledger", said)
            self.report(False, said)

    def _returned(self) -> None:
        if self._lost_at is not None:
            log.info("InfluxDB is back after %d s", (self.clock.now() - self._lost_at) // 1_000)
            self._lost_at = None
            self.report(True, "")

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T | BaseException) -> None:
            if answer.done():
                return
            if isinstance(result, BaseException):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        self._lane.submit(partial(work, *arguments), done)
        return await answer


async def forward(
    ledger: Ledger,
    town: Town,
    clock: Clock,
    *,
    pace: Pace | None = None,
    report: Callable[[bool, str], None] = _unsaid,
) -> None:
    """Keeps the InfluxDB of `town.hub.influx` fed, for ever. Whatever the server does, this does not raise.

    `report(up, reason)` is told of each loss and each return. Ends by cancellation.
    """
    settings = town.hub.influx
    if settings is None:
        return
    target = await asyncio.to_thread(connect, settings)
    try:
        await Forwarder(ledger, town, clock, target=target, pace=pace or Pace(), report=report).run()
    finally:
        target.close()
