"""The SQLite file under a journal: its tables, its one connection, its transactions.

WAL with `synchronous=FULL`: COMMIT returns after fsync. `locking_mode=EXCLUSIVE` keeps other processes out for as long
as the connection lives. `secure_delete` overwrites what is erased; a checkpoint carries that into the file.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Final, Self

from sync.errors import JournalDamaged, JournalFailed, JournalFull, JournalInUse

# Raised with each change of the tables; a file of another version is not opened.
VERSION: Final = 1

# `former` keeps the headers of earlier incarnations; `ack` notes when the server had acknowledged up to a seq.
TABLES: Final = """
CREATE TABLE journal (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    source TEXT NOT NULL, incarnation INTEGER NOT NULL, genesis BLOB NOT NULL,
    head_seq INTEGER NOT NULL DEFAULT 0, head BLOB NOT NULL,
    acked INTEGER NOT NULL DEFAULT 0, durable INTEGER, erased INTEGER NOT NULL DEFAULT 0,
    epoch TEXT NOT NULL DEFAULT '', cursor TEXT,
    standing TEXT NOT NULL DEFAULT 'open' CHECK (standing IN ('open', 'frozen', 'revoked')),
    standing_reason TEXT NOT NULL DEFAULT '', standing_seq INTEGER NOT NULL DEFAULT 0,
    standing_since TEXT NOT NULL DEFAULT '',
    tries_seq INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0, leased_at TEXT NOT NULL DEFAULT ''
);
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, v INTEGER NOT NULL,
    recorded_at TEXT NOT NULL, media TEXT NOT NULL, commitment TEXT NOT NULL, hash BLOB NOT NULL,
    salt BLOB, body BLOB, files BLOB
);
CREATE TABLE former (
    incarnation INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, v INTEGER NOT NULL,
    recorded_at TEXT NOT NULL, media TEXT NOT NULL, commitment TEXT NOT NULL, hash BLOB NOT NULL,
    PRIMARY KEY (incarnation, seq)
) WITHOUT ROWID;
CREATE INDEX former_id ON former (id);
CREATE TABLE verdict (seq INTEGER PRIMARY KEY, verdict BLOB NOT NULL);
CREATE TABLE ack (seq INTEGER PRIMARY KEY, at TEXT NOT NULL);
CREATE TABLE pulled (
    scope TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL, rev INTEGER NOT NULL, body BLOB NOT NULL,
    mark INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (scope, type, id)
) WITHOUT ROWID;
CREATE INDEX pulled_thing ON pulled (type, id);
CREATE TABLE scope (
    scope TEXT PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('new', 'stale', 'joined', 'held')),
    types BLOB, after TEXT, joined TEXT, mark INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""


class Store:
    """One open journal file. Many threads, one transaction at a time."""

    def __init__(self, path: Path) -> None:
        """Use `create` or `open`."""
        self.path = path
        self._lock = RLock()
        self._db = _connect(path)

    @classmethod
    def create(cls, path: Path, source: str, incarnation: int, genesis: bytes) -> Self:
        """A new file at `path`, readable by this user only; it appears whole or not at all.

        Raises:
            FileExistsError: there is one already.
        """
        if path.exists():
            raise FileExistsError(path)
        draft = path.with_name(f".{path.name}.new")
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        db = sqlite3.connect(draft, isolation_level=None)
        db.execute(f"PRAGMA user_version={VERSION}")
        db.executescript(f"BEGIN;{TABLES}COMMIT;")
        db.execute(
            "INSERT INTO journal (one, source, incarnation, genesis, head) VALUES (1, ?, ?, ?, ?)",
            (source, incarnation, genesis, genesis),
        )
        db.close()
        draft.rename(path)
        _sync_folder(path.parent)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The file at `path`, locked against every other process.

        Raises:
            FileNotFoundError: there is none.
            JournalInUse: another process, or another object of this one, has it open.
            JournalDamaged: it is no journal of this version.
        """
        if not path.exists():
            raise FileNotFoundError(path)
        store = cls(path)
        try:
            store._prepare()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Nothing is open any more; everything was on disk before."""
        with self._lock:
            self._db.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, with no writer in between."""
        with self._lock:
            yield self._db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; on disk once the block is left without an error.

        Raises:
            JournalFull: no room on the disk.
            JournalFailed: any other failure of the disk, after which nothing is known.
        """
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                self._roll_back()
                if isinstance(error, sqlite3.OperationalError):
                    raise _translate(error) from error
                raise

    def flush(self) -> None:
        """What was erased is gone from the write-ahead log too.

        Raises:
            JournalFull, JournalFailed: it is erased for readers, but its bytes may still be on the disk.
        """
        with self._lock:
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError as error:
                raise _translate(error) from error

    def _prepare(self) -> None:
        try:
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
            self._db.execute("PRAGMA journal_mode=WAL").fetchall()
            for pragma in ("synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
                self._db.execute(f"PRAGMA {pragma}").fetchall()
            # The first write takes the lock that the exclusive mode then keeps.
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("COMMIT")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.OperationalError as error:
            if _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise JournalInUse(f"{self.path.name} is open elsewhere") from error
            raise _translate(error) from error
        except sqlite3.DatabaseError as error:
            raise JournalDamaged(0, f"{self.path.name} is no journal") from error
        if version != VERSION:
            raise JournalDamaged(0, f"{self.path.name} has version {version}, not {VERSION}")

    def _roll_back(self) -> None:
        # A transaction that cannot even be rolled back stays open and makes every later one fail: that is right.
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


def _code(error: sqlite3.Error) -> int:
    return error.sqlite_errorcode & 0xFF


def _translate(error: sqlite3.OperationalError) -> JournalFull | JournalFailed:
    # A quota shows as a failed write, a full disk as SQLITE_FULL; a failed fsync is neither.
    if _code(error) == sqlite3.SQLITE_FULL or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_WRITE:
        return JournalFull("no room on the disk")
    return JournalFailed(error.sqlite_errorname)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
