"""An officer's emergency: one by its id, on every way it comes; only the control room ends it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.buildings import timers
from backend.dispatch import service as dispatch
from backend.fields import Role, uuid7
from tests.backend.buildings.house import House, Patrol


def emergencies(house: House) -> list[dict]:
    return house.board()["emergencies"]


def step(house: House, id: str, what: str):
    return house.post(f"/v1/emergencies/{id}/steps", step=what)


def phone(unit: Patrol) -> dict[str, str]:
    return {"authorization": f"Bearer {unit.phone.client.token()}"}


def test_it_is_above_all_with_an_incident_and_the_units_name(house: House, unit: Patrol) -> None:
    (one,) = emergencies(house)
    assert ("stored", True, str(unit.phone.officer.id)) == (one["state"], one["is_confirmed"], one["person"])
    incident = house.get(f"/v1/incidents/{one['incident']}")["incident"]
    assert (1, "emergency", "K7") == (incident["priority"], incident["kind"], incident["rule"])
    assert incident["place"].startswith("Notruf Erle")
    assert 1 == house.board()["waiting"]


@pytest.mark.parametrize("first", ["notice", "entry"])
def test_notice_and_entry_with_the_same_id_are_one_emergency(house: House, unit: Patrol, first: str) -> None:
    id_ = str(uuid7())

    def notice() -> None:
        answer = house.world.http.post("/v1/emergencies", json={"id": id_, "kind": "duress"}, headers=phone(unit))
        assert (201, id_) == (answer.status_code, answer.json()["id"])

    def entry() -> None:
        unit.record("emergency.raised", {"kind": "duress"}, id=id_)

    for act in (notice, notice, entry, notice) if first == "notice" else (entry, notice, notice):
        act()
    found = [one for one in emergencies(house) if one["id"] == id_]
    assert [(1, True)] == [(one["presses"], one["is_confirmed"]) for one in found]
    assert 3 == len(house.board()["incidents"]), "the job's, the first emergency's, this one's"


def test_neither_the_device_nor_a_lost_line_ends_it(house: House, unit: Patrol) -> None:
    (one,) = emergencies(house)
    unit.record("emergency.raised", {"kind": "help", "emergency": one["id"], "is_cancel": True})
    (still,) = emergencies(house)
    assert ("stored", True) == (still["state"], still["cancelled_at"] is not None)
    (note,) = house.get(f"/v1/incidents/{one['incident']}")["notes"]
    assert note["text"].startswith("zurückgenommen nach ")


def test_a_second_press_moves_the_position_and_wakes_a_safe_one(house: House, unit: Patrol) -> None:
    (one,) = emergencies(house)
    for what in ("shown", "accept", "support", "safe"):
        assert 200 == step(house, one["id"], what).status_code
    unit.record("emergency.raised", {"kind": "help", "emergency": one["id"], "place": {"lat": 51.5, "lon": 6.7}})
    (again,) = emergencies(house)
    assert ("accepted", 2, 51.5) == (again["state"], again["presses"], again["lat"])


def test_closing_erases_the_position_and_a_later_press_is_a_new_one_linked(house: House, unit: Patrol) -> None:
    (one,) = emergencies(house)
    assert 51.45 == one["lat"]
    assert 409 == step(house, one["id"], "close").status_code
    for what in ("accept", "safe", "close"):
        assert 200 == step(house, one["id"], what).status_code
    assert [] == emergencies(house)
    with house.world.sessions.begin() as session:
        left = session.execute(
            text("SELECT lat, lon, accuracy_m FROM emergency WHERE id = :id"), {"id": one["id"]}
        ).one()
        feed = session.scalar(
            text("SELECT convert_from(body, 'UTF8') FROM feed WHERE id = :id AND scope = 'desk'"), {"id": one["id"]}
        )
        logged = session.scalars(
            text("SELECT kind FROM log_record WHERE subject = :id ORDER BY position"), {"id": one["id"]}
        )
        assert ["emergency.accepted", "emergency.closed"] == list(logged)
    assert (None, None, None) == tuple(left)
    assert "51.45" not in feed
    unit.record("emergency.raised", {"kind": "help", "emergency": one["id"]})
    assert [one["id"]] == [new["linked"] for new in emergencies(house)]


def test_unaccepted_it_goes_to_the_second_desk_and_the_supervisor(house: House, unit: Patrol) -> None:
    del unit
    with house.world.sessions.begin() as session:
        dispatch.lock(session)
        timers.run_town(session, now=datetime.now(UTC) + timedelta(seconds=16))
    assert ["second_desk supervisor"] == [one["told"] for one in emergencies(house)]


def test_an_id_is_one_persons(house: House, unit: Patrol) -> None:
    (one,) = emergencies(house)
    clerk = house.world.person(Role.CLERK)
    answer = house.post("/v1/emergencies", clerk, id=one["id"], kind="help")
    assert (409, "id_reused") == (answer.status_code, answer.json()["code"])
    assert 201 == house.post("/v1/emergencies", clerk, id=str(uuid7()), kind="medical").status_code
    unit.record("emergency.raised", {"kind": "help", "emergency": str(uuid7())})
    assert 3 == len(emergencies(house)), "a press about an emergency that nobody knows is one by itself"


@pytest.mark.parametrize("role", [Role.PROSECUTOR, None])
def test_who_may_raise_none_is_refused(house: House, role: Role | None) -> None:
    person = house.world.person(*([role] if role else []))
    assert 403 == house.post("/v1/emergencies", person, id=str(uuid7()), kind="help").status_code
    gateway = house.world.http.post(
        "/v1/emergencies", json={"id": str(uuid7()), "kind": "help"}, headers=house.gateway.headers
    )
    assert 403 == gateway.status_code, "a gateway has no person: it tells `signal.received`"


def test_only_a_dispatcher_moves_it(house: House, unit: Patrol) -> None:
    del unit
    (one,) = emergencies(house)
    for role in (Role.OFFICER, Role.SUPERIOR, Role.ADMIN):
        answer = house.post(f"/v1/emergencies/{one['id']}/steps", house.world.person(role), step="accept")
        assert 403 == answer.status_code
