"""A town's offence file, as towns publish it: semicolons, German dates and amounts, times without leading zeros."""

import csv
import re
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from backend.local.state import LocalError

BERLIN: Final = ZoneInfo("Europe/Berlin")
_COLUMNS: Final = ("Tattag", "Tatzeit/Uhrzeit", "Tatort 2", "Tbnr1", "Geldbuße")
_AMOUNT: Final = re.compile(r"([0-9]{1,6}),([0-9]{2})\s*€").fullmatch
_NO_AMOUNT: Final = re.compile(r"-\s*€").fullmatch
_TIME: Final = re.compile(r"[0-9]{1,4}").fullmatch


class Record(NamedTuple):
    """One line of the file. `id` is the same at every reading, so that a line cannot become two offences."""

    id: UUID
    occurred_at: datetime
    street: str
    tbnr: str
    amount_cents: int | None
    plate: str


def read(path: Path) -> list[Record]:
    """Every line of the file, repeats included: without plates nobody can tell a repeat from another car.

    Raises:
        LocalError: the file is not of this form; the message names line and column.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{path.name} ist nicht als UTF-8 lesbar.") from error
    rows = csv.reader(text.splitlines(), delimiter=";", quotechar='"', strict=True)
    header = tuple(name.strip() for name in next(rows, ()))
    if header != _COLUMNS:
        raise LocalError(f"{path.name}, Zeile 1: erwartet werden die Spalten {'; '.join(_COLUMNS)}.")
    file = sha256(content).digest()
    return [_record(path.name, line, row, file) for line, row in enumerate(rows, start=2)]


def _record(name: str, line: int, row: list[str], file: bytes) -> Record:
    if len(row) != len(_COLUMNS):
        raise LocalError(f"{name}, Zeile {line}: {len(row)} statt {len(_COLUMNS)} Spalten.")
    day, time, street, tbnr, amount = (cell.strip() for cell in row)
    try:
        at = _instant(day, time)
        cents = _cents(amount)
    except ValueError as error:
        raise LocalError(f"{name}, Zeile {line}: {error}.") from error
    digest = sha256(file + line.to_bytes(4, "big")).digest()
    return Record(_id(at, digest), at, street, tbnr, cents, _plate(digest))


def _instant(day: str, time: str) -> datetime:
    """Local time of the act; `40` is 00:40, as the file lost its leading zeros."""
    if not _TIME(time):
        raise ValueError(f"Tatzeit {time!r} ist keine Uhrzeit")
    try:
        return datetime.strptime(f"{day} {time.zfill(4)}", "%d.%m.%Y %H%M").replace(tzinfo=BERLIN)
    except ValueError:
        raise ValueError(f"Tattag {day!r} mit Tatzeit {time!r} gibt es nicht") from None


def _cents(text: str) -> int | None:
    if _NO_AMOUNT(text):
        return None
    found = _AMOUNT(text)
    if found is None:
        raise ValueError(f"Geldbuße {text!r} ist kein Betrag")
    return int(found[1]) * 100 + int(found[2])


def _id(at: datetime, digest: bytes) -> UUID:
    """A UUIDv7 (RFC 9562) of the act's time and the line, instead of a random one."""
    value = int(at.timestamp() * 1000) << 80 | int.from_bytes(digest[:10], "big")
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def _plate(digest: bytes) -> str:
    """A made-up plate of the district; the file has none. Entries say so: `synthetic_plate`."""
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    first, second = (letters[byte % len(letters)] for byte in digest[10:12])
    return f"MO-{first}{second} {int.from_bytes(digest[12:14], 'big') % 9999 + 1}"
