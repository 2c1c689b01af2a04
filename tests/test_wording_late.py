"""What is said with a message that comes late. `NARUKO_UPDATE_GOLDEN=1` writes the golden file anew."""

import os
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import wording
from hub.model import Mode
from hub.wording.render import BODY_CHARS, LANGS, SMS_CHARS
from tests.test_wording import GOLDEN, KINDS, values
from tests.test_wording_lengths import any_values

PLACES = ["上田・神社の東", "柿沢口", "大沢の棚田", "北小野の分校跡", "小曽部", "琵琶橋の下"]
TOLD = ["animal_detected", "animal_closed", "sensor_offline", "battery_low", "animal_update", "babbling"]


def one(template: str, lang: str, kind: str, mode: Mode = Mode.ACTUAL, **more: object) -> tuple[str, str]:
    return wording.render(template, lang, kind, values(template, **more), mode)


def night(lang: str, kind: str) -> tuple[str, str]:
    """Six small messages of one night in one."""
    said = (
        one(template, lang, kind, place=place, place_en="the field", sensor_name=place)
        for template, place in zip(TOLD, PLACES, strict=True)
    )
    items = [(f"{21 + n % 3}:{10 + n}", title or body) for n, (title, body) in enumerate(said)]
    return wording.digest(sorted(items), lang, kind, "役場 0263-00-0000")


def belated(template: str, lang: str, kind: str, time: str, missed: int) -> tuple[str, str]:
    title, body = one(template, lang, kind)
    return wording.belated(title, body, lang, kind, time=time, missed=missed)


def test_every_late_message_reads_as_it_was_reviewed() -> None:
    parts = []
    for lang, kind in product(("ja", "en"), ("mail", "ntfy", "line", "sms")):
        for name, (title, body) in {
            "late": belated("animal_detected", lang, kind, "11/21 21:07", 0),
            "late, 2 missed": belated("river_lv4", lang, kind, "21:07", 2),
            "2 missed": belated("river_lv4", lang, kind, "", 2),
            "late, 2 missed, all clear": belated("river_cleared", lang, kind, "21:07", 2),
            "a night in one": night(lang, kind),
        }.items():
            parts.append(f"==== {lang}, {kind}: {name} ({len(body)})\n{title}\n\n{body}\n")
    text, path = "\n".join(parts), GOLDEN / "late.txt"
    if os.environ.get("NARUKO_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "reviewed? then NARUKO_UPDATE_GOLDEN=1"


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("mode", [Mode.EXERCISE, Mode.TEST])
def test_the_mode_is_still_said_before_anything_else_and_once(lang: str, mode: Mode) -> None:
    for kind in KINDS:
        title, body = one("river_lv4", lang, kind, mode)
        mark = wording.mark_of(body)
        assert mark
        for missed in (0, 3):
            late = wording.belated(title, body, lang, kind, time="21:07", missed=missed)
            assert late[1].startswith(mark)
            assert late[1].count(mark) == 1
            assert late[0].count(mark) == (kind != "sms")
        listed = wording.digest([("21:07", title or body)] * 5, lang, kind, "")
        assert listed[1].startswith(mark)
        assert "".join(listed).count(mark.strip()) == (1 if kind == "sms" else 2)


@given(
    any_values(),
    st.sampled_from(LANGS),
    st.sampled_from(KINDS),
    st.sampled_from(Mode),
    st.tuples(st.sampled_from(["", "21:07", "11/21 21:07"]), st.integers(0, 400)),
)
def test_whatever_was_said_it_still_fits_and_no_word_of_it_is_lost_where_there_is_room(
    said: tuple[str, dict[str, object]], lang: str, kind: str, mode: Mode, how: tuple[str, int]
) -> None:
    template, fields = said
    time, missed = how
    title, body = wording.render(template, lang, kind, fields, mode)
    late_title, late = wording.belated(title, body, lang, kind, time=time, missed=missed)
    assert len(late) <= (SMS_CHARS if kind == "sms" else BODY_CHARS.get(kind, len(body) + 200))
    mark = wording.mark_of(body)
    if len(body) < 900:
        assert late.endswith(body.removeprefix(mark))
    if not time and not missed:
        assert (late_title, late) == (title, body)


@given(
    st.lists(
        st.tuples(st.sampled_from(["21:07", "11/21 21:07"]), st.text(min_size=1, max_size=80)), min_size=1
    ),
    st.integers(1, 60),
    st.sampled_from(LANGS),
    st.sampled_from(KINDS),
)
def test_a_list_of_any_length_fits_its_channel_and_counts_all(
    items: list[tuple[str, str]], times: int, lang: str, kind: str
) -> None:
    title, body = wording.digest(items * times, lang, kind, "役場 0263-00-0000")
    assert len(body) <= (SMS_CHARS if kind == "sms" else BODY_CHARS.get(kind, 5_000))
    assert str(len(items * times)) in (title or body)
    if kind == "ntfy":
        assert len(f"{title}{body}".encode()) < 4_096


@pytest.mark.parametrize(("lang", "others"), [("ja", "ほか2件"), ("en", "and 4 more")])
def test_a_text_message_counts_whole_kinds_and_how_many_more_there_are(lang: str, others: str) -> None:
    _, sms = night(lang, "sms")
    assert sms.endswith(others)
    assert len(sms) <= SMS_CHARS


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_text_message_of_many_without_a_kind_ends_with_the_times(lang: str) -> None:
    _, sms = wording.digest([("21:07", "a text of no kind")] * 3, lang, "sms", "")
    assert sms.rstrip("）").endswith("21:07")
