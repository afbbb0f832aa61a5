from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.admission import Arrived, Decision, Known, decide
from sync.exchange import Stop


def chain(branch: str, length: int, forked_at: int = 0) -> list[bytes]:
    """hash[0 … length]; equal to branch `a` below `forked_at`, another one from there on."""
    return [sha256(f"{branch if n >= forked_at and n else 'a'}{n}".encode()).digest() for n in range(length + 1)]


def known(last_seq: int, *, first: int = 1, **changes: object) -> Known:
    """A server that holds `last_seq` entries and looked up only what a batch from `first` can overlap."""
    hashes = chain("a", last_seq)
    overlap = {seq: hashes[seq] for seq in range(max(0, min(first - 1, last_seq)), last_seq + 1)}
    fields: dict[str, object] = {"incarnation": 2, "last_seq": last_seq, "hashes": overlap}
    return Known(**(fields | changes))  # type: ignore[arg-type]


def arrived(first: int, number: int, *, branch: str = "a", forked_at: int = 0, incarnation: int = 2) -> Arrived:
    hashes = chain(branch, first - 1 + number, forked_at)
    entries = tuple((seq, hashes[seq]) for seq in range(first, first + number))
    return Arrived(incarnation=incarnation, prev=hashes[first - 1], entries=entries)


@given(st.integers(0, 30), st.integers(1, 35), st.integers(1, 12))
def test_an_honest_batch_is_split_where_the_server_stands(last_seq: int, first: int, number: int) -> None:
    decision = decide(known(last_seq, first=first), arrived(first, number))
    if first > last_seq + 1:
        assert Stop(code="gap", expected=last_seq + 1) == decision.stop
        return
    end = first + number
    assert (
        Decision(stop=None, duplicates=range(first, min(end, last_seq + 1)), new=min(number, last_seq + 1 - first))
        == decision
    )
    every = [*decision.duplicates, *(first + index for index in range(decision.new, number))]
    assert list(range(first, end)) == every


@given(st.integers(1, 30), st.integers(1, 31), st.integers(1, 12), st.integers(1, 40))
def test_another_branch_is_a_fork_named_by_the_first_difference(
    last_seq: int, first: int, number: int, forked_at: int
) -> None:
    first = min(first, last_seq + 1)
    decision = decide(known(last_seq, first=first), arrived(first, number, branch="b", forked_at=forked_at))
    seen = min(last_seq, first + number - 1)
    if forked_at > seen:
        assert decision.stop is None
    else:
        assert Stop(code="fork", seq=max(forked_at, first - 1)) == decision.stop
        assert (range(0), 0) == (decision.duplicates, decision.new)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 8)), max_size=30))
def test_any_order_and_repetition_of_honest_batches_admits_each_entry_once(batches: list[tuple[int, int]]) -> None:
    last_seq, admitted = 0, []
    for first, number in [*batches, (1, 100)]:
        batch = arrived(first, number)
        decision = decide(known(last_seq, first=first), batch)
        if decision.stop is None:
            new = [seq for seq, _ in batch.entries[decision.new :]]
            admitted += new
            last_seq += len(new)
    assert list(range(1, 101)) == admitted


def test_the_first_entry_follows_the_genesis() -> None:
    assert 0 == decide(known(0), arrived(1, 3)).new
    wrong = Arrived(incarnation=2, prev=b"x" * 32, entries=arrived(1, 1).entries)
    assert Stop(code="fork", seq=0) == decide(known(0), wrong).stop


def test_a_request_without_entries_is_never_a_gap() -> None:
    assert Decision(stop=None, duplicates=range(8, 8), new=0) == decide(known(7), Arrived(incarnation=2))


@pytest.mark.parametrize("incarnation", [1, 3])
@pytest.mark.parametrize("number", [0, 2])
def test_any_but_the_newest_incarnation_is_a_fork(incarnation: int, number: int) -> None:
    stop = decide(known(7), arrived(8, number, incarnation=incarnation)).stop
    assert Stop(code="fork", seq=8) == stop


@pytest.mark.parametrize("batch", [Arrived(incarnation=2), arrived(8, 2), arrived(99, 1), arrived(3, 1, branch="b")])
def test_revoked_goes_before_everything_else(batch: Arrived) -> None:
    since = "2026-03-14T21:07:33.125Z"
    source = known(7, is_revoked=True, revoked_since=since, revoked_reason="lost")
    assert Stop(code="revoked", since=since, reason="lost") == decide(source, batch).stop
