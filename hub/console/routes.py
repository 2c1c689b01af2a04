"""All pages of the console, and its API. A new page puts its own ROUTES here."""

from starlette.routing import BaseRoute

from hub.console import accounts, login, me
from hub.console.api import endpoints
from hub.console.pages import acts, alert, deterrents, devices, history, map, messages, now, report, rivers

ROUTES: tuple[BaseRoute, ...] = (
    *login.ROUTES,
    *now.ROUTES,
    *alert.ROUTES,
    *messages.ROUTES,
    *deterrents.ROUTES,
    *devices.ROUTES,
    *map.ROUTES,
    *rivers.ROUTES,
    *history.ROUTES,
    *report.ROUTES,
    *me.ROUTES,
    *accounts.ROUTES,
    *acts.ROUTES,
    *endpoints.ROUTES,
)
