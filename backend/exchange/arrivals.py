"""Telling an entry's kind that a file of it is stored."""

from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.exchange.kinds import KINDS
from backend.exchange.tables import JournalEffectRow, JournalEntryRow
from backend.media.wire import Arrived, Stored
from sync.keys import SourceKey


def media_arrived(session: Session, stored: Stored, key: SourceKey) -> UUID | None:
    """The kind of the entry did what it does with a stored file; the id of the record that is its receipt, or None.

    Raises:
        Exception: whatever the kind raises; then the file is not stored.
    """
    kind = session.scalars(
        select(JournalEntryRow.kind)
        .join(
            JournalEffectRow,
            (JournalEffectRow.town == JournalEntryRow.town)
            & (JournalEffectRow.source == JournalEntryRow.source)
            & (JournalEffectRow.incarnation == JournalEntryRow.incarnation)
            & (JournalEffectRow.seq == JournalEntryRow.seq),
        )
        .where(JournalEffectRow.source == stored.source, JournalEffectRow.id == stored.entry)
    ).one()
    known = KINDS.get(kind)
    if known is None or known.media_arrived is None:
        return None
    return known.media_arrived(session, Arrived(kind=kind, **msgspec.structs.asdict(stored)), key)
