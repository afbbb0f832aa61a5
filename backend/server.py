"""What one server process holds: connections, keys, settings, the poller of the live hints."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self
from uuid import UUID

from sqlalchemy import Engine

from backend.buildings import timers
from backend.db import Sessions, connect, sessions_of
from backend.feed.live import Hub
from backend.identity.town_keys import Stated
from backend.local.state import write_atomically
from backend.log.keys import LogKeys
from backend.log.note import origin_of
from backend.media.receiving import Receiver
from backend.media.storage import Folder
from backend.offences import prefixes
from backend.settings import Settings
from sync.keys import SourceKey


class RootOffline(Exception):
    """A town's root key is kept elsewhere, as it should be, and something has to be stated with it now."""


@dataclass(frozen=True)
class Server:
    """Made once at start; nothing in it changes, and nothing in it is needed by another process."""

    settings: Settings
    engine: Engine
    record_key: SourceKey
    log_keys: LogKeys
    hub: Hub
    #: Receives uploads; knows the folder of their files.
    receiver: Receiver

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Keys are loaded, or made at the first start; no connection is opened yet."""
        prefixes.use(settings.plate_prefixes)
        engine = connect(settings.app_database_url, pool_size=settings.threads)
        keys, receiver = LogKeys.load_or_create(settings.keys_dir), Receiver(Folder(settings.media_dir))
        return cls(settings, engine, record_key(settings), keys, Hub(engine, timers.run), receiver)

    @property
    def secret(self) -> bytes:
        """What cursors are sealed with."""
        return self.settings.secret.encode()

    @cached_property
    def _across_towns(self) -> Sessions:
        return sessions_of(self.engine.execution_options(isolation_level="AUTOCOMMIT"), None)

    @property
    def packages(self) -> Path:
        """Where packages lie until they are gone; beside the files, as they are copies of them."""
        return self.settings.media_dir / "packages"

    def root_key(self, town: UUID) -> SourceKey:
        """The town's root key; made when it is first asked for, file 0600, outside the backup set.

        A town takes it offline by moving the file away once its statements are made; its public half stays, and
        nothing new can be stated until the file is back.

        Raises:
            RootOffline: there was one, and it is not here.
        """
        path = self.settings.keys_dir / f"root-{town}.pem"
        public = path.with_suffix(".spki")
        if not path.exists():
            if public.exists():
                raise RootOffline(path.name)
            made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            SourceKey.generate().store(made)
            with suppress(FileExistsError):  # another process was first: a link never replaces
                path.hardlink_to(made)
            made.unlink()
        key = SourceKey.load(path)
        if not public.exists():
            part = public.with_name(f".{public.name}.{secrets.token_hex(8)}")
            write_atomically(part, key.spki)
            part.replace(public)
        return key

    def root(self, town: UUID) -> bytes:
        """The public half of the town's root key (SPKI, DER), also while the key itself is elsewhere."""
        public = self.settings.keys_dir / f"root-{town}.spki"
        return public.read_bytes() if public.exists() else self.root_key(town).spki

    def stated_keys(self, domain: str) -> list[Stated]:
        """What the root of a town with this domain says about this server's keys."""
        logs = [Stated("log", spki, origin_of(domain)) for spki in self.log_keys.spkis()]
        return [Stated("record", self.record_key.spki), *logs]

    def across_towns(self) -> Sessions:
        """Single statements before a town is known: they see no town's rows and may call the definer functions.

        Each is a transaction by itself, which saves two round trips for every request that comes in.
        """
        return self._across_towns


def record_key(settings: Settings) -> SourceKey:
    """The server's record key, which signs control messages and records; made at the first start, file 0600."""
    settings.keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.keys_dir / "record.pem"
    if not path.exists():
        SourceKey.generate().store(path)
    return SourceKey.load(path)
