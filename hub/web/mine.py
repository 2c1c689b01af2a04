"""`/m/TOKEN`: what the hub knows of one person, what can be changed of it, and the way out."""

from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devices.frame import Millis
from hub.config.shapes import Person
from hub.config.town import Town
from hub.days import wall
from hub.links import Purpose
from hub.model import Act
from hub.people.browsers import read_subscription
from hub.people.enrolment import LANGS
from hub.people.roll import NOTHING, Enrolled, Said
from hub.web.join import places, sender, services, standing
from hub.web.pages import Pages, Refused, language, pages_of
from hub.wording.values import format_time

QUIET_HOURS = ("2", "8", "24", "72")
TEST_AGAIN: Millis = 120_000
"""A text message costs money: one test in so long."""
DID = frozenset({"lang", "quiet", "loud", "test", "soon", "push", "push_wrong", "push_end"})


class Topic(Struct, frozen=True):
    """How to listen to a topic of ntfy: `server` for the app, `url` for a browser."""

    name: str
    server: str
    url: str


async def show(request: Request) -> Response:
    """What is known, and a button for each thing that can be done about it."""
    pages = pages_of(request)
    id = pages.subject(Purpose.MINE, request.path_params["token"]).id
    person = pages.town.people.get(id)
    if person is None:
        return _left(pages, request, id)
    rooms, town, now = pages.hub.pipeline.state.rooms, pages.town, pages.now()
    said: Said = rooms["said"].get(id, NOTHING)
    enrolled: Enrolled | None = rooms["person"].get(id)
    lang, did = language(request, person.lang), request.query_params.get("did", "")

    def when(at: Millis) -> str:
        return format_time(at, now, town.zone_info)

    values: dict[str, Any] = {
        "person": person,
        "as_": standing(person.roles, lang),
        "places": places(town, person.zones, lang),
        "channels": _channels(person, enrolled),
        "since": f"{wall(enrolled.at, town.zone_info):%Y-%m-%d}" if enrolled else "",
        "asks": did in ("test", "push") or (enrolled is not None and not said.heard_at),
        "heard": when(said.heard_at) if said.heard_at else "",
        "quiet": when(said.quiet_until) if said.quiet_until > now else "",
        "quiet_hours": QUIET_HOURS,
        "is_new": "new" in request.query_params,
        "did": did if did in DID else "",
        "topic": _topic(town, enrolled),
        "sender": sender(town),
        "push_key": pages.push_key,
        "can_stop": len(person.channels) > len(said.browsers) > 0,
    }
    return pages.render(request, "mine.html", lang, script=bool(pages.push_key), **values)


async def change(request: Request) -> Response:
    """`do`: lang, quiet, test, rang, push, push_end or leave."""
    pages = pages_of(request)
    id = pages.subject(Purpose.MINE, request.path_params["token"]).id
    async with request.form() as form:
        do = str(form.get("do", ""))
        lang, hours = str(form.get("lang", "")), str(form.get("quiet", ""))
        browser = read_subscription(str(form.get("push", "")), services(pages.town))
    did = do
    if id not in pages.town.people:
        did = "left"
    elif do == "lang" and lang in LANGS:
        await _do(pages, id, "prefer", lang=lang)
        return RedirectResponse(f"{request.url.path}?did=lang&lang={lang}", 303)
    elif do == "quiet" and hours in ("0", *QUIET_HOURS):
        await _do(pages, id, "prefer", quiet=hours)
        did = "quiet" if hours != "0" else "loud"
    elif do == "test":
        did = "test" if await _test(pages, id) else "soon"
    elif do == "push":
        did = await _subscribe(pages, id, browser)
    elif do == "push_end":
        await _do(pages, id, "browser")
    elif do == "rang":
        await _do(pages, id, "test_heard")
    elif do == "leave":
        await _do(pages, id, "leave_town")
        did = "left"
    shown = request.query_params.get("lang", "")
    return RedirectResponse(f"{request.url.path}?did={did}&lang={shown}", 303)


async def _test(pages: Pages, id: str) -> bool:
    """False: the last one was a moment ago."""
    async with pages.acting:
        now = pages.now()
        lately = (act for act in pages.ledger.acts_on(id) if act.kind == "test_send")
        if any(0 <= now - act.at < TEST_AGAIN for act in lately):
            return False
        await _do(pages, id, "test_send")
        return True


async def _subscribe(pages: Pages, id: str, browser: str) -> str:
    """What to say of it. A browser that is known already is not tested again."""
    if not browser or not pages.push_key:
        return "push_wrong"
    said: Said = pages.hub.pipeline.state.rooms["said"].get(id, NOTHING)
    if browser not in said.browsers:
        await _do(pages, id, "browser", push=browser)
    return "push"


async def _do(pages: Pages, id: str, kind: str, **form: str) -> None:
    await pages.hub.do(Act(0, 0, who=id, source="web", kind=kind, target=id, form=form))


def _left(pages: Pages, request: Request, id: str) -> Response:
    """Of who has just left; whoever comes later finds nothing."""
    if request.query_params.get("did") != "left":
        raise Refused("gone", 410)
    in_file = id in pages.hub.pipeline.config.people
    return pages.render(request, "mine_left.html", language(request), in_file=in_file)


def _channels(person: Person, enrolled: Enrolled | None) -> list[tuple[str, str]]:
    """(kind, what of the address may be shown): a mail with the link to this page may have been passed on."""
    shown = {one.kind: masked(one.kind, one.address) for one in enrolled.addresses} if enrolled else {}
    return [(channel.kind, shown.get(channel.kind, "")) for channel in person.channels]


def masked(kind: str, address: str) -> str:
    """Enough for its owner to know it again."""
    if kind == "mail":
        local, _, host = address.rpartition("@")
        return f"{local[:2]}…@{host}"
    return "" if kind == "ntfy" else f"{address[:3]}…{address[-2:]}"


def _topic(town: Town, enrolled: Enrolled | None) -> Topic | None:
    """Of who has enrolled with the app."""
    names = [one.address for one in enrolled.addresses if one.kind == "ntfy"] if enrolled else []
    template = town.hub.channels.get("ntfy")
    if not names or template is None:
        return None
    parts = urlsplit(template.get_secret_value().replace("{address}", "-"))
    port = f":{parts.port}" if parts.port else ""
    server = f"{'https' if parts.scheme == 'ntfys' else 'http'}://{parts.hostname}{port}"
    return Topic(names[0], server, f"{server}/{names[0]}")


ROUTES = (Route("/m/{token}", show), Route("/m/{token}", change, methods=["POST"]))
