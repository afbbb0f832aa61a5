"""Rows of cases and exports: what is handed out to whom, and what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, of_town


@of_town("SELECT", "INSERT")
class CaseRow(Base):
    """A case of the prosecutor or the fines office, under which evidence is handed out."""

    __tablename__ = "evidence_case"
    __table_args__ = (UniqueConstraint("town", "aktenzeichen"),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    aktenzeichen: Mapped[str]
    ground: Mapped[str]
    opened_by: Mapped[UUID]
    opened_at: Mapped[datetime]


@of_town(
    "SELECT",
    "INSERT",
    "UPDATE (rev, state, approved_by, approved_at, built_at, size_bytes, sha256, root, checkpoint_size, delivered_at,"
    " delete_at, problem)",
)
class ExportRow(Base):
    """A package for one recipient (drawn in `exporting`)."""

    __tablename__ = "evidence_export"
    __table_args__ = (
        ForeignKeyConstraint(["town", "case_id"], ["evidence_case.town", "evidence_case.id"]),
        CheckConstraint("state IN ('requested', 'approved', 'built', 'failed', 'gone')", name="state"),
        CheckConstraint("approved_by <> requested_by", name="second_person"),
        CheckConstraint("state = 'requested' OR approved_by IS NOT NULL", name="approved"),
        CheckConstraint("state NOT IN ('built', 'gone') OR built_at IS NOT NULL", name="built"),
        Index("ix_evidence_export_open", "town", "id", postgresql_where="state IN ('approved', 'built')"),
        Index("ix_evidence_export_newest", "town", "requested_at", "id"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: Also the package's own id.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    recipient: Mapped[str]
    rev: Mapped[int]
    state: Mapped[str]
    requested_by: Mapped[UUID]
    requested_at: Mapped[datetime]
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]
    built_at: Mapped[datetime | None]
    #: Of the ZIP.
    size_bytes: Mapped[int | None]
    sha256: Mapped[str | None]
    #: Fingerprint of the root that the package leads back to.
    root: Mapped[str | None]
    #: The recipient holds this checkpoint from now on: later packages prove that the log extends it.
    checkpoint_size: Mapped[int | None]
    delivered_at: Mapped[datetime | None]
    #: When our copy goes.
    delete_at: Mapped[datetime | None]
    #: Why it could not be built: a name, for the custodian.
    problem: Mapped[str | None]


@of_town("SELECT", "INSERT", "UPDATE (outcome)")
class ExportItemRow(Base):
    """A clip that was asked for, and what became of it in the package."""

    __tablename__ = "evidence_export_item"
    __table_args__ = (
        ForeignKeyConstraint(["town", "export"], ["evidence_export.town", "evidence_export.id"]),
        ForeignKeyConstraint(["town", "clip"], ["clip.town", "clip.id"]),
        CheckConstraint("outcome IN ('original', 'deleted', 'withheld')", name="outcome"),
        Index("ix_evidence_export_item_clip", "town", "clip"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    export: Mapped[UUID] = mapped_column(primary_key=True)
    clip: Mapped[UUID] = mapped_column(primary_key=True)
    #: Its place in the package, from 1.
    number: Mapped[int]
    outcome: Mapped[str | None]
