"""What every kind of act needs to be done."""

from collections.abc import Callable
from dataclasses import dataclass, field

from devices.frame import Millis
from hub.model import Act, Alert, Event, Outcome
from hub.pipeline import Pipeline


@dataclass(frozen=True)
class Doing:
    """The pipeline, the moment, and what comes of the acts done in it."""

    pipeline: Pipeline
    now: Millis
    outcome: Outcome = field(default_factory=Outcome)

    def alert(self, id: str) -> Alert | None:
        """The open alert of this id."""
        return next((a for a in self.pipeline.state.alerts.values() if a.id == id), None)

    def happened(self, event: Event) -> None:
        """An event that an act brings about, to its alert and to people."""
        device = self.pipeline.device(event.device) or self.pipeline.town.own_device
        self.pipeline.happened(self.pipeline.scene(device, self.now), event, self.outcome)

    def put(self, alert: Alert) -> None:
        """An alert that changes without an event of its own."""
        self.pipeline.state.put_alert(alert)
        self.outcome.alerts.append(alert)


Handler = Callable[[Doing, Act], None]
