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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
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
    metric: str,
    unit: str,
    value: float,
    *,
    goal: float,
    must: float | None = None,
    less: bool = False,
    peer: tuple[str, float] | None = None,
) -> dict[str, object]:
    def met(bound: float) -> bool:
        return value <= bound if less else value >= bound

    return {
        "metric": metric,
        "unit": unit,
        "value": round(value, 2),
        "peer": peer[0] if peer else None,
        "peer_value": round(peer[1], 2) if peer else None,
        "ratio": round(value / peer[1], 2) if peer else None,
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
        connection.execute(text("CREATE TABLE bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, leaf bytea)"))
        connection.execute(text(f"GRANT INSERT ON bare TO {APP_ROLE}"))
    owner.dispose()
    return server.url(APP_ROLE, passwords[APP_ROLE], "benchmark")


# ---- appends


def _appends(url: str, keys: Path) -> Iterator[dict[str, object]]:
    for batch, must, goal in ((100, 3000, 6000), (10, None, 3000), (1, None, 3000)):
        with _sequencer(url, keys):
            rounds = [(_append_round(url, batch, number), _bare_round(url, batch)) for number in range(ROUNDS)]
        rates, bare = zip(*rounds, strict=True)
        yield _result(
            f"log: leaves committed and numbered, {WRITERS} writers, {batch} in a transaction",
            "1/s",
            statistics.median(rates),
            must=must,
            goal=goal,
            peer=("psycopg alone: the same rows and transactions, no log", statistics.median(bare)),
        )


def _append_round(url: str, batch: int, number: int) -> float:
    """Leaves a second, from the writers' start until the last leaf has its index."""
    engine = connect(url, pool_size=WRITERS + 2)
    sessions = sessions_of(engine, uuid7())
    start = time.perf_counter()

    def write(writer: int) -> int:
        written = 0
        while time.perf_counter() - start < SECONDS:
            with sessions.begin() as session:
                for n in range(written, written + batch):
                    service.append(session, (n << 16 | writer << 8 | number).to_bytes(32, "big"))
            written += batch
        return written

    with ThreadPoolExecutor(WRITERS) as pool:
        written = sum(pool.map(write, range(WRITERS)))
    _wait(lambda: _size(sessions) == written)
    elapsed = time.perf_counter() - start
    engine.dispose()
    return written / elapsed


def _bare_round(url: str, batch: int) -> float:
    """Rows a second of the same writers without us, into a table with one key: what driver and disk give now."""
    start = time.perf_counter()

    def write(_: int) -> int:
        written = 0
        with psycopg.connect(url) as connection:
            while time.perf_counter() - start < SECONDS:
                leaves = [n.to_bytes(32, "big") for n in range(written, written + batch)]
                connection.execute("INSERT INTO bare (leaf) SELECT * FROM unnest(%b::bytea[])", [leaves])
                connection.commit()
                written += batch
        return written

    with ThreadPoolExecutor(WRITERS) as pool:
        return sum(pool.map(write, range(WRITERS))) / (time.perf_counter() - start)


@contextmanager
def _sequencer(url: str, keys: Path) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    process = context.Process(target=_sequence_until, args=(url, keys, ready, stop))
    process.start()
    try:
        if not ready.wait(60):
            raise TimeoutError
        yield
    finally:
        stop.set()
        process.join()


def _sequence_until(url: str, folder: Path, ready: Event, stop: Event) -> None:
    engine, keys = connect(url), LogKeys.load_or_create(folder)
    ready.set()
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
    whole, own = (statistics.median(seconds) for seconds in zip(*starts, strict=True))
    name = "log: process start to first checkpoint and checked proof, 1 M leaves"
    yield _result(name, "s", whole, must=5, goal=3, less=True)
    yield _result(f"{name}, without interpreter and imports", "s", own, goal=0.5, less=True)
    yield _result("log: one inclusion proof, 1 M leaves", "ms", _proof_ms(sessions), goal=10, less=True)
    engine.dispose()


def _restart(url: str, folder: Path, town: UUID, sessions: Sessions, number: int) -> tuple[float, float]:
    """Seconds for a fresh process to number one more leaf, sign, prove it and check the proof: all, and its own."""
    with sessions.begin() as session:
        service.append(session, number.to_bytes(32, "big"))
    command = [sys.executable, "-c", "from tests.benchmarks.log import first_proof; first_proof()"]
    start = time.perf_counter()
    done = subprocess.run([*command, url, str(folder), str(town)], check=True, stdout=subprocess.PIPE)
    return time.perf_counter() - start, float(done.stdout)


def first_proof() -> None:
    """What a new process has to do before it can prove anything; its arguments are on the command line."""
    start = time.perf_counter()
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
    print(time.perf_counter() - start)


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
