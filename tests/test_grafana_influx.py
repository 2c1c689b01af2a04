"""Every question that the dashboards ask is answered by a real InfluxDB which the example town has filled."""

import asyncio
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from devices.frame import Millis
from firmware_sim.scenarios import scenario
from hub.app import resume
from hub.config.settings import Influx
from hub.dashboards.folder import files
from hub.ledger import Ledger
from hub.model import Message
from hub.rounds import tick
from tests import servers
from tests.fleets import example_town, fleet_of
from tests.points import forwarded, forwarding, until
from tests.test_grafana import dashboards, reached
from tests.towns import DAY, HOUR, SECOND

DATABASE = "grafana"
VARIABLE = re.compile(r"\$(\w+|\{\w+\})")


class Story:
    """A night in the example town, in an InfluxDB. `began` and `ended`, ms."""

    def __init__(self, server: servers.Server) -> None:
        self.url = server.url
        self.town = example_town()
        self.began, self.ended = asyncio.run(self._fill())

    async def _fill(self) -> tuple[Millis, Millis]:
        """Fleet, pipeline, ledger and forwarder, as they run; only broker and phones are left out."""
        played = scenario("story", self.town, 1)
        fleet = fleet_of(self.town, played)
        ledger = Ledger.in_memory()
        pipeline = resume(self.town, ledger, live=True)
        now, end = played.starts_at, played.starts_at + played.lasts
        while now < end:
            now = min(fleet.next_due(), now + 10 * SECOND)
            sent = [Message(s.topic, s.payload, now, s.retain) for s in fleet.step(now)]
            for outcome in (pipeline.run(sent, now), tick(pipeline, now)):
                ledger.insert(outcome)
                ledger.commit()
        settings = Influx(url=self.url, version=1, bucket=DATABASE)
        there = replace(self.town, hub=self.town.hub.model_copy(update={"influx": settings}))
        async with forwarding(ledger, there):
            await until(forwarded(ledger))
        ledger.close()
        return played.starts_at, end

    def rows(self, query: str, device: str = ".*", interval: Millis = HOUR) -> list[dict[str, Any]]:
        """What Grafana would get, series by series. AssertionError: the server refuses it."""
        said = {
            "timeFilter": f"time >= {self.began - DAY}ms and time <= {self.ended}ms",
            "__interval": f"{interval // SECOND}s",
            "device": device,
        }
        asked = VARIABLE.sub(lambda found: said[found[1].strip("{}")], query)
        body = urllib.parse.urlencode({"db": DATABASE, "q": asked, "epoch": "ms"}).encode()
        with urllib.request.urlopen(f"{self.url}/query", body, timeout=30) as answer:  # noqa: S310
            (result,) = json.load(answer)["results"]
        assert "error" not in result, (asked, result)
        return list(result.get("series", []))


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with servers.influxd() as server:
        yield Story(server)


def made() -> dict[str, dict[str, Any]]:
    return {n: json.loads(text) for n, text in files(example_town()).items() if n.endswith(".json")}


def asked() -> dict[str, str]:
    """Where it stands -> query, of the Japanese dashboards: every panel, mark and variable."""
    found = {}
    for name, board in made().items():
        if "/ja/" not in name:
            continue
        for panel in board["panels"]:
            for target in panel["targets"]:
                found[f"{board['uid']} {panel['id']} {target['refId']}"] = target["query"]
        for mark in board["annotations"]["list"]:
            found[f"{board['uid']} {mark['iconColor']}"] = mark["target"]["query"]
        for variable in board["templating"]["list"]:
            found[f"{board['uid']} ${variable['name']}"] = variable["query"]
    return found


@pytest.mark.parametrize("where", asked())
def test_a_question_is_answered_with_rows(story: Story, where: str) -> None:
    series = story.rows(asked()[where])
    assert any(value is not None for one in series for row in one["values"] for value in row[1:])


def test_the_column_that_opens_an_alert_holds_its_id(story: Story) -> None:
    boards = dashboards(reached(example_town()))
    asked = {t["query"] for one in boards.values() for p in one["panels"] for t in p["targets"]}
    opening = [query for query in asked if ', "id" FROM' in query]
    assert len(opening) == 4
    known = {row[1] for one in story.rows('SELECT "id" FROM "alert"') for row in one["values"]}
    for query in opening:
        series = story.rows(query)
        ids = {row[one["columns"].index("id")] for one in series for row in one["values"]}
        assert ids
        assert ids <= known


def test_both_languages_ask_the_same_but_for_the_names_of_columns() -> None:
    boards = made()
    for name, board in boards.items():
        other = boards[name.replace("/ja/", "/en/")]
        for one, same in zip(board["panels"], other["panels"], strict=True):
            for a, b in zip(one["targets"], same["targets"], strict=True):
                nameless = [re.sub(r'AS "[^"]*"', "AS", target["query"]) for target in (a, b)]
                assert nameless[0] == nameless[1]


def test_a_device_can_be_chosen(story: Story) -> None:
    (query,) = {t["query"] for t in made()["dashboards/ja/devices.json"]["panels"][1]["targets"]}
    (series,) = story.rows(query, "gauge-biwabashi")
    assert series["tags"] == {"device": "gauge-biwabashi"}
    names = {row[1] for one in story.rows(asked()["naruko-ja-devices $device"]) for row in one["values"]}
    assert "gauge-biwabashi" in names


def test_thresholds_are_drawn_at_their_height_and_devices_at_their_place(story: Story) -> None:
    boards = made()
    (level,) = [p for p in boards["dashboards/ja/river.json"]["panels"] if p["title"] == "小野川 琵琶橋 水位"]
    (series,) = story.rows(level["targets"][0]["query"])
    heights = dict(zip(series["columns"], series["values"][0], strict=True))
    assert {f"{value:.2f}" for name, value in heights.items() if "相当" in name} == {
        "1.60", "2.00", "2.40", "3.20",
    }  # fmt: skip
    for panel in boards["dashboards/ja/overview.json"]["panels"]:
        if panel["id"] != 4:
            continue
        for target in panel["targets"]:
            device = story.town.devices[target["refId"]]
            (series,) = story.rows(target["query"])
            assert series["values"][0][1:] == pytest.approx([device.lat, device.lon], abs=1e-6)


def test_a_value_that_has_failed_a_check_is_no_level(story: Story) -> None:
    (level,) = [p for p in made()["dashboards/ja/river.json"]["panels"] if p["title"] == "小野川 琵琶橋 水位"]
    query = level["targets"][0]["query"]
    point = f"river,device=gauge-biwabashi,site=x level_m=77.5,level_m_qc=4i {story.began * 1_000_000}"
    write = f"{story.url}/write?db={DATABASE}&precision=ns"
    urllib.request.urlopen(write, point.encode(), timeout=30).close()  # noqa: S310
    heights = [row[1] for one in story.rows(query) for row in one["values"]]
    assert 0 < max(heights) < 77
    assert 77.5 in [row[1] for row in story.rows('SELECT "level_m" FROM "river"')[0]["values"]]


def test_colours_of_the_marks_have_all_come_up_in_that_night(story: Story) -> None:
    found = story.rows('SELECT "severity", "kind" FROM "alert"')
    assert {row[1] for row in found[0]["values"]} >= {1, 2, 3, 4}
