"""Pushes through the exchange beside PouchDB 9 replicating to express-pouchdb 4.2 (design/sync.md 7).

Both are durable, both push 10,000 documents of some 587 bytes in batches of 100 over loopback HTTP from one process.
PouchDB has up to ten batches in flight; a source of ours has one, so a town's phones are measured too: four at once.
Ours has seal, chain, rules, two scopes and log on; worker and beat run as they do in `streife up`.
Each run has fresh server processes and empty stores (as design/sync.md 7), warmed by 1,000 documents, ours and the
peer's alike. Filling the local store is outside both clocks, and the disk has nothing left to write before. Bytes are
those at the server's sockets with HTTP headers, both directions.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import msgspec

from backend.fields import uuid7
from backend.local import setup
from sync.client import Client
from sync.entry import format_recorded_at
from sync.journal import Journal
from sync.ledger import Draft
from tests.benchmarks.result import result
from tests.benchmarks.running import Running, running

ENTRIES, BATCH, ROUNDS = 10_000, 100, 5
PEER = "PouchDB 9.0.0 + express-pouchdb 4.2.0, Stapel 100"
PEER_PACKAGES = ["pouchdb@9.0.0", "express-pouchdb@4.2.0", "express@4"]
SCRIPT = Path(__file__).parent / "peers" / "pouchdb.mjs"


def run() -> list[dict[str, object]]:
    cache = install_peer()
    ours, four, theirs = [], [], []
    for number in range(ROUNDS):
        ours.append(push_fresh(1))
        if cache is not None:
            os.sync()
            theirs.append(push_peer(cache))
        four.append(push_fresh(4))
        print(f"Runde {number + 1}: {ours[-1]} {four[-1]} {theirs[-1:]}", file=sys.stderr)
    peer = PEER if theirs else None
    return [
        result(
            "pushes, one phone", "1/s", [one["per_s"] for one in ours],
            peer=peer, peer_values=[one["per_s"] for one in theirs], must=1.5, goal=3.0, is_ratio=True,
        ),
        result(
            "pushes, four phones at once", "1/s", [one["per_s"] for one in four],
            peer=peer, peer_values=[one["per_s"] for one in theirs], must=1.5, goal=3.0, is_ratio=True,
        ),
        result(
            "bytes an entry on the wire", "B", [one["bytes"] for one in ours],
            peer=peer, peer_values=[one["bytes_per_doc"] for one in theirs], must=200, goal=180, higher_is_better=False,
        ),
        result(
            "server CPU an entry, PostgreSQL included", "ms", [one["server_cpu_ms"] for one in ours],
            peer=peer, peer_values=[one["server_cpu_s"] / ENTRIES * 1000 for one in theirs], higher_is_better=False,
        ),
        result("mean body", "B", [one["body_bytes"] for one in ours]),
    ]  # fmt: skip


def push_fresh(phones: int) -> dict[str, float]:
    """`push` of all entries to a server that was started for it and has taken a tenth of them before."""
    with running("api", "worker", "beat") as server:
        setup.import_catalogue(server.server, server.town, None)
        push(server, 1, ENTRIES // 10)
        return push(server, phones, ENTRIES)


def push(server: Running, phones: int, count: int) -> dict[str, float]:
    """New phones record `count` offences between them, then send them at the same time; only the sending is timed."""
    traffic, share = Traffic(), count // phones
    ready = []
    for _ in range(phones):
        client, journal, person = server.phone(httpx.Client(transport=traffic))
        drafts = offences(share, person)
        for start in range(0, share, BATCH):
            journal.append_many(drafts[start : start + BATCH])
        ready.append((client, journal))

    def send(client: Client, journal: Journal) -> None:
        while journal.state().acked < share:
            client.exchange_once()

    threads = [threading.Thread(target=send, args=pair) for pair in ready]
    os.sync()
    before, cpu, began = traffic.bytes, server.cpu_s(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - began, server.cpu_s() - cpu
    for _, journal in ready:
        assert {journal.verdict(seq) for seq in range(1, share + 1)} == {None}, "every entry is simply accepted"
        journal.close()
    return {
        "per_s": count / seconds,
        "bytes": (traffic.bytes - before) / count,
        "server_cpu_ms": cpu / count * 1000,
        "body_bytes": sum(len(draft.body) for draft in drafts) / share,
    }


class Traffic(httpx.HTTPTransport):
    """Counts what goes over the socket: bodies as they are sent, and the headers' text."""

    def __init__(self) -> None:
        super().__init__(limits=httpx.Limits(max_connections=16))
        self.bytes = 0
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        packed = b"".join(answer.iter_raw())
        line = len(request.method) + len(request.url.raw_path) + 12
        size = line + _size(request.headers) + len(request.content) + 17 + _size(answer.headers) + len(packed)
        with self._lock:
            self.bytes += size
        return httpx.Response(answer.status_code, headers=answer.headers, content=packed, request=request)


def _size(headers: httpx.Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers.raw) + 2


def offences(count: int, by: UUID) -> list[Draft]:
    """Offences as different from each other as the documents of design/sync.md 7; the notes share 96 characters."""
    rng, catalogue = random.Random(42), [("112042", 1500), ("101060", 2000)]
    note = "Fahrzeug ohne erkennbaren Parkschein, Windschutzscheibe einsehbar, kein Ladevorgang erkennbar, Foto folgt. "
    drafts = []
    for _ in range(count):
        now = format_recorded_at(datetime.now(UTC), "Europe/Berlin")
        tbnr, cents = rng.choice(catalogue)
        body = {
            "by": str(by),
            "tbnr": tbnr,
            "occurred_at": now,
            "street": rng.choice(["Mühlenstraße", "Neumarkt", "Meerstraße"]),
            "house_no": str(rng.randrange(120)),
            "position": {"lat": _near(51.4, rng), "lon": _near(6.6, rng), "accuracy_m": 5},
            "plate": f"MO-{rng.choice('ABCDEF')}{rng.choice('KLMNOP')} {rng.randrange(1, 9999)}",
            "vehicle": {"make": rng.choice(["Volkswagen", "Mercedes"]), "colour": "weiß", "kind": "Pkw"},
            "amount_cents": cents,
            "note": note + f"{rng.getrandbits(96):024x}",
            "subject": {"type": "offence_draft", "id": f"{rng.getrandbits(96):024x}"},
            "clock": {"offset_ms": rng.randrange(-900, 900), "age_s": 60, "mono_ms": rng.randrange(9**8)},
        }  # fmt: skip
        drafts.append(
            Draft(
                id=str(uuid7()), kind="offence.recorded", v=1, recorded_at=now, body=msgspec.json.encode(body), media=()
            )
        )
    return drafts


def _near(degrees: float, rng: random.Random) -> float:
    return round(degrees + rng.random() / 10, 6)


def push_peer(cache: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="streife-peer-") as folder:
        done = subprocess.run(
            ["node", str(SCRIPT), str(ENTRIES), str(BATCH), folder],
            cwd=cache, check=True, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    return json.loads(done.stdout.strip().splitlines()[-1])


def install_peer() -> Path | None:
    """The folder outside the tree with the peer's packages; None, said aloud, where they cannot be had."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    cache = base / "streife-benchmarks" / "pouchdb"
    if (cache / "node_modules" / "express-pouchdb").is_dir():
        return cache
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "package.json").write_text('{"private": true}')
    npm = shutil.which("npm")
    if npm is not None:
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", *PEER_PACKAGES], cwd=cache, check=False, capture_output=True
        )
        if done.returncode == 0:
            return cache
    print("Der Vergleichspartner PouchDB ließ sich nicht installieren: gemessen wird nur Streife.", file=sys.stderr)
    return None
