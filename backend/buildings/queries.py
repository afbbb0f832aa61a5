"""Reads of buildings and alarms, and the control room's board, which shows what both slices know."""

from base64 import b64encode
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from backend.buildings.sites import BUILDINGS, LINES, POINTS, SITES, ZONES, as_wire
from backend.buildings.standing import ALARMS
from backend.buildings.wire import Alarm, DeskBoard, OpenAlarms, Signal, Sites, WholeAlarm
from backend.db import rows
from backend.dispatch import queries as dispatch
from backend.dispatch.wire import Emergency
from backend.errors import NotFound
from backend.feed.queries import cursor_now
from backend.fields import Actor
from backend.work import service as work

#: Tasks with which a desk begins.
BOARD_TASKS: Final = 200
_ORDER: Final = " ORDER BY priority, raised_at DESC, id DESC"
_SIGNALS: Final = (
    "SELECT id, source, state, outcome, protocol, sender, point_name, kind, code, level, text, flags, is_test,"
    " occurred_at, received_at, admitted_at, raw,"
    " (SELECT count(*) FROM signal_repeat r WHERE r.town = s.town AND r.signal = s.id) AS repeats"
    " FROM signal s WHERE alarm = %(alarm)s ORDER BY received_at DESC, id DESC LIMIT 200"
)
_UNACCEPTED: Final = frozenset({"raised", "returned_unaccepted"})
_NOT_ACCEPTED: Final = frozenset({"stored", "shown"})


def sites(session: Session) -> Sites:
    """Everything that stands in the town's buildings."""
    return Sites(
        sites=SITES.find(session, "ORDER BY name, id"),
        buildings=BUILDINGS.find(session, "ORDER BY name, id"),
        zones=ZONES.find(session, "ORDER BY name, id"),
        points=POINTS.find(session, "ORDER BY label, id"),
        lines=[as_wire(line) for line in LINES.find(session, "ORDER BY label, id")],
    )


def alarms(session: Session, only: str) -> OpenAlarms:
    """Open alarms, whole; `only` is `p1` or `all`. Read past the feed, so that nothing holds it back."""
    if only == "p1":
        found = ALARMS.find(session, "WHERE priority = 1 AND state <> 'closed'" + _ORDER)
    else:
        found = ALARMS.find(session, "WHERE state <> 'closed'" + _ORDER)
    emergencies = dispatch.open_emergencies(session)
    return OpenAlarms(alarms=found, emergencies=emergencies, waiting=waiting(found, emergencies))


def waiting(alarms: list[Alarm], emergencies: list[Emergency]) -> int:
    """P1 alarms and emergencies that nobody has accepted."""
    urgent = sum(one.priority == 1 and one.state in _UNACCEPTED for one in alarms)
    return urgent + sum(one.state in _NOT_ACCEPTED for one in emergencies)


def whole_alarm(session: Session, id: UUID) -> WholeAlarm:
    """An alarm with its signals.

    Raises:
        NotFound: there is none.
    """
    alarm = ALARMS.get(session, id)
    if alarm is None:
        raise NotFound
    found = rows(session, _SIGNALS, alarm=id)
    signals = [Signal(**(row._asdict() | {"raw": b64encode(row.raw).decode()})) for row in found]
    return WholeAlarm(alarm=alarm, signals=signals)


def desk_board(session: Session, actor: Actor, *, secret: bytes, now: datetime) -> DeskBoard:
    """What the control room's screens begin with.

    The cursor is read first: what is committed in between comes in the lists and again in the feed, and is not missed.
    """
    cursor = cursor_now(session, actor, secret)
    found = alarms(session, "all")
    incidents = dispatch.open_incidents(session)
    ids = [one.id for one in incidents]
    return DeskBoard(
        cursor=cursor,
        now=now,
        waiting=found.waiting,
        emergencies=found.emergencies,
        alarms=found.alarms,
        incidents=incidents,
        reports=dispatch.open_reports(session),
        jobs=dispatch.jobs_of(session, ids),
        notes=dispatch.notes_of(session, ids),
        units=dispatch.all_units(session),
        lines=[as_wire(line) for line in LINES.find(session, "ORDER BY label, id")],
        tasks=[task for task in work.open_tasks(session, actor, BOARD_TASKS) if task.audience == "desk"],
        codes=dispatch.codes(session),
    )
