"""What stands in a town's buildings, as one transaction reads it once and changes it (part of the slice's service).

Of the alarms only those are read that a signal can concern, however many are open.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.buildings.meanings import Where
from backend.buildings.rules import Past, Standing
from backend.buildings.tables import AlarmRow
from backend.buildings.wire import Alarm
from backend.db import Whole, memo, rows, write_out
from backend.dispatch import service as dispatch
from backend.dispatch.service import INCIDENTS
from backend.dispatch.wire import Incident
from backend.feed import service as feed

ALARMS: Final = Whole(AlarmRow, Alarm)

_LINES: Final = (
    "SELECT l.id, l.gateway, l.protocol, l.sender, l.building, l.label, b.name AS building_name FROM line l"
    " JOIN building b ON b.town = l.town AND b.id = l.building"
)
_POINTS: Final = (
    "SELECT lp.line, lp.name, p.id, p.label, p.kind, z.id AS zone, z.name AS zone_name, b.id AS building,"
    " b.name AS building_name FROM line_point lp JOIN point p ON p.town = lp.town AND p.id = lp.point"
    " JOIN zone z ON z.town = p.town AND z.id = p.zone JOIN building b ON b.town = z.town AND b.id = z.building"
)
#: Open ones, and those whose window a late signal may still fall into.
_INCIDENTS: Final = (
    "WHERE rule = 'K3' AND building IS NOT NULL AND (state NOT IN ('closed', 'merged')"
    " OR closed_at > now() - interval '1 day') ORDER BY no"
)
_OPEN: Final = "WHERE state <> 'closed' AND spot = ANY(%(spots)s)"
_UNKNOWN: Final = (
    "SELECT spot, max(received_at) AS at FROM alarm WHERE spot = ANY(%(spots)s)"
    " AND kind IN ('unknown_sender', 'unparsed') AND raised_at > now() - interval '2 hours' GROUP BY spot"
)
#: Of a building, those that belong to no incident (K3).
_LOOSE: Final = "WHERE building = %(building)s AND incident IS NULL AND state <> 'closed' ORDER BY id"
#: Begins the spot of a sender without a line.
_STRANGER: Final = "sender:"


class Line(NamedTuple):
    """A sender's line, as far as the rules need it."""

    id: UUID
    building: UUID
    place: str


class Spot(NamedTuple):
    """A point, as far as the rules need it."""

    point: UUID
    kind: str
    zone: UUID
    building: UUID
    place: str


class State(Struct, kw_only=True):
    """The town's buildings within one transaction; whoever holds it holds the control room's lock."""

    lines: dict[tuple[UUID, str, str], Line]
    spots: dict[tuple[UUID, str], Spot]
    incidents: dict[UUID, Incident]
    #: Open alarms by spot and kind: all of the spots in `looked_at`.
    alarms: dict[tuple[str, str], Alarm] = field(default_factory=dict)
    #: When the newest alarm of an unknown sender was raised, by its spot: of those in `looked_at`.
    unknown: dict[str, datetime] = field(default_factory=dict)
    looked_at: set[str] = field(default_factory=set)
    #: Signals of this transaction by source and key.
    keys: dict[tuple[UUID, str], UUID] = field(default_factory=dict)

    def where(self, source: UUID, protocol: str, sender: str | None, point: str | None) -> Where:
        """Where a signal comes from; without a line where the sender is unknown."""
        line = self.lines.get((source, protocol, sender)) if sender is not None else None
        if line is None:
            spot = f"{_STRANGER}{source}:{protocol}:{sender or ''}"
            return Where(spot=spot, sender_spot=spot, place=f"Unbekannter Absender {sender or ''}".strip())
        found = self.spots.get((line.id, point)) if point is not None else None
        sender_spot = f"line:{line.id}"
        if found is None:
            place = line.place if point is None else f"{line.place} · Punkt {point}"
            spot = sender_spot if point is None else f"{sender_spot}:{point}"
            return Where(spot=spot, sender_spot=sender_spot, place=place, line=line.id, building=line.building)
        return Where(
            spot=f"point:{found.point}",
            sender_spot=sender_spot,
            place=found.place,
            line=line.id,
            building=found.building,
            zone=found.zone,
            point=found.point,
            point_kind=found.kind,
        )

    def standing(self, building: UUID | None, bad_before: int) -> Standing:
        """What the rules look at for a signal of this building."""
        past = [
            Past(
                id=one.id,
                building=building,
                happened_at=one.happened_at,
                is_open=one.state not in ("closed", "merged"),
            )
            for one in self.incidents.values()
            if building is not None and one.building == building
        ]
        return Standing(alarms=self.alarms, incidents=past, unknown=self.unknown, bad_before=bad_before)


def warm(session: Session) -> State:
    """The state of this transaction, read at its first use under the control room's lock."""
    known = memo(session)
    if "buildings" not in known:
        dispatch.lock(session)
        write_out(session)
        known["buildings"] = _read(session)
    state: State = known["buildings"]
    return state


def look(session: Session, spots: Iterable[str]) -> State:
    """The state with the open alarms of these spots, each read at the transaction's first look at it."""
    state = warm(session)
    new = sorted(set(spots) - state.looked_at)
    if new:
        state.looked_at.update(new)
        state.alarms.update({(one.spot, one.kind): one for one in ALARMS.find(session, _OPEN, spots=new)})
        strangers = [spot for spot in new if spot.startswith(_STRANGER)]
        if strangers:
            state.unknown.update({row.spot: row.at for row in rows(session, _UNKNOWN, spots=strangers)})
    return state


def loose(session: Session, building: UUID | None) -> list[Alarm]:
    """The open alarms of a building that belong to no incident."""
    return ALARMS.find(session, _LOOSE, building=building)


def _read(session: Session) -> State:
    return State(
        lines={
            (row.gateway, row.protocol, row.sender): Line(row.id, row.building, f"{row.building_name} · {row.label}")
            for row in rows(session, _LINES)
        },
        spots={
            (row.line, row.name): Spot(
                row.id, row.kind, row.zone, row.building, f"{row.building_name} · {row.zone_name} · {row.label}"
            )
            for row in rows(session, _POINTS)
        },
        incidents={one.id: one for one in INCIDENTS.find(session, _INCIDENTS)},
    )


def keep_alarm(session: Session, alarm: Alarm) -> Alarm:
    """The alarm stands as it is given, one revision on; the desk sees it."""
    kept = replace(alarm, rev=alarm.rev + 1)
    ALARMS.save(session, kept)
    feed.put(session, "desk", "alarm", id=kept.id, rev=kept.rev, body=kept)
    state: State | None = memo(session).get("buildings")
    if state is not None:
        if kept.state == "closed":
            state.alarms.pop((kept.spot, kept.kind), None)
        else:
            state.alarms[kept.spot, kept.kind] = kept
    return kept


def keep_incident(state: State, incident: Incident) -> None:
    """The state knows the incident as it stands now."""
    state.incidents[incident.id] = incident
