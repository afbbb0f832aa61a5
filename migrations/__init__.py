"""The database's schema, step by step. `upgrade` brings any database to the newest step, or does nothing."""

from pathlib import Path

from alembic import command
from alembic.config import Config

FOLDER = Path(__file__).parent


def upgrade(owner_url: str) -> None:
    """The schema is the newest; whoever else upgrades at the same time is waited for.

    `owner_url` is of a role that may create tables and owns what it creates; the application's role must exist.

    Raises:
        sqlalchemy.exc.DBAPIError: a step failed; its transaction was rolled back and the schema is as before.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["owner_url"] = owner_url
    command.upgrade(config, "head")
