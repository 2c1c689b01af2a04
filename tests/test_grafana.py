"""Grafana's dashboards are made of the config, in words of two languages, and give no secret away."""

import json
import re
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from starlette.routing import Match

from hub.cli import main
from hub.config.settings import Console, Web
from hub.config.town import Town
from hub.console.pages.history import Asked
from hub.console.routes import ROUTES
from hub.dashboards.__main__ import main as make
from hub.dashboards.folder import FOLDERS, PAGES, files
from hub.dashboards.levels import KIND
from hub.dashboards.panels import TILES
from tests import towns
from tests.fleets import ROOT, example_town

HERE = ROOT / "config/grafana"
CHANGED = "gauge-biwabashi"
HUB = "https://naruko.example.jp"
CONSOLE = Web(console=Console())
BELONGS = {
    "overview": {"", "/map"},
    "river": {"/rivers"},
    "wildlife": {"/deterrents", "/history"},
    "devices": {"/devices"},
    "hub": {""},
}
"""Dashboard -> pages under /console."""


def dashboards(town: Town) -> dict[str, dict[str, Any]]:
    """Path -> dashboard."""
    return {name: json.loads(text) for name, text in files(town).items() if name.endswith(".json")}


def all_panels(town: Town) -> list[tuple[str, dict[str, Any]]]:
    return [(name, panel) for name, made in dashboards(town).items() for panel in made["panels"]]


def reached(town: Town, web: Web | None = CONSOLE, hub_url: str = f"{HUB}/") -> Town:
    site = town.site.model_copy(update={"hub_url": hub_url})
    return replace(town, hub=town.hub.model_copy(update={"web": web, "site": site}))


def leading_out(node: Any) -> list[str]:
    """All addresses of links below it."""
    if isinstance(node, list):
        return [url for one in node for url in leading_out(one)]
    if not isinstance(node, dict):
        return []
    own = [node["url"]] if "targetBlank" in node and "url" in node else []
    return own + leading_out([*node.values()])


def test_what_stands_in_config_is_what_the_example_town_gives(tmp_path: Path) -> None:
    assert make(["--check"]) == 0, "run `make dashboards`"
    here = {p.relative_to(HERE).as_posix() for kind in ("json", "yaml") for p in HERE.rglob(f"*.{kind}")}
    assert here - {"compose.yaml"} == set(files(example_town()))
    assert make(["--check", "--folder", str(tmp_path)]) == 1
    assert make(["--folder", str(tmp_path)]) == 0
    assert make(["--check", "--folder", str(tmp_path)]) == 0
    (tmp_path / "dashboards/ja/river.json").write_text("{}")
    assert make(["--check", "--folder", str(tmp_path)]) == 1


def test_the_command_writes_the_dashboards_of_any_town(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["grafana", "-c", str(ROOT / "config"), "--into", str(tmp_path)]
    assert main(arguments) == 0
    assert "12 files" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "up to date" in capsys.readouterr().out
    assert (tmp_path / "dashboards/ja/river.json").read_bytes() == (
        HERE / "dashboards/ja/river.json"
    ).read_bytes()


def test_every_dashboard_and_panel_has_an_id_of_its_own() -> None:
    made = dashboards(example_town())
    assert len({one["uid"] for one in made.values()}) == len(made) == len(PAGES) * len(FOLDERS)
    assert all(len(one["uid"]) <= 40 for one in made.values()), "Grafana takes no longer ones"
    for one in made.values():
        ids = [panel["id"] for panel in one["panels"]]
        assert len(set(ids)) == len(ids)


def test_no_panel_lies_over_another_or_beside_the_page() -> None:
    for name, made in dashboards(example_town()).items():
        for one, other in combinations(made["panels"], 2):
            a, b = one["gridPos"], other["gridPos"]
            beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
            above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
            assert beside or above, (name, one["title"], other["title"])
        assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in made["panels"])


def test_every_panel_says_what_it_shows_in_which_unit_and_asks_the_one_data_source() -> None:
    for name, panel in all_panels(example_town()):
        assert panel["title"], name
        assert len(panel["description"]) > 5, (name, panel["title"])
        assert panel["fieldConfig"]["defaults"]["unit"], (name, panel["title"])
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "influxdb", "uid": "naruko"} for source in sources)
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0


def test_the_two_languages_show_the_same() -> None:
    made = dashboards(example_town())
    japanese = re.compile(r"[぀-ヿ一-鿿]")
    for page in PAGES:
        ja, en = made[f"dashboards/ja/{page}.json"], made[f"dashboards/en/{page}.json"]
        assert [p["gridPos"] for p in ja["panels"]] == [p["gridPos"] for p in en["panels"]]
        assert all(japanese.search(panel["title"]) for panel in ja["panels"])
        assert not any(japanese.search(panel["title"] + panel["description"]) for panel in en["panels"])


def test_no_place_of_a_trap_no_person_and_no_address_is_in_them() -> None:
    town = example_town()
    text = "".join(files(town).values())
    secret = [device for device in town.devices.values() if device.trap]
    assert secret
    for device in secret:
        assert device.trap
        for told in (device.place, device.place_en, device.trap.tag_no):
            assert told not in text, device.id
        assert not any(
            f"{device.lat:.4f}" in line and f"{device.lon:.4f}" in line for line in text.split("\n")
        )
    for person in town.people.values():
        assert person.name not in text
        for channel in person.channels:
            assert channel.url is None or channel.url.get_secret_value() not in text
    assert all(d.address not in text for d in town.devices.values() if d.address)
    assert set(re.findall(r"https?://[^\"\s]*", text)) == {TILES}


def test_devices_that_may_be_shown_are_on_the_map() -> None:
    town = example_town()
    (panel,) = [p for p in dashboards(town)["dashboards/ja/overview.json"]["panels"] if p["id"] == 4]
    shown = {target["refId"] for target in panel["targets"]}
    assert shown == {id for id, device in town.devices.items() if not device.trap}
    (target,) = [target for target in panel["targets"] if target["refId"] == CHANGED]
    assert f"+ {town.devices[CHANGED].lat:.6f}" in target["query"]


def test_a_gauge_shows_its_own_thresholds_by_name_and_only_official_ones_speak_of_alert_levels() -> None:
    made = dashboards(example_town())["dashboards/ja/river.json"]["panels"]
    official = json.dumps([p for p in made if "琵琶橋" in p["title"]], ensure_ascii=False)
    own = json.dumps([p for p in made if "砂防堰堤" in p["title"]], ensure_ascii=False)
    assert "氾濫注意水位 1.60 m 警戒レベル2相当の水位" in official
    assert "氾濫危険水位 2.40 m 警戒レベル4相当の水位" in official
    assert "沢の危険水位 1.10 m" in own
    assert "警戒レベル" not in own
    assert "rgb(170, 0, 170)" in official
    assert "rgb(170, 0, 170)" not in own


def test_a_colour_never_stands_without_words() -> None:
    def mappings(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for one in node for found in mappings(one)]
        if not isinstance(node, dict):
            return []
        return [*([node] if "color" in node and "index" in node else []), *mappings([*node.values()])]

    results = mappings([panel for _, panel in all_panels(example_town())])
    assert results
    assert all(result["text"] for result in results)


def test_each_dashboard_leads_to_the_pages_of_the_console_that_belong_to_it() -> None:
    for name, made in dashboards(reached(example_town())).items():
        pages = BELONGS[Path(name).stem]
        assert {url for link in made["links"] if (url := link.get("url"))} == {
            f"{HUB}/console{page}" for page in pages
        }


@pytest.mark.parametrize("web", [None, Web(), CONSOLE])
def test_without_a_console_that_can_be_reached_nothing_leads_to_it(web: Web | None) -> None:
    town = example_town()
    hub_url = "" if web is CONSOLE else HUB
    assert files(reached(town, web, hub_url)) == files(town)
    assert all(not leading_out(made) for made in dashboards(town).values())


def test_every_link_leads_to_a_page_that_there_is() -> None:
    town = reached(example_town())
    found = {url for made in dashboards(town).values() for url in leading_out(made)}
    assert {f"{HUB}/console/devices/{id}" for id in town.devices if town.devices[id].trap} <= found
    for url in found:
        assert url.startswith(f"{HUB}/console")
        parts = urlsplit(url)
        scope = {"type": "http", "method": "GET", "path": parts.path}
        assert any(route.matches(scope)[0] is Match.FULL for route in ROUTES), url
        page, id = [*parts.path.split("/")[2:], "", ""][:2]
        assert not id or id.startswith("${") or (page == "devices" and id in town.devices), url
        if page == "history":
            asked = {key: value for key, (value,) in parse_qs(parts.query).items()}
            assert asked.keys() <= set(Asked.__struct_fields__), url
            assert asked.get("kind", "") in {"", *KIND}, url
            assert asked.get("zone", "") in {"", *town.zones}, url
        if parts.fragment:
            assert town.devices[parts.fragment.removeprefix("river-")].gauge, url


def test_a_link_out_of_a_row_takes_the_value_and_not_the_words_that_stand_for_it() -> None:
    made = dashboards(reached(example_town())).values()
    row = [url for one in made for url in leading_out(one) if "${" in url]
    assert {"alerts", "devices"} == {urlsplit(url).path.split("/")[2] for url in row}
    assert all(url.endswith("/${__value.raw:percentencode}") for url in row)


def test_every_row_of_an_alert_opens_its_page() -> None:
    for name, panel in all_panels(reached(example_town())):
        if panel["type"] not in ("table", "geomap") or 'FROM "alert"' not in panel["targets"][0]["query"]:
            continue
        assert ', "id" FROM "alert"' in panel["targets"][0]["query"], (name, panel["title"])
        (page,) = [one for one in panel["fieldConfig"]["overrides"] if one["matcher"]["options"] == "id"]
        assert "/console/alerts/" in str(page["properties"])


def test_each_gauge_leads_to_its_river() -> None:
    town = reached(example_town())
    made = dashboards(town)["dashboards/ja/river.json"]["panels"]
    found = [link["url"] for panel in made for link in panel.get("links", [])]
    assert set(found) == {f"{HUB}/console/rivers?all#river-{d.id}" for d in town.devices.values() if d.gauge}


def test_the_page_of_the_days_left_is_named_only_where_there_is_one() -> None:
    for town, named in ((example_town(), False), (reached(example_town()), True)):
        (charge,) = [p for _, p in all_panels(town) if p["title"] == "Battery charge"]
        assert ("days left" in charge["description"]) is named


def test_a_town_without_rivers_or_with_odd_names_has_dashboards_too() -> None:
    gauge = towns.gauge("g", {"caution": -0.5}, name='the "old" gauge\\', river="小\"野'川", station="下\\流")
    for town in (towns.town(), towns.town([towns.pir("p")]), towns.town([gauge])):
        assert len(dashboards(town)) == len(PAGES) * len(FOLDERS)
    (level,) = [
        p["targets"][0]["query"]
        for p in dashboards(towns.town([gauge]))["dashboards/ja/river.json"]["panels"]
        if p["title"].endswith(" 水位")
    ]
    assert 'max("level_m") * 0 - 0.500000' in level


def test_url_database_and_token_come_from_the_environment() -> None:
    (source,) = yaml.safe_load((HERE / "provisioning/datasources/naruko.yaml").read_text())["datasources"]
    asked = [source["url"], source["jsonData"]["dbName"], source["secureJsonData"]["httpHeaderValue1"]]
    assert asked == ["$NARUKO_INFLUX_URL", "$NARUKO_INFLUX_DATABASE", "$NARUKO_INFLUX_AUTHORIZATION"]
    providers = yaml.safe_load((HERE / "provisioning/dashboards/naruko.yaml").read_text())["providers"]
    assert [p["options"]["path"] for p in providers] == ["$NARUKO_DASHBOARDS/ja", "$NARUKO_DASHBOARDS/en"]


def test_the_compose_file_lets_nobody_in_without_a_password_and_listens_at_home_only() -> None:
    (service,) = yaml.safe_load((HERE / "compose.yaml").read_text())["services"].values()
    said = service["environment"]
    assert said["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert said["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert ":?" in said["GF_SECURITY_ADMIN_PASSWORD"]
    asked = {name for name in said if name.startswith("NARUKO_")}
    text = "".join(p.read_text() for p in (HERE / "provisioning").rglob("*.yaml"))
    assert set(re.findall(r"\$(NARUKO_[A-Z_]+)", text)) == asked


def test_the_sdk_reads_what_it_has_written() -> None:
    register_default_plugins()
    both = [*dashboards(example_town()).items(), *dashboards(reached(example_town())).items()]
    for name, made in both:
        again = json.loads(json.dumps(Dashboard.from_json(made), cls=JSONEncoder))
        assert again["uid"] == made["uid"]
        for before, after in zip(made["panels"], again["panels"], strict=True):
            assert {k: after[k] for k in ("id", "type", "title", "gridPos")} == {
                k: before[k] for k in ("id", "type", "title", "gridPos")
            }, name


def test_without_the_sdk_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("hub.dashboards")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "grafana_foundation_sdk.cog.encoder", None)
    assert main(["grafana", "-c", str(ROOT / "config"), "--into", str(tmp_path)]) == 2
    assert "pip install -e '.[grafana]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
