"""Reads of the control room."""

from uuid import UUID

from sqlalchemy.orm import Session

from backend.dispatch import service, units
from backend.dispatch.emergencies import EMERGENCIES
from backend.dispatch.service import INCIDENTS, JOBS, REPORTS
from backend.dispatch.wire import Emergency, Incident, Job, Note, Report, StatusCode, Unit, WholeIncident

#: Most incidents of a board: beyond, a control room has another problem.
BOARD_ROWS = 500


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
