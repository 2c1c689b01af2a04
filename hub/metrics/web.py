"""`/readyz` and `/metrics`. Who may read the numbers: this machine, or who has the token."""

from hmac import compare_digest
from ipaddress import ip_address

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hub.config.channels import LOCAL_HOSTS
from hub.metrics.scrape import Scrape
from hub.web.pages import Refused, pages_of

TEXT = "text/plain; version=0.0.4; charset=utf-8"
PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""What a reverse proxy or a tunnel adds."""


async def ready(request: Request) -> Response:
    """`ready`, or 503 with a line for each reason why not."""
    reasons = await _scrape(request).readiness.reasons()
    text = "".join(f"{reason}\n" for reason in reasons or ["ready"])
    return PlainTextResponse(text, 503 if reasons else 200)


async def metrics(request: Request) -> Response:
    """Whoever may not read them is shown what is shown where there is no page."""
    if not (is_direct(request) or _has_token(request, pages_of(request).settings.metrics_token)):
        raise Refused("forged", 404)
    return Response(await _scrape(request).text(), media_type=TEXT)


def is_direct(request: Request) -> bool:
    """From this machine, to this machine by name, and passed on by nobody.

    nginx adds no header unless it is told to, but asks in HTTP/1.0; others leave the name that was asked for.
    """
    if any(name in request.headers for name in PASSED_ON) or request.scope["http_version"] == "1.0":
        return False
    return _is_loopback(request.client.host if request.client else "") and request.url.hostname in LOCAL_HOSTS


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _has_token(request: Request, token: SecretStr | None) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    wanted = token.get_secret_value() if token else ""
    return bool(wanted) and scheme.lower() == "bearer" and compare_digest(given.encode(), wanted.encode())


def _scrape(request: Request) -> Scrape:
    """The one of this hub."""
    state = request.app.state
    if not hasattr(state, "scrape"):
        state.scrape = Scrape(pages_of(request).hub)
    scrape: Scrape = state.scrape
    return scrape


ROUTES = (Route("/readyz", ready), Route("/metrics", metrics))
