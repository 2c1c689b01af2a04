"""`naruko explain --would-tell`: who would be told, by which rule, and what holds it back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub import cli
from hub.config.load import load
from hub.config.settings import LedgerSettings
from hub.explain import Answer, QuestionError, unmet, would_tell
from hub.ledger import Ledger
from hub.model import Outcome, Severity
from hub.state import State
from hub.telling.budget import Spent
from hub.telling.silences import Period
from tests.ledgers import waiting
from tests.towns import MINUTE, at

EXAMPLE = Path(__file__).resolve().parents[1] / "config"
NIGHT = at("2026-11-22 23:00")

POLICY = """\
tell:
  - name: school road
    when: {kinds: [bear], zones: [paddy-ueda], severity: danger}
    also: {people: [fukushi]}
  - name: the patrol is not called to boars
    when: {kinds: [animal]}
    but_not: {roles: [patrol]}
quiet: {hours: "21:00-06:00", below: warning}
budgets:
  line: {limit: 200, per: month, reserve: 0.3}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The example town with a policy of its own, and its ledger beside it."""
    made = tmp_path / "config"
    made.mkdir()
    for name in ("hub.yaml", "devices.yaml", "people.csv", "zones.geojson"):
        (made / name).write_bytes((EXAMPLE / name).read_bytes())
    (made / "policy.yaml").write_text(POLICY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return made


def ask(*arguments: str) -> int:
    return cli.main(["explain", *arguments])


def answers(folder, what, device="", when=NIGHT, state=None):
    return would_tell(load(folder, {}), state or State(), what, device, when)


# --- the answer -----------------------------------------------------------------------------------------


def test_each_person_is_named_with_channel_language_and_rule(folder, capsys):
    asked = ("--would-tell", "animal/bear", "--at-device", "cam-ueda-1", "--when", "2026-11-22 23:00")
    assert ask(*asked) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "2026-11-22T23:00:00+09:00  bear, danger, cam-ueda-1 at 上田 東の林縁 一本杉 (paddy-ueda)"
    said = [" ".join(line.split()) for line in lines]
    assert "mizuta mail ja animal_bear: farmer of paddy-ueda" in said
    assert "nguyen ntfy ja-easy animal_bear: farmer of paddy-ueda" in said
    assert "norin ntfy ja animal_bear: official" in said
    assert "fukushi mail ja school road: by name" in said
    assert not any(line.startswith("inaba") for line in said)


def test_the_rule_that_keeps_somebody_away_is_seen_by_who_is_missing(folder):
    _, found = answers(folder, "animal/boar", "cam-ueda-1")
    assert {answer.person for answer in found} == {"mizuta", "nguyen", "yamane", "inukai"}


def test_what_quiet_hours_hold_is_said_with_when_it_will_be_told(folder, capsys):
    asked = ("--would-tell", "river/caution", "--at-device", "gauge-biwabashi", "--when", "2026-11-22 23:00")
    assert ask(*asked, "--expect-not", "norin") == 0
    said = capsys.readouterr().out
    assert "HELD quiet: told from 06:00 on" in said
    assert ask(*asked[:-1], "2026-11-22 12:00", "--expect", "norin:mail", "--expect", "kawabata:sms") == 0


@pytest.mark.parametrize(
    ("what", "device", "kind", "severity"),
    [
        ("animal", "cam-ueda-1", "animal", Severity.CAUTION),
        ("animal/bear", "cam-ueda-1", "bear", Severity.DANGER),
        ("trap", "trap-01", "trap", Severity.WARNING),
        ("river/standby", "gauge-biwabashi", "river", Severity.NOTICE),
        ("river", "gauge-biwabashi", "river", Severity.DANGER),
        ("river/overflow", "gauge-biwabashi", "river", Severity.LIFE),
        ("river/unverified", "gauge-biwabashi", "river_unverified", Severity.WARNING),
        ("debris", "", "debris", Severity.LIFE),
        ("debris/confirmed", "wire-kamisawa-2", "debris", Severity.LIFE),
        ("slope", "", "slope_check", Severity.WARNING),
        ("silent", "cam-ueda-1", "silent", Severity.CAUTION),
        ("battery", "trap-01", "battery", Severity.NOTICE),
    ],
)
def test_everything_that_may_happen_can_be_asked(folder, what, device, kind, severity):
    alert, found = answers(folder, what, device)
    assert (alert.kind, alert.severity) == (kind, severity)
    assert found
    assert all(answer.rule for answer in found)


# --- the hub as it stands -------------------------------------------------------------------------------


def test_a_spent_budget_and_a_silence_hold_it_back_as_it_stands(folder):
    state = State()
    state.put("budget", "line", Spent("2026-11", 150))
    _, found = answers(folder, "trap", "trap-01", state=state)
    held = {(answer.person, answer.channel): answer.held for answer in found if answer.held}
    assert held == {("inukai", "line"): "budget: line has its reserve left"}

    silent = State()
    silent.put("silence", "device/trap-01", Period(NIGHT - MINUTE, 60 * MINUTE, who="norin"))
    _, found = answers(folder, "trap", "trap-01", state=silent)
    assert found
    assert {answer.held for answer in found} == {"silenced"}


def test_the_command_reads_the_hubs_ledger_and_changes_nothing_in_it(folder, capsys):
    ledger = Ledger.open(Path("naruko.db"), LedgerSettings())
    ledger.insert(Outcome(states={("budget", "line"): Spent("2026-11", 150)}))
    ledger.commit()
    ledger.close()
    asked = ("--would-tell", "trap", "--at-device", "trap-01", "--when", "2026-11-22 23:00")
    assert ask(*asked, "--expect", "inukai:line") == 0
    assert ask(*asked, "--as-it-stands", "--expect", "inukai:line") == 1
    assert "NOT MET: inukai:line is held: budget: line has its reserve left" in capsys.readouterr().out
    ledger = Ledger.open(Path("naruko.db"), LedgerSettings())
    assert not ledger.open_alerts()
    assert not waiting(ledger, NIGHT)
    ledger.close()


def test_of_what_goes_on_already_nothing_more_would_come(folder):
    state = State()
    answers(folder, "trap", "trap-01", state=state)
    _, again = answers(folder, "trap", "trap-01", state=state)
    assert again == []


# --- expectations -----------------------------------------------------------------------------------------

TOLD = Answer("mizuta", "mail", "ja", "school road: by name", "")
HELD = Answer("norin", "mail", "ja", "river_lv2: official", "quiet: told from 06:00 on")


def test_an_expectation_is_met_by_a_message_that_goes_at_once_and_by_nothing_else():
    assert not list(unmet([TOLD, HELD], ["mizuta", "mizuta:mail"], ["norin", "norin:mail", "kawabata"]))
    assert list(unmet([TOLD, HELD], ["mizuta:sms", "norin", "kawabata"], ["mizuta", "mizuta:mail"])) == [
        "mizuta:sms is not told",
        "norin is held: quiet: told from 06:00 on",
        "kawabata is not told",
        "mizuta is told by mail, by the rule school road: by name",
        "mizuta:mail is told by mail, by the rule school road: by name",
    ]


SCRIPT = """\
#!/bin/sh
# What this town promises: run it after every change of policy.yaml.
set -e
bear() { naruko explain --would-tell animal/bear --at-device cam-ueda-1 --when '2026-11-22 23:00' "$@"; }
bear --expect mizuta:mail --expect fukushi --expect-not kawabata
naruko explain --would-tell debris --when '2026-11-22 03:00' --expect kawabata:sms --expect clarke
echo all promises hold
bear --expect kawabata --expect-not mizuta
echo never reached
"""


def test_a_town_tests_its_policy_with_a_script_of_expectations(folder):
    (folder.parent / "promises.sh").write_text(SCRIPT, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["/bin/sh", "promises.sh"],
        cwd=folder.parent,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    lines = ran.stdout.splitlines()
    assert "all promises hold" in lines
    assert lines[-2:] == [
        "NOT MET: kawabata is not told",
        "NOT MET: mizuta is told by mail, by the rule animal_bear: farmer of paddy-ueda",
    ]


# --- what cannot be asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "device", "said"),
    [
        ("animl", "", "no event animl; did you mean animal?"),
        ("animal/bore", "cam-ueda-1", "no species bore; did you mean boar?"),
        ("animal/boar", "cam-ueda-l", "no animal cam-ueda-l; did you mean cam-ueda-"),
        ("trap", "", "say which trap; there are trap-01, trap-02"),
        ("trap", "gauge-biwabashi", "no trap gauge-biwabashi"),
        ("river/dangr", "gauge-biwabashi", "no level at gauge-biwabashi dangr; did you mean danger?"),
        (
            "river/overflow",
            "gauge-kamisawa",
            "no level at gauge-kamisawa overflow; there are caution, danger",
        ),
    ],
)
def test_what_this_town_does_not_have_is_said_with_what_it_has(folder, what, device, said):
    with pytest.raises(QuestionError) as caught:
        answers(folder, what, device)
    assert str(caught.value).startswith(said)


def test_wrong_questions_end_with_the_code_of_wrong_usage(folder, capsys):
    assert ask("--would-tell", "animl") == 2
    assert ask("--would-tell", "debris", "--when", "tonight") == 2
    assert "no time tonight: write it as '2026-11-22 23:00'" in capsys.readouterr().err
    assert ask("--would-tell", "debris", "--expect", "mizutaa") == 2
    assert "no person mizutaa" in capsys.readouterr().err
    for arguments in ((), ("--would-tell", "debris", "--topic", "t", "--payload", "p")):
        with pytest.raises(SystemExit) as ended:
            ask(*arguments)
        assert ended.value.code == 2
    assert "needs --topic and --payload, or --would-tell" in capsys.readouterr().err
