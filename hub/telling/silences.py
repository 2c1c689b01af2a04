"""What nobody is told of for a while: silences that people ask for, and devices at work. Pure.

A silence is of a device, of a zone or of a kind of alert, and has always an end. It withholds what is told,
and nothing else: alerts open, sirens sound, all is stored. What is for LIFE is never silenced, nor the end of
what somebody was told, nor who goes to see. What is still open when the silence ends and was withheld is told
then, once.

A device under maintenance says nothing at all of animals, traps, rivers and slopes; what is wrong with the
device itself is withheld until the work is over.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import get_args

from msgspec import Struct

from devices.frame import Millis
from hub.alerts import Scene, Telling
from hub.config.shapes import ZoneKind
from hub.config.tell_policy import AlertKind
from hub.config.town import Town
from hub.model import Alert, Event, EventKind, Reason, Severity

PASSES = frozenset({Reason.FALLING, Reason.CLEARED, Reason.CANCELLED, Reason.TAKEN, Reason.DONE})
AGAIN = frozenset({EventKind.REPEATED, EventKind.TASK_OVERDUE})
"""What reminds of something told before: dropped, not withheld."""
WHO_GOES = frozenset(kind for kind in EventKind if kind.startswith("task_")) - AGAIN
"""What concerns those who are on their way: a bear in the trap, no word from the site."""
OF_WATER = frozenset({ZoneKind.FLOOD, ZoneKind.STREAM})
KINDS = frozenset(get_args(AlertKind))


class Period(Struct, frozen=True, omit_defaults=True):
    """A silence, or the work on a device: from `since` for `lasts` ms. One of tomorrow is planned."""

    since: Millis
    lasts: Millis
    who: str = ""
    reason: str = ""

    def holds(self, now: Millis) -> bool:
        return 0 <= now - self.since < self.lasts

    def is_over(self, now: Millis) -> bool:
        return now - self.since >= self.lasts


class Withheld(Struct, frozen=True):
    """The newest that would have been told of one incident."""

    alert: str
    event: Event
    tellings: tuple[Telling, ...]


def known_targets(town: Town, what: str) -> Collection[str]:
    """The ids of `what` (device, zone, kind) that can be silenced, or drilled with."""
    return {"device": town.devices.keys(), "zone": town.zones.keys(), "kind": KINDS}.get(what, ())


def holding(periods: Mapping[str, Period], now: Millis) -> frozenset[str]:
    """The targets, or the devices, whose period it is."""
    return frozenset(target for target, period in periods.items() if period.holds(now))


def is_silenced(scene: Scene, silent: Collection[str], alert: Alert, event: Event) -> bool:
    """By its device, its kind, or by all its zones: who lives in the one that is not silenced is told."""
    device = scene.town.devices.get(event.device)
    if device is not None and device.maintenance:
        return True
    if not silent:
        return False
    if f"device/{event.device}" in silent or f"kind/{alert.kind}" in silent:
        return True
    zones = concerned(scene, alert)
    return bool(zones) and all(f"zone/{zone}" in silent for zone in zones)


def concerned(scene: Scene, alert: Alert) -> Collection[str]:
    """The zones that must be silenced: a boar's paddy may lie in a flood area, a bear is told there too."""
    zones: Collection[str] = alert.zones
    if not zones and alert.lat is not None and alert.lon is not None:
        zones = scene.geofence.zones_at(alert.lat, alert.lon)
    known = scene.town.zones
    dry = [zone for zone in zones if zone in known and known[zone].kind not in OF_WATER]
    return dry if dry and alert.severity < Severity.DANGER else zones


def parted(
    alert: Alert, event: Event, tellings: Iterable[Telling]
) -> tuple[list[Telling], tuple[Telling, ...]]:
    """Of what is silenced: what is told all the same, and what is withheld."""
    told, withheld = [], []
    goes = event.kind in WHO_GOES
    for telling in tellings:
        if max(alert.severity, telling.severity) >= Severity.LIFE or telling.reason in PASSES or goes:
            told.append(telling)
        elif not telling.to_told and event.kind not in AGAIN:
            withheld.append(telling)
    return told, tuple(withheld)
