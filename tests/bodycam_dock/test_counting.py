"""A camera's counter against a camera that is simulated, with its wraps, lost clips and late finds."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bodycam_dock.counting import Count, Counter, Gap, Known, Number, Seen, number, vanished

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
SMALL = Counter(minimum=1, maximum=99, window=20)


def seen(ordinal: int, raw: int, part: int = 0) -> Seen:
    return Seen(f"k{ordinal}", Number(raw, part), BEGIN + timedelta(minutes=ordinal))


def raw_of(ordinal: int, counter: Counter = SMALL) -> int:
    return counter.minimum + (ordinal - counter.minimum) % counter.period


def dock_all(cards: list[list[Seen]], counter: Counter = SMALL):
    """Each card docked after the one before; places by key, gaps, filled places, and where the count stands."""
    count: Count | None = None
    known: dict[Number, Known] = {}
    places: dict[str, int] = {}
    gaps: list[Gap] = []
    filled: list[int] = []
    for files in cards:
        done = number(count, known, [one for one in files if one.key not in places], counter, cause="unknown")
        count = done.stands
        places |= done.seqs
        gaps += done.gaps
        filled += done.filled
        by_key = {one.key: one for one in files}
        for key, seq in done.seqs.items():
            known[by_key[key].number] = Known(seq, by_key[key].at)
    return places, gaps, filled, count


def test_a_wrapped_counter_is_no_gap() -> None:
    counter = Counter(minimum=1, maximum=9999, window=1000)
    files = [seen(n, raw) for n, raw in enumerate([9998, 9999, 1, 2])]
    places, gaps, _, _ = dock_all([files[:2], files[2:]], counter)
    assert [9998, 9999, 10000, 10001] == list(places.values())
    assert [] == gaps


def test_one_card_that_holds_both_sides_of_the_wrap_begins_before_it() -> None:
    counter = Counter(minimum=1, maximum=9999, window=1000)
    places, gaps, _, _ = dock_all([[seen(n, raw) for n, raw in enumerate([9998, 9999, 1, 2])]], counter)
    assert {"k0": 9998, "k1": 9999, "k2": 10000, "k3": 10001} == places
    assert [] == gaps


def test_a_fallen_counter_is_formatted_and_names_at_least_one_place() -> None:
    places, gaps, _, count = dock_all([[seen(1, 57)], [seen(2, 1), seen(3, 2)]])
    assert [Gap(58, 58, "formatted")] == gaps
    assert [57, 59, 60] == list(places.values())
    assert count is not None
    assert 60 == count.seq


def test_the_same_number_after_a_format_is_another_clip() -> None:
    places, gaps, _, _ = dock_all([[seen(1, 1)], [seen(2, 1)]])
    assert {"k1": 1, "k2": 3} == places
    assert [Gap(2, 2, "formatted")] == gaps


def test_numbers_lost_before_the_first_file_after_a_format_can_turn_up_later() -> None:
    places, gaps, filled, _ = dock_all([[seen(1, 50)], [seen(4, 3)], [seen(3, 2)]])
    assert [Gap(51, 53, "formatted")] == gaps
    assert {"k1": 50, "k4": 54, "k3": 53} == places
    assert [53] == filled


def test_the_same_clip_seen_again_keeps_its_place() -> None:
    count = Count(seq=7, raw=7, part=0, at=BEGIN + timedelta(minutes=7))
    known = {Number(5): Known(5, BEGIN + timedelta(minutes=5))}
    done = number(count, known, [seen(5, 5)], SMALL, cause="unknown")
    assert {"k5": 5} == done.seqs
    assert ((), (), count) == (done.gaps, done.filled, done.stands)


def test_parts_of_one_number_follow_each_other() -> None:
    files = [seen(1, 7), seen(2, 7, 1), seen(3, 7, 2), seen(4, 8)]
    places, gaps, _, _ = dock_all([files])
    assert [7, 8, 9, 10] == list(places.values())
    assert [] == gaps
    _, gaps, _, _ = dock_all([[files[0], files[2]]])
    assert [Gap(8, 8, "unknown")] == gaps


def test_two_files_of_one_number_both_get_a_place() -> None:
    places, _, _, _ = dock_all([[seen(1, 1), seen(2, 2), seen(3, 3), seen(4, 1), seen(5, 2)]])
    assert 5 == len(set(places.values()))


@settings(max_examples=300, deadline=None)
@given(
    begin=st.integers(1, 99),
    steps=st.lists(st.integers(1, 19), min_size=1, max_size=40),
    dockings=st.integers(1, 6),
    data=st.data(),
)
def test_every_place_is_a_clip_or_in_exactly_one_gap(begin: int, steps: list[int], dockings: int, data) -> None:
    """However a card's clips are spread over dockings, with lost ones between: nothing is skipped, nothing twice."""
    ordinals = [begin]
    for step in steps:
        ordinals.append(ordinals[-1] + step)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ordinals)), min_size=dockings - 1, max_size=dockings - 1)))
    cards = [
        [seen(n, raw_of(n)) for n in ordinals[i:j]] for i, j in zip([0, *cuts], [*cuts, len(ordinals)], strict=True)
    ]
    shuffled = [data.draw(st.permutations(card)) for card in cards]
    places, gaps, filled, count = dock_all(shuffled)
    missing = {seq for gap in gaps for seq in range(gap.first, gap.last + 1)}
    assert sum(gap.last - gap.first + 1 for gap in gaps) == len(missing), "two gaps overlap"
    assert missing.isdisjoint(places.values())
    assert [] == filled
    assert len(ordinals) == len(set(places.values()))
    assert count is not None
    assert set(range(min(places.values()), count.seq + 1)) == missing | set(places.values())


@settings(max_examples=200, deadline=None)
@given(lost=st.sets(st.integers(2, 18), min_size=1, max_size=17), data=st.data())
def test_what_turns_up_later_fills_its_own_gap(lost: set[int], data) -> None:
    present = [seen(n, raw_of(n)) for n in range(1, 20) if n not in lost]
    late = data.draw(st.permutations([seen(n, raw_of(n)) for n in lost]))
    cut = data.draw(st.integers(0, len(late)))
    places, gaps, filled, count = dock_all([present, late[:cut], late[cut:]])
    assert {f"k{n}": n for n in range(1, 20)} == places
    assert sorted(lost) == sorted(filled)
    assert count is not None
    assert () == count.holes
    assert lost == {seq for gap in gaps for seq in range(gap.first, gap.last + 1)}


@settings(max_examples=300, deadline=None)
@given(
    cards=st.lists(
        st.lists(
            st.tuples(st.integers(0, 120), st.integers(0, 2), st.integers(-(10**6), 10**6)), max_size=8, unique=True
        ),
        max_size=6,
    )
)
def test_no_card_whatever_is_on_it_loses_a_file_or_gives_a_new_clip_an_old_place(cards) -> None:
    """Clocks at random, numbers out of range: each file gets a place, and two new files never share one."""
    counter = Counter(minimum=0, maximum=120, window=30)
    files = [
        [Seen(f"{i}.{j}", Number(raw, part), BEGIN + timedelta(minutes=at)) for j, (raw, part, at) in enumerate(card)]
        for i, card in enumerate(cards)
    ]
    count: Count | None = None
    taken: set[int] = set()
    for card in files:
        done = number(count, {}, card, counter, cause="unknown")
        assert {one.key for one in card} == set(done.seqs)
        assert len(card) == len(set(done.seqs.values()))
        assert taken.isdisjoint(done.seqs.values())
        taken |= set(done.seqs.values())
        count = done.stands
        for gap in done.gaps:
            assert gap.first <= gap.last


def test_neighbouring_places_make_one_stretch() -> None:
    assert [(1, 3), (7, 7)] == list(vanished([7, 2, 1, 3]))
    assert [] == list(vanished([]))
