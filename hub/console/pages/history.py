"""`/console/history`: alerts of the past, searched; `/console/history/ID`: one of them in full."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devices.frame import Millis
from hub import model, statistics
from hub.config.town import Town
from hub.console.access import ConsoleRole, lang_of, needs, render
from hub.console.api.alerts import facts
from hub.console.api.frame import PREFIX, Call, call_of
from hub.console.api.history import LABEL, MOST_ROWS, PageQuery, look
from hub.console.views import past
from hub.console.views.open_alerts import signed
from hub.console.views.past import Past
from hub.days import begins, wall
from hub.ledger.views import alerts as ledger_alerts
from hub.ledger.views import history as ledger_history
from hub.ledger.views.messages import result_of
from hub.web.words import plain
from hub.wording.values import words

MINUTES_A_DAY = 1_440
MOST_FACTS, MOST_MESSAGES = 200, 500
MOST_ZONES = 400
TEXTS = ("q", "kind", "state", "mode", "zone", "device")
FOREVER: Millis = 1 << 62


class Asked(Struct, frozen=True):
    """The form as it was filled in. Days as `2026-11-21`; what is no answer to its field is empty."""

    q: str = ""
    kind: str = ""
    severity: str = ""
    state: str = ""
    mode: str = ""
    zone: str = ""
    device: str = ""
    since: str = ""
    until: str = ""
    before: str = ""

    def query(self, **more: str) -> str:
        """As the address of the same search; `more` in place of what it says."""
        given = msgspec.structs.asdict(self) | more
        return urlencode({name: value for name, value in given.items() if value})


class Row(Struct, frozen=True):
    """One alert in the words of the page."""

    past: Past
    what: str
    place: str
    opened: str
    lasted: str
    outcome: str
    who: str
    seen: str


class Said(Struct, frozen=True):
    time: str
    text: str


class Sent(Struct, frozen=True):
    """One message to one person by one channel, in the codes of the page of messages."""

    person: str
    channel: str
    reason: str
    result: str
    decided: str
    delivered: str


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    call, lang = call_of(request), lang_of(request)
    asked = asked_of(request, call.town)
    found = await look(call, query_of(asked, call.town))
    zones = sorted(call.town.zones.values(), key=lambda zone: (zone.kind, zone.id))[:MOST_ZONES]
    device = call.town.devices.get(asked.device)
    of_page = {"lang": lang} if request.query_params.get("lang") in ("ja", "en") else {}
    return render(
        request,
        "history.html",
        asked=asked,
        is_asked=any(msgspec.structs.astuple(asked)[:-1]),
        folded=not any((asked.kind, asked.state, asked.mode, asked.zone, asked.since, asked.until)),
        rows=[row_of(one, call.town, lang) for one in found.alerts],
        older=f"?{asked.query(before=str(found.rest), **of_page)}" if found.rest else "",
        newest=f"?{asked.query(before='', **of_page)}" if asked.before else "",
        without_device=f"?{asked.query(device='', before='', **of_page)}",
        device_name=((device.name_en if lang == "en" else device.name) if device else asked.device),
        csv=_csv(asked, call.town, lang),
        most=f"{MOST_ROWS:,}",
        kinds=[
            (code, said[lang == "en"]) for code, said in words()["alert_kind"].items() if code != "unknown"
        ],
        severities=[
            (str(number), said[lang == "en"]) for number, said in enumerate(past.SEVERITIES) if number
        ],
        states=[(code, said[lang == "en"]) for code, said in past.STATES.items()],
        modes=[(code, said[lang == "en"]) for code, said in past.MODES.items()],
        zones=[(zone.id, zone.name_en if lang == "en" else zone.name) for zone in zones],
        severity_words=[said[lang == "en"] for said in past.SEVERITIES],
        month=f"{wall(call.now, call.town.zone_info):%Y-%m}",
    )


@needs(ConsoleRole.VIEWER)
async def one(request: Request) -> Response:
    call, lang = call_of(request), lang_of(request)
    alert = call.ledger.alert(request.path_params["id"])
    if alert is None:
        return render(request, "history_one.html", status=404, row=None)
    events = await call.ledger.view(ledger_alerts.events_of, alert, MOST_FACTS)
    told = await call.ledger.view(ledger_alerts.told, alert.id, MOST_MESSAGES)
    said = await call.ledger.view(ledger_history.acts_between, LABEL, alert.opened_at, FOREVER)
    seen = past.view(alert, call.town, statistics.labels_of(said))
    device = call.town.devices.get(alert.device)
    zones = [call.town.zones[id] for id in alert.zones if id in call.town.zones]
    english = lang == "en"
    return render(
        request,
        "history_one.html",
        row=row_of(seen, call.town, lang),
        closed="" if seen.closed_at is None else past.local(seen.closed_at, call.town.zone_info),
        device_name=((device.name_en if english else device.name) if device else alert.device),
        known_device=device is not None,
        zones=[zone.name_en if english else zone.name for zone in zones],
        severity=past.SEVERITIES[seen.severity][english],
        state=past.STATES[seen.state][english],
        mode=past.MODES[seen.mode][english],
        label=past.LABELS[seen.label][english] if seen.label in past.LABELS else "",
        story=list(_story(call, events, lang)),
        is_cut=len(events) == MOST_FACTS,
        most=MOST_FACTS,
        sent=[_sent(one, call.town) for one in told],
    )


# --- what is asked --------------------------------------------------------------------------------


def asked_of(request: Request, town: Town) -> Asked:
    """What stands in the address. A value that is none of its field is as if it were not there."""
    given = {name: request.query_params.get(name, "")[:100].strip() for name in Asked.__struct_fields__}
    known = {
        "kind": words()["alert_kind"].keys(),
        "severity": {"1", "2", "3", "4"},
        "state": past.STATES.keys(),
        "mode": past.MODES.keys(),
        "zone": town.zones.keys(),
    }
    kept = {name: value for name, value in given.items() if value in known.get(name, (value,))}
    for name in ("since", "until"):
        kept[name] = kept[name] if _day(kept[name]) else ""
    number = kept["before"]
    kept["before"] = number if number.isascii() and number.isdigit() and 0 < int(number) < 1 << 53 else ""
    kept["device"] = kept["device"][:63]
    return Asked(**kept)


def query_of(asked: Asked, town: Town) -> PageQuery:
    """`until` is the last day that is asked for: this day too."""
    given: dict[str, Any] = {name: getattr(asked, name) for name in TEXTS}
    if first := _day(asked.since):
        given["since"] = max(begins(first, town.zone_info), 0)
    if last := _day(asked.until):
        given["until"] = max(begins(last + timedelta(days=1), town.zone_info), 0)
    return PageQuery(
        **given,
        severity=int(asked.severity or 0),
        before=int(asked.before) if asked.before else None,
    )


def _csv(asked: Asked, town: Town, lang: str) -> str:
    """The address of the same as a table."""
    query = query_of(asked, town)
    given: dict[str, Any] = {name: getattr(query, name) for name in TEXTS}
    given["severity"] = query.severity or ""
    given["since"] = query.since if asked.since else ""
    given["until"] = query.until if asked.until else ""
    given["lang"] = lang
    return f"{PREFIX}/history.csv?{urlencode({name: v for name, v in given.items() if v != ''})}"


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found and 1970 < found.year < 9000 else None


# --- what is shown --------------------------------------------------------------------------------


def row_of(found: Past, town: Town, lang: str) -> Row:
    english = lang == "en"
    comma = ", " if english else "、"
    outcome = past.outcome(found, int(english))
    if found.cause and outcome == found.cause:
        outcome = plain(lang, "history.cause", cause=found.cause)
    label = past.LABELS[found.label][english] if found.label in past.LABELS else ""
    state = past.STATES[found.state][english]
    return Row(
        past=found,
        what=found.what_en if english else found.what,
        place=found.place_en if english else found.place,
        opened=past.local(found.opened_at, town.zone_info),
        lasted="" if found.lasted_ms is None else lasted(found.lasted_ms, lang),
        outcome=" · ".join(part for part in (state, outcome, label) if part),
        who=comma.join(found.who),
        seen=comma.join(name for name in found.acknowledged if name not in found.who),
    )


def lasted(millis: Millis, lang: str) -> str:
    """45 min, 3 h 12 min, 2 d 5 h."""
    minutes = round(millis / past.MINUTE)
    if minutes < 60:
        return plain(lang, "history.minutes", minutes=minutes)
    if minutes < MINUTES_A_DAY:
        return plain(lang, "history.hours", hours=minutes // 60, minutes=minutes % 60)
    days, rest = divmod(minutes, MINUTES_A_DAY)
    return plain(lang, "history.days", days=days, hours=rest // 60)


def _story(call: Call, events: Iterable[model.Event], lang: str) -> Iterable[Said]:
    """The oldest first."""
    for fact in reversed(list(facts(events, call.town))):
        yield Said(past.local(fact.at, call.town.zone_info), fact.text_en if lang == "en" else fact.text)


def _sent(one: model.Notification, town: Town) -> Sent:
    done = "" if one.finished_at is None else past.local(one.finished_at, town.zone_info)
    return Sent(
        signed(town, one.recipient),
        one.channel_kind,
        one.reason.value,
        result_of(one),
        past.local(one.created_at, town.zone_info),
        done,
    )


ROUTES = (Route("/console/history", show), Route("/console/history/{id}", one))
