"""What is sent about cases and exports."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from backend.fields import Aware, Line, Name, PersonId


class NewCase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A case under which evidence is handed out. Unknown fields are refused."""

    aktenzeichen: Annotated[Name, Meta(description="The authority's own reference; unique in the town.")]
    ground: Annotated[Line, Meta(description="Why evidence is handed out in it.")]


class Case(Struct, frozen=True, kw_only=True):
    """A case."""

    id: UUID
    aktenzeichen: str
    ground: str
    opened_by: PersonId
    opened_at: Aware


class NewExport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which clips somebody shall get. Unknown fields are refused."""

    recipient: Annotated[Line, Meta(description="Who gets the package, e.g. the prosecutor's office.")]
    clips: Annotated[list[UUID], Meta(min_length=1, max_length=400, description="In the order of the package.")]


class ExportState(StrEnum):
    """Where an export is (drawn in `exporting`)."""

    REQUESTED = "requested"
    APPROVED = "approved"
    BUILT = "built"
    FAILED = "failed"
    GONE = "gone"


class Outcome(StrEnum):
    """What became of a clip in the package."""

    ORIGINAL = "original"
    #: By law; the package holds the tombstone.
    DELETED = "deleted"
    #: Closed since the request (R4–R7); the package says so.
    WITHHELD = "withheld"


class ExportItem(Struct, frozen=True, kw_only=True):
    """A clip of an export."""

    clip: UUID
    outcome: Annotated[Outcome | None, Meta(description="Null until the package is built.")]


class Export(Struct, frozen=True, kw_only=True):
    """A package for one recipient, from the request to the end of our copy; also what the feed carries."""

    id: UUID
    rev: Annotated[int, Meta(ge=1, description="Revision; the highest one counts.")]
    case_id: UUID
    aktenzeichen: str
    recipient: str
    state: ExportState
    requested_by: PersonId
    requested_at: Aware
    approved_by: PersonId | None
    approved_at: Aware | None
    built_at: Aware | None
    size_bytes: Annotated[int | None, Meta(description="Of the ZIP.")]
    sha256: Annotated[str | None, Meta(description="Of the ZIP, lower-case hex.")]
    root: Annotated[str | None, Meta(description="Fingerprint for the covering letter: the town's root key, hex.")]
    delivered_at: Annotated[Aware | None, Meta(description="First download.")]
    delete_at: Annotated[Aware | None, Meta(description="When our copy goes.")]
    problem: Annotated[str | None, Meta(description="Why it could not be built.")]
    items: list[ExportItem]


class ExportPage(Struct, frozen=True, kw_only=True):
    """Exports, the newest asked for first, and where to go on."""

    exports: list[Export]
    after: Annotated[str | None, Meta(description="Send it as `after` for the next page; null: this was the last.")]
