"""Opening and settling what waits for a person."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.db import Bulk, later
from backend.errors import AlreadyDone, NotAllowed, NotFound, StaleBase
from backend.feed import service as feed
from backend.fields import Actor, uuid7
from backend.work.rules import SETTLES, may_settle
from backend.work.tables import TaskRow
from backend.work.wire import CloseTask, Task

_OPEN = Bulk(
    TaskRow,
    ["town", "id", "audience", "kind", "subject_type", "subject", "facts", "rev", "opened_at"],
    unique=["kind", "subject_type", "subject"],
    on_conflict="ON CONFLICT DO NOTHING RETURNING id",
)


def open_task(
    session: Session,
    audience: str,
    kind: str,
    *,
    subject_type: str,
    subject: UUID,
    facts: dict[str, str | int],
    now: datetime,
    is_first: bool = False,
) -> None:
    """A task of this kind about this subject waits for `audience` (a feed scope).

    While one waits, a repetition opens no second one; after it was settled, it does. With `is_first` the caller knows
    that none can wait yet, and the row is written with the others of its batch instead of by a statement of its own.
    """
    id_ = uuid7()
    row = (
        session.info["town"],
        id_,
        audience,
        kind,
        subject_type,
        subject,
        msgspec.json.encode(facts).decode(),
        1,
        now,
    )
    if is_first:
        later(session, _OPEN, row)
    elif not _OPEN.write(session, [row]):
        return
    body = Task(
        id=str(id_),
        audience=audience,
        kind=kind,
        subject_type=subject_type,
        subject=str(subject),
        facts=facts,
        rev=1,
        opened_at=now,
        closed_at=None,
        outcome=None,
    )
    feed.put(session, audience, "task", id=id_, rev=1, body=body)


def is_waiting(session: Session, kind: str, subject: UUID) -> bool:
    """Whether a task of this kind about this subject waits for a person."""
    row = TaskRow
    found = session.scalar(select(row.id).where(row.kind == kind, row.subject == subject, row.closed_at.is_(None)))
    return found is not None


def close_task(session: Session, actor: Actor, id: UUID, data: CloseTask, *, now: datetime) -> Task:
    """The task is settled, with who, how and why; the same outcome again returns it as it stands.

    Raises:
        NotFound: no such task, or it waits for others.
        NotAllowed: this person may see it and not settle it.
        AlreadyDone: it was settled otherwise.
        StaleBase: it changed since the person saw it.
    """
    row = session.scalars(
        select(TaskRow).where(TaskRow.id == id, TaskRow.audience.in_(actor.scopes)).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound
    if not may_settle(row.audience, actor.roles):
        raise NotAllowed(needs=SETTLES[row.audience])
    if row.closed_at is not None:
        if (row.outcome, row.reason, row.closed_by) != (data.outcome, data.reason, actor.person):
            raise AlreadyDone(outcome=row.outcome or "")
        return as_wire(row)
    if row.rev != data.base:
        raise StaleBase(rev=row.rev)
    row.rev += 1
    row.closed_at, row.closed_by, row.outcome, row.reason = now, actor.person, data.outcome, data.reason
    feed.leave(session, row.audience, "task", id=row.id, rev=row.rev, op="drop")
    return as_wire(row)


def open_tasks(session: Session, actor: Actor, limit: int) -> list[Task]:
    """The tasks that wait for this person's audiences, oldest first."""
    rows = session.scalars(
        select(TaskRow)
        .where(TaskRow.audience.in_(actor.scopes), TaskRow.closed_at.is_(None))
        .order_by(TaskRow.opened_at, TaskRow.id)
        .limit(limit)
    )
    return [as_wire(row) for row in rows]


def open_tasks_by_kind(session: Session, actor: Actor) -> dict[str, int]:
    """How many tasks of each kind wait for this person's audiences; a kind without any is left out."""
    rows = session.execute(
        select(TaskRow.kind, func.count())
        .where(TaskRow.audience.in_(actor.scopes), TaskRow.closed_at.is_(None))
        .group_by(TaskRow.kind)
        .order_by(TaskRow.kind)
    )
    return dict(rows.all())


def as_wire(row: TaskRow) -> Task:
    """The row as it is sent."""
    return Task(
        id=str(row.id),
        audience=row.audience,
        kind=row.kind,
        subject_type=row.subject_type,
        subject=str(row.subject),
        facts=row.facts,
        rev=row.rev,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        outcome=row.outcome,
    )
