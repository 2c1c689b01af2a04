"""`/j/TOKEN`: an invitation. What it is, what is stored, and the form by which somebody enrols."""

import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hub.config.town import Town
from hub.links import Purpose
from hub.model import Act
from hub.people.enrolment import DAY, KINDS, PERSON_ID, TOPIC, Filled, Invitation, read_form, state_of
from hub.people.roll import Enrolled
from hub.web.pages import Pages, Refused, language, pages_of
from hub.web.words import plain

SIGNS = "abcdefghijklmnopqrstuvwxyz234567"
MINE_LASTS = 366 * DAY
"""For so long who enrols can go back to the own page."""
TRAP = "website"
"""A field that no person sees: whoever fills it in is a machine."""
FIELDS = ("id", "topic", "name", "lang", "yes", *KINDS)
IN_ORDER = ("name", "channel", *KINDS, "yes", "id")


async def show(request: Request) -> Response:
    """The form. Looking at it changes nothing and uses nothing up."""
    pages = pages_of(request)
    invitation = _open(pages, _named(pages, request))
    fields = {"id": f"e-{_random(10)}", "topic": f"naruko-{_random(16)}", "name": invitation.name}
    return _page(request, invitation, fields | {"lang": language(request, invitation.lang)})


async def enrol(request: Request) -> Response:
    """On to the new person's own page; or the form again with all that is wrong with it."""
    pages = pages_of(request)
    id = _named(pages, request)
    async with request.form() as form:
        fields = {name: str(value) for name, value in form.items()}
    if fields.get(TRAP):
        raise Refused("forged", 404)
    filled = read_form(fields, offered(pages), services(pages.town))
    if _is_there(pages, id, filled):
        return RedirectResponse(f"{own_page(pages, filled.id)}?new", 303)
    invitation = _open(pages, id)
    if filled.faults:
        made = {"id": f"e-{_random(10)}", "topic": f"naruko-{_random(16)}"}
        kept = {"id": PERSON_ID, "topic": TOPIC}
        fresh = {name: made[name] for name in made if not kept[name].fullmatch(fields.get(name, ""))}
        return _page(request, invitation, fields | fresh, filled)
    act = Act(0, 0, who=filled.id, source="web", kind="enrol", target=id, form=filled.as_form())
    await pages.hub.do(act)
    if not _is_there(pages, id, filled):
        raise Refused("invitation_used", 410)  # the last place went a moment ago
    return RedirectResponse(f"{own_page(pages, filled.id)}?new", 303)


def own_page(pages: Pages, person: str) -> str:
    """The path of the page on which a person sees and changes what the hub knows of him or her."""
    if pages.links is None:
        raise Refused("gone", 410)
    url = pages.links.of(Purpose.MINE, person, pages.now() + MINE_LASTS)
    return url.removeprefix(pages.links.base)


def offered(pages: Pages) -> tuple[str, ...]:
    """The kinds of channel by which one can enrol here, in the order of the page."""
    there = {*pages.town.hub.channels, *(("push",) if pages.push_key else ())}
    return tuple(kind for kind in KINDS if kind in there)


def services(town: Town) -> tuple[str, ...]:
    """Of browsers, to which the hub may send."""
    return town.hub.web_push.services if town.hub.web_push else ()


def sender(town: Town) -> str:
    """The address from which mails come, empty where that is not known."""
    template = town.hub.channels.get("mail")
    parts = urlsplit(template.get_secret_value() if template else "")
    given = parse_qs(parts.query).get("from", [""])[0]
    if "@" in given or not parts.username or not parts.hostname:
        return given
    return parts.username if "@" in parts.username else f"{parts.username}@{parts.hostname}"


def places(town: Town, zones: Iterable[str], lang: str) -> str:
    """The names of these zones, or that it is the whole district."""
    known = [town.zones[zone] for zone in zones if zone in town.zones]
    named = [zone.name_en if lang == "en" else zone.name for zone in known]
    return (", " if lang == "en" else "、").join(named) or plain(lang, "join.everywhere")


def standing(roles: Iterable[str], lang: str) -> str:
    """How somebody with these roles is called."""
    return (", " if lang == "en" else "、").join(plain(lang, f"role.{role}") for role in roles)


def _named(pages: Pages, request: Request) -> str:
    """The id of the invitation. Refused: the link is not ours, or its time is over."""
    try:
        return pages.subject(Purpose.JOIN, request.path_params["token"]).id
    except Refused as refused:
        raise Refused("invitation_over", 410) if refused.why == "expired" else refused from None


def _open(pages: Pages, id: str) -> Invitation:
    """Refused: it is over, used up or taken back, each with its own words."""
    invitation: Invitation | None = pages.hub.pipeline.state.rooms["invitation"].get(id)
    state = state_of(invitation, pages.now())
    if invitation is None or state != "open":
        raise Refused(f"invitation_{state}", 410)
    return invitation


def _is_there(pages: Pages, invitation: str, filled: Filled) -> bool:
    """Whether this very form has been taken: a double tap sends it twice."""
    one: Enrolled | None = pages.hub.pipeline.state.rooms["person"].get(filled.id)
    return one is not None and (one.invitation, one.name, one.addresses) == (
        invitation,
        filled.name,
        filled.addresses,
    )


def _page(
    request: Request, invitation: Invitation, fields: dict[str, str], filled: Filled | None = None
) -> Response:
    pages = pages_of(request)
    lang, faults = language(request, invitation.lang), filled.faults if filled else {}
    values: dict[str, Any] = {
        "fields": dict.fromkeys(FIELDS, "") | fields,
        "faults": {field: faults[field] for field in IN_ORDER if field in faults},
        "kinds": offered(pages),
        "push_key": pages.push_key,
        "as_": standing(invitation.roles, lang),
        "places": places(pages.town, invitation.zones, lang),
        "sender": sender(pages.town),
        "trap": TRAP,
    }
    status = 422 if faults else 200
    return pages.render(request, "join.html", lang, status=status, script=bool(pages.push_key), **values)


def _random(length: int) -> str:
    return "".join(secrets.choice(SIGNS) for _ in range(length))


ROUTES = (Route("/j/{token}", show), Route("/j/{token}", enrol, methods=["POST"]))
