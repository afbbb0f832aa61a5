"""What journeys share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can pass through."""
    with tempfile.TemporaryDirectory(prefix="streife-journey-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)
