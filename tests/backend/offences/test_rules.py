"""What the catalogue says about an offence."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.offences.plates import read
from backend.offences.rules import Catalogue, Facts, check, is_possible, offence_day, over
from backend.offences.wire import CatalogueEntry, FindingKind, Slot

K = FindingKind
TYPED = datetime(2026, 3, 14, 21, 10, tzinfo=UTC)
SLOT = Slot(table="713002", line=1, lower=0.0, upper=0.5, is_obstructing=False, addition="Parken")


def entry(tbnr: str = "113140", since: str = "2021-11-09", until: str | None = None, cents: int | None = 20_00, **more):
    return CatalogueEntry(
        tbnr=tbnr,
        valid_from=date.fromisoformat(since),
        valid_until=date.fromisoformat(until) if until else None,
        amount_cents=cents,
        **({"text": "Kein gültiger Parkschein", "provision": None, "class_": 5, "slots": []} | more),
    )


CATALOGUE = Catalogue(
    [
        entry(since="2014-05-01", until="2021-11-08", cents=10_00),
        entry(since="2021-11-09", cents=20_00),
        entry("112402", since="2014-05-01", until="2021-11-08", cents=20_00),
        entry("329610", since="2014-05-01", cents=60_00),
        entry("141999", since="2014-05-01", cents=12_50),
        entry("900001", since="2014-05-01", cents=None, text=None),
    ]
)


def kinds(tbnr: str = "113140", at: datetime = TYPED, cents: int | None = 20_00, **more) -> tuple[FindingKind, ...]:
    facts = Facts(
        tbnr=tbnr,
        occurred_at=at,
        amount_cents=cents,
        **({"ended_at": None, "recorded_at": max(at, TYPED), "plate": None, "offset_ms": None} | more),
    )
    return tuple(finding.kind for finding in check(facts, CATALOGUE))


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2021-11-08T22:59:59+00:00", "2021-11-08"),
        ("2021-11-08T23:00:00+00:00", "2021-11-09"),
        ("2021-07-27T22:00:00+00:00", "2021-07-28"),
        ("2021-11-09T05:00:00+09:00", "2021-11-08"),
    ],
)
def test_the_day_of_an_offence_is_counted_in_berlin(at: str, day: str) -> None:
    assert date.fromisoformat(day) == offence_day(datetime.fromisoformat(at))


@pytest.mark.parametrize(
    ("at", "cents"),
    [
        ("2014-04-30T22:00:00+00:00", 10_00),  # the first day, inclusive
        ("2021-11-08T22:59:59+00:00", 10_00),  # the last second of the last day
        ("2021-11-08T23:00:00+00:00", 20_00),
    ],
)
def test_the_edition_of_the_offence_day_decides_the_amount(at: str, cents: int) -> None:
    found = CATALOGUE.in_force("113140", offence_day(datetime.fromisoformat(at)))
    assert found is not None
    assert cents == found.amount_cents


def test_what_the_catalogue_says_is_no_finding() -> None:
    assert () == kinds()


def test_a_number_that_no_edition_knows_is_unknown() -> None:
    assert (K.UNKNOWN_TBNR,) == kinds("113199")
    assert (K.UNKNOWN_TBNR,) == kinds("Parken")


def test_a_known_number_out_of_force_has_no_edition() -> None:
    assert (K.NO_EDITION,) == kinds("112402")


def test_a_day_before_every_edition_has_no_edition_even_for_unknown_numbers() -> None:
    day = datetime(2010, 1, 1, tzinfo=UTC)
    assert (K.NO_EDITION,) == kinds(at=day)
    assert (K.NO_EDITION,) == kinds("113199", at=day)


def test_without_any_catalogue_every_offence_has_no_edition() -> None:
    facts = Facts("113140", TYPED, None, TYPED, 20_00, None, None)
    assert [K.NO_EDITION] == [finding.kind for finding in check(facts, Catalogue(()))]


def test_no_amount_is_missing_whatever_the_number_is() -> None:
    assert (K.AMOUNT_MISSING,) == kinds(cents=None)
    assert (K.UNKNOWN_TBNR, K.AMOUNT_MISSING) == kinds("113199", cents=None)


def test_another_amount_than_the_catalogue_differs() -> None:
    assert (K.AMOUNT_DIFFERS,) == kinds(cents=25_00)
    assert () == kinds("900001", cents=25_00)  # the source names no amount to differ from


def test_an_amount_off_the_step_is_impossible_even_where_the_catalogue_agrees() -> None:
    assert (K.AMOUNT_IMPOSSIBLE,) == kinds("141999", cents=12_50)


def test_facts_name_both_amounts_and_the_day_and_never_free_text() -> None:
    facts = Facts("113140", TYPED, None, TYPED, 25_00, None, None)
    assert [{"tbnr": "113140", "day": "2026-03-14", "amount_cents": 25_00, "catalogue_cents": 20_00}] == [
        finding.facts for finding in check(facts, CATALOGUE)
    ]
    typed_in_the_wrong_field = facts._replace(tbnr="MO-AB 123")
    assert {"day": "2026-03-14"} == check(typed_in_the_wrong_field, CATALOGUE)[0].facts


def test_a_plate_of_no_german_form_is_found_without_naming_it() -> None:
    facts = Facts("113140", TYPED, None, TYPED, 20_00, read("Roller ohne"), None)
    (finding,) = check(facts, CATALOGUE)
    assert K.IMPLAUSIBLE_PLATE is finding.kind
    assert {"day": "2026-03-14", "tbnr": "113140", "plate_kind": "unknown"} == finding.facts


def test_times_that_cannot_be_are_found() -> None:
    assert (K.IMPLAUSIBLE_TIME,) == kinds(ended_at=TYPED - timedelta(seconds=1))
    assert (K.IMPLAUSIBLE_TIME,) == kinds(at=TYPED, recorded_at=TYPED - timedelta(seconds=121))
    assert () == kinds(at=TYPED, recorded_at=TYPED - timedelta(seconds=120), ended_at=TYPED)


@pytest.mark.parametrize("offset_ms", [None, 0, 120_000, -120_000])
def test_a_clock_within_two_minutes_is_no_finding(offset_ms: int | None) -> None:
    assert () == kinds(offset_ms=offset_ms)


@pytest.mark.parametrize("offset_ms", [120_001, -120_001])
def test_a_clock_off_by_more_than_two_minutes_is_found(offset_ms: int) -> None:
    assert (K.CLOCK_OFF,) == kinds(offset_ms=offset_ms)


@given(st.integers(0, 100_000_00))
def test_traffic_warnings_are_5_to_55_euros_in_steps_of_5(cents: int) -> None:
    expected = cents in {500 * step for step in range(1, 12)} or cents > 55_00
    assert expected is is_possible("113140", cents)


@given(st.integers(0, 100_000_00), st.sampled_from(["900001", "712345", "Parken", "１１３１４０"]))
def test_outside_traffic_only_the_lowest_amount_is_fixed(cents: int, tbnr: str) -> None:
    assert (cents >= 5_00) is is_possible(tbnr, cents)


DAYS = st.dates(date(2000, 1, 1), date(2030, 1, 1))
ENTRIES = st.builds(
    lambda number, since, length, cents: entry(
        number, since.isoformat(), (since + timedelta(days=length)).isoformat() if length is not None else None, cents
    ),
    st.sampled_from(["113140", "112402", "900001"]),
    DAYS,
    st.none() | st.integers(0, 3000),
    st.none() | st.integers(0, 100_00),
)


@given(st.lists(ENTRIES, max_size=8), DAYS)
def test_what_is_in_force_is_what_began_last_unless_it_has_ended(entries: list[CatalogueEntry], day: date) -> None:
    catalogue = Catalogue(entries)
    for number in ("113140", "112402", "900001"):
        standing = {e.valid_from: e for e in entries if e.tbnr == number}
        begun = max((e.valid_from for e in standing.values() if e.valid_from <= day), default=None)
        has_ended = begun is not None and (standing[begun].valid_until or day) < day
        found = catalogue.in_force(number, day)
        assert (None if has_ended else begun) == (found.valid_from if found else None)
        assert bool(standing) is catalogue.knows(number)
    assert catalogue.covers(day) is bool(catalogue.on(day))
    assert sorted(e.tbnr for e in catalogue.on(day)) == [e.tbnr for e in catalogue.on(day)]


def test_a_later_import_stands_for_an_earlier_with_its_number_and_first_day() -> None:
    catalogue = Catalogue([entry(cents=20_00), entry(cents=30_00, text="berichtigt")])
    found = catalogue.in_force("113140", date(2022, 1, 1))
    assert entry(cents=30_00, text="berichtigt") == found


def test_tables_without_amounts_add_their_slots_and_take_nothing_away() -> None:
    bare = entry(cents=None, text=None, slots=[SLOT], until="2022-12-31")
    assert entry(slots=[SLOT]) == over(entry(), bare)
    assert entry(slots=[SLOT]) == over(bare, entry())


def test_numbers_are_listed_by_their_first_digits() -> None:
    assert ["112402", "113140"] == [e.tbnr for e in CATALOGUE.on(date(2015, 1, 1), "11")]
