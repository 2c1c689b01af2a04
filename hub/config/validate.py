"""Values of a document -> shapes. What is wrong is said in one plain sentence, never with a secret in it."""

import copy
import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from hub.config.document import Document, KeyPath, Problem, shown
from hub.config.policy import Policy
from hub.config.settings import Hub

Model = TypeVar("Model", bound=BaseModel)

UNSHOWN = frozenset({"url", "password", "token", "address", "username", "channels"})
"""Keys whose values are never shown."""
WORDS = {
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_pattern_mismatch": "must be lower-case letters, digits, `-` and `_`",
    "string_type": "must be text: write it in quotes",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
}
TABLE_KEYS = frozenset({"[key]"})


def validate(
    model: type[Model], document: Document, at: KeyPath, value: Any, *, from_text: bool = False
) -> tuple[Model | None, list[Problem]]:
    """The value at `at` as `model`, with every problem in it; None where too much of it is wrong.

    `from_text`: values are strings of a table, and numbers are read from them.
    """
    try:
        if from_text:
            return model.model_validate(value), []
        return model.model_validate_json(json.dumps(value), strict=True), []
    except ValidationError as error:
        found: list[dict[str, Any]] = [dict(one) for one in error.errors(include_url=False)]
    problems = [
        _problem(model, document, at, one) for one in found if not document.is_unsure(at + _path(one["loc"]))
    ]
    return _rest(model, value, found), problems


def _rest(model: type[Model], value: Any, found: list[dict[str, Any]]) -> Model | None:
    """The shape without its unknown keys, or for settings without whatever is wrong: so that what remains
    can still be checked against the rest of the town. None where too much is wrong."""
    kept: Any = copy.deepcopy(value)
    for error in found:
        path = _path(error["loc"])
        if not path or not (
            error["type"] == "extra_forbidden" or "[key]" in error["loc"] or _is_settings(model)
        ):
            return None
        inner = kept
        for part in path[:-1]:
            inner = inner[part]
        if isinstance(inner, dict):
            inner.pop(path[-1], None)
    try:
        return model.model_validate_json(json.dumps(kept))
    except ValidationError:
        return None


def _is_settings(model: type[BaseModel]) -> bool:
    return model in (Hub, Policy)


def _path(loc: KeyPath) -> KeyPath:
    return tuple(part for part in loc if part not in TABLE_KEYS)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean x?`, or nothing where nothing is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean {shown(near[0])}?" if near else ""


def _problem(model: type[BaseModel], document: Document, at: KeyPath, error: dict[str, Any]) -> Problem:
    loc = _path(error["loc"])
    path = at + loc
    kind: str = error["type"]
    key = str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        known = _keys_at(model, loc[:-1])
        return document.problem(path, f"unknown key{suggestion(key, known)}")
    if kind == "missing":
        return document.problem(path, "is missing")
    text = _text(kind, error)
    if _may_show(path, error["input"]):
        text += f", not {_shown(error['input'])}"
    if kind in ("literal_error", "enum") and isinstance(error["input"], str):
        words = error["ctx"]["expected"].replace(" or ", ", ").split(", ")
        text += suggestion(error["input"], [word.strip("'") for word in words])
    if key == "lat" and kind in ("less_than_equal", "greater_than_equal"):
        text += "; lat and lon swapped?"
    return document.problem(path, text)


def _text(kind: str, error: Mapping[str, Any]) -> str:
    if kind == "value_error":
        return str(error["ctx"]["error"])
    return WORDS.get(kind) or str(error["msg"]).replace("Input should be", "must be", 1)


def _may_show(path: KeyPath, value: Any) -> bool:
    if UNSHOWN.intersection(part for part in path if isinstance(part, str)):
        return False
    return isinstance(value, int | float | str) or value is None


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{shown(value)}"' if isinstance(value, str) else shown(str(value))


def _keys_at(model: type[BaseModel], loc: KeyPath) -> Iterable[str]:
    """Keys that may stand where `loc` leads to inside `model`."""
    here: Any = model
    for part in loc:
        if isinstance(part, int):
            continue
        field = here.model_fields.get(part) if _is_model(here) else None
        here = _model_in(field.annotation) if field else _model_in(here)
    return here.model_fields if _is_model(here) else ()


def _model_in(annotation: Any) -> Any:
    """The model inside `X | None`, `tuple[X, ...]` or `dict[str, X]`."""
    if _is_model(annotation):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def reveal(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
