"""Writing the feed: always in the transaction of the service that changed the thing."""

import secrets
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from backend.db import Bulk, later
from backend.feed.rules import TOMBSTONES
from backend.feed.tables import FeedRow, HistoryRow

Leaving = Literal["drop", "delete", "purge"]

_encode = msgspec.json.Encoder().encode
PUT = Bulk(
    FeedRow,
    ["town", "scope", "type", "id", "op", "rev", "body"],
    unique=["town", "scope", "type", "id"],
    on_conflict=(
        "ON CONFLICT (town, scope, type, id) DO UPDATE SET op = excluded.op, rev = excluded.rev, body = excluded.body,"
        " xid = pg_current_xact_id(), pos = nextval('feed_pos'), at = now() WHERE feed.rev <= excluded.rev"
    ),
)


def put(session: Session, scope: str, kind: str, *, id: UUID, rev: int, body: object) -> None:
    """`scope` sees the thing in this state once the transaction commits. `body` is a struct or dict of JSON."""
    later(session, PUT, (session.info["town"], scope, kind, id, "put", rev, _encode(body)))


def leave(session: Session, scope: str, kind: str, *, id: UUID, rev: int, op: Leaving) -> None:
    """The thing leaves `scope`: its row and body are gone from the feed, and every reader learns it by `op`."""
    later(session, PUT, (session.info["town"], scope, kind, id, op, rev, None))


def begin_history(session: Session) -> bytes:
    """The epoch of this database, drawn anew where the server or its timeline is another one than before."""
    system, timeline = session.execute(
        text("SELECT system_identifier::text, timeline_id FROM pg_control_system(), pg_control_checkpoint()")
    ).one()
    session.execute(text("SELECT pg_advisory_xact_lock(7310012)"))
    row = session.scalars(select(HistoryRow)).one_or_none()
    if row is None:
        row = HistoryRow(id=1, epoch=secrets.token_bytes(8), system_identifier=system, timeline=timeline)
        session.add(row)
    elif (row.system_identifier, row.timeline) != (system, timeline):
        row.epoch, row.system_identifier, row.timeline = secrets.token_bytes(8), system, timeline
    return row.epoch


def sweep_tombstones(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Up to `limit` tombstones older than 90 days are gone, and the floor stands above them; how many there were."""
    removed = list(
        session.scalars(
            text(
                "DELETE FROM feed WHERE ctid = ANY (ARRAY(SELECT ctid FROM feed WHERE town = :town AND op <> 'put'"
                " AND at < :before LIMIT :limit)) RETURNING xid::text"
            ),
            {"town": session.info["town"], "before": now - TOMBSTONES, "limit": limit},
        )
    )
    highest = max((int(xid) for xid in removed), default=None)
    if highest is None:
        return 0
    session.execute(
        text(
            "INSERT INTO feed_floor (town, xid) VALUES (:town, CAST(:xid AS xid8)) ON CONFLICT (town)"
            " DO UPDATE SET xid = greatest(feed_floor.xid, excluded.xid)"
        ),
        {"town": session.info["town"], "xid": str(highest)},
    )
    return len(removed)
