"""What pages and the API show: devices, alerts, rivers, the past, as values made of what is known.

Pure, but for `survey`, which keeps what the ledger has said of all devices.
"""
