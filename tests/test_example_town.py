"""The town in config/: it loads on a fresh clone, and shows every kind of thing."""

from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from hub.config import schema
from hub.config.check import area_ha, near_dwellings, report
from hub.config.load import load
from hub.config.shapes import Kind, Role, ZoneKind
from hub.config.town import Town
from hub.config.validate import reveal
from hub.config.yaml_lines import read_yaml
from hub.geofence import Geofence

CONFIG = Path(__file__).resolve().parents[1] / "config"


@pytest.fixture(scope="module")
def town() -> Town:
    return load(CONFIG, {})


def test_it_loads_without_any_environment_and_warns_of_its_example_addresses_alone(town: Town) -> None:
    assert town.warnings == (
        f"{CONFIG}/people.csv:1: 12 people have the address of an example: nothing reaches it",
    )


def test_it_has_forty_devices_two_streams_six_zones_and_a_dozen_people(town: Town) -> None:
    assert Counter(town.kind(device) for device in town.devices.values()) == {
        Kind.ANIMAL: 13, Kind.TRAP: 8, Kind.RIVER: 3, Kind.SLOPE: 5, Kind.RAIN: 2, Kind.SIREN: 6,
        Kind.GATEWAY: 3,
    }  # fmt: skip
    assert len(town.devices) == 40
    streams = {device.gauge.river for device in town.devices.values() if device.gauge}
    streams |= {device.slope.stream for device in town.devices.values() if device.slope}
    assert streams == {"小野川", "上沢"}
    assert Counter(zone.kind for zone in town.zones.values()) == {
        ZoneKind.PADDY: 2, ZoneKind.HUNTING: 1, ZoneKind.DWELLING: 1, ZoneKind.FLOOD: 1, ZoneKind.STREAM: 1,
    }  # fmt: skip
    assert len(town.people) == 12


def test_its_paddies_are_27_hectares(town: Town) -> None:
    paddies = [zone.id for zone in town.zones.values() if zone.kind == ZoneKind.PADDY]
    assert sum(area_ha(town, zone) for zone in paddies) == pytest.approx(27.0, abs=0.1)


def test_every_role_and_language_and_kind_of_channel_occurs(town: Town) -> None:
    people = town.people.values()
    assert {role for person in people for role in person.roles} == set(Role)
    assert {person.lang for person in people} == {"ja", "ja-easy", "en"}
    assert {channel.kind for person in people for channel in person.channels} == {
        "mail",
        "ntfy",
        "line",
        "sms",
    }


def test_no_address_in_it_leads_to_anybody(town: Town) -> None:
    for person in town.people.values():
        for channel in person.channels:
            assert ".invalid" in reveal(channel.url) or "EXAMPLE" in reveal(channel.url)


def test_its_people_are_in_a_table_as_excel_saves_it() -> None:
    raw = (CONFIG / "people.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfID,")
    assert raw.count(b"\r\n") == 13


def test_every_animal_sensor_stands_on_ground_somebody_cares_for(town: Town) -> None:
    fence = Geofence(town)
    for device in town.devices.values():
        if town.kind(device) == Kind.ANIMAL:
            assert fence.zones_of(device.id), device.id
        if town.kind(device) == Kind.TRAP:
            assert fence.zones_of(device.id) == ("hunting-ueda",)


def test_one_siren_against_animals_is_light_only_because_dwellings_are_near(town: Town) -> None:
    near = near_dwellings(town)
    assert {device for device in near if "deter" in town.devices[device].siren.use} == {"siren-ueda-2"}
    assert 150 < near["siren-ueda-2"] < 200
    warn = town.devices["siren-kamisawa-1"].siren
    assert warn is not None
    assert warn.use == ("warn",)


def test_every_paddy_sensor_has_a_siren_or_flash_in_range(town: Town) -> None:
    fence = Geofence(town)
    deterrents = [
        device.id
        for device in town.devices.values()
        if town.kind(device) == Kind.SIREN and (device.siren is None or "deter" in device.siren.use)
    ]
    for device in town.devices.values():
        zones = [town.zones[zone].kind for zone in fence.zones_of(device.id)]
        if town.kind(device) == Kind.ANIMAL and ZoneKind.PADDY in zones:
            range_m = town.policy.deterrent.range_m
            found = fence.nearest_devices(device.lat, device.lon, deterrents, range_m=range_m, n=2)
            assert found, device.id


def test_policy_yaml_says_the_defaults(town: Town) -> None:
    assert town.policy == type(town.policy)()


def test_the_report_says_what_was_found_and_no_address(town: Town) -> None:
    said = report(town)
    assert said.startswith("Ueda district, Naruko Town (naruko-cho): nothing is wrong.\n")
    for line in (
        "40 devices: gateway 3, animal 13, trap 8, river 3, slope 5, rain 2, siren 6",
        "12 people",
        "   hunter: yamane, inukai, shikata",
        "   languages: ja 10, ja-easy 1, en 1",
        "6 zones",
        "   paddy: paddy-ueda (15.7 ha), paddy-kitahara (11.3 ha)",
        "   gauge-kamisawa (Kamisawa stream, check dam): caution 0.60 m, danger 1.10 m (the town's own)",
        "   siren-ueda-2: sound and light, to deter; 188 m from a dwelling: light only",
        "1 warning",
    ):
        assert line in said.splitlines()
    assert "invalid" not in said
    assert "@" not in said


# --- schemas --------------------------------------------------------------------------------------


def test_the_schemas_are_up_to_date() -> None:
    assert schema.main(["--check"]) == 0


def test_a_schema_that_is_not_up_to_date_is_found_and_written_again(tmp_path: Path) -> None:
    assert schema.main(["--folder", str(tmp_path)]) == 0
    assert schema.main(["--folder", str(tmp_path), "--check"]) == 0
    (tmp_path / "hub.json").write_text("{}")
    assert schema.main(["--folder", str(tmp_path), "--check"]) == 1
    assert schema.main(["--folder", str(tmp_path)]) == 0
    assert schema.main(["--folder", str(tmp_path), "--check"]) == 0


@pytest.mark.parametrize("name", ["hub", "policy", "devices"])
def test_each_file_opens_with_its_schema_and_keeps_to_it(name: str) -> None:
    text = (CONFIG / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith(f"# yaml-language-server: $schema=schema/{name}.json\n")
    document, problems = read_yaml(text, name)
    assert problems == []
    _validator(name).validate(document.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("policy", {"wildlife": {"quiet_for": 600}}),
        ("policy", {"wildlife": {"quiet_for": "10 minutes"}}),
        ("policy", {"wildlife": {"quiet_fro": "10m"}}),
        ("policy", {"deterrent": {"quiet_from": "25:00"}}),
        ("people", {"people": [{"id": "a", "name": "a", "roles": ["hunters"], "channels": []}]}),
        ("devices", {"devices": [{"id": "Cam 1"}]}),
    ],
)
def test_a_schema_refuses_what_the_loader_refuses(name: str, value: object) -> None:
    assert not _validator(name).is_valid(value)


def test_a_schema_shows_durations_as_they_are_written() -> None:
    assert schema.duration(600_000) == "10m"
    assert schema.duration(90_000) == "90s"
    assert schema.duration(1_500) == "1.5s"
    assert schema.duration(0) == "0s"
    text = (CONFIG / "schema" / "policy.json").read_text(encoding="utf-8")
    assert '"default": "30m"' in text
    assert '"default": "06:30"' in text


def _validator(name: str) -> jsonschema.Draft202012Validator:
    document, _ = read_yaml((CONFIG / "schema" / f"{name}.json").read_text(encoding="utf-8"), name)
    jsonschema.Draft202012Validator.check_schema(document.value)
    return jsonschema.Draft202012Validator(document.value)
