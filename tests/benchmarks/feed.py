"""Does a reader of the feed miss anything? 16 writers, a fifth of them pausing 0 to 20 ms before they commit.

The writers send the very statement of `feed.service`; the reader is the one of the screens. Beside it reads a naive
reader by sequence: it MUST miss rows, or the benchmark proves nothing.
"""

import json
import multiprocessing
import random
import sys
import tempfile
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from uuid import UUID

import psycopg

from backend.db import APP_ROLE, connect, rows, sessions_of
from backend.feed import queries, service
from backend.feed.rules import START
from backend.fields import uuid7
from backend.local.database import prepare_roles
from backend.local.postgres import Postgres
from backend.local.state import State
from backend.tables import metadata
from tests.benchmarks.result import result

WRITERS, PROCESSES, SECONDS, ROUNDS = 16, 2, 4.0, 5
SCOPES = ["office", "desk", "me:1", "town"]
PEER = "Leser nach laufender Nummer (Gegenprobe)"


def run() -> list[dict[str, object]]:
    rounds = []
    with tempfile.TemporaryDirectory(prefix="streife-feed-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        with Postgres(State.open(folder / "state"), durable=True, dies_with_us=True) as server:
            prepare_roles(server.superuser_url(), app_password="messung", broker_password="messung")
            owner = connect(server.superuser_url(), pool_size=1)
            with owner.begin() as connection:
                metadata.create_all(connection)
            owner.dispose()
            url = server.url(APP_ROLE, "messung", "postgres")
            for number in range(ROUNDS):
                rounds.append(one_round(url, number))
                print(f"Runde {number + 1}: {rounds[-1]}", file=sys.stderr)
    return [
        result(
            "rows missed", "", [one["missed"] for one in rounds],
            peer=PEER, peer_values=[one["naive_missed"] for one in rounds], must=0, goal=0, higher_is_better=False,
        ),
        result("lag p99", "ms", [one["p99_ms"] for one in rounds], goal=50, higher_is_better=False),
        result("lag p50", "ms", [one["p50_ms"] for one in rounds], higher_is_better=False),
        result("transactions written", "1/s", [one["tx_per_s"] for one in rounds]),
        result("control: the naive reader missed rows", "", [float(one["naive_missed"] > 0) for one in rounds], must=1),
    ]  # fmt: skip


def one_round(url: str, seed: int) -> dict[str, float]:
    """Writers and readers for four seconds in a town of their own; then what was committed, read and when."""
    town = uuid7()
    start, stop = multiprocessing.Event(), multiprocessing.Event()
    inbox: multiprocessing.Queue = multiprocessing.Queue()
    share = WRITERS // PROCESSES
    writers = [
        multiprocessing.Process(target=write, args=(url, town, seed * 100 + n, share, start, stop, inbox))
        for n in range(PROCESSES)
    ]
    for one in writers:
        one.start()
    engine = connect(url)
    with sessions_of(engine, None).begin() as session:
        service.begin_history(session)
    seen: dict[str, float] = {}
    naive: set[str] = set()
    done = threading.Event()
    readers = [
        threading.Thread(target=read, args=(engine, town, seen, done)),
        threading.Thread(target=read_naively, args=(engine, town, naive, done)),
    ]
    for _ in range(PROCESSES):
        inbox.get()
    for one in readers:
        one.start()
    start.set()
    time.sleep(SECONDS)
    stop.set()
    committed: dict[str, float] = {}
    for _ in writers:
        committed |= inbox.get()
    for one in writers:
        one.join()
    time.sleep(1.0)
    done.set()
    for one in readers:
        one.join()
    engine.dispose()
    lags = sorted((seen[key] - at) * 1000 for key, at in committed.items() if key in seen)
    return {
        "tx_per_s": len(committed) / SECONDS,
        "missed": len(committed.keys() - seen.keys()),
        "naive_missed": len(committed.keys() - naive),
        "p50_ms": lags[len(lags) // 2],
        "p99_ms": lags[int(len(lags) * 0.99)],
    }


def write(
    url: str, town: UUID, seed: int, threads: int, start: Event, stop: Event, inbox: "multiprocessing.Queue"
) -> None:
    """What was committed, by key, with the moment before its commit."""
    committed: dict[str, float] = {}

    def one(number: int) -> None:
        rng = random.Random(seed * 1000 + number)
        with psycopg.connect(url, autocommit=True) as connection:
            start.wait()
            while not stop.is_set():
                id_ = uuid7()
                row = (town, rng.choice(SCOPES), "offence", id_, "put", 1, json.dumps({"id": str(id_)}).encode())
                with connection.transaction():
                    connection.execute("SELECT set_config('app.town', %s, true)", (str(town),))
                    connection.execute(service.PUT.statement, service.PUT.columns([row]))
                    if rng.random() < 0.2:
                        time.sleep(rng.random() * 0.02)
                    at = time.time()
                committed[str(id_)] = at

    workers = [threading.Thread(target=one, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    inbox.put("ready")
    for worker in workers:
        worker.join()
    inbox.put(committed)


def read(engine, town: UUID, seen: dict[str, float], done: threading.Event) -> None:
    """The screens' reader, every 5 ms: rows below the horizon after the last position."""
    sessions, at = sessions_of(engine, town), START
    while not done.is_set():
        with sessions.begin() as session:
            page = queries.page(session, SCOPES, at, queries.horizon(session), 2000)
        now = time.time()
        for row in page.rows:
            seen.setdefault(str(row.id), now)
        at = page.at
        if not page.more:
            time.sleep(0.005)


def read_naively(engine, town: UUID, seen: set[str], done: threading.Event) -> None:
    """What a plain sequence promises and does not keep."""
    sessions, after = sessions_of(engine, town), 0
    while not done.is_set():
        with sessions.begin() as session:
            found = rows(session, "SELECT id, pos FROM feed WHERE pos > %(after)s ORDER BY pos LIMIT 2000", after=after)
        seen.update(str(row.id) for row in found)
        after = found[-1].pos if found else after
        time.sleep(0.005)
