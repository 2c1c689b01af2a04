"""Mail, to a real server: its text, its id and thread, what it costs, and whom it trusts."""

import asyncio
import shutil
import ssl
import subprocess
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from msgspec.structs import replace

import firmware_sim.phones
from firmware_sim.phones import Behaviour, Phones
from hub.config.shapes import Channel
from hub.links import Links
from hub.model import Status
from hub.notify import backlog
from hub.notify.outbox import settle
from hub.notify.sender import AppriseSender
from hub.notify.sending.reasons import TEXT_HANDED_OVER
from hub.wording import number_of
from tests.sending import LINK, about, mail_to, only, owner
from tests.test_outbox import NOON
from tests.towns import MINUTE

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise 2.2 looks for it when it loads its plugins."""


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


def test_a_text_with_signs_of_html_arrives_as_it_is(sender: AppriseSender, phones: Phones) -> None:
    message = about(title="水位 <b>3.2</b> & 上昇", body="a<b & c>d *x* _y_")
    sender.send(owner(mail_to("tanaka@town.example", phones), id="html"), message)
    mail = only(phones)
    assert mail.title == "水位 <b>3.2</b> & 上昇"
    assert mail.body.startswith("a<b & c>d *x* _y_")


# --- its id and its thread --------------------------------------------------------------------------


def test_a_repeat_has_the_id_of_the_mail_that_may_have_arrived(sender: AppriseSender, phones: Phones) -> None:
    person, first = owner(mail_to("tanaka@town.example", phones, "&cto=1"), id="again"), about()
    phones.behaviours["tanaka@town.example"] = Behaviour.MUTE
    answer = sender.send(person, first)
    assert (answer.status, TEXT_HANDED_OVER in answer.reason) == (Status.TIMEOUT, True)
    del phones.behaviours["tanaka@town.example"]
    assert sender.send(person, settle(first, answer, NOON)).status is Status.SENT
    assert [mail.headers["message-id"] for mail in phones.inbox] == ["<n-tanaka-0@town.example>"] * 2
    assert phones.inbox[1].body.splitlines()[-1].endswith("（再送）")


def test_all_mails_of_one_alert_to_one_person_are_one_thread(sender: AppriseSender, phones: Phones) -> None:
    person = owner(mail_to("tanaka@town.example", phones), id="thread")
    for id, alert in (("n1", "a1"), ("n2", "a1"), ("n3", "a2")):
        sender.send(person, replace(about(), id=id, alert_id=alert))
    sender.send(person, replace(about(), id="n4", recipient="suzuki"))
    first, second, other_alert, other_person = (mail.headers for mail in phones.inbox)
    assert first["in-reply-to"] == first["references"] == second["in-reply-to"]
    assert len({h["message-id"] for h in (first, second, other_alert, other_person)}) == 4
    assert len({h["references"] for h in (second, other_alert, other_person)}) == 3
    assert first["references"].endswith("@town.example>")


def test_a_list_of_what_waited_is_no_repeat_of_its_first_item(sender: AppriseSender, phones: Phones) -> None:
    """A mail server that leaves out an id which it has had would leave out the others on the list."""
    waiting = [
        replace(about(), id=f"n{n}", alert_id=f"a{n}", link=f"https://hub.example/a/{n}") for n in range(5)
    ]
    listed = backlog.next_letter(
        waiting, [n.id for n in waiting], lambda row: 0, lang="ja", contact="", time=lambda at: "12:00"
    )
    assert (len(listed.covers), listed.as_sent.link) == (4, "")
    person = owner(mail_to("tanaka@town.example", phones), id="list")
    for message in (waiting[0], listed.as_sent, listed.as_sent):
        sender.send(person, message)
    alone, first, again = (mail.headers for mail in phones.inbox)
    assert alone["message-id"] != first["message-id"] == again["message-id"]
    assert alone["x-naruko-id"] == first["x-naruko-id"] == "n0"
    assert "in-reply-to" not in first


def test_a_mail_says_that_a_machine_wrote_it_and_how_to_get_no_more(phones: Phones) -> None:
    links = Links(b"secret", "https://hub.town.example")
    sender = AppriseSender(links=links)
    sender.load()
    sender.send(owner(mail_to("tanaka@town.example", phones)), about())
    mail = only(phones)
    assert mail.headers["auto-submitted"] == "auto-generated"
    way_out = mail.headers["list-unsubscribe"]
    assert mail.body.splitlines()[-2] == f"設定・配信停止 {way_out.strip('<>')}"
    assert way_out.startswith("<https://hub.town.example/m/")
    found = links.read("m", way_out.strip("<>").rpartition("/")[2])
    assert (found.id, found.until // MINUTE) == ("tanaka", NOON // MINUTE + 30 * 24 * 60)


def test_a_hub_without_pages_offers_no_way_out_by_link(sender: AppriseSender, phones: Phones) -> None:
    sender.send(owner(mail_to("tanaka@town.example", phones), id="no-pages"), about())
    mail = only(phones)
    assert "list-unsubscribe" not in mail.headers
    assert parsedate_to_datetime(mail.headers["date"]).tzinfo is not None


def test_a_mail_has_one_of_each_header_and_no_html(
    sender: AppriseSender, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw: list[bytes] = []
    read = firmware_sim.phones.read_mail
    monkeypatch.setattr(
        firmware_sim.phones, "read_mail", lambda content: raw.append(content) or read(content)
    )
    person = owner(mail_to("tanaka@town.example", phones), id="headers")
    assert sender.send(person, about()).status is Status.SENT
    mail = message_from_bytes(raw[0])
    for name in ("message-id", "date", "from", "to", "subject", "in-reply-to", "references"):
        assert len(mail.get_all(name, [])) == 1, name
    assert (mail.get_content_type(), mail.get_content_charset()) == ("text/plain", "utf-8")
    assert all(byte < 128 for byte in raw[0]), "carriers' gateways are old"
    assert max(map(len, raw[0].splitlines())) <= 998  # RFC 5322


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
