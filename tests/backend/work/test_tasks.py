"""What waits for a person: one task about one thing at a time, told to those who may settle it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.fields import Role, uuid7
from backend.work import service as work
from tests.backend.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def open_task(world: World, subject: UUID, audience: str = "office", **changes) -> None:
    with world.sessions.begin() as session:
        fields = {"subject_type": "thing", "subject": subject, "facts": {"n": 1}, "now": NOW} | changes
        work.open_task(session, audience, "look", **fields)


def in_feed(world: World) -> list[str]:
    with world.sessions.begin() as session:
        return sorted(session.scalars(text("SELECT id::text FROM feed WHERE type = 'task' AND op = 'put'")))


def shown(world: World, *roles: Role) -> list[str]:
    answer = world.http.get("/v1/tasks", headers=world.person(*roles).headers)
    assert answer.status_code == 200
    return sorted(one["id"] for one in answer.json())


def test_a_repetition_opens_no_second_task_and_tells_of_none(world: World) -> None:
    """Found: the feed told screens of a task that there was not, and nobody could close it."""
    subject = uuid7()
    for _ in range(3):
        open_task(world, subject)
    assert len(in_feed(world)) == 1
    assert in_feed(world) == shown(world, Role.CLERK)


def test_after_it_was_settled_the_same_thing_can_wait_again(world: World) -> None:
    clerk, subject = world.person(Role.CLERK), uuid7()
    open_task(world, subject)
    (first,) = in_feed(world)
    body = {"outcome": "settled", "reason": "erledigt", "base": 1}
    path = f"/v1/tasks/{first}/close"
    assert world.http.post(path, json=body, headers=clerk.headers).status_code == 200
    assert [] == in_feed(world)
    open_task(world, subject)
    (second,) = in_feed(world)
    assert (first != second, [second]) == (True, shown(world, Role.CLERK))
    assert world.http.post(path, json=body, headers=clerk.headers).status_code == 200, "the same answer again"


@pytest.mark.parametrize(
    ("role", "sees"),
    [(Role.CLERK, ["office"]), (Role.ADMIN, ["admin"]), (Role.OFFICER, []), (Role.DPO, []), (Role.DISPATCHER, [])],
)
def test_tasks_wait_for_their_audience_only(world: World, role: Role, sees: list[str]) -> None:
    for audience in ("office", "admin"):
        open_task(world, uuid7(), audience)
    person = world.person(role)
    found = world.http.get("/v1/tasks", headers=person.headers).json()
    assert sees == [one["audience"] for one in found]
    body = {"outcome": "settled", "reason": "erledigt", "base": 1}
    for id_ in in_feed(world):
        mine = [one["id"] for one in found]
        answer = world.http.post(f"/v1/tasks/{id_}/close", json=body, headers=person.headers)
        assert (200 if id_ in mine else 404) == answer.status_code


def test_who_saw_an_older_state_or_comes_second_is_told(world: World) -> None:
    first, second = world.person(Role.CLERK), world.person(Role.CLERK)
    open_task(world, uuid7())
    (id_,) = in_feed(world)
    body = {"outcome": "settled", "reason": "erledigt", "base": 2}
    path = f"/v1/tasks/{id_}/close"
    assert "stale_base" == world.http.post(path, json=body, headers=first.headers).json()["code"]
    assert world.http.post(path, json=body | {"base": 1}, headers=first.headers).status_code == 200
    assert "already_done" == world.http.post(path, json=body | {"base": 2}, headers=second.headers).json()["code"]


def test_a_superior_sees_a_task_and_does_not_settle_it(world: World) -> None:
    phone, superior = world.phone(), world.person(Role.SUPERIOR)
    phone.record({"amount_cents": None})
    phone.client.drain(patience_s=0)
    (task, *_) = world.http.get("/v1/tasks", headers=superior.headers).json()
    body = {"outcome": "settled", "reason": "nachgetragen", "base": task["rev"]}
    answer = world.http.post(f"/v1/tasks/{task['id']}/close", json=body, headers=superior.headers)
    assert (403, "not_allowed") == (answer.status_code, answer.json()["code"])
    clerk = world.person(Role.CLERK)
    assert 200 == world.http.post(f"/v1/tasks/{task['id']}/close", json=body, headers=clerk.headers).status_code
