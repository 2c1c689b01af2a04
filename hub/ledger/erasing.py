"""Who has left is taken out of what the ledger keeps: no name, no address, no id of an enrolment.

What happened stays, told to nobody in particular. The bytes go too: SQLite overwrites what it deletes, the
two small tables that held name and address are written anew, and `scrub` lets go of empty pages and of the
write-ahead log. What the backups of the night hold goes when the next two have been made.
"""

import sqlite3

from hub.model import Erased

GONE = "gone"
"""Stands for the id of who has left."""
SOMEBODY = "（退会者）"
"""Stands for the name, in texts that others were told."""
SCRUB = "scrub"
"""The cursor that is there while erased bytes may still be in the file."""
BODIES = ("event", "alert", "notification")

_TEXT = "CAST(body AS TEXT)"


def erase(connection: sqlite3.Connection, gone: Erased) -> None:
    """Within the open transaction, after everything else in it."""
    to, who = (f'"{field}":"{gone.person}"' for field in ("recipient", "who"))
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(
        f"DELETE FROM notification WHERE waiting = 1 AND instr({_TEXT}, ?)",  # noqa: S608 (our own names)
        (to,),
    )
    connection.execute("UPDATE act SET form = '{}' WHERE kind = 'browser' AND target = ?", (gone.person,))
    if gone.name:
        _erase_name(connection, gone, who)
        _erase_id(connection, gone.person)
    else:
        _replace(connection, "notification", to, f'"recipient":"{GONE}"')
        _replace(connection, "event", who, f'"who":"{GONE}"')
    for column in ("who", "target"):
        connection.execute(f"UPDATE act SET {column} = ? WHERE {column} = ?", (GONE, gone.person))  # noqa: S608
    for table in ("act", "state"):
        _write_anew(connection, table)
    connection.execute("INSERT OR REPLACE INTO cursor (name, value) VALUES (?, '1')", (SCRUB,))


def _erase_id(connection: sqlite3.Connection, person: str) -> None:
    """Wherever it stands: nothing else is called by the id of an enrolment."""
    for table in BODIES:
        _replace(connection, table, person, GONE)
    for table, column in (("event", "id"), ("act", "detail"), ("act", "form")):
        connection.execute(
            f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",  # noqa: S608
            (person, GONE, person),
        )


def _erase_name(connection: sqlite3.Connection, gone: Erased, who: str) -> None:
    """Out of the acts of the person, and of whatever was told of the alerts in which the person acted."""
    connection.execute(
        "UPDATE act SET form = '{}', detail = '' "
        "WHERE kind = 'enrol' AND who = ? OR kind = 'invite' AND target = ?",
        (gone.person, gone.invitation),
    )
    own = "WHERE who = ? OR target = ?"
    for column in ("detail", "form"):
        connection.execute(
            f"UPDATE act SET {column} = replace({column}, ?, ?) {own}",  # noqa: S608
            (gone.name, SOMEBODY, gone.person, gone.person),
        )
    said = gone.name if len(gone.name) > 1 else f"{gone.name}さん"  # 林 stands in 林道 too
    incidents = f"SELECT incident FROM event WHERE instr({_TEXT}, ?)"  # noqa: S608
    alerts = f"SELECT id FROM alert WHERE incident IN ({incidents})"  # noqa: S608
    for table, key, those in (
        ("notification", "alert", alerts),
        ("event", "incident", incidents),
    ):
        connection.execute(
            f"UPDATE {table} SET body = CAST(replace({_TEXT}, ?, ?) AS BLOB) "  # noqa: S608
            f"WHERE {key} IN ({those}) AND instr({_TEXT}, ?)",
            (said, SOMEBODY, who, said),
        )


def _replace(connection: sqlite3.Connection, table: str, before: str, after: str) -> None:
    connection.execute(
        f"UPDATE {table} SET body = CAST(replace({_TEXT}, ?, ?) AS BLOB) "  # noqa: S608
        f"WHERE instr({_TEXT}, ?)",
        (before, after, before),
    )


def _write_anew(connection: sqlite3.Connection, table: str) -> None:
    """A row that SQLite once moved may have left a copy in the gaps of its page: no page of these stays."""
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
    connection.execute(f"DELETE FROM {table}")  # noqa: S608
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608


def give_back_all(connection: sqlite3.Connection) -> None:
    """Every empty page, with whatever was once on it."""
    connection.execute("PRAGMA secure_delete = ON")
    connection.executescript("PRAGMA incremental_vacuum")
    connection.execute("PRAGMA secure_delete = FAST")
