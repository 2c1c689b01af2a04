"""A ledger that is damaged: kept aside, and begun again from its backup."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.config.settings import LedgerSettings
from hub.ledger import Ledger, LedgerError, backup, rescue
from hub.ledger.opening import DamagedError
from hub.model import Outcome
from hub.notify.outbox import unanswered
from tests.ledgers import NOW, SETTINGS, alert, event, everything, notification, reading, waiting
from tests.test_backup import spoil

REFUSE = LedgerSettings(on_corrupt="refuse")


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(Ledger.open(path, SETTINGS)) as opened:
        yield opened


def put(ledger: Ledger, outcome: Outcome) -> None:
    ledger.insert(outcome)
    ledger.commit()


def some(path: Path, *, backed_up: bool = True) -> None:
    """A ledger with an open alert, and a backup of it; what came after the backup is `late`."""
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        put(ledger, everything())
        put(ledger, Outcome(readings=[reading(NOW + n) for n in range(5_000)]))
        if backed_up:
            backup.make(path)
        put(ledger, Outcome(events=[event("late", NOW + 1)]))


def break_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * 100)


def break_middle(path: Path) -> None:
    spoil(path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def tear(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


# --- damaged ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [break_header, break_middle, empty, tear, Path.unlink])
def test_a_damaged_ledger_is_kept_aside_and_the_hub_begins_from_the_last_good_backup(
    path: Path, damage
) -> None:
    some(path)
    damage(path)
    left = path.read_bytes() if path.exists() else None
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert ledger.open_alerts() == [alert()]
        assert [e.id for e in ledger.events(0)] == [event().id]
        assert ledger.restored
        assert ledger.restored.backup_at == backup.made_at(backup.generation(path, 1))
        assert rescue.last(ledger) == ledger.restored
        kept = rescue.kept_aside(path)
        assert [aside.read_bytes() for aside in kept] == ([] if left is None else [left])
        put(ledger, Outcome(events=[event("again", NOW + 2)]))
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert not ledger.restored
        assert len(ledger.events(0)) == 2


def test_the_log_of_a_damaged_ledger_is_never_played_into_the_backup(path: Path) -> None:
    some(path)
    hub = Ledger.open(path, SETTINGS)
    put(hub, Outcome(events=[event("in the log", NOW + 3)]))
    parts = {part: Path(f"{path}{part}").read_bytes() for part in ("", "-wal")}
    hub.close()
    for part, data in parts.items():
        Path(f"{path}{part}").write_bytes(data)
    break_header(path)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert [e.id for e in ledger.events(0)] == [event().id]
        (aside,) = rescue.kept_aside(path)
        assert Path(f"{aside}-wal").read_bytes() == parts["-wal"]


def test_where_the_newer_backup_is_damaged_too_the_older_one_serves(path: Path) -> None:
    some(path)
    backup.make(path)
    spoil(backup.generation(path, 1), first=0, pages=2)
    break_header(path)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert ledger.open_alerts() == [alert()]
        assert [e.id for e in ledger.events(0)] == [event().id]


def test_without_a_good_backup_the_hub_begins_empty_rather_than_not_at_all(path: Path) -> None:
    some(path, backed_up=False)
    break_middle(path)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert ledger.restored
        assert ledger.restored.backup_at == 0
        assert ledger.open_alerts() == []
        put(ledger, everything())
    assert len(rescue.kept_aside(path)) == 1


def test_a_file_of_another_kind_where_no_hub_has_worked_is_left_as_it_is(path: Path) -> None:
    path.write_text("家計簿\n" * 2_000)
    with pytest.raises(LedgerError, match="another kind"):
        Ledger.open(path, SETTINGS)
    assert path.read_text() == "家計簿\n" * 2_000
    assert rescue.kept_aside(path) == []


@pytest.mark.parametrize("damage", [break_header, break_middle])
def test_a_town_that_decides_itself_is_refused_and_nothing_is_moved(path: Path, damage) -> None:
    some(path)
    damage(path)
    before = path.read_bytes()
    with pytest.raises(DamagedError):
        Ledger.open(path, REFUSE)
    assert path.read_bytes() == before
    assert rescue.kept_aside(path) == []


def test_damage_that_only_the_running_hub_met_is_not_opened_again(path: Path) -> None:
    some(path)
    rescue.note_damage(path, "malformed page met by a read")
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert ledger.restored
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        assert not ledger.restored


def test_what_waited_in_the_backup_is_told_as_a_repeat_under_its_number(path: Path) -> None:
    some(path)
    break_header(path)
    with closing(Ledger.open(path, SETTINGS)) as ledger:
        (waits,) = waiting(ledger, NOW)
        assert waits.id == notification().id
        assert unanswered(waits) == 1


class PowerCut(BaseException):
    """Nothing runs after it."""


def test_a_start_that_is_interrupted_at_any_step_of_the_restoring_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for steps in range(20):
        path = tmp_path / f"cut-after-{steps}" / "naruko.db"
        path.parent.mkdir()
        some(path)
        break_header(path)
        if not cut_after(steps, path, monkeypatch):
            break
        with closing(Ledger.open(path, SETTINGS)) as ledger:
            assert ledger.open_alerts() == [alert()], f"cut after {steps} steps"
            assert [e.id for e in ledger.events(0)] == [event().id]
    assert 4 <= steps < 19


def cut_after(steps: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Opens it with the power cut after so many renames, deletions and copies; False: there were no more."""
    left = steps

    def cut(work: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            if left == 0:
                raise PowerCut
            left -= 1
            return work(*arguments, **more)

        return step

    with monkeypatch.context() as patch:
        for place, name in ((Path, "replace"), (Path, "unlink"), (rescue, "_may_have_been_sent")):
            patch.setattr(place, name, cut(getattr(place, name)))
        try:
            Ledger.open(path, SETTINGS).close()
        except PowerCut:
            return True
    return False


def test_of_damaged_ledgers_the_two_newest_are_kept(path: Path) -> None:
    for _ in range(4):
        some(path)
        break_header(path)
        Ledger.open(path, SETTINGS).close()
    assert len(rescue.kept_aside(path)) == rescue.KEPT_ASIDE
