"""An officer's call for help: by notice, by entry or both, one by its id (design/control-room.md 2.2, 2.6, 7)."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.db import Whole, rows, write_out
from backend.dispatch import rules
from backend.dispatch.rules import derived
from backend.dispatch.service import check_new, decide, lock, open_by_rule, prove, stepped, write_note
from backend.dispatch.tables import EmergencyRow
from backend.dispatch.wire import Emergency, EmergencyNotice, EmergencyRaised, EmergencyState, EmergencyStep, Place
from backend.errors import ForeignId, IdReused, NotAllowed, NotFound
from backend.exchange.wire import Received
from backend.feed import service as feed
from backend.fields import Actor, Aware, PersonId, SourceId
from backend.identity.rules import permit
from backend.machines import NEW, STAYS

EMERGENCIES: Final = Whole(EmergencyRow, Emergency)
_UNIT: Final = (
    "SELECT u.call_sign FROM shift s JOIN unit u ON u.town = s.town AND u.id = s.unit"
    " WHERE s.person = %(person)s AND s.ended_at IS NULL"
)
_NOWHERE: Final[dict[str, None]] = {"lat": None, "lon": None, "accuracy_m": None}


class OwnEmergency(Struct, frozen=True, kw_only=True):
    """How far it has come, for the phone that raised it."""

    state: EmergencyState
    shown_at: Aware | None
    accepted_at: Aware | None


def keep(session: Session, emergency: Emergency) -> Emergency:
    """The emergency stands as it is given, one revision on; the desk and the person's phone see it."""
    kept = replace(emergency, rev=emergency.rev + 1)
    EMERGENCIES.save(session, kept)
    feed.put(session, "desk", "emergency", id=kept.id, rev=kept.rev, body=kept)
    own = OwnEmergency(state=kept.state, shown_at=kept.shown_at, accepted_at=kept.accepted_at)
    feed.put(session, f"me:{kept.person}", "emergency", id=kept.id, rev=kept.rev, body=own)
    return kept


def notice(session: Session, actor: Actor, data: EmergencyNotice, *, now: datetime) -> Emergency:
    """The emergency stands before its entry came; the same again, before or after the entry, returns it.

    Raises:
        NotAllowed: the caller's roles may raise none, or the caller is no person.
        IdReused: the id is another person's emergency.
    """
    if actor.person is None or permit(actor.roles, "emergency:C") is None:
        raise NotAllowed(needs="emergency:C")
    check_new(data.id)
    lock(session)
    known = EMERGENCIES.get(session, data.id)
    if known is not None:
        if known.person != actor.person:
            raise IdReused(field="/id")
        return known
    return _raised(
        session, data.id, data.kind, actor.person, actor.source, data.place, raised_at=now, now=now, is_confirmed=False
    )


def raised(session: Session, actor: Actor, received: Received, body: EmergencyRaised) -> None:
    """The sealed entry of an emergency: a first press, a further one, or the device's cancel, which ends nothing.

    Raises:
        ForeignId: it cancels an emergency that the person did not raise.
        IdReused: the id is another person's emergency.
    """
    del actor
    lock(session)
    first = EMERGENCIES.get(session, body.emergency) if body.emergency is not None else None
    if first is not None and first.person != body.by:
        raise ForeignId(field="/body/emergency")
    if body.is_cancel:
        if first is None:
            raise ForeignId(field="/body/emergency")
        _cancelled(session, first, received)
        return
    known = EMERGENCIES.get(session, received.id)
    if known is not None:
        if known.person != body.by:
            raise IdReused(field="/id")
        keep(session, replace(known, is_confirmed=True, raised_at=received.recorded_at))
    elif first is None or rules.EMERGENCY.step(first.state, "press").state == NEW:
        linked = first.id if first is not None else None
        _raised(
            session, received.id, body.kind, body.by, SourceId(received.source), body.place,
            raised_at=received.recorded_at, now=received.received_at, is_confirmed=True, linked=linked,
        )  # fmt: skip
    else:
        _pressed_again(session, first, body.place, now=received.received_at)


def _raised(
    session: Session,
    id: UUID,
    kind: Any,
    person: PersonId,
    source: SourceId | None,
    place: Place | None,
    *,
    raised_at: datetime,
    now: datetime,
    is_confirmed: bool,
    linked: UUID | None = None,
) -> Emergency:
    write_out(session)
    unit = next((row.call_sign for row in rows(session, _UNIT, person=person)), None)
    incident = open_by_rule(
        session,
        cause=id,
        kind="emergency",
        priority=1,
        place=f"Notruf {unit}" if unit else "Notruf einer Einsatzkraft",
        building=None,
        text=None,
        happened_at=raised_at,
        rule="K7",
        reason="Notruf einer Einsatzkraft",
        now=now,
    )
    return keep(
        session,
        Emergency(
            id=id,
            rev=0,
            kind=kind,
            state="stored",
            person=person,
            source=source,
            incident=incident.id,
            raised_at=raised_at,
            received_at=now,
            is_confirmed=is_confirmed,
            presses=1,
            cancelled_at=None,
            shown_at=None,
            accepted_at=None,
            accepted_by=None,
            due_at=now + rules.P1_WITHIN,
            told=None,
            told_at=None,
            closed_at=None,
            closed_by=None,
            linked=linked,
            **_position(place),
        ),
    )


def _position(place: Place | None) -> dict[str, Any]:
    if place is None:
        return dict(_NOWHERE)
    return {"lat": place.lat, "lon": place.lon, "accuracy_m": place.accuracy_m}


def _pressed_again(session: Session, first: Emergency, place: Place | None, *, now: datetime) -> None:
    step = rules.EMERGENCY.step(first.state, "press")
    changes: dict[str, Any] = {"presses": first.presses + 1}
    if step.state != STAYS:
        changes["state"] = step.state
    if place is not None:
        changes |= _position(place)
    if "sound" in step.effects:
        changes |= {"due_at": None}
    del now
    keep(session, replace(first, **changes))


def _cancelled(session: Session, first: Emergency, received: Received) -> None:
    """The device took it back: a note, and nothing ends."""
    step = rules.EMERGENCY.step(first.state, "cancel")
    if "note" in step.effects and first.incident is not None:
        after = max(0, round((received.recorded_at - first.raised_at).total_seconds()))
        write_note(
            session,
            first.incident,
            f"zurückgenommen nach {after} s",
            id=derived(received.id, "note"),
            by=first.person,
            rule="2.2",
            at=received.recorded_at,
            now=received.received_at,
        )
    if first.cancelled_at is None:
        keep(session, replace(first, cancelled_at=received.recorded_at))


def step(session: Session, actor: Actor, id: UUID, data: EmergencyStep, *, now: datetime) -> Emergency:
    """The control room went on with an emergency; again, it stays as it is. Closing erases the position.

    Raises:
        NotFound: there is no such emergency.
        RefusedTransition: the table refuses it.
    """
    lock(session)
    emergency = EMERGENCIES.get(session, id)
    if emergency is None:
        raise NotFound
    found = stepped(rules.EMERGENCY, emergency, data.step)
    if found.state == STAYS:
        return emergency
    changes: dict[str, Any] = {"state": found.state}
    match data.step:
        case "shown":
            changes |= {"shown_at": now}
        case "accept":
            changes |= {"accepted_at": now, "accepted_by": actor.person, "due_at": None}
            prove(session, actor, "emergency.accepted", id, {"priority": 1}, now=now)
        case "close":
            changes |= {"closed_at": now, "closed_by": actor.person, "due_at": None} | _NOWHERE
            prove(session, actor, "emergency.closed", id, {"priority": 1}, now=now)
    return keep(session, replace(emergency, **changes))


def escalate(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Up to `limit` emergencies that nobody accepted are told to the second desk and the supervisor; how many."""
    due = EMERGENCIES.find(
        session,
        "WHERE due_at <= %(now)s ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
        now=now,
        limit=limit,
    )
    for one in due:
        reason = f"{int(rules.P1_WITHIN.total_seconds())} s nicht angenommen"
        decide(session, "emergency", one.id, "3.3", f"told {rules.SECOND_STEP}", reason, cause=one.id, at=now)
        keep(session, replace(one, due_at=None, told=rules.SECOND_STEP, told_at=now))
    return len(due)
