"""Open alerts as the console shows them: their order, their words, and what may be done with each. Pure."""

from collections.abc import Iterable, Mapping

from markupsafe import Markup
from msgspec import Struct

from devices.frame import Millis
from hub import model
from hub.alerts import Scene
from hub.config.shapes import Device, Person, Role
from hub.config.town import Town
from hub.console.users import SIGNED, ConsoleRole, User, may
from hub.deterrent import DeterrentState, is_sounding
from hub.geofence import Geofence
from hub.model import AlertState, Event, Severity
from hub.state import State
from hub.telling.silences import concerned
from hub.web import office_view
from hub.web.alert_view import fact, heading_of, name_of
from hub.wording.values import words


class Alert(Struct, frozen=True):
    """One alert, open or over. Times in epoch ms UTC, positions in degrees.

    `severity` 0 to 4: notice, caution, warning, danger, danger to life. `level`: a river's threshold.
    `state`: open, resolved or cancelled; `mode`: actual, exercise or test. `what`: what has happened, in a
    few words. `lat`, `lon`: of the place, null where it is nowhere. `device`: the id of the one that began
    it. `zones`: their ids. `stage`: waiting, taken, on_site or done; empty where nobody need go. `who`: names
    of those who go, the first first. `acknowledged`: names of those who have seen it as it is now. `can`: the
    acts which you are offered, the next one first: each is a POST under `/alerts/{id}/`; `join` is `take`.
    """

    id: str
    kind: str
    severity: int
    level: str
    state: str
    mode: str
    what: str
    what_en: str
    place: str
    place_en: str
    lat: float | None
    lon: float | None
    device: str
    zones: tuple[str, ...]
    opened_at: Millis
    updated_at: Millis
    closed_at: Millis | None
    stage: str
    who: tuple[str, ...]
    acknowledged: tuple[str, ...]
    can: tuple[str, ...]


def in_order(alerts: Iterable[model.Alert]) -> list[model.Alert]:
    """The gravest first; of these what nobody has in hand, and then what changed last.

    On a phone who has waited longest comes first. A desk has all of them before it, and sees what is new.
    """
    return sorted(
        alerts,
        key=lambda alert: (-alert.severity, office_view.is_in_hand(alert), -alert.updated_at, alert.id),
    )


def view(alert: model.Alert, town: Town, user: User, state: State, now: Millis) -> Alert:
    """As this user sees it."""
    device, task = town.devices.get(alert.device), alert.task
    going = (task.who, *task.others) if task and task.who else ()
    return Alert(
        id=alert.id,
        kind=alert.kind,
        severity=int(alert.severity),
        level=alert.level,
        state=alert.state.value,
        mode=alert.mode.value,
        what=what(alert, device, "ja"),
        what_en=what(alert, device, "en"),
        place=alert.place,
        place_en=alert.place_en,
        lat=alert.lat,
        lon=alert.lon,
        device=alert.device,
        zones=alert.zones,
        opened_at=alert.opened_at,
        updated_at=alert.updated_at,
        closed_at=alert.closed_at,
        stage=task.stage.value if task else "",
        who=tuple(signed(town, who) for who in going),
        acknowledged=tuple(signed(town, who) for who in alert.acknowledged),
        can=offered(alert, town, user, state, now),
    )


def offered(alert: model.Alert, town: Town, user: User, state: State, now: Millis) -> tuple[str, ...]:
    """Kinds of act: those of the office's page on a phone, and its sirens, and an animal that was none."""
    if alert.state is not AlertState.OPEN or not may(user.role, ConsoleRole.OPERATOR):
        return ()
    kinds = list(office_view.may(alert, in_office(user)))
    if alert.device not in town.devices and "silence" in kinds:
        kinds.remove("silence")
    if alert.kind in ("animal", "bear"):
        kinds.insert(kinds.index("close"), "cancel")
    if sounding(state.rooms["deterrent"], now, alert.id):
        kinds.insert(0, "siren_stop")
    return tuple(kinds)


def what(alert: model.Alert, device: Device | None, lang: str) -> str:
    """What has happened, in a few words; of the hub itself with what is wrong with it."""
    heading = heading_of(alert, device, lang)
    return f"{heading}: {trouble(alert.incident, lang)}" if alert.kind == "hub" else heading


def trouble(incident: str, lang: str) -> str:
    """The words of `hub/disk`, `hub/channel/line`."""
    _, kind, *service = incident.split("/")
    troubles, channels = words()["trouble"], words()["channel"]
    said = troubles.get(kind, troubles["unknown"])[lang == "en"]
    channel = channels.get(service[0], channels["other"])[lang == "en"] if service else ""
    return f"{channel} {said}".strip()


def in_office(user: User) -> Person:
    """A user of the console as the office's pages know people."""
    return Person.model_construct(
        id=f"{SIGNED}{user.name}", name=user.name, roles=(Role.OFFICIAL,), channels=()
    )


def signed(town: Town, who: str) -> str:
    """By whom something was done, for users: a person, another user, or a name as it was given."""
    return who.removeprefix(SIGNED) if who.startswith(SIGNED) else name_of(town, who)


def tells(event: Event, town: Town, lang: str) -> Markup | None:
    """What one event says to users, with the name of who brought it about; None: nothing that is told."""
    who = signed(town, event.who) or words()["who"]["unknown"][lang == "en"]
    return fact(event, who, lang)


def silent_until(
    alert: model.Alert, town: Town, geofence: Geofence, state: State, now: Millis
) -> Millis | None:
    """Until when news of it are withheld: by its device, its kind or all its zones. None: all is told."""
    silences = state.rooms["silence"]
    ends = {target: held.since + held.lasts for target, held in silences.items() if held.holds(now)}
    if not ends or alert.severity >= Severity.LIFE:
        return None
    until = [ends.get(f"device/{alert.device}", 0), ends.get(f"kind/{alert.kind}", 0)]
    if device := town.devices.get(alert.device):
        zones = concerned(Scene(town, geofence, device, alert.mode, now), alert)
        until.append(min((ends.get(f"zone/{zone}", 0) for zone in zones), default=0))
    return max(until) or None


def sounding(sirens: Mapping[str, DeterrentState], now: Millis, alert_id: str = "") -> list[str]:
    """The sirens and flashes that are at work now: all, or those that one alert has set off."""
    return [
        id
        for id, siren in sirens.items()
        if is_sounding(siren, now) and (not alert_id or siren.command.startswith(f"{alert_id}/"))
    ]
