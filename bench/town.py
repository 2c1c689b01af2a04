"""A town of any size, as the config folder that a town would write."""

import json
from pathlib import Path

CENTRE = (36.055, 137.985)
KINDS = ("naruko-gauge", "naruko-animal", "naruko-weather", "naruko-trap")


def device_id(i: int) -> str:
    return f"{KINDS[i % len(KINDS)].removeprefix('naruko-')}-{i:05d}"


def position(i: int) -> tuple[float, float]:
    """On a grid of some 8 km about the centre: (lat, lon)."""
    return CENTRE[0] + (i * 37 % 101 - 50) * 0.0007, CENTRE[1] + (i * 53 % 103 - 51) * 0.0008


def device(i: int) -> dict[str, object]:
    kind = KINDS[i % len(KINDS)]
    lat, lon = position(i)
    fields: dict[str, object] = {
        "id": device_id(i), "profile": kind, "name": f"機器{i}", "name_en": f"Device {i}",
        "lat": lat, "lon": lon, "place": f"{i}番地 水路脇", "place_en": f"Lot {i}, by the channel",
    }  # fmt: skip
    if kind == "naruko-gauge":
        fields["gauge"] = {
            "river": "試験川", "river_en": "Test River", "station": f"{i}号", "station_en": f"No. {i}",
            "sensor_height_m": 5.0,
            "levels_m": {"standby": 2.75, "caution": 3.95, "evac_judge": 4.0, "danger": 4.45},
        }  # fmt: skip
    if kind == "naruko-trap":
        fields["trap"] = {"no": f"T-{i}", "type": "box", "owner": "owner"}
    return fields


def zone(i: int) -> dict[str, object]:
    """A paddy of some 60 m by 60 m, eight corners."""
    lat, lon = position(i * 7)
    ring = [
        [lon + dx * 0.0003, lat + dy * 0.0003]
        for dx, dy in ((0, 0), (1, -0.2), (2, 0), (2.2, 1), (2, 2), (1, 2.2), (0, 2), (-0.2, 1), (0, 0))
    ]
    return {
        "type": "Feature",
        "properties": {"id": f"zone-{i:05d}", "kind": "paddy", "name": f"田{i}", "name_en": f"Paddy {i}"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def write(folder: Path, *, devices: int, zones: int, mqtt_port: int, mail_url: str, mqtt_id: str) -> Path:
    """Writes the config folder. JSON is YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    site = {
        "id": "bench", "name": "計測町", "name_en": "Bench Town", "lat": CENTRE[0], "lon": CENTRE[1],
        "radius_km": 20, "contact": "0000-00-0000", "info_url": "https://www.town.example.invalid/",
    }  # fmt: skip
    hub = {
        "site": site,
        "mqtt": {"host": "127.0.0.1", "port": mqtt_port, "client_id": mqtt_id},
        "ledger": {"path": str(folder / "naruko.db")},
    }
    owner = {
        "id": "owner",
        "name": "持主",
        "roles": ["hunter"],
        "channels": [{"kind": "mail", "url": mail_url}],
    }
    shapes = {
        "hub.yaml": hub,
        "policy.yaml": {},
        "devices.yaml": {"devices": [device(i) for i in range(devices)]},
        "people.yaml": {"people": [owner]},
        "zones.geojson": {"type": "FeatureCollection", "features": [zone(i) for i in range(zones)]},
    }
    for name, content in shapes.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return folder
