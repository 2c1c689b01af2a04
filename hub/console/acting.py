"""What users do at the console: done once, with its name in the ledger, or refused with the reason.

Problem: 404 of what nobody knows, 409 where it is over, is not offered, or nothing came of it.
"""

from datetime import timedelta, tzinfo
from math import ceil

from msgspec import Struct

from devices.frame import Millis
from hub.console.access import act_of
from hub.console.api.frame import Call, Problem
from hub.console.views.open_alerts import offered, sounding
from hub.days import wall
from hub.deterrent import ALL
from hub.model import Act, Alert, AlertState, Outcome
from hub.web import offer
from hub.web.office_view import ENDS

ETAS = (10, 20, 30, 60)
"""Minutes."""
MORNING = 7


class Did(Struct, frozen=True):
    """`alert` as it is after the act."""

    alert: Alert
    outcome: Outcome


async def on_alert(call: Call, id: str, kind: str, detail: str = "", **form: str) -> Did:
    """An act on one open alert, of those that this user is offered: acknowledge, confirm, cancel, close."""
    async with call.pages.acting:
        alert = _offered(call, id, kind)
        return await _do(call, alert, act_of(call.request, kind, alert.id, detail, **form))


async def silence(call: Call, id: str, minutes: int) -> tuple[Did, Millis]:
    """Of the device that began it; the town bounds how long. And when it ends."""
    async with call.pages.acting:
        alert = _offered(call, id, "silence")
        target = f"device/{alert.device}"
        did = await _do(call, alert, act_of(call.request, "silence", target, minutes=str(minutes)))
        period = call.state.rooms["silence"][target]
        return did, period.since + period.lasts


async def send(call: Call, id: str, person: str, minutes: int) -> Did:
    """Somebody goes, or goes too, and has said so to who notes it here. It must be who may be asked to go."""
    async with call.pages.acting:
        alert = find(call, id)
        kind = "join" if "join" in offers(call, alert) else "take"
        _offered(call, id, kind)
        one = call.town.people.get(person)
        if one is None or not offer.goes(alert, call.town.devices.get(alert.device), one):
            raise Problem(409, "person", "nobody of the town who may be asked to go there")
        if offer.is_going(alert, person):
            raise Problem(409, "goes", "is on the way already")
        act = act_of(call.request, kind, alert.id, **{"for": person, "eta": str(minutes)})
        return await _do(call, alert, act)


async def stop_sirens(call: Call, id: str) -> Did:
    """Those that one alert has set off."""
    async with call.pages.acting:
        alert = _offered(call, id, "siren_stop")
        sirens = sounding(call.state.rooms["deterrent"], call.now, alert.id)
        return await _do(call, alert, *(act_of(call.request, "siren_stop", siren) for siren in sirens))


async def stop_siren(call: Call, siren: str) -> int:
    """One by its device, or `all`: always possible, whatever has been. To how many devices it goes.

    Problem 404: there is no such siren.
    """
    device = call.town.devices.get(siren)
    if siren != ALL and (device is None or device.siren is None):
        raise Problem(404, "siren", "no siren of this town")
    outcome = await call.hub.do(act_of(call.request, "siren_stop", siren))
    return len(outcome.commands)


async def end(call: Call, kind: str, target: str) -> None:
    """A silence, the work on a device or a drill is over before its time."""
    room = next(room for room, ends in ENDS.items() if ends == kind)
    async with call.pages.acting:
        if target not in call.state.rooms[room]:
            raise Problem(409, "over", "it has ended")
        await call.hub.do(act_of(call.request, kind, target))


def offers(call: Call, alert: Alert) -> tuple[str, ...]:
    """What this user may do with it now."""
    return offered(alert, call.town, call.user, call.state, call.now)


def find(call: Call, id: str) -> Alert:
    """Open or over. Problem: there is none of this id."""
    alert = next((one for one in call.state.alerts.values() if one.id == id), None) or call.ledger.alert(id)
    if alert is None:
        raise Problem(404, "alert", "no alert of this id")
    return alert


def to_morning(now: Millis, zone: tzinfo) -> int:
    """Minutes to the next 07:00 by the clock on the site's wall."""
    local = wall(now, zone)
    morning = local.replace(hour=MORNING, minute=0, second=0, microsecond=0)
    if morning <= local:
        morning += timedelta(days=1)
    return ceil((morning.timestamp() * 1000 - now) / 60_000)


def _offered(call: Call, id: str, kind: str) -> Alert:
    alert = find(call, id)
    if alert.state is not AlertState.OPEN:
        raise Problem(409, "over", "this alert is no longer open")
    if kind not in offers(call, alert):
        raise Problem(409, "not_offered", "this cannot be done with this alert as it is now")
    return alert


async def _do(call: Call, alert: Alert, *acts: Act) -> Did:
    outcome = await call.hub.do(*acts)
    if not (outcome.alerts or outcome.events or outcome.commands or outcome.states):
        raise Problem(409, "nothing", "nothing came of it")
    return Did(find(call, alert.id), outcome)
