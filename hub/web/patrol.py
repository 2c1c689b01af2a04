"""`/p/TOKEN`: the daily round of the traps, for their owner: 「見ました」."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.shapes import Device, Person
from hub.config.town import Town
from hub.detect import patrol
from hub.detect.trap import TrapState
from hub.links import Purpose
from hub.model import Act
from hub.web.office import alert_page
from hub.web.pages import Pages, Refused, language, pages_of
from hub.web.spans import span
from hub.wording.values import format_time, words

OF_STATE = {
    "armed": ("seen", "trap_disarm"),
    "sprung": ("trap_reset", "trap_disarm"),
    "disarmed": ("trap_reset",),
}
"""What can be said of a trap in each state, by kinds of act, the usual one first."""
DID = frozenset({"seen", "seen_all", "trap_reset", "trap_disarm", "late"})


class Row(Struct, frozen=True):
    """One trap. Times as text, empty where there is none."""

    id: str
    what: str
    place: str
    state: str
    """armed, sprung, disarmed; maintenance where its sensor is out of use."""
    since: str
    proved: str
    """How long ago it was last known to be set."""
    seen: str
    """When a person saw it today."""
    can: tuple[str, ...]
    page: str
    """The alert of one that has sprung, where its owner was told of it."""


# --- the round, pure --------------------------------------------------------------------------------


def rows(town: Town, states: Mapping[str, TrapState], person: Person, now: Millis, *, lang: str) -> list[Row]:
    """The person's own traps: sprung ones first, then those not yet seen today, else as in the config."""
    own = [device for device in town.devices.values() if device.trap and device.trap.owner == person.id]
    found = [_row(town, device, states.get(device.id, TrapState()), now, lang) for device in own]
    return sorted(found, key=lambda row: (row.state != "sprung", "seen" not in row.can, bool(row.seen)))


def to_see(rows: list[Row]) -> list[Row]:
    """Those which 「全部見ました」 speaks of: set, and not yet seen today."""
    return [row for row in rows if "seen" in row.can and not row.seen]


def _row(town: Town, device: Device, state: TrapState, now: Millis, lang: str) -> Row:
    english, zone = lang == "en", town.zone_info
    quiet_for = patrol.clock(state, now)
    is_seen = is_sane(now) and patrol.is_seen(state, now, zone)
    shown = "maintenance" if device.maintenance else state.state
    trap = device.trap
    kind = words()["trap_type"].get(trap.type if trap else "", words()["trap_type"]["unknown"])[english]
    return Row(
        id=device.id,
        what=f"{kind} {trap.no if trap else ''}",
        place=device.place_en if english else device.place,
        state=shown,
        since=format_time(state.since, now, zone) if is_sane(state.since) else "",
        proved=span(lang, quiet_for) if quiet_for is not None and is_sane(now) else "",
        seen=format_time(state.seen_at, now, zone) if is_seen else "",
        can=OF_STATE.get(shown, ()),
        page="",
    )


# --- the page ---------------------------------------------------------------------------------------


async def show(request: Request) -> Response:
    """The list. What was tapped without a network is sent again with the page: it says the same once more."""
    pages = pages_of(request)
    person, until = _who(pages, request)
    lang, now, town = language(request, person.lang), pages.now(), pages.town
    found = [_with_page(pages, row, person) for row in _rows(pages, person, lang)]
    did = request.query_params.get("did", "")
    return pages.render(
        request,
        "patrol.html",
        lang,
        rows=found,
        left=to_see(found),
        name=person.name,
        until=format_time(until, now, town.zone_info),
        did=did if did in DID else "",
    )


async def act(request: Request) -> Response:
    """`do`: what of `trap`, or `seen_all` of all that are set and not yet seen."""
    pages = pages_of(request)
    person, _ = _who(pages, request)
    async with request.form() as form:
        kind, trap = str(form.get("do", "")), str(form.get("trap", ""))
    found = {row.id: row for row in _rows(pages, person, "ja")}
    if kind == "seen_all":
        for row in to_see(list(found.values())):
            await _do(pages, person, "seen", row.id)
    elif trap in found and kind in found[trap].can:
        await _do(pages, person, kind, trap)
    else:
        kind = "late"
    lang = request.query_params.get("lang", "")
    return RedirectResponse(f"{request.url.path}?did={kind}&lang={lang}", 303)


async def _do(pages: Pages, person: Person, kind: str, trap: str) -> None:
    await pages.hub.do(Act(0, 0, who=person.id, source="web", kind=kind, target=trap))


def _rows(pages: Pages, person: Person, lang: str) -> list[Row]:
    return rows(pages.town, pages.hub.pipeline.state.rooms["trap"], person, pages.now(), lang=lang)


def _with_page(pages: Pages, row: Row, person: Person) -> Row:
    alert = pages.hub.pipeline.state.alerts.get(f"trap/{row.id}")
    return replace(row, page=alert_page(pages, alert, person)) if alert else row


def _who(pages: Pages, request: Request) -> tuple[Person, Millis]:
    """Whose traps these are, and the end of the link. Refused: that person is no longer there."""
    subject = pages.subject(Purpose.PATROL, request.path_params["token"])
    person = pages.town.people.get(subject.id)
    if person is None:
        raise Refused("gone", 410)
    return person, subject.until or 0


ROUTES = (Route("/p/{token}", show), Route("/p/{token}", act, methods=["POST"]))
