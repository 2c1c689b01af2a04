"""The life of river alerts: who hears of which level, of doubt, of the fall and of the all clear."""

from hub.config.shapes import Kind, LevelNames, Profile
from hub.model import Severity
from tests.timeline import Timeline, nothing_else_was_told  # noqa: F401
from tests.towns import HOUR, MINUTE, device, gauge, person, square, town

LEVELS = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}

STEADY = Profile(model="steady", name="steady gauge", kind=Kind.RIVER, decoder="naruko", heartbeat="10m")


def valley(**more):
    """One gauge that reports each 10 min, and somebody of every role; `hill` lives far from the river."""
    own = gauge("gauge", LEVELS, max_rise_m_per_10min=0.8, **more)
    return town(
        devices=[own.model_copy(update={"profile": "steady"})],
        profiles=[STEADY],
        zones=[square("flood", "flood", rivers=("gauge",)), square("upper", "dwelling", north=2000)],
        people=[
            person("office", "official"),
            person("corps", "corps"),
            person("mori", "resident", zones=("flood",)),
            person("sato", "farmer", zones=("flood",)),
            person("home", "welfare", zones=("flood",)),
            person("hunter", "hunter", zones=("flood",)),
            person("hill", "resident", zones=("upper",)),
            person("operator", "operator"),
        ],
    )


def flow(t, *levels_m):
    """One level each 10 minutes."""
    for level_m in levels_m:
        t.says("gauge", level_m=level_m).passes(10 * MINUTE)
    return t


def test_each_level_reaches_those_who_act_on_it_and_nobody_twice():
    t = Timeline(valley())
    flow(t, 1.5, 1.9).silence()
    flow(t, 2.1)
    t.told("river_standby opened: office corps")
    flow(t, 2.7, 3.1)
    t.told("river_lv2 escalated: office corps mori sato")
    flow(t, 3.6)
    t.told("river_lv3 escalated: office corps mori sato home")
    flow(t, 4.1)
    t.told("river_lv4 escalated: office corps mori sato home hunter")
    flow(t, 4.6, 5.1)
    t.told("river_lv5 escalated: office corps mori sato home hunter")
    flow(t, 5.2, 5.1, 5.0).silence()
    (alert,) = t.open()
    assert (alert.kind, alert.level, alert.severity) == ("river", "overflow", Severity.LIFE)


def test_a_level_that_is_passed_within_one_report_is_not_told_after_the_higher_one():
    t = Timeline(valley())
    flow(t, 2.9, 3.6)
    t.told(
        "river_standby opened: office corps",
        "river_lv3 escalated: office corps mori sato home",
    )


def test_a_first_report_above_a_level_is_told():
    t = Timeline(valley())
    t.says("gauge", level_m=4.2)
    t.told("river_lv4 opened: office corps mori sato home hunter")


def test_the_fall_is_told_to_those_who_were_told_of_more_and_the_all_clear_to_all():
    t = Timeline(valley())
    flow(t, 1.9, 2.1, 2.7, 3.1)
    t.told("river_standby opened: office corps", "river_lv2 escalated: office corps mori sato")
    flow(t, 2.89, 2.89, 2.89).silence()
    flow(t, 2.89)
    (falling, *_) = t.told("river_falling falling: office corps mori sato")
    assert "氾濫注意水位を下回りました" in falling.body
    assert t.open()[0].severity == Severity.NOTICE
    flow(t, 2.2, 1.85, 1.85, 1.85).silence()
    flow(t, 1.85)
    (clear, *_) = t.told("river_cleared cleared: office corps mori sato")
    assert "水防団待機水位を下回り、30分続きました" in clear.body
    assert t.open() == []


def test_a_fall_by_two_levels_at_once_names_the_lowest_that_was_left():
    t = Timeline(valley())
    flow(t, 3.3, 3.6)
    t.told(
        "river_lv2 opened: office corps mori sato",
        "river_lv3 escalated: office corps mori sato home",
    )
    flow(t, 2.85, 2.5, 2.5, 2.5)
    (falling, *_) = t.told("river_falling falling: office corps mori sato home")
    assert "氾濫注意水位を下回りました" in falling.body


def test_who_was_told_of_the_lower_level_alone_hears_nothing_of_the_fall_to_it():
    t = Timeline(valley())
    flow(t, 1.9, 2.1)
    t.told("river_standby opened: office corps")
    ground = valley()
    ground.people["new"] = person("new", "corps")
    t.restart(ground)
    flow(t, 2.7, 3.1)
    t.told("river_lv2 escalated: office corps new mori sato")
    flow(t, 2.8, 2.8, 2.8, 2.8)
    t.told("river_falling falling: office corps new mori sato")
    flow(t, 3.1)
    t.told("river_lv2 escalated: office corps new mori sato")


def test_a_river_that_rises_again_after_the_fall_is_told_again():
    t = Timeline(valley())
    flow(t, 2.9, 3.6, 3.3, 3.3, 3.3, 3.3)
    t.told(
        "river_standby opened: office corps",
        "river_lv3 escalated: office corps mori sato home",
        "river_falling falling: office corps mori sato home",
    )
    flow(t, 3.6)
    t.told("river_lv3 escalated: office corps mori sato home")


def test_a_river_that_swings_about_its_level_is_told_once():
    t = Timeline(valley())
    flow(t, 2.9, 3.1, 2.95, 3.1, 2.95, 3.05, 2.92, 3.0)
    t.told("river_standby opened: office corps", "river_lv2 escalated: office corps mori sato")


def test_missing_levels_clear_nothing():
    t = Timeline(valley())
    flow(t, 3.1)
    t.told("river_lv2 opened: office corps mori sato")
    flow(t, *[None] * 12).silence()
    assert t.open()[0].level == "caution"


def test_no_message_orders_an_evacuation_or_names_a_level_that_only_the_mayor_gives():
    t = Timeline(valley())
    flow(t, 1.9, 2.1, 2.7, 3.1, 3.6, 4.1, 4.6, 5.1, *[1.0] * 12)
    bodies = [n.title + n.body for n in t.unread]
    t.unread = []
    assert len(bodies) > 20
    assert not any(word in body for body in bodies for word in ("避難指示", "避難勧告", "警報"))
    assert all("相当" in body for body in bodies if "警戒レベル" in body)


def test_the_own_levels_of_a_town_have_its_own_words_and_no_level_of_warning():
    names = {"caution": LevelNames(ja="橋の青線", en="blue line at the bridge")}
    t = Timeline(valley(official=False, names=names))
    t.says("gauge", level_m=3.1)
    for n in t.told("river_lv2 opened: office corps mori sato"):
        assert "橋の青線をこえました" in n.body
        assert "警戒レベル" not in n.body


# --- doubt ----------------------------------------------------------------------------------------


def test_a_sudden_rise_is_told_at_once_to_office_and_corps_and_to_all_when_a_second_report_agrees():
    t = Timeline(valley())
    flow(t, 1.5, 1.5)
    t.says("gauge", level_m=4.1)
    told = t.told("river_unverified unverified: office corps", "river_lv4 opened: office corps")
    assert any("10分で+2.60m" in n.body for n in told)
    t.passes(10 * MINUTE).says("gauge", level_m=4.2)
    t.told("river_lv4 escalated: mori sato home hunter")
    assert [alert.kind for alert in t.open()] == ["river"]


def test_a_sudden_rise_that_no_second_report_bears_out_is_taken_back_and_no_resident_hears_of_it():
    t = Timeline(valley())
    flow(t, 1.5, 1.5, 4.1)
    t.told("river_unverified unverified: office corps", "river_lv4 opened: office corps")
    flow(t, 1.5, 1.5)
    (taken_back, _) = t.told("river_cleared cleared: office corps")
    assert "分続き" not in taken_back.body
    assert t.open() == []


def test_a_sudden_fall_is_told_to_the_office_alone_and_once():
    t = Timeline(valley())
    flow(t, 2.5, 2.5)
    t.told("river_standby opened: office corps")
    flow(t, 0.0, 0.0, 0.0)
    t.told("river_unverified unverified: office")
    flow(t, 2.5, 2.5).silence()
    assert t.open()[0].level == "standby"


def test_a_second_episode_of_doubt_is_told_again():
    t = Timeline(valley())
    flow(t, 2.9, 2.9, 0.0, 0.0, 2.9, 2.9, 2.9, 0.0, 0.0)
    t.told(
        "river_standby opened: office corps",
        "river_unverified unverified: office",
        "river_unverified unverified: office",
    )


def test_an_unconfirmed_level_above_one_in_force_is_taken_back_to_that():
    t = Timeline(valley())
    flow(t, 2.5, 3.1)
    t.told("river_standby opened: office corps", "river_lv2 escalated: office corps mori sato")
    flow(t, 4.8)
    t.told("river_unverified unverified: office corps", "river_lv4 escalated: office corps")
    (alert,) = t.open("river")
    assert (alert.level, alert.confirmed) == ("danger", False)
    flow(t, 3.1, 3.1)
    t.told("river_falling falling: office corps")
    (alert,) = t.open("river")
    assert (alert.level, alert.confirmed) == ("caution", True)


# --- silence in a flood ---------------------------------------------------------------------------


def test_a_gauge_that_falls_silent_above_caution_is_an_alert_of_danger():
    t = Timeline(valley())
    flow(t, 3.0, 3.1)
    t.told("river_lv2 opened: office corps mori sato")
    t.passes(HOUR)
    (unwatched, *_) = t.told("river_unwatched opened: office corps operator")
    assert "この川は今、見張れていません" in unwatched.body
    assert "最後の水位は3.10m（氾濫注意水位をこえたまま）" in unwatched.body
    assert t.open("unwatched")[0].severity == Severity.DANGER
    assert t.open("river")[0].level == "caution", "what nobody sees is not over"
    t.passes(HOUR).says("gauge", level_m=3.0)
    t.told("sensor_back cleared: office corps operator")


def test_a_gauge_that_falls_silent_below_caution_is_a_fault():
    t = Timeline(valley())
    flow(t, 2.1)
    t.told("river_standby opened: office corps")
    t.passes(HOUR)
    t.told("sensor_offline opened: corps operator")


def test_a_flood_is_told_also_while_its_gateway_is_gone():
    ground = valley(gateway="gw")
    ground.devices["gw"] = device("gw", "gateway")
    t = Timeline(ground)
    t.hears("gw")
    t.says("gauge", level_m=3.1)
    t.told("river_lv2 opened: office corps mori sato")
    t.passes(HOUR)
    t.told("gateway_offline opened: operator", "river_unwatched opened: office corps operator")
