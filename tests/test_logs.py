"""How a line of the log looks, where it goes, and that nobody waits for whoever reads it."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub import app, cli
from hub.config.settings import LogSettings
from hub.logs.lines import Behind, Json, Text, is_journal, priority, say, written
from tests.data import ROOT

LOG = logging.getLogger("naruko.test")
DOC = (ROOT / "docs/logs.md").read_text(encoding="utf-8")
TEXT, JSON = LogSettings(), LogSettings(format="json")


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    try:
        yield read, write
    finally:
        os.close(read)
        os.close(write)


def lines_of(settings: LogSettings, *, journal: bool = False) -> list[str]:
    """Three lines as they arrive at the other end."""
    with pipe() as (read, write):
        found = os.fstat(write)
        env = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"} if journal else {}
        with written(settings, write, env):
            LOG.debug("a detail")
            LOG.warning("the broker is away: %s", "connection refused")
            say(LOG, "alert.opened", alert="animal-3f90", severity="danger", why=("animal_seen",), state=None)
            try:
                raise ValueError("a fault")
            except ValueError:
                LOG.exception("it went wrong")
        return os.read(read, 65_536).decode().splitlines()


def record(event: str, **fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "naruko.path", "msg": event, "levelno": 20, "levelname": "INFO"})
    made.fields = fields
    return made


# --- what a line looks like -------------------------------------------------------------------------


def test_text_is_a_line_with_time_level_and_the_fields_behind_the_event() -> None:
    said = lines_of(TEXT)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING naruko\.test the broker .*", said[0])
    assert said[1].endswith("naruko.test alert.opened alert=animal-3f90 severity=danger why=animal_seen")
    assert "Traceback" in "".join(said)


def test_the_journal_gets_the_priority_of_each_line_and_has_its_own_time() -> None:
    said = lines_of(TEXT, journal=True)
    assert said[0] == "<4>naruko.test: the broker is away: connection refused"
    assert said[1].startswith("<6>naruko.test: alert.opened alert=animal-3f90")
    assert {line[:3] for line in said[2:]} == {"<3>"}, "every line of a traceback"
    assert len(said) > 4


def test_json_is_one_object_a_line_also_with_a_traceback() -> None:
    sentence, event, fault = (json.loads(line) for line in lines_of(JSON))
    assert sentence["message"] == "the broker is away: connection refused"
    assert sentence["level"] == "warning"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", sentence["time"])
    assert event["event"] == "alert.opened"
    assert (event["alert"], event["severity"], event["why"]) == ("animal-3f90", "danger", ["animal_seen"])
    assert "state" not in event
    assert "ValueError: a fault" in fault["exception"]


def test_json_in_the_journal_is_json_once_the_journal_has_taken_the_priority_off() -> None:
    said = lines_of(JSON, journal=True)
    assert [line[:3] for line in said] == ["<4>", "<6>", "<3>"]
    assert [json.loads(line[3:])["level"] for line in said] == ["warning", "info", "error"]


def test_the_level_is_that_of_the_settings_and_only_for_the_hubs_own_lines() -> None:
    with pipe() as (read, write):
        with written(LogSettings(level="debug"), write, {}):
            LOG.debug("ours")
            logging.getLogger("somebody.elses").debug("theirs")
        assert b"ours" in (said := os.read(read, 4_096))
        assert b"theirs" not in said
        with written(LogSettings(level="error"), write, {}):
            LOG.warning("not this")
            LOG.error("this")
        assert os.read(read, 4_096).count(b"\n") == 1


VALUE = re.compile(r' (\w+)=("(?:[^"\\]|\\.)*"|\S*)')


@given(st.dictionaries(st.sampled_from(["alert", "device", "error"]), st.text(min_size=1)))
def test_whatever_a_value_holds_a_line_is_one_line_from_which_it_can_be_read_again(
    fields: dict[str, str],
) -> None:
    found = record("path.event", **fields)
    line, text = Json().format(found), Text(dated=False).format(found)
    assert "\n" not in line + text
    assert json.loads(line).items() >= fields.items()
    read = {name: json.loads(said) if said[:1] == '"' else said for name, said in VALUE.findall(text)}
    assert read == fields


@pytest.mark.parametrize("value", ["", "0:0", "x", "1:2:3", "-1:-1"])
def test_what_is_not_the_journal_is_not_taken_for_it(value: str) -> None:
    with pipe() as (_, write):
        assert not is_journal(write, {"JOURNAL_STREAM": value})


def test_priorities_are_those_of_syslog() -> None:
    levels = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
    assert [priority(level) for level in levels] == [2, 3, 4, 6, 7]


# --- nobody waits -----------------------------------------------------------------------------------


def test_a_reader_that_reads_nothing_holds_nobody_up_and_is_told_what_it_missed() -> None:
    with pipe() as (read, write):
        handler = Behind(write, most=50)
        handler.setFormatter(Json())
        LOG.addHandler(handler)
        try:
            began = time.monotonic()
            for _ in range(3_000):
                LOG.error("%s", "x" * 100)
            assert time.monotonic() - began < 1.0
            said = b""
            while sum(map(int, re.findall(rb'"naruko\.logs","message":"(\d+) lines', said))) < 1_000:
                said += os.read(read, 1_000_000)
                LOG.error("one more")
        finally:
            LOG.removeHandler(handler)
            os.set_blocking(read, False)
            handler.close()


def test_a_pipe_that_does_not_block_gets_every_line(tmp_path: Path) -> None:
    with pipe() as (read, write):
        os.set_blocking(write, False)
        said: list[bytes] = []

        def slowly() -> None:
            while sum(map(len, said)) < 3_000 * 1_001:
                said.append(os.read(read, 100_000))

        reader = threading.Thread(target=slowly, daemon=True)
        handler = Behind(write)
        handler.setFormatter(logging.Formatter("%(message)s"))
        for _ in range(3_000):
            handler.emit(logging.makeLogRecord({"msg": "x" * 1_000}))
        reader.start()
        reader.join(30)
        handler.close()
    assert b"".join(said).count(b"\n") == 3_000


def test_a_line_that_has_no_form_is_named_and_not_counted_as_unread() -> None:
    with pipe() as (read, write):
        handler = Behind(write)
        handler.setFormatter(Text(dated=False))
        fault = record("%d lines")
        fault.args, fault.pathname, fault.lineno = ("many",), "hub/app.py", 7
        handler.emit(fault)
        handler.emit(record("the next"))
        handler.close()
        first, second = os.read(read, 65_536).decode().splitlines()
    assert first == "naruko.logs: a line of naruko.path (app.py:7) has no form: TypeError"
    assert second == "naruko.path: the next"


def test_what_was_left_out_before_the_end_is_said_at_the_end() -> None:
    with pipe() as (read, write):
        handler = Behind(write, most=0)
        handler.setFormatter(Text(dated=False))
        handler.emit(record("alert.opened"))
        handler.close()
        assert os.read(read, 4_096) == b"naruko.logs: 1 lines were left out: nobody read them in time\n"


def test_at_the_end_all_has_been_written() -> None:
    with pipe() as (read, write):
        with written(TEXT, write, {}):
            for number in range(300):
                LOG.info("line %d", number)
        assert os.read(read, 65_536).count(b"\n") == 300


def test_a_reader_that_has_gone_ends_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    with written(TEXT, write, {}):
        LOG.warning("for nobody")
    os.close(write)


# --- naruko run -------------------------------------------------------------------------------------


def run_of(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """`naruko run` on a town, ended at once by a ledger that cannot be."""
    folder.mkdir()
    for file in (ROOT / "config").iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    (folder / "hub.yaml").write_text(
        (folder / "hub.yaml").read_text("utf-8").replace("path: naruko.db", "path: /proc/nowhere/naruko.db")
        + "\n".join(lines),
        "utf-8",
    )
    command = [sys.executable, "-m", "hub", "run", "-c", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


def test_run_writes_json_where_hub_yaml_says_so(tmp_path: Path) -> None:
    done = run_of(tmp_path / "town", "log: {format: json, level: info}", "")
    said = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert {line["logger"] for line in said} >= {"naruko.config"}
    assert done.returncode == 5
    assert (said[-1]["level"], said[-1]["logger"]) == ("critical", "naruko.app")
    assert said[-1]["message"].startswith("ledger /proc/nowhere/naruko.db: ")
    assert done.stderr.splitlines()[-1].startswith("{")


def test_a_fault_that_ends_the_hub_is_a_line_of_its_log_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def faulty(_: object) -> None:
        raise ExceptionGroup("edges", [ValueError("a fault")])

    shutil.copytree(ROOT / "config", tmp_path / "town")
    with (tmp_path / "town" / "hub.yaml").open("a", encoding="utf-8") as settings:
        settings.write("\nlog: {format: json}\n")
    monkeypatch.setattr(app, "serve", faulty)
    assert cli.main(["run", "-c", str(tmp_path / "town")]) == 1
    last = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert (last["level"], last["message"]) == ("critical", "the hub ends")
    assert "ValueError: a fault" in last["exception"]


# --- docs/logs.md -----------------------------------------------------------------------------------


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.DOTALL)


def test_the_settings_of_the_page_are_those_that_there_are() -> None:
    (block,) = blocks("yaml")
    settings = LogSettings(**yaml.safe_load(block)["log"])
    assert settings == LogSettings(format="json")


def test_the_lines_of_the_page_are_what_the_formatters_make_of_its_json() -> None:
    (text,) = blocks("text")
    (lines,) = blocks("json")
    for plain, line in zip(text.splitlines(), lines.splitlines(), strict=True):
        said = json.loads(line)
        head = {name: said.pop(name) for name in ("time", "level", "logger", "event")}
        made = record(head["event"], **said)
        made.levelname, made.name = head["level"].upper(), head["logger"]
        assert Text(dated=False).format(made) == plain.partition(f"{made.levelname} ")[2].replace(
            made.name, f"{made.name}:", 1
        )


def test_every_event_of_the_page_is_said_somewhere_and_every_one_said_is_on_the_page() -> None:
    source = (ROOT / "hub/logs/journal.py").read_text("utf-8")
    families = set(re.findall(r'f?"((?:alert|notification|command|message|log)\.)', source))
    named = set(re.findall(r"^\| `([a-z]+\.)", DOC, re.MULTILINE))
    assert named == families
