"""What goes on in danger is told again until somebody has seen it: to whom, when, in which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import wording
from hub.alerts import repeats
from hub.config.policy import RepeatPolicy, WildlifePolicy
from hub.config.shapes import Channel
from hub.model import Alert, AlertState, EventKind, Mode, Severity
from hub.wording.render import LANGS, SMS_CHARS
from tests.stepped import Stepped
from tests.timeline import Timeline, animal, nothing_else_was_told
from tests.towns import HOUR, MINUTE, SECOND, at, camera, gauge, person, square, town

__all__ = ["nothing_else_was_told"]

NOON = "2026-11-21 12:00"
LEVELS = {"caution": 3.0, "danger": 4.0, "overflow": 5.0}
OPENED = "river_lv4 opened: office corps mori"
AGAIN = "river_lv4 repeated: office corps"


def valley(**more):
    return town(
        devices=[
            gauge("gauge", LEVELS, max_rise_m_per_10min=9.0, heartbeat="0s"),
            camera("cam", heartbeat="0s"),
        ],
        zones=[square("flood", "flood", rivers=("gauge",))],
        people=[
            person("office", "official"),
            person("corps", "corps"),
            person("mori", "resident", zones=("flood",)),
            person("hunter", "hunter"),
            person("operator", "operator"),
        ],
        **{"repeat": RepeatPolicy()} | more,
    )


def in_danger(start=NOON, **more):
    t = Timeline(valley(**more), start)
    t.says("gauge", level_m=4.2).told(OPENED)
    return t


def told_at(t, until):
    """Minutes after noon at which something was told again."""
    found = []
    began = at(NOON)
    while t.now < until:
        t.passes(MINUTE)
        if t.unread:
            t.told(AGAIN)
            found.append((t.now - began) // MINUTE)
    return found


def test_it_is_told_again_after_10_20_40_and_then_each_60_minutes():
    t = in_danger()
    assert told_at(t, at("2026-11-21 16:20")) == [10, 30, 70, 130, 190, 250]


def test_it_is_told_so_often_at_most():
    t = in_danger(repeat=RepeatPolicy(after=("10m",), most=3))
    assert told_at(t, at("2026-11-21 14:00")) == [10, 20, 30]


def test_none_is_told_again_where_the_town_does_not_want_it():
    in_danger(repeat=RepeatPolicy(most=0)).passes(5 * HOUR).silence()


@pytest.mark.parametrize("crash", range(1, 13))
def test_a_restart_at_any_minute_neither_forgets_nor_doubles_one(crash):
    t = in_danger()
    t.passes(crash * MINUTE).restart()
    while t.now < at("2026-11-21 13:15"):
        t.passes(MINUTE).restart()
    told = t.told(AGAIN, AGAIN, AGAIN)
    assert len({n.id for n in told}) == 6


def test_after_an_outage_of_hours_it_is_told_again_once_and_not_for_each_that_was_missed():
    t = in_danger()
    t.now += 6 * HOUR
    t.restart().passes(5 * MINUTE)
    (text, _) = t.told(AGAIN)
    assert text.body.startswith("続報 1回目・6時間経過\n")


def test_one_who_has_seen_it_is_enough_and_a_resident_is_not():
    t = in_danger()
    (alert,) = t.open("river")
    t.does("acknowledge", alert.id, who="mori").passes(10 * MINUTE).told(AGAIN)
    t.does("acknowledge", alert.id, who="corps").passes(5 * HOUR).silence()
    assert set(t.open("river")[0].acknowledged) == {"mori", "corps"}


def test_who_acknowledges_by_telephone_is_named_at_the_command_line():
    t = in_danger()
    (alert,) = t.open("river")
    t.does("acknowledge", alert.id, who="役場 小林").passes(5 * HOUR).silence()


def test_who_acknowledges_twice_has_seen_it_the_first_time():
    t = in_danger()
    (alert,) = t.open("river")
    t.does("acknowledge", alert.id, who="corps").passes(MINUTE).does("acknowledge", alert.id, who="corps")
    assert t.open("river")[0].acknowledged == {"corps": at(NOON)}
    assert sum(e.kind is EventKind.ACKNOWLEDGED for e in t.events) == 1


def test_less_than_danger_is_told_once():
    t = Timeline(valley(), NOON)
    t.says("gauge", level_m=3.2).told("river_lv2 opened: office corps mori")
    t.passes(5 * HOUR).silence()


def test_a_river_that_nobody_watches_any_more_is_told_again_to_operators_too():
    ground = valley()
    own = ground.devices["gauge"].model_copy(update={"heartbeat": 10 * MINUTE})
    ground.devices["gauge"] = own
    t = Timeline(ground, NOON)
    t.says("gauge", level_m=3.2).told("river_lv2 opened: office corps mori")
    t.passes(31 * MINUTE).told("river_unwatched opened: office corps operator")
    t.passes(10 * MINUTE)
    (text, *_) = t.told("river_unwatched repeated: office corps operator")
    assert text.title.startswith("【続報1】【水位 見張れず】")


def test_while_the_clock_is_not_set_nothing_is_told_again_and_then_it_is():
    t = Stepped(valley(), NOON, off=60_000 - at(NOON))
    t.says("gauge", level_m=4.2).told(OPENED)
    t.passes(25 * MINUTE).silence()
    t.set_clock(-t.off).passes(10 * SECOND).told(AGAIN)
    t.passes(19 * MINUTE).silence()


def test_a_clock_that_is_set_moves_no_repeat():
    t = Stepped(valley(), NOON)
    t.says("gauge", level_m=4.2).told(OPENED)
    t.passes(5 * MINUTE).set_clock(5 * HOUR).passes(4 * MINUTE).silence()
    t.passes(2 * MINUTE)
    (text, _) = t.told(AGAIN)
    assert text.body.startswith("続報 1回目・10分経過\n")


def test_a_replay_tells_nothing_again():
    t = Timeline(valley(), NOON, live=False)
    t.says("gauge", level_m=4.2).told(OPENED)
    t.passes(5 * HOUR).silence()


def test_the_words_fit_every_channel_in_every_language():
    kinds = ("mail", "ntfy", "line", "sms", "other")
    channels = tuple(Channel(kind=kind, url="json://127.0.0.1/") for kind in kinds)
    ground = valley(wildlife=WildlifePolicy(quiet_for="1h"))
    ground.people.clear()
    ground.people.update(
        {
            f"office-{lang}": person(f"office-{lang}", "official", lang=lang, channels=channels)
            for lang in LANGS
        }
    )
    t = Timeline(ground, NOON)
    t.says("gauge", level_m=4.2).says("cam", animal("bear"))
    t.unread.clear()
    t.passes(10 * MINUTE)
    told = [n for n in t.unread if n.reason == "repeated"]
    assert len(told) == 2 * 3 * 5
    for n in told:
        first = "UPDATE 1, 10 min on" if n.recipient == "office-en" else "続報 1回目・10分経過"
        if n.channel_kind == "sms":
            assert len(n.body) <= SMS_CHARS
            assert n.body.startswith(("続報", "UPDATE", "[", "【"))
        else:
            assert n.body.splitlines()[0] == first
            assert n.title.startswith(("【続報1】", "[UPDATE 1] "))
    t.unread.clear()


@pytest.mark.parametrize("mark", ["", "【訓練】"])
def test_an_sms_says_that_it_goes_on_where_there_is_room_and_never_loses_what_to_do(mark):
    for length in range(5, 72 - len(mark)):
        body = mark + "逃" * length
        _, text = wording.repeated("", body, "ja", "sms", count=3, minutes=40)
        assert len(text) <= max(SMS_CHARS, len(body))
        assert text.startswith(mark)
        assert text.endswith("逃" * length)


@given(st.integers(0, 10), st.integers(0, 10 * HOUR), st.sampled_from(Severity), st.booleans())
def test_nothing_is_due_before_its_pause_nor_for_whom_nobody_was_told(repeated, passed, severity, told):
    ground = valley()
    alert = Alert(
        id="river-1",
        incident="river/gauge",
        kind="river",
        severity=severity,
        device="gauge",
        opened_at=at(NOON),
        updated_at=at(NOON),
        lat=None,
        lon=None,
        place="",
        place_en="",
        state=AlertState.OPEN,
        mode=Mode.ACTUAL,
        level="danger",
        told={"office": int(severity)} if told else {"mori": int(severity)},
        last_told_at=at(NOON),
        repeats=repeated,
    )
    due = repeats.tick(ground, [alert], at(NOON) + passed)
    after = ground.policy.repeat.after
    pause = after[min(repeated, len(after) - 1)]
    wanted = severity >= Severity.DANGER and told and passed >= pause and repeated < 10
    assert bool(due) == wanted
    assert [e.count for e in due] == ([repeated + 1] if wanted else [])
