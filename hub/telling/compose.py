"""From what must be told to the notifications: people, words and channels, as rows for the outbox. Pure."""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from devices.frame import Millis
from hub import wording
from hub.alerts import Scene, Telling
from hub.clock import is_sane
from hub.config.channels import READ_BY_OTHERS
from hub.config.shapes import Person
from hub.links import Purpose
from hub.model import Alert, Command, Event, Mode, Notification, Status
from hub.telling import facts, rules


def tell(
    scene: Scene,
    alert: Alert,
    event: Event,
    tellings: Iterable[Telling],
    commands: Collection[Command] = (),
    *,
    live: bool = True,
) -> tuple[Alert, list[Notification]]:
    """The notifications of `tellings`, and the alert which remembers who was told what.

    `commands` are the deterrents that were set off by the same event: the message says so. Where `live` is
    false (a replay) the notifications are decided and written down, and none is sent.
    """
    notifications: list[Notification] = []
    tellings = list(tellings)
    added_to = rules.gravest(tellings)
    for telling in tellings:
        people = _recipients(
            scene, alert, telling, adds=telling is added_to, clock_set=is_sane(scene.now) or not live
        )
        if not people:
            continue
        about = facts.fields(scene, alert, event, commands)
        if live and not (is_sane(scene.now) and is_sane(event.at)):
            about = about | {"time": wording.NOT_KNOWN, "last_seen": None}
        for id, rule in people.items():
            person = scene.town.people[id]
            notifications += _for_person(
                scene, alert, event, telling, person=person, about=about, rule=rule, live=live
            )
        told = alert.told | dict.fromkeys(people, int(telling.severity))
        alert = replace(alert, told=told, last_told_at=scene.now, held=0)
    return alert, notifications


def _recipients(
    scene: Scene, alert: Alert, telling: Telling, *, adds: bool, clock_set: bool
) -> dict[str, str]:
    """Person id -> the rule by which that person is told."""
    people = rules.meant(scene.town, alert, telling, scene.now, adds=adds, clock_set=clock_set)
    if telling.new_only:
        return {id: by for id, by in people.items() if alert.told.get(id, -1) < telling.severity}
    if telling.above_only:
        return {id: by for id, by in people.items() if alert.told[id] > telling.severity}
    return people


def _for_person(
    scene: Scene,
    alert: Alert,
    event: Event,
    telling: Telling,
    *,
    person: Person,
    about: dict[str, Any],
    rule: str,
    live: bool,
) -> Iterable[Notification]:
    official = scene.device.gauge.official if scene.device.gauge else True
    yield from on_every_channel(
        person,
        telling,
        about,
        scene.now,
        alert_id=alert.id,
        event_id=event.id,
        event_received_at=event.received_at,
        mode=alert.mode,
        official=official,
        live=live,
        link=partial(scene.links.of_notification, Purpose.ALERT) if scene.links else None,
        private=scene.device.trap is not None and scene.links is not None,
        rule=rule,
    )


def on_every_channel(
    person: Person,
    telling: Telling,
    about: dict[str, Any],
    now: Millis,
    *,
    alert_id: str,
    event_id: str,
    event_received_at: Millis,
    mode: Mode = Mode.ACTUAL,
    official: bool = True,
    live: bool = True,
    link: Callable[[str], str] | None = None,
    private: bool = False,
    rule: str = "",
    only: Collection[int] | None = None,
) -> Iterable[Notification]:
    """One thing told to one person, as each of the person's channels, or `only` these, can carry it.

    `link` makes the link to a page from the id of a notification. `private`: the place is for the authorised
    page alone, and what others can read carries the link instead.
    """
    severity = telling.severity if telling.priority is None else telling.priority
    for index, channel in enumerate(person.channels):
        if only is not None and index not in only:
            continue
        id = notification_id(alert_id, event_id, telling.template, person.id, index)
        values = about | {"ack_url": link(id)} if link else about
        if private and channel.kind in READ_BY_OTHERS:
            values = values | {"lat": None, "lon": None}
        title, body = wording.render(
            telling.template, person.lang, channel.kind, values, mode, official=official
        )
        if telling.repeat:
            title, body = wording.repeated(
                title, body, person.lang, channel.kind, count=telling.repeat, minutes=about["elapsed"]
            )
        yield Notification(
            id=id,
            alert_id=alert_id,
            recipient=person.id,
            channel=index,
            channel_kind=channel.kind,
            reason=telling.reason,
            template=telling.template,
            severity=severity,
            title=title,
            body=body,
            created_at=now,
            event_received_at=event_received_at,
            expires_at=now + telling.keep_for,
            status=Status.PENDING if live else Status.NOT_SENT,
            next_at=now,
            finished_at=None if live else now,
            link=values.get("ack_url") or "",
            rule=rule,
        )


def notification_id(*parts: object) -> str:
    """Stable: decided again after a crash, it is the same notification."""
    return blake2b("\n".join(map(str, parts)).encode(), digest_size=8).hexdigest()
