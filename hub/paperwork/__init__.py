"""What the town's office takes from the ledger as tables: captures and patrols. Pure."""
