"""Reports and incidents at the desk."""

import pytest
from sqlalchemy import text

from backend.fields import uuid7
from tests.backend.buildings.house import House, Patrol


def opened(house: House, **changes) -> dict:
    body = {"id": str(uuid7()), "kind": "noise", "priority": 3, "place": "Markt 3"} | changes
    answer = house.post("/v1/incidents", **body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_officers_report_is_on_the_desk_with_both_clocks_until_an_incident_is_made_of_it(
    house: House, unit: Patrol
) -> None:
    id_ = unit.record("report.made", {"text": "Streit vor dem Kino", "place": "Kirchstraße 9"})
    (report,) = house.board()["reports"]
    assert (id_, "officer", "Kirchstraße 9") == (report["id"], report["channel"], report["place"])
    assert report["recorded_at"] <= report["received_at"]
    made = opened(house, reports=[id_])
    assert [] == house.board()["reports"]
    assert report["recorded_at"] == made["happened_at"]
    assert [id_] == [one["id"] for one in house.get(f"/v1/incidents/{made['id']}")["reports"]]
    body = {"id": str(uuid7()), "kind": "noise", "priority": 3, "place": "x", "reports": [id_]}
    assert (409, "refused_transition") == code(house.post("/v1/incidents", **body))
    foreign = house.post("/v1/incidents", **body | {"id": str(uuid7()), "reports": [str(uuid7())]})
    assert (400, "/reports/0") == (foreign.status_code, foreign.json()["errors"][0]["pointer"])


def test_a_call_is_kept_word_by_word_and_the_same_again_returns_it(house: House) -> None:
    body = {"id": str(uuid7()), "channel": "phone", "text": "Lärm seit 22 Uhr", "place": "Ring 1", "caller": "Frau Ü"}
    first = house.post("/v1/reports", **body)
    assert (201, "Frau Ü") == (first.status_code, first.json()["caller"])
    assert first.json() == house.post("/v1/reports", **body).json()
    assert (409, "id_reused") == code(house.post("/v1/reports", **body | {"text": "Ruhe"}))


def test_an_incident_closes_resolved_and_with_a_disposition_only(house: House) -> None:
    path = f"/v1/incidents/{opened(house)['id']}"
    assert (409, "refused_transition") == code(house.post(f"{path}/close", disposition="real"))
    assert (409, "refused_transition") == code(house.post(f"{path}/resolve"))
    accepted = house.post(f"{path}/accept").json()
    assert ("accepted", str(house.desk.id)) == (accepted["state"], accepted["accepted_by"])
    assert accepted == house.post(f"{path}/accept").json()
    assert (409, "refused_transition") == code(house.post(f"{path}/close", disposition="real"))
    assert "resolved" == house.post(f"{path}/resolve").json()["state"]
    assert (400, "bad_input") == code(house.post(f"{path}/close", disposition="nothing"))
    closed = house.post(f"{path}/close", disposition="unfounded").json()
    assert ("closed", "unfounded") == (closed["state"], closed["disposition"])
    assert closed == house.post(f"{path}/close", disposition="unfounded").json()
    assert (409, "refused_transition") == code(house.post(f"{path}/close", disposition="real"))
    assert [] == house.board()["incidents"]
    with house.world.sessions.begin() as session:
        assert ["incident.closed"] == list(session.scalars(text("SELECT kind FROM log_record WHERE subject LIKE '%-%'"
            " AND kind LIKE 'incident%'")))  # fmt: skip


def test_a_closed_incident_goes_on_with_a_reason(house: House) -> None:
    path = f"/v1/incidents/{opened(house)['id']}"
    for act in ("accept", "resolve"):
        house.post(f"{path}/{act}")
    house.post(f"{path}/close", disposition="real")
    assert 400 == house.post(f"{path}/reopen", reason="").status_code
    again = house.post(f"{path}/reopen", reason="Anruferin meldet sich wieder").json()
    assert ("accepted", None, None) == (again["state"], again["disposition"], again["closed_at"])
    (note,) = house.get(path)["notes"]
    assert ("Wieder geöffnet: Anruferin meldet sich wieder", str(house.desk.id)) == (note["text"], note["by"])


def test_notes_are_appended_once_and_never_changed(house: House) -> None:
    path = f"/v1/incidents/{opened(house)['id']}/notes"
    body = {"id": str(uuid7()), "text": "Rückruf erbeten"}
    first = house.post(path, **body)
    assert (201, first.json()) == ((again := house.post(path, **body)).status_code, again.json())
    assert (409, "id_reused") == code(house.post(path, **body | {"text": "anders"}))
    assert 400 == house.post(path, id=str(uuid7()), text="").status_code
    assert 1 == len(house.board()["notes"])


def test_incidents_are_numbered_without_gaps_in_each_town(house: House, other) -> None:
    assert [1, 2, 3] == [opened(house)["no"] for _ in range(3)]
    assert 1 == opened(House.of(other))["no"]


@pytest.mark.parametrize("field", ["kind", "priority", "place"])
def test_what_an_incident_needs_is_named(house: House, field: str) -> None:
    body = {"id": str(uuid7()), "kind": "noise", "priority": 3, "place": "x"}
    del body[field]
    answer = house.post("/v1/incidents", **body)
    assert (400, f"/{field}") == (answer.status_code, answer.json()["errors"][0]["pointer"])
