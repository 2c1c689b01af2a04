"""A message for eyes: its bytes, whatever they are, and how it came."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.console.views.carried import NOTHING, Carried, carried
from hub.console.views.device_rows import strength
from hub.console.views.raw import LONGEST, as_text, hexdump, visible
from tests.device_town import chirp

NOW = 1_790_000_000_000


@given(st.binary(max_size=600))
def test_a_hex_dump_holds_every_byte_and_only_plain_signs(data):
    dump = hexdump(data)
    lines = dump.splitlines()
    assert dump.isascii()
    assert all(line.isprintable() for line in lines)
    assert [int(line[:8], 16) for line in lines] == list(range(0, len(data), 16))
    assert bytes.fromhex("".join(line[10:58] for line in lines)) == data
    assert len({line.index("|") for line in lines}) <= 1


@given(st.binary(max_size=600) | st.text().map(str.encode))
def test_as_text_nothing_is_hidden_and_nothing_turns_the_line(data):
    shown = as_text(data)
    assert all(sign.isprintable() or sign in "\n\t" for sign in shown)
    assert len(shown) <= 9 * LONGEST + 1


def test_json_is_laid_out_and_a_hostile_one_does_not_grow():
    assert as_text(b'{"a":[1,2]}') == '{\n  "a": [\n    1,\n    2\n  ]\n}'
    deep = b"[" * 2_000 + b"]" * 2_000
    assert as_text(deep) == deep.decode()
    assert as_text(b'{"a":' + b"9" * 20_000 + b"}").endswith("…")
    assert as_text(b"\xff\xfe") == ""
    assert as_text("水位".encode()[:-1], whole=False) == "水"
    assert visible("a\x00b\u202ec") == "a‹U+0000›b‹U+202E›c"


# --- how a message came -------------------------------------------------------------------------------

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["rxInfo", "rssi", "snr", "uplink_message", "rx_metadata", "from", "Wifi", "Signal", "m", "fw",
             "object", "update", "installed_version", "decoded_payload", "firmware_version", "rssi_dbm"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (chirp(NOW, -101.0, 4.5).payload, Carried(-101.0, 4.5, "1.4.2")),
        (b'{"rxInfo":[{"rssi":-90}]}', Carried(-90.0, 0.0)),  # ChirpStack leaves out what is zero
        (b'{"uplink_message":{"rx_metadata":[{"rssi":-120,"snr":-12.5}]}}', Carried(-120.0, -12.5)),
        (b'{"from":1,"rssi":-80,"snr":5.25}', Carried(-80.0, 5.25)),
        (b'{"Wifi":{"RSSI":72,"Signal":-64}}', Carried(-64.0, None)),
        (b'{"v":1,"m":{"rssi_dbm":-70},"fw":"2.1"}', Carried(-70.0, None, "2.1")),
        (b'{"update":{"installed_version":33816645}}', Carried(None, None, "33816645")),
        (b'{"rssi":-70}', NOTHING),
        (b'{"from":1,"rssi":9999,"snr":true}', NOTHING),
        (b"[1]", NOTHING),
        (b"\xff", NOTHING),
    ],
)
def test_signal_and_firmware_are_read_where_a_message_tells_them(payload, found):
    assert carried(payload) == found


@given(json | st.binary(max_size=40))
def test_whatever_a_message_holds_its_signal_is_in_bounds_or_unknown(said):
    found = carried(said if isinstance(said, bytes) else msgspec.json.encode(said))
    assert found.rssi_dbm is None or -200 <= found.rssi_dbm <= 50
    assert found.snr_db is None or -50 <= found.snr_db <= 50
    assert found.firmware.isprintable()
    assert len(found.firmware) <= 40


def test_a_signal_is_strong_or_weak_by_what_carries_it():
    assert [strength(-90, 5), strength(-110, -3), strength(-90, -14), strength(-120, 3)] == [
        "strong", "fair", "weak", "weak",
    ]  # fmt: skip
    assert [strength(-50, None), strength(-70, None), strength(-85, None), strength(None, 3)] == [
        "strong", "fair", "weak", "",
    ]  # fmt: skip
