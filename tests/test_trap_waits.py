"""Nobody goes to a sprung trap: who is asked when, by day and by night, and across crashes."""

from dataclasses import replace

import pytest

from hub.config.policy import TrapPolicy
from hub.model import Severity, Stage
from tests.hills import hills, sprung, the
from tests.timeline import (
    ARMED,
    SPRUNG,
    Timeline,
    event,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import HOUR, MINUTE, at, device

NIGHT_GOES = TrapPolicy(night="go", patrol_by=None)


# --- nobody goes ------------------------------------------------------------------------------------------


def test_nobody_takes_it_and_ever_more_are_told_after_15_30_and_60_minutes():
    t, _ = sprung()
    t.at("10:14:50").silence()
    (late, *_) = t.at("10:15").told("trap_unacked overdue: owner on patrol")
    assert "わなが動いてから15分、行く人が決まっていません" in late.body
    assert "作動10:00" in late.body
    assert "班長 班長の田中 090-0000-0000" in late.body
    t.at("10:29:50").silence()
    t.at("10:30").told("trap_unacked overdue: owner on off patrol leader")
    t.at("10:59:50").silence()
    (office,) = t.at("11:00").told("trap_unacked overdue: office")
    assert "60分" in office.body
    t.at("16:00").silence()


def test_a_crash_between_reminders_tells_none_twice_and_forgets_none():
    t, id = sprung()
    for minute, told in ((15, "owner on patrol"), (30, "owner on off patrol leader"), (60, "office")):
        t.restart().until(at("2026-11-21 10:00") + minute * MINUTE)
        t.told(f"trap_unacked overdue: {told}")
        t.restart().passes(10_000).silence()
    t.does("take", id, who="on")
    t.told("trap_acked taken: owner on off patrol leader office")


def test_after_an_hour_without_the_hub_one_message_stands_for_the_reminders_that_were_missed():
    t, _ = sprung()
    t.step = 2 * HOUR
    t.passes(90 * MINUTE)
    t.told("trap_unacked overdue: owner on off patrol leader office")
    t.passes(2 * HOUR).silence()


def test_a_promise_runs_out_an_hour_after_the_arrival_and_it_is_told_and_chased_anew():
    t, id = sprung()
    t.does("take", id, who="on", eta="30").restart()
    t.told("trap_acked taken: owner on patrol")
    t.at("11:29:50").silence()
    t.at("11:30").told("trap_left overdue: owner on patrol")
    assert (the(t).task.stage, the(t).task.who, the(t).task.reminded) == (Stage.WAITING, "", 0)
    t.restart().at("11:44:50").silence()
    (late, *_) = t.at("11:45").told("trap_unacked overdue: owner on patrol")
    assert "105分" in late.body
    t.does("take", id, who="on", eta="10").told("trap_acked taken: owner on patrol")
    t.does("done", id, who="on", result="empty", trap="armed").told("trap_done done: owner on patrol office")


def test_a_new_time_moves_the_end_of_the_promise():
    t, id = sprung()
    t.does("take", id, who="on", eta="30").told("trap_acked taken: owner on patrol")
    t.at("11:00").does("take", id, who="on", eta="60").told("trap_acked updated: on")
    t.at("12:59:50").silence()
    t.at("13:00").told("trap_left overdue: owner on patrol")


def test_a_new_catch_is_a_new_task():
    """Set again by hand without a word to the hub, and sprung again."""
    t, id = sprung()
    t.does("take", id, who="on").told("trap_acked taken: owner on patrol")
    t.passes(30 * MINUTE).says("trap-1", ARMED).passes(30 * MINUTE).says("trap-1", SPRUNG)
    t.told("trap_sprung updated: owner on patrol")
    assert (the(t).id, the(t).task.stage, the(t).task.waiting_since) == (id, Stage.WAITING, t.now)
    (late, *_) = t.passes(15 * MINUTE).told("trap_unacked overdue: owner on patrol")
    assert "わなが動いてから15分" in late.body


def test_times_are_the_towns():
    t, _ = sprung(policy=TrapPolicy(remind_duty="5m", remind_all="10m", remind_office="20m", patrol_by=None))
    t.at("10:05").told("trap_unacked overdue: owner on patrol")
    t.at("10:10").told("trap_unacked overdue: owner on off patrol")
    t.at("10:20").told("trap_unacked overdue: office")


# --- night ------------------------------------------------------------------------------------------------


def test_at_night_the_message_asks_to_wait_and_the_reminders_wait_for_the_sun():
    """Sunrise at 06:31 on 22 November."""
    t = Timeline(hills(), "2026-11-21 22:00")
    t.says("trap-1", SPRUNG)
    (first, *_) = t.told("trap_sprung opened: owner on patrol")
    assert "日の出（11/22 06:31）まで待ってください" in first.body
    t.restart().at("2026-11-22 06:46").silence()
    (late, *_) = t.at("2026-11-22 06:47").told("trap_unacked overdue: owner on patrol")
    assert "わなが動いてから526分" in late.body
    t.at("07:02").told("trap_unacked overdue: owner on off patrol leader")
    t.at("07:32").told("trap_unacked overdue: office")


def test_what_sprang_before_sunset_has_used_up_a_part_of_its_time_in_the_morning():
    """Sunset at 16:38."""
    t, _ = sprung("2026-11-21 16:30")
    t.at("2026-11-22 06:38").silence()
    t.at("2026-11-22 06:39").told("trap_unacked overdue: owner on patrol")


def test_by_day_nobody_is_asked_to_wait_for_the_sun():
    t = Timeline(hills(), "2026-11-21 10:00")
    t.says("trap-1", SPRUNG)
    (first, *_) = t.told("trap_sprung opened: owner on patrol")
    assert "日の出" not in first.body


def test_a_town_whose_hunters_go_at_night_is_reminded_at_night():
    t, _ = sprung("2026-11-21 22:00", NIGHT_GOES)
    (late, *_) = t.at("22:15").told("trap_unacked overdue: owner on patrol")
    assert "日の出" not in late.body


@pytest.mark.parametrize("species", ["bear", "brown_bear"])
def test_a_bear_in_a_trap_never_waits_for_the_day(species: str):
    t = Timeline(hills(), "2026-11-21 22:00")
    t.says("trap-1", event("trap", "sprung", species=species))
    (first, *_) = t.told("trap_sprung opened: owner on patrol")
    assert "日の出" not in first.body
    assert the(t).severity is Severity.DANGER
    t.at("22:15").told("trap_unacked overdue: owner on patrol")
    t.at("22:30").told("trap_unacked overdue: owner on off patrol leader")
    t.at("23:00").told("trap_unacked overdue: office")


def test_a_promise_runs_out_at_night_too_and_the_reminders_then_wait():
    """Who went into the dark and does not answer is missed at once."""
    t, id = sprung("2026-11-21 20:00")
    t.does("take", id, who="on", eta="30").told("trap_acked taken: owner on patrol")
    t.at("21:30").told("trap_left overdue: owner on patrol")
    t.at("2026-11-22 06:46").silence()
    t.at("2026-11-22 06:47").told("trap_unacked overdue: owner on patrol")


# --- no word from the site --------------------------------------------------------------------------------


def test_two_hours_without_a_word_from_the_trap_are_told_once_to_who_can_telephone():
    t, id = sprung("2026-11-21 20:00")
    t.does("arrive", id, who="on").told("trap_acked taken: owner on patrol")
    t.restart().at("21:59:50").silence()
    (quiet, *_) = t.at("22:00").told("trap_quiet overdue: owner on leader office")
    assert "犬飼さんが12番に着いてから120分、連絡がありません" in quiet.body
    t.restart().at("2026-11-22 16:00").silence()
    t.does("done", id, who="on", result="empty", trap="armed")
    t.told("trap_done done: owner on patrol leader office")


def test_whoever_has_finished_is_not_missed():
    t, id = sprung()
    t.does("arrive", id, who="on").told("trap_acked taken: owner on patrol")
    t.passes(HOUR).does("done", id, who="on", result="captured", trap="later")
    t.told("trap_done done: owner on patrol office")
    t.passes(4 * HOUR).silence()


def test_a_silence_does_not_keep_a_bear_or_a_missing_hunter_from_those_who_must_know():
    t, id = sprung()
    t.does("silence", "device/trap-1", who="office", minutes="600", reason="試し")
    t.passes(HOUR).silence()
    t.does("arrive", id, who="on", species="bear")
    t.told("trap_acked taken: owner on patrol", "trap_wrong escalated: owner on patrol office")
    t.passes(2 * HOUR).told("trap_quiet overdue: owner on leader office")


def test_a_trap_that_the_town_has_no_more_is_not_chased_and_can_be_closed():
    t, id = sprung()
    gone = replace(hills(), devices={}, policy=t.town.policy)
    t.restart(replace(gone, devices={"gw": device("gw", "gateway", heartbeat="0s")}))
    t.passes(2 * HOUR).does("take", id, who="on").does("done", id, who="on", result="empty", trap="armed")
    t.silence()
    t.does("close", id)
    assert t.open() == []
    t.unread = []
