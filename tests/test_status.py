"""What `naruko status` says: of a hub that is well, in trouble, stopped, or never was; at any width.

`NARUKO_UPDATE_GOLDEN=1` writes the golden files anew.
"""

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace as with_fields
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.cli import screen
from hub.cli.screen import cut, lines
from hub.config.settings import Influx
from hub.config.tell_policy import AlertKind
from hub.detect.health import DeviceHealth
from hub.detect.hub import Worry
from hub.deterrent import DeterrentState
from hub.drill import Drill
from hub.ledger import LedgerError
from hub.ledger.gauges import Gauges, Waiting
from hub.ledger.nightly import Done
from hub.metrics.readiness import Readiness
from hub.model import Mode, Severity, Stage, Task
from hub.state import ROOMS
from hub.status import Answer, Process, Report, Seen, nothing, reason_of, report
from hub.telling.silences import Period
from hub.wording.columns import columns
from tests.data import ROOT
from tests.fleets import example_town
from tests.ledgers import alert
from tests.towns import DAY, HOUR, MINUTE, at

NOW = at("2026-11-22 18:05:20")
FOUND = example_town()
LEDGER = FOUND.hub.ledger.model_copy(update={"path": Path("/var/lib/naruko/naruko.db")})
TOWN = with_fields(FOUND, hub=FOUND.hub.model_copy(update={"ledger": LEDGER}))
WITH_INFLUX = with_fields(
    TOWN, hub=TOWN.hub.model_copy(update={"influx": Influx(url="http://127.0.0.1:8086")})
)
READY = Answer(reached=True, ready=True)
QUIET = Gauges(waiting={}, readings_behind=0, oldest_behind=None, newest_message=NOW - 3_000)


def rooms(**some: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {room: {} for room in ROOMS}
    return found | {room: dict(states) for room, states in some.items()}


def well(**more: Any) -> Seen:
    """A hub at work since two days on a town where nothing is the matter."""
    fields: dict[str, Any] = {
        "now": NOW,
        "pid": 812,
        "since_at": NOW - 2 * DAY,
        "written_at": NOW - 4_000,
        "answer": READY,
        "alerts": (),
        "rooms": rooms(),
        "gauges": QUIET,
        "size": 412_000_000,
        "disk_free": 21_300_000_000,
        "backup": Done(at("2026-11-22 03:30"), ok=True, good_at=at("2026-11-22 03:30")),
    }
    return Seen(**(fields | more))


ALERTS = (
    alert("animal-1", kind="animal", severity=Severity.CAUTION, place="上田 棚田", place_en="Ueda terraces"),
    alert(
        "debris-1", kind="debris", severity=Severity.LIFE, place="神沢", place_en="Kamisawa",
        opened_at=NOW - 4 * MINUTE,
    ),
    alert(
        "trap-1", kind="trap", severity=Severity.NOTICE, place="北原の竹林のはずれ、古い炭焼き小屋のうら",
        place_en="Behind the old charcoal hut above the channel", task=Task(Stage.WAITING),
        opened_at=NOW - HOUR,
    ),
    alert("river-1", kind="river", severity=Severity.DANGER, mode=Mode.EXERCISE, opened_at=NOW - HOUR),
    *(alert(f"silent-{n}", kind="silent", severity=Severity.NOTICE, opened_at=NOW - DAY) for n in range(3)),
)  # fmt: skip


def bad_night() -> Seen:
    """Everything at once."""
    silent = DeviceHealth(last_seen=NOW - 7 * HOUR, silent_at=NOW - 4 * HOUR)
    return well(
        answer=Answer(
            reached=True,
            lines=("the broker is not connected: no sensor is heard", "no commit for 60 s, and ..."),
        ),
        alerts=ALERTS,
        rooms=rooms(
            health={
                "trap-01": silent,
                "trap-02": silent,
                "cam-ueda-1": silent,
                "cam-ueda-2": silent,
                "gw-kominkan": silent,
                "pir-ueda-1": DeviceHealth(low=True, last_seen=NOW),
            },
            hub={
                "broker": Worry(since=NOW - HOUR),
                "channel/mail/3f2a90c1": Worry(since=NOW - 25 * MINUTE),
                "disk_full": Worry(since=NOW - DAY),
                "hot": Worry(),
            },
            deterrent={
                "siren-ueda-1": DeterrentState(action="deter", until=NOW + 12_000),
                "siren-kamisawa": DeterrentState(action="warn", until=NOW - 1),
            },
            silence={"zone/paddy-ueda": Period(NOW - HOUR, 2 * HOUR), "kind/animal": Period(NOW + DAY, HOUR)},
            maintenance={"cam-kitahara-1": Period(NOW - HOUR, 3 * HOUR)},
            drill={"site": Drill(NOW - MINUTE, HOUR, ("kind/river",), name="秋の水防訓練")},
        ),
        gauges=Gauges(
            {"mail": Waiting(14, NOW - 25 * MINUTE), "line": Waiting(2, NOW - MINUTE)},
            48_210,
            NOW - 5 * HOUR,
            NOW - HOUR,
        ),
        size=2_070_000_000,
        disk_free=90_000_000,
        backup=Done(at("2026-11-22 03:30"), ok=False, said="no room", good_at=at("2026-11-20 03:30")),
    )


CASES: dict[str, Report] = {
    "well": report(TOWN, well()),
    "a bad night": report(WITH_INFLUX, bad_night()),
    "no pages to ask at": report(WITH_INFLUX, well(answer=None)),
    "stopped": report(TOWN, well(pid=None, answer=None)),
    "no answer": report(TOWN, well(answer=Answer(reached=False))),
    "no ledger": nothing(TOWN, NOW),
}


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_screen_reads_as_it_was_reviewed(lang: str) -> None:
    parts = []
    for name, found in CASES.items():
        for width in (80, 40):
            parts += [f"==== {name}, {width}", *lines(found, TOWN, lang, width, colour=False), ""]
    path = ROOT / "tests" / "golden" / f"status_{lang}.txt"
    if os.environ.get("NARUKO_UPDATE_GOLDEN"):
        path.write_text("\n".join(parts), encoding="utf-8")
    assert "\n".join(parts) == path.read_text(encoding="utf-8"), "reviewed? then NARUKO_UPDATE_GOLDEN=1"


# --- what is said to need somebody ------------------------------------------------------------------


def test_nothing_is_needed_where_all_is_well() -> None:
    assert CASES["well"].needs == ()
    assert CASES["well"].hub.state == "ready"


def test_on_a_bad_night_everything_that_is_wrong_is_named_gravest_first() -> None:
    found = CASES["a bad night"]
    assert found.needs == (
        "hub", "broker", "alerts", "silent", "battery", "outbox", "trouble", "ledger", "influx", "backup",
    )  # fmt: skip
    assert [one.id for one in found.alerts][:2] == ["debris-1", "river-1"]
    assert found.hub.reasons == ("broker", "no_commit")
    assert [one.id for one in found.sirens] == ["siren-ueda-1"], "not the one whose time is over"
    assert [one.what for one in found.troubles] == ["channel/mail/3f2a90c1", "disk_full"]
    assert [one.what for one in found.quiet] == ["silence", "maintenance", "drill"], "not what is planned"


@pytest.mark.parametrize(
    ("fields", "needed"),
    [
        ({"severity": Severity.CAUTION}, True),
        ({"severity": Severity.NOTICE}, False),
        ({"severity": Severity.NOTICE, "task": Task(Stage.WAITING)}, True),
        ({"severity": Severity.NOTICE, "task": Task(Stage.TAKEN, "yamane")}, False),
        ({"severity": Severity.LIFE, "mode": Mode.EXERCISE}, False),
        ({"severity": Severity.LIFE, "acknowledged": {"bosai": NOW}}, True),
    ],
)
def test_an_alert_needs_somebody_unless_it_is_a_notice_or_an_exercise(
    fields: dict[str, Any], needed: bool
) -> None:
    assert ("alerts" in report(TOWN, well(alerts=(alert(**fields),))).needs) is needed


def test_whether_the_broker_is_there_is_never_guessed() -> None:
    """Without a page it is known only that it has been told as missing."""
    unasked = report(TOWN, well(answer=None))
    assert unasked.broker.connected is None
    told = report(TOWN, well(answer=None, rooms=rooms(hub={"broker": Worry(since=NOW - HOUR)})))
    assert told.broker.connected is False
    assert report(TOWN, well()).broker.connected is True
    assert report(TOWN, well(pid=None, answer=None)).broker.connected is None


def test_a_device_at_which_somebody_works_is_not_called_silent() -> None:
    silent = {"trap-01": DeviceHealth(last_seen=NOW - DAY, silent_at=NOW - HOUR, low=True)}
    work = {"trap-01": Period(NOW - HOUR, 2 * HOUR)}
    assert report(TOWN, well(rooms=rooms(health=silent))).needs == ("silent", "battery")
    assert report(TOWN, well(rooms=rooms(health=silent, maintenance=work))).needs == ()


@pytest.mark.parametrize(
    ("done", "since", "needed"),
    [
        (Done(), NOW - MINUTE, False),
        (Done(), NOW - DAY, True),
        (Done(NOW - DAY, ok=True, good_at=NOW - DAY), NOW - DAY, False),
        (Done(NOW - 2 * DAY, ok=True, good_at=NOW - 2 * DAY), NOW - DAY, True),
        (Done(NOW - HOUR, ok=False, good_at=NOW - DAY), NOW - DAY, True),
    ],
)
def test_a_backup_is_missed_after_a_night_and_a_half(done: Done, since: int, needed: bool) -> None:
    assert ("backup" in report(TOWN, well(backup=done, since_at=since)).needs) is needed


async def test_every_reason_that_readyz_gives_has_its_own_words() -> None:
    class Bad:
        connected = property(lambda self: self)
        is_set = beats = lambda *_: False
        committed = None
        now = lambda _: 0  # noqa: E731

        async def move_cursor(self, *_: object) -> None:
            raise LedgerError("the disk is full")

    bad: Any = Bad()
    said = await Readiness(bad, bad, bad, bad).reasons()
    assert [reason_of(line) for line in said] == ["broker", "stands_still", "no_commit", "clock"]


# --- the page of words ------------------------------------------------------------------------------

WORDS = yaml.safe_load((ROOT / "hub/wording/status.yaml").read_text("utf-8"))


def test_every_state_need_and_reason_has_its_words() -> None:
    hints = {name: msgspec.inspect.type_info(field.type) for name, field in zip(
        Process.__struct_fields__, msgspec.structs.fields(Process), strict=True)}  # fmt: skip
    assert set(hints["state"].values) <= set(WORDS["hub"])  # type: ignore[attr-defined]
    assert {"broker", "stands_still", "no_commit", "clock", "other"} <= set(WORDS["hub"])
    assert set(CASES["a bad night"].needs) == set(WORDS["need"])
    assert set(get_args(AlertKind)) | {"other"} == set(WORDS["kind"])


def test_the_words_of_severities_are_those_of_the_pages() -> None:
    office = yaml.safe_load((ROOT / "hub/wording/pages.yaml").read_text("utf-8"))["office"]
    for severity in Severity:
        japanese, english = WORDS["severity"][str(int(severity))]
        assert office[f"severity_{int(severity)}"] == [japanese, english.capitalize()]


def test_no_sign_is_of_a_width_on_which_terminals_disagree() -> None:
    for group in WORDS.values():
        for pair in group.values():
            for char in "".join(pair):
                assert unicodedata.east_asian_width(char) != "A", char


# --- columns ----------------------------------------------------------------------------------------


def test_wide_letters_take_two_columns() -> None:
    assert columns("水位 1.2 m") == 10
    assert columns("が") == columns("か\u3099") == 2
    assert cut("上田カメラ1", 8) == "上田カ.."
    assert cut("上田カメラ1", 11) == "上田カメラ1"


def test_the_text_of_every_row_begins_in_the_same_column() -> None:
    for lang, width in (("ja", 80), ("en", 80), ("ja", 40), ("en", 40)):
        for line in lines(CASES["a bad night"], TOWN, lang, width, colour=False):
            label, gap, _ = line.partition("  ")
            if gap and label and label in [pair[lang == "en"] for pair in WORDS["row"].values()]:
                text = line.removeprefix(label).lstrip()
                assert columns(line) - columns(text) == screen.LABEL


NAMES = st.text(st.characters(codec="utf-8"), max_size=80)


@given(NAMES, NAMES, st.integers(1, 200), st.sampled_from(["ja", "en"]), st.booleans())
def test_no_line_is_wider_than_the_terminal_and_no_name_can_write_to_it(
    name: str, target: str, width: int, lang: str, colour: bool
) -> None:
    found = CASES["a bad night"]
    assert found.devices
    found = replace(
        found,
        name=name,
        name_en=name,
        alerts=(replace(found.alerts[0], place=name, place_en=name, kind=target),),
        quiet=(replace(found.quiet[0], target=target),),
        devices=replace(found.devices, silent=(replace(found.devices.silent[0], name=name, name_en=name),)),
    )
    for line in lines(found, TOWN, lang, width, colour=colour):
        bare = re.sub(r"\x1b\[[0-9;]*m", "", line)
        assert columns(bare) <= max(width, screen.NARROWEST)
        assert "\x1b" not in bare
        assert bare.isprintable()


def test_the_terminal_of_24_lines_holds_what_matters_of_the_worst_night() -> None:
    said = lines(CASES["a bad night"], TOWN, "ja", 80, colour=False)[:23]
    labels = [line.split(" ")[0] for line in said]
    for need in ("ハブ", "受信", "警報", "サイレン", "機器", "送信待ち", "異常"):
        assert need in labels


def test_the_json_of_a_report_has_the_keys_that_programs_read() -> None:
    found = msgspec.json.decode(msgspec.json.encode(CASES["a bad night"]))
    assert list(found) == [
        "version", "site", "name", "name_en", "now", "needs", "hub", "broker", "alerts", "sirens", "devices",
        "outbox", "troubles", "quiet", "ledger", "influx", "backup",
    ]  # fmt: skip
    assert found["hub"] == {
        "state": "not_ready",
        "pid": 812,
        "since_at": NOW - 2 * DAY,
        "written_at": NOW - 4_000,
        "reasons": ["broker", "no_commit"],
    }
    assert found["outbox"] == {
        "waiting": 16,
        "oldest_at": NOW - 25 * MINUTE,
        "channels": {"line": 2, "mail": 14},
    }
    assert msgspec.json.decode(msgspec.json.encode(found), type=Report) == CASES["a bad night"]
