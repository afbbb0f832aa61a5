"""A database that was migrated is the one that the declared rows describe."""

import re
import subprocess
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from backend.local.postgres import Postgres
from backend.local.programs import find
from migrations import upgrade
from tests.conftest import Database


def schema(postgres: Postgres, url: str) -> list[str]:
    """What `pg_dump` says of a database, without what differs from run to run."""
    parts = urlsplit(url)
    environment = {"PGPASSWORD": parts.password or "", "PATH": "/usr/bin:/bin"}
    where = parse_qs(parts.query)
    command = [str(find(postgres.state).bin / "pg_dump"), "--schema-only", "--no-owner", "-U", parts.username or ""]
    command += ["-h", where["host"][0], "-p", where["port"][0], parts.path.removeprefix("/")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    lines = [line for line in lines if not re.match(r"^(--|\\(un)?restrict|$)", line)]
    return [line for line in lines if "alembic_version" not in line]


@pytest.mark.slow
def test_migrated_and_fresh_schema_are_the_same(postgres: Postgres, new_database: Callable[[], Database]) -> None:
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    migrated = postgres.superuser_url("migrated")
    upgrade(migrated)
    upgrade(migrated)  # again: nothing to do
    found = schema(postgres, migrated)
    wanted = schema(postgres, new_database().owner_url)
    # Alembic's own table is the only difference.
    extra = [line for line in found if line not in wanted]
    assert [line for line in extra if "version_num" not in line and line.strip() not in (");", "(")] == []
    assert [line for line in wanted if line not in found] == []
