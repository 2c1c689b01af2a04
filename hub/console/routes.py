"""All pages of the console. A new one puts its own ROUTES here."""

from starlette.routing import BaseRoute

from hub.console import accounts, login, me

ROUTES: tuple[BaseRoute, ...] = (
    *login.ROUTES,
    *me.ROUTES,
    *accounts.ROUTES,
)
