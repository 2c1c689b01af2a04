"""When a service that failed is tried again, and how fast it is given what has waited."""

from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config.shapes import Channel
from hub.notify import breaker
from hub.notify.breaker import CATCH_UP_PER_S, PAUSES_S, SERVICE_OPENS_AFTER, URGENT_PAUSE_S, Breaker
from hub.notify.service import service_of

SHORTEST, LONGEST = 1 - breaker.JITTER, 1 + breaker.JITTER


def opened(now: float = 0.0, name: str = "mail") -> Breaker:
    state = Breaker(name)
    for who in range(SERVICE_OPENS_AFTER):
        state = breaker.failed(state, who, now, SERVICE_OPENS_AFTER)
    assert state.is_open
    return state


def probed(state: Breaker, now: float, who: object = "probe") -> Breaker:
    return breaker.begun(state, who, now, urgent=False)


# --- closed ---------------------------------------------------------------------------------------


def test_one_address_that_fails_for_ever_does_not_open_a_service() -> None:
    state = Breaker("mail")
    for second in range(1_000):
        state = breaker.failed(state, "dead", second, SERVICE_OPENS_AFTER)
    assert not state.is_open
    assert breaker.wait(state, 1_000.0, urgent=False) == 0


def test_three_addresses_in_a_row_open_it() -> None:
    assert breaker.wait(opened(), 0.0, urgent=False) > 0


def test_a_sign_of_life_between_begins_the_count_anew() -> None:
    state = breaker.failed(Breaker("mail"), "a", 0.0, SERVICE_OPENS_AFTER)
    state = breaker.failed(state, "b", 0.0, SERVICE_OPENS_AFTER)
    state = breaker.answered(state, 1.0)
    state = breaker.failed(state, "c", 2.0, SERVICE_OPENS_AFTER)
    assert not state.is_open


# --- open -----------------------------------------------------------------------------------------


def test_probes_come_at_growing_pauses_and_one_at_a_time() -> None:
    state, now, pauses = opened(), 0.0, []
    for _ in range(8):
        pause = breaker.wait(state, now, urgent=False)
        pauses.append(pause)
        now += pause
        assert breaker.wait(state, now, urgent=False) == 0
        state = probed(state, now)
        assert breaker.wait(state, now + 3_600, urgent=True) == inf
        state = breaker.failed(state, "probe", now, SERVICE_OPENS_AFTER)
    last = [PAUSES_S[-1]] * (len(pauses) - len(PAUSES_S))
    for pause, usual in zip(pauses, [*PAUSES_S, *last], strict=True):
        assert usual * SHORTEST <= pause <= usual * LONGEST


def test_for_what_is_urgent_it_is_tried_sooner_and_not_without_pause() -> None:
    state = opened()
    for probe in range(20):
        state = probed(state, 0.0)
        state = breaker.failed(state, "probe", 0.0, SERVICE_OPENS_AFTER)
        if probe > 2:
            assert breaker.wait(state, 0.0, urgent=True) == URGENT_PAUSE_S
            assert breaker.wait(state, 0.0, urgent=False) > URGENT_PAUSE_S


def test_what_was_under_way_when_it_opened_changes_nothing_by_failing() -> None:
    state = probed(opened(), 5.0)
    assert breaker.failed(state, "straggler", 6.0, SERVICE_OPENS_AFTER) == state


def test_what_was_under_way_when_it_opened_closes_it_by_arriving() -> None:
    assert not breaker.answered(probed(opened(), 5.0), 6.0).is_open


def test_a_probe_that_tells_nothing_leaves_its_place_to_another() -> None:
    state = breaker.told_nothing(probed(opened(), 30.0), "probe")
    assert breaker.wait(state, 30.0, urgent=False) == 0


def test_two_services_are_not_probed_in_one_moment() -> None:
    assert len({breaker.pause(opened(name=f"mail {n}"), urgent=False) for n in range(20)}) > 15


def test_where_something_else_is_back_the_pauses_begin_anew() -> None:
    state = opened()
    for _ in range(5):
        state = breaker.failed(probed(state, 0.0), "probe", 0.0, SERVICE_OPENS_AFTER)
    assert breaker.wait(state, 0.0, urgent=False) > PAUSES_S[2]
    assert breaker.wait(breaker.encouraged(state), 0.0, urgent=False) <= PAUSES_S[0] * LONGEST
    assert breaker.encouraged(Breaker("well")) == Breaker("well")


# --- back -----------------------------------------------------------------------------------------


def test_what_has_waited_follows_at_a_bounded_rate_and_the_urgent_at_once() -> None:
    state = breaker.answered(opened(), 100.0)
    now, gone = 100.0, 0
    while now < 110.0:
        assert breaker.wait(state, now, urgent=True) == 0
        state = breaker.begun(state, gone, now, urgent=True)
        if (pause := breaker.wait(state, now, urgent=False)) == 0:
            state = breaker.begun(state, gone, now, urgent=False)
            gone += 1
        else:
            now += pause
    assert gone == pytest.approx(10 * CATCH_UP_PER_S, abs=2)


def test_when_nothing_waits_any_more_there_is_no_bound() -> None:
    state = breaker.answered(opened(), 100.0)
    state = breaker.begun(state, "a", 100.0, urgent=False)
    assert breaker.wait(state, 100.0, urgent=False) > 0
    assert breaker.wait(breaker.caught_up(state), 100.0, urgent=False) == 0


MOVES = st.sampled_from(["fails", "answers", "tells nothing", "time", "caught up"])


@given(st.lists(st.tuples(MOVES, st.integers(0, 5)), max_size=80))
def test_whatever_happens_it_is_tried_again_within_its_longest_pause(moves: list[tuple[str, int]]) -> None:
    """Never two probes at once, and never a service that is given up."""
    state, now, under_way = Breaker("any"), 0.0, set[int]()
    for move, who in moves:
        pause = breaker.wait(state, now, urgent=False)
        assert breaker.wait(state, now, urgent=True) <= pause
        if pause == 0:
            state = breaker.begun(state, who, now, urgent=False)
            under_way.add(who)
        if state.is_open and pause != inf:
            assert pause <= PAUSES_S[-1] * LONGEST
        if pause == inf:
            assert state.probing in under_way
        match move:
            case "fails":
                state = breaker.failed(state, who, now, SERVICE_OPENS_AFTER)
                under_way.discard(who)
            case "answers":
                state = breaker.answered(state, now)
                under_way.discard(who)
                assert not state.is_open
            case "tells nothing":
                state = breaker.told_nothing(state, who)
                under_way.discard(who)
            case "caught up":
                state = breaker.caught_up(state)
            case _:
                now += 7.0
    if state.probing is not None:
        state = breaker.failed(state, state.probing, now, SERVICE_OPENS_AFTER)
    assert breaker.wait(state, now + 1_000, urgent=False) == 0


# --- which service --------------------------------------------------------------------------------


def by(url: str, kind: str = "mail") -> Channel:
    return Channel(kind=kind, url=url)


def test_two_people_at_one_mail_server_share_a_service_and_two_servers_do_not() -> None:
    tanaka = service_of(by("mailtos://hub:secret@town.example?to=tanaka@a.example"))
    suzuki = service_of(by("mailtos://hub:secret@town.example?to=suzuki@b.example"))
    assert tanaka == suzuki
    assert service_of(by("mailtos://hub:secret@other.example?to=tanaka@a.example")) != tanaka
    assert service_of(by("mailtos://hub:secret@town.example?to=t@a.example&smtp=relay.example")) != tanaka
    assert service_of(by("mailtos://hub:secret@town.example:2525?to=t@a.example")) != tanaka


def test_everybody_on_line_shares_it_whatever_the_token() -> None:
    assert service_of(by("line://token-a/U1", "line")) == service_of(by("line://token-b/U2", "line"))


def test_a_host_that_may_be_a_token_is_a_service_of_its_own() -> None:
    first, second = (service_of(by(f"discord://{id}/token", "other")) for id in ("123", "456"))
    assert first != second


@pytest.mark.parametrize(
    "channel",
    [
        by("mailtos://tanaka:s3cr3t@mail.example?to=tanaka@a.example"),
        by("ntfys://s3cr3t@mail.example/tanaka", "ntfy"),
        by("line://s3cr3t/tanaka", "line"),
        by("discord://s3cr3t/tanaka", "other"),
        by("json://[bad/s3cr3t/tanaka", "other"),
        Channel(kind="mail", url_file=Path("/etc/tanaka/s3cr3t")),
    ],
)
def test_the_name_of_a_service_may_stand_in_a_log(channel: Channel) -> None:
    name = service_of(channel).name
    assert not any(secret in name for secret in ("tanaka", "s3cr3t", "example", "@"))
    assert name.startswith(channel.kind)
