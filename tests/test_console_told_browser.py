"""The console's pages of messages, people and sirens in headless Chromium: read, used, checked with axe."""

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.config.shapes import Channel
from hub.config.tell_policy import ChannelBudget
from hub.console.users import ConsoleRole
from hub.deterrent import DeterrentState
from hub.model import Act, Command, Notification, Outcome, Reason, Severity, Status
from hub.people.enrolment import Invitation
from tests.browser import Browser, Phone
from tests.consoles import PASSWORD, console, place
from tests.towns import DAY, HOUR, MINUTE, SECOND, camera, person, siren, square, town

PHONE, TABLET, DESK = (390, 844), (820, 1180), (1280, 800)
PICTURES = os.environ.get("PICTURES", "")
TEXT = {"ja": ("利用者名", "パスワード", "ログイン"), "en": ("User name", "Password", "Log in")}
PEOPLE = {
    "mizuta": ("水田 守", "farmer", ("mail", "line")),
    "yamane": ("山根 猛", "hunter", ("mail", "sms", "push")),
    "clarke": ("Emma Clarke", "official", ("mail",)),
    "bosai": ("防災係", "operator", ("mail", "line")),
    "inukai": ("犬飼 毅", "patrol", ()),
}
RESULTS = (
    (Status.SENT, "", 3_000), (Status.FAILED, "Failed to send: error=401", 4_000), (Status.SENT, "", 400_000),
    (Status.HELD, "quiet: told from 06:00 on", 0), (Status.EXPIRED, "[Errno 111] Connection refused", HOUR),
    (Status.PENDING, "", None), (Status.TIMEOUT, "no answer (3): Read timed out", 90_000),
    (Status.MERGED, "told in the message of 0123456789abcdef", 5_000),
)  # fmt: skip


def ground():
    devices = [
        camera("cam"),
        siren(
            "horn",
            north=30,
            name="上田 水口のサイレン",
            name_en="Siren at the Ueda inlet",
            use=("deter", "warn"),
        ),
        siren("lamp", north=60, profile="flash", name="東山の回転灯", name_en="Flash on the east hill"),
        siren("new", north=900, name="大沢のサイレン", name_en="Siren below Osawa", use=("warn",)),
    ]
    zones = [square("paddy", "paddy", size=400), square("houses", "dwelling", north=60)]
    people = [
        person(
            id,
            role,
            name=name,
            zones=("paddy",) if role == "farmer" else (),
            quiet="21:00-06:00" if id == "clarke" else "",
            lang="en" if id == "clarke" else "ja",
            channels=tuple(Channel(kind=kind, url=f"{kind}://geheimnis/{id}-{kind}") for kind in kinds),
        )
        for id, (name, role, kinds) in PEOPLE.items()
    ]
    budgets = {"line": ChannelBudget(limit=200), "sms": ChannelBudget(limit=20)}
    made = town(devices, zones, people, budgets=budgets)
    found = replace(place(), devices=made.devices, zones=made.zones, people=made.people)
    return replace(found, geometry=made.geometry, policy=made.policy)


def told(now: int) -> list[Notification]:
    titles = (
        "【イノシシ】上田 水口",
        "【氾濫注意水位】小野川 上橋",
        "【クマ】東山 一本杉",
    )
    found = []
    for n in range(24):
        who = list(PEOPLE)[n % 4]
        status, error, took = RESULTS[n % len(RESULTS)]
        at = now - (24 - n) * 47 * MINUTE
        kinds = PEOPLE[who][2]
        found.append(
            Notification(
                id=f"n{n}",
                alert_id=f"a{n % 3}",
                recipient=who,
                channel=n % len(kinds),
                channel_kind=kinds[n % len(kinds)],
                reason=Reason.OPENED,
                template="animal_detected",
                severity=Severity(1 + n % 3),
                title=titles[n % 3],
                body="",
                created_at=at,
                event_received_at=at,
                expires_at=now + DAY,
                status=status,
                attempts=1,
                finished_at=None if took is None else at + took,
                next_at=now + DAY,
                error=error,
                rule=f"animal_detected: {PEOPLE[who][1]} of paddy",
            )
        )
    return found


def driven(now: int) -> list[Command]:
    """Of the lamp: five weeks, and less and less of an effect."""
    found = []
    for n in range(40):
        at = now - (40 - n) * 21 * HOUR
        for again in range(2 if n % 3 == 0 and n > 12 else 1):
            begin = at + again * 7 * MINUTE
            pattern = ("dog", "clapper", "wolf", "metal")[n % 4]
            status = Status.REFUSED if n == 38 else Status.DONE
            found.append(
                Command(f"v{n}/lamp/{n}{again}", "lamp", f"v{n}", "deter", begin, begin + 20 * SECOND,
                        light=True, pattern=pattern, status=status)
            )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    loop, where, there = asyncio.new_event_loop(), [""], threading.Event()
    over = asyncio.Event()

    async def run() -> None:
        async with console(tmp_path_factory.mktemp("told"), ground(), yamada=ConsoleRole.OPERATOR) as browser:
            hub = browser.hub
            now = hub.clock.now()
            hub.ledger.insert(Outcome(notifications=told(now), commands=driven(now)))
            hub.ledger.commit()
            hub.pipeline.state.put(
                "deterrent", "horn", DeterrentState(last_on=now, until=now + HOUR, command="c", total=1)
            )
            hub.pipeline.state.put("invitation", "i", Invitation(now + DAY, ("resident",), uses=30, used=4))
            await hub.do(Act(0, 0, "ops", "cli", "prefer", "mizuta", form={"quiet": "8"}))
            where[0] = f"http://127.0.0.1:{browser.hub.web_port}"
            there.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.console.access.LOGINS_A_MINUTE", 1_000)
        thread.start()
        assert there.wait(30)
    yield where[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(30)
    loop.close()


def faults(phone: Phone, name: str) -> list[object]:
    """What a screen reader, a thumb or a narrow screen stumbles over."""
    if PICTURES:
        phone.picture(Path(PICTURES) / f"{name}.png")
    overflow = phone.overflow()
    return [*phone.violations(), *phone.too_small(), *([f"{overflow} px too wide"] if overflow else [])]


@pytest.mark.parametrize(
    ("lang", "size", "scheme"),
    [
        ("ja", DESK, "light"), ("ja", PHONE, "light"), ("ja", TABLET, "dark"), ("en", DESK, "dark"),
        ("en", PHONE, "dark"), ("en", TABLET, "light"),
    ],
)  # fmt: skip
def test_messages_people_and_sirens_can_be_read_and_used(
    address: str, browser: Browser, lang: str, size: tuple[int, int], scheme: str
) -> None:
    name, password, go = TEXT[lang]
    tag = f"{lang}-{size[0]}-{scheme}"
    phone = browser.phone(size, scheme=scheme, lang=lang).opens(f"{address}/console/messages")  # type: ignore[arg-type]
    phone.types(name, "yamada").types(password, PASSWORD).taps(go)
    found = {}
    for page in ("messages", "messages?tab=people", "deterrents"):
        name = page.partition("=")[2] or page
        found[name] = faults(phone.opens(f"{address}/console/{page}"), f"{name}-{tag}")
        assert "geheimnis" not in phone.text
    assert found == {"messages": [], "people": [], "deterrents": []}


def test_a_message_that_is_told_now_appears_without_a_reload(address: str, browser: Browser) -> None:
    phone = browser.phone(DESK, lang="en").opens(f"{address}/console/messages")
    phone.types("User name", "yamada").types("Password", PASSWORD).taps("Log in")
    other = browser.phone(DESK, lang="en").opens(f"{address}/console/messages?tab=people")
    other.types("User name", "yamada").types("Password", PASSWORD).taps("Log in")
    assert "[TEST]" not in phone.text
    other.opens(f"{address}/console/messages?tab=people&search=clarke").touches("Send a test").taps("Send it")
    assert "on its way" in other.text
    phone.waits_for("[TEST]")
