"""The JSON API keeps to its own description, whatever it is asked and by whom."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings

from hub.app import Hub
from hub.console.api import endpoints
from hub.console.api.__main__ import PAGE, page
from hub.console.api.description import describe
from hub.console.api.frame import PREFIX, Endpoint
from hub.console.users import ConsoleRole
from hub.model import Message
from tests.consoles import PASSWORD, place, standing
from tests.hubs import up

DESCRIBED = describe(endpoints.ENDPOINTS)
KNOWN = {"devices": "cam", "alerts": "", "people": "farmer", "deterrents": "cam"}
"""First word of a path -> an id that is there."""


def without_logins(described: dict[str, Any]) -> dict[str, Any]:
    """Who may ask is promised below, for each endpoint."""
    paths = {
        path: {method: one | {"security": []} for method, one in methods.items()}
        for path, methods in described["paths"].items()
    }
    return described | {"paths": paths}


schema = schemathesis.openapi.from_dict(without_logins(DESCRIBED))
schema.config.checks.positive_data_acceptance.expected_statuses += ["422"]
"""Well formed, and not possible: an end before its beginning."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    async def with_a_boar(hub: Hub) -> None:
        now = hub.clock.now()
        boar = up(1, now, e=[{"type": "animal", "species": "boar", "confidence": 0.9}])
        await hub.handle([Message("naruko/test/cam/up", boar, now, False)])
        KNOWN["alerts"] = next(iter(hub.pipeline.state.alerts.values())).id

    folder, roles = tmp_path_factory.mktemp("api"), {"op": ConsoleRole.OPERATOR, "look": ConsoleRole.VIEWER}
    with standing(folder, place(), with_a_boar, **roles) as found:
        yield found


def logged_in(address: str, name: str) -> dict[str, str]:
    """The headers of somebody who is."""
    session = requests.Session()
    session.headers["origin"] = address
    session.post(f"{address}/login", {"name": name, "password": PASSWORD}, timeout=10).raise_for_status()
    found = re.search(r'name="csrf" content="([^"]+)"', session.get(f"{address}/console/me", timeout=10).text)
    assert found
    return {"origin": address, "cookie": f"naruko={session.cookies['naruko']}", "x-csrf-token": found[1]}


@pytest.fixture(scope="module")
def operator(address: str) -> dict[str, str]:
    return logged_in(address, "op")


@pytest.fixture(scope="module")
def viewer(address: str) -> dict[str, str]:
    return logged_in(address, "look")


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_endpoint_answers_as_it_is_described(
    case: schemathesis.Case, address: str, operator: dict[str, str]
) -> None:
    if case.path_parameters and isinstance(id := case.path_parameters.get("id"), str) and len(id) % 2:
        case.path_parameters["id"] = KNOWN[case.path.removeprefix(f"{PREFIX}/").split("/")[0]]
    case.call_and_validate(base_url=address, headers=operator)


def asked(address: str, one: Endpoint, headers: dict[str, str]) -> requests.Response:
    path = re.sub(r"\{\w+\}", "x", one.path)
    return requests.request(one.method, f"{address}{PREFIX}{path}", headers=headers, json={}, timeout=10)


@pytest.mark.parametrize("one", endpoints.ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_who_is_not_logged_in_is_told_nothing(address: str, one: Endpoint) -> None:
    answer = asked(address, one, {})
    assert (answer.status_code, answer.json()) == (401, {"error": "login"})


@pytest.mark.parametrize(
    "one", [e for e in endpoints.ENDPOINTS if e.method != "GET"], ids=lambda one: f"{one.method} {one.path}"
)
def test_who_only_looks_may_do_nothing_and_nobody_may_without_the_token_of_a_page(
    address: str, viewer: dict[str, str], operator: dict[str, str], one: Endpoint
) -> None:
    assert asked(address, one, viewer).json() == {"error": "role"}
    bare = {name: value for name, value in operator.items() if name != "x-csrf-token"}
    assert asked(address, one, bare).json() == {"error": "form"}
    assert asked(address, one, operator | {"origin": "https://elsewhere.example"}).json() == {"error": "form"}


def test_a_path_that_is_not_there_is_answered_in_json(address: str, viewer: dict[str, str]) -> None:
    answer = requests.get(f"{address}{PREFIX}/nothing", headers=viewer, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (404, "no_such_path")


def test_the_description_is_served(address: str, viewer: dict[str, str]) -> None:
    served = requests.get(f"{address}{PREFIX}/openapi.json", headers=viewer, timeout=10).json()
    assert served["paths"].keys() == DESCRIBED["paths"].keys()
    assert all(one["summary"] for methods in served["paths"].values() for one in methods.values())


def test_the_page_about_the_api_is_what_its_endpoints_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m hub.console.api"
