"""`/h/TOKEN`: 「鳴りました」, the answer to a test message."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hub.links import Purpose
from hub.model import Act, Notification
from hub.people.roll import NOTHING
from hub.state import SITE
from hub.watch.roll_call import RollCall
from hub.web.pages import Pages, Refused, language, pages_of


async def show(request: Request) -> Response:
    """One button; or thanks, where that person has said so already."""
    pages = pages_of(request)
    asked = _asked(pages, request.path_params["token"])
    person = pages.town.people[asked.recipient]
    said = pages.hub.pipeline.state.rooms["said"].get(asked.recipient, NOTHING)
    answered = said.heard_at >= asked.created_at
    return pages.render(request, "heard.html", language(request, person.lang), answered=answered)


async def say(request: Request) -> Response:
    """It rang. Said twice it is the same."""
    pages = pages_of(request)
    asked = _asked(pages, request.path_params["token"])
    who = asked.recipient
    await pages.hub.do(Act(0, 0, who=who, source="web", kind="test_heard", target=who))
    lang = language(request, pages.town.people[who].lang)
    return RedirectResponse(f"{request.url.path}?lang={lang}", 303)


def _asked(pages: Pages, token: str) -> Notification:
    """The test message of this link. Refused: it is no more, or a newer one has been sent since."""
    asked = pages.ledger.notification(pages.subject(Purpose.HEARD, token).id)
    if asked is None or asked.recipient not in pages.town.people:
        raise Refused("gone", 410)
    if asked.created_at < _called(pages).sent_at:
        raise Refused("older_test", 410)
    return asked


def _called(pages: Pages) -> RollCall:
    called: RollCall = pages.hub.pipeline.state.rooms["roll_call"].get(SITE, RollCall())
    return called


ROUTES = (Route("/h/{token}", show), Route("/h/{token}", say, methods=["POST"]))
