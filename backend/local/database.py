"""A PostgreSQL made ready for Streife: its roles, its database, its schema."""

from typing import Final

import psycopg
from psycopg import sql

from backend.db import APP_ROLE, BROKER_ROLE

DATABASE: Final = "streife"


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
