"""The folder that Grafana reads: the data source, where the dashboards are, and the dashboards of a town."""

import json
from pathlib import Path

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from hub.config.town import Town
from hub.dashboards import flow, overview, river, things, wildlife
from hub.dashboards.page import LANGUAGES, TAG, Book
from hub.dashboards.query import UID

PAGES = {"overview": overview, "river": river, "wildlife": wildlife, "devices": things, "hub": flow}
FOLDERS = {"ja": "鳴子", "en": "Naruko (English)"}
MADE = "# Made by `naruko grafana`: edit nothing here, it is written over.\n"

SOURCES = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Naruko",
            "uid": UID,
            "type": "influxdb",
            "access": "proxy",
            "url": "$NARUKO_INFLUX_URL",
            "editable": False,
            "jsonData": {
                "dbName": "$NARUKO_INFLUX_DATABASE",
                "httpMode": "POST",
                "httpHeaderName1": "Authorization",
            },
            "secureJsonData": {"httpHeaderValue1": "$NARUKO_INFLUX_AUTHORIZATION"},
        }
    ],
}
"""InfluxQL is what Grafana takes where `version` is not set."""


def files(town: Town) -> dict[str, str]:
    """Path within the folder -> text, the same on every machine."""
    found = {
        "provisioning/datasources/naruko.yaml": _yaml(SOURCES),
        "provisioning/dashboards/naruko.yaml": _yaml(_providers()),
    }
    for lang, language in enumerate(LANGUAGES):
        for name, page in PAGES.items():
            made = page.dashboard(Book(town, lang))
            text = json.dumps(made, cls=JSONEncoder, ensure_ascii=False, indent=1, sort_keys=True)
            found[f"dashboards/{language}/{name}.json"] = text + "\n"
    return found


def stale(town: Town, folder: Path) -> list[str]:
    """What in the folder is not as `files` has it."""
    return [
        name
        for name, text in files(town).items()
        if not (path := folder / name).is_file() or path.read_text(encoding="utf-8") != text
    ]


def write(town: Town, folder: Path) -> list[str]:
    """Writes what is not up to date; returns it."""
    made = files(town)
    changed = stale(town, folder)
    for name in changed:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[name], encoding="utf-8")
    return changed


def _providers() -> dict[str, object]:
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": f"{TAG}-{language}",
                "folder": FOLDERS[language],
                "folderUid": f"{TAG}-{language}",
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 60,
                "options": {"path": f"$NARUKO_DASHBOARDS/{language}"},
            }
            for language in LANGUAGES
        ],
    }


def _yaml(said: object) -> str:
    return MADE + yaml.safe_dump(said, allow_unicode=True, sort_keys=False)
