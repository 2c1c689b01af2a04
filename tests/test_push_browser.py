"""Web Push on a phone: headless Chromium subscribes on the page, and its worker shows what the hub sent.

Chromium's own push service cannot be reached from a test, so `subscribe` gives what firmware_sim.phones made;
what the hub then sends there is handed to Chromium's real worker.
"""

import asyncio
import contextlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from firmware_sim.phones import Phones
from hub.config.settings import WebPush
from hub.links import Purpose
from hub.model import Status
from hub.notify import AppriseSender
from hub.notify.sending.push import public_key
from tests.browser import SMALL, USUAL, WITHIN_S, Browser, Phone
from tests.test_join_page import Visitor, place, visiting
from tests.waiting import until, wait_until

JA = (
    "この携帯電話のブラウザで受け取る",
    "上の内容を読み、お知らせを受け取ることに同意します",
    "登録する",
    "この携帯電話で受け取れます",
    "通知が許可されていません",
)
EN = (
    "In the browser of this phone",
    "I have read this and agree to be told",
    "Sign up",
    "This phone can be told",
    "Notifications are blocked",
)

ASKED = "window.asked.applicationServerKey"
SUBSCRIBED = """
PushManager.prototype.subscribe = async function (asked) {{
  if (!asked.userVisibleOnly) throw new Error("it must be visible");
  window.asked = asked;
  return {subscription};
}};
"""


SHOWN = """navigator.serviceWorker.getRegistration().then((of) => of.getNotifications()).then((all) =>
  all.map((one) => ({ title: one.title, body: one.body, link: one.data.link, tag: one.tag })))"""
"""The notifications of the page's worker."""


@pytest.fixture
def web_push(tmp_path: Path) -> WebPush:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "vapid.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return WebPush(key_file=file, subject="mailto:bosai@town.example", services=("127.0.0.1",))


def ground(web_push: WebPush):
    found = place()
    return replace(found, hub=found.hub.model_copy(update={"web_push": web_push}))


def of(visitor: Visitor, path: str) -> str:
    return f"http://127.0.0.1:{visitor.hub.web_port}{path}"


def that_subscribes(phone: Phone, phones: Phones, name: str = "emi") -> Phone:
    source = SUBSCRIBED.format(subscription=phones.subscribe(name))
    phone.call("Page.addScriptToEvaluateOnNewDocument", source=source)
    return phone


def allows(phone: Phone, url: str, setting: str = "granted") -> Phone:
    """What the owner answers when the page asks whether it may."""
    phone.browser.call(
        "Browser.setPermission",
        permission={"name": "notifications"},
        setting=setting,
        origin=origin_of(url),
        browserContextId=phone.context,
    )
    return phone


def pushed(phone: Phone, said: dict[str, Any]) -> list[dict[str, str]]:
    """A message comes for the worker of the page. Returns the notifications that then stand on the phone."""
    phone.call("ServiceWorker.enable")
    end = time.monotonic() + WITHIN_S
    while not phone.worker:
        phone.browser.hear(end, "the worker of the page")
    phone.runs("navigator.serviceWorker.ready.then(() => true)")  # before, Chromium gives it to nobody
    data = json.dumps(said)  # as ASCII: this command of Chromium garbles other letters
    origin = origin_of(phone.url)
    while not phone.runs(SHOWN):
        assert time.monotonic() < end, "the worker shows it"
        # Chromium loses one now and then; a notification of the same tag takes the place of the first.
        phone.call("ServiceWorker.deliverPushMessage", origin=origin, registrationId=phone.worker, data=data)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: phone.runs(SHOWN), within=2.0)
    return list(phone.runs(SHOWN))


def origin_of(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


@pytest.mark.parametrize(("lang", "words", "size"), [("ja", JA, SMALL), ("en", EN, USUAL)])
async def test_one_tap_and_the_browser_of_a_new_person_shows_what_the_hub_sends(
    *,
    lang: str,
    words: tuple[str, ...],
    size: tuple[int, int],
    tmp_path: Path,
    browser: Browser,
    phones: Phones,
    web_push: WebPush,
) -> None:
    here, agree, go, done, _ = words
    phone = that_subscribes(browser.phone(size, lang=lang), phones)

    def enrols(url: str) -> None:
        allows(phone, url).opens(url)
        assert phone.violations() == []
        assert (phone.overflow(), phone.too_small()) == (0, [])
        phone.touches(here).waits_for(done)
        assert phone.runs(ASKED) == public_key(web_push)
        phone.touches(agree).taps(go)
        assert phone.status == 200

    async with visiting(tmp_path, ground(web_push)) as visitor:
        await asyncio.to_thread(enrols, of(visitor, await visitor.invited(name="薄井えみ")))
        (id,) = visitor.hub.pipeline.state.rooms["person"]
        await until(lambda: [n.recipient for n in visitor.sent] == [id], "the test message was sent")
        (test,) = visitor.sent
        person = visitor.hub.pipeline.town.people[id]
        answer = await asyncio.to_thread(AppriseSender(web_push=web_push).send, person, test)
        assert (answer.status, test.channel_kind) == (Status.SENT, "push")
        (arrived,) = phones.inbox
        shown = await asyncio.to_thread(pushed, phone, arrived.call)
        assert shown == [{"title": test.title, "body": arrived.body, "link": test.link, "tag": test.alert_id}]


async def test_who_does_not_allow_it_is_told_how_and_who_has_no_script_sees_nothing_of_it(
    tmp_path: Path, browser: Browser, phones: Phones, web_push: WebPush
) -> None:
    here, *_, blocked = JA

    def refuses(url: str) -> None:
        phone = that_subscribes(browser.phone(SMALL), phones)
        allows(phone, url, "denied").opens(url)
        phone.touches(here).waits_for(blocked)
        assert not browser.phone(SMALL, script=False).opens(url).shows(here)

    async with visiting(tmp_path, ground(web_push)) as visitor:
        await asyncio.to_thread(refuses, of(visitor, await visitor.invited()))


async def test_somebody_in_the_file_adds_a_browser_on_the_own_page_and_takes_it_away(
    tmp_path: Path, browser: Browser, phones: Phones, web_push: WebPush
) -> None:
    phone = that_subscribes(browser.phone(SMALL), phones)

    def adds(url: str) -> None:
        allows(phone, url).opens(url).taps(JA[0])
        assert "このブラウザにも届きます" in phone.text
        assert phone.violations() == []

    def ends() -> None:
        phone.taps("ブラウザで受け取るのをやめる")
        assert "ブラウザには、もう届きません" in phone.text

    async with visiting(tmp_path, ground(web_push)) as visitor:
        said = visitor.hub.pipeline.state.rooms["said"]
        await asyncio.to_thread(adds, of(visitor, visitor.path(Purpose.MINE, "farmer")))
        assert len(said["farmer"].browsers) == 1
        await until(lambda: [n.channel_kind for n in visitor.sent] == ["push"], "the test was sent")
        await asyncio.to_thread(ends)
        assert said["farmer"].browsers == ()


async def test_a_subscription_of_some_other_place_is_refused_and_nothing_is_called(
    tmp_path: Path, phones: Phones, web_push: WebPush
) -> None:
    elsewhere = web_push.model_copy(update={"services": WebPush.model_fields["services"].default})
    async with visiting(tmp_path, ground(elsewhere)) as visitor:
        path = visitor.path(Purpose.MINE, "farmer")
        answer = await visitor.post(path, do="push", push=phones.subscribe("x"))
        assert "このブラウザでは受け取れません" in answer.text
        assert (visitor.hub.pipeline.state.rooms["said"], visitor.sent) == ({}, [])


async def test_without_web_push_no_page_has_a_script(tmp_path: Path) -> None:
    async with visiting(tmp_path) as visitor:
        for path in (await visitor.invited(), visitor.path(Purpose.MINE, "farmer")):
            assert "<script" not in (await visitor.get(path)).text


async def test_a_key_that_is_not_there_costs_the_button_not_the_page(
    tmp_path: Path, web_push: WebPush
) -> None:
    web_push.key_file.unlink()
    async with visiting(tmp_path, ground(web_push)) as visitor:
        page = await visitor.get(await visitor.invited())
        assert (page.status, "<script" in page.text) == (200, False)


def test_the_worker_has_the_names_that_the_sender_writes() -> None:
    script = (Path("hub/web/static/worker.js")).read_text("utf-8")
    for name in ("title", "body", "tag", "link"):
        assert f"said.{name}" in script
    assert json.loads(Path("hub/web/static/hub.webmanifest").read_text("utf-8"))["display"] == "standalone"
