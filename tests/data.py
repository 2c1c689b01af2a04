"""Where the public test data lies: `$NARUKO_DATA`, else `shared/data` beside the checkout."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """The folder with `river/`, `lorawan/`, `envelopes/` and `wildlife/`."""
    return Path(os.environ.get("NARUKO_DATA") or ROOT.parent / "shared" / "data")


needs_data = pytest.mark.skipif(
    not data_dir().is_dir(), reason="no test data: set NARUKO_DATA or put it in ../shared/data"
)
