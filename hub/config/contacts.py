"""The contact book (contacts.csv): what to do and whom to call about an animal that must not be in a trap.

Laws and offices differ by prefecture and change, so this is the town's data and not ours. One row is one
animal. The example town's book holds what was so in Nagano in autumn 2026.
"""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

from hub.config.csv_files import Column
from hub.config.parts import Entry, Findings, Parts
from hub.config.shapes import Shape, Words
from hub.wording.values import MAX_LONG, words


def _species(text: str) -> str:
    """The id of an animal, or its Japanese name, as a row has it."""
    ids = {japanese: id for id, (japanese, _) in words()["species"].items()}
    return ids.get(text.strip(), ids.get(SHORT.get(text.strip(), ""), text.strip().lower()))


SHORT = {"クマ": "ツキノワグマ", "サル": "ニホンザル", "シカ": "ニホンジカ", "ニホンカモシカ": "カモシカ"}


def _known(species: str) -> str:
    if species not in words()["species"] or species == "unknown":
        raise ValueError(f"no animal of this name; there are {', '.join(sorted(words()['species']))}")
    return species


def _sentence(text: str) -> str:
    if len(text) > MAX_LONG:
        raise ValueError(f"must not be longer than {MAX_LONG} characters: it stands in messages")
    return text


Sentence = Annotated[Words, AfterValidator(_sentence)]


class Contact(Shape):
    """One animal: `do` is what whoever is there must do, `call` whom they call, with the number."""

    species: Annotated[str, AfterValidator(_known)]
    do: Sentence
    do_en: Sentence
    call: Sentence
    call_en: Sentence
    source: str = ""
    """Where that is written, and of when it is."""


COLUMNS = (
    Column(("species",), ("species", "動物", "獣種"), _species),
    Column(("do",), ("do", "すること")),
    Column(("do_en",), ("do_en", "すること_英語")),
    Column(("call",), ("call", "連絡先")),
    Column(("call_en",), ("call_en", "連絡先_英語")),
    Column(("source",), ("source", "出典")),
    Column((), ("note", "備考")),
)


def check(entries: Iterable[Entry[Contact]], parts: Parts, findings: Findings) -> dict[str, Contact]:
    """The book by species. An error: one animal twice. A warning: a bear in a trap, and nobody to call."""
    book: dict[str, Entry[Contact]] = {}
    for entry in entries:
        first = book.setdefault(entry.value.species, entry)
        if first is not entry:
            findings.error(entry, ("species",), f"{entry.value.species} stands twice, first in {first.spot}")
    if book and "bear" not in book and "brown_bear" not in book and any(d.value.trap for d in parts.devices):
        findings.warn(next(iter(book.values())), (), "names nobody for a bear in a trap")
    return {species: entry.value for species, entry in book.items()}
