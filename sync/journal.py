"""A source's journal in SQLite: what is recorded, what was acknowledged, what was pulled (design/sync.md 1, 2 and 6).

recorded ──settle──► acknowledged ──horizon──► erased (header and hash stay)
    ▲                     │
    └──── new epoch, gap ─┘
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from sync import ledger, pulled
from sync.entry import SALT_SIZE, Entry, chain_hash, format_instant, genesis_hash, header, parse_instant
from sync.entry import commitment as commit
from sync.errors import IdReused, JournalDamaged, JournalFrozen, JournalFull
from sync.exchange import MAX_ENTRIES, MAX_PLAIN, ExchangeResponse, Join, Verdict, WireEntry
from sync.ledger import Draft, State
from sync.store import Store

# Room for what an orderly shutdown, a log and the next checkpoint still need.
RESERVE_BYTES: Final = 64 * 1024 * 1024
# Where the server has no verified backup, acknowledged entries are kept this long (design/sync.md 4.2).
KEPT_WITHOUT_BACKUP: Final = timedelta(days=7)
# Of a request's plain bytes, what scopes, joins and the rest of the envelope may need.
ENVELOPE_BYTES: Final = 64 * 1024

RandomBytes = Callable[[int], bytes]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Entries to be sent: `prev` is the hash before the first, `head` the one of the last.

    `tries` is how often a request that began with the first was sent whole and not answered in order.
    """

    prev: bytes
    entries: tuple[WireEntry, ...]
    head: bytes
    tries: int


class Place(NamedTuple):
    """Where an entry stands in a chain: what the server's records name it by. `hash` has 32 bytes, `media` are hex."""

    incarnation: int
    seq: int
    hash: bytes
    media: tuple[str, ...]


class Journal:
    """One source's journal. Many threads, one process. What returned is on disk; what raised was not written."""

    def __init__(self, store: Store, reserve_bytes: int, random_bytes: RandomBytes) -> None:
        """Use `create` or `open`."""
        self._store = store
        self._reserve_bytes = reserve_bytes
        self._random_bytes = random_bytes

    @classmethod
    def create(
        cls,
        path: Path,
        source: str,
        incarnation: int,
        spki_sha256: bytes,
        *,
        reserve_bytes: int = RESERVE_BYTES,
        random_bytes: RandomBytes = os.urandom,
    ) -> Self:
        """An empty journal at `path` whose genesis names source, incarnation and the key behind `spki_sha256`.

        Raises:
            FileExistsError: there is a file already; it was not touched.
        """
        genesis = genesis_hash(source, incarnation, spki_sha256)
        return cls(Store.create(path, source, incarnation, genesis), reserve_bytes, random_bytes)

    @classmethod
    def open(cls, path: Path, *, reserve_bytes: int = RESERVE_BYTES, random_bytes: RandomBytes = os.urandom) -> Self:
        """The journal at `path`; the chain of what is not yet acknowledged was verified.

        Raises:
            FileNotFoundError: there is none.
            JournalInUse: it is open elsewhere.
            JournalDamaged: it is no journal, or its chain does not verify.
        """
        journal = cls(Store.open(path), reserve_bytes, random_bytes)
        try:
            journal.verify(after=journal.state().acked)
        except BaseException:
            journal.close()
            raise
        return journal

    def close(self) -> None:
        """Another process may open it; everything was on disk before."""
        self._store.close()

    def append(self, draft: Draft) -> Entry:
        """`draft` is this journal's newest entry, chained and on disk; only now may anybody be told "recorded".

        The body is kept byte for byte. `seq` follows its predecessor by one and is never given twice, not even after
        a power cut. Repeating a draft returns the stored entry; once its body is erased, only kind, version, time and
        number of files are compared. Many threads, one process for each journal.

        Raises:
            InvalidEntry: a field breaks design/sync.md 2.1; it is named.
            IdReused: this id was stored with other content; the error carries both digests.
            JournalFull: less than `reserve_bytes` is left on the disk; nothing was written.
            SourceRevoked: the town revoked this source.
        """
        return self.append_many((draft,))[0]

    def append_many(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        """All of `drafts` are recorded in this order, as if by `append`, with one fsync; or, where it raises, none."""
        for draft in drafts:
            ledger.check_body(draft.body)
        self._check_room()
        with self._store.transaction() as db:
            state = ledger.state(db)
            ledger.check_may_record(state)
            writer = ledger.Writer(db, state.head_seq, state.head)
            entries: list[Entry] = []
            for draft in drafts:
                found = ledger.find(db, draft.id)
                entries.append(_repeated(draft, *found) if found else writer.add(draft, self._random_bytes(SALT_SIZE)))
            writer.finish()
        return tuple(entries)

    def renew(self, incarnation: int, spki_sha256: bytes) -> int:
        """A new incarnation with a new key follows the old one, open; returns with how many entries it begins.

        Every entry not known to be durable is appended again with a new `seq`, but its own id, time, salt and body.
        The headers of the old chain stay as evidence.

        Raises:
            ValueError: `incarnation` is not higher than the present one.
        """
        with self._store.transaction() as db:
            old = ledger.state(db)
            if incarnation <= old.incarnation:
                raise ValueError(f"incarnation {incarnation} does not follow {old.incarnation}")
            carried = [item for item in ledger.stored(db, old.durable or 0) if item.salt is not None]
            genesis = genesis_hash(old.source, incarnation, spki_sha256)
            ledger.begin_incarnation(db, old, incarnation, genesis)
            writer = ledger.Writer(db, 0, genesis)
            for item in carried:
                writer.add(ledger.draft(item), item.salt or b"")
            writer.finish()
        return len(carried)

    def pending(
        self, limit: int = MAX_ENTRIES, max_bytes: int = MAX_PLAIN - ENVELOPE_BYTES, *, after: int | None = None
    ) -> Batch | None:
        """The oldest entries that the server has not acknowledged, at least one, at most `limit`; None without any.

        Written as JSON they take at most `max_bytes`, unless the first alone takes more. With `after` they are those
        behind that entry, as if the server had it.

        Raises:
            JournalFrozen: nothing may be sent; also where an entry's body is gone (`gone`), which freezes.
            SourceRevoked: nothing may be sent.
        """
        with self._store.reading() as db:
            state = ledger.state(db)
            ledger.check_may_send(state)
            start = state.acked if after is None else after
            found = list(ledger.stored(db, start, limit))
            if not found:
                return None
            prev = ledger.hash_at(db, start)
            tries = ledger.tries(db, start + 1)
        if found[0].salt is None:
            self.freeze("gone", start + 1)
            raise JournalFrozen("gone", start + 1)
        entries: list[WireEntry] = []
        room = max_bytes
        for item in found:
            # Escaping can double a body and no more, as valid JSON holds no control characters but white space.
            room -= 2 * len(item.body or b"") + len(item.files or b"") + 512
            if entries and room < 0:
                break
            entries.append(ledger.wire(item))
        return Batch(prev=prev, entries=tuple(entries), head=found[len(entries) - 1].hash, tries=tries)

    def count_failure(self, seq: int) -> None:
        """One more request that began with entry `seq` was sent whole and not answered in order."""
        with self._store.transaction() as db:
            db.execute("UPDATE journal SET tries = ?, tries_seq = ?", (ledger.tries(db, seq) + 1, seq))

    def settle(self, answer: ExchangeResponse, *, joined: Sequence[Join] = ()) -> None:
        """Verdicts, horizon, changes, resets and cursor of an answer took effect, all of them or none.

        `joined` are the joins that the request carried. A new epoch makes the server's `last_seq` true, also where it
        is lower, and every scope wanted. A `last_seq` beyond this journal's head proves a clone or a restored copy and
        freezes it as `fork`.
        """
        with self._store.transaction() as db:
            old = ledger.state(db)
            if old.epoch not in {"", answer.epoch}:
                ledger.rewind(db, answer.last_seq)
                pulled.reset_all(db)
                old = ledger.state(db)
            acked = min(max(answer.last_seq, old.acked), old.head_seq)
            if acked > old.acked:
                db.execute("INSERT OR REPLACE INTO ack (seq, at) VALUES (?, ?)", (acked, answer.now))
            db.executemany(
                "INSERT OR REPLACE INTO verdict (seq, verdict) VALUES (?, ?)",
                [(verdict.seq, msgspec.json.encode(verdict)) for verdict in answer.verdicts],
            )
            pulled.confirm(db, joined)
            has_erased = pulled.apply(db, answer.changes)
            has_erased |= pulled.reset(db, answer.resets)
            cursor = old.cursor if answer.cursor is msgspec.UNSET else answer.cursor
            db.execute(
                "UPDATE journal SET acked = ?, durable = ?, epoch = ?, cursor = ?",
                (acked, answer.durable_seq, answer.epoch, cursor),
            )
            if answer.last_seq > old.head_seq:
                ledger.freeze(db, "fork", answer.last_seq)
        if has_erased:
            self._store.flush()

    def rewind(self, expected: int) -> None:
        """The server wants entries from `expected` on again (stop `gap`); `pending` begins there."""
        with self._store.transaction() as db:
            ledger.rewind(db, expected - 1)

    def horizon(self, now: datetime) -> int:
        """Bodies, salts and file hashes that nobody needs from here are erased, on disk too; returns for how many.

        Those are the entries that a backup of the server holds or, while it has none (`durable` is None), those
        acknowledged more than seven days before `now`. `now` is the server's clock, so that a jump of ours erases
        nothing. Header and hash stay: the chain still verifies.
        """
        with self._store.transaction() as db:
            state = ledger.state(db)
            if state.durable is not None:
                limit = min(state.durable, state.acked)
            else:
                before = format_instant(now - KEPT_WITHOUT_BACKUP)
                limit = db.execute("SELECT coalesce(max(seq), 0) FROM ack WHERE at < ?", (before,)).fetchone()[0]
            if limit <= state.erased:
                return 0
            erase = "UPDATE entry SET salt = NULL, body = NULL, files = NULL WHERE seq > ? AND seq <= ?"
            erased = db.execute(erase, (state.erased, limit)).rowcount
            db.execute("UPDATE journal SET erased = ?", (limit,))
            db.execute("DELETE FROM ack WHERE seq < ?", (limit,))
        self._store.flush()
        return erased

    def freeze(self, reason: str, seq: int) -> None:
        """Nothing is sent until `renew`; recording goes on, as a panel's alarm must not wait for an administrator."""
        with self._store.transaction() as db:
            ledger.freeze(db, reason, seq)

    def revoke(self, since: str, reason: str) -> None:
        """The journal is locked, pulled rows are gone from the disk, unsent entries are kept."""
        with self._store.transaction() as db:
            lock = "UPDATE journal SET standing = 'revoked', standing_since = ?, standing_reason = ?, cursor = NULL"
            db.execute(lock, (since, reason))
            pulled.erase_all(db)
        self._store.flush()

    def lease_instant(self, now: datetime) -> str:
        """`now` as text for a lease request, later than any given before, also when the clock was set back."""
        with self._store.transaction() as db:
            last = db.execute("SELECT leased_at FROM journal").fetchone()[0]
            text = format_instant(now)
            if text <= last:
                text = format_instant(parse_instant(last) + timedelta(milliseconds=1))
            db.execute("UPDATE journal SET leased_at = ?", (text,))
        return text

    def state(self) -> State:
        """Where the journal stands now."""
        with self._store.reading() as db:
            return ledger.state(db)

    def entries(self, after: int = 0, limit: int = MAX_ENTRIES) -> list[Entry]:
        """Entries of this incarnation behind `after`, in order."""
        with self._store.reading() as db:
            return [item.entry for item in ledger.stored(db, after, limit)]

    def drafts(self, after: int = 0, limit: int = MAX_ENTRIES) -> list[tuple[int, Draft]]:
        """What was recorded behind `after`, each with its `seq`, in order, without those whose bodies are erased."""
        with self._store.reading() as db:
            return [(item.entry.seq, ledger.draft(item)) for item in ledger.stored(db, after, limit) if item.salt]

    def places(self, id_: str) -> tuple[Place, ...]:
        """Where the entry stands, first in this incarnation, then in earlier ones; they stay when bodies are erased."""
        with self._store.reading() as db:
            return tuple(Place(*place) for place in ledger.places(db, id_))

    def verdict(self, seq: int) -> Verdict | None:
        """What the server said about an entry, if it was anything but `accepted`."""
        with self._store.reading() as db:
            found = db.execute("SELECT verdict FROM verdict WHERE seq = ?", (seq,)).fetchone()
        return None if found is None else msgspec.json.decode(found[0], type=Verdict)

    def rows(self, type_: str) -> list[pulled.Row]:
        """The newest row of each thing of this type that the server sent, in the order of their ids."""
        with self._store.reading() as db:
            return pulled.rows(db, type_)

    def holds(self) -> tuple[str, ...]:
        """Scopes of which anything may be on this device."""
        with self._store.reading() as db:
            return pulled.holds(db)

    def joins(self) -> tuple[Join, ...]:
        """Snapshots that are complete and not yet confirmed to the server."""
        with self._store.reading() as db:
            return pulled.joins(db)

    def wanted(self) -> list[pulled.Wanted]:
        """Scopes to be fetched by snapshot."""
        with self._store.reading() as db:
            return pulled.wanted(db)

    def take_page(self, scope: str, page: pulled.SnapshotPage) -> None:
        """A page of a snapshot is stored; the last one sweeps what no page brought."""
        with self._store.transaction() as db:
            has_erased = pulled.take_page(db, scope, page)
        if has_erased:
            self._store.flush()

    def verify(self, after: int = 0) -> None:
        """Every entry behind `after` chains onto its predecessor up to the head, and bodies still here match.

        Raises:
            JournalDamaged: names the first entry that does not.
        """
        with self._store.reading() as db:
            state = ledger.state(db)
            seq, hash_ = after, ledger.hash_at(db, after)
            for item in ledger.stored(db, after):
                seq += 1
                hash_ = chain_hash(hash_, header(item.entry))
                if item.entry.seq != seq or hash_ != item.hash:
                    raise JournalDamaged(seq, "does not chain onto its predecessor")
                if item.salt is not None and commit(item.salt, item.body or b"") != item.entry.commitment:
                    raise JournalDamaged(seq, "the body is not the one that was recorded")
            if (seq, hash_) != (state.head_seq, state.head):
                raise JournalDamaged(seq + 1, "the chain does not end at the head")

    def _check_room(self) -> None:
        disk = os.statvfs(self._store.path.parent)
        if disk.f_bavail * disk.f_frsize < self._reserve_bytes:
            raise JournalFull(f"less than {self._reserve_bytes} bytes are left on the disk")


def _repeated(draft: Draft, stored: Entry, salt: bytes | None) -> Entry:
    """`stored`, where `draft` is the same; with the salt erased only the open fields can be compared."""
    offered = ledger.build(stored.seq, draft, salt or b"")
    if salt is None and len(offered.media) == len(stored.media):
        offered = msgspec.structs.replace(offered, media=stored.media, commitment=stored.commitment)
    if offered != stored:
        digests = [sha256(header(entry)).hexdigest() for entry in (stored, offered)]
        raise IdReused(draft.id, *digests)
    return stored
