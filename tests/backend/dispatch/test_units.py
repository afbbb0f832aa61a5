"""A unit's status: the town's numbers, both clocks, flags, whatever the order."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from backend.fields import Role, uuid7
from sync.entry import format_recorded_at
from tests.backend.buildings.house import House, Patrol


def status(house: House) -> dict:
    return house.board()["units"][0]


def press(unit: Patrol, code: str, ago_s: float = 0) -> str:
    moment = datetime.now(UTC) - timedelta(seconds=ago_s)
    return unit.record(
        "unit.status", {"unit": unit.unit, "code": code}, recorded_at=format_recorded_at(moment, "Europe/Berlin")
    )


def test_a_key_sets_the_status_by_the_fms_numbers(house: House, unit: Patrol) -> None:
    for code, meaning in (("1", "available_patrol"), ("7", "committed"), ("2", "available_station"), ("6", "off")):
        press(unit, code)
        assert (meaning, code) == (status(house)["status"], status(house)["code"])


def test_a_wish_to_talk_is_a_flag_beside_the_status_until_it_is_answered(house: House, unit: Patrol) -> None:
    press(unit, "1")
    press(unit, "5")
    press(unit, "0")
    assert ("available_patrol", True, True) == tuple(
        status(house)[name] for name in ("status", "wants_to_talk", "urgent_talk")
    )
    answered = house.post(f"/v1/units/{unit.unit}/status", id=str(uuid7()), code="9").json()
    assert (False, False, "available_patrol") == tuple(
        answered[name] for name in ("wants_to_talk", "urgent_talk", "status")
    )


def test_the_newest_by_the_units_own_clock_stands_and_each_is_kept(house: House, unit: Patrol) -> None:
    press(unit, "7")
    press(unit, "1", ago_s=50)
    assert "committed" == status(house)["status"]
    with house.world.sessions.begin() as session:
        rows = session.execute(
            text("SELECT meaning, recorded_at < received_at FROM status_change ORDER BY recorded_at")
        )
        assert [("available_patrol", True), ("committed", True)] == [tuple(row) for row in rows]


def test_a_clock_more_than_120_s_off_is_flagged_and_nothing_is_refused(house: House, unit: Patrol) -> None:
    unit.record(
        "unit.status", {"unit": unit.unit, "code": "1", "clock": {"offset_ms": -121_000, "age_s": 5, "mono_ms": 1}}
    )
    assert ("available_patrol", True) == (status(house)["status"], status(house)["is_clock_off"])
    press(unit, "2")
    assert not status(house)["is_clock_off"]


def test_an_unknown_number_or_unit_is_a_dispatchers_task(house: House, unit: Patrol) -> None:
    press(unit, "C1")
    unit.record("unit.status", {"unit": str(uuid7()), "code": "1"})
    assert ["bad_input", "unknown_reference"] == sorted(one["facts"]["code"] for one in house.board()["tasks"])
    assert "off" == status(house)["status"]


def test_a_town_has_its_own_numbers(house: House, unit: Patrol) -> None:
    own = {"codes": [{"code": "8", "meaning": "off"}, {"code": "C1", "meaning": "available_patrol"}]}
    answer = house.world.http.put("/v1/unit-statuses", json=own, headers=house.admin.headers)
    assert (200, own) == (answer.status_code, answer.json())
    assert own == house.get("/v1/unit-statuses")
    press(unit, "C1")
    assert ("available_patrol", "C1") == (status(house)["status"], status(house)["code"])
    press(unit, "1")
    assert 1 == len(house.board()["tasks"]), "the FMS's number is none of this town's"
    twice = {"codes": [own["codes"][0]] * 2}
    answer = house.world.http.put("/v1/unit-statuses", json=twice, headers=house.admin.headers)
    assert (400, "/codes/1/code") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    assert 403 == house.world.http.put("/v1/unit-statuses", json=own, headers=house.desk.headers).status_code
    house.world.http.put("/v1/unit-statuses", json={"codes": []}, headers=house.admin.headers)
    assert 10 == len(house.get("/v1/unit-statuses")["codes"])


def test_the_desk_sets_a_status_once_for_each_id(house: House, unit: Patrol) -> None:
    path, body = f"/v1/units/{unit.unit}/status", {"id": str(uuid7()), "code": "7"}
    first = house.post(path, **body).json()
    assert ("committed", first) == (first["status"], house.post(path, **body).json())
    assert 409 == house.post(path, **body | {"code": "1"}).status_code
    answer = house.post(path, id=str(uuid7()), code="X")
    assert (400, "/code") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_call_signs_are_a_towns_own_and_shifts_need_a_person(house: House, unit: Patrol) -> None:
    name = status(house)["call_sign"]
    assert "name_taken" == house.post("/v1/units", id=str(uuid7()), call_sign=name).json()["code"]
    answer = house.post(f"/v1/units/{unit.unit}/shifts", id=str(uuid7()), person=str(uuid7()))
    assert (400, "/person") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    assert 403 == house.post("/v1/units", house.world.person(Role.OFFICER), id=str(uuid7()), call_sign="x").status_code
