"""The broker: whether it lets the hub in, and what its ACL lets through. Nothing of it reaches the hub.

Mosquitto grants every subscription and then filters what may not be read: only a message that comes back
shows that one may. The hub's login shows nothing of what a device's login may do.
"""

import contextlib
import secrets
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Literal

import paho.mqtt.client as mqtt

from hub.clock import SystemClock
from hub.config.channels import LOCAL_HOSTS
from hub.config.town import Town
from hub.doctor.finding import Finding, bad, ok, warn
from hub.doctor.visit import WRONG_VERSION, Visit
from hub.ingest import Broker

ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that nobody has (RFC 5737, 3849)."""


def broker(town: Town) -> Iterator[Finding]:
    """Connects and subscribes as the hub does; then writes to a device that does not exist."""
    mqtt_, where = town.hub.mqtt, f"{town.hub.mqtt.host}:{town.hub.mqtt.port}"
    try:
        visit, let_in = _visit(town)
    except ssl.SSLError as error:
        yield bad("broker.tls", where=where, reason=error.reason or "TLS")
        return
    except (OSError, ValueError) as error:
        yield bad("broker.away", where=where, reason=getattr(error, "strerror", None) or error)
        return
    with visit:
        if visit.code is None:
            yield bad("broker.mute", where=where)
            return
        if not let_in:
            yield bad("broker.refuses", where=where, reason=visit.said)
            return
        topics = sorted(Broker(mqtt_, town.site.id, SystemClock()).topics())
        order, stray = _probes(town)
        refused = visit.subscribe([*topics, order, stray])
        if refused is None:
            yield bad("broker.silent", where=where)
            return
        if deaf := [topic for topic in refused if topic in topics]:
            yield bad("broker.topics", where=where, topics=", ".join(deaf))
        else:
            yield ok("broker.well", where=where, topics=len(topics))
        if any(mqtt.topic_matches_sub(topic, probe) for topic in topics for probe in (order, stray)):
            yield warn("acl.all")
        else:
            yield from _rights(visit, order, stray)
    yield from _anonymous(town)


def _visit(town: Town) -> tuple[Visit, bool]:
    """In MQTT 5, or 3.1.1 where the broker knows no other."""
    settings = town.hub.mqtt
    visit = Visit(settings)
    let_in = visit.connect(settings.host)
    if visit.code in (None, WRONG_VERSION):
        with visit:
            pass
        visit = Visit(settings, version=mqtt.MQTTv311)
        let_in = visit.connect(settings.host)
    return visit, let_in


def _probes(town: Town) -> tuple[str, str]:
    """Topics of a device that does not exist: the one on which it would be given orders, and one on which
    nobody of ours speaks."""
    device = f"naruko/{town.site.id}/doctor-{secrets.token_hex(4)}"
    return f"{device}/cmd", f"{device}/doctor"


def _rights(visit: Visit, order: str, stray: str) -> Iterator[Finding]:
    may_order, may_stray = visit.may_write(order), visit.may_write(stray)
    if may_order is False:
        yield bad("acl.no_orders")
    elif may_order:
        yield ok("acl.orders")
    if visit.hears({order, stray}) or visit.heard:
        yield ok("acl.heard")
    else:
        yield bad("acl.unheard") if may_order else warn("acl.unknown")
    if may_stray:
        yield warn("acl.wide")
    elif may_stray is False:
        yield ok("acl.narrow")


def _anonymous(town: Town) -> Iterator[Finding]:
    """Whether somebody without a password is let in from elsewhere, and may give orders."""
    settings = town.hub.mqtt
    places = own_addresses() if settings.host in LOCAL_HOSTS else [settings.host]
    found = {place: _without_password(town, place) for place in places}
    for place, may in found.items():
        where = f"{place}:{settings.port}"
        if may == "order":
            yield bad("acl.anonymous_orders", where=where)
        elif may == "enter":
            yield warn("acl.anonymous", where=where)
    if found and all(may == "nothing" for may in found.values()):
        yield ok("acl.closed", port=settings.port)


def _without_password(town: Town, place: str) -> Literal["nothing", "enter", "order", "unknown"]:
    try:
        with Visit(town.hub.mqtt, anonymous=True) as visit:
            if not visit.connect(place):
                return "nothing" if visit.code is not None else "unknown"
            return "order" if visit.may_write(_probes(town)[0]) else "enter"
    except (ssl.SSLError, ValueError):
        return "unknown"
    except OSError:
        return "nothing"


def own_addresses() -> list[str]:
    """Those under which other machines know this one. Nothing is sent."""
    found = []
    for family, elsewhere in ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.connect((elsewhere, 9))
            address = trial.getsockname()[0]
            if not ip_address(address).is_loopback:
                found.append(address)
    return found
