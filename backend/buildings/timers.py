"""The control room's timers under a minute: rows with `due_at`, run by the loop that feeds the live screens."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from backend.buildings import alarms, gateways
from backend.db import sessions_of
from backend.dispatch import emergencies, jobs

_DUE: Final = text("SELECT timers_due(:now)")
_TRY_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(hashtextextended('desk' || current_setting('app.town'), 0))")


def run(engine: Engine, now: Callable[[], datetime]) -> int:
    """What is due in any town is done, a transaction for each town; how much that was.

    A town whose control room is being written waits for the next look: the loop never does. Nothing is done twice,
    however many processes look.
    """
    with sessions_of(engine, None).begin() as session:
        towns: list[UUID] = list(session.scalars(_DUE, {"now": now()}))
    done = 0
    for town in towns:
        with sessions_of(engine, town).begin() as session:
            if session.scalar(_TRY_LOCK):
                done += run_town(session, now=now())
    return done


def run_town(session: Session, *, now: datetime) -> int:
    """What is due in the session's town is done. The caller holds the control room's lock."""
    done = alarms.run_due(session, now=now) + emergencies.escalate(session, now=now) + jobs.time_out(session, now=now)
    return done + gateways.watch(session, now=now)
