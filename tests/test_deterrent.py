"""Sirens and flashes: what an event makes them do, and what they never do."""

import math
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from shapely import Polygon

from hub import deterrent
from hub.config.policy import DeterrentPolicy, SlopePolicy
from hub.config.shapes import Device, Zone
from hub.deterrent import PATTERNS, WARN_BURSTS, DeterrentState
from hub.geofence import Geofence
from hub.model import Act, Command, Event, EventKind, Freshness
from tests.towns import (
    DAY,
    HOUR,
    LAT,
    LON,
    METRES_PER_DEGREE_EAST,
    METRES_PER_DEGREE_NORTH,
    MINUTE,
    SECOND,
    at,
    camera,
    place,
    siren,
    slope,
    square,
    town,
)

NIGHT = at("2026-11-21 23:00:00")
NOON = at("2026-11-21 12:30:00")
CAM = camera("cam")


class Paddy:
    """A paddy with its sirens, and the orders they were given."""

    def __init__(
        self,
        *devices: Device,
        zones: list[tuple[Zone, Polygon]] | None = None,
        policy: Any = None,
        **rooms: Any,
    ) -> None:
        self.town = town([CAM, *devices], zones or [], deterrent=policy or DeterrentPolicy(), **rooms)
        self.geofence = Geofence(self.town)
        self.states: dict[str, DeterrentState] = {}
        self.given: list[Command] = []

    def event(self, event: Event, now: int, alert_id: str = "animal-1") -> list[Command]:
        changed, commands = deterrent.decide(self.town, self.geofence, self.states, event, alert_id, now)
        assert set(changed) == {command.device for command in commands}
        for state in changed.values():
            assert msgspec.json.decode(msgspec.json.encode(state), type=DeterrentState) == state
        self.states |= changed
        self.given += commands
        return commands

    def boar(self, now: int, north: float = 0.0, **more: Any) -> list[Command]:
        return self.event(sighting(now, north, **more), now)


def sighting(now: int, north: float = 0.0, **more: Any) -> Event:
    lat, lon = place(north)
    event = Event(
        id=f"cam/animal_seen/{now}",
        kind=EventKind.ANIMAL_SEEN,
        incident="animal/cam/1",
        device="cam",
        at=now,
        received_at=now,
        lat=lat,
        lon=lon,
        species="boar",
    )
    return replace(event, **more)


# --- against animals ------------------------------------------------------------------------------


def test_a_live_boar_makes_the_nearest_two_sirens_sound_and_flash_for_their_time() -> None:
    paddy = Paddy(siren("a", 50), siren("b", 120), siren("c", 200), siren("far", 300))
    commands = paddy.boar(NIGHT)
    assert [command.device for command in commands] == ["a", "b"]
    for command in commands:
        assert (command.action, command.sound, command.light) == ("deter", True, True)
        assert command.until == NIGHT + 20 * SECOND
        assert command.pattern in PATTERNS
        assert command.alert_id == "animal-1"
    assert [command.id for command in commands] == ["animal-1/a/1", "animal-1/b/1"]
    assert commands[0].reason == "animal_seen boar 50 m"


def test_a_bear_and_an_unknown_animal_are_driven_off_too_and_a_visit_that_moves() -> None:
    for more in ({"species": "bear"}, {"species": "unknown"}, {"kind": EventKind.ANIMAL_MOVED}):
        assert len(Paddy(siren("a")).boar(NIGHT, **more)) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"freshness": Freshness.DELAYED},
        {"freshness": Freshness.LATE},
        {"freshness": Freshness.RETAINED},
        {"freshness": Freshness.STORED},
        {"confirmed": False},
        {"species": "person"},
        {"at": NIGHT - 120_001},
        {"received_at": NIGHT - 120_001},
        {"lat": None},
        {"kind": EventKind.ANIMAL_SUSPECT},
        {"kind": EventKind.ANIMAL_GONE},
        {"kind": EventKind.TRAP_SPRUNG},
    ],
)
def test_nothing_sounds_for_what_is_not_a_live_confirmed_animal(more: dict[str, Any]) -> None:
    assert Paddy(siren("a")).boar(NIGHT, **more) == []


def test_an_animal_out_of_range_and_a_town_without_sirens_make_no_noise() -> None:
    assert Paddy(siren("a", 260)).boar(NIGHT) == []
    assert Paddy().boar(NIGHT) == []


def test_a_siren_for_people_and_one_under_maintenance_are_not_for_animals() -> None:
    paddy = Paddy(siren("hall", use=("warn",)), siren("broken", maintenance=True))
    assert paddy.boar(NIGHT) == []


def test_within_200_m_of_a_dwelling_a_siren_is_a_light_only() -> None:
    paddy = Paddy(siren("a"), zones=[square("home", "dwelling", 245)])
    (command,) = paddy.boar(NOON)
    assert (command.sound, command.light) == (False, True)
    paddy = Paddy(siren("a"), zones=[square("home", "dwelling", 255)])
    (command,) = paddy.boar(NIGHT)
    assert (command.sound, command.light) == (True, True)


def test_a_town_that_opted_in_has_sound_near_dwellings_outside_quiet_hours() -> None:
    for time, sound in [
        ("06:29:59", False),
        ("06:30:00", True),
        ("12:30:00", True),
        ("19:59:59", True),
        ("20:00:00", False),
        ("23:59:59", False),
        ("00:00:00", False),
    ]:
        paddy = Paddy(siren("a", sound_near_dwelling=True), zones=[square("home", "dwelling", 100)])
        (command,) = paddy.boar(at(f"2026-11-21 {time}"))
        assert (command.sound, command.light) == (sound, True)


def test_a_horn_without_light_near_a_dwelling_is_not_used_at_all() -> None:
    paddy = Paddy(siren("horn", profile="horn"), zones=[square("home", "dwelling", 100)])
    assert paddy.boar(NOON) == []
    assert paddy.states == {}


def test_a_flash_never_sounds() -> None:
    (command,) = Paddy(siren("flash", profile="flash")).boar(NOON)
    assert (command.sound, command.light) == (False, True)


def test_quiet_hours_everywhere_leave_only_the_light() -> None:
    policy = DeterrentPolicy(quiet_everywhere=True)
    assert not Paddy(siren("a"), policy=policy).boar(NIGHT)[0].sound
    assert Paddy(siren("a"), policy=policy).boar(NOON)[0].sound


def test_a_siren_rests_for_its_cooldown() -> None:
    paddy = Paddy(siren("a"))
    assert len(paddy.boar(NIGHT)) == 1
    assert paddy.boar(NIGHT + 5 * MINUTE - 1) == []
    (command,) = paddy.boar(NIGHT + 5 * MINUTE)
    assert command.id == "animal-1/a/2"


def test_the_budget_of_a_night_runs_from_noon_to_noon() -> None:
    paddy = Paddy(siren("a"), policy=DeterrentPolicy(per_night=2))
    start = at("2026-11-21 22:00:00")
    assert [len(paddy.boar(start + n * HOUR)) for n in range(4)] == [1, 1, 0, 0]
    assert paddy.boar(at("2026-11-22 11:59:59")) == []
    assert len(paddy.boar(at("2026-11-22 12:00:00"))) == 1


def test_a_pattern_does_not_come_again_within_five_activations() -> None:
    paddy = Paddy(siren("a"), policy=DeterrentPolicy(per_night=200))
    for n in range(100):
        paddy.boar(NIGHT + n * 5 * MINUTE)
    names = [command.pattern for command in paddy.given]
    assert len(names) == 100
    for n in range(len(names) - 5):
        assert len(set(names[n : n + 6])) == 6
    assert set(names) == set(PATTERNS)


def test_no_pattern_resembles_a_signal_of_the_flood_or_fire_service() -> None:
    # 水防信号: 5 s on 15 off, 5/6, 10/5, 60/5; fire: 10/10 (DOMAIN-JP.md 3.5).
    assert len(PATTERNS) >= 8
    for bursts in (*PATTERNS.values(), WARN_BURSTS):
        assert all(0 < on <= 3 and 0 < off <= 3 for _, on, off in bursts)
    for bursts in PATTERNS.values():
        gaps = [off for _, _, off in bursts]
        assert len(bursts) >= 3
        assert all(abs(a - b) >= 0.2 for a, b in pairwise([*gaps, gaps[0]]))
        longest = max(on for _, on, _ in bursts)
        assert longest < 5


def test_the_delay_is_at_most_two_seconds_and_the_same_for_the_same_command() -> None:
    delays = {deterrent.delay(f"animal-1/a/{n}") for n in range(500)}
    assert deterrent.delay("animal-1/a/7") == deterrent.delay("animal-1/a/7")
    assert all(0 <= delay <= 2000 for delay in delays)
    assert len(delays) > 300


def test_the_answer_of_the_siren_is_noted_for_the_newest_command_alone() -> None:
    paddy = Paddy(siren("a"))
    paddy.boar(NIGHT)
    state = deterrent.done(paddy.states["a"], "animal-1/a/1", "done", NIGHT + 20 * SECOND)
    assert (state.result, state.finished_at) == ("done", NIGHT + 20 * SECOND)
    assert deterrent.done(state, "another", "refused", NIGHT + MINUTE) is state


def test_the_same_event_gives_the_same_commands() -> None:
    one, two = Paddy(siren("a"), siren("b", 90)), Paddy(siren("a"), siren("b", 90))
    assert one.boar(NIGHT) == two.boar(NIGHT)


# --- stop -----------------------------------------------------------------------------------------


def stop(paddy: Paddy, target: str, now: int) -> list[Command]:
    act = Act(9, now, "sato", "cli", "siren_stop", target)
    changed, commands = deterrent.stop(paddy.town, paddy.states, act, now)
    paddy.states |= changed
    return commands


def test_a_stop_is_always_possible_for_one_siren_or_all() -> None:
    paddy = Paddy(siren("a"), siren("b", 50), siren("broken", maintenance=True))
    assert [c.device for c in stop(paddy, "a", NIGHT)] == ["a"]
    paddy.boar(NIGHT)
    commands = stop(paddy, "all", NIGHT + SECOND)
    assert {c.device for c in commands} == {"a", "b", "broken"}
    for command in commands:
        assert (command.action, command.sound, command.light) == ("stop", False, False)
        assert NIGHT + SECOND < command.until <= NIGHT + 2 * MINUTE
    assert paddy.states["a"].until == NIGHT + SECOND
    assert stop(paddy, "cam", NIGHT) == []


def test_a_stop_does_not_shorten_the_rest() -> None:
    paddy = Paddy(siren("a"))
    paddy.boar(NIGHT)
    stop(paddy, "all", NIGHT + SECOND)
    assert paddy.boar(NIGHT + MINUTE) == []


# --- for people -----------------------------------------------------------------------------------


def flow(now: int, **more: Any) -> Event:
    event = Event(
        id=f"wire/debris_flow/{now}",
        kind=EventKind.DEBRIS_FLOW,
        incident="slope/大沢",
        device="wire",
        at=now,
        received_at=now,
    )
    return replace(event, **more)


def village(**rooms: Any) -> Paddy:
    return Paddy(
        slope("wire", north=2000),
        siren("near", 400, use=("warn",), sound_near_dwelling=False),
        siren("other", 9000, use=("warn", "deter")),
        siren("paddy", 20),
        zones=[
            square("osawa", "stream", rivers=("大沢",)),
            square("kosawa", "stream", 9000, rivers=("小沢",)),
            square("home", "dwelling", 400),
        ],
        **rooms,
    )


def test_a_debris_flow_sounds_the_sirens_below_its_stream_also_at_night_among_houses() -> None:
    (command,) = village().event(flow(NIGHT), NIGHT, "slope-1")
    assert (command.device, command.action) == ("near", "warn")
    assert (command.sound, command.light, command.pattern) == (True, True, "people")
    assert command.until == NIGHT + MINUTE
    assert command.id == "slope-1/near/1"


def test_a_stream_whose_place_is_not_known_sounds_every_siren_for_people() -> None:
    paddy = Paddy(slope("wire"), siren("a", 400, use=("warn",)), siren("b", 9000, use=("warn",)), siren("c"))
    assert [c.device for c in paddy.event(flow(NIGHT), NIGHT)] == ["a", "b"]


@pytest.mark.parametrize(
    ("more", "sounds"),
    [
        ({}, True),
        ({"confirmed": False}, True),
        ({"freshness": Freshness.DELAYED, "at": NIGHT - 119 * SECOND}, True),
        ({"freshness": Freshness.DELAYED, "at": NIGHT - 121 * SECOND}, False),
        ({"freshness": Freshness.LATE}, False),
        ({"freshness": Freshness.RETAINED}, False),
        ({"kind": EventKind.DEBRIS_CONFIRMED}, False),
        ({"kind": EventKind.SLOPE_MOVED}, False),
        ({"kind": EventKind.DEBRIS_CANCEL}, False),
    ],
)
def test_which_news_of_a_slope_sounds_a_siren(more: dict[str, Any], sounds: bool) -> None:
    assert bool(village().event(flow(NIGHT, **more), NIGHT)) is sounds


def test_a_town_that_keeps_a_dry_wire_to_its_officials_sounds_with_the_confirmation() -> None:
    policy = SlopePolicy(dry_wire_officials_only=True, dry_wire_reason="シカが多い")
    paddy = village(slope=policy)
    assert paddy.event(flow(NIGHT, confirmed=False), NIGHT) == []
    confirmed = flow(NIGHT + MINUTE, kind=EventKind.DEBRIS_CONFIRMED)
    assert [c.device for c in paddy.event(confirmed, NIGHT + MINUTE)] == ["near"]
    assert [c.device for c in village(slope=policy).event(flow(NIGHT), NIGHT)] == ["near"]


def test_a_warning_comes_through_rest_and_budget_and_no_boar_interrupts_it() -> None:
    policy = DeterrentPolicy(per_night=1, cooldown="10s", warn_on="60s")
    both = siren("both", 0, use=("warn", "deter"))
    paddy = Paddy(slope("wire"), both, policy=policy)
    assert len(paddy.boar(NIGHT)) == 1
    assert [c.action for c in paddy.event(flow(NIGHT + SECOND), NIGHT + SECOND)] == ["warn"]
    assert paddy.boar(NIGHT + DAY) != []
    paddy = Paddy(slope("wire"), both, policy=policy)
    paddy.event(flow(NIGHT), NIGHT)
    assert paddy.boar(NIGHT + 30 * SECOND) == []
    assert len(paddy.boar(NIGHT + 60 * SECOND)) == 1


# --- whatever comes -------------------------------------------------------------------------------


def metres_to_home(device: Device, home: float) -> float:
    """To a square of 100 m about (home, 0), from the sketch's own metres."""
    north = (device.lat - LAT) * METRES_PER_DEGREE_NORTH
    east = (device.lon - LON) * METRES_PER_DEGREE_EAST
    return math.hypot(max(abs(north - home) - 50, 0), max(abs(east) - 50, 0))


SIRENS = st.lists(
    st.tuples(
        st.floats(-400, 400),
        st.floats(-400, 400),
        st.sampled_from(["siren", "flash", "horn"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@given(
    SIRENS,
    st.floats(-500, 500),
    st.lists(
        st.tuples(st.integers(0, 90 * MINUTE), st.floats(-300, 300), st.sampled_from(Freshness)), max_size=40
    ),
    st.integers(0, 6),
    st.integers(1, 3),
)
def test_budget_rest_houses_and_ends_are_kept_whatever_the_animals_do(
    sirens: list[tuple[float, float, str, bool]],
    home: float,
    visits: list[tuple[int, float, Freshness]],
    per_night: int,
    nearest: int,
) -> None:
    devices = [
        siren(f"s{n}", north, east, profile=profile, sound_near_dwelling=opted)
        for n, (north, east, profile, opted) in enumerate(sirens)
    ]
    zones = [square("home", "dwelling", home)]
    policy = DeterrentPolicy(per_night=per_night, nearest=nearest)
    paddy = Paddy(*devices, zones=zones, policy=policy)
    now = NOON
    for pause, north, freshness in visits:
        now += pause
        commands = paddy.boar(now, north, freshness=freshness)
        assert freshness is Freshness.LIVE or commands == []
        assert len(commands) <= nearest
    assert len({command.id for command in paddy.given}) == len(paddy.given)
    for device in devices:
        given_to = [command for command in paddy.given if command.device == device.id]
        assert all(b.created_at - a.created_at >= policy.cooldown for a, b in pairwise(given_to))
        nights = [(command.created_at - NOON + HOUR // 2) // DAY for command in given_to]
        assert all(nights.count(night) <= per_night for night in nights)
        near = metres_to_home(device, home) < 199
        for command in given_to:
            assert command.created_at < command.until <= command.created_at + policy.max_on
            assert command.sound or command.light
            assert not (command.sound and near and not (device.siren and device.siren.sound_near_dwelling))
