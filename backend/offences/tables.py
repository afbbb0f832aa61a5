"""Rows of offences and of the catalogue."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Double, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, of_town


@of_town("SELECT", "INSERT", "UPDATE (rev, media_state)")
class OffenceRow(Base):
    """An offence as it was recorded. `by` and `source` were proven at admission and are no foreign keys for speed.

    One index, for the office's list: an officer's own list reads past the others' rows (11 ms among 63,000), and a
    second index would cost every admission 5 %.
    """

    __tablename__ = "offence"
    __table_args__ = (
        CheckConstraint("media_state IN ('none', 'awaiting', 'complete')", name="media_state"),
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="position"),
        Index("ix_offence_newest", "town", "received_at", "id"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: The entry's id.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    source: Mapped[UUID]
    by: Mapped[UUID]
    #: The phone's clock; evidence, not order.
    recorded_at: Mapped[datetime]
    recorded_zone: Mapped[str]
    received_at: Mapped[datetime]
    occurred_at: Mapped[datetime]
    occurred_zone: Mapped[str]
    ended_at: Mapped[datetime | None]
    tbnr: Mapped[str]
    street: Mapped[str]
    house_no: Mapped[str | None]
    place_detail: Mapped[str | None]
    lat: Mapped[float | None] = mapped_column(Double)
    lon: Mapped[float | None] = mapped_column(Double)
    accuracy_m: Mapped[float | None] = mapped_column(Double)
    #: As typed.
    plate: Mapped[str | None]
    plate_country: Mapped[str | None]
    plate_kind: Mapped[str | None]
    #: The one form of the plate that can be compared (`plates.Plate.normal`).
    plate_normal: Mapped[str | None]
    vehicle_make: Mapped[str | None]
    vehicle_colour: Mapped[str | None]
    vehicle_kind: Mapped[str | None]
    amount_cents: Mapped[int | None]
    #: The catalogue's edition on the day of the act: its first day and amount.
    edition_from: Mapped[date | None] = mapped_column(Date)
    edition_cents: Mapped[int | None]
    #: Names of the findings at admission, separated by blanks.
    findings: Mapped[str]
    note: Mapped[str | None]
    photos: Mapped[int]
    media_state: Mapped[str]
    synthetic_plate: Mapped[bool]


@of_town("SELECT", "INSERT", "UPDATE (status, published_no, approved_by, approved_at)")
class CatalogueImportRow(Base):
    """One reading of a catalogue's files. Among published ones a higher number overrides a lower."""

    __tablename__ = "catalogue_import"
    __table_args__ = (
        UniqueConstraint("town", "sha256"),
        UniqueConstraint("town", "published_no"),
        CheckConstraint("status IN ('proposed', 'published')", name="status"),
        CheckConstraint("(status = 'published') = (published_no IS NOT NULL)", name="published_no"),
        CheckConstraint("approved_by IS NULL OR approved_by <> imported_by", name="second_person"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: Name of the file or folder that was read.
    source: Mapped[str]
    format: Mapped[str]
    #: SHA-256 over the files, 32 bytes: the same files are imported once.
    sha256: Mapped[bytes]
    entries: Mapped[int]
    status: Mapped[str]
    #: Order of publishing within the town, from 1.
    published_no: Mapped[int | None]
    imported_at: Mapped[datetime]
    #: None: the operator of the server, by the command line.
    imported_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[UUID | None]


@of_town("SELECT", "INSERT")
class CatalogueEntryRow(Base):
    """An offence of the catalogue as one import gives it. Never changed: a correction is another import."""

    __tablename__ = "catalogue_entry"
    __table_args__ = (
        ForeignKeyConstraint(["town", "import_id"], ["catalogue_import.town", "catalogue_import.id"]),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="validity"),
        CheckConstraint("amount_cents >= 0", name="amount_cents"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    tbnr: Mapped[str] = mapped_column(primary_key=True)
    #: First and last day, both inclusive, in Europe/Berlin; no last day: still in force.
    valid_from: Mapped[date] = mapped_column(Date, primary_key=True)
    valid_until: Mapped[date | None] = mapped_column(Date)
    amount_cents: Mapped[int | None]
    text: Mapped[str | None]
    provision: Mapped[str | None]
    #: The KBA's class, e.g. 5 for stopping and parking.
    class_: Mapped[int | None] = mapped_column("class")
    #: Where its tables name this number: table, line, span, obstruction (formats/bkat.md 5).
    slots: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
