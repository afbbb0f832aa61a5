"""Gateways that are silent: no link is good because nobody tells (design/control-room.md 1, promise 10)."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from backend.buildings import rules, sites
from backend.buildings.meanings import Heard, Where
from backend.buildings.service import take_effect
from backend.buildings.standing import look
from backend.db import rows
from backend.dispatch.rules import derived

#: A gateway sends at least each 10 s, and the contact of an idle source is written once a minute; the rest is slack.
SILENT_AFTER: Final = timedelta(seconds=90)
_GATEWAYS: Final = (
    "SELECT id, label, last_contact_at, last_contact_at < %(since)s AS is_silent FROM source"
    " WHERE kind = 'gateway' AND last_contact_at IS NOT NULL ORDER BY id"
)
_NEWEST: Final = (
    "SELECT DISTINCT ON (line) line, state FROM link_change WHERE source = %(source)s AND line IS NOT NULL"
    " ORDER BY line, at DESC, id DESC"
)


def watch(session: Session, *, now: datetime) -> int:
    """Gateways that fell silent or speak again are shown so; how many. The caller holds the control room's lock."""
    changed = 0
    for row in rows(session, _GATEWAYS, since=now - SILENT_AFTER):
        spot = f"gateway:{row.id}"
        alarm = look(session, [spot]).alarms.get((spot, "gateway.lost"))
        lines = sites.LINES.find(session, "WHERE gateway = %(gateway)s", gateway=row.id)
        is_told = alarm is not None and alarm.state in ("raised", "accepted")
        if row.is_silent and any(line.link != "unknown" for line in lines):
            _told(session, row, spot, now, is_silent=True)
            for line in lines:
                sites.show_link(session, line, "unknown")
            changed += 1
        elif not row.is_silent and is_told:
            _told(session, row, spot, now, is_silent=False)
            newest: dict[UUID, Any] = {one.line: one.state for one in rows(session, _NEWEST, source=row.id)}
            for line in lines:
                sites.show_link(session, line, newest.get(line.id, "unknown"))
            changed += 1
    return changed


def _told(session: Session, row: Any, spot: str, now: datetime, *, is_silent: bool) -> None:
    heard = Heard(
        id=derived(row.id, f"{is_silent} {now.isoformat()}"),
        kind=None,
        code=None,
        level=None,
        is_test=False,
        text=None,
        sender=None,
        flags=frozenset(),
        received_at=now,
        admitted_at=now,
    )
    where = Where(spot=spot, sender_spot=spot, place=f"Gateway {row.label}")
    state = look(session, [spot])
    ruled = rules.decide_gateway(heard, where, state.standing(None, 0), is_silent=is_silent)
    take_effect(session, state, heard, ruled)
