"""The plain catalogue: one line an offence, read by the names in its header; what a spreadsheet can save.

    tbnr;amount_cents;text;provision;valid_from;valid_until

`amount` in euros may stand for `amount_cents`, `class` may be added, and all but `tbnr`, `valid_from` and one of the
amounts may be missing. UTF-8 with or without BOM, `;` or `,` between values, double quotes.
"""

import csv
import io
from typing import Final

from backend.offences.parsed import BadCatalogue, Gathered, Place
from backend.offences.wire import CatalogueEntry

_NEEDED: Final = ("tbnr", "valid_from")
_AMOUNTS: Final = ("amount_cents", "amount")
_COLUMNS: Final = frozenset({*_NEEDED, *_AMOUNTS, "text", "provision", "valid_until", "class"})


def entries_of(file: str, data: bytes) -> list[CatalogueEntry]:
    """The entries of one file, by number and first day.

    Raises:
        BadCatalogue: names file, line and column of the first fault.
    """
    text = decoded(file, data)
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    gathered = Gathered()
    try:
        header = [name.strip() for name in next(reader, [])]
        _check(file, header)
        for values in reader:
            if any(value.strip() for value in values):
                _take(gathered, Place(file, f"Zeile {reader.line_num}"), header, values)
    except csv.Error as error:
        raise BadCatalogue(file, f"Zeile {reader.line_num}", "", "ist als CSV nicht lesbar.") from error
    return gathered.entries()


def decoded(file: str, data: bytes) -> str:
    """UTF-8 text without BOM.

    Raises:
        BadCatalogue: names the line of the first bytes that are no UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadCatalogue(file, f"Zeile {line}", "", "ist nicht in UTF-8 gespeichert.") from error


def _check(file: str, header: list[str]) -> None:
    def refuse(reason: str) -> BadCatalogue:
        return BadCatalogue(file, "Zeile 1", "", reason)

    for name in header:
        if name not in _COLUMNS:
            raise refuse(f"die Spalte „{name[:30]}“ ist nicht bekannt.")
    if len(set(header)) != len(header):
        raise refuse("eine Spalte steht doppelt.")
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise refuse(f"die Spalte {missing[0]} fehlt.")
    if len([name for name in _AMOUNTS if name in header]) != 1:
        raise refuse("es braucht genau eine der Spalten amount_cents (Cent) und amount (Euro).")


def _take(gathered: Gathered, place: Place, header: list[str], values: list[str]) -> None:
    if len(values) != len(header):
        raise place.refuse("", f"hat {len(values)} statt {len(header)} Werte.")
    row = {name: value.strip() for name, value in zip(header, values, strict=True)}
    valid_from = place.day(row["valid_from"], "valid_from")
    in_cents = "amount_cents" in row
    gathered.add(
        place,
        tbnr=place.tbnr(row["tbnr"]),
        valid_from=valid_from,
        valid_until=place.last_day(row.get("valid_until", ""), valid_from, "valid_until"),
        amount_cents=place.cents(row["amount_cents"], "amount_cents")
        if in_cents
        else place.euros(row["amount"], "amount"),
        text=place.text(row.get("text"), "text"),
        provision=place.text(row.get("provision"), "provision"),
        class_=place.small(row.get("class", ""), "class"),
    )
