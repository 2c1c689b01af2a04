"""Links in messages: what this hub has made it reads again, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.links import OF_NOTIFICATIONS, LinkError, Links, Purpose

BASE = "https://naruko.example"
links = Links(b"s" * 32, BASE)
ids = st.binary(min_size=8, max_size=8).map(bytes.hex)
names = st.text(min_size=1, max_size=40)
minutes = st.integers(min_value=0, max_value=2**39 - 1)
named = st.sampled_from(sorted(OF_NOTIFICATIONS))
of_people = st.sampled_from(sorted(set(Purpose) - OF_NOTIFICATIONS))


def parts(url: str) -> tuple[str, str]:
    purpose, token = url.removeprefix(f"{BASE}/").split("/")
    return purpose, token


@given(named, ids)
def test_a_link_of_a_notification_names_it_again(purpose: Purpose, id: str) -> None:
    subject = links.read(*parts(links.of_notification(purpose, id)))
    assert (subject.purpose, subject.id, subject.until) == (purpose, id, None)


@given(of_people, names, minutes)
def test_a_link_of_a_person_names_him_and_its_end_to_the_minute(
    purpose: Purpose, name: str, minute: int
) -> None:
    subject = links.read(*parts(links.of(purpose, name, minute * 60_000 + 59_999)))
    assert (subject.purpose, subject.id, subject.until) == (purpose, name, minute * 60_000)


@given(ids)
def test_a_link_in_a_text_message_is_short(id: str) -> None:
    assert len(parts(links.of_notification(Purpose.ALERT, id))[1]) == 27


@given(ids, st.data())
def test_a_link_that_was_changed_in_one_sign_is_not_read(id: str, data: st.DataObject) -> None:
    purpose, token = parts(links.of_notification(Purpose.ALERT, id))
    at = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from("ABCxyz019-_=+/ あ\x00").filter(lambda c: c != token[at]))
    with pytest.raises(LinkError):
        links.read(purpose, token[:at] + sign + token[at + 1 :])


@given(ids)
def test_a_link_is_good_for_one_purpose(id: str) -> None:
    _, token = parts(links.of_notification(Purpose.ALERT, id))
    for other in set(Purpose) - {Purpose.ALERT}:
        with pytest.raises(LinkError):
            links.read(other, token)


@given(ids)
def test_another_hub_reads_none_of_our_links(id: str) -> None:
    with pytest.raises(LinkError):
        Links(b"t" * 32, BASE).read(*parts(links.of_notification(Purpose.ALERT, id)))


@given(st.text(max_size=3), st.text(max_size=80))
def test_nonsense_is_refused(purpose: str, token: str) -> None:
    with pytest.raises(LinkError):
        links.read(purpose, token)


def test_a_slash_at_the_end_of_the_address_is_not_doubled() -> None:
    assert Links(b"s", f"{BASE}/").of_notification(Purpose.HEARD, "00" * 8).startswith(f"{BASE}/h/")
