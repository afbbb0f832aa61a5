"""How fast the log takes leaves, numbers them and proves them: a durable PostgreSQL, real transactions.

Writers run in this process and the sequencer in one of its own, as in production. A leaf counts when it was committed
and has its index.
"""

import multiprocessing
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Thread
from uuid import UUID

import psycopg
from sqlalchemy import func, select, text

from backend.db import APP_ROLE, BROKER_ROLE, Sessions, connect, sessions_of
from backend.fields import uuid7
from backend.local.database import prepare_roles
from backend.local.postgres import Postgres
from backend.local.state import State
from backend.log import note, queries, rules, service
from backend.log.keys import LogKeys
from backend.log.tables import LeafRow, TreeRow
from backend.tables import metadata

DOMAIN = "musterstadt.example"
WRITERS = 16
ROUNDS = 5
SECONDS = 3.0
MANY = 1_000_000


def run() -> list[dict[str, object]]:
    """All results of one run, about four minutes."""
    with tempfile.TemporaryDirectory(prefix="streife-log-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        with Postgres(State.open(folder / "state"), durable=True, dies_with_us=True) as server:
            url = _database(server)
            return [*_appends(url, folder / "keys"), *_a_million(url, folder / "keys")]


def _result(
    metric: str, unit: str, value: float, *, goal: float, must: float | None = None, less: bool = False
) -> dict[str, object]:
    def met(bound: float) -> bool:
        return value <= bound if less else value >= bound

    return {
        "metric": metric,
        "unit": unit,
        "value": round(value, 2),
        "peer": None,
        "peer_value": None,
        "ratio": None,
        "must": must,
        "goal": goal,
        "must_met": None if must is None else met(must),
        "goal_met": met(goal),
    }


def _database(server: Postgres) -> str:
    passwords = {role: secrets.token_urlsafe(12) for role in (APP_ROLE, BROKER_ROLE)}
    prepare_roles(server.superuser_url(), app_password=passwords[APP_ROLE], broker_password=passwords[BROKER_ROLE])
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE benchmark")
    owner = connect(server.superuser_url("benchmark"), pool_size=1)
    with owner.begin() as connection:
        metadata.create_all(connection)
    owner.dispose()
    return server.url(APP_ROLE, passwords[APP_ROLE], "benchmark")


# ---- appends


def _appends(url: str, keys: Path) -> Iterator[dict[str, object]]:
    for batch, must, goal in ((100, 3000, 6000), (10, None, 3000), (1, None, 3000)):
        with _sequencer(url, keys):
            rates = [_append_round(url, batch, number) for number in range(ROUNDS)]
        name = f"log: leaves committed and numbered, {WRITERS} writers, {batch} in a transaction"
        yield _result(name, "1/s", statistics.median(rates), must=must, goal=goal)


def _append_round(url: str, batch: int, number: int) -> float:
    """Leaves a second, from the writers' start until the last leaf has its index."""
    engine = connect(url, pool_size=WRITERS + 2)
    sessions = sessions_of(engine, uuid7())
    written = [0] * WRITERS
    start = time.perf_counter()

    def write(writer: int) -> None:
        while time.perf_counter() - start < SECONDS:
            with sessions.begin() as session:
                for n in range(batch):
                    leaf = written[writer] + n << 16 | writer << 8 | number
                    service.append(session, leaf.to_bytes(32, "big"))
            written[writer] += batch

    writers = [Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    _wait(lambda: _size(sessions) == sum(written))
    elapsed = time.perf_counter() - start
    engine.dispose()
    return sum(written) / elapsed


@contextmanager
def _sequencer(url: str, keys: Path) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=_sequence_until, args=(url, keys, stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join()


def _sequence_until(url: str, folder: Path, stop: Event) -> None:
    engine, keys = connect(url), LogKeys.load_or_create(folder)
    while not stop.is_set():
        if not service.sequence_all(engine, keys, domain_of=lambda _: DOMAIN, now=_now):
            stop.wait(0.02)


# ---- a million leaves


def _a_million(url: str, folder: Path) -> Iterator[dict[str, object]]:
    town = uuid7()
    engine = connect(url)
    sessions = sessions_of(engine, town)
    with sessions.begin() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(
            text("INSERT INTO log_queue (town, leaf) SELECT :town, sha256(int8send(n)) FROM generate_series(1, :n) n"),
            {"town": town, "n": MANY},
        )
    keys = LogKeys.load_or_create(folder)
    start = time.perf_counter()
    while service.sequence_all(engine, keys, domain_of=lambda _: DOMAIN, now=_now):
        pass
    yield _result("log: one sequencer on 1 M waiting leaves", "1/s", MANY / (time.perf_counter() - start), goal=10_000)
    starts = [_restart(url, folder, town, sessions, number) for number in range(3)]
    name = "log: process start to first checkpoint and checked proof, 1 M leaves"
    yield _result(name, "s", statistics.median(starts), must=5, goal=2, less=True)
    yield _result("log: one inclusion proof, 1 M leaves", "ms", _proof_ms(sessions), goal=10, less=True)
    engine.dispose()


def _restart(url: str, folder: Path, town: UUID, sessions: Sessions, number: int) -> float:
    """Seconds for a fresh process to number one more leaf, sign, prove it and check the proof."""
    with sessions.begin() as session:
        service.append(session, number.to_bytes(32, "big"))
    command = [sys.executable, "-c", "from tests.benchmarks.log import first_proof; first_proof()"]
    start = time.perf_counter()
    subprocess.run([*command, url, str(folder), str(town)], check=True)
    return time.perf_counter() - start


def first_proof() -> None:
    """What a new process has to do before it can prove anything; its arguments are on the command line."""
    url, folder, town = sys.argv[1], Path(sys.argv[2]), UUID(sys.argv[3])
    engine, keys = connect(url), LogKeys.load_or_create(folder)
    service.sequence_all(engine, keys, domain_of=lambda _: DOMAIN, now=_now)
    origin = note.origin_of(DOMAIN)
    with sessions_of(engine, town).begin() as session:
        newest = session.scalars(select(LeafRow.leaf).order_by(LeafRow.index.desc()).limit(1)).one()
        head = note.verified_checkpoint(queries.checkpoint(session).encode(), keys.verifier_keys(origin), origin)
        proof = queries.inclusion(session, newest)
    path = [bytes.fromhex(part) for part in proof.path]
    if not (head.size > MANY and rules.verify_inclusion(newest, proof.index, head.size, path, head.root)):
        raise SystemExit("the proof does not verify")


def _proof_ms(sessions: Sessions) -> float:
    times = []
    for number in range(200):
        index = number * (MANY // 200)
        with sessions.begin() as session:
            leaf = session.scalars(select(LeafRow.leaf).where(LeafRow.index == index)).one()
        start = time.perf_counter()
        with sessions.begin() as session:
            queries.inclusion(session, leaf)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _size(sessions: Sessions) -> int:
    with sessions.begin() as session:
        return session.scalar(select(func.coalesce(func.max(TreeRow.size), 0))) or 0


def _wait(condition: Callable[[], bool], *, at_most_s: float = 120) -> None:
    end = time.perf_counter() + at_most_s
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError
        time.sleep(0.01)


def _now() -> datetime:
    return datetime.now(UTC)
