"""Where on the map: links which open on every phone, and coordinates as text for where there is no map."""

from math import isfinite

DECIMALS = 5
"""About 1 m."""

GSI_ZOOM = 17


def coordinates(lat: float, lon: float) -> str:
    """WGS84 degrees, latitude first, as people read them out: `36.11512,137.95432`.

    ValueError: not a place on Earth.
    """
    _require_place(lat, lon)
    return f"{lat:.{DECIMALS}f},{lon:.{DECIMALS}f}"


def google_link(lat: float, lon: float) -> str:
    """Opens the app on Android and iOS, or the browser (Google Maps URLs, `search`). ValueError as above."""
    _require_place(lat, lon)
    return f"https://www.google.com/maps/search/?api=1&query={lat:.{DECIMALS}f}%2C{lon:.{DECIMALS}f}"


def gsi_link(lat: float, lon: float) -> str:
    """地理院地図, best for mountain paths and 字 names: the place is the cross in the centre.

    The form is the one that the map itself writes: 6 decimals, then layers, `vs=c1` for the cross.
    ValueError as above.
    """
    _require_place(lat, lon)
    return f"https://maps.gsi.go.jp/#{GSI_ZOOM}/{lat:.6f}/{lon:.6f}/&base=std&ls=std&disp=1&vs=c1"


def _require_place(lat: float, lon: float) -> None:
    if not (isfinite(lat) and isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180):
        raise ValueError(f"not a place: latitude {lat}, longitude {lon}")
