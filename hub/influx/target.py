"""The two ways in which InfluxDB takes lines: `/api/v2/write` and the `/write` of 1.x."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any, Protocol

from hub.config.settings import Influx

TIMEOUT_S = 10.0
BAD_LINES = (400, 413, 422)
"""What a server answers to lines which it will never take; everything else is worth another try."""


class UnavailableError(Exception):
    """Not now: the server is away, full, or does not let us in. `retry_after` s is the least to wait."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class BadLinesError(Exception):
    """Never: at least one of the lines is refused for what it is."""


class Target(Protocol):
    """Something that stores lines. `write` blocks, and may be called again with the same lines."""

    def write(self, lines: list[str]) -> None: ...

    def close(self) -> None: ...


def connect(settings: Influx) -> Target:
    """The target of these settings. Does not speak to the server yet."""
    return Version1(settings) if settings.version == 1 else Version2(settings)


def _secret(settings: Influx) -> str:
    return settings.token.get_secret_value() if settings.token else ""


def _refusal(status: int | None, text: str, retry_after: str | None) -> Exception:
    said = " ".join(text.split())[:300] or f"HTTP {status}"
    if status in BAD_LINES:
        return BadLinesError(said)
    wait = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
    return UnavailableError(f"HTTP {status}: {said}", min(wait, 600.0))


class Version1:
    """InfluxDB 1.x by plain HTTP. Makes its database where there is none."""

    def __init__(self, settings: Influx) -> None:
        self._base = settings.url.rstrip("/")
        if urllib.parse.urlsplit(self._base).scheme not in ("http", "https"):
            raise ValueError("influx.url begins with http:// or https://")
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
        headers = dict(self._headers)
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = urllib.request.Request(self._base + path, body, headers)  # noqa: S310 (scheme checked above)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                answer.read()
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode("utf-8", "replace")
            raise _refusal(error.code, _message(text, "error"), error.headers.get("Retry-After")) from error
        except (OSError, HTTPException) as error:
            raise UnavailableError(f"{self._base}: {getattr(error, 'reason', error)}") from error


class Version2:
    """Everything that answers `/api/v2/write`: InfluxDB 2 and 3, 1.8, VictoriaMetrics. By influxdb-client."""

    def __init__(self, settings: Influx) -> None:
        import urllib3  # noqa: PLC0415 (these are 27 MB: only where they are configured)
        from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415
        from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415
        from influxdb_client.rest import ApiException  # noqa: PLC0415

        secret = _secret(settings)
        self._unreachable: tuple[type[Exception], ...] = (urllib3.exceptions.HTTPError, OSError)
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
            text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or error)
            headers = getattr(error, "headers", None) or {}
            raise _refusal(status, _message(text, "message"), headers.get("Retry-After")) from error
        except self._unreachable as error:
            raise UnavailableError(f"{self._url}: {error}") from error

    def close(self) -> None:
        self._writer.close()
        self._client.close()


def _message(text: str, key: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return str(found.get(key, text)) if isinstance(found, dict) else text
