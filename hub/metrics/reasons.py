"""Why a message was not read, as one of a few words: what devices write is never a label."""

BEGINNINGS: tuple[tuple[str, str], ...] = (
    ("unknown device", "unknown_device"),
    ("oversized", "oversized"),
    ("not JSON", "not_json"),
    ("not UTF-8", "not_utf8"),
    ("wrong content", "wrong_content"),
    ("payload version", "version"),
    ("topic", "topic"),
    ("the topic is of device", "wrong_device"),
    ("status ", "wrong_content"),
    ("result ", "wrong_content"),
    ("raw bytes, but profile", "profile"),
    ("decoded by others, but profile", "profile"),
    ("profile ", "profile"),
    ("ChirpStack event", "no_word_of_a_device"),
    ("The Things Stack event", "no_word_of_a_device"),
    ("simulated in the console", "no_word_of_a_device"),
)
"""How the reasons of `hub.decode` begin."""
OTHER = "other"
REASONS: tuple[str, ...] = tuple(dict.fromkeys([*(word for _, word in BEGINNINGS), OTHER]))


def reason_class(reason: str) -> str:
    """One of REASONS. Whatever begins otherwise, a bad frame of a profile among it, is `other`."""
    return next((word for beginning, word in BEGINNINGS if reason.startswith(beginning)), OTHER)
