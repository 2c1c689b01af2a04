"""An outgoing sign of life: when it fails to come, somebody outside notices that this hub is gone.

After healthchecks: GET of the URL is well, GET of `URL/fail` is trouble, nothing at all is the alarm. Any web
server will do, also that of a second hub.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

from hub.clock import monotonic
from hub.config.settings import Deadman
from hub.lanes import Lane
from hub.watch.vitals import Pulse

log = logging.getLogger("naruko.deadman")

CONNECT_S, READ_S = 5.0, 10.0
TICKED_WITHIN_S = 30.0
WRITTEN_WITHIN_S = 300.0
"""A ledger that was not written to for so long is written to first: a card may have turned read-only."""

Get = Callable[[str], str]
"""GET of a URL, in a thread: why it failed, without the URL; empty where it was answered well."""


async def ping(
    settings: Deadman,
    pulse: Pulse,
    in_trouble: Callable[[], bool],
    write: Callable[[], Awaitable[None]],
    get: Get | None = None,
) -> None:
    """Pings for ever, as long as the hub lives. `write` proves that the ledger takes a commit.

    A round that hangs, a commit that does not return: no ping goes out. One that is lost is logged once, and
    known to the hub itself (`pulse.deadman_failing`).
    """
    url = settings.url.get_secret_value() if settings.url else ""
    if not url:
        return
    call: Get = get if get is not None else await asyncio.to_thread(_client)
    lane: Lane[str] = Lane("naruko.deadman", 1)
    pulse.deadman_failing = False
    try:
        while True:
            begun = monotonic()
            if pulse.beats(TICKED_WITHIN_S):
                if pulse.committed is None or begun - pulse.committed > WRITTEN_WITHIN_S:
                    await write()
                _note(pulse, await _in(lane, call, fail_url(url) if in_trouble() else url))
            await asyncio.sleep(max(0.0, settings.every / 1000 - (monotonic() - begun)))
    finally:
        lane.close()


def fail_url(url: str) -> str:
    """`https://host/uuid?a=b` -> `https://host/uuid/fail?a=b`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/fail"))


def _note(pulse: Pulse, reason: str) -> None:
    if reason and not pulse.deadman_failing:
        log.warning("the outside watch was not reached (%s); trying again", reason)
    elif not reason and pulse.deadman_failing:
        log.info("the outside watch is reached again")
    pulse.deadman_failing = bool(reason)


async def _in(lane: Lane[str], get: Get, url: str) -> str:
    """The call in the lane's thread: one that hangs keeps neither the loop nor the process."""
    answer: asyncio.Future[str | BaseException] = asyncio.get_running_loop().create_future()
    lane.submit(lambda: get(url), lambda result: None if answer.done() else answer.set_result(result))
    result = await answer
    if isinstance(result, BaseException):
        raise result
    return result


def _client() -> Get:
    import urllib3  # noqa: PLC0415 (only where somebody outside is to be told)

    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S))

    def get(url: str) -> str:
        try:
            answer = pool.request("GET", url, redirect=False, preload_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return type(error).__name__
        answer.drain_conn()
        answer.release_conn()
        return "" if answer.status < 300 else f"HTTP {answer.status}"

    return get
