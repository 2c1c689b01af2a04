"""A town of any size, as the config folder that a town would write."""

import json
from pathlib import Path
from typing import Any, NamedTuple

CENTRE = (36.055, 137.985)
KINDS = ("naruko-gauge", "naruko-animal", "naruko-weather", "naruko-trap")
HUNTERS = 10
"""So many people share traps and paddies: one address is sent to one message at a time."""
NO_MAIL_PORT = 9
BESIDE_DEG = 0.0001
"""A siren stands some 10 m from its camera."""

POLICY = {
    "storm": {"within": "1s", "first": 100, "first_of_devices": 100},
    "health": {"max_per_minute": 100_000},
    "wildlife": {"join_within_m": 30, "quiet_for": "5s", "join_within": "5s", "cooldown": "1s"},
    "deterrent": {"range_m": 30, "nearest": 1, "cooldown": "1s", "max_on": "1s", "per_night": 200},
}
"""So that a camera and its siren can act again after some seconds: every boar is a visit of its own."""


class Shape(NamedTuple):
    """How large. `posts` are pairs of a camera and a siren, beside the devices."""

    devices: int = 1_000
    zones: int = 500
    posts: int = 0
    mail_port: int = NO_MAIL_PORT
    influx: str = ""
    pages_port: int = 0
    """Where its pages and its console are; 0: it has none."""
    limit_mb: int = 2_000


def device_id(i: int) -> str:
    return f"{KINDS[i % len(KINDS)].removeprefix('naruko-')}-{i:05d}"


def camera_id(i: int) -> str:
    return f"camera-{i:05d}"


def siren_id(i: int) -> str:
    return f"siren-{i:05d}"


def hunter_id(i: int) -> str:
    return f"hunter-{i % HUNTERS}"


def zone_id(i: int) -> str:
    return f"zone-{i:05d}"


def position(i: int) -> tuple[float, float]:
    """On a grid of some 8 km about the centre: (lat, lon)."""
    return CENTRE[0] + (i * 37 % 101 - 50) * 0.0007, CENTRE[1] + (i * 53 % 103 - 51) * 0.0008


def device(i: int) -> dict[str, Any]:
    kind = KINDS[i % len(KINDS)]
    fields = _placed(device_id(i), kind, i, *position(i))
    if kind == "naruko-gauge":
        fields["gauge"] = {
            "river": "試験川", "river_en": "Test River", "station": f"{i}号", "station_en": f"No. {i}",
            "sensor_height_m": 5.0,
            "levels_m": {"standby": 2.75, "caution": 3.95, "evac_judge": 4.0, "danger": 4.45},
        }  # fmt: skip
    if kind == "naruko-trap":
        fields["trap"] = {"no": f"T-{i}", "type": "box", "owner": hunter_id(i // len(KINDS))}
    return fields


def post(i: int) -> list[dict[str, Any]]:
    """A camera in the paddy of its number, and the siren beside it."""
    corner_lat, corner_lon = position(i * 7)
    lat, lon = corner_lat + 0.0003, corner_lon + 0.0003
    camera = _placed(camera_id(i), "naruko-animal", i, lat, lon)
    siren = _placed(siren_id(i), "naruko-siren", i, lat + BESIDE_DEG, lon)
    return [camera | {"place": f"C-{i} 水路脇"}, siren | {"siren": {"use": ["deter"]}}]


def _placed(id: str, profile: str, i: int, lat: float, lon: float) -> dict[str, Any]:
    return {
        "id": id, "profile": profile, "name": f"機器{i}", "name_en": f"Device {i}", "lat": lat, "lon": lon,
        "place": f"{i}番地 水路脇", "place_en": f"Lot {i}, by the channel",
    }  # fmt: skip


def zone(i: int) -> dict[str, Any]:
    """A paddy of some 60 m by 60 m, eight corners."""
    lat, lon = position(i * 7)
    ring = [
        [lon + dx * 0.0003, lat + dy * 0.0003]
        for dx, dy in ((0, 0), (1, -0.2), (2, 0), (2.2, 1), (2, 2), (1, 2.2), (0, 2), (-0.2, 1), (0, 0))
    ]
    return {
        "type": "Feature",
        "properties": {"id": zone_id(i), "kind": "paddy", "name": f"田{i}", "name_en": f"Paddy {i}"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def hunter(i: int, shape: Shape) -> dict[str, Any]:
    """One of those who are told of their traps, and of boars in their paddies."""
    url = f"mailto://127.0.0.1:{shape.mail_port}?from=hub@localhost&to=hunter{i}@localhost"
    paddies = [zone_id(z) for z in range(min(shape.posts, shape.zones)) if z % HUNTERS == i]
    channels = [{"kind": "mail", "url": url}]
    return {
        "id": hunter_id(i),
        "name": f"猟友{i}",
        "roles": ["hunter"],
        "zones": paddies,
        "channels": channels,
    }


def write(folder: Path, shape: Shape, *, mqtt_port: int) -> Path:
    """Writes the config folder. JSON is YAML. A town with posts has a policy which lets them act again."""
    folder.mkdir(parents=True, exist_ok=True)
    site = {
        "id": "bench", "name": "計測町", "name_en": "Bench Town", "lat": CENTRE[0], "lon": CENTRE[1],
        "radius_km": 20, "contact": "0000-00-0000", "info_url": "https://www.town.example.invalid/",
    }  # fmt: skip
    hub: dict[str, Any] = {
        "site": site,
        "mqtt": {"host": "127.0.0.1", "port": mqtt_port, "client_id": f"bench-{folder.name}"},
        "ledger": {"path": str(folder / "naruko.db"), "limit_mb": shape.limit_mb},
    }
    if shape.influx:
        hub["influx"] = {"url": shape.influx, "version": 1, "bucket": folder.name}
    if shape.pages_port:
        hub["web"] = {"port": shape.pages_port, "console": {}, "photos": str(folder / "photos")}
        site["hub_url"] = f"http://127.0.0.1:{shape.pages_port}"
    devices = [device(i) for i in range(shape.devices)]
    devices += [unit for i in range(shape.posts) for unit in post(i)]
    files = {
        "hub.yaml": hub,
        "policy.yaml": POLICY if shape.posts else {},
        "devices.yaml": {"devices": devices},
        "people.yaml": {"people": [hunter(i, shape) for i in range(HUNTERS)]},
        "zones.geojson": {"type": "FeatureCollection", "features": [zone(i) for i in range(shape.zones)]},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return folder
