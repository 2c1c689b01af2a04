"""What is said, to whom, in how many characters. `NARUKO_UPDATE_GOLDEN=1` writes the golden files anew."""

import json
import math
import os
import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hub import maps
from hub.model import Mode
from hub.wording import LIFE_SAFETY, format_time, numbered, render, required, templates
from hub.wording.render import LANGS, parse_line
from hub.wording.values import words
from tests.data import ROOT, data_dir

GOLDEN = ROOT / "tests" / "golden"
KINDS = ("mail", "ntfy", "line", "sms", "telegram", "push", "other")
JST = timezone(timedelta(hours=9))

PUBLIC_TEXTS = data_dir().parent / "messages.json"
"""The texts of the domain notes."""

VALUES: dict[str, Any] = {
    "time": "21:07",
    "last_seen": "20:27",
    "place": "上田・神社の東",
    "place_en": "Ueda, east of the shrine",
    "lat": 36.11512,
    "lon": 137.95432,
    "species": "boar",
    "count": 3,
    "path": ["柿沢口", "神社の東"],
    "path_en": ["Kakizawa gate", "east of the shrine"],
    "deterrent": "sound",
    "trap_no": "12番",
    "trap_type": "box",
    "who": "田中",
    "going": ["田中", "佐藤"],
    "eta": "21:37",
    "sprung_time": "20:27",
    "dawn": "11/22 06:31",
    "leader": "山根",
    "leader_tel": "090-0000-0000",
    "result": "captured",
    "trap_state": "armed",
    "what_to_do": "国の特別天然記念物です。傷つけないでください。",
    "what_to_do_en": "A protected natural monument: do not harm it.",
    "whom_to_call": "教育委員会 0263-00-0001",
    "whom_to_call_en": "Board of Education 0263-00-0001",
    "traps": ["箱わな12号", "くくりわな3号"],
    "traps_en": ["Box trap 12", "Snare 3"],
    "river": "小野川",
    "river_en": "Ono River",
    "station": "琵琶橋",
    "station_en": "Biwa Bridge",
    "level": 1.234,
    "to_next": 0.3,
    "trend": "rising",
    "window": 10,
    "change": 1.2,
    "minutes": 40,
    "stream": "大沢",
    "stream_en": "Osawa",
    "sensor_name": "大沢ワイヤー1",
    "sensor_name_en": "Osawa wire 1",
    "sensors": ["大沢振動計"],
    "sensors_en": ["Osawa geophone"],
    "sign": "tilt",
    "residents": "told",
    "cause": "シカ",
    "cause_en": "deer",
    "fallback": "近くの方は目で見てください。",
    "fallback_en": "Please look for yourself.",
    "children": ["琵琶橋水位計", "12番わな"],
    "children_en": ["Biwa Bridge gauge", "trap 12"],
    "percent": 18,
    "volts": 3.312,
    "days": 12,
    "flaps": "silence",
    "hint": "heartbeat",
    "hours": 24,
    "held": "295",
    "kinds": ["わな287", "動物8"],
    "kinds_en": ["traps 287", "animals 8"],
    "gravest": ["川 琵琶橋", "わな 神社の東"],
    "gravest_en": ["rivers Biwa Bridge", "traps east of the shrine"],
    "newest": ["動物 柿沢口"],
    "newest_en": ["animals Kakizawa gate"],
    "listed": ["22:10 【水位 待機】小野川 琵琶橋", "23:40 【電池】12番わな"],
    "listed_en": ["22:10 [STANDBY LEVEL] Ono River", "23:40 [BATTERY] trap 12"],
    "budgets": ["LINE 52/200（残りは災害用）", "ntfy 240/250"],
    "budgets_en": ["LINE 52/200 (kept for disasters)", "ntfy 240/250"],
    "trouble": "channel",
    "fault": "full",
    "trouble_means": "channel",
    "trouble_do": "channel",
    "trouble_area": "channel",
    "channel": "mail",
    "figure": "180 MB",
    "verdict": "要対応 3件",
    "verdict_en": "To do: 3",
    "troubles": ["空き容量がわずかです"],
    "troubles_en": ["disk space is low"],
    "devices": 40,
    "heard": 38,
    "silent": ["大沢振動計"],
    "silent_en": ["Osawa geophone"],
    "low": ["12番わな"],
    "low_en": ["trap 12"],
    "by_kind": ["わな 2", "動物 1"],
    "by_kind_en": ["traps 2", "animals 1"],
    "open": 1,
    "messages": 8123,
    "lost": 4,
    "quarantined": 2,
    "shed": 7,
    "held_count": 5,
    "failed_count": 3,
    "failed": ["yamane/mail"],
    "unheard_count": 1,
    "unheard": ["kawabata"],
    "missed": ["柿沢口カメラ 2件", "12番わな 1件"],
    "missed_en": ["Kakizawa gate camera (2)", "trap 12 (1)"],
    "disk": "21.4 GB",
    "memory": "31%",
    "hub": "北小野",
    "hub_en": "Kita-Ono",
    "contact": "役場 0263-00-0000",
    "info_url": "https://town.example/bousai",
}

LEVEL_OF = {
    "river_standby": ("standby", "caution"),
    "river_lv2": ("caution", "evac_judge"),
    "river_lv3": ("evac_judge", "danger"),
    "river_lv4": ("danger", "overflow"),
    "river_lv5": ("overflow", None),
    "river_falling": ("danger", None),
    "river_cleared": ("standby", None),
    "river_unwatched": ("danger", None),
}

SAMPLE_OF: dict[str, dict[str, Any]] = {
    "trap_wrong": {"species": "serow"},
    "trap_fewer": {"going": ["佐藤"]},
    "patrol_missing": {"count": 2},
    "river_falling": {"trend": "falling"},
    "river_confirmed": {"cause": None},
    "river_false": {"cause": "流木", "cause_en": "driftwood"},
}
"""What would not fit together otherwise."""

LINKS = {
    "ack_url": "https://hub.example/a/AmJ4c2RmZ2hqa2xxd2VydHl1aW8",
    "patrol_url": "https://hub.example/p/AmJ4c2RmZ2hqa2xxd2VydHl1aW8",
}


def values(template: str, **more: object) -> dict[str, Any]:
    """All that can be said, as the pipeline would say it of `template`."""
    threshold, higher = LEVEL_OF.get(template, (None, None))
    species = "bear" if template == "animal_bear" else "boar"
    count = 480 if template == "babbling" else 3
    fitting = {"threshold": threshold, "next_threshold": higher, "species": species, "count": count}
    fitting |= SAMPLE_OF.get(template, {})
    if template == "hub_restored":
        fitting["fault"] = None
    return VALUES | fitting | more


WITHOUT_PLACE = frozenset(
    {"hub_stopped", "hub_restored", "test", "hub_trouble", "hub_well", "messages_missed", "morning"}
    | {"patrol_missing", "morning_digest", "morning_open", "person_left"}
)
"""What is not about one place."""

every = pytest.mark.parametrize("template", templates())


# --- the golden files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
def test_every_message_reads_as_it_was_reviewed(lang: str) -> None:
    text = "\n".join(
        [
            *(golden_entry(template, lang, Mode.ACTUAL) for template in templates()),
            *(golden_entry("river_lv4", lang, mode) for mode in (Mode.EXERCISE, Mode.TEST)),
        ]
    )
    path = GOLDEN / f"messages_{lang}.txt"
    if os.environ.get("NARUKO_UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "reviewed? then NARUKO_UPDATE_GOLDEN=1"


def golden_entry(template: str, lang: str, mode: Mode) -> str:
    said: dict[tuple[str, str], list[str]] = {}
    for kind in KINDS:
        said.setdefault(render(template, lang, kind, values(template, **LINKS), mode), []).append(kind)
    parts = [f"==== {template}" + (f", {mode}" if mode is not Mode.ACTUAL else "")]
    for (title, body), kinds in said.items():
        parts.append(f"---- {', '.join(kinds)}" + (f"\n{title}" if title else "") + f"\n\n{body}\n")
    return "\n".join(parts)


@pytest.mark.skipif(not PUBLIC_TEXTS.is_file(), reason="the texts of the domain notes are not there")
def test_the_texts_of_the_domain_notes_are_kept_word_for_word() -> None:
    """Added lines and parts are allowed, changed or missing words are not. Two text messages say more."""
    texts = {entry["id"]: entry for entry in json.loads(PUBLIC_TEXTS.read_text(encoding="utf-8"))}
    for template in set(texts) & set(templates()):
        given_words = values(template) | {
            "ack_url": "https://hub.example/a",
            "photo_url": "https://hub.example/p",
        }
        filled = filled_values(template, given_words)
        for lang in ("ja", "en"):
            _, body = render(template, lang, "mail", given_words)
            wanted = texts[template][f"{lang}_body"].format_map(filled)
            for line in wanted.splitlines():
                assert normal(line) in normal(body), f"{template}, {lang}"
        _, sms = render(template, "ja", "sms", given_words)
        if template not in {"trap_sprung", "test"}:
            assert normal(texts[template]["sms"].format_map(filled)) == normal(sms), template


def filled_values(template: str, given_words: dict[str, Any]) -> dict[str, str]:
    from hub.wording.values import spell  # noqa: PLC0415

    filled = spell(given_words, "mail")
    return filled | {"species_en": filled["species_en"]}


def normal(text: str) -> str:
    """Two names for one level are in the notes; whom to ask stands in the last line of a mail."""
    for ours, theirs in (
        ("flood-corps standby level", "standby level"),
        ("flood caution level", "caution level"),
        ("問い合わせ・配信停止", "問い合わせ"),
        ("Questions, unsubscribe:", "Contact"),
    ):
        text = text.replace(ours, theirs)
    return re.sub(r"\s+", " ", text).strip()


# --- what always holds --------------------------------------------------------------------------------


@every
@pytest.mark.parametrize("lang", LANGS)
def test_no_placeholder_is_left_over_with_all_values_or_only_the_needed(template: str, lang: str) -> None:
    bare = {name: values(template).get(name) for name in required(template)}
    bare["threshold"] = values(template)["threshold"]
    for fields, kind in product((values(template), bare), KINDS):
        title, body = render(template, lang, kind, fields)
        assert not re.search(r"[{}<>]|None|nan", title + body)
        assert body
        assert bool(title) == (kind != "sms")


@every
def test_a_message_without_a_needed_value_is_refused(template: str) -> None:
    for name in required(template):
        fields = values(template, **{name: None})
        if name == "threshold_name":
            fields["threshold"] = None
        with pytest.raises(KeyError, match=name):
            render(template, "ja", "mail", fields)


@every
@pytest.mark.parametrize("lang", LANGS)
def test_what_happened_is_said_even_when_nothing_but_the_needed_is_known(template: str, lang: str) -> None:
    bare = {name: values(template).get(name) for name in required(template)}
    bare["threshold"] = values(template)["threshold"]
    first = render(template, lang, "ntfy", bare)[1].splitlines()[0]
    assert not first.startswith(("場所", "位置", "Place", "Position"))
    assert len(first) >= 10


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(KeyError):
        render("animal_detcted", "ja", "mail", VALUES)


@every
@pytest.mark.parametrize("lang", LANGS)
def test_whoever_has_no_map_still_has_the_coordinates_and_the_landmark(template: str, lang: str) -> None:
    _, body = render(template, lang, "mail", values(template))
    if template not in WITHOUT_PLACE:
        assert "36.11512,137.95432" in body
        assert VALUES["place_en" if lang == "en" else "place"] in body


@every
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("mode", [Mode.EXERCISE, Mode.TEST])
def test_what_is_not_actual_says_so_before_anything_else(template: str, lang: str, mode: Mode) -> None:
    mark = {("ja", Mode.EXERCISE): "【訓練】", ("ja", Mode.TEST): "【テスト】"}.get(
        (lang.removesuffix("-easy"), mode)
    )
    mark = mark or {Mode.EXERCISE: "[EXERCISE]", Mode.TEST: "[TEST]"}[mode]
    for kind in KINDS:
        title, body = render(template, lang, kind, values(template), mode)
        assert body.startswith(mark)
        assert not body.startswith(mark + mark)
        assert kind == "sms" or title.startswith(mark)
        assert not title.startswith(mark + mark)


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("template", [f"river_lv{n}" for n in (2, 3, 4, 5)])
def test_a_level_of_the_town_itself_is_not_called_a_warning_level(template: str, lang: str) -> None:
    digit = template[-1]
    words_of_level = f"(Level {digit} equivalent)" if lang == "en" else f"（警戒レベル{digit}相当の水位）"
    _, official = render(template, lang, "mail", values(template))
    _, own = render(template, lang, "mail", values(template), official=False)
    assert words_of_level in official
    assert own == official.replace((" " if lang == "en" else "") + words_of_level, "")


@every
def test_no_message_orders_an_evacuation_or_names_a_warning_level_without_saying_equivalent(
    template: str,
) -> None:
    for lang in LANGS:
        _, body = render(template, lang, "mail", values(template))
        for forbidden in ("避難指示", "避難勧告", "特別警報", "警報", "緊急安全確保", "高齢者等避難"):
            assert forbidden not in body
        assert len(re.findall(r"警戒レベル\d", body)) == len(re.findall(r"警戒レベル\d相当の水位", body))
        assert len(re.findall(r"Level \d", body)) == len(re.findall(r"Level \d equivalent", body))


def test_the_towns_own_names_for_levels_are_used() -> None:
    fields = values("river_lv2", threshold_name="第一警戒", threshold_name_en="alert level")
    fields |= {"next_name": "第二警戒", "next_name_en": "minor flood level"}
    assert (
        "第一警戒をこえました。\nいま1.23m（上昇中）。第二警戒まで0.30m。"
        in render("river_lv2", "ja", "mail", fields, official=False)[1]
    )
    assert "Above alert level. Now" in render("river_lv2", "en", "mail", fields, official=False)[1]
    top = values("river_lv5", threshold_name="大氾濫")
    assert "大氾濫をこえました" in render("river_lv5", "ja", "mail", top, official=False)[1]


def test_an_uncertain_animal_is_called_an_animal_and_every_guess_a_guess() -> None:
    _, unknown = render("animal_detected", "ja", "mail", values("animal_detected", species="unknown"))
    _, strange = render("animal_detected", "ja", "mail", values("animal_detected", species="godzilla"))
    _, boar = render("animal_detected", "ja", "mail", values("animal_detected"))
    assert unknown == strange
    assert "で動物を見つけました" in unknown
    assert "イノシシらしい動物" in boar


def test_who_hears_again_of_a_bear_is_told_again_to_stay_inside() -> None:
    bear = values("animal_update", species="bear")
    assert (
        "見に行かないでください。建物や車の中に入ってください。"
        in render("animal_update", "ja", "ntfy", bear)[1]
    )
    assert "確認してください" not in render("animal_update", "ja", "ntfy", bear)[1]
    assert "Get inside" in render("animal_update", "en", "ntfy", bear)[1]


def test_easy_japanese_comes_before_the_usual_text() -> None:
    _, easy = render("river_lv4", "ja-easy", "mail", values("river_lv4"))
    _, usual = render("river_lv4", "ja", "mail", values("river_lv4"))
    lead, _, rest = easy.partition("\n")
    assert lead == "川の 水が あふれそうです。川の 近くの 人は みんな 逃げて ください。"
    assert rest == usual


def test_a_name_of_a_person_does_not_go_through_line() -> None:
    assert "田中" in render("trap_reset", "ja", "mail", values("trap_reset"))[1]
    assert "田中" not in render("trap_reset", "ja", "line", values("trap_reset"))[1]


def test_a_hunters_mail_has_the_map_with_the_mountain_paths_too() -> None:
    fields = values("trap_sprung")
    assert maps.gsi_link(36.11512, 137.95432) in render("trap_sprung", "ja", "mail", fields)[1]
    assert "maps.gsi.go.jp" not in render("trap_sprung", "ja", "ntfy", fields)[1]


def test_every_mail_says_whom_to_ask_once() -> None:
    for template in templates():
        _, body = render(template, "ja", "mail", values(template))
        assert body.count(VALUES["contact"]) == 1, template


@pytest.mark.parametrize("bad", [math.nan, math.inf, "36.1", 181.0, None])
def test_a_position_that_is_none_costs_the_link_and_not_the_message(bad: object) -> None:
    _, body = render("debris_flow", "ja", "mail", values("debris_flow", lat=bad))
    assert "高い所へ逃げてください" in body
    assert "maps" not in body


def test_a_value_that_is_missing_takes_its_part_or_its_line_along() -> None:
    fields = values("river_lv3", to_next=None, trend="", info_url="")
    lines = render("river_lv3", "ja", "ntfy", fields)[1].splitlines()
    assert lines[1] == "いま1.23m。"
    assert not any("避難情報" in line for line in lines)


def test_an_address_of_a_page_that_is_no_address_is_left_out() -> None:
    for bad in ("https://town.example/" + "x" * 600, "https://town.example/a b", "https://town.example/\n悪"):
        assert "town.example" not in render("river_lv5", "ja", "mail", values("river_lv5", info_url=bad))[1]


def test_a_gateway_with_many_devices_names_some_and_counts_the_rest() -> None:
    children = [f"水位計{i}" for i in range(30)]
    _, body = render("gateway_offline", "ja", "ntfy", values("gateway_offline", children=children))
    assert "つながる30台は今、見張れていません：水位計0、水位計1" in body
    assert "ほか22" in body


# --- small parts ----------------------------------------------------------------------------------------


def millis(year: int, month: int, day: int, hour: int, minute: int) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=JST).timestamp() * 1000)


def test_a_time_of_today_has_no_date_and_another_has_one() -> None:
    now = millis(2026, 11, 21, 23, 59)
    assert format_time(millis(2026, 11, 21, 0, 5), now, JST) == "00:05"
    assert format_time(millis(2026, 11, 20, 23, 59), now, JST) == "11/20 23:59"


def test_today_is_counted_in_the_zone_of_the_town() -> None:
    """00:30 in Japan is yesterday in UTC."""
    now, then = millis(2026, 11, 21, 9, 30), millis(2026, 11, 21, 0, 30)
    assert format_time(then, now, JST) == "00:30"
    assert format_time(then, now, UTC) == "11/20 15:30"


def test_a_number_is_on_every_message_where_there_is_room_and_the_same_for_the_same_id() -> None:
    first = numbered("本文", "ja", "ntfy", "id-1")
    again = numbered("本文", "ja", "ntfy", "id-1", again=True)
    assert re.fullmatch(r"本文\nNo\. \d{6}", first)
    assert again == first + "（再送）"
    assert numbered("text", "en", "mail", "id-1", again=True).endswith(" (repeat)")
    assert numbered("短い", "ja", "sms", "id-1").startswith("短い No. ")
    assert numbered("長" * 65, "ja", "sms", "id-1") == "長" * 65


@pytest.mark.parametrize("bad", ["いま<{level}m", "いま{level}m>", "いま<m>", "<a{level}<b{level}>"])
def test_a_text_with_an_unpaired_or_empty_part_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"unpaired|placeholder"):
        parse_line(bad)


def test_every_code_of_the_config_has_words() -> None:
    assert set(words()["trap_type"]) == {"box", "snare", "corral", "unknown"}
    assert set(words()["threshold"]) == {"standby", "caution", "evac_judge", "danger", "overflow"}
    assert set(words()["trend"]) == {"rising", "falling", "steady"}
    assert {"boar", "deer", "monkey", "bear", "brown_bear", "civet", "raccoon", "serow"} <= set(
        words()["species"]
    )


def test_the_golden_files_are_of_the_languages_there_are() -> None:
    there = {path.stem.removeprefix("messages_") for path in GOLDEN.glob("messages_*.txt")}
    assert there == {*LANGS, *LIFE_SAFETY}
    assert Path(GOLDEN / "messages_ja.txt").stat().st_size > 5_000
