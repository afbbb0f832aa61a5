"""The way back: what changed in the scopes of a device, by its cursor."""

from typing import NamedTuple

from msgspec import UNSET, Raw, UnsetType
from sqlalchemy.orm import Session

from backend.exchange.rules import device_scope
from backend.feed import queries as feed
from backend.feed.rules import PAGE, PAGE_WITH_ENTRIES, START, Position, open_cursor, seal_cursor
from backend.fields import Actor
from sync.exchange import Change, ExchangeRequest, Reset, ResetReason


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
    at, resets = _start(actor, request, until, secret, names)
    limit = PAGE_WITH_ENTRIES if request.entries else PAGE
    page = feed.page(session, list(names.values()), at, until, limit)
    changes = tuple(
        Change(
            scope=device_scope(row.scope),
            op=row.op,  # type: ignore[arg-type]  # the column's CHECK allows these four
            type=row.type,
            id=str(row.id),
            rev=row.rev,
            body=UNSET if row.body is None else Raw(row.body),
        )
        for row in page.rows
    )
    cursor = seal_cursor(secret, until.epoch, actor.town, actor.source, page.at)
    return Pulled(changes, cursor, page.more, resets, until.epoch, START if resets else at)


def _start(
    actor: Actor, request: ExchangeRequest, until: feed.Horizon, secret: bytes, names: dict[str, str]
) -> tuple[Position, tuple[Reset, ...]]:
    """Where to read from. A scope that is new, or a cursor that no longer fits, begins at the start of the feed."""
    closed = tuple(Reset(scope=name, reason="closed") for name in request.holds if name not in names)
    fresh = [name for name in names if name not in request.holds]
    if isinstance(request.cursor, UnsetType):
        return START, (*closed, *_resets(names, "new"))
    assert actor.source is not None  # noqa: S101
    opened = open_cursor(secret, actor.town, actor.source, request.cursor)
    # A cursor that is not ours must not stop the device from sending: it begins anew, as after a restore.
    if opened is None or opened[0] != until.epoch:
        return START, (*closed, *_resets(names, "epoch"))
    if opened[1] > START and opened[1].xid <= until.floor:
        return START, (*closed, *_resets(names, "expired"))
    if fresh:
        return START, (*closed, *_resets(fresh, "new"))
    return opened[1], closed


def _resets(names: dict[str, str] | list[str], reason: ResetReason) -> tuple[Reset, ...]:
    return tuple(Reset(scope=name, reason=reason) for name in names)
