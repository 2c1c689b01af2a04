"""The ledger's disk is full, read-only, slow or damaged, or another program holds the file."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.app import Hub
from hub.clock import SystemClock
from hub.config.policy import HealthPolicy, StormPolicy
from hub.ledger import ballast, rescue
from tests import servers
from tests.chaos.audit import audit
from tests.chaos.mounts import ext4, small_disk
from tests.chaos.stage import ROOMY, Stage
from tests.chaos.test_8_power_cut import NOTHING_HELD
from tests.hubs import Told, at_broker, hub_of, up
from tests.processes import naruko, rows
from tests.stations import Station
from tests.test_backup import spoil
from tests.towns import person, trap
from tests.towns import town as make_town
from tests.waiting import until, wait_until

MEGABYTE = 1024 * 1024
LEDGER = 5
"""The exit code."""
SPARE = 38
"""From here on a load does not spring the traps."""


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where systemd lets the hub remember its last word."""
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))


def staged(folder: Path, disk: Path, **ledger: Any) -> Stage:
    """A stage whose ledger lies on `disk`."""
    settings = {"path": str(disk / "naruko.db"), "ballast_mb": 4} | ledger
    stage = Stage(folder, influx=False, ledger=settings, policy=NOTHING_HELD)
    stage.ledger = disk / "naruko.db"
    return stage


def fill(disk: Path, leave: int = 0) -> Path:
    """Another program takes the rest of the disk but `leave` bytes."""
    other = disk / "other-program.log"
    with other.open("wb") as file:
        found = os.statvfs(disk)
        file.write(b"x" * (found.f_bavail * found.f_frsize - leave))
    return other


def told(stage: Stage, word: str) -> int:
    return sum(word in f"{received.title} {received.body}" for received in stage.phones.inbox)


# --- full -------------------------------------------------------------------------------------------


def test_on_a_full_disk_the_hub_goes_on_from_its_ballast_and_alerts(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24) as disk, staged(tmp_path / "town", disk) as stage:
        stage.hub.start()
        wait_until(ballast.path_of(stage.ledger).exists, "the ballast is there")
        stage.fleet.springs(SPARE)
        wait_until(lambda: stage.stored() == 1, "the first is stored")
        fill(disk)
        with stage.fleet.load(250):
            wait_until(lambda: not ballast.path_of(stage.ledger).exists(), "the ballast is given up")
            at_least = stage.stored() + 300
            wait_until(lambda: stage.stored() >= at_least, "the hub goes on storing")
        assert "the ballast was given up" in stage.hub.log()
        stage.fleet.springs(SPARE + 1)
        audit(stage)


def test_on_a_disk_that_stays_full_the_hub_ends_with_advice_tells_once_and_loses_nothing(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 24) as disk, staged(tmp_path / "town", disk, ballast_mb=0) as stage:
        stage.hub.start()
        stage.fleet.springs(SPARE)
        wait_until(lambda: stage.stored() == 1, "the first is stored")
        other = fill(disk)
        with stage.fleet.load(200):
            assert stage.hub.wait() == LEDGER
            stage.hub.start(connected=False)
            assert stage.hub.wait() == LEDGER
        assert "make room on the disk" in stage.hub.log()
        wait_until(lambda: told(stage, "ハブ停止") >= 2, "the operators are told, by mail and LINE")
        other.unlink()
        stage.hub.start()
        stage.fleet.story.tolerated.add("hub_stopped")
        stage.settle()
        assert told(stage, "ハブ停止") == 2
        assert_everything_is_stored_once(stage)


def assert_everything_is_stored_once(stage: Stage) -> None:
    payloads = [
        bytes(payload) for (payload,) in stage.rows("SELECT payload FROM message WHERE topic LIKE '%/up'")
    ]
    assert sorted(payloads) == sorted(sent.payload for sent in stage.fleet.sent)


# --- read-only --------------------------------------------------------------------------------------


def test_on_a_disk_that_turns_read_only_the_hub_ends_loudly_and_comes_back_with_it(tmp_path: Path) -> None:
    with (
        ext4(tmp_path / "disk.img", tmp_path / "disk", 64) as disk,
        staged(tmp_path / "town", disk.folder) as stage,
    ):
        stage.hub.start()
        stage.fleet.springs()
        wait_until(lambda: stage.stored() == 1, "the first is stored")
        disk.fails()
        stage.fleet.springs()
        assert stage.hub.wait() == LEDGER
        stage.hub.start(connected=False)
        assert stage.hub.wait() == LEDGER
        assert "read-only" in stage.hub.log().lower()
        wait_until(lambda: told(stage, "ハブ停止") == 2, "the operators are told once, by mail and LINE")
        disk.is_mounted_again()
        stage.hub.start()
        stage.fleet.story.tolerated.add("hub_stopped")
        stage.settle()
        assert_everything_is_stored_once(stage)


# --- damaged ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["header", "middle"])
def test_with_a_damaged_file_the_hub_starts_from_its_last_backup_and_tells_the_operators(
    tmp_path: Path, damage: str
) -> None:
    with Stage(tmp_path / "town", influx=False, policy=NOTHING_HELD) as stage:
        stage.hub.start()
        with stage.fleet.load(300):
            wait_until(lambda: stage.stored() > 300, "there is something to lose")
        stage.settle()
        made = naruko("backup", "now", "-c", stage.folder)
        assert made.returncode == 0, made.stderr
        before = stage.stored()
        stage.hub.stop()
        stage.fleet.springs(SPARE)
        if damage == "header":
            with stage.ledger.open("r+b") as file:
                file.write(os.urandom(100))
        else:
            spoil(stage.ledger, first=2)
        stage.hub.start()
        assert "damaged" in stage.hub.log()
        wait_until(lambda: told(stage, "ハブ復旧") == 2, "the operators are told, by mail and LINE")
        stage.fleet.story.tolerated.add("hub_restored")
        stage.settle()
        assert stage.stored() == before + 1
        assert len(rescue.kept_aside(stage.ledger)) == 1
        audit(stage)


def test_damage_met_by_the_running_hub_ends_it_and_the_next_start_is_from_the_backup(tmp_path: Path) -> None:
    """What it had stored since the backup is in the file kept aside; what it had not comes again."""
    with Stage(tmp_path / "town", influx=False, policy=NOTHING_HELD) as stage:
        stage.hub.start()
        stage.fleet.springs(SPARE)
        stage.settle()
        assert naruko("backup", "now", "-c", stage.folder).returncode == 0
        with closing(sqlite3.connect(stage.ledger)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'event'").fetchone()
        spoil(stage.ledger, first=page - 1, pages=1)
        with stage.fleet.load(100):
            code = stage.hub.wait(60)
        assert code == LEDGER
        stage.hub.start()
        assert "goes on from its backup" in stage.hub.log()
        (aside,) = rescue.kept_aside(stage.ledger)
        sent = {one.payload for one in stage.fleet.sent}
        wait_until(lambda: payloads(stage.ledger) | payloads(aside) == sent, "everything is in one of them")


def payloads(ledger: Path) -> set[bytes]:
    return {bytes(one) for (one,) in rows(ledger, "SELECT payload FROM message WHERE topic LIKE '%/up'")}


# --- slow, locked -----------------------------------------------------------------------------------


async def test_a_disk_that_takes_50_ms_for_each_commit_stores_as_much_and_alerts_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traps = [trap(f"trap-{n}") for n in range(10)]
    quiet, free = HealthPolicy(max_per_minute=1_000_000), StormPolicy(first=100)
    phones = Told()

    def slow(hub: Hub) -> None:
        commit = hub.ledger.commit

        def commit_slowly() -> None:
            time.sleep(0.05)
            commit()

        monkeypatch.setattr(hub.ledger, "commit", commit_slowly)

    with servers.mosquitto(ROOMY) as broker:
        town = at_broker(
            make_town(traps, people=[person("hunter", "hunter")], health=quiet, storm=free),
            broker.port,
            site="slow-disk",
        )
        async with hub_of(town, tmp_path / "naruko.db", told=phones, before=slow) as hub:
            with Station(broker.port) as station:
                began = time.monotonic()
                for number in range(3_000):
                    at = SystemClock().now() - 100_000 + number
                    station.publish("naruko/slow-disk/trap-0/up", up(number + 1, at, m={"battery_v": 3.6}))
                await until(lambda: hub.handled >= 3_000, "all is stored")
                rate = 3_000 / (time.monotonic() - began)
                for number in range(1, 10):
                    sprung = time.monotonic()
                    event = up(number, SystemClock().now(), e=[{"type": "trap", "state": "sprung"}])
                    station.publish(f"naruko/slow-disk/trap-{number}/up", event)
                    await until(
                        lambda n=number: len({p.alert_id for p in phones.notifications}) >= n, "it is told"
                    )
                    assert time.monotonic() - sprung < 1.0
    assert rate > 500


def test_while_another_program_holds_the_ledger_the_hub_waits_and_then_stores_everything(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path / "town", influx=False, policy=NOTHING_HELD) as stage:
        stage.hub.start()
        stage.fleet.springs()
        wait_until(lambda: stage.stored() == 1, "the first is stored")
        with closing(sqlite3.connect(stage.ledger, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            stage.fleet.floods()
            time.sleep(3.0)  # as long as it holds the ledger
            assert stage.hub.runs()
            other.execute("ROLLBACK")
        audit(stage)
