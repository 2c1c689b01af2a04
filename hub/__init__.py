"""Naruko's hub: sensor messages in, alerts with a map link out."""

__version__ = "0.1.0"
