from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.journal import Journal
from tests.sync.samples import SOURCE, rfc6979_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal.create(path, SOURCE, 1, rfc6979_key().spki_sha256)
    yield made
    made.close()
