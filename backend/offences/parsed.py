"""What every reader of a catalogue makes, and how it refuses a line."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from msgspec import Struct

from backend.offences.wire import CatalogueEntry, Slot

#: Texts of the 2021 catalogue have up to 336 characters, provisions 136 (formats/bkat.md 4).
MAX_TEXT: Final = 2000

_TBNR: Final = re.compile(r"[0-9]{6}").fullmatch
_AMOUNT: Final = re.compile(r"[0-9]{1,6}([.,][0-9]{1,2})?").fullmatch
_CENTS: Final = re.compile(r"[0-9]{1,8}").fullmatch
_SMALL: Final = re.compile(r"[0-9]{1,4}").fullmatch
_DECIMAL: Final = re.compile(r"[0-9]{1,6}([.,][0-9]{1,4})?").fullmatch
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").fullmatch
_GERMAN: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})").fullmatch
_MAX_CENTS: Final = 100_000_00
_YEARS: Final = range(1990, 2101)


class BadCatalogue(Exception):
    """A catalogue that cannot be read; nothing of it is stored. The message is German and names file, place, column."""

    def __init__(self, file: str, place: str, column: str, reason: str) -> None:
        """`place` is a line or an entry; it and `column` may be empty."""
        self.file, self.place, self.column, self.reason = file, place, column, reason
        where = ", ".join(part for part in (file, place, column and f"Spalte {column}") if part)
        super().__init__(f"{where}: {reason}")


class ParsedCatalogue(Struct, frozen=True, kw_only=True):
    """A catalogue as read: sound lines only, each number and first day once."""

    #: Name of the file or folder, without its path.
    source: str
    #: `csv`, `json` or `kba`.
    format: str
    #: SHA-256 over the files, 32 bytes.
    sha256: bytes
    entries: Sequence[CatalogueEntry]


class Place:
    """Where a reader stands: reads single values and refuses them by name."""

    def __init__(self, file: str, place: str) -> None:
        self._file, self._place = file, place

    def refuse(self, column: str, reason: str) -> BadCatalogue:
        """The refusal of a value here."""
        return BadCatalogue(self._file, self._place, column, reason)

    def tbnr(self, value: str, column: str = "tbnr") -> str:
        """Six ASCII digits."""
        if not _TBNR(value):
            raise self.refuse(column, f"„{value[:20]}“ ist keine sechsstellige Tatbestandsnummer.")
        return value

    def cents(self, value: str, column: str) -> int | None:
        """Whole cents; nothing is no amount."""
        if value == "":
            return None
        if not _CENTS(value) or int(value) > _MAX_CENTS:
            raise self.refuse(column, f"„{value[:20]}“ ist kein Betrag in Cent bis {_MAX_CENTS}.")
        return int(value)

    def euros(self, value: str, column: str) -> int | None:
        """Cents of an amount in euros with decimal comma or point; nothing is no amount."""
        if value == "":
            return None
        if not _AMOUNT(value) or (cents := int(Decimal(value.replace(",", ".")) * 100)) > _MAX_CENTS:
            raise self.refuse(column, f"„{value[:20]}“ ist kein Betrag in Euro mit höchstens zwei Nachkommastellen.")
        return cents

    def small(self, value: str, column: str) -> int | None:
        """An integer from 0 to 9999; nothing is none."""
        if value == "":
            return None
        if not _SMALL(value):
            raise self.refuse(column, f"„{value[:20]}“ ist keine Zahl bis 9999.")
        return int(value)

    def decimal(self, value: str, column: str) -> float | None:
        """A number with decimal comma or point; nothing is none."""
        if value == "":
            return None
        if not _DECIMAL(value):
            raise self.refuse(column, f"„{value[:20]}“ ist keine Zahl.")
        return float(value.replace(",", "."))

    def day(self, value: str, column: str) -> date:
        """`2021-11-09` or `09.11.2021`."""
        if found := _ISO(value):
            parts = (int(found[1]), int(found[2]), int(found[3]))
        elif found := _GERMAN(value):
            parts = (int(found[3]), int(found[2]), int(found[1]))
        else:
            raise self.refuse(column, f"„{value[:20]}“ ist kein Datum wie 2021-11-09 oder 09.11.2021.")
        try:
            day = date(*parts)
        except ValueError as error:
            raise self.refuse(column, f"den Tag „{value}“ gibt es nicht.") from error
        if day.year not in _YEARS:
            raise self.refuse(column, f"das Jahr {day.year} liegt nicht zwischen 1990 und 2100.")
        return day

    def last_day(self, value: str, valid_from: date, column: str) -> date | None:
        """The inclusive end of a validity; nothing is no end."""
        if value == "":
            return None
        day = self.day(value, column)
        if day < valid_from:
            raise self.refuse(column, f"endet am {day.isoformat()}, vor dem Beginn am {valid_from.isoformat()}.")
        return day

    def text(self, value: str | None, column: str) -> str | None:
        """Text without control characters but line ends; nothing is no text."""
        if value is None or not value.strip():
            return None
        if len(value) > MAX_TEXT or any(ord(c) < 32 and c not in "\t\r\n" for c in value):
            raise self.refuse(column, f"ist länger als {MAX_TEXT} Zeichen oder enthält Steuerzeichen.")
        return value.strip()


class Gathered:
    """Entries of one catalogue, each number and first day once."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, date], CatalogueEntry] = {}

    def add(
        self,
        place: Place,
        *,
        tbnr: str,
        valid_from: date,
        valid_until: date | None,
        amount_cents: int | None,
        text: str | None,
        provision: str | None,
        class_: int | None = None,
        slots: Sequence[Slot] = (),
    ) -> None:
        """The entry is taken.

        Raises:
            BadCatalogue: the same number and first day came before.
        """
        key = (tbnr, valid_from)
        if key in self._entries:
            raise place.refuse("", f"die Nummer {tbnr} steht mit Gültigkeit ab {valid_from.isoformat()} doppelt.")
        self._entries[key] = CatalogueEntry(
            tbnr=tbnr,
            valid_from=valid_from,
            valid_until=valid_until,
            amount_cents=amount_cents,
            text=text,
            provision=provision,
            class_=class_,
            slots=list(slots),
        )

    def entries(self) -> list[CatalogueEntry]:
        """By number and first day."""
        return [self._entries[key] for key in sorted(self._entries)]
