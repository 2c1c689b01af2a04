"""`/a/TOKEN`: one alert, for the person who was told of it. GET shows, POST acts."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec import Struct
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.shapes import Device, Person
from hub.links import Purpose
from hub.model import Act, Alert, AlertState
from hub.pipeline import LEVEL
from hub.web import capture, offer
from hub.web.alert_view import heading_of, name_of, page_of
from hub.web.pages import Pages, Refused, language, pages_of
from hub.web.photos import LIMIT, PhotoError
from hub.web.words import plain
from hub.wording.values import clean

ETAS = ("10", "20", "30", "60")
USUAL_ETA = "30"
LABELS = ("true", "false", "unknown")
OF_ANIMAL = {"result": ("escaped", "empty", "captured"), "label": LABELS}
"""What is asked of who went to look for an animal."""
CAUSES = ("fault", "animal", "work", "debris", "other")
CAUSE_LENGTH = 60
LEVEL_AGE: Millis = 6 * 3_600_000
"""An older level is not how it stands."""
AGAIN: Millis = 60_000
"""The same from the same person within this is a second tap of one act."""
ON_DEVICE = frozenset({"trap_reset", "trap_disarm"})


class Visit(Struct, frozen=True):
    """Who has come by a link, to which alert."""

    person: Person
    alert: Alert
    device: Device | None
    lang: str

    @property
    def offered(self) -> tuple[str, ...]:
        return offer.acts(self.alert, self.device, self.person)


def visit(request: Request) -> Visit:
    """Refused: no link of ours, its time is over, or what it was about is no longer known."""
    pages = pages_of(request)
    id = pages.subject(Purpose.ALERT, request.path_params["token"]).id
    notification = pages.ledger.notification(id)
    person = pages.town.people.get(notification.recipient) if notification else None
    alert = pages.ledger.alert(notification.alert_id) if notification else None
    if notification is None or person is None or alert is None:
        raise Refused("gone", 410)
    now = pages.now()
    over = alert.state is not AlertState.OPEN and now >= notification.created_at + pages.settings.link_lasts
    if over and is_sane(now):
        raise Refused("expired", 410)
    return Visit(person, alert, pages.town.devices.get(alert.device), language(request, person.lang))


async def show(request: Request) -> Response:
    """The page, or one of its two forms: `?step=done`, `?step=cancel`."""
    here = visit(request)
    step = request.query_params.get("step", "")
    if step in ("done", "cancel") and step in here.offered:
        said = capture.blank(here.device, here.person.name)
        return _form(request, here, step, said, {})
    return _page(request, here, did=request.query_params.get("did", ""))


async def act(request: Request) -> Response:
    """Does what the page offers, once; then shows the page as it is now."""
    pages, here = pages_of(request), visit(request)
    async with request.form(max_files=1, max_fields=40) as form:
        said = {name: value for name, value in form.items() if isinstance(value, str)}
        do = said.get("do", "")
        filled = await _read(pages, here, do, form, said)
    if filled.errors and do in here.offered:
        return _form(request, here, do, said | filled.form, filled.errors, status=422)
    async with pages.acting:
        here = visit(request)  # another may have been quicker while the form was read
        did = "late" if filled.errors else await _do(pages, here, do, filled.form)
    query = {"did": did} | ({"lang": here.lang} if "lang" in request.query_params else {})
    return RedirectResponse(f"{request.url.path}?{urlencode(query)}", 303)


async def photo(request: Request) -> Response:
    """A picture of this alert, for those who work on it."""
    pages, here = pages_of(request), visit(request)
    if not offer.may_see_names(here.alert, here.device, here.person):
        raise Refused("gone", 404)
    found = await asyncio.to_thread(pages.photos.find, here.alert.id, request.path_params["name"])
    if found is None:
        raise Refused("gone", 404)
    return Response(found[0], media_type=found[1])


def _page(request: Request, here: Visit, did: str) -> Response:
    pages, now = pages_of(request), pages_of(request).now()
    alert = here.alert
    events = pages.ledger.events_of(alert.incident, alert.opened_at)
    acts = pages.ledger.acts_on(alert.id)
    gauge = here.device.id if here.device and here.device.gauge else ""
    level = pages.ledger.latest_reading(gauge, LEVEL, now - LEVEL_AGE) if gauge else None
    page = page_of(alert, pages.town, here.person, events, acts, lang=here.lang, now=now, level=level)
    task = alert.task
    return pages.render(
        request,
        "alert.html",
        here.lang,
        style=page.map.style if page.map else "",
        page=page,
        did=did if did in DONE else "",
        first=name_of(pages.town, task.who, here.lang) if task and task.who else "",
        etas=ETAS,
        usual_eta=USUAL_ETA,
    )


def _form(
    request: Request,
    here: Visit,
    step: str,
    said: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    status: int = 200,
) -> Response:
    trap = offer.is_of_trap(here.alert, here.device)
    return pages_of(request).render(
        request,
        "alert_done.html" if step == "done" else "alert_cancel.html",
        here.lang,
        status=status,
        heading=heading_of(here.alert, here.device, here.lang),
        place=here.alert.place_en if here.lang == "en" else here.alert.place,
        said=said,
        errors=errors,
        choices=capture.CHOICES if trap else OF_ANIMAL,
        trap=trap,
        causes=CAUSES,
    )


async def _read(
    pages: Pages, here: Visit, do: str, form: FormData, said: Mapping[str, str]
) -> capture.Filled:
    """The fields of the act that is meant; errors where it cannot be done so."""
    if do == "done" and offer.is_of_trap(here.alert, here.device):
        filled = capture.read(said)
        name, error = await _photo(pages, here, form, said)
        kept = filled.form | ({"photo": name} if name else {})
        return capture.Filled(kept, filled.errors | ({"photo": error} if error else {}))
    if do == "take":
        eta = said.get("eta", USUAL_ETA)
        return capture.Filled({"eta": eta if eta in ETAS else USUAL_ETA}, {})
    if do == "done":
        chosen = {name: said.get(name, "") for name in OF_ANIMAL}
        errors = {name: "choose" for name, codes in OF_ANIMAL.items() if chosen[name] not in codes}
        return capture.Filled(chosen, errors)
    if do == "label" and said.get("label") in LABELS:
        return capture.Filled({"label": said["label"]}, {})
    if do == "cancel":
        cause = cause_of(said)
        return capture.Filled({"cause": cause}, {} if cause else {"cause": "choose"})
    return capture.Filled({}, {})


async def _photo(pages: Pages, here: Visit, form: FormData, said: Mapping[str, str]) -> tuple[str, str]:
    """(name of the picture, error): the one sent now, or one sent before with a form that had errors."""
    sent = form.get("picture")
    if isinstance(sent, UploadFile) and sent.size:
        if sent.size > LIMIT:
            return "", "large"
        try:
            return await asyncio.to_thread(pages.photos.keep, here.alert.id, await sent.read()), ""
        except PhotoError as error:
            return "", str(error)
        except OSError:
            return "", "disk"
    before = said.get("photo", "")
    known = await asyncio.to_thread(pages.photos.find, here.alert.id, before)
    return (before if known else ""), ""


def cause_of(said: Mapping[str, str]) -> str:
    """In the town's own language: it stands in what everybody is told."""
    own = clean(said.get("cause_text", ""), CAUSE_LENGTH)
    cause = said.get("cause", "")
    return own or (plain("ja", f"cause.{cause}") if cause in CAUSES and cause != "other" else "")


async def _do(pages: Pages, here: Visit, do: str, form: dict[str, str]) -> str:
    """What was done, as the page says it: `late` where the alert has gone on without it."""
    target = here.alert.device if do in ON_DEVICE else here.alert.id
    if before := _just_done(pages, here.person.id, target, do):
        return before
    if do == "take" and "take" not in here.offered:
        do = "join"
    if do not in here.offered:
        return "late"
    acts = [Act(0, 0, here.person.id, "web", do, target, form.pop("cause", ""), form)]
    if do == "done" and form.get("label"):
        acts.append(Act(0, 0, here.person.id, "web", "label", target, "", {"label": form["label"]}))
    await pages.hub.do(*acts)
    return do


def _just_done(pages: Pages, who: str, target: str, do: str) -> str:
    """The act of which this is a second tap; empty: it is none."""
    mine = [act for act in pages.ledger.acts_on(target) if act.who == who and act.kind != "label"]
    if not mine or pages.now() - mine[-1].at > AGAIN:
        return ""
    same = mine[-1].kind == do or {mine[-1].kind, do} == {"take", "join"}
    return mine[-1].kind if same else ""


DONE = frozenset(
    {
        *("take", "join", "arrive", "leave", "done", "label", "acknowledge", "confirm", "cancel", "late"),
        *ON_DEVICE,
    }
)
"""What the page may say has been done."""

ROUTES = (
    Route("/a/{token}", show, methods=["GET"]),
    Route("/a/{token}", act, methods=["POST"]),
    Route("/a/{token}/photo/{name}", photo, methods=["GET"]),
)
