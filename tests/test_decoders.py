"""Payload bytes in, quantities out: the worked examples beside the profiles, and the public vectors."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from devices.decoders import FAMILIES, MODELS
from devices.decoders.decentlab import M_WATER_PER_BAR
from devices.frame import STATES, BadFrameError, Frame, Measure, Signal
from hub.config.profiles import load_profiles
from tests.data import ROOT, data_dir, needs_data

PROFILES = load_profiles()
EXAMPLES = ROOT / "devices" / "profiles"


def examples() -> list[Any]:
    found = []
    for file in sorted(EXAMPLES.glob("*.examples.yaml")):
        model = file.name.removesuffix(".examples.yaml")
        for example in yaml.safe_load(file.read_text("utf-8")):
            found.append(pytest.param(model, example, id=f"{model}: {example['about']}"))
    return found


def decode(model: str, fport: int | None, data: bytes) -> Frame:
    return FAMILIES[PROFILES[model].decoder](model, fport, data)


def values(frame: Frame) -> dict[str, float | None]:
    assert len({m.quantity for m in frame.measures}) == len(frame.measures)
    return {m.quantity: m.value for m in frame.measures}


def states(frame: Frame) -> list[str]:
    return [f"{s.type} {s.state}" for s in frame.signals]


# --- worked examples ------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "example"), examples())
def test_a_worked_example_says_what_stands_beside_it(model: str, example: dict[str, Any]) -> None:
    data = bytes.fromhex(example["bytes"])
    if "bad" in example:
        with pytest.raises(BadFrameError) as error:
            decode(model, example["fport"], data)
        assert str(error.value) == example["bad"]
        return
    frame = decode(model, example["fport"], data)
    assert values(frame) == pytest.approx(example.get("measures", {}))
    assert states(frame) == example.get("signals", [])
    stored = example["stored_at"] * 1000 if "stored_at" in example else None
    assert {item.at for item in (*frame.measures, *frame.signals)} <= {stored}
    assert frame.at == (example["own_time"] * 1000 if "own_time" in example else None)


@pytest.mark.parametrize(("model", "example"), examples())
def test_every_example_names_its_source_and_every_missing_value_its_reason(
    model: str, example: dict[str, Any]
) -> None:
    assert example["source"]
    if "bad" not in example:
        frame = decode(model, example["fport"], bytes.fromhex(example["bytes"]))
        assert all(bool(m.why) == (m.value is None) for m in frame.measures)


@pytest.mark.parametrize("model", sorted(m for m, p in PROFILES.items() if p.decoder in FAMILIES))
def test_every_model_with_a_payload_decoder_has_worked_examples(model: str) -> None:
    assert (EXAMPLES / f"{model}.examples.yaml").is_file()


@pytest.mark.parametrize(("model", "example"), examples())
def test_what_an_example_measures_lies_in_the_range_of_its_profile(
    model: str, example: dict[str, Any]
) -> None:
    limits = PROFILES[model].quantities
    for quantity, value in example.get("measures", {}).items():
        if quantity in limits and value is not None:
            assert limits[quantity].min <= value <= limits[quantity].max, quantity


# --- the public vectors ---------------------------------------------------------------------------

CONTACT = ("contact", {0: "closed", 1: "open", "open": "open", "closed": "closed"})
MOTION = ("motion", {0: "off", 1: "on", "trigger": "on"})
DECENTLAB = {"battery_voltage": ("battery_v", 1.0)}
DECENTLAB_HEADER = {"protocol_version", "device_id"}
NETVOX_HEADER = {
    "Device", "SWver", "HWver", "Datecode", "Cmd", "Status", "MinTime", "MaxTime", "BatteryChange",
}  # fmt: skip

# File -> (family, field -> (quantity, factor), field -> (signal, value -> state), fields of no interest).
RULES: dict[str, tuple[str, dict[str, tuple[str, float]], dict[str, Any], set[str]]] = {
    "browan_tbdw100": (
        "browan",
        {"battery": ("battery_v", 1), "temperatureBoard": ("board_c", 1), "count": ("open_total_count", 1)},
        {"status": CONTACT},
        {"time"},
    ),
    "browan_tbms100": (
        "browan",
        {
            "battery": ("battery_v", 1),
            "battery_volt": ("battery_v", 1),
            "temperatureBoard": ("board_c", 1),
            "temperature": ("board_c", 1),
            "count": ("motion_total_count", 1),
        },
        {"status": MOTION, "mot_motionst": MOTION},
        {"time", "fPort", "mot_times", "mot_counts"},
    ),
    "merryiot_dw10": (
        "browan",
        {
            "battery_volt": ("battery_v", 1),
            "temperature": ("air_c", 1),
            "humi": ("humidity_pct", 1),
            "count": ("open_total_count", 1),
        },
        {"open": CONTACT},
        {"button", "tamper", "tilt", "time"},
    ),
    "decentlab_dl_ctd10": (
        "decentlab",
        DECENTLAB
        | {
            "water_depth": ("depth_m", 0.001),
            "temperature": ("water_c", 1),
            "electrical_conductivity": ("conductivity_us_cm", 1),
        },
        {},
        DECENTLAB_HEADER | {"freezing_flag"},
    ),
    "decentlab_dl_lid": (
        "decentlab",
        DECENTLAB | {"distance_median": ("distance_m", 0.001)},
        {},
        DECENTLAB_HEADER
        | {f"distance_{what}" for what in ("average", "minimum", "maximum", "most_frequent_value")}
        | {f"distance_{n}th_percentile" for n in (10, 25, 75, 90)}
        | {"number_of_samples", "total_acquisition_time"},
    ),
    "decentlab_dl_mbx": (
        "decentlab",
        DECENTLAB | {"distance": ("distance_m", 0.001)},
        {},
        DECENTLAB_HEADER | {"number_of_valid_samples"},
    ),
    "decentlab_dl_pr26": (
        "decentlab",
        DECENTLAB | {"pressure": ("pressure_bar", 1), "temperature": ("water_c", 1)},
        {},
        DECENTLAB_HEADER,
    ),
    "decentlab_dl_tbrg": (
        "decentlab",
        DECENTLAB
        | {
            "precipitation": ("rain_mm", 1),
            "precipitation_interval": ("rain_interval_s", 1),
            "cumulative_precipitation": ("rain_total_mm", 1),
        },
        {},
        DECENTLAB_HEADER,
    ),
    "dragino_ldds75": (
        "dragino",
        {"Bat": ("battery_v", 1), "Distance": ("distance_m", 0.001), "TempC_DS18B20": ("probe_c", 1)},
        {},
        {"Interrupt_flag", "Sensor_flag"},
    ),
    "dragino_lds02": (
        "dragino",
        {"BAT_V": ("battery_v", 1), "DOOR_OPEN_TIMES": ("open_total_count", 1)},
        {"DOOR_OPEN_STATUS": CONTACT},
        {
            "Node_type", "MOD", "LAST_DOOR_OPEN_DURATION", "ALARM", "WATER_LEAK_STATUS", "WATER_LEAK_TIMES",
            "LAST_WATER_LEAK_DURATION",
        },
    ),
    "dragino_lds03a": ("dragino", {}, {}, {"DISALARM", "KEEP_STATUS", "KEEP_TIME", "TDC"}),
    "dragino_lgt92": ("dragino", {}, {}, set()),
    "elsys_generic": (
        "elsys",
        {
            "temperature": ("air_c", 1),
            "humidity": ("humidity_pct", 1),
            "vdd": ("battery_v", 0.001),
            "externalTemperature": ("probe_c", 1),
            "analog1": ("analog_1_v", 0.001),
            "pressure": ("pressure_hpa", 1),
            "pulse1": ("pulse_count", 1),
        },
        {"digital": CONTACT},
        set(),
    ),
    "milesight_em300_mcs": (
        "milesight",
        {"battery": ("battery_pct", 1), "temperature": ("air_c", 1), "humidity": ("humidity_pct", 1)},
        {"magnet_status": CONTACT},
        set(),
    ),
    "milesight_em310_udl": (
        "milesight",
        {"battery": ("battery_pct", 1), "distance": ("distance_m", 0.001)},
        {},
        {"tilt", "position"},
    ),
    "milesight_em320_tilt": (
        "milesight",
        {"battery": ("battery_pct", 1)} | {f"angle_{a}": (f"angle_{a}_deg", 1) for a in "xyz"},
        {"threshold_y": ("tilt", {"trigger": "on"})},
        {"threshold_x", "threshold_z"},
    ),
    "milesight_em500_swl": (
        "milesight",
        {"battery": ("battery_pct", 1), "level": ("depth_m", 0.01), "depth": ("depth_m", 0.01)},
        {},
        set(),
    ),
    "milesight_ws202": (
        "milesight",
        {"battery": ("battery_pct", 1)},
        {"pir": MOTION},
        {"light", "daylight"},
    ),
    "netvox_r311a": ("netvox", {"Volt": ("battery_v", 1)}, {"OnOff": CONTACT}, NETVOX_HEADER),
    "netvox_r718mba": (
        "netvox",
        {"Volt": ("battery_v", 1)},
        {"status": ("vibration", {0: "off", 1: "on"})},
        NETVOX_HEADER,
    ),
}  # fmt: skip

# (file, description) -> quantities of which the device says that it has none.
NONE = {
    ("browan_tbms100", "free, counters saturated"): {"motion_total_count"},
    ("dragino_ldds75", "normal measurement"): {"probe_c"},
    ("milesight_em310_udl", "measurement from a tilted sensor"): {"distance_m"},
    ("milesight_em310_udl", "same bytes, key name of the newer codec"): {"distance_m"},
}


def number(value: Any) -> float:
    if isinstance(value, dict):
        value = value["value"]
    return float(str(value).split("(", maxsplit=1)[0])  # Netvox: "2.3(low battery)"


def vectors() -> list[Any]:
    return [
        pytest.param(file.stem, document, example, id=f"{file.stem}: {example['description']}")
        for file in sorted((data_dir() / "lorawan").glob("*.json"))
        for document in [json.loads(file.read_text("utf-8"))]
        for example in document["examples"]
    ]


@needs_data
@pytest.mark.parametrize(("name", "document", "example"), vectors())
def test_a_public_vector_decodes_to_what_its_source_says_in_our_units(
    name: str, document: dict[str, Any], example: dict[str, Any]
) -> None:
    family, quantities, signals, ignored = RULES[name]
    model = "lwl02" if "WATER_LEAK_TIMES" in str(example["expected"]) else name.replace("_", "-")
    data, fport = bytes.fromhex(example["bytes_hex"]), example.get("fport", document["fport"])
    if "errors" in example["expected"] or example.get("decoder_defect"):
        with pytest.raises(BadFrameError, match="expected"):
            FAMILIES[family](model, fport, data)
        return
    said, at = example["expected"]["data"], None
    if "history" in said:
        (said,) = said["history"]
        at = said.pop("timestamp") * 1000
    assert said.keys() <= quantities.keys() | signals.keys() | ignored
    none = NONE.get((name, example["description"]), set())
    expected = {
        quantities[key][0]: number(value) * quantities[key][1]
        for key, value in said.items()
        if key in quantities and quantities[key][0] not in none
    } | dict.fromkeys(none)
    if "pressure_bar" in expected:
        expected["depth_m"] = (expected["pressure_bar"] or 0) * M_WATER_PER_BAR
    frame = FAMILIES[family](model, fport, data)
    assert values(frame) == pytest.approx(expected)
    assert states(frame) == [
        f"{signals[key][0]} {signals[key][1][value]}" for key, value in said.items() if key in signals
    ]
    assert {item.at for item in (*frame.measures, *frame.signals)} <= {at}


@needs_data
def test_there_is_a_rule_for_every_file_of_public_vectors() -> None:
    assert {file.stem for file in (data_dir() / "lorawan").glob("*.json")} == RULES.keys()


# --- what no device sends -------------------------------------------------------------------------

EVERY_MODEL = [(family, model) for family in FAMILIES for model in MODELS[family] or ("elsys-generic",)]


@given(
    st.sampled_from(EVERY_MODEL),
    st.none() | st.sampled_from([1, 2, 3, 4, 5, 6, 7, 10, 85, 100, 102, 120]) | st.integers(0, 255),
    st.binary(max_size=64),
)
def test_any_bytes_are_a_frame_or_a_bad_frame(model: tuple[str, str], fport: int | None, data: bytes) -> None:
    try:
        frame = FAMILIES[model[0]](model[1], fport, data)
    except BadFrameError:
        return
    for measure in frame.measures:
        assert measure.value is None or abs(measure.value) < 1e10
        assert bool(measure.why) == (measure.value is None)
    for signal in frame.signals:
        assert signal.state in STATES[signal.type]
        assert signal.count == 1


@given(st.sampled_from([p.values[1:] for p in examples()]), st.data())
def test_a_changed_byte_never_raises_anything_but_a_bad_frame(
    rest: tuple[dict[str, Any]], data: st.DataObject
) -> None:
    example = rest[0]
    raw = bytearray.fromhex(example["bytes"])
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for family, model in EVERY_MODEL:
        try:
            FAMILIES[family](model, example["fport"], bytes(raw))
        except BadFrameError:
            continue


LISTS_OF_RECORDS = ("elsys", "milesight")


@pytest.mark.parametrize(("model", "example"), examples())
def test_a_cut_or_longer_frame_is_refused_and_never_read_past_its_end(
    model: str, example: dict[str, Any]
) -> None:
    if "bad" in example or PROFILES[model].decoder in LISTS_OF_RECORDS:
        return  # a list of records may end after each of them
    data = bytes.fromhex(example["bytes"])
    allowed = {9, 10} if model == "merryiot-dw10" else {11} if "stored_at" in example else set()
    for other in [*(data[:n] for n in range(len(data))), data + b"\0"]:
        if len(other) not in allowed:
            with pytest.raises(BadFrameError):
                decode(model, example["fport"], other)


def test_a_list_of_records_cut_inside_a_record_is_refused() -> None:
    whole = bytes.fromhex("01755c03673401046865060001")
    ends = {3, 7, 10, 13}
    for n in range(len(whole) + 1):
        if n in ends:
            decode("milesight-em300-mcs", 85, whole[:n])
        else:
            with pytest.raises(BadFrameError):
                decode("milesight-em300-mcs", 85, whole[:n])


def test_an_uplink_without_a_port_is_read_as_one_on_the_usual_port() -> None:
    assert decode("browan-tbms100", None, bytes.fromhex("01bb340400dc7801")).signals == (
        Signal("motion", "on"),
    )


def test_a_model_of_another_family_is_refused_by_name() -> None:
    with pytest.raises(BadFrameError, match="name ends in dl-ctd10"):
        FAMILIES["decentlab"]("browan-tbms100", 1, b"")


def test_a_town_may_give_a_model_its_own_name_in_front() -> None:
    frame = FAMILIES["dragino"]("shiojiri-ldds75", 2, bytes.fromhex("0d0a07e900000001"))
    assert frame.measures[0] == Measure("distance_m", 2.025)


def test_examples_are_not_taken_for_profiles() -> None:
    assert not [model for model in PROFILES if "examples" in model]
    assert Path(EXAMPLES / "browan-tbms100.yaml").is_file()
