"""A year of a town, made up: alerts, events, messages and forms, for what looks back."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from devices.frame import Millis
from hub.config.settings import Console, Web
from hub.config.shapes import LevelNames
from hub.config.town import Town
from hub.ledger import Ledger
from hub.model import (
    Act,
    Alert,
    AlertState,
    Command,
    Event,
    EventKind,
    Flag,
    Mode,
    Notification,
    Outcome,
    Reading,
    Reason,
    Severity,
    Status,
    Task,
)
from tests import towns
from tests.towns import DAY, HOUR, MINUTE

LEVELS_M = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0}
LOST = 40
"""So many days before the end nothing was measured."""
PLACES = (
    ("上田 水口", "Ueda inlet"),
    ("北小野 大沢口の休耕田", "Kita-Ono, the fallow paddies below Osawa"),
    ("東山 一本杉の奥", "East hill, behind the lone cedar"),
    ("天神前", "Tenjin-mae"),
    ("下田 堰の上", "Shimoda, above the weir"),
)


def ground() -> Town:
    """Cameras, traps, a gauge and a siren, as a village has them; and pages."""
    cameras = [
        towns.camera(
            f"cam-{n}", north=400.0 * n, name=f"カメラ{n}", name_en=f"Camera {n}", place=ja, place_en=en
        )
        for n, (ja, en) in enumerate(PLACES, 1)
    ]
    traps = [
        towns.trap(
            f"trap-{n}", north=300.0 * n, east=200, owner="yamane", name=f"わな{n}", name_en=f"Trap {n}"
        )
        for n in (1, 2, 3)
    ]
    gauge = towns.gauge(
        "gauge", LEVELS_M, names={"caution": LevelNames(ja="はんらん注意", en="flood caution")}
    )
    found = towns.town(
        devices=[*cameras, *traps, gauge, towns.siren("siren-1", name="サイレン1", name_en="Siren 1")],
        zones=[towns.square("paddy", "paddy", 400.0, size=300)],
        people=[
            towns.person("yamane", "hunter", name="山根 猛"),
            towns.person("bosai", "official", name="防災係"),
        ],
    )
    return replace(found, hub=found.hub.model_copy(update={"web": Web(port=0, console=Console())}))


class Year:
    """What happens up to `end`, `alerts` times in 365 days; `seed` says when and where."""

    def __init__(self, town: Town, end: Millis, alerts: int = 400, seed: int = 1) -> None:
        self.town = town
        self.end = end
        self.chance = random.Random(seed)  # noqa: S311 (made up, not secret)
        self.outcome = Outcome()
        times = sorted(end - round(self.chance.random() ** 1.5 * 365 * DAY) for _ in range(alerts))
        for number, at in enumerate(times):
            self._one(number, at)
        for days in (days for days in range(365) if days != LOST):
            then = end - days * DAY - HOUR
            self.outcome.readings.append(Reading("cam-1", "battery_v", then, 3.6, Flag.PASS, then))

    def written(self, ledger: Ledger) -> "Year":
        ledger.insert(self.outcome)
        ledger.commit()
        return self

    def _one(self, number: int, at: Millis) -> None:
        kind = self.chance.choices(
            ("animal", "bear", "trap", "river", "silent", "battery"), (60, 3, 15, 3, 15, 4)
        )[0]
        getattr(self, f"_{kind}")(number, self._local_evening(at) if kind in ("animal", "bear") else at)

    def _local_evening(self, at: Millis) -> Millis:
        """Animals come from dusk to dawn."""
        hour = datetime.fromtimestamp(at / 1000, UTC).astimezone(self.town.zone_info).hour
        wanted = self.chance.choice((18, 19, 20, 21, 22, 23, 0, 1, 2, 3, 4, 5))
        return min(at + ((wanted - hour) % 24) * HOUR, self.end - 1)

    def _animal(self, number: int, at: Millis, kind: str = "animal") -> None:
        camera = self.chance.choice([d for d in self.town.devices if d.startswith("cam")])
        species = "bear" if kind == "bear" else self.chance.choice(("boar", "boar", "boar", "deer", "monkey"))
        label = self.chance.choices(("", "true", "false", "unknown"), (6, 4, 1, 1))[0]
        deterred = self.chance.random() < 0.3
        mode = Mode.EXERCISE if number % 40 == 7 else Mode.ACTUAL
        alert = self._alert(
            number, kind, camera, at, 40 * MINUTE, species=species, mode=mode,
            severity=Severity.DANGER if kind == "bear" else Severity.CAUTION, deterred=deterred,
        )  # fmt: skip
        back = deterred and self.chance.random() < 0.2
        self._event(alert, EventKind.RETURNED if back else EventKind.ANIMAL_SEEN, at, species=species)
        for n in range(self.chance.randrange(4)):
            self._event(alert, EventKind.ANIMAL_MOVED, at + n * 5 * MINUTE + MINUTE, species=species)
        self._event(alert, EventKind.ANIMAL_GONE, at + 40 * MINUTE)
        if label:
            self.outcome.acts.append(
                Act(0, at + HOUR, "yamane", "web", "label", alert.id, "", {"label": label})
            )
        if deterred:
            status = self.chance.choice((Status.DONE, Status.DONE, Status.REFUSED, Status.SENT))
            self.outcome.commands.append(
                Command(f"{alert.id}/siren-1/1", "siren-1", alert.id, "deter", at, at + 20_000, status=status)
            )

    def _bear(self, number: int, at: Millis) -> None:
        self._animal(number, at, "bear")

    def _trap(self, number: int, at: Millis) -> None:
        trap = self.chance.choice([d for d in self.town.devices if d.startswith("trap")])
        species = self.chance.choice(("boar", "boar", "deer", "serow"))
        result = "wrong" if species == "serow" else self.chance.choice(("captured", "captured", "empty"))
        task = Task(who="yamane", result=result)
        alert = self._alert(number, "trap", trap, at, 5 * HOUR, task=task, severity=Severity.CAUTION)
        self._event(alert, EventKind.TRAP_SPRUNG, at)
        done = at + 4 * HOUR
        form = {"result": result, "species": species, "count": "1", "capturer": "yamane"}
        self.outcome.acts.append(Act(0, done, "yamane", "web", "done", alert.id, "", form))
        self._event(alert, EventKind.TASK_DONE, done, detail=result, species=species, count=1, who="yamane")

    def _river(self, number: int, at: Millis) -> None:
        alert = self._alert(
            number, "river", "gauge", at, 9 * HOUR, peak=Severity.WARNING, severity=Severity.NOTICE,
            place="琵琶橋", place_en="Biwa Bridge",
        )  # fmt: skip
        for n, level in enumerate(("standby", "caution", "evac_judge")):
            value = LEVELS_M[level] + 0.05
            self._event(alert, EventKind.LEVEL_UP, at + n * HOUR, level=level, value=value)
        for n in range(54):
            then = at + n * 10 * MINUTE
            value = round(2.0 + 1.8 * max(0.0, 1 - abs(n - 18) / 30), 2)
            self.outcome.readings.append(Reading("gauge", "level_m", then, value, Flag.PASS, then))
        self._event(alert, EventKind.LEVEL_CLEAR, at + 9 * HOUR, value=1.9)

    def _silent(self, number: int, at: Millis) -> None:
        device = self.chance.choice(list(self.town.devices))
        length = round(self.chance.expovariate(1 / (8 * HOUR)))
        alert = self._alert(number, "silent", device, at, length, severity=Severity.CAUTION)
        self._event(alert, EventKind.DEVICE_SILENT, at, window=2 * HOUR)
        self._event(alert, EventKind.DEVICE_BACK, at + length)

    def _battery(self, number: int, at: Millis) -> None:
        self._alert(number, "battery", self.chance.choice(list(self.town.devices)), at, 3 * DAY)

    def _alert(self, number: int, kind: str, device: str, at: Millis, lasts: Millis, **more: Any) -> Alert:
        stands = self.town.devices[device]
        open_ = at + lasts > self.end
        fields: dict[str, Any] = {
            "severity": Severity.NOTICE,
            "place": stands.place,
            "place_en": stands.place_en,
            "zones": ("paddy",) if kind == "animal" else (),
            "devices": (device,),
            "state": AlertState.OPEN if open_ else AlertState.RESOLVED,
            "closed_at": None if open_ else at + lasts,
            "acknowledged": {"bosai": at + 3 * MINUTE} if self.chance.random() < 0.5 else {},
        } | more
        fields.setdefault("peak", fields["severity"])
        alert = Alert(
            id=f"{kind}-{number:06}", incident=f"{kind}/{number}", kind=kind, device=device, opened_at=at,
            updated_at=min(at + lasts, self.end), lat=stands.lat, lon=stands.lon, **fields,
        )  # fmt: skip
        self.outcome.alerts.append(alert)
        for recipient, channel in (("yamane", "mail"), ("bosai", "ntfy")):
            self._told(alert, recipient, channel)
        return alert

    def _told(self, alert: Alert, recipient: str, channel: str) -> None:
        at = alert.opened_at
        took = round(self.chance.expovariate(1 / 4_000))
        status = self.chance.choices(
            (Status.SENT, Status.FAILED, Status.HELD, Status.MERGED, Status.TIMEOUT), (90, 3, 4, 2, 1)
        )[0]
        self.outcome.notifications.append(
            Notification(
                id=f"{alert.id}/{recipient}", alert_id=alert.id, recipient=recipient, channel=0,
                channel_kind=channel, reason=Reason.OPENED, template="animal_detected",
                severity=alert.severity, title="【注意】", body="", created_at=at, event_received_at=at,
                expires_at=at + HOUR, status=status, finished_at=at + took,
            )
        )  # fmt: skip

    def _event(self, alert: Alert, kind: EventKind, at: Millis, **more: Any) -> None:
        self.outcome.events.append(
            Event(
                id=f"{alert.id}/{kind}/{at}", kind=kind, incident=alert.incident, device=alert.device,
                at=at, received_at=at, **more,
            )
        )  # fmt: skip
