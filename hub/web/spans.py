"""How long ago, how long still: as people say it."""

from devices.frame import Millis
from hub.web.words import plain

MINUTE: Millis = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def span(lang: str, millis: Millis) -> str:
    """`7分`, `2時間10分`, `3日`. Less than nothing is nothing."""
    millis = max(millis, 0)
    if millis < HOUR:
        return plain(lang, "span.minutes", minutes=millis // MINUTE)
    if millis < DAY:
        minutes = millis % HOUR // MINUTE
        key = "span.hours_minutes" if minutes else "span.hours"
        return plain(lang, key, hours=millis // HOUR, minutes=minutes)
    return plain(lang, "span.days", days=millis // DAY)
