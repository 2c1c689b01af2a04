"""`/console/alerts/ID`: one alert in full, its forms, and the page that people see of it on their phones."""

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub import model
from hub.config.town import Town
from hub.console import acting
from hub.console.access import ConsoleRole, lang_of, needs, render
from hub.console.api.alerts import MOST_FACTS, MOST_MESSAGES
from hub.console.api.frame import Call, Problem, call_of
from hub.console.pages.doing import SILENCES, back, do, said
from hub.console.pages.now import NO_REACH, card, ended, told
from hub.console.views.open_alerts import in_office
from hub.ledger.views import alerts as ledger_alerts
from hub.ledger.views.messages import result_of
from hub.model import AlertState
from hub.web import offer
from hub.web.alert import CAUSES
from hub.web.alert_view import name_of, page_of
from hub.wording.values import format_time

GOES_ON = frozenset({"acknowledge", "confirm", "silence", "take", "siren_stop"})
"""Acts after which the alert is still looked at; after the others the queue is."""


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    call = call_of(request)
    alert = _found(call, request)
    if alert is None:
        return render(request, "console_alert.html", status=404, gone=True)
    lang, now, town = lang_of(request), call.now, call.town
    beside = await call.ledger.view(ledger_alerts.beside, [alert])
    events = await call.ledger.view(ledger_alerts.events_of, alert, MOST_FACTS)
    messages = await call.ledger.view(ledger_alerts.told, alert.id, MOST_MESSAGES)
    return render(
        request,
        "console_alert.html",
        gone=False,
        card=card(alert, call, beside.get(alert.id, NO_REACH), lang=lang),
        ended=ended(alert, town, now, lang) if alert.state is not AlertState.OPEN else None,
        facts=told(tuple(events), town, now, lang),
        messages=[_message(one, call, lang) for one in messages],
        more=len(messages) == MOST_MESSAGES,
        people=_people(alert, town),
        causes=CAUSES,
        etas=acting.ETAS,
        silences=(*SILENCES, "morning"),
        step=request.query_params.get("step", ""),
        **said(request),
    )


@needs(ConsoleRole.OPERATOR)
async def act(request: Request) -> Response:
    async with request.form() as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    came = await do(call_of(request), request.path_params["id"], fields)
    if came.get("did", "") in GOES_ON or "fault" in came:
        return back(request, came, f"#{fields.get('do', '')}" if "fault" in came else "")
    return back(request, came, path="/console")


@needs(ConsoleRole.VIEWER)
async def phone(request: Request) -> Response:
    """As an official sees it on a phone, and nothing to tap: a user is not one of those who were told."""
    call = call_of(request)
    alert = _found(call, request)
    if alert is None:
        return render(request, "console_alert.html", status=404, gone=True)
    lang, town = lang_of(request), call.town
    events = await call.ledger.view(ledger_alerts.events_of, alert, MOST_FACTS)
    page = page_of(alert, town, in_office(call.user), events[::-1], (), lang=lang, now=call.now)
    return call.pages.render(
        request,
        "alert.html",
        lang,
        style=page.map.style if page.map else "",
        page=replace(page, offered=()),
        did="",
        first="",
        etas=(),
        usual_eta="",
    )


def _found(call: Call, request: Request) -> model.Alert | None:
    try:
        return acting.find(call, request.path_params["id"])
    except Problem:
        return None


def _people(alert: model.Alert, town: Town) -> list[tuple[str, str]]:
    """(id, name) of those who may be asked to go there and do not go yet; who was told of it first."""
    device = town.devices.get(alert.device)
    may = [
        person
        for person in town.people.values()
        if offer.goes(alert, device, person) and not offer.is_going(alert, person.id)
    ]
    may.sort(key=lambda person: (person.id not in alert.told, person.name))
    return [(person.id, name_of(town, person.id)) for person in may]


def _message(one: model.Notification, call: Call, lang: str) -> dict[str, str]:
    zone, now = call.town.zone_info, call.now
    return {
        "person": name_of(call.town, one.recipient, lang),
        "channel": one.channel_kind,
        "reason": one.reason.value,
        "result": result_of(one),
        "at": format_time(one.created_at, now, zone),
        "finished": format_time(one.finished_at, now, zone) if one.finished_at else "",
    }


ROUTES = (
    Route("/console/alerts/{id}", show),
    Route("/console/alerts/{id}", act, methods=["POST"]),
    Route("/console/alerts/{id}/phone", phone),
)
