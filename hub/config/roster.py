"""roster.csv: who is on duty in which week, as Excel saves it. Where a week stands in it, it is read from it;
in the others the days of people.csv hold."""

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

from hub.config.document import shown
from hub.config.parts import Entry, Findings, Parts
from hub.config.shapes import Id, Role, Shape
from hub.config.validate import suggestion

A_WEEK = timedelta(days=7)
ON_CALL = frozenset({Role.HUNTER, Role.PATROL})


class Turn(Shape):
    """From 06:00 of the first day to 06:00 of the day after the last. `week` is the first of seven days."""

    week: str = ""
    start: str = ""
    end: str = ""
    people: tuple[Id, ...] = ()

    @property
    def first(self) -> date:
        return date.fromisoformat(self.start or self.week)

    @property
    def last(self) -> date:
        return date.fromisoformat(self.end) if self.end else self.first + A_WEEK - timedelta(days=1)


def check(turns: Iterable[Entry[Turn]], parts: Parts, findings: Findings) -> tuple[Turn, ...]:
    """The turns in the order of time, and what is wrong with them."""
    found: list[Entry[Turn]] = []
    roles = {entry.value.id: frozenset(entry.value.roles) for entry in parts.people}
    for entry in turns:
        if not _check_days(entry, findings):
            continue
        found.append(entry)
        for index, person in enumerate(entry.value.people):
            if person not in parts.person_ids and "people" not in parts.unread:
                near = suggestion(person, parts.person_ids)
                findings.error(entry, ("people", index), f"no person {shown(person)}{near}")
            elif person in roles and not roles[person] & ON_CALL:
                message = f"{person} is neither hunter nor patrol: duty changes nothing for that person"
                findings.warn(entry, ("people", index), message)
    found.sort(key=lambda entry: entry.value.first)
    for before, entry in pairwise(found):
        if entry.value.first <= before.value.last:
            findings.error(entry, (), f"overlaps with {before.spot}, which ends on {before.value.last}")
    return tuple(entry.value for entry in found)


def _check_days(entry: Entry[Turn], findings: Findings) -> bool:
    """Whether its first and last day can be told."""
    turn, before = entry.value, len(findings.errors)
    if bool(turn.week) == bool(turn.start or turn.end) or bool(turn.start) != bool(turn.end):
        findings.error(entry, (), "needs either a week or both of from and to")
        return False
    for key in ("week", "start", "end"):
        text = getattr(turn, key)
        try:
            day = date.fromisoformat(text or "2026-11-23")
        except ValueError:
            findings.error(entry, (key,), f'must be a date such as 2026-11-23, not "{shown(text)}"')
        else:
            if key == "week" and day.weekday() != 0:
                findings.error(entry, (key,), f"{text} is no Monday: write from and to for other weeks")
    if len(findings.errors) == before and turn.last < turn.first:
        findings.error(entry, ("end",), "lies before its first day")
    if not turn.people:
        findings.warn(entry, ("people",), "is empty: the days of people.csv hold")
    return len(findings.errors) == before
