"""Units, who is on shift in them, and their status (design/control-room.md 2.3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct, convert
from msgspec.structs import replace
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from backend.db import Bulk, Whole, later, rows, write_out
from backend.dispatch import rules
from backend.dispatch.rules import derived
from backend.dispatch.service import (
    JOBS,
    check_new,
    check_same,
    crew,
    found_incident,
    lock,
    own_job,
)
from backend.dispatch.tables import ShiftRow, StatusChangeRow, StatusCodeRow, UnitRow
from backend.dispatch.wire import (
    Job,
    JobAnswered,
    Mode,
    NewShift,
    NewUnit,
    SetStatus,
    Shift,
    Status,
    StatusCodes,
    Unit,
    UnitStatus,
)
from backend.errors import BadInput, ForeignId, IdReused, NotFound, NotYourUnit
from backend.exchange.wire import Received
from backend.feed import service as feed
from backend.fields import Actor, Name, PersonId
from sync.bodies import Clock, EntryBody


class UnitState(Struct, frozen=True, kw_only=True):
    """A unit as its row holds it; `Unit` has the crew too."""

    id: UUID
    rev: int
    call_sign: Name
    mode: Mode
    status: Status
    code: str | None
    status_at: datetime
    status_received_at: datetime
    is_clock_off: bool
    wants_to_talk: bool
    urgent_talk: bool


UNITS: Final = Whole(UnitRow, UnitState)
SHIFTS: Final = Whole(ShiftRow, Shift)
_CHANGE: Final = Bulk(
    StatusChangeRow,
    ["town", "id", "unit", "meaning", "code", "by", "source", "job", "recorded_at", "received_at", "offset_ms"],
)
_CODES: Final = "SELECT code, meaning FROM status_code ORDER BY code"
_CREW_THEN: Final = (
    "SELECT 1 FROM shift WHERE unit = %(unit)s AND person = %(person)s AND started_at - interval '120 s' <= %(at)s"
    " AND (ended_at IS NULL OR ended_at + interval '120 s' >= %(at)s) LIMIT 1"
)
_OPEN_JOBS: Final = (
    "WHERE unit = %(unit)s AND state IN ('sent', 'delivered', 'accepted', 'en_route', 'on_scene') ORDER BY sent_at, id"
)


def as_wire(session: Session, unit: UnitState) -> Unit:
    """The unit with its crew."""
    members = {name: getattr(unit, name) for name in UnitState.__struct_fields__}
    return Unit(crew=crew(session, unit.id), **members)


def keep(session: Session, unit: UnitState) -> Unit:
    """The unit stands as it is given, one revision on; the desk and its crew see it."""
    kept = replace(unit, rev=unit.rev + 1)
    UNITS.save(session, kept)
    shown = as_wire(session, kept)
    for scope in ("desk", *(f"me:{person}" for person in shown.crew)):
        feed.put(session, scope, "unit", id=kept.id, rev=kept.rev, body=shown)
    return shown


def add(session: Session, actor: Actor, data: NewUnit, *, now: datetime) -> Unit:
    """The unit exists, off duty; the same again returns it.

    Raises:
        IdReused: the id stands for something else.
        NameTaken: another unit has this call sign (by the constraint).
    """
    del actor
    check_new(data.id)
    lock(session)
    known = UNITS.get(session, data.id)
    if known is not None:
        check_same(known, call_sign=data.call_sign, mode=data.mode)
        return as_wire(session, known)
    return keep(
        session,
        UnitState(
            id=data.id,
            rev=0,
            call_sign=data.call_sign,
            mode=data.mode,
            status="off",
            code=None,
            status_at=now,
            status_received_at=now,
            is_clock_off=False,
            wants_to_talk=False,
            urgent_talk=False,
        ),
    )


def begin_shift(session: Session, actor: Actor, unit: UUID, data: NewShift, *, now: datetime) -> Shift:
    """The person is on duty in the unit, their phone has its open jobs; a shift elsewhere has ended.

    Raises:
        NotFound: there is no such unit.
        ForeignId: there is no such person.
        IdReused: the id stands for something else.
    """
    del actor
    check_new(data.id)
    lock(session)
    state = UNITS.get(session, unit)
    if state is None:
        raise NotFound
    known = SHIFTS.get(session, data.id)
    if known is not None:
        check_same(known, unit=unit, person=data.person)
        return known
    if not rows(session, "SELECT 1 FROM person WHERE id = %(id)s AND state = 'active'", id=data.person):
        raise ForeignId(field="/person")
    for elsewhere in SHIFTS.find(session, "WHERE person = %(p)s AND ended_at IS NULL", p=data.person):
        _end(session, elsewhere, now)
    shift = Shift(id=data.id, unit=unit, person=data.person, started_at=now, ended_at=None)
    SHIFTS.save(session, shift)
    keep(session, state)
    for job in JOBS.find(session, _OPEN_JOBS, unit=unit):
        body = own_job(job, found_incident(session, job.incident))
        feed.put(session, f"me:{data.person}", "job", id=job.id, rev=job.rev, body=body)
    return shift


def end_shift(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Shift:
    """The person is off duty: jobs and unit are gone from their phone. Again, it stays as it is.

    Raises:
        NotFound: there is no such shift.
    """
    del actor
    lock(session)
    shift = SHIFTS.get(session, id)
    if shift is None:
        raise NotFound
    return shift if shift.ended_at is not None else _end(session, shift, now)


def _end(session: Session, shift: Shift, now: datetime) -> Shift:
    ended = replace(shift, ended_at=now)
    SHIFTS.save(session, ended)
    state = UNITS.get(session, shift.unit)
    assert state is not None  # noqa: S101 - the foreign key
    shown = keep(session, state)
    scope = f"me:{shift.person}"
    feed.leave(session, scope, "unit", id=shift.unit, rev=shown.rev, op="drop")
    for job in JOBS.find(
        session, "WHERE unit = %(unit)s AND sent_at >= %(since)s", unit=shift.unit, since=shift.started_at
    ):
        feed.leave(session, scope, "job", id=job.id, rev=job.rev, op="drop")
    return ended


def codes(session: Session) -> Mapping[str, str]:
    """What each number of the town means."""
    return rules.meanings((row.code, row.meaning) for row in rows(session, _CODES))


def set_codes(session: Session, actor: Actor, data: StatusCodes) -> StatusCodes:
    """The town's numbers are these; none: the FMS's.

    Raises:
        BadInput: a number stands twice.
    """
    for index, one in enumerate(data.codes):
        if one.code in [before.code for before in data.codes[:index]]:
            raise BadInput(field=f"/codes/{index}/code", detail="stands twice")
    lock(session)
    session.execute(delete(StatusCodeRow))
    if data.codes:
        values = [{"town": actor.town, "code": one.code, "meaning": one.meaning} for one in data.codes]
        session.execute(insert(StatusCodeRow), values)
    return data


def get_codes(session: Session) -> StatusCodes:
    """The town's numbers, the FMS's where it has none of its own."""
    found = session.execute(select(StatusCodeRow.code, StatusCodeRow.meaning).order_by(StatusCodeRow.code)).all()
    known = [{"code": row.code, "meaning": row.meaning} for row in found] or [
        {"code": code, "meaning": meaning} for code, meaning in sorted(rules.FMS.items())
    ]
    return convert({"codes": known}, StatusCodes)


def set_status(session: Session, actor: Actor, unit: UUID, data: SetStatus, *, now: datetime) -> Unit:
    """The control room set a unit's status, e.g. after a radio call; the same again returns it.

    Raises:
        NotFound: there is no such unit.
        BadInput: the town has no such number.
    """
    check_new(data.id)
    lock(session)
    state = UNITS.get(session, unit)
    if state is None:
        raise NotFound
    known = rows(session, "SELECT unit, code FROM status_change WHERE id = %(id)s", id=data.id)
    if known:
        if (known[0].unit, known[0].code) != (unit, data.code):
            raise IdReused(field="/id")
        return as_wire(session, state)
    meaning = codes(session).get(data.code)
    if meaning is None:
        raise BadInput(field="/code", detail="the town has no such number")
    row = (actor.town, data.id, unit, meaning, data.code, actor.person, actor.source, None, now, now, None)
    later(session, _CHANGE, row)
    return _moved(session, state, meaning, data.code, at=now, received_at=now, is_off=False, is_desk=True)


def status(session: Session, actor: Actor, received: Received, body: UnitStatus) -> None:
    """A unit's phone told a status; the newest one by its own clock stands, each is kept.

    Raises:
        ForeignId: there is no such unit.
        BadInput: the town has no such number.
        NotYourUnit: the person was in another unit, or in none.
    """
    lock(session)
    state = UNITS.get(session, body.unit)
    if state is None:
        raise ForeignId(field="/body/unit")
    if not rows(session, _CREW_THEN, unit=body.unit, person=body.by, at=received.recorded_at):
        raise NotYourUnit(field="/body/by")
    meaning = codes(session).get(body.code)
    if meaning is None:
        raise BadInput(field="/body/code", detail="the town has no such number")
    _changed(session, actor, received, body, state, meaning, body.code, body.by, None, received.id)


def follow_job(session: Session, job: Job, step: str, received: Received, body: JobAnswered) -> None:
    """A unit's status goes with its job."""
    state = UNITS.get(session, job.unit)
    assert state is not None  # noqa: S101 - the foreign key
    has_other = any(one.id != job.id for one in JOBS.find(session, _OPEN_JOBS, unit=job.unit))
    if step == "done" and has_other:
        return
    id_ = derived(received.id, "status")
    _changed(session, None, received, body, state, rules.STATUS_OF_STEP[step], None, body.by, job.id, id_)


def _changed(
    session: Session,
    actor: Actor | None,
    received: Received,
    body: EntryBody,
    state: UnitState,
    meaning: str,
    code: str | None,
    by: PersonId,
    job: UUID | None,
    id: UUID,
) -> None:
    del actor
    offset = body.clock.offset_ms if isinstance(body.clock, Clock) else None
    row = (
        session.info["town"], id, state.id, meaning, code, by, received.source, job, received.recorded_at,
        received.received_at, offset,
    )  # fmt: skip
    later(session, _CHANGE, row)
    is_off = abs(received.received_at - received.recorded_at) > rules.CLOCK_TOLERANCE or (
        abs(offset or 0) > rules.CLOCK_TOLERANCE.total_seconds() * 1000
    )
    _moved(session, state, meaning, code, at=received.recorded_at, received_at=received.received_at, is_off=is_off)


def _moved(
    session: Session,
    state: UnitState,
    meaning: str,
    code: str | None,
    *,
    at: datetime,
    received_at: datetime,
    is_off: bool,
    is_desk: bool = False,
) -> Unit:
    """The unit after a change of status: a flag beside its status, an answer, or a new status if none is newer."""
    changes: dict[str, Any] = {}
    if meaning in ("wants_to_talk", "urgent_talk"):
        changes = {meaning: True}
    elif meaning == "acknowledge" and is_desk:
        changes = {"wants_to_talk": False, "urgent_talk": False}
    elif meaning not in rules.FLAGS and at >= state.status_at:
        changes = {
            "status": meaning, "code": code, "status_at": at, "status_received_at": received_at, "is_clock_off": is_off,
        }  # fmt: skip
    return keep(session, replace(state, **changes)) if changes else as_wire(session, state)


def all_units(session: Session) -> list[Unit]:
    """Every unit with its crew, by call sign."""
    write_out(session)
    return [as_wire(session, one) for one in UNITS.find(session, "ORDER BY call_sign")]
