"""Telegram, an SMS gateway and a webhook, to a real web server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.phones import Behaviour, Phones
from hub.config.shapes import Channel
from hub.model import Mode, Status
from hub.notify.sender import AppriseSender
from hub.notify.sending import telegram
from hub.wording import belated, numbered, render
from tests.sending import FIELDS, about, only, owner

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise 2.2 looks for it when it loads its plugins."""


@pytest.fixture(autouse=True)
def local_telegram(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415

    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{phones.http_port}/bot")


TOKEN = "123456789:abcdefg_hijklmnop-ABCDEFGHIJ_12345"
CHAT = Channel(kind="telegram", url=f"tgram://{TOKEN}/-100123?image=yes&preview=yes")


def test_telegram_gets_one_plain_text(sender: AppriseSender, phones: Phones) -> None:
    message = about(kind="telegram", title="水位 <b>3.2</b> & 上昇", body="a<b & c>d *x* _y_")
    assert sender.send(owner(CHAT, id="chat"), message).status is Status.SENT
    push = only(phones)
    assert (push.channel, push.to) == ("telegram", "-100123")
    assert push.body.startswith("水位 <b>3.2</b> & 上昇\na<b & c>d *x* _y_\nNo. ")
    assert "parse_mode" not in push.call
    assert push.call["disable_web_page_preview"] is True


def test_a_text_for_telegram_is_never_refused_for_its_length() -> None:
    text = telegram.request("表" * 15, "長" * 5_000).fields["text"]
    assert len(text) == telegram.TEXT_CHARS


def test_a_failure_of_telegram_has_a_reason_and_no_token(sender: AppriseSender, phones: Phones) -> None:
    person = owner(CHAT, id="blocked")
    phones.behaviours["-100123"] = Behaviour.REFUSE
    answer = sender.send(person, about(kind="telegram"))
    assert (answer.status, answer.of_service) == (Status.PENDING, False)
    assert "403" in answer.reason
    phones.stop()
    gone = sender.send(person, about(kind="telegram"))
    assert (gone.status, gone.of_service) == (Status.PENDING, True)
    assert not [part for part in (*TOKEN.split(":"), "100123") if part in answer.reason + gone.reason]


def test_a_bot_without_a_chat_asks_nobody_who_its_owner_is(sender: AppriseSender, phones: Phones) -> None:
    answer = sender.send(owner(Channel(kind="telegram", url=f"tgram://{TOKEN}/")), about(kind="telegram"))
    assert answer.status is Status.FAILED
    assert phones.inbox == []


def test_a_text_message_goes_out_as_one_segment(sender: AppriseSender, phones: Phones) -> None:
    _, body = render("animal_detected", "ja", "sms", FIELDS | {"place": "長い名前の谷の奥の" * 9})
    gateway = Channel(kind="sms", url=f"smseagle://token@127.0.0.1:{phones.http_port}/09012345678")
    message = about(kind="sms", title="", body=body)
    assert sender.send(owner(gateway, id="by-sms"), message).status is Status.SENT
    sms = only(phones)
    assert (sms.channel, sms.to) == ("sms", "09012345678")
    assert sms.body.startswith("【イノシシ】21:07 長い名前の谷")
    assert len(sms.body) <= 70


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=80),
    st.sampled_from(["ja", "ja-easy", "en"]),
    st.sampled_from(Mode),
    st.integers(0, 40),
    st.booleans(),
)
def test_a_text_message_has_70_signs_at_most_whatever_is_said_before_and_after_it(
    place: str, lang: str, mode: Mode, missed: int, again: bool
) -> None:
    title, body = render("animal_detected", lang, "sms", FIELDS | {"place": place, "place_en": place}, mode)
    title, body = belated(title, body, lang, "sms", time="11/21 21:07", missed=missed)
    assert title == ""
    assert len(numbered(body, lang, "sms", "n1", again=again)) <= 70


def test_a_webhook_gets_the_text_and_the_id(sender: AppriseSender, phones: Phones) -> None:
    person = owner(Channel(kind="other", url=f"json://127.0.0.1:{phones.http_port}/hook"), id="hook")
    assert sender.send(person, about(kind="other")).status is Status.SENT
    call = only(phones)
    assert (call.channel, call.to, call.title) == ("json", "/hook", "【イノシシ】上田神社の東")
    assert call.headers["x-naruko-id"] == "n-tanaka-0"
