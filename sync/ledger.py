"""The journal's own tables: entries, head, acknowledgements. Every function works in the caller's transaction."""

# ruff: noqa: S608 (queries are put together from constants of this file only)

import sqlite3
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import msgspec

from sync.entry import Entry, base64url, chain_hash, check, check_private, commitment, header
from sync.errors import InvalidEntry, JournalFrozen, SourceRevoked
from sync.exchange import WireEntry, WireMedia, commit_media

HEADER: Final = "seq, id, kind, v, recorded_at, media, commitment"
_INSERT: Final = f"INSERT INTO entry ({HEADER}, hash, salt, body, files) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_decode_files: Final = msgspec.json.Decoder(tuple[WireMedia, ...]).decode
_decode_object: Final = msgspec.json.Decoder(dict[str, object]).decode
_encode: Final = msgspec.json.Encoder().encode


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recorded. `body` is UTF-8 of one JSON object and is never encoded again.

    Files named in `media` MUST be hashed, on disk and in their place before the draft is appended.
    """

    id: str
    kind: str
    v: int
    recorded_at: str
    body: bytes
    media: tuple[WireMedia, ...] = ()


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where a journal stands.

    Up to `acked` the server has the entries, up to `durable` a backup of it (None: it has no backup), up to `erased`
    bodies are gone here. `frozen` records and does not send; `revoked` does neither.
    """

    source: str
    incarnation: int
    genesis: bytes
    head_seq: int
    head: bytes
    acked: int
    durable: int | None
    erased: int
    epoch: str
    cursor: str | None
    standing: Literal["open", "frozen", "revoked"]
    standing_reason: str
    standing_seq: int
    standing_since: str


_STATE: Final = f"SELECT {', '.join(State.__struct_fields__)} FROM journal"


class Stored(NamedTuple):
    """An entry with its hash and, while it is not erased, salt, body and files."""

    entry: Entry
    hash: bytes
    salt: bytes | None
    body: bytes | None
    files: bytes | None


def state(db: sqlite3.Connection) -> State:
    """Where the journal stands in this transaction."""
    return State(**dict(zip(State.__struct_fields__, db.execute(_STATE).fetchone(), strict=True)))


def check_may_send(state: State) -> None:
    """Raises JournalFrozen or SourceRevoked where nothing may be sent."""
    check_may_record(state)
    if state.standing == "frozen":
        raise JournalFrozen(state.standing_reason, state.standing_seq)


def check_may_record(state: State) -> None:
    """Raises SourceRevoked where nothing may be recorded. A frozen journal records: an alarm waits for nobody."""
    if state.standing == "revoked":
        raise SourceRevoked(state.standing_since, state.standing_reason)


def check_body(body: bytes) -> None:
    """`body` is UTF-8 of one JSON object.

    Raises:
        InvalidEntry: names `body`.
    """
    try:
        _decode_object(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEntry("body", "not UTF-8 of one JSON object") from error


class Writer:
    """Appends to the chain within one transaction; `finish` writes the head, once."""

    def __init__(self, db: sqlite3.Connection, seq: int, head: bytes) -> None:
        """Goes on behind entry `seq` with hash `head`."""
        self._db, self._seq, self._head = db, seq, head

    def add(self, draft: Draft, salt: bytes) -> Entry:
        """`draft` is the newest entry of this transaction. Raises InvalidEntry."""
        entry = build(self._seq + 1, draft, salt)
        check_private(salt, draft.body)
        check(entry)
        self._head = chain_hash(self._head, header(entry))
        self._seq += 1
        fields = (entry.seq, entry.id, entry.kind, entry.v, entry.recorded_at, " ".join(entry.media), entry.commitment)
        self._db.execute(_INSERT, (*fields, self._head, salt, draft.body, _encode(draft.media)))
        return entry

    def finish(self) -> None:
        """The journal's head is the last entry added."""
        self._db.execute("UPDATE journal SET head_seq = ?, head = ?", (self._seq, self._head))


def build(seq: int, draft: Draft, salt: bytes) -> Entry:
    """The entry that `draft` is at `seq` with `salt`; not checked."""
    return Entry(
        seq=seq,
        id=draft.id,
        kind=draft.kind,
        v=draft.v,
        recorded_at=draft.recorded_at,
        media=commit_media(salt, draft.media),
        commitment=commitment(salt, draft.body),
    )


def stored(db: sqlite3.Connection, after: int, limit: int = -1) -> Iterator[Stored]:
    """Entries of this incarnation behind `after`, in order."""
    found = db.execute(
        f"SELECT {HEADER}, hash, salt, body, files FROM entry WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
    )
    return (Stored(_entry(row), *row[7:]) for row in found)


def find(db: sqlite3.Connection, id_: str) -> tuple[Entry, bytes | None] | None:
    """The newest entry with this id, of whatever incarnation, and its salt while it has one."""
    row = db.execute(f"SELECT {HEADER}, salt FROM entry WHERE id = ?", (id_,)).fetchone()
    if row is None:
        former = f"SELECT {HEADER}, NULL FROM former WHERE id = ? ORDER BY incarnation DESC LIMIT 1"
        row = db.execute(former, (id_,)).fetchone()
    return None if row is None else (_entry(row), row[7])


def places(db: sqlite3.Connection, id_: str) -> list[tuple[int, int, bytes, tuple[str, ...]]]:
    """Incarnation, seq, hash and media commitments of every entry with this id, the newest incarnation first."""
    query = (
        "SELECT (SELECT incarnation FROM journal), seq, hash, media FROM entry WHERE id = ? UNION ALL"
        " SELECT incarnation, seq, hash, media FROM former WHERE id = ? ORDER BY 1 DESC"
    )
    found = db.execute(query, (id_, id_))
    return [(incarnation, seq, hash_, tuple(media.split())) for incarnation, seq, hash_, media in found]


def hash_at(db: sqlite3.Connection, seq: int) -> bytes:
    """`hash[seq]`; the genesis for 0."""
    query = "SELECT hash FROM entry WHERE seq = ?" if seq else "SELECT genesis FROM journal WHERE 0 = ?"
    found: bytes = db.execute(query, (seq,)).fetchone()[0]
    return found


def wire(item: Stored) -> WireEntry:
    """The entry as it is sent; it MUST not be erased."""
    entry = item.entry
    return WireEntry(
        seq=entry.seq,
        id=entry.id,
        kind=entry.kind,
        v=entry.v,
        recorded_at=entry.recorded_at,
        media=_decode_files(item.files or b"[]"),
        salt=base64url(item.salt or b""),
        body=(item.body or b"").decode(),
    )


def draft(item: Stored) -> Draft:
    """What was recorded, to be appended again in a new incarnation; it MUST not be erased."""
    entry = item.entry
    return Draft(
        id=entry.id,
        kind=entry.kind,
        v=entry.v,
        recorded_at=entry.recorded_at,
        body=item.body or b"",
        media=_decode_files(item.files or b"[]"),
    )


def rewind(db: sqlite3.Connection, seq: int) -> None:
    """Nothing behind `seq` counts as acknowledged or judged."""
    db.execute("UPDATE journal SET acked = min(acked, ?)", (seq,))
    db.execute("DELETE FROM ack WHERE seq > ?", (seq,))
    db.execute("DELETE FROM verdict WHERE seq > ?", (seq,))


def freeze(db: sqlite3.Connection, reason: str, seq: int) -> None:
    """Nothing is sent until a new incarnation. The first reason stays; a revoked journal stays revoked."""
    db.execute(
        "UPDATE journal SET standing = 'frozen', standing_reason = ?, standing_seq = ? WHERE standing = 'open'",
        (reason, seq),
    )


def tries(db: sqlite3.Connection, seq: int) -> int:
    """How many counted failures began with entry `seq`."""
    found = db.execute("SELECT tries FROM journal WHERE tries_seq = ?", (seq,)).fetchone()
    return found[0] if found else 0


def begin_incarnation(db: sqlite3.Connection, old: State, incarnation: int, genesis: bytes) -> None:
    """The tables hold an empty, open chain behind `genesis`; the headers of the old one went to `former`."""
    db.execute(f"INSERT INTO former SELECT ?, {HEADER}, hash FROM entry", (old.incarnation,))
    for table in ("entry", "verdict", "ack"):
        db.execute(f"DELETE FROM {table}")
    db.execute(
        "UPDATE journal SET incarnation = ?, genesis = ?, acked = 0, durable = NULL, erased = 0, standing = 'open',"
        " standing_reason = '', standing_seq = 0, standing_since = '', tries_seq = 0, tries = 0",
        (incarnation, genesis),
    )


def _entry(row: tuple[int, str, str, int, str, str, str]) -> Entry:
    seq, id_, kind, v, recorded_at, media, digest = row[:7]
    return Entry(
        seq=seq, id=id_, kind=kind, v=v, recorded_at=recorded_at, media=tuple(media.split()), commitment=digest
    )
