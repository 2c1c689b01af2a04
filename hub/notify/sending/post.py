"""What three plugins of Apprise find in place of the module `requests`."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import requests
from apprise.plugins import line, ntfy, telegram

from hub.notify.sending import wire

SAID_CHARS = 500


class Requests:
    """What these plugins use of it. A Japanese sign is sent as such: escaped it is twice as long, and ntfy
    takes no more than 8,192 bytes."""

    codes = requests.codes
    RequestException = requests.RequestException

    @staticmethod
    def post(url: str, *, data: str, headers: Mapping[str, str], **settings: Any) -> requests.Response:
        request = wire.current()
        said = json.loads(data) | request.fields
        said = {key: value for key, value in said.items() if value is not None}
        body = json.dumps(said, ensure_ascii=False)
        answer = requests.post(  # noqa: S113 (the plugin's settings hold the time limit)
            url, data=body.encode(), headers={**headers, **request.headers}, **settings
        )
        if answer.status_code == request.taken_before:
            answer.status_code = HTTPStatus.OK
        elif not answer.ok:
            request.said = answer.text[:SAID_CHARS]
        return answer


def prepare() -> None:
    """Puts it into the plugins."""
    for plugin in (line, ntfy, telegram):
        plugin.requests = Requests  # type: ignore[attr-defined]
