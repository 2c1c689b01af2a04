"""The contact book is data: read with the config, and every fault of it with its line."""

from pathlib import Path

import pytest

from hub.config.load import ConfigError, load
from hub.wording.values import MAX_LONG
from tests.config_towns import make_town
from tests.data import ROOT

HEAD = "動物,すること,連絡先,すること_英語,連絡先_英語,出典"
SEROW = "カモシカ,傷つけないで,教育委員会 1,Do not harm,Board of Education 1,"
BEAR = "クマ,近づかないで,役場 2,Nobody goes near,Town office 2,"


def book(folder: Path, *rows: str, encoding: str = "utf-8-sig") -> Path:
    (folder / "contacts.csv").write_text("\r\n".join((HEAD, *rows)) + "\r\n", encoding=encoding, newline="")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_town(tmp_path / "town")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp932"])
def test_an_animal_is_found_by_its_name_or_its_id(folder: Path, encoding: str) -> None:
    fox = "fox,放す,役場 2,Release,Town office 2,"
    town = load(book(folder, SEROW, BEAR, fox, encoding=encoding), {})
    assert set(town.contacts) == {"serow", "bear", "fox"}
    assert town.contacts["serow"].call == "教育委員会 1"
    assert town.contacts["bear"].do_en == "Nobody goes near"


def test_a_town_without_a_book_has_none(folder: Path) -> None:
    assert load(folder, {}).contacts == {}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("ネコバス,放す,役場,Release,Office,", "3: 動物: no animal of this name; there are badger"),
        ("カモシカ,,役場,Release,Office,", "3: "),
        ("カモシカ,放す,役場,Release,,", "3: "),
        (f"キツネ,{'長' * (MAX_LONG + 1)},役場,Release,Office,", "3: すること: must not be longer than 200"),
        ("クマ,放す,役場,Release,Office,", "3: 動物: bear stands twice, first in"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Path, row: str, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(book(folder, BEAR, row), {})
    assert f"contacts.csv:{fault}" in str(error.value)


def test_a_book_that_knows_no_bear_is_warned_of(folder: Path) -> None:
    assert any(
        "names nobody for a bear in a trap" in warning for warning in load(book(folder, SEROW), {}).warnings
    )


def test_a_leader_who_is_nobody_is_an_error_with_its_line(folder: Path) -> None:
    with (folder / "policy.yaml").open("a", encoding="utf-8") as policy:
        policy.write("trap:\n  leader: tanakka\n")
    with pytest.raises(ConfigError, match=r"policy\.yaml:\d+: trap\.leader: no person tanakka"):
        load(folder, {})


def test_reminders_that_stand_in_the_wrong_order_are_an_error(folder: Path) -> None:
    with (folder / "policy.yaml").open("a", encoding="utf-8") as policy:
        policy.write("trap:\n  remind_all: 10m\n")
    with pytest.raises(
        ConfigError, match=r"policy\.yaml:\d+: trap\.remind_all: must not come before remind_du"
    ):
        load(folder, {})


def test_the_example_town_knows_whom_to_call_about_what_must_not_be_in_a_trap() -> None:
    town = load(ROOT / "config", {})
    assert {"serow", "bear", "raccoon", "monkey", "person"} <= set(town.contacts)
    assert "教育委員会" in town.contacts["serow"].call
    assert "110" in town.contacts["bear"].call
    assert all(entry.do and entry.do_en and entry.call_en for entry in town.contacts.values())
