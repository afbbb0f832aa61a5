"""The gateway as a process: what is acknowledged is in the journal, once, and at the server, once."""

import asyncio
import json
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec import Raw

from backend.gateway.lines import Line
from backend.local.panels import Panel, crowd, press
from sync.exchange import Change
from tests.backend.gateway.running import PROGRAM, Running, TownServer, gateway, kinds, recorded, wait_until
from tests.sync.samples import SOURCE, uuid7

SEED = 20261122


@pytest.fixture
def server() -> Iterator[TownServer]:
    made = TownServer()
    yield made
    made.close()


def lines_of(panels: list[Panel]) -> tuple[Line, ...]:
    return tuple(Line(protocol="dc09", sender=panel.account) for panel in panels)


def told(panel: Panel, frame: bytes) -> tuple[str, bytes]:
    return panel.account, frame


@pytest.mark.slow
def test_an_alarm_is_acknowledged_and_reaches_the_server(tmp_path: Path, server: TownServer) -> None:
    folder = server.enrolled(tmp_path / "gateway")
    with gateway(folder, lines=(Line(protocol="dc09", sender="1000"),), server=server.url) as running:
        (panel,) = crowd("127.0.0.1", running.dc09 or 0, 1)
        assert 1 == asyncio.run(press([panel], 1))
        wait_until(lambda: len(server.signals()) == 1)
        assert 0 == running.stop()
    (signal,) = recorded(folder)
    assert ("1000", "001", "panic.silent", "1122") == (signal.sender, signal.point, signal.kind, signal.code)
    assert [signal] == server.signals()
    assert "link.changed" in kinds(folder)


@pytest.mark.slow
@pytest.mark.parametrize("is_present", [True, False], ids=["server there", "server away at first"])
def test_fifty_panels_and_kill_9_lose_and_double_nothing(tmp_path: Path, server: TownServer, is_present: bool) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    folder = server.enrolled(tmp_path / "gateway")
    server.is_away = not is_present
    panels = crowd("127.0.0.1", 0, 50)
    options = {"lines": lines_of(panels), "server": server.url}
    running = Running.start(folder, **options)
    port = running.dc09 or 0
    for panel in panels:
        panel.port, panel.patience_s = port, 0.5
    acknowledged: Counter[tuple[str, bytes]] = Counter()

    async def storm() -> int:
        nonlocal running
        pressing = asyncio.create_task(
            press(
                panels, 10, pause_s=0.05, on_acknowledged=lambda panel, frame: acknowledged.update([told(panel, frame)])
            )
        )
        for done in sorted(rng.sample(range(5, 450), 5)):  # by progress: a slow machine and a fast one kill alike
            while acknowledged.total() < done:  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.005)
            running.kill()
            running = await asyncio.to_thread(lambda: Running.start(folder, dc09=port, **options))
        return await pressing

    try:
        assert 500 == asyncio.run(storm())
        server.is_away = False
        wait_until(lambda: len(server.signals()) >= 500, 30)
        assert 0 == running.stop()
    finally:
        running.process.kill()
    assert 500 == len(acknowledged)
    found = Counter((signal.sender, signal.raw) for signal in recorded(folder))
    assert 500 == len(found)
    assert 1 == max(found.values()), "a repetition after a kill was recorded again"
    at_server = Counter((signal.sender, signal.raw) for signal in server.signals())
    assert found == at_server
    assert any(panel.sent > 10 for panel in panels), "no kill made any panel repeat"


@pytest.mark.slow
def test_without_a_server_everything_is_recorded_and_the_fallback_is_called(tmp_path: Path) -> None:
    calls: list[bytes] = []

    async def run() -> None:
        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            calls.append(await reader.readexactly(size))
            writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

        box = await asyncio.start_server(relay, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{box.sockets[0].getsockname()[1]}/relay"
        running = await asyncio.to_thread(
            lambda: Running.start(tmp_path / "gateway", lines=(Line(protocol="dc09", sender="1000"),), fallback=url)
        )
        (panel,) = crowd("127.0.0.1", running.dc09 or 0, 1)
        assert 1 == await press([panel], 1)
        for _ in range(300):
            if calls and any(line["event"] == "fallback_fired" for line in running.said):
                break
            await asyncio.sleep(0.05)
        assert 0 == await asyncio.to_thread(running.stop)
        box.close()

    asyncio.run(run())
    (call,) = calls
    assert b'"reason":"no_verdict"' in call.replace(b'": "', b'":"')
    assert {"signal.received", "link.changed", "fallback.fired"} == set(kinds(tmp_path / "gateway"))


@pytest.mark.slow
def test_frames_of_one_segment_are_answered_in_order_and_polls_are_not_recorded(tmp_path: Path) -> None:
    with gateway(tmp_path / "gateway", lines=(Line(protocol="dc09", sender="1000"),)) as running:
        panel = Panel("127.0.0.1", running.dc09 or 0, "1000")
        first, poll, second = panel.alarm(1), panel.poll(), panel.alarm(2)
        with socket.create_connection(("127.0.0.1", running.dc09 or 0)) as line:
            line.settimeout(5)
            line.sendall(first + poll + b"junk" + second[:9])
            line.sendall(second[9:])
            got = b""
            while got.count(b"\r") < 3:
                got += line.recv(4096)
        assert [b'"ACK"0001', b'"ACK"0000', b'"ACK"0002'] == [part[9:18] for part in got.split(b"\r")[:3]]
        assert 0 == running.stop()
    signals = recorded(tmp_path / "gateway")
    assert ["001", None, "002"] == [signal.point for signal in signals]
    assert ["unparsed"] == [flag for signal in signals for flag in signal.flags]


@pytest.mark.slow
def test_udp_is_answered_too(tmp_path: Path) -> None:
    with gateway(tmp_path / "gateway", lines=(Line(protocol="dc09", sender="1000"),)) as running:
        panel = Panel("127.0.0.1", running.dc09 or 0, "1000")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(5)
            sender.sendto(panel.alarm(1), ("127.0.0.1", running.dc09 or 0))
            assert b'"ACK"0001L0#1000[]' in sender.recv(4096)
        assert 0 == running.stop()
    assert 1 == len(recorded(tmp_path / "gateway"))


@pytest.mark.slow
def test_a_peer_has_eight_connections(tmp_path: Path) -> None:
    with gateway(tmp_path / "gateway", lines=(Line(protocol="dc09", sender="1000"),)) as running:
        address = ("127.0.0.1", running.dc09 or 0)
        held = [socket.create_connection(address) for _ in range(8)]
        for line in held:
            line.settimeout(5)
            line.sendall(Panel(*address, "1000").poll())
            assert b"ACK" in line.recv(100)
        with socket.create_connection(address) as ninth:
            ninth.settimeout(5)
            assert b"" == ninth.recv(100)
        held.pop().close()
        wait_until(lambda: _is_answered(address))
        for line in held:
            line.close()


def _is_answered(address: tuple[str, int]) -> bool:
    with socket.create_connection(address) as line:
        line.settimeout(5)
        line.sendall(Panel(*address, "1000").poll())
        try:
            return b"ACK" in line.recv(100)
        except OSError:
            return False


@pytest.mark.slow
def test_lines_and_states_come_from_the_server_and_lines_outlive_it(tmp_path: Path, server: TownServer) -> None:
    folder = server.enrolled(tmp_path / "gateway")
    token, key = "desk-token", str(uuid4())
    line = {"protocol": "http", "sender": "desk", "token_sha256": sha256(token.encode()).hexdigest(), "interval_s": 10}
    server.town.changes = [row(f"self:{SOURCE}", "line", 1, line)]
    bearer = {"Authorization": f"Bearer {token}"}
    body = {"v": 1, "point": "desk-3", "kind": "panic", "level": 2}
    with gateway(folder, server=server.url) as running:
        url = f"http://127.0.0.1:{running.http}/v1/signals"
        wait_until(lambda: httpx.post(f"{url[:-7]}heartbeats", headers=bearer).status_code == 204)
        assert 201 == httpx.post(url, json=body, headers=bearer | {"Idempotency-Key": key}).status_code
        wait_until(lambda: len(server.signals()) == 1)
        state = {"dedup": server.signals()[0].dedup, "state": "shown"}
        server.town.changes = [row(f"self:{SOURCE}", "signal_state", 2, state)]
        answer = httpx.get(f"{url}/{key}", params={"known": "recorded", "wait_s": 20}, headers=bearer, timeout=30)
        assert {"key": key, "state": "shown"} == answer.json()
        assert 0 == running.stop()
    server.is_away = True
    with gateway(folder, server=server.url) as running:
        url = f"http://127.0.0.1:{running.http}/v1/signals"
        assert 200 == httpx.post(url, json=body, headers=bearer | {"Idempotency-Key": key}).status_code
        assert 201 == httpx.post(url, json=body, headers=bearer | {"Idempotency-Key": str(uuid4())}).status_code
        assert 0 == running.stop()


def row(scope: str, type_: str, number: int, body: dict[str, Any]) -> Change:
    return Change(scope=scope, op="put", type=type_, id=uuid7(number), rev=number, body=Raw(json.dumps(body).encode()))


@pytest.mark.slow
def test_a_line_that_cannot_be_read_hinders_no_other(tmp_path: Path, server: TownServer) -> None:
    folder = server.enrolled(tmp_path / "gateway")
    good = {"protocol": "dc09", "sender": "1000"}
    server.town.changes = [
        row("self", "line", 1, {"protocol": "smoke", "sender": "1"}), row("self", "line", 2, good),
    ]  # fmt: skip
    with gateway(folder, server=server.url) as running:
        (panel,) = crowd("127.0.0.1", running.dc09 or 0, 1)
        wait_until(lambda: any(line["event"] == "lines_unreadable" for line in running.said))
        assert 1 == asyncio.run(press([panel], 1))
        assert 0 == running.stop()
    assert [()] == [signal.flags for signal in recorded(folder)]


@pytest.mark.slow
def test_a_gateway_without_journal_asks_for_a_code_and_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "gateway", "--state", str(tmp_path / "g"), "--dc09", "127.0.0.1:0"]
    for options, words in (
        (["--server", "http://127.0.0.1:9"], "--code"),
        (["--http", "nowhere"], "HOST:PORT"),
        (["--lines", __file__], "nicht lesbar"),
    ):
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert 1 == done.returncode
        assert words in done.stderr


@pytest.mark.slow
def test_a_journal_of_one_gateway_has_one_process(tmp_path: Path) -> None:
    with gateway(tmp_path / "gateway"):
        command = [
            sys.executable,
            "-c",
            PROGRAM,
            "gateway",
            "--state",
            str(tmp_path / "gateway"),
            "--dc09",
            "127.0.0.1:0",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert 1 == done.returncode
        assert "open elsewhere" in done.stderr


@pytest.mark.slow
def test_http_answers_problems_and_records(tmp_path: Path) -> None:
    with gateway(tmp_path / "gateway") as running:
        answer = httpx.post(
            f"http://127.0.0.1:{running.http}/v1/signals", json={}, headers={"Authorization": "Bearer x"}
        )
        assert 401 == answer.status_code
        assert "application/problem+json" == answer.headers["content-type"]
        assert 0 == running.stop()
