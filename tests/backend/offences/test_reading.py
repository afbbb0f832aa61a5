"""Reading catalogues from files."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.offences.import_csv import entries_of as from_csv
from backend.offences.import_json import entries_of as from_json
from backend.offences.import_kba import entries_of as from_kba
from backend.offences.parsed import BadCatalogue
from backend.offences.reading import read, sample
from backend.offences.rules import Catalogue, is_possible
from backend.offences.wire import CatalogueEntry, Slot

HEADER = "tbnr;amount_cents;text;provision;valid_from;valid_until\r\n"
GOOD = HEADER + "113140;2000;Kein Parkschein;§ 13 StVO;2021-11-09;\r\n"
ENTRY = CatalogueEntry(
    tbnr="113140",
    valid_from=date(2021, 11, 9),
    valid_until=None,
    amount_cents=20_00,
    text="Kein Parkschein",
    provision="§ 13 StVO",
    class_=None,
    slots=[],
)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\r\n", "\n"),
        GOOD.replace(";", ","),
        GOOD.replace("amount_cents", "amount").replace("2000", "20,00"),
        GOOD.replace("amount_cents", "amount").replace("2000", "20.0"),
        GOOD.replace("2021-11-09", "09.11.2021"),
        GOOD + "\r\n;;;;;\r\n",
        'valid_from;tbnr;provision;text;amount_cents\n2021-11-09; 113140 ;"§ 13 StVO";"Kein Parkschein";2000',
    ],
)
def test_a_csv_is_read_however_a_spreadsheet_saved_it(text: str) -> None:
    assert [ENTRY] == from_csv("k.csv", text.encode())


@pytest.mark.parametrize(
    ("text", "place", "column"),
    [
        (GOOD + "113140;2000;;;2021-11-09;\r\n", "Zeile 3", ""),
        (GOOD + "11314;2000;;;2021-11-09;\r\n", "Zeile 3", "tbnr"),
        (GOOD + "１１３１４１;2000;;;2021-11-09;\r\n", "Zeile 3", "tbnr"),
        (GOOD + "113141;20,00;;;2021-11-09;\r\n", "Zeile 3", "amount_cents"),
        (GOOD + "113141;10000001;;;2021-11-09;\r\n", "Zeile 3", "amount_cents"),
        (GOOD + "113141;2000;;;2021-02-30;\r\n", "Zeile 3", "valid_from"),
        (GOOD + "113141;2000;;;;\r\n", "Zeile 3", "valid_from"),
        (GOOD + "113141;2000;;;1021-02-03;\r\n", "Zeile 3", "valid_from"),
        (GOOD + "113141;2000;;;2021-11-09;2021-11-08\r\n", "Zeile 3", "valid_until"),
        (GOOD + "113141;2000;;2021-11-09;\r\n", "Zeile 3", ""),
        (GOOD + "113141;2000;a\x00b;;2021-11-09;\r\n", "Zeile 3", "text"),
        (GOOD + '113141;2000;"offen;;2021-11-09;\r\n', "Zeile 3", ""),
        (GOOD.replace("tbnr", "nummer"), "Zeile 1", ""),
        (GOOD.replace("amount_cents", "text"), "Zeile 1", ""),
        ("tbnr;valid_from\n113140;2021-11-09\n", "Zeile 1", ""),
        ("", "Zeile 1", ""),
        (GOOD.replace("amount_cents", "amount").replace("2000", "1.000"), "Zeile 2", "amount"),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_column(text: str, place: str, column: str) -> None:
    with pytest.raises(BadCatalogue) as caught:
        from_csv("k.csv", text.encode())
    assert ("k.csv", place, column) == (caught.value.file, caught.value.place, caught.value.column)
    assert str(caught.value).startswith(f"k.csv, {place}")


def test_a_line_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(BadCatalogue) as caught:
        from_csv("k.csv", GOOD.encode() + "Straße".encode("cp1252"))
    assert "Zeile 3" == caught.value.place


CHARGE = {
    "tbnr": "113140",
    "description": "Kein Parkschein",
    "fine": "20.0",
    "bkat": "§ 13 StVO",
    "valid_from": "2021-11-09T00:00:00.000+01:00",
    "valid_to": None,
    "classification": None,
    "anything": {"else": 1},
}


def charges(**changes: object) -> bytes:
    return json.dumps([CHARGE, CHARGE | {"tbnr": "113141"} | changes], indent=1).encode()


def test_a_json_catalogue_is_read_with_berlin_days() -> None:
    first, second = from_json("k.json", charges(valid_from="2021-11-08T23:00:00Z", fine="112.5", classification=5))
    assert ENTRY == first
    assert (date(2021, 11, 9), 112_50, 5) == (second.valid_from, second.amount_cents, second.class_)


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"tbnr": "x"}, "tbnr"),
        ({"tbnr": 113141}, "tbnr"),
        ({"fine": "1.234"}, "fine"),
        ({"fine": 20}, "fine"),
        ({"valid_from": "gestern"}, "valid_from"),
        ({"valid_from": "0001-01-01T00:00:00+14:00"}, "valid_from"),
        ({"valid_to": "2021-11-08T00:00:00+01:00"}, "valid_to"),
        ({"description": "a\x00"}, "description"),
        ({"classification": -1}, "classification"),
    ],
)
def test_a_bad_entry_is_named_with_its_member(changes: dict[str, object], column: str) -> None:
    with pytest.raises(BadCatalogue) as caught:
        from_json("k.json", charges(**changes))
    assert ("k.json", "Eintrag 2", column) == (caught.value.file, caught.value.place, caught.value.column)


@pytest.mark.parametrize("data", [b"[\n{]", b"[" * 100_000, b"{}", b"[1]", b'[{"tbnr": "\xff"}]'])
def test_what_is_no_json_catalogue_is_refused(data: bytes) -> None:
    with pytest.raises(BadCatalogue):
        from_json("k.json", data)


LINES = (
    b"Schluessel,Zeile,Von,Bis,Behinderung,hatTatbestandBE,hatZusatz,gehoertZu\n"
    b"'1','3','0','1','N','112402','2014-05-01-00.00.00.0000','2','712031'\n"
    b"'2','1','0','0,05','N','112050','2014-05-01-00.00.00.0000','1','712031'\n"
    b"'3','3','0','1','J','112454','2021-11-09-00.00.00.0000','2','712031'\n"
)
ADDITIONS = b"Schluessel,Zusatzinformation\n'1','Halten'\n'2','Parken'\n"
OFFENCES = (
    "TBNR,Tatbestandstext,Geldbusse\n"
    "'112402','Gehweg, Parken','20.00','§ 12','','','0','2014-05-01-00.00.00.0000','2021-11-08-11.59.99.9999','',"
    "'x','5','712031','12','','0','0','0.00'\n"
).encode()


def test_tables_alone_give_validity_and_slots() -> None:
    parking = Slot(table="712031", line=3, lower=0.0, upper=1.0, is_obstructing=False, addition="Parken")
    found = from_kba({"Tatbestandstabelleneintrag.csv": LINES, "ZusatzinformationTatbestandstabelle.csv": ADDITIONS})
    assert [
        ("112050", date(2014, 5, 1), None),
        ("112402", date(2014, 5, 1), date(2021, 11, 8)),  # the next edition of line 3 names another number
        ("112454", date(2021, 11, 9), None),
    ] == [(e.tbnr, e.valid_from, e.valid_until) for e in found]
    assert [parking] == found[1].slots
    assert {(None, None)} == {(e.amount_cents, e.text) for e in found}


def test_offences_of_the_kba_bring_amount_text_and_their_own_end() -> None:
    (found,) = from_kba({"Tatbestandstabelleneintrag.csv": LINES, "TatbestandBE.csv": OFFENCES})
    assert ("Gehweg, Parken", 20_00, "§ 12", date(2021, 11, 8), 5) == (
        found.text,
        found.amount_cents,
        found.provision,
        found.valid_until,
        found.class_,
    )
    assert ["2"] == [slot.addition for slot in found.slots]  # without its table the key is all there is


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        (b",'N','112050'", b",'V','112050'", "Behinderung"),
        (b"'0,05'", b"'viel'", "Bis"),
        (b"'112050'", b"'11205'", "hatTatbestandBE"),
        (b"'112050','2014-05", b"'112050','2014-15", "Datum"),
        (b"'1','712031'", b"'712031'", ""),
    ],
)
def test_a_bad_line_of_a_table_is_named(old: bytes, new: bytes, column: str) -> None:
    with pytest.raises(BadCatalogue) as caught:
        from_kba({"Tatbestandstabelleneintrag.csv": LINES.replace(old, new)})
    assert ("Tatbestandstabelleneintrag.csv", "Zeile 3", column) == (
        caught.value.file,
        caught.value.place,
        caught.value.column,
    )


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    readers: list[Callable[[bytes], list[CatalogueEntry]]] = [
        lambda given: from_csv("x", given),
        lambda given: from_csv("x", HEADER.encode() + given),
        lambda given: from_json("x", given),
        lambda given: from_kba({"Tatbestandstabelleneintrag.csv": b"header\n" + given}),
    ]
    for reader in readers:
        with suppress(BadCatalogue):
            assert isinstance(reader(data), list)


def test_what_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leer.csv").write_text(HEADER, encoding="utf-8")
    for path in (tmp_path / "fehlt.csv", tmp_path / "leer.csv", tmp_path):
        with pytest.raises(BadCatalogue) as caught:
            read(path)
        assert path.name == caught.value.file


def test_our_sample_is_small_sound_and_in_force_today() -> None:
    found = sample()
    assert 20 <= len(found.entries) <= 40
    for entry in found.entries:
        assert entry.amount_cents is not None
        assert entry.text
        assert is_possible(entry.tbnr, entry.amount_cents)
    assert len(found.entries) == len(Catalogue(found.entries).on(date(2026, 1, 1)))


def test_our_sample_has_the_real_amounts_and_our_own_words(shared_data: Path) -> None:
    real = {entry.tbnr: entry for entry in read(shared_data / "bkat" / "charges-2021-11.json").entries}
    for entry in sample().entries:
        theirs = real[entry.tbnr]
        assert (theirs.amount_cents, theirs.valid_from) == (entry.amount_cents, entry.valid_from)
        assert theirs.text != entry.text


def test_the_catalogue_of_november_2021_is_read_whole(shared_data: Path) -> None:
    found = read(shared_data / "bkat" / "charges-2021-11.json")
    assert ("json", 2653, 415) == (found.format, len(found.entries), sum(e.class_ == 5 for e in found.entries))
    assert {date(2021, 7, 28): 1790, date(2021, 11, 9): 863} == {
        day: sum(e.valid_from == day for e in found.entries) for day in {e.valid_from for e in found.entries}
    }
    (off_step,) = {is_possible(e.tbnr, e.amount_cents or 0) for e in found.entries}
    assert off_step is True


def test_the_tables_of_the_kba_are_read_whole(shared_data: Path) -> None:
    found = read(shared_data / "bkat")
    assert ("kba", 8624, 8660) == (found.format, len(found.entries), sum(len(e.slots) for e in found.entries))
    tables = Catalogue(found.entries)
    # formats/bkat.md 5: 112402 of 2015 became 112454.
    assert [True, False] == [tables.in_force("112402", date(y, 12, 1)) is not None for y in (2015, 2021)]
    assert [False, True] == [tables.in_force("112454", date(y, 12, 1)) is not None for y in (2015, 2021)]
    spans = [
        (slot.lower, slot.upper)
        for tbnr in ("113140", "113141", "113142", "113143", "113144")
        for slot in getattr(tables.in_force(tbnr, date(2015, 6, 1)), "slots", [])
    ]
    assert [(0.0, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 999.0)] == spans
