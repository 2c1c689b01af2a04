"""River gauges and rain gauges."""

from collections import deque

from devices.frame import Millis
from firmware_sim.device import Firmware
from firmware_sim.report import Transmission
from firmware_sim.world import HOUR, MINUTE

CHECK: Millis = 2 * MINUTE
CALM, STANDBY, FLOOD = 10 * MINUTE, 5 * MINUTE, 2 * MINUTE
FAST_RISE_M = 0.10
CALM_AFTER: Millis = HOUR
BUCKET_MM = 0.5
"""One tip of the standard Japanese rain gauge."""


def sound_m_s(air_c: float) -> float:
    """Speed of sound in air: 331.3 + 0.606·T m/s (T in °C)."""
    return 331.3 + 0.606 * air_c


class Gauge(Firmware):
    """Looks down at the water (`distance_m`) or stands in it (`depth_m`). Reports at a fixed interval."""

    def interval(self, now: Millis) -> Millis:  # noqa: ARG002
        return min(self.heartbeat, CALM)

    def level_m(self, now: Millis) -> float:
        return self.world.level_m(self.device.id, self.sensed_at(now))

    def measures(self, now: Millis) -> dict[str, float]:
        gauge = self.device.gauge
        level = self.level_m(now)
        if gauge is None or (gauge.sensor_height_m is None and gauge.probe_height_m is None):
            return {"level_m": level}
        if gauge.sensor_height_m is None:
            return {"depth_m": level - (gauge.probe_height_m or 0.0)}
        return self.echo(gauge.sensor_height_m - level, gauge.assumed_air_c, self.sensed_at(now))

    def echo(self, distance_m: float, assumed_air_c: float | None, at: Millis) -> dict[str, float]:
        """An ultrasonic sensor that assumes one temperature is wrong at every other, and sends both."""
        air_c = self.world.air_c(self.place, at)
        if assumed_air_c is not None:
            distance_m *= sound_m_s(assumed_air_c) / sound_m_s(air_c)
        return {"distance_m": distance_m, "air_c": air_c}


class WatchfulGauge(Gauge):
    """Checks every 2 min; reports every 10 min when calm, 5 above standby, 2 above caution or rising fast.

    It slows down again an hour after the cause has gone (危機管理型水位計 have such modes; DOMAIN-JP 1.3).
    """

    pace: Millis = CALM
    wanted_at: Millis = 0

    def boot(self) -> None:
        super().boot()
        self.next_look = self.next_report
        self.lately: deque[tuple[Millis, float]] = deque(maxlen=CALM // CHECK + 1)

    def interval(self, now: Millis) -> Millis:  # noqa: ARG002
        return min(self.pace, self.heartbeat)

    def look(self, now: Millis) -> list[Transmission]:
        self.next_look = now + CHECK
        level = self.level_m(now)
        self.lately.append((now, level))
        wanted = self.pace_at(level)
        if wanted <= self.pace:
            self.wanted_at = now
        if wanted < self.pace:
            self.pace = wanted
            self.next_report = now
        elif now - self.wanted_at >= CALM_AFTER:
            self.pace, self.wanted_at = wanted, now
        return []

    def pace_at(self, level: float) -> Millis:
        levels = self.device.gauge.levels_m if self.device.gauge else {}
        standby = levels.get("standby", levels.get("caution", float("inf")))
        caution = levels.get("caution", standby)
        if level >= caution or level - min(past for _, past in self.lately) >= FAST_RISE_M:
            return FLOOD
        return STANDBY if level >= standby else CALM


class RainGauge(Firmware):
    """A tipping bucket: counts whole tips. `rain_mm` since the last report, `rain_total_mm` ever."""

    bucket_mm = BUCKET_MM

    def boot(self) -> None:
        super().boot()
        self.reported_tips = self.tips(self.boots_at)
        self.reported_at = self.boots_at
        self.tips_before = self.rng.randrange(4_000)

    def tips(self, now: Millis) -> int:
        return int(self.world.rain_total_mm(self.place, self.sensed_at(now)) / self.bucket_mm)

    def interval(self, now: Millis) -> Millis:  # noqa: ARG002
        return min(self.heartbeat, 10 * MINUTE)

    def measures(self, now: Millis) -> dict[str, float]:
        tips = self.tips(now)
        measured = {
            "rain_mm": (tips - self.reported_tips) * self.bucket_mm,
            "rain_total_mm": (self.tips_before + tips) * self.bucket_mm,
            "interval_s": (now - self.reported_at) / 1_000,
            "air_c": self.world.air_c(self.place, now),
        }
        self.reported_tips, self.reported_at = tips, now
        return measured


class FineRainGauge(RainGauge):
    """The same with a bucket of 0.1 mm."""

    bucket_mm = 0.1


class WeatherStation(RainGauge):
    def measures(self, now: Millis) -> dict[str, float]:
        at = self.sensed_at(now)
        return {
            "air_c": self.world.air_c(self.place, at),
            "humidity_pct": self.world.humidity_pct(self.place, at),
            "pressure_hpa": self.world.pressure_hpa(at),
            "wind_m_s": self.world.wind_m_s(at),
        } | super().measures(now)
