"""What every page has: the hub behind it, its words, its frame, and a kind answer where there is none."""

import asyncio
import logging
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from devices.frame import Millis
from hub.clock import is_sane
from hub.config.settings import Web
from hub.config.town import Town
from hub.ledger import Ledger
from hub.links import LinkError, Links, Purpose, Subject
from hub.notify.sending.reasons import UnusableError
from hub.web.files import URLS
from hub.web.guard import Haste, TooLargeError, policy
from hub.web.photos import Photos
from hub.web.words import LANGS, known, load, phone, plain, says, telephone, word

if TYPE_CHECKING:
    from hub.app import Hub

log = logging.getLogger("naruko.web")

MISTAKES_A_MINUTE = 30
STATUSES: dict[type[Exception], int] = {TooLargeError: 413, ClientDisconnect: 400}
HERE = Path(__file__).parent
OFFERED = (("ja", "日本語"), ("ja-easy", "やさしい にほんご"), ("en", "English"))
SPOKEN = (
    *OFFERED,
    ("pt", "Português (só avisos de perigo)"),
    ("zh", "中文（仅限危险通知）"),
    ("vi", "Tiếng Việt (chỉ tin nguy hiểm)"),
)
"""The languages of messages, by their own names; the pages are in those of OFFERED."""


class Refused(Exception):  # noqa: N818 (an answer, not an error)
    """There is no page at this link. `why` names the words of the notice: forged, expired, gone, ..."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


class Pages:
    """The pages of one hub. Handlers find it with `pages_of`."""

    def __init__(self, hub: "Hub", settings: Web) -> None:
        self.hub = hub
        self.settings = settings
        self.photos = Photos(settings)
        self.acting = asyncio.Lock()
        """Held from the look at an alert to the act on it, so that two people do not both come first."""
        self.mistakes = Haste(MISTAKES_A_MINUTE)
        self.ending: list[Callable[[], None]] = []
        """Called when the pages are about to go: what never ends by itself ends now."""
        self._templates = Environment(
            loader=FileSystemLoader([HERE / "templates", HERE.parent / "console" / "templates"]),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"static": URLS, "known": known, "phone": phone, "telephone": telephone}

    @property
    def town(self) -> Town:
        """As it is now: people come and go."""
        return self.hub.pipeline.town

    @property
    def ledger(self) -> Ledger:
        return self.hub.ledger

    @property
    def links(self) -> Links | None:
        return self.hub.pipeline.links

    @cached_property
    def push_key(self) -> str:
        """What a browser must know to subscribe; empty where the town has no Web Push."""
        settings = self.town.hub.web_push
        if settings is None:
            return ""
        try:
            from hub.notify.sending import push  # noqa: PLC0415 (an extra, and 9 MB)

            return push.public_key(settings)
        except (ImportError, UnusableError) as error:
            log.warning("no browser can subscribe: %s", error)
            return ""

    def now(self) -> Millis:
        return self.hub.clock.now()

    def prepare(self) -> None:
        """What the first page would hold up the loop for: words and templates. Called in a thread."""
        load()
        for template in self._templates.list_templates():
            self._templates.get_template(template)

    def subject(self, purpose: Purpose, token: str) -> Subject:
        """What a link names. Refused: it is not one of ours, or its time is over."""
        if self.links is None:
            raise Refused("forged", 404)
        try:
            subject = self.links.read(purpose, token)
        except LinkError:
            raise Refused("forged", 404) from None
        now = self.now()
        if subject.until is not None and is_sane(now) and now >= subject.until:
            raise Refused("expired", 410)
        return subject

    def render(
        self,
        request: Request,
        template: str,
        lang: str,
        *,
        status: int = 200,
        style: str = "",
        script: bool = False,
        **values: Any,
    ) -> HTMLResponse:
        """A page in the frame of `base.html`. Templates ask `t(key, ...)` for words, `title` is their own.

        `style` is what the page's own style says, beside the common style sheet: ours, never a person's text.
        `script`: the template has one of ours, from a file.
        """
        page = self._templates.get_template(template).render(
            values
            | {
                "t": partial(says, lang),
                "plain": partial(plain, lang),
                "word": partial(word, lang),
                "lang": lang,
                "offered": OFFERED,
                "spoken": SPOKEN,
                "path": request.url.path,
                "site": self.town.site,
                "style": style,
            }
        )
        own = {"content-security-policy": policy(style, script=script)} if style or script else None
        return HTMLResponse(page, status, own)


def pages_of(request: Request) -> Pages:
    """The pages which this request came to."""
    pages: Pages = request.app.state.pages
    return pages


def language(request: Request, usual: str = "") -> str:
    """As chosen on the page (`?lang=`), else the `usual` of the person, else what the browser prefers.

    Whose language the pages do not have reads easy Japanese, as in the messages.
    """
    chosen = request.query_params.get("lang", "")
    if chosen in LANGS:
        return chosen
    if usual:
        return usual if usual in LANGS else "ja-easy"
    first = request.headers.get("accept-language", "ja").lower().split(",")[0]
    return "ja" if first.startswith("ja") or first in ("", "*") else "en"


async def refuse(request: Request, error: Exception) -> Response:
    """The page in place of a page: what is wrong, and what to do. Who goes on guessing gets a bare 429."""
    address = request.client.host if request.client else ""
    if isinstance(error, Refused) and not pages_of(request).mistakes.allows(address):
        return PlainTextResponse("too many\n", 429, headers={"retry-after": "60"})
    why = error.why if isinstance(error, Refused) else "forged"
    said = getattr(error, "status", 0) or getattr(error, "status_code", 500)
    status = STATUSES.get(type(error), int(said))
    if request.url.path.startswith("/api/"):
        code = {404: "no_such_path", 405: "method", 500: "broken"}.get(status, "refused")
        return JSONResponse({"error": code, "detail": ""}, status, getattr(error, "headers", None))
    why = {400: "broken", 405: "method", 413: "large", 500: "broken"}.get(status, why)
    return pages_of(request).render(request, "notice.html", language(request), status=status, why=why)
