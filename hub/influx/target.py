"""The two ways in which InfluxDB takes lines: `/api/v2/write` and the `/write` of 1.x."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, Protocol

from hub.config.settings import Influx
from hub.openers import opener_for
from hub.wording.values import clean

TIMEOUT_S = 10.0
ASKED = 200
"""What a query is answered with."""
WRITTEN = 204
"""The one answer that says so. A 200 comes from a log-in page, a proxy, or a server that did not finish."""
BAD_LINES = (400, 413, 422)
"""What a server answers to lines which it will never take; everything else is worth another try."""
LONGEST_ANSWER = 64 * 1024
LONGEST_REASON = 300
LONGEST_WAIT_S = 600.0


class UnavailableError(Exception):
    """Not now: the server is away, full, or does not let us in. `retry_after` s is the least to wait.

    `slow`: it had the lines and did not answer in time; fewer at once may do.
    """

    def __init__(self, reason: str, retry_after: float = 0.0, *, slow: bool = False) -> None:
        super().__init__(clean(reason, LONGEST_REASON))
        self.retry_after = retry_after
        self.slow = slow


class BadLinesError(Exception):
    """Never: at least one of the lines is refused for what it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(clean(reason, LONGEST_REASON))


class Target(Protocol):
    """Something that stores lines. `write` blocks, and may be called again with the same lines."""

    def write(self, lines: list[str]) -> None: ...

    def close(self) -> None: ...


def connect(settings: Influx) -> Target:
    """The target of these settings. Does not speak to the server yet."""
    return Version1(settings) if settings.version == 1 else Version2(settings)


def _secret(settings: Influx) -> str:
    return settings.token.get_secret_value() if settings.token else ""


def refusal(status: int | None, text: str, headers: Any) -> Exception:
    """What an answer other than `WRITTEN` means. `headers` has `get`."""
    said = f"HTTP {status}: {text}" if text.strip() else f"HTTP {status}"
    return BadLinesError(said) if status in BAD_LINES else UnavailableError(said, seconds_to_wait(headers))


def seconds_to_wait(headers: Any) -> float:
    """`Retry-After`, in seconds or as a date beside the server's own `Date`; 0 where it says nothing."""
    said = str(headers.get("Retry-After") or "").strip()
    if said.isascii() and said.isdecimal():
        return min(float(said[:9]), LONGEST_WAIT_S)
    until, now = _date(said), _date(str(headers.get("Date") or ""))
    if until is None or now is None:
        return 0.0
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT_S)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else None


class Version1:
    """InfluxDB 1.x by plain HTTP. Makes its database where there is none."""

    def __init__(self, settings: Influx) -> None:
        self._base = settings.url.rstrip("/")
        if urllib.parse.urlsplit(self._base).scheme not in ("http", "https"):
            raise ValueError("influx.url begins with http:// or https://")
        self._open = opener_for(self._base).open
        self._database = settings.bucket
        self._headers = {"Content-Type": "text/plain; charset=utf-8"}
        if settings.username:
            pair = f"{settings.username}:{_secret(settings)}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"

    def write(self, lines: list[str]) -> None:
        query = urllib.parse.urlencode({"db": self._database, "precision": "ns"})
        body = "\n".join(lines).encode()
        try:
            self._post(f"/write?{query}", body)
        except UnavailableError as error:
            if "database not found" not in str(error):
                raise
            name = self._database.replace("\\", "\\\\").replace('"', '\\"')
            self._post(
                "/query", urllib.parse.urlencode({"q": f'CREATE DATABASE "{name}"'}).encode(), form=True
            )
            self._post(f"/write?{query}", body)

    def close(self) -> None:
        """Keeps no connection open."""

    def _post(self, path: str, body: bytes, *, form: bool = False) -> None:
        said = dict(self._headers)
        if form:
            said["Content-Type"] = "application/x-www-form-urlencoded"
        request = urllib.request.Request(self._base + path, body, said)  # noqa: S310 (scheme checked above)
        try:
            with self._open(request, timeout=TIMEOUT_S) as answer:
                status, headers, text = answer.status, answer.headers, _as_much_as_came(answer)
        except urllib.error.HTTPError as error:
            with error:
                status, headers, text = error.code, error.headers, _as_much_as_came(error)
        except (OSError, HTTPException) as error:
            why = getattr(error, "reason", error)
            raise UnavailableError(f"{self._base}: {why}", slow=isinstance(error, TimeoutError)) from error
        if status != WRITTEN and not (form and status == ASKED):
            raise refusal(status, _message(text, "error"), headers)


def _as_much_as_came(answer: Any) -> str:
    """The body of an answer, which the server may have cut off: what it means stands in the status."""
    try:
        return str(answer.read(LONGEST_ANSWER), "utf-8", "replace")
    except (OSError, HTTPException):
        return ""


class Version2:
    """Everything that answers `/api/v2/write`: InfluxDB 2 and 3, 1.8, VictoriaMetrics. By influxdb-client."""

    def __init__(self, settings: Influx) -> None:
        import urllib3  # noqa: PLC0415 (these are 27 MB: only where they are configured)
        from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415
        from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        secret = _secret(settings)
        # ValueError: the client decodes what the server says as UTF-8, whatever it is.
        self._unreachable: tuple[type[Exception], ...] = (urllib3.exceptions.HTTPError, OSError, ValueError)
        self._slow: type[Exception] = urllib3.exceptions.ReadTimeoutError
        self._refused: type[Exception] = ApiException
        self._bucket = settings.bucket
        self._url = settings.url
        self._client: Any = InfluxDBClient(
            settings.url,
            token=f"{settings.username}:{secret}" if settings.username else secret,
            org=settings.org,
            timeout=int(TIMEOUT_S * 1000),
        )
        self._writer: Any = self._client.write_api(write_options=SYNCHRONOUS)

    def write(self, lines: list[str]) -> None:
        try:
            self._writer.write(self._bucket, record="\n".join(lines), write_precision="ns")
        except self._refused as error:
            status, body = getattr(error, "status", None), getattr(error, "body", None)
            text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or "")
            raise refusal(status, _message(text, "message"), getattr(error, "headers", None) or {}) from error
        except self._unreachable as error:
            raise UnavailableError(f"{self._url}: {error}", slow=isinstance(error, self._slow)) from error
        if (status := self._client.api_client.last_response.status) != WRITTEN:
            raise UnavailableError(f"{self._url}: HTTP {status} is no word of InfluxDB that it has written")

    def close(self) -> None:
        self._writer.close()
        self._client.close()


def _message(text: str, key: str) -> str:
    try:
        found = json.loads(text[:LONGEST_ANSWER])
    except (ValueError, RecursionError):
        return text
    return str(found.get(key, text)) if isinstance(found, dict) else text
