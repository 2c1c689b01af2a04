"""A long time: a day of a town in simulated time, and a soak by the wall clock. Nothing grows."""

import os
import threading
import time
from pathlib import Path

import pytest

from firmware_sim.world import HOUR
from tests.chaos.audit import audit
from tests.chaos.fleet import Cast, Fleet
from tests.chaos.stage import Stage
from tests.chaos.valley import Day, Sample, sample, thirds, town_of
from tests.waiting import wait_until

MORE_SHARE, MORE_MB = 0.05, 3.0
"""By so much at most memory may be above that of the middle third in the last one."""
UNDER_WAY = 4
"""Descriptors that come and go: a text on its way to each kind of phone, a batch on its way to InfluxDB."""
DAY_LEDGER_MB = 16 * 1.048576
"""The limit in the settings of the simulated day."""
WAL_MB = 72.0
"""A write-ahead log of 64 MiB is begun anew."""

MINUTES = float(os.environ.get("NARUKO_SOAK_MINUTES", "30"))
PER_SECOND = 170.0
"""Ten times a town: 10,000 devices with a message a minute each."""
DEVICES = 1_000
LOOK_EVERY_S = 10.0
BYTES_A_MESSAGE = 1_000
"""That the ledger may grow by: the message, two readings, their indexes."""
BEHIND = 20_000
"""Readings that InfluxDB may not have yet while all is well: two seconds of catching up."""


def assert_flat(samples: list[Sample]) -> None:
    """Memory, descriptors and the log do not grow any more after the first third."""
    _, middle, last = thirds([sample.rss_mb for sample in samples])
    assert last <= middle * (1 + MORE_SHARE) + MORE_MB, [round(sample.rss_mb) for sample in samples]
    _, middle, last = thirds([float(sample.fds) for sample in samples])
    assert last <= middle + UNDER_WAY, [sample.fds for sample in samples]
    assert max(sample.wal_mb for sample in samples) < WAL_MB


# --- a day in simulated time ----------------------------------------------------------------------------


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("devices", "hours", "restarts"),
    [
        pytest.param(100, 4, 1, id="4 hours of 100 devices"),
        pytest.param(1_000, 24, 3, id="a day of 1,000 devices", marks=pytest.mark.chaos),
    ],
)
async def test_a_day_of_a_town_leaves_nothing_behind_but_its_history(
    tmp_path: Path, devices: int, hours: int, restarts: int
) -> None:
    day = Day(town_of(devices), tmp_path / "naruko.db", hours * HOUR)
    await day.live(restarts, every=hours * HOUR // 24)
    assert day.messages > devices * hours
    assert len(day.samples) == 24
    assert_flat(day.samples)
    assert max(sample.ledger_mb for sample in day.samples) <= DAY_LEDGER_MB
    assert_told_with_cause(day)


def assert_told_with_cause(day: Day) -> None:
    """Everything told was due, and each cause was told of; every text was handed over, and one by one."""
    told = {(day.alerts[n.alert_id].kind, day.alerts[n.alert_id].device) for n in day.notifications}
    due = {(kind, device) for kind, devices in day.plan.must.items() for device in devices}
    may = {(kind, device) for kind, devices in day.plan.may.items() for device in devices}
    assert told - due - may == set()
    assert due - told == set()
    handed_over = [n.id for n in day.told.notifications]
    assert len(handed_over) == len(set(handed_over))
    assert set(handed_over) == {n.id for n in day.notifications}


# --- by the wall clock ------------------------------------------------------------------------------------


class Steady:
    """A context manager: routine at an even rate, the events of the story spread over the time."""

    def __init__(self, fleet: Fleet, seconds: float) -> None:
        self.fleet = fleet
        self._seconds = seconds
        self._thread = threading.Thread(target=self._run, name="steady", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        began, sent, events, minutes = time.monotonic(), 0, 0, 0
        while (gone := time.monotonic() - began) < self._seconds:
            while sent < gone * PER_SECOND:
                self.fleet.reports(f"cam-{sent % self.fleet.cast.cameras}")
                sent += 1
            if events < gone / self._seconds * self.fleet.cast.traps:
                self.fleet.happens()
                events += 1
            if minutes < gone // 60:
                self.fleet.stands()
                minutes += 1
            time.sleep(0.005)  # the pace of the fleet


@pytest.mark.chaos
@pytest.mark.timeout(MINUTES * 60 + 900)
def test_under_ten_times_the_load_of_a_town_nothing_grows_and_nothing_is_lost(tmp_path: Path) -> None:
    cast = Cast(cameras=DEVICES, traps=max(10, round(MINUTES * 6)), paddies=10, streams=2, gauges=2)
    samples: list[Sample] = []
    behind: list[int] = []
    with Stage(tmp_path / "town", cast=cast, policy={"storm": {"within": "1s", "first": 100}}) as stage:
        stage.hub.start()
        at_rest = sample(stage.hub.pid, stage.ledger).fds
        end = time.monotonic() + MINUTES * 60
        with Steady(stage.fleet, MINUTES * 60):
            while (left := end - time.monotonic()) > 0:
                time.sleep(min(LOOK_EVERY_S, left))  # the pace of the samples
                assert stage.hub.runs(), stage.hub.log()
                samples.append(sample(stage.hub.pid, stage.ledger))
                behind.append(not_forwarded(stage))
        wait_until(lambda: stage.rows(WAITING) == [(0,)], "the outbox is empty", 60)
        wait_until(
            lambda: sample(stage.hub.pid, stage.ledger).fds <= at_rest + UNDER_WAY, "all is closed", 30
        )
        assert_flat(samples)
        assert max(behind) < BEHIND
        grown = (samples[-1].ledger_mb - samples[0].ledger_mb) * 1e6
        assert grown < len(stage.fleet.sent) * BYTES_A_MESSAGE
        assert "ERROR" not in stage.hub.log()
        audit(stage)


WAITING = "SELECT count(*) FROM notification WHERE waiting = 1"


def not_forwarded(stage: Stage) -> int:
    ((behind,),) = stage.rows(
        "SELECT (SELECT coalesce(max(id), 0) FROM reading) - "
        "(SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM cursor WHERE name = 'influx')"
    )
    return int(behind)
