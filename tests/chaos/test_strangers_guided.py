"""Any bytes, guided by what of the hub they reach: a few seconds a kind of input. `make fuzz` is longer."""

import pytest

from tests.fuzz.__main__ import NAMES, run
from tests.fuzz.targets import TARGETS

SECONDS = 5


@pytest.mark.chaos
@pytest.mark.parametrize("target", NAMES)
def test_no_bytes_break_what_reads_them(target: str) -> None:
    pytest.importorskip("atheris")
    assert run(target, SECONDS) == 0


def test_every_target_can_be_asked_for_by_name() -> None:
    assert tuple(TARGETS) == NAMES
