"""Are the settings of hub.yaml and policy.yaml sound?"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import ip_network
from itertools import pairwise
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from hub.config.channels import LOCAL_HOSTS, PLACEHOLDER, SCHEMES, faults
from hub.config.parts import Entry, Findings
from hub.config.policy import DeterrentPolicy, Policy, SlopePolicy, TrapPolicy, WildlifePolicy
from hub.config.settings import Console, Deadman, Hub, WebPush
from hub.config.validate import reveal, suggestion

MINUTE = 60_000
TRIAL_ADDRESS = "0@x.jp"
SHARES = (
    ("wildlife", "species_min_confidence"), ("wildlife", "bear_min_confidence"), ("health", "gateway_share"),
)  # fmt: skip
NOT_NEGATIVE = (
    ("wildlife", "join_within_m"), ("river", "hysteresis_m"), ("river", "hysteresis_of_gap"),
    ("slope", "rain_mm_h"), ("slope", "rain_total_mm"), ("deterrent", "range_m"), ("deterrent", "dwelling_m"),
)  # fmt: skip
HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
WIDEST = {4: 8, 6: 16}
"""Bits that a network of proxies must have at least, by version of IP."""
LONGEST_ON = 30_000
"""Light over a paddy delays the rice: 30 s an event in all is the proposed limit (domain notes 3.5)."""
SHORTEST_TOKEN = 20
SHORTEST_PING, LONGEST_PING = 10_000, 60 * MINUTE
RULE_OF_DWELLINGS_M = 200.0
"""No 爆音器 within 200 m of a dwelling: Shiojiri, Nagano, Fujimi, Katsuura (domain notes 3.5)."""


def check_hub(entry: Entry[Hub], findings: Findings) -> None:
    hub = entry.value
    try:
        ZoneInfo(hub.site.timezone)
    except (KeyError, ValueError, OSError):
        near = suggestion(hub.site.timezone, available_timezones())
        findings.error(entry, ("site", "timezone"), f"no time zone of this name{near}")
    for key, url in (("info_url", hub.site.info_url), ("hub_url", hub.site.hub_url)):
        if (url or key == "info_url") and not _is_web(url):
            findings.error(entry, ("site", key), "must begin with http:// or https:// and name a host")
    _check_mqtt(entry, findings)
    if hub.web and not hub.site.hub_url:
        message = "is missing: there are pages (web), and no message can link to them"
        findings.warn(entry, ("site", "hub_url"), message)
    elif hub.web and hub.site.hub_url.startswith("http:") and not _is_local(hub.site.hub_url):
        message = "is http: whoever sees a link on its way can act in another's name"
        findings.warn(entry, ("site", "hub_url"), message)
    if hub.site.hub_url and not hub.web:
        findings.warn(entry, ("site", "hub_url"), "leads nowhere: there are no pages (web)")
    for room, store in (("influx", hub.influx), ("grafana", hub.grafana)):
        if store and not _is_web(store.url):
            findings.error(entry, (room, "url"), "must begin with http:// or https:// and name a host")
    if hub.influx and hub.influx.version == 1 and hub.influx.username is None and hub.influx.token:
        findings.warn(entry, ("influx", "username"), "is missing: with version 1 the token is a password")
    if hub.deadman:
        _check_deadman(entry, hub.deadman, findings)
    _check_metrics(entry, findings)
    _check_console(entry, hub.web.console if hub.web else None, findings)
    if hub.web_push:
        _check_web_push(entry, hub.web_push, findings)
    for kind, template in hub.channels.items():
        _check_template(entry, kind, reveal(template), findings)


def check_policy(entry: Entry[Policy], findings: Findings) -> None:
    policy = entry.value
    for room, key in SHARES:
        if not 0 <= getattr(getattr(policy, room), key) <= 1:
            findings.error(entry, (room, key), "must lie between 0 and 1")
    for room, key in NOT_NEGATIVE:
        if getattr(getattr(policy, room), key) < 0:
            findings.error(entry, (room, key), "must not be negative")
    if policy.river.hysteresis_of_gap >= 1:
        message = "must be less than 1: a level would be cleared below the next one"
        findings.error(entry, ("river", "hysteresis_of_gap"), message)
    elif policy.river.hysteresis_m == 0 or policy.river.hysteresis_of_gap == 0:
        findings.warn(entry, ("river",), "no hysteresis: waves will raise and clear a level again and again")
    _check_reason(entry, policy.slope, findings)
    for key, message in _foolish_wildlife(policy.wildlife):
        findings.warn(entry, ("wildlife", key), message)
    for key, message in _foolish_deterrent(policy.deterrent):
        findings.warn(entry, ("deterrent", key), message)
    if policy.trap.silent_after < 10 * MINUTE:
        message = "under 10 minutes: told before the sensor's next sign of life is due"
        findings.warn(entry, ("trap", "silent_after"), message)
    _check_reminders(entry, policy.trap, findings)
    for room in ("wildlife", "trap", "slope"):
        if getattr(policy, room).late_after == 0:
            findings.warn(entry, (room, "late_after"), "0: every report is late, and nothing is told")


def _check_reminders(entry: Entry[Policy], trap: TrapPolicy, findings: Findings) -> None:
    for former, key in pairwise(("remind_duty", "remind_all", "remind_office")):
        if getattr(trap, key) < getattr(trap, former):
            findings.error(entry, ("trap", key), f"must not come before {former}")


def _check_mqtt(entry: Entry[Hub], findings: Findings) -> None:
    mqtt = entry.value.mqtt
    if mqtt.password and not mqtt.username:
        findings.error(entry, ("mqtt", "username"), "is missing: a password is given")
    elif mqtt.username and not mqtt.password:
        findings.warn(entry, ("mqtt", "username"), "has no password")
    if mqtt.password and not mqtt.tls and mqtt.host not in LOCAL_HOSTS:
        findings.warn(entry, ("mqtt", "tls"), "is off: the password crosses the network in the open")
    if mqtt.ca_file and not mqtt.ca_file.is_file():
        findings.error(entry, ("mqtt", "ca_file"), "names no file")
    elif mqtt.ca_file and not mqtt.tls:
        findings.warn(entry, ("mqtt", "ca_file"), "is not used: tls is off")
    if not mqtt.client_id.strip():
        findings.error(
            entry, ("mqtt", "client_id"), "is empty: the broker could not keep messages for the hub"
        )
    for index, topic in enumerate(mqtt.topics):
        if reason := _topic_fault(topic):
            findings.error(entry, ("mqtt", "topics", index), reason)
        elif topic == "#":
            findings.warn(entry, ("mqtt", "topics", index), "takes every message of the broker, commands too")


def _check_metrics(entry: Entry[Hub], findings: Findings) -> None:
    web = entry.value.web
    if web and web.metrics_token and len(reveal(web.metrics_token)) < SHORTEST_TOKEN:
        message = f"has fewer than {SHORTEST_TOKEN} characters: make one with `openssl rand -hex 32`"
        findings.error(entry, ("web", "metrics_token"), message)


def _check_deadman(entry: Entry[Hub], deadman: Deadman, findings: Findings) -> None:
    url = reveal(deadman.url)
    if deadman.url is None and deadman.url_file is None:
        findings.error(entry, ("deadman",), "needs one of url and url_file")
    elif url and not _is_web(url):
        findings.error(entry, ("deadman", "url"), "must begin with http:// or https:// and name a host")
    elif url.startswith("http:") and urlsplit(url).hostname not in LOCAL_HOSTS:
        findings.warn(entry, ("deadman", "url"), "is http: the secret in it crosses the network in the open")
    if not SHORTEST_PING <= deadman.every <= LONGEST_PING:
        findings.error(entry, ("deadman", "every"), "must lie between 10s and 1h")


def _check_console(entry: Entry[Hub], console: Console | None, findings: Findings) -> None:
    here = ("web", "console")
    if console is None:
        return
    for key, header in (
        ("identity_header", console.identity_header),
        ("groups_header", console.groups_header),
    ):
        if header and not HEADER.fullmatch(header):
            findings.error(entry, (*here, key), "is no name of a header")
    for index, text in enumerate(console.trusted_proxies):
        try:
            network = ip_network(text)
        except ValueError:
            message = "is no address or network, like 127.0.0.1 or 10.1.2.0/24"
            findings.error(entry, (*here, "trusted_proxies", index), message)
            continue
        if network.prefixlen < WIDEST[network.version]:
            message = "trusts whole continents: anybody there could say to be an admin"
            findings.error(entry, (*here, "trusted_proxies", index), message)
    if console.identity_header and not console.trusted_proxies:
        findings.error(entry, (*here, "trusted_proxies"), "is missing: nobody's identity_header would count")
    if console.groups_header and not (console.identity_header and console.roles):
        findings.warn(entry, (*here, "groups_header"), "is not used without identity_header and roles")


def _check_web_push(entry: Entry[Hub], push: WebPush, findings: Findings) -> None:
    if not push.key_file.is_file():
        findings.error(entry, ("web_push", "key_file"), "names no file: `vapid --gen` makes one")
    if not push.subject.startswith(("mailto:", "https://")):
        findings.error(entry, ("web_push", "subject"), "must begin with mailto: or https://")
    if find_spec("pywebpush") is None:
        findings.error(entry, ("web_push",), "needs the package pywebpush, which is not installed")


def _topic_fault(topic: str) -> str:
    """Why it is no topic filter (MQTT 3.1.1, 4.7.1)."""
    levels = topic.split("/")
    if not topic or "\0" in topic or len(topic.encode("utf-8", "replace")) > 65_535:
        return "is empty or too long"
    if any(("#" in level or "+" in level) and len(level) > 1 for level in levels):
        return "`+` and `#` stand alone between slashes"
    if "#" in levels[:-1]:
        return "`#` stands only at the end"
    return ""


def _check_template(entry: Entry[Hub], kind: str, template: str, findings: Findings) -> None:
    path = ("channels", kind)
    if kind == "push":
        findings.error(entry, path, "is not used: a browser's subscription is its address; see web_push")
        return
    if PLACEHOLDER not in template:
        findings.error(entry, path, f"has no {PLACEHOLDER}: every person would have one address")
        return
    trial = template.replace(PLACEHOLDER, TRIAL_ADDRESS)
    for fault in faults(kind if kind in SCHEMES else "other", trial):
        findings.error(entry, path, fault)


def _check_reason(entry: Entry[Policy], slope: SlopePolicy, findings: Findings) -> None:
    if not slope.dry_wire_officials_only:
        return
    if not slope.dry_wire_reason.strip():
        message = "is missing: say why residents are not told of a wire cut in dry weather"
        findings.error(entry, ("slope", "dry_wire_reason"), message)
    message = "residents are not told of a wire cut in dry weather until a second sensor agrees"
    findings.warn(entry, ("slope", "dry_wire_officials_only"), message)


def _foolish_wildlife(wildlife: WildlifePolicy) -> Iterator[tuple[str, str]]:
    if wildlife.quiet_for < MINUTE:
        yield "quiet_for", "under a minute: one animal becomes many visits"
    if wildlife.cooldown == 0:
        yield "cooldown", "0: every sighting of a visit is told"
    if wildlife.confirm_events > 1 and wildlife.confirm_within < 10_000:
        yield "confirm_within", "under 10 s: a sensor that pauses after each sign never confirms"
    if "bear" in wildlife.ignore or "brown_bear" in wildlife.ignore:
        yield "ignore", "holds bears: nobody is told of them"


def _foolish_deterrent(deterrent: DeterrentPolicy) -> Iterator[tuple[str, str]]:
    if deterrent.per_night == 0:
        yield "per_night", "0: no siren or flash ever deters"
    if deterrent.cooldown == 0:
        yield "cooldown", "0: animals learn it within a night"
    if deterrent.range_m == 0:
        yield "range_m", "0: no siren or flash is near enough"
    if deterrent.max_on == 0:
        yield "max_on", "0: no siren or flash is ever switched on"
    elif deterrent.max_on > LONGEST_ON:
        yield "max_on", "over 30 s: light over a paddy delays the rice, and neighbours complain"
    if deterrent.warn_on < 10_000:
        yield "warn_on", "under 10 s: nobody wakes"
    if deterrent.dwelling_m < RULE_OF_DWELLINGS_M:
        yield "dwelling_m", "under 200 m: most towns forbid it"
    if deterrent.quiet_from == deterrent.quiet_to:
        yield "quiet_from", "is quiet_to: there are no quiet hours"
    if deterrent.live_within > 10 * MINUTE:
        yield "live_within", "over 10 minutes: a siren would sound for an animal that is gone"


def _is_local(url: str) -> bool:
    return not _is_web(url) or urlsplit(url).hostname in LOCAL_HOSTS


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
