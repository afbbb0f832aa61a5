"""The first schema, as the statements beside this file (made by `python -m tests.tools.first_migration`).

pre: runs before the new code starts.
"""

from pathlib import Path

from alembic import op

revision = "20261122"
down_revision = None


def upgrade() -> None:
    """Every table, policy, function and grant of the first version exists."""
    connection = op.get_bind()
    for statement in Path(__file__).with_suffix(".sql").read_text().split("\n;\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
