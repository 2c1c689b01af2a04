"""What pages read of the ledger: functions of a connection, for `Ledger.view`."""
