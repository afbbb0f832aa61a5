"""Cameras, who was trained, and who has which camera."""

from datetime import datetime
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.params import FromPath
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from backend.db import Sessions
from backend.errors import problems
from backend.evidence import cameras, queries
from backend.evidence.wire import (
    Assignment,
    Camera,
    Certificate,
    ConfirmCamera,
    NewAssignment,
    NewCertificate,
)
from backend.fields import Actor
from backend.server import Server


@get(
    "/cameras",
    operation_id="listCameras",
    sync_to_thread=True,
    opt={"right": "device:R"},
    responses=problems(401, 403),
)
def list_cameras(sessions: Sessions) -> list[Camera]:
    """Every camera that was docked here."""
    with sessions.begin() as session:
        return queries.cameras(session)


@post(
    "/cameras/{camera_id:uuid}/confirm",
    operation_id="confirmCamera",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "device:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def confirm_camera(
    camera_id: FromPath[UUID], data: ConfirmCamera, actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> Camera:
    """Say what a camera is, or retire it; an unknown one is kept until then."""
    with sessions.begin() as session:
        return cameras.confirm(session, actor, camera_id, data, key=server.record_key, now=now)


@get(
    "/training-certificates",
    operation_id="listCertificates",
    sync_to_thread=True,
    opt={"right": "training:R", "limits": "o"},
    responses=problems(401, 403),
)
def list_certificates(actor: Actor, sessions: Sessions) -> list[Certificate]:
    """Training certificates; officers see their own."""
    with sessions.begin() as session:
        return queries.certificates(session, actor)


@post(
    "/training-certificates",
    operation_id="recordCertificate",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "training:C"},
    responses=problems(400, 401, 403, 413, 415),
)
def record_certificate(data: NewCertificate, actor: Actor, sessions: Sessions, now: datetime) -> Certificate:
    """Record that somebody was trained; without it nobody is assigned a camera."""
    with sessions.begin() as session:
        return cameras.record_certificate(session, actor, data, now=now)


@delete(
    "/training-certificates/{certificate_id:uuid}",
    operation_id="withdrawCertificate",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "training:C"},
    responses=problems(400, 401, 403, 404),
)
def withdraw_certificate(
    certificate_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: datetime
) -> Certificate:
    """Withdraw a certificate; cameras that were assigned by it come back."""
    with sessions.begin() as session:
        return cameras.withdraw_certificate(session, actor, certificate_id, now=now)


@get(
    "/camera-assignments",
    operation_id="listAssignments",
    sync_to_thread=True,
    opt={"right": "training:R", "limits": "o"},
    responses=problems(401, 403),
)
def list_assignments(actor: Actor, sessions: Sessions, now: datetime) -> list[Assignment]:
    """Who has which camera, now or later; officers see their own."""
    with sessions.begin() as session:
        return queries.assignments(session, actor, now=now)


@post(
    "/cameras/{camera_id:uuid}/assignments",
    operation_id="assignCamera",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "training:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def assign_camera(
    camera_id: FromPath[UUID], data: NewAssignment, actor: Actor, sessions: Sessions, now: datetime
) -> Assignment:
    """Give a camera to an officer whose training certificate covers the whole span."""
    with sessions.begin() as session:
        return cameras.assign(session, actor, camera_id, data, now=now)


@post(
    "/camera-assignments/{assignment_id:uuid}/end",
    operation_id="endAssignment",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "training:C"},
    responses=problems(400, 401, 403, 404),
)
def end_assignment(assignment_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: datetime) -> Assignment:
    """The camera is back."""
    with sessions.begin() as session:
        return cameras.end_assignment(session, actor, assignment_id, now=now)


router = Router(
    "/v1",
    route_handlers=[
        list_cameras,
        confirm_camera,
        list_certificates,
        record_certificate,
        withdraw_certificate,
        list_assignments,
        assign_camera,
        end_assignment,
    ],
    tags=["evidence"],
)
