"""The strict loader: exact words for every kind of error, and all of them at once."""

import functools
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hub.config.document import ConfigError, Problem, UnreadableError
from hub.config.load import load
from hub.config.shapes import Role
from hub.config.validate import reveal
from hub.config.yaml_lines import plain, read_yaml
from tests.config_towns import FIXTURES, Make, make_town, problems_of

CASES = sorted(folder.name for folder in FIXTURES.iterdir() if folder.name != "good")


@pytest.fixture
def town_with(tmp_path: Path) -> Make:
    return functools.partial(make_town, tmp_path / "town")


# --- fixtures named by verdict --------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_each_fixture_has_the_verdict_of_its_name_in_exactly_these_words(case: str, town_with: Make) -> None:
    folder = town_with(overlay=case)
    expected = FIXTURES / case / "expected.txt"
    try:
        verdict, said = "warn", "\n".join(load(folder, {}).warnings)
    except ConfigError as error:
        verdict, said = "error", str(error)
    assert case.startswith(verdict if said else "good.")
    assert said.replace(f"{folder}/", "") == (expected.read_text().rstrip("\n") if expected.exists() else "")


def test_the_good_town_loads_without_a_warning() -> None:
    town = load(FIXTURES / "good", {})
    assert town.warnings == ()
    assert list(town.devices) == ["gw-1", "cam-1", "trap-1", "gauge-1", "wire-1", "siren-1"]
    assert town.zone_info == ZoneInfo("Asia/Tokyo")
    assert town.geometry["paddy-1"].contains(town.geometry["paddy-1"].centroid)


def test_problems_name_the_file_as_the_caller_named_its_folder(
    monkeypatch: pytest.MonkeyPatch, town_with: Make
) -> None:
    monkeypatch.chdir(town_with({"policy.yaml": "wildlife:\n  quiet_fro: 1m\n"}).parent)
    with pytest.raises(ConfigError) as caught:
        load(Path("town"), {})
    assert caught.value.problems == [
        Problem("town/policy.yaml", 2, "wildlife.quiet_fro: unknown key; did you mean quiet_for?")
    ]
    assert str(caught.value) == "town/policy.yaml:2: wildlife.quiet_fro: unknown key; did you mean quiet_for?"


def test_the_errors_of_all_files_come_at_once_and_sorted(town_with: Make) -> None:
    good = FIXTURES / "good"
    folder = town_with(
        {
            "hub.yaml": (good / "hub.yaml").read_text().replace("radius_km", "radius"),
            "policy.yaml": "wildlife:\n  quiet_for: 10\n",
            "devices.yaml": (good / "devices.yaml").read_text().replace("naruko-trap", "naruko-trapp"),
            "people.yaml": (good / "people.yaml").read_text().replace("hunter", "hunters"),
            "zones.geojson": (good / "zones.geojson").read_text().replace('"flood"', '"floods"'),
        }
    )
    said = problems_of(folder)
    assert [line.split(": ")[0] for line in said] == [
        "devices.yaml:20", "hub.yaml:1", "hub.yaml:7", "people.yaml:10", "policy.yaml:2", "zones.geojson:3",
    ]  # fmt: skip


def test_a_missing_folder_and_missing_files_are_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere:1: no such folder"):
        load(tmp_path / "nowhere", {})
    assert problems_of(tmp_path) == [
        "devices.yaml:1: there is neither devices.yaml nor devices.csv",
        "hub.yaml:1: cannot be read: No such file or directory",
        "people.yaml:1: there is neither people.yaml nor people.csv",
    ]


def test_a_town_without_zones_and_policy_is_warned_of_and_has_the_defaults(town_with: Make) -> None:
    people = (
        (FIXTURES / "good" / "people.yaml")
        .read_text()
        .replace("    zones: [paddy-1, flood-1, stream-1]\n", "")
    )
    town = load(town_with({"zones.geojson": None, "people.yaml": people}), {})
    assert town.policy.wildlife.quiet_for == 600_000
    assert any(
        w.endswith("zones.geojson:1: is missing: who is told follows from roles alone") for w in town.warnings
    )


# --- YAML -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("-3", -3), ("0", 0), ("1.50", 1.5), ("-0.5", -0.5), ("1.5e3", 1500.0), ("true", True),
        ("False", False), ("~", None), ("", None), ("null", None), ("上田", "上田"),
        ("2026-11-21", "2026-11-21"),
        ("24e124136b502211", "24e124136b502211"), ("1.2.3", "1.2.3"), ("-x", "-x"), ("north", "north"),
    ],
)  # fmt: skip
def test_an_unquoted_value_is_what_every_reader_takes_it_for(text: str, value: object) -> None:
    found = plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "22:30", "06:30", "1:30:00", "yes", "No", "ON", "off", "0123", "007", "09012345678", "0x1F", "0o17",
        "1_000", "+81", "1e3", "24e12", ".5", "5.", ".inf", "-.INF", ".nan", "1234567890123456789", "=",
    ],
)  # fmt: skip
def test_an_unquoted_value_that_readers_disagree_on_is_refused_and_quoted_is_text(text: str) -> None:
    document, problems = read_yaml(f"a: {text}\nb: '{text}'\n", "x.yaml")
    assert [problem.line for problem in problems] == [1]
    assert document.value["b"] == text


def test_every_value_has_its_line() -> None:
    document, problems = read_yaml("a:\n  - b: 1\n\n    c: {d: 2,\n     e: 3}\n# x\nf: |\n  g\n", "x.yaml")
    assert problems == []
    assert document.value == {"a": [{"b": 1, "c": {"d": 2, "e": 3}}], "f": "g\n"}
    assert document.line(("a", 0, "b")) == 2
    assert document.line(("a", 0, "c", "e")) == 5
    assert document.line(("a", 0, "missing")) == 2
    assert document.line(("f",)) == 7


def test_a_second_document_and_a_key_that_is_no_word_are_errors() -> None:
    _, problems = read_yaml("a: 1\n---\nb: 2\n", "x.yaml")
    assert [str(problem) for problem in problems] == ["x.yaml:2: a second document: a file holds one"]
    _, problems = read_yaml("? [a, {b: c}]\n: {d: [e]}\nf: 1\n", "x.yaml")
    assert [str(problem) for problem in problems] == ["x.yaml:1: a key must be a plain word"]


def test_a_file_nested_a_hundred_thousand_deep_is_refused_and_ends_nothing() -> None:
    with pytest.raises(UnreadableError, match="is nested deeper than 20 levels"):
        read_yaml("[" * 100_000, "x.yaml")


# --- CSV ------------------------------------------------------------------------------------------

TABLE = (
    "ID,氏名,言語,役割,区域,当番,メール,ntfy\r\n"
    "kita,北 実,やさしい日本語,猟友会、農家,paddy-1,月;水曜日,ＫＩＴＡ@town.test,\r\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_people_are_read_as_excel_saves_them(encoding: str, town_with: Make) -> None:
    town = load(town_with({"people.csv": TABLE.encode(encoding)}), {})
    person = town.people["kita"]
    assert (person.name, person.lang, person.zones) == ("北 実", "ja-easy", ("paddy-1",))
    assert person.roles == (Role.HUNTER, Role.FARMER)
    assert person.duty == ("mon", "wed")
    assert [reveal(channel.url) for channel in person.channels] == [
        "mailto://mail.test?from=naruko@town.test&to=KITA@town.test"
    ]
    assert list(town.people) == ["mizuta", "yamane", "bosai", "kita"]


def test_devices_are_read_from_a_table_beside_the_yaml(town_with: Make) -> None:
    table = (
        "機器ID,機種,名称,名称_英語,緯度,経度,場所,場所_英語,親機,アドレス,通信間隔,点検中,河川名,河川名_英語,観測所名,"
        "観測所名_英語,センサー高_m,氾濫注意水位_m,氾濫危険水位_m,公式水位,わな番号,わなの種類,わなの所有者,サイレン用途,備考\n"
        "gauge-9,milesight-em310-udl,水位計,Gauge,３６．０５,137.98,橋,Bridge,gw-1,24E1,30m,○,上沢,Kamisawa,堰堤,"
        "Dam,4.0,0.6,1.1,いいえ,,,,,「\n改行」\n"
        "trap-9,naruko-trap,わな,Trap,36.05,137.98,東山,East hill,,,,,,,,,,,,,九,くくりわな,yamane,,\n"
        "siren-9,naruko-siren,サイレン,Siren,36.05,137.98,田,Paddy,,,,,,,,,,,,,,,,追い払い 警報,\n"
    ).replace("「\n改行」", '"二行の\n備考"')
    folder = town_with({"devices.csv": table.encode("cp932")})
    town = load(folder, {})
    gauge = town.devices["gauge-9"]
    assert (gauge.lat, gauge.heartbeat, gauge.maintenance, gauge.address) == (36.05, 1_800_000, True, "24E1")
    assert gauge.gauge is not None
    assert gauge.gauge.levels_m == {"caution": 0.6, "danger": 1.1}
    assert gauge.gauge.official is False
    trap, siren = town.devices["trap-9"].trap, town.devices["siren-9"].siren
    assert trap is not None
    assert (trap.no, trap.type) == ("九", "snare")
    assert siren is not None
    assert siren.use == ("deter", "warn")
    assert town.by_address["24e1"] is gauge
    broken = table.replace("East hill", "")
    assert problems_of(town_with({"devices.csv": broken})) == ["devices.csv:4: 場所_英語: is missing"]


def test_a_cell_of_a_table_may_not_begin_a_quote_and_never_end_it(town_with: Make) -> None:
    assert problems_of(town_with({"people.csv": 'ID,氏名\nkita,"北\n'})) == [
        "people.csv:2: is no CSV: unexpected end of data"
    ]


# --- zones ----------------------------------------------------------------------------------------


def test_properties_as_qgis_writes_them_are_understood(town_with: Make) -> None:
    zones = json.loads((FIXTURES / "good" / "zones.geojson").read_text())
    zones |= {
        "name": "zones",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
    }
    zones["features"][0]["properties"]["rivers"] = None
    zones["features"][1]["properties"]["rivers"] = "gauge-1"
    zones["features"][2]["geometry"]["coordinates"][0][0].append(780.5)
    zones["features"][2]["geometry"]["coordinates"][0][-1].append(780.5)
    town = load(town_with({"zones.geojson": json.dumps(zones, indent=1)}), {})
    assert town.zones["flood-1"].rivers == ("gauge-1",)
    assert town.warnings == ()


def test_a_wrong_property_of_a_feature_over_many_lines_has_its_own_line(town_with: Make) -> None:
    zones = json.loads((FIXTURES / "good" / "zones.geojson").read_text())
    zones["features"][1]["properties"]["kind"] = "flod"
    text = json.dumps(zones, indent=1, ensure_ascii=False)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "flod" in row)
    (said,) = problems_of(town_with({"zones.geojson": text}))
    assert said.startswith(f"zones.geojson:{line}: features[1].properties.kind: must be ")
