"""In which state a device is, in which order devices are shown, and under which gateway."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config.shapes import Kind
from hub.console.api.devices import Device, state_of
from hub.console.api.quarantine import speaker
from hub.console.views.device_rows import ORDER, Filter, chosen, groups
from hub.detect.babbling import Budget
from hub.detect.health import DeviceHealth
from tests.device_town import EUI, ground
from tests.towns import HOUR, MINUTE, pir

NOW = 1_790_000_000_000


# --- in which state -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "faulty", "state"),
    [
        (DeviceHealth(), False, "unheard"),
        (DeviceHealth(last_seen=NOW - 89 * MINUTE), False, "ok"),
        (DeviceHealth(last_seen=NOW - 90 * MINUTE), False, "late"),
        (DeviceHealth(last_seen=NOW, offline_since=NOW), False, "late"),
        (DeviceHealth(last_seen=NOW - 90 * MINUTE, low=True), False, "battery"),
        (DeviceHealth(last_seen=NOW, low=True), True, "fault"),
        (DeviceHealth(last_seen=NOW, budget=Budget(NOW // MINUTE, 500, babbling=True)), False, "fault"),
        (DeviceHealth(last_seen=NOW, budget=Budget(NOW // MINUTE - 2, 500, babbling=True)), False, "ok"),
        (DeviceHealth(last_seen=NOW - 9 * HOUR, silent_at=NOW, low=True), True, "silent"),
        (DeviceHealth(silent_at=NOW), False, "silent"),
    ],
)
def test_of_all_that_is_wrong_with_a_device_the_worst_is_shown(heard, faulty, state):
    device = pir("pir")
    assert state_of(device, heard, HOUR, NOW, is_faulty=faulty) == state
    at_work = device.model_copy(update={"maintenance": True})
    assert state_of(at_work, heard, HOUR, NOW, is_faulty=faulty) == "maintenance"


def test_a_device_of_which_no_word_is_due_is_never_late():
    assert state_of(pir("pir"), DeviceHealth(last_seen=1), 0, NOW, is_faulty=False) == "ok"


# --- in which order, on which gateway -----------------------------------------------------------------


def one(id: str, state: str = "ok", gateway: str | None = None, **more: Any) -> Device:
    given = {"kind": Kind.GATEWAY if id.startswith("gw") else Kind.TRAP} | more
    return Device(
        id=id, name=id, name_en=id, profile="x", gateway=gateway, lat=0, lon=0, state=state, **given
    )  # fmt: skip


made = st.lists(
    st.builds(
        one,
        id=st.sampled_from(["gw-1", "gw-2", *"abcdefgh"]),
        state=st.sampled_from(ORDER),
        gateway=st.sampled_from([None, "gw-1", "gw-2", "gw-9"]),
        battery_days=st.none() | st.integers(0, 365),
    ),
    unique_by=lambda d: d.id,
)


@given(made, st.integers(0, 10))
def test_every_device_that_is_shown_stands_once_under_its_gateway(every, many):
    shown = sorted(every, key=lambda d: d.id)[:many]
    found = groups(every, shown)
    rows = [d.id for group in found for d in group.rows]
    heads = [group.gateway.id for group in found if group.gateway]
    assert sorted(rows) == sorted(d.id for d in shown if d.kind != "gateway")
    assert {d.id for d in shown if d.kind == "gateway"} <= set(heads)
    assert len(heads) == len(set(heads))
    for group in found:
        assert group.bad <= group.children
        assert len(group.rows) <= group.children
        for row in group.rows:
            at = group.gateway.id if group.gateway else None
            assert row.gateway == at or (at is None and row.gateway not in [d.id for d in every])


def test_the_worst_comes_first_and_of_these_what_is_empty_first():
    here = ground()
    every = [
        one("pir-1"),
        one("trap-1", "battery", battery_days=9),
        one("trap-2", "battery", battery_days=0),
        one("cam-1", "silent"),
        one("gw-1"),
        one("lora-1", "late"),
    ]
    assert [d.id for d in chosen(here, every, Filter())][:4] == ["cam-1", "trap-2", "trap-1", "lora-1"]
    assert [d.id for d in chosen(here, every, Filter(state="late"))] == ["lora-1"]
    assert [d.id for d in chosen(here, every, Filter(kind="gateway"))] == ["gw-1"]
    assert [d.id for d in chosen(here, every, Filter(words="ＣＡＭ"))] == ["cam-1"]
    assert [d.id for d in chosen(here, every, Filter(words=EUI.upper()))] == ["lora-1"]


def test_a_topic_names_its_device_by_id_or_address_in_any_of_its_parts():
    here = ground()
    assert speaker(here, "naruko/test/trap-1/up") == "trap-1"
    assert speaker(here, f"application/1/device/{EUI.upper()}/event/up") == "lora-1"
    assert speaker(here, "tele/nobody/SENSOR") == ""
    assert speaker(here, "/".join("x" * 5_000)) == ""
