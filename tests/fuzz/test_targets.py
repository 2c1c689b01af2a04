"""The targets with their seeds, and with a few bytes of these exchanged: each is taken or said why not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.strangers import seeds
from tests.fuzz.targets import TARGETS

SLOW = {"config": 20, "csv": 40, "geojson": 20}
"""Examples where each loads a town."""


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_is_taken_or_said_why_not(target: str) -> None:
    assert seeds(target)
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
def test_a_seed_with_a_piece_exchanged_is_taken_or_said_why_not(target: str) -> None:
    choices = seeds(target)

    @settings(max_examples=SLOW.get(target, 150), deadline=None)
    @given(st.sampled_from(choices), st.data())
    def exchanged(seed: bytes, data: st.DataObject) -> None:
        start = data.draw(st.integers(0, len(seed)))
        end = data.draw(st.integers(start, min(len(seed), start + 20)))
        TARGETS[target](seed[:start] + data.draw(st.binary(max_size=6)) + seed[end:])

    exchanged()


FOUND = {
    "an event of The Things Stack with a control sign, as explain shows it": (
        "topic",
        b"v3/app1@tenant1/devices/e/jo\x01\x00",
    ),
    "an event of ChirpStack with control signs, as explain shows it": (
        "envelope",
        b"application/1/device/0000000000000024/event/up\x01\x1b[2J\x00{}",
    ),
}
"""What the guided fuzzing has found, and was mended."""


@pytest.mark.parametrize(("target", "data"), FOUND.values(), ids=FOUND)
def test_what_was_found_once_stays_mended(target: str, data: bytes) -> None:
    TARGETS[target](data)
