"""The tables behind Celery's default broker, kombu's SQLAlchemy transport, in a schema and with a role of their own.

Made by the migrations, because kombu's own first start races against itself when worker and beat start together.
"""

from typing import Final

from backend.db import BROKER_ROLE, definer_function, grant

SCHEMA: Final = "broker"

grant(
    f"CREATE SCHEMA {SCHEMA}",
    f"CREATE SEQUENCE {SCHEMA}.queue_id_sequence",
    f"CREATE SEQUENCE {SCHEMA}.message_id_sequence",
    f"CREATE TABLE {SCHEMA}.kombu_queue (id integer PRIMARY KEY, name varchar(200) UNIQUE)",
    f"CREATE TABLE {SCHEMA}.kombu_message (id integer PRIMARY KEY, visible boolean, timestamp timestamp,"
    " payload text NOT NULL, version smallint NOT NULL,"
    f' queue_id integer CONSTRAINT "FK_kombu_message_queue" REFERENCES {SCHEMA}.kombu_queue (id))',
    f"CREATE INDEX ix_kombu_message_timestamp_id ON {SCHEMA}.kombu_message (timestamp, id)",
    f"CREATE INDEX ix_kombu_message_visible ON {SCHEMA}.kombu_message (visible)",
    f"GRANT USAGE ON SCHEMA {SCHEMA} TO {BROKER_ROLE}",
    f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {BROKER_ROLE}",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA} TO {BROKER_ROLE}",
)

#: Kombu marks what was consumed and never deletes it.
definer_function(
    "forget_consumed",
    "before timestamp",
    "bigint",
    """
    WITH gone AS (DELETE FROM broker.kombu_message m WHERE NOT m.visible AND m.timestamp < before RETURNING 1)
    SELECT count(*) FROM gone
    """,
)


def broker_url(database_url: str) -> str:
    """What Celery connects to: the broker's schema of a PostgreSQL, by the broker's role."""
    joint = "&" if "?" in database_url else "?"
    address = database_url.replace("postgresql://", "sqla+postgresql+psycopg://", 1)
    return f"{address}{joint}options=-csearch_path%3D{SCHEMA}"
