"""An officer's phone in Python: any kind of entry, photos beside it, and the jobs that came down."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

import httpx
import msgspec

from backend.fields import uuid7
from backend.local.phone import APP, SCHEMA, lease_of_person
from backend.local.state import write_atomically
from backend.local.town import Town, password
from bodycam_dock.book import MediumFacts
from bodycam_dock.upload import Uploader
from sync.client import Client
from sync.entry import format_recorded_at, from_base64url
from sync.exchange import WireMedia
from sync.journal import Journal
from sync.keys import SourceKey
from sync.ledger import Draft
from sync.server import TIMEOUT_S, Server, enrol

PHOTO: Final = "image/jpeg"


class Handset:
    """One phone with its folder and its officer. Used by one thread."""

    def __init__(self, folder: Path, client: Client, journal: Journal, person: str, address: str) -> None:
        """Use `open`."""
        self._folder = folder
        self.client = client
        self.journal = journal
        self.person = person
        self._uploader = Uploader(address, lambda is_refused: client.lease().token if is_refused else client.token())

    @classmethod
    def open(cls, folder: Path, town: Town, login: str) -> Self:
        """The phone of this folder, enrolled if it is new; its key and journal are on disk before anything else."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        server = Server(town.address, httpx.Client(timeout=TIMEOUT_S))
        path, key_path, known = folder / "journal.sqlite", folder / "key.pem", folder / "server.json"
        if path.exists():
            key, journal = SourceKey.load(key_path), Journal.open(path)
        else:
            key = SourceKey.generate()
            key.store(key_path)
            code = town.enrolment_code(f"Telefon {folder.name}")
            enrolled = enrol(server, code=code, kind="phone", key=key, app=APP, schema=SCHEMA)
            write_atomically(known, json.dumps({"server_key": enrolled.server_key}).encode())
            journal = Journal.create(path, enrolled.source, enrolled.incarnation, key.spki_sha256)
        client = Client(
            server,
            journal,
            key,
            app=APP,
            schema=SCHEMA,
            server_key=from_base64url(json.loads(known.read_text())["server_key"]),
            take_lease=lease_of_person(server, journal, key, login, password(town.state)),
        )
        return cls(folder, client, journal, town.people()[login], town.address)

    def record(self, kind: str, body: dict[str, Any], photos: tuple[bytes, ...] = ()) -> str:
        """The entry is in the journal and its photos on the phone's disk; its id."""
        media = []
        for photo in photos:
            digest = sha256(photo)
            write_atomically(self._folder / digest.hexdigest(), photo)
            media.append(WireMedia(sha256=digest.hexdigest(), size=len(photo), type=PHOTO))
        draft = Draft(
            id=str(uuid7()),
            kind=kind,
            v=1,
            recorded_at=format_recorded_at(datetime.now(UTC), "Europe/Berlin"),
            body=msgspec.json.encode({"by": self.person} | body),
            media=tuple(media),
        )
        self.journal.append(draft)
        return draft.id

    def send(self, patience_s: float = 30.0) -> None:
        """What is recorded is admitted, and what changed is here."""
        self.client.drain(patience_s=patience_s)

    def upload(self, entry: str, photo: bytes) -> None:
        """A photo of an entry is with the server, whole; the phone keeps none."""
        digest = sha256(photo).digest()
        path = self._folder / digest.hex()
        facts = MediumFacts(sha256=digest, size=len(photo), type=PHOTO, index=0, pieces=b"")
        self._uploader.send(entry, facts, path)
        path.unlink()

    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs of the officer's unit, by id, as they stand on this phone."""
        return {row.id: msgspec.json.decode(row.body) for row in self.journal.rows("job")}

    def close(self) -> None:
        """Another process may open the journal."""
        self._uploader.close()
        self.journal.close()
