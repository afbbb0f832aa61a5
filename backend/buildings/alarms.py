"""What people do with alarms, and what the clock does (design/control-room.md 3.2, 3.3, 3.5)."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.buildings import rules
from backend.buildings.standing import ALARMS, keep_alarm
from backend.buildings.wire import Alarm, CloseAlarm, ShelveAlarm, SignalStateRow
from backend.db import rows, write_out
from backend.dispatch.service import decide, lock, prove, stepped
from backend.errors import BadInput, NotFound, RefusedTransition
from backend.feed import service as feed
from backend.fields import Actor
from backend.machines import STAYS

#: A desk that waits for its acknowledgement pressed lately; older occurrences are not told.
_TOLD_BACK: Final = (
    "SELECT id, source, dedup FROM signal WHERE alarm = %(alarm)s ORDER BY received_at DESC, id DESC LIMIT 200"
)


def show(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Alarm:
    """A control-room screen painted the alarm: the first time counts, and its sender learns it silently.

    Raises:
        NotFound: there is no such alarm.
    """
    del actor
    alarm = _found(session, id)
    if alarm.shown_at is not None:
        return alarm
    kept = keep_alarm(session, replace(alarm, shown_at=now))
    _tell_senders(session, kept, "shown")
    return kept


def accept(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Alarm:
    """The person took over responsibility; that is in the log, and the sender learns it silently. Again, it stays.

    Raises:
        NotFound, RefusedTransition: see there.
    """
    alarm = _found(session, id)
    step = stepped(rules.ALARM, alarm, "accept")
    if step.state == STAYS:
        return alarm
    accepted = replace(
        alarm,
        state=step.state,
        accepted_at=now,
        accepted_by=actor.person,
        due_at=None,
        shelved_until=None,
        shown_at=alarm.shown_at or now,
    )
    prove(session, actor, "alarm.accepted", id, {"alarm_kind": alarm.kind, "priority": alarm.priority}, now=now)
    kept = keep_alarm(session, accepted)
    _tell_senders(session, kept, "accepted")
    return kept


def close(session: Session, actor: Actor, id: UUID, data: CloseAlarm, *, now: datetime) -> Alarm:
    """The alarm is closed with its disposition, and that is in the log; the same again returns it.

    Raises:
        NotFound, RefusedTransition: see there.
    """
    alarm = _found(session, id)
    step = stepped(rules.ALARM, alarm, "close")
    if step.state == STAYS:
        if alarm.disposition != data.disposition:
            raise RefusedTransition(state=alarm.state, event="close")
        return alarm
    closed = replace(
        alarm, state=step.state, closed_at=now, closed_by=actor.person, disposition=data.disposition, due_at=None
    )
    public = {"alarm_kind": alarm.kind, "priority": alarm.priority, "disposition": data.disposition}
    prove(session, actor, "alarm.closed", id, public, now=now)
    kept = keep_alarm(session, closed)
    _leave_senders(session, kept)
    return kept


def shelve(session: Session, actor: Actor, id: UUID, data: ShelveAlarm, *, now: datetime) -> Alarm:
    """The alarm is quiet until an instant; a P1 never is. The same again stays.

    Raises:
        NotFound, RefusedTransition: see there.
        BadInput: the instant is past, or more than eight hours away.
    """
    del actor
    if not now < data.until <= now + rules.SHELVE_MAX:
        raise BadInput(field="/until", detail="not within the next eight hours")
    alarm = _found(session, id)
    step = stepped(rules.ALARM, alarm, "shelve", {"p1"} if alarm.priority == 1 else frozenset())
    if step.state == STAYS:
        return alarm
    shelved = replace(alarm, state=step.state, shelved_until=data.until, due_at=data.until, reason=data.reason)
    return keep_alarm(session, shelved)


def run_due(session: Session, *, now: datetime, limit: int = 200) -> int:
    """Up to `limit` alarms whose time has come are told to others or raised again; how many.

    The caller holds `lock`.
    """
    due = ALARMS.find(
        session,
        "WHERE due_at <= %(now)s ORDER BY priority, due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
        now=now,
        limit=limit,
    )
    for alarm in due:
        changed, decision = rules.due(alarm, now)
        if decision is not None:
            decide(session, "alarm", alarm.id, *decision, cause=alarm.id, at=now)
        keep_alarm(session, changed)
    return len(due)


def _found(session: Session, id: UUID) -> Alarm:
    lock(session)
    alarm = ALARMS.get(session, id)
    if alarm is None:
        raise NotFound
    return alarm


def _tell_senders(session: Session, alarm: Alarm, state: Literal["shown", "accepted"]) -> None:
    """Back to where it came from, as rows of the gateways' scopes; no sound, no light, no text (3.5)."""
    write_out(session)
    for row in rows(session, _TOLD_BACK, alarm=alarm.id):
        body = SignalStateRow(dedup=row.dedup, state=state)
        feed.put(session, f"self:{row.source}", "signal_state", id=row.id, rev=alarm.rev, body=body)


def _leave_senders(session: Session, alarm: Alarm) -> None:
    write_out(session)
    for row in rows(session, _TOLD_BACK, alarm=alarm.id):
        feed.leave(session, f"self:{row.source}", "signal_state", id=row.id, rev=alarm.rev, op="delete")
