"""The bytes of a message for eyes: as text, and as a hex dump. Whatever they are, they only look. Pure."""

from contextlib import suppress

import msgspec

WIDTH = 16
KEPT = frozenset("\n\t")
DEEPEST = 200
"""Brackets: what has more is shown as it is, as every level would indent it further."""
LONGEST = 8_000


def hexdump(data: bytes) -> str:
    """As `hexdump -C`: offset, sixteen bytes, and what of them is printable ASCII."""
    lines = []
    for start in range(0, len(data), WIDTH):
        part = data[start : start + WIDTH]
        signs = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        left, right = part[: WIDTH // 2].hex(" "), part[WIDTH // 2 :].hex(" ")
        lines.append(f"{start:08x}  {left:<23}  {right:<23}  |{signs}|")
    return "\n".join(lines)


def as_text(data: bytes, *, whole: bool = True) -> str:
    """JSON laid out, else the text itself; empty where it is neither. `whole`: nothing was cut off.

    What would not show, or would turn the line around it, is shown as its code.
    """
    try:
        text = data.decode("utf-8", "strict" if whole else "ignore")
    except UnicodeDecodeError:
        return ""
    if whole and data.count(b"[") + data.count(b"{") <= DEEPEST:
        with suppress(msgspec.DecodeError, RecursionError):
            text = msgspec.json.format(data, indent=2).decode()
    return visible(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def visible(text: str) -> str:
    """The same with every sign to be seen: `‹U+202E›` for one that turns the writing round."""
    return "".join(sign if sign in KEPT or sign.isprintable() else f"‹U+{ord(sign):04X}›" for sign in text)
