"""An animal that is back where it was driven off: the deterrent did not work. Pure."""

from collections.abc import Iterable

from msgspec import Struct

from devices.frame import Millis
from hub.geofence import Geofence


class DrivenOff(Struct, frozen=True):
    """A visit for which a siren or flash was set off, and which is over: its last sighting."""

    lat: float
    lon: float
    last_at: Millis
    bear: bool = False


def came_from(
    visits: Iterable[DrivenOff],
    geofence: Geofence,
    place: tuple[float, float],
    at: Millis,
    *,
    bear: bool,
    within: Millis,
    within_m: float,
) -> DrivenOff | None:
    """The newest of `visits` that begins again at `place` (lat, lon): a bear is no boar that is back."""
    found = [
        visit
        for visit in visits
        if visit.bear == bear
        and 0 <= at - visit.last_at <= within
        and geofence.distance_m(place, (visit.lat, visit.lon)) <= within_m
    ]
    return max(found, key=lambda visit: visit.last_at, default=None)
