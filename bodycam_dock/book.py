"""What a dock knows besides its journal: cameras and their counting, clips on their way, receipts, drafts to append.

    listed ──copied, entry──► recorded ──receipt──► received ──erased on the card──► cleared ──► (row gone)
       │                          ▲                     │
       └──gone uncopied──► gap    └── seen again        └── spool file goes once the server has it durably

SQLite in WAL with `synchronous=FULL`: what returned is on disk. Drafts stand here in the same transaction as the change
they tell of, and go to the journal afterwards; repeating that changes nothing, as the journal knows them by id.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from bodycam_dock.counting import Count, Known, Number
from bodycam_dock.errors import SettingsWrong, SpoolFull
from sync.bodies import CameraClock
from sync.ledger import Draft

VERSION: Final = 1
Stage = Literal["listed", "recorded", "received", "cleared"]
# Numbers of a camera that are still recognized when they are seen again; beyond a whole round they mean others.
NUMBERS_KEPT: Final = 10_000

_TABLES: Final = """
CREATE TABLE camera (camera TEXT PRIMARY KEY, facts BLOB NOT NULL);
CREATE TABLE number (
    camera TEXT NOT NULL, seq INTEGER NOT NULL, raw INTEGER NOT NULL, part INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (camera, seq)
) WITHOUT ROWID;
CREATE TABLE clip (
    id TEXT PRIMARY KEY, camera TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, stage TEXT NOT NULL,
    spooled INTEGER NOT NULL DEFAULT 0, facts BLOB NOT NULL, receipts BLOB, delete_at TEXT,
    UNIQUE (camera, key)
);
CREATE TABLE draft (n INTEGER PRIMARY KEY, draft BLOB NOT NULL);
CREATE TABLE value (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class CameraFacts(Struct, frozen=True, kw_only=True):
    """A camera as this dock last saw it."""

    count: Count | None = None
    #: When it was last docked here, by the dock's clock.
    last_seen: datetime | None = None
    volume: str | None = None
    #: The newest clip's place, end by the camera's clock, and event: what a continuation is measured by.
    last_seq: int | None = None
    last_end: datetime | None = None
    last_event: str | None = None


class OnCard(Struct, frozen=True, kw_only=True):
    """A file as the card listed it."""

    name: str
    size: int
    mtime_ns: int


class MediumFacts(Struct, frozen=True, kw_only=True):
    """A copied file: what it is, as what it is sent, and its `index` in the spool.

    `pieces` are the SHA-256 of its 4 MiB pieces, joined.
    """

    sha256: bytes
    size: int
    type: str
    pieces: bytes
    index: int


class ClipFacts(Struct, frozen=True, kw_only=True):
    """A clip: first its own file, then its sidecars; `media` are known once they were copied."""

    files: tuple[OnCard, ...]
    docked_at: datetime
    #: By the camera's clock; the predecessor's end and the camera's last docking decide what that clock is worth.
    start: datetime | None
    end: datetime
    predecessor_end: datetime | None
    last_seen: datetime | None
    clock: CameraClock | None
    event: str
    is_marked: bool
    erases: bool
    #: The card's own name: a file that is not on another card was not erased.
    volume: str | None = None
    media: tuple[MediumFacts, ...] = ()
    #: For each of `files` its place in `media`; None: it could not be copied.
    of_file: tuple[int | None, ...] = ()


class Clip(NamedTuple):
    """A clip's row."""

    id: str
    camera: str
    key: str
    seq: int
    stage: Stage
    is_spooled: bool
    facts: ClipFacts
    #: Envelopes, one for each of `facts.media`.
    receipts: tuple[bytes, ...]
    delete_at: datetime | None


class Book:
    """One dock's book. Many threads, one process (the journal beside it keeps others out)."""

    def __init__(self, path: Path) -> None:
        """The book at `path`, made where there is none.

        Raises:
            SettingsWrong: the file is of another version.
        """
        self._lock = RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._db.executescript(f"BEGIN;{_TABLES}PRAGMA user_version={VERSION};COMMIT;")
        elif version != VERSION:
            self._db.close()
            raise SettingsWrong(f"Der Stand der Dockstation hat Version {version}, dieses Programm kennt {VERSION}.")

    def close(self) -> None:
        """Everything was on disk before."""
        with self._lock:
            self._db.close()

    @contextmanager
    def change(self) -> Iterator["Change"]:
        """All or nothing; on disk once the block is left without an error.

        Raises:
            SpoolFull: no room on the disk.
        """
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield Change(self._db)
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise SpoolFull("no room for the dock's book") from error
                raise

    def camera(self, camera: str) -> CameraFacts:
        """What is known of a camera; of one that was never here, nothing."""
        with self._lock:
            found = self._db.execute("SELECT facts FROM camera WHERE camera = ?", (camera,)).fetchone()
        return msgspec.json.decode(found[0], type=CameraFacts) if found else CameraFacts()

    def numbers(self, camera: str) -> dict[Number, Known]:
        """What each of the camera's numbers last meant."""
        query = "SELECT raw, part, seq, at FROM number WHERE camera = ? ORDER BY seq"
        with self._lock:
            found = self._db.execute(query, (camera,)).fetchall()
        return {Number(raw, part): Known(seq, datetime.fromisoformat(at)) for raw, part, seq, at in found}

    def clips(self, *stages: Stage, camera: str | None = None) -> list[Clip]:
        """Clips in one of these stages, marked ones first, then oldest first."""
        query = (
            "SELECT id, camera, key, seq, stage, spooled, facts, receipts, delete_at FROM clip"
            " WHERE stage IN (SELECT value FROM json_each(?)) AND (? IS NULL OR camera = ?) ORDER BY camera, seq, id"
        )
        with self._lock:
            rows = self._db.execute(query, (msgspec.json.encode(stages).decode(), camera, camera)).fetchall()
        return sorted(map(_clip, rows), key=lambda clip: not clip.facts.is_marked)

    def keys(self, camera: str) -> set[str]:
        """Files of the camera that are known, whatever became of them."""
        with self._lock:
            return {key for (key,) in self._db.execute("SELECT key FROM clip WHERE camera = ?", (camera,))}

    def drafts(self) -> list[tuple[int, Draft]]:
        """What is to be appended to the journal, in order."""
        with self._lock:
            rows = self._db.execute("SELECT n, draft FROM draft ORDER BY n").fetchall()
        return [(n, msgspec.msgpack.decode(draft, type=Draft)) for n, draft in rows]

    def value(self, name: str) -> str | None:
        """A setting that the dock remembers."""
        with self._lock:
            found = self._db.execute("SELECT value FROM value WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None


class Change:
    """Changes within one transaction of the book."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Use `Book.change`."""
        self._db = db

    def set_camera(self, camera: str, facts: CameraFacts) -> None:
        """The camera is known so."""
        self._db.execute("INSERT OR REPLACE INTO camera VALUES (?, ?)", (camera, msgspec.json.encode(facts)))

    def set_number(self, camera: str, seq: int, number: Number, at: datetime) -> None:
        """The number meant this place; what lies a whole round back is forgotten."""
        row = (camera, seq, number.raw, number.part, at.isoformat())
        self._db.execute("INSERT OR REPLACE INTO number VALUES (?, ?, ?, ?, ?)", row)
        self._db.execute("DELETE FROM number WHERE camera = ? AND seq < ?", (camera, seq - NUMBERS_KEPT))

    def drop_number(self, camera: str, seq: int) -> None:
        """Nothing was ever taken at this place."""
        self._db.execute("DELETE FROM number WHERE camera = ? AND seq = ?", (camera, seq))

    def list_clip(self, id_: str, camera: str, key: str, seq: int, facts: ClipFacts) -> None:
        """The clip waits to be copied."""
        row = (id_, camera, key, seq, msgspec.json.encode(facts))
        self._db.execute("INSERT INTO clip (id, camera, key, seq, stage, facts) VALUES (?, ?, ?, ?, 'listed', ?)", row)

    def record_clip(self, id_: str, facts: ClipFacts) -> None:
        """The clip's files lie in the spool; its draft stands in the same transaction."""
        self._db.execute(
            "UPDATE clip SET stage = 'recorded', spooled = 1, facts = ? WHERE id = ? AND stage = 'listed'",
            (msgspec.json.encode(facts), id_),
        )

    def receive_clip(self, id_: str, receipts: Sequence[bytes], delete_at: datetime) -> None:
        """The receipts of all its files were verified and are here."""
        self._db.execute(
            "UPDATE clip SET stage = 'received', receipts = ?, delete_at = ? WHERE id = ? AND stage = 'recorded'",
            (msgspec.json.encode(receipts), delete_at.isoformat(), id_),
        )

    def clear_clip(self, id_: str) -> None:
        """The card's copy is gone."""
        self._db.execute("UPDATE clip SET stage = 'cleared' WHERE id = ? AND stage = 'received'", (id_,))

    def unspool_clip(self, id_: str) -> None:
        """The spool no longer holds the clip."""
        self._db.execute("UPDATE clip SET spooled = 0 WHERE id = ?", (id_,))

    def drop_clip(self, id_: str) -> None:
        """Nothing is left to do with the clip."""
        self._db.execute("DELETE FROM clip WHERE id = ?", (id_,))

    def add_draft(self, draft: Draft) -> None:
        """The draft is appended to the journal as soon as that takes it."""
        self._db.execute("INSERT INTO draft (draft) VALUES (?)", (msgspec.msgpack.encode(draft),))

    def drop_drafts(self, numbers: Sequence[int]) -> None:
        """These are in the journal."""
        self._db.executemany("DELETE FROM draft WHERE n = ?", [(n,) for n in numbers])

    def set_value(self, name: str, value: str) -> None:
        """The dock remembers it."""
        self._db.execute("INSERT OR REPLACE INTO value VALUES (?, ?)", (name, value))


def _clip(row: tuple[str, str, str, int, Stage, int, bytes, bytes | None, str | None]) -> Clip:
    id_, camera, key, seq, stage, spooled, facts, receipts, delete_at = row
    return Clip(
        id_,
        camera,
        key,
        seq,
        stage,
        bool(spooled),
        msgspec.json.decode(facts, type=ClipFacts),
        () if receipts is None else msgspec.json.decode(receipts, type=tuple[bytes, ...]),
        None if delete_at is None else datetime.fromisoformat(delete_at),
    )
