"""What leaves on each channel, as real servers saw it: a sprung trap, a river in danger, its all clear.

`NARUKO_UPDATE_GOLDEN=1` writes the golden file anew.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware_sim.phones import Phones, Received
from hub.clock import SetClock
from hub.config.settings import Web, WebPush
from hub.config.shapes import Channel
from hub.config.town import Town
from hub.model import Notification, Status
from hub.notify.sender import AppriseSender
from tests.data import ROOT
from tests.timeline import SPRUNG, Timeline
from tests.towns import MINUTE, gauge, person, square, town, trap

GOLDEN = ROOT / "tests" / "golden" / "channels.txt"
PLACE = "https://naruko.town.example.jp"
TOLD = ("trap_sprung", "river_lv4", "river_cleared")
LEVELS_M = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0}
FLOOD = (1.9, 2.5, 3.1, 3.6, 4.1, 4.2, 3.8, 3.4, 3.0, 2.6, 2.2, *[1.8] * 30)
HEADERS = (
    *("message-id", "in-reply-to", "references", "auto-submitted", "list-unsubscribe", "x-naruko-id"),
    *("content-type", "x-line-retry-key", "ttl", "urgency", "content-encoding"),
)
SAID_ABOVE = frozenset({"title", "message", "text", "body", "messages", "params"})

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise 2.2 looks for it when it loads its plugins."""


@pytest.fixture
def web_push(tmp_path: Path) -> WebPush:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "vapid.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return WebPush(key_file=file, subject="mailto:bosai@town.example.jp")


@pytest.fixture(autouse=True)
def in_house(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.line import NotifyLine  # noqa: PLC0415
    from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415

    monkeypatch.setattr(NotifyLine, "notify_url", phones.line_url)
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{phones.http_port}/bot")


def channels(phones: Phones) -> tuple[Channel, ...]:
    """One of each kind, to one person."""
    web, mail = f"127.0.0.1:{phones.http_port}", f"127.0.0.1:{phones.mail_port}"
    urls = {
        "mail": f"mailto://{mail}?from=naruko@town.example.jp&to=yamane@carrier.example.jp",
        "ntfy": f"ntfy://{web}/yamane-7f3k",
        "line": "line://secret-token=/U4af4980629",
        "sms": f"smseagle://secret@{web}/09012345678",
        "telegram": "tgram://123456789:abcdefg_hijklmnop-ABCDEFGHIJ_12345/987",
        "push": phones.subscribe("yamane-phone"),
        "other": f"json://{web}/hook",
    }
    return tuple(Channel(kind=kind, url=url) for kind, url in urls.items())


def with_pages(found: Town) -> Town:
    site = found.site.model_copy(update={"hub_url": PLACE})
    return replace(found, hub=found.hub.model_copy(update={"site": site, "web": Web()}))


def everything_told(ground: Town) -> Iterator[Notification]:
    """The first message of each template and channel, as it was decided."""
    t = Timeline(ground)
    t.says("trap", SPRUNG)
    for level_m in FLOOD:
        t.passes(10 * MINUTE).says("gauge", level_m=level_m)
    first: dict[tuple[str, int], Notification] = {}
    for n in t.notifications:
        first.setdefault((n.template, n.channel), n)
    yield from (first[template, channel] for template in TOLD for channel in range(7))


def shown(template: str, received: Received) -> str:
    """One message as it is written into the golden file; what is signed or random is left out."""
    lines = [f"==== {template}, {received.channel}"]
    lines += [f"{name}: {received.headers[name]}" for name in HEADERS if name in received.headers]
    call = {key: value for key, value in received.call.items() if key not in SAID_ABOVE}
    if call:
        lines.append(json.dumps(call, ensure_ascii=False, indent=1))
    lines += ["", *filter(None, [received.title]), *received.body.splitlines(), ""]
    text = "\n".join(lines)
    return re.sub(rf"({re.escape(PLACE)}/[a-z])/[\w-]+", r"\1/...", text)


def test_what_leaves_on_each_channel_is_what_was_reviewed(phones: Phones, web_push: WebPush) -> None:
    yamane = person(
        "yamane", "hunter", "resident", zones=("flood",), name="山根 猛", channels=channels(phones)
    )
    ground = with_pages(
        town(
            devices=[trap("trap", owner="yamane"), gauge("gauge", LEVELS_M, heartbeat="10m")],
            zones=[square("flood", "flood", rivers=("gauge",))],
            people=[yamane],
        )
    )
    told = list(everything_told(ground))
    t = Timeline(ground)
    sender = AppriseSender(clock=SetClock(t.now), links=t.pipeline.links, web_push=web_push)
    sender.load()
    sent = []
    for notification in told:
        sender._clock.at = notification.created_at
        assert sender.send(yamane, notification).status is Status.SENT, notification
        sent.append(shown(notification.template, phones.inbox[-1]))
    assert len(phones.inbox) == len(told) == 21, "one push a message"
    text = "\n".join(sent)
    if os.environ.get("NARUKO_UPDATE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), "reviewed? then NARUKO_UPDATE_GOLDEN=1"


def test_what_a_company_reads_along_has_no_person_and_no_place_of_a_trap(phones: Phones) -> None:
    yamane = person("yamane", "hunter", name="山根 猛", channels=channels(phones))
    ground = with_pages(town(devices=[trap("trap", owner="yamane")], people=[yamane]))
    t = Timeline(ground)
    t.says("trap", SPRUNG, battery_v=3.0).passes(2 * MINUTE).does("trap_reset", "trap", who="yamane")
    read_along = [n for n in t.notifications if n.channel_kind in ("line", "telegram")]
    assert {n.template for n in read_along} >= {"trap_sprung", "trap_reset"}
    for n in read_along:
        assert not re.search(r"山根|\d{2,3}\.\d{3,}|maps", n.title + n.body), n.body
        assert n.template != "trap_sprung" or f"{PLACE}/a/" in n.body
    seen = [n for n in t.notifications if n.template == "trap_sprung" and n.channel_kind == "push"]
    assert "36." in seen[0].body, "a push is read by its browser alone"
