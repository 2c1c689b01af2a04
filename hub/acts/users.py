"""Users of the console: made, changed, removed; logged in and out. What is secret in an act is not kept."""

from msgspec.structs import replace

from hub.acts.doing import Doing
from hub.console.sessions import ConsoleSession, ended_by
from hub.console.users import MOST_USERS, Account, ConsoleRole, name_fault, others_administer
from hub.model import Act

SECRETS = {"user_add": "password", "user_password": "password", "login": "key"}
"""The field of the form which the ledger holds in a state, as long as that lasts, and nowhere else."""
HASHED = "$argon2"


def add(doing: Doing, act: Act) -> None:
    """The target is a new user; form: `role` and the hash of the `password`."""
    accounts, role, password = _accounts(doing), act.form.get("role", ""), act.form.get("password", "")
    is_new = not name_fault(act.target) and act.target not in accounts and len(accounts) < MOST_USERS
    if is_new and role in list(ConsoleRole) and password.startswith(HASHED):
        doing.pipeline.state.put("user", act.target, Account(password, ConsoleRole(role), act.at))


def password(doing: Doing, act: Act) -> None:
    """The target is a user, who has to log in again everywhere; form: the hash of the new `password`."""
    account, made = _accounts(doing).get(act.target), act.form.get("password", "")
    if account and made.startswith(HASHED):
        doing.pipeline.state.put("user", act.target, replace(account, password=made, since=act.at))
        _end_all(doing, act.target)


def role(doing: Doing, act: Act) -> None:
    """The target is a user; form: the new `role`. On a page the last admin stays one."""
    account, asked = _accounts(doing).get(act.target), act.form.get("role", "")
    if account and asked in list(ConsoleRole) and (asked == ConsoleRole.ADMIN or _can_lose(doing, act)):
        doing.pipeline.state.put("user", act.target, replace(account, role=ConsoleRole(asked)))


def remove(doing: Doing, act: Act) -> None:
    """The target is a user. On a page the last admin stays."""
    if act.target in _accounts(doing) and _can_lose(doing, act):
        doing.pipeline.state.drop("user", act.target)
        _end_all(doing, act.target)


def login(doing: Doing, act: Act) -> None:
    """The target is a user; form: `key` of the new session, `from` which address."""
    state, key = doing.pipeline.state, act.form.get("key", "")
    if act.target in _accounts(doing) and key:
        for ended in ended_by(state.rooms["session"], act.target, doing.now):
            state.drop("session", ended)
        session = ConsoleSession(act.target, act.at, act.at, act.form.get("from", ""))
        state.put("session", key, session)


def logout(doing: Doing, act: Act) -> None:
    """The target is a user; form: `key` of the session that ends, without one all of them do."""
    if "key" not in act.form:
        _end_all(doing, act.target)
        return
    session = doing.pipeline.state.rooms["session"].get(act.form.get("key", ""))
    if session is not None and session.user == act.target:
        doing.pipeline.state.drop("session", act.form["key"])


def login_failed(_doing: Doing, _act: Act) -> None:
    """The target is a user, empty where there is none of the name that was given; form: `count`, `from`."""


def as_kept(act: Act) -> Act:
    """The act without what is secret in it; the same object where nothing is."""
    secret = SECRETS.get(act.kind, "")
    if secret not in act.form:
        return act
    return replace(act, form={field: value for field, value in act.form.items() if field != secret})


def _accounts(doing: Doing) -> dict[str, Account]:
    return doing.pipeline.state.rooms["user"]


def _can_lose(doing: Doing, act: Act) -> bool:
    """At the command line everything can be set right again."""
    return act.source != "console" or others_administer(_accounts(doing), act.target)


def _end_all(doing: Doing, user: str) -> None:
    state = doing.pipeline.state
    for key in [key for key, session in state.rooms["session"].items() if session.user == user]:
        state.drop("session", key)
