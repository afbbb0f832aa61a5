"""Writing the log: leaves in the writers' transactions, then numbers, then a signature.

writers ──append──► log_queue ──sequence──► log_leaf, log_tile, log_tree ──publish──► log_checkpoint
  (no lock, any number)        (one at a time for a town)                  (after the commit)
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Engine, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from backend.db import Bulk, later, sessions_of
from backend.fields import Actor
from backend.log import note, queries, rules
from backend.log.canonical import Json, canonical, instant
from backend.log.keys import LogKeys
from backend.log.rules import EMPTY_ROOT, TileMissing
from backend.log.tables import CheckpointRow, LeafRow, PrivateRow, QueueRow, RecordRow, TileRow, TreeRow
from sync.envelope import sign
from sync.keys import SourceKey

# Leaves in one transaction of the sequencer: an open write stalls the feed, so it stays near 50 ms.
BATCH: Final = 2000
# How often one call of `sequence_all` goes round all towns, so that a sweep ends even while leaves keep coming.
ROUNDS: Final = 50
# design/evidence.md 4: checkpoints at most each second.
PUBLISH_EVERY: Final = timedelta(seconds=1)
# design/evidence.md 3.
SALT_BYTES: Final = 16
SHARED_MEMBERS: Final = frozenset(
    ("v", "kind", "id", "town", "at", "subject", "prev", "software", "keyid", "commitment")
)

_QUEUE: Final = Bulk(QueueRow, ["town", "leaf"])
_LEAVES: Final = Bulk(LeafRow, ["town", "index", "leaf"])
_TILES: Final = Bulk(
    TileRow,
    ["town", "level", "index", "hashes"],
    on_conflict="ON CONFLICT (town, level, index) DO UPDATE SET hashes = excluded.hashes",
)


class TreeDamaged(Exception):
    """Tiles, tree and checkpoints of a town contradict each other: nothing is numbered or signed until a person looks.

    Going on would make us sign a fork. The arguments say where, and hold both roots.
    """


class Recorded(NamedTuple):
    """A record that is in the transaction."""

    id: UUID
    #: SHA-256 of its public part: its leaf, and `prev` of the next record about the same subject.
    hash: bytes


def append(session: Session, leaf_sha256: bytes) -> None:
    """The leaf gets an index once this transaction is committed, and none if it is not.

    All leaves of a transaction are written by one statement before its end, in this order. A leaf whose transaction
    began after another's commit gets a higher index than that one's.
    """
    later(session, _QUEUE, (session.info["town"], leaf_sha256))


def record(
    session: Session,
    actor: Actor,
    kind: str,
    subject: str,
    public: Mapping[str, Json],
    *,
    private: Mapping[str, Json] | None = None,
    now: datetime,
    new_id: Callable[[], UUID],
    software: str,
    key: SourceKey | None = None,
    new_salt: Callable[[int], bytes] = secrets.token_bytes,
) -> Recorded:
    """What happened to `subject` is recorded, chained to the record before it, and on its way into the log.

    The public part stays for ever: it MUST NOT hold anything personal. The private part, to which the acting person
    or source is added, can be erased by itself; only its commitment is public. Records about one subject are written
    one after another: a second transaction waits here for the first.

    `kind` is one of design/evidence.md 3, e.g. `clip.received`; `subject` the item's name, at most 200 characters,
    without personal data; `public` has members beside those of every record, `private` reason, free text and the
    like. `now` is aware and kept to the millisecond. `software` is name and version of what writes. `key` signs the
    record as a DSSE envelope and is named in it; without one `keyid` is null and there is no envelope.

    Raises:
        NotCanonical: a value is outside the profile of `canonical`.
        ValueError: `public` uses the name of a member that every record has.
    """
    if taken := SHARED_MEMBERS & public.keys():
        raise ValueError(f"members of every record: {sorted(taken)}")
    session.execute(select(func.pg_advisory_xact_lock(_lock("log.record", actor.town, subject))))
    last = session.execute(
        select(RecordRow.position, RecordRow.hash)
        .where(RecordRow.subject == subject)
        .order_by(RecordRow.position.desc())
        .limit(1)
    ).one_or_none()
    row = {"town": actor.town, "id": new_id()}
    body, salt = _private_body(actor, private), new_salt(SALT_BYTES)
    content = canonical(
        dict(public)
        | {"v": 1, "kind": kind, "id": str(row["id"]), "town": str(actor.town), "at": instant(now), "subject": subject}
        | {
            "prev": last.hash.hex() if last else None,
            "software": software,
            "keyid": key.spki_sha256.hex() if key else None,
        }
        | ({"commitment": sha256(salt + body).hexdigest()} if body else {})
    )
    position = last.position + 1 if last else 1
    session.execute(
        insert(RecordRow).values(
            **row,
            kind=kind,
            at=now,
            subject=subject,
            position=position,
            public=content,
            signature=sign(key, content) if key else None,
        )
    )
    if body:
        session.execute(insert(PrivateRow).values(**row, salt=salt, body=body))
    leaf = sha256(content).digest()
    append(session, leaf)
    return Recorded(row["id"], leaf)


class Link(NamedTuple):
    """A record in an item's chain of custody, with its private part as far as it was not erased."""

    id: UUID
    kind: str
    at: datetime
    hash: bytes
    body: bytes | None


def chain(session: Session, subject: str) -> list[Link]:
    """All records about `subject`, in the order of its chain of custody."""
    row, private = RecordRow, PrivateRow
    found = session.execute(
        select(row.id, row.kind, row.at, row.hash, private.body)
        .outerjoin(private, (private.town == row.town) & (private.id == row.id))
        .where(row.subject == subject)
        .order_by(row.position)
    )
    return [Link(*one) for one in found]


def count(session: Session, subject: str) -> int:
    """How many records there are about `subject`."""
    return session.scalars(select(func.count()).where(RecordRow.subject == subject)).one()


def erase(session: Session, subject: str, kinds: Sequence[str]) -> int:
    """Who, why and in which words is gone from the records of these kinds about `subject`; how many had it.

    Their public parts, hashes and leaves stay, so chain and tree still verify.
    """
    ids = select(RecordRow.id).where(RecordRow.subject == subject, RecordRow.kind.in_(kinds))
    gone = session.scalars(
        delete(PrivateRow)
        .where(PrivateRow.id.in_(ids))
        .returning(PrivateRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())


def _private_body(actor: Actor, private: Mapping[str, Json] | None) -> bytes:
    """Who and why; no bytes if there is nothing to say."""
    who = {name: str(value) for name, value in (("person", actor.person), ("source", actor.source)) if value}
    return canonical({**(private or {}), **who}) if who or private else b""


def sequence(session: Session, *, now: datetime, most: int = BATCH) -> int:
    """Up to `most` committed leaves of the session's town have the next indexes, and the tree holds them.

    Returns how many: 0 if none wait, or if another transaction is at it. Indexes have no gaps. Killed at any moment
    it has done all of this or nothing, and the leaves still wait.

    Raises:
        TreeDamaged: the tiles at the tree's edge do not make its root.
    """
    town: UUID = session.info["town"]
    if not _begin_sequencing(session, town):
        return 0
    # Read, compute, and only then write: the transaction holds up the feed from its first write on.
    waiting = session.execute(select(QueueRow.id, QueueRow.leaf).order_by(QueueRow.id).limit(most)).all()
    if not waiting:
        return 0
    tree = session.execute(select(TreeRow.size, TreeRow.root)).one_or_none()
    old, root = tree or (0, EMPTY_ROOT)
    edge = queries.tiles(session, rules.edge_of(old))
    _check_root(old, edge, root)
    changed = rules.grown(old, edge, [rules.leaf_hash(leaf) for _, leaf in waiting])
    new = old + len(waiting)
    _LEAVES.write(session, [(town, old + n, leaf) for n, (_, leaf) in enumerate(waiting)])
    _TILES.write(session, [(town, *tile, hashes) for tile, hashes in changed.items()])
    _move_tree(session, old, new, rules.root_of(new, edge | changed), now)
    # The bounds let PostgreSQL walk the key, where without statistics it would read a whole backlog for each batch.
    session.connection().exec_driver_sql(
        "DELETE FROM log_queue WHERE town = %s AND id BETWEEN %s AND %s AND id = ANY(%s)",
        (town, waiting[0].id, waiting[-1].id, [row.id for row in waiting]),
    )
    return len(waiting)


def _begin_sequencing(session: Session, town: UUID) -> bool:
    """Whether this transaction alone numbers the town's leaves, until it ends."""
    # A queue that is empty most of the time has no statistics, and PostgreSQL would read and sort a whole backlog for
    # each batch (27 ms of 100,000 rows). Without sorts it walks the key (0.4 ms of any number).
    return bool(
        session.scalar(
            select(
                func.pg_try_advisory_xact_lock(_lock("log.sequence", town)), func.set_config("enable_sort", "off", True)
            )
        )
    )


def _move_tree(session: Session, old: int, new: int, root: bytes, now: datetime) -> None:
    values = {"size": new, "root": root, "updated_at": now}
    moved = session.execute(
        upsert(TreeRow)
        .values(town=session.info["town"], **values)
        .on_conflict_do_update(index_elements=["town"], set_=values, where=TreeRow.size == old)
        .returning(TreeRow.size)
    ).one_or_none()
    if moved is None:
        raise TreeDamaged("the tree moved under the sequencer's lock", old)


def publish(session: Session, keys: LogKeys, domain: str, *, now: datetime) -> str | None:
    """The tree that was committed before is signed: the new checkpoint, or None if there is nothing new to sign.

    Not more than once a second. Before it signs, it proves to itself that the tree extends the last checkpoint:
    what we signed once binds us.

    Raises:
        TreeDamaged: the tree does not extend what was signed; nothing is signed.
    """
    tree = session.execute(select(TreeRow.size, TreeRow.root)).one_or_none()
    last = queries.newest_checkpoint(session)
    if tree is None or (last and (last.size == tree.size or timedelta(0) <= now - last.at < PUBLISH_EVERY)):
        return None
    _check_extends(session, last, tree.size, tree.root)
    origin = note.origin_of(domain)
    signed = note.sign(str(note.Checkpoint(origin, tree.size, tree.root)), keys.signers(origin))
    # Two may sign the same tree at once: the first row stands, and both are true.
    values = {"town": session.info["town"], "size": tree.size, "note": signed, "at": now}
    session.execute(upsert(CheckpointRow).values(values).on_conflict_do_nothing())
    return signed


def sequence_all(
    engine: Engine,
    keys: LogKeys,
    *,
    domain_of: Callable[[Session], str],
    now: Callable[[], datetime],
    rounds: int = ROUNDS,
) -> int:
    """Every town's committed leaves are numbered and each tree that grew is published; returns how many leaves.

    For the worker's loop and for the sweep; they may run at once. Each batch and each checkpoint is a transaction of
    its own. Ends when a round found nothing to number, or after `rounds` of one batch for each town.
    `domain_of` is asked in a transaction of the town.

    Raises:
        ExceptionGroup: of TreeDamaged, one for each damaged town, after all others were served.
    """
    damaged: dict[UUID, TreeDamaged] = {}
    total = 0
    for _ in range(rounds):
        numbered = 0
        for town in towns_waiting(engine):
            if town in damaged:
                continue
            try:
                numbered += _serve(engine, town, keys, domain_of, now)
            except TreeDamaged as error:
                error.add_note(f"town {town}")
                damaged[town] = error
        total += numbered
        if not numbered:
            break
    if damaged:
        raise ExceptionGroup("logs that contradict themselves", list(damaged.values()))
    return total


def _serve(
    engine: Engine, town: UUID, keys: LogKeys, domain_of: Callable[[Session], str], now: Callable[[], datetime]
) -> int:
    sessions = sessions_of(engine, town)
    with sessions.begin() as session:
        numbered = sequence(session, now=now())
    with sessions.begin() as session:
        publish(session, keys, domain_of(session), now=now())
    return numbered


def towns_waiting(engine: Engine) -> list[UUID]:
    """The towns with leaves that have no index, or with a tree that was not published."""
    with sessions_of(engine, None).begin() as session:
        return list(session.scalars(select(func.log_towns_waiting().column_valued())))


def _check_extends(session: Session, last: CheckpointRow | None, size: int, root: bytes) -> None:
    if last is None:
        _check_root(size, queries.tiles(session, rules.edge_of(size)), root)
        return
    signed = note.parse_checkpoint(last.note.rpartition("\n\n")[0] + "\n")
    try:
        path = queries.consistency_path(session, signed.size, size) if signed.size <= size else []
    except TileMissing as error:
        raise TreeDamaged(*error.args) from error
    if not rules.verify_consistency(signed.size, size, path, signed.root, root):
        raise TreeDamaged("the tree does not extend what was signed", signed.size, signed.root.hex(), size, root.hex())


def _check_root(size: int, edge: rules.Tiles, root: bytes) -> None:
    try:
        found = rules.root_of(size, edge)
    except TileMissing as error:
        raise TreeDamaged(*error.args) from error
    if found != root:
        raise TreeDamaged("the tiles do not make the tree's root", size, found.hex(), root.hex())


def _lock(purpose: str, town: UUID, subject: str = "") -> int:
    """A number for an advisory lock of PostgreSQL; that two share one is as likely as any collision in 64 bits."""
    return int.from_bytes(sha256(f"{purpose}\n{town}\n{subject}".encode()).digest()[:8], "big", signed=True)
