"""The tables of design/control-room.md 2.2, over the whole product of states and events, and status meanings (2.3)."""

from itertools import product
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.dispatch import rules, wire
from backend.dispatch.tables import EmergencyRow, IncidentRow, JobRow
from backend.fields import uuid7
from backend.machines import BEFORE, NEW, REFUSED, STAYS, TARGET, Machine

#: As the page has it, one letter a cell: `.` refused, `=` stays, `+` new, `>` target, `<` before; else the state's key.
INCIDENT = {
    "new": "a d . = . . m . =",
    "accepted": "= d o = r . m . =",
    "dispatched": "= = o a r . m . =",
    "on_scene": "= = = a r . m . =",
    "resolved": "= d . = = c m a =",
    "closed": ". . . . . = . a +",
    "merged": "> > > > . . . < >",
}
JOB = {
    "proposed": "s . . . . . . . w",
    "sent": "= v a x t e o f w",
    "delivered": "= = a x t e o f w",
    "accepted": "= = = . . e o f w",
    "en_route": "= = = . . = o f w",
    "on_scene": "= = = . . = = f w",
    "timed_out": "s = . = = . . . w",
    "declined": "s = . = = . . . w",
    "withdrawn": ". = . . = . . = =",
    "done": ". = . . = . . = =",
}
EMERGENCY = {
    "raised": "s . . . . . = =",
    "stored": "= h a . . . = =",
    "shown": "= = a . . . = =",
    "accepted": "= = = p f . = =",
    "supported": "= = = = f . = =",
    "safe": "= = = p = c = a",
    "closed": "= = . . . = = +",
}
KEYS = {
    "incident": {"a": "accepted", "d": "dispatched", "o": "on_scene", "r": "resolved", "c": "closed", "m": "merged"},
    "job": {
        "s": "sent", "v": "delivered", "a": "accepted", "x": "declined", "t": "timed_out", "e": "en_route",
        "o": "on_scene", "f": "done", "w": "withdrawn",
    },
    "emergency": {"s": "stored", "h": "shown", "a": "accepted", "p": "supported", "f": "safe", "c": "closed"},
}  # fmt: skip
SIGNS = {".": REFUSED, "=": STAYS, "+": NEW, ">": TARGET, "<": BEFORE}
MACHINES = {"incident": (rules.INCIDENT, INCIDENT), "job": (rules.JOB, JOB), "emergency": (rules.EMERGENCY, EMERGENCY)}


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_meets_every_event_as_the_page_says(name: str) -> None:
    machine, page = MACHINES[name]
    assert set(machine.states) == set(page)
    for (state, line), (index, event) in product(page.items(), enumerate(machine.events)):
        cell = line.split()[index]
        expected = SIGNS.get(cell) or KEYS[name][cell]
        assert expected == machine.step(state, event).state, (name, state, event)


@pytest.mark.parametrize(
    ("machine", "state", "event", "fact", "expected"),
    [
        (rules.INCIDENT, "resolved", "signal", "urgent", "accepted"),
        (rules.JOB, "timed_out", "accept", "free", "accepted"),
        (rules.JOB, "declined", "accept", "free", "accepted"),
        (rules.JOB, "timed_out", "en_route", "free", "en_route"),
        (rules.JOB, "declined", "on_scene", "free", "on_scene"),
        (rules.JOB, "timed_out", "done", "free", "done"),
    ],
)
def test_what_hangs_on_a_condition(machine: Machine, state: str, event: str, fact: str, expected: str) -> None:
    assert expected == machine.step(state, event, {fact}).state
    assert machine.step(state, event).state in (REFUSED, STAYS)


def test_the_footnotes_are_effects() -> None:
    for state in ("dispatched", "on_scene"):
        assert {"withdraw_jobs"} == rules.INCIDENT.step(state, "resolve").effects
        assert {"without_unit"} == rules.INCIDENT.step(state, "last_job_ended").effects
    for state in ("withdrawn", "done"):
        assert {"late"} == rules.JOB.step(state, "done").effects
    for state in ("stored", "shown", "accepted", "supported"):
        assert {"note"} == rules.EMERGENCY.step(state, "cancel").effects
    assert {"position", "sound"} == rules.EMERGENCY.step("accepted", "press").effects


ANSWERS = ("delivered", "accept", "en_route", "on_scene", "done")
RANK = {"sent": 0, "delivered": 1, "accepted": 2, "en_route": 3, "on_scene": 4, "done": 5}


@given(st.lists(st.sampled_from(ANSWERS), max_size=12))
def test_a_phones_answers_skip_forward_and_never_go_backward(answers: list[str]) -> None:
    state = "sent"
    for answer in answers:
        found = rules.JOB.step(state, answer).state
        if found not in (STAYS, REFUSED):
            assert RANK[found] > RANK[state]
            state = found


@given(st.lists(st.sampled_from(("stored", "cancel", "press")), max_size=12), st.sampled_from(rules.EMERGENCY.states))
def test_nothing_that_a_device_does_ends_an_emergency(events: list[str], state: str) -> None:
    for event in events:
        found = rules.EMERGENCY.step(state, event).state
        assert found not in ("closed", "safe")
        state = found if found in rules.EMERGENCY.states else state


@pytest.mark.parametrize(
    ("literal", "row", "machine"),
    [
        (wire.IncidentState, IncidentRow, rules.INCIDENT),
        (wire.JobState, JobRow, rules.JOB),
        (wire.EmergencyState, EmergencyRow, rules.EMERGENCY),
    ],
)
def test_wire_rows_and_rules_know_the_same_states(literal, row, machine: Machine) -> None:
    states = set(get_args(literal))
    assert states == set(machine.states) - {"raised"}, "`raised` is on the device only"
    (check,) = [one for one in row.__table__.constraints if one.name == f"ck_{row.__tablename__}_state"]
    assert all(f"'{state}'" in str(check.sqltext) for state in states)


def test_the_fms_numbers_have_ten_meanings_and_a_town_may_have_its_own() -> None:
    assert set("0123456789") == set(rules.FMS)
    assert set(get_args(wire.Meaning)) == set(rules.FMS.values())
    assert set(get_args(wire.Status)) == set(rules.FMS.values()) - rules.FLAGS
    assert rules.FMS == rules.meanings([])
    assert {"C1": "available_patrol"} == dict(rules.meanings([("C1", "available_patrol")]))


@given(st.uuids(), st.text(max_size=20))
def test_a_derived_id_is_a_uuid7_of_the_same_instant_and_the_same_each_time(any_id: UUID, what: str) -> None:
    cause = uuid7(any_id.int >> 80)
    found = rules.derived(cause, what)
    assert found == rules.derived(cause, what)
    assert (7, cause.int >> 80) == (found.version, found.int >> 80)
    assert found != rules.derived(cause, what + "x")
