"""Signing in: what a wrong password costs, what it tells, and whose account it opens."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from backend.errors import TooManyTries, WrongLogin
from backend.fields import Role
from backend.identity import rules, service
from backend.identity.tables import PersonRow
from backend.identity.wire import SignIn
from tests.backend.world import PASSWORD, World

WRONG = "ein anderes Passwort"


def sign_in(world: World, login: str, password: str = PASSWORD, **changes):
    body = {"login": login, "password": password, "town": world.slug} | changes
    answer = world.http.post("/v1/session", json=body)
    world.http.cookies.clear()
    return answer


def test_the_right_password_opens_a_session_whose_cookie_scripts_cannot_read(world: World) -> None:
    clerk = world.person(Role.CLERK)
    answer = sign_in(world, clerk.login)
    assert (200, str(clerk.id), ["clerk"]) == (answer.status_code, answer.json()["person"], answer.json()["roles"])
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    token = answer.cookies["streife_session"]
    assert world.http.get("/v1/session", headers={"cookie": f"streife_session={token}"}).status_code == 200
    assert token not in answer.text


def test_what_is_wrong_is_not_told(world: World, other: World) -> None:
    login = world.person().login
    answers = [
        sign_in(world, login, WRONG),
        sign_in(world, "niemand"),
        sign_in(other, login),
        sign_in(world, login, town="nowhere"),
        world.http.post("/v1/session", json={"login": login, "password": PASSWORD}),  # many towns, and none named
    ]
    assert {401} == {answer.status_code for answer in answers}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["code"] == "wrong_login"
    assert all("set-cookie" not in answer.headers for answer in answers)


def test_an_unknown_login_costs_one_verification_too(world: World, monkeypatch) -> None:
    """Counted and not timed: a clock in a test proves nothing on a busy machine."""
    seen = []
    real = service._is_right

    def counting(stored: str, password: str) -> bool:
        seen.append(stored.split("$")[1:4])
        return real(stored, password)

    monkeypatch.setattr(service, "_is_right", counting)
    known = world.person().login
    sign_in(world, known, WRONG)
    sign_in(world, "niemand", WRONG)
    sign_in(world, known, WRONG, town="nowhere")
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2] == ["argon2id", "v=19", "m=65536,t=3,p=4"]


def test_after_five_wrong_tries_each_further_one_waits_a_minute(world: World) -> None:
    login, now = world.person().login, datetime.now(UTC)

    def try_at(seconds: float, password: str = WRONG):
        data = SignIn(login=login, password=password, town=world.slug)
        return service.sign_in(world.server.engine, data, now=now + timedelta(seconds=seconds))

    for n in range(rules.FREE_TRIES):
        with pytest.raises(WrongLogin):
            try_at(n)
    for seconds in (5, 30, 63):
        with pytest.raises(TooManyTries):
            try_at(seconds, PASSWORD)  # the right one too: it must not tell that it was right
    with pytest.raises(WrongLogin):
        try_at(65)
    with pytest.raises(TooManyTries):
        try_at(66)
    assert try_at(126, PASSWORD)[1].person
    with pytest.raises(WrongLogin):
        try_at(127)  # the right one cleared the count


def test_the_sixth_try_is_answered_429_and_says_when_to_come_back(world: World) -> None:
    login = world.person().login
    assert [401] * 5 == [sign_in(world, login, WRONG).status_code for _ in range(5)]
    answer = sign_in(world, login)
    assert (429, "60") == (answer.status_code, answer.headers["retry-after"])


def test_many_tries_at_once_are_no_more_than_as_many_in_a_row(world: World) -> None:
    """Found: each of them looked at the count before any had raised it."""
    login = world.person().login
    with ThreadPoolExecutor(12) as pool:
        codes = list(pool.map(lambda _: sign_in_directly(world, login), range(12)))
    assert (5, 7) == (codes.count("wrong_login"), codes.count("too_many_tries"))


def sign_in_directly(world: World, login: str) -> str:
    try:
        service.sign_in(
            world.server.engine, SignIn(login=login, password=WRONG, town=world.slug), now=datetime.now(UTC)
        )
    except (WrongLogin, TooManyTries) as error:
        return error.code
    return "in"


def test_two_towns_may_have_the_same_login(world: World, other: World) -> None:
    here, there = world.person(Role.CLERK), other.person(Role.ADMIN)
    with other.sessions.begin() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO person SELECT town, %s, %s, name, call_sign, password_hash, 0, NULL, state, created_at"
            " FROM person WHERE id = %s",
            (service.uuid7(), here.login, there.id),
        )
    first, second = sign_in(world, here.login).json(), sign_in(other, here.login).json()
    assert (world.slug, other.slug) == (first["town"]["slug"], second["town"]["slug"])
    assert first["person"] != second["person"]
    assert (["clerk"], []) == (first["roles"], second["roles"])


def test_an_account_is_stored_with_argon2id_and_nothing_of_the_password(world: World) -> None:
    admin = world.person(Role.ADMIN)
    body = {"login": "anna.b", "name": "Anna B.", "call_sign": "Erle 9", "password": PASSWORD}
    answer = world.http.post("/v1/people", json=body, headers=admin.headers)
    assert (201, []) == (answer.status_code, answer.json()["roles"])
    assert "password" not in answer.text
    with world.sessions.begin() as session:
        row = session.get_one(PersonRow, (world.town, answer.json()["id"]))
        assert row.password_hash.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    again = world.http.post("/v1/people", json=body, headers=admin.headers)
    assert (409, "/login") == (again.status_code, again.json()["errors"][0]["pointer"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", "Anna"), ("login", "a\n"), ("login", ""), ("login", "-a"), ("login", "a" * 41), ("login", "ä"),
        ("password", "short"), ("password", "x" * 201), ("password", "nul\x00nul\x00nul\x00"), ("name", ""),
        ("name", "a\x00b"), ("name", "a\nb"), ("call_sign", "x" * 81), ("call_sign", None), ("extra", 1),
    ],
)  # fmt: skip
def test_an_account_that_is_none_is_refused_with_the_fields_name(world: World, field: str, value) -> None:
    admin = world.person(Role.ADMIN)
    body = {"login": "neu", "name": "Neu", "call_sign": "Neu", "password": PASSWORD} | {field: value}
    answer = world.http.post("/v1/people", json=body, headers=admin.headers)
    assert (400, f"/{field}") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_devices_are_no_roles_of_people(world: World) -> None:
    admin = world.person(Role.ADMIN)
    for role in ("dock", "gateway", "root", ""):
        answer = world.http.post(f"/v1/people/{admin.id}/grants", json={"role": role}, headers=admin.headers)
        assert (400, "/role") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_the_same_role_asked_for_twice_at_once_is_one_grant(world: World) -> None:
    """Found: the second one met the unique index and was a 500."""
    admin, person = world.person(Role.ADMIN), world.person()
    with ThreadPoolExecutor(4) as pool:
        path = f"/v1/people/{person.id}/grants"
        ask = lambda _: world.http.post(path, json={"role": "clerk"}, headers=admin.headers)  # noqa: E731
        answers = list(pool.map(ask, range(4)))
    assert {201} == {answer.status_code for answer in answers}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_two_administrators_who_withdraw_each_other_at_once_do_not_leave_none(world: World) -> None:
    admins = [world.person(Role.ADMIN) for _ in range(2)]
    grants = []
    for one in admins:
        with world.sessions.begin() as session:
            grants.append(
                session.connection().exec_driver_sql("SELECT id FROM role_grant WHERE person = %s", (one.id,)).scalar()
            )
    with ThreadPoolExecutor(2) as pool:
        pairs = [(admins[0], grants[1]), (admins[1], grants[0])]
        answers = list(pool.map(lambda p: world.http.delete(f"/v1/grants/{p[1]}", headers=p[0].headers), pairs))
    assert [204] != sorted({answer.status_code for answer in answers})
    with world.sessions.begin() as session:
        assert service._administrators(session) == 1
