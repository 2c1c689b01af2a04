"""From an alert to notifications: which words, for whom, on which channel, under which id."""

import re

from hub import wording
from hub.config.policy import HealthPolicy
from hub.config.shapes import Channel
from hub.model import Status
from hub.telling.compose import notification_id
from tests.ledgers import waiting
from tests.timeline import (
    CUT,
    LEANS,
    SPRUNG,
    Timeline,
    animal,
    nothing_else_was_told,  # noqa: F401
)
from tests.towns import (
    DAY,
    HOUR,
    MINUTE,
    at,
    camera,
    device,
    gauge,
    person,
    pir,
    siren,
    slope,
    square,
    town,
    trap,
)

CHANNELS = tuple(
    Channel(kind=kind, url="json://127.0.0.1/") for kind in ("mail", "ntfy", "line", "sms", "other")
)
ROLES = ("farmer", "hunter", "official", "operator", "corps", "resident", "welfare")


def everybody():
    """Somebody of every role in each language, with every kind of channel."""
    zones = ("paddy", "flood", "below")
    return [
        person(lang, *ROLES, zones=zones, lang=lang, channels=CHANNELS) for lang in ("ja", "ja-easy", "en")
    ]


def whole_town(people):
    levels_m = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0, "overflow": 5.0}
    return town(
        devices=[
            camera("cam"),
            camera("cam-2", east=100),
            trap("trap", owner="ja"),
            gauge("gauge", levels_m, heartbeat="10m"),
            slope("wire"),
            slope("wire-2", north=20),
            slope("pole", "vibration", north=50),
            siren("siren", north=50, use=("deter",)),
            device("gw", "gateway"),
            pir("pir", gateway="gw", heartbeat="10m"),
            pir("lone", heartbeat="10m"),
        ],
        zones=[
            square("paddy", "paddy"),
            square("flood", "flood", rivers=("gauge",)),
            square("below", "stream", rivers=("大沢",)),
        ],
        people=people,
        health=HealthPolicy(flapping_within="2h"),
    )


FLOOD = (1.9, 2.1, 2.4, 2.7, 3.1, 3.6, 4.1, 4.5, 5.0, 4.6, 4.2, 3.8, 3.4, 3.0, 2.7, *[2.4] * 20, 2.1, 1.8)


def everything_happens(t):
    """Every kind of alert there is, from its beginning to its end."""
    t.hears("gw", "lone").says("cam", animal("bear")).says("trap", SPRUNG, battery_v=3.0)
    t.says("cam", animal("boar", count=2)).says("pole", LEANS).passes(2 * MINUTE)
    t.says("wire", CUT).says("wire-2", CUT)
    for _ in range(200):
        t.hears("pir")
    for level_m in (*FLOOD, *[1.5] * 20):
        t.passes(2 * MINUTE).says("gauge", level_m=level_m).says("cam-2", animal("boar", count=3))
    t.passes(2 * MINUTE).says("gauge", level_m=4.5).passes(2 * HOUR)
    t.does("debris_cancel", "大沢", detail="鹿").does("trap_reset", "trap")
    t.hears("gw", "pir", "lone", "gauge", "trap", "wire", "pole").passes(10 * MINUTE)
    for _ in range(3):
        t.passes(35 * MINUTE).hears("lone")
    for _ in range(13):
        t.passes(10 * MINUTE).hears("lone")
    told, t.unread = t.unread, []
    return told


def test_every_message_is_whole_in_every_language_and_on_every_channel():
    told = everything_happens(Timeline(whole_town(everybody())))
    told_elsewhere = {"test", "hub_trouble", "hub_well", "morning", "messages_missed"}
    told_elsewhere |= {"clock_behind", "clock_ahead"}
    told_elsewhere |= {"morning_digest", "morning_open"}
    told_elsewhere |= {"hub_stopped", "hub_restored", "person_left"}
    told_elsewhere |= {"trap_acked", "trap_joined", "trap_fewer", "trap_left", "trap_done", "trap_wrong"}
    told_elsewhere |= {"animal_left", "trap_unacked", "trap_quiet", "patrol_missing"}
    told_elsewhere |= {"animal_returned", "animal_taken", "animal_false", "drill_over"}
    told_elsewhere |= {"river_confirmed", "river_verified", "river_false", "river_closed"}
    told_elsewhere |= {"slope_confirmed", "slope_false", "debris_closed"}
    assert {n.template for n in told} == set(wording.templates()) - told_elsewhere
    kinds = {(n.recipient, n.channel_kind) for n in told}
    assert len(kinds) == 15
    for n in told:
        text = f"{n.title}\n{n.body}"
        assert n.body
        assert (n.title == "") == (n.channel_kind == "sms")
        assert not re.search(r"[{}<>]|None|nan|  $", text, re.MULTILINE), text
        assert len(n.body) <= 70 or n.channel_kind != "sms"
        if n.recipient == "en":
            assert re.search(r"\[[A-Za-z]", text)


def test_every_place_has_its_coordinates_and_its_map_in_a_mail():
    told = everything_happens(Timeline(whole_town(everybody())))
    without_map = {"animal_closed", "trap_reset", "river_falling", "river_cleared", "debris_false"}
    without_map |= {"sensor_back", "gateway_back", "babbling", "device_steady"}
    for n in told:
        if n.channel_kind == "mail":
            assert re.search(r"36\.06\d{2,}", n.body), n.body
            assert ("https://www.google.com/maps" in n.body) == (n.template not in without_map)


def test_the_ids_are_the_same_when_all_is_decided_again():
    first = everything_happens(Timeline(whole_town(everybody())))
    again = everything_happens(Timeline(whole_town(everybody())))
    assert [n.id for n in first] == [n.id for n in again]
    assert len({n.id for n in first}) == len(first)


def test_an_id_depends_on_alert_event_template_person_and_channel():
    parts = ("animal-1", "cam/animal_seen/1", "animal_detected", "sato", 0)
    others = [(*parts[:i], f"{part}x", *parts[i + 1 :]) for i, part in enumerate(parts)]
    assert len({notification_id(*p) for p in (parts, *others)}) == 6
    assert notification_id(*parts) == notification_id(*parts)


def test_a_person_with_two_channels_is_told_on_both_and_counts_once():
    both = person("sato", "farmer", zones=("paddy",), channels=CHANNELS[:2])
    t = Timeline(whole_town([both]))
    t.says("cam", animal())
    first, second = t.told("animal_detected opened: sato/mail sato/ntfy")
    assert (first.channel, second.channel) == (0, 1)
    assert t.open("animal")[0].told == {"sato": 1}


def test_a_notification_says_when_it_was_decided_and_until_when_it_is_news():
    t = Timeline(whole_town([person("sato", "farmer", zones=("paddy",))]))
    t.at("21:07").says("cam", animal())
    (n,) = t.told("animal_detected opened: sato")
    seven = at("2026-11-21 21:07")
    assert (n.created_at, n.event_received_at, n.next_at) == (seven, seven, seven)
    assert n.expires_at == seven + 30 * MINUTE
    assert (n.status, n.finished_at, n.attempts) == (Status.PENDING, None, 0)


def test_a_replay_decides_and_sends_nothing():
    t = Timeline(whole_town([person("sato", "farmer", zones=("paddy",))]), live=False)
    t.says("cam", animal())
    (n,) = t.told("animal_detected opened: sato")
    assert (n.status, n.finished_at) == (Status.NOT_SENT, t.now)
    assert waiting(t.ledger, t.now + DAY) == []
    assert t.commands == []


def test_the_message_says_that_the_siren_is_at_work_only_where_it_is():
    t = Timeline(whole_town([person("sato", "farmer", zones=("paddy",))]), "2026-11-21 12:00")
    t.says("cam", animal())
    (first,) = t.told("animal_detected opened: sato")
    assert "サイレンと光で追い払っています" in first.body
    quiet = whole_town([person("sato", "farmer", zones=("paddy",))])
    del quiet.devices["siren"]
    t = Timeline(quiet, "2026-11-21 12:00")
    t.says("cam", animal())
    (without,) = t.told("animal_detected opened: sato")
    assert "追い払" not in without.body


def test_a_path_over_several_sensors_and_the_count_are_told():
    t = Timeline(whole_town([person("sato", "farmer", zones=("paddy",))]))
    t.says("cam", animal()).passes(8 * MINUTE)
    for _ in range(3):
        t.says("cam-2", animal(count=4)).passes(8 * MINUTE)
    t.told("animal_detected opened: sato")
    t.says("cam-2", animal())
    (update,) = t.told("animal_update updated: sato")
    assert "通った所 camの所→cam-2の所" in update.body
    assert "4頭ほど" in update.body


def test_who_reset_a_trap_is_not_named_on_line():
    owner = person("ja", "hunter", channels=CHANNELS[:3])
    t = Timeline(whole_town([owner]))
    t.says("trap", SPRUNG).does("trap_reset", "trap", who="山根 猛")
    told = t.told("trap_sprung opened: ja ja/ntfy ja/line", "trap_reset cleared: ja ja/ntfy ja/line")
    named = {n.channel_kind for n in told if "山根" in n.body}
    assert named == {"mail", "ntfy"}


def test_a_late_event_is_told_with_its_own_time_and_day():
    t = Timeline(whole_town([person("ja", "hunter")]), "2026-11-22 08:00")
    t.says("trap", SPRUNG, at=at("2026-11-21 23:10"))
    (sprung,) = t.told("trap_sprung opened: ja")
    assert "11/21 23:10" in sprung.body


def test_a_name_full_of_control_signs_arrives_as_one_clean_line():
    ground = whole_town([person("ja", "hunter")])
    place = "上田\n\u202e一本杉\x07" + "長" * 300
    ground.devices["trap"] = ground.devices["trap"].model_copy(update={"place": place})
    t = Timeline(ground)
    t.says("trap", SPRUNG)
    (sprung,) = t.told("trap_sprung opened: ja")
    assert "\n" not in sprung.title
    assert not {"\u202e", "\x07"} & set(sprung.body)
    assert len(sprung.title) < 40
