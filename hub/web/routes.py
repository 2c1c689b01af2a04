"""All pages of the hub. A new one puts its own ROUTES here."""

from secrets import token_hex

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from hub.metrics import web as metrics
from hub.web import alert, heard, join, mine, office, patrol
from hub.web.files import FILES
from hub.web.pages import Refused

MARK = token_hex(8)
"""Made up anew at each start: `naruko doctor` sees by it that an address leads to this hub."""


async def health(_request: Request) -> Response:
    """`ok`: the pages answer. Nothing of the town is told here."""
    return PlainTextResponse("ok\n", headers={"naruko-hub": MARK})


async def static(request: Request) -> Response:
    """Style sheets and the like; their address changes with what they hold, so a phone may keep them."""
    found = FILES.get(request.path_params["name"])
    if found is None:
        raise Refused("forged", 404)
    return Response(found.body, media_type=found.type, headers={"cache-control": "public, max-age=604800"})


async def worker(_request: Request) -> Response:
    """What wakes up in a browser when a message comes. At the top, so that it may open any page; always asked
    for anew, so that a mended one arrives."""
    found = FILES["worker.js"]
    return Response(found.body, media_type=found.type, headers={"cache-control": "no-cache"})


ROUTES: tuple[BaseRoute, ...] = (
    Route("/healthz", health),
    *metrics.ROUTES,
    Route("/static/{name}", static),
    Route("/worker.js", worker),
    *alert.ROUTES,
    *heard.ROUTES,
    *join.ROUTES,
    *mine.ROUTES,
    *office.ROUTES,
    *patrol.ROUTES,
)
