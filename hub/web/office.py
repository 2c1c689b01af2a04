"""`/o/TOKEN`: all open alerts as the office's work queue, for one official."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.shapes import Person, Role
from hub.links import Purpose
from hub.model import Act, Alert
from hub.telling import budget
from hub.web.office_view import ENDS, hushes, is_in_hand, line, may, queue
from hub.web.pages import Pages, Refused, language, pages_of
from hub.web.spans import HOUR, MINUTE
from hub.wording.values import clean, format_time

MAY = frozenset({Role.OFFICIAL, Role.OPERATOR})
ETAS = ("10", "20", "30", "60")
"""Minutes."""
SILENCE_FOR: Millis = HOUR
LONGEST_CAUSE = 60
MOST = 25
"""Alerts on the page: it stays light where a whole valley falls silent."""
MOST_OF_ALL = 300
"""Where all are asked for: the hub decides nothing else while it lays out a page."""
DID = frozenset(
    {"late", "acknowledge", "take", "join", "confirm", "cancel", "close", "silence", *ENDS.values()}
)
"""What the page can say that it has done."""


async def show(request: Request) -> Response:
    return _page(request)


async def act(request: Request) -> Response:
    """One tap: done, and the list as it is then. What somebody else was quicker with is not done again."""
    pages = pages_of(request)
    person, _ = _who(pages, request)
    async with request.form() as form:
        kind = str(form.get("do", ""))
        if kind in ENDS.values():
            return await _end(request, person, kind, str(form.get("target", "")))
        async with pages.acting:
            alert = _open(pages, str(form.get("alert", "")))
            if alert is None or kind not in may(alert, person):
                return _back(request, "late")
            if kind == "cancel" and not clean(form.get("cause", "")):
                return _page(request, missing=alert.id, status=422)
            await pages.hub.do(_act(person, alert, kind, form))
    return _back(request, kind, alert)


async def _end(request: Request, person: Person, kind: str, target: str) -> Response:
    """A silence, the work on a device or a drill is over before its time."""
    pages = pages_of(request)
    held = hushes(pages.hub.pipeline.state, pages.town, pages.now(), lang="ja")
    if not any((hush.ends, hush.target) == (kind, target) for hush in held):
        return _back(request, "late")
    await pages.hub.do(Act(0, 0, who=person.id, source="web", kind=kind, target=target))
    return _back(request, kind)


def _act(person: Person, alert: Alert, kind: str, form: FormData) -> Act:
    target, detail, fields = alert.id, "", {}
    if kind == "take":
        eta = str(form.get("eta", ""))
        fields = {"eta": eta if eta in ETAS else "30"}
    elif kind == "cancel":
        detail = clean(form.get("cause", ""), LONGEST_CAUSE)
    elif kind == "silence":
        target, fields = f"device/{alert.device}", {"minutes": str(SILENCE_FOR // MINUTE)}
    return Act(0, 0, who=person.id, source="web", kind=kind, target=target, detail=detail, form=fields)


def _back(request: Request, did: str, alert: Alert | None = None) -> Response:
    lang = request.query_params.get("lang", "")
    at = f"#{alert.id}" if alert else ""
    return RedirectResponse(f"{request.url.path}?did={did}&lang={lang}{at}", 303)


def _page(request: Request, *, missing: str = "", status: int = 200) -> Response:
    pages = pages_of(request)
    person, until = _who(pages, request)
    lang, now, town = language(request, person.lang), pages.now(), pages.town
    found = queue(pages.hub.pipeline.state.alerts.values())
    is_all = "all" in request.query_params
    shown = found[: MOST_OF_ALL if is_all else MOST]
    did = request.query_params.get("did", "")
    return pages.render(
        request,
        "office.html",
        lang,
        status=status,
        person=person,
        lines=[line(a, town, person, now, lang=lang, page=alert_page(pages, a, person)) for a in shown],
        count=len(found),
        more=0 if is_all else len(found) - len(shown),
        hushes=hushes(pages.hub.pipeline.state, town, now, lang=lang),
        budgets=budget.left(town, pages.hub.pipeline.state.rooms["budget"], now),
        waiting=sum(not is_in_hand(alert) for alert in found),
        etas=ETAS,
        at=format_time(now, now, town.zone_info) if is_sane(now) else "",
        until=format_time(until, now, town.zone_info),
        did=did if did in DID else "",
        missing=missing,
    )


def _who(pages: Pages, request: Request) -> tuple[Person, Millis]:
    """Whose link this is, and its end. Refused: that person has left the office."""
    subject = pages.subject(Purpose.OFFICE, request.path_params["token"])
    person = pages.town.people.get(subject.id)
    if person is None or not MAY.intersection(person.roles):
        raise Refused("gone", 410)
    return person, subject.until or 0


def _open(pages: Pages, id: str) -> Alert | None:
    return next((alert for alert in pages.hub.pipeline.state.alerts.values() if alert.id == id), None)


def alert_page(pages: Pages, alert: Alert, person: Person) -> str:
    """To the alert's own page, by the last notification that this person had of it."""
    if pages.links is None or person.id not in alert.told:
        return ""
    told = [n for n in pages.ledger.notifications_of(alert.id) if n.recipient == person.id]
    return pages.links.of_notification(Purpose.ALERT, told[-1].id) if told else ""


ROUTES = (Route("/o/{token}", show), Route("/o/{token}", act, methods=["POST"]))
