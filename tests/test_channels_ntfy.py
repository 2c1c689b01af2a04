"""ntfy, to a real web server: how it rings, its sign, its link and its button."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from firmware_sim.phones import Phones
from hub import wording
from hub.config.shapes import Channel
from hub.model import Reason, Severity, Stage, Status
from hub.notify.sender import AppriseSender
from hub.notify.sending import ntfy
from hub.wording import next_step, numbered
from hub.wording.render import BODY_CHARS
from tests.paged import paged
from tests.sending import LINK, about, ntfy_to, only, owner
from tests.timeline import SPRUNG
from tests.towns import MINUTE

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise 2.2 looks for it when it loads its plugins."""


@pytest.mark.parametrize(
    ("severity", "reason", "priority"),
    [
        (Severity.LIFE, Reason.OPENED, 5),
        (Severity.DANGER, Reason.ESCALATED, 5),
        (Severity.DANGER, Reason.CLEARED, 5),
        (Severity.WARNING, Reason.OPENED, 4),
        (Severity.CAUTION, Reason.OPENED, 4),
        (Severity.NOTICE, Reason.OPENED, 3),
        (Severity.NOTICE, Reason.CLEARED, 2),
    ],
)
def test_ntfy_rings_by_severity(
    sender: AppriseSender, phones: Phones, severity: Severity, reason: Reason, priority: int
) -> None:
    message = about(kind="ntfy", severity=severity, reason=reason)
    person = owner(ntfy_to("ueda-7f3k", phones), id=f"p{severity}{reason}")
    assert sender.send(person, message).status is Status.SENT
    push = only(phones)
    assert (push.channel, push.to, push.title) == ("ntfy", "ueda-7f3k", "【イノシシ】上田神社の東")
    assert LINK in push.body
    assert push.call["priority"] == priority
    assert not [name for name in push.headers if name.startswith("x-")]


def test_an_address_from_a_file_is_used(sender: AppriseSender, phones: Phones, tmp_path: Path) -> None:
    secret = tmp_path / "tanaka.url"
    secret.write_text(f"ntfy://127.0.0.1:{phones.http_port}/ueda-7f3k\n", encoding="utf-8")
    person = owner(Channel(kind="ntfy", url_file=secret), id="by-file")
    assert sender.send(person, about(kind="ntfy")).status is Status.SENT
    assert only(phones).to == "ueda-7f3k"


def test_a_sprung_trap_is_taken_by_one_tap_on_the_notification(sender: AppriseSender, phones: Phones) -> None:
    """The button posts what the form of the page posts, and the page need not be opened."""
    link = "https://hub.town.example/a/AbC-123_x"
    message = replace(about(kind="ntfy"), template="trap_sprung", severity=Severity.WARNING, link=link)
    for lang in ("ja", "en"):
        sender.send(owner(ntfy_to("ueda-7f3k", phones), id=f"take-{lang}", lang=lang), message)
    japanese, english = (push.call for push in phones.inbox)
    assert japanese["click"] == link
    (take,) = japanese["actions"]
    assert take == {
        "action": "http",
        "label": "行きます（30分後）",
        "url": link,
        "method": "POST",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        "body": "do=take&eta=30",
        "clear": True,
    }
    assert english["actions"][0]["label"] == "I'm going (30 min)"


def test_what_nobody_need_take_has_a_link_and_no_button() -> None:
    link = "https://hub.town.example/a/x"
    fields = ntfy.fields(about(template="river_lv4", link=link), "ja")
    assert (fields["click"], "actions" in fields) == (link, False)
    without_pages = ntfy.fields(about(template="trap_sprung"), "ja")
    assert not {"click", "actions"} & without_pages.keys()
    assert not {"click", "actions"} & ntfy.fields(about(template="of a hub to come"), "ja").keys()


@pytest.mark.parametrize(
    ("severity", "reason", "tags"),
    [
        (Severity.LIFE, Reason.OPENED, ["rotating_light"]),
        (Severity.WARNING, Reason.OVERDUE, ["warning"]),
        (Severity.NOTICE, Reason.REPORTED, []),
        (Severity.DANGER, Reason.CLEARED, ["white_check_mark"]),
        (Severity.WARNING, Reason.DONE, ["white_check_mark"]),
    ],
)
def test_one_sign_says_how_grave_it_is(severity: Severity, reason: Reason, tags: list[str]) -> None:
    assert ntfy.fields(about(severity=severity, reason=reason), "ja")["tags"] == tags


def test_what_a_town_wrote_into_its_url_neither_delays_a_warning_nor_breaks_it(
    sender: AppriseSender, phones: Phones
) -> None:
    more = "&delay=1h&xtags=猪&click=https://例.example&actions=view, 開く, https://x.example&priority=min"
    person = owner(ntfy_to("ueda-7f3k", phones, more), id="own-wishes")
    assert sender.send(person, about(kind="ntfy", severity=Severity.DANGER)).status is Status.SENT
    push = only(phones)
    assert push.call["priority"] == 5
    assert not {name for name in push.headers if name.startswith("x-")}


@given(st.text(st.characters(codec="utf-8", categories=["L", "So"]), max_size=BODY_CHARS["ntfy"]))
def test_a_message_stays_one_and_does_not_become_a_file(text: str) -> None:
    """Its number of signs allows for kanji; a rarer sign may have four bytes."""
    body = numbered(text, "ja", "ntfy", "n1", again=True)
    sent = ntfy.fields(about(), "ja", body).get("message", body)
    assert len(sent.encode()) <= ntfy.MESSAGE_BYTES
    assert sent == body or max(map(ord, text)) > 0xFFFF


def test_whoever_is_asked_to_go_can_say_so_on_the_notification_itself() -> None:
    asked = {name for name, text in texts().items() if "行ける人は押してください" in text["ja"]["body"]}
    assert asked >= {"trap_sprung"}
    assert {name for name in texts() if next_step(name) == "take"} == asked


async def test_the_button_takes_the_task(tmp_path: Path) -> None:
    """The request as the ntfy app makes it: what the notification says, and nothing else."""
    async with paged(tmp_path) as hub:
        await hub.says("trap-1", SPRUNG)
        (take,) = ntfy.fields(hub.notification("inukai"), "en")["actions"]
        path = urlsplit(take["url"]).path
        assert path == hub.link("inukai")
        answer = await asyncio.to_thread(
            hub._ask, take["method"], path, take["body"].encode(), take["headers"]
        )
        assert answer.status == 303
        task = hub.alert("trap").task
        assert task is not None
        assert (task.stage, task.who, task.eta) == (Stage.TAKEN, "inukai", hub.clock.now() + 30 * MINUTE)


def texts() -> dict[str, Any]:
    folder = Path(wording.__file__).parent / "messages"
    found: dict[str, Any] = {}
    for file in folder.glob("*.yaml"):
        found |= yaml.safe_load(file.read_text(encoding="utf-8"))
    return found
