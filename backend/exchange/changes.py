"""The way back: what changed in the scopes of a device, by its cursor."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET, Raw, UnsetType
from sqlalchemy.orm import Session

from backend.errors import BadInput
from backend.exchange.rules import device_scope
from backend.feed import queries as feed
from backend.feed.rules import (
    PAGE,
    PAGE_WITH_ENTRIES,
    START,
    Place,
    Position,
    open_cursor,
    open_place,
    seal_cursor,
    seal_place,
)
from backend.fields import Actor
from sync.exchange import MAX_ENTRIES, Change, ExchangeRequest, Reset, ResetReason
from sync.pulled import SnapshotPage, SnapshotRow


class Pulled(NamedTuple):
    """A page of changes, where the device stands after it, and what it has to fetch or erase."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool
    resets: tuple[Reset, ...]
    epoch: bytes
    #: What the device confirmed by sending its cursor.
    confirmed: Position


def pull(session: Session, actor: Actor, request: ExchangeRequest, secret: bytes) -> Pulled:
    """The next page for this device. Reads only; it MUST run before anything is written in the transaction."""
    assert actor.source is not None  # noqa: S101 - the right `source` lets only devices through
    names = {device_scope(scope): scope for scope in actor.scopes}
    until = feed.horizon(session)
    start = _start(actor, request, until, secret, names)
    if len(request.entries) == MAX_ENTRIES:
        # A full batch has more behind it: changes wait for the last one, so that a backlog is in sooner.
        cursor = seal_cursor(secret, until.epoch, actor.town, actor.source, start.at)
        return Pulled((), cursor, more=True, resets=start.resets, epoch=until.epoch, confirmed=start.at)
    limit = PAGE_WITH_ENTRIES if request.entries else PAGE
    page = feed.page(session, [names[scope] for scope in start.scopes], start.at, until, limit)
    changes = tuple(
        Change(
            scope=device_scope(row.scope),
            op=row.op,
            type=row.type,
            id=str(row.id),
            rev=row.rev,
            body=UNSET if row.body is None else Raw(row.body),
        )
        for row in page.rows
    )
    cursor = seal_cursor(secret, until.epoch, actor.town, actor.source, page.at)
    return Pulled(changes, cursor, page.more, start.resets, until.epoch, start.at)


def snapshot(session: Session, actor: Actor, scope: str, after: str | None, secret: bytes) -> SnapshotPage:
    """The next 2,000 rows of a scope in key order; the last page says from which cursor its changes go on.

    The first page pins that cursor, and `after` carries it: what changes meanwhile comes by the feed.

    Raises:
        BadInput: the scope is not granted to this device, or `after` is not one of its own or of another history.
    """
    assert actor.source is not None  # noqa: S101 - the right `source` lets only devices through
    names = {device_scope(stored): stored for stored in actor.scopes}
    if scope not in names:
        raise BadInput(field="/scope", detail="not granted to this device")
    until = feed.horizon(session)
    place = Place(until.epoch, scope, until.xid, "", UUID(int=0))
    if after is not None:
        opened = open_place(secret, actor.town, actor.source, after)
        if opened is None or opened.scope != scope or opened.epoch != until.epoch:
            raise BadInput(field="/after", detail="not a page of this scope")
        place = opened
    rows = feed.rows_after(session, names[scope], place, PAGE)
    wire = tuple(SnapshotRow(type=row.type, id=str(row.id), rev=row.rev, body=Raw(row.body or b"")) for row in rows)
    if len(rows) == PAGE:
        last = place._replace(type=rows[-1].type, id=rows[-1].id)
        return SnapshotPage(rows=wire, after=seal_place(secret, actor.town, actor.source, last))
    join = seal_cursor(secret, until.epoch, actor.town, actor.source, Position(place.xid, 0))
    return SnapshotPage(rows=wire, join=join)


class _Start(NamedTuple):
    """Where to read from, which scopes, and which are to be fetched or erased first."""

    at: Position
    scopes: tuple[str, ...]
    resets: tuple[Reset, ...]


def _start(actor: Actor, request: ExchangeRequest, until: feed.Horizon, secret: bytes, names: dict[str, str]) -> _Start:
    """The lowest position of the cursor and the snapshots just joined; a scope that is not held is fetched first.

    A cursor that is not ours must not stop the device from sending: it begins anew, as after a restore.
    """
    assert actor.source is not None  # noqa: S101
    now = Position(until.xid, 0)
    closed = tuple(Reset(scope=name, reason="closed") for name in request.holds if name not in names)
    given = [] if isinstance(request.cursor, UnsetType) else [request.cursor]
    opened = [open_cursor(secret, actor.town, actor.source, text) for text in (*given, *_joined(request))]
    if any(one is None or one[0] != until.epoch for one in opened):
        return _Start(now, (), (*closed, *_resets(names, "epoch")))
    positions = [one[1] for one in opened if one is not None]
    if any(at > START and at.xid <= until.floor for at in positions):
        return _Start(now, (), (*closed, *_resets(names, "expired")))
    if not positions:
        return _Start(now, (), (*closed, *_resets(names, "new")))
    joined = {join.scope for join in request.joins}
    held = tuple(name for name in names if name in request.holds or name in joined)
    fresh = [name for name in names if name not in held]
    return _Start(min(positions), held, (*closed, *_resets(fresh, "new")))


def _joined(request: ExchangeRequest) -> list[str]:
    return [join.cursor for join in request.joins]


def _resets(names: Iterable[str], reason: ResetReason) -> tuple[Reset, ...]:
    return tuple(Reset(scope=name, reason=reason) for name in names)
