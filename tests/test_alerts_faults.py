"""The life of alerts about slopes, and about the devices themselves."""

import pytest

from hub.config.policy import SlopePolicy
from hub.config.shapes import Battery, Kind, Profile
from hub.model import AlertState, EventKind, Severity
from tests.timeline import (
    CUT,
    LEANS,
    MENDED,
    SHAKES,
    Timeline,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import (
    HOUR,
    MINUTE,
    SECOND,
    device,
    person,
    pir,
    siren,
    slope,
    square,
    town,
    trap,
)

DRY_TO_OFFICE = SlopePolicy(dry_wire_officials_only=True, dry_wire_reason="鹿が線を切る")


def torrent(beat="0s", **policy):
    """Two wires and a pole on one stream, a rain gauge, a siren; `kato` is of the corps and lives below."""
    return town(
        devices=[
            slope("wire-1", heartbeat=beat),
            slope("wire-2", north=50, heartbeat=beat),
            slope("pole", "vibration", north=80, heartbeat=beat),
            device("rain", "rain", heartbeat=beat),
            siren("siren", north=-120, use=("warn",), heartbeat=beat),
        ],
        zones=[square("below", "stream", north=-200, rivers=("大沢",))],
        people=[
            person("office", "official"),
            person("kato", "corps", "resident", zones=("below",)),
            person("mori", "resident", zones=("below",)),
            person("hill", "resident", zones=("hill",)),
            person("operator", "operator"),
        ],
        **policy,
    )


# --- debris flow ----------------------------------------------------------------------------------


def test_one_cut_wire_makes_those_below_run_and_tells_the_office_of_the_doubt():
    t = Timeline(torrent())
    t.says("wire-1", CUT)
    told = t.told("debris_unconfirmed opened: office kato", "debris_flow opened: mori kato")
    assert {n.severity for n in told} == {Severity.LIFE}
    doubt = next(n for n in told if n.template == "debris_unconfirmed")
    assert "住民には「逃げて」と知らせました" in doubt.body
    assert t.ordered() == [("siren", "warn")]
    (alert,) = t.open()
    assert (alert.kind, alert.severity, alert.confirmed) == ("debris", Severity.LIFE, False)
    t.passes(MINUTE).says("wire-1", CUT).silence()


def test_where_nobody_lives_below_the_office_is_not_told_that_residents_have_been():
    ground = torrent()
    del ground.people["kato"], ground.people["mori"]
    t = Timeline(ground)
    t.says("wire-1", CUT)
    (doubt,) = t.told("debris_unconfirmed opened: office")
    assert "住民にはまだ知らせていません" in doubt.body


def test_a_second_sensor_confirms_to_the_office_and_wakes_nobody_twice():
    t = Timeline(torrent())
    t.says("wire-1", CUT)
    t.told("debris_unconfirmed opened: office kato", "debris_flow opened: mori kato")
    t.passes(20 * SECOND).says("pole", SHAKES)
    (confirmed, _) = t.told("debris_confirmed escalated: office kato")
    assert "裏付け pole" in confirmed.body
    assert "wire-1" not in confirmed.body.split("裏付け", 1)[1].splitlines()[0]
    assert t.open()[0].confirmed
    t.says("wire-2", CUT).silence()


def test_two_sensors_within_a_minute_are_confirmed_from_the_first():
    t = Timeline(torrent())
    t.says("pole", SHAKES)
    t.told("slope_check unverified: office kato")
    t.passes(20 * SECOND).says("wire-1", CUT)
    t.told("debris_flow opened: office kato mori")


def test_heavy_rain_makes_a_cut_wire_believed():
    t = Timeline(torrent())
    t.says("rain", rain_mm=25.0)
    t.says("wire-1", CUT)
    t.told("debris_flow opened: office kato mori")


def test_rain_after_the_cut_confirms_it_and_is_named():
    t = Timeline(torrent())
    t.says("wire-1", CUT)
    t.told("debris_unconfirmed opened: office kato", "debris_flow opened: mori kato")
    t.passes(MINUTE).says("rain", rain_mm=25.0)
    (confirmed, _) = t.told("debris_confirmed escalated: office kato")
    assert "裏付け rain" in confirmed.body


def test_a_town_may_keep_a_dry_wire_to_its_office_until_it_is_confirmed():
    t = Timeline(torrent(slope=DRY_TO_OFFICE))
    t.says("wire-1", CUT)
    (doubt, _) = t.told("debris_unconfirmed opened: office kato")
    assert "住民にはまだ知らせていません" in doubt.body
    assert t.ordered() == []
    t.passes(20 * SECOND).says("wire-2", CUT)
    t.told("debris_flow escalated: kato mori", "debris_confirmed escalated: office kato")
    assert t.ordered() == [("siren", "warn")]


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_cancel_reaches_everybody_who_was_told(confirmed):
    t = Timeline(torrent())
    t.says("wire-1", CUT)
    t.told("debris_unconfirmed opened: office kato", "debris_flow opened: mori kato")
    if confirmed:
        t.says("wire-2", CUT)
        t.told("debris_confirmed escalated: office kato")
    t.passes(HOUR).does("debris_cancel", "大沢", detail="鹿")
    for n in t.told("debris_false cancelled: office kato mori"):
        assert "（原因：鹿）" in n.body
        assert n.severity == Severity.WARNING
    assert [alert.state for alert in t.alerts.values()] == [AlertState.CANCELLED]
    t.passes(MINUTE).says("wire-1", CUT).silence()


def test_a_wire_cut_again_under_an_open_alert_is_another_flow_and_told_to_all_again():
    t = Timeline(torrent())
    t.says("wire-1", CUT)
    t.told("debris_unconfirmed opened: office kato", "debris_flow opened: mori kato")
    t.passes(2 * HOUR).says("wire-1", MENDED).silence()
    t.passes(MINUTE).says("wire-1", CUT)
    t.told("debris_unconfirmed repeated: office kato", "debris_flow repeated: mori kato")
    t.says("wire-2", CUT)
    t.told("debris_confirmed escalated: office kato")
    assert len(t.open("debris")) == 1


def test_another_flow_of_a_town_that_keeps_doubt_to_its_office_reaches_those_below_when_confirmed():
    t = Timeline(torrent(slope=DRY_TO_OFFICE))
    t.says("wire-1", CUT).says("wire-2", CUT)
    t.told(
        "debris_unconfirmed opened: office kato",
        "debris_flow escalated: kato mori",
        "debris_confirmed escalated: office kato",
    )
    t.passes(2 * HOUR).says("wire-1", MENDED).says("wire-2", MENDED).passes(MINUTE).says("wire-1", CUT)
    t.told("debris_unconfirmed repeated: office kato")
    t.says("wire-2", CUT)
    t.told("debris_flow escalated: kato mori", "debris_confirmed escalated: office kato")


def test_a_debris_alert_closed_by_hand_is_told_to_all_who_ran_and_the_next_cut_opens_another():
    t = Timeline(torrent())
    t.says("wire-1", CUT)
    t.told("debris_unconfirmed opened: office kato", "debris_flow opened: mori kato")
    t.passes(HOUR).does("close", t.open("debris")[0].id)
    t.told("debris_closed cleared: office kato mori")
    t.passes(MINUTE).says("wire-1", CUT).silence()
    t.passes(MINUTE).says("wire-1", MENDED).says("wire-1", CUT)
    t.told("debris_unconfirmed opened: office kato", "debris_flow opened: mori kato")
    assert [alert.state for alert in t.alerts.values()] == [AlertState.RESOLVED, AlertState.OPEN]


@pytest.mark.parametrize(("sign", "word"), [(SHAKES, "振動"), (LEANS, "傾き")])
def test_shaking_or_leaning_alone_makes_the_office_look(sign, word):
    t = Timeline(torrent())
    t.says("pole", sign)
    (look, _) = t.told("slope_check unverified: office kato")
    assert f"{word}を感じました" in look.body


def test_what_shakes_again_after_an_hour_is_told_again():
    t = Timeline(torrent())
    t.says("pole", SHAKES)
    t.told("slope_check unverified: office kato")
    t.passes(30 * MINUTE).says("pole", SHAKES).silence()
    t.passes(HOUR).says("pole", SHAKES)
    t.told("slope_check repeated: office kato")
    assert len(t.open("slope_check")) == 1


def test_a_wire_that_falls_silent_is_no_cut_wire():
    t = Timeline(torrent(beat="10m"))
    t.hears("wire-1").passes(20 * MINUTE).hears("wire-2", "pole", "rain", "siren").passes(10 * MINUTE)
    t.told("sensor_offline opened: operator kato")
    assert [alert.kind for alert in t.open()] == ["silent"]
    assert t.ordered() == []


def test_an_open_debris_alert_can_be_confirmed_and_cancelled_after_its_sensor_left_the_config():
    t = Timeline(torrent())
    t.says("wire-1", CUT)
    t.told("debris_unconfirmed opened: office kato", "debris_flow opened: mori kato")
    smaller = torrent()
    del smaller.devices["wire-1"]
    t.restart(smaller).passes(MINUTE).says("rain", rain_mm=25.0)
    t.told("debris_confirmed escalated: office kato")
    t.does("debris_cancel", "大沢", detail="鹿")
    t.told("debris_false cancelled: office kato mori")


# --- the devices themselves -----------------------------------------------------------------------


def fleet(**policy):
    """A gateway with four devices behind it and one that hangs on none."""
    return town(
        devices=[
            device("gw", "gateway"),
            *(pir(f"pir-{i}", gateway="gw", heartbeat="10m") for i in (1, 2, 3)),
            trap("trap-1", gateway="gw", owner="owner", heartbeat="10m"),
            pir("alone", heartbeat="10m"),
        ],
        people=[person("operator", "operator"), person("owner", "hunter"), person("farmer", "farmer")],
        **policy,
    )


ALL = ("gw", "pir-1", "pir-2", "pir-3", "trap-1", "alone")


def awake(t, *devices, minutes=10):
    """These go on speaking, each 2 minutes."""
    for _ in range(minutes // 2):
        t.hears(*devices).passes(2 * MINUTE)
    return t


def test_a_silent_device_is_told_once_to_the_operators_and_back_to_those_who_were_told():
    t = Timeline(fleet())
    awake(t, *ALL)
    rest = [name for name in ALL if name != "pir-1"]
    awake(t, *rest, minutes=26).silence()
    awake(t, *rest, minutes=4)
    (silent,) = t.told("sensor_offline opened: operator")
    assert "21:08から30分、データが届いていません" in silent.body
    awake(t, *rest, minutes=60).silence()
    t.hears("pir-1")
    (back,) = t.told("sensor_back cleared: operator")
    assert "データがまた届いています" in back.body
    assert t.open() == []


def test_the_owner_hears_that_the_sensor_of_his_trap_is_silent():
    t = Timeline(fleet())
    awake(t, *ALL)
    awake(t, *(name for name in ALL if name != "trap-1"), minutes=30)
    t.told("sensor_offline opened: operator owner")


def test_a_silent_gateway_is_told_once_for_all_its_devices():
    t = Timeline(fleet())
    awake(t, *ALL)
    awake(t, "alone", minutes=90)
    (gateway,) = t.told("gateway_offline opened: operator")
    assert "つながる4台は今、見張れていません：pir-1、pir-2、pir-3、trap-1" in gateway.body
    assert gateway.severity == Severity.WARNING
    awake(t, *ALL, minutes=2)
    t.told("gateway_back cleared: operator")
    awake(t, *ALL, minutes=30).silence()


def test_a_device_that_does_not_come_back_with_its_gateway_is_told_of_by_itself():
    t = Timeline(fleet())
    awake(t, *ALL)
    awake(t, "alone", minutes=60)
    t.told("gateway_offline opened: operator")
    awake(t, *(name for name in ALL if name != "pir-2"), minutes=40)
    t.told("gateway_back cleared: operator", "sensor_offline opened: operator")


def test_a_low_battery_is_told_once_and_again_after_it_was_changed():
    t = Timeline(fleet())
    t.says("trap-1", battery_v=3.2)
    (low,) = t.told("battery_low opened: operator")
    assert "3.20V" in low.body
    assert "残り13%" in low.body
    t.passes(MINUTE).says("trap-1", battery_v=3.1).passes(MINUTE).says("trap-1", battery_v=3.4).silence()
    t.passes(MINUTE).says("trap-1", battery_v=3.6).silence()
    assert t.open("battery") == []
    t.passes(MINUTE).says("trap-1", battery_v=3.2)
    t.told("battery_low opened: operator")


def test_a_battery_in_percent_is_told_in_percent_and_not_in_volts():
    cell = Profile(
        model="cell",
        name="cell",
        kind=Kind.ANIMAL,
        decoder="naruko",
        heartbeat="1h",
        battery=Battery(quantity="battery_pct", low=20, ok=40),
    )
    t = Timeline(
        town(devices=[device("cam", "cell")], people=[person("operator", "operator")], profiles=[cell])
    )
    t.says("cam", battery_pct=15)
    (low,) = t.told("battery_low opened: operator")
    assert "電池が残り15%です" in low.body


def test_a_babbling_device_is_told_once_and_ends_quietly():
    t = Timeline(fleet())
    for _ in range(500):
        t.hears("pir-1")
    t.told("babbling opened: operator")
    assert t.open("babble")[0].severity == Severity.CAUTION
    awake(t, *ALL, minutes=10).silence()
    assert t.open("babble") == []
    assert EventKind.BABBLING_OVER in {e.kind for e in t.events}


def test_a_device_under_maintenance_is_told_of_to_nobody():
    ground = fleet()
    ground.devices["alone"] = ground.devices["alone"].model_copy(update={"maintenance": True})
    t = Timeline(ground)
    awake(t, *ALL)
    awake(t, *ALL[:-1], minutes=120).silence()
