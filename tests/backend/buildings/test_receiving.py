"""From a gateway's entry to a signal, an alarm, an incident and the desk's feed; each once, whatever is repeated."""

import random
import threading
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.buildings import standing, timers
from backend.dispatch import service as dispatch
from backend.fields import uuid7
from sync.entry import format_instant
from tests.backend.buildings.house import House, signal
from tests.backend.exchange.conftest import Sender


def counted(house: House, table: str) -> int:
    with house.world.sessions.begin() as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}"))


def test_a_hold_up_signal_is_an_alarm_an_incident_and_on_the_desk_at_once(house: House) -> None:
    cursor = house.board()["cursor"]
    answer = house.tell(signal(text="Überfall"))
    assert [] == answer["verdicts"]

    board = house.board()
    (alarm,) = board["alarms"]
    (incident,) = board["incidents"]
    assert ("panic.silent", 1, "raised", 1) == (alarm["kind"], alarm["priority"], alarm["state"], alarm["count"])
    assert "Rathaus Altbau · Zimmer 217 · Platz 017" == alarm["place"] == incident["place"]
    assert (1, "new", "K3", 1) == (incident["priority"], incident["state"], incident["rule"], incident["no"])
    assert alarm["incident"] == incident["id"]
    assert 1 == board["waiting"]

    page = house.get(f"/v1/feed?after={cursor}")
    assert {"alarm", "incident"} <= {one["type"] for one in page["changes"] if one["scope"] == "desk"}


def test_the_decision_is_kept_with_rule_version_and_reason(house: House) -> None:
    house.tell(signal())
    (incident,) = house.board()["incidents"]
    (decision,) = house.get(f"/v1/incidents/{incident['id']}")["decisions"]
    assert ("K3", 1, "opened", "P1") == tuple(decision[name] for name in ("rule", "version", "outcome", "reason"))
    with house.world.sessions.begin() as session:
        row = session.execute(text("SELECT outcome, rule, version FROM signal")).one()
    assert ("raised", "3.3", 1) == tuple(row)


def test_of_the_open_alarms_only_those_of_the_signals_spots_are_read(house: House) -> None:
    house.tell(*(signal("tamper", point) for point in ("017", "018", "019", "door")))
    first, second = (f"point:{house.ids[name]}" for name in ("018", "door"))
    with house.world.sessions.begin() as session:
        assert {(first, "tamper")} == set(standing.look(session, [first]).alarms)
        assert {(first, "tamper"), (second, "tamper")} == set(standing.look(session, [first, second]).alarms)


def test_the_bytes_that_arrived_are_kept_and_shown(house: House) -> None:
    body = signal()
    house.tell(body)
    (alarm,) = house.alarms()
    (shown,) = house.get(f"/v1/alarms/{alarm['id']}")["signals"]
    assert (body["raw"], "dc09", "1234", "017") == (
        shown["raw"],
        shown["protocol"],
        shown["sender"],
        shown["point_name"],
    )


def test_the_same_key_again_is_the_same_signal_counted(house: House) -> None:
    body = signal()
    house.tell(body, body)
    house.tell(body)
    house.tell(signal(point="018"), body)
    first = house.alarms()[-1]
    assert [1, 1] == [one["count"] for one in house.alarms()], "what the first try counted was rolled back with it"
    assert (2, 3) == (counted(house, "signal"), counted(house, "signal_repeat"))
    assert 3 == house.get(f"/v1/alarms/{first['id']}")["signals"][0]["repeats"]


def test_the_same_key_at_another_gateway_is_another_signal(house: House) -> None:
    body = signal()
    house.tell(body)
    house.gateway = Sender.of(house.world.machine("gateway"))
    house.tell(body)
    assert 2 == counted(house, "signal")
    assert {"panic.silent", "unknown_sender"} == {one["kind"] for one in house.alarms()}


def test_each_occurrence_keeps_its_row_while_its_alarm_counts(house: House) -> None:
    house.tell(*(signal("tamper") for _ in range(7)))
    (alarm,) = house.alarms()
    assert (7, 1) == (alarm["count"], alarm["sounds"])
    shown = house.get(f"/v1/alarms/{alarm['id']}")["signals"]
    assert ["again"] * 6 + ["raised"] == sorted(one["outcome"] for one in shown)
    assert 7 == len({one["id"] for one in shown})


def test_what_cannot_be_believed_is_kept_flagged_and_raises_all_the_same(house: House) -> None:
    answer = house.tell(
        signal(raw="%%% no base64"),
        signal(point="018", received_at="0001-01-01T00:00:00.000Z"),
        signal(point="019", received_at="2026-02-30T00:00:00.000Z", occurred_at="9999-12-31T23:59:59.999Z"),
        signal("tamper", facts={"I": "a\u0000b"}),
    )
    assert [] == answer["verdicts"]
    assert 4 == len(house.alarms())
    flags = {one["place"][-3:]: one["flags"] for one in house.alarms() if one["priority"] == 1}
    assert {"017": "", "018": "gateway_clock", "019": "gateway_clock impossible_time"} == flags
    alarm = next(one for one in house.alarms() if one["place"].endswith("017") and one["priority"] == 1)
    assert b"%%% no base64" == b64decode(house.get(f"/v1/alarms/{alarm['id']}")["signals"][0]["raw"])


def test_an_unmapped_point_of_a_known_sender_is_an_alarm_of_the_building(house: House) -> None:
    house.tell(signal(point="999"))
    (alarm,) = house.alarms()
    assert (1, "Rathaus Altbau · Zentrale 1234 · Punkt 999") == (alarm["priority"], alarm["place"])
    assert house.ids["building"] == alarm["building"]


def test_a_late_signal_keeps_its_priority_and_says_so(house: House) -> None:
    house.tell(signal(received_at=format_instant(datetime.now(UTC) - timedelta(minutes=14))))
    (alarm,) = house.alarms()
    assert 1 == alarm["priority"]
    assert 838 <= alarm["late_s"] <= 845


def test_a_restore_never_ends_a_hold_up_and_marks_the_rest_as_returned(house: House) -> None:
    house.tell(signal(), signal("tamper"), signal("restore"))
    states = {one["kind"]: one["state"] for one in house.alarms()}
    assert {"panic.silent": "raised", "tamper": "returned_unaccepted"} == states


def test_bad_check_sums_are_counted_and_the_third_is_an_alarm(house: House) -> None:
    for expected in (0, 0, 1):
        house.tell(signal(None, None, flags=["bad_checksum"], code=None))
        assert expected == len(house.alarms())
    assert ("bad_checksum", 3) == (house.alarms()[0]["kind"], house.alarms()[0]["priority"])


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "Panic!"},
        {"dedup": "x"},
        {"protocol": "carrier pigeon"},
        {"sender": "a\u0000"},
        {"level": 9},
        {"raw": 7},
    ],
)
def test_a_body_that_is_no_signal_is_a_dispatchers_task_and_stops_nothing(house: House, changes) -> None:
    answer = house.tell(signal() | changes, signal(point="018"))
    assert [("rejected", "unreadable")] == [(one["verdict"], one["code"]) for one in answer["verdicts"]]
    assert f"/body/{next(iter(changes))}" == answer["verdicts"][0]["field"]
    (task,) = house.board()["tasks"]
    assert ("entry_rejected", "desk") == (task["kind"], task["audience"])
    assert 1 == len(house.alarms())


def test_only_gateways_and_docks_tell_signals(house: House) -> None:
    phone = house.world.phone()
    phone.client.lease()
    phone.record(signal(occurred_at=None) | {"by": str(phone.officer.id)}, kind="signal.received")
    phone.client.drain(patience_s=0)
    assert [] == house.alarms()
    (task,) = house.board()["tasks"]
    assert ("entry_rejected", "not_allowed") == (task["kind"], task["facts"]["code"])


# --- links ---


def link(state: str, **changes) -> dict:
    return {"sender": "1234", "state": state, "at": format_instant(datetime.now(UTC))} | changes


def test_a_link_is_unknown_until_its_gateway_tells_and_a_lost_one_is_an_alarm(house: House) -> None:
    assert "unknown" == house.board()["lines"][0]["link"]
    house.tell(link("online"), kind="link.changed")
    assert "online" == house.board()["lines"][0]["link"]
    house.tell(link("lost"), kind="link.changed")
    (alarm,) = house.alarms()
    assert ("link.lost", 3, "lost") == (alarm["kind"], alarm["priority"], house.board()["lines"][0]["link"])
    house.tell(link("online"), kind="link.changed")
    assert "returned_unaccepted" == house.alarms()[0]["state"]


def test_an_older_state_of_a_link_does_not_replace_a_newer(house: House) -> None:
    old = format_instant(datetime.now(UTC) - timedelta(minutes=1))
    house.tell(link("online"), link("late", at=old), kind="link.changed")
    assert "online" == house.board()["lines"][0]["link"]
    assert 2 == counted(house, "link_change")


def test_a_link_of_an_unknown_sender_is_kept(house: House) -> None:
    house.tell(link("online", sender="0815"), kind="link.changed")
    assert (1, "unknown") == (counted(house, "link_change"), house.board()["lines"][0]["link"])


def test_a_silent_gateway_is_an_alarm_and_none_of_its_links_stays_good(house: House) -> None:
    house.tell(link("online"), kind="link.changed")

    def after(seconds: float) -> tuple[str, list[tuple[str, int, str]]]:
        with house.world.sessions.begin() as session:
            dispatch.lock(session)
            heard_at = datetime.now(UTC) - timedelta(seconds=seconds)
            session.execute(
                text("UPDATE source SET last_contact_at = :at WHERE id = :id"),
                {"at": heard_at, "id": house.gateway.machine.source},
            )
            timers.run_town(session, now=datetime.now(UTC))
        found = [(one["kind"], one["priority"], one["state"]) for one in house.alarms()]
        return house.board()["lines"][0]["link"], found

    assert ("online", []) == after(80)
    assert ("unknown", [("gateway.lost", 2, "raised")]) == after(100)
    assert ("unknown", [("gateway.lost", 2, "raised")]) == after(200)
    assert ("online", [("gateway.lost", 2, "returned_unaccepted")]) == after(0), "it speaks, and told this before"
    assert 1 == house.alarms()[0]["count"]


def test_a_gateways_hour_is_kept(house: House) -> None:
    at = format_instant(datetime.now(UTC))
    lines = [{"sender": "1234", "state": "online", "polls": 60, "signals": 1, "repeats": 2}]
    answer = house.tell({"since": at, "at": at, "lines": lines, "strangers": 3}, kind="link.summary")
    assert [] == answer["verdicts"]
    with house.world.sessions.begin() as session:
        row = session.execute(text("SELECT lines, strangers FROM link_summary")).one()
    assert (lines, 3) == tuple(row)


def fallback(signal_id: str | None, **changes) -> dict:
    at = format_instant(datetime.now(UTC))
    return {
        "signals": [signal_id] if signal_id else [],
        "reason": "no_verdict",
        "at": at,
        "is_heard": True,
        "tries": 1,
    } | changes


def test_a_fallback_that_was_called_stands_at_its_alarm_and_incident(house: House) -> None:
    house.tell(signal())
    (alarm,) = house.alarms()
    house.tell(fallback(alarm["id"]), fallback(alarm["id"], is_heard=False), kind="fallback.fired")
    (again,) = house.alarms()
    assert ("fallback fallback_unheard", 1, "raised") == (again["flags"], again["count"], again["state"])
    notes = house.get(f"/v1/incidents/{alarm['incident']}")["notes"]
    why = "der Server antwortete nicht binnen 10 s."
    heard = ("gehört", "NICHT gehört (1 Versuche)")
    assert {f"Rückfallebene des Gebäudes ausgelöst, {how}: {why}" for how in heard} == {one["text"] for one in notes}


def test_a_fallback_without_its_signal_is_a_p1_itself(house: House) -> None:
    house.tell(fallback(None, reason="not_recorded"), fallback(str(uuid7())), kind="fallback.fired")
    (alarm,) = house.alarms()
    assert ("fallback", 1, 2) == (alarm["kind"], alarm["priority"], alarm["count"])
    assert 1 == len(house.board()["incidents"])


def test_the_office_and_the_desk_learn_of_a_rejected_entry_by_the_feed_too(house: House) -> None:
    cursor = house.board()["cursor"]
    house.tell(signal() | {"level": 9})
    page = house.get(f"/v1/feed?after={cursor}")
    assert ["task"] == [one["type"] for one in page["changes"] if one["scope"] == "desk"]


# --- many ---


def test_500_alarms_from_50_panels_in_any_order_and_repetition_are_each_there_once(house: House) -> None:
    """Five gateways send at once, each its panels', in batches that overlap and come again."""
    panels = [f"{number:04}" for number in range(50)]
    gateways = [house.gateway, *(Sender.of(house.world.machine("gateway")) for _ in range(4))]
    for index, panel in enumerate(panels):
        if panel != "1234":
            house.line(panel, gateway=gateways[index % 5].machine.source)
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    keys = set()
    for index, panel in enumerate(panels):
        bodies = [signal(draw.choice(["panic", "tamper", "duress"]), f"{n}", sender=panel) for n in range(10)]
        keys |= {one["dedup"] for one in bodies}
        again = draw.sample(bodies, 4)
        for body in (*bodies, *again):
            gateways[index % 5].entry(body, kind="signal.received", v=1)

    failed: list[object] = []

    def send(gateway: Sender, order: random.Random) -> None:
        at, size = 1, len(gateway.entries)
        while at <= size:
            last = min(size, at + order.randrange(1, 40))
            first = max(1, at - order.choice([0, 0, 3, 10]))
            answer = gateway.post(gateway.request(first, last))
            if answer.status_code != 200 or answer.json()["verdicts"]:
                failed.append(answer.text)
                return
            at = last + 1

    threads = [threading.Thread(target=send, args=(one, random.Random(draw.random()))) for one in gateways]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert ([], seed) == (failed, seed)
    with house.world.sessions.begin() as session:
        stored = session.execute(text("SELECT dedup FROM signal")).scalars().all()
        linked = session.scalar(text("SELECT count(*) FROM signal WHERE alarm IS NULL"))
        told = session.execute(text("SELECT sum(count), count(*) FROM alarm")).one()
        urgent = session.scalar(text("SELECT count(*) FROM alarm WHERE priority = 1 AND incident IS NULL"))
    assert (500, keys, 0, seed) == (len(stored), set(stored), linked, seed)
    assert (500, 500, 0, seed) == (*told, urgent, seed)
    assert 200 == counted(house, "signal_repeat")
    assert 1 == len(house.board()["incidents"]), "one building within the window: one incident, each P1 its own line"


def test_another_towns_gateway_tells_nothing_here(house: House, other) -> None:
    foreign = House.of(other)
    foreign.tell(signal())
    assert ([], 1) == (house.alarms(), len(foreign.alarms()))


def test_a_replay_after_a_lost_answer_gives_the_stored_verdicts_and_no_second_effect(house: House) -> None:
    house.tell(signal(), signal("tamper"), signal("nobody.knows"))
    before = house.board()
    house.gateway.send(1)
    house.gateway.send(2)
    after = house.board()
    for name in ("alarms", "incidents", "tasks"):
        assert before[name] == after[name]
