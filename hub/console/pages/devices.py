"""`/console/devices`: each gateway with its devices, worst first; one device; what could not be read."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from devices.frame import Millis
from hub.config.town import Town
from hub.console.access import ConsoleRole, lang_of, needs, render
from hub.console.api.devices import (
    LONGEST_REASON,
    Device,
    DeviceDetail,
    WorkQuery,
    all_devices,
    begin_work,
    detail_of,
    end_work,
)
from hub.console.api.frame import Call, Problem, call_of
from hub.console.api.quarantine import Quarantine, QuarantineQuery, RawMessage, quarantine_of
from hub.console.pages.rivers import FLAGS
from hub.console.users import may
from hub.console.views.device_rows import KINDS, ORDER, Filter, Group, Told, chosen, counts, groups, hourly
from hub.console.views.raw import as_text, hexdump, visible
from hub.web.pages import Refused

A_PAGE = 100
DUMPED = 512
"""Bytes of one message that are shown as such."""
HOUR: Millis = 3_600_000
WORK_HOURS = (1, 2, 4, 8, 24, 72, 168)
USUAL_HOURS = 2
DID = frozenset({"work", "end"})


@needs(ConsoleRole.VIEWER)
async def show(request: Request) -> Response:
    call = call_of(request)
    given = request.query_params
    asked = Filter(
        _one_of(given.get("kind", ""), KINDS),
        _one_of(given.get("state", ""), ORDER),
        given.get("gateway", "") if given.get("gateway", "") in call.town.devices else "",
        given.get("words", "")[:60],
    )
    every = await all_devices(call)
    found = chosen(call.town, every, asked)
    page = min(_page(given.get("page", "")), max(1, -(-len(found) // A_PAGE)))
    shown = found[(page - 1) * A_PAGE : page * A_PAGE]
    told = _told(call, request)
    return render(
        request,
        "devices.html",
        groups=[_group(call.town, told, group) for group in groups(every, shown)],
        counts=counts(every),
        total=len(every),
        kinds=[kind for kind in KINDS if any(one.kind == kind for one in every)],
        asked=asked,
        is_filtered=asked != Filter(),
        first=(page - 1) * A_PAGE + 1,
        last=(page - 1) * A_PAGE + len(shown),
        count=len(found),
        next=_link(request, page=page + 1) if page * A_PAGE < len(found) else "",
        previous=_link(request, page=page - 1) if page > 1 else "",
        link=lambda **to: _link(request, page=None, **to),
        lang_chosen=given.get("lang", "") if given.get("lang") in ("ja", "en") else "",
        has_firmware=any(one.firmware for one in shown),
    )


@needs(ConsoleRole.VIEWER)
async def show_one(request: Request) -> Response:
    return await _one(request)


@needs(ConsoleRole.OPERATOR)
async def work(request: Request) -> Response:
    """`do`: work, for so many `hours`, or end."""
    call, id = call_of(request), request.path_params["id"]
    async with request.form() as form:
        do, hours = str(form.get("do", "")), str(form.get("hours", ""))
        reason = str(form.get("reason", ""))[:LONGEST_REASON]
    try:
        if do == "end":
            await end_work(call, id)
        elif do == "work" and hours in map(str, WORK_HOURS):
            await begin_work(call, WorkQuery(id, call.now + int(hours) * HOUR, reason=reason))
        else:
            raise Problem(422, "time")
    except Problem as problem:
        if problem.status == 404:
            raise Refused("gone", 404) from None
        return await _one(request, fault=problem.said.error, status=problem.status)
    return RedirectResponse(_link(request, did=do), 303)


@needs(ConsoleRole.VIEWER)
async def quarantine(request: Request) -> Response:
    call, given = call_of(request), request.query_params
    before = given.get("before", "")
    device = given.get("device", "") if given.get("device", "") in call.town.devices else None
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else 0
    found = await quarantine_of(call, QuarantineQuery(number or None, 30, device))
    told = _told(call, request)
    return render(
        request,
        "quarantine.html",
        messages=_messages(call.town, told, found.messages),
        reasons=_reasons(call.town, told, found),
        older=_link(request, before=found.next_before) if found.next_before else "",
        device=_named(call.town, told, device or ""),
        link=lambda **to: _link(request, before=None, **to),
    )


async def _one(request: Request, fault: str = "", status: int = 200) -> Response:
    call, told = call_of(request), _told(call_of(request), request)
    found = await detail_of(call, request.path_params["id"])
    if found is None:
        raise Refused("gone", 404)
    device, did = call.town.devices[found.device.id], request.query_params.get("did", "")
    gateway = call.town.devices.get(device.gateway or "")
    return render(
        request,
        "device.html",
        status=status,
        one=_row(call.town, told, found.device),
        detail=found,
        facts=_facts(call.town, told, found),
        gateway={"id": gateway.id, "name": told.either(gateway.name, gateway.name_en)} if gateway else None,
        children=[_named(call.town, told, id) for id in found.device.children],
        alerts=[
            {
                "id": alert.id,
                "kind": alert.kind,
                "severity": alert.severity,
                "mode": alert.mode,
                "since": told.time(alert.opened_at),
            }
            for alert in found.alerts
        ],
        readings=[_reading(told, one) for one in found.readings],
        main=told.quantity(found.main),
        hours=[_reading(told, one) for one in hourly(found.measured)],
        last=told.time(found.measured[0].at) if found.measured else "",
        messages=_messages(call.town, told, found.messages),
        aside=_messages(call.town, told, found.quarantine),
        work=_work(told, found),
        in_config=device.maintenance and not found.device.maintenance_until,
        may_work=may(call.user.role, ConsoleRole.OPERATOR),
        work_hours=WORK_HOURS,
        usual_hours=USUAL_HOURS,
        longest_reason=LONGEST_REASON,
        did=did if did in DID and not fault else "",
        fault="time" if fault else "",
    )


# --- what the templates show --------------------------------------------------------------------------


def _told(call: Call, request: Request) -> Told:
    return Told(lang_of(request), call.now, call.town.zone_info)


def _row(town: Town, told: Told, one: Device) -> dict[str, Any]:
    device = town.devices[one.id]
    return told.row(one, (device.place, device.place_en))


def _group(town: Town, told: Told, group: Group) -> dict[str, Any]:
    return {
        "gateway": _row(town, told, group.gateway) if group.gateway else None,
        "rows": [_row(town, told, one) for one in group.rows],
        "children": group.children,
        "bad": group.bad,
        "all_shown": len(group.rows) == group.children,
    }


def _facts(town: Town, told: Told, found: DeviceDetail) -> dict[str, Any]:
    one, behind = found.device, found.clock_behind_ms
    zones = [town.zones[zone] for zone in found.zones if zone in town.zones]
    return {
        "zones": [told.either(zone.name, zone.name_en) for zone in zones],
        "every": told.every(found.heartbeat_ms or 0),
        "expected": told.time(one.expected_by) if one.expected_by else "",
        "silent_since": told.time(found.silent_since) if found.silent_since else "",
        "clock": "behind" if behind and behind > 0 else "ahead" if behind else "",
        "clock_minutes": round(abs(behind) / 60_000) if behind else 0,
        "address": visible(found.address),
    }


def _reading(told: Told, one: Any) -> dict[str, Any]:
    return {
        "quantity": told.quantity(one.quantity),
        "code": one.quantity,
        "value": told.value(one.quantity, one.value),
        "at": told.time(one.at),
        "flag": FLAGS.get(int(one.flag), ""),
        "number": int(one.flag),
        "tests": ", ".join(test for test in one.tests if test != "missing"),
    }


def _messages(town: Town, told: Told, messages: list[RawMessage]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "at": told.time(one.received_at),
            "ago": told.ago(one.received_at),
            "device": _named(town, told, one.device),
            "topic": visible(one.topic),
            "reason": visible(one.reason),
            "text": as_text(one.payload, whole=one.size == len(one.payload)),
            "dump": hexdump(one.payload[:DUMPED]),
            "size": one.size,
            "dumped": min(DUMPED, one.size),
            "retain": one.retain,
        }
        for one in messages
    ]


def _reasons(town: Town, told: Told, found: Quarantine) -> list[dict[str, Any]]:
    listed = [msgspec.structs.asdict(one) for one in found.reasons]
    return [
        one | {"device": _named(town, told, one["device"]), "newest": told.time(one["newest_at"])}
        for one in listed
    ]


def _named(town: Town, told: Told, id: str) -> dict[str, str] | None:
    device = town.devices.get(id)
    return {"id": id, "name": told.either(device.name, device.name_en)} if device else None


def _work(told: Told, found: DeviceDetail) -> dict[str, Any] | None:
    if found.work is None:
        return None
    return {
        "goes_on": found.work.from_at <= told.now,
        "start": told.time(found.work.from_at),
        "until": told.time(found.work.until_at),
        "who": found.work.who.removeprefix("user:"),
        "reason": found.work.reason,
    }


# --- addresses ----------------------------------------------------------------------------------------


def _link(request: Request, **changes: object) -> str:
    """This page with other parameters; one that is None or empty is left out."""
    kept = {name: value for name, value in request.query_params.items() if name not in ("did", *changes)}
    query = kept | {name: str(value) for name, value in changes.items() if value not in (None, "")}
    return f"{request.url.path}?{urlencode(query)}" if query else request.url.path


def _page(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _one_of(text: str, known: tuple[str, ...]) -> str:
    return text if text in known else ""


ROUTES = (
    Route("/console/devices", show),
    Route("/console/quarantine", quarantine),
    Route("/console/devices/{id}", show_one),
    Route("/console/devices/{id}", work, methods=["POST"]),
)
