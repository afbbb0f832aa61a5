"""Rows of clips, cameras, and who may wear one. What describes a clip's content is NULL once it is deleted."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, Date, ForeignKeyConstraint, Index, UniqueConstraint, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, of_town, table_of

_GONE: Final = "state IN ('deleting', 'deleted')"


@of_town("SELECT", "INSERT", "UPDATE")
class CameraRow(Base):
    """A camera that was docked; nobody has to know it before."""

    __tablename__ = "camera"
    __table_args__ = (
        UniqueConstraint("town", "pseudonym"),
        CheckConstraint("kind IN ('bodycam', 'vehicle')", name="kind"),
        CheckConstraint("state IN ('unconfirmed', 'active', 'retired')", name="state"),
        CheckConstraint("state = 'unconfirmed' OR kind IS NOT NULL", name="confirmed"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: What public parts call it, e.g. `cam-7k2q9`.
    pseudonym: Mapped[str]
    #: The erasable part.
    serial: Mapped[str | None]
    model: Mapped[str | None]
    kind: Mapped[str | None]
    state: Mapped[str]
    first_seen_at: Mapped[datetime]
    last_docked_at: Mapped[datetime | None]
    confirmed_by: Mapped[UUID | None]
    confirmed_at: Mapped[datetime | None]
    #: Hash of the newest receipt for one of its clips: `prev_camera` of the next.
    last_receipt: Mapped[bytes | None]


@of_town("SELECT", "INSERT", "UPDATE (withdrawn_at, withdrawn_by)")
class CertificateRow(Base):
    """Schulungsnachweis (R9)."""

    __tablename__ = "training_certificate"
    __table_args__ = (
        ForeignKeyConstraint(["town", "person"], ["person.town", "person.id"]),
        UniqueConstraint("town", "id", "person"),
        CheckConstraint("valid_until >= issued_on", name="days"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID]
    #: First and last day, both inclusive, in Europe/Berlin.
    issued_on: Mapped[date] = mapped_column(Date)
    valid_until: Mapped[date] = mapped_column(Date)
    issuer: Mapped[str]
    recorded_by: Mapped[UUID]
    recorded_at: Mapped[datetime]
    withdrawn_by: Mapped[UUID | None]
    withdrawn_at: Mapped[datetime | None]


@of_town("SELECT", "INSERT", "UPDATE (until_at, ended_by)")
class AssignmentRow(Base):
    """Who has a camera from when to when; `until_at` is exclusive. A trigger holds it within the certificate's days."""

    __tablename__ = "camera_assignment"
    __table_args__ = (
        ForeignKeyConstraint(["town", "camera"], ["camera.town", "camera.pseudonym"]),
        ForeignKeyConstraint(
            ["town", "certificate", "person"],
            ["training_certificate.town", "training_certificate.id", "training_certificate.person"],
        ),
        CheckConstraint("until_at >= since_at", name="span"),
        Index("ix_camera_assignment_since", "town", "camera", "since_at"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    camera: Mapped[str]
    person: Mapped[UUID]
    certificate: Mapped[UUID]
    since_at: Mapped[datetime]
    until_at: Mapped[datetime]
    assigned_by: Mapped[UUID]
    assigned_at: Mapped[datetime]
    ended_by: Mapped[UUID | None]


#: Invariant 14, by the database itself: no assignment reaches outside a certificate, or beyond its withdrawal.
_TRIGGERS: Final = (
    """CREATE FUNCTION check_certificate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.until_at > NEW.since_at AND NOT EXISTS (
        SELECT FROM training_certificate c WHERE c.town = NEW.town AND c.id = NEW.certificate
        AND NEW.since_at >= c.issued_on::timestamp AT TIME ZONE 'Europe/Berlin'
        AND NEW.until_at <= least((c.valid_until + 1)::timestamp AT TIME ZONE 'Europe/Berlin', c.withdrawn_at)
        FOR SHARE
    ) THEN
        RAISE EXCEPTION 'no valid training certificate' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_camera_assignment_certificate', TABLE = 'camera_assignment';
    END IF;
    RETURN NEW;
END $$""",
    "CREATE TRIGGER certificate AFTER INSERT OR UPDATE ON camera_assignment"
    " FOR EACH ROW EXECUTE FUNCTION check_certificate()",
    """CREATE FUNCTION check_assignments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.withdrawn_at IS NOT NULL AND EXISTS (
        SELECT FROM camera_assignment a WHERE a.town = NEW.town AND a.certificate = NEW.id
        AND a.until_at > a.since_at AND a.until_at > NEW.withdrawn_at
    ) THEN
        RAISE EXCEPTION 'assignments outlive the certificate' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_camera_assignment_certificate', TABLE = 'training_certificate';
    END IF;
    RETURN NEW;
END $$""",
    "CREATE TRIGGER assignments AFTER UPDATE ON training_certificate FOR EACH ROW EXECUTE FUNCTION check_assignments()",
)
for _statement in _TRIGGERS:
    event.listen(table_of(AssignmentRow), "after_create", DDL(_statement))  # type: ignore[no-untyped-call]


@of_town("SELECT", "INSERT", "UPDATE (erased_at)")
class DockingRow(Base):
    """A card as a dock found it; its file names and serial are in the entry, which is erased with the last deadline."""

    __tablename__ = "camera_docking"
    __table_args__ = (
        ForeignKeyConstraint(["town", "camera"], ["camera.town", "camera.pseudonym"]),
        Index("ix_camera_docking_erase", "town", "erase_at", postgresql_where="erased_at IS NULL"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: The entry's id.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    camera: Mapped[str]
    docked_at: Mapped[datetime]
    files: Mapped[int]
    erase_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


@of_town("SELECT", "INSERT", "UPDATE")
class ClipRow(Base):
    """A clip, from its entry to its tombstone. Hold and deletion lock this row: one wins."""

    __tablename__ = "clip"
    __table_args__ = (
        ForeignKeyConstraint(["town", "camera"], ["camera.town", "camera.pseudonym"]),
        CheckConstraint("state IN ('awaiting_media', 'stored', 'deleting', 'deleted')", name="state"),
        CheckConstraint("holds >= 0 AND rev > 0", name="counts"),
        # Invariant 10, by the database itself: what is held is not deleted, and what is deleted keeps no content.
        CheckConstraint(f"NOT ({_GONE}) OR holds = 0", name="held"),
        CheckConstraint(
            f"NOT ({_GONE}) OR num_nonnulls(officer, file_name, sha256, probe, answers, answered_by) = 0", name="erased"
        ),
        CheckConstraint("(state = 'deleted') = (deleted_at IS NOT NULL)", name="deleted"),
        Index("ix_clip_newest", "town", "received_at", "id"),
        Index("ix_clip_due", "town", "delete_at", postgresql_where="state <> 'deleted'"),
        Index("ix_clip_camera", "town", "camera", "camera_seq"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: The entry's id.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    source: Mapped[UUID]
    camera: Mapped[str]
    camera_seq: Mapped[int]
    #: The same number of the same camera with the same bytes, which another dock brought before.
    duplicate_of: Mapped[UUID | None]
    #: R1 counts from here; never edited (R11).
    started_at: Mapped[datetime]
    docked_at: Mapped[datetime]
    received_at: Mapped[datetime]
    duration_ms: Mapped[int | None]
    size_bytes: Mapped[int]
    #: State of the camera's clock: `good`, `off`, `unusable`, or `unknown`.
    clock: Mapped[str]
    class_: Mapped[str] = mapped_column("class")
    rule: Mapped[str]
    delete_at: Mapped[datetime]
    state: Mapped[str]
    holds: Mapped[int]
    answers_rev: Mapped[int]
    is_marked: Mapped[bool]
    event: Mapped[str | None]
    #: Names of findings, separated by blanks.
    findings: Mapped[str]
    #: The dock's entry `clip.erased`, and when it arrived.
    camera_erased_at: Mapped[datetime | None]
    reviewed_by: Mapped[UUID | None]
    reviewed_at: Mapped[datetime | None]
    deleting_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    tombstone: Mapped[UUID | None]
    # What follows is erased with the clip.
    officer: Mapped[UUID | None]
    file_name: Mapped[str | None]
    sha256: Mapped[str | None]
    probe: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    answers: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    answered_by: Mapped[UUID | None]


@of_town("SELECT", "INSERT", "UPDATE (sha256, media, stored_at, receipt, receipt_sha256)")
class ClipMediaRow(Base):
    """A file of a clip: 0 is the recording, others are what the camera wrote beside it."""

    __tablename__ = "clip_media"
    __table_args__ = (ForeignKeyConstraint(["town", "clip"], ["clip.town", "clip.id"]),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    clip: Mapped[UUID] = mapped_column(primary_key=True)
    #: Its place in the entry's media, from 0.
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: Erased with the clip: a bare hash of a file stays nowhere.
    sha256: Mapped[str | None]
    size_bytes: Mapped[int]
    type: Mapped[str]
    #: The stored object; None: not here yet.
    media: Mapped[UUID | None]
    stored_at: Mapped[datetime | None]
    #: The record `clip.received`, and its hash, against which the dock erases the camera's copy.
    receipt: Mapped[UUID | None]
    receipt_sha256: Mapped[bytes | None]


@of_town("SELECT", "INSERT")
class ClipEntryRow(Base):
    """Another entry than the clip's own that tells of its content, to be erased with it: answers from a phone."""

    __tablename__ = "clip_entry"
    __table_args__ = (ForeignKeyConstraint(["town", "clip"], ["clip.town", "clip.id"]),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    clip: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID] = mapped_column(primary_key=True)
    #: The entry's id.
    entry: Mapped[UUID] = mapped_column(primary_key=True)


@of_town("SELECT", "INSERT")
class GapRow(Base):
    """Numbers that a camera counted and no dock saw, both ends inclusive."""

    __tablename__ = "clip_gap"
    __table_args__ = (
        ForeignKeyConstraint(["town", "camera"], ["camera.town", "camera.pseudonym"]),
        CheckConstraint("first <= last", name="span"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    camera: Mapped[str]
    first: Mapped[int]
    last: Mapped[int]
    cause: Mapped[str]
    last_seen_at: Mapped[datetime | None]
    received_at: Mapped[datetime]


@of_town("SELECT", "INSERT")
class GapFilledRow(Base):
    """A number of a gap that turned up later."""

    __tablename__ = "clip_gap_filled"
    __table_args__ = (
        ForeignKeyConstraint(["town", "camera"], ["camera.town", "camera.pseudonym"]),
        Index("ix_clip_gap_filled_camera", "town", "camera", "camera_seq"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    camera: Mapped[str]
    camera_seq: Mapped[int]
    received_at: Mapped[datetime]


@of_town("SELECT", "INSERT", "UPDATE (review_on, note, released_by, released_at, release_reason)")
class HoldRow(Base):
    """Löschsperre (R3)."""

    __tablename__ = "clip_hold"
    __table_args__ = (
        ForeignKeyConstraint(["town", "clip"], ["clip.town", "clip.id"]),
        CheckConstraint(
            "ground IN ('danger_prevention', 'criminal_offence', 'regulatory_offence', 'person_request')", name="ground"
        ),
        CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name="released"),
        # A person's request is nobody's to drop alone (design/evidence.md 9).
        CheckConstraint("ground <> 'person_request' OR released_by <> placed_by", name="second_person"),
        Index(
            "uq_clip_hold_standing", "town", "clip", "ground", "case_reference",
            unique=True, postgresql_where="released_at IS NULL",
        ),
    )  # fmt: skip

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    clip: Mapped[UUID]
    ground: Mapped[str]
    case_reference: Mapped[str]
    review_on: Mapped[date] = mapped_column(Date)
    #: Erased with the clip.
    note: Mapped[str | None]
    placed_by: Mapped[UUID]
    placed_at: Mapped[datetime]
    released_by: Mapped[UUID | None]
    released_at: Mapped[datetime | None]
    release_reason: Mapped[str | None]


@of_town("SELECT", "INSERT", "UPDATE (approved_by, approved_at)")
class ViewRow(Base):
    """One person may read one clip for a while; its record was committed before."""

    __tablename__ = "clip_view"
    __table_args__ = (
        ForeignKeyConstraint(["town", "clip"], ["clip.town", "clip.id"]),
        CheckConstraint("approved_by IS NULL OR approved_by <> person", name="second_person"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    clip: Mapped[UUID]
    person: Mapped[UUID]
    opened_at: Mapped[datetime]
    #: Exclusive.
    until_at: Mapped[datetime]
    needs_approval: Mapped[bool]
    #: The review of a dwelling's clip for the core of private life (R5).
    is_review: Mapped[bool]
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]


@of_town("SELECT", "INSERT", "UPDATE")
class DeletionClockRow(Base):
    """What the clocks said when the town's deletions last ran; a jump makes them wait for a person."""

    __tablename__ = "deletion_clock"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    wall_at: Mapped[datetime]
    mono_ms: Mapped[int]
    boot: Mapped[str]
    is_waiting: Mapped[bool]
