"""Portuguese, Chinese, Vietnamese: what saves lives in the reader's own language, the rest in easy Japanese.

`NARUKO_UPDATE_GOLDEN=1` writes the golden files anew.
"""

import math
import os
import re
from itertools import product
from string import Formatter
from typing import Any
from unicodedata import normalize

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hub import wording
from hub.config.check import report
from hub.config.shapes import Person
from hub.model import Mode
from hub.wording import LIFE_SAFETY, not_reviewed, render
from hub.wording.languages import language
from hub.wording.render import BODY_CHARS, LANGS, SMS_CHARS, _columns
from tests.data import ROOT
from tests.test_wording import GOLDEN, KINDS, golden_entry, values
from tests.test_wording_lengths import any_values
from tests.timeline import Timeline
from tests.towns import MINUTE, gauge, person, square, town, trap

TEMPLATES = (
    *("debris_flow", "debris_false", "debris_closed", "slope_confirmed", "slope_false"),
    *(
        f"river_{what}"
        for what in ("lv2", "lv3", "lv4", "lv5", "confirmed", "falling", "cleared", "false", "closed")
    ),
    *("animal_bear", "drill_over", "test"),
)
"""What residents are told of floods, slopes and bears, with its all clear; and the test of it."""

JAPANESE = {
    template: texts
    for room in ("animal", "river", "slope", "hub")
    for template, texts in yaml.safe_load(
        (ROOT / "hub" / "wording" / "messages" / f"{room}.yaml").read_text(encoding="utf-8")
    ).items()
}
LEVEL = {
    "pt": " (equivale ao nível de alerta {})",
    "zh": "（相当于警戒级别{}的水位）",
    "vi": " (tương đương mức cảnh báo {})",
}
ORDERS = {
    "pt": ("ordem de evacua", "aviso especial", "alerta especial"),
    "zh": ("避难指示", "避難指示", "警报", "警報", "撤离令"),
    "vi": ("lệnh sơ tán", "cảnh báo đặc biệt"),
}
LADDER = {
    "pt": ("ATENÇÃO", "ALERTA", "PERIGO", "PERIGO DE VIDA", "FUJA"),
    "zh": ("注意", "警戒", "危险", "生命危险", "快逃"),
    "vi": ("CHÚ Ý", "CẢNH GIÁC", "NGUY HIỂM", "NGUY HIỂM TÍNH MẠNG", "CHẠY NGAY"),
}
URGENT = ("river_lv2", "river_lv3", "river_lv4", "river_lv5", "debris_flow")

LEVELS_M = {"standby": 2.0, "caution": 3.0, "evac_judge": 3.5, "danger": 4.0}
FLOOD = (1.9, 2.5, 3.1, 3.6, 4.1, 4.2, 3.8, 3.4, 3.0, 2.6, 2.2, *[1.8] * 30)

langs = pytest.mark.parametrize("lang", LIFE_SAFETY)
told = pytest.mark.parametrize("template", TEMPLATES)


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


# --- the files ----------------------------------------------------------------------------------------


@langs
def test_every_file_has_the_messages_that_save_lives_and_no_other(lang: str) -> None:
    assert set(language(lang).messages) == set(TEMPLATES)


@langs
@told
def test_the_placeholders_are_those_of_the_japanese(lang: str, template: str) -> None:
    ours, japanese = language(lang).messages[template], JAPANESE[template]["ja"]
    for part in ("title", "body", "sms"):
        assert names(getattr(ours, part)) <= names(japanese[part]) | {"level", "trend"}, part
    assert names(ours.title) == names(japanese["title"])
    left_out = names(japanese["body"]) - names(ours.body)
    assert left_out <= {"next_name", "to_next", "level_now"}, (
        "where, when, what to do and the links are there"
    )


@langs
def test_what_a_file_says_of_codes_are_codes_of_the_words(lang: str) -> None:
    known = wording.values.words()
    for group, codes in language(lang).words.items():
        assert set(codes) <= set(known[group])
        for code, text in codes.items():
            assert names(text) == names(known[group][code][1].replace("_en}", "}")), f"{group}, {code}"


@langs
def test_a_file_is_written_in_signs_that_count_as_one(lang: str) -> None:
    """An accent on its own would take two of the 70 of an SMS."""
    text = (ROOT / "hub" / "wording" / "lifesafety" / f"{lang}.yaml").read_text(encoding="utf-8")
    assert text == normalize("NFC", text)


@langs
def test_who_must_review_a_file_is_said_until_somebody_has(lang: str) -> None:
    review = language(lang).review
    assert (review.reviewed_by is None) == (review.reviewed_on is None)
    assert bool(not_reviewed(lang)) == (review.reviewed_by is None)
    assert "多文化共生" in review.by
    assert "国際交流協会" in review.by
    assert "警戒レベル" in review.by
    assert not not_reviewed("ja")


def test_the_check_names_the_files_of_the_languages_that_are_spoken_here_and_no_other() -> None:
    people = [person("nguyen", "resident", lang="vi"), person("silva", "resident", lang="pt")]
    said = report(town(devices=[trap("trap", owner="nguyen")], people=people))
    for lang in ("vi", "pt"):
        assert f"   {lang}: hub/wording/lifesafety/{lang}.yaml is not reviewed yet: a native speaker" in said
    assert "zh.yaml" not in said


def test_a_person_speaks_one_of_the_languages_there_are() -> None:
    allowed = set(Person.model_json_schema()["properties"]["lang"]["enum"])
    assert allowed == {*LANGS, *LIFE_SAFETY}


# --- what is said -------------------------------------------------------------------------------------


@langs
def test_every_message_reads_as_it_was_written(lang: str) -> None:
    text = "\n".join(
        [
            *(golden_entry(template, lang, Mode.ACTUAL) for template in TEMPLATES),
            *(golden_entry("river_lv4", lang, mode) for mode in (Mode.EXERCISE, Mode.TEST)),
            *around(lang),
        ]
    )
    path = GOLDEN / f"messages_{lang}.txt"
    if os.environ.get("NARUKO_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "read? then NARUKO_UPDATE_GOLDEN=1"


def around(lang: str) -> list[str]:
    """What is said with a message that is late, told again, or sent by mail with the way out."""
    parts = []
    for kind in ("mail", "sms"):
        title, body = render("river_lv4", lang, kind, values("river_lv4"))
        late = wording.belated(title, body, lang, kind, time="21:07", missed=2)
        again = wording.repeated(title, body, lang, kind, count=3, minutes=40)
        for name, said in (("late, 2 missed", late), ("told again", again)):
            parts.append(f"==== {kind}: {name}\n{said[0]}\n\n{said[1]}\n")
    out = wording.with_way_out(
        render("test", lang, "mail", values("test"))[1], lang, "https://hub.example/m/x"
    )
    parts.append(
        f"==== mail: test, with the way out\n\n{wording.numbered(out, lang, 'mail', 'id', again=True)}\n"
    )
    return parts


@langs
def test_everything_else_is_said_in_easy_japanese(lang: str) -> None:
    for template, kind in product(set(wording.templates()) - set(TEMPLATES), KINDS):
        easy = render(template, "ja-easy", kind, values(template, contact=None))
        assert render(template, lang, kind, values(template, contact=None)) == easy, template


@langs
@told
def test_the_easy_japanese_sentence_stands_below_for_a_neighbour_to_read(lang: str, template: str) -> None:
    lead = JAPANESE[template]["ja-easy"]["lead"]
    title, body = render(template, lang, "ntfy", values(template))
    assert body.endswith("\n" + lead)
    if lang != "zh":
        assert not re.search(
            r"[ぁ-ん]", title.replace("の", "") + body.removesuffix(lead).replace("神社の東", "")
        )


@langs
@pytest.mark.parametrize("template", [f"river_lv{n}" for n in (2, 3, 4, 5)])
def test_a_level_of_the_town_itself_is_not_called_a_warning_level(lang: str, template: str) -> None:
    said = LEVEL[lang].format(template[-1])
    _, official = render(template, lang, "mail", values(template))
    _, own = render(template, lang, "mail", values(template), official=False)
    assert official.count(said) == 1
    assert own == official.replace(said, "")


@langs
@told
def test_nothing_sounds_like_an_order_to_evacuate(lang: str, template: str) -> None:
    text = "".join(render(template, lang, "mail", values(template))).lower()
    assert not [word for word in ORDERS[lang] if word in text]


@langs
def test_the_words_of_urgency_are_the_same_ladder(lang: str) -> None:
    for template, word in zip(URGENT, LADDER[lang], strict=True):
        title, _ = render(template, lang, "mail", values(template))
        _, sms = render(template, lang, "sms", values(template))
        kind = re.match(r"[【\[]([^】\]]+)[】\]]", title)
        assert kind
        assert kind[1].endswith(word)
        assert sms.startswith(kind[0])


@langs
@told
def test_the_title_is_read_at_a_glance(lang: str, template: str) -> None:
    title, _ = render(template, lang, "ntfy", values(template))
    assert _columns(title) <= (30 if lang == "zh" else 50)
    assert "…" not in title


@langs
def test_a_name_has_its_english_in_brackets_and_in_a_short_text_the_one_that_is_read(lang: str) -> None:
    title, body = render("river_lv4", lang, "ntfy", values("river_lv4"))
    assert "上田・神社の東 (Ueda, east of the shrine)" in body
    assert title.endswith("小野川 琵琶橋" if lang == "zh" else "Ono River Biwa Bridge")
    alone = values("debris_flow", stream_en="大沢", place_en=None)
    assert "(" not in render("debris_flow", lang, "sms", alone)[1]


@langs
@told
@pytest.mark.parametrize("mode", list(Mode))
def test_with_the_longest_names_kind_and_advice_are_still_in_title_and_sms(
    lang: str, template: str, mode: Mode
) -> None:
    long = dict.fromkeys(("place", "river", "station", "stream", "hub"), "長い名前" * 30)
    long |= {f"{name}_en": "a very long name " * 9 for name in long}
    _, usual = render(template, lang, "sms", values(template), mode)
    title, _ = render(template, lang, "ntfy", values(template, **long), mode)
    _, sms = render(template, lang, "sms", values(template, **long), mode)
    kind = re.match(r"(【[^】]*】|\[[^\]]*\] ?)+", usual)
    assert kind
    assert title.startswith(kind[0])
    assert sms.startswith(kind[0])
    assert len(sms) <= SMS_CHARS
    assert template in ("debris_false", "slope_false", "river_false") or sms[-6:] == usual[-6:]


@given(
    any_values(), st.sampled_from(LIFE_SAFETY), st.sampled_from(KINDS), st.sampled_from(Mode), st.booleans()
)
def test_whatever_the_values_a_message_fits_its_channel_and_is_clean(
    said: tuple[str, dict[str, Any]], lang: str, kind: str, mode: Mode, official: bool
) -> None:
    template, fields = said
    title, body = render(template, lang, kind, fields, mode, official=official)
    assert all(line.isprintable() for line in body.split("\n"))
    assert not re.search(r"[{}]", title + body)
    assert len(body) <= (SMS_CHARS if kind == "sms" else BODY_CHARS.get(kind, math.inf))
    if kind == "ntfy":
        assert len(f"{title}{body}".encode()) < 4_096
    mark = wording.mark_of(body)
    assert bool(mark) == (mode is not Mode.ACTUAL) or template == "test"
    late = wording.belated(title, body, lang, kind, time="21:07", missed=2)[1]
    again = wording.repeated(title, body, lang, kind, count=3, minutes=40)[1]
    assert late.startswith(mark)
    assert again.startswith(mark)
    assert max(len(late), len(again)) <= (SMS_CHARS if kind == "sms" else BODY_CHARS.get(kind, math.inf))


@langs
def test_a_mail_says_once_how_to_get_no_more_of_them(lang: str) -> None:
    _, body = render("river_lv4", lang, "mail", values("river_lv4"))
    stop = {"pt": "cancelar envio", "zh": "停止接收", "vi": "ngừng nhận"}[lang]
    assert body.count(stop) == 1
    assert wording.with_way_out(body, lang, "https://hub.example/m/x").count(stop) == 1


def test_a_flood_is_told_to_each_in_the_language_of_each_and_so_is_its_end() -> None:
    people = [person(lang, "resident", lang=lang, zones=("flood",)) for lang in LIFE_SAFETY]
    t = Timeline(
        town(
            devices=[gauge("gauge", LEVELS_M, heartbeat="10m")],
            zones=[square("flood", "flood", rivers=("gauge",))],
            people=people,
        )
    )
    for level_m in FLOOD:
        t.passes(10 * MINUTE).says("gauge", level_m=level_m)
    first = {(n.template, n.recipient): n.title for n in reversed(t.notifications)}
    assert first["river_lv4", "pt"].startswith("[RIO - PERIGO]")
    assert first["river_lv4", "zh"].startswith("【河流 危险】")
    assert first["river_lv4", "vi"].startswith("[SÔNG - NGUY HIỂM]")
    assert first["river_cleared", "pt"].startswith("[RIO - NORMAL]")
    assert first["river_cleared", "zh"].startswith("【水位 平常】")
    assert first["river_cleared", "vi"].startswith("[SÔNG - BÌNH THƯỜNG]")
