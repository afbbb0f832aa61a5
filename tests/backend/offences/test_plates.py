"""Reading number plates."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.offences import prefixes
from backend.offences.plates import Plate, PlateKind, is_plausible, read

KNOWN = frozenset({"MO", "M", "MOA", "MÜ", "HH", "H", "NRW", "THW", "BYL"})

EXAMPLES = [
    ("MO-AB 123", PlateKind.ORDINARY, "MO-AB 123"),
    ("mo ab 123", PlateKind.ORDINARY, "MO-AB 123"),
    ("MO–AB–123", PlateKind.ORDINARY, "MO-AB 123"),
    ("MO·AB123", PlateKind.ORDINARY, "MO-AB 123"),
    ("MÜ-X 1", PlateKind.ORDINARY, "MÜ-X 1"),
    ("mu\u0308-x 1", PlateKind.ORDINARY, "MÜ-X 1"),
    ("MO-AB 12E", PlateKind.ORDINARY, "MO-AB 12E"),
    ("MO-AB 12 H", PlateKind.ORDINARY, "MO-AB 12H"),
    ("M-AB 123 04-10", PlateKind.SEASONAL, "M-AB 123"),
    ("M-AB 123 04/10", PlateKind.SEASONAL, "M-AB 123"),
    ("MKK-A 1234", PlateKind.ORDINARY, "MKK-A 1234"),
    ("M-061234", PlateKind.DEALER, "M-061234"),
    ("M 06 1234", PlateKind.DEALER, "M-061234"),
    ("M-07123", PlateKind.COLLECTOR, "M-07123"),
    ("M-04123 31 12 24", PlateKind.SHORT_TERM, "M-04123"),
    ("M-03 12", PlateKind.SHORT_TERM, "M-0312"),
    ("M-0512", PlateKind.TEST, "M-0512"),
    ("M-123 A", PlateKind.EXPORT, "M-123 A"),
    ("NRW 4-1234", PlateKind.OFFICIAL, "NRW-41234"),
    ("NRW-41234", PlateKind.OFFICIAL, "NRW-41234"),
    ("NRW41234", PlateKind.OFFICIAL, "NRW-41234"),
    ("BYL-1234", PlateKind.OFFICIAL, "BYL-1234"),
    ("MO-1234", PlateKind.OFFICIAL, "MO-1234"),
    ("THW-80123", PlateKind.OFFICIAL, "THW-80123"),
    ("BP 12-345", PlateKind.OFFICIAL, "BP-12345"),
    ("Y-123 456", PlateKind.MILITARY, "Y-123456"),
    ("Y 123456", PlateKind.MILITARY, "Y-123456"),
    ("X-1234", PlateKind.MILITARY, "X-1234"),
    ("0 123-45", PlateKind.DIPLOMATIC, "0 123-45"),
    ("0-17-1", PlateKind.DIPLOMATIC, "0 17-1"),
    ("MOAB123", PlateKind.AMBIGUOUS, "MOAB123"),
    ("MOA12", PlateKind.AMBIGUOUS, "MOA12"),
    ("MKKAB12", PlateKind.ORDINARY, "MKK-AB 12"),
    ("MÜAB12", PlateKind.AMBIGUOUS, "MÜAB12"),
    ("AÖA12E", PlateKind.ORDINARY, "AÖ-A 12E"),
    ("MKK-AB 1234", PlateKind.UNKNOWN, "MKK-AB-1234"),
    ("MO-AB 0123", PlateKind.UNKNOWN, "MO-AB-0123"),
    ("MO-ABC 123", PlateKind.UNKNOWN, "MO-ABC-123"),
    ("MO-ÄB 123", PlateKind.UNKNOWN, "MO-ÄB-123"),
    ("0 12345", PlateKind.UNKNOWN, "0-12345"),
    ("ohne", PlateKind.UNKNOWN, "OHNE"),
    ("", PlateKind.UNKNOWN, ""),
]


@pytest.mark.parametrize(("typed", "kind", "normal"), EXAMPLES)
def test_the_forms_of_german_plates_are_recognised(typed: str, kind: PlateKind, normal: str) -> None:
    plate = read(typed)
    assert (kind, "D", normal) == (plate.kind, plate.country, plate.normal)


def test_parts_of_a_plate_are_named() -> None:
    assert Plate(PlateKind.ORDINARY, "D", "MO-AB 123E", "MO", "AB", "123", "E") == read("mo-ab123e")


@pytest.mark.parametrize(
    ("typed", "normal"), [("MOAB123", "MO-AB 123"), ("HHA1", "HHA1"), ("MO1234", "MO1234"), ("BYL1", "BYL-1")]
)
def test_known_prefixes_settle_where_a_plate_without_hyphen_is_cut(typed: str, normal: str) -> None:
    assert normal == read(typed, known=KNOWN - {"MOA"}).normal


def test_a_foreign_plate_is_kept_under_its_country_and_never_doubted() -> None:
    plate = read("12-abc-3", "nl")
    assert (PlateKind.FOREIGN, "NL", "12ABC3") == (plate.kind, plate.country, plate.normal)
    assert is_plausible(plate, KNOWN)


def test_a_prefix_is_doubted_only_where_a_list_is_given() -> None:
    assert is_plausible(read("QQ-A 1"))
    assert not is_plausible(read("QQ-A 1", known=KNOWN), KNOWN)
    assert not is_plausible(read("XYZQ 1", known=KNOWN), KNOWN)
    assert is_plausible(read("Y-123456", known=KNOWN), KNOWN)
    assert not is_plausible(read("irgendwas"))


MIXED = st.one_of(
    st.text(max_size=40),
    st.from_regex(
        r"[A-Za-zÄÖÜäöüß]{0,4}[ -]?[A-Za-z]{0,3}[ -]?[0-9]{0,6}[EHeh]?( ?[01][0-9]-[01][0-9])?", fullmatch=True
    ),
)


@given(MIXED, st.sampled_from([None, "", "D", "de", "NL", "pl"]), st.sampled_from([frozenset(), KNOWN]))
@example("ŉ", None, frozenset())
@example("ǰ", "NL", frozenset())
def test_every_text_is_read_and_its_normal_form_stands_for_itself(
    typed: str, country: str | None, known: frozenset[str]
) -> None:
    plate = read(typed, country, known)
    again = read(plate.normal, plate.country, known)
    assert (plate.country, plate.normal) == (again.country, again.normal)


@given(
    st.from_regex(r"[A-ZÄÖÜ]{1,3}", fullmatch=True),
    st.from_regex(r"[A-Z]{1,2}", fullmatch=True),
    st.integers(1, 999),
    st.sampled_from(["", "E", "H"]),
    st.sampled_from(["-", " ", " - ", "–"]),
    st.sampled_from(["", " ", "-"]),
)
def test_however_a_plate_is_typed_it_is_the_same_plate(
    district: str, letters: str, number: int, suffix: str, first: str, second: str
) -> None:
    plate = read(f"{district}{first}{letters}{second}{number}{suffix}".lower())
    if len(f"{district}{letters}{number}{suffix}") > 8:
        assert PlateKind.UNKNOWN is plate.kind
        return
    assert f"{district}-{letters} {number}{suffix}" == plate.normal
    assert (district, letters, str(number), suffix) == (plate.district, plate.letters, plate.digits, plate.suffix)


def test_two_plates_that_differ_only_in_the_place_of_the_hyphen_stay_two() -> None:
    assert read("H-HA 1").normal != read("HH-A 1").normal


def test_the_list_of_a_setting_is_a_json_object_by_prefix(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"MO": "Moers"}), encoding="utf-8")
    try:
        prefixes.use(path)
        assert frozenset({"MO", "THW"}) == prefixes.known()
        path.write_text("[]", encoding="utf-8")
        with pytest.raises(msgspec.MsgspecError):
            prefixes.use(path)
    finally:
        prefixes.use(None)
    assert frozenset() == prefixes.known()


def test_the_real_list_knows_the_plates_of_moers(shared_data: Path) -> None:
    try:
        prefixes.use(shared_data / "plates.json")
        known = prefixes.known()
        assert [True, True, True, False] == [
            is_plausible(read(typed, known=known), known) for typed in ("MO-AB 1", "NRW 4-1", "THW-80123", "QQ-A 1")
        ]
    finally:
        prefixes.use(None)
