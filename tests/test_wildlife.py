"""Animals: visits told as timelines. Every event is written down, so an unexpected one fails too."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.frame import Signal
from hub.config.policy import WildlifePolicy
from hub.config.shapes import Device
from hub.detect import wildlife
from hub.detect.wildlife import WildlifeState
from hub.geofence import Geofence
from hub.model import Event, EventKind, Freshness
from tests.towns import HOUR, MINUTE, SECOND, at, camera, pir, town

START = at("2026-11-21 21:07:00")
SUSPECT, SEEN, MOVED, GONE = (
    EventKind.ANIMAL_SUSPECT,
    EventKind.ANIMAL_SEEN,
    EventKind.ANIMAL_MOVED,
    EventKind.ANIMAL_GONE,
)


class Night:
    """One night in the field: what the sensors say, and what comes of it."""

    def __init__(self, *devices: Device, **policy: Any) -> None:
        self.devices = {device.id: device for device in devices}
        self.geofence = Geofence(town(list(devices)))
        self.policy = WildlifePolicy(**policy)
        self.state = WildlifeState()

    def says(
        self,
        device: str,
        signal: Signal,
        after: int = 0,
        freshness: Freshness = Freshness.LIVE,
        late: int = 0,
    ) -> list[Event]:
        """`after` ms from the start the sensor saw it; the hub heard of it `late` ms later."""
        self.state, events = wildlife.step(
            self.policy,
            self.state,
            self.devices[device],
            signal,
            at=START + after,
            freshness=freshness,
            received_at=START + after + late,
            geofence=self.geofence,
        )
        again = msgspec.json.decode(msgspec.json.encode(self.state), type=WildlifeState)
        assert again == self.state
        return events

    def tick(self, after: int) -> list[Event]:
        self.state, events = wildlife.tick(self.policy, self.state, START + after)
        return events


MOTION = Signal("motion", state="on")


def animal(species: str, confidence: float | None = 0.9, count: int = 1, key: str = "") -> Signal:
    return Signal("animal", species=species, confidence=confidence, count=count, key=key)


def kinds(events: list[Event]) -> list[EventKind]:
    return [event.kind for event in events]


def test_a_boar_seen_with_confidence_opens_a_visit_at_once() -> None:
    (event,) = Night(camera("cam")).says("cam", animal("boar", 0.83, count=2))
    assert event.kind is SEEN
    assert event.incident == f"animal/cam/{START}"
    assert (event.species, event.count, event.confidence, event.confirmed) == ("boar", 2, 0.83, True)
    assert event.freshness is Freshness.LIVE
    assert event.devices == ("cam",)


def test_one_motion_is_a_sign_that_is_stored_and_two_are_a_visit() -> None:
    night = Night(pir("a"))
    (sign,) = night.says("a", MOTION)
    assert (sign.kind, sign.incident, sign.confirmed) == (SUSPECT, "", False)
    (seen,) = night.says("a", MOTION, 30 * SECOND)
    assert (seen.kind, seen.species, seen.count, seen.confirmed) == (SEEN, "unknown", 1, True)
    assert night.tick(30 * SECOND + 10 * MINUTE - 1) == []
    assert kinds(night.tick(30 * SECOND + 10 * MINUTE)) == [GONE]


def test_motion_at_two_sensors_near_each_other_confirms_and_leaves_the_path() -> None:
    night = Night(pir("low"), pir("high", north=200))
    assert kinds(night.says("low", MOTION)) == [SUSPECT]
    (seen,) = night.says("high", MOTION, 40 * SECOND)
    assert seen.kind is SEEN
    assert seen.devices == ("low", "high")
    assert seen.lat == night.devices["high"].lat


def test_motion_at_two_sensors_far_apart_does_not_confirm() -> None:
    night = Night(pir("here"), pir("there", north=310))
    assert kinds(night.says("here", MOTION)) == [SUSPECT]
    assert kinds(night.says("there", MOTION, 40 * SECOND)) == [SUSPECT]


def test_signs_too_far_apart_in_time_do_not_confirm() -> None:
    night = Night(pir("a"))
    assert kinds(night.says("a", MOTION)) == [SUSPECT]
    assert kinds(night.says("a", MOTION, 91 * SECOND)) == [SUSPECT]
    assert kinds(night.says("a", MOTION, 181 * SECOND)) == [SEEN]


def test_three_of_three_where_the_town_wants_three() -> None:
    night = Night(pir("a"), confirm_events=3)
    said = [kinds(night.says("a", MOTION, n * 10 * SECOND)) for n in range(3)]
    assert said == [[SUSPECT], [SUSPECT], [SEEN]]


def test_one_of_one_where_the_town_wants_one() -> None:
    assert kinds(Night(pir("a"), confirm_events=1).says("a", MOTION)) == [SEEN]


def test_a_burst_of_one_movement_is_one_sign() -> None:
    night = Night(camera("cam"))
    assert kinds(night.says("cam", animal("boar", 0.3))) == [SUSPECT]
    assert night.says("cam", animal("boar", 0.4), 1 * SECOND) == []
    assert night.says("cam", MOTION, 1_500) == []


def test_the_same_object_told_again_is_not_a_second_sign() -> None:
    night = Night(camera("cam"))
    assert kinds(night.says("cam", animal("boar", 0.3, key="object-7"))) == [SUSPECT]
    assert night.says("cam", animal("boar", 0.4, key="object-7"), 20 * SECOND) == []
    assert kinds(night.says("cam", animal("boar", 0.4, key="object-8"), 40 * SECOND)) == [SEEN]


def test_an_object_recognised_on_second_look_opens_the_visit() -> None:
    night = Night(camera("cam"))
    assert kinds(night.says("cam", animal("boar", 0.3, key="object-7"))) == [SUSPECT]
    (seen,) = night.says("cam", animal("boar", 0.8, key="object-7"), 3 * SECOND)
    assert (seen.kind, seen.species) == (SEEN, "boar")


def test_a_species_of_low_confidence_is_an_unknown_animal_that_needs_confirmation() -> None:
    night = Night(camera("cam"))
    (sign,) = night.says("cam", animal("boar", 0.59))
    assert (sign.kind, sign.species) == (SUSPECT, "unknown")


def test_a_species_stated_without_a_confidence_is_the_devices_own_decision() -> None:
    (seen,) = Night(camera("cam")).says("cam", animal("deer", None))
    assert (seen.kind, seen.species) == (SEEN, "deer")


@pytest.mark.parametrize("species", ["bear", "brown_bear", "Bear"])
def test_a_bear_needs_less_confidence(species: str) -> None:
    (seen,) = Night(camera("cam")).says("cam", animal(species, 0.41))
    assert (seen.kind, seen.species) == (SEEN, species.lower())
    assert seen.incident.endswith("/bear")


def test_a_bear_below_its_confidence_is_a_sign() -> None:
    assert kinds(Night(camera("cam")).says("cam", animal("bear", 0.39))) == [SUSPECT]


@pytest.mark.parametrize("species", ["fox", "tanuki", "badger", "pet", "vehicle", "person"])
@pytest.mark.parametrize("confidence", [0.2, 0.99, None])
def test_ignored_species_make_nothing(species: str, confidence: float | None) -> None:
    night = Night(camera("cam"))
    for n in range(5):
        assert night.says("cam", animal(species, confidence), n * 10 * SECOND) == []


def test_a_person_makes_nothing_even_where_the_town_ignores_no_species() -> None:
    night = Night(camera("cam"), ignore=())
    assert night.says("cam", animal("person", 0.99)) == []
    assert night.says("cam", animal("person", 0.1), MINUTE) == []
    assert kinds(night.says("cam", animal("fox"), 2 * MINUTE)) == [SEEN]


def test_a_person_at_a_sensor_explains_its_motion_for_a_while() -> None:
    night = Night(camera("cam"))
    assert kinds(night.says("cam", MOTION)) == [SUSPECT]
    assert night.says("cam", animal("person"), 5 * SECOND) == []
    assert night.says("cam", MOTION, 20 * SECOND) == []
    assert night.says("cam", MOTION, 60 * SECOND) == []
    assert kinds(night.says("cam", MOTION, 100 * SECOND)) == [SUSPECT]


def test_a_person_does_not_explain_a_boar_or_the_motion_at_another_sensor() -> None:
    night = Night(camera("cam"), pir("other", north=150))
    assert night.says("cam", animal("person")) == []
    assert kinds(night.says("other", MOTION, 10 * SECOND)) == [SUSPECT]
    assert kinds(night.says("cam", animal("boar"), 15 * SECOND)) == [SEEN]


def test_motion_that_a_person_explains_confirms_nothing_at_the_next_sensor() -> None:
    night = Night(camera("cam"), pir("other", north=150))
    assert kinds(night.says("cam", MOTION)) == [SUSPECT]
    assert night.says("cam", animal("person"), 5 * SECOND) == []
    assert kinds(night.says("other", MOTION, 30 * SECOND)) == [SUSPECT]


def test_a_farmer_who_comes_to_look_does_not_move_the_visit() -> None:
    night = Night(camera("cam"))
    assert kinds(night.says("cam", animal("boar"))) == [SEEN]
    assert night.says("cam", animal("person"), 60 * SECOND) == []
    assert night.says("cam", MOTION, 70 * SECOND) == []


def test_motion_off_neither_raises_nor_clears() -> None:
    night = Night(pir("a"))
    assert night.says("a", Signal("motion", state="off")) == []
    assert kinds(night.says("a", MOTION, 10 * SECOND)) == [SUSPECT]
    assert night.says("a", Signal("motion", state="off"), 20 * SECOND) == []
    assert kinds(night.says("a", MOTION, 30 * SECOND)) == [SEEN]
    assert night.says("a", Signal("motion", state="off"), 40 * SECOND) == []
    assert len(night.state.incidents) == 1


def test_signals_of_other_rooms_are_not_animals() -> None:
    night = Night(camera("cam"))
    for type in ("trap", "wire", "vibration", "tilt", "status", "done"):
        assert night.says("cam", Signal(type, state="on")) == []


def test_a_visit_that_wanders_is_one_incident_with_its_path() -> None:
    night = Night(pir("a"), pir("b", north=250), pir("c", north=500), pir("d", north=750))
    (seen,) = [*night.says("a", MOTION), *night.says("a", MOTION, 20 * SECOND)][1:]
    moved = [night.says(id, MOTION, (n + 1) * MINUTE)[0] for n, id in enumerate("bcd")]
    assert {event.kind for event in moved} == {MOVED}
    assert {event.incident for event in moved} == {seen.incident}
    assert moved[-1].devices == ("a", "b", "c", "d")
    assert (moved[-1].lat, moved[-1].lon) == (night.devices["d"].lat, night.devices["d"].lon)
    (gone,) = night.tick(3 * MINUTE + 10 * MINUTE)
    assert (gone.kind, gone.incident, gone.devices) == (GONE, seen.incident, ("a", "b", "c", "d"))
    assert gone.window == 3 * MINUTE
    assert night.tick(HOUR) == []


def test_two_places_have_two_visits() -> None:
    night = Night(camera("a"), camera("b", north=400))
    (one,), (two,) = night.says("a", animal("boar")), night.says("b", animal("boar"), 20 * SECOND)
    assert (one.kind, two.kind) == (SEEN, SEEN)
    assert one.incident != two.incident
    (moved,) = night.says("a", animal("boar"), MINUTE)
    assert (moved.kind, moved.incident) == (MOVED, one.incident)


def test_after_join_within_a_sighting_is_a_new_visit() -> None:
    night = Night(camera("a"), join_within="5m")
    assert kinds(night.says("a", animal("boar"))) == [SEEN]
    assert kinds(night.says("a", animal("boar"), 5 * MINUTE)) == [MOVED]
    assert kinds(night.says("a", animal("boar"), 10 * MINUTE + 1)) == [SEEN]


def test_an_unknown_animal_that_turns_out_a_boar_goes_on_under_its_name() -> None:
    night = Night(camera("cam"), confirm_events=1)
    (seen,) = night.says("cam", MOTION)
    (moved,) = night.says("cam", animal("boar", 0.8), 20 * SECOND)
    assert (moved.kind, moved.incident, moved.species) == (MOVED, seen.incident, "boar")
    (again,) = night.says("cam", MOTION, 40 * SECOND)
    assert again.species == "boar"


def test_a_deer_among_boars_is_told_as_detail() -> None:
    night = Night(camera("cam"))
    night.says("cam", animal("boar"))
    (moved,) = night.says("cam", animal("deer"), 20 * SECOND)
    assert (moved.kind, moved.species, moved.detail) == (MOVED, "boar", "deer")


def test_a_bear_where_a_boar_was_is_a_visit_of_its_own() -> None:
    night = Night(camera("cam"))
    (boar,) = night.says("cam", animal("boar"))
    (bear,) = night.says("cam", animal("bear", 0.5), 30 * SECOND)
    assert (bear.kind, bear.species) == (SEEN, "bear")
    assert bear.incident != boar.incident
    (again,) = night.says("cam", animal("boar"), 60 * SECOND)
    assert (again.kind, again.incident, again.species) == (MOVED, boar.incident, "boar")
    (shadow,) = night.says("cam", MOTION, 90 * SECOND)
    assert (shadow.incident, shadow.species) == (bear.incident, "bear")
    assert kinds(night.tick(HOUR)) == [GONE, GONE]


def test_a_bear_and_a_boar_in_one_message_are_two_visits_with_two_names() -> None:
    night = Night(camera("cam"))
    (boar,), (bear,) = night.says("cam", animal("boar")), night.says("cam", animal("bear"))
    assert (boar.kind, bear.kind) == (SEEN, SEEN)
    assert boar.incident != bear.incident
    assert boar.id != bear.id


def test_the_count_is_the_most_seen_at_one_time() -> None:
    night = Night(camera("cam"), camera("next", north=100))
    night.says("cam", animal("boar", count=2))
    (moved,) = night.says("next", animal("boar", count=3), 20 * SECOND)
    assert moved.count == 3
    (moved,) = night.says("cam", animal("boar", count=1), 40 * SECOND)
    assert moved.count == 3


def test_several_objects_in_one_picture_are_counted_together() -> None:
    night = Night(camera("cam"))
    (seen,) = night.says("cam", animal("boar", key="1"))
    (two,) = night.says("cam", animal("boar", key="2"))
    (three,) = night.says("cam", animal("boar", key="3"))
    assert (seen.count, two.count, three.count) == (1, 2, 3)
    assert len({seen.id, two.id, three.id}) == 3


def test_the_same_object_in_an_open_visit_keeps_it_alive_without_a_word() -> None:
    night = Night(camera("cam"))
    night.says("cam", animal("boar", key="7"))
    for minute in range(1, 12):
        assert night.says("cam", animal("boar", key="7"), minute * MINUTE) == []
    assert night.tick(12 * MINUTE) == []
    assert kinds(night.tick(21 * MINUTE)) == [GONE]


def test_a_delayed_sighting_opens_and_says_that_it_is_delayed() -> None:
    night = Night(camera("cam"))
    (seen,) = night.says("cam", animal("boar"), freshness=Freshness.DELAYED, late=12 * MINUTE)
    assert (seen.kind, seen.freshness) == (SEEN, Freshness.DELAYED)
    assert night.tick(12 * MINUTE + 1) == []
    assert kinds(night.tick(22 * MINUTE)) == [GONE]


@pytest.mark.parametrize("freshness", [Freshness.LATE, Freshness.STORED])
def test_history_is_stored_and_opens_nothing(freshness: Freshness) -> None:
    night = Night(camera("cam"))
    (sign,) = night.says("cam", animal("bear", 0.99), freshness=freshness, late=HOUR)
    assert (sign.kind, sign.incident, sign.species) == (SUSPECT, "", "bear")
    assert night.state == WildlifeState()


def test_the_brokers_memory_is_no_event() -> None:
    night = Night(camera("cam"))
    assert night.says("cam", animal("bear", 0.99), freshness=Freshness.RETAINED) == []
    assert night.state == WildlifeState()


def test_history_that_falls_into_an_open_visit_amends_path_and_count_without_telling() -> None:
    night = Night(camera("cam"), camera("next", north=100))
    (seen,) = night.says("cam", animal("boar"))
    before = night.state.incidents[0]
    (sign,) = night.says(
        "next", animal("boar", count=4), 10 * SECOND, freshness=Freshness.LATE, late=5 * MINUTE
    )
    assert (sign.kind, sign.incident) == (SUSPECT, seen.incident)
    after = night.state.incidents[0]
    assert (after.count, after.devices) == (4, ("cam", "next"))
    assert (after.last_at, after.heard_at, after.lat) == (before.last_at, before.heard_at, before.lat)


def test_history_from_before_a_visit_is_not_part_of_it() -> None:
    night = Night(camera("cam"))
    night.says("cam", animal("boar"), 5 * MINUTE)
    (sign,) = night.says("cam", animal("boar", count=9), freshness=Freshness.LATE, late=HOUR)
    assert sign.incident == ""
    assert night.state.incidents[0].count == 1


def test_a_sensor_under_maintenance_sees_nothing() -> None:
    assert Night(camera("cam", maintenance=True)).says("cam", animal("bear")) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(
                [MOTION, animal("boar"), animal("boar", 0.3), animal("bear", 0.5), animal("person")]
            ),
            st.integers(0, 300 * SECOND),
            st.sampled_from(Freshness),
        ),
        max_size=40,
    )
)
def test_whatever_the_sensors_say_every_visit_begins_once_ends_once_and_no_id_is_used_twice(
    said: list[tuple[str, Signal, int, Freshness]],
) -> None:
    night = Night(camera("a"), camera("b", north=150), camera("c", north=600))
    now, events = 0, []
    for id, signal, pause, freshness in said:
        now += pause + 1
        events += night.tick(now)
        got = night.says(id, signal, now, freshness)
        if freshness >= Freshness.LATE:
            assert all(event.kind is SUSPECT for event in got)
        assert all(event.species != "person" for event in got)
        events += got
    events += night.tick(now + HOUR)
    assert night.state == WildlifeState()
    told = [event for event in events if event.kind is not SUSPECT]
    assert len({event.id for event in told}) == len(told)
    open_now: set[str] = set()
    for event in told:
        if event.kind is SEEN:
            assert event.incident not in open_now
            open_now.add(event.incident)
        else:
            assert event.incident in open_now
        if event.kind is GONE:
            open_now.remove(event.incident)
    assert not open_now


@given(st.floats(-430, 430), st.floats(-430, 430), st.floats(-20_000, 20_000))
def test_a_sighting_joins_exactly_within_reach(north: float, east: float, where: float) -> None:
    night = Night(camera("a", where, where), camera("b", where + north, where + east))
    a, b = night.devices["a"], night.devices["b"]
    near = night.geofence.distance_m((a.lat, a.lon), (b.lat, b.lon)) <= 300
    night.says("a", animal("boar"))
    assert kinds(night.says("b", animal("boar"), MINUTE)) == [MOVED if near else SEEN]
