"""Logging in, one's own account and the users' page, as a browser gets them from a running hub."""

import re
from types import SimpleNamespace

import pytest
import yaml

from hub.acts import HANDLERS
from hub.config.settings import Web
from hub.console import access, login, sessions
from hub.console.users import ConsoleRole
from hub.console.views import past
from hub.model import Act
from hub.web.words import known
from hub.web.words import plain as text
from tests.consoles import HASH, PASSWORD, Visitor, console, place
from tests.data import ROOT
from tests.waiting import until

ADMIN, OPERATOR, VIEWER = ConsoleRole.ADMIN, ConsoleRole.OPERATOR, ConsoleRole.VIEWER
PATHS = ("/login", "/logout", "/console", "/console/me", "/console/users")


async def test_without_the_setting_none_of_it_is_there(tmp_path) -> None:
    async with console(tmp_path, place(web=Web(port=0))) as browser:
        unknown = await browser.get("/nothing")
        for path in PATHS:
            for answer in (await browser.get(path), await browser.post(path, {})):
                assert answer.status == unknown.status == 404
            assert (await browser.get(path)).text.replace(path, "") == unknown.text.replace("/nothing", "")


async def test_without_a_user_the_page_says_which_command_makes_one(tmp_path) -> None:
    async with console(tmp_path) as browser:
        assert "naruko user add NAME --role admin" in (await browser.get("/login")).text
        assert (await browser.logs_in("admin", "")).status == 401
    async with console(tmp_path, yamada=ADMIN) as browser:
        assert "naruko user add" not in (await browser.get("/login")).text


async def test_one_logs_in_comes_to_the_page_that_was_asked_for_and_logs_out(tmp_path) -> None:
    async with console(tmp_path, yamada=OPERATOR) as browser:
        asked = await browser.get("/console/me?lang=en")
        assert asked.location == "/login?next=/console/me%3Flang%3Den"
        then = (await browser.get(asked.location)).hidden("next")
        answer = await browser.logs_in("Yamada ", next=then)
        assert (answer.status, answer.location) == (303, "/console/me?lang=en")
        page = await browser.get("/console")
        assert "yamada (operator)" in page.text
        assert "/console/users" not in page.text
        assert (await browser.get("/login")).location == "/console"
        assert (await browser.sends("/logout")).location.startswith("/login?out")
        assert browser.cookies == {}
        assert (await browser.get("/console")).status == 303
        assert [(act.who, act.form["from"]) for act in browser.acts("login")] == [
            ("user:yamada", "127.0.0.1")
        ]
        assert len(browser.acts("logout")) == 1


async def test_a_session_outlives_a_restart_of_the_hub_and_the_ledger_has_only_its_hash(tmp_path) -> None:
    async with console(tmp_path, yamada=OPERATOR) as browser:
        await browser.logs_in("yamada")
        (token,) = browser.cookies.values()
        csrf = (await browser.get("/console/me")).hidden("csrf")
    for file in tmp_path.glob("naruko.db*"):
        assert token.encode() not in file.read_bytes()
    async with console(tmp_path) as again:
        later = Visitor(again.hub, cookies=browser.cookies)
        assert (await later.get("/console")).status == 200
        assert (await later.post("/logout", {"csrf": csrf})).status == 303  # also of a form from before


async def test_a_request_writes_nothing_into_the_ledger(tmp_path) -> None:
    async with console(tmp_path, yamada=VIEWER) as browser:
        await browser.logs_in("yamada")
        acts = len(browser.hub.ledger.acts_on("yamada"))
        ((key, session),) = browser.hub.pipeline.state.rooms["session"].items()
        for _ in range(5):
            await browser.get("/console")
        assert browser.hub.pipeline.state.rooms["session"][key] is session
        aged = sessions.ConsoleSession("yamada", session.since, session.seen - sessions.RENEW, "")
        browser.hub.pipeline.state.rooms["session"][key] = aged
        await browser.get("/console")
        assert browser.hub.pipeline.state.rooms["session"][key].seen >= session.seen
        assert len(browser.hub.ledger.acts_on("yamada")) == acts


async def test_what_is_over_is_over(tmp_path) -> None:
    async with console(tmp_path, yamada=VIEWER) as browser:
        await browser.logs_in("yamada")
        ((key, one),) = browser.hub.pipeline.state.rooms["session"].items()
        for since, seen in ((one.since, one.seen - sessions.IDLE), (one.since - sessions.LONGEST, one.seen)):
            browser.hub.pipeline.state.rooms["session"][key] = sessions.ConsoleSession("yamada", since, seen)
            assert (await browser.get("/console")).status == 303


async def test_logging_out_everywhere_ends_the_other_browsers_too(tmp_path) -> None:
    async with console(tmp_path, yamada=VIEWER, tanaka=VIEWER) as first:
        second, third = first.other(), first.other()
        for browser, name in ((first, "yamada"), (second, "yamada"), (third, "tanaka")):
            await browser.logs_in(name)
        assert (await first.get("/console/me")).text.count('<th scope="row">') == 2
        await first.sends("/logout", everywhere="1")
        assert (await second.get("/console")).status == 303
        assert (await third.get("/console")).status == 200


async def test_a_changed_password_keeps_this_browser_and_ends_all_others(tmp_path) -> None:
    new = "a heron stands still"
    async with console(tmp_path, yamada=VIEWER) as first:
        second = first.other()
        await first.logs_in("yamada")
        await second.logs_in("yamada")
        before = dict(first.cookies)
        for old, given, again, said in (
            ("wrong", new, new, "present password is wrong"),
            (PASSWORD, "short", "short", "too short"),
            (PASSWORD, "password123", "password123", "commonest"),
            (PASSWORD, new, new + "x", "differ"),
        ):
            refused = await first.sends("/console/me", old=old, new=given, again=again)
            assert (refused.status, said in refused.text) == (422, True)
        done = await first.sends("/console/me", old=PASSWORD, new=new, again=new)
        assert done.status == 303
        assert first.cookies != before
        assert "The password is changed." in (await first.get(done.location)).text
        assert (await second.get("/console")).status == 303
        assert (await second.logs_in("yamada")).status == 401
        assert (await second.logs_in("yamada", new)).status == 303
        assert [act.form for act in first.acts("user_password")] == [{"from": "127.0.0.1"}]


async def test_an_admin_adds_changes_and_removes_users_and_never_the_last_admin(tmp_path) -> None:
    async with console(tmp_path, yamada=ADMIN) as browser:
        await browser.logs_in("yamada")
        both = {"password": PASSWORD, "again": PASSWORD}
        for form, said in (
            ({"name": "Tanaka", "role": "viewer"} | both, "A user name begins"),
            ({"name": "yamada", "role": "viewer"} | both, "already"),
            ({"name": "tanaka", "role": "king"} | both, "choose a role"),
            ({"name": "tanaka", "role": "viewer", "password": PASSWORD, "again": ""}, "differ"),
        ):
            refused = await browser.sends("/console/users", do="add", **form)
            assert (refused.status, said in refused.text) == (422, True)
            assert PASSWORD not in refused.text
        await browser.sends("/console/users", do="add", name="tanaka", role="viewer", **both)
        other = browser.other()
        assert (await other.logs_in("tanaka")).status == 303
        assert (await other.get("/console/users")).status == 403
        await browser.sends("/console/users", do="role", name="tanaka", role="admin")
        assert (await other.get("/console/users")).status == 200  # at once
        await browser.sends("/console/users", do="remove", name="tanaka")
        assert (await other.get("/console")).status == 303
        for lost in ({"do": "remove"}, {"do": "role", "role": "viewer"}):
            refused = await browser.sends("/console/users", name="yamada", **lost)
            assert (refused.status, "last admin" in refused.text) == (422, True)
        (added,) = browser.acts("user_add")[1:]
        assert (added.who, added.source, added.target) == ("user:yamada", "console", "tanaka")
        assert added.form == {"role": "viewer", "from": "127.0.0.1"}


async def test_failed_logins_are_written_down_and_a_flood_is_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(login, "SLOWER_S", 0.0)
    monkeypatch.setattr(access, "LOGINS_A_MINUTE", 1_000)
    async with console(tmp_path, yamada=VIEWER) as browser:
        for _ in range(20):
            await browser.logs_in("yamada", "wrong password")
        await browser.logs_in("secret typed in the wrong field", "x")

        def told() -> list[tuple[str, str]]:
            return [(act.target, act.form["count"]) for act in browser.acts("login_failed")]

        await until(lambda: told() == [("yamada", "1"), ("", "1")], "one line for each")
        monkeypatch.setattr(login, "TOLD_S", 0.0)
        await browser.get("/login")
        await until(lambda: told()[2:] == [("yamada", "19")], "and the rest of the flood")
    assert not any(b"wrong field" in file.read_bytes() for file in tmp_path.glob("naruko.db*"))


async def test_many_guesses_are_slowed_down_and_the_owner_still_gets_in(tmp_path, monkeypatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with console(tmp_path, yamada=VIEWER) as browser:
        monkeypatch.setattr(login, "asyncio", SimpleNamespace(sleep=sleep))
        guesses = [browser.other(X_Forwarded_For=f"203.0.113.{n}") for n in range(15)]
        for guess in guesses:
            assert (await guess.logs_in("yamada", "wrong password")).status == 401
        assert len(waited) >= 4
        owner = browser.other(X_Forwarded_For="198.51.100.1")
        assert (await owner.logs_in("yamada")).status == 303
        one = browser.other(X_Forwarded_For="203.0.113.99")
        answers = [await one.logs_in("nobody", "wrong password") for _ in range(12)]
        assert [answer.status for answer in answers[-1:]] == [429]
        assert answers[-1].headers["retry-after"]


def test_every_word_of_the_console_is_there_in_both_languages_and_is_used() -> None:
    files = sorted((ROOT / "hub/wording/console").glob("*.yaml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text("utf-8")).items()]
    assert len(groups) == len(dict(groups)), "a group stands in one file"
    for group, entries in groups:
        for key, words in entries.items():
            assert [type(word) for word in words] == [str, str], f"{group}.{key}"
            named = [set(re.findall(r"\{(\w+)\}", word)) for word in words]
            assert named[0] == named[1], f"{group}.{key}"


@pytest.mark.parametrize("name", ["hub.console.access", "hub.console.login"])
def test_a_hub_without_a_console_does_not_load_it(name: str) -> None:
    source = (ROOT / "hub/web/server.py").read_text("utf-8")
    assert f"\nfrom {name.rpartition('.')[0]}" not in source
    assert HASH


async def test_an_admin_reads_who_did_what_and_from_where(tmp_path) -> None:
    async with console(tmp_path, yamada=ConsoleRole.ADMIN, tanaka=ConsoleRole.OPERATOR) as browser:
        await browser.other().logs_in("tanaka")
        await browser.hub.do(
            Act(0, 0, "user:tanaka", "console", "silence", "device/cam", form={"from": "10.1.2.3"})
        )
        await browser.logs_in("yamada")
        rows = re.findall("<tr><td>.*</tr>", (await browser.get("/console/acts?lang=en")).text)
        assert all(said in rows[0] for said in ("yamada", "logged in", "127.0.0.1"))
        assert all(said in rows[1] for said in ("tanaka", "silenced", "10.1.2.3"))
        older = await browser.get("/console/acts?before=1")
        assert older.status == 200
        assert "<tr><td>" not in older.text


async def test_what_was_done_is_said_in_full_and_nothing_that_is_secret(tmp_path) -> None:
    def did(kind: str, target: str, detail: str = "", **form: str) -> Act:
        return Act(0, 0, "user:yamada", "console", kind, target, detail, form)

    async with console(tmp_path, yamada=ConsoleRole.ADMIN, cam=ConsoleRole.VIEWER) as browser:
        await browser.hub.do(
            did("silence", "device/cam", minutes="60"),
            did("user_role", "cam", role="operator"),
            did("take", "a-1", **{"for": "farmer", "eta": "20"}),
            did("cancel", "a-1", "流木"),
            did("label", "a-1", label="false"),
            did("prefer", "farmer", quiet="8", mail="geheim@example.jp"),
            did("user_password", "cam", password=HASH),
        )
        await browser.logs_in("yamada")
        page = (await browser.get("/console/acts?lang=en")).text
        rows = re.findall("<tr><td>.*</tr>", page)[1:8]
        said = [re.findall("<td[^>]*>(.*?)</td>", row)[2:4] for row in rows]
        device, person = browser.hub.town.devices["cam"].name_en, browser.hub.town.people["farmer"].name
        assert said[::-1] == [
            [device, "for 60 min"],
            ["cam", "role: operator"],
            ["a-1", f"who goes: {person}, there in 20 min"],
            ["a-1", "流木"],
            ["a-1", "label: false"],
            [person, ""],
            ["cam", ""],
        ]
        assert re.search(r"<tr><td>20\d\d/\d\d/\d\d \d\d:\d\d</td>", page)
        assert "geheim" not in page
        assert HASH not in page


async def test_who_is_no_admin_does_not_read_what_others_did(tmp_path) -> None:
    async with console(tmp_path, tanaka=ConsoleRole.OPERATOR) as browser:
        await browser.logs_in("tanaka")
        assert (await browser.get("/console/acts")).status == 403


def test_one_thing_has_one_word_on_all_pages() -> None:
    said = (ROOT / "hub/wording/console").glob("*.yaml")
    pages = "".join(file.read_text("utf-8") for file in said)
    others = [
        "動物センサー",
        "首輪",
        "作業中",
        "整備中",
        "継続中の警報",
        "連絡のない機器",
        "試しの",
        "【テスト】",
    ]
    assert [word for word in others if word in pages] == []
    assert [text(lang, "office.mode_test") for lang in ("ja", "en")] == ["試験", "TEST"]
    assert text("ja", "map_page.test") == text("ja", "history.mode_test") == "【試験】"
    assert past.MODES["test"][0] == "試験"


def test_every_act_has_words_on_the_page_of_acts() -> None:
    assert [kind for kind in HANDLERS if not known(f"acts.kind_{kind}")] == []
