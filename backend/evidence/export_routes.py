"""Cases and exports: asked for by one person, approved by another, taken by one of the two."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from litestar import Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from backend.db import Sessions
from backend.errors import problems
from backend.evidence import cases, queries
from backend.evidence.export_wire import Case, Export, ExportPage, NewCase, NewExport
from backend.fields import Actor
from backend.paging import After, Limit
from backend.server import Server

_ZIP: Final = "application/zip"
_PIECE: Final = 1 << 20


@post(
    "/cases",
    operation_id="openCase",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "export:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def open_case(data: NewCase, actor: Actor, sessions: Sessions, server: Server, now: datetime) -> Case:
    """Open a case under which evidence is handed out; the same again returns the one that is open."""
    with sessions.begin() as session:
        return cases.open_case(session, actor, data, key=server.record_key, now=now)


@post(
    "/cases/{case_id:uuid}/exports",
    operation_id="requestExport",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "export:C"},
    responses=problems(400, 401, 403, 404, 409, 410, 413, 415),
)
def request_export(
    case_id: FromPath[UUID], data: NewExport, actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> Export:
    """Ask for a package of clips; it is built once another person approved it."""
    with sessions.begin() as session:
        return cases.request(session, actor, case_id, data, key=server.record_key, now=now)


@post(
    "/exports/{export_id:uuid}/approve",
    operation_id="approveExport",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "export:A"},
    responses=problems(400, 401, 403, 404),
)
def approve_export(
    export_id: FromPath[UUID], actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> Export:
    """Approve an export that somebody else asked for; once more changes nothing."""
    with sessions.begin() as session:
        return cases.approve(session, actor, export_id, key=server.record_key, now=now)


@get(
    "/exports",
    operation_id="listExports",
    sync_to_thread=True,
    opt={"right": "export:A"},
    responses=problems(400, 401, 403),
)
def list_exports(sessions: Sessions, after: After = None, limit: Limit = 50) -> ExportPage:
    """Exports with their clips, the newest asked for first; `requested` ones wait for a second person."""
    with sessions.begin() as session:
        return queries.exports(session, after=after, limit=limit)


@get(
    "/exports/{export_id:uuid}",
    operation_id="getExport",
    sync_to_thread=True,
    opt={"right": "export:A"},
    responses=problems(400, 401, 403, 404),
)
def get_export(export_id: FromPath[UUID], actor: Actor, sessions: Sessions) -> Export:
    """An export as it stands, with the fingerprint for the covering letter once it is built."""
    with sessions.begin() as session:
        return cases.export(session, actor, export_id)


@get(
    "/exports/{export_id:uuid}/package",
    operation_id="getPackage",
    sync_to_thread=True,
    opt={"right": "export:A"},
    responses=problems(400, 401, 403, 404, 409, 410)
    | {HTTP_200_OK: ResponseSpec(bytes, description="The ZIP.", media_type=_ZIP, generate_examples=False)},
)
def get_package(export_id: FromPath[UUID], actor: Actor, sessions: Sessions, server: Server, now: datetime) -> Stream:
    """The package; that you took it is recorded before the first byte leaves. Our copy goes 30 days after the first."""
    with sessions.begin() as session:
        found = cases.deliver(session, actor, export_id, server.packages, key=server.record_key, now=now)
    headers = {
        "cache-control": "no-store",
        "content-length": str(found.size),
        "content-disposition": f'attachment; filename="{found.name}"',
    }
    return Stream(_pieces(found.path), media_type=_ZIP, headers=headers)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


router = Router(
    "/v1",
    route_handlers=[open_case, request_export, approve_export, list_exports, get_export, get_package],
    tags=["evidence"],
)
