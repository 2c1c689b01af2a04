"""A table as the town's office opens it: CSV for Excel, Japanese headings, UTF-8 with BOM or cp932."""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence

ENCODINGS = ("utf-8-sig", "cp932")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a cell that somebody typed would begin to count (CSV injection)."""
GETA = "〓"
"""For a sign that cp932 does not have."""


def _geta(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return GETA * (error.end - error.start), error.end


codecs.register_error("geta", _geta)


def sheet(headings: Sequence[str], rows: Iterable[Sequence[object]], encoding: str) -> bytes:
    """The whole file. Text that Excel would take for a formula gets an apostrophe in front."""
    mark = codecs.BOM_UTF8 if encoding == "utf-8-sig" else b""
    return mark + lines([headings], encoding) + lines(rows, encoding)


def lines(rows: Iterable[Sequence[object]], encoding: str) -> bytes:
    """Rows to follow a `sheet`, for one that is sent while it is made."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    if encoding == "cp932":
        return text.getvalue().encode(encoding, errors="geta")
    return text.getvalue().encode("utf-8", errors="replace")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    flat = " ".join(value.split())
    return f"'{flat}" if flat.startswith(FORMULA) else flat
