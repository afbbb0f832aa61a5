from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest

from backend.db import Sessions
from backend.log import service
from backend.log.keys import LogKeys

DOMAIN = "musterstadt.example"
NOW = datetime(2026, 3, 29, 0, 59, 59, 999000, tzinfo=UTC)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> LogKeys:
    return LogKeys.load_or_create(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def sessions(database, town_id: UUID) -> Sessions:
    """Transactions of the application within this test's town."""
    return database.sessions(town_id)


@pytest.fixture
def fill(sessions: Sessions) -> Callable[..., list[bytes]]:
    """Appends that many new leaves, numbers them all, and returns every leaf of this test so far in order."""
    leaves: list[bytes] = []

    def fill(count: int, *, most: int = service.BATCH) -> list[bytes]:
        new = [sha256(b"leaf %d" % (len(leaves) + n)).digest() for n in range(count)]
        with sessions.begin() as session:
            for leaf in new:
                service.append(session, leaf)
        for _ in range(0, count, most):
            with sessions.begin() as session:
                service.sequence(session, now=NOW, most=most)
        leaves.extend(new)
        return list(leaves)

    return fill


@pytest.fixture
def publish(sessions: Sessions, keys: LogKeys) -> Callable[[], str | None]:
    """Signs the tree as it stands, each time two seconds later than before."""
    now = NOW

    def publish() -> str | None:
        nonlocal now
        now += timedelta(seconds=2)
        with sessions.begin() as session:
            return service.publish(session, keys, DOMAIN, now=now)

    return publish
