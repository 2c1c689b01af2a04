"""Whatever a broker may carry is an uplink or a reason, never an exception of another kind."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.decode.payload import plain
from hub.model import Message
from tests.decoding import DECODER, RECEIVED, said
from tests.fuzz.targets import uplink_or_reason

TOPICS = st.sampled_from(
    [
        "naruko/kita-ono/river-1/up",
        "naruko/kita-ono/river-1/status",
        "naruko/kita-ono/river-1/done",
        "application/1/device/e8e1e10001010103/event/up",
        "application/1/device/e8e1e10001010103/event/status",
        "application/1/device/e8e1e10001010103/event/join",
        "application/1/device/e8e1e10001010103/event/log",
        "v3/app@t/devices/e8e1e10001010103/up",
        "v3/app@t/devices/other/up",
        "msh/JP/2/json/LongFast/!7efeb2c8",
        "frigate/events",
        "some/topic",
        "gate/sensor/air/state",
        "tele/gate/SENSOR",
        "zigbee2mqtt/gate",
    ]
)

NAMES = st.sampled_from(
    [
        "v", "seq", "at", "m", "e", "type", "state", "species", "confidence", "count", "key", "id", "result",
        "data", "fPort", "fCnt", "time", "object", "rxInfo", "deduplicationId", "batteryLevel",
        "end_device_ids", "device_id", "dev_eui", "uplink_message", "frm_payload", "f_cnt", "decoded_payload",
        "rx_metadata", "received_at", "correlation_ids", "simulated", "from", "sender", "timestamp",
        "payload", "latitude_i", "text", "after", "camera", "label", "river", "raw", "level_cm", "when",
        "door", "class", "score", "value",
    ]
)  # fmt: skip

NUMBERS = st.integers() | st.integers(10**300, 10**301) | st.floats(allow_nan=False, allow_infinity=False)

JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | NAMES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.text() | TOPICS, st.binary(max_size=200))
@example("naruko/kita-ono/river-1/up", b'{"v":' + b"1" * 5000 + b"}")
@example("naruko/kita-ono/river-1/up", b'{"seq":' + b"1" * 5000 + b"}")
@example("naruko/kita-ono/river-1/up", b'{"at":' + b"1" * 5000 + b"}")
@example("naruko/kita-ono/river-1/up", b'{"e":[{"type":"animal","count":' + b"1" * 5000 + b"}]}")
@example("msh/JP/2/json/LongFast/!7efeb2c8", b'{"from":2130621128,"id":' + b"1" * 5000 + b"}")
@example("some/topic", b"1" * 5000)
@example("some/topic", b"[" * 60_000)
@example("naruko/kita-ono/river-1/status", b"[" * 60_000)
@example("application/1/device/e8e1e10001010103/event/up", b'{"object":' + b"[" * 60_000)
def test_any_topic_and_bytes_are_an_uplink_or_a_reason(topic: str, payload: bytes) -> None:
    uplink_or_reason(DECODER, Message(topic, payload, RECEIVED))


@settings(max_examples=400, deadline=None)
@given(TOPICS, JSON)
def test_any_json_is_an_uplink_or_a_reason(topic: str, document: Any) -> None:
    uplink_or_reason(DECODER, said(document, topic))


@given(
    st.sampled_from([b'{"v":1,"seq":812,"at":"2026-11-21T21:07:03+09:00","m":{"distance_m":2.31}}']),
    st.data(),
)
def test_a_good_payload_with_a_wrong_byte_is_an_uplink_or_a_reason(
    payload: bytes, data: st.DataObject
) -> None:
    raw = bytearray(payload)
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    uplink_or_reason(DECODER, said(bytes(raw)))


@given(st.text())
def test_kept_text_is_short_and_printable(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text)) <= 64
