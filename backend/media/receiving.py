"""Receiving the body of one PATCH: gathered to pieces, each durable before anybody is told (design/evidence.md 6).

 network ──gather──► piece ──thread: compare──► ──thread: write, fdatasync──► ──thread: commit──► durable ──► answer
                      └── meanwhile the next pieces are gathered, compared, written, each after the one before

Only gathering runs in the event loop; hashing, writing and the database run in threads of their own.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from mmap import mmap
from typing import Final, TypeVar, TypeVarTuple
from uuid import UUID

import structlog
from litestar.types import Receive
from sqlalchemy.orm import Session

from backend.db import Sessions
from backend.errors import (
    NotAPiece,
    NotSignedIn,
    TooLarge,
    UploadStalled,
    WriterReplaced,
    WrongBytes,
    WrongOffset,
)
from backend.fields import Actor
from backend.media import rules, uploading
from backend.media.storage import DamagedObject, Folder
from backend.media.uploading import Begun, Sent

logger = structlog.get_logger()
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: Pieces of 4 MiB that a process holds at once; others wait unread. Three keep one upload going: one is gathered, one
#: compared, one written. design/evidence.md 6 allows eight: at 16 uploads those took 20 MiB more and were no faster.
BUFFERS: Final = 3
#: Pieces of files without a list: 1 MiB each, so that slow phones never take the docks' buffers.
SMALL_BUFFERS: Final = 4
#: Threads that hash and write; more would only wait for each other on the disk.
THREADS: Final = 4
#: Pieces of one request that are compared, written and committed while the next is gathered.
AHEAD: Final = 3
#: Without a byte for so long a request is ended.
STALL_S: Final = 20.0
#: The same where others wait for the buffer that it holds.
WANTED_S: Final = 5.0
#: How often a request that goes on asks whether its source still may (ours; a revocation stops it by then).
ASK_AGAIN_S: Final = 10.0


class Pool:
    """Buffers of one size, each on pages of its own; reused, as fresh memory costs a quarter of the writing."""

    def __init__(self, size: int, most: int) -> None:
        self._size = size
        self._free: list[mmap] = []
        self._turns = asyncio.Semaphore(most)
        #: How many wait for one.
        self.waiting = 0

    async def take(self) -> mmap:
        """A buffer that is nobody else's, once one is free."""
        self.waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting -= 1
        return self._free.pop() if self._free else mmap(-1, self._size)

    def give_back(self, buffer: mmap) -> None:
        """Others may have it. In the event loop only."""
        self._free.append(buffer)
        self._turns.release()


class Receiver:
    """The uploads of one process."""

    def __init__(self, folder: Folder) -> None:
        """Starts nothing yet."""
        self.folder = folder
        self.listed = Pool(rules.PIECE, BUFFERS)
        self.unlisted = Pool(rules.UNLISTED_PIECE, SMALL_BUFFERS)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="media")
        self.open: dict[UUID, Incoming] = {}

    async def receive(
        self,
        receive: Receive,
        sessions: Sessions,
        actor: Actor,
        id: UUID,
        sent: Sent,
        *,
        may_go_on: Callable[[], Awaitable[bool]],
        finish: Callable[[], None],
    ) -> int:
        """The durable offset after this body: less than was sent where the last piece came in part.

        `finish` runs in a thread once the file is whole, before this returns.

        Raises:
            DomainError: see `uploading.begin`; NotAPiece, NotSignedIn, NoRoom, TooLarge, UploadStalled, WriterReplaced,
                WrongBytes.
        """
        loop = asyncio.get_running_loop()
        begun = await loop.run_in_executor(self.threads, _begin, self.folder, sessions, actor, id, sent.offset)
        if begun is None:
            return sent.offset
        incoming = Incoming(self, sessions, begun, sent.checksum, may_go_on)
        before = self.open.get(id)
        if before is not None:
            before.replace()
        self.open[id] = incoming
        try:
            durable = await incoming.take(Body(receive), sent.length)
        finally:
            if self.open.get(id) is incoming:
                del self.open[id]
            incoming.close()
        if durable == begun.size:
            await loop.run_in_executor(self.threads, finish)
        return durable


class Body:
    """A request's body, message by message."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._rest = memoryview(b"")
        self._is_last = False
        self.is_empty = True
        #: The connection ended before the body did.
        self.is_cut = False
        #: Since when the network is waited for (`time.monotonic`); None: not now.
        self.waiting_since: float | None = None

    async def has_more(self) -> bool:
        """Whether at least one more byte is here; waits for it."""
        while not self._rest and not self._is_last:
            self.waiting_since = time.monotonic()
            message = await self._receive()
            self.waiting_since = None
            if message["type"] == "http.request":
                self._rest = memoryview(message.get("body", b""))
                self.is_empty = self.is_empty and not self._rest
                self._is_last = not message.get("more_body", False)
            else:
                self.is_cut = self._is_last = True
        return bool(self._rest)

    async def fill(self, view: memoryview) -> int:
        """How many bytes of `view` are filled: all, or fewer where the body ends."""
        filled = 0
        while filled < len(view) and await self.has_more():
            taken = self._rest[: len(view) - filled]
            view[filled : filled + len(taken)] = taken
            filled += len(taken)
            self._rest = self._rest[len(taken) :]
        return filled


class Incoming:
    """One request that writes one upload."""

    def __init__(
        self,
        receiver: Receiver,
        sessions: Sessions,
        begun: Begun,
        checksum: bytes | None,
        may_go_on: Callable[[], Awaitable[bool]],
    ) -> None:
        self._threads, self._sessions, self._begun = receiver.threads, sessions, begun
        self._checksum, self._may_go_on = checksum, may_go_on
        self._pool = receiver.listed if begun.chunks is not None else receiver.unlisted
        self._tail, self._durable = begun.tail, begun.offset
        #: Pieces on their way to the disk, oldest first; each waits for the one before.
        self._under_way: deque[Piece] = deque()
        self._limit: asyncio.Timeout | None = None
        self._asked_at = time.monotonic()
        self._is_replaced = False

    def replace(self) -> None:
        """A newer request writes this upload: this one ends now, wherever it waits."""
        self._is_replaced = True
        if self._limit is not None:
            self._limit.reschedule(0)

    def close(self) -> None:
        """The file is closed once nothing is written to it any more."""
        if self._under_way:
            self._under_way[-1].durable.add_done_callback(lambda _: self._begun.part.close())
        else:
            self._begun.part.close()

    async def take(self, body: Body, length: int | None) -> int:
        """Every whole piece of the body is durable; up to which offset.

        Raises:
            DomainError: see `Receiver.receive`; the pieces before stay durable.
        """
        room = self._begun.size - self._begun.offset
        most = min(room, self._piece_room(self._begun.offset)) if self._checksum is not None else room
        if length is not None and length > most:
            raise TooLarge(field="/content-length", max_bytes=most)
        watch = asyncio.create_task(self._watch(body))
        try:
            async with asyncio.timeout(None) as self._limit:
                await self._gather(body, most)
        except TimeoutError as error:
            raise (WriterReplaced if self._is_replaced else UploadStalled) from error
        finally:
            self._limit = None
            watch.cancel()
        return self._durable

    async def _gather(self, body: Body, most: int) -> None:
        gathered, end = self._begun.offset, self._begun.offset + most
        while gathered < end:
            room = min(self._piece_room(gathered), end - gathered)
            # Taken before the first byte is: of an upload that waits for a buffer nothing is held here.
            buffer = await self._pool.take()
            try:
                size = await body.fill(memoryview(buffer)[:room])
                await self._check_end(body, most)
                is_cut = body.is_cut and self._checksum is not None
                is_kept = size == room or (size > 0 and self._begun.chunks is None and not is_cut)
                if is_kept:
                    await self._written(AHEAD - 1)
                    await self._check_allowed()
            except BaseException:
                self._pool.give_back(buffer)
                raise
            if not is_kept:
                self._pool.give_back(buffer)
                break
            before, piece = self._under_way[-1] if self._under_way else None, Piece()
            piece.durable = asyncio.create_task(self._keep(piece, buffer, gathered, size, before))
            piece.durable.add_done_callback(_seen)
            self._under_way.append(piece)
            gathered += size
        await self._written(0)
        if await body.has_more():
            raise TooLarge(max_bytes=most)
        if gathered == self._begun.offset and not body.is_cut and not body.is_empty:
            raise NotAPiece(field="", detail="a file with a list comes in pieces of 4 MiB, or up to its end")

    async def _check_end(self, body: Body, most: int) -> None:
        """A body with a checksum has ended with its one piece."""
        if self._checksum is not None and await body.has_more():
            raise TooLarge(max_bytes=most)

    def _piece_room(self, offset: int) -> int:
        return rules.piece_end(offset, self._begun.size, is_listed=self._begun.chunks is not None) - offset

    async def _written(self, most: int) -> None:
        """At most so many pieces are still under way; the failure of an older one is raised."""
        while len(self._under_way) > most:
            await asyncio.shield(self._under_way[0].durable)
            self._under_way.popleft()

    async def _keep(self, piece: "Piece", buffer: mmap, offset: int, size: int, before: "Piece | None") -> None:
        """The piece is durable, after the one before it; its buffer is free, whatever becomes of the request.

        With a list its bytes are the right ones, whoever writes them, so it is written before the row's lock is
        taken, and while the piece before is committed. Without one nobody vouches for them: there the row says first
        that this request is still the writer.
        """
        data = memoryview(buffer)[:size]
        try:
            await self._in_thread(self._compare, data, offset)
            if self._begun.chunks is None:
                await _after(before)
                await self._in_thread(self._write_locked, data, offset)
                return
            if before is not None:
                await before.written.wait()
            tail = await self._in_thread(self._begun.part.write, offset, data, self._tail)
            self._tail = tail
        finally:
            self._pool.give_back(buffer)
            piece.written.set()
        await _after(before)
        await self._in_thread(self._commit, offset + size, tail)

    def _write_locked(self, data: memoryview, offset: int) -> None:
        end = offset + len(data)
        with self._sessions.begin() as session:
            self._advance(session, end, self._tail)
            self._begun.part.write(offset, data, self._tail)
        self._durable = end

    def _commit(self, end: int, tail: bytes) -> None:
        with self._sessions.begin() as session:
            self._advance(session, end, tail)
        self._durable = end

    async def _in_thread(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _compare(self, data: memoryview, offset: int) -> None:
        chunks = self._begun.chunks
        wanted = [] if chunks is None else [rules.listed_digest(chunks, offset)]
        if self._checksum is not None:
            wanted.append(self._checksum)
        if wanted and set(wanted) != {sha256(data).digest()}:
            logger.warning("upload_wrong_bytes", media=str(self._begun.id), offset=offset)
            raise WrongBytes(offset=offset)

    def _advance(self, session: Session, end: int, tail: bytes) -> None:
        now = datetime.now(UTC)
        if self._is_replaced or not uploading.advance(session, self._begun, end, tail, now=now):
            raise WriterReplaced

    async def _check_allowed(self) -> None:
        """A source that was revoked meanwhile sends no further."""
        if time.monotonic() - self._asked_at >= ASK_AGAIN_S:
            self._asked_at = time.monotonic()
            if not await self._may_go_on():
                raise NotSignedIn

    async def _watch(self, body: Body) -> None:
        """Ends the request when the network was silent for too long."""
        while True:
            await asyncio.sleep(STALL_S / 20)
            since, most = body.waiting_since, WANTED_S if self._pool.waiting else STALL_S
            if since is not None and time.monotonic() - since >= most and self._limit is not None:
                self._limit.reschedule(0)
                return


class Piece:
    """A piece on its way to the disk."""

    durable: "asyncio.Task[None]"

    def __init__(self) -> None:
        #: It is in the file, or never will be.
        self.written = asyncio.Event()


async def _after(before: Piece | None) -> None:
    """The piece before is durable; raises what kept it from that."""
    if before is not None:
        await asyncio.shield(before.durable)


def _seen(task: "asyncio.Task[None]") -> None:
    """A failure is raised to whoever waits; where the request has ended before, nobody needs to hear of it."""
    if not task.cancelled():
        task.exception()


def _begin(folder: Folder, sessions: Sessions, actor: Actor, id: UUID, offset: int) -> Begun | None:
    begun = None
    try:
        with sessions.begin() as session:
            begun = uploading.begin(session, actor, id, offset, folder)
    except DamagedObject as error:
        logger.error("upload_lost", media=str(id), offset=offset)  # noqa: TRY400 - the trace says nothing more
        with sessions.begin() as session:
            uploading.restart(session, id, folder)
        raise WrongOffset(offset=0) from error
    except BaseException:
        if begun is not None:
            begun.part.close()
        raise
    return begun
