"""`naruko doctor` and `naruko backup`: what they find, what they advise, and how they end."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hub.cli import main
from hub.clock import SetClock, SystemClock
from hub.config.settings import LedgerSettings
from hub.config.shapes import Channel
from hub.doctor import clock, endpoints, examine, ledger, lines, machine
from hub.doctor.finding import Finding, Level
from hub.ledger import Ledger, backup, ballast, rescue
from hub.model import Outcome
from hub.watch.vitals import Machine
from tests import servers
from tests.doctors import HUB, Listening, found, guarded, shut, town_at, well, worst, written
from tests.ledgers import DAY, event
from tests.test_backup import spoil

OK, CONFIG, IO, LEDGER = 0, 3, 4, 5


@pytest.fixture
def phones() -> Iterator[Listening]:
    with closing(Listening()) as running:
        yield running


@pytest.fixture(scope="module")
def guarded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with guarded(tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture
def town(tmp_path: Path, guarded_broker: servers.Server, phones: Any) -> Path:
    """A town whose broker and phones are there, and whose hub has never run."""
    return written(tmp_path / "town", guarded_broker.port, phones, mqtt=HUB)


@pytest.fixture(autouse=True)
def _a_well_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine of the test is like is not the question."""
    monkeypatch.setattr(clock, "is_synchronised", lambda: True)
    monkeypatch.setattr(clock, "battery_clock", lambda *_: iter(()))
    monkeypatch.setattr(machine, "read_machine", lambda _: WELL)
    monkeypatch.setattr(machine, "service", lambda: iter(()))


WELL = Machine(
    disk_free=9 * 10**9, disk_total=10**10, memory_available=10**9, memory_total=2 * 10**9, cpu_c=50.0
)


# --- well -------------------------------------------------------------------------------------------


def test_a_hub_that_is_well_is_told_so_and_the_command_ends_with_0(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = well(town)
    with closing(Ledger.open(path, LedgerSettings(path=path))):
        code = main(["doctor", "-c", str(town)])
    said = capsys.readouterr().out
    assert code == OK, said
    assert said.endswith("All is well.\n")
    for what in (
        "config",
        "hub",
        "ledger",
        "ballast",
        "backup",
        "clock",
        "disk",
        "memory",
        "heat",
        "broker",
        "mail",
    ):
        assert re.search(rf"^ok    {what} ", said, re.MULTILINE), (what, said)


def test_the_doctor_says_no_address_and_no_secret(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    well(town)
    main(["doctor", "-c", str(town)])
    said = capsys.readouterr().out
    assert "@" not in said
    assert "yamane" not in said


def test_the_doctor_changes_nothing(town: Path) -> None:
    path = well(town)
    before = {file.name: file.stat().st_mtime_ns for file in path.parent.iterdir() if file.is_file()}
    main(["doctor", "-c", str(town)])
    after = {file.name: file.stat().st_mtime_ns for file in path.parent.iterdir() if file.is_file()}
    assert {k: v for k, v in after.items() if not k.endswith(("-shm", "-wal"))} == before


# --- ill --------------------------------------------------------------------------------------------


def test_a_config_that_does_not_load_ends_with_3_and_names_the_first_fault(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (town / "policy.yaml").write_text("health: {max_per_minite: 3}\n")
    assert main(["doctor", "-c", str(town)]) == CONFIG
    said = capsys.readouterr().out
    assert "max_per_minite" in said
    assert "naruko check" in said


def test_a_damaged_ledger_ends_with_5_and_says_what_to_do(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = well(town)
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'alert_updated'"
        ).fetchone()
    spoil(path, first=page - 1, pages=1)
    assert main(["doctor", "-c", str(town)]) == LEDGER
    assert "naruko backup restore, start it" in capsys.readouterr().out


def test_a_ledger_whose_header_is_gone_ends_with_5(town: Path) -> None:
    path = well(town)
    with path.open("r+b") as file:
        file.write(b"\0" * 100)
    assert main(["doctor", "-c", str(town)]) == LEDGER


def test_a_disk_that_hangs_hides_nothing_of_the_rest(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    well(town)
    hangs = threading.Event()
    monkeypatch.setattr("hub.doctor.WITHIN_S", 0.3)
    monkeypatch.setattr(Ledger, "attach", lambda *_: hangs.wait(30))
    try:
        seen = list(examine(town, {}, SystemClock(), thorough=False))
    finally:
        hangs.set()
    told = {(finding.what, finding.code) for finding in seen}
    assert {("config", "config.loads"), ("ledger", "doctor.slow"), ("clock", "clock.kept")} <= told
    assert {finding.what for finding in seen} >= {"disk", "broker", "mail"}


def test_a_folder_that_this_user_may_not_enter_is_told_with_whom_to_ask_as(
    town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "stat", shut(town / "naruko.db"))
    (finding,) = ledger.file(town_at(town), SystemClock(), thorough=False)
    assert "may not enter" in finding.said
    assert "as the user that the hub runs as" in finding.do
    assert "同じ利用者" in finding.do_ja
    assert not list(ledger.backups(town_at(town), SystemClock()))


def test_a_ledger_of_another_release_says_which_to_use(town: Path) -> None:
    path = well(town)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    finding = worst(found(town, "ledger"))
    assert finding.level is Level.BAD
    assert "version 99" in finding.said
    assert "release" in finding.do


def test_a_backup_that_is_damaged_or_old_or_missing_is_told(town: Path) -> None:
    path = well(town)
    late = SetClock(SystemClock().now() + 2 * DAY)
    assert worst(found(town, "backup")).level is Level.OK
    assert worst(found(town, "backup", late)).level is Level.WARN
    spoil(backup.generation(path, 1), first=0, pages=1)
    assert worst(found(town, "backup")).level is Level.BAD
    backup.generation(path, 1).unlink()
    assert "naruko backup now" in worst(found(town, "backup")).do


def test_a_ledger_that_was_restored_is_remembered_with_the_file_kept_aside(town: Path) -> None:
    path = well(town)
    with path.open("r+b") as file:
        file.write(b"\0" * 100)
    Ledger.open(path, LedgerSettings(path=path)).close()
    said = "\n".join(finding.said for finding in found(town, "ledger"))
    assert "was damaged and begun again" in said
    assert rescue.kept_aside(path)[0].name in said
    assert "の控えから続けています" in "".join(finding.said_ja for finding in found(town, "ledger"))


def test_a_ballast_that_was_given_up_is_told(town: Path) -> None:
    path = well(town)
    assert worst(found(town, "ballast")).level is Level.OK
    ballast.let_go(path)
    assert worst(found(town, "ballast")).level is Level.WARN


def test_whether_a_hub_is_at_work_is_seen_by_its_lock(town: Path) -> None:
    path = well(town)
    assert worst(found(town, "hub")).level is Level.WARN
    assert ledger.hub_at_work(path) == ""
    with closing(Ledger.open(path, LedgerSettings(path=path))):
        (finding,) = found(town, "hub")
        assert finding.level is Level.OK
        assert re.search(r"process \d+", finding.said)
    assert ledger.hub_at_work(path) == ""


def test_a_clock_that_was_never_set_is_bad_and_one_that_nobody_keeps_is_told(
    town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert worst(found(town, "clock", SetClock(0))).level is Level.BAD
    monkeypatch.setattr(clock, "is_synchronised", lambda: False)
    assert worst(found(town, "clock")).level is Level.WARN


@pytest.mark.parametrize(
    ("measured", "what", "level"),
    [
        ({"disk_free": 100_000_000}, "disk", Level.BAD),
        ({"disk_free": 500_000_000}, "disk", Level.WARN),
        ({"memory_available": 10_000_000}, "memory", Level.WARN),
        ({"cpu_c": 84.0}, "heat", Level.WARN),
    ],
)
def test_a_machine_that_is_short_of_something_is_told(
    town: Path, monkeypatch: pytest.MonkeyPatch, measured: dict[str, Any], what: str, level: Level
) -> None:
    monkeypatch.setattr(machine, "read_machine", lambda _: WELL._replace(**measured))
    assert worst(found(town, what)).level is level


# --- out of reach -----------------------------------------------------------------------------------


def test_a_broker_that_is_away_ends_with_4(tmp_path: Path, phones: Any) -> None:
    folder = written(tmp_path / "town", servers.free_port(), phones)
    well(folder)
    finding = worst(found(folder, "broker"))
    assert "refused" in finding.said
    assert main(["doctor", "-c", str(folder)]) == IO


def test_a_broker_that_refuses_the_login_is_told(tmp_path: Path, phones: Any) -> None:
    with servers.mosquitto("allow_anonymous false") as server:
        finding = worst(found(written(tmp_path / "town", server.port, phones), "broker"))
    assert finding.level is Level.BAD
    assert "Not authorized" in finding.said
    assert "mqtt.username" in finding.do


def test_a_mail_server_that_is_away_is_told_once_for_all_its_people(
    tmp_path: Path, broker: servers.Server, phones: Any
) -> None:
    folder = written(tmp_path / "town", broker.port, phones)
    phones.close()
    (finding,) = found(folder, "mail")
    assert finding.level is Level.BAD
    assert "people: 2" in finding.said


@pytest.mark.parametrize(
    ("kind", "url", "server"),
    [
        ("mail", "mailtos://user:pw@mail.town.test?to=a@b.test", ("mail.town.test", 587, "starttls")),
        ("mail", "mailtos://user:pw@mail.town.test:465?to=a@b.test&mode=ssl", ("mail.town.test", 465, "tls")),
        ("ntfy", "ntfys://ntfy.town.test/topic", ("ntfy.town.test", 443, "tls")),
        ("ntfy", "ntfy://10.0.0.5:8080/topic", ("10.0.0.5", 8080, "")),
        ("line", "line://token/user", ("api.line.me", 443, "tls")),
        ("other", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", ("discord.com", 443, "tls")),
        ("sms", "smseagles://token@sms.town.test/0901234567", ("sms.town.test", 443, "tls")),
    ],
)
def test_the_server_that_a_channel_needs_is_known_from_its_url(
    kind: Any, url: str, server: tuple[Any, ...]
) -> None:
    made = endpoints.of_channel(Channel(kind=kind, url=SecretStr(url)))
    assert (made.kind, made.host, made.port, made.secure) == (kind, *server)


# --- how it is told ---------------------------------------------------------------------------------


def test_what_to_do_stands_below_what_is_wrong() -> None:
    first, second = lines(Finding("ledger", Level.BAD, "is damaged", "restart the hub"))
    assert first == "bad   ledger      is damaged"
    assert second == "                  → restart the hub"


# --- backup -----------------------------------------------------------------------------------------


def test_a_backup_is_made_listed_and_restored_by_hand(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = well(town)
    backup.generation(path, 1).unlink()
    assert main(["backup", "now", "-c", str(town)]) == OK
    assert main(["backup", "-c", str(town)]) == OK
    assert re.search(r"naruko\.db\.backup-1 .* ok$", capsys.readouterr().out, re.MULTILINE)
    with closing(Ledger.open(path, LedgerSettings(path=path))) as opened:
        opened.insert(Outcome(events=[event("after")]))
        opened.commit()
        assert main(["backup", "restore", "-c", str(town)]) == LEDGER  # the hub is at work
    assert main(["backup", "restore", "-c", str(town)]) == OK
    with closing(Ledger.open(path, LedgerSettings(path=path))) as opened:
        assert [e.id for e in opened.events(0)] == [event().id]
    assert len(rescue.kept_aside(path)) == 1


def test_without_a_backup_there_is_nothing_to_restore(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "restore", "-c", str(town)]) == 2
    assert "there is none" in capsys.readouterr().err
