"""From a signal to an alarm to an incident (design/control-room.md 3.2 to 3.4): pure, so that a replay gives the same.

The same signals in the same order of admission, with the same human decisions, configuration and `VERSION`, give the
same alarms and incidents. Windows count the gateway's `received_at`, never the server's clock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from backend.buildings.meanings import (
    LATCHED,
    OF_PANEL,
    RESTORES,
    UNREADABLE,
    Heard,
    Meaning,
    Where,
    meaning,
)
from backend.buildings.wire import Alarm
from backend.machines import NEW, REFUSED, STAYS, Machine

#: Version of these rules; every decision keeps the one of `dispatch`, which rises with it.
VERSION: Final = 1

ALARM: Final = Machine("""
                    | again                            | restore                          | accept   | close  | shelve          | out_of_service         | time_over
raised              | = count                          | latched? = / returned_unaccepted | accepted | -      | p1? - / shelved | p1? - / out_of_service | -
returned_unaccepted | raised count                     | =                                | returned | -      | -               | out_of_service         | -
accepted            | p1? = count sound / = count      | latched? = / returned            | =        | closed | -               | -                      | -
returned            | raised count                     | =                                | =        | closed | -               | out_of_service         | -
shelved             | higher? raised count / = count   | =                                | accepted | -      | =               | out_of_service         | raised
out_of_service      | p1? raised count / = count       | =                                | -        | -      | -               | =                      | active? raised / returned_unaccepted
closed              | +                                | =                                | -        | =      | -               | -                      | -
""")  # fmt: skip  # noqa: E501 - a table

#: Rule R16: where a camera may stand (law-and-rules, section 2).
CAMERA_ZONES: Final = frozenset({"entrance", "waiting"})

#: An unknown sender is told about once in this time (4.2).
UNKNOWN_EVERY: Final = timedelta(hours=1)
#: K3: signals of the same building attach from 30 s before to 120 s after.
BEFORE: Final = timedelta(seconds=30)
AFTER: Final = timedelta(seconds=120)
#: K11.
LATE: Final = timedelta(seconds=120)
#: Nobody accepted (3.3): then the second desk and the supervisor are told.
ESCALATES: Final[Mapping[int, timedelta]] = MappingProxyType({1: timedelta(seconds=15), 2: timedelta(seconds=120)})
TOLD: Final = "second_desk supervisor"
#: The longest that an alarm may be quiet (as out of service, 3.2; ours for shelving).
SHELVE_MAX: Final = timedelta(hours=8)


class Past(Struct, frozen=True, kw_only=True):
    """An incident that a rule opened in a building."""

    id: UUID
    building: UUID
    happened_at: datetime
    is_open: bool


class Standing(Struct, frozen=True, kw_only=True):
    """What the rules look at besides the signal."""

    #: Open alarms by spot and kind: all of the signal's spot and of its sender's.
    alarms: Mapping[tuple[str, str], Alarm]
    #: Incidents that K3 opened, in the order of their opening.
    incidents: Sequence[Past]
    #: When the newest alarm of an unknown sender was raised, by its spot.
    unknown: Mapping[str, datetime]
    #: Frames with a bad check sum of this sender within `BAD_WITHIN`, this one not counted.
    bad_before: int = 0


class Opens(Struct, frozen=True, kw_only=True):
    """An incident is opened; the loose alarms of its building that `attaches` names belong to it as well."""

    reason: str
    linked: UUID | None


class Ruled(Struct, frozen=True, kw_only=True):
    """What becomes of a signal."""

    outcome: str
    #: New and changed alarms as they stand afterwards; the first is the signal's own.
    alarms: tuple[Alarm, ...] = ()
    #: The first alarm belongs to it.
    opens: Opens | None = None
    #: An open incident that hears of it.
    joins: UUID | None = None
    #: Rule, outcome and reason of each decision.
    decisions: tuple[tuple[str, str, str], ...] = ()


def decide(heard: Heard, where: Where, standing: Standing) -> Ruled:
    """What becomes of a signal: an alarm, one more occurrence, its end, or only its row."""
    if where.line is None:
        return _of_unknown_sender(heard, where, standing)
    extra = _not_encrypted(heard, where, standing)
    if heard.kind in OF_PANEL:
        where = _whole_sender(where)
    if heard.kind in RESTORES and not heard.flags & UNREADABLE:
        return _restored(heard, where, standing, extra)
    if heard.kind == "cancel" and not heard.flags & UNREADABLE:
        return _cancelled(where, standing, extra)
    found = meaning(heard, where, standing.bad_before)
    if found is None:
        return _with(Ruled(outcome="recorded"), extra)
    return _with(_alarm(heard, where, standing, found), extra)


def _of_unknown_sender(heard: Heard, where: Where, standing: Standing) -> Ruled:
    """Kept and counted; told once an hour (3.2, 4.2)."""
    is_unreadable = bool(heard.flags & (UNREADABLE | {"bad_checksum"})) or heard.sender is None
    kind, priority = ("unparsed", 3) if is_unreadable else ("unknown_sender", 2)
    told_at = standing.unknown.get(where.spot)
    is_quiet = told_at is not None and heard.received_at - told_at < UNKNOWN_EVERY
    if is_quiet and (where.spot, kind) not in standing.alarms:
        return Ruled(outcome="unknown")
    return _alarm(heard, where, standing, Meaning(kind, priority, "3.2", "unbekannter Absender"))


def _alarm(heard: Heard, where: Where, standing: Standing, meaning: Meaning) -> Ruled:
    known = standing.alarms.get((where.spot, meaning.kind))
    if known is not None:
        return _again(heard, where, standing, meaning, known)
    alarm = _new(heard, where, meaning)
    decision = (meaning.rule, f"raised P{meaning.priority}", meaning.reason)
    return _to_incident(standing, alarm, Ruled(outcome="raised", alarms=(alarm,), decisions=(decision,)))


def _again(heard: Heard, where: Where, standing: Standing, meaning: Meaning, known: Alarm) -> Ruled:
    """K2: the open alarm counts one more; its priority only rises."""
    priority = min(meaning.priority, known.priority)
    facts = {name for name, holds in (("p1", priority == 1), ("higher", priority < known.priority)) if holds}
    step = ALARM.step(known.state, "again", facts)
    changes: dict[str, Any] = {
        "count": known.count + 1,
        "priority": priority,
        "last_at": max(known.last_at, heard.received_at),
        "flags": _joined(known.flags.split(), _flags(heard)),
    }
    is_raised = step.state not in (STAYS, REFUSED, NEW)
    if is_raised:
        changes |= _raised_anew(step.state, priority, heard.admitted_at)
    if is_raised or "sound" in step.effects or priority < known.priority:
        changes["sounds"] = known.sounds + 1
    if priority < known.priority and not is_raised and known.state in ("raised", "returned_unaccepted"):
        changes["due_at"] = _due(priority, heard.admitted_at)
    alarm = replace(known, **changes)
    ruled = Ruled(outcome="again", alarms=(alarm,), decisions=(("K2", "counted", "derselbe Punkt, dieselbe Art"),))
    del where
    return _to_incident(standing, alarm, ruled) if is_raised or priority < known.priority else ruled


def _raised_anew(state: str, priority: int, at: datetime) -> dict[str, Any]:
    """Somebody has to accept it once more."""
    return {
        "state": state,
        "accepted_at": None,
        "accepted_by": None,
        "shelved_until": None,
        "reason": None,
        "due_at": _due(priority, at),
        "told": None,
        "told_at": None,
        "shown_at": None,
    }


def _to_incident(standing: Standing, alarm: Alarm, ruled: Ruled) -> Ruled:
    """K3: a P1 opens an incident at once, or belongs to the one of its building; others attach within its window."""
    if alarm.incident is not None and any(one.id == alarm.incident and one.is_open for one in standing.incidents):
        return replace(ruled, joins=alarm.incident)
    near = [
        one
        for one in standing.incidents
        if one.building == alarm.building and one.happened_at - BEFORE <= alarm.last_at <= one.happened_at + AFTER
    ]
    going_on = next((one for one in near if one.is_open), None)
    if going_on is not None:
        joined = replace(alarm, incident=going_on.id)
        decision = ("K3", "attached", "dasselbe Gebäude, −30 bis +120 s")
        return replace(ruled, alarms=(joined,), joins=going_on.id, decisions=(*ruled.decisions, decision))
    if alarm.priority != 1:
        return ruled
    before = near[-1].id if near else alarm.incident
    return replace(ruled, opens=Opens(reason="P1", linked=before))


def attaches(alarm: Alarm, first: Alarm) -> bool:
    """K3: whether an open alarm belongs to the incident that `first` opens."""
    return (
        alarm.id != first.id
        and alarm.incident is None
        and alarm.building is not None
        and alarm.building == first.building
        and first.last_at - BEFORE <= alarm.last_at <= first.last_at + AFTER
    )


def _restored(heard: Heard, where: Where, standing: Standing, extra: tuple[Alarm, ...]) -> Ruled:
    """K8: marks what this point told as returned; a hold-up stays. A frame outside its window clears nothing (4.2)."""
    if "outside_window" in heard.flags:
        decision = ("4.2", "ignored", "außerhalb des Zeitfensters: stellt nichts zurück")
        return _with(Ruled(outcome="ignored", decisions=(decision,)), extra)
    returned, latched = [], []
    for (spot, _), alarm in sorted(standing.alarms.items()):
        if spot != where.spot:
            continue
        step = ALARM.step(alarm.state, "restore", {"latched"} if alarm.is_latched else set())
        if step.state not in (STAYS, REFUSED):
            returned.append(replace(alarm, state=step.state))
        elif alarm.is_latched:
            latched.append(alarm)
    decisions = []
    if returned:
        decisions.append(("K8", "returned", "Rückstellung vom Absender"))
    if latched:
        decisions.append(("K8", "kept", "Überfallalarm: eine Rückstellung beendet ihn nicht"))
    outcome = "returned" if returned else "kept" if latched else "recorded"
    alarms = (*returned, *latched[:1]) if not returned else tuple(returned)
    return _with(Ruled(outcome=outcome, alarms=alarms, decisions=tuple(decisions)), extra)


def _cancelled(where: Where, standing: Standing, extra: tuple[Alarm, ...]) -> Ruled:
    """K8: a cancel is a note at the open alarms of its point, and ends none."""
    noted = [
        replace(alarm, flags=_joined(alarm.flags.split(), ("cancelled",)))
        for (spot, _), alarm in sorted(standing.alarms.items())
        if spot == where.spot
    ]
    decisions = (("K8", "noted", "Rücknahme vom Absender: nur ein Vermerk"),) if noted else ()
    return _with(Ruled(outcome="noted", alarms=tuple(noted), decisions=decisions), extra)


def _not_encrypted(heard: Heard, where: Where, standing: Standing) -> tuple[Alarm, ...]:
    """A plain frame although a key is set: P2 for the line, besides what it says (4.2)."""
    if "not_encrypted" not in heard.flags:
        return ()
    at_line = _whole_sender(where)
    meaning = Meaning("not_encrypted", 2, "4.2", "unverschlüsselt, obwohl ein Schlüssel vereinbart ist")
    known = standing.alarms.get((at_line.spot, meaning.kind))
    if known is not None:
        return (_again(heard, at_line, standing, meaning, known).alarms[0],)
    return (_new(heard, at_line, meaning),)


def _whole_sender(where: Where) -> Where:
    """The sender, not one of its points."""
    return replace(where, spot=where.sender_spot, zone=None, point=None, point_kind=None)


def _with(ruled: Ruled, extra: tuple[Alarm, ...]) -> Ruled:
    if not extra:
        return ruled
    decision = ("4.2", "raised P2", "unverschlüsselt, obwohl ein Schlüssel vereinbart ist")
    return replace(ruled, alarms=(*ruled.alarms, *extra), decisions=(*ruled.decisions, decision))


def _new(heard: Heard, where: Where, meaning: Meaning) -> Alarm:
    late = heard.admitted_at - heard.received_at
    return Alarm(
        id=alarm_id(heard.id, meaning.kind),
        rev=0,
        kind=meaning.kind,
        priority=meaning.priority,
        state="raised",
        is_latched=meaning.kind in LATCHED,
        spot=where.spot,
        place=where.place,
        building=where.building,
        zone=where.zone,
        point=where.point,
        line=where.line,
        sender=heard.sender,
        code=heard.code,
        level=heard.level,
        text=heard.text,
        flags=_joined((), _flags(heard)),
        count=1,
        sounds=1,
        received_at=heard.received_at,
        last_at=heard.received_at,
        raised_at=heard.admitted_at,
        late_s=int(late.total_seconds()) if late > LATE else None,
        incident=None,
        shown_at=None,
        accepted_at=None,
        accepted_by=None,
        shelved_until=None,
        reason=None,
        due_at=_due(meaning.priority, heard.admitted_at),
        told=None,
        told_at=None,
        closed_at=None,
        closed_by=None,
        disposition=None,
    )


def alarm_id(signal: UUID, kind: str) -> UUID:
    """The alarm's id is its signal's; the second one of a signal, about its line, has the next number."""
    return signal if kind != "not_encrypted" else UUID(int=signal.int ^ 1)


def _due(priority: int, at: datetime) -> datetime | None:
    within = ESCALATES.get(priority)
    return at + within if within is not None else None


def _flags(heard: Heard) -> tuple[str, ...]:
    late = ("late",) if heard.admitted_at - heard.received_at > LATE else ()
    return (*sorted(heard.flags), *late, *(("test",) if heard.is_test else ()))


def _joined(before: Sequence[str], more: Sequence[str]) -> str:
    return " ".join(dict.fromkeys((*before, *more)))


# --- links ---


def decide_link(heard: Heard, where: Where, state: str, standing: Standing) -> Ruled:
    """A link's state as its gateway tells it: lost is P3, any valid frame afterwards marks that as returned (3.2)."""
    if state == "lost":
        return _alarm(
            heard,
            _whole_sender(where),
            standing,
            Meaning("link.lost", 3, "3.2", "drei Abstände lang kein Lebenszeichen"),
        )
    if state == "online":
        return _back(standing.alarms.get((where.sender_spot, "link.lost")), "Leitung wieder da")
    return Ruled(outcome="recorded")


def _back(known: Alarm | None, reason: str) -> Ruled:
    step = ALARM.step(known.state, "restore") if known is not None else None
    if known is None or step is None or step.state in (STAYS, REFUSED):
        return Ruled(outcome="recorded")
    returned = replace(known, state=step.state)
    return Ruled(outcome="returned", alarms=(returned,), decisions=(("K8", "returned", reason),))


def decide_fallback(heard: Heard, where: Where, standing: Standing) -> Ruled:
    """A gateway called the site's own alarm for a P1 that nobody here has: it is one itself (4.1)."""
    meaning = Meaning("fallback", 1, "4.1", "Rückfallebene ausgelöst, der Alarm selbst fehlt")
    return _alarm(heard, where, standing, meaning)


def decide_gateway(heard: Heard, where: Where, standing: Standing, *, is_silent: bool) -> Ruled:
    """A gateway that is silent is P2: nobody hears its senders any more; once it speaks, that is marked as returned."""
    if is_silent:
        return _alarm(heard, where, standing, Meaning("gateway.lost", 2, "3.3", "90 s ohne Verbindung"))
    return _back(standing.alarms.get((where.spot, "gateway.lost")), "Gateway wieder verbunden")


# --- the clock ---


def due(alarm: Alarm, now: datetime) -> tuple[Alarm, tuple[str, str, str] | None]:
    """What becomes of an alarm whose `due_at` has come: told to others, or raised again, with the decision."""
    if alarm.state == "shelved":
        step = ALARM.step(alarm.state, "time_over")
        anew = replace(alarm, sounds=alarm.sounds + 1, **_raised_anew(step.state, alarm.priority, now))
        return anew, ("3.2", "raised", "Zurückstellung abgelaufen")
    if alarm.state in ("raised", "returned_unaccepted"):
        seconds = int(ESCALATES[alarm.priority].total_seconds()) if alarm.priority in ESCALATES else 0
        told = replace(alarm, due_at=None, told=TOLD, told_at=now)
        return told, ("3.3", f"told {TOLD}", f"{seconds} s nicht angenommen")
    return replace(alarm, due_at=None), None
