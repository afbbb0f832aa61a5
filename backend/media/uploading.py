"""The life of an upload: begun, moved on piece by piece, whole, or given up.

Nothing here receives bytes: `receiving.py` does, and calls these between.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from backend.db import rows
from backend.errors import (
    BadInput,
    EntryUnknown,
    NoRoom,
    NotAPiece,
    NotFound,
    TooLarge,
    TooManyUploads,
    UploadGone,
    WrongOffset,
)
from backend.fields import Actor, uuid7
from backend.media import rules
from backend.media.rules import BadHeader, Wanted
from backend.media.service import tell
from backend.media.storage import Folder, Part
from backend.media.tables import MediaRow, MediaUploadRow

logger = structlog.get_logger()

#: Whoever received the last piece finishes it at once; only later does the sweep come (ours).
LEFT_ALONE: Final = timedelta(seconds=5)


_BEGIN: Final = (
    "UPDATE media_upload SET writer = writer + 1 WHERE id = %(id)s AND source = %(source)s"
    " RETURNING writer, object, size, durable_offset, tail, (SELECT chunks FROM media WHERE media.id = %(id)s) chunks"
)


_ADVANCE: Final = (
    "UPDATE media_upload SET durable_offset = %(offset)s, tail = %(tail)s, expires_at = %(expires_at)s"
    " WHERE id = %(id)s AND writer = %(writer)s RETURNING 1"
)


class Sent(NamedTuple):
    """What the headers of a PATCH say."""

    offset: int
    #: Bytes of the body; None: it comes in chunks of HTTP, without a length in front.
    length: int | None
    #: 32 bytes, over the body.
    checksum: bytes | None


class Standing(NamedTuple):
    """How far an upload is durable."""

    id: UUID
    size: int
    offset: int
    #: None: it is stored, and stays.
    expires_at: datetime | None


class Begun(NamedTuple):
    """An upload that one request may write, as it stands."""

    town: UUID
    id: UUID
    #: The request's own number; every commit of it says so.
    writer: int
    object: UUID
    size: int
    offset: int
    tail: bytes
    chunks: bytes | None
    #: Open for writing, cut back to `offset`.
    part: Part


class Whole(NamedTuple):
    """An upload whose bytes are all durable and that is not stored yet."""

    id: UUID
    object: UUID
    size: int
    tail: bytes
    #: 32 bytes, of the whole.
    sha256: bytes
    #: Each piece was compared with a list.
    is_listed: bool


def asked(length: str | None, metadata: str | None) -> Wanted:
    """What the headers of a POST ask for.

    Raises:
        BadInput: names the header, and the key within the metadata.
    """
    try:
        return rules.wanted(length, metadata)
    except BadHeader as error:
        raise BadInput(field=error.pointer, detail=error.detail) from error


def sent(headers: Mapping[str, str], offset: str | None, checksum: str | None) -> Sent:
    """What the headers of a PATCH say: all by lower-case name, and the two that tus adds.

    Raises:
        NotAPiece: the body is not called a piece of a file, or it is packed.
        BadInput: names the header.
    """
    if headers.get("content-type", "").lower() != "application/offset+octet-stream":
        raise NotAPiece(field="/content-type", detail="not application/offset+octet-stream")
    if headers.get("content-encoding", "identity") != "identity":
        raise NotAPiece(field="/content-encoding", detail="packed bodies are not taken")
    length = headers.get("content-length")
    try:
        return Sent(
            rules.number("upload-offset", offset),
            rules.number("content-length", length) if length is not None else None,
            rules.checksum(checksum),
        )
    except BadHeader as error:
        raise BadInput(field=error.pointer, detail=error.detail) from error


def create(session: Session, actor: Actor, wanted: Wanted, folder: Folder, *, now: datetime) -> Standing:
    """The upload of an expected file; the same file again returns the upload as it stands.

    Raises:
        TooLarge: more than 32 GiB.
        EntryUnknown: no admitted entry of this source names the file.
        UploadGone: it was deleted by law.
        BadInput: length or type differ from what the entry says.
        TooManyUploads: four of this source are unfinished.
        NoRoom: the disk could not take it.
    """
    if wanted.size > rules.MAX_FILE:
        raise TooLarge(field="/upload-length", max_bytes=rules.MAX_FILE)
    # Two at once for one source: the second finds what the first made.
    rows(session, "SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", key=f"media.create {actor.source}")
    media = _named(session, actor, wanted)
    if media.size != wanted.size:
        raise BadInput(field="/upload-length", detail="not the size that the entry gives")
    if media.type != wanted.type:
        raise BadInput(field="/upload-metadata/type", detail="not the type that the entry gives")
    if media.state == "stored":
        return Standing(media.id, media.size, media.size, None)
    upload = session.get(MediaUploadRow, (actor.town, media.id))
    if upload is None:
        upload = _begin_upload(session, actor, media, folder, now)
    return Standing(upload.id, upload.size, upload.durable_offset, upload.expires_at)


def _named(session: Session, actor: Actor, wanted: Wanted) -> MediaRow:
    of_entry = select(MediaRow).where(MediaRow.source == actor.source, MediaRow.entry == wanted.entry)
    media = session.scalars(of_entry.where(MediaRow.sha256 == wanted.sha256)).one_or_none()
    if media is not None:
        return media
    if session.scalars(of_entry.where(MediaRow.state == "removed").limit(1)).one_or_none() is not None:
        raise UploadGone
    raise EntryUnknown(field="/upload-metadata/entry")


def _begin_upload(session: Session, actor: Actor, media: MediaRow, folder: Folder, now: datetime) -> MediaUploadRow:
    unfinished = session.scalar(select(func.count()).where(MediaUploadRow.source == actor.source))
    if (unfinished or 0) >= rules.MAX_UNFINISHED:
        raise TooManyUploads(most=rules.MAX_UNFINISHED)
    if not folder.has_room_for(media.size):
        logger.error("media_no_room", size=media.size)
        raise NoRoom
    upload = MediaUploadRow(
        town=actor.town,
        id=media.id,
        source=media.source,
        size=media.size,
        object=uuid7(),
        durable_offset=0,
        writer=0,
        tail=b"",
        created_at=now,
        expires_at=now + rules.LIFE,
    )
    session.add(upload)
    return upload


def standing(session: Session, actor: Actor, id: UUID) -> Standing:
    """How far the upload is durable; one row is read and no lock is waited for.

    Raises:
        NotFound: this source has no such file.
        UploadGone: its upload has ended without it.
    """
    row = session.execute(
        select(MediaRow.state, MediaRow.size, MediaUploadRow.durable_offset, MediaUploadRow.expires_at)
        .outerjoin(MediaUploadRow, (MediaUploadRow.town == MediaRow.town) & (MediaUploadRow.id == MediaRow.id))
        .where(MediaRow.id == id, MediaRow.source == actor.source)
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.state == "stored":
        return Standing(id, row.size, row.size, None)
    if row.durable_offset is None:
        raise UploadGone
    return Standing(id, row.size, row.durable_offset, row.expires_at)


def begin(session: Session, actor: Actor, id: UUID, offset: int, folder: Folder) -> Begun | None:
    """This request may write the upload from `offset` on, and no earlier one any more; None: it is stored already.

    MUST be committed before anything is written. The row's lock is held while the file is cut back: an earlier
    request that is late cannot cut off what a later one wrote.

    Raises:
        NotFound, UploadGone: as `standing`.
        WrongOffset: it stands elsewhere; an earlier request goes on.
        NoRoom: the disk is full.
        DamagedObject: the store lost what was durable; see `restart`.
    """
    found = rows(session, _BEGIN, id=id, source=actor.source)
    if not found:
        stored = standing(session, actor, id)
        if stored.offset != offset:
            raise WrongOffset(offset=stored.offset)
        return None
    (row,) = found
    if row.durable_offset != offset:
        raise WrongOffset(offset=row.durable_offset)
    part = folder.open(row.object, offset)
    return Begun(actor.town, id, row.writer, row.object, row.size, offset, row.tail, row.chunks, part)


def advance(session: Session, begun: Begun, offset: int, tail: bytes, *, now: datetime) -> bool:
    """The upload is durable up to `offset` once this commits; False: a newer request has taken over."""
    values = {"id": begun.id, "writer": begun.writer, "offset": offset, "tail": tail}
    return bool(rows(session, _ADVANCE, **values, expires_at=now + rules.LIFE))


def whole(session: Session, id: UUID) -> list[Whole]:
    """The upload if its bytes are all durable and it is not stored yet; at most one."""
    return _whole(session, MediaUploadRow.id == id)


def left_whole(session: Session, *, now: datetime, limit: int = 50) -> list[Whole]:
    """Uploads whose last piece is durable for a while and that nobody finished."""
    return _whole(session, MediaUploadRow.expires_at < now - LEFT_ALONE + rules.LIFE, limit)


def _whole(session: Session, condition: ColumnElement[bool], limit: int = 1) -> list[Whole]:
    found = session.execute(
        select(MediaUploadRow, MediaRow.sha256, MediaRow.chunks.is_not(None))
        .join(MediaRow, (MediaRow.town == MediaUploadRow.town) & (MediaRow.id == MediaUploadRow.id))
        .where(MediaUploadRow.durable_offset == MediaUploadRow.size, condition)
        .order_by(MediaUploadRow.expires_at)
        .limit(limit)
    )
    return [Whole(row.id, row.object, row.size, row.tail, digest or b"", listed) for row, digest, listed in found]


def restart(session: Session, begun_id: UUID, folder: Folder) -> None:
    """The upload stands at 0 again, in a new object: its bytes were whole and wrong, or the store lost them."""
    upload = session.scalars(
        select(MediaUploadRow).where(MediaUploadRow.id == begun_id).with_for_update()
    ).one_or_none()
    if upload is None:
        return
    folder.remove(upload.object)
    upload.object, upload.durable_offset, upload.tail, upload.writer = uuid7(), 0, b"", upload.writer + 1


def terminate(session: Session, actor: Actor, id: UUID, folder: Folder) -> None:
    """The unfinished upload is gone, with its bytes; its file may be sent anew.

    Raises:
        NotFound: this source has no unfinished upload of this id.
    """
    upload = session.scalars(
        select(MediaUploadRow)
        .where(
            MediaUploadRow.id == id,
            MediaUploadRow.source == actor.source,
            MediaUploadRow.durable_offset < MediaUploadRow.size,
        )
        .with_for_update()
    ).one_or_none()
    if upload is None:
        raise NotFound
    folder.remove(upload.object)
    session.delete(upload)


def expire(session: Session, folder: Folder, *, now: datetime, limit: int = 50) -> int:
    """Up to `limit` uploads whose time is over are gone, with their bytes; how many."""
    due = session.scalars(
        select(MediaUploadRow)
        .where(MediaUploadRow.expires_at <= now, MediaUploadRow.durable_offset < MediaUploadRow.size)
        .order_by(MediaUploadRow.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for upload in due:
        folder.remove(upload.object)
        media = session.get_one(MediaRow, (upload.town, upload.id), with_for_update=True)
        media.rev += 1
        tell(session, media, "awaiting")
        session.execute(delete(MediaUploadRow).where(MediaUploadRow.id == upload.id))
    return len(due)
