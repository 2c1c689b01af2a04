"""The trap of `naruko demo --scenario sprung_trap`, dealt with from a phone while the demo runs."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import SMALL, Browser, Phone
from tests.test_demo import Demo
from tests.waiting import wait_until

PAGE = re.compile(r"http://127\.0\.0\.1:\d+/a/\S+")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    run = Demo(tmp_path / "demo", "--scenario", "sprung_trap", "--speed", 60, "--for", "100s")
    yield run
    run.process.kill()
    run.process.wait()


def link(demo: Demo) -> str:
    wait_until(lambda: PAGE.search(demo.text()) or demo.process.poll() is not None, "the link is printed")
    found = PAGE.search(demo.text())
    assert found, demo.text()
    return found[0]


def dealt_with(phone: Phone) -> None:
    assert phone.biggest() == "行きます"
    phone.touches("10分").taps("行きます")
    phone.taps("着きました")
    phone.taps("終わりました")
    phone.touches("捕獲した", "どうでしたか").touches("イノシシ", "動物").touches("メス", "性別")
    phone.touches("成獣", "成獣・幼獣").touches("ジビエ", "処分").touches("まだ（あとで）", "わなは").taps(
        "送る"
    )
    phone.taps("わなを仕掛け直しました")


def test_a_person_takes_finishes_and_resets_the_trap_of_the_demo_from_a_phone(
    demo: Demo, browser: Browser
) -> None:
    phone = browser.phone(SMALL, script=False).opens(link(demo))
    assert "東山 一本杉の奥" in phone.text
    dealt_with(phone)
    assert "に終わりました" in phone.text
    assert phone.overflow() <= 0

    demo.process.send_signal(signal.SIGINT)
    demo.wait()
    assert "Traceback" not in demo.text()
    for said in ("task taken", "on site", "task done", "trap reset"):
        assert said in demo.text()
    report = json.loads(demo.report_file.read_text("utf-8"))
    [trap] = [alert for alert in report["alerts"] if alert["kind"] == "trap"]
    assert trap["closed_at"]
