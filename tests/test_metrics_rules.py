"""The page about metrics and the rules for Prometheus, beside what a running hub exposes."""

import re
import subprocess
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from hub.config.settings import Influx
from tests.data import ROOT
from tests.paged import paged, village
from tests.servers import installed
from tests.timeline import SPRUNG
from tests.waiting import until

FOLDER = ROOT / "config" / "prometheus"
GROUPS = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def promtool(*arguments: str, given: str | None = None) -> str:
    """What it says; fails where it is not content."""
    command = [installed("promtool"), *arguments]
    done = subprocess.run(command, cwd=FOLDER, input=given, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


async def a_scrape(folder: Path) -> str:
    """Of a hub with InfluxDB, at which something has happened."""
    made = village(folder)
    influx = Influx(url="http://127.0.0.1:9", version=1)
    hub = made.hub.model_copy(update={"influx": influx})
    async with paged(folder, type(made)(**{**vars(made), "hub": hub})) as p:
        await p.says("trap-1", SPRUNG)
        await p.says("gauge", water_level_m=1.2)
        await until(lambda: p.hub.counts.told["mail", "sent"] > 0, "somebody is told")
        return (await p.get("/metrics")).html


def rows(*columns: str) -> list[list[str]]:
    """The cells of the table on the page that begins with these columns."""
    lines = PAGE.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith(f"| {' | '.join(columns)} |"))
    found = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


async def test_the_page_has_a_line_for_each_metric_with_its_type_and_labels(tmp_path: Path) -> None:
    exposed = {}
    for family in text_string_to_metric_families(await a_scrape(tmp_path)):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        exposed[name] = family.type, labels
    listed = {name.strip("`"): (type, set(re.findall("`(.*?)`", labels)))
              for name, type, labels, _ in rows("metric", "type", "labels", "what it says")}  # fmt: skip
    assert listed == exposed


async def test_promtool_has_nothing_against_the_names_and_units_of_a_scrape(tmp_path: Path) -> None:
    assert promtool("check", "metrics", given=await a_scrape(tmp_path)) == ""


def test_promtool_reads_the_rules_and_they_are_quiet_and_speak_when_they_should() -> None:
    assert f"SUCCESS: {len(RULES)} rules found" in promtool("check", "rules", "rules.yml")
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml")


async def test_the_rules_ask_only_for_metrics_and_labels_that_there_are(tmp_path: Path) -> None:
    """Also where promtool is not installed: it does not know what a hub exposes."""
    families = list(text_string_to_metric_families(await a_scrape(tmp_path)))
    names = {sample.name for family in families for sample in family.samples}
    labels = {(key, value) for family in families for s in family.samples for key, value in s.labels.items()}
    for rule in RULES:
        asked = set(re.findall(r"\bnaruko_\w+", rule["expr"]))
        assert asked <= names, rule["alert"]
        for key, values in re.findall(r'(\w+)=~?"(.*?)"', rule["expr"]):
            for value in values.split("|"):
                assert key == "job" or (key, value) in labels, rule["alert"]
        used = set(re.findall(r"\{\{ \$labels\.(\w+)", str(rule["annotations"])))
        assert used <= {key for key, _ in labels}, rule["alert"]


def test_every_rule_says_what_is_wrong_and_what_to_do_and_is_on_the_page() -> None:
    for rule in RULES:
        assert rule["annotations"]["summary"].endswith(".")
        assert len(rule["annotations"]["description"]) > 40
        assert rule["labels"]["severity"] in ("critical", "warning")
    assert [name.strip("`") for name, _ in rows("rule", "when")] == [rule["alert"] for rule in RULES]
