"""Reading offences and the catalogue."""

from datetime import date, datetime, time
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, select, true
from sqlalchemy.orm import Session

from backend.errors import NotFound
from backend.feed.queries import cursor_now
from backend.fields import Actor, PersonId, SourceId
from backend.identity import service as identity
from backend.offences import catalogue
from backend.offences.rules import BERLIN, offence_day
from backend.offences.tables import CatalogueImportRow, OffenceRow
from backend.offences.wire import (
    Board,
    BoardCounts,
    CallSign,
    CatalogueImports,
    CatalogueOnDay,
    FindingKind,
    MediaState,
    Offence,
    OffenceLine,
    OffencePage,
    Position,
    Vehicle,
)
from backend.paging import page
from backend.work import service as work
from backend.work.wire import Task

#: Most rows of a kind with which a screen begins; it counts the rest (ours: some 130 kB, a fifth of it packed).
BOARD_ROWS: Final = 200
#: Scopes whose readers see call signs: their lists say who did what.
NAMES: Final = frozenset({"office", "desk", "evidence"})
_MEDIA_STATES: Final[dict[str, MediaState]] = {"none": "none", "awaiting": "awaiting", "complete": "complete"}


def offences(session: Session, actor: Actor, *, after: str | None, limit: int) -> OffencePage:
    """Up to `limit` offences that this person may see, the newest received first.

    Raises:
        BadInput: `after` is not from a page of ours.
    """
    row = OffenceRow
    shown, more = page(session, select(row).where(_visible(actor)), row.received_at, row.id, after=after, limit=limit)
    return OffencePage(offences=[as_line(one) for one in shown], after=more)


def board(session: Session, actor: Actor, *, secret: bytes, now: datetime) -> Board:
    """What this person's screens begin with: tasks of their audiences; offences where the scope `office` is theirs.

    Call signs go to whose lists name other people: the office, the control room, the custodians.

    The cursor is read first: what is committed in between comes in the lists and again in the feed, and is not missed.
    """
    cursor = cursor_now(session, actor, secret)
    today = offence_day(now)
    tasks = work.open_tasks(session, actor, BOARD_ROWS)
    in_office = "office" in actor.scopes
    offences, since_midnight = _offence_counts(session, today) if in_office else (0, 0)
    return Board(
        cursor=cursor,
        today=today,
        offences=_newest_and(session, tasks) if in_office else [],
        tasks=tasks,
        people=[CallSign(person=one.id, call_sign=one.call_sign) for one in identity.people(session)]
        if NAMES & set(actor.scopes)
        else [],
        counts=BoardCounts(
            offences=offences, offences_today=since_midnight, tasks=work.open_tasks_by_kind(session, actor)
        ),
    )


def _newest_and(session: Session, tasks: list[Task]) -> list[OffenceLine]:
    """The newest offences, then those that these tasks are about and that are older."""
    row = OffenceRow
    newest = session.scalars(select(row).order_by(row.received_at.desc(), row.id.desc()).limit(BOARD_ROWS)).all()
    missing = {UUID(task.subject) for task in tasks if task.subject_type == "offence"} - {one.id for one in newest}
    older = session.scalars(
        select(row).where(row.id.in_(missing)).order_by(row.received_at.desc(), row.id.desc())
    ).all()
    return [as_line(one) for one in (*newest, *older)]


def _offence_counts(session: Session, today: date) -> tuple[int, int]:
    """All offences, and those received on `today`."""
    midnight = datetime.combine(today, time(), tzinfo=BERLIN)
    counts = select(func.count(), func.count().filter(OffenceRow.received_at >= midnight)).select_from(OffenceRow)
    every, since = session.execute(counts).one()
    return every, since


def offence(session: Session, actor: Actor, id: UUID) -> Offence:
    """One offence with all that is kept of it.

    Raises:
        NotFound: there is none, or this person may not see it.
    """
    row = session.scalars(select(OffenceRow).where(OffenceRow.id == id, _visible(actor))).one_or_none()
    if row is None:
        raise NotFound
    return as_wire(row)


def catalogue_on(session: Session, day: date | None, prefix: str, *, now: datetime) -> CatalogueOnDay:
    """What is in force on `day` (None: today in Europe/Berlin), as far as its number begins with `prefix`."""
    found, on = catalogue.in_force(session), day or offence_day(now)
    return CatalogueOnDay(day=on, newest_import=found.newest, entries=found.catalogue.on(on, prefix))


def imports(session: Session) -> CatalogueImports:
    """All imports of this town, newest first."""
    rows = session.scalars(select(CatalogueImportRow).order_by(CatalogueImportRow.id.desc()))
    return CatalogueImports(imports=[catalogue.as_wire(row) for row in rows])


def as_line(row: OffenceRow) -> OffenceLine:
    """The row as a list shows it."""
    return OffenceLine(
        id=row.id,
        rev=row.rev,
        by=PersonId(row.by),
        received_at=row.received_at,
        occurred_at=row.occurred_at,
        tbnr=row.tbnr,
        plate=row.plate,
        street=row.street,
        house_no=row.house_no,
        amount_cents=row.amount_cents,
        findings=_findings(row),
        photos=row.photos,
        media_state=_MEDIA_STATES[row.media_state],
        synthetic_plate=row.synthetic_plate,
    )


def as_wire(row: OffenceRow) -> Offence:
    """The row as it is sent."""
    return Offence(
        id=row.id,
        rev=row.rev,
        source=SourceId(row.source),
        by=PersonId(row.by),
        recorded_at=row.recorded_at,
        recorded_zone=row.recorded_zone,
        received_at=row.received_at,
        occurred_at=row.occurred_at,
        occurred_zone=row.occurred_zone,
        ended_at=row.ended_at,
        tbnr=row.tbnr,
        street=row.street,
        house_no=row.house_no,
        place_detail=row.place_detail,
        position=_position(row),
        plate=row.plate,
        plate_country=row.plate_country,
        plate_kind=row.plate_kind,
        plate_normal=row.plate_normal,
        vehicle=_vehicle(row),
        amount_cents=row.amount_cents,
        edition_from=row.edition_from,
        edition_cents=row.edition_cents,
        findings=_findings(row),
        note=row.note,
        photos=row.photos,
        media_state=_MEDIA_STATES[row.media_state],
        synthetic_plate=row.synthetic_plate,
    )


def _visible(actor: Actor) -> ColumnElement[bool]:
    """The whole town, own ones, or none: a prosecutor sees offences of a case, and cases come with the handover."""
    if actor.limit == "":
        return true()
    return OffenceRow.by == actor.person if actor.limit == "o" and actor.person is not None else false()


def _findings(row: OffenceRow) -> list[FindingKind]:
    return [FindingKind(name) for name in row.findings.split()]


def _position(row: OffenceRow) -> Position | None:
    if row.lat is None or row.lon is None:
        return None
    return Position(lat=row.lat, lon=row.lon, accuracy_m=row.accuracy_m)


def _vehicle(row: OffenceRow) -> Vehicle | None:
    if row.vehicle_make is row.vehicle_colour is row.vehicle_kind is None:
        return None
    return Vehicle(make=row.vehicle_make, colour=row.vehicle_colour, kind=row.vehicle_kind)
