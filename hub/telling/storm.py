"""How much one person is told at once: in a storm the first few as they are, then a count of the rest. Pure.

Three hundred traps sprung within a minute are five messages and one that says "295 more". What is held is
written down like what was sent, with status HELD and the id of the summary that counts it. Sirens know
nothing of this.

LIFE is never held, nor what is wrong with the hub itself. DANGER neither, but from officials and operators:
they watch for others, and the eleventh gauge at one level within ten minutes tells them no more than the
summary two minutes later. Where an alert concerns their own zones they are told like everybody there. Nor is
the end held of what somebody was told in danger: who was told to run hears that it was nothing. All other
news is held whatever its reason: a storm of endings is a storm.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from devices.frame import Millis
from hub import wording
from hub.alerts import Scene, Telling
from hub.config.policy import StormPolicy
from hub.config.shapes import Person, Role
from hub.config.town import Town
from hub.model import Alert, Mode, Notification, Reason, Severity, Status
from hub.telling.compose import notification_id, on_every_channel
from hub.wording.values import MAX_LISTED, words

TEMPLATE = "storm_summary"
PREFIX = "storm-"
"""With it begins what stands in a summary for the id of an alert."""
KEEP_FOR: Millis = 6 * 3_600_000
WATCHERS = frozenset({Role.OFFICIAL, Role.OPERATOR})
ENDS = frozenset({Reason.FALLING, Reason.CLEARED, Reason.CANCELLED, Reason.DONE})

CLASSES = {
    "animal": "animal",
    "bear": "animal",
    "trap": "trap",
    "patrol": "trap",
    "river": "river",
    "river_unverified": "river",
    "unwatched": "river",
    "debris": "slope",
    "slope_check": "slope",
    "hub": "hub",
    "missed": "hub",
}
"""Kind of alert -> class of news. Every other kind is of the devices themselves."""
DEVICE = "device"


class Held(Struct, frozen=True):
    """What a summary may say of one piece of news. `news` is its class."""

    news: str
    severity: int
    place: str
    place_en: str
    lat: float | None = None
    lon: float | None = None


class Storm(Struct, frozen=True, omit_defaults=True):
    """One person. `recent`: class of news -> when the last of it came, told or held, as many as go as they
    are. `held`: class -> how much is held since the last summary; `gravest` and `newest` of it.

    `since` is when the storm began, 0 while there is none, `id` its own, `summaries` how often it was summed
    up, `due_at` when it is next. `worst` is the gravest severity held in it.
    """

    recent: dict[str, tuple[Millis, ...]] = {}
    held: dict[str, int] = {}
    gravest: tuple[Held, ...] = ()
    newest: tuple[Held, ...] = ()
    since: Millis = 0
    id: str = ""
    summaries: int = 0
    due_at: Millis = 0
    worst: int = -1


CALM = Storm()


def sift(
    scene: Scene,
    storms: Mapping[str, Storm],
    before: Alert,
    alert: Alert,
    notifications: Iterable[Notification],
) -> tuple[dict[str, Storm], Alert, list[Notification]]:
    """What of `notifications` goes as it is, and what is held.

    `before` is the alert as it was before they were decided, `alert` as it is with all of them told. Returns
    the storms that changed, and the alert which remembers as told only who really is: who is not hears of
    the next escalation, and of no end without a beginning.
    """
    changed: dict[str, Storm] = {}
    sifted: list[Notification] = []
    told: set[str] = set()
    held: set[str] = set()
    verdicts: dict[tuple[str, str], str] = {}
    for notification in notifications:
        person, news = notification.recipient, (notification.recipient, notification.template)
        if news not in verdicts:
            storm, verdicts[news] = _judge(
                scene, changed.get(person) or storms.get(person, CALM), before, alert, notification
            )
            changed[person] = storm
        if summary := verdicts[news]:
            held.add(person)
            error = f"storm: counted in {summary}"
            sifted.append(replace(notification, status=Status.HELD, finished_at=scene.now, error=error))
        else:
            told.add(person)
            sifted.append(notification)
    if not_told := held - told:
        others = {p: s for p, s in alert.told.items() if p not in not_told}
        alert = replace(alert, told=others | {p: before.told[p] for p in not_told if p in before.told})
    return {p: storm for p, storm in changed.items() if storm is not storms.get(p)}, alert, sifted


def _judge(
    scene: Scene, storm: Storm, before: Alert, alert: Alert, notification: Notification
) -> tuple[Storm, str]:
    """The storm after one more piece of news, and the id of the summary that counts it: empty, it is told."""
    policy, now = scene.town.policy.storm, scene.now
    limit = _limit(policy, scene.town.people[notification.recipient], before, alert, notification)
    if limit is None or alert.mode is not scene.mode:  # a drill's news is not counted among what is real
        return storm, ""
    key, most = limit
    recent = tuple(t for t in storm.recent.get(key, ()) if 0 <= now - t < policy.within)
    kept = {k: times for k, times in storm.recent.items() if k != key and now - times[-1] < policy.within}
    storm = replace(storm, recent=kept | {key: (*recent, now)[-most:]})
    if len(recent) < most:
        return storm, ""
    news = Held(
        class_of(alert.kind), int(notification.severity), alert.place, alert.place_en, alert.lat, alert.lon
    )
    if not storm.since:
        storm = replace(storm, since=now, id=PREFIX + notification_id(notification.recipient, now))
    storm = _hold(policy, storm, news, now)
    return storm, summary_id(storm)


def _limit(
    policy: StormPolicy, person: Person, before: Alert, alert: Alert, notification: Notification
) -> tuple[str, int] | None:
    """(what is counted together, how much of it goes as it is), None where all of it does."""
    if alert.kind == "hub":
        return None
    is_end = notification.reason in ENDS
    gravity = max(notification.severity, before.peak if is_end and person.id in before.told else 0)
    if gravity >= Severity.DANGER:
        watches = frozenset(person.roles) <= WATCHERS and not set(person.zones) & set(alert.zones)
        if is_end or gravity >= Severity.LIFE or not watches:
            return None
        return f"{alert.kind}/{alert.level}", policy.first_in_danger
    news = class_of(alert.kind)
    return news, policy.first_of_devices if news == DEVICE else policy.first


def class_of(kind: str) -> str:
    """animal, trap, river, slope, hub or device."""
    return CLASSES.get(kind, DEVICE)


def _hold(policy: StormPolicy, storm: Storm, news: Held, now: Millis) -> Storm:
    """What is graver than all before does not wait for the long interval of a storm that goes on."""
    due_at = storm.due_at
    if news.severity > storm.worst:
        soon = now + policy.summaries_after[0]
        due_at = min(due_at, soon) if due_at else soon
    by_severity = sorted((*storm.gravest, news), key=lambda held: -held.severity)
    return replace(
        storm,
        held=storm.held | {news.news: storm.held.get(news.news, 0) + 1},
        gravest=tuple(by_severity[:MAX_LISTED]),
        newest=(*storm.newest, news)[-MAX_LISTED:],
        due_at=due_at,
        worst=max(storm.worst, news.severity),
    )


# --- the summary ------------------------------------------------------------------------------------


def due(policy: StormPolicy, storm: Storm, now: Millis) -> bool:
    """Whether it is time to sum up; also where the clock has been set back."""
    return bool(storm.since) and not 0 < storm.due_at - now <= max(policy.summaries_after)


def sum_up(
    town: Town, person: Person | None, storm: Storm, now: Millis, mode: Mode, *, live: bool
) -> tuple[Storm, list[Notification]]:
    """A storm that is due: one message with what was held since the last, and when the next may be.

    Nothing held since then: the storm is over. Nobody is told who has left the config.
    """
    if not storm.held or person is None:
        return Storm(recent=storm.recent), []
    pauses = town.policy.storm.summaries_after
    notifications = _notifications(town, person, storm, now, mode, live=live)
    summaries = storm.summaries + 1
    return Storm(
        recent=storm.recent,
        since=storm.since,
        id=storm.id,
        summaries=summaries,
        due_at=now + pauses[min(summaries, len(pauses) - 1)],
        worst=storm.worst,
    ), notifications


def _notifications(
    town: Town, person: Person, storm: Storm, now: Millis, mode: Mode, *, live: bool
) -> list[Notification]:
    summary = summary_id(storm)
    severity = Severity(storm.gravest[0].severity)
    telling = Telling(TEMPLATE, Reason.SUMMARY, severity, keep_for=KEEP_FOR)
    return list(
        on_every_channel(
            person,
            telling,
            _fields(town, storm, now),
            now,
            alert_id=summary,
            event_id=summary,
            event_received_at=now,
            mode=mode,
            live=live,
            private=storm.gravest[0].news == "trap" and town.has_pages,
        )
    )


def summary_id(storm: Storm) -> str:
    """Of the next summary; it stands in the rows that are held until then."""
    return f"{storm.id}-{storm.summaries}"


def _fields(town: Town, storm: Storm, now: Millis) -> dict[str, Any]:
    """What the message can say: how much of what, the gravest, and the newest that are not among them."""
    named = words()["news"]
    kinds = sorted(storm.held.items(), key=lambda item: -item[1])
    total = sum(storm.held.values())
    newest = storm.newest[-(total - len(storm.gravest)) :] if total > len(storm.gravest) else ()
    return {
        "time": wording.format_time(now, now, town.zone_info),
        "held": total,
        "kinds": [f"{named[news][0]}{number}" for news, number in kinds],
        "kinds_en": [f"{named[news][1]} {number}" for news, number in kinds],
        "gravest": [f"{named[h.news][0]} {h.place}" for h in storm.gravest],
        "gravest_en": [f"{named[h.news][1]} {h.place_en}" for h in storm.gravest],
        "newest": [f"{named[h.news][0]} {h.place}" for h in reversed(newest)],
        "newest_en": [f"{named[h.news][1]} {h.place_en}" for h in reversed(newest)],
        "place": storm.gravest[0].place,
        "place_en": storm.gravest[0].place_en,
        "lat": storm.gravest[0].lat,
        "lon": storm.gravest[0].lon,
        "contact": town.site.contact,
    }
