"""Hints over SSE: which scopes moved, never what is in them (design/sync.md 3.2, design/control-room.md 5).

One poller a process looks below the feed's horizon for all streams. Whoever is told pulls; rights are checked there.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

logger = structlog.get_logger()

#: Seconds between looks while something moves, and while nothing does (design/sync.md 5.2).
BUSY_S: Final = 0.02
IDLE_S: Final = 0.25
#: How long a moved feed counts as busy (ours).
BUSY_FOR_S: Final = 2.0
#: A stream says that it lives (design/control-room.md 5.6).
HEARTBEAT_S: Final = 10.0
#: Seconds between looks at the timers; escalation counts in tens of seconds (design/control-room.md 3.3).
TIMERS_S: Final = 0.5

#: A hint that is about no scope: the set of open P1 alarms changed.
URGENT: Final = frozenset({"desk"})
_URGENT: Final = text("SELECT town, waiting, stamp FROM urgent_alarms(CAST(:towns AS uuid[]))")
_HORIZON: Final = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
_MOVED: Final = text(
    "SELECT town, scope FROM feed_moved(CAST(:towns AS uuid[]), CAST(:scopes AS text[]), CAST(:xid AS xid8), 0,"
    " CAST(:horizon AS xid8))"
)

Watch = tuple[UUID, str]


class Urgent(NamedTuple):
    """A town's open P1 alarms: how many nobody has accepted, and a number that changes with each change of the set."""

    waiting: int
    stamp: Decimal


class Subscription:
    """What one stream was not told yet. A set, so that a slow reader costs no memory and misses nothing."""

    def __init__(self, watches: frozenset[Watch], loop: asyncio.AbstractEventLoop) -> None:
        self.watches = watches
        self._loop = loop
        self._moved: set[str] = set()
        #: P1 alarms that nobody has accepted; told with each hint, None to whoever does not read the desk.
        self.urgent: int | None = None
        self._event = asyncio.Event()

    def tell(self, scopes: set[str], urgent: int | None) -> None:
        """Called in the poller's thread."""
        self._loop.call_soon_threadsafe(self._add, scopes, urgent)

    def _add(self, scopes: set[str], urgent: int | None) -> None:
        self._moved |= scopes
        self.urgent = urgent
        self._event.set()

    async def moved(self, timeout_s: float) -> list[str]:
        """The scopes that moved since the last call; empty after `timeout_s` of quiet."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return []
        self._event.clear()
        scopes, self._moved = sorted(self._moved), set()
        return scopes


class Hub:
    """The poller of this process and its streams. It holds nothing that another process would need."""

    def __init__(self, engine: Engine, timers: Callable[[Engine, Callable[[], datetime]], int] | None = None) -> None:
        """`timers` does what is due in any town; the loop calls it at most each `TIMERS_S`, also without streams."""
        self._engine = engine
        self._timers = timers
        self._timers_at = 0.0
        self._urgent: dict[UUID, Urgent] = {}
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="feed-poller", daemon=True)

    def start(self) -> None:
        """The poller runs until `stop`; without streams it only looks after the timers."""
        self._thread.start()

    def stop(self) -> None:
        """The poller has ended."""
        self._stopped = True
        self._wake.set()
        self._thread.join(5)

    @contextmanager
    def subscription(self, town: UUID, scopes: tuple[str, ...]) -> Iterator[Subscription]:
        """Hints for these scopes while the block lasts. A row committed after its start is always hinted at."""
        subscription = Subscription(frozenset((town, scope) for scope in scopes), asyncio.get_running_loop())
        with self._lock:
            self._subscriptions.add(subscription)
        self._wake.set()
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    def _run(self) -> None:
        since: str | None = None
        busy_until = 0.0
        while not self._stopped:
            with self._lock:
                watched = frozenset().union(*(one.watches for one in self._subscriptions))
            try:
                self._run_timers()
                if not watched:
                    since, self._urgent = None, {}
                    self._wake.wait(TIMERS_S if self._timers is not None else None)
                    self._wake.clear()
                    continue
                since, moved = self._look(since, watched)
                urgent = self._look_at_urgent(watched)
            except SQLAlchemyError as error:
                logger.warning("feed_poller_waits", error=type(error).__name__)
                time.sleep(1)
                continue
            except Exception as error:
                logger.exception("feed_poller_defect", error=type(error).__name__)
                time.sleep(1)
                continue
            if moved or urgent:
                busy_until = time.monotonic() + BUSY_FOR_S
                self._tell(moved | urgent)
            time.sleep(BUSY_S if time.monotonic() < busy_until else IDLE_S)

    def _look(self, since: str | None, watched: frozenset[Watch]) -> tuple[str, set[Watch]]:
        with self._engine.connect() as connection:
            horizon = connection.execute(_HORIZON).scalar_one()
            if since is None or since == horizon:
                return horizon, set()
            towns, scopes = zip(*watched, strict=True)
            rows = connection.execute(
                _MOVED, {"towns": list(towns), "scopes": list(scopes), "xid": since, "horizon": horizon}
            )
            return horizon, {(row.town, row.scope) for row in rows}

    def _run_timers(self) -> None:
        if self._timers is not None and time.monotonic() - self._timers_at >= TIMERS_S:
            self._timers_at = time.monotonic()
            self._timers(self._engine, lambda: datetime.now(UTC))

    def _look_at_urgent(self, watched: frozenset[Watch]) -> set[Watch]:
        """The desks whose set of open P1 alarms changed: read past the horizon, which a long write would hold back."""
        towns = sorted({town for town, scope in watched if scope in URGENT})
        if not towns:
            return set()
        with self._engine.connect() as connection:
            found = {row.town: Urgent(row.waiting, row.stamp) for row in connection.execute(_URGENT, {"towns": towns})}
        changed = {town for town, urgent in found.items() if self._urgent.get(town) != urgent}
        self._urgent = found
        return {(town, scope) for town in changed for scope in URGENT}

    def _tell(self, moved: set[Watch]) -> None:
        with self._lock:
            told = list(self._subscriptions)
        for one in told:
            if scopes := {scope for _, scope in one.watches & moved}:
                one.tell(scopes, self._waiting(one))

    def _waiting(self, one: Subscription) -> int | None:
        """How many P1 alarms nobody has accepted, for whoever reads the desk."""
        towns = [town for town, scope in one.watches if scope in URGENT]
        urgent = self._urgent.get(towns[0]) if towns else None
        return urgent.waiting if urgent is not None else None


async def hints(
    hub: Hub,
    town: UUID,
    scopes: tuple[str, ...],
    name: Callable[[str], str],
    may_go_on: Callable[[], Awaitable[bool]],
) -> AsyncIterator[bytes]:
    """The stream's bytes: a hint for what moved, a comment each 10 s; it ends when the reader's right does."""
    with hub.subscription(town, scopes) as subscription:
        yield b": connected\n\n"
        asked = time.monotonic()
        while True:
            moved = await subscription.moved(HEARTBEAT_S)
            if time.monotonic() - asked >= HEARTBEAT_S:
                if not await may_go_on():
                    return
                asked = time.monotonic()
            if moved:
                hint: dict[str, object] = {"scopes": sorted(map(name, moved))}
                if subscription.urgent is not None:
                    hint["p1"] = subscription.urgent
                yield b"event: hint\ndata: " + msgspec.json.encode(hint) + b"\n\n"
                await asyncio.sleep(BUSY_S)
            else:
                yield b": alive\n\n"
