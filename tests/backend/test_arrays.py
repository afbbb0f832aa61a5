"""Our binary arrays are read by PostgreSQL as psycopg's own lists are."""

from datetime import UTC, date, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.arrays import array
from tests.conftest import Database

# hypothesis takes naive bounds and adds the zone itself.
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
VALUES = {
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "BOOLEAN": st.booleans(),
    "BYTEA": st.binary(),
    "DATE": st.dates(date(1, 1, 1)),
    "DOUBLE PRECISION": st.floats(allow_nan=False),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "SMALLINT": st.integers(-(2**15), 2**15 - 1),
    "TEXT": TEXTS,
    "TIMESTAMP WITH TIME ZONE": INSTANTS,
    "UUID": st.uuids(),
}


@pytest.fixture(scope="module")
def connection(database: Database):
    with psycopg.connect(database.app_url, autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize("kind", VALUES)
def test_every_value_and_null_survive_the_way_to_the_server(kind: str, connection: psycopg.Connection) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.none() | VALUES[kind], max_size=8))
    def survives(values: list[object]) -> None:
        found = connection.execute(f"SELECT %b::{kind}[]", [array(kind, values)]).fetchone()
        assert found is not None
        assert values == found[0]

    survives()


def test_a_column_of_one_value_is_that_value_in_every_row(connection: psycopg.Connection) -> None:
    found = connection.execute("SELECT %b::text[], %b::text[]", [array("TEXT", ["ü"] * 3), array("TEXT", [None] * 2)])
    assert (["ü"] * 3, [None] * 2) == found.fetchone()


def test_json_arrives_as_json(connection: psycopg.Connection) -> None:
    found = connection.execute("SELECT %b::jsonb[]", [array("JSONB", ['{"a": "ü"}', None])]).fetchone()
    assert ([{"a": "ü"}, None],) == found
