"""The ways in which devices write a time."""

from datetime import datetime, tzinfo

from devices.frame import Millis

LATEST: Millis = 253_402_300_800_000
"""Year 10000: beyond it no calendar of ours reaches."""

MILLISECONDS_FROM = 1e11
"""A number from here on is milliseconds (since 1973), below it seconds (until the year 5138)."""


def parse_time(value: object, zone: tzinfo) -> Millis | None:
    """RFC 3339, the same without a zone (then `zone`), Tasmota's `2018.02.15 01:00:50`, unix seconds or ms.

    None for what is no time: the receive time counts then. Years 1 to 9999 are passed on as they are; whether
    a clock can be right is for quality to judge.
    """
    if isinstance(value, str):
        try:
            if not value.isdecimal():
                return _from_text(value, zone)
            value = int(value[:20])
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    millis = value if abs(value) >= MILLISECONDS_FROM else value * 1000
    return round(millis) if abs(millis) < LATEST else None


def _from_text(text: str, zone: tzinfo) -> Millis:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text[:10].replace(".", "-") + text[10:])
    if moment.tzinfo is not None:
        return round(moment.timestamp() * 1000)
    # An hour that comes twice, or not at all: the later of the two. What is ahead gives way to the receive
    # time; taken an hour too early it would be history.
    return round(max(moment.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1)) * 1000)
