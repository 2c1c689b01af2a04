"""Days by the clock on the town's wall. Pure."""

from datetime import UTC, date, datetime, time, tzinfo

from devices.frame import Millis


def wall(at: Millis, zone: tzinfo) -> datetime:
    """What that clock shows."""
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def day_of(at: Millis, zone: tzinfo) -> date:
    return wall(at, zone).date()


def begins(day: date, zone: tzinfo) -> Millis:
    """Midnight. ValueError, OverflowError: so far off that it is no time."""
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)
