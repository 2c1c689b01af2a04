"""Every name and value comes back from its line of InfluxDB's protocol, and none breaks it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.influx import line_protocol
from hub.model import Flag, Reading
from tests.points import NOW, NS, reading


def lines_of(*readings: Reading) -> list[str]:
    return line_protocol.reading_lines(readings, lambda device: device, lambda device, quantity: False)


def split_unescaped(text: str, mark: str) -> list[str]:
    """Written after the protocol's grammar, apart from the code under test."""
    parts, current, escaped, quoted = [], "", False, False
    for sign in text:
        if escaped:
            current += sign
            escaped = False
        elif sign == "\\":
            current += sign
            escaped = True
        elif sign == '"' and mark != "=":
            quoted = not quoted
            current += sign
        elif sign == mark and not quoted:
            parts.append(current)
            current = ""
        else:
            current += sign
    return [*parts, current]


def unescape(text: str, marks: str) -> str:
    for mark in marks:
        text = text.replace("\\" + mark, mark)
    return text


NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters='\\"'), min_size=1
)


@given(
    NAMES, st.dictionaries(NAMES, NAMES, max_size=4), NAMES, st.floats(allow_nan=False, allow_infinity=False)
)
def test_every_name_comes_back_from_its_line(
    name: str, tags: dict[str, str], field: str, number: float
) -> None:
    line = line_protocol.line(line_protocol.head(name, tags), {field: number}, NOW)
    start, fields, at = split_unescaped(line, " ")
    first, *rest = split_unescaped(start, ",")
    assert unescape(first, ", ") == name
    assert {
        unescape(k, ",= "): unescape(v, ",= ") for k, v in (split_unescaped(t, "=") for t in rest)
    } == tags
    key, value = split_unescaped(fields, "=")
    assert unescape(key, ",= ") == field
    assert float(value) == number
    assert at == str(NOW * NS)


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_any_text_is_one_string_field_on_one_line(text: str) -> None:
    rendered = line_protocol.value(text)
    assert len(rendered.splitlines()) <= 1
    assert rendered[0] == rendered[-1] == '"'
    body = rendered[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in body
    assert "\\" not in body


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_no_name_breaks_its_line(text: str) -> None:
    for rendered in (line_protocol.key(text), line_protocol.measurement(text)):
        assert len(rendered.splitlines()) == 1
        assert not rendered.endswith("\\")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="NaN"):
        line_protocol.value(number)


def test_a_message_is_one_line_with_a_flag_beside_each_quantity() -> None:
    assert lines_of(
        reading(),
        reading(quantity="air_c", value=-3.0, flag=Flag.SUSPECT),
        reading(NOW + 1, quantity="air_c", value=-3.5),
        reading(NOW + 1, device="pir-1", quantity="battery_v", value=3.6),
    ) == [
        f"river-1 water_level_m=1.5,water_level_m_qc=1i,air_c=-3.0,air_c_qc=3i {NOW * NS}",
        f"river-1 air_c=-3.5,air_c_qc=1i {(NOW + 1) * NS}",
        f"pir-1 battery_v=3.6,battery_v_qc=1i {(NOW + 1) * NS}",
    ]


def test_a_missing_value_has_a_flag_and_no_field() -> None:
    assert lines_of(reading(value=None, flag=Flag.MISSING)) == [f"river-1 water_level_m_qc=9i {NOW * NS}"]
    assert lines_of(reading(value=float("nan"), flag=Flag.FAIL)) == [
        f"river-1 water_level_m_qc=4i {NOW * NS}"
    ]


def test_a_time_that_nanoseconds_cannot_hold_is_left_in_the_ledger() -> None:
    year_1, year_2106, year_3000 = -62_135_596_800_000, 4_294_967_295_000, 32_503_680_000_000
    assert lines_of(reading(year_1), reading(year_3000)) == []
    assert len(lines_of(reading(year_2106))) == 1
