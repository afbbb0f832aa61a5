"""The real application on the real database; each test works in a town of its own."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from backend.app import create
from backend.db import sessions_of
from backend.fields import TownId, uuid7
from backend.identity import service as identity
from backend.server import Server
from backend.settings import Settings
from tests.backend import described
from tests.backend.world import World
from tests.conftest import Database


@pytest.fixture(scope="session")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """What one server process holds, on this worker's database."""
    settings = Settings(
        app_database_url=database.app_url,
        broker_url="memory://",
        keys_dir=tmp_path_factory.mktemp("keys"),
        media_dir=tmp_path_factory.mktemp("media"),
        secret=secrets.token_urlsafe(32),
        secure_cookies=False,
    )
    return Server.open(settings)


class CheckedClient(TestClient):
    """A client that holds every answer to the API's description."""

    def send(self, *args: Any, **kwargs: Any) -> httpx.Response:
        answer = super().send(*args, **kwargs)
        if not kwargs.get("stream"):
            described.check(answer)
        return answer


@pytest.fixture(scope="session")
def http(server: Server) -> Iterator[TestClient]:
    """The application, in this process, over its whole ASGI path."""
    with CheckedClient(create(server), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def world(http: TestClient, server: Server, tmp_path: Path) -> World:
    """A new town."""
    return new_town(http, server, tmp_path)


@pytest.fixture
def other(http: TestClient, server: Server, tmp_path: Path) -> World:
    """Another town on the same server."""
    folder = tmp_path / "other"
    folder.mkdir()
    return new_town(http, server, folder)


def new_town(http: TestClient, server: Server, folder: Path) -> World:
    town, slug = TownId(uuid7()), f"t{secrets.token_hex(5)}"
    with sessions_of(server.engine, town).begin() as session:
        identity.found_town(session, slug=slug, name=f"Stadt {slug}", domain=f"{slug}.example", now=datetime.now(UTC))
    return World(http, server, town, slug, folder)
