"""A PostgreSQL made ready for Streife: its roles, its database, its schema."""

from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from backend.db import APP_ROLE, BROKER_ROLE
from backend.local.state import LocalError

DATABASE: Final = "streife"
#: PostgreSQL 15, as the server counts its versions.
OLDEST: Final = 150000


def prepare_roles(owner_url: str, *, app_password: str, broker_password: str) -> None:
    """The two roles that own nothing exist and have these passwords. Repeating it changes only the passwords.

    Raises:
        psycopg.Error: the owner may not create roles.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection:
        for role, password in ((APP_ROLE, app_password), (BROKER_ROLE, broker_password)):
            exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            verb = sql.SQL("ALTER" if exists else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {}").format(
                    verb, sql.Identifier(role), sql.Literal(password)
                )
            )


def prepare_database(superuser_url: str, name: str = DATABASE) -> None:
    """The database exists. Only the roles that were granted it may connect."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(sql.Identifier(name))
            )


def with_login(url: str, role: str, password: str) -> str:
    """The same database, by another role."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(role, safe='')}:{quote(password, safe='')}@{where}"
    return urlunsplit(parts._replace(netloc=netloc)).replace("postgresql:/?", "postgresql:///?")


class External:
    """A PostgreSQL that somebody else runs; we neither start nor stop it."""

    pid: int | None = None

    def __init__(self, url: str) -> None:
        """`url` is of a role that may create roles and tables in its database."""
        self._url = url

    def start(self) -> None:
        """It answers and is new enough.

        Raises:
            LocalError: it does not answer, or is older than 15.
        """
        try:
            with psycopg.connect(self._url, connect_timeout=5) as connection:
                version = connection.info.server_version
        except psycopg.Error as error:
            raise LocalError(
                "Die Datenbank aus STREIFE_DATABASE_URL antwortet nicht. Bitte Adresse und Anmeldung prüfen."
            ) from error
        if version < OLDEST:
            raise LocalError(f"Die Datenbank ist PostgreSQL {version // 10000}; nötig ist 15 oder neuer.")

    def stop(self) -> None:
        """It goes on: it is not ours."""

    def is_running(self) -> bool:
        """Whether it answers now."""
        try:
            psycopg.connect(self._url, connect_timeout=3).close()
        except psycopg.Error:
            return False
        return True

    def superuser_url(self, _: str = "") -> str:
        """The URL that was given."""
        return self._url
