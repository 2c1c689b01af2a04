"""The models of device that come with the hub, and a town's own."""

from pathlib import Path

import pytest

from devices.decoders import FAMILIES
from hub.config.profiles import load_profiles
from hub.config.shapes import Kind

GOOD = """
model: town-cam
name: Camera of the town
kind: animal
heartbeat: 6h
signals:
  - {path: class, when: boar, type: animal, species: boar, confidence: score}
"""


def reasons(folder: Path) -> list[str]:
    with pytest.raises(ValueError, match="town") as error:
        load_profiles(folder)
    return [line.removeprefix(f"{folder}/") for line in str(error.value).splitlines()]


def test_every_kind_of_device_has_a_profile_out_of_the_box() -> None:
    assert {profile.kind for profile in load_profiles().values()} == set(Kind)


def test_every_payload_family_has_a_profile_that_uses_it() -> None:
    assert set(FAMILIES) <= {profile.decoder for profile in load_profiles().values()}


def test_a_siren_sounds_and_a_flash_does_not() -> None:
    profiles = load_profiles()
    assert (profiles["naruko-siren"].sound, profiles["naruko-siren"].light) == (True, True)
    assert (profiles["naruko-flash"].sound, profiles["naruko-flash"].light) == (False, True)
    assert [m for m, p in profiles.items() if p.sound or p.light] == ["naruko-flash", "naruko-siren"]


def test_every_battery_quantity_has_a_range() -> None:
    for profile in load_profiles().values():
        if profile.battery and profile.decoder != "json":
            limits = profile.quantities[profile.battery.quantity]
            assert limits.min <= profile.battery.low <= profile.battery.ok <= limits.max, profile.model


def test_a_town_adds_its_own_profile(tmp_path: Path) -> None:
    (tmp_path / "town-cam.yaml").write_text(GOOD, "utf-8")
    profiles = load_profiles(tmp_path)
    assert profiles["town-cam"].name == "Camera of the town"
    assert profiles.keys() == load_profiles().keys() | {"town-cam"}


def test_a_town_s_profile_takes_the_place_of_ours_of_the_same_model(tmp_path: Path) -> None:
    (tmp_path / "naruko-rain.yaml").write_text(
        "{model: naruko-rain, name: ours, kind: rain, decoder: naruko, heartbeat: 1h}", "utf-8"
    )
    assert load_profiles(tmp_path)["naruko-rain"].heartbeat == 3_600_000


def test_a_folder_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert load_profiles(tmp_path / "none") == load_profiles()


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    wrong = {
        "town-1.yaml": GOOD.replace("town-cam", "town-2"),
        "town-3.yaml": GOOD.replace("town-cam", "town-3").replace("6h", "6"),
        "town-4.yaml": GOOD.replace("town-cam", "town-4") + "decoder: browan\n",
        "town-5.yaml": GOOD.replace("town-cam", "town-5") + "decoder: lorawan\n",
        "town-6.yaml": GOOD.replace("town-cam", "town-6") + "name: twice\n",
        "town-7.yaml": GOOD.replace("town-cam", "town-7") + "quantities: {air_c: {min: 5, max: 5}}\n",
        "town-8.yaml": GOOD.replace("town-cam", "town-8") + "time: {path: t, zone: Asia/Shiojiri}\n",
        "town-9.yaml": GOOD.replace("town-cam", "town-9") + "battery: {low: 3.6, ok: 3.2}\n",
        "town-a.yaml": GOOD.replace("town-cam", "town-a") + "volume: 11\n",
        "town-b.yaml": "- [",
        "town-c.yaml": "",
        "town-d.yaml": GOOD.replace("town-cam", "town-d").replace("confidence: score", "state: seen"),
    }
    for name, text in wrong.items():
        (tmp_path / name).write_text(text, "utf-8")
    found = reasons(tmp_path)
    expected = [
        "town-1.yaml: model 'town-2' belongs into town-2.yaml",
        "town-3.yaml: heartbeat: Value error, write a duration with its unit, such as 90s, 20m, 6h or 7d",
        "town-4.yaml: model 'town-4' must end in the name of one that decoder 'browan' knows: "
        "dw10, tbdw100, tbms100",
        "town-5.yaml: decoder 'lorawan' is none of naruko, json, browan, decentlab, dragino, elsys, "
        "milesight, netvox",
        "town-6.yaml: key 'name' stands twice",
        "town-7.yaml: quantities.air_c: min 5.0 is not below max 5.0",
        "town-8.yaml: time.zone: 'Asia/Shiojiri' is no time zone",
        "town-9.yaml: battery: low 3.6 is above ok 3.2",
        "town-a.yaml: volume: Extra inputs are not permitted",
        "town-b.yaml: while parsing",
        "town-c.yaml: profile: Input should be a valid dictionary or instance of Profile",
        "town-d.yaml: signals.0: animal has no state 'seen': ",
    ]
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start), line
