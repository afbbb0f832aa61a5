"""The catalogue in the form in which weg-li publishes it: a JSON list with one object an offence (formats/bkat.md)."""

import re
from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import Struct

from backend.offences.parsed import BadCatalogue, Gathered, Place
from backend.offences.rules import offence_day
from backend.offences.wire import CatalogueEntry

_INDEX: Final = re.compile(r"`\$\[(\d+)\](?:\.(\w+))?")
_BYTE: Final = re.compile(r"\(byte (\d+)\)")


class _Charge(Struct, kw_only=True):
    """Members that we read; others are none of ours."""

    tbnr: str
    description: str
    fine: str | None
    bkat: str | None = None
    valid_from: str
    valid_to: str | None = None
    classification: int | None = None


def entries_of(file: str, data: bytes) -> list[CatalogueEntry]:
    """The entries of one file, by number and first day.

    Raises:
        BadCatalogue: names file, entry (counted from 1) and member of the first fault.
    """
    gathered = Gathered()
    for number, charge in enumerate(_decoded(file, data), start=1):
        place = Place(file, f"Eintrag {number}")
        valid_from = _day(place, charge.valid_from, "valid_from")
        until = _day(place, charge.valid_to, "valid_to").isoformat() if charge.valid_to else ""
        gathered.add(
            place,
            tbnr=place.tbnr(charge.tbnr),
            valid_from=valid_from,
            valid_until=place.last_day(until, valid_from, "valid_to"),
            amount_cents=place.euros(charge.fine or "", "fine"),
            text=place.text(charge.description, "description"),
            provision=place.text(charge.bkat, "bkat"),
            class_=place.small("" if charge.classification is None else str(charge.classification), "classification"),
        )
    return gathered.entries()


def _decoded(file: str, data: bytes) -> list[_Charge]:
    try:
        return msgspec.json.decode(data, type=list[_Charge])
    except msgspec.ValidationError as error:
        found = _INDEX.search(str(error))
        place = f"Eintrag {int(found[1]) + 1}" if found else ""
        raise BadCatalogue(file, place, (found and found[2]) or "", "fehlt oder hat eine falsche Form.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        found = _BYTE.search(str(error))
        line = data.count(b"\n", 0, int(found[1])) + 1 if found else 1
        raise BadCatalogue(file, f"Zeile {line}", "", "ist kein lesbares JSON in UTF-8.") from error


def _day(place: Place, value: str, column: str) -> date:
    """The day in Europe/Berlin of `2021-11-09T00:00:00.000+01:00`."""
    try:
        at = datetime.fromisoformat(value)
        day = at.date() if at.tzinfo is None else offence_day(at)
    except (ValueError, OverflowError):
        raise place.refuse(column, f"„{value[:40]}“ ist kein Zeitpunkt.") from None
    return place.day(day.isoformat(), column)
