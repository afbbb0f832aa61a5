"""The gateway's folder: its key, its journal, and whose it is.

    key.pem        0600  the source's private key, on disk before the server hears of it
    server.json    0600  address of the server and the town's record key
    journal.sqlite 0600  everything that was acknowledged

Without a server it records for itself: such a journal can never be sent, as its source has no server.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

import structlog

from sync.enrolment import Enrolled
from sync.entry import from_base64url
from sync.errors import NetworkFailure, Refused, SyncError
from sync.journal import Journal
from sync.keys import SourceKey
from sync.server import Server, enrol

APP: Final = "gateway 1"
JOURNAL, KEY, SERVER = "journal.sqlite", "key.pem", "server.json"
RETRY_S: Final = 2.0

log = structlog.get_logger()


class GatewayError(Exception):
    """Something only a person can settle; the message says in German what it is and what to do next."""


class Home(NamedTuple):
    """An open folder. `url` and `server_key` are None for a gateway without a server."""

    journal: Journal
    key: SourceKey
    url: str | None
    server_key: bytes | None


def open_home(
    folder: Path,
    url: str | None,
    code: str | None,
    *,
    wait: Callable[[float], object] = time.sleep,
) -> Home:
    """The folder's journal, enrolled with `code` at the first start; later starts need neither server nor code.

    Raises:
        GatewayError: there is no journal and no way to one, or the folder belongs to another server.
        SyncError: the journal is damaged or in use.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = _key(folder / KEY)
    path = folder / JOURNAL
    if not path.exists():
        if url is None:
            Journal.create(path, str(uuid4()), 1, key.spki_sha256).close()
        elif code is None:
            raise GatewayError("Dieses Gateway ist noch nicht angemeldet. Bitte beim ersten Start --code angeben.")
        else:
            enrolled = _enrolled(Server(url), code, key, wait)
            _write(folder / SERVER, json.dumps({"url": url, "server_key": enrolled.server_key}).encode())
            Journal.create(path, enrolled.source, enrolled.incarnation, key.spki_sha256).close()
    known = json.loads((folder / SERVER).read_bytes()) if (folder / SERVER).exists() else None
    if known is None and url is not None:
        raise GatewayError(
            "Dieses Journal entstand ohne Server und kann nie gesendet werden. Bitte --state neu wählen."
        )
    journal = Journal.open(path)
    if known is None:
        return Home(journal, key, None, None)
    return Home(journal, key, url or str(known["url"]), from_base64url(known["server_key"]))


def _key(path: Path) -> SourceKey:
    if not path.exists():
        SourceKey.generate().store(path)
    return SourceKey.load(path)


def _enrolled(server: Server, code: str, key: SourceKey, wait: Callable[[float], object]) -> Enrolled:
    """The server's answer; one that is away is waited for, as the code lives for minutes only."""
    while True:
        try:
            return enrol(server, code=code, kind="gateway", key=key, app=APP)
        except NetworkFailure as error:
            log.warning("server_away", error=str(error))
            wait(RETRY_S)
        except Refused as error:
            raise GatewayError(f"Der Server nimmt den Code nicht an. Bitte einen neuen anfordern. ({error})") from error
        except SyncError as error:
            raise GatewayError(f"Die Anmeldung ist gescheitert: {error}") from error


def _write(path: Path, content: bytes) -> None:
    """`path` holds `content` on disk, or does not exist."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
