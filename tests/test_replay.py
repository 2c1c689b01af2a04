"""Recordings through the same pipeline: the same decisions, nothing sent, time as recorded."""

import io
import json
from pathlib import Path

import pytest

from hub import recordings
from hub.model import Message, Status
from hub.replay import Replay, told, walk
from tests.ledgers import waiting
from tests.timeline import CUT, SPRUNG, Timeline, animal, nothing_else_was_told  # noqa: F401
from tests.towns import DAY, HOUR, MINUTE, at, device, town, valley

NIGHT = at("2026-11-21 21:00")


def up(name: str, when: int, *events, retain: bool = False, **m) -> Message:
    said = {"v": 1, "at": when, "e": list(events), "m": m}
    return Message(f"naruko/test/{name}/up", json.dumps(said).encode(), when, retain)


def a_night() -> list[Message]:
    return [
        up("pir", NIGHT),
        up("cam", NIGHT + MINUTE, animal("boar")),
        up("trap", NIGHT + 2 * MINUTE, SPRUNG),
        up("wire", NIGHT + 3 * MINUTE, CUT),
        up("gauge", NIGHT + 4 * MINUTE, level_m=3.2),
        up("gauge", NIGHT + HOUR, level_m=3.3),
    ]


def play(messages, ground=None) -> Replay:
    replay = Replay(ground or valley())
    for _ in replay.play(messages):
        pass
    return replay


def decided(replay: Replay) -> list[tuple[str, str, str]]:
    ledger = replay.ledger
    found = [n for alert in ledger.alerts(0) for n in ledger.notifications_of(alert.id)]
    return sorted((n.recipient, n.template, n.title) for n in found)


def test_a_replay_decides_what_was_decided_live():
    live = Timeline(valley(), "2026-11-21 21:00")
    for message in a_night():
        live.until(message.received_at).batch([message])
    live.unread = []
    assert decided(play(a_night())) == sorted((n.recipient, n.template, n.title) for n in live.notifications)


def test_a_replay_sends_nothing_and_commands_nothing():
    replay = play(a_night())
    ledger = replay.ledger
    assert ledger.pending_commands(NIGHT + DAY) == []
    assert waiting(ledger, NIGHT + DAY) == []
    assert ledger.next_notification_at() is None
    found = [n for alert in ledger.alerts(0) for n in ledger.notifications_of(alert.id)]
    assert {n.status for n in found} == {Status.NOT_SENT}
    assert not any("追い払" in n.body for n in found)


def test_time_passes_between_the_messages_of_a_recording():
    replay = play([up("cam", NIGHT, animal("boar")), up("pir", NIGHT + HOUR)])
    (alert,) = [a for a in replay.ledger.alerts(0) if a.kind == "animal"]
    assert alert.closed_at == NIGHT + 10 * MINUTE
    assert replay.now == NIGHT + HOUR


@pytest.mark.parametrize("year", [1998, 2016, 2023])
def test_a_recording_from_before_this_release_is_replayed_as_any_other(year):
    then = at(f"{year}-07-01 03:00")
    replay = play([up("pir", then), up("cam", then, animal("boar")), up("cam", then + HOUR)])
    kinds = {(a.kind, a.device) for a in replay.ledger.alerts(0)}
    assert kinds == {("animal", "cam"), ("silent", "gauge"), ("silent", "rain")}


def test_a_gap_of_half_a_century_is_passed_in_no_time():
    """A gateway without a battery clock records its first messages in 1970."""
    booted = 5 * MINUTE
    replay = play([up("cam", booted, animal("boar")), up("cam", NIGHT, animal("boar"))])
    assert [a.opened_at for a in replay.ledger.alerts(0) if a.kind == "animal"] == [booted, NIGHT]


def test_a_retained_message_of_a_recording_opens_nothing():
    replay = play([up("trap", NIGHT, SPRUNG, retain=True)])
    assert replay.ledger.alerts(0) == []
    assert replay.ledger.counts()["messages"] == 1


def test_the_messages_of_another_site_are_put_aside_with_the_reason():
    replay = play([Message("naruko/elsewhere/cam/up", b"{}", NIGHT)])
    (receipt,) = replay.ledger.quarantined()
    assert "this hub is 'test'" in receipt.reason


def test_the_same_recording_twice_over_is_known():
    replay = play(sorted([*a_night(), *a_night()], key=lambda m: m.received_at))
    counts = replay.ledger.counts()
    assert (counts["messages"], counts["duplicates"]) == (12, 6)
    assert decided(replay) == decided(play(a_night()))


def write(path: Path, messages: list[Message]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        recordings.write(messages, file)
    return path


def test_several_recordings_are_played_in_the_order_of_arrival(tmp_path):
    night = a_night()
    files = [write(tmp_path / "b.jsonl", night[1::2]), write(tmp_path / "a.ndjson", night[::2])]
    assert walk(files, "test") == night


def test_a_recording_of_the_public_series_stands_beside_one_of_ours(tmp_path):
    series = tmp_path / "koto.csv"
    series.write_text("time,stage_m,rain_60min_mm\n2026-11-21T21:01:30+09:00,3.2,0\n", encoding="utf-8")
    ours = write(tmp_path / "night.jsonl", a_night()[:3])
    topics = [message.topic.split("/")[2] for message in walk([series, ours], "test")]
    assert topics == ["pir", "cam", "koto-jiseiji", "trap"]


def test_what_is_played_can_be_recorded_and_played_again():
    file = io.StringIO()
    recordings.write(a_night(), file)
    assert '"payload_b64"' not in file.getvalue()
    assert len(file.getvalue().splitlines()) == 6


def test_a_recording_with_an_error_names_its_line(tmp_path):
    file = write(tmp_path / "night.jsonl", a_night()[:2])
    file.write_text(file.read_text() + "{}\n")
    with pytest.raises(recordings.RecordingError, match=r"night\.jsonl:3: topic is missing"):
        walk([file], "test")


def test_each_text_is_shown_on_one_line_with_all_whom_it_is_for():
    replay = Replay(valley())
    played = replay.play(a_night()[:2])
    lines = [line for now, outcome in played for line in told(replay.pipeline.town, now, outcome)]
    assert lines == ["2026-11-21T21:01:00+09:00  【イノシシ】camの所  -> sato/mail hunter/mail"]


def test_a_device_that_is_only_in_the_recording_is_put_aside():
    replay = play(a_night(), town(devices=[device("gw", "gateway")]))
    assert replay.ledger.counts()["quarantined"] == 6
