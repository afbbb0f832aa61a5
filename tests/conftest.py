"""A real PostgreSQL for every test run: one server, one migrated template, one clone for each test worker."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine

from backend.db import APP_ROLE, BROKER_ROLE, connect, sessions_of
from backend.fields import uuid7
from backend.local.database import prepare_roles
from backend.local.postgres import Postgres
from backend.local.state import State
from backend.tables import metadata

TEMPLATE = "streife_template"


@dataclass(frozen=True)
class Database:
    """A migrated database of its own, reachable as its owner and as the application."""

    owner_url: str
    app_url: str
    broker_url: str
    engine: Engine

    def sessions(self, town: UUID | None):
        """Transactions of the application within `town`."""
        return sessions_of(self.engine, town)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that is fast and may be lost; each worker has its own, gone with it."""
    with tempfile.TemporaryDirectory(prefix="streife-tests-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        with Postgres(State.open(Path(folder) / "state"), durable=False, dies_with_us=True) as server:
            yield server


@pytest.fixture(scope="session")
def new_database(postgres: Postgres) -> Callable[[], Database]:
    """Makes databases with the whole schema."""
    passwords = {role: secrets.token_urlsafe(12) for role in (APP_ROLE, BROKER_ROLE)}
    prepare_roles(postgres.superuser_url(), app_password=passwords[APP_ROLE], broker_password=passwords[BROKER_ROLE])
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    owner = connect(postgres.superuser_url(TEMPLATE), pool_size=1)
    with owner.begin() as connection:
        metadata.create_all(connection)
    owner.dispose()

    def make() -> Database:
        name = f"streife_{secrets.token_hex(4)}"
        with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        app_url = postgres.url(APP_ROLE, passwords[APP_ROLE], name)
        return Database(
            owner_url=postgres.superuser_url(name),
            app_url=app_url,
            broker_url=postgres.url(BROKER_ROLE, passwords[BROKER_ROLE], name),
            engine=connect(app_url),
        )

    return make


@pytest.fixture(scope="session")
def database(new_database: Callable[[], Database]) -> Database:
    """The database that the tests of one worker share; each test works in a town of its own."""
    return new_database()


@pytest.fixture
def town_id() -> UUID:
    """An id for a town of this test's own."""
    return uuid7()
