"""Signal → alarm → incident (design/control-room.md 3.2 to 3.4): the table, the priorities, K2, K3, K8, K11, replay."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backend.buildings import rules, wire
from backend.buildings.meanings import LATCHED, Heard, Where
from backend.buildings.rules import Past, Ruled, Standing
from backend.buildings.tables import AlarmRow
from backend.buildings.wire import Alarm
from backend.fields import uuid7
from backend.machines import NEW, REFUSED, STAYS
from tests.backend.buildings.judge import Judge

AT = datetime(2026, 11, 22, 5, 53, tzinfo=UTC)
BUILDING, LINE, POINT = uuid7(), uuid7(), uuid7()
DESK = Where(
    spot="point:1", sender_spot="line:1", place="Rathaus", line=LINE, building=BUILDING, point=POINT, point_kind="desk"
)
NOBODY = Where(spot="sender:x", sender_spot="sender:x", place="Unbekannter Absender 0815")
NOTHING = Standing(alarms={}, incidents=(), unknown={})


def heard(kind: str | None = "panic.silent", *flags: str, at: datetime = AT, after_s: float = 0, **changes) -> Heard:
    given = {
        "id": uuid7(), "kind": kind, "code": "HA", "level": None, "is_test": False, "text": None, "sender": "1234",
        "flags": frozenset(flags), "received_at": at, "admitted_at": at + timedelta(seconds=after_s),
    } | changes  # fmt: skip
    return Heard(**given)


def raised(kind: str | None, where: Where = DESK, *flags: str, **changes) -> Alarm | None:
    alarms = rules.decide(heard(kind, *flags, **changes), where, NOTHING).alarms
    return alarms[0] if alarms else None


# --- the table of 3.2 ---

#: `.` refused, `=` stays, `+` a new alarm; facts: none.
PAGE = {
    "raised": "= returned_unaccepted accepted . shelved out_of_service .",
    "returned_unaccepted": "raised = returned . . out_of_service .",
    "accepted": "= returned = closed . . .",
    "returned": "raised = = closed . out_of_service .",
    "shelved": "= = accepted . = out_of_service raised",
    "out_of_service": "= = . . . = returned_unaccepted",
    "closed": "+ = . = . . .",
}
SIGNS = {".": REFUSED, "=": STAYS, "+": NEW}


def test_every_state_meets_every_event_as_the_page_says() -> None:
    assert set(PAGE) == set(rules.ALARM.states) == set(get_args(wire.AlarmState))
    for (state, line), (index, event) in product(PAGE.items(), enumerate(rules.ALARM.events)):
        cell = line.split()[index]
        assert SIGNS.get(cell, cell) == rules.ALARM.step(state, event).state, (state, event)
    (check,) = [one for one in AlarmRow.__table__.constraints if one.name == "ck_alarm_state"]
    assert all(f"'{state}'" in str(check.sqltext) for state in PAGE)


@pytest.mark.parametrize(
    ("state", "event", "fact", "expected"),
    [
        ("raised", "restore", "latched", STAYS),
        ("accepted", "restore", "latched", STAYS),
        ("raised", "shelve", "p1", REFUSED),
        ("raised", "out_of_service", "p1", REFUSED),
        ("shelved", "again", "higher", "raised"),
        ("out_of_service", "again", "p1", "raised"),
        ("out_of_service", "time_over", "active", "raised"),
    ],
)
def test_what_hangs_on_a_condition(state: str, event: str, fact: str, expected: str) -> None:
    assert expected == rules.ALARM.step(state, event, {fact}).state


def test_an_accepted_p1_sounds_once_more() -> None:
    assert {"count", "sound"} == rules.ALARM.step("accepted", "again", {"p1"}).effects
    assert {"count"} == rules.ALARM.step("accepted", "again").effects


# --- what a signal means: 3.3, 4.2 ---


@pytest.mark.parametrize(
    ("kind", "priority"),
    [
        ("panic.silent", 1), ("panic", 1), ("panic.confirmed", 1), ("duress", 1), ("fire", 1), ("medical", 1),
        ("point.bypassed", 2), ("point.fault", 2), ("door.forced", 3), ("door.held_open", 3), ("detector.alarm", 3),
        ("tamper", 3), ("link.trouble", 3), ("power", 3), ("panel.in_test", 3), ("panel.programming", 3),
        ("test.manual", 5), ("nobody.knows", 2), (None, 2),
    ],
)  # fmt: skip
def test_priorities_by_kind(kind: str | None, priority: int) -> None:
    alarm = raised(kind)
    assert alarm is not None
    assert (priority, kind in LATCHED) == (alarm.priority, alarm.is_latched)
    assert alarm.kind == (kind if kind not in ("nobody.knows", None) else "unknown_code")


@pytest.mark.parametrize("kind", ["link.test", "detector.passage", "presence"])
def test_signs_of_life_and_counters_are_kept_without_an_alarm(kind: str) -> None:
    assert Ruled(outcome="recorded") == rules.decide(heard(kind), DESK, NOTHING)


@pytest.mark.parametrize(
    ("point", "kind", "expected"),
    [
        ("desk", "alarm", ("panic", 1)),
        ("button", "alarm", ("panic", 1)),
        ("escape_door", "alarm", ("door.opened", 3)),
        ("detector", "alarm", ("detector.alarm", 3)),
        ("contact", "alarm", ("intrusion", 3)),
        (None, "alarm", ("alarm", 2)),
        ("escape_door", "door.opened", ("door.opened", 3)),
        ("door", "door.opened", None),
        (None, "door.opened", ("door.opened", 3)),
        ("door", "point.fault", ("point.fault", 3)),
        ("button", "point.fault", ("point.fault", 2)),
    ],
)
def test_the_points_type_decides_where_the_code_does_not(point, kind, expected) -> None:
    alarm = raised(kind, replace(DESK, point_kind=point))
    assert expected == (None if alarm is None else (alarm.kind, alarm.priority))


def test_level_1_is_p2_and_levels_2_and_3_are_p1() -> None:
    assert [2, 1, 1] == [raised("panic", level=level).priority for level in (1, 2, 3)]
    assert 1 == raised("duress", level=1).priority


@pytest.mark.parametrize(
    ("flag", "kind", "priority"),
    [("unparsed", "unparsed", 2), ("undecryptable", "unparsed", 2), ("unknown_token", "unknown_token", 3)],
)
def test_what_nobody_can_read_from_a_known_sender_is_shown(flag: str, kind: str, priority: int) -> None:
    alarm = raised(None, DESK, flag)
    assert (kind, priority) == (alarm.kind, alarm.priority)


def test_a_key_with_other_content_is_p2_and_hides_no_p1() -> None:
    assert ("key_reused", 2) == (
        raised("tamper", DESK, "key_reused").kind,
        raised("tamper", DESK, "key_reused").priority,
    )
    assert ("panic", 1) == (raised("panic", DESK, "key_reused").kind, raised("panic", DESK, "key_reused").priority)


def test_the_third_bad_check_sum_in_ten_minutes_is_p3() -> None:
    for before, expected in ((0, None), (1, None), (2, 3), (7, 3)):
        ruled = rules.decide(heard(None, "bad_checksum"), DESK, replace(NOTHING, bad_before=before))
        assert expected == (ruled.alarms[0].priority if ruled.alarms else None)


def test_a_plain_frame_in_spite_of_a_key_raises_what_it_says_and_p2_for_the_line() -> None:
    ruled = rules.decide(heard("panic", "not_encrypted"), DESK, NOTHING)
    assert [("panic", 1), ("not_encrypted", 2)] == [(one.kind, one.priority) for one in ruled.alarms]
    assert 2 == len({one.id for one in ruled.alarms})
    poll = rules.decide(heard(None, "not_encrypted", code="NULL"), DESK, NOTHING)
    assert ["not_encrypted"] == [one.kind for one in poll.alarms]


def test_an_unknown_sender_is_told_once_an_hour_and_always_kept() -> None:
    first = rules.decide(heard("panic"), NOBODY, NOTHING)
    assert [("unknown_sender", 2)] == [(one.kind, one.priority) for one in first.alarms]
    told = replace(NOTHING, unknown={NOBODY.spot: AT})
    within = rules.decide(heard("panic", at=AT + timedelta(minutes=59)), NOBODY, told)
    assert Ruled(outcome="unknown") == within
    assert rules.decide(heard("panic", at=AT + timedelta(minutes=60)), NOBODY, told).alarms
    unread = rules.decide(heard(None, "unparsed", sender=None), NOBODY, NOTHING)
    assert [("unparsed", 3)] == [(one.kind, one.priority) for one in unread.alarms]


# --- K2, K3, K8, K11 ---


def standing(*alarms: Alarm, incidents: tuple[Past, ...] = ()) -> Standing:
    return Standing(alarms={(one.spot, one.kind): one for one in alarms}, incidents=incidents, unknown={})


def test_k2_counts_the_same_point_and_kind_while_its_alarm_is_open() -> None:
    first = raised("tamper")
    ruled = rules.decide(heard("tamper", at=AT + timedelta(seconds=5)), DESK, standing(first))
    (again,) = ruled.alarms
    assert ("again", first.id, 2) == (ruled.outcome, again.id, again.count)
    assert (first.sounds, first.due_at, first.received_at) == (again.sounds, again.due_at, again.received_at)
    assert "K2" == ruled.decisions[0][0]


def test_k2_never_lowers_a_priority_and_raises_it_with_its_clock() -> None:
    low = raised("panic", level=1)
    (high,) = rules.decide(heard("panic", level=3, after_s=1), DESK, standing(low)).alarms
    assert (1, low.sounds + 1) == (high.priority, high.sounds)
    assert AT + timedelta(seconds=16) == high.due_at
    (still,) = rules.decide(heard("panic", level=1), DESK, standing(high)).alarms
    assert 1 == still.priority


def test_k3_a_p1_opens_an_incident_and_the_next_of_the_building_belong_to_it() -> None:
    opens = rules.decide(heard("panic"), DESK, NOTHING)
    assert opens.opens is not None
    past = Past(id=uuid7(), building=BUILDING, happened_at=AT, is_open=True)
    for seconds, kind, joins in (
        (-30, "tamper", True),
        (120, "tamper", True),
        (121, "tamper", False),
        (60, "duress", True),
    ):
        at = AT + timedelta(seconds=seconds)
        ruled = rules.decide(heard(kind, at=at), replace(DESK, spot="point:2"), standing(incidents=(past,)))
        assert (past.id if joins else None) == ruled.joins, (seconds, kind)
        assert ruled.opens is None
    late = rules.decide(heard("panic", at=AT + timedelta(seconds=121)), DESK, standing(incidents=(past,)))
    assert late.opens is not None, "a P1 outside the window opens its own"


def test_k3_what_came_before_in_the_building_attaches_and_keeps_its_priority() -> None:
    door = replace(raised("door.forced"), spot="point:9")
    old = replace(door, spot="point:8", last_at=AT - timedelta(seconds=31))
    ruled = rules.decide(heard("panic", at=AT), DESK, standing(door, old))
    assert ruled.opens is not None
    assert [door] == [one for one in (door, old) if rules.attaches(one, ruled.alarms[0])]


def test_a_p1_of_a_closed_incident_opens_a_new_one_that_names_it() -> None:
    closed = Past(id=uuid7(), building=BUILDING, happened_at=AT, is_open=False)
    ruled = rules.decide(heard("panic", at=AT + timedelta(seconds=10)), DESK, standing(incidents=(closed,)))
    assert closed.id == ruled.opens.linked


@pytest.mark.parametrize("kind", sorted(LATCHED))
@pytest.mark.parametrize("state", ["raised", "accepted", "shelved", "returned"])
def test_k8_a_restore_never_ends_a_hold_up(kind: str, state: str) -> None:
    alarm = replace(raised(kind), state=state)
    ruled = rules.decide(heard("restore"), DESK, standing(alarm))
    assert (alarm,) == ruled.alarms
    assert ("kept", "K8") == (ruled.outcome, ruled.decisions[0][0])


def test_k8_a_restore_marks_anything_else_as_returned_and_closes_nothing() -> None:
    for state, expected in (("raised", "returned_unaccepted"), ("accepted", "returned")):
        ruled = rules.decide(heard("restore"), DESK, standing(replace(raised("tamper"), state=state)))
        assert [expected] == [one.state for one in ruled.alarms]
    assert () == rules.decide(heard("restore", "outside_window"), DESK, standing(raised("tamper"))).alarms
    cancel = rules.decide(heard("cancel"), DESK, standing(raised("panic")))
    assert [("raised", "cancelled")] == [(one.state, one.flags) for one in cancel.alarms]


def test_a_panels_test_ends_with_the_panel_and_not_with_a_point() -> None:
    (test,) = rules.decide(heard("panel.in_test"), DESK, NOTHING).alarms
    assert "line:1" == test.spot
    assert "returned_unaccepted" == rules.decide(heard("panel.normal"), DESK, standing(test)).alarms[0].state


def test_k11_what_comes_late_keeps_its_priority_and_says_so() -> None:
    assert raised("panic", after_s=120).late_s is None
    late = raised("panic", after_s=840)
    assert (1, 840, "late") == (late.priority, late.late_s, late.flags)
    assert AT + timedelta(seconds=855) == late.due_at, "it escalates from its arrival here"


def test_a_senders_test_mark_lowers_nothing() -> None:
    alarm = raised("panic", is_test=True)
    assert (1, "test") == (alarm.priority, alarm.flags)


# --- the clock ---


def test_an_unaccepted_p1_is_told_after_15_s_and_a_p2_after_120() -> None:
    for kind, seconds in (("panic", 15), ("unknown", 120)):
        alarm = raised(kind)
        assert timedelta(seconds=seconds) == alarm.due_at - AT
        told, decision = rules.due(alarm, alarm.due_at)
        assert (None, "second_desk supervisor", alarm.due_at) == (told.due_at, told.told, told.told_at)
        assert "3.3" == decision[0]
    assert raised("tamper").due_at is None


def test_a_shelved_alarm_is_raised_again_when_its_time_is_over() -> None:
    shelved = replace(raised("tamper"), state="shelved", shelved_until=AT, due_at=AT)
    again, decision = rules.due(shelved, AT)
    assert ("raised", None, None, shelved.sounds + 1) == (again.state, again.shelved_until, again.due_at, again.sounds)
    assert "3.2" == decision[0]


# --- properties: a town of a few points, any signals ---

KINDS = ("panic.silent", "panic", "duress", "tamper", "door.forced", "restore", "cancel", "link.test", "x.y", None)
FLAGS = ("unparsed", "bad_checksum", "not_encrypted", "outside_window", "wrong_clock", "key_reused")
signals = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.sampled_from(["1", "2", "3", None]),
        st.integers(0, 400),
        st.sets(st.sampled_from(FLAGS), max_size=2),
        st.integers(0, 1000),
        st.none() | st.integers(1, 3),
    ),
    max_size=25,
)
acts = st.lists(st.sampled_from(["accept", "close", "shelve", "due", ""]), max_size=25)


def play(told, done) -> Judge:
    judge = Judge(BUILDING, LINE)
    for index, (kind, point, at, flags, late, level) in enumerate(told):
        judge.hear(
            heard(
                kind, *flags, at=AT + timedelta(seconds=at), after_s=late, level=level, id=UUID(int=(index + 1) << 8)
            ),
            point,
        )
        judge.act(done[index] if index < len(done) else "")
    return judge


@given(signals, acts)
def test_the_same_signals_and_acts_give_the_same_alarms_and_incidents(told, done) -> None:
    first, again = play(told, done), play(told, done)
    assert (first.alarms, first.closed, first.incidents, first.log) == (
        again.alarms,
        again.closed,
        again.incidents,
        again.log,
    )


@given(signals, acts)
def test_a_p1_is_never_lowered_shelved_closed_by_a_machine_or_without_an_incident(told, done) -> None:
    judge = play(told, done)
    assert [] == judge.lowered
    for alarm in (*judge.alarms.values(), *judge.closed):
        if alarm.priority == 1:
            assert alarm.state != "shelved"
            assert alarm.incident is not None, alarm
    assert all(one.closed_by == "person" for one in judge.log if one.what == "closed")


@given(signals)
def test_every_p1_signal_of_a_known_point_is_in_the_count_of_an_open_p1(told) -> None:
    judge = play(told, [])
    for kind in ("panic.silent", "duress"):
        sent = sum(
            1
            for one, _, _, flags, _, level in told
            if one == kind and not flags & {"unparsed", "bad_checksum"} and (kind == "duress" or level != 1)
        )
        counted = sum(one.count for one in judge.alarms.values() if one.kind == kind)
        assert counted >= sent
