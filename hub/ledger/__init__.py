"""All SQL of the hub: the ledger in SQLite, its one writer, its readers, its size."""

from hub.ledger.book import Ledger
from hub.ledger.nightly import keep_backups
from hub.ledger.opening import LedgerError
from hub.ledger.upkeep import tend

__all__ = ["Ledger", "LedgerError", "keep_backups", "tend"]
