"""The stage of the fault tests: broker, InfluxDB, phones, a town on disk, its devices, and the hub's process.

`with Stage(folder) as stage:` has everything running but the hub; `stage.hub.start()` begins. At the end of
each test stands `audit(stage)` of `tests.chaos.audit`.
"""

import contextlib
from itertools import count
from pathlib import Path
from typing import Any, Self

from firmware_sim.phones import Phones
from tests import servers
from tests.chaos.fleet import Cast, Fleet, Sirens
from tests.processes import HubProcess, rows
from tests.stations import Station
from tests.town_folders import NO_STORMS, line, mail, ntfy, person, write_town, yamane
from tests.waiting import wait_until

SITES = count(1)
ROOMY = "max_queued_messages 200000\nmax_queued_bytes 0\nmax_inflight_messages 1000"
POLICY = {
    "wildlife": {"quiet_for": "6h"},
    "storm": NO_STORMS,
    "hub": {"digest": False, "test_day": 0},
    "deterrent": {"max_on": "10m", "warn_on": "10m"},
    "repeat": {"most": 0},
}
"""Each thing is told for itself, nothing at an hour of the day, and no order is too late on a slow machine:
what is told and ordered follows from the story alone."""
SETTLES_WITHIN_S = 40.0


class Stage:
    """A context manager. `broker`, `influx` (None with `influx=False`), `phones`, `fleet`, `sirens`, `hub`.

    `mosquitto` is added to the broker's settings; `more` goes into the town's files as in `write_town`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cast: Cast | None = None,
        mosquitto: str = ROOMY,
        influx: bool = True,
        **more: Any,
    ) -> None:
        self.site = f"chaos-{next(SITES)}"
        self.folder = folder
        self.cast = cast or Cast()
        self.ledger = folder / "naruko.db"
        self.phones = Phones()
        self.broker: servers.Server
        self.influx: servers.Server | None = None
        self.fleet: Fleet
        self.sirens: Sirens
        self.hub: HubProcess
        self._mosquitto = mosquitto
        self._with_influx = influx
        self._more = more
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            self.broker = opening.enter_context(servers.mosquitto(self._mosquitto))
            if self._with_influx:
                self.influx = opening.enter_context(servers.influxd())
            opening.enter_context(self.phones)
            self._write_town()
            station = opening.enter_context(Station(self.broker.port))
            self.fleet = Fleet(self.site, self.cast, station)
            self.sirens = opening.enter_context(Sirens(self.broker.port, self.site))
            self.hub = HubProcess(self.folder, self.phones)
            opening.callback(self.hub.__exit__)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _write_town(self) -> None:
        phones = self.phones
        more = dict(self._more)
        if self.influx:
            more = {"influx": {"url": self.influx.url, "version": 1, "bucket": self.site}} | more
        policy = POLICY | more.pop("policy", {})
        write_town(
            self.folder,
            self.broker.port,
            site=self.site,
            devices=self.cast.devices(),
            zones=self.cast.zones(),
            people=[
                yamane(phones),
                person("tanaka", "farmer", channels=[mail(phones, "tanaka")], zones=("hunting-1",)),
                person("kawai", "resident", channels=[ntfy(phones, "kawai")], zones=self.cast.lowland()),
                person("bosai", "official", "operator", channels=[mail(phones, "bosai"), line("bosai")]),
            ],
            policy=policy,
            **more,
        )

    # --- where the hub stands -----------------------------------------------------------------------

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A query to the ledger's file, from outside of the hub."""
        return rows(self.ledger, sql)

    def stored(self) -> int:
        """How many messages of the fleet are in the ledger."""
        return int(self.rows("SELECT count(*) FROM message WHERE topic LIKE '%/up'")[0][0])

    def settle(self, *, missing: int = 0) -> None:
        """Until nothing is under way: all but `missing` messages stored, all told, obeyed and forwarded.

        What does not come to that is left for the audit to name.
        """
        self.fleet.station.wait_acknowledged()
        due = len(self.fleet.sent) - missing
        with contextlib.suppress(AssertionError):
            for so in (lambda: self.stored() >= due, self._is_quiet):
                wait_until(lambda done=so: done() or not self.hub.runs(), within=SETTLES_WITHIN_S)
        assert self.hub.runs(), self.hub.log()

    def _is_quiet(self) -> bool:
        (waiting,) = self.rows(
            "SELECT (SELECT count(*) FROM notification WHERE waiting = 1) + (SELECT count(*) FROM command "
            "WHERE json_extract(body, '$.status') IN ('pending', 'sent'))"
        )
        if waiting[0] or self.influx is None:
            return not waiting[0]
        cursors = dict(self.rows("SELECT name, CAST(value AS INTEGER) FROM cursor"))
        (ends,) = self.rows(
            "SELECT (SELECT coalesce(max(id), 0) FROM reading), "
            "(SELECT coalesce(max(seq), 0) FROM alert_change)"
        )
        return (cursors.get("influx", 0), cursors.get("influx_alert", 0)) == ends
