"""The life of a file: expected by an entry, stored, read, removed. How it comes is told in `uploading.py`."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.db import Bulk, later
from backend.errors import BadInput, NotFound
from backend.feed import service as feed
from backend.fields import uuid7
from backend.media import rules
from backend.media.storage import Folder
from backend.media.tables import MediaRow, MediaUploadRow
from backend.media.wire import MediaLine, State, Stored
from backend.work import service as work
from sync.keys import SourceKey

logger = structlog.get_logger()

#: What the entry's kind does once a file is stored: returns the id of the record that is the receipt, or None.
OnStored = Callable[[Session, Stored, SourceKey], UUID | None]


_EXPECT: Final = Bulk(
    MediaRow,
    ["town", "id", "source", "entry", "sha256", "size", "type", "chunks", "state", "rev", "expected_at"],
    unique=["source", "entry", "sha256"],
    on_conflict="ON CONFLICT (town, source, entry, sha256) DO NOTHING",
)


class Named(Protocol):
    """A file as an entry names it (`sync.exchange.WireMedia`): `sha256` is lower-case hex."""

    @property
    def sha256(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def type(self) -> str: ...


def expect(session: Session, *, source: UUID, entry: UUID, media: Named, chunks: bytes | None, now: datetime) -> None:
    """This file of the entry may come, once this transaction commits; the same file again changes nothing.

    Written with the others of its transaction (`later`), so it costs no round trip. `chunks`: the SHA-256 of each
    piece of 4 MiB, 32 bytes each, the last piece may be shorter; or None, then the whole is compared at its end.

    Raises:
        BadInput: the list is not of the length that the file's size needs.
    """
    if chunks is not None and not rules.is_list_of(chunks, media.size):
        raise BadInput(field="/body/chunks", detail="not 32 bytes for each 4 MiB of the file")
    later(
        session,
        _EXPECT,
        (
            session.info["town"], uuid7(), source, entry, bytes.fromhex(media.sha256), media.size, media.type, chunks,
            "awaiting", 1, now,
        ),
    )  # fmt: skip


def store(session: Session, id: UUID, key: SourceKey, on_stored: OnStored, *, now: datetime) -> bool:
    """The file is stored, its kind did what it does, its source learns it: all once this commits.

    Before, `folder.seal` MUST have made the object whole and durable. False: another did it, or it is gone.
    """
    upload = session.scalars(
        select(MediaUploadRow)
        .where(MediaUploadRow.id == id, MediaUploadRow.durable_offset == MediaUploadRow.size)
        .with_for_update()
    ).one_or_none()
    if upload is None:
        return False
    media = session.get_one(MediaRow, (upload.town, id), with_for_update=True)
    assert media.sha256 is not None  # noqa: S101 - a constraint: only removed ones have none
    media.state, media.object, media.stored_at, media.rev = "stored", upload.object, now, media.rev + 1
    # Without a list the whole was compared before it was sealed.
    media.described_at = now if media.chunks is None else None
    session.delete(upload)
    session.flush()  # the kind counts what is still awaited
    stored = Stored(
        town=media.town,
        source=media.source,
        entry=media.entry,
        sha256=media.sha256,
        size=media.size,
        type=media.type,
        media=media.id,
        stored_at=now,
    )
    media.receipt = on_stored(session, stored, key)
    tell(session, media, "stored")
    return True


def awaited(session: Session, source: UUID, entry: UUID) -> int:
    """How many files of an entry are not stored."""
    return session.scalars(
        select(func.count()).where(MediaRow.source == source, MediaRow.entry == entry, MediaRow.state == "awaiting")
    ).one()


def read(session: Session, folder: Folder, id: UUID, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The plain bytes of a stored file from `start` to `stop` (exclusive; None: its end), a piece at a time.

    The row is read now, the bytes as they are asked for: the transaction need not stay open meanwhile.

    Raises:
        NotFound: the town has no such file, or it is not stored.
        DamagedObject: while reading, where the store has fewer bytes.
    """
    row = session.execute(
        select(MediaRow.object, MediaRow.size).where(MediaRow.id == id, MediaRow.state == "stored")
    ).one_or_none()
    if row is None:
        raise NotFound
    return folder.read(row.object, start, row.size if stop is None else min(stop, row.size))


def remove(session: Session, folder: Folder, id: UUID) -> None:
    """Neither bytes nor digest of the file are left, also of an unfinished upload; once more changes nothing.

    The bytes go at once and not with the commit: whoever calls has decided that they go, and calls again if the
    commit fails.

    Raises:
        NotFound: the town has no such file.
    """
    upload = session.get(MediaUploadRow, (session.info["town"], id), with_for_update=True)
    media = session.get(MediaRow, (session.info["town"], id), with_for_update=True)
    if media is None:
        raise NotFound
    for object_ in (media.object, upload.object if upload is not None else None):
        if object_ is not None:
            folder.remove(object_)
    if upload is not None:
        session.delete(upload)
    if media.state != "removed":
        media.state, media.sha256, media.chunks, media.object, media.rev = "removed", None, None, None, media.rev + 1
        feed.leave(session, f"self:{media.source}", "media", id=media.id, rev=media.rev, op="purge")


def undescribed(session: Session, limit: int = 20) -> list[tuple[UUID, UUID, int]]:
    """Id, object and size of stored files whose whole was not compared with its digest yet, the oldest first."""
    found = session.execute(
        select(MediaRow.id, MediaRow.object, MediaRow.size)
        .where(MediaRow.state == "stored", MediaRow.described_at.is_(None))
        .order_by(MediaRow.stored_at)
        .limit(limit)
    )
    return [(row.id, row.object, row.size) for row in found]


def describe(session: Session, id: UUID, digest: bytes | None, *, now: datetime) -> None:
    """The whole was hashed: `digest`, or None where the store lost bytes of it.

    Where that contradicts the entry, though each piece fitted its list, a custodian looks at it.
    """
    media = session.get(MediaRow, (session.info["town"], id), with_for_update=True)
    if media is None or media.state != "stored" or media.described_at is not None:
        return
    media.described_at = now
    if media.sha256 != digest:
        kind = "chunk_list_contradicts_digest" if digest is not None else "object_damaged"
        logger.error(kind, media=str(id))
        facts: dict[str, str | int] = {"entry": str(media.entry), "found": digest.hex() if digest else ""}
        work.open_task(session, "evidence", kind, subject_type="media", subject=id, facts=facts, now=now)


def tell(session: Session, media: MediaRow, state: State) -> None:
    """The source learns how its file stands."""
    assert media.sha256 is not None  # noqa: S101 - as above
    line = MediaLine(state=state, entry=media.entry, sha256=media.sha256.hex())
    feed.put(session, f"self:{media.source}", "media", id=media.id, rev=media.rev, body=line)
