"""What a screen begins with: one state and the cursor behind which nothing is missed."""

from backend.fields import Role
from tests.backend.world import Person, World


def board(world: World, person: Person) -> dict:
    answer = world.http.get("/v1/board", headers=person.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def recorded(world: World, *bodies: dict) -> list[str]:
    phone = world.phone()
    ids = [phone.record(body) for body in bodies]
    phone.client.drain(patience_s=0)
    return ids


def test_the_board_holds_offences_tasks_names_and_counts(world: World) -> None:
    # Two exchanges: the newest is shown first, and what came in one batch came at one instant.
    (first,) = recorded(world, {"amount_cents": 2500})
    (second,) = recorded(world, {"amount_cents": None})
    shown = board(world, world.person(Role.CLERK))

    assert [second, first] == [one["id"] for one in shown["offences"]]
    assert {first, second} == {one["subject"] for one in shown["tasks"]}
    assert {"offences": 2, "offences_today": 2, "tasks": {"amount_missing": 1, "no_edition": 2}} == shown["counts"]
    officer = shown["offences"][0]["by"]
    assert any(one["person"] == officer and one["call_sign"].startswith("Erle") for one in shown["people"])
    assert {"person", "call_sign"} == set(shown["people"][0])


def test_the_feed_goes_on_where_the_board_ends(world: World) -> None:
    recorded(world, {})
    clerk = world.person(Role.CLERK)
    cursor = board(world, clerk)["cursor"]
    (later,) = recorded(world, {})

    page = world.http.get("/v1/feed", params={"after": cursor}, headers=clerk.headers).json()
    assert [later] == [one["id"] for one in page["changes"] if one["type"] == "offence"]


def test_a_task_that_was_closed_is_counted_no_more(world: World) -> None:
    recorded(world, {"amount_cents": None})
    clerk = world.person(Role.CLERK)
    task = next(one for one in board(world, clerk)["tasks"] if one["kind"] == "amount_missing")
    settled = {"outcome": "settled", "reason": "Betrag nachgetragen", "base": task["rev"]}
    assert 200 == world.http.post(f"/v1/tasks/{task['id']}/close", json=settled, headers=clerk.headers).status_code

    shown = board(world, clerk)
    assert {"no_edition": 1} == shown["counts"]["tasks"]
    assert task["id"] not in {one["id"] for one in shown["tasks"]}


def test_who_may_not_see_the_town_s_offences_gets_none(world: World) -> None:
    recorded(world, {})
    for role in (Role.ADMIN, Role.DISPATCHER, Role.OFFICER):
        shown = board(world, world.person(role))
        assert ([], []) == (shown["offences"], shown["tasks"])
        # The control room's own lists say who did what.
        assert (role is Role.DISPATCHER) == bool(shown["people"])
        assert {"offences": 0, "offences_today": 0, "tasks": {}} == shown["counts"]


def test_another_town_is_not_on_the_board(world: World, other: World) -> None:
    recorded(world, {})
    shown = board(other, other.person(Role.CLERK))
    assert [] == shown["offences"]
    assert 0 == shown["counts"]["offences"]


def test_the_board_counts_more_than_it_lists(world: World) -> None:
    recorded(world, *({"amount_cents": None} for _ in range(220)))
    shown = board(world, world.person(Role.CLERK))
    assert 220 == shown["counts"]["offences"]
    listed = {one["id"] for one in shown["offences"]}
    assert {one["subject"] for one in shown["tasks"]} <= listed
    assert 200 == len(shown["tasks"])
