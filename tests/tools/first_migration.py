"""Writes the first migration anew: the statements that declare today's rows. Only until the first release."""

import tempfile
from itertools import groupby
from pathlib import Path

import psycopg
from sqlalchemy import event

from backend.db import connect
from backend.local.database import prepare_roles
from backend.local.postgres import Postgres
from backend.local.state import State
from backend.tables import metadata
from migrations import FOLDER

TARGET = FOLDER / "versions" / "20261122_first.sql"


def statements(owner_url: str) -> list[str]:
    """What creating every row's table in an empty database executes, in order; a table's indexes sorted.

    SQLAlchemy keeps a table's indexes in a set: their order would change with each run.
    """
    engine, seen = connect(owner_url, pool_size=1), []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_, __, statement: str, *___: object) -> None:
        if not statement.lstrip().upper().startswith("SELECT"):
            seen.append(statement.strip().replace("\t", "    "))

    with engine.begin() as connection:
        metadata.create_all(connection)
    engine.dispose()
    return [one for is_index, run in groupby(seen, _makes_index) for one in (sorted(run) if is_index else run)]


def _makes_index(statement: str) -> bool:
    return statement.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        with Postgres(State.open(Path(folder) / "state"), durable=False, dies_with_us=True) as server:
            prepare_roles(server.superuser_url(), app_password="x", broker_password="x")
            with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
                connection.execute("CREATE DATABASE first")
            lines = (
                "\n".join(line.rstrip() for line in one.splitlines())
                for one in statements(server.superuser_url("first"))
            )
            TARGET.write_text("\n;\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
