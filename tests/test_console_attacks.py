"""What somebody may try against the console who is no user of it, or a lesser one."""

import asyncio
import logging

import pytest

from hub.clock import monotonic
from hub.config.settings import Console
from hub.console import passwords, sessions
from hub.console.users import ConsoleRole
from hub.model import Message
from tests.consoles import PASSWORD, Visitor, console, place
from tests.hubs import Told, up
from tests.waiting import until

ADMIN, OPERATOR, VIEWER = ConsoleRole.ADMIN, ConsoleRole.OPERATOR, ConsoleRole.VIEWER
TOWN = "https://naruko.example.jp"
BY_PROXY = {
    "identity_header": "X-Auth-Email",
    "groups_header": "X-Auth-Groups",
    "roles": {"joho": "admin", "bosai": "operator"},
    "trusted_proxies": ("127.0.0.1",),
}


def proxied(**other: object):
    """A town whose proxy stands where the tests ask from, unless it is said otherwise."""
    return place(**(Console(**(BY_PROXY | other)).model_dump()))


# --- cookies and sessions ---------------------------------------------------------------------------


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(tmp_path) -> None:
    async with console(tmp_path, place(TOWN), yamada=VIEWER) as browser:
        plain = (await browser.logs_in("yamada")).cookies["naruko"]
        assert (plain["httponly"], plain["samesite"], plain["path"], plain["secure"]) == (
            True,
            "lax",
            "/",
            "",
        )
        assert plain["domain"] == ""
        for headers in ({"Host": "naruko.example.jp"}, {"X-Forwarded-Proto": "https"}):
            form = {"name": "yamada", "password": PASSWORD}
            answer = await browser.other(**headers).post("/login", form, Origin=TOWN)
            strict = answer.cookies["__Host-naruko"]
            assert (strict["httponly"], strict["secure"], strict["path"]) == (True, True, "/")


async def test_a_cookie_of_the_open_network_is_nothing_over_https(tmp_path) -> None:
    async with console(tmp_path, place(TOWN), yamada=VIEWER) as browser:
        await browser.logs_in("yamada")
        assert (await browser.get("/console")).status == 200
        assert (await browser.get("/console", **{"X-Forwarded-Proto": "https"})).status == 303


async def test_a_session_that_was_put_into_a_browser_beforehand_is_not_the_one_it_gets(tmp_path) -> None:
    async with console(tmp_path, yamada=VIEWER, mallory=VIEWER) as mallory:
        fixed = Visitor(mallory.hub, cookies={"naruko": "known-to-the-attacker"})
        await fixed.logs_in("yamada")
        assert fixed.cookies["naruko"] != "known-to-the-attacker"
        await mallory.logs_in("mallory")
        planted = Visitor(mallory.hub, cookies=dict(mallory.cookies))
        await planted.logs_in("yamada")
        assert planted.cookies != mallory.cookies
        assert (await mallory.get("/console")).status == 303  # the planted one has ended
        assert "yamada" in (await planted.get("/console")).text


async def test_the_key_that_stands_in_the_ledger_opens_nothing(tmp_path) -> None:
    async with console(tmp_path, yamada=VIEWER) as browser:
        await browser.logs_in("yamada")
        (key,) = browser.hub.pipeline.state.rooms["session"]
        for guess in (key, "", "x" * 5_000, "é"):
            other = Visitor(browser.hub, {"Cookie": f"naruko={guess}".encode("latin-1").decode("latin-1")})
            assert (await other.get("/console")).status == 303


async def test_of_one_user_20_browsers_are_logged_in_and_the_oldest_is_not(tmp_path) -> None:
    async with console(tmp_path, yamada=VIEWER) as first:
        await first.logs_in("yamada")
        for n in range(sessions.MOST):
            assert (await first.other(X_Forwarded_For=f"203.0.113.{n}").logs_in("yamada")).status == 303
        assert len(first.hub.pipeline.state.rooms["session"]) == sessions.MOST
        assert (await first.get("/console")).status == 303


# --- forms of others --------------------------------------------------------------------------------


async def test_a_form_without_its_token_or_with_that_of_another_session_does_nothing(tmp_path) -> None:
    async with console(tmp_path, yamada=ADMIN, tanaka=ADMIN) as browser:
        await browser.logs_in("yamada")
        other = browser.other()
        await other.logs_in("tanaka")
        theirs = (await other.get("/console/me")).hidden("csrf")
        remove = {"do": "remove", "name": "tanaka"}
        for csrf in ({}, {"csrf": ""}, {"csrf": theirs}, {"csrf": "é"}):
            assert (await browser.post("/console/users", remove | csrf)).status == 403
            assert (await browser.post("/logout", csrf)).status == 403
        assert set(browser.hub.pipeline.state.rooms["user"]) == {"yamada", "tanaka"}
        own = (await browser.get("/console/me")).hidden("csrf")
        assert (await browser.post("/console/users", remove, X_Csrf_Token=own)).status == 303


async def test_at_the_api_a_token_counts_in_the_header_alone(tmp_path) -> None:
    async with console(tmp_path, yamada=ADMIN) as browser:
        await browser.logs_in("yamada")
        csrf = (await browser.get("/console/me")).hidden("csrf")
        for form in ({"csrf": csrf}, {}):
            refused = await browser.post("/api/v1/quiet/end", form)
            assert (refused.status, refused.text) == (403, '{"error":"form"}')


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
async def test_a_form_of_another_site_is_refused_even_with_the_token(tmp_path, headers) -> None:
    async with console(tmp_path, yamada=ADMIN) as browser:
        assert (
            await browser.post("/login", {"name": "yamada", "password": PASSWORD}, **headers)
        ).status == 403
        await browser.logs_in("yamada")
        csrf = (await browser.get("/console/me")).hidden("csrf")
        assert (await browser.post("/logout", {"csrf": csrf}, **headers)).status == 403
        assert (await browser.get("/console")).status == 200


async def test_nobody_is_logged_in_by_a_form_that_does_not_say_where_it_stands(tmp_path) -> None:
    async with console(tmp_path, yamada=ADMIN) as browser:
        refused = await browser.post("/login", {"name": "yamada", "password": PASSWORD}, Origin="")
        assert refused.status == 403
        assert not browser.cookies


async def test_a_form_without_a_session_is_refused_and_not_led_to_the_login(tmp_path) -> None:
    async with console(tmp_path, yamada=ADMIN) as browser:
        for path in ("/logout", "/console/me", "/console/users"):
            assert (await browser.post(path, {"do": "remove", "name": "yamada"})).status == 401


@pytest.mark.parametrize("role", [VIEWER, OPERATOR])
async def test_who_is_no_admin_neither_sees_nor_changes_users(tmp_path, role) -> None:
    async with console(tmp_path, yamada=role, chief=ADMIN) as browser:
        await browser.logs_in("yamada")
        assert (await browser.get("/console/users")).status == 403
        made = {"do": "role", "name": "yamada", "role": "admin"}
        assert (await browser.sends("/console/users", **made)).status == 403
        assert browser.hub.pipeline.state.rooms["user"]["yamada"].role is role


# --- the way in -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "then",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%5Cevil\n",
        "javascript:alert(1)", "evil.example", "/\t/evil.example", "/login", "/logout", "",
        "/console\r\nSet-Cookie: a=b", "http:evil.example", "///evil.example", "/@evil.example",
    ],
)  # fmt: skip
async def test_the_way_after_the_login_leads_to_no_other_site(tmp_path, then) -> None:
    async with console(tmp_path, yamada=VIEWER) as browser:
        answer = await browser.logs_in("yamada", next=then)
        assert (answer.status, answer.location) == (303, "/console")
        assert len(answer.headers.get_all("set-cookie")) == 1


async def test_an_unknown_user_goes_the_way_of_a_wrong_password(tmp_path, monkeypatch) -> None:
    asked: list[str] = []
    real = passwords.matches
    monkeypatch.setattr(
        passwords, "matches", lambda stored, given: asked.append(stored) or real(stored, given)
    )
    async with console(tmp_path, yamada=VIEWER) as browser:
        wrong = await browser.logs_in("yamada", "wrong password")
        unknown = await browser.other().logs_in("nobody", "wrong password")
        assert asked == [browser.hub.pipeline.state.rooms["user"]["yamada"].password, passwords.NOBODY]
        assert (wrong.status, wrong.text) == (unknown.status, unknown.text.replace("nobody", "yamada"))
        assert dict(wrong.headers) | {"date": ""} == dict(unknown.headers) | {"date": ""}


async def test_markup_in_a_name_is_text(tmp_path) -> None:
    async with console(tmp_path, yamada=VIEWER) as browser:
        answer = await browser.logs_in('"><script>alert(1)</script>', "x")
        assert "<script" not in answer.text


async def test_a_form_that_is_too_large_or_broken_is_refused(tmp_path) -> None:
    async with console(tmp_path, yamada=VIEWER) as browser:
        assert (await browser.logs_in("yamada", "x" * 70_000)).status == 413
        assert (await browser.logs_in("yamada", "x" * 50_000)).status == 401
        assert (await browser.logs_in("yamada" * 5_000, "x")).status == 401
        assert (await browser.logs_in("yamada\0", PASSWORD)).status == 401
        strange = await browser.post("/login", {}, Content_Type="multipart/form-data")
        assert strange.status in (400, 401)
        assert (await browser.logs_in("yamada")).status == 303


async def test_no_password_token_or_name_is_in_the_log(tmp_path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    async with console(tmp_path, yamada=ADMIN) as browser:
        await browser.logs_in("yamada", "wrong password")
        await browser.logs_in("yamada")
        csrf = (await browser.get("/console/me")).hidden("csrf")
        await browser.sends("/console/me", old=PASSWORD, new="a heron stands", again="a heron stands")
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("naruko"))
    assert "POST /login 401" in said
    for secret in ("wrong password", PASSWORD, "heron", csrf, *browser.cookies.values(), "argon2", "yamada"):
        assert secret not in said


# --- the word of a proxy ----------------------------------------------------------------------------


async def test_who_comes_through_the_towns_proxy_is_who_it_says_with_the_role_of_the_groups(tmp_path) -> None:
    async with console(tmp_path, proxied()) as browser:
        for groups, role in (
            ("kouhou, bosai", "operator"),
            ("joho", "admin"),
            ("", "viewer"),
            (None, "viewer"),
        ):
            said = {"X-Auth-Email": "sato@example.jp"} | ({} if groups is None else {"X-Auth-Groups": groups})
            page = await browser.get("/console", **said)
            assert f"sato@example.jp ({role})" in page.text
            assert "/logout" not in page.text
        assert (await browser.get("/console")).status == 303


async def test_its_word_counts_from_nobody_else(tmp_path) -> None:
    claim = {"X-Auth-Email": "sato@example.jp", "X-Auth-Groups": "joho"}
    async with console(tmp_path, proxied(trusted_proxies=("10.1.2.0/24",))) as browser:
        for more in (
            {},
            {"X-Forwarded-For": "10.1.2.3"},
            {"X-Real-IP": "10.1.2.3"},
            {"Forwarded": "for=10.1.2.3"},
        ):
            assert (await browser.get("/console", **claim, **more)).status == 303
    async with console(tmp_path, place(), yamada=VIEWER) as browser:
        assert (await browser.get("/console", **claim)).status == 303
    async with console(tmp_path, proxied()) as browser:
        far = claim | {"X-Forwarded-For": "203.0.113.9"}  # from far away, but the proxy has spoken to us
        assert (await browser.get("/console", **far)).status == 200


@pytest.mark.parametrize("name", ["", " ", "a b", "é@example.jp", "x" * 65, "a\tb"])
async def test_a_name_that_nobody_has_is_nobody(tmp_path, name) -> None:
    async with console(tmp_path, proxied()) as browser:
        assert (await browser.get("/console", **{"X-Auth-Email": name})).status == 303


async def test_a_form_of_who_came_by_the_proxy_needs_its_token_too(tmp_path) -> None:
    said = {"X-Auth-Email": "sato@example.jp", "X-Auth-Groups": "joho"}
    async with console(tmp_path, proxied(), yamada=VIEWER) as browser:
        remove = {"do": "remove", "name": "yamada"}
        assert (await browser.post("/console/users", remove, **said)).status == 403
        other = (await browser.get("/console/users", **said | {"X-Auth-Email": "ito@example.jp"})).hidden(
            "csrf"
        )
        assert (await browser.post("/console/users", remove | {"csrf": other}, **said)).status == 403
        own = (await browser.get("/console/users", **said)).hidden("csrf")
        assert "yamada" in browser.hub.pipeline.state.rooms["user"]
        made = {
            "do": "add",
            "name": "ito",
            "role": "admin",
            "password": PASSWORD,
            "again": PASSWORD,
            "csrf": own,
        }
        assert (await browser.post("/console/users", made, **said)).status == 303
        (act,) = [act for act in browser.acts("user_add") if act.source == "console"]
        assert act.who == "user:sato@example.jp"


# --- floods -----------------------------------------------------------------------------------------


async def test_while_a_hundred_log_in_at_once_an_alert_is_told_as_ever(tmp_path) -> None:
    told = Told()
    async with console(tmp_path, told=told, yamada=VIEWER) as browser:
        many = [browser.other(X_Forwarded_For=f"203.0.113.{n}") for n in range(100)]
        flood = [asyncio.create_task(one.logs_in(f"u{n}", "wrong password")) for n, one in enumerate(many)]
        console_ = browser.hub.pipeline.state
        await until(lambda: any(task.done() for task in flood), "the flood has begun")
        began = monotonic()
        boar = up(1, e=[{"type": "animal", "species": "boar", "confidence": 0.9, "count": 1}])
        message = Message("naruko/test/cam/up", boar, browser.hub.clock.now(), False)
        await browser.hub.handle([message])
        await until(lambda: told.notifications, "the farmer is told")
        took, left = monotonic() - began, sum(not task.done() for task in flood)
        answers = await asyncio.gather(*flood)
        assert {answer.status for answer in answers} <= {401, 503}
        assert left > 20, "the flood went on all the while"
        assert took < 1.0
        assert console_.alerts
