"""The daily round: who is asked, the trap's clock, the month's table, and the commands."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import cli
from hub.config.policy import TrapPolicy
from hub.config.settings import LedgerSettings, Web
from hub.days import day_of
from hub.detect import patrol
from hub.detect import trap as traps
from hub.detect.trap import TrapState
from hub.ledger import Ledger
from hub.links import Purpose
from hub.model import Act, AlertState
from hub.paperwork import patrols
from hub.paperwork.sheets import sheet
from tests.config_towns import make_town
from tests.timeline import (
    ARMED,
    SPRUNG,
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import DAY, HOUR, MINUTE, at, person, town, trap

BY_FIVE = TrapPolicy(remind_duty="99d", remind_all="99d", remind_office="99d")


def hills(policy: TrapPolicy = BY_FIVE, **maintenance):
    return town(
        devices=[
            trap("t-1", owner="yamane", heartbeat="24h", name="箱わな1号"),
            trap("t-2", owner="yamane", heartbeat="24h", name="箱わな2号", **maintenance),
            trap("t-3", owner="inukai", heartbeat="24h", name="くくりわな3号"),
        ],
        people=[person("yamane", "hunter"), person("inukai", "hunter"), person("office", "official")],
        trap=policy,
    )


def valley(policy: TrapPolicy = BY_FIVE, **maintenance) -> Timeline:
    """On the day after the first: that one does not count. The sensors speak twice a day."""
    t = Timeline(hills(policy, **maintenance), "2026-11-20 16:00", tick=10 * MINUTE)
    t.at("2026-11-21 08:00").hears("t-1", "t-2", "t-3").silence()
    return t


def test_who_has_not_seen_a_trap_by_five_is_told_which_and_the_others_are_not():
    t = valley()
    t.does("seen", "t-3", who="inukai").at("16:50").silence()
    (missing,) = t.at("17:00").told("patrol_missing opened: yamane")
    assert "箱わな1号、箱わな2号" in missing.body
    assert "休止" in missing.body
    (alert,) = t.open()
    assert (alert.kind, alert.devices) == ("patrol", ("t-1", "t-2"))
    t.restart().at("23:50").silence()


def test_the_message_leads_to_the_page_of_ones_own_round_where_there_are_pages():
    made = hills()
    site = made.hub.site.model_copy(update={"hub_url": "https://naruko.example.jp"})
    hub = made.hub.model_copy(update={"site": site, "web": Web()})
    t = Timeline(replace(made, hub=hub), "2026-11-20 16:00", tick=10 * MINUTE)
    t.at("2026-11-21 08:00").hears("t-1", "t-2", "t-3").does("seen", "t-3")
    (missing,) = t.at("17:00").told("patrol_missing opened: yamane")
    (token,) = re.findall(r"https://naruko\.example\.jp/p/(\S+)", missing.body)
    assert t.pipeline.links is not None
    subject = t.pipeline.links.read("p", token)
    assert (subject.purpose, subject.id, subject.until) == (Purpose.PATROL, "yamane", t.now + DAY)


def test_it_is_over_when_the_last_was_seen_and_nobody_is_told_of_that():
    t = valley()
    t.does("seen", "t-3").does("seen", "t-1").at("17:00").told("patrol_missing opened: yamane")
    t.restart().at("18:00").does("seen", "t-2", who="yamane")
    (alert,) = t.alerts.values()
    assert (alert.state, t.open()) == (AlertState.RESOLVED, [])
    t.at("23:50").silence()


def test_it_is_over_at_midnight_and_asked_again_the_next_day():
    t = valley()
    t.does("seen", "t-3").at("17:00").told("patrol_missing opened: yamane")
    t.restart().at("2026-11-22 00:10")
    assert t.open() == []
    t.hears("t-1", "t-2", "t-3").at("2026-11-22 16:50").silence()
    t.at("17:00").told("patrol_missing opened: yamane", "patrol_missing opened: inukai")


def test_a_warning_that_somebody_closes_does_not_come_again_that_day():
    t = valley()
    t.does("seen", "t-3").at("17:00").told("patrol_missing opened: yamane")
    t.does("close", t.open()[0].id).at("23:50").silence()


def test_a_trap_out_of_use_or_under_maintenance_asks_for_no_round():
    t = valley(maintenance=True)
    t.does("trap_disarm", "t-1", who="yamane").does("seen", "t-3").at("23:50").silence()
    t.hears("t-1", "t-2", "t-3").at("2026-11-22 10:00").does("trap_disarm", "t-3").at("23:50").silence()


def test_setting_it_or_finishing_its_alert_is_a_round():
    t = valley()
    t.does("trap_disarm", "t-3").does("trap_reset", "t-3").does("trap_reset", "t-1").says("t-2", SPRUNG)
    t.told("trap_sprung opened: yamane inukai")
    t.passes(HOUR).does("done", t.open()[0].id, who="yamane", result="empty", trap="armed")
    t.told("trap_done done: yamane inukai office")
    t.at("23:50").silence()


def test_the_hour_is_the_towns_and_may_be_none():
    t = valley(TrapPolicy(patrol_by="09:30"))
    t.at("09:30").told("patrol_missing opened: yamane inukai")
    t = valley(TrapPolicy(patrol_by=None))
    t.at("23:50").silence()


def test_nobody_is_asked_by_a_clock_that_is_not_set():
    t = Timeline(hills(), "1970-01-02 12:00", tick=10 * MINUTE)
    t.at("1970-01-04 20:00").silence()


# --- the trap's clock -----------------------------------------------------------------------------------


def test_the_clock_of_a_trap_counts_from_the_last_proof_that_it_is_set():
    t = valley()

    def clock(id: str = "t-1") -> int | None:
        return patrol.clock(t.pipeline.state.rooms["trap"].get(id, TrapState()), t.now)

    assert clock() is None
    t.says("t-1", ARMED).passes(2 * HOUR)
    assert clock() == 2 * HOUR
    t.does("seen", "t-1").passes(HOUR)
    assert clock() == HOUR
    t.says("t-1", ARMED)
    assert clock() == 0
    t.passes(HOUR).says("t-1", SPRUNG)
    assert clock() is None
    t.passes(HOUR).does("trap_reset", "t-1").restart().passes(3 * HOUR)
    assert clock() == 3 * HOUR
    t.does("trap_disarm", "t-1")
    assert clock() is None
    t.unread = []


def test_a_sensor_that_says_armed_every_minute_is_written_down_every_ten():
    t = Timeline(town([trap("t-1")], people=[]), "2026-11-21 10:00")
    states = []
    for _ in range(60):
        before = t.pipeline.state.rooms["trap"].get("t-1")
        t.passes(MINUTE).says("t-1", ARMED)
        states.append(t.pipeline.state.rooms["trap"].get("t-1") is not before)
    assert sum(states) == 6


@given(st.lists(st.tuples(st.sampled_from(["seen", "reset", "disarm"]), st.integers(0, 3 * DAY)), max_size=9))
def test_whatever_people_do_who_was_there_today_is_not_asked_and_everybody_else_is(acts):
    valley, now = hills(), at("2026-11-21 20:00")
    state, seen, idle = TrapState(), False, False
    for what, ago in sorted(acts, key=lambda act: -act[1]):
        when = now - ago
        if what == "seen":
            state = traps.seen(state, when)
        else:
            act = Act(0, when, "yamane", "web", f"trap_{what}", "t-1")
            state, _ = traps.act(state, valley.devices["t-1"], act, when)
            idle = what == "disarm"
        seen |= day_of(when, valley.zone_info) == day_of(now, valley.zone_info)
    asked = "t-1" in patrol.missing(valley, {"t-1": state}, now).get("yamane", ())
    assert asked == (not seen and not idle)


# --- the month's table ----------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_trap_and_day_with_who_was_there_and_what_was_out_of_use():
    t = Timeline(hills(TrapPolicy(patrol_by=None)), "2026-11-01 07:00", tick=HOUR)
    t.does("seen", "t-1", who="yamane").does("seen", "t-3", who="隣の次郎")
    t.at("2026-11-01 16:30").does("seen", "t-1", who="inukai")
    t.at("2026-11-02 07:00").does("trap_disarm", "t-3", who="inukai").says("t-1", SPRUNG)
    t.at("2026-11-02 09:00").does("done", t.open("trap")[0].id, who="yamane", result="empty", trap="armed")
    t.unread = []
    acts = t.ledger.acts_of(patrols.VISITS, 0, t.now + 1)
    made = list(patrols.visits(acts, {a.id: a.device for a in t.alerts.values()}))
    first = day_of(at("2026-11-01 00:00"), t.town.zone_info)
    rows = patrols.rows(t.town, made, first, first + 2 * patrols.ONE_DAY)
    assert len(rows) == 9
    table = {(row[0], row[4]): row[6:] for row in rows}
    assert table["2026/11/01", "t-1の所"] == ("使用中", "○", "07:00、16:30", "yamane、inukai")
    assert table["2026/11/01", "t-2の所"] == ("使用中", "記録なし", "", "")
    assert table["2026/11/01", "t-3の所"] == ("使用中", "○", "07:00", "隣の次郎")
    assert table["2026/11/02", "t-1の所"] == ("使用中", "○", "09:00", "yamane")
    assert table["2026/11/02", "t-3の所"] == ("休止", "○", "07:00", "inukai")
    assert table["2026/11/03", "t-3の所"] == ("休止", "－", "", "")


def test_a_table_is_what_excel_opens_and_no_cell_counts():
    typed = ["=HYPERLINK(1)", "+81", "-1", "@a", "山根\n猛", "髙橋🐗"]
    content = sheet(("一",), [[cell, 3] for cell in typed], "utf-8-sig")
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["'=HYPERLINK(1)", "'+81", "'-1", "'@a", "山根 猛", "髙橋🐗"]
    assert b"\r\n" in content
    assert sheet(("一",), [["髙橋🐗"]], "cp932").decode("cp932").endswith("髙橋〓\r\n")


@given(st.lists(st.lists(st.text(max_size=30), min_size=1, max_size=3), max_size=5))
def test_whatever_was_typed_becomes_a_table(rows):
    for encoding in ("utf-8-sig", "cp932"):
        content = sheet(("a",), rows, encoding).decode(encoding)
        for row in csv.reader(io.StringIO(content)):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row)


# --- the commands -----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Ledger.open(Path("naruko.db"), LedgerSettings()).close()
    return make_town(tmp_path / "town")


def naruko(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_a_round_is_written_down_and_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert naruko("patrol", "-c", folder) == 0
    assert "not seen today" in capsys.readouterr().out
    assert naruko("patrol", "seen", "1", "99", "--who", "山根", "-c", folder) == 2
    assert "no trap 99" in capsys.readouterr().err
    assert naruko("patrol", "seen", "1", "--who", "山根", "-c", folder) == 0
    assert capsys.readouterr().out == "written down as act 1: seen trap-1\n"
    assert naruko("patrol", "export", "-c", folder, "-o", "months.csv", "--encoding", "cp932") == 0
    assert Path("months.csv").read_bytes().decode("cp932").startswith("日付,わな番号")


@pytest.mark.parametrize(
    "arguments",
    [
        ["patrol", "seen"],
        ["patrol", "seen", "99"],
        ["patrol", "list", "1"],
        ["trap", "done", "1", "--who", "a"],
    ],
)
def test_what_cannot_be_meant_is_usage_2(folder: Path, arguments: list[str]) -> None:
    assert naruko(*arguments, "-c", folder) == 2


def test_who_wants_to_go_to_a_trap_that_has_not_sprung_is_told_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert naruko("trap", "take", "1", "--who", "山根", "-c", folder) == 2
    assert "no open alert of trap 1; there is none" in capsys.readouterr().err
