"""Everything that arrives goes through here into the journal: in groups, each with one fsync, repetitions left out.

    record ─► waits ─► group (what waits, at most 500) ─► Journal.append_many (one fsync) ─► all of the group go on

While one group is being written the next one gathers; nothing waits for a group to fill.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, NamedTuple

import structlog

from backend.fields import uuid7
from backend.gateway.reading import KIND, Reading, bodies, dedup, is_p1
from backend.gateway.repeats import Repeats, Seen
from sync.entry import Entry, format_recorded_at
from sync.errors import JournalFailed, SyncError
from sync.journal import Journal
from sync.ledger import Draft

#: design/control-room.md 4.1: what waits, at most so many entries with one fsync.
GROUP: Final = 500
ZONE: Final = "Europe/Berlin"

log = structlog.get_logger()


class Noted(NamedTuple):
    """What `record` did: the signal's key, and whether it is new."""

    dedup: str
    is_new: bool


class _Job(NamedTuple):
    drafts: Sequence[Draft]
    recorded: asyncio.Future[None]
    reading: Reading | None


class Recorder:
    """The one writer of this gateway's journal. Used in one event loop; the disk is waited for in a thread."""

    def __init__(
        self,
        journal: Journal,
        repeats: Repeats,
        *,
        on_recorded: Callable[[Reading | None, Sequence[Entry]], None] = lambda _reading, _entries: None,
        on_lost: Callable[[Reading], None] = lambda _reading: None,
        on_broken: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_recorded` hears what is on disk, `on_lost` which alarm is not, `on_broken` of a failed disk."""
        self.repeats = repeats
        #: How many repetitions each sender was answered, since the last summary.
        self.repeated: Counter[str | None] = Counter()
        self._journal = journal
        self._on_recorded, self._on_lost, self._on_broken = on_recorded, on_lost, on_broken
        self._waiting: deque[_Job] = deque()
        self._has_work = asyncio.Event()
        self._is_closing = False
        self._thread = ThreadPoolExecutor(1, "journal")

    async def record(self, reading: Reading, received_at: datetime, key: str | None = None) -> Noted:
        """The reading's signals are on disk, now or since its first copy; only now may its sender be answered.

        `key` is an HTTP sender's own: it takes the place of comparing what was told.

        Raises:
            SyncError: nothing of it was written; nobody may be told that it was.
        """
        sender, mark = reading.sender, reading.mark
        seen = None
        if key is not None and sender is not None:
            seen = self.repeats.key(sender, key, received_at)
        elif mark is not None:
            seen = self.repeats.find(sender, mark, received_at)
        if seen is not None:
            self.repeated[sender] += 1
            if seen.recorded is not None:
                await asyncio.shield(seen.recorded)
            return Noted(seen.dedup, is_new=False)
        if mark is None:
            raise ValueError("a signal without a mark")
        drafts = [draft(KIND, body, received_at) for body in bodies(reading, received_at)]
        job = _Job(drafts, asyncio.get_running_loop().create_future(), reading)
        if key is not None and sender is not None:
            seen = Seen(mark, received_at)
            self.repeats.note_key(sender, key, seen)
        else:
            seen = self.repeats.note(sender, mark, received_at)
        seen.recorded, seen.dedup = job.recorded, dedup(mark.content, 0, received_at)
        try:
            await self._enqueue(job)
        except SyncError:
            self.repeats.forget(sender, seen)
            if key is not None and sender is not None:
                self.repeats.forget_key(sender, key, seen)
            raise
        seen.recorded = None
        return Noted(seen.dedup, is_new=True)

    async def append(self, kind: str, body: bytes, now: datetime) -> None:
        """An entry of another kind is on disk. Raises SyncError."""
        await self._enqueue(_Job([draft(kind, body, now)], asyncio.get_running_loop().create_future(), None))

    async def run(self) -> None:
        """Writes what waits, until it is closed."""
        loop = asyncio.get_running_loop()
        while self._waiting or not self._is_closing:
            await self._has_work.wait()
            group = self._next_group()
            if not group:
                continue
            drafts = [one for job in group for one in job.drafts]
            try:
                entries = await loop.run_in_executor(self._thread, self._journal.append_many, drafts)
            except SyncError as error:
                self._lose(group, error)
            else:
                self._settle(group, entries)

    def close(self) -> None:
        """`run` ends once it has written what waits."""
        self._is_closing = True
        self._has_work.set()

    async def _enqueue(self, job: _Job) -> None:
        self._waiting.append(job)
        self._has_work.set()
        # The sender may hang up; its signal is written all the same.
        await asyncio.shield(job.recorded)

    def _next_group(self) -> list[_Job]:
        group: list[_Job] = []
        size = 0
        while self._waiting and (not group or size + len(self._waiting[0].drafts) <= GROUP):
            group.append(self._waiting.popleft())
            size += len(group[-1].drafts)
        if not self._waiting:
            self._has_work.clear()
        return group

    def _settle(self, group: Sequence[_Job], entries: Sequence[Entry]) -> None:
        at = 0
        for job in group:
            mine = entries[at : at + len(job.drafts)]
            at += len(job.drafts)
            job.recorded.set_result(None)
            self._on_recorded(job.reading, mine)

    def _lose(self, group: Sequence[_Job], error: SyncError) -> None:
        log.error("not_recorded", error=type(error).__name__, entries=sum(len(job.drafts) for job in group))
        for job in group:
            job.recorded.set_exception(error)
            # Whoever asked may have hung up: then nobody else reads the exception.
            job.recorded.exception()
            if job.reading is not None and is_p1(job.reading):
                self._on_lost(job.reading)
        if isinstance(error, JournalFailed):
            self._on_broken()


def draft(kind: str, body: bytes, now: datetime) -> Draft:
    """An entry of this gateway's, with a new id."""
    return Draft(id=str(uuid7()), kind=kind, v=1, recorded_at=format_recorded_at(now, ZONE), body=body)
