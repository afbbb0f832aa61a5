"""What gateways tell about themselves: their lines, their counts, their fallback (control-room.md 3.2, 4.1)."""

from typing import Final

from sqlalchemy.orm import Session

from backend.buildings import rules, sites
from backend.buildings.meanings import Heard, Where
from backend.buildings.service import instant, take_effect
from backend.buildings.standing import warm
from backend.buildings.tables import LinkChangeRow
from backend.db import Bulk, later, rows, write_out
from backend.dispatch import service as dispatch
from backend.dispatch.rules import derived
from backend.exchange.wire import Received
from backend.fields import Actor
from sync.bodies import FallbackFired, LinkChanged, LinkSummary

_LINK: Final = Bulk(
    LinkChangeRow, ["town", "id", "source", "line", "sender", "state", "at", "last_seen", "admitted_at"]
)
_INCIDENTS_OF: Final = (
    "SELECT DISTINCT a.incident FROM signal s JOIN alarm a ON a.town = s.town AND a.id = s.alarm"
    " WHERE s.id = ANY(%(ids)s) AND a.incident IS NOT NULL ORDER BY a.incident"
)
_WHY: Final = {
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
    heard = Heard(
        id=received.id,
        kind=None,
        code=None,
        level=None,
        is_test=False,
        text=None,
        sender=body.sender,
        flags=frozenset(),
        received_at=at,
        admitted_at=received.received_at,
    )
    spot = f"line:{line.id}"
    where = Where(spot=spot, sender_spot=spot, place=line.place, line=line.id, building=line.building)
    ruled = rules.decide_link(heard, where, body.state, state.standing(line.building, 0))
    take_effect(session, state, heard, ruled)


def summarised(session: Session, actor: Actor, received: Received, body: LinkSummary) -> None:
    """An hour's counts stay in their entry, which is where whoever doubts a line looks; nothing else follows."""
    del session, actor, received, body


def fallback_fired(session: Session, actor: Actor, received: Received, body: FallbackFired) -> None:
    """The site called for help without us: a decision with its reason, and a note at each incident of its signals."""
    del actor
    heard = "gehört" if body.is_heard else "NICHT gehört"
    reason = f"{_WHY[body.reason]}; {heard}, {body.tries} Versuche"
    at = received.received_at
    dispatch.decide(session, "source", received.source, "4.1", "fallback", reason, cause=received.id, at=at)
    write_out(session)
    for row in rows(session, _INCIDENTS_OF, ids=list(body.signals)):
        dispatch.write_note(
            session,
            row.incident,
            f"Rückfall des Gebäudes ausgelöst: {reason}.",
            id=derived(received.id, f"fallback {row.incident}"),
            by=None,
            rule="4.1",
            at=instant(body.at) or at,
            now=at,
        )
