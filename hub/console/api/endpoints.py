"""All endpoints of the API. A new part puts its own ENDPOINTS here."""

from hub.console.api import (
    alerts,
    description,
    deterrents,
    devices,
    history,
    messages,
    people,
    quarantine,
    readings,
    stream,
    town,
)
from hub.console.api.frame import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *alerts.ENDPOINTS,
    *town.ENDPOINTS,
    *devices.ENDPOINTS,
    *quarantine.ENDPOINTS,
    *messages.ENDPOINTS,
    *people.ENDPOINTS,
    *deterrents.ENDPOINTS,
    *history.ENDPOINTS,
    *readings.ENDPOINTS,
)

ROUTES = (*(endpoint.route for endpoint in ENDPOINTS), *stream.ROUTES, *description.routes(ENDPOINTS))
