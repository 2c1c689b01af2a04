"""Simulated sirens obey and stop by themselves; animals mind them."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from shapely import intersects_xy

from devices.frame import Millis
from firmware_sim.faults import Fault, GatewayOutage, Restart, WrongClock
from firmware_sim.fleet import Fleet
from firmware_sim.report import Transmission
from firmware_sim.scenarios import scenario
from firmware_sim.scenarios.plot import Scenario
from firmware_sim.siren import LONGEST_ON
from firmware_sim.world import HOUR, MINUTE
from hub.config.shapes import ZoneKind
from hub.config.town import Town
from tests.fleets import PLANE, calm, example_town, fleet_of, run, said


@pytest.fixture(scope="module")
def town() -> Town:
    return example_town()


class Horn:
    """One siren of the town, and how to give it orders."""

    def __init__(self, town: Town, id: str = "siren-ueda-1", faults: tuple[Fault, ...] = ()) -> None:
        self.played = calm(town)
        self.fleet = Fleet(town, self.played.world, 1, faults, starts_at=self.played.starts_at)
        self.topic = f"naruko/{town.site.id}/{id}"
        self.now = self.played.starts_at + 10 * MINUTE
        run(self.fleet, self.now)

    def order(self, id: str, do: str = "deter", lasts: Millis = 20_000, **more: Any) -> list[str]:
        """Of a hub whose clock is right, on its way for no time; a field given as None is left out."""
        until = datetime.fromtimestamp((self.now + lasts) / 1_000, UTC).isoformat(timespec="milliseconds")
        fields = {
            "v": 1,
            "id": id,
            "do": do,
            "sound": True,
            "light": True,
            "pattern": "a",
            "for_ms": lasts,
            "until": until,
        } | more
        order = {name: value for name, value in fields.items() if value is not None}
        return self.results(self.fleet.command(f"{self.topic}/cmd", json.dumps(order).encode(), self.now))

    def wait(self, until: Millis) -> list[tuple[Millis, str]]:
        sent = run(self.fleet, until)
        self.now = until
        return [(s.at, self.results([s])[0]) for s in sent if s.topic == f"{self.topic}/done"]

    def results(self, sent: list[Transmission]) -> list[str]:
        done = [said(s) for s in sent if s.topic == f"{self.topic}/done"]
        return [f"{d['id']} {d['result']}" for d in done]

    def is_on(self, at: Millis) -> bool:
        return any(burst.since <= at < burst.until for burst in self.played.world._bursts)


def test_a_siren_sounds_until_its_end_and_says_that_it_is_done(town: Town) -> None:
    horn = Horn(town)
    began = horn.now
    assert horn.order("c1") == []
    assert horn.is_on(began + 19_000 - 1_500)
    ((at, result),) = horn.wait(began + MINUTE)
    assert result == "c1 done"
    assert abs(at - (began + 20_000)) <= 1_500, "by its own clock, which drifts"
    assert not horn.is_on(at)


def test_a_siren_never_sounds_longer_than_a_minute(town: Town) -> None:
    horn = Horn(town)
    began = horn.now
    horn.order("c1", lasts=HOUR)
    assert horn.wait(began + HOUR) == [(began + LONGEST_ON, "c1 done")]


def test_an_order_that_comes_too_late_is_not_obeyed(town: Town) -> None:
    horn = Horn(town)
    assert horn.order("c1", lasts=-5_000) == ["c1 expired"]
    assert not horn.is_on(horn.now)
    assert horn.wait(horn.now + HOUR) == []


def test_stop_silences_a_siren_at_once(town: Town) -> None:
    horn = Horn(town)
    horn.order("c1")
    horn.now += 5_000
    assert horn.order("c2", do="stop") == ["c1 done", "c2 done"]
    assert not horn.is_on(horn.now)
    assert horn.wait(horn.now + HOUR) == []


def test_a_busy_siren_refuses_but_a_warning_to_people_goes_first(town: Town) -> None:
    horn = Horn(town)
    horn.order("c1")
    assert horn.order("c2") == ["c2 refused"]
    assert horn.order("c3", do="warn", lasts=60_000) == ["c1 done"]
    assert horn.order("c4") == ["c4 refused"]
    assert [result for _, result in horn.wait(horn.now + HOUR)] == ["c3 done"]


def test_a_repeated_order_is_carried_out_once(town: Town) -> None:
    horn = Horn(town)
    assert horn.order("c1") == []
    assert horn.order("c1") == []
    assert [result for _, result in horn.wait(horn.now + MINUTE)] == ["c1 done"]
    assert horn.order("c1") == ["c1 done"], "the answer is repeated, not the noise"
    assert not horn.is_on(horn.now)


def test_a_flash_refuses_to_make_noise(town: Town) -> None:
    horn = Horn(town, "flash-ueda-1")
    assert horn.order("c1", light=False) == ["c1 refused"]
    assert horn.order("c2") == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"[" * 5_000,
        b'{"v":1,"id":"x","do":"deter","until":"soon"}',
        b'{"v":1,"id":"x","do":"deter","for_ms":"20 s"}',
        b"null",
    ],
)
def test_a_siren_ignores_what_is_no_order(town: Town, payload: bytes) -> None:
    horn = Horn(town)
    assert horn.fleet.command(f"{horn.topic}/cmd", payload, horn.now) == []
    assert not horn.is_on(horn.now)


def test_orders_for_other_sites_and_unknown_devices_reach_nobody(town: Town) -> None:
    horn = Horn(town)
    for topic in ("naruko/elsewhere/siren-ueda-1/cmd", f"naruko/{town.site.id}/nobody/cmd", "a/b"):
        horn.topic = topic.removesuffix("/cmd")
        assert horn.order("c1") == []
    assert not horn.is_on(horn.now)


def test_a_siren_whose_power_fails_is_silent(town: Town) -> None:
    at = calm(town).starts_at + 10 * MINUTE + 5_000
    horn = Horn(town, faults=(Restart("siren-ueda-1", at),))
    horn.order("c1")
    assert horn.wait(at + HOUR) == []
    assert not horn.is_on(at)


def test_no_order_gets_through_a_dead_gateway(town: Town) -> None:
    start = calm(town).starts_at
    horn = Horn(town, faults=(GatewayOutage("gw-kominkan", start, start + HOUR),))
    assert horn.order("c1") == []
    assert horn.wait(start + 2 * HOUR) == []


# --- clocks ---


def wrong_clock(town: Town, offset: Millis | None) -> WrongClock:
    start = calm(town).starts_at
    return WrongClock("siren-ueda-1", start, start + 24 * HOUR, offset)


def silent_at(horn: Horn, began: Millis) -> Millis:
    """How long after `began` it said that it was done."""
    ((at, result),) = horn.wait(began + HOUR)
    assert result == "c1 done"
    assert horn.is_on(at - 1_000)
    assert not horn.is_on(at)
    return at - began


@pytest.mark.parametrize(
    ("offset", "without"),
    [(None, ()), (None, ("until",)), (0, ("until",)), (-HOUR, ())],
    ids=["its clock is not set", "both are not set", "the hub's is not set", "its clock is an hour behind"],
)
def test_a_siren_sounds_as_long_as_it_was_told_whichever_clock_is_wrong(
    town: Town, offset: Millis | None, without: tuple[str, ...]
) -> None:
    horn = Horn(town, faults=(wrong_clock(town, offset),))
    left_out: dict[str, Any] = dict.fromkeys(without)
    assert horn.order("c1", **left_out) == []
    assert silent_at(horn, horn.now) == 20_000


@pytest.mark.parametrize(("lasts", "for_ms"), [(20_000, 5_000), (5_000, 20_000)])
def test_a_siren_with_a_right_clock_obeys_the_end_that_comes_first(
    town: Town, lasts: Millis, for_ms: Millis
) -> None:
    horn = Horn(town)
    assert horn.order("c1", lasts=lasts, for_ms=for_ms) == []
    assert abs(silent_at(horn, horn.now) - 5_000) <= 1_500, "by its own clock, which drifts"


def test_an_order_that_was_held_up_on_its_way_is_too_late_by_the_clock(town: Town) -> None:
    horn = Horn(town)
    assert horn.order("c1", lasts=-5_000, for_ms=20_000) == ["c1 expired"]
    assert not horn.is_on(horn.now)


def test_whatever_its_clock_a_siren_never_sounds_longer_than_a_minute(town: Town) -> None:
    horn = Horn(town, faults=(wrong_clock(town, None),))
    horn.order("c1", lasts=HOUR)
    assert silent_at(horn, horn.now) == LONGEST_ON


def test_an_order_whose_end_a_siren_cannot_know_is_refused(town: Town) -> None:
    horn = Horn(town, faults=(wrong_clock(town, None),))
    assert horn.order("c1", for_ms=None) == ["c1 refused"]
    assert horn.order("c2", for_ms=None, until=None) == ["c2 refused"]
    assert horn.order("c3", for_ms=0) == ["c3 expired"]
    assert not horn.is_on(horn.now)


# --- animals and sirens ---


def boar_night(town: Town, *, siren: bool) -> tuple[Scenario, list[Transmission]]:
    """The boar night, with a hub that does nothing but answer each camera by the siren beside it."""
    played = scenario("boar_night", town, 1)
    fleet = fleet_of(town, played)
    sent: list[Transmission] = []
    last = 0
    while (due := fleet.next_due()) <= played.ends_at:
        for one in fleet.step(due):
            sent.append(one)
            if siren and b'"animal"' in one.payload and due - last > 5 * MINUTE:
                last = due
                until = datetime.fromtimestamp((due + 20_000) / 1_000, UTC).isoformat()
                order = {"v": 1, "id": f"c{due}", "do": "deter", "sound": True, "until": until}
                topic = f"naruko/{town.site.id}/siren-ueda-1/cmd"
                sent += fleet.command(topic, json.dumps(order).encode(), due + 2_000)
    return played, sent


def in_the_rice(town: Town, played: Scenario, track: int) -> Millis:
    """How long the animal stands in a paddy, ms."""
    paddies = [town.geometry[z.id] for z in town.zones.values() if z.kind == ZoneKind.PADDY]
    way = played.world.tracks[track]
    stays = 0
    for t in range(way.starts_at, way.ends_at, 1_000):
        here = way.position_at(t)
        assert here is not None
        lat = PLANE.lat + here[1] / 111_195.0
        lon = PLANE.lon + here[0] / (111_195.0 * math.cos(math.radians(PLANE.lat)))
        stays += 1_000 * any(intersects_xy(paddy, lon, lat) for paddy in paddies)
    return stays


def test_a_boar_turns_back_when_the_siren_sounds(town: Town) -> None:
    played, sent = boar_night(town, siren=True)
    assert played.world.tracks[0].turned_at is not None
    assert in_the_rice(town, played, 0) < MINUTE
    assert any(s.topic.endswith("siren-ueda-1/done") for s in sent)


def test_a_boar_eats_for_a_quarter_of_an_hour_when_nothing_sounds(town: Town) -> None:
    played, _ = boar_night(town, siren=False)
    assert all(track.turned_at is None for track in played.world.tracks)
    assert in_the_rice(town, played, 0) > 15 * MINUTE


def test_the_siren_does_not_reach_the_boars_in_the_orchard(town: Town) -> None:
    played, _ = boar_night(town, siren=True)
    assert played.world.tracks[1].turned_at is None
