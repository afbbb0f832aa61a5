"""What gateways tell about themselves: an hour's counts, and that the site called for help without us."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from backend.fields import uuid7
from sync.bodies import FallbackFired, LineCount, LinkSummary
from sync.entry import format_instant
from tests.backend.buildings.house import House, signal

NOW = format_instant(datetime.now(UTC))


def fired(**changes: Any) -> dict[str, Any]:
    body = FallbackFired(reason="no_verdict", at=NOW, is_heard=True, tries=1, status=204)
    return msgspec.to_builtins(body) | changes


def test_a_fired_fallback_is_told_beside_the_incident_of_its_signal(house: House) -> None:
    house.tell(signal())
    alarm = house.alarms()[0]
    answer = house.tell(fired(signals=[alarm["id"]], is_heard=False, tries=5, status=None), kind="fallback.fired")
    assert [] == answer["verdicts"]
    notes = [note["text"] for note in house.board()["notes"] if note["incident"] == alarm["incident"]]
    expected = (
        "Rückfallebene des Gebäudes ausgelöst, NICHT gehört (5 Versuche): der Server antwortete nicht binnen 10 s."
    )
    assert expected in notes


def test_signal_and_fallback_may_come_in_one_sending(house: House) -> None:
    first = len(house.gateway.entries) + 1
    told = house.gateway.entry(signal(), kind="signal.received", v=1)
    house.gateway.entry(fired(signals=[told.id]), kind="fallback.fired", v=1)
    assert [] == house.gateway.send(first)["verdicts"]
    assert any("Rückfall" in note["text"] for note in house.board()["notes"])


def test_of_an_unknown_signal_it_is_kept_all_the_same(house: House) -> None:
    for body in (fired(reason="not_recorded", tries=0, is_heard=False), fired(signals=[str(uuid7())])):
        assert [] == house.tell(body, kind="fallback.fired")["verdicts"]


def test_an_hours_counts_are_accepted(house: House) -> None:
    line = LineCount(sender="1234", state="online", polls=60, signals=1, repeats=2)
    body = msgspec.to_builtins(LinkSummary(since=NOW, at=NOW, lines=(line,), strangers=3))
    assert [] == house.tell(body, kind="link.summary")["verdicts"]
    assert [] == house.tell(body | {"lines": []}, kind="link.summary")["verdicts"]
