"""The tables, as numbered steps. A step that has been released is never edited: a new one follows it."""

FIRST = """
-- Device ids and quantities as small numbers: a reading takes some 50 bytes instead of 80.
CREATE TABLE name (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
);

-- What came, as it came. `reason` only where it was quarantined.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    retain INTEGER NOT NULL,
    device INTEGER,
    quarantined INTEGER NOT NULL,
    reason TEXT,
    fingerprint INTEGER
);
-- Time first: new rows go to one end. An index by fingerprint alone dirties a page a message, which was
-- two thirds of all bytes written; repeats are looked up in memory, filled from this index at start.
CREATE INDEX message_received ON message (received_at, fingerprint);
CREATE INDEX message_quarantined ON message (id) WHERE quarantined = 1;

-- `id` counts in order of arrival and is what the cursor of the InfluxDB forwarder walks.
CREATE TABLE reading (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    at INTEGER NOT NULL,
    value REAL,
    flag INTEGER NOT NULL,
    tests TEXT,
    received_at INTEGER NOT NULL,
    freshness INTEGER NOT NULL
);
-- The key of a reading. Time first, for the same reason: 0.6 kB are written a message instead of 4.
CREATE UNIQUE INDEX reading_key ON reading (at, device, quantity);

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    incident TEXT NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX event_incident ON event (incident, at);
CREATE INDEX event_at ON event (at);

CREATE TABLE state (
    room TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (room, key)
) WITHOUT ROWID;

CREATE TABLE alert (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    incident TEXT NOT NULL,
    open INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX alert_open ON alert (incident) WHERE open = 1;
CREATE INDEX alert_updated ON alert (updated_at);

-- Every step in the life of an alert that a chart shows; who was told is not among it.
CREATE TABLE alert_change (
    seq INTEGER PRIMARY KEY,
    alert TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX alert_change_alert ON alert_change (alert, seq);

CREATE TABLE notification (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    alert TEXT NOT NULL,
    waiting INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX notification_alert ON notification (alert);
CREATE INDEX notification_waiting ON notification (next_at) WHERE waiting = 1;

CREATE TABLE command (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    waiting INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX command_waiting ON command (seq) WHERE waiting = 1;

CREATE TABLE act (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    applied INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX act_open ON act (id) WHERE applied = 0;

CREATE TABLE cursor (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- What is counted and not kept: duplicates, messages over a budget, readings shed before they were forwarded.
CREATE TABLE counter (
    name TEXT NOT NULL,
    day INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (name, day)
) WITHOUT ROWID;
"""

SECOND = """
-- The fingerprints of some 8,000 messages at a time, up to message `last`: 8 bytes a message, written once.
-- The index that held them cost two pages a transaction, an eighth of all that was written.
CREATE TABLE seen (
    last INTEGER PRIMARY KEY,
    fingerprints BLOB NOT NULL
);
DROP INDEX message_received;
"""

THIRD = """
-- What was filled in with an act, as JSON: the form of a capture, the minutes to an arrival.
ALTER TABLE act ADD COLUMN form TEXT NOT NULL DEFAULT '{}';
CREATE INDEX act_kind ON act (kind, at);
"""

MIGRATIONS: tuple[str, ...] = (FIRST, SECOND, THIRD)
"""Step n takes a ledger from version n to n + 1; `PRAGMA user_version` holds the version."""
