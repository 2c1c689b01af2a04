"""How wide a text is in a terminal."""

import unicodedata


def columns(text: str) -> int:
    """How many columns a terminal gives it (UAX 11: W and F are wide; marks take none)."""
    return sum(0 if _is_mark(char) else 1 + is_wide(char) for char in text)


def is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in ("W", "F")


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Me", "Cf")
