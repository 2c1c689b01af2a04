"""JSON Schemas for editors: `python -m hub.config.schema` writes them, with `--check` compares them.

An editor with the YAML language server completes and checks a file that opens with
`# yaml-language-server: $schema=schema/hub.json`. The loader itself checks more than a schema can say.
"""

import argparse
import ast
import inspect
import json
import sys
from datetime import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hub.config import policy, settings, shapes, tell_policy
from hub.config.policy import Policy
from hub.config.settings import Hub
from hub.config.shapes import DURATION_PATTERN, UNITS_MS, Device, Person, Profile, Shape

FOLDER = Path(__file__).resolve().parents[2] / "config" / "schema"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
TIME_PATTERN = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"


class Devices(Shape):
    """devices.yaml"""

    devices: tuple[Device, ...]


class People(Shape):
    """people.yaml"""

    people: tuple[Person, ...]


SCHEMAS: dict[str, type[BaseModel]] = {
    "hub.json": Hub,
    "policy.json": Policy,
    "devices.json": Devices,
    "people.json": People,
    "profile.json": Profile,
}


def _descriptions(source: str) -> dict[str, dict[str, str]]:
    """Class -> field -> the docstring below it."""
    found: dict[str, dict[str, str]] = {}
    for shape in ast.parse(source).body:
        if not isinstance(shape, ast.ClassDef):
            continue
        for field, text in pairwise(shape.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(words))):
                    found.setdefault(shape.name, {})[key] = inspect.cleandoc(words)
    return found


DESCRIPTIONS = {
    name: said
    for module in (shapes, policy, settings, tell_policy)
    for name, said in _descriptions(inspect.getsource(module)).items()
}


def render(model: type[BaseModel]) -> str:
    """The schema of one file, as text that is the same on every machine."""
    schema = {"$schema": DIALECT, **_as_written(model.model_json_schema())}
    for name, shape in {model.__name__: schema, **schema.get("$defs", {})}.items():
        for key, text in DESCRIPTIONS.get(name, {}).items():
            shape["properties"][key].setdefault("description", text)
    return json.dumps(schema, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def duration(millis: int) -> str:
    """600000 -> `10m`: the largest unit that divides it."""
    for unit, size in sorted(UNITS_MS.items(), key=lambda one: -one[1]):
        if millis and millis % size == 0:
            return f"{millis // size}{unit}"
    return f"{millis / UNITS_MS['s']:g}s"


def _as_written(node: Any) -> Any:
    """Durations and times of day with the defaults and patterns of their text in YAML."""
    if isinstance(node, list):
        return [_as_written(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _as_written(value) for key, value in node.items()}
    if made.get("pattern") == DURATION_PATTERN and isinstance(made.get("default"), int):
        made["default"] = duration(made["default"])
    if made.get("format") == "time":
        del made["format"]
        made["pattern"] = TIME_PATTERN
        if "default" in made:
            made["default"] = time.fromisoformat(made["default"]).strftime("%H:%M")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Writes the schemas; with `--check` only compares, and returns 1 where one differs."""
    parser = argparse.ArgumentParser(prog="python -m hub.config.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 where a schema is not up to date")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    stale = []
    for name, model in SCHEMAS.items():
        path, text = chosen.folder / name, render(model)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not chosen.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"{'is not up to date' if chosen.check else 'wrote'}: {chosen.folder / name}\n")
    return 1 if chosen.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
