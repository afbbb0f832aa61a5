"""Rows that the server sent: changes, resets and snapshots (design/sync.md 3.2 and 5.1).

Every function works in the caller's transaction.

    new ──first page──► stale ──last page──► joined ──join sent──► held ──reset──► stale
"""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET

from sync.exchange import Change, Join, Reset


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A thing as one scope shows it; of several scopes the highest `rev` is the newest. `body` is a JSON object."""

    scope: str
    type: str
    id: str
    rev: int
    body: bytes


class SnapshotRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a snapshot page; its scope is the page's."""

    type: str
    id: str
    rev: int
    body: msgspec.Raw


class SnapshotPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of `GET /v1/sync/snapshot`; `join` stands on the last one, `after` on all others."""

    rows: tuple[SnapshotRow, ...]
    after: str | None = None
    join: str | msgspec.UnsetType = UNSET


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A scope whose snapshot is to be fetched, from the page behind `after` on; of `types` only, where set."""

    scope: str
    after: str | None
    types: tuple[str, ...] | None


def apply(db: sqlite3.Connection, changes: Iterable[Change]) -> bool:
    """The changes took effect in their order; repeating them changes nothing. True where something was erased."""
    has_erased = False
    for change in changes:
        match change.op:
            case "put":
                body = b"{}" if change.body is UNSET else bytes(change.body)
                _put(db, Row(scope=change.scope, type=change.type, id=change.id, rev=change.rev, body=body))
            case "drop":
                thing = (change.scope, change.type, change.id)
                erased = db.execute("DELETE FROM pulled WHERE scope = ? AND type = ? AND id = ?", thing).rowcount
                has_erased |= erased > 0
            case "delete" | "purge":
                erased = db.execute("DELETE FROM pulled WHERE type = ? AND id = ?", (change.type, change.id)).rowcount
                has_erased |= erased > 0
    return has_erased


def reset(db: sqlite3.Connection, resets: Iterable[Reset]) -> bool:
    """Each scope named is wanted anew, or erased where the town closed it. True where something was erased."""
    has_erased = False
    for item in resets:
        if item.reason == "closed":
            db.execute("DELETE FROM pulled WHERE scope = ?", (item.scope,))
            db.execute("DELETE FROM scope WHERE scope = ?", (item.scope,))
            has_erased = True
        else:
            # A repeated reset does not throw away the pages that a running snapshot has.
            db.execute(
                "INSERT INTO scope (scope, state, types) VALUES (?, 'new', ?) ON CONFLICT (scope) DO UPDATE"
                " SET state = 'stale', types = excluded.types, after = NULL, joined = NULL, mark = mark + 1"
                " WHERE state IN ('held', 'joined')",
                (item.scope, None if item.types is UNSET else msgspec.json.encode(item.types)),
            )
    return has_erased


def reset_all(db: sqlite3.Connection) -> None:
    """Every scope is wanted anew from its first page: the server's history is another one."""
    db.execute("UPDATE scope SET state = 'stale', types = NULL, after = NULL, joined = NULL, mark = mark + 1")


def erase_all(db: sqlite3.Connection) -> None:
    """No row and no scope is left."""
    db.execute("DELETE FROM pulled")
    db.execute("DELETE FROM scope")


def holds(db: sqlite3.Connection) -> tuple[str, ...]:
    """The scopes of which anything may be on this device, in the order of their names."""
    return tuple(name for (name,) in db.execute("SELECT scope FROM scope WHERE state != 'new' ORDER BY scope"))


def joins(db: sqlite3.Connection) -> tuple[Join, ...]:
    """Snapshots that are complete but not yet confirmed to the server."""
    found = db.execute("SELECT scope, joined FROM scope WHERE state = 'joined' ORDER BY scope")
    return tuple(Join(scope=scope, cursor=cursor) for scope, cursor in found)


def confirm(db: sqlite3.Connection, sent: Sequence[Join]) -> None:
    """The server has these joins and goes on by the feed."""
    for join in sent:
        db.execute(
            "UPDATE scope SET state = 'held', joined = NULL WHERE scope = ? AND state = 'joined' AND joined = ?",
            (join.scope, join.cursor),
        )


def wanted(db: sqlite3.Connection) -> list[Wanted]:
    """Scopes to be fetched by snapshot, in the order of their names."""
    found = db.execute("SELECT scope, after, types FROM scope WHERE state IN ('new', 'stale') ORDER BY scope")
    return [
        Wanted(
            scope=scope, after=after, types=None if types is None else msgspec.json.decode(types, type=tuple[str, ...])
        )
        for scope, after, types in found
    ]


def take_page(db: sqlite3.Connection, scope: str, page: SnapshotPage) -> bool:
    """The page is stored and marked; after the last page what no page brought is gone, and the scope is `joined`.

    True where something was erased. A page of a scope that is not wanted any more is left aside.
    """
    found = db.execute(
        "SELECT mark, types FROM scope WHERE scope = ? AND state IN ('new', 'stale')", (scope,)
    ).fetchone()
    if found is None:
        return False
    mark, types = found
    for row in page.rows:
        _put(db, Row(scope=scope, type=row.type, id=row.id, rev=row.rev, body=bytes(row.body)), mark)
    if page.join is UNSET:
        db.execute("UPDATE scope SET state = 'stale', after = ? WHERE scope = ?", (page.after, scope))
        return False
    only = None if types is None else set(msgspec.json.decode(types, type=list[str]))
    has_erased = False
    for (type_,) in db.execute("SELECT DISTINCT type FROM pulled WHERE scope = ?", (scope,)).fetchall():
        if only is None or type_ in only:
            sweep = "DELETE FROM pulled WHERE scope = ? AND type = ? AND mark != ?"
            has_erased |= db.execute(sweep, (scope, type_, mark)).rowcount > 0
    db.execute(
        "UPDATE scope SET state = 'joined', types = NULL, after = NULL, joined = ? WHERE scope = ?", (page.join, scope)
    )
    return has_erased


def rows(db: sqlite3.Connection, type_: str) -> list[Row]:
    """The newest row of each thing of this type, in the order of their ids."""
    found = db.execute(
        "SELECT scope, type, id, max(rev), body FROM pulled WHERE type = ? GROUP BY id ORDER BY id", (type_,)
    )
    return [Row(scope=scope, type=kind, id=id_, rev=rev, body=body) for scope, kind, id_, rev, body in found]


def _put(db: sqlite3.Connection, row: Row, mark: int | None = None) -> None:
    # A row that comes by the feed while a snapshot runs belongs to it: the sweep must not take it.
    if mark is None:
        found = db.execute("SELECT mark FROM scope WHERE scope = ?", (row.scope,)).fetchone()
        mark = found[0] if found else 0
    db.execute(
        "INSERT INTO pulled (scope, type, id, rev, body, mark) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (scope, type, id) DO UPDATE SET mark = excluded.mark,"
        " body = CASE WHEN excluded.rev >= rev THEN excluded.body ELSE body END, rev = max(rev, excluded.rev)",
        (row.scope, row.type, row.id, row.rev, row.body, mark),
    )
