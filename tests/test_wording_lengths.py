"""Whatever the names and numbers, a message fits its channel and is clean."""

import json
import math
import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub import wording
from hub.model import Mode
from hub.wording import render, required, templates
from hub.wording.render import BODY_CHARS, LANGS, SMS_CHARS
from hub.wording.values import words
from tests.data import ROOT
from tests.test_wording import KINDS, every, values

TEXT = st.text(max_size=200).map(lambda text: text.translate(str.maketrans("", "", "{}<>")))
ENDS_WITH_A_NAME = frozenset({"animal_false", "battery_low", "trap_done"})
"""Their SMS ends with a name, or with what may be left out behind it."""
NAME = TEXT.filter(lambda text: wording.values.clean(text) != "")
SOURCES = {
    template: str(texts)
    for path in (ROOT / "hub" / "wording" / "messages").glob("*.yaml")
    for template, texts in yaml.safe_load(path.read_text(encoding="utf-8")).items()
}
"""What is not named there need not be drawn."""
NUMBER = st.floats() | st.integers(-(10**9), 10**9) | st.none()


@st.composite
def any_values(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A template with whatever names and numbers a town and its devices might come up with."""
    template = draw(st.sampled_from(templates()))
    fields = values(template)
    for name, value in fields.items():
        if isinstance(value, str | list) and name.removesuffix("_en") not in SOURCES[template]:
            continue
        if name in required(template) or name.removesuffix("_en") in required(template):
            fields[name] = draw(st.just(value) | NAME)
        elif isinstance(value, str) and name not in ("threshold", "next_threshold"):
            fields[name] = draw(st.just(value) | TEXT)
        elif isinstance(value, int | float):
            fields[name] = draw(st.just(value) | NUMBER)
        elif isinstance(value, list):
            fields[name] = draw(st.just(value) | st.lists(TEXT, max_size=30))
    return template, fields


@given(any_values(), st.sampled_from(LANGS), st.sampled_from(KINDS), st.sampled_from(Mode), st.booleans())
def test_whatever_the_values_a_message_fits_its_channel_and_is_clean(
    said: tuple[str, dict[str, Any]], lang: str, kind: str, mode: Mode, official: bool
) -> None:
    template, fields = said
    title, body = render(template, lang, kind, fields, mode, official=official)
    assert all(line.isprintable() for line in body.split("\n"))
    assert title.isprintable()
    assert not re.search(r"[{}]", title + body)
    if kind == "sms":
        assert title == ""
        assert len(body) <= SMS_CHARS
        assert "\n" not in body
    assert len(body) <= BODY_CHARS.get(kind, math.inf)
    if kind == "ntfy":
        assert len(f"{title}{body}".encode()) < 4_096
        assert len(json.dumps({"title": title, "message": body})) < 7_900
    mark = "" if mode is Mode.ACTUAL else words()["mode"][mode.value][lang == "en"]
    assert (title or body).startswith(mark.strip())


@every
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("mode", list(Mode))
def test_with_the_longest_names_kind_and_advice_are_still_in_title_and_sms(
    template: str, lang: str, mode: Mode
) -> None:
    long = {
        name: ("長い名前" * 30 if not name.endswith("_en") else "a very long name " * 9)
        for name in ("place", "river", "station", "stream", "sensor_name", "hub", "trap_no")
    }
    long |= {f"{name}_en": "a very long name " * 9 for name in long}
    usual_title, _ = render(template, lang, "ntfy", values(template), mode)
    title, _ = render(template, lang, "ntfy", values(template, **long), mode)
    kind = re.match(r"(【[^】]*】|\[[^\]]*\] ?)+", usual_title)
    assert kind
    assert title.startswith(kind[0])
    _, usual = render(template, lang, "sms", values(template), mode)
    _, sms = render(template, lang, "sms", values(template, **long), mode)
    assert len(sms) <= SMS_CHARS
    if template not in ENDS_WITH_A_NAME:
        assert sms[-6:] == usual[-6:]


def test_a_title_is_read_at_a_glance() -> None:
    """15 full-width signs in Japanese."""
    title, _ = render(
        "trap_sprung", "ja", "mail", values("trap_sprung", place="北小野の上田神社の東の棚田の上の段")
    )
    assert title.startswith("【わな作動】12番 北小野")
    assert title.endswith("…")
    assert len(title) <= 17


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    "contact", ["役場 0263-00-0000", "北小野地区センター 総務担当 長い名前の窓口 0263-00-0000"]
)
def test_whom_to_ask_stands_in_an_sms_whole_or_not_at_all(lang: str, contact: str) -> None:
    _, sms = render("test", lang, "sms", values("test", contact=contact))
    assert "0263" not in sms or contact in sms
    assert "0263" in sms or len(contact) > 20


@pytest.mark.parametrize("lang", LANGS)
def test_what_was_missed_is_said_without_a_count_too(lang: str) -> None:
    fields = values("messages_missed", count=None, devices=None, missed=None, missed_en=None, last_seen=None)
    title, body = render("messages_missed", lang, "ntfy", fields)
    _, sms = render("messages_missed", lang, "sms", fields)
    assert "21:07" in title
    assert ("受信できませんでした" if lang != "en" else "could not hear") in body
    assert ("受信できませんでした" if lang != "en" else "Hub deaf until") in sms


def test_control_and_direction_signs_of_a_name_do_not_pass() -> None:
    place = "上\x00田\r\n\x1b[31m\u202e神社\u2028\ud800\u3000東"
    title, body = render("animal_detected", "ja", "mail", values("animal_detected", place=place))
    assert title == "【イノシシ】上田 [31m神社 東"
    assert body.startswith("21:07 上田 [31m神社 東で")
