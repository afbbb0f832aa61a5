"""Where a dock keeps what, and how it begins: enrolment at the first start, the same folder at every later one.

<state>/key.pem          private key of the source, 0600
<state>/server.json      what the enrolment answered: server, town, record key (receipts are checked against it)
<state>/journal.sqlite   the journal (sync/)           <state>/book.sqlite   cameras, clips, receipts (book.py)
<state>/spool/           copied files, `<clip>.<n>`, on their way `<clip>.<n>.part`
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bodycam_dock.copying import sync_folder
from bodycam_dock.errors import SettingsWrong, SpoolNotEncrypted
from bodycam_dock.volume import Encryption, encryption
from sync.entry import from_base64url
from sync.errors import NetworkFailure, Refused
from sync.journal import Journal
from sync.keys import SourceKey
from sync.server import Server, enrol

APP: Final = "streife dock 1"
SCHEMA: Final = 1
# Room on the spool's disk that stays free, beyond the journal's own reserve of 64 MiB.
RESERVE_BYTES: Final = 256 * 1024 * 1024


class Enrolment(Struct, frozen=True, kw_only=True):
    """`server.json`."""

    server: str
    source: str
    incarnation: int
    town: str
    server_key: str

    @property
    def record_key(self) -> bytes:
        """The town's record key, SPKI DER."""
        return from_base64url(self.server_key)


class Folder:
    """One dock's state folder."""

    def __init__(self, path: Path) -> None:
        """Nothing is made yet."""
        self.path = path
        self.key = path / "key.pem"
        self.server = path / "server.json"
        self.journal = path / "journal.sqlite"
        self.book = path / "book.sqlite"
        self.spool = path / "spool"

    def prepare(self, *, allow_unencrypted: bool) -> Encryption:
        """The folders are there, for this user only, on an encrypted volume; returns what was found.

        Raises:
            SpoolNotEncrypted: they are not, and nobody allowed it; the message says what was looked at.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        self.spool.mkdir(exist_ok=True)
        self.spool.chmod(0o700)
        found = [encryption(folder) for folder in (self.path, self.spool)]
        worst = min(found, key=lambda one: one.is_encrypted)
        if not worst.is_encrypted and not allow_unencrypted:
            raise SpoolNotEncrypted(worst.text)
        return worst

    def enrolment(self) -> Enrolment | None:
        """What the enrolment answered; None before it."""
        try:
            return msgspec.json.decode(self.server.read_bytes(), type=Enrolment)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise SettingsWrong(f"{self.server.name} ist beschädigt. Bitte mit einem neuen Code anmelden.") from error

    def enrol(self, server: Server, address: str, code: str | None) -> tuple[Enrolment, SourceKey]:
        """This dock is known to the server; the first time by `code`, later by what is on disk.

        The key is on disk before the server knows it, the answer before anything is recorded. A crash in between costs
        the code and never an entry.

        Raises:
            SettingsWrong: no code at the first start, a used one, or another server than at the enrolment.
        """
        known = self.enrolment()
        if known is None:
            known = self._enrol(server, address, code)
        elif known.server != address:
            raise SettingsWrong(f"Diese Dockstation ist bei {known.server} angemeldet, nicht bei {address}.")
        return known, SourceKey.load(self.key)

    def open_journal(self, known: Enrolment, key: SourceKey) -> Journal:
        """The journal, made where the enrolment is new.

        Raises:
            JournalInUse: another dock runs on this folder.
            JournalDamaged: its chain does not verify.
        """
        with contextlib.suppress(FileExistsError):
            Journal.create(self.journal, known.source, known.incarnation, key.spki_sha256).close()
        return Journal.open(self.journal)

    def _enrol(self, server: Server, address: str, code: str | None) -> Enrolment:
        if self.journal.exists():
            raise SettingsWrong(f"{self.server.name} fehlt, das Journal ist da. Bitte die Administration verständigen.")
        if code is None:
            raise SettingsWrong("Erster Start: bitte mit --code den Anmeldecode der Administration angeben.")
        key = SourceKey.load(self.key) if self.key.exists() else SourceKey.generate()
        key.store(self.key)
        try:
            answer = enrol(server, code=code, kind="dock", key=key, app=APP, schema=SCHEMA)
        except Refused as error:
            raise SettingsWrong(f"Der Server nimmt die Anmeldung nicht an: {error.detail}") from error
        except NetworkFailure as error:
            raise SettingsWrong(
                f"Der Server {address} ist nicht erreichbar ({error}). Bitte erneut versuchen."
            ) from error
        known = Enrolment(
            server=address,
            source=answer.source,
            incarnation=answer.incarnation,
            town=answer.town,
            server_key=answer.server_key,
        )
        _write(self.server, msgspec.json.encode(known))
        return known


def _write(path: Path, data: bytes) -> None:
    """The file is there whole and on disk, or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)
