"""Rows of files: what may come, what is on its way, what is stored."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, of_town


@of_town(
    "SELECT",
    "INSERT",
    "UPDATE (state, sha256, chunks, object, stored_at, receipt, described_at, rev)",
)
class MediaRow(Base):
    """A file that an admitted entry names.

    awaiting ──finish──► stored ──remove──► removed
        └────────────────remove──────────────┘

    `removed` keeps nothing by which a kept copy could be recognised: digest and list are gone, and `id` is random.
    """

    __tablename__ = "media"
    __table_args__ = (
        Index("uq_media_file", "town", "source", "entry", "sha256", unique=True),
        Index("ix_media_described", "town", "stored_at", postgresql_where="state = 'stored' AND described_at IS NULL"),
        CheckConstraint("state IN ('awaiting', 'stored', 'removed')", name="state"),
        CheckConstraint("(state = 'removed') = (sha256 IS NULL)", name="removed"),
        CheckConstraint("(state = 'stored') = (object IS NOT NULL)", name="stored"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256"),
        CheckConstraint("octet_length(chunks) % 32 = 0", name="chunks"),
        CheckConstraint("size >= 0", name="size"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: Also the upload's address.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    entry: Mapped[UUID]
    sha256: Mapped[bytes | None]
    size: Mapped[int]
    type: Mapped[str]
    #: SHA-256 of each piece of 4 MiB; None: nobody vouches for pieces, only for the whole.
    chunks: Mapped[bytes | None]
    state: Mapped[str]
    rev: Mapped[int]
    expected_at: Mapped[datetime]
    #: Name of its bytes in the store.
    object: Mapped[UUID | None]
    stored_at: Mapped[datetime | None]
    #: The record that is its receipt, where its kind writes one.
    receipt: Mapped[UUID | None]
    #: When the whole was compared with `sha256`; pieces that fit a list may still contradict it.
    described_at: Mapped[datetime | None]


@of_town("SELECT", "INSERT", "UPDATE (object, durable_offset, writer, tail, expires_at)", "DELETE")
class MediaUploadRow(Base):
    """An upload that is not finished. What `durable_offset` says is on disk before the row says it."""

    __tablename__ = "media_upload"
    __table_args__ = (
        ForeignKeyConstraint(["town", "id"], ["media.town", "media.id"]),
        Index("ix_media_upload_source", "town", "source"),
        CheckConstraint("durable_offset BETWEEN 0 AND size", name="durable_offset"),
        CheckConstraint("octet_length(tail) < 65536", name="tail"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: The file's.
    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    size: Mapped[int]
    #: Under which its bytes are written; new for each upload, so that an old writer can never reach a new one's file.
    object: Mapped[UUID]
    durable_offset: Mapped[int]
    #: Number of the request that may write; a newer one takes over by raising it.
    writer: Mapped[int]
    #: What the store holds back until a segment is whole (`storage.py`); plain files hold nothing back.
    tail: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
