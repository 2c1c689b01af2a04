"""kill -9 between and within the acts of a page: what was answered is kept, a second tap mends the rest."""

import re
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.faulty_hub import FAULT_ENV
from tests.chaos.fleet import Cast
from tests.chaos.stage import Stage
from tests.processes import bodies
from tests.servers import free_port
from tests.waiting import wait_until

DIES_WITHIN_S = 20.0
ACTS = (
    {"do": "take", "eta": "10"},
    {"do": "arrive"},
    {"do": "done", "result": "empty", "trap": "later"},
    {"do": "trap_reset"},
)
"""The life of a task, one form after the other."""
STEPS = ("act:insert", "act:commit", "act:committing", "act:committed")


class Pages:
    """The page of one alert, on a phone that has just its link."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        wait_until(lambda: self._link() is not None, "the mail with the link is there")
        self.url = str(self._link())

    def _link(self) -> str | None:
        mails = [
            one for one in self.stage.phones.inbox if one.channel == "mail" and one.to.startswith("yamane")
        ]
        found = [re.search(r"http://127\.0\.0\.1:\d+/a/\S+", mail.body) for mail in mails]
        return next((match[0] for match in found if match), None)

    def shows(self) -> str:
        wait_until(lambda: self._asks(None) != 0, "the pages are there")
        return self.text

    def taps(self, form: dict[str, str]) -> int:
        """The status of the answer; 0: there was none."""
        return self._asks(form)

    def _asks(self, form: dict[str, str] | None) -> int:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with urllib.request.urlopen(self.url, data, timeout=20) as answer:  # noqa: S310
                self.text = answer.read().decode()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


def done(stage: Stage) -> Counter[str]:
    """What the ledger says was done on the page, by kind."""
    return Counter(kind for (kind,) in stage.rows("SELECT kind FROM act WHERE source = 'web'"))


def with_pages(folder: Path) -> Stage:
    port = free_port()
    return Stage(folder, cast=Cast(traps=1, paddies=0, streams=0, gauges=0), influx=False, pages=port)


def springs(stage: Stage) -> Pages:
    stage.fleet.springs(0)
    return Pages(stage)


@pytest.mark.parametrize(
    "step", [STEPS[1], *(pytest.param(s, marks=pytest.mark.chaos) for s in (STEPS[0], *STEPS[2:]))]
)
def test_killed_while_a_tap_is_written_it_is_done_once_or_not_at_all(tmp_path: Path, step: str) -> None:
    with with_pages(tmp_path / "town") as stage:
        stage.hub.start()
        page = springs(stage)
        for number, form in enumerate(ACTS):
            stage.hub.stop()
            stage.hub.start(module="tests.chaos.faulty_hub", **{FAULT_ENV: f"{step}:1"})
            page.shows()
            assert page.taps(form) == 0
            assert stage.hub.wait(DIES_WITHIN_S) == -9, stage.hub.log()
            before = done(stage)[form["do"]]
            assert before == {"act:commit": 0, "act:insert": 0, "act:committed": 1}.get(step, before)
            stage.hub.start()
            page.shows()
            assert page.taps(form) == 200
            assert done(stage) == Counter(form["do"] for form in ACTS[: number + 1])
        is_finished(stage)


def test_killed_between_any_two_taps_the_task_goes_on_where_it_was(tmp_path: Path) -> None:
    with with_pages(tmp_path / "town") as stage:
        stage.hub.start()
        page = springs(stage)
        for form in ACTS:
            page.shows()
            assert page.taps(form) == 200
            stage.hub.kill()
            assert done(stage)[form["do"]] == 1
            stage.hub.start()
        page.shows()
        assert done(stage) == Counter(form["do"] for form in ACTS)
        is_finished(stage)


def is_finished(stage: Stage) -> None:
    """One alert, and everybody was told of each step of it once."""
    (alert,) = {body["id"]: body for body in bodies(stage.ledger, "alert")}.values()
    assert (alert["kind"], alert["state"]) == ("trap", "resolved")
    rows = {body["id"]: body for body in bodies(stage.ledger, "notification")}.values()
    told = Counter((row["recipient"], row["channel"], row["template"], row["reason"]) for row in rows)
    assert {template for _, _, template, _ in told} >= {"trap_sprung", "trap_acked", "trap_done"}
    assert set(told.values()) == {1}
