"""`/console/map`: devices, zones and open alerts on the ground of the town. Its script asks the API."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hub.config.shapes import Kind, ZoneKind
from hub.console.access import ConsoleRole, lang_of, needs, render
from hub.model import Severity
from hub.web.files import URLS
from hub.web.pages import pages_of
from hub.web.words import plain

STATES = ("silent", "fault", "battery", "late", "unheard", "maintenance", "ok")
"""Of devices, worst first."""
TILES = "https://cyberjapandata.gsi.go.jp/xyz/pale/{z}/{x}/{y}.png"
ABOUT_TILES = "https://maps.gsi.go.jp/development/ichiran.html"
SCRIPTS = ("map_ground.js", "map_marks.js", "map_asks.js")
SAID = (
    *("alerts", "no_alerts", "sirens", "trouble", "all_well", "more", "sounding", "since", "seen", "never"),
    *("battery", "days", "children", "going", "nobody", "nowhere", "to_alert", "to_device", "close", "track"),
    *("offline", "failed", "fit", "tiles", "map", "exercise", "test", "until"),
    "loading",
)

SLOTS = {name: f"{{{name}}}" for name in ("n", "time", "who")}
"""The script puts its values in."""


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    lang, town = lang_of(request), pages_of(request).town
    stand = {town.kind(device) for device in town.devices.values()}
    lie = {zone.kind for zone in town.zones.values()}
    given = {
        "lang": lang,
        "timezone": town.site.timezone,
        "tiles": TILES,
        "about_tiles": ABOUT_TILES,
        "scripts": [URLS[name] for name in SCRIPTS],
        "query": f"?lang={lang}" if request.query_params.get("lang") in ("ja", "en") else "",
        "said": {key: plain(lang, f"map_page.{key}", **SLOTS) for key in SAID},
        "severity": [plain(lang, f"office.severity_{int(one)}") for one in Severity],
        "worst": STATES,
        "kinds": [one for one in Kind if one in stand],
        "zones": [one for one in ZoneKind if one in lie],
        "state": {one: plain(lang, f"devices.{one}") for one in STATES},
        "kind": {one.value: plain(lang, f"devices.{one.value}") for one in Kind},
        "zone": {one.value: plain(lang, f"map_page.zone_{one.value}") for one in ZoneKind},
    }
    return render(request, "map.html", given=given)


ROUTES = (Route("/console/map", show),)
