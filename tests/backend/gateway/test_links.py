"""A line that is silent is late, then lost; one that never spoke is unknown and never green."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.gateway.lines import Line
from backend.gateway.links import Change, Links, State, state_of

NOW = datetime(2026, 11, 22, 5, 53, 13, tzinfo=UTC)


def expecting(*lines: Line) -> Links:
    links = Links()
    links.expect(lines, 0.0)
    return links


def line(interval_s: int = 60, sender: str = "1234") -> Line:
    return Line(protocol="dc09", sender=sender, interval_s=interval_s)


@pytest.mark.parametrize(
    ("state", "silent_s", "after"),
    [
        ("unknown", 89, "unknown"), ("unknown", 90, "unknown"), ("unknown", 179, "unknown"), ("unknown", 180, "lost"),
        ("online", 89, "online"), ("online", 90, "late"), ("online", 179, "late"), ("online", 180, "lost"),
        ("late", 179, "late"), ("late", 180, "lost"), ("lost", 10_000, "lost"),
    ],
)  # fmt: skip
def test_states_by_silence(state: State, silent_s: float, after: State) -> None:
    assert after == state_of(state, silent_s, 60)


def test_a_line_from_its_first_frame_to_its_loss_and_back() -> None:
    links = expecting(line())
    assert [] == links.tick(10)
    assert Change("1234", "online", NOW) == links.heard("1234", 20, NOW, is_poll=True)
    assert links.heard("1234", 30, NOW, is_poll=True) is None
    assert [] == links.tick(119)
    assert [Change("1234", "late", NOW)] == links.tick(120)
    assert [] == links.tick(150)
    assert [Change("1234", "lost", NOW)] == links.tick(210)
    assert Change("1234", "online", NOW) == links.heard("1234", 211, NOW, is_poll=False)


def test_a_line_that_never_speaks_is_lost_without_having_been_seen() -> None:
    links = expecting(line())
    assert [Change("1234", "lost", None)] == links.tick(180)


def test_a_line_without_an_interval_is_not_supervised() -> None:
    links = expecting(line(0))
    assert [] == links.tick(10**9)


def test_a_stranger_has_no_line() -> None:
    assert expecting(line()).heard("9999", 1, NOW, is_poll=True) is None


def test_new_lines_keep_what_was_heard_of_old_ones() -> None:
    links = expecting(line())
    links.heard("1234", 1, NOW, is_poll=True)
    links.expect([line(), line(sender="5678")], 50)
    assert [Change("1234", "late", NOW)] == links.tick(91)
    links.expect([line(sender="5678")], 92)
    assert [Change("5678", "lost", None)] == links.tick(230)


def test_counts_begin_anew_with_each_summary() -> None:
    links = expecting(line())
    for is_poll in (True, True, False):
        links.heard("1234", 1, NOW, is_poll=is_poll)
    assert [("1234", "online", 2, 1)] == links.counted()
    assert [("1234", "online", 0, 0)] == links.counted()


@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 100)), max_size=60))
def test_no_line_is_online_that_was_silent_for_too_long(steps: list[tuple[bool, float]]) -> None:
    links, now_s, heard_s = expecting(line(20)), 0.0, None
    state: State = "unknown"
    for is_heard, seconds in steps:
        now_s += seconds
        if is_heard:
            change = links.heard("1234", now_s, NOW, is_poll=True)
            heard_s = now_s
            changes = [change] if change else []
        else:
            changes = links.tick(now_s)
        state = changes[-1].state if changes else state
        silent_s = now_s - (heard_s or 0.0)
        if state == "online":
            assert heard_s is not None
            assert silent_s < 30
        if heard_s is not None and silent_s >= 60:
            assert "lost" == state
