"""Rows of reports, incidents, jobs, units and emergencies."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, of_town

_WHOLE: Final = ("SELECT", "INSERT", "UPDATE")
#: Rows of a batch are written table by table, whichever came first: what refers to what is looked at in the end.
AT_COMMIT: Final[dict[str, Any]] = {"deferrable": True, "initially": "DEFERRED"}


@of_town(*_WHOLE)
class IncidentRow(Base):
    """An event that the control room deals with."""

    __tablename__ = "incident"
    __table_args__ = (
        UniqueConstraint("town", "no"),
        CheckConstraint("priority BETWEEN 1 AND 5", name="priority"),
        CheckConstraint(
            "state IN ('new', 'accepted', 'dispatched', 'on_scene', 'resolved', 'closed', 'merged')", name="state"
        ),
        CheckConstraint(
            "disposition IN ('real', 'false_user', 'false_technical', 'test', 'drill', 'unfounded')", name="disposition"
        ),
        CheckConstraint("state <> 'closed' OR disposition IS NOT NULL", name="closed_with_disposition"),
        Index("ix_incident_open", "town", "no", postgresql_where="state NOT IN ('closed', 'merged')"),
        Index("ix_incident_building", "town", "building", "happened_at", postgresql_where="building IS NOT NULL"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    no: Mapped[int]
    kind: Mapped[str]
    priority: Mapped[int]
    state: Mapped[str]
    #: A line for people; addresses of persons may stand in it.
    place: Mapped[str]
    #: A building of `buildings`, a later slice: no foreign key.
    building: Mapped[UUID | None]
    text: Mapped[str | None]
    happened_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    opened_by: Mapped[UUID | None]
    rule: Mapped[str | None]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[UUID | None]
    is_without_unit: Mapped[bool]
    resolved_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    disposition: Mapped[str | None]
    linked: Mapped[UUID | None]


@of_town(*_WHOLE)
class ReportRow(Base):
    """What somebody told the control room; only `incident` ever changes."""

    __tablename__ = "report"
    __table_args__ = (
        ForeignKeyConstraint(["town", "incident"], ["incident.town", "incident.id"], **AT_COMMIT),
        CheckConstraint("channel IN ('phone', 'officer', 'citizen', 'patrol')", name="channel"),
        Index("ix_report_open", "town", "received_at", postgresql_where="incident IS NULL"),
        Index("ix_report_incident", "town", "incident"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    channel: Mapped[str]
    text: Mapped[str]
    place: Mapped[str]
    caller: Mapped[str | None]
    by: Mapped[UUID]
    source: Mapped[UUID | None]
    recorded_at: Mapped[datetime]
    received_at: Mapped[datetime]
    incident: Mapped[UUID | None]


@of_town(*_WHOLE)
class UnitRow(Base):
    """A patrol and its newest status."""

    __tablename__ = "unit"
    __table_args__ = (
        UniqueConstraint("town", "call_sign"),
        CheckConstraint("mode IN ('foot', 'bike', 'car')", name="mode"),
        CheckConstraint(
            "status IN ('available_patrol', 'available_station', 'en_route', 'on_scene', 'off', 'committed',"
            " 'limited')",
            name="status",
        ),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    call_sign: Mapped[str]
    mode: Mapped[str]
    status: Mapped[str]
    code: Mapped[str | None]
    status_at: Mapped[datetime]
    status_received_at: Mapped[datetime]
    is_clock_off: Mapped[bool]
    wants_to_talk: Mapped[bool]
    urgent_talk: Mapped[bool]


@of_town(*_WHOLE)
class ShiftRow(Base):
    """A person on duty in a unit; in one at a time."""

    __tablename__ = "shift"
    __table_args__ = (
        ForeignKeyConstraint(["town", "unit"], ["unit.town", "unit.id"]),
        ForeignKeyConstraint(["town", "person"], ["person.town", "person.id"]),
        Index("uq_shift_open", "town", "person", unique=True, postgresql_where="ended_at IS NULL"),
        Index("ix_shift_unit", "town", "unit", "started_at"),
        CheckConstraint("ended_at >= started_at", name="order"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    unit: Mapped[UUID]
    person: Mapped[UUID]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


@of_town(*_WHOLE)
class JobRow(Base):
    """An order to exactly one unit."""

    __tablename__ = "job"
    __table_args__ = (
        ForeignKeyConstraint(["town", "incident"], ["incident.town", "incident.id"], **AT_COMMIT),
        ForeignKeyConstraint(["town", "unit"], ["unit.town", "unit.id"]),
        CheckConstraint(
            "state IN ('proposed', 'sent', 'delivered', 'accepted', 'en_route', 'on_scene', 'timed_out', 'declined',"
            " 'withdrawn', 'done')",
            name="state",
        ),
        Index("ix_job_incident", "town", "incident"),
        Index("ix_job_due", "town", "due_at", postgresql_where="due_at IS NOT NULL"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    incident: Mapped[UUID]
    unit: Mapped[UUID]
    state: Mapped[str]
    text: Mapped[str | None]
    sent_by: Mapped[UUID]
    sent_at: Mapped[datetime]
    #: The poller's loop claims it then.
    due_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    en_route_at: Mapped[datetime | None]
    on_scene_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    answered_at: Mapped[datetime | None]


@of_town("SELECT", "INSERT", append_only=True)
class StatusChangeRow(Base):
    """A unit's status as somebody set it. Both clocks always."""

    __tablename__ = "status_change"
    __table_args__ = (Index("ix_status_change_unit", "town", "unit", "recorded_at"),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    unit: Mapped[UUID]
    meaning: Mapped[str]
    code: Mapped[str | None]
    by: Mapped[UUID | None]
    source: Mapped[UUID | None]
    #: The job whose step changed it; None: a person pressed a key.
    job: Mapped[UUID | None]
    recorded_at: Mapped[datetime]
    received_at: Mapped[datetime]
    #: The source's known offset.
    offset_ms: Mapped[int | None]


@of_town("SELECT", "INSERT", "DELETE")
class StatusCodeRow(Base):
    """A town's number for a meaning; without rows the FMS's stand."""

    __tablename__ = "status_code"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    meaning: Mapped[str]


@of_town("SELECT", "INSERT", append_only=True)
class NoteRow(Base):
    """What was written down about an incident."""

    __tablename__ = "note"
    __table_args__ = (
        ForeignKeyConstraint(["town", "incident"], ["incident.town", "incident.id"], **AT_COMMIT),
        Index("ix_note_incident", "town", "incident", "received_at"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    incident: Mapped[UUID]
    text: Mapped[str]
    by: Mapped[UUID | None]
    rule: Mapped[str | None]
    recorded_at: Mapped[datetime]
    received_at: Mapped[datetime]


@of_town("SELECT", "INSERT", append_only=True)
class DecisionRow(Base):
    """What a machine decided, by which rule, and why."""

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_subject", "town", "subject_type", "subject", "at"),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_type: Mapped[str]
    subject: Mapped[UUID]
    rule: Mapped[str]
    version: Mapped[int]
    outcome: Mapped[str]
    #: A sentence without personal data.
    reason: Mapped[str]
    at: Mapped[datetime]


@of_town(*_WHOLE)
class EmergencyRow(Base):
    """An officer's call for help; its position is gone when it is closed."""

    __tablename__ = "emergency"
    __table_args__ = (
        ForeignKeyConstraint(["town", "incident"], ["incident.town", "incident.id"], **AT_COMMIT),
        CheckConstraint("kind IN ('duress', 'help', 'medical', 'timer')", name="kind"),
        CheckConstraint("state IN ('stored', 'shown', 'accepted', 'supported', 'safe', 'closed')", name="state"),
        CheckConstraint("state <> 'closed' OR lat IS NULL", name="no_position_kept"),
        Index("ix_emergency_open", "town", "id", postgresql_where="state <> 'closed'"),
        Index("ix_emergency_due", "town", "due_at", postgresql_where="due_at IS NOT NULL"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    rev: Mapped[int]
    kind: Mapped[str]
    state: Mapped[str]
    person: Mapped[UUID]
    source: Mapped[UUID | None]
    incident: Mapped[UUID | None]
    raised_at: Mapped[datetime]
    received_at: Mapped[datetime]
    is_confirmed: Mapped[bool]
    presses: Mapped[int]
    cancelled_at: Mapped[datetime | None]
    lat: Mapped[float | None] = mapped_column(Double)
    lon: Mapped[float | None] = mapped_column(Double)
    accuracy_m: Mapped[float | None] = mapped_column(Double)
    shown_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    accepted_by: Mapped[UUID | None]
    due_at: Mapped[datetime | None]
    told: Mapped[str | None]
    told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    linked: Mapped[UUID | None]
