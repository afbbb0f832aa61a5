"""What gateways tell about themselves: their lines, their counts, their fallback (control-room.md 3.2, 4.1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.buildings import rules, sites
from backend.buildings.meanings import Heard, Where
from backend.buildings.service import instant, take_effect
from backend.buildings.standing import ALARMS, keep_alarm, look, warm
from backend.buildings.tables import LinkChangeRow, LinkSummaryRow
from backend.buildings.wire import Alarm
from backend.db import Bulk, later, rows, write_out
from backend.dispatch.rules import derived
from backend.dispatch.service import write_note
from backend.exchange.wire import Received
from backend.fields import Actor
from sync.bodies import FallbackFired, LinkChanged, LinkSummary

_LINK: Final = Bulk(
    LinkChangeRow, ["town", "id", "source", "line", "sender", "state", "at", "last_seen", "admitted_at"]
)
_SUMMARY: Final = Bulk(LinkSummaryRow, ["town", "id", "source", "since", "at", "lines", "strangers"])
_ALARMS_OF: Final = "SELECT DISTINCT alarm FROM signal WHERE id = ANY(%(ids)s) AND alarm IS NOT NULL ORDER BY alarm"
_REASONS: Final = {
    "no_verdict": "der Server antwortete nicht binnen 10 s",
    "refused": "der Server zeigte das Signal niemandem sofort",
    "not_recorded": "das Gateway konnte das Signal nicht aufzeichnen",
}


def changed(session: Session, actor: Actor, received: Received, body: LinkChanged) -> None:
    """The line's state stands, with its row; a lost one is an alarm, and one that is back marks that as returned.

    Of a sender that no line knows only the row is kept.
    """
    state = warm(session)
    at = instant(body.at) or received.received_at
    line = next(
        (
            line
            for (source, _, sender), line in state.lines.items()
            if (source, sender) == (received.source, body.sender)
        ),
        None,
    )
    row = (
        actor.town, received.id, received.source, line.id if line else None, body.sender, body.state, at,
        instant(body.last_seen), received.received_at,
    )  # fmt: skip
    later(session, _LINK, row)
    if line is None:
        return
    sites.note_link(session, line.id, body.state, at=at, last_seen=instant(body.last_seen))
    heard = _heard(received, body.sender, at)
    spot = f"line:{line.id}"
    where = Where(spot=spot, sender_spot=spot, place=line.place, line=line.id, building=line.building)
    look(session, [spot])
    ruled = rules.decide_link(heard, where, body.state, state.standing(line.building, 0))
    take_effect(session, state, heard, ruled)


def _heard(received: Received, sender: str | None, at: datetime) -> Heard:
    return Heard(
        id=received.id,
        kind=None,
        code=None,
        level=None,
        is_test=False,
        text=None,
        sender=sender,
        flags=frozenset(),
        received_at=at,
        admitted_at=received.received_at,
    )


def summed_up(session: Session, actor: Actor, received: Received, body: LinkSummary) -> None:
    """What the gateway heard in the hour is kept."""
    since, at = (instant(text) or received.received_at for text in (body.since, body.at))
    lines = msgspec.json.encode(body.lines).decode()
    later(session, _SUMMARY, (actor.town, received.id, received.source, since, at, lines, body.strangers))


def fell_back(session: Session, actor: Actor, received: Received, body: FallbackFired) -> None:
    """The site's own alarm was called: alarms and incidents say so; where no signal is known, it is a P1 itself."""
    del actor
    at = instant(body.at) or received.received_at
    alarms = _alarms_of(session, body.signals)
    incidents = dict.fromkeys(_told(session, alarm, is_heard=body.is_heard) for alarm in alarms)
    if not alarms:
        spot = f"gateway:{received.source}"
        state = look(session, [spot])
        where = Where(spot=spot, sender_spot=spot, place="Gateway: Alarm ohne Meldung")
        ruled = rules.decide_fallback(_heard(received, None, at), where, state.standing(None, 0))
        take_effect(session, state, _heard(received, None, at), ruled)
        incidents = {state.alarms[spot, "fallback"].incident: None}
    heard = "gehört" if body.is_heard else f"NICHT gehört ({body.tries} Versuche)"
    text = f"Rückfallebene des Gebäudes ausgelöst, {heard}: {_REASONS[body.reason]}."
    for incident in incidents:
        if incident is not None:
            note = derived(received.id, f"fallback {incident}")
            write_note(session, incident, text, id=note, by=None, rule="4.1", at=at, now=received.received_at)


def _told(session: Session, alarm: Alarm, *, is_heard: bool) -> UUID | None:
    known = look(session, [alarm.spot]).alarms.get((alarm.spot, alarm.kind), alarm)
    flags = dict.fromkeys((*known.flags.split(), "fallback" if is_heard else "fallback_unheard"))
    keep_alarm(session, replace(known, flags=" ".join(flags)))
    return known.incident


def _alarms_of(session: Session, signals: Sequence[UUID]) -> list[Alarm]:
    write_out(session)
    found = [ALARMS.get(session, row.alarm) for row in rows(session, _ALARMS_OF, ids=list(signals))]
    return [alarm for alarm in found if alarm is not None]
