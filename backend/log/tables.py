"""Rows of the log. `log_leaf` and `log_record` are what is true; tiles and tree are computed from the leaves."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    event,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, definer_function, of_town, table_of


@of_town("SELECT", "INSERT", "DELETE")
class QueueRow(Base):
    """A leaf that was committed, or will be, and has no index yet; the sequencer takes it out."""

    __tablename__ = "log_queue"
    __table_args__ = (CheckConstraint("octet_length(leaf) = 32", name="leaf"),)
    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: Drawn at insertion: the order within one batch of the sequencer, and no more than that.
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    #: SHA-256 of a record's public part, or of whatever else is proved.
    leaf: Mapped[bytes]


@of_town("SELECT", "INSERT", append_only=True)
class LeafRow(Base):
    """A leaf and its place in the tree, for ever."""

    __tablename__ = "log_leaf"
    # Not unique: a record logged twice is odd and must not stop the sequencer; its first index counts.
    __table_args__ = (
        CheckConstraint("octet_length(leaf) = 32", name="leaf"),
        CheckConstraint("index >= 0", name="index"),
        # With `index` at its end, the first place of a leaf is one step in it, whatever the planner believes.
        Index(None, "town", "leaf", "index"),
    )
    town: Mapped[UUID] = mapped_column(primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    leaf: Mapped[bytes]


@of_town("SELECT", "INSERT", "UPDATE (hashes)")
class TileRow(Base):
    """A tile; a partial one is a prefix of what it becomes, so that older widths can still be read from it."""

    __tablename__ = "log_tile"
    __table_args__ = (
        CheckConstraint("octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0", name="hashes"),
    )
    town: Mapped[UUID] = mapped_column(primary_key=True)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hashes: Mapped[bytes]


# Hashes do not compress: trying costs more than the write itself.
_STORED_AS_IT_IS = DDL("ALTER TABLE log_tile ALTER hashes SET STORAGE EXTERNAL")  # type: ignore[no-untyped-call]
event.listen(table_of(TileRow), "after_create", _STORED_AS_IT_IS)


@of_town("SELECT", "INSERT", "UPDATE")
class TreeRow(Base):
    """The town's tree as it stands; only the sequencer moves it."""

    __tablename__ = "log_tree"
    __table_args__ = (CheckConstraint("size > 0 AND octet_length(root) = 32", name="size"),)
    town: Mapped[UUID] = mapped_column(primary_key=True)
    size: Mapped[int]
    root: Mapped[bytes]
    updated_at: Mapped[datetime]


@of_town("SELECT", "INSERT", append_only=True)
class CheckpointRow(Base):
    """A tree head that we signed, and that therefore binds us."""

    __tablename__ = "log_checkpoint"
    __table_args__ = (CheckConstraint("size > 0", name="size"),)
    town: Mapped[UUID] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: The signed note, as it is served.
    note: Mapped[str]
    at: Mapped[datetime]


@of_town("SELECT", "INSERT", append_only=True)
class RecordRow(Base):
    """What the server wrote about an item: the part that stays."""

    __tablename__ = "log_record"
    __table_args__ = (
        UniqueConstraint("town", "subject", "position"),
        CheckConstraint("position > 0", name="position"),
        CheckConstraint("length(subject) BETWEEN 1 AND 200", name="subject"),
        CheckConstraint("kind ~ '^[a-z_]+[.][a-z_]+$'", name="kind"),
        CheckConstraint("octet_length(signature) = 64", name="signature"),
    )
    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    at: Mapped[datetime]
    #: The item whose chain of custody this record continues.
    subject: Mapped[str]
    #: Its place in that chain, from 1; two writers at once cannot both follow the same record.
    position: Mapped[int]
    #: The bytes that were hashed.
    public: Mapped[bytes]
    hash: Mapped[bytes] = mapped_column(Computed("sha256(public)", persisted=True))
    #: The record key's over the DSSE form of `public` (sync/envelope.py); none for steps that no key signs.
    signature: Mapped[bytes | None]


@of_town("SELECT", "INSERT", "DELETE")
class PrivateRow(Base):
    """Who, why and in which words: the part that the law may want erased, behind the record's commitment."""

    __tablename__ = "log_private"
    __table_args__ = (
        ForeignKeyConstraint(["town", "id"], ["log_record.town", "log_record.id"]),
        CheckConstraint("octet_length(salt) = 16", name="salt"),
    )
    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    salt: Mapped[bytes]
    body: Mapped[bytes]


# The queue is stepped through from town to town: a plain DISTINCT would read a whole backlog each time.
definer_function(
    "log_towns_waiting",
    "",
    "SETOF uuid",
    """
    WITH RECURSIVE queued(town) AS (
        (SELECT town FROM log_queue ORDER BY town LIMIT 1)
        UNION ALL
        SELECT (SELECT next.town FROM log_queue next WHERE next.town > queued.town ORDER BY next.town LIMIT 1)
        FROM queued WHERE queued.town IS NOT NULL
    )
    SELECT town FROM queued WHERE town IS NOT NULL
    UNION
    SELECT town FROM log_tree tree WHERE NOT EXISTS (
        SELECT FROM log_checkpoint done WHERE done.town = tree.town AND done.size = tree.size
    )
    """,
)
