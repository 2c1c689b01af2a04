"""What the operators are told when the hub itself must end, or has begun again from a backup."""

import os
import threading
import time
from pathlib import Path

import pytest

from hub.config.shapes import Channel, Person
from hub.config.town import Town
from hub.ledger import rescue
from hub.ledger.opening import DamagedError, DiskError, FullError, LockedError
from hub.model import Notification, Status
from hub.notify.outbox import Answer
from hub.watch import last_word
from tests.hubs import Told
from tests.ledgers import NOW
from tests.towns import person
from tests.towns import town as make_town


@pytest.fixture
def town() -> Town:
    two = (
        Channel(kind="mail", url="mailto://a.test?to=x@a.test"),
        Channel(kind="ntfy", url="ntfys://a.test/x"),
    )
    return make_town(people=[person("bosai", "operator", channels=two), person("ta", "farmer")])


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))


FULL = FullError("ledger naruko.db: database or disk is full; make room on the disk")


async def test_the_last_word_reaches_the_operators_past_the_ledger_and_once_an_hour(
    town: Town, tmp_path: Path
) -> None:
    told = Told()
    await last_word.say(town, FULL, told)
    await last_word.say(town, FULL, told)
    assert told.notifications
    assert {n.template for n in told.notifications} == {"hub_stopped"}
    roles = {role for n in told.notifications for role in town.people[n.recipient].roles}
    assert "operator" in roles
    (marker,) = (tmp_path / "run").iterdir()
    os.utime(marker, (marker.stat().st_mtime - 3_601,) * 2)
    before = len(told.notifications)
    await last_word.say(town, FULL, told)
    assert len(told.notifications) == 2 * before


async def test_a_channel_that_hangs_does_not_keep_the_hub_from_ending(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_word, "WITHIN_S", 0.2)
    hang = threading.Event()

    def send(person: Person, notification: Notification) -> Answer:
        hang.wait(20)
        return Answer(Status.SENT)

    began = time.monotonic()
    await last_word.say(town, FULL, send)
    assert time.monotonic() - began < 5
    hang.set()


async def test_a_channel_that_fails_keeps_the_others_from_nothing(town: Town) -> None:
    told = Told()

    def send(person: Person, notification: Notification) -> Answer:
        told(person, notification)
        raise OSError("no route to host")

    await last_word.say(town, FULL, send)
    assert len(told.notifications) == sum(
        len(p.channels) for p in town.people.values() if "operator" in p.roles
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FULL, "full"),
        (DamagedError("x"), "damaged"),
        (LockedError("x"), "locked"),
        (DiskError("ledger x: x is read-only for this user"), "readonly"),
        (DiskError("ledger x: attempt to write a readonly database"), "readonly"),
        (DiskError("ledger x: disk I/O error"), "broken"),
    ],
)
def test_the_last_word_says_what_is_wrong(error: DiskError, code: str) -> None:
    assert last_word.fault(error) == code


def test_after_a_restoring_the_operators_are_told_how_old_the_backup_is(town: Town) -> None:
    (first, *_) = last_word.restored(town, rescue.Restored(NOW, "naruko.db.corrupt-1", NOW - 3_600_000), NOW)
    assert "20:07のバックアップから" in first.body
    (first, *_) = last_word.restored(town, rescue.Restored(NOW, "naruko.db.corrupt-1", 0), NOW)
    assert "空から始まりました" in first.body
