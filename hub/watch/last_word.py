"""What the operators are told of the ledger: that the hub stopped for want of it, or began from a backup."""

import asyncio
import logging
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from devices.frame import Millis
from hub import wording
from hub.alerts import OFFICE, OPERATORS, Telling
from hub.clock import SystemClock
from hub.config.shapes import Role
from hub.config.town import Town
from hub.lanes import Lane
from hub.ledger.opening import DamagedError, DiskError, FullError, LockedError
from hub.ledger.rescue import Restored
from hub.model import Notification, Reason, Severity
from hub.notify import Answer, AppriseSender, Send
from hub.telling.audience import Audience, resolve
from hub.telling.compose import on_every_channel

log = logging.getLogger("naruko.last_word")

ONCE_IN: Millis = 3_600_000
"""The service is started again every 2 s: one word an hour is enough."""
WITHIN_S = 20.0
"""Then the hub ends, whatever the channels do: started again, it may find the disk well."""
KEEP_FOR: Millis = 86_400_000
SENDERS = 4

STOPPED = Telling("hub_stopped", Reason.OPENED, Severity.WARNING, keep_for=KEEP_FOR)
RESTORED = Telling("hub_restored", Reason.OPENED, Severity.WARNING, keep_for=KEEP_FOR)


def restored(town: Town, done: Restored, now: Millis) -> list[Notification]:
    """For the outbox: the file was damaged, what the hub knows is as old as its backup."""
    if not done.backup_at:
        return list(_told(town, RESTORED, now, fault="empty"))
    return list(
        _told(town, RESTORED, now, last_seen=wording.format_time(done.backup_at, now, town.zone_info))
    )


async def say(town: Town, error: DiskError, send: Send | None = None) -> None:
    """Tells the operators, past the ledger, that the hub has stopped. At most once an hour, in 20 s at most.

    For a hub that ends: nothing of it is written down, and what was not sent by then is not sent.
    """
    now = SystemClock().now()
    if not _may_speak(town.site.id, now):
        return
    told = list(_told(town, STOPPED, now, fault=fault(error)))
    if not told:
        return
    log.info("a last word to %d addresses", len(told))
    lane: Lane[int] = Lane("naruko.last_word", min(SENDERS, len(told)))
    queue, sent, ended = list(told), 0, asyncio.Event()
    send = send or await _sender(town)

    def one(notification: Notification) -> int:
        answer: Answer = send(town.people[notification.recipient], notification)
        return answer.status == "sent"

    def answered(result: int | BaseException) -> None:
        nonlocal sent
        sent += result is True
        following()

    def following() -> None:
        while queue and lane.free:
            lane.submit(partial(one, queue.pop(0)), answered)
        if not queue and lane.free == min(SENDERS, len(told)):
            ended.set()

    following()
    try:
        async with asyncio.timeout(WITHIN_S):
            await ended.wait()
    except TimeoutError:
        pass
    finally:
        lane.close()
    log.info("the last word was taken by %d of %d addresses", sent, len(told))


def fault(error: DiskError) -> str:
    """The code, in `words.yaml`, of what is wrong."""
    for kind, code in ((FullError, "full"), (DamagedError, "damaged"), (LockedError, "locked")):
        if isinstance(error, kind):
            return code
    text = str(error).lower()
    return "readonly" if "read-only" in text or "readonly" in text else "broken"


async def _sender(town: Town) -> Send:
    sender = AppriseSender(web_push=town.hub.web_push)
    await asyncio.to_thread(sender.load)
    return sender.send


def _told(town: Town, telling: Telling, now: Millis, **about: str | None) -> Iterator[Notification]:
    site = town.site
    fields = {
        "time": wording.format_time(now, now, town.zone_info),
        "hub": site.name,
        "hub_en": site.name_en,
        "contact": site.contact,
    } | about
    roles = OPERATORS if town.by_role[Role.OPERATOR] else OFFICE
    for person in resolve(town, Audience(everywhere=roles), (), now):
        yield from on_every_channel(
            person,
            telling,
            fields,
            now,
            alert_id=telling.template,
            event_id=f"{telling.template}-{now}",
            event_received_at=now,
        )


def _may_speak(site: str, now: Millis) -> bool:
    """Remembers it where the ledger's disk has no part in it. Where nothing can be remembered: no, or the
    phones would ring every 2 s."""
    places = [os.environ.get("RUNTIME_DIRECTORY", ""), tempfile.gettempdir(), "/dev/shm"]  # noqa: S108
    for place in filter(None, places):
        marker = Path(place) / f"naruko-{site}-last_word"
        try:
            last = marker.stat().st_mtime_ns // 1_000_000 if marker.exists() else 0
            if 0 <= now - last < ONCE_IN:
                return False
            marker.touch()
        except OSError:
            continue
        return True
    log.error("no place to remember a last word in: nobody is told")
    return False
