"""Imports every slice's rows, so that `Base.metadata` is whole: for migrations, tests and the schema dump."""

import backend.broker
import backend.buildings.tables
import backend.dispatch.tables
import backend.evidence.export_tables
import backend.evidence.tables
import backend.exchange.tables
import backend.feed.tables
import backend.identity.tables
import backend.log.tables
import backend.media.tables
import backend.offences.tables
import backend.sweeps
import backend.work.tables  # noqa: F401 - declared by being imported
from backend.db import Base

metadata = Base.metadata
