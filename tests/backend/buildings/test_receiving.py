"""From an entry of a gateway to a signal, an alarm, an incident and the desk's feed."""

from tests.backend.buildings.house import House, signal


def test_a_hold_up_signal_is_an_alarm_an_incident_and_on_the_desk_at_once(house: House) -> None:
    cursor = house.board()["cursor"]
    answer = house.tell(signal(text="Überfall"))
    assert [] == answer["verdicts"]

    board = house.board()
    (alarm,) = board["alarms"]
    (incident,) = board["incidents"]
    assert ("panic.silent", 1, "raised", 1) == (alarm["kind"], alarm["priority"], alarm["state"], alarm["count"])
    assert "Rathaus Altbau · Zimmer 217 · Platz 017" == alarm["place"] == incident["place"]
    assert (1, "new", "K3") == (incident["priority"], incident["state"], incident["rule"])
    assert alarm["incident"] == incident["id"]
    assert 1 == board["waiting"]

    page = house.get(f"/v1/feed?after={cursor}")
    assert {"alarm", "incident"} <= {one["type"] for one in page["changes"] if one["scope"] == "desk"}
