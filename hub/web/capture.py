"""The form at the end of a trap's task: what the subsidy's paperwork asks for. Pure."""

import re
from collections.abc import Mapping
from unicodedata import normalize

from msgspec import Struct

from hub.config.shapes import Device
from hub.wording.values import clean

RESULTS = ("captured", "empty", "wrong", "escaped")
SPECIES = (
    "boar",
    "deer",
    "monkey",
    "bear",
    "raccoon",
    "civet",
    "badger",
    "tanuki",
    "fox",
    "serow",
    "unknown",
)
SEXES = ("male", "female", "unknown")
AGES = ("adult", "young", "unknown")
METHODS = ("box", "snare", "corral")
DISPOSALS = ("buried", "incinerated", "game_meat", "other")
TRAPS = ("armed", "disarmed", "later")
MOST = 99
READ = 1_000
"""Characters of a field; of more than its own length it is said that it is too long."""
LENGTHS = {"evidence": 40, "capturer": 40, "note": 300}
OF_ANIMAL = frozenset({"captured", "wrong"})
CHOICES = {
    "result": RESULTS,
    "species": SPECIES,
    "sex": SEXES,
    "age": AGES,
    "method": METHODS,
    "disposal": DISPOSALS,
    "trap": TRAPS,
}


class Filled(Struct, frozen=True):
    """`form` as the act takes it; `errors`: field -> key of what is wrong with it, all at once."""

    form: dict[str, str]
    errors: dict[str, str]


def blank(device: Device | None, capturer: str) -> dict[str, str]:
    """What stands in the form before anybody has written in it."""
    method = device.trap.type if device and device.trap else ""
    return {"count": "1", "method": method, "capturer": capturer, "species": "", "result": ""}


def read(said: Mapping[str, str]) -> Filled:
    """Of an animal only what its result asks for: of an empty trap no species is kept."""
    form = {name: clean(said.get(name, ""), READ) for name in (*CHOICES, *LENGTHS, "count")}
    form["count"] = normalize("NFKC", form["count"])
    result = form["result"]
    errors = {name: "choose" for name in ("result", "trap") if form[name] not in CHOICES[name]}
    if result in OF_ANIMAL:
        wanted = ("species", "sex", "age", "disposal") if result == "captured" else ("species",)
        errors |= {name: "choose" for name in wanted if form[name] not in CHOICES[name]}
        if not (re.fullmatch("[0-9]{1,4}", form["count"]) and 1 <= int(form["count"]) <= MOST):
            errors["count"] = "number"
    elif result in RESULTS:
        form |= dict.fromkeys(("species", "sex", "age", "disposal", "evidence", "count"), "")
    errors |= {n: "choose" for n in CHOICES if n not in errors and form[n] and form[n] not in CHOICES[n]}
    errors |= {name: "long" for name, most in LENGTHS.items() if len(form[name]) > most}
    order = (*CHOICES, "count", *LENGTHS)
    return Filled({n: v for n, v in form.items() if v}, {n: errors[n] for n in order if n in errors})
