"""What the README says is so: its commands run, its files and targets exist."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from hub.cli import main, parser
from hub.config.load import FILES
from tests.data import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The README's `my-town`, in a folder of its own which is the working directory."""
    shutil.copytree(ROOT / "config", tmp_path / "my-town")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(command: str) -> list[str]:
    return shlex.split(command)[1:]


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {command.split()[1] for command in COMMANDS if command.startswith("make ")}
    assert {"demo", "test"} <= named <= targets


def test_the_check_of_the_readme_finds_nothing_wrong_in_a_copy_of_the_example(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (command,) = (c for c in COMMANDS if " check " in c)
    assert main(arguments(command)) == 0
    assert "40 devices" in capsys.readouterr().out


def test_the_explanation_of_the_readme_ends_with_whom_it_would_tell(
    town: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (command,) = (c for c in COMMANDS if " explain " in c)
    assert main(arguments(command)) == 0
    said = capsys.readouterr().out
    assert "event: animal_seen species boar" in said
    assert "would tell: mizuta by mail" in said


def test_the_replay_of_the_readme_writes_its_report(town: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (command,) = (c for c in COMMANDS if " replay " in c)
    (town / "recording.jsonl").write_text(
        '{"received_at": "2026-09-12T18:00:00+09:00", "topic": "naruko/naruko-cho/cam-ueda-2/up", '
        '"payload": {"v": 1, "e": [{"type": "animal", "species": "boar", "confidence": 0.9}]}}\n',
        encoding="utf-8",
    )
    assert main(arguments(command)) == 0
    assert (town / "out.json").is_file()


def test_every_act_that_the_readme_names_is_understood() -> None:
    for act in re.findall(r"`naruko ([a-z][^`]*)`", README):
        parser().parse_args(shlex.split(act))


def test_every_file_and_folder_that_the_readme_names_is_there() -> None:
    for name in re.findall(r"`((?:hub|devices|firmware_sim|config|tests|bench|docs)/[^`]*)`", README):
        if name not in ("bench/results.json",):
            assert (ROOT / name).exists(), name


def test_every_file_of_a_town_in_the_readme_is_one_that_the_loader_reads() -> None:
    named = set(re.findall(r"`([a-z]+\.(?:yaml|csv|geojson))`", README))
    assert named == set(FILES)


def test_the_line_of_the_doctor_beside_the_service_is_what_the_service_has() -> None:
    page = (ROOT / "docs/doctor.md").read_text(encoding="utf-8")
    service = (ROOT / "config/systemd/naruko.service").read_text(encoding="utf-8")
    (line,) = re.findall(r"^sudo systemd-run .*$", page, re.MULTILINE)
    for setting in re.findall(r"-p (\S+)", line):
        assert f"\n{setting}\n" in service
    program, town = re.findall(r"(\S+/naruko) doctor (-c \S+)$", line)[0]
    assert f"ExecStart={program} run {town}\n" in service


# --- docs/reliability.md ----------------------------------------------------------------------------

RELIABILITY = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
PROMISED = re.findall(r"`([\w/]+\.py)::(\w*)`", RELIABILITY)


def test_every_promise_names_a_test_that_there_is() -> None:
    rows = [line for line in RELIABILITY.splitlines() if line.startswith("| ") and line.endswith(" |")]
    assert all("promise | test" in row or re.search(r"`[\w/]+\.py::test_\w+`", row) for row in rows)
    for file, test in PROMISED:
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {test}\(", source, re.MULTILINE), f"{file}::{test}"


def test_every_fault_has_a_file_of_its_own_that_shows_a_promise() -> None:
    files = sorted((ROOT / "tests/chaos").glob("test_[1-9]_*.py"))
    assert [file.name[5] for file in files] == list("123456789")
    assert {f"chaos/{file.name}" for file in files} <= {file for file, _ in PROMISED}
