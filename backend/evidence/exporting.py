"""Building packages, and ending our copies of them.

    requested ──approve──► approved ──build──► built ──expire──► gone
      (second person)         └──fail──► failed

A build reads everything in one transaction, writes the package without one, for originals may be large, and ends in a
short one: the record `export.built` is made, the package is completed with it, is durable and has its name, and then
the export is `built`, by one commit. Killed at any moment it leaves a `.part` that nobody looks at, and starts again.
"""

import os
import secrets
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.db import Sessions
from backend.evidence import gathering, package
from backend.evidence.cases import package_path, record, tell
from backend.evidence.clips import SCOPE
from backend.evidence.export_tables import ExportItemRow, ExportRow
from backend.evidence.export_wire import Outcome
from backend.evidence.gathering import Gathered, NotLogged
from backend.evidence.package import SizeDiffers
from backend.evidence.tables import ClipRow
from backend.evidence.wire import ClipState
from backend.fields import Actor, TownId
from backend.log import note
from backend.log import queries as log
from backend.log.canonical import Json
from backend.media.storage import DamagedObject, Folder
from backend.work import service as work
from sync.keys import SourceKey

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

logger = structlog.get_logger()

#: Bytes that are hashed at once.
_PIECE: Final = 1 << 20
_CLOSING: Final = (ClipState.DELETING, ClipState.DELETED)


def waiting(session: Session) -> list[UUID]:
    """The approved exports that are not built, the oldest first."""
    row = ExportRow
    return list(session.scalars(select(row.id).where(row.state == "approved").order_by(row.approved_at, row.id)))


def build(
    sessions: Sessions, folder: Folder, packages: Path, id: UUID, root: bytes, key: SourceKey, *, now: datetime
) -> bool:
    """The package of an approved export is built; False: not yet, or it is another's, or it cannot be.

    `sessions` are of its town; `root` is the public half of the town's; `key` signs the release.
    """
    packages.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = packages / f"{id}.{secrets.token_hex(8)}.part"
    try:
        with sessions.begin() as session:
            export = session.get(ExportRow, (session.info["town"], id))
            if export is None or export.state != "approved":
                return False
            gathered = gathering.gather(session, folder, export, root, now=now)
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            unreleased = package.begin(gathered.parts, file)
            # What is large is on disk and hashed before the transaction: an open write stalls the feed.
            digest, size = sha256(), _durable(file)
            _hash(digest, file, 0)
            with sessions.begin() as session:
                row = _lock(session, id, gathered)
                if row is None:
                    return False
                package.finish(unreleased, _release(session, row, gathered, unreleased.digest, key, now=now))
                row.size_bytes = _durable(file)
                _hash(digest, file, size)
                part.rename(package_path(packages, id))
                _sync(packages)
                _built(session, row, gathered, digest.hexdigest(), root, now=now)
    except NotLogged:
        return False
    except (SizeDiffers, DamagedObject) as error:
        logger.error("export_failed", export=str(id), reason=type(error).__name__)  # noqa: TRY400 - no traceback
        with sessions.begin() as session:
            _fail(session, id, "file_damaged", now=now)
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _lock(session: Session, id: UUID, gathered: Gathered) -> ExportRow | None:
    """The export, if it still waits and none of its originals went away while the package was written."""
    row = session.get(ExportRow, (session.info["town"], id), with_for_update=True)
    originals = [clip for clip, outcome in gathered.outcomes.items() if outcome is Outcome.ORIGINAL]
    states = session.scalars(select(ClipRow.state).where(ClipRow.id.in_(originals)).with_for_update(read=True)).all()
    is_whole = len(states) == len(originals) and not set(states) & {str(one) for one in _CLOSING}
    return row if row is not None and row.state == "approved" and is_whole else None


def _release(
    session: Session, row: ExportRow, gathered: Gathered, digest: str, key: SourceKey, *, now: datetime
) -> bytes:
    """The envelope of `export.built`, which names the digest of all that was written."""
    checkpoint = note.parse_checkpoint(gathered.parts.checkpoint.rpartition("\n\n")[0] + "\n")
    public: dict[str, Json] = {
        "package": str(row.id),
        "case": str(row.case_id),
        "tagmanifest": digest,
        "items": gathered.items,
        "keys": package.keys_digest(gathered.parts.keys),
        "checkpoint": {"size": checkpoint.size, "root": checkpoint.root.hex()},
    }
    private: dict[str, Json] = {"recipient": row.recipient, "aktenzeichen": gathered.parts.aktenzeichen}
    nobody = Actor(town=TownId(row.town))
    done = record(session, nobody, "export.built", row.id, public, private=private, key=key, now=now)
    return log.envelope(session, done.id)


def _durable(file: BinaryIO) -> int:
    """What was written is on disk; how many bytes."""
    file.flush()
    os.fsync(file.fileno())
    return file.seek(0, os.SEEK_END)


def _hash(digest: "Hash", file: BinaryIO, start: int) -> None:
    """The bytes of `file` from `start` on are in `digest`; the file stands at its end."""
    file.seek(start)
    while piece := file.read(_PIECE):
        digest.update(piece)


def _built(session: Session, row: ExportRow, gathered: Gathered, digest: str, root: bytes, *, now: datetime) -> None:
    row.state, row.built_at, row.sha256 = "built", now, digest
    row.root, row.checkpoint_size = sha256(root).hexdigest(), gathered.parts.size
    for clip, outcome in gathered.outcomes.items():
        session.execute(
            update(ExportItemRow)
            .where(ExportItemRow.export == row.id, ExportItemRow.clip == clip)
            .values(outcome=str(outcome))
        )
    tell(session, row)


def _fail(session: Session, id: UUID, problem: str, *, now: datetime) -> None:
    """The export cannot be built as it was approved; a custodian is told."""
    row = session.get(ExportRow, (session.info["town"], id), with_for_update=True)
    if row is None or row.state != "approved":
        return
    row.state, row.problem = "failed", problem
    tell(session, row)
    facts: dict[str, str | int] = {"problem": problem}
    work.open_task(session, SCOPE, "export_failed", subject_type="export", subject=id, facts=facts, now=now)


def expire(session: Session, packages: Path, *, now: datetime, limit: int = 50) -> int:
    """Up to `limit` of our copies are gone: their time is over, or an original in them was deleted by law; how many.

    The file goes first: a crash leaves an export that says `built` without a package, and the next run ends it.
    """
    row, item = ExportRow, ExportItemRow
    outlived = (
        select(item.export)
        .join(ClipRow, (ClipRow.town == item.town) & (ClipRow.id == item.clip))
        .where(item.outcome == "original", ClipRow.state.in_(_CLOSING))
    )
    due = session.scalars(
        select(row)
        .where(row.state == "built", (row.delete_at < now) | row.id.in_(outlived))
        .order_by(row.built_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for export in due:
        package_path(packages, export.id).unlink(missing_ok=True)
        export.state = "gone"
        tell(session, export)
    return len(due)


def tidy(packages: Path, *, is_old: Callable[[float], bool]) -> int:
    """What killed builds left is gone; `is_old` judges the time of a file's last change."""
    left = [path for path in packages.glob("*.part") if is_old(path.stat().st_mtime)] if packages.is_dir() else []
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
