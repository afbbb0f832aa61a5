"""Deletion by law: what is due goes, and a tombstone stays (design/evidence.md 8; R1, R3, R12; invariant 10).

Stages, each a transaction of its own, each repeated by the next run where a crash left it:
(a) `begin_due`: under the clip's lock, no hold stands: names, texts, digests and private parts are destroyed;
(b) `remove_object`: the bytes are gone from the store;
(c) `finish`: the tombstone `clip.deleted` is in the log.
Keys come with encryption: then (a) destroys them first, and a dead store cannot make content outlive its deadline.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.db import Sessions
from backend.evidence import rules
from backend.evidence.clips import SCOPE, record, untell
from backend.evidence.rules import Event, Tick
from backend.evidence.tables import (
    ClipEntryRow,
    ClipMediaRow,
    ClipRow,
    DeletionClockRow,
    DockingRow,
    HoldRow,
)
from backend.evidence.wire import ClipState
from backend.exchange import kept
from backend.fields import Actor, TownId
from backend.log import service as log
from backend.log.canonical import Json
from backend.media import queries as stored
from backend.media import service as media
from backend.media.storage import Folder
from backend.work import service as work
from sync.entry import format_instant
from sync.keys import SourceKey

logger = structlog.get_logger()

#: Clips in one transaction (DESIGN.md section 3: bulk work commits after 500 rows or 1 s).
BATCH: Final = 50
#: Records whose private part tells of the content and goes with it; who viewed, held or deleted stays until 31 December
#: of the following year (law-and-rules 8, "custody log").
_OF_CONTENT: Final = ("clip.received", "clip.classified", "clip.corrected")
_OPEN_STATES: Final = (ClipState.AWAITING_MEDIA, ClipState.STORED)


def run(sessions: Sessions, folder: Folder, tick: Tick, *, key: SourceKey, now: datetime) -> int:
    """What is due in this town is gone, with a tombstone; how many clips. May run twice at once and may be killed.

    While the clock is not believed nothing new begins, but what has begun is finished. One clip that cannot be removed
    stops none behind it; after an hour it is the data-protection officer's task.
    """
    with sessions.begin() as session:
        is_believed = may_run(session, tick, now=now)
    while is_believed:
        with sessions.begin() as session:
            if begin_due(session, now=now) < BATCH:
                break
    done = _finish_begun(sessions, folder, key, now)
    with sessions.begin() as session:
        if is_believed:
            erase_dockings(session, now=now)
        tell_overdue(session, now=now)
        tell_reviews(session, now=now)
    return done


def _finish_begun(sessions: Sessions, folder: Folder, key: SourceKey, now: datetime) -> int:
    with sessions.begin() as session:
        begun = unfinished(session)
    done = 0
    for clip in begun:
        try:
            with sessions.begin() as session:
                remove_object(session, folder, clip)
            with sessions.begin() as session:
                done += finish(session, clip, key=key, now=now)
        except (OSError, DBAPIError) as error:  # the next run tries again
            logger.warning("clip_not_removed", clip=str(clip), error=type(error).__name__)
    return done


def may_run(session: Session, tick: Tick, *, now: datetime) -> bool:
    """Whether the clock is believed: then it is noted, and deletion goes on.

    Where it jumped by more than an hour deletion waits until a data-protection officer has settled the task: what goes
    too early cannot be brought back.
    """
    town: UUID = session.info["town"]
    first = {"town": town, "wall_at": tick.wall, "mono_ms": tick.mono_ms, "boot": tick.boot, "is_waiting": False}
    session.execute(upsert(DeletionClockRow).values(first).on_conflict_do_nothing())
    row = session.get_one(DeletionClockRow, (town,), with_for_update=True)
    last = Tick(wall=row.wall_at, mono_ms=row.mono_ms, boot=row.boot)
    if row.is_waiting:
        if work.is_waiting(session, "deletion_waits", town):
            return False
    elif rules.has_jumped(last, tick):
        row.is_waiting = True
        facts: dict[str, str | int] = {"last": format_instant(row.wall_at), "now": format_instant(tick.wall)}
        work.open_task(session, "privacy", "deletion_waits", subject_type="town", subject=town, facts=facts, now=now)
        return False
    row.wall_at, row.mono_ms, row.boot, row.is_waiting = tick.wall, tick.mono_ms, tick.boot, False
    return True


def begin_due(session: Session, *, now: datetime, limit: int = BATCH) -> int:
    """(a) Up to `limit` clips whose deadline is before `now` and that nothing holds are closed and emptied; how many.

    Oldest deadline first. Runs side by side take different clips. A hold that was placed first wins: its clip is not
    due. From here on nobody sees the clip, and every screen and device learns it by `purge`.
    """
    row = ClipRow
    due = session.scalars(
        select(row)
        .where(row.delete_at < now, row.holds == 0, row.state.in_(_OPEN_STATES))
        .order_by(row.delete_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for clip in due:
        _empty(session, clip, now)
    return len(due)


def _empty(session: Session, clip: ClipRow, now: datetime) -> None:
    state = rules.after(ClipState(clip.state), Event.DELETE, is_held=clip.holds > 0)
    assert state is not None  # noqa: S101 - the query above asked for exactly this
    untell(session, clip, "purge")
    clip.state, clip.deleting_at = state, now
    clip.officer = clip.file_name = clip.sha256 = clip.probe = clip.answers = clip.answered_by = None
    for row in (ClipMediaRow, HoldRow):
        column = "sha256" if row is ClipMediaRow else "note"
        session.execute(update(row).where(row.clip == clip.id).values({column: None}))
    kept.erase(session, clip.source, [clip.id], now=now)
    for entry in session.scalars(select(ClipEntryRow).where(ClipEntryRow.clip == clip.id)):
        kept.erase(session, entry.source, [entry.entry], now=now)
    log.erase(session, str(clip.id), _OF_CONTENT)


def unfinished(session: Session, limit: int = 500) -> list[UUID]:
    """Clips that (a) closed and that have no tombstone yet, oldest first."""
    row = ClipRow
    return list(
        session.scalars(
            select(row.id).where(row.state == ClipState.DELETING).order_by(row.deleting_at, row.id).limit(limit)
        )
    )


def remove_object(session: Session, folder: Folder, clip_id: UUID) -> None:
    """(b) Nothing of the clip's bytes is left, finished, unfinished or only expected; once more changes nothing.

    The clip's row is not locked here: an upload that is just being finished holds its file's row and waits for it.
    """
    source = session.scalars(select(ClipRow.source).where(ClipRow.id == clip_id)).one()
    for file in stored.files(session, source, clip_id):
        media.remove(session, folder, file[0])


def finish(session: Session, clip_id: UUID, *, key: SourceKey, now: datetime) -> bool:
    """(c) The tombstone is in the log, and the clip is deleted; False: another run did it, or bytes are still there."""
    clip = session.scalars(
        select(ClipRow).where(ClipRow.id == clip_id, ClipRow.state == ClipState.DELETING).with_for_update()
    ).one_or_none()
    if clip is None or any(state != "removed" for *_, state in stored.files(session, clip.source, clip.id)):
        return False
    public: dict[str, Json] = {
        "records": log.count(session, str(clip.id)),
        "class": clip.class_,
        "rule": clip.rule,
        "rule_edition": rules.RULE_EDITION,
        "deadline": format_instant(clip.delete_at),
        "recorded_at": format_instant(clip.started_at),
        "keys_destroyed_at": None,
        "erased_at": format_instant(clip.deleting_at or now),
        "object_deleted_at": format_instant(now),
        "copies": 0,
        "kek": None,
    }
    nobody = Actor(town=TownId(clip.town))
    done = record(session, nobody, "clip.deleted", clip.id, public, key=key, now=now)
    clip.state, clip.deleted_at, clip.tombstone = ClipState.DELETED, now, done.id
    return True


def erase_dockings(session: Session, *, now: datetime) -> int:
    """The listings of cards whose clips are all past their time are erased; how many."""
    due = session.scalars(
        select(DockingRow)
        .where(DockingRow.erased_at.is_(None), DockingRow.erase_at < now)
        .order_by(DockingRow.erase_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        kept.erase(session, row.source, [row.id], now=now)
        row.erased_at = now
    return len(due)


def tell_overdue(session: Session, *, now: datetime) -> int:
    """What should be gone for an hour and is not is the data-protection officer's task; how many clips that are."""
    row = ClipRow
    late = session.scalars(
        select(row).where(row.delete_at < now - rules.GRACE, row.holds == 0, row.state != ClipState.DELETED).limit(200)
    ).all()
    for clip in late:
        facts: dict[str, str | int] = {"camera": clip.camera, "camera_seq": clip.camera_seq, "state": clip.state}
        facts["deadline"] = format_instant(clip.delete_at)
        work.open_task(session, "privacy", "clip_overdue", subject_type="clip", subject=clip.id, facts=facts, now=now)
    return len(late)


def tell_reviews(session: Session, *, now: datetime) -> int:
    """A hold whose review was missed is a custodian's task, and deletes nothing (R3); how many there are."""
    row = HoldRow
    missed: Sequence[HoldRow] = session.scalars(
        select(row).where(row.released_at.is_(None), row.review_on < rules.today(now)).limit(200)
    ).all()
    for hold in missed:
        facts: dict[str, str | int] = {"clip": str(hold.clip), "ground": hold.ground}
        facts["review_on"] = hold.review_on.isoformat()
        work.open_task(session, SCOPE, "hold_review_due", subject_type="hold", subject=hold.id, facts=facts, now=now)
    return len(missed)
