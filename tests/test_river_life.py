"""Rivers and slopes from the first doubt to the all clear, and what a person says of them."""

import pytest

from hub.acts import apply
from hub.config.policy import RepeatPolicy, SlopePolicy, StormPolicy
from hub.model import Act, AlertState, EventKind, Severity
from tests.timeline import CUT, LEANS, MENDED, Timeline, nothing_else_was_told
from tests.towns import HOUR, MINUTE, camera, device, gauge, person, slope, square, town

__all__ = ["nothing_else_was_told"]

LEVELS = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}
OFFICE = "office corps"
ALONG = "office corps mori sato home"
ALL = "office corps mori sato home hunter"


def valley(*devices, rise_m=0.8, **more):
    """A gauge that reports each 10 min, a torrent, and somebody of every role; `hill` lives far away."""
    own = gauge("gauge", LEVELS, max_rise_m_per_10min=rise_m, heartbeat="1h", flood_heartbeat="1h")
    wire, pole = slope("wire", heartbeat="0s"), slope("pole", "vibration", north=20, heartbeat="0s")
    return town(
        devices=[own, wire, pole, *devices],
        zones=[
            square("flood", "flood", rivers=("gauge",)),
            square("below", "stream", rivers=("大沢",)),
            square("upper", "dwelling", north=2000),
        ],
        people=[
            person("office", "official"),
            person("corps", "corps"),
            person("mori", "resident", zones=("flood", "below")),
            person("sato", "farmer", zones=("flood",)),
            person("home", "welfare", zones=("flood",)),
            person("hunter", "hunter", zones=("flood",)),
            person("hill", "resident", zones=("upper",)),
        ],
        **more,
    )


def flow(t, *levels_m):
    for level_m in levels_m:
        t.says("gauge", level_m=level_m).passes(10 * MINUTE)
    return t


def in_danger(t):
    flow(t, 1.9, 2.1, 2.7, 3.1, 3.6, 4.1)
    t.told(
        f"river_standby opened: {OFFICE}",
        f"river_lv2 escalated: {OFFICE} mori sato",
        f"river_lv3 escalated: {ALONG}",
        f"river_lv4 escalated: {ALL}",
    )
    return t


# --- the all clear ------------------------------------------------------------------------------------


@pytest.mark.parametrize("restarts", [False, True])
def test_the_all_clear_reaches_everybody_who_was_told_of_any_level(restarts):
    t = in_danger(Timeline(valley(rise_m=9.0)))
    for level_m in (3.4, *[1.5] * 4):
        flow(t, level_m)
        if restarts:
            t.restart()
    t.told(f"river_falling falling: {ALL}", f"river_cleared cleared: {ALL}")
    assert t.open() == []


def test_who_was_in_danger_hears_every_all_clear_though_it_is_a_storm_of_them():
    """Four rivers in danger; told of the fall, what each counts as told of is little by then."""
    ids = [f"g{n}" for n in range(4)]
    gauges = [gauge(id, LEVELS, max_rise_m_per_10min=9.0, heartbeat="0s") for id in ids]
    t = Timeline(
        town(
            gauges,
            [square("flood", "flood", rivers=tuple(ids))],
            [person("office", "official"), person("mori", "resident", zones=("flood",))],
            storm=StormPolicy(first=2),
        )
    )
    for level_m in (4.2, *[2.5] * 4, *[1.5] * 4):
        for id in ids:
            t.says(id, level_m=level_m)
        t.passes(10 * MINUTE)
    every = " ".join(["office mori"] * 4)
    told = [n for n in t.unread if n.template == "river_cleared"]
    assert sorted(n.recipient for n in told if n.status == "pending") == sorted(every.split())
    assert t.open() == []
    t.unread.clear()


def test_a_river_closed_by_hand_is_told_to_all_who_were_told_and_a_higher_level_is_news():
    t = in_danger(Timeline(valley()))
    (alert,) = t.open("river")
    t.does("close", alert.id)
    (text, *_) = t.told(f"river_closed cleared: {ALL}")
    assert "避難情報が解除されるまで戻らないで" in text.body
    flow(t, 4.1).silence()
    flow(t, 4.6, 5.1)
    t.told(f"river_lv5 opened: {ALL}")


# --- a doubt, confirmed or taken back -----------------------------------------------------------------


def in_doubt(t, jump=2.9):
    """A jump that may be a flood or a fault, below 氾濫注意水位."""
    flow(t, 1.5, 1.5)
    t.says("gauge", level_m=jump)
    return t


def test_a_doubtful_rise_that_an_official_confirms_is_told_along_the_river_as_what_it_is():
    t = in_doubt(Timeline(valley()), jump=2.9)
    t.told(f"river_unverified unverified: {OFFICE}", f"river_standby opened: {OFFICE}")
    (doubt,) = t.open("river_unverified")
    t.passes(5 * MINUTE).restart().does("confirm", doubt.id, who="office")
    told = t.told(f"river_confirmed escalated: {ALONG}")
    assert "現地で確認しました" in told[0].body
    assert "いま2.90m" in told[0].body
    t.does("confirm", doubt.id, who="corps").silence()
    t.passes(5 * MINUTE)
    flow(t, 2.9, 2.9)
    t.told(f"river_verified cleared: {ALONG}")
    assert [alert.kind for alert in t.open()] == ["river"]


def test_a_doubtful_level_that_an_official_confirms_is_told_to_the_residents_as_that_level():
    t = in_doubt(Timeline(valley()), jump=4.2)
    t.told(f"river_unverified unverified: {OFFICE}", f"river_lv4 opened: {OFFICE}")
    (doubt,) = t.open("river_unverified")
    t.passes(2 * MINUTE).does("confirm", doubt.id, who="office")
    told = t.told("river_lv4 escalated: mori sato home hunter")
    assert "いま4.20m" in told[0].body
    t.passes(8 * MINUTE)
    flow(t, 4.2, 4.2).silence()
    assert [(a.kind, a.level, a.confirmed) for a in t.open()] == [("river", "danger", True)]


def test_a_doubtful_rise_above_a_level_that_all_know_is_told_along_the_river_when_it_is_confirmed():
    t = Timeline(valley())
    flow(t, 2.9, 3.1)
    t.told(f"river_standby opened: {OFFICE}", f"river_lv2 escalated: {OFFICE} mori sato")
    t.restart(valley(rise_m=0.1)).says("gauge", level_m=3.4)
    t.told(f"river_unverified unverified: {OFFICE}")
    (doubt,) = t.open("river_unverified")
    t.does("confirm", doubt.id, who="office").told(f"river_confirmed escalated: {ALONG}")


def test_a_doubtful_fall_that_an_official_confirms_is_no_news_for_residents():
    t = Timeline(valley())
    flow(t, 3.1, 3.1)
    t.told(f"river_lv2 opened: {OFFICE} mori sato")
    flow(t, 1.0, 0.5)
    t.told("river_unverified unverified: office")
    (doubt,) = t.open("river_unverified")
    t.does("confirm", doubt.id, who="office").silence()
    assert t.open("river_unverified")[0].label == "true"


def test_a_doubtful_rise_that_was_a_fault_is_taken_back_with_its_cause_to_those_who_were_told():
    t = in_doubt(Timeline(valley()), jump=4.2)
    t.told(f"river_unverified unverified: {OFFICE}", f"river_lv4 opened: {OFFICE}")
    (doubt,) = t.open("river_unverified")
    t.passes(2 * MINUTE).does("cancel", doubt.id, who="office", detail="クモの巣")
    (text, _) = t.told(f"river_false cancelled: {OFFICE}")
    assert "（原因：クモの巣）" in text.body
    assert t.open() == []
    assert {(a.state, a.cause, a.label) for a in t.alerts.values()} == {
        (AlertState.CANCELLED, "クモの巣", "false")
    }
    t.passes(8 * MINUTE)
    flow(t, 1.5, 1.5, 1.5, 1.5, 1.5).silence()
    flow(t, 2.1).told(f"river_standby opened: {OFFICE}")


def test_the_same_fault_that_goes_on_after_it_was_taken_back_is_not_told_again_and_a_flood_is():
    t = in_doubt(Timeline(valley()), jump=3.2)
    t.told(f"river_unverified unverified: {OFFICE}", f"river_lv2 opened: {OFFICE}")
    (doubt,) = t.open("river_unverified")
    t.does("cancel", doubt.id, who="office", detail="クモの巣").unread.clear()
    t.passes(10 * MINUTE)
    flow(t, 1.5, 3.2, 1.5, 1.5).silence()
    flow(t, 2.2, 2.9, 3.3)
    t.told(f"river_standby opened: {OFFICE}", f"river_lv2 escalated: {OFFICE} mori sato")


def test_only_the_towns_own_people_judge_a_river_on_a_page():
    t = in_doubt(Timeline(valley()), jump=2.9)
    t.unread.clear()
    (doubt,) = t.open("river_unverified")

    def taps(who, kind):
        t.store(apply(t.pipeline, [Act(0, t.now, who, "web", kind, doubt.id)], t.now))

    for kind in ("confirm", "cancel"):
        taps("mori", kind)
        taps("nobody", kind)
    t.silence()
    taps("corps", "confirm")
    t.told(f"river_confirmed escalated: {ALONG}")


# --- debris flow and slope ----------------------------------------------------------------------------

RUN = "debris_flow opened: mori"
DOUBT = f"debris_unconfirmed opened: {OFFICE}"


def test_a_debris_flow_cancelled_by_its_alert_has_a_cause_and_the_time_that_it_took():
    t = Timeline(valley())
    t.says("wire", CUT).told(RUN, DOUBT)
    (alert,) = t.open("debris")
    t.passes(25 * MINUTE).does("cancel", alert.id, who="office", detail="シカ")
    (text, *_) = t.told(f"debris_false cancelled: {OFFICE} mori")
    assert "（原因：シカ）" in text.body
    (closed,) = t.alerts.values()
    assert (closed.state, closed.cause, closed.label) == (AlertState.CANCELLED, "シカ", "false")
    assert closed.closed_at - closed.opened_at == 25 * MINUTE
    t.says("wire", MENDED).says("wire", CUT).told(RUN, DOUBT)


def test_a_debris_flow_that_an_official_has_seen_is_told_on_as_confirmed():
    t = Timeline(valley())
    t.says("wire", CUT).told(RUN, DOUBT)
    (alert,) = t.open("debris")
    t.passes(MINUTE).restart().does("confirm", alert.id, who="office")
    (text, _) = t.told(f"debris_confirmed escalated: {OFFICE}")
    assert "現地の確認 officeさん" in text.body
    (alert,) = t.open("debris")
    assert (alert.confirmed, alert.label) == (True, "true")
    t.does("confirm", alert.id, who="corps").silence()


def test_an_official_who_confirms_where_the_town_waits_for_it_makes_those_below_run():
    quiet = SlopePolicy(dry_wire_officials_only=True, dry_wire_reason="シカが多い")
    t = Timeline(valley(slope=quiet))
    t.says("wire", CUT).told(DOUBT)
    (alert,) = t.open("debris")
    t.does("confirm", alert.id, who="office")
    t.told("debris_flow escalated: mori", f"debris_confirmed escalated: {OFFICE}")


def test_a_moving_slope_that_an_official_confirms_is_told_to_those_below():
    t = Timeline(valley())
    t.says("pole", LEANS).told(f"slope_check unverified: {OFFICE}")
    (alert,) = t.open("slope_check")
    t.passes(10 * MINUTE).does("confirm", alert.id, who="office")
    (text, *_) = t.told(f"slope_confirmed escalated: {OFFICE} mori")
    assert "沢と直角の高い所へ" in text.body
    (alert,) = t.open("slope_check")
    assert alert.severity == Severity.DANGER


def test_a_slope_that_was_nothing_is_taken_back():
    t = Timeline(valley())
    t.says("pole", LEANS).told(f"slope_check unverified: {OFFICE}")
    (alert,) = t.open("slope_check")
    t.does("cancel", alert.id, who="office", detail="草刈り")
    t.told(f"slope_false cancelled: {OFFICE}")
    assert t.open() == []


def test_a_judgement_upon_what_is_not_there_changes_nothing():
    t = Timeline(valley())
    for kind in ("confirm", "cancel", "acknowledge", "label", "close"):
        t.does(kind, "nothing")
    t.silence()


# --- told again ---------------------------------------------------------------------------------------


def test_a_river_in_danger_is_told_again_to_the_office_and_corps_with_the_level_as_it_is():
    t = Timeline(valley(repeat=RepeatPolicy()))
    t.says("gauge", level_m=4.2).told(f"river_lv4 opened: {ALL}")
    t.passes(5 * MINUTE).says("gauge", level_m=4.4).passes(5 * MINUTE)
    (text, _) = t.told(f"river_lv4 repeated: {OFFICE}")
    assert text.body.startswith("続報 1回目・10分経過\n21:00 氾濫危険水位をこえました")
    assert "いま4.40m" in text.body
    assert t.open("river")[0].told["mori"] == Severity.DANGER


def test_who_had_seen_one_level_has_not_seen_the_next():
    t = Timeline(valley(repeat=RepeatPolicy()))
    t.says("gauge", level_m=4.2).told(f"river_lv4 opened: {ALL}")
    (alert,) = t.open("river")
    t.does("acknowledge", alert.id, who="corps").restart().passes(30 * MINUTE).silence()
    t.says("gauge", level_m=4.9).passes(10 * MINUTE).says("gauge", level_m=5.1)
    t.told(f"river_lv5 escalated: {ALL}")
    (alert,) = t.open("river")
    assert (alert.acknowledged, alert.repeats) == ({}, 0)
    t.passes(10 * MINUTE)
    (text, _) = t.told(f"river_lv5 repeated: {OFFICE}")
    assert text.body.startswith("続報 1回目・10分経過\n")
    t.does("acknowledge", alert.id, who="office").passes(40 * MINUTE).silence()
    assert [e.who for e in t.events if e.kind is EventKind.ACKNOWLEDGED] == ["corps", "office"]


def test_a_river_that_falls_out_of_danger_is_told_no_more():
    t = Timeline(valley(repeat=RepeatPolicy()))
    t.says("gauge", level_m=4.2).told(f"river_lv4 opened: {ALL}")
    t.passes(9 * MINUTE)
    flow(t, 3.7, 3.7, 3.7, 3.7)
    t.told(
        f"river_lv4 repeated: {OFFICE}",
        f"river_lv4 repeated: {OFFICE}",
        f"river_falling falling: {ALL}",
    )
    flow(t, 3.7, 3.7, 3.7).silence()


def test_an_unconfirmed_debris_flow_is_told_again_to_those_who_heard_of_the_doubt():
    t = Timeline(valley(repeat=RepeatPolicy()))
    t.says("wire", CUT).told(RUN, DOUBT)
    t.passes(10 * MINUTE)
    (text, _) = t.told(f"debris_unconfirmed repeated: {OFFICE}")
    assert text.title == "【続報1】【土石流 要確認】大沢"
    assert text.severity == Severity.LIFE


def test_the_lower_level_of_a_river_that_rises_fast_is_inhibited_by_the_higher():
    t = Timeline(valley())
    t.says("gauge", level_m=4.2).told(f"river_lv4 opened: {ALL}")
    flow(t, 4.1, 4.1).silence()


def test_the_devices_of_a_gateway_that_is_gone_are_inhibited():
    ground = town(
        devices=[
            device("gw", "gateway"),
            *(camera(f"c{n}", gateway="gw", heartbeat="10m") for n in range(5)),
        ],
        people=[person("operator", "operator")],
    )
    t = Timeline(ground)
    t.hears("gw", *(f"c{n}" for n in range(5))).passes(2 * HOUR)
    (text,) = t.told("gateway_offline opened: operator")
    assert "c0" in text.body
