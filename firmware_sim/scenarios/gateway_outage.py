"""A gateway loses its link for an hour: one alert, not fifteen; what its devices said comes late.

A deer walks past a camera meanwhile. When that is heard of it is history, and no siren sounds for it.
"""

from devices.frame import Millis
from firmware_sim.faults import GatewayOutage
from firmware_sim.scenarios.plot import Plot, Stage, beyond, jst
from firmware_sim.tracks import Track, walk
from firmware_sim.world import MINUTE
from hub.config.shapes import Device, Kind, ZoneKind

TITLE_JA = "ゲートウェイの断線"
TITLE_EN = "Gateway outage"
STARTS_AT = jst("2026-09-12 19:10")
LASTS = 100 * MINUTE
CUT_AFTER = 5 * MINUTE
CUT_FOR = 60 * MINUTE
DEER_AFTER = 25 * MINUTE


def plot(stage: Stage, at: Millis) -> Plot:
    gateway = stage.pick(Kind.GATEWAY, "gw-kitahara")
    if gateway is None:
        return Plot()
    outage = GatewayOutage(gateway.id, at + CUT_AFTER, at + CUT_AFTER + CUT_FOR)
    return Plot(faults=(outage,), tracks=_deer(stage, gateway, at + DEER_AFTER), expect=("gateway",))


def _deer(stage: Stage, gateway: Device, at: Millis) -> tuple[Track, ...]:
    """Past a camera of that gateway, if it has one."""
    camera = stage.pick(Kind.ANIMAL, "cam-kitahara-3")
    if camera is None or camera.gateway != gateway.id:
        return ()
    x, y = stage.at(camera)
    forest = beyond(stage.middle(ZoneKind.PADDY, (x, y)), (x, y), 120.0)
    return (walk("deer-1", "deer", 2, at, [(forest, 1.5, 0), ((x + 4.0, y), 1.5, 20_000), (forest, 1.5, 0)]),)
