"""Signing in, people and their roles, devices."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import Cookie
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from msgspec import UNSET

from backend.db import Sessions, sessions_of
from backend.errors import problems
from backend.fields import Actor, PersonId, Role, SourceId
from backend.identity import rules, service, sources
from backend.identity.service import Found
from backend.identity.wire import (
    Enrolment,
    Grant,
    LeaseAsked,
    Me,
    NewEnrolment,
    NewGrant,
    NewPerson,
    Person,
    Revocation,
    SignIn,
    Source,
    TownName,
)
from backend.server import Server
from sync.enrolment import Enrolled, EnrolRequest, Lease, RenewRequest

COOKIE: Final = "streife_session"


@get(
    "/towns",
    operation_id="listTowns",
    sync_to_thread=True,
    opt={"right": "public"},
    responses=problems(),
)
def list_towns(sessions: Sessions) -> list[TownName]:
    """The towns that this server serves, for the page on which people sign in."""
    with sessions.begin() as session:
        return service.town_names(session)


@post(
    "/session",
    operation_id="signIn",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "public"},
    responses=problems(400, 401, 403, 413, 415, 429),
)
def sign_in(data: SignIn, server: Server, now: datetime) -> Response[Me]:
    """Open a session; the answer sets a cookie that scripts cannot read."""
    token, me = service.sign_in(server.engine, data, now=now)
    cookie = Cookie(
        COOKIE,
        value=token,
        httponly=True,
        samesite="strict",
        secure=server.settings.secure_cookies,
        max_age=int(rules.SESSION.total_seconds()),
    )
    return Response(me, cookies=[cookie])


@get(
    "/session",
    operation_id="whoAmI",
    sync_to_thread=True,
    opt={"right": "signed_in"},
    responses=problems(401, 403),
)
def who_am_i(actor: Actor, sessions: Sessions) -> Me:
    """Who is signed in, with roles and feed scopes."""
    with sessions.begin() as session:
        return service.me(session, actor)


@delete(
    "/session",
    operation_id="signOut",
    sync_to_thread=True,
    opt={"right": "signed_in"},
    responses=problems(401, 403),
)
def sign_out(request: Request[Any, Any, Any], sessions: Sessions) -> None:
    """Close the session; its cookie opens nothing any more."""
    found: Found = request.scope["auth"]
    with sessions.begin() as session:
        service.sign_out(session, found.token_hash)


@get(
    "/people",
    operation_id="listPeople",
    sync_to_thread=True,
    opt={"right": "account:R"},
    responses=problems(401, 403),
)
def list_people(sessions: Sessions) -> list[Person]:
    """Every account of the town with its roles."""
    with sessions.begin() as session:
        return service.people(session)


@post(
    "/people",
    operation_id="addPerson",
    sync_to_thread=True,
    opt={"right": "account:C"},
    responses=problems(400, 401, 403, 409, 413, 415),
)
def add_person(data: NewPerson, actor: Actor, sessions: Sessions, now: datetime) -> Person:
    """Make an account without roles."""
    with sessions.begin() as session:
        return service.add_person(session, actor, data, now=now)


@post(
    "/people/{person_id:uuid}/grants",
    operation_id="grantRole",
    sync_to_thread=True,
    opt={"right": "account:C"},
    responses=problems(400, 401, 403, 404, 413, 415),
)
def grant_role(person_id: PersonId, data: NewGrant, actor: Actor, sessions: Sessions, now: datetime) -> Grant:
    """Ask for a role; it counts once another administrator approved it."""
    with sessions.begin() as session:
        return service.grant_role(session, actor, person_id, Role(data.role), now=now)


@post(
    "/grants/{grant_id:uuid}/approve",
    operation_id="approveGrant",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "account:A"},
    responses=problems(400, 401, 403, 404),
)
def approve_grant(grant_id: UUID, actor: Actor, sessions: Sessions, now: datetime) -> Grant:
    """Approve a role as the second administrator."""
    with sessions.begin() as session:
        return service.approve_grant(session, actor, grant_id, now=now)


@delete(
    "/grants/{grant_id:uuid}",
    operation_id="withdrawGrant",
    sync_to_thread=True,
    opt={"right": "account:C"},
    responses=problems(400, 401, 403, 404, 409),
)
def withdraw_grant(grant_id: UUID, actor: Actor, sessions: Sessions, now: datetime) -> None:
    """Take a role back; it ends in open sessions too."""
    with sessions.begin() as session:
        service.withdraw_grant(session, actor, grant_id, now=now)


@get(
    "/sources",
    operation_id="listSources",
    sync_to_thread=True,
    opt={"right": "device:R"},
    responses=problems(401, 403),
)
def list_sources(sessions: Sessions) -> list[Source]:
    """Every device of the town, the longest silent first."""
    with sessions.begin() as session:
        return sources.sources(session)


@post(
    "/enrolments",
    operation_id="openEnrolment",
    sync_to_thread=True,
    opt={"right": "device:C"},
    responses=problems(400, 401, 403, 404, 413, 415),
)
def open_enrolment(data: NewEnrolment, actor: Actor, sessions: Sessions, now: datetime) -> Enrolment:
    """Make a code, as text and as QR, that lets one device in, once, within 15 minutes."""
    with sessions.begin() as session:
        return sources.open_enrolment(session, actor, data, now=now)


@post(
    "/sources",
    operation_id="enrolSource",
    sync_to_thread=True,
    opt={"right": "public"},
    responses=problems(400, 403, 409, 413, 415),
)
def enrol_source(data: EnrolRequest, server: Server, now: datetime) -> Enrolled:
    """A device enrols with a code and a proof that it holds its key."""
    with server.across_towns().begin() as session:
        town = sources.town_of_code(session, data.code)
    with sessions_of(server.engine, town).begin() as session:
        return sources.enrol(session, data, server.record_key, now=now)


@post(
    "/sources/{source_id:uuid}/incarnations",
    operation_id="renewSource",
    sync_to_thread=True,
    opt={"right": "public"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def renew_source(
    request: Request[Any, Any, Any], source_id: SourceId, data: RenewRequest, server: Server, now: datetime
) -> Enrolled:
    """A known device begins a new journal: with its old key and a lease, or with a new code."""
    found = request.app.state.who(request)
    with server.across_towns().begin() as session:
        town = sources.town_of_source(session, source_id)
    with sessions_of(server.engine, town).begin() as session:
        actor = None if found is None or found.is_locked_out else found.actor
        return sources.renew(session, actor, source_id, data, server.record_key, now=now)


@post(
    "/sources/{source_id:uuid}/lease",
    operation_id="leaseSource",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "public"},
    responses=problems(400, 401, 403, 404, 409, 413, 415, 429),
)
def lease_source(source_id: SourceId, data: LeaseAsked, server: Server, now: datetime) -> Lease:
    """A device asks for its right to speak; a phone with a person's login."""
    person = None
    with server.across_towns().begin() as session:
        town = sources.town_of_source(session, source_id)
    if data.login is not UNSET:
        password = "" if data.password is UNSET else data.password
        person = service.check_password_in(server.engine, town, data.login, password, now=now)
    with sessions_of(server.engine, town).begin() as session:
        return sources.lease(session, source_id, data, person, server.record_key, now=now)


@post(
    "/sources/{source_id:uuid}/revoke",
    operation_id="revokeSource",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "device:C"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def revoke_source(source_id: SourceId, data: Revocation, actor: Actor, sessions: Sessions, now: datetime) -> Source:
    """Lock a device out: no new lease, and what it sends later is only kept."""
    with sessions.begin() as session:
        return sources.revoke(session, actor, source_id, data, now=now)


router = Router(
    "/v1",
    route_handlers=[
        list_towns,
        sign_in,
        who_am_i,
        sign_out,
        list_people,
        add_person,
        grant_role,
        approve_grant,
        withdraw_grant,
        list_sources,
        open_enrolment,
        enrol_source,
        renew_source,
        lease_source,
        revoke_source,
    ],
    tags=["identity"],
)
