"""Web Push, to a real web server that reads it as a browser does."""

import json
import sys
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from py_vapid import Vapid

from firmware_sim.phones import Behaviour, Phones
from hub.clock import SetClock
from hub.config.settings import WebPush
from hub.config.shapes import Channel, Person
from hub.doctor import endpoints, network, reach
from hub.doctor.finding import Level
from hub.model import Severity, Status
from hub.notify.sender import AppriseSender
from hub.notify.sending.push import PAYLOAD_BYTES, payload
from tests.sending import LINK, about, only, owner
from tests.test_outbox import NOON
from tests.towns import HOUR, SECOND, town

SUBJECT = "mailto:bosai@town.example"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """As `openssl ecparam -name prime256v1 -genkey` writes one."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "vapid.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return file


@pytest.fixture
def to_browsers(key_file: Path) -> AppriseSender:
    """A sender whose clock stands ten seconds after the message was decided. Apprise is not loaded."""
    web_push = WebPush(key_file=key_file, subject=SUBJECT)
    return AppriseSender(clock=SetClock(NOON + 10 * SECOND), web_push=web_push)


def by_browser(phones: Phones, name: str = "tanaka-phone") -> Person:
    return owner(Channel(kind="push", url=phones.subscribe(name)), id=name)


def test_a_browser_reads_title_text_link_id_and_tag(to_browsers: AppriseSender, phones: Phones) -> None:
    message = about(kind="push", link="https://hub.town.example/a/x")
    assert to_browsers.send(by_browser(phones), message).status is Status.SENT
    push = only(phones)
    assert (push.channel, push.to, push.title) == ("push", "tanaka-phone", "【イノシシ】上田神社の東")
    assert LINK in push.body
    assert push.body.splitlines()[-1].startswith("No. ")
    assert {name: push.call[name] for name in ("link", "id", "tag")} == {
        "link": "https://hub.town.example/a/x",
        "id": "n-tanaka-0",
        "tag": "a1",
    }
    assert push.headers["content-encoding"] == "aes128gcm"


def test_a_phone_that_is_off_is_told_as_long_as_it_is_news(
    to_browsers: AppriseSender, phones: Phones
) -> None:
    to_browsers.send(by_browser(phones), about(kind="push"))
    assert only(phones).headers["ttl"] == str((HOUR - 10 * SECOND) // SECOND)


@pytest.mark.parametrize(("severity", "urgency"), [(Severity.NOTICE, "normal"), (Severity.CAUTION, "high")])
def test_what_cannot_wait_wakes_a_phone_that_sleeps(
    to_browsers: AppriseSender, phones: Phones, severity: Severity, urgency: str
) -> None:
    to_browsers.send(by_browser(phones), about(kind="push", severity=severity))
    assert only(phones).headers["urgency"] == urgency


def test_the_hub_proves_who_it_is_and_whom_to_write_to(to_browsers: AppriseSender, phones: Phones) -> None:
    to_browsers.send(by_browser(phones), about(kind="push"))
    proof = only(phones).headers["authorization"]
    assert Vapid.verify(proof)
    claims = proof.partition("t=")[2].split(".")[1]
    told = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert (told["sub"], told["aud"]) == (SUBJECT, f"http://127.0.0.1:{phones.http_port}")


def test_a_subject_that_a_push_service_would_refuse_is_said(key_file: Path, phones: Phones) -> None:
    sender = AppriseSender(web_push=WebPush(key_file=key_file, subject="bosai"))
    answer = sender.send(by_browser(phones), about(kind="push"))
    assert (answer.status, "subject of web_push" in answer.reason) == (Status.FAILED, True)


@pytest.mark.parametrize(
    ("behaviour", "answer"),
    [
        (Behaviour.GONE, (Status.FAILED, "it must subscribe anew (410)", False)),
        (Behaviour.REFUSE, (Status.PENDING, "error=403", False)),
        (Behaviour.BUSY, (Status.PENDING, "error=429", True)),
        (Behaviour.FAIL, (Status.PENDING, "error=500", True)),
    ],
)
def test_a_push_service_that_refuses_says_why(
    to_browsers: AppriseSender, phones: Phones, behaviour: Behaviour, answer: tuple[Status, str, bool]
) -> None:
    phones.behaviours["tanaka-phone"] = behaviour
    given = to_browsers.send(by_browser(phones), about(kind="push"))
    status, said, of_service = answer
    assert (given.status, given.of_service) == (status, of_service)
    assert said in given.reason
    assert phones.inbox == []


def test_a_push_service_that_is_not_there_or_does_not_answer(
    to_browsers: AppriseSender, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.notify.sending.push.WITHIN_S", (1.0, 0.3))
    person = by_browser(phones)
    phones.behaviours["tanaka-phone"] = Behaviour.MUTE
    mute = to_browsers.send(person, about(kind="push"))
    assert (mute.status, mute.of_service) == (Status.TIMEOUT, True)
    phones.stop()
    gone = to_browsers.send(person, about(kind="push"))
    assert (gone.status, gone.of_service) == (Status.PENDING, True)
    assert "refused" in gone.reason
    assert "tanaka" not in mute.reason + gone.reason


@pytest.mark.parametrize(
    "subscription",
    [
        "",
        "null",
        "{}",
        '{"endpoint": "https://push.example/s3cr3t"}',
        '{"endpoint": "https://push.example/s3cr3t", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}',
        '{"endpoint": 1, "keys": {"p256dh": "AAAA", "auth": "AAAA"}}',
        '["s3cr3t"]',
    ],
)
def test_what_is_no_subscription_fails_for_good(to_browsers: AppriseSender, subscription: str) -> None:
    answer = to_browsers.send(owner(Channel(kind="push", url=subscription)), about(kind="push"))
    assert answer.status is Status.FAILED
    assert answer.reason == "channel 0 cannot be used: it is no subscription of a browser"


def test_a_subscription_from_a_file_is_used(
    to_browsers: AppriseSender, phones: Phones, tmp_path: Path
) -> None:
    file = tmp_path / "tanaka.json"
    file.write_text(phones.subscribe("by-file"))
    assert (
        to_browsers.send(owner(Channel(kind="push", url_file=file)), about(kind="push")).status is Status.SENT
    )


@pytest.mark.parametrize(
    "content", [None, "", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_key_that_cannot_be_read_is_not_made_anew(
    phones: Phones, tmp_path: Path, content: str | None
) -> None:
    """A new key would make every subscription worthless."""
    file = tmp_path / "vapid.pem"
    if content is not None:
        file.write_text(content)
    sender = AppriseSender(web_push=WebPush(key_file=file, subject=SUBJECT))
    answer = sender.send(by_browser(phones), about(kind="push"))
    assert answer.status is Status.FAILED
    assert "the key of web_push cannot be used" in answer.reason
    assert file.exists() == (content is not None)


def test_without_a_key_or_the_package_it_is_said_what_is_missing(
    to_browsers: AppriseSender, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no web_push" in AppriseSender().send(by_browser(phones), about(kind="push")).reason
    monkeypatch.delitem(sys.modules, "hub.notify.sending.push")
    monkeypatch.delattr("hub.notify.sending.push")
    monkeypatch.setitem(sys.modules, "pywebpush", None)
    assert "pywebpush is not installed" in to_browsers.send(by_browser(phones), about(kind="push")).reason


def test_the_doctor_looks_whether_the_push_service_is_there(phones: Phones) -> None:
    there = endpoints.of_channels(town(people=[by_browser(phones)]))
    found = reach.channels(there, network.probes(there.endpoints))
    assert [(one.what, one.level) for one in found] == [("push", Level.OK)]
    phones.stop()
    found = reach.channels(there, network.probes(there.endpoints))
    assert [(one.what, one.level) for one in found] == [("push", Level.BAD)]


@given(st.text(max_size=2_000), st.text(max_size=40))
def test_a_message_always_fits_what_a_push_service_takes(body: str, title: str) -> None:
    message = replace(about(kind="push"), title=title, link="https://hub.town.example/a/" + "x" * 200)
    try:
        text = payload(message, body)
    except UnicodeEncodeError:
        return  # half a pair of surrogates is in no text of ours
    assert len(text.encode()) <= PAYLOAD_BYTES
    assert json.loads(text)["title"] == title
