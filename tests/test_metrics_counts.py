"""What is counted: every outcome moves its number, labels are few whatever is said, and it costs nothing."""

import timeit

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hub.clock import monotonic
from hub.config.shapes import ChannelKind
from hub.decode import Decoder, QuarantineError
from hub.ledger import Ledger
from hub.ledger.gauges import Gauges
from hub.metrics.counts import BUCKETS_S, CHANNELS, Counts
from hub.metrics.families import Seen
from hub.metrics.outbox import CountedOutbox
from hub.metrics.reasons import REASONS, reason_class
from hub.metrics.scrape import Look
from hub.model import Command, EventKind, Flag, Message, Outcome, Status, Verdict
from tests.ledgers import NOW, command, everything, notification, reading, receipt
from tests.towns import camera, pir, town

NOTHING = Seen(
    now=NOW,
    alerts={},
    devices={},
    silent={},
    connected=False,
    ready=False,
    ledger_bytes=0,
    disk_free=None,
    gauges=Gauges({}, 0, None, None),
    influx=False,
)
UNSET = 1_000_000


def exposed(counts: Counts) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """(name, labels) -> value, as a scraper reads the text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Look(NOTHING, counts))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_every_part_of_an_outcome_is_counted_under_its_own_label() -> None:
    counts = Counts()
    counts.note(everything())
    seen = exposed(counts)
    assert seen["naruko_messages_total", (("verdict", "stored"),)] == 2
    assert seen["naruko_messages_total", (("verdict", "quarantined"),)] == 1
    assert seen["naruko_quarantined_messages_total", (("reason", "not_json"),)] == 1
    assert seen["naruko_readings_total", (("flag", "pass"),)] == 1
    assert seen["naruko_readings_total", (("flag", "missing"),)] == 1
    assert seen["naruko_readings_total", (("flag", "suspect"),)] == 1
    assert seen["naruko_events_total", (("kind", "level_up"),)] == 1
    assert seen["naruko_commands_total", (("step", "decided"),)] == 1
    assert seen["naruko_last_message_timestamp_seconds", ()] == NOW / 1000


def test_what_was_shed_before_it_was_read_counts_as_what_was_shed_after() -> None:
    counts = Counts()
    counts.note(Outcome(receipts=[receipt(1, Verdict.SHED), receipt(2, Verdict.DUPLICATE)], shed={NOW: 40}))
    seen = exposed(counts)
    assert seen["naruko_messages_total", (("verdict", "shed"),)] == 41
    assert seen["naruko_messages_total", (("verdict", "duplicate"),)] == 1


def test_a_message_that_came_while_the_clock_was_not_set_has_no_time() -> None:
    counts = Counts()
    counts.note(Outcome(receipts=[receipt(1, at=UNSET)]))
    assert ("naruko_last_message_timestamp_seconds", ()) not in exposed(counts)


def test_before_anything_has_happened_every_counter_is_there_with_0() -> None:
    """What appears only with its first count has no increase that Prometheus could see."""
    seen = exposed(Counts())
    assert set(seen.values()) == {0, 1}, "1 is the build and the clock"
    kinds = {labels for name, labels in seen if name == "naruko_events_total"}
    assert kinds == {(("kind", str(kind)),) for kind in EventKind}


def test_what_became_of_a_notification_is_counted_when_it_is_finished_and_a_new_attempt_as_one() -> None:
    counts = Counts()
    counts.note(Outcome(notifications=[notification()]))
    counts.settled(notification(attempts=1, next_at=NOW + 5_000))
    counts.settled(notification(status=Status.TIMEOUT, attempts=2))
    counts.settled(notification(status=Status.SENT, attempts=3, finished_at=NOW + 7_000))
    counts.note(Outcome(notifications=[notification("n2", status=Status.HELD, finished_at=NOW)]))
    overtaken = notification("n3", status=Status.EXPIRED, finished_at=NOW, error="overtaken by n4")
    counts.settled(overtaken)
    seen = exposed(counts)
    told = {labels: n for (name, labels), n in seen.items() if name == "naruko_notifications_total" and n}
    assert told == {
        (("channel", "mail"), ("result", "sent")): 1,
        (("channel", "mail"), ("result", "held")): 1,
        (("channel", "mail"), ("result", "overtaken")): 1,
    }
    assert seen["naruko_notification_retries_total", (("channel", "mail"),)] == 2
    bucket = "naruko_notification_latency_seconds_bucket"
    assert seen[bucket, (("channel", "mail"), ("le", "5.0"))] == 0
    assert seen[bucket, (("channel", "mail"), ("le", "10.0"))] == 1
    assert seen[bucket, (("channel", "mail"), ("le", "+Inf"))] == 1
    assert seen["naruko_notification_latency_seconds_sum", (("channel", "mail"),)] == 7


def test_a_command_is_counted_at_each_step() -> None:
    counts = Counts()
    for result in ("done", "refused", "expired"):
        counts.note(Outcome(commands=[command()], commands_done=[("c1", result, NOW)]))
    counts.commanded(command(status=Status.SENT))
    counts.commanded(command(status=Status.EXPIRED))
    steps = {dict(labels)["step"]: n for (name, labels), n in exposed(counts).items() if "commands" in name}
    assert steps == {"decided": 3, "sent": 1, "expired": 1, "done": 1, "refused": 1, "late": 1}


async def test_the_outboxes_are_counted_only_after_the_ledger_has_the_row() -> None:
    ledger, counts = Ledger.in_memory(), Counts()
    outbox = CountedOutbox(ledger, counts)
    await ledger.write(everything())
    sent = notification(status=Status.SENT, finished_at=NOW)
    async with ledger.lock:
        assert not counts.told["mail", "sent"]
    await outbox.update_notification(sent)
    assert counts.told["mail", "sent"] == 1
    assert outbox.notifications_after()[1] == []
    ordered: list[Command] = outbox.pending_commands(NOW)
    await outbox.update_command(ordered[0])
    assert counts.orders["sent"] == 1
    ledger.close()


@given(st.text(), st.sampled_from(list(Status)), st.none() | st.integers(0, 2**53), st.text())
def test_whatever_a_channel_or_a_result_is_called_no_label_is_added(
    kind: str, status: Status, finished_at: int | None, error: str
) -> None:
    counts, before = Counts(), exposed(Counts()).keys()
    counts.settled(
        notification(channel_kind=kind, status=status, finished_at=finished_at, error=error, recipient=kind)
    )
    counts.note(Outcome(commands_done=[(kind, error, NOW)]))
    assert exposed(counts).keys() == before


@given(st.text())
def test_whatever_a_reason_says_its_class_is_one_of_a_few(reason: str) -> None:
    assert reason_class(reason) in REASONS
    counts = Counts()
    counts.note(Outcome(receipts=[receipt(1, Verdict.QUARANTINED)]))
    assert sum(counts.reasons.values()) == counts.quarantined == 1


def test_the_reasons_of_the_decoder_have_a_class_of_their_own() -> None:
    decoder = Decoder(town([camera("cam"), pir("pir")]))

    def of(topic: str, payload: bytes) -> str:
        try:
            decoder.decode(Message(topic, payload, NOW))
        except QuarantineError as error:
            return reason_class(str(error))
        return "read"

    up = "naruko/test/cam/up"
    assert of(up, b"{") == "not_json"
    assert of(up, b"") == "not_json"
    assert of(up, b'{"v":1,"e":[{"type":"animal","species":"\xff"}]}') == "not_utf8"
    assert of(up, b'{"v":1,"m":[]}') == "wrong_content"
    assert of(up, b'{"v":9}') == "version"
    assert of(up, b" " * 1_000_000) == "oversized"
    assert of("naruko/test/nobody/up", b'{"v":1}') == "unknown_device"
    assert of("naruko/elsewhere/cam/up", b'{"v":1}') == "topic"
    assert of("naruko/test/cam/status", b'"perhaps"') == "wrong_content"


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_the_buckets_of_a_histogram_never_fall_and_the_last_holds_all(taken: list[float]) -> None:
    latency = Counts().latency["mail"]
    for seconds in taken:
        latency.note(seconds)
    rows = latency.cumulative()
    assert [bound for bound, _ in rows] == [*map(str, BUCKETS_S), "+Inf"]
    for bound, number in rows:
        assert number == sum(seconds <= float(bound) for seconds in taken)


def test_a_message_with_three_readings_is_counted_in_less_than_a_microsecond() -> None:
    counts = Counts()
    batch = Outcome(
        receipts=[receipt(n) for n in range(250)],
        readings=[reading(NOW + n, flag=Flag(1 + n % 4)) for n in range(750)],
    )
    best = min(timeit.repeat(lambda: counts.note(batch), number=20, repeat=20, timer=monotonic)) / 20 / 250
    assert best < 1e-6, f"{best * 1e9:.0f} ns"


def test_the_channels_are_those_of_the_configuration() -> None:
    assert set(CHANNELS) == set(ChannelKind.__args__)
