"""Real mail and web servers: what is written down where a message does not arrive."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.phones import Behaviour, Phones
from hub import notify
from hub.clock import SetClock
from hub.config.shapes import Channel
from hub.model import Severity, Status
from hub.notify.outbox import settle
from hub.notify.sender import AppriseSender
from hub.notify.sending.reasons import reason_of, redact
from hub.wording import number_of
from tests.chaos.lines import UNCERTAIN, Fault, lines_to
from tests.sending import about, mail_to, ntfy_to, only, owner
from tests.test_desk import Book, at_work
from tests.test_outbox import NOON

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise 2.2 looks for it when it loads its plugins."""


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """All that reaches the log of a hub which logs at DEBUG."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith("mail."):  # the server's own
                lines.append(f"{record.name}: {record.getMessage()}")

    root, handler = logging.getLogger(), Keep()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


# --- what does not arrive -----------------------------------------------------------------------------

SECRETS = ("s3cr3t-w0rd", "tk_AbCdEf123456", "ueda-7f3k", "tanaka@town.example", "tanaka", "U4af4980629")


def channels_with_secrets(phones: Phones) -> dict[str, tuple[Channel, str]]:
    """Channel and the address by which the servers know it."""
    mail = mail_to("tanaka@town.example", phones, "&user=tanaka&cto=1")
    ntfy = Channel(
        kind="ntfy", url=f"ntfy://tk_AbCdEf123456@127.0.0.1:{phones.http_port}/ueda-7f3k?rto=0.3&auth=token"
    )
    line = Channel(kind="line", url="line://s3cr3t-w0rd=/U4af4980629?rto=0.3")
    hook = Channel(
        kind="other", url=f"json://tanaka:s3cr3t-w0rd@127.0.0.1:{phones.http_port}/ueda-7f3k?rto=0.3"
    )
    return {
        "mail": (mail, "tanaka@town.example"),
        "ntfy": (ntfy, "ueda-7f3k"),
        "line": (line, "U4af4980629"),
        "other": (hook, "/ueda-7f3k"),
    }


@pytest.fixture
def local_line(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.line import NotifyLine  # noqa: PLC0415

    monkeypatch.setattr(NotifyLine, "notify_url", phones.line_url)


@pytest.mark.usefixtures("local_line")
@pytest.mark.parametrize("kind", ["mail", "ntfy", "line", "other"])
@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (Behaviour.REFUSE, Status.PENDING),
        (Behaviour.FAIL, Status.PENDING),
        (Behaviour.HANG, Status.TIMEOUT),
        (Behaviour.MUTE, Status.TIMEOUT),
    ],
)
def test_a_failure_has_a_reason_and_no_secret(
    phones: Phones,
    kind: str,
    behaviour: Behaviour,
    status: Status,
    logged: list[str],
) -> None:
    fresh = AppriseSender()
    fresh.load()
    channel, address = channels_with_secrets(phones)[kind]
    phones.behaviours[address] = behaviour
    answer = fresh.send(owner(channel), about(kind=kind))
    if kind == "mail" and behaviour is Behaviour.HANG:
        status = Status.PENDING  # the server hangs at the recipient: it never had the text
    assert answer.status is status
    expected = {
        Behaviour.REFUSE: "550" if kind == "mail" else "403",
        Behaviour.FAIL: "451" if kind == "mail" else "500",
        Behaviour.HANG: "timed out",
        Behaviour.MUTE: "timed out",
    }[behaviour]
    assert expected in answer.reason
    assert not [secret for secret in SECRETS if secret in answer.reason + "".join(logged)]
    assert phones.asked(address) == 1
    assert len(phones.inbox) == (behaviour is Behaviour.MUTE)


@pytest.mark.usefixtures("local_line")
@pytest.mark.parametrize("kind", ["mail", "ntfy", "line", "other"])
def test_a_server_that_is_not_there_is_told_from_one_that_does_not_answer(phones: Phones, kind: str) -> None:
    fresh = AppriseSender()
    fresh.load()
    channel, _ = channels_with_secrets(phones)[kind]
    phones.stop()
    answer = fresh.send(owner(channel), about(kind=kind))
    assert answer == notify.Answer(Status.PENDING, "[Errno 111] Connection refused", of_service=True)


@pytest.mark.parametrize("kind", ["mail", "ntfy"])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in (Fault.SLOW, Fault.HALF)])
def test_a_failure_of_the_service_is_told_from_one_of_the_address(
    sender: AppriseSender, phones: Phones, kind: str, fault: Fault
) -> None:
    """The others will fail as well. A web server that had the request may have the message."""
    with lines_to(phones) as lines:
        lines.fail(fault)
        channel = {
            "mail": lambda: mail_to("tanaka@town.example", lines, "&cto=1"),
            "ntfy": lambda: ntfy_to("ueda-7f3k", lines, "&rto=0.5"),
        }[kind]()
        answer = sender.send(owner(channel, id=f"{kind}-{fault}"), about(kind=kind))
    uncertain = (*UNCERTAIN, *((Fault.HANGS, Fault.SLAMS) if kind == "ntfy" else ()))
    assert answer.of_service
    assert answer.status is (Status.TIMEOUT if fault in uncertain else Status.PENDING), answer.reason


def test_a_recipient_who_is_refused_is_no_failure_of_the_service(
    sender: AppriseSender, phones: Phones
) -> None:
    for behaviour in (Behaviour.REFUSE, Behaviour.FAIL):
        phones.behaviours["gone@town.example"] = behaviour
        answer = sender.send(owner(mail_to("gone@town.example", phones), id="gone"), about())
        assert (answer.status, answer.of_service) == (Status.PENDING, False), answer.reason
    phones.behaviours["gone"] = Behaviour.REFUSE
    answer = sender.send(owner(ntfy_to("gone", phones), id="gone-ntfy"), about(kind="ntfy"))
    assert (answer.status, answer.of_service) == (Status.PENDING, False)


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        (Channel(kind="other", url="bogus://tanaka:s3cr3t-w0rd@host"), "no known kind"),
        (Channel(kind="ntfy", url="ntfy://ueda-7f3k"), "no topic"),
        (Channel(kind="line", url="line://tk_AbCdEf123456"), "nobody to send to"),
        (Channel(kind="mail", url="mailto://s3cr3t-w0rd"), "cannot be used"),
        (Channel(kind="mail", url_file=Path("/nonexistent/tanaka/s3cr3t-w0rd")), "url_file cannot be read"),
        (Channel(kind="mail"), "neither url nor url_file"),
    ],
)
def test_a_channel_that_cannot_be_loaded_fails_for_good_and_names_no_secret(
    sender: AppriseSender, channel: Channel, reason: str
) -> None:
    answer = sender.send(owner(channel, id=f"bad-{reason[:2]}-{channel.kind}"), about(kind=channel.kind))
    assert answer.status is Status.FAILED
    assert reason in answer.reason
    assert answer.reason.startswith("channel 0 cannot be used")
    assert not [secret for secret in SECRETS if secret in answer.reason]


def test_a_repeat_of_what_may_have_arrived_says_so_and_carries_the_same_number(
    sender: AppriseSender, phones: Phones
) -> None:
    person = owner(ntfy_to("ueda-7f3k", phones, "&rto=0.3"), id="repeat")
    phones.behaviours["ueda-7f3k"] = Behaviour.MUTE
    first = about(kind="ntfy")
    answer = sender.send(person, first)
    assert answer.status is Status.TIMEOUT
    del phones.behaviours["ueda-7f3k"]
    again = settle(first, answer, NOON)
    assert sender.send(person, again).status is Status.SENT
    number = number_of(first.id)
    last_lines = [push.body.splitlines()[-1] for push in phones.inbox]
    assert last_lines == [f"No. {number}", f"No. {number}（再送）"]


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=4, max_size=40),
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=4, max_size=40),
    st.sampled_from(
        [
            "mailto://{0}:{1}@mail.example?to=x@y.jp",
            "line://{0}/{1}",
            "ntfys://{0}@h/{1}",
            "json://h?+X-Api-Key={0}&-k={1}",
        ]
    ),
)
def test_no_part_of_an_address_is_ever_in_a_reason(first: str, second: str, form: str) -> None:
    url = form.format(first, second)
    said = [
        ("WARNING", f"Failed to send to {first}: {second.upper()} error=403."),
        ("DEBUG", f"Headers: Bearer {first}"),
        ("DEBUG", f"Socket Exception: no route to {second}"),
    ]
    reason = reason_of(said, url)
    assert first.lower() not in reason.lower().replace("***", "")
    assert second.lower() not in reason.lower().replace("***", "")
    assert "Bearer" not in reason


def test_mail_addresses_numbers_and_tokens_are_cut_whatever_the_url_was() -> None:
    text = "to suzuki@docomo.example, +819012345678 and eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 failed"
    assert redact(text, "twilio://x") == "to *** *** and *** failed"


def test_apprise_and_its_libraries_write_nothing_into_our_log(
    phones: Phones, sender: AppriseSender, logged: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    sender.send(owner(ntfy_to("ueda-7f3k", phones), id="quiet"), about(kind="ntfy"))
    assert logged == []
    out = capsys.readouterr()
    assert "ueda-7f3k" not in out.out + out.err


# --- all together ---------------------------------------------------------------------------------------


async def test_from_the_outbox_to_the_phones_with_one_that_hangs_and_one_that_refuses(phones: Phones) -> None:
    """The dead ones are the first in the outbox and the most urgent; the living are told meanwhile."""
    phones.behaviours["hangs@town.example"] = Behaviour.HANG
    phones.behaviours["refuses@town.example"] = Behaviour.REFUSE
    ids = ["hangs", "refuses", *(f"p{i}" for i in range(8))]
    people = [owner(mail_to(f"{id}@town.example", phones, "&cto=5"), id=id) for id in ids]
    book = Book(
        about(recipient="hangs", severity=Severity.LIFE),
        about(recipient="refuses", severity=Severity.LIFE),
        *(about(recipient=id) for id in ids[2:]),
    )
    clock = SetClock(NOON)
    sender = AppriseSender()
    await asyncio.to_thread(sender.load)
    async with at_work(book, sender.send, *people, clock=clock) as wake:
        await book.until_finished(*(f"n-{id}-0" for id in ids[2:]))
        assert book.rows["n-hangs-0"].attempts == 0
        await book.until(lambda rows: rows["n-refuses-0"].attempts == 1)
        assert "550" in book.rows["n-refuses-0"].error
        del phones.behaviours["refuses@town.example"]
        clock.at = book.rows["n-refuses-0"].next_at
        wake.set()
        await book.until_finished("n-refuses-0")
        assert book.rows["n-hangs-0"].attempts == 0
    assert book.rows["n-refuses-0"].status is Status.SENT
    assert {mail.to for mail in phones.inbox} == {f"{id}@town.example" for id in ids[1:]}


async def test_deliver_loads_apprise_by_itself(phones: Phones) -> None:
    book = Book(about())
    async with at_work(book, None, owner(mail_to("tanaka@town.example", phones))):
        await book.until_finished("n-tanaka-0")
    assert only(phones).to == "tanaka@town.example"
