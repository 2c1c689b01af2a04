"""What people did, the newest first: the audit of the console."""

import sqlite3

import msgspec

from hub.model import Act

_form = msgspec.json.Decoder(dict[str, str]).decode


def newest(connection: sqlite3.Connection, before: int, limit: int) -> list[Act]:
    """With a number below `before`. What is secret of a form was never written."""
    rows = connection.execute(
        "SELECT id, at, who, source, kind, target, detail, form FROM act "
        "WHERE id < ? ORDER BY id DESC LIMIT ?",
        (before, limit),
    )
    return [
        Act(id, at, who, source, kind, target, detail, _form(form))
        for id, at, who, source, kind, target, detail, form in rows
    ]
