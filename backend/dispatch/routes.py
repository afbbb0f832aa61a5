"""The control room's commands, for people at a browser; phones answer through the exchange."""

from datetime import datetime
from uuid import UUID

from litestar import Router, get, post, put
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from backend.db import Sessions
from backend.dispatch import emergencies, incidents, jobs, queries, units
from backend.dispatch.wire import (
    CloseIncident,
    Emergency,
    EmergencyNotice,
    EmergencyStep,
    Incident,
    Job,
    NewIncident,
    NewJob,
    NewNote,
    NewReport,
    NewShift,
    NewUnit,
    Note,
    Reason,
    Report,
    SetStatus,
    Shift,
    StatusCodes,
    Unit,
    WholeIncident,
)
from backend.errors import problems
from backend.fields import Actor


@post(
    "/reports",
    operation_id="makeReport",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def make_report(data: NewReport, actor: Actor, sessions: Sessions, now: datetime) -> Report:
    """Keep what somebody told the control room; the same again returns it."""
    with sessions.begin() as session:
        return incidents.make_report(session, actor, data, now=now)


@post(
    "/incidents",
    operation_id="openIncident",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def open_incident(data: NewIncident, actor: Actor, sessions: Sessions, now: datetime) -> Incident:
    """Open an incident, out of reports or by itself; the same again returns it."""
    with sessions.begin() as session:
        return incidents.open_incident(session, actor, data, now=now)


@get(
    "/incidents/{incident_id:uuid}",
    operation_id="getIncident",
    sync_to_thread=True,
    opt={"right": "dispatch:R"},
    responses=problems(400, 401, 403, 404),
)
def get_incident(incident_id: FromPath[UUID], sessions: Sessions) -> WholeIncident:
    """An incident with its reports, jobs, notes and the decisions of rules."""
    with sessions.begin() as session:
        return queries.whole_incident(session, incident_id)


@post(
    "/incidents/{incident_id:uuid}/accept",
    operation_id="acceptIncident",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 404, 409),
)
def accept_incident(incident_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: datetime) -> Incident:
    """Take care of an incident."""
    with sessions.begin() as session:
        return incidents.accept_incident(session, actor, incident_id, now=now)


@post(
    "/incidents/{incident_id:uuid}/resolve",
    operation_id="resolveIncident",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 404, 409),
)
def resolve_incident(incident_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: datetime) -> Incident:
    """Nothing is left to do: open jobs are withdrawn."""
    with sessions.begin() as session:
        return incidents.resolve_incident(session, actor, incident_id, now=now)


@post(
    "/incidents/{incident_id:uuid}/close",
    operation_id="closeIncident",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def close_incident(
    incident_id: FromPath[UUID], data: CloseIncident, actor: Actor, sessions: Sessions, now: datetime
) -> Incident:
    """Close a resolved incident with its disposition."""
    with sessions.begin() as session:
        return incidents.close_incident(session, actor, incident_id, data, now=now)


@post(
    "/incidents/{incident_id:uuid}/reopen",
    operation_id="reopenIncident",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def reopen_incident(
    incident_id: FromPath[UUID], data: Reason, actor: Actor, sessions: Sessions, now: datetime
) -> Incident:
    """Go on with a resolved or closed incident, with a reason."""
    with sessions.begin() as session:
        return incidents.reopen_incident(session, actor, incident_id, data.reason, now=now)


@post(
    "/incidents/{incident_id:uuid}/notes",
    operation_id="addNote",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def add_note(incident_id: FromPath[UUID], data: NewNote, actor: Actor, sessions: Sessions, now: datetime) -> Note:
    """Write something down about an incident; the same again returns it."""
    with sessions.begin() as session:
        return incidents.add_note(session, actor, incident_id, data, now=now)


@post(
    "/jobs",
    operation_id="sendJob",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def send_job(data: NewJob, actor: Actor, sessions: Sessions, now: datetime) -> Job:
    """Order a unit to an incident; the same again returns the job."""
    with sessions.begin() as session:
        return jobs.send(session, actor, data, now=now)


@post(
    "/jobs/{job_id:uuid}/withdraw",
    operation_id="withdrawJob",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 404, 409),
)
def withdraw_job(job_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: datetime) -> Job:
    """The unit need not go any more."""
    with sessions.begin() as session:
        return jobs.withdraw(session, actor, job_id, now=now)


@post(
    "/units",
    operation_id="addUnit",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "response_plan:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def add_unit(data: NewUnit, actor: Actor, sessions: Sessions, now: datetime) -> Unit:
    """Add a patrol; the same again returns it."""
    with sessions.begin() as session:
        return units.add(session, actor, data, now=now)


@post(
    "/units/{unit_id:uuid}/shifts",
    operation_id="beginShift",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "response_plan:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def begin_shift(unit_id: FromPath[UUID], data: NewShift, actor: Actor, sessions: Sessions, now: datetime) -> Shift:
    """A person begins duty in a unit; a shift elsewhere ends."""
    with sessions.begin() as session:
        return units.begin_shift(session, actor, unit_id, data, now=now)


@post(
    "/shifts/{shift_id:uuid}/end",
    operation_id="endShift",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "response_plan:C"},
    responses=problems(400, 401, 403, 404),
)
def end_shift(shift_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: datetime) -> Shift:
    """A person ends duty."""
    with sessions.begin() as session:
        return units.end_shift(session, actor, shift_id, now=now)


@post(
    "/units/{unit_id:uuid}/status",
    operation_id="setUnitStatus",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "dispatch:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def set_status(unit_id: FromPath[UUID], data: SetStatus, actor: Actor, sessions: Sessions, now: datetime) -> Unit:
    """Set a unit's status, e.g. after a radio call; code 9 answers a wish to talk."""
    with sessions.begin() as session:
        return units.set_status(session, actor, unit_id, data, now=now)


@get(
    "/unit-statuses",
    operation_id="getStatusCodes",
    sync_to_thread=True,
    opt={"right": "dispatch:R"},
    responses=problems(401, 403),
)
def get_codes(sessions: Sessions) -> StatusCodes:
    """The town's numbers of a unit's status, or the FMS's."""
    with sessions.begin() as session:
        return units.get_codes(session)


@put(
    "/unit-statuses",
    operation_id="setStatusCodes",
    sync_to_thread=True,
    opt={"right": "settings:C"},
    responses=problems(400, 401, 403, 413, 415),
)
def set_codes(data: StatusCodes, actor: Actor, sessions: Sessions) -> StatusCodes:
    """Set the town's numbers; none: the FMS's."""
    with sessions.begin() as session:
        return units.set_codes(session, actor, data)


@post(
    "/emergencies",
    operation_id="noticeEmergency",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "member"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def notice_emergency(data: EmergencyNotice, actor: Actor, sessions: Sessions, now: datetime) -> Emergency:
    """An early notice of an emergency; the sealed entry with the same id confirms it."""
    with sessions.begin() as session:
        return emergencies.notice(session, actor, data, now=now)


@post(
    "/emergencies/{emergency_id:uuid}/steps",
    operation_id="stepEmergency",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "alarm:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def step_emergency(
    emergency_id: FromPath[UUID], data: EmergencyStep, actor: Actor, sessions: Sessions, now: datetime
) -> Emergency:
    """What the control room did about an emergency: shown, accept, support, safe, close."""
    with sessions.begin() as session:
        return emergencies.step(session, actor, emergency_id, data, now=now)


router = Router(
    "/v1",
    route_handlers=[
        make_report,
        open_incident,
        get_incident,
        accept_incident,
        resolve_incident,
        close_incident,
        reopen_incident,
        add_note,
        send_job,
        withdraw_job,
        add_unit,
        begin_shift,
        end_shift,
        set_status,
        get_codes,
        set_codes,
        notice_emergency,
        step_emergency,
    ],
    tags=["dispatch"],
)
