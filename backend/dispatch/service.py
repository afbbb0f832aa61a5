"""What the control room's slices share: one writer at a time, incidents, notes, machines' decisions, jobs."""

from collections.abc import Set
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.db import Bulk, Whole, later, memo, rows, write_out
from backend.dispatch import rules
from backend.dispatch.rules import VERSION, derived
from backend.dispatch.tables import DecisionRow, IncidentRow, JobRow, NoteRow, ReportRow
from backend.dispatch.wire import Decision, Incident, Job, Note, OwnJob, Report
from backend.errors import BadInput, IdReused, NotFound, RefusedTransition
from backend.feed import service as feed
from backend.fields import SOFTWARE, Actor, PersonId, uuid7
from backend.log import service as log
from backend.machines import NEW, REFUSED, STAYS, TARGET, Machine, Step

INCIDENTS: Final = Whole(IncidentRow, Incident)
REPORTS: Final = Whole(ReportRow, Report)
JOBS: Final = Whole(JobRow, Job)

_NOTE: Final = Bulk(NoteRow, ["town", "id", "incident", "text", "by", "rule", "recorded_at", "received_at"])
_DECISION: Final = Bulk(
    DecisionRow, ["town", "id", "subject_type", "subject", "rule", "version", "outcome", "reason", "at"]
)
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('desk' || current_setting('app.town'), 0))"
_NEXT_NO: Final = "SELECT coalesce(max(no), 0) AS no FROM incident"
_NOTES: Final = "SELECT id, incident, text, by, rule, recorded_at, received_at FROM note "
_DECISIONS: Final = (
    "SELECT id, subject_type, subject, rule, version, outcome, reason, at FROM decision WHERE subject = %(subject)s"
    " ORDER BY at, id"
)
_CREW: Final = "SELECT person FROM shift WHERE unit = %(unit)s AND ended_at IS NULL ORDER BY started_at, person"


def lock(session: Session) -> None:
    """The town's control room is written by this transaction alone until it ends; others wait.

    Rules look at what stands and then write: without the lock two signals at once could open two incidents of
    one event.
    """
    if "desk.locked" not in memo(session):
        rows(session, _LOCK)
        memo(session)["desk.locked"] = True


def stepped(machine: Machine, thing: Any, event: str, facts: Set[str] = frozenset()) -> Step:
    """What becomes of `thing` (which has a `state`) at `event`.

    Raises:
        RefusedTransition: the table refuses it.
    """
    found = machine.step(thing.state, event, facts)
    if found.state in (REFUSED, TARGET):
        raise RefusedTransition(state=thing.state, event=event)
    return found


def check_new(id: UUID) -> None:
    """A client's id is a UUIDv7.

    Raises:
        BadInput: it is not.
    """
    if id.version != 7:
        raise BadInput(field="/id", detail="not a UUIDv7")


def check_same(known: Struct, **sent: object) -> None:
    """The same id came with the same content.

    Raises:
        IdReused: it came with another one.
    """
    if any(getattr(known, name) != value for name, value in sent.items()):
        raise IdReused(field="/id")


def decide(
    session: Session,
    subject_type: str,
    subject: UUID,
    rule: str,
    outcome: str,
    reason: str,
    *,
    cause: UUID,
    at: datetime,
) -> None:
    """A machine's decision is kept with rule, version and reason; `cause` (an entry, a timer's thing) makes its id."""
    id_ = derived(cause, f"decision {subject_type} {subject} {rule} {outcome} {at.isoformat()}")
    row = (session.info["town"], id_, subject_type, subject, rule, VERSION, outcome, reason, at)
    later(session, _DECISION, row)


def write_note(
    session: Session,
    incident: UUID,
    text: str,
    *,
    id: UUID,
    by: PersonId | None,
    rule: str | None = None,
    at: datetime,
    now: datetime,
) -> Note:
    """The note stands beside the incident, and the desk sees it."""
    note = Note(id=id, incident=incident, text=text, by=by, rule=rule, recorded_at=at, received_at=now)
    later(session, _NOTE, (session.info["town"], id, incident, text, by, rule, at, now))
    feed.put(session, "desk", "note", id=id, rev=1, body=note)
    return note


def keep_incident(session: Session, incident: Incident) -> Incident:
    """The incident stands as it is given, one revision on, and the desk sees it."""
    kept = replace(incident, rev=incident.rev + 1)
    INCIDENTS.save(session, kept)
    feed.put(session, "desk", "incident", id=kept.id, rev=kept.rev, body=kept)
    return kept


def found_incident(session: Session, id: UUID) -> Incident:
    """The incident with this id.

    Raises:
        NotFound: there is none.
    """
    incident = INCIDENTS.get(session, id)
    if incident is None:
        raise NotFound
    return incident


def _next_no(session: Session) -> int:
    known = memo(session)
    if "incident.no" not in known:
        write_out(session)
        known["incident.no"] = rows(session, _NEXT_NO)[0].no
    known["incident.no"] += 1
    return int(known["incident.no"])


def open_by_rule(
    session: Session,
    *,
    cause: UUID,
    kind: str,
    priority: int,
    place: str,
    building: UUID | None,
    text: str | None,
    happened_at: datetime,
    rule: str,
    reason: str,
    linked: UUID | None = None,
    now: datetime,
) -> Incident:
    """A machine opened an incident because of `cause`; the decision is kept. The caller holds `lock`."""
    incident = opened(
        session, derived(cause, "incident"), kind, priority, place, text, happened_at, now, building, rule, linked
    )
    decide(session, "incident", incident.id, rule, "opened", reason, cause=cause, at=now)
    return keep_incident(session, incident)


def opened(
    session: Session,
    id: UUID,
    kind: str,
    priority: int,
    place: str,
    text: str | None,
    happened_at: datetime,
    now: datetime,
    building: UUID | None = None,
    rule: str | None = None,
    linked: UUID | None = None,
    by: PersonId | None = None,
) -> Incident:
    return Incident(
        id=id,
        rev=0,
        no=_next_no(session),
        kind=kind,
        priority=priority,
        state="new",
        place=place,
        building=building,
        text=text,
        happened_at=happened_at,
        opened_at=now,
        opened_by=by,
        rule=rule,
        accepted_at=None,
        accepted_by=None,
        is_without_unit=False,
        resolved_at=None,
        closed_at=None,
        closed_by=None,
        disposition=None,
        linked=linked,
    )


def heard_again(
    session: Session, incident: Incident, priority: int, *, rule: str, cause: UUID, now: datetime
) -> Incident:
    """A signal belongs to the incident; a resolved one is open again where the signal is urgent. Priority only rises.

    Raises:
        RefusedTransition: the incident is closed: the caller opens a new one, linked.
    """
    found = rules.INCIDENT.step(incident.state, "signal", {"urgent"} if priority <= 2 else set())
    if found.state in (NEW, TARGET):
        raise RefusedTransition(state=incident.state, event="signal")
    higher = min(priority, incident.priority)
    if found.state == STAYS and higher == incident.priority:
        return incident
    if found.state != STAYS:
        decide(
            session,
            "incident",
            incident.id,
            rule,
            "reopened",
            "dringende Meldung nach der Erledigung",
            cause=cause,
            at=now,
        )
        incident = replace(incident, state=found.state, resolved_at=None)
    return keep_incident(session, replace(incident, priority=higher))


def prove(session: Session, actor: Actor, kind: str, subject: UUID, public: dict[str, Any], *, now: datetime) -> None:
    """What a person did at the desk is in the log; who it was stands in its erasable part. Not within `streaming`."""
    log.record(session, actor, kind, str(subject), public, now=now, new_id=uuid7, software=SOFTWARE)


def notes(session: Session, where: str, **values: object) -> list[Note]:
    """The notes that the constant SQL `where` picks."""
    write_out(session)
    found = rows(session, _NOTES + where, **values)
    return [Note(**row._asdict()) for row in found]


def decisions(session: Session, subject: UUID) -> list[Decision]:
    """What machines decided about a thing, the oldest first."""
    write_out(session)
    return [Decision(**row._asdict()) for row in rows(session, _DECISIONS, subject=subject)]


# --- jobs, as far as incidents move them ---


def crew(session: Session, unit: UUID) -> list[PersonId]:
    """Who is on shift in the unit."""
    write_out(session)
    return [PersonId(row.person) for row in rows(session, _CREW, unit=unit)]


def keep_job(session: Session, job: Job, incident: Incident) -> Job:
    """The job stands as it is given, one revision on; the desk and the phones of its unit see it."""
    kept = replace(job, rev=job.rev + 1)
    JOBS.save(session, kept)
    feed.put(session, "desk", "job", id=kept.id, rev=kept.rev, body=kept)
    for person in crew(session, kept.unit):
        feed.put(session, f"me:{person}", "job", id=kept.id, rev=kept.rev, body=own_job(kept, incident))
    return kept


def own_job(job: Job, incident: Incident) -> OwnJob:
    """The job as the phones of its unit show it."""
    return OwnJob(
        incident=incident.id,
        no=incident.no,
        unit=job.unit,
        state=job.state,
        kind=incident.kind,
        priority=incident.priority,
        place=incident.place,
        text=job.text,
        sent_at=job.sent_at,
        due_at=job.due_at,
    )


def jobs_of(session: Session, incident: UUID) -> list[Job]:
    """All jobs of an incident, the oldest first."""
    return JOBS.find(session, "WHERE incident = %(incident)s ORDER BY sent_at, id", incident=incident)
