"""The long-term store: readings and the life of alerts, from the ledger to InfluxDB."""

from hub.influx.forwarder import Pace, forward

__all__ = ["Pace", "forward"]
