"""Reports and incidents: what phones tell and what dispatchers do (design/control-room.md 2.1, 2.2)."""

from datetime import datetime
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.dispatch import rules
from backend.dispatch.service import (
    INCIDENTS,
    REPORTS,
    check_new,
    check_same,
    found_incident,
    jobs_of,
    keep_incident,
    keep_job,
    lock,
    notes,
    opened,
    prove,
    stepped,
    write_note,
)
from backend.dispatch.wire import CloseIncident, Incident, NewIncident, NewNote, NewReport, Note, Report, ReportMade
from backend.errors import ForeignId, RefusedTransition
from backend.exchange.wire import Received
from backend.feed import service as feed
from backend.fields import Actor, PersonId, SourceId, uuid7
from backend.machines import STAYS


def make_report(session: Session, actor: Actor, data: NewReport, *, now: datetime) -> Report:
    """What a dispatcher was told stands, and the desk sees it; the same again returns it.

    Raises:
        IdReused: the id stands for something else.
        ForeignId: there is no such incident.
    """
    check_new(data.id)
    lock(session)
    known = REPORTS.get(session, data.id)
    if known is not None:
        check_same(known, channel=data.channel, text=data.text, place=data.place, caller=data.caller, by=actor.person)
        return known
    if data.incident is not None and INCIDENTS.get(session, data.incident) is None:
        raise ForeignId(field="/incident")
    return _keep_report(
        session,
        Report(
            id=data.id,
            rev=0,
            channel=data.channel,
            text=data.text,
            place=data.place,
            caller=data.caller,
            by=_person(actor),
            source=None,
            recorded_at=now,
            received_at=now,
            incident=data.incident,
        ),
    )


def report(session: Session, actor: Actor, received: Received, body: ReportMade) -> None:
    """What an officer told stands, and the desk sees it."""
    made = Report(
        id=received.id,
        rev=0,
        channel="officer",
        text=body.text,
        place=body.place,
        caller=None,
        by=body.by,
        source=SourceId(received.source),
        recorded_at=received.recorded_at,
        received_at=received.received_at,
        incident=None,
    )
    del actor
    _keep_report(session, made)


def _keep_report(session: Session, made: Report) -> Report:
    kept = replace(made, rev=made.rev + 1)
    REPORTS.save(session, kept)
    feed.put(session, "desk", "report", id=kept.id, rev=kept.rev, body=kept)
    return kept


def _person(actor: Actor) -> PersonId:
    assert actor.person is not None  # noqa: S101 - the rights of the desk are people's
    return actor.person


def open_incident(session: Session, actor: Actor, data: NewIncident, *, now: datetime) -> Incident:
    """The incident is open, and the reports that it is about belong to it; the same again returns it.

    Raises:
        IdReused: the id stands for something else.
        ForeignId: there is no such report; names it.
        RefusedTransition: a report belongs to another incident already.
    """
    check_new(data.id)
    lock(session)
    known = INCIDENTS.get(session, data.id)
    if known is not None:
        check_same(
            known, kind=data.kind, priority=data.priority, place=data.place, text=data.text, opened_by=actor.person
        )
        return known
    joined = []
    for index, id_ in enumerate(data.reports):
        found = REPORTS.get(session, id_)
        if found is None:
            raise ForeignId(field=f"/reports/{index}")
        if found.incident is not None:
            raise RefusedTransition(state="joined", event="open")
        joined.append(found)
    happened_at = min((one.recorded_at for one in joined), default=now)
    incident = opened(
        session, data.id, data.kind, data.priority, data.place, data.text, happened_at, now, by=_person(actor)
    )
    kept = keep_incident(session, incident)
    for one in joined:
        _keep_report(session, replace(one, incident=kept.id))
    return kept


def accept_incident(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Incident:
    """Somebody takes care of the incident; again, it stays as it is.

    Raises:
        NotFound, RefusedTransition: see there.
    """
    lock(session)
    incident = found_incident(session, id)
    step = stepped(rules.INCIDENT, incident, "accept")
    if step.state == STAYS:
        return incident
    return keep_incident(session, replace(incident, state=step.state, accepted_at=now, accepted_by=actor.person))


def reopen_incident(session: Session, actor: Actor, id: UUID, reason: str, *, now: datetime) -> Incident:
    """A resolved or closed incident goes on, with the reason as a note.

    Raises:
        NotFound, RefusedTransition: see there.
    """
    lock(session)
    incident = found_incident(session, id)
    step = stepped(rules.INCIDENT, incident, "reopen")
    write_note(session, id, f"Wieder geöffnet: {reason}", id=uuid7(), by=actor.person, at=now, now=now)
    open_again = replace(incident, state=step.state, resolved_at=None, closed_at=None, closed_by=None, disposition=None)
    return keep_incident(session, open_again)


def close_incident(session: Session, actor: Actor, id: UUID, data: CloseIncident, *, now: datetime) -> Incident:
    """The incident is closed with its disposition, and that is in the log; the same again returns it.

    Raises:
        NotFound, RefusedTransition: see there.
        IdReused: it was closed with another disposition.
    """
    lock(session)
    incident = found_incident(session, id)
    step = stepped(rules.INCIDENT, incident, "close")
    if step.state == STAYS:
        if incident.disposition != data.disposition:
            raise RefusedTransition(state=incident.state, event="close")
        return incident
    closed = replace(incident, state=step.state, closed_at=now, closed_by=actor.person, disposition=data.disposition)
    prove(
        session, actor, "incident.closed", id, {"priority": incident.priority, "disposition": data.disposition}, now=now
    )
    return keep_incident(session, closed)


def add_note(session: Session, actor: Actor, incident: UUID, data: NewNote, *, now: datetime) -> Note:
    """The note stands beside the incident; the same again returns it.

    Raises:
        NotFound: there is no such incident.
        IdReused: the id stands for something else.
    """
    check_new(data.id)
    lock(session)
    found_incident(session, incident)
    known = notes(session, "WHERE id = %(id)s", id=data.id)
    if known:
        check_same(known[0], incident=incident, text=data.text, by=actor.person)
        return known[0]
    return write_note(session, incident, data.text, id=data.id, by=actor.person, at=now, now=now)


def resolve_incident(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Incident:
    """Nothing is left to do; open jobs are withdrawn and their units told. It stays on the screen until it is closed.

    Raises:
        NotFound, RefusedTransition: see there.
    """
    del actor
    lock(session)
    incident = found_incident(session, id)
    step = stepped(rules.INCIDENT, incident, "resolve")
    if step.state == STAYS:
        return incident
    kept = keep_incident(session, replace(incident, state=step.state, resolved_at=now, is_without_unit=False))
    for job in jobs_of(session, id):
        moved = rules.JOB.step(job.state, "withdraw")
        if moved.state != STAYS:
            keep_job(session, replace(job, state=moved.state, ended_at=now, due_at=None), kept)
    return kept
