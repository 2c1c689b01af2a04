"""The pages of an invitation and of one's own entry, as a phone gets them from a running hub."""

import asyncio
import contextlib
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from hub.app import Hub
from hub.config.policy import TrapPolicy
from hub.config.settings import Web
from hub.links import Purpose
from hub.model import Act
from hub.people.enrolment import DAY
from hub.web.join import sender
from hub.web.mine import masked
from hub.web.sheet import sheet
from tests.hubs import Told, hub_of
from tests.roll import MAIL, NTFY, file_bytes
from tests.towns import camera, person, square, town
from tests.waiting import until


def place(**channels):
    found = town(
        devices=[camera("cam")],
        zones=[square("paddy", "paddy")],
        people=[person("ops", "operator"), person("farmer", "farmer", zones=("paddy",))],
        trap=TrapPolicy(patrol_by=None),
    )
    site = found.site.model_copy(update={"hub_url": "https://naruko.example.jp"})
    given = {"mail": MAIL, "ntfy": NTFY} | channels
    return replace(
        found, hub=found.hub.model_copy(update={"site": site, "web": Web(port=0), "channels": given})
    )


class Answer:
    def __init__(self, status: int, path: str, text: str) -> None:
        self.status, self.path, self.text = status, path, text


class Visitor:
    """A phone that follows links and sends forms."""

    def __init__(self, hub: Hub, told: Told) -> None:
        self.hub, self.sent = hub, told.notifications

    async def get(self, path: str, **headers: str) -> Answer:
        return await asyncio.to_thread(self._ask, path, None, headers)

    async def post(self, path: str, **form: str) -> Answer:
        return await asyncio.to_thread(self._ask, path, form, {})

    def _ask(self, path: str, form: dict[str, str] | None, headers: dict[str, str]) -> Answer:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        url = f"http://127.0.0.1:{self.hub.web_port}{path}"
        request = urllib.request.Request(url, data, {"Accept-Language": "ja"} | headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return Answer(
                    answer.status, answer.url.partition(str(self.hub.web_port))[2], answer.read().decode()
                )
        except urllib.error.HTTPError as error:
            return Answer(error.code, path, error.read().decode())

    async def invited(self, id: str = "inv", **form: str) -> str:
        """The path of an invitation's page."""
        given = {"roles": "farmer", "zones": "paddy"} | form
        await self.hub.do(Act(0, 0, who="bosai", source="cli", kind="invite", target=id, form=given))
        return self.path(Purpose.JOIN, id)

    def path(self, purpose: Purpose, id: str, ends_in: int = DAY) -> str:
        links = self.hub.pipeline.links
        return links.of(purpose, id, self.hub.clock.now() + ends_in).removeprefix(links.base)

    def people(self) -> list[str]:
        return list(self.hub.pipeline.town.people)


def hidden(answer: Answer) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(id|topic)" value="([^"]+)"', answer.text))


@contextlib.asynccontextmanager
async def visiting(folder: Path, ground=None):
    told = Told()
    async with hub_of(ground or place(), folder / "naruko.db", told=told, connected=False) as hub:
        await until(lambda: hub.web_port is not None, "the pages are there")
        yield Visitor(hub, told)


FILLED = {"name": "薄井えみ", "mail": "usui.emi@example.jp", "lang": "ja", "yes": "1"}


# --- the invitation ------------------------------------------------------------------------------------


async def test_from_the_code_on_paper_to_the_first_message_and_it_rang(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited()
        page = await phone.get(path)
        assert page.status == 200
        for said in ("農家の方", "町役場 0263-00-0000", "いつでもやめられます", "naruko@example.jp"):
            assert said in page.text
        mine = await phone.post(path, **hidden(page), **FILLED)
        assert mine.path.startswith("/m/")
        for said in ("登録しました", "鳴りましたか？", "薄井えみ", "us…@example.jp"):
            assert said in mine.text
        assert "usui.emi@" not in mine.text
        (id,) = set(phone.people()) - {"ops", "farmer"}
        await until(lambda: [n.recipient for n in phone.sent] == [id], "the test message was sent")
        heard = await phone.post(mine.path.partition("?")[0], do="rang")
        assert "鳴りましたか？" not in heard.text
        assert phone.hub.pipeline.state.rooms["said"][id].heard_at


async def test_to_look_at_it_changes_nothing_and_uses_nothing_up(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited()
        first, second = await phone.get(path), await phone.get(path)
        assert hidden(first) != hidden(second)
        assert phone.people() == ["ops", "farmer"]
        assert phone.hub.pipeline.state.rooms["invitation"]["inv"].used == 0


async def test_all_that_is_wrong_is_said_at_once_and_what_was_right_is_kept(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited()
        page = await phone.post(path, **hidden(await phone.get(path)), name="山田", mail="yamada", lang="en")
        assert page.status == 422
        assert "2か所を直してください" in page.text
        for said in ("メールアドレスの形がちがいます", "同意の欄に印を", 'value="山田"', 'value="yamada"'):
            assert said in page.text
        assert phone.people() == ["ops", "farmer"]


async def test_a_second_tap_is_the_same_person_also_where_the_invitation_was_for_one(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited()
        form = hidden(await phone.get(path)) | FILLED
        answers = await asyncio.gather(*(phone.post(path, **form) for _ in range(3)))
        assert [answer.path[:3] for answer in answers] == ["/m/"] * 3
        assert len(phone.people()) == 3


async def test_who_only_knows_an_id_does_not_get_that_persons_page(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited(uses="5")
        form = hidden(await phone.get(path)) | FILLED
        await phone.post(path, **form)
        answer = await phone.post(path, **form | {"mail": "other@example.jp"})
        assert answer.status == 410


@pytest.mark.parametrize(
    ("why", "said"),
    [("used", "もう使われました"), ("over", "期限が切れました"), ("gone", "取り消されました")],
)
async def test_an_invitation_that_is_no_more_says_kindly_why_and_whom_to_ask(why, said, tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited()
        if why == "used":
            await phone.post(path, **hidden(await phone.get(path)), **FILLED)
        elif why == "gone":
            await phone.invited(uses="0")
        else:
            path = phone.path(Purpose.JOIN, "inv", -DAY)
        for answer in (await phone.get(path), await phone.post(path, **FILLED)):
            assert answer.status == 410
            assert said in answer.text
            assert "町役場" in answer.text


async def test_a_machine_that_fills_in_everything_enrols_nobody(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited()
        answer = await phone.post(path, **hidden(await phone.get(path)), **FILLED, website="x")
        assert answer.status == 404
        assert phone.people() == ["ops", "farmer"]


async def test_a_link_of_another_purpose_is_no_invitation(tmp_path):
    async with visiting(tmp_path) as phone:
        await phone.invited()
        token = phone.path(Purpose.MINE, "inv").rpartition("/")[2]
        assert (await phone.get(f"/j/{token}")).status == 404


async def test_with_the_app_the_page_shows_the_secret_topic_until_it_rang(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited()
        form = hidden(await phone.get(path))
        mine = await phone.post(path, **form, name="山田", ntfy="1", lang="ja", yes="1")
        assert form["topic"] in mine.text
        assert "http://127.0.0.1:2586" in mine.text
        heard = await phone.post(mine.path.partition("?")[0], do="rang")
        assert form["topic"] not in heard.text


async def test_the_page_is_there_in_three_languages(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited(lang="en")
        assert "Sign up for alerts" in (await phone.get(path)).text
        assert "おしらせの とうろく" in (await phone.get(f"{path}?lang=ja-easy")).text
        assert "お知らせの登録" in (await phone.get(f"{path}?lang=ja")).text


# --- one's own entry -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["pt", "zh", "vi"])
async def test_messages_come_in_more_languages_than_the_pages(tmp_path, lang):
    """Who reads one of these gets the pages in easy Japanese."""
    async with visiting(tmp_path) as phone:
        path = phone.path(Purpose.MINE, "farmer")
        assert f'<option value="{lang}"' in (await phone.get(path)).text
        changed = await phone.post(path, do="lang", lang=lang)
        assert f'<option value="{lang}" selected' in changed.text
        assert "おしらせ" in changed.text
        assert phone.hub.pipeline.town.people["farmer"].lang == lang
        await phone.post(path, do="test")
        await until(lambda: [n.template for n in phone.sent] == ["test"], "one test was sent")
        assert {"pt": "Isto é um teste", "zh": "这是测试", "vi": "Đây là tin thử"}[lang] in phone.sent[0].body


async def test_language_quiet_hours_and_another_test_are_one_tap_each(tmp_path):
    async with visiting(tmp_path) as phone:
        path = phone.path(Purpose.MINE, "farmer")
        assert "役場の名簿から" in (await phone.get(path)).text
        assert "The language is changed" in (await phone.post(path, do="lang", lang="en")).text
        assert phone.hub.pipeline.town.people["farmer"].lang == "en"
        assert "Quiet until" in (await phone.post(path, do="quiet", quiet="8")).text
        said = phone.hub.pipeline.state.rooms["said"]["farmer"]
        assert 7 * 3_600_000 < said.quiet_until - phone.hub.clock.now() <= 8 * 3_600_000
        assert "Quiet until" not in (await phone.post(path, do="quiet", quiet="0")).text
        assert "on its way" in (await phone.post(path, do="test")).text
        assert "wait a little" in (await phone.post(path, do="test")).text
        await until(lambda: [n.template for n in phone.sent] == ["test"], "one test was sent")


async def test_one_tap_and_one_is_gone_and_the_link_with_it(tmp_path):
    async with visiting(tmp_path) as phone:
        path = await phone.invited()
        mine = await phone.post(path, **hidden(await phone.get(path)), **FILLED)
        own = mine.path.partition("?")[0]
        gone = await phone.post(own, do="leave")
        assert "やめました" in gone.text
        assert "消しました" in gone.text
        assert phone.people() == ["ops", "farmer"]
        await until(lambda: "薄井えみ".encode() not in file_bytes(tmp_path / "naruko.db"), "no byte is left")
        again = await phone.post(own, do="leave")
        assert "やめました" in again.text
        assert (await phone.get(own)).status == 410


async def test_who_stands_in_the_file_hears_that_the_office_was_asked(tmp_path):
    async with visiting(tmp_path) as phone:
        gone = await phone.post(phone.path(Purpose.MINE, "farmer"), do="leave")
        assert "名簿から消すように伝えました" in gone.text
        assert phone.people() == ["ops"]
        await until(lambda: [n.template for n in phone.sent] == ["person_left"], "the operators are told")


async def test_to_look_at_the_own_page_changes_nothing(tmp_path):
    async with visiting(tmp_path) as phone:
        await phone.get(phone.path(Purpose.MINE, "farmer") + "?did=leave&do=leave")
        assert phone.people() == ["ops", "farmer"]
        assert phone.hub.pipeline.state.rooms["said"] == {}


# --- pure pieces -----------------------------------------------------------------------------------------


def test_an_address_is_shown_so_that_only_its_owner_knows_it_again():
    assert masked("mail", "usui.emi@example.jp") == "us…@example.jp"
    assert masked("sms", "09012345678") == "090…78"
    assert masked("ntfy", "naruko-abc") == ""


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mailto://mail.example.jp?from=naruko@town.jp&to={address}", "naruko@town.jp"),
        ("mailtos://naruko:secret@town.jp?to={address}", "naruko@town.jp"),
        ("mailtos://naruko%40town.jp:secret@smtp.town.jp?to={address}", "naruko%40town.jp@smtp.town.jp"),
    ],
)
def test_the_sender_to_let_through_is_read_from_the_towns_url(url, found):
    assert sender(place(mail=SecretStr(url))) == found


def test_the_sheet_holds_all_that_it_needs_and_asks_nothing_of_the_network():
    page = sheet(place(), "https://naruko.example.jp/j/TOKEN", 1_796_000_000_000)
    for said in ("<svg", "https://naruko.example.jp/j/TOKEN", "Sign up for alerts", "町役場 0263-00-0000"):
        assert said in page
    assert not re.search(r"<(script|link|img)|@import|url\(", page)
