"""What the desk does with alarms, what its sender learns of it, and what the clock does."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.buildings import timers
from backend.dispatch import service as dispatch
from backend.feed.tables import FeedRow
from backend.fields import Role
from tests.backend.buildings.house import House, patrol, signal


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


def told_back(house: House) -> list[tuple[str, str]]:
    """Op and body of the signal states in the gateway's scope."""
    with house.world.sessions.begin() as session:
        scope = f"self:{house.gateway.machine.source}"
        rows = session.query(FeedRow).where(FeedRow.scope == scope, FeedRow.type == "signal_state").all()
        return [(row.op, (row.body or b"").decode()) for row in rows]


def one(house: House, kind: str = "panic.silent") -> dict:
    house.tell(signal(kind))
    return next(alarm for alarm in house.alarms() if alarm["kind"] == kind)


def run_timers(house: House, later: timedelta) -> int:
    """What is due after this time, done as the poller does it."""
    with house.world.sessions.begin() as session:
        dispatch.lock(session)
        return timers.run_town(session, now=datetime.now(UTC) + later)


def test_shown_and_accepted_go_back_to_the_desk_that_pressed_and_leave_when_it_is_closed(house: House) -> None:
    body = signal()
    house.tell(body)
    (alarm,) = house.alarms()
    path = f"/v1/alarms/{alarm['id']}"
    for act, state in (("shown", "shown"), ("accept", "accepted")):
        assert 200 == house.post(f"{path}/{act}").status_code
        assert [("put", f'{{"dedup":"{body["dedup"]}","state":"{state}"}}')] == told_back(house)
    assert 200 == house.post(f"{path}/close", disposition="real").status_code
    assert [("delete", "")] == told_back(house)


def test_the_first_screen_that_painted_it_counts(house: House) -> None:
    alarm = one(house)
    first = house.post(f"/v1/alarms/{alarm['id']}/shown").json()
    assert first["shown_at"] is not None
    assert first == house.post(f"/v1/alarms/{alarm['id']}/shown").json()


def test_accepting_is_taking_over_once_by_one_person(house: House) -> None:
    alarm = one(house)
    path = f"/v1/alarms/{alarm['id']}/accept"
    accepted = house.post(path).json()
    assert ("accepted", str(house.desk.id), None) == (
        accepted["state"],
        accepted["accepted_by"],
        accepted["due_at"],
    )
    second = house.world.person(Role.DISPATCHER)
    assert accepted == house.post(path, second).json(), "a second desk gets what stands"
    assert 0 == house.board()["waiting"]


def test_an_alarm_is_closed_after_it_was_accepted_with_a_disposition_only(house: House) -> None:
    alarm = one(house)
    path = f"/v1/alarms/{alarm['id']}/close"
    assert (409, "refused_transition") == code(house.post(path, disposition="real"))
    house.post(f"/v1/alarms/{alarm['id']}/accept")
    assert (400, "bad_input") == code(house.post(path, disposition="whatever"))
    assert (400, "bad_input") == code(house.post(path, reason="erledigt")), "no disposition, no close"
    closed = house.post(path, disposition="false_user").json()
    assert ("closed", "false_user") == (closed["state"], closed["disposition"])
    assert closed == house.post(path, disposition="false_user").json()
    assert (409, "refused_transition") == code(house.post(path, disposition="real"))
    assert [] == house.alarms()


def test_after_a_close_the_same_point_raises_a_new_alarm_and_its_incident_is_linked(house: House) -> None:
    alarm = one(house)
    house.post(f"/v1/alarms/{alarm['id']}/accept")
    house.post(f"/v1/alarms/{alarm['id']}/close", disposition="test")
    path = f"/v1/incidents/{alarm['incident']}"
    for act in ("accept", "resolve"):
        assert 200 == house.post(f"{path}/{act}").status_code
    assert 200 == house.post(f"{path}/close", disposition="test").status_code
    again = one(house)
    assert (alarm["id"] != again["id"], 1) == (True, again["count"])
    (incident,) = house.board()["incidents"]
    assert alarm["incident"] == incident["linked"]


def test_a_new_p1_opens_a_resolved_incident_again(house: House) -> None:
    alarm = one(house)
    for act in ("accept", "resolve"):
        house.post(f"/v1/incidents/{alarm['incident']}/{act}")
    house.tell(signal("duress", "018"))
    (incident,) = house.board()["incidents"]
    assert (alarm["incident"], "accepted") == (incident["id"], incident["state"])


def test_what_the_desk_did_is_in_the_log_and_names_nobody(house: House) -> None:
    alarm = one(house)
    house.post(f"/v1/alarms/{alarm['id']}/accept")
    house.post(f"/v1/alarms/{alarm['id']}/close", disposition="real")
    with house.world.sessions.begin() as session:
        rows = session.execute(
            text(
                "SELECT kind, convert_from(public, 'UTF8') AS public FROM log_record WHERE subject = :id"
                " ORDER BY position"
            ),
            {"id": alarm["id"]},
        ).all()
    assert ["alarm.accepted", "alarm.closed"] == [row.kind for row in rows]
    for row in rows:
        assert str(house.desk.id) not in row.public
        assert '"priority":1' in row.public


def test_a_p1_is_never_shelved_and_anything_else_comes_back_by_itself(house: House) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    body = {"reason": "Handwerker im Haus", "until": until.isoformat()}
    urgent, other = one(house), one(house, "tamper")
    assert (409, "refused_transition") == code(house.post(f"/v1/alarms/{urgent['id']}/shelve", **body))
    path = f"/v1/alarms/{other['id']}/shelve"
    shelved = house.post(path, **body).json()
    assert ("shelved", "Handwerker im Haus") == (shelved["state"], shelved["reason"])
    house.tell(signal("tamper"))
    assert ("shelved", 2) == tuple(house.get(f"/v1/alarms/{other['id']}")["alarm"][n] for n in ("state", "count"))
    run_timers(house, timedelta(minutes=5, seconds=1))
    back = house.get(f"/v1/alarms/{other['id']}")["alarm"]
    assert ("raised", 2) == (back["state"], back["sounds"])


@pytest.mark.parametrize("after", [timedelta(hours=-1), timedelta(hours=9), timedelta(days=40_000)])
def test_an_alarm_is_shelved_for_the_next_eight_hours_at_most(house: House, after: timedelta) -> None:
    alarm = one(house, "tamper")
    body = {"reason": "x", "until": (datetime.now(UTC) + after).isoformat()}
    answer = house.post(f"/v1/alarms/{alarm['id']}/shelve", **body)
    assert (400, "/until") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_an_unaccepted_p1_is_told_to_the_second_desk_and_the_supervisor_once(house: House) -> None:
    alarm = one(house)
    run_timers(house, timedelta(seconds=16))
    run_timers(house, timedelta(seconds=30))
    told = house.get(f"/v1/alarms/{alarm['id']}")["alarm"]
    assert ("second_desk supervisor", None, "raised") == (told["told"], told["due_at"], told["state"])
    with house.world.sessions.begin() as session:
        rows = session.execute(
            text("SELECT rule, version, reason FROM decision WHERE subject = :id AND outcome LIKE 'told%'"),
            {"id": alarm["id"]},
        ).all()
    assert [("3.3", 1, "15 s nicht angenommen")] == [tuple(row) for row in rows]


def test_the_poller_of_a_server_runs_what_is_due_by_itself(house: House) -> None:
    """No screen is open, no task runs: the loop of the process does it."""
    alarm = one(house)
    with house.world.sessions.begin() as session:
        session.execute(text("UPDATE alarm SET due_at = now() WHERE id = :id"), {"id": alarm["id"]})
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while house.get(f"/v1/alarms/{alarm['id']}")["alarm"]["told"] is None:
        assert datetime.now(UTC) < deadline, "the poller did not come"


def test_an_accepted_alarm_escalates_no_more(house: House) -> None:
    alarm = one(house)
    house.post(f"/v1/alarms/{alarm['id']}/accept")
    run_timers(house, timedelta(minutes=10))
    assert house.get(f"/v1/alarms/{alarm['id']}")["alarm"]["told"] is None


def test_open_p1_are_read_whole_past_the_feed(house: House) -> None:
    house.tell(signal(), signal("tamper"), signal("duress", "018"))
    patrol(house)
    found = house.get("/v1/alarms?open=p1")
    assert [1, 1] == [alarm["priority"] for alarm in found["alarms"]]
    assert (1, 3) == (len(found["emergencies"]), found["waiting"])
    answer = house.world.http.get("/v1/alarms?open=p2", headers=house.desk.headers)
    assert (400, "/open") == (answer.status_code, answer.json()["errors"][0]["pointer"])


@pytest.mark.parametrize("role", [Role.GUARD, Role.OFFICER, Role.SUPERIOR, Role.CLERK, Role.ADMIN])
def test_only_dispatchers_accept_alarms(house: House, role: Role) -> None:
    """A guard's right is limited to the own site, which is not built: so it is refused."""
    alarm = one(house)
    who = house.world.person(role)
    assert (403, "not_allowed") == code(house.post(f"/v1/alarms/{alarm['id']}/accept", who))
    assert "raised" == house.alarms()[0]["state"]
