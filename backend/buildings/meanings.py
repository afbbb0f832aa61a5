"""What a signal means: its kind as alarms know it, and its priority (design/control-room.md 3.3, 4.2, 4.4): pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from msgspec import Struct

#: Hold-up alarms: latched, no restore ends them (K8).
LATCHED: Final = frozenset({"panic.silent", "panic", "panic.confirmed", "duress"})
#: Priorities of 3.3 that need no look at the point.
_PRIORITIES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "panic.silent": 1,
        "panic": 1,
        "panic.confirmed": 1,
        "duress": 1,
        "fire": 1,
        "medical": 1,
        "door.forced": 3,
        "door.held_open": 3,
        "detector.alarm": 3,
        "tamper": 3,
        "link.trouble": 3,
        "power": 3,
        "panel.in_test": 3,
        "panel.programming": 3,
        "test.manual": 5,
    }
)
#: A hold-up point that is bypassed or faulty is P2, any other P3.
_HOLDUP_POINTS: Final = frozenset({"desk", "button"})
_OF_POINTS: Final = frozenset({"point.bypassed", "point.fault"})
#: Kinds whose meaning the point's type decides (BA, UA; 130, 140, 150), and what each type makes of them.
_BY_POINT: Final = frozenset({"alarm", "door.opened"})
_POINT_MEANS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "escape_door": ("door.opened", 3),
        "detector": ("detector.alarm", 3),
        "door": ("intrusion", 3),
        "contact": ("intrusion", 3),
        "desk": ("panic", 1),
        "button": ("panic", 1),
        "camera": ("camera.alarm", 3),
    }
)
#: Kept and shown in their lists, without an alarm: signs of life, counters, opening an ordinary door.
_NO_ALARM: Final = frozenset({"link.test", "detector.passage", "presence"})
#: K8.
RESTORES: Final = frozenset({"restore", "panel.normal"})
#: What a panel says about itself, whatever point it names.
OF_PANEL: Final = frozenset({"panel.in_test", "panel.programming", "panel.normal"})
#: Polls: without a kind, and not unknown.
_POLLS: Final = frozenset({"NULL", "XNM"})

#: Nobody could read these.
UNREADABLE: Final = frozenset({"unparsed", "undecryptable"})
#: Bad check sums in this time, of a known sender, are an alarm (4.2).
BAD_WITHIN: Final = timedelta(minutes=10)
BAD_MANY: Final = 3


class Heard(Struct, frozen=True, kw_only=True):
    """A signal as the rules see it."""

    id: UUID
    kind: str | None
    code: str | None
    level: int | None
    is_test: bool
    text: str | None
    sender: str | None
    flags: frozenset[str]
    #: By the gateway's clock; the order of windows.
    received_at: datetime
    #: By the server's clock.
    admitted_at: datetime


class Where(Struct, frozen=True, kw_only=True):
    """Where a signal comes from, by the configuration that stands. Without a line the sender is unknown."""

    #: What signals of one point have in common.
    spot: str
    #: What belongs to the sender as a whole.
    sender_spot: str
    place: str
    line: UUID | None = None
    building: UUID | None = None
    zone: UUID | None = None
    point: UUID | None = None
    point_kind: str | None = None


class Meaning(Struct, frozen=True):
    kind: str
    priority: int
    rule: str
    reason: str


def meaning(heard: Heard, where: Where, bad_before: int) -> Meaning | None:
    """What a known sender's signal means; None where it is kept without an alarm."""
    if "bad_checksum" in heard.flags:
        many = bad_before + 1 >= BAD_MANY
        return Meaning("bad_checksum", 3, "4.2", "dritte fehlerhafte Prüfsumme in 10 min") if many else None
    if heard.flags & UNREADABLE:
        return Meaning("unparsed", 2, "3.2", "unlesbar von bekanntem Absender")
    if "unknown_token" in heard.flags:
        return Meaning("unknown_token", 3, "4.2", "unbekannte Art von Meldung")
    kind = heard.kind
    if kind is None and heard.code in _POLLS:
        return None
    found = _of_kind(heard, where, kind)
    if "key_reused" in heard.flags and (found is None or found.priority > 2):
        return Meaning("key_reused", 2, "4.4", "derselbe Schlüssel mit anderem Inhalt")
    return found


def _of_kind(heard: Heard, where: Where, kind: str | None) -> Meaning | None:
    if kind is None or (kind not in _PRIORITIES and kind not in _OF_POINTS | _BY_POINT | _NO_ALARM):
        return Meaning("unknown_code", 2, "4.2", "unbekannter Code")
    if kind in _NO_ALARM:
        return None
    if kind in _OF_POINTS:
        is_holdup = where.point_kind is None or where.point_kind in _HOLDUP_POINTS
        return Meaning(kind, 2 if is_holdup else 3, "3.3", "Punkt gesperrt oder gestört")
    if kind in _BY_POINT:
        return _by_point(where, kind)
    if heard.level == 1 and kind in ("panic", "panic.silent"):
        return Meaning(kind, 2, "3.3", "Deeskalationsruf, Stufe 1")
    return Meaning(kind, _PRIORITIES[kind], "3.3", "nach der Art der Meldung")


def _by_point(where: Where, kind: str) -> Meaning | None:
    if kind == "door.opened" and where.point_kind not in ("escape_door", None):
        return None
    unknown = ("door.opened", 3) if kind == "door.opened" else ("alarm", 2)
    means, priority = _POINT_MEANS.get(where.point_kind or "", unknown)
    return Meaning(means, priority, "3.3", "nach der Art des Punkts")
