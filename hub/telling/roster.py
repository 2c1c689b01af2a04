"""Who is on duty: by roster.csv in a week that stands in it, else by the days of people.csv. Pure."""

from datetime import date, timedelta, tzinfo

from devices.frame import Millis
from hub.config.roster import Turn
from hub.config.shapes import Person, Role
from hub.config.town import Town
from hub.days import wall

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DUTY_CHANGES_AT = timedelta(hours=6)
SAID_BEFORE = timedelta(days=14)
"""So long before its end the roster is asked for."""


def duty_day(now: Millis, zone: tzinfo) -> date:
    """Duty runs from 06:00 to 06:00: the night belongs to the evening before."""
    return (wall(now, zone) - DUTY_CHANGES_AT).date()


def turn_of(town: Town, day: date) -> Turn | None:
    return next((turn for turn in town.roster if turn.first <= day <= turn.last), None)


def is_on_duty(town: Town, person: Person, role: Role, now: Millis) -> bool:
    """A turn decides for the roles of which it names somebody; for the others it says nothing."""
    day = duty_day(now, town.zone_info)
    turn = turn_of(town, day)
    named = [town.people[id] for id in turn.people if id in town.people] if turn else []
    if any(role in one.roles for one in named):
        return person in named
    return WEEKDAYS[day.weekday()] in person.duty


def ends(town: Town, now: Millis) -> str:
    """What is to be said of a roster that ends soon or has ended; empty where there is nothing to say."""
    if not town.roster:
        return ""
    last = town.roster[-1].last
    left = (last - duty_day(now, town.zone_info)).days
    if left < 0:
        return f"the roster has ended on {last}: the days of people.csv hold"
    if left > SAID_BEFORE.days:
        return ""
    days = "today" if left == 0 else "in 1 day" if left == 1 else f"in {left} days"
    return f"the roster ends {days}, on {last}; after that the days of people.csv hold"
