"""`streife gateway`: the receivers, the journal, the way to the server, all in one process.

Life of an alarm: bytes → `dc09.read` → `Recorder` (fsync) → ACK → `Uplink` (exchange) → verdict; without one in ten
seconds the `Fallback`. See README.md.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import structlog
from granian.constants import Interfaces
from granian.server.embed import Server as HttpServer

from backend.gateway import codes, fallback
from backend.gateway.fallback import Fallback, Watched
from backend.gateway.home import APP, GatewayError, Home, open_home
from backend.gateway.lines import ROW, Line, Lines
from backend.gateway.links import SUMMARY_LINES, Change, Links
from backend.gateway.reading import Reading, is_p1
from backend.gateway.receiver import PER_PEER, Receiver
from backend.gateway.recorder import Recorder
from backend.gateway.remembering import remembered
from backend.gateway.uplink import Uplink
from backend.gateway.web import State, States, Web, app
from sync.bodies import LineCount, LinkChanged, LinkSummary
from sync.client import Client
from sync.entry import Entry, format_instant, parse_recorded_at
from sync.server import Server

TICK_S: Final = 1.0
SUMMARY_EVERY: Final = timedelta(hours=1)
#: What the server tells about a signal: `{"dedup":…,"state":"shown|accepted"}`.
STATE_ROW: Final = "signal_state"

log = structlog.get_logger()


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True)
class Settings:
    """What the operator chose."""

    dc09: Address | None = None
    http: Address | None = None
    lines: tuple[Line, ...] = ()
    fallback_url: str | None = None
    per_peer: int = PER_PEER
    certificate: Path | None = None
    private_key: Path | None = None


class _Told(msgspec.Struct, frozen=True):
    dedup: str
    state: State


class Gateway:
    """One running gateway. Made and used within one event loop; `home` is closed at the end."""

    def __init__(self, home: Home, settings: Settings) -> None:
        """Nothing listens yet; what the journal knows is known."""
        self._home, self._settings, self._journal = home, settings, home.journal
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._exit = 0
        repeats, unsent = remembered(home.journal, datetime.now(UTC), time.monotonic())
        self.lines = Lines()
        self.links = Links()
        self.states = States()
        self.recorder = Recorder(
            home.journal, repeats, on_recorded=self._recorded, on_lost=self._lost, on_broken=self._broken
        )
        self.fallback = Fallback(settings.fallback_url, self.recorder, verdict=self._verdict)
        self.receiver = Receiver(self.recorder, lambda: self.lines, on_heard=self._heard, per_peer=settings.per_peer)
        self.web = Web(self.recorder, lambda: self.lines, self.states, on_heard=self._heard)
        self.uplink: Uplink | None = None
        for one in unsent:
            self.fallback.watch(one)
        self._take_rows()

    async def run(self) -> int:
        """Serves until it is told to end; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)
        writing = asyncio.create_task(self.recorder.run())
        ticking = asyncio.create_task(self._tick())
        address = self._settings.dc09
        dc09 = await self.receiver.listen(address.host, address.port) if address else None
        http, serving, port = self._serve_http()
        if self._home.url is not None:
            server = Server(self._home.url)
            client = Client(server, self._journal, self._home.key, app=APP, server_key=self._home.server_key)
            self.uplink = Uplink(
                client, self._journal, on_exchanged=self._exchanged, is_awaited=lambda: self.states.waiting > 0
            )
            self.uplink.start()
        log.info("gateway_ready", dc09=dc09, http=port, lines=len(self.lines), source=self._journal.state().source)
        await self._until_stopped(writing, ticking)
        await self.receiver.close()
        if http is not None and serving is not None:
            http.stop()  # type: ignore[no-untyped-call]  # granian's embedded server has no types
            with suppress(TimeoutError):
                await asyncio.wait_for(serving, 5)
        ticking.cancel()
        await self.fallback.close()
        self.recorder.close()
        await asyncio.wait({writing})
        if self.uplink is not None:
            await asyncio.to_thread(self.uplink.stop)
        self._journal.close()
        log.info("gateway_ended", exit=self._exit)
        return self._exit

    async def _until_stopped(self, *parts: asyncio.Task[None]) -> None:
        """Somebody asked for the end, or a part of this process died, which then ends whole, to be started again."""
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for part in parts:
            if part.done():
                log.critical("part_died", error=type(part.exception()).__name__)
                self._exit = 1

    def _serve_http(self) -> tuple[HttpServer | None, asyncio.Task[None] | None, int | None]:
        settings = self._settings
        if settings.http is None:
            return None, None, None
        # Granian tells no port that the system chose, and shares one with strangers: ours is taken first, alone.
        family = socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.http.host, settings.http.port))
            port = int(probe.getsockname()[1])
        server = HttpServer(
            app(self.web),
            address=settings.http.host,
            port=port,
            interface=Interfaces.ASGINL,
            log_enabled=False,
            websockets=False,
            ssl_cert=settings.certificate,
            ssl_key=settings.private_key,
        )
        return server, asyncio.create_task(server.serve()), port

    def _recorded(self, reading: Reading | None, entries: Sequence[Entry]) -> None:
        """Called in the loop for what is on disk."""
        if self.uplink is not None:
            self.uplink.wake()
        if reading is None or not is_p1(reading):
            return
        for event, entry in zip(reading.events, entries, strict=False):
            if event.kind in codes.P1:
                at = parse_recorded_at(entry.recorded_at)[0]
                self.fallback.watch(
                    Watched(entry.seq, entry.id, event.kind, reading.sender, event.point, time.monotonic(), at)
                )

    def _lost(self, reading: Reading) -> None:
        event = next(event for event in reading.events if event.kind in codes.P1)
        self.fallback.lost(event.kind or "", reading.sender, event.point, time.monotonic())

    def _broken(self) -> None:
        """The disk failed while writing: nothing may be called recorded until the journal was opened anew."""
        log.critical("journal_failed")
        self._exit = 1
        # The fallback's calls get a moment; then whatever watches this process starts it again.
        self._loop.call_later(2 * fallback.TIMEOUT_S, self._stop.set)

    def _heard(self, reading: Reading, now: datetime) -> None:
        if reading.feeds_link and reading.sender is not None:
            change = self.links.heard(reading.sender, time.monotonic(), now, is_poll=not reading.events)
            if change is not None:
                self._journal_changes([change], now)

    def _verdict(self, seq: int) -> str | None:
        if seq > self._journal.state().acked:
            return None
        found = self._journal.verdict(seq)
        return "accepted" if found is None else found.verdict

    def _exchanged(self, has_rows: bool) -> None:
        """Called in the uplink's thread."""
        if has_rows:
            self._loop.call_soon_threadsafe(self._take_rows)

    def _take_rows(self) -> None:
        """Lines and states are those that the server told last; lines of a file stand until it tells its own."""
        rows = [row.body for row in self._journal.rows(ROW)]
        told = Lines.of(rows)
        self.lines = Lines((*self._settings.lines, *told), unreadable=told.unreadable)
        if told.unreadable:
            log.warning("lines_unreadable", number=told.unreadable)
        self.links.expect(self.lines, time.monotonic())
        states = (msgspec.json.decode(row.body, type=_Told) for row in self._journal.rows(STATE_ROW))
        self.states.set({one.dedup: one.state for one in states})

    async def _tick(self) -> None:
        since = datetime.now(UTC)
        while True:
            await asyncio.sleep(TICK_S)
            now = datetime.now(UTC)
            self._journal_changes(self.links.tick(time.monotonic()), now)
            self.fallback.tick(time.monotonic())
            if now - since >= SUMMARY_EVERY:
                self._summarise(since, now)
                self.recorder.repeats.sweep(now)
                since = now
            if self.uplink is not None and not self.uplink.is_alive():
                log.critical("uplink_died")
                self._exit = 1
                self._stop.set()

    def _journal_changes(self, changes: Sequence[Change], now: datetime) -> None:
        for change in changes:
            log.info("link_changed", sender=change.sender, state=change.state)
            last_seen = None if change.last_seen is None else format_instant(change.last_seen)
            body = LinkChanged(sender=change.sender, state=change.state, at=format_instant(now), last_seen=last_seen)
            self._append("link.changed", body, now)

    def _summarise(self, since: datetime, now: datetime) -> None:
        repeated, strangers = dict(self.recorder.repeated), self.web.strangers
        self.recorder.repeated.clear()
        self.web.strangers = 0
        lines = [
            LineCount(
                sender=one.sender,
                state=one.state,
                polls=one.polls,
                signals=one.signals,
                repeats=repeated.get(one.sender, 0),
            )
            for one in self.links.counted()
        ]
        for start in range(0, max(len(lines), 1), SUMMARY_LINES):
            body = LinkSummary(
                since=format_instant(since),
                at=format_instant(now),
                lines=tuple(lines[start : start + SUMMARY_LINES]),
                strangers=strangers if start == 0 else 0,
            )
            self._append("link.summary", body, now)

    def _append(self, kind: str, body: msgspec.Struct, now: datetime) -> None:
        """The entry will be on disk soon; nobody waits for it, and a full disk is said by the recorder."""
        task = asyncio.ensure_future(self.recorder.append(kind, msgspec.json.encode(body), now))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


def settings_of(
    *,
    dc09: str | None,
    http: str | None,
    lines: Path | None,
    fallback: str | None,
    per_peer: int,
    certificate: Path | None,
    private_key: Path | None,
) -> Settings:
    """What the command line says.

    Raises:
        GatewayError: an address or the file of lines cannot be read.
    """
    try:
        rows = () if lines is None else msgspec.json.decode(lines.read_bytes(), type=tuple[Line, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise GatewayError(f"Die Datei der Leitungen ist nicht lesbar: {error}") from error
    if dc09 is None and http is None:
        raise GatewayError("Nichts zu empfangen. Bitte --dc09 oder --http angeben.")
    return Settings(
        dc09=None if dc09 is None else _address(dc09),
        http=None if http is None else _address(http),
        lines=rows,
        fallback_url=fallback,
        per_peer=per_peer,
        certificate=certificate,
        private_key=private_key,
    )


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise GatewayError(f"»{text}« ist keine Adresse der Form HOST:PORT.")
    return Address(host.strip("[]"), int(port))


def run(folder: Path, url: str | None, code: str | None, settings: Settings) -> int:
    """A gateway runs until SIGTERM or Ctrl-C; the exit code. Raises GatewayError, SyncError at its start."""
    home = open_home(folder, url, code)

    async def serve() -> int:
        return await Gateway(home, settings).run()

    return asyncio.run(serve())
