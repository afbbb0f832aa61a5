"""DC-09 over TCP and UDP: bytes in, answers out, in the order of the frames and only after the disk (4.1, 4.2)."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from backend.gateway import dc09
from backend.gateway.frames import Cutter, Piece
from backend.gateway.lines import Lines
from backend.gateway.reading import Reading
from backend.gateway.recorder import Recorder
from sync.errors import SyncError

#: design/control-room.md 4.1, 5.
PER_PEER: Final = 8
PARTIAL_S: Final = 10.0
#: Bytes that nobody can read are kept; a peer that sends many is read slower, so that it cannot fill the disk.
UNREADABLE_FREE: Final = 60
SLOWED_S: Final = 1.0

log = structlog.get_logger()


class Receiver:
    """One address that panels connect to."""

    def __init__(
        self,
        recorder: Recorder,
        lines: Callable[[], Lines],
        *,
        on_heard: Callable[[Reading, datetime], None] = lambda _reading, _now: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        per_peer: int = PER_PEER,
        partial_s: float = PARTIAL_S,
    ) -> None:
        """Listens to nothing yet. `on_heard` hears each reading, polls too."""
        self._recorder, self._lines, self._on_heard, self._clock = recorder, lines, on_heard, clock
        self._per_peer, self._partial_s = per_peer, partial_s
        self._peers: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None

    async def listen(self, host: str, port: int) -> int:
        """Panels can connect over TCP and send over UDP, both at the port returned; 0 takes a free one."""
        self._server = await asyncio.start_server(self._connected, host, port, limit=64 * 1024, backlog=1024)
        bound = int(self._server.sockets[0].getsockname()[1])
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, bound))
        return bound

    async def close(self) -> None:
        """Nobody is heard any more; who was being answered was answered or hears nothing and repeats."""
        if self._udp:
            self._udp.close()
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def answer(self, pieces: list[Piece], send: Callable[[bytes], None]) -> int:
        """Each piece was recorded, if it says anything, and its frame answered; how many were unreadable."""
        now = self._clock()
        lines = self._lines()
        readings = [
            dc09.read(piece.data, lines, now) if piece.is_frame else dc09.unreadable(piece.data, "unparsed")
            for piece in pieces
        ]
        recording = [asyncio.ensure_future(self._recorder.record(one, now)) if one.events else None for one in readings]
        for reading, recorded in zip(readings, recording, strict=True):
            if recorded is not None:
                try:
                    await recorded
                except SyncError:
                    continue  # not recorded, not answered: the panel repeats, and the recorder has said why
            self._on_heard(reading, now)
            if reading.answer is not None:
                send(reading.answer)
        return sum(reading.answer is None for reading in readings)

    async def datagram(self, data: bytes, send: Callable[[bytes], None]) -> None:
        """A datagram holds whole frames."""
        cutter = Cutter()
        await self.answer(cutter.feed(data) + cutter.give_up(), send)

    def spawn(self, data: bytes, send: Callable[[bytes], None]) -> None:
        """The datagram is answered in a task of its own."""
        task = asyncio.ensure_future(self.datagram(data, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername")[0])
        task = asyncio.current_task()
        if self._peers[peer] >= self._per_peer or task is None:
            log.warning("too_many_connections", peer=peer, allowed=self._per_peer)
            writer.close()
            return
        self._peers[peer] += 1
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, TimeoutError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                await self._converse(reader, writer)
        finally:
            self._tasks.discard(task)
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cutter = Cutter()
        unreadable = 0
        # What was begun has to end within its time; a line may be silent for as long as it likes.
        until: float | None = None
        while not cutter.is_overlong:
            try:
                async with asyncio.timeout_at(until):
                    data = await reader.read(16_384)
            except TimeoutError:
                await self.answer(cutter.give_up(), writer.write)
                return
            pieces = cutter.feed(data) if data else cutter.give_up()
            if not cutter.has_partial:
                until = None
            elif until is None or pieces:
                until = asyncio.get_running_loop().time() + self._partial_s
            unreadable += await self.answer(pieces, writer.write)
            await writer.drain()
            if not data:
                return
            if unreadable > UNREADABLE_FREE:
                await asyncio.sleep(SLOWED_S)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = transport  # type: ignore[assignment]  # a datagram endpoint has no other

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A panel sent."""
        transport = self._transport
        if transport is not None:
            self._receiver.spawn(data, lambda answer: transport.sendto(answer, addr))
