"""The power is cut during a write, as far as one machine can show it: acknowledged means kept."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.config.settings import LedgerSettings
from hub.ledger import Ledger
from tests.chaos.audit import audit
from tests.chaos.diary import entries, entry
from tests.chaos.mounts import ext4
from tests.chaos.stage import Stage
from tests.data import ROOT
from tests.servers import LEFT_OUT, installed
from tests.waiting import wait_until

HEADER, FRAME_HEADER = 32, 24
"""Bytes, of SQLite's write-ahead log (fileformat2.html, section 4)."""
NOTHING_HELD = {"storm": {"first": 100, "first_of_devices": 100, "first_in_danger": 1_000}}


# --- the log, cut at every place --------------------------------------------------------------------


class Log(NamedTuple):
    """`ends`: to which byte the log reached after which commit. `base`: commits that are in the file."""

    file: bytes
    log: bytes
    page: int
    base: int
    ends: dict[int, int]

    @property
    def frames(self) -> Iterator[int]:
        """Where each frame of this log ends; what lies behind is of an older one."""
        end = HEADER
        while (
            end + FRAME_HEADER + self.page <= len(self.log)
            and self.log[end + 8 : end + 16] == self.log[16:24]
        ):
            end += FRAME_HEADER + self.page
            yield end

    def kept(self, cut: int) -> int:
        """How many commits must be there, and no more, of a log that is good up to this byte."""
        return max((commit for commit, end in self.ends.items() if end <= cut), default=self.base)


def written(path: Path, phases: list[int]) -> Log:
    """A ledger with so many commits, a checkpoint, so many more: the last log lies over the older ones."""
    commit, ends, base = 0, {}, 0
    with closing(Ledger.open(path, LedgerSettings())) as ledger:
        for phase, commits in enumerate(phases):
            if phase:
                ledger.checkpoint()
            base, ends = commit, {}
            for _ in range(commits):
                commit += 1
                ledger.insert(entry(commit))
                ledger.commit()
                ends[commit] = _end_of_log(path)
        return Log(path.read_bytes(), _wal(path).read_bytes(), _page(path), base, ends)


def _wal(path: Path) -> Path:
    return Path(f"{path}-wal")


def _page(path: Path) -> int:
    return int.from_bytes(_wal(path).read_bytes()[8:12], "big")


def _end_of_log(path: Path) -> int:
    return max(Log(b"", _wal(path).read_bytes(), _page(path), 0, {}).frames)


def noise(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)  # noqa: S311 (repeatable)


@pytest.mark.parametrize("phases", [[6], [5, 4]], ids=["first log", "log over an older one"])
@pytest.mark.parametrize("rest", ["gone", "zeros", "noise"])
def test_a_log_cut_at_any_page_or_within_it_gives_every_commit_before_the_cut_and_no_part_of_one_after_it(
    tmp_path: Path, phases: list[int], rest: str
) -> None:
    log = written(tmp_path / "naruko.db", phases)
    frames = list(log.frames)
    assert len(frames) >= 2 * phases[-1]
    torn = (1, log.page // 2) if rest == "gone" else (log.page // 2,)
    places = {HEADER, *frames} | {end - step for end in frames for step in torn}
    path = tmp_path / "cut" / "naruko.db"
    path.parent.mkdir()
    for cut in sorted(places):
        lost = len(log.log) - cut
        after = {"gone": b"", "zeros": bytes(lost), "noise": noise(cut, lost)}[rest]
        for old in path.parent.iterdir():
            old.unlink()
        path.write_bytes(log.file)
        _wal(path).write_bytes(log.log[:cut] + after)
        assert entries(path) == log.kept(cut), f"cut at byte {cut}"


# --- writes that the disk had not finished ----------------------------------------------------------


class Call(NamedTuple):
    """A system call: write (data at offset), truncate (to offset), sync; or kept: `offset` has returned."""

    kind: str
    file: str = ""
    offset: int = 0
    data: bytes = b""


LINE = re.compile(r'^(?:\d+ +)?(\w+)\(\d+<([^>]*)>(?:, "([^"]*)")?(?:, (\d+))?(?:, (\d+))?\) += (-?\d+)')


def recorded(folder: Path, commits: int) -> list[Call]:
    """Every write and sync of a program that commits, in order, as the kernel was asked for them."""
    trace = folder / "trace.txt"
    command = [installed("strace"), "-f", "-y", "-xx", "-s", "1000000", "-o", str(trace)]
    command += ["-e", "trace=pwrite64,write,fsync,fdatasync,ftruncate"]
    ledger = folder / "naruko.db"
    done = subprocess.run(
        [*command, sys.executable, "-m", "tests.chaos.diary", str(ledger), str(commits)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip(f"{LEFT_OUT}: no process may be traced here")
    assert done.returncode == 0, done.stderr
    return [call for line in trace.read_text().splitlines() if (call := _call(line, ledger.name))]


def _call(line: str, ledger: str) -> Call | None:
    if not (found := LINE.match(line)):
        assert "unfinished" not in line
        return None
    name, place, text, first, second, result = found.groups()
    data = bytes.fromhex((text or "").replace("\\x", ""))
    if data.startswith(b"kept "):
        return Call("kept", offset=int(data.split()[1]))
    file = bytes.fromhex(place.replace("\\x", "")).decode().rpartition("/")[2]
    if file not in (ledger, f"{ledger}-wal"):
        return None
    if name in ("fsync", "fdatasync"):
        return Call("sync", file)
    if name == "ftruncate":
        return Call("truncate", file, int(first))
    assert name == "pwrite64", line
    assert int(result) == len(data)
    return Call("write", file, int(second), data)


def test_the_recording_itself_gives_the_ledger_as_it_was_written(tmp_path: Path) -> None:
    calls = recorded(tmp_path, 20)
    folder = tmp_path / "again"
    folder.mkdir()
    disk = Disk(random.Random(0))  # noqa: S311 (repeatable)
    for call in calls:
        disk.take(call)
    disk.all_written()
    disk.lay_down(folder)
    assert disk.kept == entries(folder / "naruko.db") == 20


class Disk:
    """What is safe of each file, and what the disk was asked for since: of that it may do any part."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.safe: dict[str, bytearray] = {}
        self.asked: dict[str, list[Call]] = defaultdict(list)
        self.kept = 0

    def take(self, call: Call) -> None:
        if call.kind == "kept":
            self.kept = call.offset
        elif call.kind == "sync":
            content = self.safe.setdefault(call.file, bytearray())
            for asked in self.asked.pop(call.file, []):
                _apply(content, asked, asked.data)
        else:
            self.asked[call.file].append(call)

    def all_written(self) -> None:
        for file in list(self.asked):
            self.take(Call("sync", file))

    def lay_down(self, folder: Path) -> None:
        """The files after a power cut: of what was not synced some writes are lost, and some are torn."""
        share = self.chance.choice((0.0, 0.2, 0.5, 0.8, 1.0))
        for file in {*self.safe, *self.asked}:
            content = bytearray(self.safe.get(file, b""))
            for call in self.asked.get(file, []):
                if self.chance.random() < share:
                    _apply(content, call, self._torn(call.data))
            if file in self.safe or content:
                (folder / file).write_bytes(content)

    def _torn(self, data: bytes) -> bytes:
        """A disk writes sectors of 512 bytes: now and then only the first of them."""
        if self.chance.random() < 0.8:
            return data
        return data[: 512 * self.chance.randrange(len(data) // 512 + 1)]


def _apply(content: bytearray, call: Call, data: bytes) -> None:
    if call.kind == "truncate":
        del content[call.offset :]
        content.extend(bytes(call.offset - len(content)))
        return
    if len(content) < call.offset:
        content.extend(bytes(call.offset - len(content)))
    content[call.offset : call.offset + len(data)] = data


def cut_the_power(tmp_path: Path, calls: list[Call], cuts: int, seed: int) -> None:
    """At `cuts` random moments of the recording."""
    chance = random.Random(seed)  # noqa: S311 (repeatable)
    moments = sorted(chance.randrange(1, len(calls) + 1) for _ in range(cuts))
    disk, done, folder = Disk(chance), 0, tmp_path / "cut"
    for moment in moments:
        for call in calls[done:moment]:
            disk.take(call)
        done = moment
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        disk.lay_down(folder)
        found = entries(folder / "naruko.db")
        assert disk.kept <= found <= disk.kept + 1, f"seed {seed}, cut after call {moment}"


def test_whatever_the_disk_had_not_finished_at_the_power_cut_every_acknowledged_commit_is_kept(
    tmp_path: Path,
) -> None:
    cut_the_power(tmp_path, recorded(tmp_path, 40), 150, seed=8)


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_commits_under_four_hundred_power_cuts(tmp_path: Path, seed: int) -> None:
    cut_the_power(tmp_path, recorded(tmp_path, 200), 400, seed)


# --- a file system ----------------------------------------------------------------------------------


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder for images: written to a real disk and deleted again they would hold up everybody's."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="naruko-", dir=place) as folder:
        yield Path(folder)


def test_on_ext4_every_acknowledged_commit_is_in_the_disk_s_image_at_any_moment(memory: Path) -> None:
    chance = random.SystemRandom()
    images: list[tuple[int, bytes]] = []
    with ext4(memory / "disk.img", memory / "disk", 32) as disk:
        acks = memory / "acks.txt"
        with acks.open("wb") as out:
            command = [sys.executable, "-m", "tests.chaos.diary", str(disk.folder / "naruko.db"), "100000"]
            writer = subprocess.Popen(command, cwd=ROOT, stdout=out)
        try:
            for _ in range(8):
                least = (images[-1][0] if images else 0) + chance.randrange(1, 40)
                wait_until(lambda n=least: _kept(acks) >= n, f"{least} commits")
                writer.send_signal(signal.SIGSTOP)
                images.append((_kept(acks), disk.as_after_a_power_cut()))
                writer.send_signal(signal.SIGCONT)
        finally:
            writer.kill()
            writer.wait()
    for number, (kept, image) in enumerate(images):
        cut = memory / f"cut-{number}.img"
        cut.write_bytes(image)
        with ext4(cut, memory / f"cut-{number}") as found:
            assert kept <= entries(found.folder / "naruko.db") <= kept + 1
        cut.unlink()


def _kept(acks: Path) -> int:
    return acks.read_bytes().count(b"\n")


@pytest.mark.chaos
def test_a_hub_whose_power_is_cut_under_load_has_everything_once_and_tells_what_it_owes(
    tmp_path: Path, memory: Path
) -> None:
    """The disk as it was that moment, the broker that lived on: nothing is lost between the two."""
    with ext4(memory / "disk.img", memory / "disk", 64) as disk:
        ledger = {"path": str(disk.folder / "naruko.db"), "ballast_mb": 0}
        with Stage(tmp_path / "town", influx=False, ledger=ledger, policy=NOTHING_HELD) as stage:
            stage.ledger = disk.folder / "naruko.db"
            stage.hub.start()
            with stage.fleet.load(400):
                for number in range(3):
                    at_least = stage.stored() + 200
                    wait_until(lambda n=at_least: stage.stored() >= n, "the hub stores")
                    os.kill(stage.hub.pid, signal.SIGSTOP)
                    content = disk.as_after_a_power_cut()
                    stage.hub.kill()
                    _bring_back(disk.folder, content, memory / f"cut-{number}.img")
                    stage.hub.start(connected=False)
            audit(stage)


def _bring_back(folder: Path, image: bytes, copy: Path) -> None:
    """Puts the ledger's files as they are in the image into the place of those that the kernel would have."""
    copy.write_bytes(image)
    for old in folder.glob("naruko.db*"):
        old.unlink()
    with ext4(copy, copy.with_suffix("")) as found:
        for file in found.folder.glob("naruko.db*"):
            shutil.copy(file, folder / file.name)
