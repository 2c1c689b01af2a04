"""The hub's wall clock boots in 1970, runs ahead, jumps an hour and comes back, on real processes."""

import json
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.phones import Behaviour, Received
from hub.clock import SystemClock
from tests.chaos.clocked_hub import Wall
from tests.chaos.fleet import BOAR, CUT, SPRUNG, Cast
from tests.chaos.stage import Stage
from tests.hubs import up
from tests.processes import bodies
from tests.towns import DAY, HOUR
from tests.waiting import wait_until

SMALL = Cast(cameras=1, traps=3, paddies=1, streams=1, gauges=0)
MODULE = "tests.chaos.clocked_hub"
MAIL = "yamane@phone.test"
QUICK = {"health": {"max_per_minute": 1_000_000}}


def now() -> int:
    """By the clocks in the field, which are right."""
    return SystemClock().now()


class Field:
    """The devices of a stage: each message numbered, with its device's time or without."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seq = 0

    def says(self, device: str, *events: dict[str, Any], at: int | None = None) -> None:
        self.seq += 1
        body = up(self.seq, at, **({"e": list(events)} if events else {}))
        self.stage.fleet.station.publish(f"naruko/{self.stage.site}/{device}/up", body)
        wait_until(lambda: self.stage.stored() >= self.seq, f"message {self.seq} is in the ledger")


def texts(stage: Stage, template: str) -> list[dict[str, Any]]:
    return [n for n in bodies(stage.ledger, "notification") if n["template"] == template]


def all_sent(stage: Stage) -> bool:
    return all(n["status"] == "sent" for n in bodies(stage.ledger, "notification"))


def mails(stage: Stage, to: str = MAIL) -> list[Received]:
    return [received for received in stage.phones.inbox if received.to == to]


def followed(stage: Stage, times: int) -> None:
    wait_until(lambda: stage.hub.log().count("the clock was set") >= times, "the hub has followed its clock")


@pytest.mark.parametrize(
    "off",
    [
        pytest.param(60_000 - now(), id="boots in 1970"),
        pytest.param(3 * 365 * DAY, id="3 years ahead", marks=pytest.mark.chaos),
        pytest.param(-2 * DAY, id="2 days behind", marks=pytest.mark.chaos),
    ],
)
def test_what_waits_when_the_clock_is_put_right_is_sent_and_not_expired(tmp_path: Path, off: int) -> None:
    wall = Wall(tmp_path / "wall", off)
    with Stage(tmp_path / "town", cast=SMALL, influx=False) as stage:
        field = Field(stage)
        stage.phones.behaviours[MAIL] = Behaviour.FAIL
        stage.hub.start(module=MODULE, **wall.env)
        field.says("trap-0", SPRUNG)
        wait_until(lambda: stage.phones.asked(MAIL), "the mail was tried")
        wait_until(
            lambda: [r for r in stage.phones.inbox if r.channel == "ntfy"], "the other channel told at once"
        )
        assert mails(stage) == []
        wall.set_off(0)
        followed(stage, 1)
        stage.phones.behaviours.clear()
        wait_until(lambda: mails(stage) and all_sent(stage), "the mail is there")
        for text in texts(stage, "trap_sprung"):
            assert abs(text["created_at"] - now()) < HOUR
            assert ("時刻未確定" in text["body"]) is (off < -DAY * 365)
        assert {n["template"] for n in bodies(stage.ledger, "notification")} == {"trap_sprung"}
        ((state,),) = stage.rows("SELECT body FROM state WHERE room = 'trap' AND key = 'trap-0'")
        assert abs(json.loads(state)["last_word"] - now()) < HOUR
        code, _ = stage.hub.stop()
        assert code == 0


def test_a_debris_flow_is_told_and_its_siren_sounds_while_the_hubs_clock_is_an_hour_or_two_off(
    tmp_path: Path,
) -> None:
    wall = Wall(tmp_path / "wall")
    with Stage(tmp_path / "town", cast=SMALL, influx=False) as stage:
        field = Field(stage)
        stage.hub.start(module=MODULE, **wall.env)
        for device in ("wire-0", "cam-0", "trap-0", "paddy-0"):
            field.says(device, at=now())
        wall.set_off(2 * HOUR)
        followed(stage, 1)
        field.says("wire-0", CUT, at=now())
        wait_until(lambda: texts(stage, "debris_flow"), "those below are told")
        wait_until(
            lambda: any(c["device"] == "horn-0" for c in bodies(stage.ledger, "command")), "and warned"
        )
        wall.set_off(-HOUR)
        followed(stage, 2)
        field.says("paddy-0", BOAR, at=now() - 50 * 60_000)  # held back on its way: no news, and no siren
        assert not texts(stage, "animal_detected")
        field.says("trap-0", SPRUNG, at=now())
        wall.set_off(0)
        followed(stage, 3)
        field.says("cam-0", BOAR, at=now())
        wait_until(lambda: texts(stage, "animal_detected"), "the boar is told")
        wait_until(lambda: all_sent(stage), "all is sent")
        assert [c["device"] for c in bodies(stage.ledger, "command")] == ["horn-0"]
        told = {n["template"] for n in bodies(stage.ledger, "notification")}
        assert told == {"debris_unconfirmed", "debris_flow", "trap_sprung", "animal_detected"}
        clocks = dict(stage.rows("SELECT key, body FROM state WHERE room = 'clock'"))
        assert not any("behind" in json.loads(body) for body in clocks.values())


def test_killed_with_a_wrong_clock_and_started_with_a_right_one_the_hub_sends_what_waits(
    tmp_path: Path,
) -> None:
    wall = Wall(tmp_path / "wall", 3 * 365 * DAY)
    with Stage(tmp_path / "town", cast=SMALL, influx=False) as stage:
        field = Field(stage)
        stage.phones.behaviours[MAIL] = Behaviour.FAIL
        stage.hub.start(module=MODULE, **wall.env)
        field.says("trap-0", SPRUNG)
        wait_until(lambda: stage.phones.asked(MAIL), "the mail was tried")
        wait_until(
            lambda: any(n["attempts"] for n in bodies(stage.ledger, "notification")), "and that is written"
        )
        stage.hub.kill()
        wall.set_off(0)
        stage.phones.behaviours.clear()
        stage.hub.start(module=MODULE, **wall.env)
        wait_until(lambda: mails(stage) and all_sent(stage), "the mail is there")
