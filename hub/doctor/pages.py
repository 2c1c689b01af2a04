"""The hub's own pages: here at `web`, and at the address that phones have; and who may see the console."""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing
from ipaddress import ip_address
from urllib.parse import urlsplit

from hub.config.channels import LOCAL_HOSTS
from hub.config.settings import Web
from hub.config.town import Town
from hub.doctor.fetch import Answer, fetch
from hub.doctor.finding import Finding, bad, ok, warn
from hub.doctor.ledger import hub_at_work
from hub.doctor.network import knock
from hub.ledger import Ledger, LedgerError

MARK = "naruko-hub"
"""Header of /healthz: a number that a hub makes up when it starts."""
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (nothing is bound here)
"""Listened at, and asked here."""


def pages(town: Town) -> Iterator[Finding]:
    web = town.hub.web
    if web is None:
        yield ok("pages.none")
        return
    running = bool(hub_at_work(town.hub.ledger.path))
    if not web.port:
        yield ok("pages.any_port")
    else:
        mark = yield from _here(ANYWHERE.get(web.host, web.host), web.port, running=running)
        if town.site.hub_url and running:
            yield from _through(town.site.hub_url.rstrip("/"), mark)
    yield from _console(town, web)


def _here(host: str, port: int, *, running: bool) -> Generator[Finding, None, str | None]:
    """Whether the hub, and nobody else, has the port. Returns its mark; None where it does not answer."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    answer = fetch(f"http://{where}/healthz")
    if not is_hub(answer):
        if knock((host, port)):
            yield bad("pages.not_open", where=where) if running else ok("pages.port_free", where=where)
        elif running and not answer.status:
            yield bad("pages.silent", where=where)
        else:
            yield bad("pages.taken", where=where)
        return None
    if not running:
        yield bad("pages.other_hub", where=where)
        return None
    ready = fetch(f"http://{where}/readyz")
    if ready.status == 200:
        yield ok("pages.ready", where=where)
    else:
        reasons = "; ".join(ready.text.splitlines()) if ready.status == 503 else ready.said
        yield bad("pages.not_ready", where=where, reasons=reasons)
    return answer.headers.get(MARK, "")


def _through(url: str, mark: str | None) -> Iterator[Finding]:
    """Whether the address that phones have leads to this hub."""
    if mark is None:
        return
    answer = fetch(f"{url}/healthz")
    host = urlsplit(url).netloc
    if not answer.status:
        yield warn("pages.unreached", host=host, reason=answer.error)
    elif not is_hub(answer):
        yield bad("pages.elsewhere", host=host, reason=answer.said)
    elif mark and answer.headers.get(MARK) and answer.headers[MARK] != mark:
        yield bad("pages.another", host=host)
    else:
        yield ok("pages.phones", host=host)


def is_hub(answer: Answer) -> bool:
    return answer.status == 200 and answer.text == "ok\n"


def _console(town: Town, web: Web) -> Iterator[Finding]:
    console = web.console
    if console is None:
        return
    if not console.identity_header and (users := _users(town)) is not None:
        yield ok("console.users", users=users) if users else warn("console.nobody")
    open_ = not _is_loopback(web.host)
    plain = town.site.hub_url.startswith("http:") and urlsplit(town.site.hub_url).hostname not in LOCAL_HOSTS
    if open_ or plain:
        yield warn("console.plain", where=f"{web.host}:{web.port}" if open_ else town.site.hub_url)


def _users(town: Town) -> int | None:
    """How many may log in, with those of whom the hub has yet to hear; None where there is no ledger."""
    try:
        with closing(Ledger.attach(town.hub.ledger.path, town.hub.ledger)) as ledger:
            names = {key for room, key, _ in ledger.load_states() if room == "user"}
            for act in ledger.acts_after():
                if act.kind == "user_add":
                    names.add(act.target)
                elif act.kind == "user_remove":
                    names.discard(act.target)
    except (LedgerError, sqlite3.Error):
        return None
    return len(names)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in LOCAL_HOSTS
