"""Camera-trap records (Camtrap DP) through the whole pipeline: one visit is told once, people never.

The example data has ducks and herons, a fox and people; a test that needs boar and deer renames the birds.
"""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.config.policy import WildlifePolicy
from hub.config.town import Town
from hub.model import AlertState, EventKind, Notification
from hub.replay import Replay, walk
from tests.data import data_dir, needs_data
from tests.towns import MINUTE, at, camera, person, square, town

pytestmark = needs_data

WILDLIFE = data_dir() / "wildlife"
CAMERAS = ("00a2c20d", "29b7d356", "577b543a", "62c200a9")
Row = dict[str, str]


def ground(**more) -> Town:
    """Each camera on a paddy of its own, a kilometre from the next."""
    return town(
        devices=[camera(id, east=1000 * i, heartbeat="0s") for i, id in enumerate(CAMERAS)],
        zones=[square(f"paddy-{id}", "paddy", east=1000 * i) for i, id in enumerate(CAMERAS)],
        people=[
            *(person(f"farmer-{id}", "farmer", zones=(f"paddy-{id}",)) for id in CAMERAS),
            person("hunter", "hunter"),
        ],
        **more,
    )


class Watch:
    """A replay of the data set, as it is or with rows changed, and what was told in it."""

    def __init__(self, folder: Path, **policy) -> None:
        self.replay = Replay(ground(**policy))
        self.told: list[Notification] = []
        for _, outcome in self.replay.play(walk([folder], "test")):
            self.told += outcome.notifications
        self.alerts = self.replay.ledger.alerts(0)
        self.events = Counter(event.kind for event in self.replay.ledger.events(0))


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Callable[[Row], None]], Path]:
    """The data set with each observation passed through a function."""

    def write(change: Callable[[Row], None]) -> Path:
        with (WILDLIFE / "observations.csv").open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        with (tmp_path / "observations.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, reader.fieldnames or [])
            writer.writeheader()
            for row in rows:
                change(row)
                writer.writerow(row)
        return tmp_path

    return write


def to_game(row: Row) -> None:
    """Ducks become boar, herons deer."""
    for bird, name in (("Anas platyrhynchos", "Sus scrofa"), ("Ardea", "Cervus nippon")):
        if row["scientificName"].startswith(bird):
            row["scientificName"] = name


def to_visits_of_people(row: Row) -> None:
    if row["observationType"] == "human":
        row |= {"observationLevel": "event", "eventStart": row["eventStart"] or "2020-06-12T04:04:29Z"}


def test_birds_a_fox_a_car_and_what_was_not_recognized_are_told_to_nobody():
    watch = Watch(WILDLIFE)
    assert watch.told == []
    assert watch.alerts == []
    assert set(watch.events) == {EventKind.ANIMAL_SUSPECT}


def test_every_visit_of_boar_and_deer_is_told_once_to_the_farmer_there_and_the_hunter(changed):
    watch = Watch(changed(to_game))
    visits = Counter(alert.device for alert in watch.alerts)
    assert visits == {"00a2c20d": 6, "29b7d356": 6, "62c200a9": 2}
    opened = [n for n in watch.told if n.reason == "opened"]
    assert len(opened) == 2 * 14
    for alert in watch.alerts:
        told = [n.recipient for n in opened if n.alert_id == alert.id]
        assert sorted(told) == [f"farmer-{alert.device}", "hunter"]
    assert Counter(alert.species for alert in watch.alerts) == {"boar": 12, "deer": 2}


def test_the_animals_of_one_visit_are_counted_together(changed):
    """A sow with nine young; two boar and a deer."""
    alerts = {alert.opened_at: alert for alert in Watch(changed(to_game)).alerts}
    family, mixed = alerts[at("2020-06-06T04:11:07+00:00")], alerts[at("2020-06-12T04:04:29+00:00")]
    assert (family.species, family.count) == ("boar", 10)
    assert (mixed.species, mixed.count) == ("boar", 3)


def test_every_visit_ends_after_its_quiet_minutes_however_long_the_gap_to_the_next_record(changed):
    watch = Watch(changed(to_game))
    assert {alert.state for alert in watch.alerts} == {AlertState.RESOLVED}
    assert {alert.closed_at - alert.opened_at for alert in watch.alerts if alert.closed_at} == {10 * MINUTE}
    assert Counter(n.template for n in watch.told) == {"animal_detected": 28, "animal_closed": 28}


def test_people_in_front_of_a_camera_are_never_told_or_made_into_animals(changed):
    def change(row: Row) -> None:
        to_game(row)
        to_visits_of_people(row)

    with_people, without = Watch(changed(change)), Watch(changed(to_game))
    messages = with_people.replay.ledger.counts()["messages"]
    assert messages > without.replay.ledger.counts()["messages"], "the people are in the recording"
    assert [n.id for n in with_people.told] == [n.id for n in without.told]
    assert "person" not in {alert.species for alert in with_people.alerts}


def test_what_a_machine_is_unsure_of_waits_for_a_second_sign(changed):
    def unsure(row: Row) -> None:
        to_game(row)
        row["classificationProbability"] = "0.4"

    watch = Watch(changed(unsure))
    assert {alert.species for alert in watch.alerts} <= {"unknown"}
    sure = Watch(changed(unsure), wildlife=WildlifePolicy(species_min_confidence=0.3))
    assert len([a for a in sure.alerts if a.species == "boar"]) == 12


def test_a_town_may_be_told_of_birds_too():
    watch = Watch(WILDLIFE, wildlife=WildlifePolicy(ignore=("fox", "vehicle", "person")))
    assert len(watch.alerts) == 17
    assert {n.title.split("】")[0] for n in watch.told} <= {"【動物", "【動物 終了", "【鳥", "【鳥 終了"}
