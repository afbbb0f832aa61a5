"""Jobs: sent by the desk, answered by phones that may be late, timed out by the clock."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.buildings import timers
from backend.dispatch import service as dispatch
from backend.feed.tables import FeedRow
from backend.fields import Role, uuid7
from sync.entry import format_recorded_at
from tests.backend.buildings.house import House, Patrol, patrol


def job(house: House, id: str) -> dict:
    return next(one for one in house.board()["jobs"] if one["id"] == id)


def incident(house: House, id: str) -> dict:
    return house.get(f"/v1/incidents/{id}")["incident"]


def tasks(house: House) -> list[tuple[str, str]]:
    return sorted((one["kind"], one["facts"].get("code", "")) for one in house.board()["tasks"])


def at(moment: datetime) -> dict[str, str]:
    return {"recorded_at": format_recorded_at(moment, "Europe/Berlin")}


def on_phone(house: House, unit: Patrol, kind: str = "job") -> dict[str, str]:
    """What the officer's phone has of these things: id and op."""
    with house.world.sessions.begin() as session:
        scope = f"me:{unit.phone.officer.id}"
        rows = session.query(FeedRow).where(FeedRow.scope == scope, FeedRow.type == kind).all()
        return {str(row.id): row.op for row in rows}


def test_sending_is_accepting_and_the_crew_s_phones_have_the_job(house: House, unit: Patrol) -> None:
    assert "sent" == job(house, unit.job)["state"]
    found = incident(house, unit.incident)
    assert ("dispatched", str(house.desk.id)) == (found["state"], found["accepted_by"])
    assert {unit.job: "put"} == on_phone(house, unit)


def test_the_steps_of_a_job_move_the_incident_and_the_unit(house: House, unit: Patrol) -> None:
    for answer, of_job, of_incident, of_unit in (
        ("delivered", "delivered", "dispatched", "off"),
        ("accepted", "accepted", "dispatched", "en_route"),
        ("en_route", "en_route", "dispatched", "en_route"),
        ("on_scene", "on_scene", "on_scene", "on_scene"),
        ("done", "done", "accepted", "available_patrol"),
    ):
        unit.answer(answer)
        board = house.board()
        assert of_job == job(house, unit.job)["state"]
        assert of_incident == incident(house, unit.incident)["state"], answer
        assert of_unit == board["units"][0]["status"], answer
    assert incident(house, unit.incident)["is_without_unit"]
    done = job(house, unit.job)
    assert all(done[f"{name}_at"] for name in ("delivered", "accepted", "en_route", "on_scene", "ended"))


def test_answers_that_come_late_skip_forward_never_backward_and_keep_their_times(house: House, unit: Patrol) -> None:
    now = datetime.now(UTC)
    unit.answer("on_scene")
    unit.record("job.answered", {"job": unit.job, "answer": "accepted"}, **at(now - timedelta(seconds=60)))
    found = job(house, unit.job)
    assert "on_scene" == found["state"]
    accepted = datetime.fromisoformat(found["accepted_at"])
    assert timedelta(seconds=59) < now - accepted < timedelta(seconds=61)
    assert [] == tasks(house)


def test_a_job_that_nobody_answered_is_timed_out_and_may_still_be_taken(house: House, unit: Patrol) -> None:
    with house.world.sessions.begin() as session:
        dispatch.lock(session)
        timers.run_town(session, now=datetime.now(UTC) + timedelta(seconds=31))
    assert ("timed_out", None) == tuple(job(house, unit.job)[name] for name in ("state", "due_at"))
    assert ("accepted", True) == tuple(incident(house, unit.incident)[n] for n in ("state", "is_without_unit"))
    with house.world.sessions.begin() as session:
        rows = session.execute(text("SELECT rule, reason FROM decision WHERE subject = :id"), {"id": unit.job}).all()
    assert [("2.2", "30 s ohne Antwort")] == [tuple(row) for row in rows]
    unit.answer("accepted")
    assert "accepted" == job(house, unit.job)["state"]
    assert ("dispatched", False) == tuple(incident(house, unit.incident)[n] for n in ("state", "is_without_unit"))


def test_a_declined_job_that_another_unit_has_is_a_conflict_and_a_dispatchers_task(house: House, unit: Patrol) -> None:
    unit.answer("declined", reason="anderer Einsatz")
    assert ("declined", "anderer Einsatz") == tuple(job(house, unit.job)[name] for name in ("state", "reason"))
    other = patrol(house)
    second = house.post("/v1/jobs", id=str(uuid7()), incident=unit.incident, unit=other.unit).json()["id"]
    other.record("job.answered", {"job": second, "answer": "accepted"})
    unit.answer("accepted")
    assert "declined" == job(house, unit.job)["state"]
    assert [("entry_conflict", "refused_transition")] == tasks(house)


def test_a_decline_needs_a_reason(house: House, unit: Patrol) -> None:
    unit.answer("declined")
    assert [("entry_rejected", "bad_input")] == tasks(house)
    assert "sent" == job(house, unit.job)["state"]


def test_a_withdrawn_job_is_told_to_the_phone_and_its_late_done_is_a_note_and_a_task(
    house: House, unit: Patrol
) -> None:
    path = f"/v1/jobs/{unit.job}/withdraw"
    withdrawn = house.post(path).json()
    assert "withdrawn" == withdrawn["state"]
    assert withdrawn == house.post(path).json()
    unit.answer("accepted")
    unit.answer("done")
    assert "withdrawn" == job(house, unit.job)["state"]
    assert [("entry_conflict", "refused_transition"), ("job_done_late", "")] == tasks(house)
    assert ["2.2"] == [one["rule"] for one in house.get(f"/v1/incidents/{unit.incident}")["notes"]]


def test_resolving_withdraws_what_is_open(house: House, unit: Patrol) -> None:
    unit.answer("accepted")
    assert "resolved" == house.post(f"/v1/incidents/{unit.incident}/resolve").json()["state"]
    assert "withdrawn" == job(house, unit.job)["state"]


def test_only_who_was_on_shift_answers_for_a_unit(house: House, unit: Patrol) -> None:
    other = patrol(house)
    other.record("job.answered", {"job": unit.job, "answer": "accepted"})
    other.record("job.answered", {"job": str(uuid7()), "answer": "accepted"})
    assert "sent" == job(house, unit.job)["state"]
    assert [("entry_conflict", "not_your_unit"), ("entry_rejected", "unknown_reference")] == tasks(house)


def test_the_same_order_again_is_the_same_job(house: House, unit: Patrol) -> None:
    body = {"id": unit.job, "incident": unit.incident, "unit": unit.unit, "text": "Bitte nachsehen"}
    assert (201, unit.job) == ((again := house.post("/v1/jobs", **body)).status_code, again.json()["id"])
    assert "id_reused" == house.post("/v1/jobs", **body | {"text": "anders"}).json()["code"]
    assert 1 == sum(one["id"] == unit.job for one in house.board()["jobs"])


@pytest.mark.parametrize("field", ["incident", "unit"])
def test_a_job_refers_to_what_stands_in_this_town(house: House, unit: Patrol, other, field: str) -> None:
    foreign = patrol(House.of(other))
    body = {"id": str(uuid7()), "incident": unit.incident, "unit": unit.unit, field: getattr(foreign, field)}
    answer = house.post("/v1/jobs", **body)
    assert (400, f"/{field}") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_jobs_leave_the_phone_with_the_shift_and_come_with_the_next(house: House, unit: Patrol) -> None:
    assert 200 == house.post(f"/v1/shifts/{unit.shift}/end").status_code
    assert ({unit.job: "drop"}, {unit.unit: "drop"}) == (on_phone(house, unit), on_phone(house, unit, "unit"))
    again = house.post(f"/v1/units/{unit.unit}/shifts", id=str(uuid7()), person=str(unit.phone.officer.id))
    assert 201 == again.status_code
    assert {unit.job: "put"} == on_phone(house, unit)


def test_a_person_is_in_one_unit_at_a_time(house: House, unit: Patrol) -> None:
    second = house.add("units", "second", call_sign="Erle 99", who=house.desk)
    house.post(f"/v1/units/{second}/shifts", id=str(uuid7()), person=str(unit.phone.officer.id))
    crews = {one["id"]: one["crew"] for one in house.board()["units"]}
    assert {unit.unit: [], second: [str(unit.phone.officer.id)]} == crews
    assert {unit.job: "drop"} == on_phone(house, unit)


@pytest.mark.parametrize("role", [Role.OFFICER, Role.SUPERIOR, Role.CLERK, Role.ADMIN])
def test_only_dispatchers_send_jobs_at_a_screen(house: House, unit: Patrol, role: Role) -> None:
    """An officer creates own things only, through the phone: a screen of theirs sends nobody anywhere."""
    body = {"id": str(uuid7()), "incident": unit.incident, "unit": unit.unit}
    assert 403 == house.post("/v1/jobs", house.world.person(role), **body).status_code
