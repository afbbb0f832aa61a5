"""What the site does when the server stays silent: a call to a relay box or telephone system (control-room.md 4.1).

A P1 signal without `accepted` for ten seconds, or one that could not even be recorded, fires it once; those that are
due together are one call. It is an HTTP POST of a few facts to a configured address, never a command; what was tried is
an entry.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

import httpx
import msgspec
import structlog

from backend.gateway.recorder import Recorder
from sync.bodies import FallbackFired
from sync.entry import format_instant
from sync.errors import SyncError

WITHOUT_VERDICT_S: Final = 10.0
TIMEOUT_S: Final = 5.0
#: The relay box may be restarting; after so many tries a person has to look.
TRIES: Final = 5
PAUSE_S: Final = 2.0
KIND: Final = "fallback.fired"
#: In a flood one call stands for so many signals at most, as one entry names them.
TOGETHER: Final = 500

Reason = Literal["no_verdict", "refused", "not_recorded"]

log = structlog.get_logger()


class Watched(NamedTuple):
    """A P1 signal that waits for the server's verdict."""

    seq: int
    id: str
    kind: str
    sender: str | None
    point: str | None
    since_s: float
    received_at: datetime


class Fallback:
    """Watches P1 signals in one event loop."""

    def __init__(
        self,
        url: str | None,
        recorder: Recorder,
        *,
        verdict: Callable[[int], str | None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        http: httpx.AsyncClient | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        """`verdict` says what the server decided about an entry; None: nothing yet. Without `url` nothing is called."""
        self._url, self._recorder, self._verdict, self._clock = url, recorder, verdict, clock
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT_S)
        self._pause_s = pause_s
        self._watched: deque[Watched] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost_at: dict[tuple[str | None, str | None], float] = {}

    def watch(self, signal: Watched) -> None:
        """From now on it has ten seconds."""
        self._watched.append(signal)

    def tick(self, now_s: float) -> None:
        """What was accepted is left alone, what waited too long or was refused fires."""
        still: deque[Watched] = deque()
        due: dict[Reason, list[Watched]] = {"no_verdict": [], "refused": []}
        for signal in self._watched:
            verdict = self._verdict(signal.seq)
            if verdict == "accepted":
                continue
            if verdict is None and now_s - signal.since_s < WITHOUT_VERDICT_S:
                still.append(signal)
            else:
                due["refused" if verdict else "no_verdict"].append(signal)
        self._watched = still
        for reason, signals in due.items():
            for start in range(0, len(signals), TOGETHER):
                self._fire(signals[start : start + TOGETHER], reason)

    def lost(self, kind: str, sender: str | None, point: str | None, now_s: float) -> None:
        """It could not be recorded, so its panel hears nothing; it fires now, but not at each of its repetitions."""
        if now_s - self._lost_at.get((sender, point), -60.0) >= 60.0:
            self._lost_at[sender, point] = now_s
            self._fire([Watched(0, "", kind, sender, point, now_s, self._clock())], "not_recorded")

    async def close(self) -> None:
        """Calls that run are given up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def _fire(self, signals: list[Watched], reason: Reason) -> None:
        task = asyncio.ensure_future(self._call(signals, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, signals: list[Watched], reason: Reason) -> None:
        status, tries = 0, 0
        while self._url and tries < TRIES and not 200 <= status < 300:
            if tries:
                await asyncio.sleep(self._pause_s)
            tries += 1
            status = await self._post(self._url, signals, reason)
        is_heard = 200 <= status < 300
        log.warning(
            "fallback_fired", signals=len(signals), reason=reason, is_heard=is_heard, tries=tries, status=status
        )
        body = FallbackFired(
            signals=tuple(UUID(signal.id) for signal in signals if signal.id),
            reason=reason,
            at=format_instant(self._clock()),
            is_heard=is_heard,
            tries=tries,
            status=status or None,
        )
        try:
            await self._recorder.append(KIND, msgspec.json.encode(body), self._clock())
        except SyncError as error:
            log.warning("fallback_not_recorded", signals=len(signals), error=type(error).__name__)

    async def _post(self, url: str, signals: list[Watched], reason: Reason) -> int:
        signal = signals[0]
        told = {
            "number": len(signals),
            "kind": signal.kind,
            "sender": signal.sender,
            "point": signal.point,
            "received_at": format_instant(signal.received_at),
            "reason": reason,
        }
        try:
            return (await self._http.post(url, json=told)).status_code
        except httpx.HTTPError:
            return 0
