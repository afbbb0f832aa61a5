"""Alembic's entry: one transaction for all steps, one upgrade at a time, no endless waiting for locks."""

from alembic import context

from backend.db import connect
from backend.tables import metadata

#: Any number; the same for every upgrade of Streife in a cluster.
_ONE_AT_A_TIME = 7310011
#: A migration may build an index on a large table, but must not queue everybody behind a lock.
_OPTIONS = "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=15min"

engine = connect(context.config.attributes["owner_url"], pool_size=1, options=_OPTIONS)
with engine.connect() as connection:
    connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (_ONE_AT_A_TIME,))
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
