"""What a camera's clock is worth, and what continues what."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodycam_dock.clocks import NEVER_SET_BEFORE, Reading, Span, continues, measured, start_of, to_utc
from sync.bodies import CameraClock

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 14, 21, 0, tzinfo=UTC)
wall = datetime.fromisoformat
moments = st.datetimes(wall("1900-01-01"), wall("2100-01-01"))


def clock(difference_s: float = 0) -> CameraClock:
    found = measured([Reading(NOW + timedelta(seconds=difference_s), NOW)])
    assert found is not None
    return found


def start(claimed: datetime | None, **changes):
    given = {"docked_at": NOW, "predecessor_end": None, "last_seen": None} | changes
    return start_of(claimed, given.pop("clock", clock()), **given)


def test_three_readings_give_median_and_spread() -> None:
    readings = [Reading(NOW + timedelta(milliseconds=ms), NOW) for ms in (1000, 4000, 1100)]
    assert CameraClock(difference_ms=1100, spread_ms=3000, state="good") == measured(readings)
    assert measured([]) is None


@pytest.mark.parametrize(("seconds", "state"), [(120, "good"), (-120, "good"), (121, "off"), (-3600, "off")])
def test_a_clock_is_off_above_two_minutes(seconds: int, state: str) -> None:
    assert state == clock(seconds).state


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=5))
def test_the_difference_lies_between_the_readings(differences: list[int]) -> None:
    found = measured([Reading(NOW + timedelta(milliseconds=ms), NOW) for ms in differences])
    assert found is not None
    assert min(differences) <= found.difference_ms <= max(differences)
    assert max(differences) - min(differences) == found.spread_ms


@given(st.integers(-(10**7), 10**7), st.integers(60, 10**6))
def test_a_wrong_clock_that_runs_gives_the_true_start(difference_s: int, ago_s: int) -> None:
    true = NOW - timedelta(seconds=ago_s)
    assert true == start(true + timedelta(seconds=difference_s), clock=clock(difference_s)).at


@pytest.mark.parametrize("year", [1904, 1970, 1980, 2000])
def test_a_clock_that_was_never_set_is_unusable(year: int) -> None:
    seen = NOW - timedelta(days=3)
    found = start(datetime(year, 1, 1, 0, 7, tzinfo=UTC), last_seen=seen)
    assert found.clock is not None
    assert ("unusable", seen) == (found.clock.state, found.at)


def test_a_start_in_the_future_or_before_the_predecessors_end_is_unusable() -> None:
    seen = NOW - timedelta(days=3)
    for claimed, end in ((NOW + timedelta(hours=1), None), (NOW - timedelta(hours=2), NOW - timedelta(hours=1))):
        found = start(claimed, predecessor_end=end, last_seen=seen)
        assert found.clock is not None
        assert ("unusable", seen) == (found.clock.state, found.at)


def test_a_camera_never_seen_before_has_no_earlier_bound_than_that_cameras_exist() -> None:
    assert NEVER_SET_BEFORE == start(None).at


@given(moments, moments, st.one_of(st.none(), moments), st.integers(-(10**10), 10**10))
def test_no_clip_starts_after_it_was_docked(claimed, seen, end, difference_ms: int) -> None:
    given_clock = CameraClock(difference_ms=difference_ms, spread_ms=0, state="good")
    found = start(
        claimed.replace(tzinfo=UTC),
        clock=given_clock,
        last_seen=seen.replace(tzinfo=UTC),
        predecessor_end=end and end.replace(tzinfo=UTC),
    )
    assert found.at <= NOW


def test_wall_clocks_mean_what_their_kind_says() -> None:
    summer, winter = wall("2026-07-01T12:00"), wall("2026-01-01T12:00")
    assert [12, 10, 11] == [to_utc(summer, kind, BERLIN).hour for kind in ("utc", "local", "local_no_dst")]
    assert [12, 11, 11] == [to_utc(winter, kind, BERLIN).hour for kind in ("utc", "local", "local_no_dst")]


def test_of_the_hour_that_comes_twice_the_earlier_one_counts() -> None:
    assert datetime(2026, 10, 25, 0, 30, tzinfo=UTC) == to_utc(wall("2026-10-25T02:30"), "local", BERLIN)
    assert datetime(2026, 10, 25, 1, 30, tzinfo=UTC) == to_utc(wall("2026-10-25T02:30"), "local_no_dst", BERLIN)


@given(moments)
def test_without_daylight_saving_an_hour_is_always_an_hour(at: datetime) -> None:
    first, second = (to_utc(one, "local_no_dst", ZoneInfo("Etc/GMT-1")) for one in (at, at + timedelta(hours=1)))
    assert timedelta(hours=1) == second - first


def test_only_the_next_number_without_a_pause_continues() -> None:
    before, tolerance = Span(7, NOW - timedelta(minutes=5), NOW), timedelta(seconds=1.5)
    assert continues(before, Span(8, NOW + timedelta(seconds=1), NOW + timedelta(minutes=5)), tolerance)
    assert continues(before, Span(8, NOW - timedelta(seconds=1), NOW), tolerance)
    assert not continues(before, Span(9, NOW, NOW), tolerance)
    assert not continues(before, Span(8, NOW + timedelta(seconds=2), NOW), tolerance)
    assert not continues(None, Span(8, NOW, NOW), tolerance)
