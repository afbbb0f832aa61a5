"""A real gateway process, and a town's server model behind real HTTP."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

from backend.gateway.home import JOURNAL, KEY, SERVER
from backend.gateway.lines import Line
from sync.bodies import SignalReceived
from sync.entry import base64url, genesis_hash
from sync.journal import Journal
from tests.sync.samples import SOURCE, rfc6979_key
from tests.sync.town import Town

PROGRAM = "from backend.cli import main; main(prog_name='streife')"


@dataclass
class Running:
    """A gateway process; `kill` is kill -9."""

    process: subprocess.Popen[str]
    folder: Path
    dc09: int | None
    http: int | None
    said: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def start(
        cls, folder: Path, *, lines: tuple[Line, ...] = (), server: str | None = None, code: str | None = None,
        fallback: str | None = None, per_peer: int = 8, dc09: int = 0, http: int = 0,
    ) -> Self:  # fmt: skip
        """The gateway listens."""
        rows = folder.with_suffix(".json")
        rows.write_bytes(msgspec.json.encode(lines))
        told = {"--server": server, "--code": code, "--fallback": fallback, "--per-peer": str(per_peer)}
        options = [part for name, value in told.items() if value is not None for part in (name, value)]
        process = subprocess.Popen(
            [
                sys.executable, "-c", PROGRAM, "gateway", "--state", str(folder), "--lines", str(rows),
                "--dc09", f"127.0.0.1:{dc09}", "--http", f"127.0.0.1:{http}", *options,
            ],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        running = cls(process, folder, None, None)
        assert process.stdout is not None
        for line in process.stdout:
            running.said.append(json.loads(line))
            if running.said[-1]["event"] == "gateway_ready":
                running.dc09, running.http = running.said[-1]["dc09"], running.said[-1]["http"]
                threading.Thread(target=running._listen, daemon=True).start()
                return running
        raise AssertionError(f"ended with {process.wait()}: {running.said}")

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As an operator would; the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=20)


@contextmanager
def gateway(folder: Path, **options: Any) -> Iterator[Running]:
    """A gateway for the time of a block."""
    running = Running.start(folder, **options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def recorded(folder: Path) -> list[SignalReceived]:
    """The signals in the journal of a gateway that does not run."""
    journal = Journal.open(folder / JOURNAL)
    try:
        journal.verify()
        drafts = [draft for _, draft in journal.drafts(0, 10**6) if draft.kind == "signal.received"]
    finally:
        journal.close()
    return [msgspec.json.decode(draft.body, type=SignalReceived) for draft in drafts]


def kinds(folder: Path) -> list[str]:
    """The kinds of all entries, in order."""
    journal = Journal.open(folder / JOURNAL)
    try:
        return [entry.kind for entry in journal.entries(0, 10**6)]
    finally:
        journal.close()


class TownServer:
    """The server model of `tests/sync/town.py` on a port; `is_away` answers nothing."""

    def __init__(self) -> None:
        key = rfc6979_key()
        self.town = Town(spki=key.spki, genesis=genesis_hash(SOURCE, 1, key.spki_sha256))
        self.is_away = False
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"server_of_town": self, "protocol_version": "HTTP/1.1"})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def enrolled(self, folder: Path) -> Path:
        """A gateway's folder as it is after its enrolment here."""
        key = rfc6979_key()
        folder.mkdir(mode=0o700)
        key.store(folder / KEY)
        (folder / SERVER).write_text(json.dumps({"url": self.url, "server_key": base64url(key.spki)}))
        Journal.create(folder / JOURNAL, SOURCE, 1, key.spki_sha256).close()
        return folder

    def handle(self, request: httpx.Request) -> httpx.Response | None:
        with self._lock:
            return None if self.is_away else self.town.handle(request)

    def signals(self) -> list[SignalReceived]:
        """The signals that this server holds."""
        bodies = [json.loads(body) for _, body, _ in self.town.stored]
        return [msgspec.convert(body, SignalReceived) for body in bodies if "dedup" in body]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_of_town: TownServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = httpx.Request(
            self.command, self.server_of_town.url + self.path, headers=dict(self.headers), content=body
        )
        answer = self.server_of_town.handle(request)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def wait_until(condition: Any, seconds: float = 15.0) -> None:
    """`condition` holds; waited for with a deadline."""
    done = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        done.wait(0.02)
    raise AssertionError(f"not within {seconds} s")
