"""What every endpoint of the JSON API has: typed questions and answers, and one form for what goes wrong."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devices.frame import Millis
from hub.app import Hub
from hub.config.town import Town
from hub.console.access import ConsoleRole, User, needs, user_of
from hub.ledger import Ledger
from hub.state import State
from hub.web.pages import Pages, pages_of

PREFIX = "/api/v1"
JSON = "application/json"

NEVER: Millis = 253_402_300_799_999
"""The end of the year 9999."""
Instant = Annotated[int, Meta(ge=0, le=NEVER, description="Milliseconds since 1970, UTC")]
"""For what is asked: no later than the year 9999."""
Id = Annotated[str, Meta(min_length=1, max_length=200)]


class Error(Struct, frozen=True):
    """`error`: a stable word. `detail`: what was wrong, for who writes the program that asks."""

    error: str
    detail: str = ""


class Problem(Exception):  # noqa: N818 (an answer, not an error)
    """An answer in place of the answer."""

    def __init__(self, status: int, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.said = Error(code, detail)


class Call(Struct, frozen=True):
    """One question at the API or at a page of the console, and who asks it."""

    request: Request
    pages: Pages
    user: User

    @property
    def hub(self) -> Hub:
        return self.pages.hub

    @property
    def town(self) -> Town:
        return self.pages.town

    @property
    def state(self) -> State:
        return self.pages.hub.pipeline.state

    @property
    def ledger(self) -> Ledger:
        return self.pages.ledger

    @property
    def now(self) -> Millis:
        return self.pages.now()


def call_of(request: Request) -> Call:
    """Within what `needs` guards: somebody is logged in."""
    user = user_of(request)
    if user is None:
        raise Problem(401, "login")
    return Call(request, pages_of(request), user)


def _number(text: str) -> float:
    """`43.0` is a whole number, as JSON Schema has it."""
    number = float(text)
    return int(number) if number.is_integer() else number


_body = msgspec.json.Decoder(float_hook=_number)


class Endpoint(Struct, frozen=True):
    """`asked` holds the parameters of the path, of the query (GET) and of the JSON body (POST)."""

    method: str
    path: str
    role: ConsoleRole
    asked: type[Struct]
    answer: Any
    handler: Callable[[Call, Any], Awaitable[Any]]

    @property
    def route(self) -> Route:
        return Route(PREFIX + self.path, needs(self.role)(self._answered), methods=[self.method])

    async def _answered(self, request: Request) -> Response:
        try:
            found = await self.handler(call_of(request), await self._question(request))
        except Problem as problem:
            return refusal(problem)
        return found if isinstance(found, Response) else Response(msgspec.json.encode(found), media_type=JSON)

    async def _question(self, request: Request) -> Struct:
        """Problem: not what is asked for here, 400. What is, and cannot be, the handlers refuse with 422."""
        in_query = self.method == "GET"
        try:
            given = self._queried(request) if in_query else _body.decode(await request.body() or b"{}")
            if not isinstance(given, dict):
                raise msgspec.ValidationError("Expected `object`")
            if both := given.keys() & request.path_params.keys():
                raise msgspec.ValidationError(f"{', '.join(sorted(both))}: stands in the path")
            return msgspec.convert(given | request.path_params, self.asked, strict=not in_query)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, "question", str(error)) from None
        except RecursionError:
            raise Problem(400, "question", "nested too deeply") from None

    def _queried(self, request: Request) -> dict[str, Any]:
        """Fields that are lists have every value of their name; of the others there is one."""
        hints = get_type_hints(self.asked)
        found: dict[str, Any] = {}
        for name in request.query_params:
            values = request.query_params.getlist(name)
            is_list = get_origin(hints.get(name)) in (list, tuple)
            if len(values) > 1 and not is_list:
                raise msgspec.ValidationError(f"{name}: more than once")
            found[name] = values if is_list else values[0]
        return found


def endpoint(
    method: str, path: str, *, needs: ConsoleRole = ConsoleRole.VIEWER
) -> Callable[[Callable[[Call, Any], Awaitable[Any]]], Endpoint]:
    """`async def handler(call: Call, asked: Question) -> Answer` becomes an endpoint of these types.

    Its docstring is what the API's description says of it.
    """

    def made(handler: Callable[[Call, Any], Awaitable[Any]]) -> Endpoint:
        hints = get_type_hints(handler, include_extras=True)
        return Endpoint(method, path, needs, hints["asked"], hints["return"], handler)

    return made


def refusal(problem: Problem) -> Response:
    return Response(msgspec.json.encode(problem.said), problem.status, media_type=JSON)
