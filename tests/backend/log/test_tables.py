"""What the database itself refuses, whoever asks."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.fields import Actor, uuid7
from backend.log import queries, service
from backend.log.tables import Base
from tests.backend.log.conftest import NOW

APPEND_ONLY = ["log_leaf", "log_checkpoint", "log_record"]
TABLES = sorted(name for name in Base.metadata.tables if name.startswith("log_"))


@pytest.fixture
def filled(sessions, fill, publish):
    """A town with at least one row in every table of the log."""
    with sessions.begin() as session:
        actor = Actor(town=session.info["town"])
        service.record(
            session, actor, "clip.viewed", "c", {}, private={"a": 1}, now=NOW, new_id=uuid7, software="streife"
        )
    fill(3)
    publish()
    with sessions.begin() as session:
        service.append(session, bytes(32))
    return sessions


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {} SET town = town", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_append_only_tables_refuse_even_their_owner(database, filled, table, statement):
    with (
        psycopg.connect(database.owner_url) as owner,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        owner.execute(statement.format(table))


@pytest.mark.parametrize("table", TABLES)
def test_the_application_may_not_truncate(filled, table):
    with filled() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text(f"TRUNCATE {table} CASCADE"))


@pytest.mark.parametrize("table", ["log_tile", "log_tree"])
def test_tiles_and_trees_cannot_be_deleted(filled, table):
    with filled() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text(f"DELETE FROM {table}"))


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_a_town_are_invisible_to_every_other(database, filled, table):
    count = text(f"SELECT count(*) FROM {table}")
    with filled.begin() as session:
        town = session.info["town"]
        assert session.scalar(count) > 0
    for other in (uuid7(), None):
        with database.sessions(other).begin() as session:
            assert session.scalar(text(f"SELECT count(*) FROM {table} WHERE town = :town"), {"town": town}) == 0


def test_a_leaf_for_another_town_is_refused(database, town_id):
    with database.sessions(uuid7())() as session, pytest.raises(DBAPIError, match="row-level security"):
        session.execute(
            text("INSERT INTO log_queue (town, leaf) VALUES (:town, :leaf)"), {"town": town_id, "leaf": bytes(32)}
        )


def test_proofs_and_records_of_another_town_are_not_found(database, filled, fill):
    leaves = fill(1)
    with filled.begin() as session:
        record_id = session.scalar(text("SELECT id FROM log_record"))
        assert queries.record(session, record_id)
        assert queries.inclusion(session, leaves[0], 4)
    with database.sessions(uuid7()).begin() as session:
        for query, argument in ((queries.record, record_id), (queries.inclusion, leaves[0])):
            with pytest.raises(queries.NotFound):
                query(session, argument)


def test_the_function_that_sees_every_town_tells_only_which_ones_wait(database, filled):
    with database.sessions(None).begin() as session:
        waiting = set(session.scalars(text("SELECT log_towns_waiting()")))
    assert filled.kw["info"]["town"] in waiting
    with psycopg.connect(database.owner_url) as owner:
        granted = owner.execute(
            "SELECT proname, prosecdef, proacl::text FROM pg_proc WHERE proname = 'log_towns_waiting'"
        ).fetchall()
    assert granted == [("log_towns_waiting", True, "{postgres=X/postgres,streife_app=X/postgres}")]


@pytest.mark.parametrize("leaf", [b"", bytes(31), bytes(33)])
def test_a_leaf_is_a_sha256(sessions, leaf):
    with pytest.raises(DBAPIError, match="ck_log_queue_leaf"), sessions.begin() as session:
        service.append(session, leaf)
