"""K1: what is a repetition and what is a new signal; in doubt a new one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from backend.gateway import dc09
from backend.gateway.reading import Mark, bodies
from backend.gateway.repeats import KEYS_KEPT, REMEMBERED, Repeats, Seen
from sync.bodies import SignalReceived
from tests.backend.gateway.test_dc09 import LINES, NOW, framed, sealed

SENDER = "1234"


def mark(content: str = "a", sequence: str | None = "0007", stamp: str | None = "t1", **changes: Any) -> Mark:
    return Mark(content=content, sequence=sequence, stamp=stamp, **changes)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def knowing(*marks: Mark) -> Repeats:
    """A memory of a panel that sent these, a second apart, up to now."""
    repeats = Repeats()
    for index, one in enumerate(marks):
        repeats.note(SENDER, one, later(index - len(marks) + 1))
    return repeats


def test_the_same_frame_again_is_a_repetition() -> None:
    assert knowing(mark()).find(SENDER, mark(), later(30)) is not None


def test_it_is_forgotten_after_ten_minutes() -> None:
    assert knowing(mark()).find(SENDER, mark(), later(599)) is not None
    assert knowing(mark()).find(SENDER, mark(), later(600)) is None


def test_another_panels_frame_is_none() -> None:
    assert knowing(mark()).find("9999", mark(), NOW) is None


def test_other_content_is_none() -> None:
    assert knowing(mark()).find(SENDER, mark("b"), NOW) is None


def test_another_sequence_is_none() -> None:
    assert knowing(mark()).find(SENDER, mark(sequence="0008"), NOW) is None


def test_a_panel_that_counts_may_repeat_with_a_new_time() -> None:
    counting = knowing(mark("x", "0006"), mark())
    assert counting.find(SENDER, mark(stamp="t2"), later(5)) is not None


def test_a_panel_that_was_heard_once_may_not() -> None:
    assert knowing(mark()).find(SENDER, mark(stamp="t2"), later(5)) is None


def test_a_panel_with_a_constant_sequence_is_told_by_its_time() -> None:
    constant = knowing(mark("x", "0006"), mark("y"), mark("a"))
    assert constant.find(SENDER, mark("b", stamp="t9"), NOW) is None
    assert knowing(mark(), mark("b")).find(SENDER, mark(stamp="t2"), NOW) is None
    assert knowing(mark(), mark("b")).find(SENDER, mark(), NOW) is not None


def test_sequence_zero_is_told_by_its_time() -> None:
    known = knowing(mark("x", "0006"), mark(sequence="0000"))
    assert known.find(SENDER, mark(sequence="0000", stamp="t2"), NOW) is None
    assert known.find(SENDER, mark(sequence="0000"), NOW) is not None


def test_without_any_time_a_repetition_comes_within_a_minute() -> None:
    known = knowing(mark(stamp=None))
    assert known.find(SENDER, mark(stamp=None), later(59)) is not None
    assert known.find(SENDER, mark(stamp=None), later(60)) is None


def test_only_the_last_eight_are_compared() -> None:
    others = [mark(f"x{number}", f"{number:04d}") for number in range(100, 100 + REMEMBERED)]
    assert knowing(mark(), *others[:-1]).find(SENDER, mark(), NOW) is not None
    assert knowing(mark(), *others).find(SENDER, mark(), NOW) is None


def test_after_a_nak_the_same_alarm_with_the_right_time_is_a_repetition() -> None:
    assert knowing(mark(was_refused=True)).find(SENDER, mark(stamp="t2"), NOW) is not None


def test_after_a_nak_a_restore_with_the_right_time_is_recorded() -> None:
    known = knowing(mark(was_refused=True, is_calming=True))
    assert known.find(SENDER, mark(stamp="t2", is_calming=True), NOW) is None
    assert known.find(SENDER, mark(stamp="t2", is_calming=True, was_refused=True), NOW) is not None


def test_what_could_not_be_recorded_is_no_repetition() -> None:
    repeats = Repeats()
    repeats.forget(SENDER, repeats.note(SENDER, mark(), NOW))
    assert repeats.find(SENDER, mark(), NOW) is None


def test_what_cannot_be_read_is_told_by_its_bytes_for_a_minute() -> None:
    found = dc09.unreadable(b"garbage", "unparsed")
    assert found.mark is not None
    repeats = Repeats()
    repeats.note(None, found.mark, NOW)
    assert repeats.find(None, found.mark, later(59)) is not None
    assert repeats.find(None, found.mark, later(60)) is None


def test_keys_of_http_are_kept_for_an_hour_and_swept() -> None:
    repeats = Repeats()
    repeats.note_key("desk", "k", Seen(mark(), NOW))
    assert repeats.key("desk", "k", later(3599)) is not None
    assert repeats.key("other", "k", NOW) is None
    assert repeats.key("desk", "k", NOW + KEYS_KEPT) is None
    repeats.note("1", mark(), NOW)
    repeats.sweep(NOW + KEYS_KEPT)
    assert repeats.find("1", mark(), NOW) is None
    assert repeats.key("desk", "k", NOW) is None


FRAMES = [
    framed("#1234|Nri1/HA0017"),
    framed("#1234|Nri1/HA0017", at=None),
    framed("#1234|1120 01 017", token="ADM-CID", xdata="[H05:48:25,11-22-2026]"),
    framed("#1234|Nri1/PA1/BA2"),
    framed("#1234|Nri1/HR0017", seq="0000"),
    sealed("#AAA1|Nri1/HA0017"),
    sealed("#AAA1|Nri1/HA0017", at=NOW - timedelta(hours=1)),
    framed("#9|Nri1/HA1", account="9999"),
    framed("", token="NULL", account="9999"),
    b"no frame",
]


@given(st.lists(st.sampled_from(FRAMES), min_size=1, max_size=20), st.sampled_from(FRAMES), st.integers(0, 700))
def test_a_restart_changes_no_decision(sent: list[bytes], asked: bytes, seconds: int) -> None:
    """What the journal's bodies tell is what the living process remembers."""
    living, restarted = Repeats(), Repeats()
    for index, raw in enumerate(sent):
        now = later(index)
        reading = dc09.read(raw, LINES, now)
        assert reading.mark is not None
        if living.find(reading.sender, reading.mark, now) is None:
            living.note(reading.sender, reading.mark, now)
            for body in bodies(reading, now):
                restarted.restore(msgspec.json.decode(body, type=SignalReceived))
    reading = dc09.read(asked, LINES, later(seconds))
    assert reading.mark is not None
    found = [one.find(reading.sender, reading.mark, later(seconds)) for one in (living, restarted)]
    assert (found[0] is None) == (found[1] is None)


def test_the_key_of_a_signal_names_its_occurrence() -> None:
    reading = dc09.read(FRAMES[3], LINES, NOW)
    keys = [
        msgspec.json.decode(body, type=SignalReceived).dedup
        for now in (NOW, NOW + timedelta(days=7))
        for body in bodies(reading, now)
    ]
    assert 4 == len(set(keys))
    assert datetime(2026, 11, 22, tzinfo=UTC) < NOW
