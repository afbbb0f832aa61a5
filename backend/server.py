"""What one server process holds: connections, keys, settings, the poller of the live hints."""

from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from backend.db import Sessions, connect, sessions_of
from backend.feed.live import Hub
from backend.log.keys import LogKeys
from backend.media.receiving import Receiver
from backend.media.storage import Folder
from backend.offences import prefixes
from backend.settings import Settings
from sync.keys import SourceKey


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
        return cls(settings, engine, record_key(settings), keys, Hub(engine), receiver)

    @property
    def secret(self) -> bytes:
        """What cursors are sealed with."""
        return self.settings.secret.encode()

    def across_towns(self) -> Sessions:
        """Single statements before a town is known: they see no town's rows and may call the definer functions.

        Each is a transaction by itself, which saves two round trips for every request that comes in.
        """
        return sessions_of(self.engine.execution_options(isolation_level="AUTOCOMMIT"), None)


def record_key(settings: Settings) -> SourceKey:
    """The server's record key, which signs control messages and records; made at the first start, file 0600."""
    settings.keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.keys_dir / "record.pem"
    if not path.exists():
        SourceKey.generate().store(path)
    return SourceKey.load(path)
