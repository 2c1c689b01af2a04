"""Outbox to phones: pending notifications -> Apprise, and browsers.

Written down as sent after it was sent: a crash repeats a message under the same id, and loses none.
"""

import asyncio
from collections.abc import Callable, Mapping

from hub.clock import Clock, monotonic
from hub.config.shapes import Person
from hub.config.town import Town
from hub.links import Links
from hub.notify.desk import Desk, Outbox, Send
from hub.notify.outbox import Answer
from hub.notify.sender import LINE_API_ENV, AppriseSender
from hub.notify.sending.line import endpoint as line_endpoint
from hub.notify.sending.mail import ID_HEADER

__all__ = ["ID_HEADER", "LINE_API_ENV", "Answer", "AppriseSender", "Send", "deliver", "line_endpoint"]


async def deliver(
    outbox: Outbox,
    town: Town,
    clock: Clock,
    wake: asyncio.Event,
    send: Send | None = None,
    *,
    links: Links | None = None,
    ticks: Callable[[], float] = monotonic,
    people: Callable[[], Mapping[str, Person]] | None = None,
) -> None:
    """Sends what is pending, for ever. `wake` is set by whoever has put something into the outbox.

    One message at a time goes to one address, and services do not wait for each other. `ticks` is the
    monotonic clock in seconds: whatever waits here waits by it. `people` is asked who there is now, where
    that changes. Ends by cancellation, or by an error of the
    ledger.
    """
    if send is None:
        sender = AppriseSender(clock=clock, links=links, web_push=town.hub.web_push)
        await asyncio.to_thread(sender.load)
        send = sender.send
    desk = Desk(outbox, town, clock, wake, send, ticks=ticks, people=people)
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(desk.send_due(), name="naruko.notify.send")
            both.create_task(desk.write_down(), name="naruko.notify.write")
    finally:
        await desk.close()
