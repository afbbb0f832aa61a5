"""What the journal keeps of one entry, for the slice that took it, and its erasing; imports no slice."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.orm import Session

from backend.exchange.tables import (
    JournalEffectRow,
    JournalEntryRow,
    JournalForkPrivateRow,
    JournalForkRow,
    JournalPrivateRow,
)
from sync.entry import HASH_SIZE


class Kept(NamedTuple):
    """The public part of an entry that a record about it repeats."""

    incarnation: int
    seq: int
    #: The chain's hash at this entry, 32 bytes.
    hash: bytes
    #: Salted commitment of each file, 32 bytes, in the entry's order.
    media: tuple[bytes, ...]


def entry(session: Session, source: UUID, id: UUID) -> Kept:
    """The entry `id` of `source`, where it took effect.

    Raises:
        NoResultFound: no such entry was admitted.
    """
    row = session.execute(
        select(JournalEntryRow.incarnation, JournalEntryRow.seq, JournalEntryRow.hash, JournalEntryRow.media)
        .join(
            JournalEffectRow,
            (JournalEffectRow.town == JournalEntryRow.town)
            & (JournalEffectRow.source == JournalEntryRow.source)
            & (JournalEffectRow.incarnation == JournalEntryRow.incarnation)
            & (JournalEffectRow.seq == JournalEntryRow.seq),
        )
        .where(JournalEffectRow.source == source, JournalEffectRow.id == id)
    ).one()
    media = tuple(row.media[at : at + HASH_SIZE] for at in range(0, len(row.media), HASH_SIZE))
    return Kept(row.incarnation, row.seq, row.hash, media)


def erase(session: Session, source: UUID, ids: Sequence[UUID], *, now: datetime) -> int:
    """Salt, body and bare file hashes of these entries are gone wherever they arrived; how many private parts went.

    Chain, commitment, seal and leaf stay, so the journal still verifies. Repeating it changes nothing. Entries are
    found by id: also repetitions under other numbers, and copies on branches that were not followed.
    """
    row = JournalEntryRow
    places = session.execute(
        update(row)
        .where(row.source == source, row.id.in_(ids), row.erased_at.is_(None))
        .values(erased_at=now)
        .returning(row.incarnation, row.seq)
        .execution_options(synchronize_session=False)
    ).all()
    private = JournalPrivateRow
    gone = session.scalars(
        delete(private)
        .where(private.source == source, tuple_(private.incarnation, private.seq).in_([tuple(p) for p in places]))
        .returning(private.seq)
        .execution_options(synchronize_session=False)
    ).all()
    return len(gone) + sum(_erase_on_branches(session, source, one) for one in ids)


def _erase_on_branches(session: Session, source: UUID, id: UUID) -> int:
    quoted = f'"{id}"'.encode()
    branches = session.execute(
        select(JournalForkRow.id, JournalForkRow.first_seq, JournalForkRow.headers).where(
            JournalForkRow.source == source
        )
    )
    gone = 0
    for fork, first_seq, headers in branches:
        for n, header in enumerate(headers.split(b"\n")):
            if quoted in header:
                gone += len(
                    session.scalars(
                        delete(JournalForkPrivateRow)
                        .where(JournalForkPrivateRow.fork == fork, JournalForkPrivateRow.seq == first_seq + n)
                        .returning(JournalForkPrivateRow.seq)
                        .execution_options(synchronize_session=False)
                    ).all()
                )
    return gone
