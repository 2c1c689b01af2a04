"""GET and POST of a page of a server of the town's, within a few seconds. Follows no redirect."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from msgspec import Struct

from hub.openers import opener_for

WITHIN_S = 5.0
LONGEST = 4_000_000
"""Bytes of an answer: a dashboard of Grafana has some 100,000."""


class Answer(Struct, frozen=True):
    """`status`: of HTTP; 0 where nobody answers, and `error` says why. `headers` by their small letters."""

    status: int
    headers: Mapping[str, str]
    text: str
    error: str = ""

    @property
    def said(self) -> str:
        return self.error or f"HTTP {self.status}"

    def json(self) -> Any:
        """None where it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


def fetch(url: str, headers: Mapping[str, str] | None = None, data: bytes | None = None) -> Answer:
    """Raises nothing that a server or a URL of http or https could cause."""
    request = urllib.request.Request(url, data, dict(headers or {}))  # noqa: S310 (the town's own URL)
    try:
        with opener_for(url).open(request, timeout=WITHIN_S) as answer:
            return _read(answer.status, answer)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error.code, error)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Answer(0, {}, "", str(getattr(reason, "strerror", None) or reason or type(error).__name__))


def _read(status: int, answer: Any) -> Answer:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    try:
        text = str(answer.read(LONGEST), "utf-8", "replace")
    except (OSError, HTTPException):
        text = ""
    return Answer(status, headers, text)
