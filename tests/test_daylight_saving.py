"""A site in a zone with daylight saving: duty, quiet hours, nights and local times on both changes."""

import dataclasses
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from hub.config.policy import DeterrentPolicy
from hub.config.shapes import Role
from hub.config.town import Town
from hub.decode.times import parse_time
from hub.telling.roster import is_on_duty
from tests import towns
from tests.timeline import Timeline, animal
from tests.towns import HOUR, MINUTE, at

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
CHANGES = [
    (BERLIN, "2027-03-28T00:30:00+01:00"),
    (BERLIN, "2027-10-31T00:30:00+02:00"),
    (NEW_YORK, "2027-03-14T00:30:00-05:00"),
    (NEW_YORK, "2027-11-07T00:30:00-04:00"),
]
"""Nights in which an hour comes twice or not at all, half past midnight."""
changes = pytest.mark.parametrize(("zone", "begin"), CHANGES, ids=str)


def _in_zone(village: Town, zone: ZoneInfo) -> Town:
    site = village.site.model_copy(update={"timezone": str(zone)})
    return dataclasses.replace(village, hub=village.hub.model_copy(update={"site": site}))


@changes
def test_duty_changes_at_six_by_the_clock_on_the_wall_in_the_night_of_a_change_too(
    zone: ZoneInfo, begin: str
) -> None:
    saturday = towns.person("saturday", "hunter", duty=("sat",))
    village, night = _in_zone(towns.town(people=[saturday]), zone), at(begin)
    for minute in range(0, 12 * 60, 5):
        now = night + minute * MINUTE
        local = datetime.fromtimestamp(now / 1000, zone)
        assert is_on_duty(village, saturday, Role.HUNTER, now) == (local.hour < 6), local


@changes
def test_quiet_hours_end_by_the_clock_on_the_wall(zone: ZoneInfo, begin: str) -> None:
    policy = DeterrentPolicy(
        quiet_from=time(20), quiet_to=time(6, 30), quiet_everywhere=True, cooldown="0s", per_night=200
    )
    village = towns.town([towns.camera("cam-1"), towns.siren("siren-1", north=40)], deterrent=policy)
    t = Timeline(_in_zone(village, zone), begin, tick=HOUR)
    for _ in range(32):
        t.passes(15 * MINUTE).says("cam-1", animal("boar"))
        local = datetime.fromtimestamp(t.now / 1000, zone)
        sounds = [order.sound for order in t.commands]
        assert not sounds or sounds[-1] == (local.time() >= time(6, 30)), local


@changes
def test_a_night_has_one_budget_of_activations_also_when_it_has_eleven_or_thirteen_hours(
    zone: ZoneInfo, begin: str
) -> None:
    policy = DeterrentPolicy(cooldown="0s", per_night=5)
    village = towns.town([towns.camera("cam-1"), towns.siren("siren-1", north=40)], deterrent=policy)
    t = Timeline(_in_zone(village, zone), begin, tick=HOUR)
    for _ in range(40):
        t.passes(15 * MINUTE).says("cam-1", animal("boar"))
    assert len(t.commands) == 5


@changes
def test_a_device_that_writes_local_time_without_a_zone_is_never_history_for_the_change(
    zone: ZoneInfo, begin: str
) -> None:
    """In the hour that comes twice the later is meant; one that is ahead gives way to the receive time."""
    for minute in range(0, 6 * 60, 7):
        now = at(begin) + minute * MINUTE
        written = datetime.fromtimestamp(now / 1000, zone).replace(tzinfo=None).isoformat()
        read = parse_time(written, zone)
        assert read in {now, now + HOUR}
    gap = parse_time("2027-03-28 02:30:00", BERLIN)
    assert gap == at("2027-03-28T03:30:00+02:00")
