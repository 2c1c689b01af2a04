"""The life of a sprung trap on the phones of those who go there, from the mail to the last tap.

A real hub, broker and mail server, and headless Chromium at the size of a phone, with script switched off
where nothing else is said: no act may need it.
"""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.clock import SystemClock
from hub.links import Purpose
from tests.browser import SMALL, USUAL, Browser, BrowserError, Phone
from tests.page_town import PageTown, page_town
from tests.processes import naruko
from tests.servers import Server
from tests.waiting import wait_until

MOST_BYTES = 60_000


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, broker: Server) -> Iterator[PageTown]:
    with page_town(tmp_path_factory.mktemp("pages") / "town", broker.port, "pages") as running:
        yield running


def sprung(town: PageTown, trap: str) -> tuple[str, str]:
    """A trap springs; the links in the mails of its owner and of the other hunter."""
    place = {"trap-1": "一本杉", "trap-2": "炭焼き", "trap-3": "終点"}[trap]
    place_en = {"trap-1": "cedar", "trap-2": "kiln", "trap-3": "forest road"}[trap]
    told = [("yamane", place), ("inukai", place_en)]
    before = [len(town.mails(*one)) for one in told]
    town.springs(trap)
    wait_until(
        lambda: all(len(town.mails(*one)) > n for one, n in zip(told, before, strict=True)), "both are told"
    )
    return town.link("yamane", place), town.link("inukai", place_en)


def waiting(town: PageTown) -> str:
    """The owner's link to a trap that has sprung and is not yet dealt with."""
    sprung_now = [
        a for a in town.alerts("trap") if a["device"] == "trap-2" and a.get("state", "open") == "open"
    ]
    return town.link("yamane", "炭焼き") if sprung_now else sprung(town, "trap-2")[0]


def asked(town: PageTown) -> str:
    """The office's link in a test message."""
    if not town.mails("bosai", "テスト"):
        assert naruko("test-message", "send", "-c", town.hub.folder).returncode == 0
    return town.link("bosai", "テスト")


def state_of(town: PageTown, trap: str) -> str:
    return str([a for a in town.alerts("trap") if a["device"] == trap][-1].get("state", "open"))


def task_of(town: PageTown, trap: str) -> dict[str, object]:
    task = [a for a in town.alerts("trap") if a["device"] == trap][-1].get("task")
    return dict(task or {})


# --- the life ---------------------------------------------------------------------------------------


def test_a_hunter_takes_a_trap_arrives_reports_with_a_photo_and_sets_it_again(
    town: PageTown, browser: Browser, tmp_path: Path
) -> None:
    link, _ = sprung(town, "trap-1")
    phone = browser.phone(SMALL, script=False).opens(link)
    photo = phone.picture(tmp_path / "photo.jpg")
    assert "一本杉の奥" in phone.text
    assert phone.biggest() == "行きます"
    assert "ひとりで近づかない" in phone.text

    phone.touches("20分").taps("行きます")
    assert "あなたが向かっています" in phone.text
    wait_until(lambda: town.mails("inukai", "on the way"), "the other hunter is told who goes")
    assert task_of(town, "trap-1")["who"] == "yamane"

    phone.taps("着きました")
    assert "あなたが現地にいます" in phone.text
    assert phone.biggest() == "終わりました"

    phone.taps("終わりました")
    phone.touches("捕獲した", "どうでしたか").touches("イノシシ", "動物").touches("オス", "性別")
    phone.touches("成獣", "成獣・幼獣").touches("埋めた", "処分").attaches(photo)
    phone.touches("まだ（あとで）", "わなはどうしましたか").taps("送る")
    assert "報告しました" in phone.text
    assert phone.biggest() == "わなを仕掛け直しました"
    assert phone.photos() == 1
    wait_until(lambda: town.mails("bosai", "一本杉"), "the office hears how it ended")
    assert state_of(town, "trap-1") == "open"

    phone.taps("わなを仕掛け直しました")
    assert "終わりました" in phone.text
    assert state_of(town, "trap-1") == "resolved"
    [done] = town.acts("done")
    assert done.who == "yamane"
    said = {"result": "captured", "species": "boar", "sex": "male", "age": "adult", "disposal": "buried"}
    assert said.items() <= done.form.items()


def test_what_is_missing_in_the_form_is_said_at_once_and_what_was_filled_in_stays(
    town: PageTown, browser: Browser
) -> None:
    link, _ = sprung(town, "trap-2")
    phone = browser.phone(SMALL, script=False).opens(link)
    phone.taps("行きます").taps("着きました").taps("終わりました")
    phone.types("ひとこと", "林道に倒木あり").touches("捕獲した", "どうでしたか").taps("送る")
    assert phone.text.count("選んでください") >= 2
    assert phone.value("ひとこと") == "林道に倒木あり"
    phone.touches("何もいなかった", "どうでしたか").touches("仕掛け直した", "わなはどう").taps("送る")
    assert state_of(town, "trap-2") == "resolved"


def test_of_two_who_tap_at_the_same_moment_one_goes_first_and_the_other_goes_too(
    town: PageTown, browser: Browser
) -> None:
    owner, other = sprung(town, "trap-3")
    first = browser.phone(SMALL, script=False).opens(owner)
    second = browser.phone(USUAL, script=False, lang="en").opens(other)
    first.taps_both(second, "行きます", "I am going")
    task = task_of(town, "trap-3")
    assert {task["who"], *task["others"]} == {"yamane", "inukai"}  # type: ignore[misc]
    shown = [first.text, second.text]
    assert ("Tsuyoshi Inukai" in shown[0]) or ("山根 猛" in shown[1])
    (first if task["who"] == "yamane" else second).taps(
        "着きました" if task["who"] == "yamane" else "I am there"
    )
    assert task_of(town, "trap-3")["stage"] == "on_site"


def test_tapped_twice_it_is_done_once(town: PageTown, browser: Browser) -> None:
    town.says("trap-1", {"type": "trap", "state": "armed"})
    link, _ = sprung(town, "trap-1")
    phone, again = (browser.phone(SMALL, script=False).opens(link) for _ in range(2))
    phone.taps("行きます")
    again.taps("行きます")
    assert "あなたが向かっています" in again.text
    assert task_of(town, "trap-1").get("others", []) == []
    again.taps("行けなくなりました")


# --- links ------------------------------------------------------------------------------------------


def test_what_a_mail_scanner_fetches_changes_nothing(town: PageTown) -> None:
    """It follows every link with GET and HEAD, and every link on the page too."""
    town.says("trap-2", {"type": "trap", "state": "armed"})
    link, _ = sprung(town, "trap-2")
    before, acts = task_of(town, "trap-2"), len(town.acts("take", "done", "trap_reset"))
    for url in (link, f"{link}?do=take&eta=10", f"{link}?step=done"):
        for method in ("GET", "HEAD"):
            with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:  # noqa: S310
                assert answer.status == 200
                assert answer.headers["cache-control"] == "no-store"
    assert task_of(town, "trap-2") == before
    assert len(town.acts("take", "done", "trap_reset")) == acts


def test_a_link_whose_time_is_over_and_one_that_was_cut_say_so_kindly(
    town: PageTown, browser: Browser
) -> None:
    over = town.link_of(Purpose.OFFICE, "bosai", SystemClock().now() - 120_000)
    phone = browser.phone(SMALL, script=False).opens(over)
    assert phone.status == 410
    assert "期限が切れました" in phone.text
    assert "役場 0263-00-0000" in phone.text
    phone.opens(town.link_of(Purpose.OFFICE, "bosai")[:-4])
    assert phone.status == 404
    assert "このページは開けません" in phone.text


def test_a_link_for_one_thing_opens_no_other_page(town: PageTown, browser: Browser) -> None:
    token = town.link_of(Purpose.OFFICE, "bosai").rsplit("/", 1)[1]
    phone = browser.phone(SMALL, script=False)
    for purpose in "ahpjm":
        assert phone.opens(f"{town.place}/{purpose}/{token}").status == 404


# --- the answer to the test message -----------------------------------------------------------------


def test_who_gets_the_test_message_taps_once_and_is_no_longer_missing(
    town: PageTown, browser: Browser
) -> None:
    def missing() -> list[str]:
        return naruko("test-message", "list", "-c", town.hub.folder).stdout.splitlines()[1:]

    assert naruko("test-message", "send", "-c", town.hub.folder).returncode == 0
    link = town.link("mizuta", "テスト")
    assert "mizuta" in missing()
    phone = browser.phone(SMALL, script=False).opens(link)
    assert phone.biggest() == "鳴りました"
    assert "mizuta" in missing(), "looking at it is no answer"
    phone.taps("鳴りました")
    assert "ありがとうございます" in phone.text
    assert "mizuta" not in missing()
    assert phone.opens(link).buttons() == []


def test_the_link_of_an_older_test_answers_nothing(town: PageTown, browser: Browser) -> None:
    asked(town)
    older = town.link("inukai", "TEST")
    assert naruko("test-message", "send", "-c", town.hub.folder).returncode == 0
    wait_until(lambda: town.link("inukai", "TEST") != older, "the next test has come")
    phone = browser.phone(SMALL, lang="en").opens(older)
    assert phone.status == 410
    assert "This test is over" in phone.text


# --- far from any mast ------------------------------------------------------------------------------


def test_at_the_edge_of_the_network_the_page_is_light_and_the_tap_arrives(
    town: PageTown, browser: Browser
) -> None:
    phone = browser.phone(SMALL, script=False).slow()
    phone.opens(town.link_of(Purpose.PATROL, "yamane"))
    assert phone.weight() < MOST_BYTES
    phone.opens(waiting(town))
    assert phone.weight() < MOST_BYTES
    phone.taps("行きます")
    assert "あなたが向かっています" in phone.text
    phone.taps("行けなくなりました")


def test_what_was_tapped_without_a_signal_is_tapped_again_with_one(town: PageTown, browser: Browser) -> None:
    phone = browser.phone(SMALL, script=False).opens(waiting(town))
    phone.offline()
    with pytest.raises(BrowserError, match="not on the page"):
        phone.taps("行きます").taps("着きました")
    assert task_of(town, "trap-2").get("stage", "waiting") == "waiting"
    phone.online().opens(waiting(town)).taps("行きます")
    assert task_of(town, "trap-2")["stage"] == "taken"
    phone.taps("行けなくなりました")


# --- for everybody's eyes and thumbs ----------------------------------------------------------------

PAGES = ("alert", "form", "office", "patrol", "mine", "heard", "expired")


def opened(town: PageTown, phone: Phone, page: str, lang: str) -> Phone:
    of_trap, office = waiting(town), town.link_of(Purpose.OFFICE, "bosai")
    links = {
        "alert": of_trap,
        "form": f"{of_trap}?step=done",
        "office": office,
        "patrol": town.link_of(Purpose.PATROL, "yamane"),
        "mine": town.link_of(Purpose.MINE, "yamane"),
        "heard": asked(town),
        "expired": office[:-3],
    }
    url = links[page]
    return phone.opens(f"{url}{'&' if '?' in url else '?'}lang={lang}")


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_meets_wcag_in_light_and_in_dark_and_fits_an_old_phone(
    town: PageTown, browser: Browser, page: str, lang: str
) -> None:
    for scheme in ("light", "dark"):
        phone = opened(town, browser.phone(SMALL, scheme=scheme), page, lang)  # type: ignore[arg-type]
        assert phone.violations() == []
        assert phone.overflow() <= 0
        assert phone.too_small() == []
        assert phone.weight() < MOST_BYTES
