"""Config folders of small towns on loopback, as an operator writes them, for hubs in their own process."""

import json
from pathlib import Path
from typing import Any

import yaml

from firmware_sim.phones import Phones
from tests.towns import LAT, LON, place

QUIET_HUB = {"digest": False, "test_day": 0, "disk_low": 0.001, "memory": 1.0, "cpu_c": 150.0}
"""Nothing is told for the hour of the day at which a test runs, or for the machine on which it does."""

NO_STORMS = {"within": "1s", "first": 100, "first_of_devices": 100, "first_in_danger": 1_000}
"""Whatever comes is told, however much."""


def unit(id: str, profile: str, north: float = 0.0, east: float = 0.0, **more: Any) -> dict[str, Any]:
    """One entry of devices.yaml, so many metres from the centre."""
    lat, lon = (round(degrees, 5) for degrees in place(north, east))
    words = {"name": id, "name_en": id, "place": f"{id}の所", "place_en": f"at {id}"}
    return {"id": id, "profile": profile, "lat": lat, "lon": lon} | words | more


def trap(
    id: str, no: int, owner: str = "yamane", profile: str = "naruko-trap", **more: Any
) -> dict[str, Any]:
    return unit(id, profile, trap={"no": str(no), "type": "box", "owner": owner}, **more)


def person(
    id: str, *roles: str, channels: list[dict[str, str]], zones: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {"id": id, "name": id, "roles": list(roles), "zones": list(zones), "channels": channels}


def mail(phones: Phones, id: str) -> dict[str, str]:
    url = f"mailto://127.0.0.1:{phones.mail_port}?from=naruko@town.test&to={id}@phone.test"
    return {"kind": "mail", "url": url}


def ntfy(phones: Phones, id: str) -> dict[str, str]:
    return {"kind": "ntfy", "url": f"ntfy://127.0.0.1:{phones.http_port}/{id}"}


def line(id: str) -> dict[str, str]:
    return {"kind": "line", "url": f"line://test-token/U{id}"}


def yamane(phones: Phones) -> dict[str, Any]:
    """A hunter with three kinds of phone."""
    channels = [mail(phones, "yamane"), ntfy(phones, "yamane"), line("yamane")]
    return person("yamane", "hunter", channels=channels, zones=("hunting-1",))


def square(
    id: str, kind: str, size: float = 2_000.0, *, north: float = 0.0, east: float = 0.0, **more: Any
) -> dict[str, Any]:
    """A GeoJSON feature about the place so many metres from the centre."""
    half = size / 2
    corners = ((-half, -half), (-half, half), (half, half), (half, -half))
    ring = [place(north + n, east + e)[::-1] for n, e in corners]
    return {
        "type": "Feature",
        "properties": {"id": id, "kind": kind, "name": id, "name_en": id} | more,
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
    }


QUIET = {"health": {"max_per_minute": 1_000_000}, "hub": QUIET_HUB, "storm": NO_STORMS}


def write_town(
    folder: Path,
    port: int,
    *,
    site: str,
    devices: list[dict[str, Any]],
    people: list[dict[str, Any]],
    zones: list[dict[str, Any]] | None = None,
    profiles: list[dict[str, Any]] | None = None,
    policy: dict[str, Any] | None = None,
    mqtt: dict[str, Any] | None = None,
    pages: int = 0,
    **hub: Any,
) -> Path:
    """Writes the files of a town whose broker is on `port`, its ledger beside them. Returns the folder.

    `pages`: the port of its pages; 0: it has none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "site": {
            "id": site,
            "name": "試験町",
            "name_en": "Testtown",
            "lat": LAT,
            "lon": LON,
            "radius_km": 30,
            "contact": "役場 0263-00-0000",
            "info_url": "https://town.test/",
        },
        "mqtt": {"port": port, "client_id": f"hub-{site}"} | (mqtt or {}),
        "ledger": {"path": str(folder / "naruko.db")},
    }
    if pages:
        settings["site"]["hub_url"] = f"http://127.0.0.1:{pages}"
        settings["web"] = {"port": pages, "photos": str(folder / "photos")}
    features = {"type": "FeatureCollection", "features": zones or [square("hunting-1", "hunting")]}
    for name, content in (
        ("hub.yaml", settings | hub),
        ("devices.yaml", {"devices": devices}),
        ("people.yaml", {"people": people}),
        ("policy.yaml", QUIET | (policy or {})),
    ):
        (folder / name).write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    (folder / "zones.geojson").write_text(json.dumps(features), "utf-8")
    for profile in profiles or []:
        (folder / "profiles").mkdir(exist_ok=True)
        (folder / "profiles" / f"{profile['model']}.yaml").write_text(yaml.safe_dump(profile), "utf-8")
    return folder
