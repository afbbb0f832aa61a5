"""Reading the feed without gaps: only below the oldest open transaction (design/sync.md 5.2)."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET, Raw
from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import Session

from backend.errors import BadInput, CursorExpired, EpochChanged
from backend.feed.rules import PAGE, PAGE_BYTES, Place, Position, open_cursor, seal_cursor
from backend.feed.tables import FeedRow
from backend.feed.wire import FeedChange, FeedPage
from backend.fields import Actor


class Horizon(NamedTuple):
    """Below `xid` nothing can appear any more; `floor` is the highest transaction whose tombstones are gone."""

    xid: int
    epoch: bytes
    floor: int


class Found(NamedTuple):
    """A row of the feed."""

    scope: str
    op: str
    type: str
    id: UUID
    rev: int
    body: bytes | None
    xid: int
    pos: int


class SnapshotRow(NamedTuple):
    """A thing that stands in a scope."""

    type: str
    id: UUID
    rev: int
    body: bytes | None


class Page(NamedTuple):
    """Rows in their order, where the reader stands after them, and whether another page waits."""

    rows: list[Found]
    at: Position
    more: bool


_HORIZON = text(
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, (SELECT epoch FROM history),"
    " coalesce((SELECT xid FROM feed_floor WHERE town = CAST(:town AS uuid))::text, '0')"
)
_ROWS = text(
    "SELECT r.scope, r.op, r.type, r.id, r.rev, r.body, r.xid::text, r.pos"
    " FROM unnest(CAST(:scopes AS text[])) AS s(scope) CROSS JOIN LATERAL"
    " (SELECT f.* FROM feed f WHERE f.town = CAST(:town AS uuid) AND f.scope = s.scope"
    " AND (f.xid, f.pos) > (CAST(:xid AS xid8), CAST(:pos AS bigint)) AND f.xid < CAST(:horizon AS xid8)"
    " ORDER BY f.xid, f.pos LIMIT :limit) r ORDER BY r.xid, r.pos LIMIT :limit"
)


def horizon(session: Session) -> Horizon:
    """Where reading must stop. It MUST be a statement of its own, before the page's."""
    xid, epoch, floor = session.execute(_HORIZON, {"town": session.info["town"]}).one()
    return Horizon(int(xid), bytes(epoch), int(floor))


def page(session: Session, scopes: Sequence[str], after: Position, until: Horizon, limit: int) -> Page:
    """Up to `limit` rows and 1 MiB of bodies of these scopes after a position.

    A page that is full ends at its last row, any other one at the horizon, so that quiet scopes advance too.
    """
    found = [
        Found(scope, op, kind, id_, rev, body and bytes(body), int(xid), pos)
        for scope, op, kind, id_, rev, body, xid, pos in session.execute(
            _ROWS,
            {
                "scopes": list(scopes),
                "town": session.info["town"],
                "xid": str(after.xid),
                "pos": after.pos,
                "horizon": str(until.xid),
                "limit": limit + 1,
            },
        )
    ]
    rows = _within_bytes(found[:limit])
    if len(rows) < len(found):
        return Page(rows, Position(rows[-1].xid, rows[-1].pos), more=True)
    return Page(rows, max(after, Position(until.xid, 0)), more=False)


def rows_after(session: Session, scope: str, place: Place, limit: int) -> list[SnapshotRow]:
    """Up to `limit` things that stand in the scope, in the order of their keys."""
    rows = session.execute(
        select(FeedRow.type, FeedRow.id, FeedRow.rev, FeedRow.body)
        .where(
            FeedRow.town == session.info["town"],
            FeedRow.scope == scope,
            FeedRow.op == "put",
            tuple_(FeedRow.type, FeedRow.id) > (place.type, place.id),
        )
        .order_by(FeedRow.type, FeedRow.id)
        .limit(limit)
    )
    return [SnapshotRow(row.type, row.id, row.rev, row.body) for row in rows]


def changes(session: Session, actor: Actor, after: str, secret: bytes) -> FeedPage:
    """A screen's next page.

    Raises:
        BadInput: the cursor is not one that this person got.
        EpochChanged, CursorExpired: the screen has to load its state anew.
    """
    assert actor.person is not None  # noqa: S101 - the right `signed_in` lets only people through
    opened = open_cursor(secret, actor.town, actor.person, after)
    if opened is None:
        raise BadInput(field="/after", detail="not a cursor of yours")
    until = horizon(session)
    if opened[0] != until.epoch:
        raise EpochChanged
    if opened[1].xid <= until.floor:
        raise CursorExpired
    found = page(session, actor.scopes, opened[1], until, PAGE)
    return FeedPage(
        changes=[
            FeedChange(
                scope=row.scope,
                op=row.op,
                type=row.type,
                id=str(row.id),
                rev=row.rev,
                body=UNSET if row.body is None else Raw(row.body),
            )
            for row in found.rows
        ],
        cursor=seal_cursor(secret, until.epoch, actor.town, actor.person, found.at),
        more=found.more,
    )


def cursor_now(session: Session, actor: Actor, secret: bytes) -> str:
    """The cursor from which a screen goes on that reads its state later in this transaction's snapshot or after it."""
    assert actor.person is not None  # noqa: S101
    until = horizon(session)
    return seal_cursor(secret, until.epoch, actor.town, actor.person, Position(until.xid, 0))


def _within_bytes(rows: list[Found]) -> list[Found]:
    size = 0
    for index, row in enumerate(rows):
        size += len(row.body or b"")
        if size > PAGE_BYTES and index:
            return rows[:index]
    return rows
