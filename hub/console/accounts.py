"""`/console/users`: who may log in, for admins."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hub.console.access import ConsoleRole, act_of, console_of, needs, render
from hub.console.users import MOST_USERS, name_fault, others_administer, password_fault
from hub.wording.values import format_time

DID = frozenset({"add", "role", "remove"})


@needs(ConsoleRole.ADMIN)
async def show(request: Request) -> Response:
    return _page(request)


@needs(ConsoleRole.ADMIN)
async def change(request: Request) -> Response:
    """`do`: add, role or remove. The last admin stays one."""
    console = console_of(request)
    async with request.form() as form:
        fields = {name: str(form.get(name, "")) for name in ("do", "name", "role", "password", "again")}
    do, name, said = fields["do"], fields["name"].strip(), {"role": fields["role"]}
    if do not in DID:
        return _page(request)
    fault = (
        _fault_of_new(request, fields) if do == "add" else _fault_of_change(request, do, name, fields["role"])
    )
    if fault:
        return _page(request, fault, fields)
    if do == "add":
        said["password"] = await console.passwords.hashed(fields["password"])
    if do == "remove":
        said = {}
    await console.pages.hub.do(act_of(request, f"user_{do}", name, **said))
    return RedirectResponse(f"/console/users?did={do}&lang={request.query_params.get('lang', '')}", 303)


def _fault_of_new(request: Request, fields: dict[str, str]) -> str:
    """The key of the words that say what is wrong; empty where nothing is."""
    accounts, name = console_of(request).accounts, fields["name"].strip()
    if name_fault(name):
        return "users.fault_name"
    if name in accounts:
        return "users.fault_taken"
    if len(accounts) >= MOST_USERS:
        return "users.fault_full"
    if fields["role"] not in list(ConsoleRole):
        return "users.fault_role"
    fault = password_fault(fields["password"], name)
    if not fault and fields["password"] != fields["again"]:
        fault = "again"
    return f"me.fault_{fault}" if fault else ""


def _fault_of_change(request: Request, do: str, name: str, role: str) -> str:
    accounts = console_of(request).accounts
    if name not in accounts:
        return "users.fault_gone"
    if do == "role" and role not in list(ConsoleRole):
        return "users.fault_role"
    loses = do == "remove" or role != ConsoleRole.ADMIN
    return "users.fault_last" if loses and not others_administer(accounts, name) else ""


def _page(request: Request, fault: str = "", fields: dict[str, str] | None = None) -> Response:
    console = console_of(request)
    now, zone = console.pages.now(), console.pages.town.zone_info
    listed = [
        {
            "name": name,
            "role": one.role,
            "since": format_time(one.since, now, zone),
            "last": one.role is ConsoleRole.ADMIN and not others_administer(console.accounts, name),
        }
        for name, one in sorted(console.accounts.items())
    ]
    did = request.query_params.get("did", "")
    kept = fields if fields and fields["do"] == "add" else {"name": "", "role": ""}
    status = 422 if fault else 200
    values: dict[str, Any] = {
        "listed": listed,
        "fault": fault,
        "kept": kept,
        "did": did if did in DID and not fault else "",
    }
    return render(request, "console_users.html", status=status, **values)


ROUTES = (Route("/console/users", show), Route("/console/users", change, methods=["POST"]))
