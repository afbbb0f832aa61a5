"""Jobs: sent by the desk, answered by phones, timed out by the clock (design/control-room.md 2.2)."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.db import rows, write_out
from backend.dispatch import rules, units
from backend.dispatch.rules import derived
from backend.dispatch.service import (
    INCIDENTS,
    JOBS,
    check_new,
    check_same,
    decide,
    found_incident,
    jobs_of,
    keep_incident,
    keep_job,
    lock,
    stepped,
    write_note,
)
from backend.dispatch.wire import Incident, Job, JobAnswered, NewJob
from backend.errors import BadInput, ForeignId, NotFound, NotYourUnit
from backend.exchange.wire import Received
from backend.fields import Actor, PersonId
from backend.machines import NEW, REFUSED, STAYS
from backend.work import service as work

#: What an answer is called in the machine's table.
_EVENTS: Final = {"accepted": "accept", "declined": "decline"}
_ENDED: Final = frozenset({"declined", "timed_out", "withdrawn", "done"})
_REVIVED: Final = frozenset({"timed_out", "declined"})
#: Whoever was on shift in the unit then; a phone's clock may be a little off.
_ON_SHIFT: Final = (
    "SELECT 1 FROM shift WHERE unit = %(unit)s AND person = %(person)s AND started_at - interval '120 s' <= %(at)s"
    " AND (ended_at IS NULL OR ended_at + interval '120 s' >= %(at)s) LIMIT 1"
)


def send(session: Session, actor: Actor, data: NewJob, *, now: datetime) -> Job:
    """The unit is ordered to the incident; the phones of its crew see it. Sending is accepting the incident.

    Raises:
        IdReused: the id stands for something else.
        ForeignId: there is no such incident or unit.
        RefusedTransition: the incident is closed.
    """
    check_new(data.id)
    lock(session)
    known = JOBS.get(session, data.id)
    if known is not None:
        check_same(known, incident=data.incident, unit=data.unit, text=data.text, sent_by=actor.person)
        return known
    incident = INCIDENTS.get(session, data.incident)
    if incident is None:
        raise ForeignId(field="/incident")
    if units.UNITS.get(session, data.unit) is None:
        raise ForeignId(field="/unit")
    assert actor.person is not None  # noqa: S101 - `dispatch:C` is people's
    incident = _incident_steps(session, incident, "job_sent", now=now, by=actor.person)
    job = Job(
        id=data.id,
        rev=0,
        incident=data.incident,
        unit=data.unit,
        state="sent",
        text=data.text,
        sent_by=actor.person,
        sent_at=now,
        due_at=now + rules.ANSWER_WITHIN,
        delivered_at=None,
        accepted_at=None,
        en_route_at=None,
        on_scene_at=None,
        ended_at=None,
        reason=None,
        answered_at=None,
    )
    return keep_job(session, job, incident)


def withdraw(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Job:
    """The unit need not go any more, and its phones are told; again, it stays as it is.

    Raises:
        NotFound: there is no such job.
    """
    del actor
    lock(session)
    job = JOBS.get(session, id)
    if job is None:
        raise NotFound
    step = stepped(rules.JOB, job, "withdraw")
    if step.state == STAYS:
        return job
    incident = found_incident(session, job.incident)
    kept = keep_job(session, replace(job, state=step.state, ended_at=now, due_at=None), incident)
    _after_an_end(session, incident)
    return kept


def answer(session: Session, actor: Actor, received: Received, body: JobAnswered) -> None:
    """The job goes on as its unit says; the recorded instant of each step is kept, also of one that came too late.

    Raises:
        BadInput: it was declined without a reason.
        ForeignId: there is no such job.
        NotYourUnit: the person was in another unit, or in none.
        RefusedTransition: the table refuses it, e.g. another unit has it.
    """
    del actor
    if body.answer == "declined" and body.reason is None:
        raise BadInput(field="/body/reason", detail="a decline needs a reason")
    lock(session)
    job = JOBS.get(session, body.job)
    if job is None:
        raise ForeignId(field="/body/job")
    write_out(session)
    if not rows(session, _ON_SHIFT, unit=job.unit, person=body.by, at=received.recorded_at):
        raise NotYourUnit(field="/body/by")
    incident = found_incident(session, job.incident)
    facts = {"free"} if _is_free(job, jobs_of(session, job.incident)) else set()
    step = stepped(rules.JOB, job, _EVENTS.get(body.answer, body.answer), facts)
    if "late" in step.effects:
        _came_late(session, received, body, incident)
    moved = _with_times(job, body, received)
    if step.state != STAYS:
        moved = replace(moved, state=step.state, due_at=None if step.state != "delivered" else job.due_at)
        if step.state in _ENDED:
            moved = replace(moved, ended_at=received.recorded_at, reason=body.reason)
    kept = keep_job(session, moved, _goes_on(session, incident, job, step.state, received, body.by))
    if step.state in rules.STATUS_OF_STEP:
        units.follow_job(session, kept, step.state, received, body)
    if kept.state in _ENDED and step.state != STAYS:
        _after_an_end(session, found_incident(session, incident.id))


def _is_free(job: Job, all_jobs: list[Job]) -> bool:
    """No other unit was sent after this one and took it."""
    return not any(
        one.id != job.id and one.state in rules.TAKEN_JOBS and one.sent_at >= job.sent_at for one in all_jobs
    )


def _with_times(job: Job, body: JobAnswered, received: Received) -> Job:
    """The step's recorded instant, the first time that it is told."""
    changes: dict[str, Any] = {"answered_at": received.received_at}
    name = f"{body.answer}_at"
    if name in ("delivered_at", "accepted_at", "en_route_at", "on_scene_at") and getattr(job, name) is None:
        changes[name] = received.recorded_at
    return replace(job, **changes)


def _goes_on(session: Session, incident: Incident, job: Job, state: str, received: Received, by: PersonId) -> Incident:
    """The incident as it is after its job came to `state`."""
    if job.state in _REVIVED and state in rules.TAKEN_JOBS:
        incident = _incident_steps(session, incident, "job_sent", now=received.received_at, by=by)
    if state == "on_scene":
        incident = _incident_steps(session, incident, "job_on_scene", now=received.received_at, by=by)
    return incident


def _incident_steps(session: Session, incident: Incident, event: str, *, now: datetime, by: PersonId) -> Incident:
    step = stepped(rules.INCIDENT, incident, event)
    if step.state in (STAYS, NEW):
        return incident
    changes: dict[str, Any] = {"state": step.state, "is_without_unit": False, "resolved_at": None}
    if incident.accepted_at is None:
        changes |= {"accepted_at": now, "accepted_by": by}
    return keep_incident(session, replace(incident, **changes))


def _after_an_end(session: Session, incident: Incident) -> None:
    """An incident whose last open job ended is shown as without a unit."""
    if any(job.state in rules.OPEN_JOBS for job in jobs_of(session, incident.id)):
        return
    step = rules.INCIDENT.step(incident.state, "last_job_ended")
    if step.state not in (STAYS, REFUSED):
        without = "without_unit" in step.effects
        keep_incident(session, replace(incident, state=step.state, is_without_unit=without))


def _came_late(session: Session, received: Received, body: JobAnswered, incident: Incident) -> None:
    """A job that had ended was reported done: nothing changes, a note says so and a dispatcher looks."""
    text = "Auftrag nach seinem Ende als erledigt gemeldet"
    write_note(
        session,
        incident.id,
        text,
        id=derived(received.id, "note"),
        by=body.by,
        rule="2.2",
        at=received.recorded_at,
        now=received.received_at,
    )
    facts: dict[str, str | int] = {"incident": incident.no}
    work.open_task(
        session, "desk", "job_done_late", subject_type="job", subject=body.job, facts=facts, now=received.received_at
    )


def time_out(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Up to `limit` jobs that nobody answered in time are `timed_out`; how many. The caller holds `lock`."""
    due = JOBS.find(
        session,
        "WHERE due_at <= %(now)s ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
        now=now,
        limit=limit,
    )
    for job in due:
        step = rules.JOB.step(job.state, "unanswered")
        if step.state in (STAYS, REFUSED):
            JOBS.save(session, replace(job, due_at=None))
            continue
        incident = found_incident(session, job.incident)
        reason = f"{int(rules.ANSWER_WITHIN.total_seconds())} s ohne Antwort"
        decide(session, "job", job.id, "2.2", step.state, reason, cause=job.id, at=now)
        keep_job(session, replace(job, state=step.state, ended_at=now, due_at=None), incident)
        _after_an_end(session, incident)
    return len(due)
