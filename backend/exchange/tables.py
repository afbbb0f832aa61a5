"""The server's copy of every journal. What the law erases stands apart from what is chained."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, Xid8, of_town

_OPEN = "verdict IN ('held', 'parked') AND settled_at IS NULL"


@of_town(
    "SELECT",
    "INSERT",
    "UPDATE (settled_verdict, settled_code, settled_field, settled_at, tries, next_try_at, erased_at)",
)
class JournalEntryRow(Base):
    """The public part of an entry, its place in the chain, and what became of it.

    No foreign key to the source's key: admission holds the source's lock, and the check of each row cost a tenth.
    """

    __tablename__ = "journal_entry"
    __table_args__ = (
        CheckConstraint("verdict IN ('accepted', 'rejected', 'conflict', 'held', 'parked')", name="verdict"),
        CheckConstraint("settled_verdict IN ('accepted', 'rejected', 'conflict')", name="settled_verdict"),
        CheckConstraint("(settled_at IS NULL) = (settled_verdict IS NULL)", name="settled"),
        Index("ix_journal_entry_open", "town", "source", "incarnation", "seq", postgresql_where=_OPEN),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID] = mapped_column(primary_key=True)
    incarnation: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    kind: Mapped[str]
    v: Mapped[int]
    recorded_at: Mapped[datetime]
    #: The zone's name as recorded; the instant alone would forget it.
    zone: Mapped[str]
    #: Salted commitments of the files, 32 bytes each, in order.
    media: Mapped[bytes]
    commitment: Mapped[bytes]
    hash: Mapped[bytes]
    #: The verdict at admission; it is in the log and never changes.
    verdict: Mapped[str]
    code: Mapped[str]
    field: Mapped[str | None]
    subject_type: Mapped[str | None]
    subject: Mapped[str | None]
    received_at: Mapped[datetime]
    #: What a held or parked entry came to.
    settled_verdict: Mapped[str | None]
    settled_code: Mapped[str | None]
    settled_field: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    tries: Mapped[int]
    next_try_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    #: For the durable horizon: a backup holds what is below its snapshot.
    xid: Mapped[str] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"))


@of_town("SELECT", "INSERT", "DELETE")
class JournalPrivateRow(Base):
    """Salt, body and bare file hashes of an entry; erasing deletes this row and nothing else."""

    __tablename__ = "journal_private"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID] = mapped_column(primary_key=True)
    incarnation: Mapped[int] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    salt: Mapped[bytes]
    #: The bytes that were recorded; never `jsonb`, which rewrites numbers and order.
    body: Mapped[bytes]
    #: JSON list of {sha256, size, type}, or empty.
    media: Mapped[bytes]


@of_town("SELECT", "INSERT")
class JournalEffectRow(Base):
    """An id takes effect once in all incarnations of a source: this key says so, not a look before an insert."""

    __tablename__ = "journal_effect"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    commitment: Mapped[bytes]
    incarnation: Mapped[int]
    seq: Mapped[int]


@of_town("SELECT", "INSERT", append_only=True)
class JournalSealRow(Base):
    """Every seal received, over the chain up to `seq`."""

    __tablename__ = "journal_seal"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    source: Mapped[UUID]
    incarnation: Mapped[int]
    seq: Mapped[int]
    signature: Mapped[bytes]
    received_at: Mapped[datetime]


@of_town("SELECT", "INSERT", append_only=True)
class JournalForkRow(Base):
    """A sealed branch that was not followed: of a clone, an old incarnation, or after a revocation."""

    __tablename__ = "journal_fork"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    incarnation: Mapped[int]
    #: `fork` or `revoked`.
    reason: Mapped[str]
    prev: Mapped[bytes]
    first_seq: Mapped[int]
    last_seq: Mapped[int]
    #: The headers as they were chained, one a line.
    headers: Mapped[bytes]
    hash: Mapped[bytes]
    signature: Mapped[bytes]
    received_at: Mapped[datetime]


@of_town("SELECT", "INSERT", "DELETE")
class JournalForkPrivateRow(Base):
    """Salts and bodies of a branch that was not followed."""

    __tablename__ = "journal_fork_private"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    fork: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    salt: Mapped[bytes]
    body: Mapped[bytes]
    media: Mapped[bytes]
