"""Reading clips, gaps, cameras, and what remains of clips that were deleted."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import structs
from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.dispatch import queries as dispatch
from backend.errors import BadInput, NotFound
from backend.evidence.cameras import as_assignment, as_camera, as_certificate
from backend.evidence.clips import answers_of, as_line, is_within
from backend.evidence.holding import as_hold
from backend.evidence.tables import (
    AssignmentRow,
    CameraRow,
    CertificateRow,
    ClipRow,
    GapFilledRow,
    GapRow,
    HoldRow,
)
from backend.evidence.wire import (
    Assignment,
    Camera,
    Certificate,
    Clip,
    ClipClass,
    ClipPage,
    ClipState,
    DeletionRecord,
    DeletionRecords,
    EvidenceBoard,
    Gap,
    IncidentClips,
)
from backend.feed.queries import cursor_now
from backend.fields import Actor, PersonId, SourceId
from backend.work import service as work

#: Most rows of a kind with which a screen begins (as offences').
BOARD_ROWS: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def clips(session: Session, actor: Actor, *, after: str | None, limit: int) -> ClipPage:
    """Up to `limit` clips that this person may know of and that are not deleted, the newest received first.

    Raises:
        BadInput: `after` is not from a page of ours.
    """
    row = ClipRow
    shown, more = _page(session, _standing(actor), row.received_at, after, limit)
    lines = [as_line(one) for one in shown]
    if actor.limit == "p":  # names replaced
        lines = [structs.replace(line, officer=None) for line in lines]
    return ClipPage(clips=lines, after=more)


def board(session: Session, actor: Actor, *, secret: bytes) -> EvidenceBoard:
    """What a screen of clips begins with, and the feed's cursor.

    The cursor is read first: what is committed in between comes in the lists and again in the feed, and is not missed.
    """
    cursor = cursor_now(session, actor, secret)
    row = ClipRow
    newest = session.scalars(_standing(actor).order_by(row.received_at.desc(), row.id.desc()).limit(BOARD_ROWS))
    return EvidenceBoard(
        cursor=cursor,
        clips=[as_line(one) for one in newest],
        gaps=gaps(session) if actor.limit == "" else [],
        tasks=work.open_tasks(session, actor, BOARD_ROWS),
    )


def clip(session: Session, actor: Actor, id: UUID) -> Clip:
    """One clip with all that is kept of it.

    Raises:
        NotFound: there is none, or this person may not know of it.
    """
    row = session.scalars(select(ClipRow).where(ClipRow.id == id)).one_or_none()
    if row is None or not is_within(actor, row):
        raise NotFound
    holds = session.scalars(select(HoldRow).where(HoldRow.clip == id).order_by(HoldRow.placed_at, HoldRow.id))
    return Clip(
        line=as_line(row),
        source=SourceId(row.source),
        docked_at=row.docked_at,
        received_at=row.received_at,
        clock=row.clock,
        file_name=row.file_name,
        probe={name: value if isinstance(value, str) else str(value) for name, value in (row.probe or {}).items()},
        answers=answers_of(row),
        answered_by=PersonId(row.answered_by) if row.answered_by is not None else None,
        duplicate_of=row.duplicate_of,
        camera_erased_at=row.camera_erased_at,
        reviewed_at=row.reviewed_at,
        deleted_at=row.deleted_at,
        holds=[as_hold(one) for one in holds],
    )


def of_incident(session: Session, incident: UUID) -> IncidentClips:
    """How many clips there are of an incident: of whoever was there, recorded while they were.

    A clip counts that began before the end and ended after the begin; one of unknown length counts by its begin.
    What was deleted, or brought twice, does not.

    Raises:
        NotFound: there is no such incident.
    """
    row = ClipRow
    theirs = or_(false(), *(_recorded_by(one) for one in dispatch.presences(session, incident)))
    counts = select(
        func.count(),
        func.count().filter(row.state == ClipState.STORED),
        func.count().filter(row.holds > 0),
    ).where(row.state.in_([ClipState.AWAITING_MEDIA, ClipState.STORED]), row.duplicate_of.is_(None), theirs)
    clips, arrived, held = session.execute(counts).one()
    return IncidentClips(clips=clips, arrived=arrived, held=held)


def _recorded_by(one: dispatch.Presence) -> ColumnElement[bool]:
    row = ClipRow
    length = func.make_interval(0, 0, 0, 0, 0, 0, func.coalesce(row.duration_ms, 0) / 1000.0)
    is_begun = true() if one.until is None else row.started_at <= one.until
    return and_(row.officer == one.person, row.started_at + length >= one.since, is_begun)


def gaps(session: Session) -> list[Gap]:
    """The newest gaps of all cameras, with the numbers that turned up later."""
    rows = session.scalars(select(GapRow).order_by(GapRow.received_at.desc(), GapRow.id.desc()).limit(BOARD_ROWS)).all()
    filled: dict[str, set[int]] = {}
    statement = select(GapFilledRow.camera, GapFilledRow.camera_seq).where(
        GapFilledRow.camera.in_({row.camera for row in rows})
    )
    for camera, number in session.execute(statement):
        filled.setdefault(camera, set()).add(number)
    return [
        Gap(
            id=row.id,
            camera=row.camera,
            first=row.first,
            last=row.last,
            cause=row.cause,
            last_seen=row.last_seen_at,
            received_at=row.received_at,
            filled=sorted(n for n in filled.get(row.camera, ()) if row.first <= n <= row.last),
        )
        for row in rows
    ]


def cameras(session: Session) -> list[Camera]:
    """Every camera that was docked here, by pseudonym."""
    return [as_camera(row) for row in session.scalars(select(CameraRow).order_by(CameraRow.pseudonym))]


def certificates(session: Session, actor: Actor) -> list[Certificate]:
    """Training certificates that stand, of everybody or one's own, by their last day."""
    row = CertificateRow
    statement = select(row).where(_own(actor, row.person)).order_by(row.valid_until.desc(), row.id)
    return [as_certificate(one) for one in session.scalars(statement.limit(1000))]


def assignments(session: Session, actor: Actor, *, now: datetime) -> list[Assignment]:
    """Who has which camera now or later, by its begin."""
    row = AssignmentRow
    statement = select(row).where(_own(actor, row.person), row.until_at > now).order_by(row.since_at, row.id)
    return [as_assignment(one) for one in session.scalars(statement.limit(1000))]


def deletion_records(session: Session, actor: Actor, *, after: str | None, limit: int) -> DeletionRecords:
    """What remains of deleted clips, the newest deleted first; officers see those of cameras they had then.

    Raises:
        BadInput: `after` is not from a page of ours.
    """
    row, given = ClipRow, AssignmentRow
    was_theirs = exists().where(
        given.camera == row.camera,
        given.since_at <= row.started_at,
        given.until_at > row.started_at,
        given.person == actor.person,
    )
    whose = was_theirs if actor.limit == "o" else true()
    statement = select(row).where(row.state == ClipState.DELETED, whose)
    shown, more = _page(session, statement, row.deleted_at, after, limit)
    records = [
        DeletionRecord(
            clip=one.id,
            camera=one.camera,
            camera_seq=one.camera_seq,
            clip_class=ClipClass(one.class_),
            rule=one.rule,
            deadline=one.delete_at,
            deleted_at=one.deleted_at,
            record=one.tombstone,
        )
        for one in shown
        if one.deleted_at is not None and one.tombstone is not None
    ]
    return DeletionRecords(records=records, after=more)


def _standing(actor: Actor) -> Select[ClipRow]:
    """Clips that are not deleted, as far as the caller may know of them; cases come with the export."""
    return select(ClipRow).where(
        ClipRow.state.in_([ClipState.AWAITING_MEDIA, ClipState.STORED]), _own(actor, ClipRow.officer)
    )


def _own(actor: Actor, column: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None]) -> ColumnElement[bool]:
    """The whole town, own ones, or none."""
    if actor.limit in ("", "p"):
        return true()
    return column == actor.person if actor.limit == "o" and actor.person is not None else false()


def _page(
    session: Session,
    statement: Select[ClipRow],
    by: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    after: str | None,
    limit: int,
) -> tuple[list[ClipRow], str | None]:
    """Up to `limit` rows, newest first, and where the next page begins."""
    ordered = statement.order_by(by.desc(), ClipRow.id.desc()).limit(limit + 1)
    if after is not None:
        ordered = ordered.where(tuple_(by, ClipRow.id) < tuple_(*_opened(after)))
    rows = list(session.scalars(ordered))
    last: datetime | None = getattr(rows[limit - 1], by.key) if len(rows) > limit else None
    return rows[:limit], _sealed(last, rows[limit - 1].id) if last is not None else None


def _sealed(at: datetime, id: UUID) -> str:
    """Where a page ended: 8 bytes of microseconds since 1970, then the id."""
    micros = (at - _EPOCH) // _MICROSECOND
    return urlsafe_b64encode(micros.to_bytes(8, "big", signed=True) + id.bytes).decode("ascii")


def _opened(cursor: str) -> tuple[datetime, UUID]:
    try:
        data = urlsafe_b64decode(cursor.encode("ascii"))
        return _EPOCH + int.from_bytes(data[:8], "big", signed=True) * _MICROSECOND, UUID(bytes=data[8:])
    except (ValueError, OverflowError) as error:
        raise BadInput(field="/after", detail="not a cursor of this list") from error
