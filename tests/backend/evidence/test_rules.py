"""Deadlines, classes, states and bars of clips, as the law and R1–R14 want them."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.evidence import rules
from backend.evidence.rules import Bar, Event, Tick, Unsatisfiable
from backend.evidence.wire import Answers, ClipClass, ClipFinding, ClipState
from backend.fields import Role

BERLIN = ZoneInfo("Europe/Berlin")
FOURTEEN_DAYS = (ClipClass.UNCLASSIFIED, ClipClass.BODYCAM, ClipClass.DWELLING, ClipClass.PROFESSIONAL_SECRECY)
VEHICLES = (ClipClass.VEHICLE_UNCLASSIFIED, ClipClass.VEHICLE)
_FIRST = datetime(2001, 1, 1, tzinfo=UTC)
instants = st.timedeltas(timedelta(), timedelta(days=36_000)).map(lambda passed: _FIRST + passed)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def due(clip_class: ClipClass, started_at: datetime, docked_at: datetime | None = None, *, usable: bool = True):
    return rules.deadline(clip_class, started_at, docked_at or started_at, is_clock_usable=usable)


@pytest.mark.parametrize(
    ("started", "gone"),
    [
        # 14 calendar days in Berlin, the same time of day.
        ("2026-03-01T12:00:00+01:00", "2026-03-15T12:00:00+01:00"),
        # Over the change to summer time an hour less passes, over the change back an hour more.
        ("2026-03-20T12:00:00+01:00", "2026-04-03T12:00:00+02:00"),
        ("2026-10-20T12:00:00+02:00", "2026-11-03T12:00:00+01:00"),
        # 02:30 does not exist on 29 March 2026: as many hours after the start as in other weeks.
        ("2026-03-15T02:30:00+01:00", "2026-03-29T03:30:00+02:00"),
        # 02:30 comes twice on 25 October 2026: the first of them.
        ("2026-10-11T02:30:00+02:00", "2026-10-25T02:30:00+02:00"),
        # The recording itself was in the hour that came twice: the day's time is the same for both.
        ("2026-10-25T02:30:00+02:00", "2026-11-08T02:30:00+01:00"),
        ("2026-10-25T02:30:00+01:00", "2026-11-08T02:30:00+01:00"),
        # Leap days.
        ("2028-02-15T08:00:00+01:00", "2028-02-29T08:00:00+01:00"),
        ("2028-02-29T08:00:00+01:00", "2028-03-14T08:00:00+01:00"),
        ("2027-02-15T08:00:00+01:00", "2027-03-01T08:00:00+01:00"),
        # The day is Berlin's, whatever the zone of the instant.
        ("2026-12-31T23:30:00+00:00", "2027-01-14T23:30:00+00:00"),
    ],
)
def test_a_clip_goes_fourteen_berlin_days_after_its_start(started: str, gone: str) -> None:
    for clip_class in FOURTEEN_DAYS:
        assert at(gone) == due(clip_class, at(started)).at
    assert ["R4", "R1", "R1", "R6"] == [due(one, at(started)).rule for one in FOURTEEN_DAYS]


@pytest.mark.parametrize(
    ("started", "gone"),
    [
        ("2026-03-01T00:00:00+01:00", "2026-03-03T00:00:00+01:00"),
        ("2026-03-01T23:59:59+01:00", "2026-03-03T00:00:00+01:00"),
        # 22:30 UTC is the next day in Berlin in summer.
        ("2026-07-01T22:30:00+00:00", "2026-07-04T00:00:00+02:00"),
        ("2026-03-28T12:00:00+01:00", "2026-03-30T00:00:00+02:00"),
        ("2026-10-24T12:00:00+02:00", "2026-10-26T00:00:00+01:00"),
        ("2028-02-28T12:00:00+01:00", "2028-03-01T00:00:00+01:00"),
    ],
)
def test_a_vehicles_clip_goes_at_the_end_of_the_next_day(started: str, gone: str) -> None:
    for clip_class in VEHICLES:
        assert (at(gone), "R12") == due(clip_class, at(started))


@given(instants)
@example(at("2026-03-29T00:59:59.999999+00:00"))
@example(at("2026-10-25T00:30:00+00:00"))
@example(at("2026-10-25T01:30:00+00:00"))
def test_fourteen_days_are_fourteen_days_of_the_calendar_and_never_off_by_more_than_the_clocks_hour(
    started: datetime,
) -> None:
    gone = due(ClipClass.BODYCAM, started).at
    passed = gone - started
    assert abs(passed - timedelta(days=14)) <= timedelta(hours=1)
    days = gone.astimezone(BERLIN).date() - started.astimezone(BERLIN).date()
    assert days == timedelta(days=14)
    assert gone.tzinfo is UTC


@given(instants, st.timedeltas(timedelta(), timedelta(days=3)))
def test_of_two_clips_the_later_never_goes_first(started: datetime, later: timedelta) -> None:
    """But for the night in which an hour comes twice: both of its 02:30 have one deadline."""
    for clip_class in ClipClass:
        first, second = due(clip_class, started).at, due(clip_class, started + later).at
        assert second >= first or later < timedelta(hours=1)


@given(instants)
def test_a_vehicles_clip_lives_between_one_and_two_days(started: datetime) -> None:
    passed = due(ClipClass.VEHICLE, started).at - started
    assert timedelta(hours=23) <= passed - timedelta() <= timedelta(hours=49)
    assert due(ClipClass.VEHICLE, started).at.astimezone(BERLIN).timetz().replace(tzinfo=None) == datetime.min.time()


@given(instants, st.timedeltas(timedelta(), timedelta(days=400)))
def test_an_unusable_clock_leaves_a_day_for_a_hold_and_shortens_nothing(started: datetime, before: timedelta) -> None:
    docked = started + before
    for clip_class in ClipClass:
        sure, unsure = due(clip_class, started, docked), due(clip_class, started, docked, usable=False)
        assert unsure.at == max(sure.at, docked + timedelta(hours=24))
        assert sure.at == due(clip_class, started).at, "a usable clock does not look at the docking"
        assert unsure.rule == sure.rule


def answers(**changes: object) -> Answers:
    whole = {
        "ground": "protect_officer",
        "facts": "Die Person hob eine Flasche.",
        "place_kind": "public",
        "announced": "announced",
        "decided_by": "wearer",
    } | changes
    return msgspec.convert(whole, Answers)


@pytest.mark.parametrize(
    ("camera", "given_answers", "expected"),
    [
        (None, None, ClipClass.UNCLASSIFIED),
        ("bodycam", None, ClipClass.UNCLASSIFIED),
        ("vehicle", None, ClipClass.VEHICLE_UNCLASSIFIED),
        ("vehicle", answers(), ClipClass.VEHICLE),
        ("vehicle", answers(place_kind="dwelling"), ClipClass.VEHICLE),
        (None, answers(), ClipClass.BODYCAM),
        ("bodycam", answers(place_kind="premises"), ClipClass.BODYCAM),
        ("bodycam", answers(place_kind="dwelling"), ClipClass.DWELLING),
        ("bodycam", answers(place_kind="professional_secrecy"), ClipClass.PROFESSIONAL_SECRECY),
    ],
)
def test_the_answers_set_the_class(camera: str | None, given_answers: Answers | None, expected: ClipClass) -> None:
    assert expected == rules.classify(camera, given_answers)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, []),
        ({"announced": "imminent_danger"}, ["announcement_note"]),
        ({"announced": "imminent_danger", "announcement_note": "Er griff sofort an."}, []),
        ({"decided_by": "officer_in_charge"}, ["decider"]),
        ({"decided_by": "imminent_danger"}, ["decider"]),
        ({"place_kind": "dwelling"}, ["decided_by", "is_urgent_danger"]),
        ({"place_kind": "dwelling", "decided_by": "officer_in_charge"}, ["decider", "is_urgent_danger"]),
        (
            {
                "place_kind": "dwelling",
                "decided_by": "officer_in_charge",
                "decider": "POK Muster",
                "is_urgent_danger": True,
            },
            [],
        ),
    ],
)
def test_answers_that_ask_for_more_say_what(changes: dict[str, object], missing: list[str]) -> None:
    assert missing == [member for member, _ in rules.faults(answers(**changes))]


def test_every_state_and_event_leads_where_the_drawing_says() -> None:
    """The whole product of states, events and holds."""
    drawn = {
        ("awaiting_media", "arrive"): "stored",
        ("stored", "arrive"): "stored",  # a file beside the recording
        ("awaiting_media", "answer"): "awaiting_media",
        ("stored", "answer"): "stored",
        ("awaiting_media", "hold"): "awaiting_media",
        ("stored", "hold"): "stored",
        ("awaiting_media", "release"): "awaiting_media",
        ("stored", "release"): "stored",
        ("stored", "view"): "stored",
        ("awaiting_media", "delete"): "deleting",
        ("stored", "delete"): "deleting",
        ("deleting", "remove"): "deleted",
    }
    for state, event, is_held in product(ClipState, Event, (False, True)):
        expected = drawn.get((state.value, event.value))
        if is_held and event is Event.DELETE:
            expected = None
        assert expected == rules.after(state, event, is_held=is_held), (state, event, is_held)


@given(st.lists(st.sampled_from(list(Event))))
def test_a_held_clip_is_never_deleted_and_a_deleted_one_never_comes_back(events: list[Event]) -> None:
    state, holds, was_gone = ClipState.AWAITING_MEDIA, 0, False
    for event in events:
        then = rules.after(state, event, is_held=holds > 0)
        if then is None or (event is Event.RELEASE and holds == 0):
            continue
        holds += {Event.HOLD: 1, Event.RELEASE: -1}.get(event, 0)
        state = then
        is_gone = state in (ClipState.DELETING, ClipState.DELETED)
        assert not (is_gone and holds), events
        assert is_gone or not was_gone, events
        was_gone = is_gone


@pytest.mark.parametrize("state", list(ClipState))
@pytest.mark.parametrize("clip_class", list(ClipClass))
@pytest.mark.parametrize("is_reviewed", [False, True])
def test_content_opens_only_for_what_is_stored_classified_and_neither_quarantined_nor_unreviewed(
    state: ClipState, clip_class: ClipClass, is_reviewed: bool
) -> None:
    bar = rules.barred(state, clip_class, frozenset(), is_reviewed=is_reviewed)
    opens = state is ClipState.STORED and (
        clip_class in (ClipClass.BODYCAM, ClipClass.VEHICLE) or (clip_class is ClipClass.DWELLING and is_reviewed)
    )
    assert opens == (bar is None), bar
    if state in (ClipState.DELETING, ClipState.DELETED):
        assert Bar.GONE is bar


def test_pictures_from_before_the_recording_are_quarantined() -> None:
    found = frozenset({ClipFinding.PRE_RECORDED})
    assert Bar.QUARANTINED is rules.barred(ClipState.STORED, ClipClass.BODYCAM, found, is_reviewed=True)
    assert [False, False, True, False] == [
        rules.is_pre_recorded(probe)
        for probe in ({}, {"pre_recording_ms": 0}, {"pre_recording_ms": 1}, {"pre_recording_ms": "30 s"})
    ]


def test_a_persons_request_is_held_by_the_data_protection_officer_alone() -> None:
    for ground, role in product(rules.GROUNDS, Role):
        allowed = {Role.DPO} if ground == "person_request" else {Role.OFFICER, Role.CUSTODIAN}
        assert (role in allowed) == rules.may_hold(ground, frozenset({role})), (ground, role)


@pytest.mark.parametrize(("days", "is_fine"), [(-1, False), (0, True), (1, True), (90, True), (91, False)])
def test_a_review_lies_within_ninety_days(days: int, is_fine: bool) -> None:
    now = at("2026-03-01T23:30:00+00:00")  # 2 March in Berlin
    assert is_fine == rules.is_review_in_time(date(2026, 3, 2) + timedelta(days=days), now)


@pytest.mark.parametrize(
    ("size", "expected"), [(0, 0), (1, 32), (4194304, 32), (4194305, 64), (5 * 1024**3, 1280 * 32)]
)
def test_a_chunk_list_has_thirty_two_bytes_for_each_piece(size: int, expected: int) -> None:
    assert expected == rules.chunk_bytes(size)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-", (0, 10)),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-5", (2, 6)),
        ("bytes=9-99", (9, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=-0", Unsatisfiable(10)),
        ("bytes=10-", Unsatisfiable(10)),
        ("bytes=10-5", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=0-1\n", (0, 2)),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_a_range_is_read_as_the_rfc_says(header: str | None, expected: object) -> None:
    assert expected == rules.byte_range(header, 10)


@given(st.text(max_size=40) | st.from_regex(r"bytes=[0-9]{0,20}-[0-9]{0,20}", fullmatch=True), st.integers(0, 2**45))
def test_any_range_is_whole_within_the_file_or_refused(header: str, size: int) -> None:
    found = rules.byte_range(header, size)
    if found is not None and not isinstance(found, Unsatisfiable):
        assert 0 <= found[0] < found[1] <= size


@pytest.mark.parametrize(
    ("wall_h", "mono_h", "same_boot", "jumped"),
    [
        (0, 0, True, False),
        (5, 5, True, False),  # the server stood still for five hours, and so did nothing else
        (5, 0, True, True),
        (-2, 0, True, True),
        (0, 5, True, True),  # the clock was put back
        (1, 0, True, False),
        (0.5, 0, False, False),
        (5, 0, False, True),  # a restart: nobody can tell a jump from standstill
        (-2, 0, False, True),
    ],
)
def test_a_clock_that_moves_by_more_than_what_passed_has_jumped(
    wall_h: float, mono_h: float, same_boot: bool, jumped: bool
) -> None:
    start = at("2026-03-01T12:00:00+00:00")
    last = Tick(wall=start, mono_ms=1000, boot="a")
    now = Tick(
        wall=start + timedelta(hours=wall_h),
        mono_ms=1000 + round(mono_h * 3_600_000),
        boot="a" if same_boot else "b",
    )
    assert jumped == rules.has_jumped(last, now)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", True),
        ("2026-02-28T23:59:59+01:00", "2026-03-02T00:00:00+01:00", False),
        ("2026-03-31T22:00:00+00:00", "2026-03-31T22:00:01+00:00", False),
        ("2026-03-31T20:00:00+00:00", "2026-03-31T22:00:00+00:00", True),
        ("2026-03-31T20:00:00+00:00", "2026-03-31T22:00:01+00:00", False),
    ],
)
def test_a_certificate_covers_its_berlin_days_both_inclusive(since: str, until: str, expected: bool) -> None:
    assert expected == rules.covers(date(2026, 3, 1), date(2026, 3, 31), at(since), at(until))
