"""Imports every slice's rows, so that `Base.metadata` is whole: for migrations, tests and the schema dump."""

from backend.db import Base

metadata = Base.metadata
