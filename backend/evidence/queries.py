"""Reading clips, gaps, cameras, and what remains of clips that were deleted."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import structs
from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.dispatch import queries as dispatch
from backend.errors import NotFound
from backend.evidence import rules
from backend.evidence.cameras import as_assignment, as_camera, as_certificate
from backend.evidence.cases import as_exports
from backend.evidence.clips import answers_of, as_line, is_within
from backend.evidence.export_tables import ExportRow
from backend.evidence.export_wire import ExportPage
from backend.evidence.holding import as_hold
from backend.evidence.tables import (
    AssignmentRow,
    CameraRow,
    CertificateRow,
    ClipRow,
    GapFilledRow,
    GapRow,
    HoldRow,
    ViewRow,
)
from backend.evidence.viewing import as_waiting
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
    WaitingView,
)
from backend.feed.queries import cursor_now
from backend.fields import Actor, PersonId, SourceId
from backend.paging import page
from backend.work import service as work

#: Most rows of a kind with which a screen begins (as offences').
BOARD_ROWS: Final = 200


def clips(session: Session, actor: Actor, *, after: str | None, limit: int) -> ClipPage:
    """Up to `limit` clips that this person may know of and that are not deleted, the newest received first.

    Raises:
        BadInput: `after` is not from a page of ours.
    """
    row = ClipRow
    shown, more = page(session, _standing(actor), row.received_at, row.id, after=after, limit=limit)
    lines = [as_line(one) for one in shown]
    if actor.limit == "p":  # names replaced
        lines = [structs.replace(line, officer=None) for line in lines]
    return ClipPage(clips=lines, after=more)


def board(session: Session, actor: Actor, *, secret: bytes, now: datetime) -> EvidenceBoard:
    """What a screen of clips begins with, and the feed's cursor.

    The cursor is read first: what is committed in between comes in the lists and again in the feed, and is not missed.
    """
    cursor = cursor_now(session, actor, secret)
    row = ClipRow
    newest = session.scalars(_standing(actor).order_by(row.received_at.desc(), row.id.desc()).limit(BOARD_ROWS))
    whole = actor.limit == ""
    return EvidenceBoard(
        cursor=cursor,
        clips=[as_line(one) for one in newest],
        gaps=gaps(session) if whole else [],
        exports=exports(session, after=None, limit=BOARD_ROWS).exports if whole else [],
        views=waiting_views(session, actor, now=now),
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


def exports(session: Session, *, after: str | None, limit: int) -> ExportPage:
    """Up to `limit` exports, the newest asked for first.

    Raises:
        BadInput: `after` is not from a page of ours.
    """
    row = ExportRow
    shown, more = page(session, select(row), row.requested_at, row.id, after=after, limit=limit)
    return ExportPage(exports=as_exports(session, shown), after=more)


def waiting_views(session: Session, actor: Actor, *, now: datetime) -> list[WaitingView]:
    """Views to which a second person can agree at `now`, of everybody or one's own, the oldest first."""
    row = ViewRow
    waits = row.needs_approval, row.approved_at.is_(None), row.opened_at > now - rules.APPROVAL, _own(actor, row.person)
    return [as_waiting(one) for one in session.scalars(select(row).where(*waits).order_by(row.opened_at, row.id))]


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
    shown, more = page(session, statement, row.deleted_at, row.id, after=after, limit=limit)
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
