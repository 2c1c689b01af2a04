"""kill -9 of the hub: at random moments under load, and at every named step of its work."""

import random
import time
from pathlib import Path

import pytest

from tests.chaos.audit import audit, counted_as_missing
from tests.chaos.faulty_hub import FAULT_ENV, STEPS
from tests.chaos.fleet import Cast
from tests.chaos.stage import Stage
from tests.waiting import wait_until

CORE = ("batch:commit", "batch:committing", "batch:committed", "puback", "sent")
"""Played with every `make test`; the others with `make chaos`."""
PASSINGS = (1, 3)
DIES_WITHIN_S = 30.0


def kill_at_random(stage: Stage, kills: int, chance: random.Random) -> None:
    """While it works, and now and then before it has come so far."""
    for _ in range(kills):
        before = stage.stored()
        if chance.random() < 0.75:
            wait_until(lambda n=before: stage.stored() > n, "the hub stores")
        time.sleep(chance.uniform(0.0, 0.4))  # any moment is right
        stage.hub.kill()
        stage.hub.start(connected=False)


@pytest.mark.parametrize(
    ("kills", "cast"),
    [
        pytest.param(6, Cast(traps=30, paddies=6), id="6 times"),
        pytest.param(
            100,
            Cast(traps=250, paddies=60, streams=12, gauges=6),
            id="100 times",
            marks=[pytest.mark.chaos, pytest.mark.timeout(600)],
        ),
    ],
)
def test_killed_at_any_moment_the_hub_loses_nothing_and_tells_nothing_twice_without_its_number(
    tmp_path: Path, kills: int, cast: Cast
) -> None:
    with Stage(tmp_path / "town", cast=cast) as stage:
        stage.hub.start()
        with stage.fleet.load(150.0, event_every=25 if kills < 20 else 50):
            kill_at_random(stage, kills, random.Random())  # noqa: S311 (any moment is right)
            wait_until(lambda: len(stage.fleet.sent) > 80 * kills, "the story has been told", 60)
        wait_until(stage.hub.connected, "the last hub is connected")
        evidence = audit(stage)
        assert counted_as_missing(stage) == {}
    assert len(evidence.acknowledged) > 80 * kills
    assert evidence.story.demands.total() > 2 * kills
    assert evidence.story.orders.total() > kills // 2


@pytest.mark.parametrize(
    "step",
    [
        step if step in CORE else pytest.param(step, marks=pytest.mark.chaos)
        for step in STEPS
        if not step.startswith("act:")  # see test_10_pages
    ],
)
def test_killed_at_this_step_it_goes_on_without_loss(tmp_path: Path, step: str) -> None:
    with Stage(tmp_path / "town", cast=Cast(traps=60, paddies=24, streams=6, gauges=3)) as stage:
        stage.hub.start()
        stage.hub.stop()
        for passing in PASSINGS if step != "subscribed" else (1, 1):
            fault = {FAULT_ENV: f"{step}:{passing}"}
            stage.hub.start(connected=False, module="tests.chaos.faulty_hub", **fault)
            with stage.fleet.load(100.0):
                assert stage.hub.wait(DIES_WITHIN_S) == -9, stage.hub.log()
        stage.hub.start()
        audit(stage)
        assert counted_as_missing(stage) == {}
