"""What gateways tell about their senders' lines (design/control-room.md 3.2)."""

from typing import Final

from sqlalchemy.orm import Session

from backend.buildings import rules, sites
from backend.buildings.meanings import Heard, Where
from backend.buildings.service import instant, take_effect
from backend.buildings.standing import warm
from backend.buildings.tables import LinkChangeRow
from backend.db import Bulk, later
from backend.exchange.wire import Received
from backend.fields import Actor
from sync.bodies import LinkChanged

_LINK: Final = Bulk(
    LinkChangeRow, ["town", "id", "source", "line", "sender", "state", "at", "last_seen", "admitted_at"]
)


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
