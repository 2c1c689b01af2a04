"""A town of a few devices for tests of what they say."""

from typing import Any

from hub.config.policy import Policy
from hub.config.profiles import load_profiles
from hub.config.settings import Hub
from hub.config.shapes import Device, Profile
from hub.config.town import Town

PROFILES = load_profiles()

HUB = Hub.model_validate(
    {
        "site": {
            "id": "kita-ono",
            "name": "北小野",
            "name_en": "Kita-Ono",
            "lat": 36.05,
            "lon": 137.96,
            "radius_km": 20,
            "contact": "office@example.invalid",
            "info_url": "https://example.invalid/",
        }
    }
)


def device(name: str, profile: str, address: str = "", **more: Any) -> Device:
    return Device.model_validate(
        {
            "id": name,
            "name": name,
            "name_en": name,
            "profile": profile,
            "lat": 36.05,
            "lon": 137.96,
            "place": "上田",
            "place_en": "Ueda",
            "address": address,
            **more,
        }
    )


def town(*devices: Device, profiles: dict[str, Profile] | None = None) -> Town:
    return Town(
        hub=HUB,
        policy=Policy(),
        profiles=PROFILES | (profiles or {}),
        devices={item.id: item for item in devices},
        zones={},
        geometry={},
        people={},
    )
