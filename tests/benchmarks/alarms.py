"""From a panel's button to the control room (control-room.md 9): latency at 200 alarms/s, and the sustained rate.

Panels, gateway, API, worker, beat and PostgreSQL share this machine, over loopback. A latency ends with the SSE hint
after which the desk found the alarm in the feed, or with the page in which it did. `in the journal` is a closed loop of
panels against a gateway without server; `to committed` is what a gateway whose server was away then brings to it; `at
once` is both together. Every alarm is checked: acknowledged, once in the journal, counted once at the desk.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from statistics import quantiles

import httpx
import psutil

from backend.fields import Role
from backend.gateway.lines import Line
from backend.local.panels import Panel, crowd
from tests.backend.gateway.running import Running as Gateway
from tests.backend.gateway.running import recorded, wait_until
from tests.benchmarks.result import result
from tests.benchmarks.running import running
from tests.journeys.alarming import Room, signed_in

ROUNDS = 3
PANELS, ZONES = 50, 8
PER_S, SECONDS = 200, 15
#: Closed loop: so many panels, each with so many alarms of so many points. Each point's alarm stays open.
LOAD_PANELS, LOAD_EACH, LOAD_ZONES = 200, 50, 2


def run() -> list[dict[str, object]]:
    latencies, rates = defaultdict(list), defaultdict(list)
    for number in range(ROUNDS):
        for name, value in measure_latency().items():
            latencies[name].append(value)
        for name, value in measure_rate().items():
            rates[name].append(value)
        print(f"Runde {number + 1}: {dict(latencies)} {dict(rates)}", file=sys.stderr)
    return [
        result(f"button to acknowledgement, p99 at {PER_S}/s", "ms", latencies["ack"], higher_is_better=False),
        result(f"button to SSE hint, p50 at {PER_S}/s", "ms", latencies["hint_p50"], higher_is_better=False),
        result(f"button to SSE hint, p99 at {PER_S}/s", "ms", latencies["hint"], goal=100, higher_is_better=False),
        result(f"button to alarm at the desk, p99 at {PER_S}/s", "ms", latencies["desk"], higher_is_better=False),
        result("alarms in the journal, closed loop", "1/s", rates["journal"], goal=3000),
        result("alarms from the journal to committed", "1/s", rates["exchange"], goal=3000),
        result("alarms from the button to committed, at once", "1/s", rates["both"], goal=3000),
        result("server CPU an alarm, PostgreSQL included", "ms", rates["server_cpu"], higher_is_better=False),
        result("gateway CPU an alarm, its start included", "ms", rates["gateway_cpu"], higher_is_better=False),
    ]  # fmt: skip


class Desk(threading.Thread):
    """A screen: a hint, then the feed; when each count of each alarm was there."""

    def __init__(self, http: httpx.Client, streaming: httpx.Client) -> None:
        super().__init__(daemon=True)
        self._http, self._streaming = http, streaming
        self._cursor = http.get("/v1/desk/board").raise_for_status().json()["cursor"]
        #: (account, point) → count → when the hint came, when the page was there.
        self.seen: dict[tuple[str, str], list[tuple[int, float, float]]] = defaultdict(list)

    def run(self) -> None:
        with suppress(httpx.TransportError), self._streaming.stream("GET", "/v1/live", timeout=60) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    self._pull(time.monotonic())

    def _pull(self, hinted: float) -> None:
        while True:
            page = self._http.get("/v1/feed", params={"after": self._cursor}).raise_for_status().json()
            self._cursor = page["cursor"]
            now = time.monotonic()
            for change in page["changes"]:
                if change["type"] == "alarm" and change["op"] == "put":
                    alarm = change["body"]
                    self.seen[alarm["sender"], alarm["spot"].rsplit(":", 1)[-1]].append((alarm["count"], hinted, now))
            if not page["more"]:
                return

    def of(self, spot: tuple[str, str], number: int) -> tuple[float, float] | None:
        """When the alarm of that spot counted to `number`."""
        return next(((hinted, there) for count, hinted, there in self.seen[spot] if count >= number), None)


def measure_latency() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, running("api", "worker", "beat") as server:
        room = Room.of(server)
        gateway, panels = ready(room, Path(folder) / "gateway", PANELS)
        desk = Desk(room.desk, signed_in(server, Role.DISPATCHER))
        desk.start()
        try:
            pressed = asyncio.run(press_steadily(panels))
            wait_until(lambda: all(desk.of(spot, number) for spot, number, _, _ in pressed), 30)
            told = sum(room.told().values())
            assert len(pressed) == told, f"{len(pressed)} pressed, {told} told"
        finally:
            gateway.stop()
    seen = [(sent, answered, *(desk.of(spot, number) or (0.0, 0.0))) for spot, number, sent, answered in pressed]
    return {
        "ack": percentile([answered - sent for sent, answered, _, _ in seen], 99),
        "hint_p50": percentile([hinted - sent for sent, _, hinted, _ in seen], 50),
        "hint": percentile([hinted - sent for sent, _, hinted, _ in seen], 99),
        "desk": percentile([there - sent for sent, _, _, there in seen], 99),
    }


def percentile(values: list[float], which: int) -> float:
    """In milliseconds."""
    return quantiles(values, n=100)[which - 1] * 1000


Pressed = tuple[tuple[str, str], int, float, float]


async def press_steadily(panels: list[Panel]) -> list[Pressed]:
    """PER_S alarms a second for SECONDS, open loop, evenly over panels and points: spot, its count, sent, answered."""
    rng, pressed = random.Random(7), []
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.5

    async def one(panel: Panel, offset: float) -> None:
        counts: dict[str, int] = defaultdict(int)
        for number in range(PER_S * SECONDS // len(panels)):
            due = began + offset + number * len(panels) / PER_S
            await asyncio.sleep(max(0.0, due - loop.time()))
            zone = number % ZONES + 1
            frame, sent = panel.alarm(zone, "122"), time.monotonic()
            assert await panel.deliver(frame)
            counts[f"{zone:03d}"] += 1
            pressed.append(((panel.account, f"{zone:03d}"), counts[f"{zone:03d}"], sent, time.monotonic()))

    await asyncio.gather(*(one(panel, rng.random() * len(panels) / PER_S) for panel in panels))
    for panel in panels:
        await panel.close()
    return pressed


def measure_rate() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, running("api", "worker", "beat") as server:
        room = Room.of(server)
        panels = crowd("127.0.0.1", 0, LOAD_PANELS, first=0x2000)
        count = LOAD_PANELS * LOAD_EACH
        alone = Gateway.start(Path(folder) / "alone", lines=lines_of(panels))
        journal = asyncio.run(storm(alone, panels))
        assert 0 == alone.stop()
        assert count == len({signal.raw for signal in recorded(Path(folder) / "alone")})

        gateway, panels = ready(room, Path(folder) / "gateway", LOAD_PANELS)
        os.sync()
        began = time.perf_counter()
        asyncio.run(storm(gateway, panels))
        stored = time.perf_counter()
        wait_until(lambda: signals_of(server) >= count, 240)
        done = time.perf_counter()
        assert 0 == gateway.stop()
        assert count == sum(room.told().values())
        backlog = measure_backlog(room, Path(folder) / "backlog")
    print(f"stored at {count / (stored - began):.0f}/s while exchanging", file=sys.stderr)
    return {"journal": count / journal, "both": count / (done - began), **backlog}


def measure_backlog(room: Room, folder: Path) -> dict[str, float]:
    """A gateway whose server was away has a backlog; how fast it is committed."""
    gateway, panels = ready(room, folder, LOAD_PANELS, first=0x3000)
    assert 0 == gateway.stop()
    address = folder / "server.json"
    known = address.read_text()
    away = json.loads(known) | {"url": "http://127.0.0.1:9"}
    address.write_text(json.dumps(away))
    gateway = Gateway.start(folder)
    asyncio.run(storm(gateway, panels))
    assert 0 == gateway.stop()
    address.write_text(known)
    before, count = signals_of(room.server), LOAD_PANELS * LOAD_EACH
    os.sync()
    began = time.perf_counter()
    cpu = room.server.cpu_s()
    gateway = Gateway.start(folder)
    wait_until(lambda: signals_of(room.server) >= before + count, 240)
    seconds = time.perf_counter() - began
    times = psutil.Process(gateway.process.pid).cpu_times()
    of_gateway = times.user + times.system
    cpu = room.server.cpu_s() - cpu - of_gateway
    assert 0 == gateway.stop()
    return {
        "exchange": count / seconds, "server_cpu": cpu / count * 1000, "gateway_cpu": of_gateway / count * 1000,
    }  # fmt: skip


def signals_of(server) -> int:  # type: ignore[no-untyped-def]
    """How many signals are committed."""
    with server.sessions.begin() as session:
        return int(session.connection().exec_driver_sql("SELECT count(*) FROM signal").scalar_one())


def lines_of(panels: list[Panel]) -> tuple[Line, ...]:
    return tuple(Line(protocol="dc09", sender=panel.account, interval_s=0) for panel in panels)


def ready(room: Room, folder: Path, number: int, *, first: int = 0x1000) -> tuple[Gateway, list[Panel]]:
    """A gateway of this server that knows so many panels' lines."""
    gateway = room.gateway(folder)
    panels = crowd("127.0.0.1", gateway.dc09 or 0, number, first=first)
    room.expect(gateway, panels, interval_s=3600)

    async def asked() -> bool:
        answered = await panels[-1].deliver(panels[-1].poll(), until_s=0.5)
        await panels[-1].close()
        return answered

    wait_until(lambda: asyncio.run(asked()), 30)
    return gateway, panels


async def storm(gateway: Gateway, panels: list[Panel]) -> float:
    """Each panel sends its next alarm at the acknowledgement of the last; the seconds it took."""
    began = time.perf_counter()
    await asyncio.gather(*(_Loop.run(gateway.dc09 or 0, panel) for panel in panels))
    return time.perf_counter() - began


class _Loop(asyncio.Protocol):
    """A panel that costs little: frames made before, answers counted by their ends."""

    def __init__(self, frames: list[bytes], done: asyncio.Future[None]) -> None:
        self._frames, self._done = frames, done
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def run(cls, port: int, panel: Panel) -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        frames = [panel.alarm(number % LOAD_ZONES + 1, "122") for number in range(LOAD_EACH)][::-1]
        ours = (panel.host_of_ours or "127.0.0.1", 0)
        await loop.create_connection(lambda: cls(frames, done), "127.0.0.1", port, local_addr=ours)
        await done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._frames.pop())

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        assert b'"ACK"' in data
        if b"\r" in data:
            if self._frames:
                self._transport.write(self._frames.pop())
            else:
                self._transport.close()
                self._done.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(ConnectionError("hung up"))
