"""A drill: what opens in it is an exercise, and says so first in every text. Pure.

It covers the devices, zones and kinds of alert that it names, and nothing else: a town must not lose a real
flood in an exercise about traps. What was open before stays as it is.
"""

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub.alerts import Scene
from hub.model import Alert, Event, Mode
from hub.telling.silences import concerned


class Drill(Struct, frozen=True, omit_defaults=True):
    """From `since` for `lasts` ms. `targets`: `device/ID`, `zone/ID`, `kind/KIND`."""

    since: Millis
    lasts: Millis
    targets: tuple[str, ...]
    name: str = ""
    who: str = ""

    def is_over(self, now: Millis) -> bool:
        """Also where a wrong clock has left it in the future."""
        return not 0 <= now - self.since < self.lasts


def marked(scene: Scene, drill: Drill | None, alert: Alert, event: Event) -> Alert:
    """A new alert, as an exercise where the drill covers it. Of its zones the drill must name all."""
    if drill is None or drill.is_over(scene.now):
        return alert
    zones = concerned(scene, alert)
    named = bool(zones) and all(f"zone/{zone}" in drill.targets for zone in zones)
    if named or f"device/{event.device}" in drill.targets or f"kind/{alert.kind}" in drill.targets:
        return replace(alert, mode=Mode.EXERCISE)
    return alert
