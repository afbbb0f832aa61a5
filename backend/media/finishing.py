"""From the last durable piece to the stored file: in the request that brought it, or by a sweep after a crash.

whole upload ──compare (no list)──► seal: fsync, rename, fsync of the folder ──► one transaction: stored, what the kind
does (a receipt …), what the source learns
"""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from backend.db import Sessions
from backend.errors import DomainError, WrongBytes
from backend.media import service, uploading
from backend.media.service import OnStored
from backend.media.storage import DamagedObject, Folder
from backend.media.uploading import Whole
from sync.keys import SourceKey

logger = structlog.get_logger()


def finish(sessions: Sessions, whole: Whole, folder: Folder, key: SourceKey, on_stored: OnStored) -> None:
    """The file whose bytes are all durable is stored, its kind and its source know; once more changes nothing.

    Raises:
        WrongBytes: the whole is not what the entry says; the upload begins anew.
        DamagedObject: the store lost bytes.
        Exception: what the kind raises; the sweep comes again.
    """
    if not whole.is_listed and folder.digest(whole.object, whole.size) != whole.sha256:
        logger.warning("upload_wrong_bytes", media=str(whole.id), offset=whole.size)
        with sessions.begin() as session:
            uploading.restart(session, whole.id, folder)
        raise WrongBytes(offset=0)
    folder.seal(whole.object, whole.size, whole.tail)
    with sessions.begin() as session:
        service.store(session, whole.id, key, on_stored, now=datetime.now(UTC))


def finish_one(sessions: Sessions, id: UUID, folder: Folder, key: SourceKey, on_stored: OnStored) -> None:
    """As `finish`, for an upload that has just become whole; nothing if it is stored or gone by now."""
    with sessions.begin() as session:
        found = uploading.whole(session, id)
    for one in found:
        finish(sessions, one, folder, key, on_stored)


def finish_left(sessions: Sessions, folder: Folder, key: SourceKey, on_stored: OnStored, *, now: datetime) -> int:
    """What a crash left between the last piece and the end is stored; how many.

    One that fails is told and tried again at the next sweep; it holds up no other.
    """
    with sessions.begin() as session:
        found = uploading.left_whole(session, now=now)
    done = 0
    for one in found:
        try:
            finish(sessions, one, folder, key, on_stored)
        except (DomainError, DamagedObject, SQLAlchemyError, OSError) as error:
            logger.error("upload_not_finished", media=str(one.id), error=type(error).__name__)  # noqa: TRY400 - as above
        else:
            done += 1
    return done


def describe_some(sessions: Sessions, folder: Folder, *, now: datetime) -> int:
    """The oldest stored files whose whole was not hashed yet are compared with their entries; how many."""
    with sessions.begin() as session:
        found = service.undescribed(session)
    for media, object_, size in found:
        digest = None
        with suppress(DamagedObject):
            digest = folder.digest(object_, size)
        with sessions.begin() as session:
            service.describe(session, media, digest, now=now)
    return len(found)
