"""`naruko doctor` at what stands in for Grafana, and answers as its HTTP API says: none is installed here."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cli import main
from hub.config.load import ConfigError
from hub.dashboards import folder
from hub.doctor import grafana
from hub.doctor.finding import Level
from hub.doctor.grafana import essence
from tests import servers
from tests.doctors import codes, serving, town_at, written

OK, WARN, BAD = Level
TOKEN = "glsa_abc"
SOURCE = {"uid": "naruko", "type": "influxdb", "jsonData": {"dbName": "naruko"}}
WORKS = {"status": "OK", "message": "datasource is working. 5 measurements found"}


class Standing:
    """Stands in for Grafana. `answers`: path -> (status, JSON); what is not there is a 404."""

    def __init__(self, dashboards: list[dict[str, Any]]) -> None:
        self.asked: list[str] = []
        self.token = TOKEN
        self.answers: dict[str, tuple[int, Any]] = {
            "/api/health": (200, {"database": "ok", "version": "12.1.0", "commit": "x"}),
            "/api/datasources/uid/naruko": (200, SOURCE),
            "/api/datasources/uid/naruko/health": (200, WORKS),
            "/api/search": (200, [{"uid": made["uid"], "title": made["title"]} for made in dashboards]),
        }
        for made in dashboards:
            taken_in = made | {"id": 7, "version": 3}
            answer = {"dashboard": taken_in, "meta": {"provisioned": True}}
            self.answers[f"/api/dashboards/uid/{made['uid']}"] = 200, answer

    def __call__(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        plain = path.partition("?")[0]
        if plain != "/api/health" and headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, b'{"message":"Invalid API key"}'
        status, said = self.answers.get(plain, (404, {"message": "Not found"}))
        return status, {"content-type": "application/json"}, json.dumps(said).encode()


def made_for(folder_: Path) -> list[dict[str, Any]]:
    made = folder.files(town_at(folder_))
    return [json.loads(text) for name, text in made.items() if name.startswith("dashboards/")]


@pytest.fixture
def plain_town(tmp_path: Path) -> Path:
    return settings(tmp_path, "http://127.0.0.1:1")


def settings(tmp_path: Path, url: str, **more: Any) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    asked = {"url": url, "token_file": str(tmp_path / "token")} | more
    influx = {"url": "http://127.0.0.1:1", "version": 1, "bucket": "naruko"}
    return written(tmp_path / "town", 1883, influx=influx, grafana=asked)


def looked(tmp_path: Path, standing: Standing, **more: Any) -> dict[str, Level]:
    with serving(standing) as port:
        return codes(grafana.grafana(town_at(settings(tmp_path, f"http://127.0.0.1:{port}", **more))))


@pytest.fixture
def standing(plain_town: Path) -> Standing:
    return Standing(made_for(plain_town))


def test_grafana_with_our_source_and_our_dashboards_is_well(tmp_path: Path, standing: Standing) -> None:
    assert looked(tmp_path, standing) == dict.fromkeys(
        ("grafana.answers", "grafana.source", "grafana.dashboards"), OK
    )


def test_where_the_config_names_none_nothing_is_said(tmp_path: Path) -> None:
    assert list(grafana.grafana(town_at(written(tmp_path / "town", 1883)))) == []


def test_its_setting_is_a_web_address(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"grafana\.url: must begin with http"):
        town_at(settings(tmp_path, "grafana.town.test"))


def test_without_a_token_it_is_said_what_cannot_be_looked_at(tmp_path: Path, standing: Standing) -> None:
    assert looked(tmp_path, standing, token_file=None) == {"grafana.answers": OK, "grafana.no_token": WARN}
    assert standing.asked == ["/api/health"]


def test_a_token_that_has_ended_is_told(tmp_path: Path, standing: Standing) -> None:
    standing.token = "another"
    assert looked(tmp_path, standing) == {"grafana.answers": OK, "grafana.token": BAD}


def test_one_that_is_away_is_told_and_no_alert_needs_it(tmp_path: Path) -> None:
    town = town_at(settings(tmp_path, f"http://127.0.0.1:{servers.free_port()}"))
    (finding,) = grafana.grafana(town)
    assert finding.code == "grafana.away"
    assert finding.do.startswith("no alert needs it")


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        ("/api/health", (200, {"database": "failing", "version": "12.1.0"}), ("grafana.database", BAD)),
        ("/api/health", (200, {"database": "ok", "version": "9.5.2"}), ("grafana.old", WARN)),
        ("/api/datasources/uid/naruko", (404, {}), ("grafana.no_source", BAD)),
        ("/api/datasources/uid/naruko", (403, {}), ("grafana.unseen", WARN)),
        ("/api/datasources/uid/naruko", (200, SOURCE | {"type": "x"}), ("grafana.other_source", BAD)),
        (
            "/api/datasources/uid/naruko",
            (200, SOURCE | {"jsonData": {"dbName": "telegraf"}}),
            ("grafana.other_database", BAD),
        ),
        (
            "/api/datasources/uid/naruko/health",
            (400, {"status": "ERROR", "message": "connection refused"}),
            ("grafana.ill_source", BAD),
        ),
        ("/api/search", (200, []), ("grafana.no_dashboards", BAD)),
        ("/api/search", (200, [{"uid": "naruko-ja-river"}]), ("grafana.missing", WARN)),
    ],
)
def test_each_thing_that_can_be_wrong_is_told(
    tmp_path: Path, standing: Standing, path: str, answer: tuple[int, Any], told: tuple[str, Level]
) -> None:
    standing.answers[path] = answer
    code, level = told
    assert looked(tmp_path, standing)[code] is level


def test_a_dashboard_of_another_config_is_told_by_its_name(tmp_path: Path, standing: Standing) -> None:
    path = "/api/dashboards/uid/naruko-ja-overview"
    shown = json.loads(json.dumps(standing.answers[path]))
    shown[1]["dashboard"]["panels"][0]["title"] = "去年の画面"
    standing.answers[path] = tuple(shown)
    with serving(standing) as port:
        found = list(grafana.grafana(town_at(settings(tmp_path, f"http://127.0.0.1:{port}"))))
    (stale,) = [finding for finding in found if finding.code == "grafana.stale"]
    assert stale.said.endswith("naruko-ja-overview")


def test_without_the_extra_they_are_counted_and_not_compared(
    tmp_path: Path, standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grafana, "of_release", lambda _: None)
    assert looked(tmp_path, standing)["grafana.uncompared"] is WARN


def test_the_token_is_in_nothing_that_is_said(
    tmp_path: Path, standing: Standing, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(standing) as port:
        main(["doctor", "--json", "-c", str(settings(tmp_path, f"http://127.0.0.1:{port}"))])
    said = capsys.readouterr().out
    assert "grafana.dashboards" in said
    assert TOKEN not in said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["title", "panels", "targets", "query"]), inner, max_size=4)
    ),
)


@given(st.dictionaries(st.sampled_from(["title", "panels"]), JSON))
def test_a_dashboard_of_any_shape_can_be_compared(said: dict[str, Any]) -> None:
    assert essence(said) == essence(json.loads(json.dumps(said)))
