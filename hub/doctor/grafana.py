"""Grafana: whether it answers, has Naruko's data source and gets something by it, and shows the dashboards of
this town as this release makes them. After Grafana's HTTP API; looks only."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from hub.config.settings import Grafana
from hub.config.town import Town
from hub.config.validate import reveal
from hub.doctor.at_once import each
from hub.doctor.fetch import Answer, fetch
from hub.doctor.finding import Finding, bad, ok, warn

OLDEST = (11, 6)
"""The dashboards are made for it."""
SOURCE_UID = "naruko"
TAG = "naruko"
DENIED = (401, 403)
WITHIN_S = 6.0


def grafana(town: Town) -> Iterator[Finding]:
    """What needs a token is left out where the config has none."""
    settings = town.hub.grafana
    if settings is None:
        return
    where = urlsplit(settings.url).netloc.rpartition("@")[2]
    answer = _ask(settings, "/api/health")
    found = answer.json()
    if answer.status != 200 or not isinstance(found, dict):
        yield bad("grafana.away", where=where, reason=answer.said)
        return
    if found.get("database") != "ok":
        yield bad("grafana.database", where=where)
    version = str(found.get("version") or "")
    if (numbers := _numbers(version)) and numbers < OLDEST:
        yield warn("grafana.old", where=where, version=version)
    else:
        yield ok("grafana.answers", where=where, version=version or "?")
    if not settings.token:
        yield warn("grafana.no_token")
        return
    source, health, listed = each(
        lambda path: _ask(settings, path),
        [
            f"/api/datasources/uid/{SOURCE_UID}",
            f"/api/datasources/uid/{SOURCE_UID}/health",
            f"/api/search?type=dash-db&limit=1000&tag={TAG}",
        ],
        WITHIN_S,
    )
    if any(one is not None and one.status == 401 for one in (source, health, listed)):
        yield bad("grafana.token")
        return
    yield from _source(town, source, health)
    yield from _dashboards(town, settings, listed)


def _source(town: Town, source: Answer | None, health: Answer | None) -> Iterator[Finding]:
    if source and source.status == 404:
        yield bad("grafana.no_source")
        return
    if source and source.status == 200 and town.hub.influx:
        made = source.json()
        made = made if isinstance(made, dict) else {}
        options = made.get("jsonData")
        options = options if isinstance(options, dict) else {}
        base = options.get("dbName") or made.get("database")
        if made.get("type") != "influxdb":
            yield bad("grafana.other_source", type=made.get("type"))
        elif base != town.hub.influx.bucket:
            yield bad("grafana.other_database", theirs=base or "-", ours=town.hub.influx.bucket)
    elif not source or source.status in DENIED:
        yield warn("grafana.unseen", part=("データソース", "data source"), reason=_said(source))
    said = health.json() if health else None
    said = said if isinstance(said, dict) else {}
    if health and health.status == 200 and said.get("status") == "OK":
        yield ok("grafana.source")
    elif not health or health.status in DENIED:
        yield warn(
            "grafana.unseen", part=("データソースの調子", "data source's health"), reason=_said(health)
        )
    else:
        yield bad("grafana.ill_source", reason=said.get("message") or _said(health))


def _dashboards(town: Town, settings: Grafana, listed: Answer | None) -> Iterator[Finding]:
    found = listed.json() if listed and listed.status == 200 else None
    if not isinstance(found, list):
        yield warn("grafana.unseen", part=("ダッシュボード", "dashboards"), reason=_said(listed))
        return
    there = {str(one.get("uid")) for one in found if isinstance(one, dict)}
    ours = of_release(town)
    if ours is None:
        number = len({uid for uid in there if uid.startswith(f"{TAG}-")})
        yield warn("grafana.uncompared", number=number) if number else bad("grafana.no_dashboards")
        return
    if not there & set(ours):
        yield bad("grafana.no_dashboards")
        return
    if missing := sorted(set(ours) - there):
        yield warn("grafana.missing", names=", ".join(missing))
    uids = sorted(there & set(ours))
    answers = each(lambda uid: _ask(settings, f"/api/dashboards/uid/{quote(uid)}"), uids, WITHIN_S)
    stale: list[str] = []
    unseen: list[str] = []
    for uid, answer in zip(uids, answers, strict=True):
        shown = answer.json() if answer and answer.status == 200 else None
        if not isinstance(shown, dict) or not isinstance(shown.get("dashboard"), dict):
            unseen.append(uid)
        elif essence(shown["dashboard"]) != ours[uid]:
            stale.append(uid)
    if unseen:
        yield warn("grafana.unseen", part=", ".join(unseen), reason=_said(answers[uids.index(unseen[0])]))
    if stale:
        yield warn("grafana.stale", names=", ".join(stale))
    elif not missing and not unseen:
        yield ok("grafana.dashboards", number=len(uids))


def of_release(town: Town) -> dict[str, Counter[str]] | None:
    """Uid -> essence of each dashboard, as `naruko grafana` writes it. None: the extra is not installed."""
    try:
        from hub.dashboards import folder  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("grafana_foundation_sdk"):
            raise
        return None
    made = [json.loads(text) for name, text in folder.files(town).items() if name.startswith("dashboards/")]
    return {dashboard["uid"]: essence(dashboard) for dashboard in made}


def essence(dashboard: Mapping[str, Any]) -> Counter[str]:
    """Titles and queries of the panels, as often as they stand there: what Grafana adds and moves when it
    takes a dashboard in is no difference."""
    found: Counter[str] = Counter([f"title {dashboard.get('title')}"])
    waiting = _objects(dashboard, "panels")
    while waiting:
        panel = waiting.pop()
        waiting += _objects(panel, "panels")
        found[f"panel {panel.get('title')}"] += 1
        found.update(f"query {target.get('query')}" for target in _objects(panel, "targets"))
    return found


def _objects(within: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = within.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _ask(settings: Grafana, path: str) -> Answer:
    token = reveal(settings.token)
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return fetch(f"{settings.url.rstrip('/')}{path}", headers)


def _said(answer: Answer | None) -> str:
    return answer.said if answer else "no answer in time"


def _numbers(version: str) -> tuple[int, ...]:
    """`11.6.1+security-01` -> (11, 6)."""
    first = version.split(".")[:2]
    return tuple(int(one) for one in first) if len(first) == 2 and all(map(str.isdecimal, first)) else ()
