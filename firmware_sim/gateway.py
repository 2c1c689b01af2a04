"""Gateways with their retained status, Meshtastic radios, and whatever else only shows that it is alive."""

import msgspec

from devices.frame import Millis
from firmware_sim.device import Firmware
from firmware_sim.report import Transmission


class Online(Firmware):
    """Something with its own MQTT session: says `online`, retained, and leaves a last will."""

    def status(self, state: str, at: Millis) -> Transmission:
        """The retained status; as `offline` it is the last will which the broker sends."""
        payload = msgspec.json.encode({"v": 1, "state": state})
        topic = f"naruko/{self.site}/{self.device.id}/status"
        return Transmission(topic, payload, retain=True, at=at, device=self.device.id)

    def routine(self, now: Millis) -> list[Transmission]:
        if any(since <= now < until for since, until in self.conditions.cut):
            return []
        birth = [self.status("online", now)] if self.booting else []
        return birth + super().routine(now)


class Gateway(Online):
    def measures(self, now: Millis) -> dict[str, float]:
        return {
            "board_c": self.world.air_c(self.place, now) + 14.0,
            "disk_free_pct": 81.0,
        }


class Radio(Firmware):
    """A Meshtastic node in the patrol's car: telemetry, and every other time where it is."""

    def measures(self, now: Millis) -> dict[str, float]:  # noqa: ARG002
        if self.seq % 2 == 0:
            return {}
        return {"lat_deg": self.device.lat, "lon_deg": self.device.lon}
