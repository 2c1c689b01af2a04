"""The words of the messages: urgency, easy sentences, kinds that leave room, one way to unsubscribe."""

import re

import pytest

from hub.wording import render, with_way_out
from tests.test_wording import VALUES, every, values


def test_the_words_of_urgency_are_one_ladder() -> None:
    ladder = {
        "river_lv2": ("注意", "CAUTION"),
        "river_lv3": ("警戒", "ALERT"),
        "river_lv4": ("危険", "DANGER"),
        "river_lv5": ("命の危険", "LIFE-THREATENING"),
        "debris_flow": ("逃げて", "MOVE NOW"),
    }
    for template, said in ladder.items():
        for lang, word in zip(("ja", "en"), said, strict=True):
            title, _ = render(template, lang, "ntfy", values(template))
            _, sms = render(template, lang, "sms", values(template))
            kind = re.match(r"[【\[]([^】\]]+)[】\]]", title)
            assert kind
            assert kind[1].endswith(word)
            assert sms.startswith(kind[0])


@every
def test_every_message_has_an_easy_sentence_of_short_words(template: str) -> None:
    """分かち書き: phrases apart, one short sentence after the other, each with its verb at the end."""
    lead = render(template, "ja-easy", "ntfy", values(template))[1].splitlines()[0]
    assert lead != render(template, "ja", "ntfy", values(template))[1].splitlines()[0]
    for sentence in re.findall(r"[^。]+。", lead):
        assert len(sentence) <= 40
        assert " " in sentence.strip()
        assert sentence.endswith(("す。", "ん。", "た。", "い。"))


@every
def test_the_kind_in_a_title_leaves_room_for_the_place(template: str) -> None:
    title, _ = render(template, "ja", "ntfy", values(template))
    kind = re.match(r"【[^】]*】", title)
    assert kind
    assert len(kind[0]) <= 10
    assert len(title) <= 25


@pytest.mark.parametrize("lang", ["ja", "ja-easy", "en"])
def test_a_mail_says_once_how_to_get_no_more_of_them(lang: str) -> None:
    stop = "unsubscribe" if lang == "en" else "配信停止"
    for template in ("trap_sprung", "river_lv4"):
        _, body = render(template, lang, "mail", values(template))
        assert body.splitlines()[-1].endswith(VALUES["contact"])
        assert body.count(stop) == 1
        lines = with_way_out(body, lang, "https://hub.example/m/x").splitlines()
        assert [stop in line for line in lines[-3:]] == [False, False, True]
        assert lines[-2].endswith(VALUES["contact"])
        assert lines[-1].endswith(" https://hub.example/m/x")
        assert with_way_out(body, lang, "") == body
