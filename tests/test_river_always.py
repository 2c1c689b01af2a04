"""What holds of every river, whatever its course."""

from hypothesis import given
from hypothesis import strategies as st

from hub.config.shapes import LEVELS
from tests.riverside import AYAGAWA, NOW, STEP, UNVERIFIED, UP, VERIFIED, bank

COURSE = st.lists(st.one_of(st.none(), st.integers(0, 120).map(lambda n: n / 20)), min_size=1, max_size=60)


@given(course=COURSE)
def test_the_level_in_force_is_never_below_what_two_readings_in_a_row_agree_on(course):
    """Quality never silences a rising river."""
    there = bank()
    before: float | None = None
    for i, level_m in enumerate(course):
        there.level(NOW + i * STEP, level_m)
        if level_m is None or before is None:
            before = level_m
            continue
        agreed = [key for key, at_m in AYAGAWA.items() if min(level_m, before) >= at_m]
        rank = LEVELS.index(there.river.above) if there.river.above else -1
        assert rank >= (LEVELS.index(agreed[-1]) if agreed else -1)
        before = level_m


@given(course=COURSE)
def test_up_and_down_alternate_so_that_each_level_is_told_once_until_it_was_left(course):
    there = bank()
    there.levels(NOW, STEP, course)
    rank = -1
    for event in there.events:
        if event.kind in {UNVERIFIED, VERIFIED} or not event.confirmed:
            continue
        new = LEVELS.index(event.level) if event.level else -1
        assert (new > rank) == (event.kind is UP)
        assert new != rank
        rank = new
    assert rank == (LEVELS.index(there.river.above) if there.river.above else -1)


@given(course=COURSE)
def test_every_doubt_that_is_told_is_told_once_until_it_is_over(course):
    there = bank()
    there.levels(NOW, STEP, course)
    doubts = [event.kind for event in there.events if event.kind in {UNVERIFIED, VERIFIED}]
    assert doubts == [UNVERIFIED, VERIFIED] * (len(doubts) // 2) + [UNVERIFIED] * (len(doubts) % 2)


@given(course=COURSE)
def test_no_event_has_the_id_of_another(course):
    there = bank()
    there.levels(NOW, STEP, course)
    assert len({event.id for event in there.events}) == len(there.events)


@given(course=COURSE, again=st.integers(1, 3))
def test_redelivery_changes_nothing(course, again):
    once, often = bank(), bank()
    for i, level_m in enumerate(course):
        once.level(NOW + i * STEP, level_m)
        for _ in range(1 + again):
            often.level(NOW + i * STEP, level_m)
    assert often.events == once.events
    assert often.river == once.river
