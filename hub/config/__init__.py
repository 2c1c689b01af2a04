"""The town: YAML, CSV and GeoJSON -> one frozen, typed `Town`, or every error at once with file and line."""
