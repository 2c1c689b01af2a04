"""How often a sensor was right, and how fast a false alarm was taken back; at the command line too."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub import acts, cli
from hub.config.load import load
from hub.config.settings import LedgerSettings
from hub.ledger import Ledger
from hub.model import Act, Alert, AlertState, Message, Mode, Severity
from hub.pipeline import Pipeline
from hub.state import State
from hub.statistics import by_sensor, cancelled, labels_of, time_to_cancel
from tests.config_towns import make_town
from tests.timeline import CUT, Timeline, animal, nothing_else_was_told
from tests.towns import HOUR, MINUTE, at, camera, person, slope, town

__all__ = ["nothing_else_was_told"]

NOON = at("2026-11-21 12:00")


def alert(id, kind="animal", device="cam", **more):
    made = Alert(
        id=id,
        incident=id,
        kind=kind,
        severity=Severity.CAUTION,
        device=device,
        opened_at=NOON,
        updated_at=NOON,
        lat=None,
        lon=None,
        place="",
        place_en="",
    )
    return replace(made, **more)


def label(target, said, when=NOON, kind="label"):
    return Act(1, when, "sato", "web", kind, target, form={"label": said})


def test_the_rate_is_of_those_alerts_of_which_somebody_knows():
    alerts = [alert(f"a{n}") for n in range(10)] + [alert("b", device="pir")]
    said = ["true", "true", "true", "false", "unknown"]
    labels = labels_of(label(f"a{n}", word) for n, word in enumerate(said))
    cam, pir = by_sensor(alerts, labels)
    assert (cam.alerts, cam.true, cam.false, cam.unknown, cam.unlabelled) == (10, 3, 1, 1, 5)
    assert cam.false_rate == 0.25
    assert (pir.device, pir.alerts, pir.false_rate) == ("pir", 1, None)


def test_drills_and_tests_and_what_is_wrong_with_devices_do_not_count():
    alerts = [
        alert("a", mode=Mode.EXERCISE),
        alert("b", mode=Mode.TEST),
        alert("c", kind="silent"),
        alert("d", kind="hub"),
    ]
    assert by_sensor(alerts, {}) == []
    assert cancelled(replace(a, state=AlertState.CANCELLED, closed_at=NOON) for a in alerts) == []


def test_the_newest_label_counts_and_what_is_none_does_not():
    said = [
        label("a", "false", NOON + 2),
        label("a", "true", NOON + 1),
        label("a", "perhaps", NOON + 3),
        label("a", "unknown", NOON + 4, kind="close"),
    ]
    assert labels_of(said) == {"a": "false"}


def test_a_label_of_the_open_alert_counts_where_no_act_says_otherwise():
    (tally,) = by_sensor([alert("a", label="false"), alert("b", label="false")], {"b": "true"})
    assert (tally.true, tally.false) == (1, 1)


def test_the_time_to_cancel_is_from_the_opening_to_the_word_of_a_person():
    def taken_back(id, minutes):
        closed = NOON + minutes * MINUTE
        return alert(id, kind="debris", state=AlertState.CANCELLED, closed_at=closed)

    alerts = [taken_back("a", 5), taken_back("b", 78), taken_back("c", 10), alert("d", kind="debris")]
    (found,) = cancelled(alerts)
    assert (found.kind, found.count) == ("debris", 3)
    assert (found.median, found.longest) == (10 * MINUTE, 78 * MINUTE)
    assert time_to_cancel(alerts[-1]) is None
    assert time_to_cancel(replace(alerts[0], state=AlertState.RESOLVED)) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["cam", "pir"]), st.sampled_from(["", "true", "false", "unknown"]), st.booleans()
        ),
        max_size=30,
    )
)
def test_every_alert_is_counted_once(rows):
    alerts = [
        alert(f"a{n}", device=device, label=said, deterred=deterred)
        for n, (device, said, deterred) in enumerate(rows)
    ]
    tallies = by_sensor(alerts, {})
    assert sum(t.alerts for t in tallies) == len(rows)
    for t in tallies:
        assert t.alerts == t.true + t.false + t.unknown + t.unlabelled
        assert t.false_rate is None or 0 <= t.false_rate <= 1
        assert t.deterred <= t.alerts


def test_of_a_night_as_it_was_lived():
    ground = town([camera("cam"), slope("wire", heartbeat="0s")], people=[person("office", "official")])
    t = Timeline(ground, "2026-11-21 12:00")
    t.says("cam", animal("boar")).does("label", t.open("animal")[0].id, label="false")
    t.passes(HOUR).says("cam", animal("boar"))
    second = t.open("animal")[0].id
    t.passes(HOUR).does("label", second, label="true")
    t.says("wire", CUT).told("debris_unconfirmed opened: office")
    t.passes(20 * MINUTE).does("cancel", t.open("debris")[0].id, detail="シカ")
    t.told("debris_false cancelled: office")
    alerts, said = t.ledger.alerts(0), t.ledger.acts_of(["label"], 0, t.now)
    cam, wire = by_sensor(alerts, labels_of(said))
    assert (cam.true, cam.false, cam.false_rate) == (1, 1, 0.5)
    assert (wire.device, wire.false) == ("wire", 1)
    assert [(one.kind, one.median) for one in cancelled(alerts)] == [("debris", 20 * MINUTE)]


# --- the command line ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "kobayashi")
    return make_town(tmp_path / "town")


def naruko(folder, *arguments):
    return cli.main([*map(str, arguments), "-c", str(folder)])


def hub(folder, *messages):
    """What a hub makes of these and of the acts written down."""
    ledger = Ledger.open(Path("naruko.db"), LedgerSettings())
    state = State.load(ledger.load_states(), ledger.open_alerts())
    pipeline = Pipeline(load(folder, {}), state, ledger.known)
    for outcome in (pipeline.run(list(messages), NOON), acts.apply(pipeline, ledger.acts_after(), NOON)):
        ledger.insert(outcome)
        ledger.commit()
    opened = [alert.id for alert in ledger.open_alerts()]
    ledger.close()
    return opened


def sprung():
    said = {"v": 1, "seq": 1, "at": NOON, "e": [{"type": "trap", "state": "sprung"}]}
    return Message("naruko/testcho/trap-1/up", json.dumps(said).encode(), NOON)


def test_an_alert_is_acknowledged_and_labelled_at_the_command_line_and_counted(folder, capsys):
    (id,) = hub(folder, sprung())
    assert naruko(folder, "alerts", "--acknowledge", id, "--who", "小林") == 0
    assert naruko(folder, "alerts", "--label", id, "false") == 0
    assert naruko(folder, "alerts", "--label", id, "perhaps") == 2
    assert naruko(folder, "alerts", "--label", "no-such", "true") == 2
    assert naruko(folder, "alerts", "--cancel", id) == 2
    hub(folder)
    capsys.readouterr()
    assert naruko(folder, "statistics") == 0
    assert "trap-1" in (out := capsys.readouterr().out)
    assert "100%" in out
    assert naruko(folder, "statistics", "--since", "2099-01-01") == 0
    assert "trap-1" not in capsys.readouterr().out
    assert naruko(folder, "statistics", "--since", "gestern") == 2


def test_silences_work_and_drills_are_begun_listed_and_ended(folder, capsys):
    hub(folder)
    for room, start, end in (
        (
            "silence",
            ["start", "device/trap-1", "--for", "2h", "--reason", "稲刈り"],
            ["end", "device/trap-1"],
        ),
        ("maintenance", ["start", "trap-1", "--from", "2026-11-22T09:00", "--for", "3h"], ["end", "trap-1"]),
        ("drill", ["start", "秋の訓練", "--target", "kind/trap", "--for", "45m"], ["end"]),
    ):
        assert naruko(folder, room, "list") == 0
        assert capsys.readouterr().out == "none\n"
        assert naruko(folder, room, *start) == 0
        hub(folder)
        capsys.readouterr()
        assert naruko(folder, room, "list") == 0
        listed = capsys.readouterr().out
        assert "until 20" in listed
        assert "kobayashi" in listed
        assert naruko(folder, room, *end) == 0
        hub(folder)
        capsys.readouterr()
        assert naruko(folder, room) == 0
        assert capsys.readouterr().out == "none\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["silence", "start"],
        ["silence", "start", "device/none"],
        ["silence", "start", "everything"],
        ["maintenance", "start", "none"],
        ["maintenance", "start", "trap-1", "--from", "morgen"],
        ["drill", "start", "name"],
        ["drill", "start", "name", "--target", "zone/none"],
    ],
)
def test_what_cannot_be_silenced_is_usage_2_and_nothing_is_written(folder, arguments):
    hub(folder)
    assert naruko(folder, *arguments) == 2
    ledger = Ledger.open(Path("naruko.db"), LedgerSettings())
    assert ledger.acts_after() == []
    ledger.close()
