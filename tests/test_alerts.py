"""The life of alerts about animals and traps, and what holds for all of them, told on a timeline."""

from msgspec.structs import replace

from hub import alerts
from hub.alerts import Scene
from hub.config.policy import WildlifePolicy
from hub.config.shapes import Channel
from hub.geofence import Geofence
from hub.model import AlertState, EventKind, Mode, Severity
from tests.timeline import (
    ARMED,
    SPRUNG,
    Timeline,
    animal,
    motion,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import HOUR, MINUTE, at, camera, person, pir, place, square, town, trap


def paddies(**more):
    """Two paddies 200 m apart with a camera each, a farmer each, and a hunter for all ground."""
    return town(
        devices=[camera("cam-1"), camera("cam-2", east=200), pir("pir-1", north=20)],
        zones=[square("paddy-1", "paddy"), square("paddy-2", "paddy", east=200)],
        people=[
            person("sato", "farmer", zones=("paddy-1",)),
            person("ito", "farmer", zones=("paddy-2",)),
            person("hunter", "hunter"),
            person("office", "official"),
            person("mori", "resident", zones=("paddy-1",)),
        ],
        **more,
    )


# --- animals --------------------------------------------------------------------------------------


def test_a_boar_is_told_to_the_farmer_of_that_paddy_and_to_the_hunters_on_duty():
    t = Timeline(paddies())
    t.at("21:07").says("cam-1", animal("boar", 0.9))
    t.told("animal_detected opened: sato hunter")
    (alert,) = t.open("animal")
    assert (alert.kind, alert.severity, alert.opened_at) == (
        "animal",
        Severity.CAUTION,
        at("2026-11-21 21:07"),
    )
    assert alert.zones == ("paddy-1",)


def test_one_movement_is_told_to_nobody_and_two_are_an_animal():
    t = Timeline(paddies())
    t.at("21:07").says("pir-1", motion()).silence()
    t.passes(60_000).says("pir-1", motion())
    t.told("animal_detected opened: sato hunter")


def test_a_sensor_on_the_bank_speaks_for_the_paddy_beside_it():
    ground = town(
        devices=[camera("near", north=100), camera("far", north=600)],
        zones=[square("paddy", "paddy")],
        people=[person("sato", "farmer", zones=("paddy",))],
    )
    t = Timeline(ground)
    t.says("far", animal()).silence()
    t.says("near", animal())
    t.told("animal_detected opened: sato")


def test_a_visit_that_reaches_another_paddy_is_told_to_its_farmer_alone():
    t = Timeline(paddies())
    t.at("21:07").says("cam-1", animal())
    t.told("animal_detected opened: sato hunter")
    t.at("21:12").says("cam-2", animal())
    t.told("animal_detected spread: ito")
    (alert,) = t.open("animal")
    assert alert.zones == ("paddy-1", "paddy-2")
    assert alert.devices == ("cam-1", "cam-2")


def test_the_same_visit_is_held_back_until_the_cooldown_and_then_told_once():
    t = Timeline(paddies())
    t.at("21:00").says("cam-1", animal())
    t.told("animal_detected opened: sato hunter")
    for minute in range(5, 30, 5):
        t.at(f"21:{minute:02}").says("cam-1", animal(count=minute // 5))
    t.silence()
    assert t.open()[0].held == 5
    t.at("21:30").says("cam-1", animal())
    (update, _) = t.told("animal_update updated: sato hunter")
    assert "5頭" in update.body
    assert t.open()[0].held == 0
    t.at("21:35").says("cam-1", animal()).silence()


def test_who_is_new_to_a_visit_hears_of_it_once_also_when_the_others_are_due_an_update():
    t = Timeline(paddies())
    for minute in range(0, 30, 6):
        t.at(f"21:{minute:02}").says("cam-1", animal())
    t.told("animal_detected opened: sato hunter")
    t.at("21:30").says("cam-2", animal())
    t.told("animal_update updated: sato hunter", "animal_detected spread: ito")


def test_the_end_of_a_visit_is_told_to_those_who_were_told_of_it_and_to_nobody_else():
    t = Timeline(paddies())
    t.at("21:07").says("cam-1", animal())
    t.told("animal_detected opened: sato hunter")
    t.at("21:16:50").silence()
    t.at("21:17")
    (gone, _) = t.told("animal_closed cleared: sato hunter")
    assert "10分の間" in gone.body
    assert gone.severity == Severity.NOTICE
    assert t.open() == []
    (alert,) = t.alerts.values()
    assert (alert.state, alert.closed_at) == (AlertState.RESOLVED, at("2026-11-21 21:17"))


def test_an_animal_that_comes_back_after_the_end_is_a_new_visit():
    t = Timeline(paddies())
    t.says("cam-1", animal()).passes(20 * MINUTE).says("cam-1", animal())
    t.told(
        "animal_detected opened: sato hunter",
        "animal_closed cleared: sato hunter",
        "animal_detected opened: sato hunter",
    )
    assert len(t.alerts) == 2


def test_a_fox_and_a_person_are_told_to_nobody():
    t = Timeline(paddies())
    t.says("cam-1", animal("fox", 0.99), animal("person", 0.99)).passes(HOUR).silence()
    assert t.alerts == {}


def test_an_animal_where_nobody_has_a_field_opens_an_alert_that_nobody_is_told_of():
    t = Timeline(town(devices=[camera("cam")], people=[person("ito", "farmer", zones=("far",))]))
    t.says("cam", animal()).passes(HOUR).silence()
    (alert,) = t.alerts.values()
    assert (alert.state, alert.told) == (AlertState.RESOLVED, {})


def test_a_bear_is_told_to_all_who_live_or_work_there_to_hunters_and_to_the_office():
    t = Timeline(paddies())
    t.at("21:07").says("cam-1", animal("bear", 0.5))
    t.told("animal_bear opened: sato mori hunter office")
    assert t.open()[0].severity == Severity.DANGER


def test_a_bear_that_goes_on_to_the_houses_is_told_to_those_who_live_there():
    ground = town(
        devices=[camera("wood"), camera("houses", east=200)],
        zones=[square("homes", "dwelling", east=200)],
        people=[person("mori", "resident", zones=("homes",)), person("office", "official")],
    )
    t = Timeline(ground)
    t.says("wood", animal("bear"))
    t.told("animal_bear opened: office")
    t.passes(MINUTE).says("houses", animal("bear"))
    t.told("animal_bear spread: mori")


def test_a_boar_beside_a_bear_is_a_visit_of_its_own():
    t = Timeline(paddies())
    t.says("cam-1", animal("bear")).says("cam-1", animal("boar"))
    t.told("animal_bear opened: sato mori hunter office", "animal_detected opened: sato hunter")


def test_the_hunter_whose_duty_begins_during_a_visit_hears_when_it_reaches_new_ground():
    ground = paddies(wildlife=WildlifePolicy(quiet_for="30m"))
    people = {
        "night": person("night", "hunter", duty=("sat",)),
        "day": person("day", "hunter", duty=("sun",)),
    }
    ground.people.clear()
    ground.people.update(people)
    t = Timeline(ground)
    t.at("2026-11-22 05:55").says("cam-1", animal())
    t.told("animal_detected opened: night")
    t.at("06:01").says("cam-2", animal())
    t.told("animal_detected spread: day")


def test_an_alert_closed_by_hand_says_nothing_and_the_next_sighting_opens_another():
    t = Timeline(paddies())
    t.says("cam-1", animal())
    t.told("animal_detected opened: sato hunter")
    t.passes(MINUTE).does("close", t.open()[0].id).silence()
    t.passes(MINUTE).says("cam-1", animal())
    t.told("animal_detected opened: sato hunter")
    assert [alert.state for alert in t.alerts.values()] == [AlertState.RESOLVED, AlertState.OPEN]


# --- traps ----------------------------------------------------------------------------------------


def valley():
    return town(
        devices=[trap("trap-1", owner="owner")],
        zones=[square("hunt", "hunting")],
        people=[
            person("owner", "hunter", zones=("far",), duty=("mon",)),
            person("on", "hunter", zones=("hunt",)),
            person("off", "hunter", duty=("mon",)),
            person("farmer", "farmer"),
            person("operator", "operator"),
        ],
    )


def test_a_sprung_trap_is_told_to_its_owner_and_the_hunters_on_duty():
    t = Timeline(valley())
    t.at("21:07").says("trap-1", SPRUNG)
    (sprung, _) = t.told("trap_sprung opened: owner on")
    assert "ひとりで近づかないで" in sprung.body
    assert t.open()[0].severity == Severity.WARNING
    t.passes(HOUR).says("trap-1", SPRUNG).silence()


def test_only_the_reset_by_a_person_closes_a_trap_and_those_told_hear_of_it():
    t = Timeline(valley())
    t.says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on")
    t.passes(MINUTE).says("trap-1", ARMED).passes(HOUR).silence()
    assert len(t.open("trap")) == 1
    t.does("trap_reset", "trap-1", who="山根")
    (done, _) = t.told("trap_reset cleared: owner on")
    assert "報告 山根さん" in done.body
    assert t.open() == []


def test_a_trap_set_again_without_a_word_to_the_hub_that_springs_is_told_again():
    t = Timeline(valley())
    t.says("trap-1", SPRUNG).passes(HOUR).says("trap-1", ARMED).passes(HOUR).says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on", "trap_sprung updated: owner on")
    assert len(t.alerts) == 1


def test_a_sprung_trap_that_falls_silent_is_told_once_more_and_to_the_operators():
    t = Timeline(valley(), "2026-11-21 20:00")
    t.says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on")
    t.at("22:59").silence()
    t.at("23:00")
    told = t.told("trap_silent updated: owner on operator", "sensor_offline opened: owner operator")
    silent = next(n for n in told if n.template == "trap_silent")
    assert "最後の連絡 20:00" in silent.body
    t.at("2026-11-22 06:30").silence()


def test_a_trap_taken_out_of_use_springs_without_an_alert():
    t = Timeline(valley())
    t.does("trap_disarm", "trap-1").passes(MINUTE).says("trap-1", SPRUNG).silence()
    t.passes(MINUTE).does("trap_reset", "trap-1").passes(MINUTE).says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on")


def test_a_trap_alert_closed_by_its_id_is_a_reset_so_that_the_next_catch_is_told():
    t = Timeline(valley())
    t.says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on")
    t.passes(MINUTE).does("close", t.open()[0].id)
    t.told("trap_reset cleared: owner on")
    t.passes(MINUTE).says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on")


def test_an_act_upon_what_is_not_there_changes_nothing():
    t = Timeline(valley())
    for kind in ("trap_reset", "debris_cancel", "close", "siren_stop", "exercise", "dance"):
        t.does(kind, "nothing")
    t.does("trap_reset", "trap-1").silence()
    assert t.ledger.acts_after() == []
    assert t.alerts == {}


# --- what holds for all ---------------------------------------------------------------------------


def test_an_exercise_says_so_first_in_every_title_and_body():
    ground = valley()
    kinds = ("mail", "ntfy", "line", "sms", "other")
    channels = tuple(Channel(kind=kind, url="json://127.0.0.1/") for kind in kinds)
    ground.people["on"] = ground.people["on"].model_copy(update={"channels": channels})
    ground.people["owner"] = ground.people["owner"].model_copy(update={"lang": "en"})
    t = Timeline(ground, mode=Mode.EXERCISE)
    t.says("trap-1", SPRUNG).passes(HOUR).does("trap_reset", "trap-1")
    everybody = "owner on/mail on/ntfy on/line on/sms on/other"
    told = t.told(f"trap_sprung opened: {everybody}", f"trap_reset cleared: {everybody}")
    for n in told:
        mark = "[EXERCISE] " if n.recipient == "owner" else "【訓練】"
        assert n.body.startswith(mark)
        assert n.title.startswith(mark) or n.channel_kind == "sms"
    assert {alert.mode for alert in t.alerts.values()} == {Mode.EXERCISE}


def test_an_alert_keeps_the_mode_in_which_it_began():
    t = Timeline(valley(), mode=Mode.EXERCISE)
    t.says("trap-1", SPRUNG)
    t.told("trap_sprung opened: owner on")
    t.mode = Mode.ACTUAL
    t.restart().passes(MINUTE).does("trap_reset", "trap-1")
    assert all(n.title.startswith("【訓練】") for n in t.told("trap_reset cleared: owner on"))


def test_the_same_event_again_opens_the_same_alert_and_tells_under_the_same_ids():
    t = Timeline(valley())
    t.says("trap-1", SPRUNG)
    first = t.told("trap_sprung opened: owner on")
    event = next(e for e in t.events if e.kind is EventKind.TRAP_SPRUNG)
    scene = Scene(t.town, Geofence(t.town), t.town.devices["trap-1"], Mode.ACTUAL, t.now)
    again, tellings = alerts.step(scene, None, event)
    assert (again.id, again.opened_at) == (first[0].alert_id, event.at)
    open_now = t.open()[0]
    unchanged, tellings = alerts.step(replace(scene, now=t.now + MINUTE), open_now, event)
    assert (replace(unchanged, updated_at=open_now.updated_at), tellings) == (open_now, [])


def test_where_it_happened_stands_in_the_alert():
    t = Timeline(paddies())
    t.says("cam-2", animal())
    t.told("animal_detected opened: ito hunter")
    (alert,) = t.open("animal")
    assert (alert.lat, alert.lon) == place(0, 200)
    assert (alert.place, alert.place_en) == ("cam-2の所", "at cam-2")
