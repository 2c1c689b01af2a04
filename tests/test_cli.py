"""The command line: what each command prints, writes and exits with."""

import contextlib
import io
import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest

from hub import __version__, acts, cli, recordings
from hub.config.load import load
from hub.config.settings import LedgerSettings
from hub.ledger import Ledger
from hub.model import Message
from hub.pipeline import Pipeline
from hub.state import State
from tests.config_towns import make_town
from tests.data import data_dir, needs_data
from tests.test_report import REPORT
from tests.towns import MINUTE, at

NIGHT = at("2026-11-21 21:07")
TRAP = "naruko/testcho/trap-1/up"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The good town; commands run beside it, so that the ledger is made there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("USER", raising=False)
    return make_town(tmp_path / "town")


def naruko(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def sprung(seq: int = 1, when: int = NIGHT) -> Message:
    said = {"v": 1, "seq": seq, "at": when, "e": [{"type": "trap", "state": "sprung"}]}
    return Message(TRAP, json.dumps(said).encode(), when)


@pytest.fixture
def hub(folder: Path) -> SimpleNamespace:
    """A ledger with a sprung trap in it, as a hub leaves it; `apply` is what the hub does with new acts."""
    town = load(folder, {})
    ledger = Ledger.open(Path("naruko.db"), LedgerSettings())
    pipeline = Pipeline(town, State(), ledger.known)

    def store(outcome) -> None:
        ledger.insert(outcome)
        ledger.commit()

    store(pipeline.run([sprung()], NIGHT))
    ledger.close()

    def apply() -> list[str]:
        ledger = Ledger.open(Path("naruko.db"), LedgerSettings())
        pipeline = Pipeline(town, State.load(ledger.load_states(), ledger.open_alerts()), ledger.known)
        outcome = acts.apply(pipeline, ledger.acts_after(), NIGHT + MINUTE)
        ledger.insert(outcome)
        ledger.commit()
        ledger.close()
        return [f"{n.recipient} {n.template}" for n in outcome.notifications]

    return SimpleNamespace(apply=apply, folder=folder)


# --- usage and config -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["replay"], ["explain"], ["trap", "reset"], ["check", "-x"]]
)
def test_what_cannot_be_understood_is_usage_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: naruko" in capsys.readouterr().err


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"naruko {__version__}\n"


def test_check_prints_what_it_found_in_a_good_town(folder, capsys):
    assert naruko("check", "-c", folder) == 0
    assert capsys.readouterr().out.startswith("Test Town (testcho): nothing is wrong.")


def test_check_exits_3_and_names_file_and_line_of_every_error(tmp_path, capsys):
    folder = make_town(tmp_path / "town", overlay="error.threshold_order")
    assert naruko("check", "-c", folder) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "devices.yaml:" in printed.err


@pytest.mark.parametrize(
    "command",
    [["check"], ["explain", "-t", "a", "-p", "b"], ["replay", "x.jsonl"], ["alerts"], ["siren", "stop"]],
)
def test_every_command_exits_3_where_the_config_is_wrong_or_missing(command, tmp_path, capsys):
    assert naruko(*command, "-c", tmp_path / "nowhere") == 3
    assert "nowhere" in capsys.readouterr().err


def test_without_a_folder_the_config_here_is_meant_else_the_example_town(folder, monkeypatch, capsys):
    assert naruko("check") == 0
    assert "(naruko-cho)" in capsys.readouterr().out
    folder.rename("config")
    assert naruko("check") == 0
    assert "(testcho)" in capsys.readouterr().out


# --- explain --------------------------------------------------------------------------------------


def test_explain_shows_the_steps_of_a_payload_given_as_text_as_bytes_or_by_standard_input(
    folder, monkeypatch, capsys
):
    payload = '{"v":1,"e":[{"type":"trap","state":"sprung"}]}'
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(payload.encode())))
    printed = []
    for given in (payload, f"hex:{payload.encode().hex()}", "-"):
        assert naruko("explain", "-c", folder, "--topic", TRAP, "--payload", given) == 0
        printed.append(capsys.readouterr().out.splitlines())
    assert printed[0] == printed[1] == printed[2]
    assert "event: trap_sprung" in printed[0]
    assert printed[0][-1].startswith("would tell: yamane by ntfy, because opened: 【わな作動】")


def test_explain_stores_nothing(folder):
    assert naruko("explain", "-c", folder, "-t", TRAP, "-p", "{}", "--retain") == 0
    assert list(Path().glob("*.db*")) == []


# --- replay ---------------------------------------------------------------------------------------


def record(path: Path, *messages: Message) -> Path:
    with path.open("w", encoding="utf-8") as file:
        recordings.write(messages, file)
    return path


def test_replay_prints_who_would_be_told_and_writes_the_report(folder, tmp_path, capsys):
    night = record(tmp_path / "night.jsonl", sprung(), sprung(), Message(TRAP, b"\xff", NIGHT + MINUTE))
    out = tmp_path / "out.json"
    assert naruko("replay", night, "-c", folder, "--report", out) == 0
    first, counts = capsys.readouterr().out.splitlines()
    assert first == "2026-11-21T21:07:00+09:00  【わな作動】1番 上田  -> yamane/ntfy"
    assert counts == "messages 3 readings 0 events 1 quarantined 1 duplicates 1 lost 0"
    report = json.loads(out.read_text(encoding="utf-8"))
    jsonschema.validate(report, REPORT)
    assert [alert["kind"] for alert in report["alerts"]] == ["trap"]
    assert [n["status"] for n in report["notifications"]] == ["not_sent"]
    assert list(tmp_path.glob("*.db*")) == []


def test_replay_exits_4_where_a_recording_is_missing_or_broken_or_the_report_cannot_be_written(
    folder, tmp_path, capsys
):
    good = record(tmp_path / "night.jsonl", sprung())
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"topic":"a"}\n', encoding="utf-8")
    unknown = tmp_path / "unknown.csv"
    unknown.write_text("a,b\n1,2\n", encoding="utf-8")
    for arguments, reason in (
        ([tmp_path / "nothing.jsonl"], "nothing.jsonl"),
        ([broken], "broken.jsonl:1: either payload or payload_b64 is needed"),
        ([unknown], "unknown.csv:1: no known series"),
        ([tmp_path], "observations.csv"),
        ([good, "--report", tmp_path / "no" / "out.json"], "out.json"),
    ):
        assert naruko("replay", "-c", folder, *arguments) == 4
        printed = capsys.readouterr().err
        assert reason in printed
        assert len(printed.splitlines()) == 1


@needs_data
def test_replay_of_the_koto_flood_in_a_town_that_has_the_gauge(folder, tmp_path, capsys):
    devices = (folder / "devices.yaml").read_text(encoding="utf-8")
    gauge = """
  - id: koto-jiseiji
    profile: ten-minutes
    name: 持世寺
    name_en: Jiseiji
    lat: 36.05
    lon: 137.98
    place: 持世寺
    place_en: Jiseiji
    gauge:
      river: 厚東川
      river_en: Koto River
      station: 持世寺
      station_en: Jiseiji
      sensor_height_m: 12
      levels_m: {standby: 3.8, caution: 5.0, evac_judge: 5.1, danger: 5.5}
"""
    (folder / "devices.yaml").write_text(devices + gauge, encoding="utf-8")
    (folder / "profiles").mkdir()
    profile = "model: ten-minutes\nname: each 10 min\nkind: river\ndecoder: naruko\nheartbeat: 10m\n"
    (folder / "profiles" / "ten-minutes.yaml").write_text(profile, encoding="utf-8")
    series = data_dir() / "river" / "jp_koto_jiseiji_2023-06-20_2023-07-06.csv"
    out = tmp_path / "out.json"
    assert naruko("replay", series, "-c", folder, "--report", out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "2023-06-30T18:10:00+09:00  【水位 上昇】厚東川 持世寺  -> bosai/mail" in lines
    report = json.loads(out.read_text(encoding="utf-8"))
    jsonschema.validate(report, REPORT)
    (river,) = [alert for alert in report["alerts"] if alert["kind"] == "river"]
    assert (river["opened_at"], river["closed_at"]) == (
        "2023-06-30T18:10:00+09:00",
        "2023-07-01T23:00:00+09:00",
    )


# --- what people did ------------------------------------------------------------------------------


def test_alerts_lists_the_open_ones_and_all_of_them_after_they_are_closed(hub, capsys):
    assert naruko("alerts", "-c", hub.folder) == 0
    (line,) = capsys.readouterr().out.splitlines()
    id, opened, *rest = line.split("  ")
    assert (opened, rest) == ("2026-11-21T21:07:00+09:00", ["open", "trap", "warning", "上田"])
    assert naruko("alerts", "-c", hub.folder, "--close", id, "--who", "山根") == 0
    assert hub.apply() == ["yamane trap_reset"]
    capsys.readouterr()
    assert naruko("alerts", "-c", hub.folder) == 0
    assert capsys.readouterr().out == ""
    assert naruko("alerts", "-c", hub.folder, "--all") == 0
    assert "  resolved  trap  " in capsys.readouterr().out


@pytest.mark.parametrize("target", ["1", "trap-1"])
def test_a_trap_is_reset_by_its_number_or_its_id(hub, target, capsys):
    assert naruko("trap", "reset", target, "--who", "山根", "-c", hub.folder) == 0
    assert capsys.readouterr().out == "written down as act 1: trap_reset trap-1\n"
    assert hub.apply() == ["yamane trap_reset"]


def test_a_trap_that_the_town_does_not_have_is_usage_2_and_nothing_is_written(hub, capsys):
    assert naruko("trap", "reset", "99", "--who", "山根", "-c", hub.folder) == 2
    assert "no trap 99; there are 1" in capsys.readouterr().err
    assert hub.apply() == []


def test_a_terminal_of_another_encoding_is_understood_as_far_as_it_can_be(hub, capsys):
    assert naruko("trap", "reset", "1", "--who", "\udc8eR\udcaa", "-c", hub.folder) == 0
    with contextlib.closing(Ledger.attach(Path("naruko.db"))) as ledger:
        assert [act.who for act in ledger.acts_after()] == ["?R?"]


def test_work_that_is_planned_for_another_century_is_usage_2_and_nothing_is_written(hub, capsys):
    start = ["--from", "9999-12-31T23:59", "-c", hub.folder]
    assert naruko("maintenance", "start", "trap-1", *start) == 2
    assert "more than a year ahead" in capsys.readouterr().err
    assert hub.apply() == []


def test_sirens_are_stopped_and_a_debris_flow_is_cancelled_by_the_hub(hub, capsys):
    assert naruko("siren", "stop", "-c", hub.folder) == 0
    cancel = ["debris", "cancel", "上沢", "--who", "防災係", "--cause", "鹿"]
    assert naruko(*cancel, "-c", hub.folder) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written down as act 1: siren_stop all",
        "written down as act 2: debris_cancel 上沢",
    ]
    assert hub.apply() == []
    ledger = Ledger.attach(Path("naruko.db"))
    (stop,) = ledger.pending_commands(NIGHT + MINUTE)
    assert (stop.device, stop.action, ledger.acts_after()) == ("siren-1", "stop", [])
    ledger.close()


@pytest.mark.parametrize(
    "command",
    [["alerts"], ["alerts", "--close", "x"], ["siren", "stop"], ["trap", "reset", "1", "--who", "a"]],
)
def test_where_no_hub_has_ever_run_it_is_ledger_5(folder, command, capsys):
    assert naruko(*command, "-c", folder) == 5
    assert "naruko.db: there is none" in capsys.readouterr().err
    assert not Path("naruko.db").exists()


def test_a_file_that_is_no_ledger_is_5(folder, capsys):
    Path("naruko.db").write_bytes(b"not a database, not at all" * 100)
    assert naruko("alerts", "-c", folder) == 5
    assert "naruko.db" in capsys.readouterr().err


def test_the_database_of_another_program_is_5(folder, capsys):
    connection = sqlite3.connect("naruko.db")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    assert naruko("alerts", "-c", folder) == 5
    assert "version 0" in capsys.readouterr().err
