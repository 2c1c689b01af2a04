"""What somebody fills in who enrols: taken as people write it, and all that is wrong said at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.people.enrolment import Address, read_form
from tests.roll import EMI

# --- the form --------------------------------------------------------------------------------------------

ALL = ("mail", "ntfy", "sms", "line")
TOPIC = "naruko-abcdefgh22345677"
GOOD = {"id": EMI, "name": "山田 太郎", "lang": "ja", "yes": "1", "mail": "taro@example.jp"}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"mail": "ｔａｒｏ＠ｄｏｃｏｍｏ．ｎｅ．ｊｐ"}, Address("mail", "taro@docomo.ne.jp")),
        ({"mail": "a..b.@docomo.ne.jp"}, Address("mail", "a..b.@docomo.ne.jp")),
        ({"mail": " Taro@Example.JP "}, Address("mail", "Taro@example.jp")),
        ({"mail": "", "sms": "０９０−１２３４−５６７８"}, Address("sms", "09012345678")),
        ({"mail": "", "sms": "+81 90 1234 5678"}, Address("sms", "+819012345678")),
        ({"mail": "", "ntfy": "1", "topic": TOPIC}, Address("ntfy", TOPIC)),
        ({"mail": "", "line": "U" + "0a" * 16}, Address("line", "U" + "0a" * 16)),
    ],
)  # fmt: skip
def test_an_address_is_taken_as_people_write_it(given, found):
    filled = read_form(GOOD | given, ALL)
    assert (filled.faults, filled.addresses) == ({}, (found,))


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"name": ""}, {"name": "missing"}),
        ({"name": "あ" * 21}, {"name": "long"}),
        ({"name": 'x"y'}, {"name": "wrong"}),
        ({"name": "<b>"}, {"name": "wrong"}),
        ({"mail": "taro"}, {"mail": "wrong"}),
        ({"mail": "taro@example.jp,jiro@example.jp"}, {"mail": "wrong"}),
        ({"mail": "taro@example.jp?to=x@y.jp"}, {"mail": "wrong"}),
        ({"mail": "", "sms": "0263-00-0000"}, {"sms": "wrong"}),
        ({"mail": "", "ntfy": "1", "topic": "somebody-elses"}, {"ntfy": "wrong"}),
        ({"mail": ""}, {"channel": "missing"}),
        ({"yes": ""}, {"yes": "missing"}),
        ({"id": "mizuta"}, {"id": "wrong"}),
        ({"name": "", "mail": "x", "yes": ""}, {"name": "missing", "mail": "wrong", "yes": "missing"}),
    ],
)
def test_all_that_is_wrong_is_said_at_once(given, faults):
    assert read_form(GOOD | given, ALL).faults == faults


def test_a_channel_that_the_town_has_not_cannot_be_filled_in():
    assert read_form(GOOD | {"sms": "09012345678", "mail": ""}, ("mail",)).faults == {"channel": "missing"}


@given(st.dictionaries(st.sampled_from([*GOOD, *ALL, "topic"]), st.text(max_size=60)))
def test_whatever_is_sent_what_is_taken_is_plain(form):
    filled = read_form(GOOD | form, ALL)
    if not filled.faults:
        for text in (filled.name, *(a.address for a in filled.addresses)):
            assert not set(text) & set('"\\<>{}&\n;')
            assert text.isprintable()
