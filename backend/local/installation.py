"""One installation: which database it uses, with which secrets, and which processes make it up."""

import os
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from backend.broker import broker_url
from backend.db import APP_ROLE, BROKER_ROLE
from backend.local.child import Spec
from backend.local.database import DATABASE, External, prepare_database, prepare_roles, with_login
from backend.local.postgres import Postgres
from backend.local.state import State

#: Any server ≥ 15 instead of our own; the URL of a role that may create roles and tables.
DATABASE_URL: Final = "STREIFE_DATABASE_URL"
#: Bytes of a request that the API reads at once, at most. One upload comes with 644 MB/s; with the server's own
#: 408 KiB it was 601. With 1 MiB it is 745, but 16 uploads then take 170 MiB, and may take 160.
HTTP_BUFFER: Final = 512 * 1024


class Installation:
    """The state folder's secrets and its database: our own PostgreSQL, or the one of `STREIFE_DATABASE_URL`."""

    def __init__(self, state: State) -> None:
        """Nothing is started or connected."""
        self.state = state
        given = os.environ.get(DATABASE_URL)
        self.database: Postgres | External = External(given) if given else Postgres(state)

    @contextmanager
    def running_database(self) -> Iterator[None]:
        """The database runs and has the newest schema; one that was started for this ends with the block."""
        was_running = self.database.is_running()
        self.database.start()
        try:
            self.prepare()
            yield
        finally:
            if not was_running:
                self.database.stop()

    def prepare(self) -> None:
        """Roles, database and schema are there."""
        from migrations import upgrade  # noqa: PLC0415 - half a second that `status` and `down` do not need

        owner_url = self.owner_url(make=True)
        passwords = {role: self.state.secret(role) for role in (APP_ROLE, BROKER_ROLE)}
        prepare_roles(owner_url, app_password=passwords[APP_ROLE], broker_password=passwords[BROKER_ROLE])
        upgrade(owner_url)

    def environment(self) -> dict[str, str]:
        """What the server's processes read their settings from; caller's own `STREIFE_…` variables win."""
        owner_url = self.owner_url()
        ours = {
            "STREIFE_APP_DATABASE_URL": with_login(owner_url, APP_ROLE, self.state.secret(APP_ROLE)),
            "STREIFE_BROKER_URL": broker_url(with_login(owner_url, BROKER_ROLE, self.state.secret(BROKER_ROLE))),
            "STREIFE_KEYS_DIR": str(self.state.subfolder("keys")),
            "STREIFE_MEDIA_DIR": str(self.state.subfolder("media")),
            "STREIFE_SECRET": self.state.secret("cursors"),
            "STREIFE_SECURE_COOKIES": "false",
        }
        return ours | {name: os.environ[name] for name in ours if name in os.environ}

    def specs(self, host: str, port: int) -> Sequence[Spec]:
        """API, worker and beat, in the order of their start."""
        python, environment = sys.executable, self.environment()
        api = [python, "-m", "granian", "--interface", "asgi", "--factory", "backend.app:create", "--host", host]
        api += ["--port", str(port), "--workers", "1", "--loop", "uvloop", "--no-ws", "--log-level", "warning"]
        api += ["--http1-buffer-size", str(HTTP_BUFFER)]
        celery = [python, "-m", "celery", "--app", "backend.worker:celery", "--quiet"]
        worker = [*celery, "worker", "--pool", "threads", "--concurrency", "4", "--loglevel", "WARNING"]
        worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        schedule = self.state.folder / "beat.schedule"
        beat = [*celery, "beat", "--schedule", str(schedule), "--pidfile", "", "--loglevel", "WARNING"]
        beat += ["--max-interval", "1"]
        return [
            # Two arenas: with one for each thread, freed memory stays with the thread that freed it.
            Spec("api", api, {**environment, "MALLOC_ARENA_MAX": "2"}, ready=lambda: is_healthy(host, port)),
            Spec("worker", worker, environment, needs_database=True),
            Spec("beat", beat, environment, needs_database=True),
        ]

    def owner_url(self, *, make: bool = False) -> str:
        """The database by the role that owns its tables; `make` creates the database in our own server."""
        if isinstance(self.database, External):
            return self.database.superuser_url()
        if make:
            prepare_database(self.database.superuser_url())
        return self.database.superuser_url(DATABASE)


def is_healthy(host: str, port: int) -> bool:
    """Whether the API answers and reaches its database."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/v1/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def web_missing(folder: Path) -> str | None:
    """Why there are no pages, in German; None if there are."""
    if (folder / "index.html").is_file():
        return None
    return "Die Seiten für die Browser wurden beim Installieren nicht gebaut."
