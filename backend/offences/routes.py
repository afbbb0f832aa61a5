"""Offences and the catalogue, for people at a browser; sources send theirs through the exchange."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, QueryParameter
from litestar.status_codes import HTTP_200_OK

from backend.db import Sessions
from backend.errors import problems
from backend.fields import END, Actor, Aware
from backend.offences import catalogue, queries
from backend.offences.wire import (
    Board,
    CatalogueImport,
    CatalogueImports,
    CatalogueOnDay,
    Offence,
    OffencePage,
)
from backend.paging import After, Limit
from backend.server import Server

Day = Annotated[date | None, QueryParameter(description="A calendar day in Europe/Berlin; today if left out.")]
Prefix = Annotated[
    str, QueryParameter(name="q", pattern=r"^[0-9]{0,6}" + END, max_length=6, description="First digits.")
]


@get(
    "/board",
    operation_id="board",
    sync_to_thread=True,
    opt={"right": "signed_in"},
    responses=problems(401, 403, 503),
)
def board(actor: Actor, sessions: Sessions, server: Server, now: datetime) -> Board:
    """What your screens begin with: the newest offences, your open tasks, how many there are, and the feed's cursor."""
    with sessions.begin() as session:
        return queries.board(session, actor, secret=server.secret, now=now)


@get(
    "/offences",
    operation_id="listOffences",
    sync_to_thread=True,
    opt={"right": "offence:R", "limits": "oc"},
    responses=problems(400, 401, 403, 503),
)
def list_offences(actor: Actor, sessions: Sessions, after: After = None, limit: Limit = 50) -> OffencePage:
    """Offences that you may see, the newest received first."""
    with sessions.begin() as session:
        return queries.offences(session, actor, after=after, limit=limit)


@get(
    "/offences/{offence_id:uuid}",
    operation_id="getOffence",
    sync_to_thread=True,
    opt={"right": "offence:R", "limits": "oc"},
    responses=problems(400, 401, 403, 404, 503),
)
def get_offence(offence_id: FromPath[UUID], actor: Actor, sessions: Sessions) -> Offence:
    """One offence with all that is kept of it."""
    with sessions.begin() as session:
        return queries.offence(session, actor, offence_id)


@get(
    "/catalogue",
    operation_id="getCatalogue",
    sync_to_thread=True,
    opt={"right": "catalogue:R"},
    responses=problems(400, 401, 403, 503),
)
def get_catalogue(sessions: Sessions, now: Aware, day: Day = None, prefix: Prefix = "") -> CatalogueOnDay:
    """What is in force on a day, by number."""
    with sessions.begin() as session:
        return queries.catalogue_on(session, day, prefix, now=now)


@get(
    "/catalogue/imports",
    operation_id="listCatalogueImports",
    sync_to_thread=True,
    opt={"right": "catalogue:R"},
    responses=problems(401, 403, 503),
)
def list_imports(sessions: Sessions) -> CatalogueImports:
    """All readings of catalogue files, newest first."""
    with sessions.begin() as session:
        return queries.imports(session)


@post(
    "/catalogue/imports/{import_id:uuid}/approve",
    operation_id="approveCatalogueImport",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "catalogue:A"},
    responses=problems(400, 401, 403, 404, 409, 503),
)
def approve_import(import_id: FromPath[UUID], actor: Actor, sessions: Sessions, now: Aware) -> CatalogueImport:
    """Publish a proposed catalogue, as another person than the one who imported it."""
    with sessions.begin() as session:
        return catalogue.approve(session, actor, import_id, now=now)


router = Router(
    "/v1",
    route_handlers=[board, list_offences, get_offence, get_catalogue, list_imports, approve_import],
    tags=["offences"],
)
