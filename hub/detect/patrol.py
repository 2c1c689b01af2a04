"""The daily round of the traps: when each was last seen, and who has not been there today. Pure.

No sensor takes its place: who cannot go takes the trap out of use (休止), and nobody is asked to see it.
"""

from collections.abc import Mapping
from datetime import date, tzinfo

from msgspec import Struct

from devices.frame import Millis
from hub.config.shapes import Device
from hub.config.town import Town
from hub.days import day_of, wall
from hub.detect.trap import TrapState
from hub.model import Alert, Event, EventKind

NEVER_SEEN = TrapState()


class Round(Struct, frozen=True):
    """One owner. `told_at`: when it was last said that today's round is missing; first of all, when the hub
    began to ask: that day does not count."""

    told_at: Millis = 0


def incident_of(owner: str) -> str:
    return f"patrol/{owner}"


def clock(state: TrapState, now: Millis) -> Millis | None:
    """The trap's clock: for how long nothing has shown that it is set. None: it is not set, or never was."""
    return now - state.proved_at if state.state == "armed" and state.proved_at else None


def is_seen(state: TrapState, now: Millis, zone: tzinfo) -> bool:
    """A person has been there today."""
    return bool(state.seen_at) and day_of(state.seen_at, zone) >= day_of(now, zone)


def missing(town: Town, states: Mapping[str, TrapState], now: Millis) -> dict[str, tuple[str, ...]]:
    """Owner -> the traps that are in use and nobody has seen today, in the order of the config."""
    found: dict[str, list[str]] = {}
    for device in town.devices.values():
        state = states.get(device.id, NEVER_SEEN)
        if device.trap and _is_in_use(device, state) and not is_seen(state, now, town.zone_info):
            found.setdefault(device.trap.owner, []).append(device.id)
    return {owner: tuple(traps) for owner, traps in found.items()}


def _is_in_use(device: Device, state: TrapState) -> bool:
    return state.state != "disarmed" and not device.maintenance


def tick(
    town: Town,
    states: Mapping[str, TrapState],
    rounds: Mapping[str, Round],
    alerts: Mapping[str, Alert],
    now: Millis,
) -> tuple[dict[str, Round], list[Event]]:
    """What the time of day alone makes of the round: missing from `patrol_by` on, over at midnight.

    `alerts` are the open ones by incident. Returns the rounds that changed, by owner. The caller has seen to
    it that the clock is set.
    """
    zone = town.zone_info
    today = day_of(now, zone)
    events = [
        done_event(alert, now)
        for alert in alerts.values()
        if alert.kind == "patrol" and day_of(alert.opened_at, zone) != today
    ]
    by = town.policy.trap.patrol_by
    owners = {device.trap.owner for device in town.devices.values() if device.trap}
    changed = {owner: Round(told_at=now) for owner in owners - rounds.keys()}
    if by is None or wall(now, zone).time() < by:
        return changed, events
    for owner, traps in missing(town, states, now).items():
        if owner in rounds and day_of(rounds[owner].told_at, zone) != today:
            changed[owner] = Round(told_at=now)
            events.append(_missing_event(town.devices[traps[0]], owner, traps, today, now))
    return changed, events


def _missing_event(device: Device, owner: str, traps: tuple[str, ...], day: date, now: Millis) -> Event:
    return Event(
        id=f"{incident_of(owner)}/{day}",
        kind=EventKind.PATROL_MISSING,
        incident=incident_of(owner),
        device=device.id,
        at=now,
        received_at=now,
        count=len(traps),
        devices=traps,
        who=owner,
    )


def done_event(alert: Alert, now: Millis) -> Event:
    """Today's traps were seen, or the day is over."""
    return Event(
        id=f"{alert.id}/{EventKind.PATROL_DONE}/{alert.opened_at}",
        kind=EventKind.PATROL_DONE,
        incident=alert.incident,
        device=alert.device,
        at=now,
        received_at=now,
    )
