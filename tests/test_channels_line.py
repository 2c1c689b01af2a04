"""LINE, to a real web server: one push a message, never twice, and the end of the month's messages."""

import pytest
from msgspec.structs import replace

from firmware_sim.phones import Behaviour, Phones
from hub import notify
from hub.config.shapes import Channel, Person
from hub.model import Status
from hub.notify.outbox import settle
from hub.notify.sender import AppriseSender
from hub.notify.sending import line
from tests.sending import LINK, about, only, owner
from tests.test_outbox import NOON

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise 2.2 looks for it when it loads its plugins."""


@pytest.fixture(autouse=True)
def local_line(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.line import NotifyLine  # noqa: PLC0415

    monkeypatch.setattr(NotifyLine, "notify_url", phones.line_url)


def on_line(more: str = "", id: str = "on-line") -> Person:
    return owner(Channel(kind="line", url=f"line://secret-token=/U4af4980629{more}"), id=id)


def test_line_gets_one_text_with_the_title_on_top(sender: AppriseSender, phones: Phones) -> None:
    assert sender.send(on_line("?image=yes"), about(kind="line")).status is Status.SENT
    push = only(phones)
    assert (push.channel, push.to) == ("line", "U4af4980629")
    assert push.body.splitlines()[0] == "【イノシシ】上田神社の東"
    assert LINK in push.body
    assert push.headers["authorization"] == "Bearer secret-token="
    (message,) = push.call["messages"]
    assert message["sender"] == {"name": "Naruko"}, "and no picture from elsewhere"


def test_line_goes_where_the_environment_says(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(notify.LINE_API_ENV, phones.line_url)
    fresh = AppriseSender()
    fresh.load()
    person = owner(Channel(kind="line", url="line://secret-token=/U4af4980629"))
    assert fresh.send(person, about(kind="line")).status is Status.SENT
    assert only(phones).channel == "line"


def test_what_line_has_already_taken_is_not_pushed_twice(sender: AppriseSender, phones: Phones) -> None:
    """A repeat after an answer that was lost: LINE knows its key, and answers 409."""
    first = about(kind="line")
    phones.behaviours["U4af4980629"] = Behaviour.MUTE
    answer = sender.send(on_line("?rto=0.3", "twice"), first)
    assert answer.status is Status.TIMEOUT
    del phones.behaviours["U4af4980629"]
    again = settle(first, answer, NOON)
    assert sender.send(on_line("?rto=0.3", "twice"), again).status is Status.SENT
    assert phones.asked("U4af4980629") == 2
    assert len(phones.inbox) == 1


def test_two_messages_have_two_keys(sender: AppriseSender, phones: Phones) -> None:
    for id in ("n1", "n2"):
        assert sender.send(on_line(), replace(about(kind="line"), id=id)).status is Status.SENT
    first, second = (push.headers["x-line-retry-key"] for push in phones.inbox)
    assert first != second
    assert len(first) == 36


def test_a_month_that_is_used_up_is_said_and_line_is_left_alone_for_an_hour(
    phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message waits as for a service that is out, so that the operators hear of it elsewhere."""
    ticks = [1_000.0]
    monkeypatch.setattr(line, "monotonic", lambda: ticks[0])
    sender = AppriseSender()
    sender.load()
    phones.behaviours["U4af4980629"] = Behaviour.USED_UP
    used_up = notify.Answer(Status.PENDING, line.USED_UP, of_service=True)
    assert [sender.send(on_line(), about(kind="line")) for _ in range(3)] == [used_up] * 3
    assert phones.asked("U4af4980629") == 1
    ticks[0] += line.ASKED_AGAIN_S
    assert sender.send(on_line(), about(kind="line")) == used_up
    assert phones.asked("U4af4980629") == 2
    del phones.behaviours["U4af4980629"]
    ticks[0] += line.ASKED_AGAIN_S
    assert sender.send(on_line(), about(kind="line")).status is Status.SENT
    assert sender.send(on_line(), replace(about(kind="line"), id="n2")).status is Status.SENT


def test_another_account_of_the_town_goes_on(phones: Phones) -> None:
    sender = AppriseSender()
    sender.load()
    phones.behaviours["U4af4980629"] = Behaviour.USED_UP
    sender.send(on_line(), about(kind="line"))
    other = owner(Channel(kind="line", url="line://another=/U777"), id="other")
    assert sender.send(other, about(kind="line")).status is Status.SENT


def test_too_many_at_once_is_no_end_of_the_month(phones: Phones) -> None:
    sender = AppriseSender()
    sender.load()
    phones.behaviours["U4af4980629"] = Behaviour.BUSY
    for _ in range(2):
        answer = sender.send(on_line(), about(kind="line"))
        assert (answer.status, answer.of_service) == (Status.PENDING, True)
        assert "error=429" in answer.reason
    assert phones.asked("U4af4980629") == 2


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", '{"message": 429}', "<html>monthly limit</html>"])
def test_an_answer_that_is_not_lines_is_no_end_of_the_month(answer: str) -> None:
    assert not line.is_used_up(answer)
