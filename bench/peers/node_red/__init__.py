"""A Node-RED flow with the same rule and the same InfluxDB: see README.md."""
