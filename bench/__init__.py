"""Figures of the whole path, each beside a peer or a limit of the same run: `make bench`."""
