"""Users, roles, passwords and sessions: what is decided of them, apart from any page."""

import contextlib
import resource
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from hub import cli
from hub.acts import apply
from hub.app import resume
from hub.config.load import ConfigError, load
from hub.config.settings import LedgerSettings
from hub.console import access, passwords, sessions
from hub.console.sessions import ConsoleSession
from hub.console.users import COMMONEST, ConsoleRole, may, name_fault, password_fault, role_of
from hub.ledger import Ledger
from hub.model import Act
from tests.consoles import HASH, PASSWORD
from tests.test_people_cli import DEVICES, PAGES, PEOPLE
from tests.towns import DAY, HOUR, MINUTE, at

NOW = at("2026-12-01 10:00")
TIMES = st.integers(NOW - 10 * DAY, NOW)


# --- rules ------------------------------------------------------------------------------------------


def test_each_role_may_what_the_ones_below_it_may() -> None:
    roles = list(ConsoleRole)
    assert [[may(role, needed) for needed in roles] for role in roles] == [
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("123456789", "short"),
        ("x" * 1_001, "long"),
        ("bosai-gakari", "name"),
        ("BOSAI-gakari", "name"),
        ("Password123", "common"),
        ("ああああああああああ", "common"),
        ("田んぼの水がにごる朝", ""),
        ("aaaaaaaaab", ""),
    ],
)
def test_a_password_is_long_enough_and_no_obvious_one(password: str, fault: str) -> None:
    assert password_fault(password, "bosai-gakari") == fault


def test_the_commonest_are_those_that_are_long_enough_to_be_chosen() -> None:
    assert all(len(word) >= 10 and word == word.casefold() for word in COMMONEST)


@pytest.mark.parametrize("name", ["", "Bosai", "-a", "a b", "a" * 33, "防災", "a\n", "a/b"])
def test_names_that_could_be_mistaken_are_none(name: str) -> None:
    assert name_fault(name)


def test_of_several_groups_the_highest_role_counts_and_without_one_who_comes_only_looks() -> None:
    roles = {"bosai": ConsoleRole.OPERATOR, "joho": ConsoleRole.ADMIN}
    assert role_of(["bosai", "joho"], roles) is ConsoleRole.ADMIN
    assert role_of(["kouhou"], roles) is ConsoleRole.VIEWER
    assert role_of([], roles) is ConsoleRole.VIEWER


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{identity_header: X-User}", "trusted_proxies: is missing"),
        ("{identity_header: 'X User', trusted_proxies: [127.0.0.1]}", "is no name of a header"),
        ("{trusted_proxies: [0.0.0.0/0]}", "trusts whole continents"),
        ("{trusted_proxies: [proxy.example.jp]}", "is no address or network"),
        ("{roles: {bosai: king}}", "roles"),
    ],
)
def test_a_proxy_that_could_let_anybody_in_is_an_error_of_the_config(tmp_path, settings, said) -> None:
    hub = PAGES.replace("web:\n  port: 0", f"web:\n  port: 0\n  console: {settings}")
    for name, text in (("hub.yaml", hub), ("people.yaml", PEOPLE), ("devices.yaml", DEVICES)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(tmp_path, {})
    assert said in str(error.value)


# --- hashes -----------------------------------------------------------------------------------------


def test_a_hash_takes_as_much_memory_as_a_small_box_can_spare_and_no_more() -> None:
    assert passwords.MEMORY_KIB <= 32 * 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    passwords.hashed(PASSWORD)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 0.5


def test_whoever_does_not_exist_costs_the_same_work() -> None:
    kind = f"$argon2id$v=19$m={passwords.MEMORY_KIB},t={passwords.PASSES},p={passwords.LANES}$"
    assert passwords.NOBODY.startswith(kind)
    assert HASH.startswith(kind)
    assert len(passwords.NOBODY) == len(HASH)


def test_the_same_password_from_another_keyboard_is_the_same() -> None:
    assert passwords.matches(passwords.hashed("ｍｉｚｕ no oto 7"), PASSWORD)
    assert not passwords.matches(HASH, PASSWORD + " ")
    assert not passwords.matches("no hash", PASSWORD)


async def test_nobody_is_let_in_as_nobody() -> None:
    assert not await passwords.Passwords().matches(None, "naruko naruko")  # what the stored one was made of


# --- sessions ---------------------------------------------------------------------------------------


@given(TIMES, TIMES)
def test_a_session_ends_12_h_after_its_last_use_and_7_days_after_the_login(a: int, b: int) -> None:
    since, seen = sorted((a, b))
    over = sessions.is_over(ConsoleSession("u", since, seen), NOW)
    assert over == (NOW - seen >= 12 * HOUR or NOW - since >= 7 * DAY)


def test_while_the_clock_has_not_been_set_nothing_ends() -> None:
    assert not sessions.is_over(ConsoleSession("u", 0, 0), 90 * DAY)


def test_use_is_written_down_every_10_minutes_at_most() -> None:
    used = ConsoleSession("u", NOW, NOW)
    assert sessions.renewed(used, NOW + 9 * MINUTE) is used
    assert sessions.renewed(used, NOW + 10 * MINUTE).seen == NOW + 10 * MINUTE


@given(st.lists(st.tuples(st.sampled_from("ab"), TIMES), max_size=60))
def test_of_one_user_there_are_never_more_than_20_and_another_login_ends_none_of_the_others(
    made: list[tuple[str, int]],
) -> None:
    open_ = {str(n): ConsoleSession(user, seen, seen) for n, (user, seen) in enumerate(made)}
    gone = sessions.ended_by(open_, "a", NOW)
    left = {key: one for key, one in open_.items() if key not in gone}
    assert sum(one.user == "a" for one in left.values()) < sessions.MOST
    assert not any(sessions.is_over(one, NOW) for one in left.values())
    assert all(sessions.is_over(open_[key], NOW) for key in gone if open_[key].user == "b")


# --- the command line -------------------------------------------------------------------------------


@pytest.fixture
def town(tmp_path, monkeypatch, capsys):
    """`town.naruko("user", "list")` -> (exit code, out, err); `town.looks()`: the hub does what was asked."""
    return CommandLine(tmp_path, monkeypatch, capsys)


class CommandLine:
    def __init__(self, folder, monkeypatch, capsys) -> None:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("USER", "joho")
        self.folder, self._capsys = folder / "town", capsys
        self.folder.mkdir()
        hub = PAGES.replace("web:\n  port: 0", "web:\n  port: 0\n  console: {}")
        for name, text in (("hub.yaml", hub), ("people.yaml", PEOPLE), ("devices.yaml", DEVICES)):
            (self.folder / name).write_text(text, encoding="utf-8")
        (folder / "pw").write_text(PASSWORD + "\n", encoding="utf-8")
        self.ground = load(self.folder, {})
        self.looks()

    def looks(self, *acts: Act):
        """The rooms as they are then."""
        ledger = Ledger.open(self.ground.hub.ledger.path, LedgerSettings(ballast_mb=0))
        with contextlib.closing(ledger):
            pipeline = resume(self.ground, ledger)
            ledger.insert(apply(pipeline, [*ledger.acts_after(), *acts], NOW))
            ledger.commit()
            return pipeline.state.rooms

    def naruko(self, *words: str):
        code = cli.main([words[0], "-c", str(self.folder), *words[1:]])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def bytes(self) -> bytes:
        files = self.folder.parent.rglob("naruko.db*")
        return b"".join(file.read_bytes() for file in files if file.suffix != ".shm")


def test_a_user_is_made_changed_and_removed_at_the_command_line(town) -> None:
    assert town.naruko("user", "add", "yamada", "--role", "operator", "--password-file", "pw")[0] == 0
    account = town.looks()["user"]["yamada"]
    assert account.role is ConsoleRole.OPERATOR
    assert passwords.matches(account.password, PASSWORD)
    assert town.naruko("user", "role", "yamada", "--role", "admin")[0] == 0
    assert town.looks()["user"]["yamada"].role is ConsoleRole.ADMIN
    code, out, _ = town.naruko("user", "list")
    assert (code, "yamada  admin" in out, "argon2" in out) == (0, True, False)
    assert town.naruko("user", "remove", "yamada")[0] == 0  # also the last admin: here it can be undone
    assert town.looks()["user"] == {}


def test_a_password_is_asked_for_twice_and_without_echo(town, monkeypatch) -> None:
    typed = iter([PASSWORD, PASSWORD, PASSWORD, "something else"])
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    assert town.naruko("user", "add", "yamada", "--role", "viewer")[0] == 0
    code, _, err = town.naruko("user", "password", "yamada")
    assert (code, "differ" in err) == (2, True)


def test_what_will_not_do_is_said_and_nothing_is_written(town) -> None:
    (town.folder.parent / "weak").write_text("password123\n")
    weak = town.naruko("user", "add", "yamada", "--role", "viewer", "--password-file", "weak")
    assert (weak[0], "commonest" in weak[2]) == (2, True)
    for words in (
        ("add", "Yamada", "--role", "viewer", "--password-file", "pw"),
        ("add", "yamada", "--password-file", "pw"),
        ("password", "nobody", "--password-file", "pw"),
        ("remove",),
    ):
        assert town.naruko("user", *words)[0] == 2
    assert town.looks()["user"] == {}


def test_no_act_keeps_the_hash_and_an_old_one_is_in_no_file_any_more(town) -> None:
    town.naruko("user", "add", "yamada", "--role", "admin", "--password-file", "pw")
    first = town.looks()["user"]["yamada"].password
    (town.folder.parent / "pw").write_text("another long one\n")
    town.naruko("user", "password", "yamada", "--password-file", "pw")
    second = town.looks()["user"]["yamada"].password
    with contextlib.closing(Ledger.attach(town.ground.hub.ledger.path)) as ledger:
        acts = ledger.acts_of(["user_add", "user_password"], 0, at("2100-01-01 00:00"))
    assert [act.form for act in acts] == [{"role": "admin"}, {}]
    assert first != second
    assert first.encode() not in town.bytes()


def test_a_new_password_ends_all_sessions_of_that_user_and_of_no_other(town) -> None:
    def act(kind: str, target: str, **form: str) -> Act:
        return Act(0, NOW, "", "console", kind, target, form=form)

    users = [act("user_add", name, role="admin", password=HASH) for name in ("a", "b")]
    logins = [act("login", name, key=f"{name}{n}") for name in "ab" for n in range(3)]
    assert len(town.looks(*users, *logins)["session"]) == 6
    assert sorted(town.looks(act("user_password", "a", password=HASH))["session"]) == ["b0", "b1", "b2"]
    assert sorted(town.looks(act("logout", "b", key="b1"))["session"]) == ["b0", "b2"]
    assert town.looks(act("logout", "b"))["session"] == {}


def test_the_last_admin_cannot_be_lost_on_a_page(town) -> None:
    made = Act(0, NOW, "", "cli", "user_add", "a", form={"role": "admin", "password": HASH})
    lost = Act(0, NOW, "user:a", "console", "user_remove", "a")
    lesser = Act(0, NOW, "user:a", "console", "user_role", "a", form={"role": "viewer"})
    assert town.looks(made, lost, lesser)["user"]["a"].role is ConsoleRole.ADMIN


def test_who_did_what_from_where_can_be_listed(town) -> None:
    town.naruko("user", "add", "yamada", "--role", "admin", "--password-file", "pw")
    town.looks()
    code, out, _ = town.naruko("acts")
    assert (code, "joho  cli  user_add  yamada" in out) == (0, True)
    assert "argon2" not in out
    assert town.naruko("acts", "--by", "somebody") == (0, "", "")


def test_a_user_who_is_removed_while_a_page_is_made_in_a_thread_is_nobody(monkeypatch) -> None:
    monkeypatch.setattr(access, "session_of", lambda _: ("key", ConsoleSession("gone", NOW, NOW)))
    console = SimpleNamespace(accounts={}, settings=SimpleNamespace(identity_header=""))
    app = SimpleNamespace(state=SimpleNamespace(console=console))
    assert access.user_of(Request({"type": "http", "headers": [], "app": app})) is None
