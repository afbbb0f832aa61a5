"""Reads of the control room."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from backend.db import rows
from backend.dispatch import service, units
from backend.dispatch.emergencies import EMERGENCIES
from backend.dispatch.service import INCIDENTS, JOBS, REPORTS
from backend.dispatch.wire import Emergency, Incident, Job, Note, Report, StatusCode, Unit, WholeIncident

#: Most incidents of a board: beyond, a control room has another problem.
BOARD_ROWS = 500

_PRESENT: Final = (
    "SELECT s.person, greatest(j.sent_at, s.started_at) AS since,"
    " least(j.ended_at, s.ended_at, i.closed_at) AS until"  # NULL counts as: not yet
    " FROM job j JOIN shift s ON s.town = j.town AND s.unit = j.unit JOIN incident i ON i.town = j.town"
    " AND i.id = j.incident WHERE j.incident = %(incident)s"
    " UNION ALL SELECT e.person, e.raised_at, i.closed_at FROM emergency e JOIN incident i ON i.town = e.town"
    " AND i.id = e.incident WHERE e.incident = %(incident)s"
)


class Presence(NamedTuple):
    """An officer who had to do with an incident, and when; both ends inclusive, None: still."""

    person: UUID
    since: datetime
    until: datetime | None


def presences(session: Session, incident: UUID) -> list[Presence]:
    """Who was on shift in a unit while it had a job of the incident, and who called for help in it.

    Raises:
        NotFound: there is no such incident.
    """
    service.found_incident(session, incident)
    spans = (Presence(*row) for row in rows(session, _PRESENT, incident=incident))
    return [one for one in spans if one.until is None or one.until >= one.since]


def whole_incident(session: Session, id: UUID) -> WholeIncident:
    """An incident with its course.

    Raises:
        NotFound: there is none.
    """
    return WholeIncident(
        incident=service.found_incident(session, id),
        reports=REPORTS.find(session, "WHERE incident = %(id)s ORDER BY received_at, id", id=id),
        jobs=service.jobs_of(session, id),
        notes=service.notes(session, "WHERE incident = %(id)s ORDER BY received_at, id", id=id),
        decisions=service.decisions(session, id),
    )


def open_incidents(session: Session) -> list[Incident]:
    """Those that are not closed, the most urgent and then the newest first."""
    where = "WHERE state NOT IN ('closed', 'merged') ORDER BY priority, no DESC LIMIT %(limit)s"
    return INCIDENTS.find(session, where, limit=BOARD_ROWS)


def jobs_of(session: Session, incidents: list[UUID]) -> list[Job]:
    """All jobs of these incidents."""
    return JOBS.find(session, "WHERE incident = ANY(%(incidents)s) ORDER BY sent_at, id", incidents=incidents)


def notes_of(session: Session, incidents: list[UUID]) -> list[Note]:
    """All notes of these incidents."""
    return service.notes(session, "WHERE incident = ANY(%(ids)s) ORDER BY received_at, id", ids=incidents)


def open_reports(session: Session) -> list[Report]:
    """Those that belong to no incident yet, the newest first."""
    return REPORTS.find(session, "WHERE incident IS NULL ORDER BY received_at DESC, id DESC LIMIT 200")


def open_emergencies(session: Session) -> list[Emergency]:
    """Those that are not closed, the newest first."""
    return EMERGENCIES.find(session, "WHERE state <> 'closed' ORDER BY received_at DESC, id")


def all_units(session: Session) -> list[Unit]:
    """Every unit with its crew, by call sign."""
    return units.all_units(session)


def codes(session: Session) -> list[StatusCode]:
    """The town's numbers."""
    return units.get_codes(session).codes
