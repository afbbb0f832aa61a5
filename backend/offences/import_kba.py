"""The tables of the federal catalogue (KBA), a folder of CSV files (formats/bkat.md 2 to 6).

Comma, single quotes, values by position: the headers name fewer columns than the lines have. Offences, texts and
amounts stand in `TatbestandBE.csv`; where that is missing, the other tables still say which number stands in which
table from which day on.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple

from backend.offences.import_csv import decoded
from backend.offences.parsed import BadCatalogue, Gathered, Place
from backend.offences.wire import CatalogueEntry, Slot

OFFENCES: Final = "TatbestandBE.csv"
LINES: Final = "Tatbestandstabelleneintrag.csv"
ADDITIONS: Final = "ZusatzinformationTatbestandstabelle.csv"
#: What is read, and how many values a line has.
FILES: Final[Mapping[str, int]] = {OFFENCES: 18, LINES: 9, ADDITIONS: 2}


class _Line(NamedTuple):
    """A line of a table in one of its editions."""

    tbnr: str
    since: date
    slot: Slot


def entries_of(files: Mapping[str, bytes]) -> list[CatalogueEntry]:
    """The entries of a folder, by number and first day; `files` holds those of `FILES` that exist.

    Without `TatbestandBE.csv` entries have no amount and no text. Their validity is then inferred: a line of a table
    holds until the next edition of the same line, since editions repeat changed lines only.

    Raises:
        BadCatalogue: names file, line and column of the first fault.
    """
    slots: dict[tuple[str, date], list[Slot]] = defaultdict(list)
    ends: dict[tuple[str, date], list[date | None]] = defaultdict(list)
    lines = list(_lines(files))
    for line, end in zip(lines, _ends(lines), strict=True):
        slots[line.tbnr, line.since].append(line.slot)
        ends[line.tbnr, line.since].append(end)
    if OFFENCES in files:
        return _offences(files[OFFENCES], slots)
    gathered = Gathered()
    for (tbnr, since), found in slots.items():
        gathered.add(
            Place(LINES, ""),
            tbnr=tbnr,
            valid_from=since,
            valid_until=_latest(ends[tbnr, since]),
            amount_cents=None,
            text=None,
            provision=None,
            slots=found,
        )
    return gathered.entries()


def _offences(data: bytes, slots: Mapping[tuple[str, date], list[Slot]]) -> list[CatalogueEntry]:
    gathered = Gathered()
    for place, values in _rows(OFFENCES, data):
        valid_from = place.day(values[7][:10], "validFrom")
        tbnr = place.tbnr(values[0], "TBNR")
        gathered.add(
            place,
            tbnr=tbnr,
            valid_from=valid_from,
            valid_until=place.last_day(values[8][:10], valid_from, "validTo"),
            amount_cents=place.euros(values[2], "Geldbusse"),
            text=place.text(values[1], "Tatbestandstext"),
            provision=place.text(values[3], "Rechtsgrundlage"),
            class_=place.small(values[11], "hatKlassifizierung"),
            slots=slots.get((tbnr, valid_from), ()),
        )
    return gathered.entries()


def _lines(files: Mapping[str, bytes]) -> Iterator[_Line]:
    additions = {values[0]: values[1] for _, values in _rows(ADDITIONS, files.get(ADDITIONS, b""))}
    for place, values in _rows(LINES, files.get(LINES, b"")):
        number = place.small(values[1], "Zeile")
        if values[4] not in ("J", "N"):
            raise place.refuse("Behinderung", "ist weder J noch N.")
        slot = Slot(
            table=place.tbnr(values[8], "gehoertZuTatbestandstabelleBE"),
            line=number or 0,
            lower=place.decimal(values[2], "Von"),
            upper=place.decimal(values[3], "Bis"),
            is_obstructing=values[4] == "J",
            addition=additions.get(values[7], values[7]) or None,
        )
        yield _Line(place.tbnr(values[5], "hatTatbestandBE"), place.day(values[6][:10], "Datum"), slot)


def _ends(lines: list[_Line]) -> Iterator[date | None]:
    """The last day of each line: the one before the next edition of the same line of the same table."""
    editions: dict[tuple[str, int], set[date]] = defaultdict(set)
    for line in lines:
        editions[line.slot.table, line.slot.line].add(line.since)
    for line in lines:
        later = [day for day in editions[line.slot.table, line.slot.line] if day > line.since]
        yield min(later) - timedelta(days=1) if later else None


def _latest(ends: list[date | None]) -> date | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _rows(file: str, data: bytes) -> Iterator[tuple[Place, list[str]]]:
    """The lines below the header with where they stand; each MUST have as many values as its table."""
    reader = csv.reader(io.StringIO(decoded(file, data), newline=""), quotechar="'", strict=True)
    try:
        next(reader, None)
        for values in reader:
            place = Place(file, f"Zeile {reader.line_num}")
            if len(values) != FILES[file]:
                raise place.refuse("", f"hat {len(values)} statt {FILES[file]} Werte.")
            yield place, [value.strip() for value in values]
    except csv.Error as error:
        raise BadCatalogue(file, f"Zeile {reader.line_num}", "", "ist als CSV nicht lesbar.") from error
