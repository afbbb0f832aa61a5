"""How long a clip is kept, who may see it, and what may happen to it (law-and-rules 1, 8; R1–R14).

                      arrive                delete                  remove
    awaiting_media ───────────► stored ───────────────► deleting ───────────► deleted
          │  answer, hold,        │  answer, hold,         ▲
          │  release              │  release, view         │
          └───────────────────────┴────── delete ──────────┘      a held clip knows no `delete`

`deleting`: keys, texts and names are destroyed, the object is on its way out; nobody sees it any more. `deleted`: the
tombstone is in the log. A clip whose bytes never came goes the same way. From `deleting` on bytes that arrive are
thrown away.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from backend.evidence.wire import Answers, ClipClass, ClipFinding, ClipState, HoldGround
from backend.fields import Role

#: The law counts calendar days of this zone (DESIGN.md 7, 18).
BERLIN: Final = ZoneInfo("Europe/Berlin")
#: Names the dated configuration below; a tombstone says under which one it was deleted.
RULE_EDITION: Final = "2026-11"
#: Years in which an instant or a day is believed; beyond them calendars and databases overflow.
YEARS: Final = range(2000, 2101)
#: R3 (ours): a hold is looked at again at the latest after so many days.
REVIEW_DAYS: Final = 90
#: DESIGN.md 9: with an unusable camera clock nobody loses the chance of a hold.
LEAST_AFTER_DOCKING: Final = timedelta(hours=24)
#: Invariant 10: what is due is gone within this time after its deadline.
GRACE: Final = timedelta(hours=1)
#: R14: longer recordings are flagged (ours; the town configures it).
LONG: Final = timedelta(minutes=30)
#: design/evidence.md 9: a view is one item, one reason, and ends.
VIEW: Final = timedelta(minutes=30)
#: design/evidence.md 9: a second person answers within this time.
APPROVAL: Final = timedelta(minutes=15)
#: law-and-rules 8: our copy of a package stays this long after the first download (ours).
PACKAGE_KEPT: Final = timedelta(days=30)
#: design/evidence.md 3: a chunk list names pieces of this size …
CHUNK: Final = 4 * 1024 * 1024
#: … and travels as a medium of its own for files above this size.
MOST_LISTED: Final = 5 * 1024**3


class Event(StrEnum):
    """What may happen to a clip."""

    ARRIVE = "arrive"
    ANSWER = "answer"
    HOLD = "hold"
    RELEASE = "release"
    VIEW = "view"
    DELETE = "delete"
    REMOVE = "remove"


_S: Final = ClipState
TRANSITIONS: Final[Mapping[tuple[ClipState, Event], ClipState]] = MappingProxyType(
    {
        (_S.AWAITING_MEDIA, Event.ARRIVE): _S.STORED,
        (_S.STORED, Event.ARRIVE): _S.STORED,
        (_S.AWAITING_MEDIA, Event.ANSWER): _S.AWAITING_MEDIA,
        (_S.STORED, Event.ANSWER): _S.STORED,
        (_S.AWAITING_MEDIA, Event.HOLD): _S.AWAITING_MEDIA,
        (_S.STORED, Event.HOLD): _S.STORED,
        (_S.AWAITING_MEDIA, Event.RELEASE): _S.AWAITING_MEDIA,
        (_S.STORED, Event.RELEASE): _S.STORED,
        (_S.STORED, Event.VIEW): _S.STORED,
        (_S.AWAITING_MEDIA, Event.DELETE): _S.DELETING,
        (_S.STORED, Event.DELETE): _S.DELETING,
        (_S.DELETING, Event.REMOVE): _S.DELETED,
    }
)


def after(state: ClipState, event: Event, *, is_held: bool) -> ClipState | None:
    """The state that `event` leads to, or None where the drawing has no arrow; a held clip is never deleted."""
    if event is Event.DELETE and is_held:
        return None
    return TRANSITIONS.get((state, event))


class Deadline(NamedTuple):
    """When a clip goes, and the rule that says so."""

    at: datetime
    rule: str


class _Period(Struct, frozen=True):
    """Dated configuration: edition, source and mark stand in law-and-rules 8."""

    rule: str
    #: Calendar days in Europe/Berlin.
    days: int
    #: To the end of the last day, else to the same time of day.
    is_to_days_end: bool = False


PERIODS: Final[Mapping[ClipClass, _Period]] = MappingProxyType(
    {
        ClipClass.UNCLASSIFIED: _Period("R4", 14),
        ClipClass.BODYCAM: _Period("R1", 14),
        ClipClass.DWELLING: _Period("R1", 14),
        ClipClass.PROFESSIONAL_SECRECY: _Period("R6", 14),
        ClipClass.VEHICLE_UNCLASSIFIED: _Period("R12", 1, is_to_days_end=True),
        ClipClass.VEHICLE: _Period("R12", 1, is_to_days_end=True),
    }
)


def deadline(clip_class: ClipClass, started_at: datetime, docked_at: datetime, *, is_clock_usable: bool) -> Deadline:
    """When a clip of this class goes, an aware UTC instant; the first moment at which it may be gone.

    R1, R4, R6: the same time of day 14 Berlin calendar days after the clip's start (the strict reading). In the night
    when the clocks go back the first of the two such times counts; where they go forward, and that time does not
    exist, as many hours after the start as in other weeks. R12: the end of the day after the recording. An unusable
    clock: never before 24 hours after docking (DESIGN.md 9).
    """
    period = PERIODS[clip_class]
    local = started_at.astimezone(BERLIN)
    if period.is_to_days_end:
        end = datetime.combine(local.date() + timedelta(days=period.days + 1), time(), tzinfo=BERLIN)
    else:
        end = (local.replace(fold=0) + timedelta(days=period.days)).replace(fold=0)
    at = end.astimezone(UTC)
    if not is_clock_usable:
        at = max(at, docked_at.astimezone(UTC) + LEAST_AFTER_DOCKING)
    return Deadline(at, period.rule)


def classify(camera_kind: str | None, answers: Answers | None) -> ClipClass:
    """The class of a clip of such a camera with such answers; a camera nobody has confirmed counts as a bodycam."""
    if camera_kind == "vehicle":
        return ClipClass.VEHICLE_UNCLASSIFIED if answers is None else ClipClass.VEHICLE
    if answers is None:
        return ClipClass.UNCLASSIFIED
    if answers.place_kind == "dwelling":
        return ClipClass.DWELLING
    return ClipClass.PROFESSIONAL_SECRECY if answers.place_kind == "professional_secrecy" else ClipClass.BODYCAM


def faults(answers: Answers) -> Iterator[tuple[str, str]]:
    """What the answers lack (R4, R5): member and reason."""
    if answers.announced == "imminent_danger" and answers.announcement_note is None:
        yield "announcement_note", "why telling was omitted"
    if answers.decided_by != "wearer" and answers.decider is None:
        yield "decider", "who was in charge, or why the danger was imminent"
    if answers.place_kind == "dwelling":
        if answers.decided_by == "wearer":
            yield "decided_by", "in a dwelling the officer in charge decides (§ 15c(2) PolG)"
        if not answers.is_urgent_danger:
            yield "is_urgent_danger", "in a dwelling only against an urgent danger (§ 15c(2) PolG)"


#: R4: neither viewed nor exported.
UNCLASSIFIED: Final = frozenset({ClipClass.UNCLASSIFIED, ClipClass.VEHICLE_UNCLASSIFIED})


class Bar(StrEnum):
    """Why nobody views or exports a clip."""

    GONE = "gone"
    AWAITING_MEDIA = "awaiting_media"
    UNCLASSIFIED = "unclassified"
    QUARANTINED = "quarantined"
    NOT_REVIEWED = "not_reviewed"


def barred(
    state: ClipState, clip_class: ClipClass, findings: frozenset[ClipFinding], *, is_reviewed: bool
) -> Bar | None:
    """Why the content of such a clip stays closed, or None: R4, R5, R6, R7."""
    if state in (ClipState.DELETING, ClipState.DELETED):
        return Bar.GONE
    if clip_class in UNCLASSIFIED:
        return Bar.UNCLASSIFIED
    if clip_class is ClipClass.PROFESSIONAL_SECRECY or ClipFinding.PRE_RECORDED in findings:
        return Bar.QUARANTINED
    if clip_class is ClipClass.DWELLING and not is_reviewed:
        return Bar.NOT_REVIEWED
    return Bar.AWAITING_MEDIA if state is ClipState.AWAITING_MEDIA else None


def needs_second_person(clip_class: ClipClass) -> bool:
    """Whether a second person agrees before a view (design/evidence.md 9): dwellings; a bodycam's other clips not."""
    return clip_class is ClipClass.DWELLING


GROUNDS: Final[tuple[HoldGround, ...]] = (
    "danger_prevention",
    "criminal_offence",
    "regulatory_offence",
    "person_request",
)


def may_hold(ground: HoldGround, roles: frozenset[Role]) -> bool:
    """Who may set a hold of this ground (law-and-rules 8): a person's request is the data-protection officer's."""
    return bool(roles & ({Role.DPO} if ground == "person_request" else {Role.OFFICER, Role.CUSTODIAN}))


def today(now: datetime) -> date:
    """The calendar day in Berlin."""
    return now.astimezone(BERLIN).date()


def is_review_in_time(review_on: date, now: datetime) -> bool:
    """A review lies ahead, and at most 90 days (R3)."""
    return today(now) <= review_on <= today(now) + timedelta(days=REVIEW_DAYS)


def chunk_bytes(size: int) -> int:
    """How long the chunk list of a file of `size` bytes is: 32 bytes for each piece of 4 MiB."""
    return -(-size // CHUNK) * 32


_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class Unsatisfiable(NamedTuple):
    """A range behind the end of a file of `size` bytes."""

    size: int


def byte_range(header: str | None, size: int) -> tuple[int, int] | Unsatisfiable | None:
    """First byte and end (exclusive) that a `Range` header asks for; None: the whole file is answered.

    RFC 9110, 14.2: a form that is not understood, and more than one range, is ignored. An end before the start makes
    the form invalid; one behind the file's is cut.
    """
    found = _RANGE.fullmatch(header.strip()) if header is not None else None
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return (max(0, size - int(suffix)), size) if int(suffix) and size else Unsatisfiable(size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        return Unsatisfiable(size)
    return int(first), min(int(last) + 1, size) if last else size


def covers(issued_on: date, valid_until: date, since: datetime, until: datetime) -> bool:
    """Whether a certificate of these Berlin days, both inclusive, is valid from `since` to `until`, exclusive (R9)."""
    begin = datetime.combine(issued_on, time(), tzinfo=BERLIN)
    end = datetime.combine(valid_until + timedelta(days=1), time(), tzinfo=BERLIN)
    return begin <= since and until <= end


def is_pre_recorded(probe: Mapping[str, object]) -> bool:
    """Whether the probe's facts show pictures from before the recording was started; the limit is 0 s (R7)."""
    before = probe.get("pre_recording_ms")
    return isinstance(before, int | float) and before > 0


class Tick(Struct, frozen=True, kw_only=True):
    """Two clocks read together: what the wall says, and what nobody can set."""

    wall: datetime
    #: Milliseconds since `boot` began, counting sleep.
    mono_ms: int
    #: Which start of the machine `mono_ms` counts from.
    boot: str


def has_jumped(last: Tick, now: Tick) -> bool:
    """Whether the wall clock moved by more than an hour that did not pass, so that deletion could come too early.

    Across a restart only the wall clock is left: then more than an hour either way is a jump, as an hour of standstill
    looks the same (design/evidence.md 8: it waits for a person).
    """
    passed = timedelta(milliseconds=now.mono_ms - last.mono_ms) if now.boot == last.boot else timedelta()
    return abs((now.wall - last.wall) - passed) > GRACE
