"""policy.yaml: who is told, when, and how much."""

from datetime import time
from typing import Annotated

from pydantic import Field

from hub.config.shapes import Duration, Metres, Shape


class WildlifePolicy(Shape):
    species_min_confidence: float = 0.6
    """Below: 「動物」 and confirmation as for motion."""
    bear_min_confidence: float = 0.4
    confirm_events: Annotated[int, Field(ge=1, le=10)] = 2
    confirm_within: Duration = 90_000
    ignore: tuple[str, ...] = ("fox", "tanuki", "badger", "bird", "pet", "vehicle", "person")
    quiet_for: Duration = 600_000
    """A visit ends when nothing was seen for so long."""
    join_within_m: Metres = 300.0
    join_within: Duration = 600_000
    cooldown: Duration = 1_800_000
    """Not told again of one visit before this, unless it grew worse or reached new people."""
    late_after: Duration = 900_000


class TrapPolicy(Shape):
    silent_after: Duration = 3 * 3_600_000
    """Sprung, and no word from the sensor for so long: said again, as a state of its own."""
    late_after: Duration = 86_400_000


class RiverPolicy(Shape):
    clear_readings: Annotated[int, Field(ge=1, le=20)] = 3
    clear_after: Duration = 1_800_000
    hysteresis_m: Metres = 0.10
    hysteresis_of_gap: float = 0.3


class SlopePolicy(Shape):
    confirm_within: Duration = 60_000
    rain_mm_h: float = 20.0
    rain_total_mm: float = 80.0
    dry_wire_officials_only: bool = False
    """An unconfirmed wire cut in dry weather goes to officials alone."""
    dry_wire_reason: str = ""
    """Why the town decided so; needed where it did."""
    late_after: Duration = 3_600_000


class HealthPolicy(Shape):
    missed: Annotated[float, Field(ge=1.5, le=20)] = 3.0
    """Silent after so many heartbeats."""
    gateway_share: float = 0.5
    """A gateway without own heartbeat is silent when this share of its devices (two at least) is."""
    max_per_minute: Annotated[int, Field(ge=6)] = 120
    """More messages of one device in a minute is babbling: the rest is counted, not kept."""


class DeterrentPolicy(Shape):
    range_m: Metres = 250.0
    nearest: Annotated[int, Field(ge=1, le=10)] = 2
    live_within: Duration = 120_000
    max_on: Duration = 20_000
    cooldown: Duration = 300_000
    per_night: Annotated[int, Field(ge=0, le=200)] = 12
    dwelling_m: Metres = 200.0
    quiet_from: time = time(20, 0)
    quiet_to: time = time(6, 30)
    """Hours without sound for a siren near dwellings that the town opted in."""
    quiet_everywhere: bool = False
    warn_on: Duration = 60_000


class Policy(Shape):
    wildlife: WildlifePolicy = WildlifePolicy()
    trap: TrapPolicy = TrapPolicy()
    river: RiverPolicy = RiverPolicy()
    slope: SlopePolicy = SlopePolicy()
    health: HealthPolicy = HealthPolicy()
    deterrent: DeterrentPolicy = DeterrentPolicy()
