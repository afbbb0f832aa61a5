"""Reading what is said about files."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.fields import Actor
from backend.log.queries import envelope
from backend.media.tables import MediaRow


def receipt(session: Session, actor: Actor, id: UUID) -> bytes | None:
    """The receipt of a stored file, the same bytes each time; None: it is not stored yet.

    Raises:
        NotFound: this source has no such file, or its kind of entry has no receipts.
    """
    row = session.execute(
        select(MediaRow.state, MediaRow.receipt).where(MediaRow.id == id, MediaRow.source == actor.source)
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.state == "awaiting":
        return None
    if row.receipt is None:
        raise NotFound
    return envelope(session, row.receipt)


def missing(session: Session, *, before: datetime, limit: int = 200) -> list[tuple[UUID, UUID, UUID]]:
    """Files that entries named before `before` and that did not come: id, source, entry; the longest awaited first."""
    found = session.execute(
        select(MediaRow.id, MediaRow.source, MediaRow.entry)
        .where(MediaRow.state == "awaiting", MediaRow.expected_at < before)
        .order_by(MediaRow.expected_at)
        .limit(limit)
    )
    return [(row.id, row.source, row.entry) for row in found]


def files(session: Session, source: UUID, entry: UUID) -> list[tuple[UUID, bytes | None, int, str, str]]:
    """The files of an entry, in its order: id, SHA-256 (None: removed), size, type, state."""
    found = session.execute(
        select(MediaRow.id, MediaRow.sha256, MediaRow.size, MediaRow.type, MediaRow.state)
        .where(MediaRow.source == source, MediaRow.entry == entry)
        .order_by(MediaRow.id)
    )
    return [(row.id, row.sha256, row.size, row.type, row.state) for row in found]
