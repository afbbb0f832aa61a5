"""Rows of the tasks that wait for a person."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, of_town


@of_town("SELECT", "INSERT", "UPDATE (rev, closed_at, closed_by, outcome, reason)")
class TaskRow(Base):
    """Something that waits for a person: a finding, a rejected entry, a fork."""

    __tablename__ = "task"
    __table_args__ = (
        Index(
            "uq_task_open", "town", "kind", "subject_type", "subject", unique=True, postgresql_where="closed_at IS NULL"
        ),
        Index("ix_task_open", "town", "audience", "opened_at", "id", postgresql_where="closed_at IS NULL"),
        CheckConstraint("(closed_at IS NULL) = (outcome IS NULL)", name="closed_with_outcome"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: The feed scope whose readers may settle it: `office`, `desk` or `admin`.
    audience: Mapped[str]
    kind: Mapped[str]
    subject_type: Mapped[str]
    subject: Mapped[UUID]
    #: Facts that the sentence on the screen needs; no free text of persons.
    facts: Mapped[dict[str, str | int]] = mapped_column(JSONB)
    rev: Mapped[int]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    outcome: Mapped[str | None]
    reason: Mapped[str | None]
