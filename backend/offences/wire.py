"""What is sent about offences."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from backend.fields import END, Aware, Cents, Line, Name, PersonId, Sha256Hex, SourceId, Text
from backend.work.wire import Task
from sync.bodies import EntryBody

_ONE_LINE = r"^[^\x00-\x1f\x7f]+" + END

Tbnr = Annotated[
    str,
    Meta(min_length=1, max_length=20, pattern=_ONE_LINE, description="Number of the catalogue, six digits if federal."),
]
Zoned = Annotated[
    str, Meta(max_length=66, description="RFC 9557: `YYYY-MM-DDTHH:MM:SS.mmmZ[Zone]`, year 2000 to 2100.")
]
Short = Annotated[str, Meta(min_length=1, max_length=40, pattern=_ONE_LINE, description="A word or two.")]
Country = Annotated[
    str, Meta(pattern=r"^[A-Za-z]{1,3}" + END, max_length=3, description="Distinguishing sign, e.g. `NL`.")
]
MediaState = Literal["none", "awaiting", "complete"]


class FindingKind(StrEnum):
    """What a clerk has to look at; each opens a task of the same name."""

    UNKNOWN_TBNR = "unknown_tbnr"
    NO_EDITION = "no_edition"
    AMOUNT_MISSING = "amount_missing"
    AMOUNT_DIFFERS = "amount_differs"
    AMOUNT_IMPOSSIBLE = "amount_impossible"
    IMPLAUSIBLE_PLATE = "implausible_plate"
    IMPLAUSIBLE_TIME = "implausible_time"
    CLOCK_OFF = "clock_off"


class Position(Struct, frozen=True, kw_only=True, gc=False):
    """Where it was, by the phone (WGS 84)."""

    lat: Annotated[float, Meta(ge=-90, le=90, description="Degrees north.")]
    lon: Annotated[float, Meta(ge=-180, le=180, description="Degrees east.")]
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000, description="Radius in metres, as the phone says.")] | None = (
        None
    )


class Vehicle(Struct, frozen=True, kw_only=True, gc=False):
    """What the vehicle looks like."""

    make: Short | None = None
    colour: Short | None = None
    kind: Short | None = None


class OffenceRecorded(EntryBody, frozen=True, kw_only=True):
    """Body of `offence.recorded`, version 1. Photos are the entry's media; unknown members are kept unread."""

    by: PersonId
    tbnr: Tbnr
    occurred_at: Zoned
    ended_at: Zoned | None = None
    street: Line
    house_no: Short | None = None
    place_detail: Line | None = None
    position: Position | None = None
    plate: Short | None = None
    plate_country: Country | None = None
    vehicle: Vehicle | None = None
    amount_cents: Cents | None = None
    note: Text | None = None
    #: The plate was made up: a replay of real offences has none (data/moers-2015.md).
    synthetic_plate: bool = False


class OffenceLine(Struct, frozen=True, kw_only=True, gc=False):
    """An offence as a list shows it; also what the feed carries to the office."""

    id: UUID
    rev: Annotated[int, Meta(ge=1, description="Revision; the highest one counts.")]
    by: PersonId
    received_at: Aware
    occurred_at: Aware
    tbnr: Tbnr
    plate: str | None
    street: str
    house_no: str | None
    amount_cents: Cents | None
    findings: Annotated[list[FindingKind], Meta(description="What a clerk has to look at.")]
    photos: Annotated[int, Meta(ge=0, description="How many photos belong to it.")]
    media_state: Annotated[MediaState, Meta(description="Whether all photos have come.")]
    synthetic_plate: Annotated[bool, Meta(description="The plate was made up for a demonstration.")]


class OffencePage(Struct, frozen=True, kw_only=True):
    """Offences, newest first, and where to go on."""

    offences: list[OffenceLine]
    after: Annotated[str | None, Meta(description="Send it as `after` for the next page; null: this was the last.")]


class CallSign(Struct, frozen=True, kw_only=True):
    """How a list names a person."""

    person: PersonId
    call_sign: Annotated[Name, Meta(description="What lists show instead of the name, e.g. `Erle 22`.")]


class BoardCounts(Struct, frozen=True, kw_only=True):
    """How many there are, also of what the board does not list."""

    offences: Annotated[int, Meta(ge=0, description="All offences.")]
    offences_today: Annotated[int, Meta(ge=0, description="Received on `today`.")]
    tasks: Annotated[dict[str, int], Meta(description="Open tasks of each kind.")]


class Board(Struct, frozen=True, kw_only=True):
    """What a screen begins with, and where in the feed it goes on. A change that comes twice changes nothing."""

    cursor: Annotated[str, Meta(description="Send it as `after` with the first pull of the feed.")]
    today: Annotated[date, Meta(description="The calendar day in Europe/Berlin.")]
    offences: Annotated[
        list[OffenceLine],
        Meta(description="The newest received first, then those that a listed task is about; none without `office`."),
    ]
    tasks: Annotated[list[Task], Meta(description="Open tasks of this person's audiences, the oldest first.")]
    people: Annotated[list[CallSign], Meta(description="Who may have recorded an offence; none without `office`.")]
    counts: BoardCounts


class OwnOffence(Struct, frozen=True, kw_only=True, gc=False):
    """An offence as its officer's phone lists it."""

    occurred_at: Aware
    tbnr: Tbnr
    plate: str | None
    street: str
    amount_cents: Cents | None
    media_state: MediaState


class Offence(Struct, frozen=True, kw_only=True):
    """An offence with all that is kept of it."""

    id: UUID
    rev: Annotated[int, Meta(ge=1, description="Revision; the highest one counts.")]
    source: SourceId
    by: PersonId
    recorded_at: Annotated[Aware, Meta(description="When it was typed, by the phone's clock.")]
    recorded_zone: str
    received_at: Aware
    occurred_at: Aware
    occurred_zone: str
    ended_at: Aware | None
    tbnr: Tbnr
    street: str
    house_no: str | None
    place_detail: str | None
    position: Position | None
    plate: Annotated[str | None, Meta(description="As typed.")]
    plate_country: str | None
    plate_kind: Annotated[str | None, Meta(description="Kind of plate, e.g. `ordinary` or `foreign`.")]
    plate_normal: Annotated[str | None, Meta(description="The plate in the one form that can be compared.")]
    vehicle: Vehicle | None
    amount_cents: Cents | None
    edition_from: Annotated[date | None, Meta(description="First day of the edition that was in force.")]
    edition_cents: Annotated[Cents | None, Meta(description="The amount in that edition.")]
    findings: Annotated[list[FindingKind], Meta(description="What a clerk has to look at.")]
    note: str | None
    photos: Annotated[int, Meta(ge=0, description="How many photos belong to it.")]
    media_state: Annotated[MediaState, Meta(description="Whether all photos have come.")]
    synthetic_plate: Annotated[bool, Meta(description="The plate was made up for a demonstration.")]


class Slot(Struct, frozen=True, kw_only=True, gc=False):
    """Where a table of the federal catalogue names a number (formats/bkat.md 5)."""

    table: Annotated[str, Meta(description="Number of the table, e.g. `713002`.")]
    line: Annotated[int, Meta(ge=1, le=9999)]
    lower: Annotated[
        float | None, Meta(description="Begin of the span: hours in parking tables, else km/h, percent or metres.")
    ]
    upper: Annotated[float | None, Meta(description="End of the span, probably inclusive; 999 has no end.")]
    is_obstructing: Annotated[bool, Meta(description="Only where others are obstructed.")]
    addition: Annotated[str | None, Meta(description="What else the line asks for, in the catalogue's words.")]


class CatalogueEntry(Struct, frozen=True, kw_only=True, gc=False):
    """An offence of the catalogue as it stood from one day to another, in Europe/Berlin."""

    tbnr: Annotated[str, Meta(pattern=r"^[0-9]{6}" + END, max_length=6, description="Six digits.")]
    valid_from: Annotated[date, Meta(description="First day.")]
    valid_until: Annotated[date | None, Meta(description="Last day, inclusive; null: no end is known.")]
    amount_cents: Annotated[Cents | None, Meta(description="Null: the source names no amount.")]
    text: str | None
    provision: str | None
    class_: Annotated[int | None, Meta(description="KBA's class; 5: stopping and parking.")] = field(name="class")
    slots: list[Slot]


class CatalogueOnDay(Struct, frozen=True, kw_only=True):
    """What is in force on a day."""

    day: Annotated[date, Meta(description="The calendar day in Europe/Berlin.")]
    newest_import: Annotated[UUID | None, Meta(description="Changes whenever the catalogue does.")]
    entries: Annotated[list[CatalogueEntry], Meta(description="By number.")]


class CatalogueImport(Struct, frozen=True, kw_only=True):
    """One reading of a catalogue's files."""

    id: UUID
    source: Annotated[str, Meta(description="Name of the file or folder.")]
    format: Annotated[str, Meta(description="`csv`, `json` or `kba`.")]
    sha256: Annotated[Sha256Hex, Meta(description="Over the files.")]
    entries: Annotated[int, Meta(ge=0, description="How many it holds.")]
    status: Annotated[Literal["proposed", "published"], Meta(description="Only published ones are in force.")]
    imported_at: Aware
    imported_by: Annotated[PersonId | None, Meta(description="Null: by the server's command line.")]
    approved_at: Aware | None
    approved_by: PersonId | None


class CatalogueImports(Struct, frozen=True, kw_only=True):
    """All readings, newest first."""

    imports: list[CatalogueImport]
