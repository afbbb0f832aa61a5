"""Reading the feed without gaps: only below the oldest open transaction (design/sync.md 5.2)."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from msgspec import UNSET, Raw
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from backend.db import rows
from backend.errors import BadInput, CursorExpired, EpochChanged
from backend.feed.rules import PAGE, PAGE_BYTES, Place, Position, open_cursor, seal_cursor
from backend.feed.tables import FeedRow
from backend.feed.wire import FeedChange, FeedPage
from backend.fields import Actor
from sync.exchange import Op


class Horizon(NamedTuple):
    """Below `xid` nothing can appear any more; `floor` is the highest transaction whose tombstones are gone."""

    xid: int
    epoch: bytes
    floor: int


class Found(Protocol):
    """A row of the feed, as the database gives it."""

    scope: str
    op: Op
    type: str
    id: UUID
    rev: int
    body: bytes | None
    xid: str
    pos: int


class SnapshotRow(NamedTuple):
    """A thing that stands in a scope."""

    type: str
    id: UUID
    rev: int
    body: bytes | None


class Page(NamedTuple):
    """Rows in their order, where the reader stands after them, and whether another page waits."""

    rows: Sequence[Found]
    at: Position
    more: bool


_HORIZON: Final = (
    "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid, (SELECT epoch FROM history) AS epoch,"
    " coalesce((SELECT xid FROM feed_floor WHERE town = %(town)s)::text, '0') AS floor"
)
_ROWS: Final = (
    "SELECT r.scope, r.op, r.type, r.id, r.rev, r.body, r.xid::text AS xid, r.pos"
    " FROM unnest(%(scopes)s::text[]) AS s(scope) CROSS JOIN LATERAL"
    " (SELECT f.* FROM feed f WHERE f.town = %(town)s AND f.scope = s.scope"
    " AND (f.xid, f.pos) > (%(xid)s::xid8, %(pos)s::bigint) AND f.xid < %(horizon)s::xid8"
    " ORDER BY f.xid, f.pos LIMIT %(limit)s) r ORDER BY r.xid, r.pos LIMIT %(limit)s"
)


def horizon(session: Session) -> Horizon:
    """Where reading must stop. It MUST be a statement of its own, before the page's."""
    (row,) = rows(session, _HORIZON, town=session.info["town"])
    return Horizon(int(row.xid), bytes(row.epoch), int(row.floor))


def page(session: Session, scopes: Sequence[str], after: Position, until: Horizon, limit: int) -> Page:
    """Up to `limit` rows and 1 MiB of bodies of these scopes after a position.

    A page that is full ends at its last row, any other one at the horizon, so that quiet scopes advance too.
    """
    if not scopes:
        return Page([], max(after, Position(until.xid, 0)), more=False)
    found = rows(
        session,
        _ROWS,
        scopes=list(scopes),
        town=session.info["town"],
        xid=str(after.xid),
        pos=after.pos,
        horizon=str(until.xid),
        limit=limit + 1,
    )
    fitting = _within_bytes(found[:limit])
    if len(fitting) < len(found):
        return Page(fitting, Position(int(fitting[-1].xid), fitting[-1].pos), more=True)
    return Page(fitting, max(after, Position(until.xid, 0)), more=False)


def rows_after(session: Session, scope: str, place: Place, limit: int) -> list[SnapshotRow]:
    """Up to `limit` things that stand in the scope, in the order of their keys."""
    found = session.execute(
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
    return [SnapshotRow(row.type, row.id, row.rev, row.body) for row in found]


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


def _within_bytes(found: Sequence[Found]) -> Sequence[Found]:
    size = 0
    for index, row in enumerate(found):
        size += len(row.body or b"")
        if size > PAGE_BYTES and index:
            return found[:index]
    return found
