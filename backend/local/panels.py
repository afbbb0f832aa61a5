"""Panels that send DC-09 alarms, repeat what is not acknowledged, and count: for demo, tests and benchmarks."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from backend.gateway import aes
from backend.gateway.frames import Cutter, build, outer, padded, stamp_of

#: What each press tells, by Contact ID: hold-up, audible panic, duress.
CODES: Final = ("122", "120", "121")
#: Real panels repeat after 5 to 60 s; a simulated one is less patient.
PATIENCE_S: Final = 1.0


@dataclass
class Panel:
    """One panel with its account and counter; its own address, where `host_of_ours` gives it one."""

    host: str
    port: int
    account: str
    key: bytes | None = None
    host_of_ours: str | None = None
    patience_s: float = PATIENCE_S
    sequence: int = 0
    #: Frames sent, repetitions too.
    sent: int = 0
    #: Seconds from the first copy of each frame to its acknowledgement.
    waited: list[float] = field(default_factory=list)
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    def alarm(self, zone: int, code: str = CODES[0], now: datetime | None = None) -> bytes:
        """The next frame of this panel: a new event of that Contact ID code in `zone`."""
        self.sequence = self.sequence % 9999 + 1
        return self._frame("ADM-CID", self.sequence, f"#{self.account}|1{code} 01 {zone:03d}", now)

    def poll(self) -> bytes:
        """A frame that says only that the line lives."""
        return self._frame("NULL", 0, "", None)

    def _frame(self, token: str, sequence: int, data: str, now: datetime | None) -> bytes:
        rest, address = data.encode() + b"]" + stamp_of(now or datetime.now(UTC)), f"L0#{self.account}".encode()
        if self.key is not None:  # all is encrypted, also that it lives: else anybody could say so
            token, rest = "*" + token, aes.encrypt(self.key, padded(b"|" + rest))
        return build(token, b"%04d" % sequence, address, rest)

    async def deliver(self, frame: bytes, *, until_s: float = 60.0) -> bool:
        """Whether the frame was acknowledged; it is repeated until then, over a new connection where one broke."""
        began = time.monotonic()
        while time.monotonic() - began < until_s:
            answer = await self._try(frame)
            if answer == "ACK":
                self.waited.append(time.monotonic() - began)
                return True
            if answer == "DUH":
                return False
            if answer is None:
                await asyncio.sleep(0.02)
        return False

    async def close(self) -> None:
        """Hangs up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _try(self, frame: bytes) -> str | None:
        """The token of the answer to this frame; None: no answer came in time."""
        try:
            async with asyncio.timeout(self.patience_s):
                if self._reader is None or self._writer is None:
                    ours = None if self.host_of_ours is None else (self.host_of_ours, 0)
                    self._reader, self._writer = await asyncio.open_connection(self.host, self.port, local_addr=ours)
                self.sent += 1
                self._writer.write(frame)
                return await self._answer(self._reader, frame)
        except (OSError, TimeoutError):
            await self.close()
            return None

    async def _answer(self, reader: asyncio.StreamReader, frame: bytes) -> str:
        asked = outer(frame[1:-1])
        cutter = Cutter()
        while data := await reader.read(4096):
            for piece in cutter.feed(data):
                found = outer(piece.data)
                if found and asked and (found.sequence == asked.sequence or found.token == "NAK"):  # noqa: S105
                    return found.token
        raise ConnectionResetError


async def press(
    panels: list[Panel],
    presses: int,
    *,
    pause_s: float = 0.0,
    on_acknowledged: Callable[[Panel, bytes], None] | None = None,
) -> int:
    """Each panel sends so many alarms, one after the other; how many were acknowledged."""

    async def one(panel: Panel) -> int:
        done = 0
        for number in range(presses):
            frame = panel.alarm(number % 900 + 1, CODES[number % len(CODES)])
            if await panel.deliver(frame):
                done += 1
                if on_acknowledged is not None:
                    on_acknowledged(panel, frame)
            if pause_s:
                await asyncio.sleep(pause_s)
        with suppress(OSError):
            await panel.close()
        return done

    return sum(await asyncio.gather(*map(one, panels)))


def crowd(host: str, port: int, number: int, *, first: int = 0x1000) -> list[Panel]:
    """So many panels with accounts from `first` on, each at an address of its own of this machine (127.0.0.0/8)."""
    return [
        Panel(
            host,
            port,
            f"{first + index:04X}",
            host_of_ours=f"127.{1 + index // 62_500}.{index // 250 % 250}.{index % 250 + 2}",
        )
        for index in range(number)
    ]
