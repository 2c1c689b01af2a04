"""Real mail and push servers: what arrives on the phones, and what is written down where it does not."""

import asyncio
import logging
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from firmware_sim.phones import Behaviour, Phones, Received
from hub import maps, notify
from hub.clock import SetClock
from hub.config.shapes import Channel, Person
from hub.model import Notification, Reason, Severity, Status
from hub.notify.outbox import settle
from hub.notify.sender import AppriseSender, priority_of, reason_of, redact
from hub.wording import number_of, render
from tests.chaos.lines import UNCERTAIN, Fault, Lines, lines_to
from tests.test_desk import Book, at_work
from tests.test_outbox import NOON, notification

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise 2.2 looks for it when it loads its plugins."""

LINK = maps.google_link(36.11512, 137.95432)
FIELDS = {
    "time": "21:07",
    "place": "上田神社の東",
    "species": "boar",
    "deterrent": "light",
    "lat": 36.11512,
    "lon": 137.95432,
}


@pytest.fixture(scope="module")
def sender() -> AppriseSender:
    loaded = AppriseSender()
    loaded.load()
    return loaded


@pytest.fixture
def phones() -> Iterator[Phones]:
    with Phones() as running:
        yield running


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


def mail_to(address: str, phones: Phones | Lines, more: str = "") -> Channel:
    url = f"mailto://127.0.0.1:{phones.mail_port}?from=naruko@town.example&to={address}{more}"
    return Channel(kind="mail", url=url)


def ntfy_to(topic: str, phones: Phones | Lines, more: str = "&rto=10") -> Channel:
    return Channel(kind="ntfy", url=f"ntfy://127.0.0.1:{phones.http_port}/{topic}?{more}")


def owner(*channels: Channel, id: str = "tanaka", lang: str = "ja") -> Person:
    return Person(id=id, name="田中", lang=lang, roles=("farmer",), channels=channels)


def about(channel: int = 0, kind: str = "mail", recipient: str = "tanaka", **more: object) -> Notification:
    """A boar, in the words of the town, for one channel."""
    title, body = render("animal_detected", "ja", kind, FIELDS)
    base = notification(f"n-{recipient}-{channel}", recipient=recipient)
    texts = {"title": title, "body": body, "channel": channel, "channel_kind": kind}
    return replace(base, **(texts | more))


def only(phones: Phones) -> Received:
    assert phones.wait_until(lambda: bool(phones.inbox))
    (received,) = phones.inbox
    return received


# --- what arrives -----------------------------------------------------------------------------------


def test_a_mail_arrives_as_plain_text_with_subject_landmark_coordinates_link_and_id(
    sender: AppriseSender, phones: Phones
) -> None:
    answer = sender.send(owner(mail_to("tanaka@town.example", phones)), about())
    assert answer.status is Status.SENT
    mail = only(phones)
    assert (mail.channel, mail.to) == ("mail", "tanaka@town.example")
    assert mail.title == "【イノシシ】上田神社の東"
    lines = mail.body.splitlines()
    assert lines[0] == "21:07 上田神社の東でイノシシらしい動物を見つけました。"
    assert "位置 36.11512,137.95432" in lines
    assert f"地図 {LINK}" in lines
    assert lines[-1] == f"No. {number_of('n-tanaka-0')}"
    assert mail.headers["content-type"].startswith("text/plain")
    assert mail.headers["x-naruko-id"] == "n-tanaka-0"


def test_the_next_mail_to_the_same_address_carries_its_own_id(sender: AppriseSender, phones: Phones) -> None:
    person = owner(mail_to("tanaka@town.example", phones), id="twice")
    for id in ("first", "second"):
        sender.send(person, replace(about(), id=id, recipient="twice"))
    assert [mail.headers["x-naruko-id"] for mail in phones.inbox] == ["first", "second"]


@pytest.mark.parametrize(
    ("severity", "reason", "priority"),
    [
        (Severity.LIFE, Reason.OPENED, "max"),
        (Severity.DANGER, Reason.ESCALATED, "max"),
        (Severity.WARNING, Reason.OPENED, "high"),
        (Severity.CAUTION, Reason.OPENED, "high"),
        (Severity.NOTICE, Reason.OPENED, None),
        (Severity.NOTICE, Reason.CLEARED, "low"),
    ],
)
def test_ntfy_rings_by_severity(
    sender: AppriseSender, phones: Phones, severity: Severity, reason: Reason, priority: str | None
) -> None:
    """ntfy's default priority is said by saying nothing."""
    message = about(kind="ntfy", severity=severity, reason=reason)
    person = owner(ntfy_to("ueda-7f3k", phones), id=f"p{severity}{reason}")
    assert sender.send(person, message).status is Status.SENT
    push = only(phones)
    assert (push.channel, push.to, push.title) == ("ntfy", "ueda-7f3k", "【イノシシ】上田神社の東")
    assert LINK in push.body
    assert push.headers.get("x-priority") == priority
    assert "x-icon" not in push.headers


def test_line_gets_one_text_with_the_title_on_top(
    sender: AppriseSender, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.line import NotifyLine  # noqa: PLC0415

    monkeypatch.setattr(NotifyLine, "notify_url", NotifyLine.notify_url)
    notify.line_endpoint(phones.line_url)
    person = owner(Channel(kind="line", url="line://secret-token=/U4af4980629"), id="on-line")
    assert sender.send(person, about(kind="line")).status is Status.SENT
    call = only(phones)
    assert (call.channel, call.to) == ("line", "U4af4980629")
    assert call.body.splitlines()[0] == "【イノシシ】上田神社の東"
    assert LINK in call.body
    assert call.headers["authorization"] == "Bearer secret-token="


def test_line_goes_where_the_environment_says(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.line import NotifyLine  # noqa: PLC0415

    monkeypatch.setattr(NotifyLine, "notify_url", NotifyLine.notify_url)
    monkeypatch.setenv(notify.LINE_API_ENV, phones.line_url)
    fresh = AppriseSender()
    fresh.load()
    person = owner(Channel(kind="line", url="line://secret-token=/U4af4980629"))
    assert fresh.send(person, about(kind="line")).status is Status.SENT
    assert only(phones).channel == "line"


def test_a_webhook_gets_the_text_and_the_id(sender: AppriseSender, phones: Phones) -> None:
    person = owner(Channel(kind="other", url=f"json://127.0.0.1:{phones.http_port}/hook"), id="hook")
    assert sender.send(person, about(kind="other")).status is Status.SENT
    call = only(phones)
    assert (call.channel, call.to, call.title) == ("json", "/hook", "【イノシシ】上田神社の東")
    assert call.headers["x-naruko-id"] == "n-tanaka-0"


def test_a_text_with_signs_of_html_arrives_as_it_is(sender: AppriseSender, phones: Phones) -> None:
    message = about(title="水位 <b>3.2</b> & 上昇", body="a<b & c>d *x* _y_")
    sender.send(owner(mail_to("tanaka@town.example", phones), id="html"), message)
    mail = only(phones)
    assert mail.title == "水位 <b>3.2</b> & 上昇"
    assert mail.body.startswith("a<b & c>d *x* _y_")


def test_an_address_from_a_file_is_used(sender: AppriseSender, phones: Phones, tmp_path: Path) -> None:
    secret = tmp_path / "tanaka.url"
    secret.write_text(f"ntfy://127.0.0.1:{phones.http_port}/ueda-7f3k\n", encoding="utf-8")
    person = owner(Channel(kind="ntfy", url_file=secret), id="by-file")
    assert sender.send(person, about(kind="ntfy")).status is Status.SENT
    assert only(phones).to == "ueda-7f3k"


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


# --- what a mail costs, and whom it trusts --------------------------------------------------------------


def test_a_mail_without_tls_reads_no_certificate_authorities(
    sender: AppriseSender, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*args: object, **kwargs: object) -> None:
        raise AssertionError("24 ms for each mail")

    monkeypatch.setattr(ssl, "create_default_context", read)
    person = owner(mail_to("tanaka@town.example", phones), id="cheap")
    assert sender.send(person, about()).status is Status.SENT


def make_certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"]
    subprocess.run(["openssl", "req", "-x509", *kind, *files], check=True, capture_output=True)
    return key, certificate


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl command to make a certificate with")
async def test_a_mail_server_with_a_certificate_nobody_vouches_for_gets_no_mail(
    sender: AppriseSender, tmp_path: Path
) -> None:
    key, certificate = make_certificate(tmp_path)
    taken: list[str] = []

    class Postbox:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
            taken.append("mail")
            return "250 OK"

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Postbox(), hostname="x.invalid"), "127.0.0.1", 0, ssl=context
    )
    port = server.sockets[0].getsockname()[1]
    url = f"mailtos://localhost:{port}?from=naruko@town.example&to=tanaka@town.example&mode=ssl"
    refused = await asyncio.to_thread(sender.send, owner(Channel(kind="mail", url=url), id="tls"), about())
    assert refused.status is Status.PENDING
    assert "CERTIFICATE_VERIFY_FAILED" in refused.reason
    assert taken == []
    trusting = await asyncio.to_thread(
        sender.send, owner(Channel(kind="mail", url=f"{url}&verify=no"), id="tls-no"), about()
    )
    assert trusting.status is Status.SENT
    again = await asyncio.to_thread(sender.send, owner(Channel(kind="mail", url=url), id="tls"), about())
    assert again.status is Status.PENDING, "the trust given to one address is not given to all"
    server.close()


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


def test_an_all_clear_that_is_a_notice_rings_low_and_one_of_a_danger_does_not() -> None:
    assert priority_of(about(severity=Severity.NOTICE, reason=Reason.CLEARED)) == "low"
    assert priority_of(about(severity=Severity.DANGER, reason=Reason.CLEARED)) == "max"
