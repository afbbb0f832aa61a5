"""What all steps of a dock share: its book, its journal, its spool, its clock, and how it tells."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock
from time import monotonic
from typing import Final

import msgspec

from bodycam_dock.book import Book, Change, Clip, OnCard
from bodycam_dock.errors import DockError
from bodycam_dock.probe import Facts, probe
from bodycam_dock.saying import Fact, Said, Say
from sync.bodies import Clock, EntryBody
from sync.entry import format_recorded_at
from sync.exchange import WireMedia
from sync.journal import Journal
from sync.ledger import Draft

ZONE: Final = "Europe/Berlin"
# The version of every body that a dock writes.
BODY_VERSION: Final = 1


class Stopping(DockError):
    """The dock is told to end; what was begun goes on at the next start."""

    can_retry = True
    text = "Die Dockstation wird beendet."


@dataclass
class Station:
    """One dock, while it runs."""

    book: Book
    journal: Journal
    spool: Path
    server_key: bytes
    say: Say
    #: Room on the spool's disk that stays free.
    reserve: int
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    probe: Callable[[Path], Facts] = probe
    stop: Event = field(default_factory=Event)
    #: The server's clock less ours, and when (monotonic) that was learnt.
    offset: tuple[int, float] | None = None
    _recording: Lock = field(default_factory=Lock)

    def tell(self, event: str, **facts: Fact) -> None:
        """A person or a machine reads it."""
        self.say(Said(at=self.now(), event=event, facts=facts))

    def new_id(self) -> str:
        """A UUIDv7 (RFC 9562) of this dock's clock."""
        return uuid7(self.now())

    def path(self, clip: Clip | str, index: int) -> Path:
        """Where a file of a clip lies in the spool."""
        return self.spool / f"{clip if isinstance(clip, str) else clip.id}.{index}"

    def clock(self) -> Clock | msgspec.UnsetType:
        """What the dock knows of its own clock; nothing before it has heard the server."""
        if self.offset is None:
            return msgspec.UNSET
        milliseconds, learnt = self.offset
        return Clock(offset_ms=milliseconds, age_s=int(monotonic() - learnt), mono_ms=int(monotonic() * 1000))

    def draft(self, change: Change, kind: str, body: EntryBody, *media: WireMedia, id_: str | None = None) -> str:
        """An entry of this kind is recorded once the transaction commits and `record` returned; its id."""
        draft = Draft(
            id=id_ or self.new_id(),
            kind=kind,
            v=BODY_VERSION,
            recorded_at=format_recorded_at(self.now(), ZONE),
            body=msgspec.json.encode(body),
            media=media,
        )
        change.add_draft(draft)
        return draft.id

    def record(self) -> None:
        """Every draft of the book is an entry of the journal, chained and on disk.

        A crash in between repeats it; the journal knows a repeated draft by its id.

        Raises:
            JournalFull: the journal has no room; the drafts wait.
            SourceRevoked: nothing may be recorded any more.
        """
        with self._recording:
            waiting = self.book.drafts()
            if not waiting:
                return
            self.journal.append_many([draft for _, draft in waiting])
            with self.book.change() as change:
                change.drop_drafts([n for n, _ in waiting])

    def check_stop(self, *_: object) -> None:
        """Raises Stopping where the dock is to end."""
        if self.stop.is_set():
            raise Stopping


def as_wire(sha256: bytes, size: int, type_: str) -> WireMedia:
    """A file as an entry names it."""
    return WireMedia(sha256=sha256.hex(), size=size, type=type_)


def card_files(clip: Clip) -> tuple[OnCard, ...]:
    """What is to be erased on the card, sidecars first, so that the clip is the last that goes."""
    return (*clip.facts.files[1:], clip.facts.files[0])


def uuid7(now: datetime) -> str:
    """UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, 74 random bits."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
