"""`/console/rivers`: where each river stands against its named thresholds, and where it is going."""

import asyncio
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devices.frame import Millis
from hub.console.access import ConsoleRole, lang_of, needs, render
from hub.console.api.frame import Call, call_of
from hub.console.api.readings import newest_levels, rain_of_an_hour
from hub.console.views import gauges
from hub.console.views.gauges import Pace, RainGauge, RiverGauge, RiverThreshold
from hub.console.views.series import Step
from hub.ledger.views.readings import Row
from hub.web.words import plain
from hub.wording.values import format_time

PERIODS: dict[int, tuple[str, Step]] = {
    6: ("rivers.hours_6", "10m"),
    24: ("rivers.hours_24", "1h"),
    72: ("rivers.hours_72", "1h"),
    720: ("rivers.hours_720", "1d"),
}
"""Hours -> what the link says, and of what time the rain is summed."""
USUAL_HOURS = 24
FLAGS = {
    1: "rivers.flag_pass",
    2: "rivers.flag_unchecked",
    3: "rivers.flag_suspect",
    4: "rivers.flag_fail",
    9: "rivers.missing",
}
PACES: dict[Pace, str] = {
    "fast_rise": "rivers.fast_rise",
    "slow_rise": "rivers.slow_rise",
    "steady": "rivers.steady",
    "slow_fall": "rivers.slow_fall",
    "fast_fall": "rivers.fast_fall",
    "": "rivers.no_rise",
}
RAIN_KEYS: dict[Step, str] = {
    "10m": "rivers.key_rain_10m",
    "1h": "rivers.key_rain_1h",
    "1d": "rivers.key_rain_1d",
}
IN_TABLE = 24
MOST = 30
"""Gauges on the page, those above a threshold first; all of them with `?all`."""
MINUTE: Millis = 60_000
OLD_AFTER = 120
"""Minutes; then the age is said in hours."""


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    call = call_of(request)
    newest = await newest_levels(call, IN_TABLE)
    rained = await rain_of_an_hour(call)
    return await asyncio.to_thread(_page, request, call, newest, rained)


def _page(
    request: Request, call: Call, newest: dict[str, list[Row]], rained: dict[str, list[Row]]
) -> Response:
    """In a thread: that of 50 gauges takes 30 ms, for which no alert should wait."""
    hours = _hours(request)
    state = call.state.rooms["river"]
    every = gauges.views(call.town, call.hub.pipeline.geofence, state, newest, rained, call.now)
    every.sort(key=lambda one: not any(each.in_force for each in one.thresholds))
    found = every if "all" in request.query_params else every[:MOST]
    told = _Told(call, lang_of(request))
    return render(
        request,
        "rivers.html",
        rivers=[told.river(one, newest.get(one.device, [])) for one in found],
        periods=[(period, key, period == hours) for period, (key, _) in PERIODS.items()],
        more=len(every) - len(found),
        rain_key=RAIN_KEYS[PERIODS[hours][1]],
        data=_for_script(call, found, hours, told),
    )


class _Told:
    """Numbers and codes in the words of one language, with the time on the site's wall."""

    def __init__(self, call: Call, lang: str) -> None:
        self.now = call.now
        self.zone = call.town.zone_info
        self.say = partial(plain, lang)
        self.flags = {code: self.say(key) for code, key in FLAGS.items()}
        self.is_english = lang == "en"

    def river(self, one: RiverGauge, levels: list[Row]) -> dict[str, Any]:
        """What the template shows of a gauge."""
        thresholds = [self.threshold(each, official=one.official) for each in one.thresholds]
        by_key = {each["key"]: each for each in thresholds}
        return {
            "id": one.device,
            "name": self.station(one),
            "level": metres(one.level_m),
            "has_word": one.at is not None,
            "flag": FLAGS.get(one.flag or 0, ""),
            "code": one.flag,
            "seen": self.moment(one.at),
            "believed": metres(one.believed_m) if one.at != one.believed_at or one.flag not in (1, 2) else "",
            "believed_seen": self.moment(one.believed_at),
            "late": one.interval // MINUTE if one.is_late else 0,
            "above": by_key.get(one.above),
            "unconfirmed": by_key.get(one.unconfirmed),
            "next": by_key.get(one.next),
            "to_next": metres(one.to_next_m).replace(" ", "\u00a0"),
            "rise": "" if one.rise_m_h is None else f"{one.rise_m_h:+.2f}\u00a0m/h",
            "pace": PACES[one.pace],
            "is_fast": one.pace == "fast_rise",
            "rain": self.rain(one.rain),
            "thresholds": thresholds[::-1],
            "official": one.official,
            "table": [
                {
                    "time": format_time(at, self.now, self.zone),
                    "level": figure(value),
                    "flag": self.flags[flag],
                }
                for at, value, flag in levels
            ],
        }

    def station(self, one: RiverGauge) -> str:
        names = (one.river_en, one.station_en) if self.is_english else (one.river, one.station)
        return self.say("rivers.station", river=names[0], station=names[1])

    def threshold(self, one: RiverThreshold, *, official: bool) -> dict[str, Any]:
        number = one.alert_level
        return {
            "key": one.key,
            "name": one.name_en if self.is_english else one.name,
            "at_m": one.at_m,
            "metres": metres(one.at_m),
            "equivalent": self.say("rivers.equivalent", number=number) if number else "",
            "look": f"lv-{one.key}" + ("" if official else " own"),
            "in_force": one.in_force,
        }

    def moment(self, at: Millis | None) -> dict[str, Any] | None:
        if at is None:
            return None
        return {"at": at, "time": format_time(at, self.now, self.zone), "ago": self.ago(at)}

    def ago(self, at: Millis) -> str:
        minutes = (self.now - at) // MINUTE
        if minutes < 1:
            return self.say("rivers.just_now")
        if minutes < OLD_AFTER:
            return self.say("rivers.ago", minutes=minutes)
        return self.say("rivers.ago_hours", hours=minutes // 60)

    def rain(self, one: RainGauge | None) -> dict[str, Any] | None:
        if one is None:
            return None
        name = one.name_en if self.is_english else one.name
        gauge = self.say("rivers.rain_gauge", name=name, km=f"{one.distance_m / 1000:.1f}")
        return {"mm": "" if one.mm_last_hour is None else f"{one.mm_last_hour:.1f}", "gauge": gauge}


def figure(value: float | None) -> str:
    """`-0.35`; empty for none."""
    return "" if value is None else f"{value:.2f}".replace("-0.00", "0.00")


def metres(value: float | None) -> str:
    """`-0.35 m`; empty for none."""
    return "" if value is None else f"{figure(value)} m"


def _hours(request: Request) -> int:
    asked = request.query_params.get("hours", "")
    return int(asked) if asked in {str(hours) for hours in PERIODS} else USUAL_HOURS


def _for_script(call: Call, found: list[RiverGauge], hours: int, told: _Told) -> dict[str, Any]:
    """For `rivers.js`."""
    shown = [
        {
            "device": one.device,
            "rain": one.rain.device if one.rain else None,
            "thresholds": [told.threshold(each, official=one.official) for each in one.thresholds],
        }
        for one in found
    ]
    keys = (
        "loading", "failed", "again", "empty", "rain", "missing", "just_now", "ago", "ago_hours",
    )  # fmt: skip
    bare: dict[str, str] = {name: f"{{{name}}}" for name in ("minutes", "hours")}
    return {
        "now": call.now,
        "zone": call.town.site.timezone,
        "hours": hours,
        "step": PERIODS[hours][1],
        "rivers": shown,
        "flags": told.flags,
        "words": {key: told.say(f"rivers.{key}", **bare) for key in keys},
    }


ROUTES = (Route("/console/rivers", show),)
