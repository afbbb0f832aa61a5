"""An installation on somebody else's PostgreSQL, and its tasks on each broker."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import create_connection, socket

import psycopg
import pytest

from backend.db import sessions_of
from backend.fields import uuid7
from backend.identity import service as identity
from backend.local import processes
from backend.local.child import Child, end_together
from backend.local.database import External
from backend.local.installation import DATABASE_URL, Installation
from backend.local.postgres import Postgres
from backend.local.state import LocalError, State
from backend.server import Server
from backend.settings import from_environment
from tests.backend.local.conftest import state_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    """The URL of a PostgreSQL that is not the installation's own."""
    with state_folder() as folder, Postgres(State.open(folder), durable=False, dies_with_us=True) as server:
        with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE town TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        yield server.superuser_url("town")


@pytest.fixture
def installation(foreign: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Installation:
    monkeypatch.setenv(DATABASE_URL, foreign)
    made = Installation(State.open(tmp_path / "state"))
    assert isinstance(made.database, External)
    return made


def test_any_postgresql_serves_and_is_left_running(installation: Installation) -> None:
    with installation.running_database():
        server = Server.open(from_environment(installation.environment()))
        town = uuid7()
        with sessions_of(server.engine, town).begin() as session:
            identity.found_town(session, slug="fremd", name="Fremd", domain="fremd.example", now=datetime.now(UTC))
        with server.across_towns().begin() as session:
            assert town in identity.all_towns(session)
        server.engine.dispose()
    assert installation.database.is_running()


def test_a_database_that_does_not_answer_is_said_in_a_sentence() -> None:
    with closing(socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(LocalError, match="antwortet nicht"):
            External(f"postgresql://nobody:x@127.0.0.1:{port}/none").start()


@contextmanager
def redis() -> Iterator[str]:
    if " redis " in os.environ.get("STREIFE_WITHOUT", ""):
        pytest.skip("NOT TESTED: redis")
    with closing(socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        assert processes.wait_until(lambda: answers(port), 10)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def answers(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@contextmanager
def database() -> Iterator[None]:
    yield None


@pytest.mark.parametrize("broker", [database, redis], ids=["database", "redis"])
def test_beat_and_worker_sweep_on_each_broker(
    broker, installation: Installation, foreign: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with broker() as url:
        if url is not None:
            monkeypatch.setenv("STREIFE_BROKER_URL", url)
        installation.prepare()
        began = datetime.now(UTC)
        specs = [spec for spec in installation.specs("127.0.0.1", 1) if spec.name != "api"]
        children = [Child(spec, tmp_path / f"{spec.name}.log", {}, print) for spec in specs]
        for child in children:
            child.start()
        try:
            found = processes.wait_until(lambda: swept(foreign, began), 60, every_s=0.2)
        finally:
            end_together(children, 10)
        assert found, (tmp_path / "worker.log").read_text()[-2000:]


def swept(url: str, since: datetime) -> bool:
    """Whether a sweep that beat asked for has ended since then."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM sweep WHERE finished_at > %s", (since,)).fetchone()
    return row is not None and row[0] > 0
