"""Who gets in where: every role of the rights table against every route, tokens, cookies and their ends."""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from litestar import Litestar, get
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient
from sqlalchemy import text

from backend import app as application
from backend.app import check_rights
from backend.fields import Role, uuid7
from backend.identity import rules, service
from backend.identity.tables import LoginSessionRow
from backend.offences.wire import OffencePage
from backend.problems import handlers
from tests.backend.conftest import new_town
from tests.backend.world import PASSWORD, Person, World

STREAMS = ("/v1/live", "/v1/sync/hints")
PERSONS = [role for role in Role if role not in (Role.DOCK, Role.GATEWAY)]


def routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Method and address of every route that is ours, with ids that exist nowhere."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and "right" in handler.opt:
                path = route.path_format
                for component in route.path_components:
                    if not isinstance(component, str):
                        value = {"uuid": str(uuid7()), "int": "0", "path": "000"}.get(
                            component.type.__name__.lower(), "x"
                        )
                        path = path.replace("{" + component.name + "}", value)
                for method in handler.http_methods:
                    yield str(method), path, handler


@pytest.fixture(scope="module")
def town(http, server, tmp_path_factory) -> World:
    return new_town(http, server, tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def people(town: World) -> dict[Role, Person]:
    return {role: town.person(role) for role in PERSONS}


@pytest.fixture(scope="module")
def machines(town: World) -> dict[str, dict[str, str]]:
    phone = town.phone()
    phone.client.lease()
    return {
        "dock": town.machine("dock").lease(),
        "gateway": town.machine("gateway").lease(),
        "phone": {"authorization": f"Bearer {phone.client.token()}"},
    }


def code_of(answer) -> str:
    if answer.request.method == "HEAD":  # its answers have no body
        return {401: "not_signed_in", 403: "not_allowed", 404: "not_found"}.get(answer.status_code, "")
    return answer.json()["code"] if "problem" in answer.headers.get("content-type", "") else ""


def is_let_in(answer) -> bool:
    return code_of(answer) not in ("not_allowed", "not_signed_in")


@pytest.mark.parametrize("role", PERSONS)
def test_each_role_gets_in_where_the_table_says_and_nowhere_else(http, people, role: Role) -> None:
    for method, path, handler in routes(http.app):
        right = handler.opt["right"]
        if (path in STREAMS and right != "source") or handler.operation_id == "signOut":
            continue  # an open stream is no answer, and signing out would end the test; both need no role
        limit = None if right in rules.UNROLED else rules.permit({role}, right)
        allowed = right in ("public", "signed_in", "member") or (
            limit is not None and set(limit) <= set(handler.opt.get("limits", ""))
        )
        answer = http.request(method, path, headers=people[role].headers)
        assert allowed == is_let_in(answer), (role, method, path, right, answer.text[:200])


def test_whoever_has_no_role_gets_no_further_than_signed_in(http, town: World) -> None:
    nobody = town.person()
    for method, path, handler in routes(http.app):
        if handler.opt["right"] not in ("public", "signed_in", "member"):
            assert code_of(http.request(method, path, headers=nobody.headers)) == "not_allowed", path


@pytest.mark.parametrize("kind", ["dock", "gateway", "phone"])
def test_a_device_gets_in_at_no_persons_route(http, machines, kind: str) -> None:
    for method, path, handler in routes(http.app):
        right = handler.opt["right"]
        if path in STREAMS:
            continue
        allowed = right in ("public", "source", "member")
        answer = http.request(method, path, headers=machines[kind])
        assert allowed == is_let_in(answer) or path.endswith("/incarnations"), (kind, method, path, answer.text[:200])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {secrets.token_urlsafe(32)}"},
        {"authorization": "Basic YWRtaW46YWRtaW4="},
        {"authorization": "Bearer \x7f~ä".encode("latin-1")},
        {"cookie": "streife_session=nothing"},
    ],
)
def test_without_a_good_token_every_route_that_is_not_public_answers_401(http, headers) -> None:
    for method, path, handler in routes(http.app):
        if handler.opt["right"] != "public":
            answer = http.request(method, path, headers=headers)
            assert (401, "not_signed_in") == (answer.status_code, code_of(answer)), (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("right", [None, "", "offence", "offence:X", "nothing:R", 7])
def test_a_route_that_names_no_right_of_the_table_does_not_start(right) -> None:
    @get("/secret", sync_to_thread=False, opt={} if right is None else {"right": right})
    def secret() -> str:
        return "secret"

    app = Litestar([secret], openapi_config=None)
    with pytest.raises(LookupError, match="/secret"):
        check_rights(app)


def test_the_guard_refuses_what_names_no_right_even_if_it_started(server) -> None:
    @get("/secret", sync_to_thread=False)
    def secret() -> str:
        return "secret"

    app = Litestar([secret], guards=[application.guard], exception_handlers=handlers(), openapi_config=None)
    app.state.server, app.state.who = server, application.who
    with TestClient(app) as client:
        assert client.get("/secret").status_code == 403


def test_an_officer_sees_own_offences_only(world: World) -> None:
    mine, theirs = world.phone(), world.phone()
    own = mine.record()
    other = theirs.record()
    for phone in (mine, theirs):
        phone.client.drain(patience_s=0)
    seen = world.http.get("/v1/offences", headers=mine.officer.headers).json()
    assert [own] == [one["id"] for one in seen["offences"]]
    assert world.http.get(f"/v1/offences/{own}", headers=mine.officer.headers).status_code == 200
    assert world.http.get(f"/v1/offences/{other}", headers=mine.officer.headers).status_code == 404
    clerk = world.person(Role.CLERK)
    seen = world.http.get("/v1/offences", headers=clerk.headers).json()
    assert {own, other} == {one["id"] for one in seen["offences"]}


def test_a_prosecutor_sees_no_offence_that_is_in_no_case_of_theirs(world: World) -> None:
    phone = world.phone()
    id_ = phone.record()
    phone.client.drain(patience_s=0)
    prosecutor = world.person(Role.PROSECUTOR)
    answer = world.http.get("/v1/offences", headers=prosecutor.headers)
    assert OffencePage(offences=[], after=None) == OffencePage(**answer.json())
    assert world.http.get(f"/v1/offences/{id_}", headers=prosecutor.headers).status_code == 404


def test_two_limited_roles_are_read_the_same_each_time() -> None:
    assert {
        rules.permit(roles, "offence:R") for roles in ([Role.OFFICER, Role.PROSECUTOR], [Role.PROSECUTOR, Role.OFFICER])
    } == {"c"}


@pytest.mark.parametrize("headers", [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
    {"origin": "http://testserver.local.evil.example"},
    {"origin": "http://testserver.local:8081"},
])  # fmt: skip
def test_a_foreign_page_cannot_write_with_our_cookie(world: World, headers) -> None:
    admin = world.person(Role.ADMIN)
    cookie = {"cookie": "streife_session=" + admin.headers["authorization"].removeprefix("Bearer ")}
    body = {"login": "neu", "name": "Neu", "call_sign": "Neu", "password": PASSWORD}
    answer = world.http.post("/v1/people", json=body, headers=cookie | headers)
    assert (403, "foreign_origin") == (answer.status_code, code_of(answer))
    login = {"login": admin.login, "password": PASSWORD, "town": world.slug}
    answer = world.http.post("/v1/session", json=login, headers=headers)
    assert (403, "foreign_origin") == (answer.status_code, code_of(answer)), "signing somebody in from a foreign page"
    assert world.http.get("/v1/people", headers=cookie | headers).status_code == 200


@pytest.mark.parametrize("headers", [
    {}, {"origin": "http://testserver.local"}, {"sec-fetch-site": "same-origin", "origin": "https://testserver.local"},
    {"sec-fetch-site": "none"},
])  # fmt: skip
def test_our_own_pages_write_with_the_cookie(world: World, headers) -> None:
    admin = world.person(Role.ADMIN)
    cookie = {"cookie": "streife_session=" + admin.headers["authorization"].removeprefix("Bearer ")}
    body = {"login": "neu", "name": "Neu", "call_sign": "Neu", "password": PASSWORD}
    assert world.http.post("/v1/people", json=body, headers=cookie | headers).status_code == 201


def test_a_withdrawn_role_ends_in_open_sessions_at_once(world: World) -> None:
    admin, clerk = world.person(Role.ADMIN), world.person(Role.CLERK)
    assert world.http.get("/v1/offences", headers=clerk.headers).status_code == 200
    grant = next(iter(_grants(world, clerk.id)))
    assert world.http.delete(f"/v1/grants/{grant}", headers=admin.headers).status_code == 204
    assert world.http.get("/v1/offences", headers=clerk.headers).status_code == 403
    assert world.http.delete(f"/v1/grants/{grant}", headers=admin.headers).status_code == 404


def _grants(world: World, person: UUID) -> list[UUID]:
    with world.sessions.begin() as session:
        return list(session.scalars(text("SELECT id FROM role_grant WHERE person = :p"), {"p": person}))


def test_a_role_counts_once_another_administrator_approved_it(world: World) -> None:
    asking, approving, person = world.person(Role.ADMIN), world.person(Role.ADMIN), world.person()
    grant = world.http.post(f"/v1/people/{person.id}/grants", json={"role": "clerk"}, headers=asking.headers).json()
    again = world.http.post(f"/v1/people/{person.id}/grants", json={"role": "clerk"}, headers=asking.headers)
    assert (201, grant) == (again.status_code, again.json())
    assert world.http.get("/v1/offences", headers=person.headers).status_code == 403
    refused = world.http.post(f"/v1/grants/{grant['id']}/approve", headers=asking.headers)
    assert (403, "own_approval") == (refused.status_code, code_of(refused))
    assert world.http.post(f"/v1/grants/{grant['id']}/approve", headers=approving.headers).status_code == 200
    assert world.http.get("/v1/offences", headers=person.headers).status_code == 200


def test_nobody_approves_a_role_of_their_own(world: World) -> None:
    asking, other = world.person(Role.ADMIN), world.person(Role.ADMIN)
    grant = world.http.post(f"/v1/people/{other.id}/grants", json={"role": "dpo"}, headers=asking.headers).json()
    answer = world.http.post(f"/v1/grants/{grant['id']}/approve", headers=other.headers)
    assert (403, "own_approval") == (answer.status_code, code_of(answer))


def test_the_last_administrator_stays(world: World) -> None:
    admin, other = world.person(Role.ADMIN), world.person(Role.ADMIN)
    first, second = _grants(world, admin.id)[0], _grants(world, other.id)[0]
    assert world.http.delete(f"/v1/grants/{second}", headers=admin.headers).status_code == 204
    answer = world.http.delete(f"/v1/grants/{first}", headers=admin.headers)
    assert (409, "already_done") == (answer.status_code, code_of(answer))


def test_a_session_ends_by_itself_and_by_signing_out(world: World) -> None:
    clerk = world.person(Role.CLERK)
    assert world.http.get("/v1/session", headers=clerk.headers).status_code == 200
    with world.sessions.begin() as session:
        token = clerk.headers["authorization"].removeprefix("Bearer ")
        kept = session.get_one(LoginSessionRow, (world.town, service.token_hash(token)))
        assert kept.expires_at - kept.created_at == rules.SESSION == timedelta(hours=12)
        assert service.authenticate(session, token, now=kept.expires_at - timedelta(seconds=1)) is not None
        assert service.authenticate(session, token, now=kept.expires_at) is None
    assert world.http.delete("/v1/session", headers=clerk.headers).status_code == 204
    assert world.http.get("/v1/session", headers=clerk.headers).status_code == 401


def test_a_person_who_left_is_nobody(world: World) -> None:
    clerk = world.person(Role.CLERK)
    with world.sessions.begin() as session:
        session.execute(text("UPDATE person SET state = 'left' WHERE id = :id"), {"id": clerk.id})
    assert world.http.get("/v1/session", headers=clerk.headers).status_code == 401
    login = {"login": clerk.login, "password": PASSWORD, "town": world.slug}
    assert world.http.post("/v1/session", json=login).status_code == 401


def test_no_token_and_no_password_is_stored_as_it_is(world: World) -> None:
    clerk = world.person(Role.CLERK)
    token = clerk.headers["authorization"].removeprefix("Bearer ")
    with world.sessions.begin() as session:
        rows = session.execute(text("SELECT s::text FROM login_session s")).scalars().all()
        hashed = session.scalar(text("SELECT password_hash FROM person WHERE id = :id"), {"id": clerk.id})
    assert all(token not in row for row in rows)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in hashed
