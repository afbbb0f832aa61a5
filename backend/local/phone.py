"""A phone in Python: `sync/`'s journal and client, with an officer of its own."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import UUID

import httpx
import msgspec

from backend.identity.wire import LeaseAsked
from backend.local.office import Office
from backend.local.records import Record
from backend.local.state import State, write_atomically
from sync.client import Client
from sync.enrolment import Lease
from sync.entry import base64url, format_recorded_at
from sync.journal import Journal
from sync.keys import SourceKey, lease_input
from sync.ledger import Draft
from sync.server import TIMEOUT_S, Server, decode, enrol

APP = "streife replay"
SCHEMA = 1


class Phone:
    """One phone, its folder, its officer. Used by one thread."""

    def __init__(self, client: Client, journal: Journal, person: UUID, http: httpx.Client) -> None:
        """Use `open`."""
        self.client = client
        self.journal = journal
        self.person = person
        self._http = http

    @classmethod
    def open(cls, folder: Path, office: Office, state: State) -> Self:
        """The phone of this folder; enrolled with a new officer if there is none yet.

        The key is on disk before the server knows it, the journal right after: a crash between costs a device without
        entries, never an entry.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        login, password = f"probe-{folder.name}", state.secret(f"replay.{folder.name}")
        person = office.officer(login, password)
        http = httpx.Client(timeout=TIMEOUT_S)
        server = Server(office.address, http)
        path, key_path = folder / "journal.sqlite", folder / "key.pem"
        if path.exists():
            key = SourceKey.load(key_path)
            journal = Journal.open(path)
            server_key = json.loads((folder / "server.json").read_text())["server_key"]
        else:
            key = SourceKey.generate()
            key.store(key_path)
            code = office.enrolment_code(folder.name)
            enrolled = office.patiently(lambda: enrol(server, code=code, kind="phone", key=key, app=APP, schema=SCHEMA))
            server_key = enrolled.server_key
            write_atomically(folder / "server.json", json.dumps({"server_key": server_key}).encode())
            journal = Journal.create(path, enrolled.source, enrolled.incarnation, key.spki_sha256)
        client = Client(
            server,
            journal,
            key,
            app=APP,
            schema=SCHEMA,
            take_lease=lease_of_person(server, journal, key, login, password),
        )
        return cls(client, journal, person, http)

    def record(self, records: Sequence[Record]) -> None:
        """The records are in the journal and on disk."""
        self.journal.append_many([self._draft(record) for record in records])

    def send(self, patience_s: float) -> None:
        """What is recorded is admitted; a server that is away is waited for."""
        self.drain(patience_s)

    def drain(self, patience_s: float) -> None:
        """Nothing is pending, and everything that the phone may see is here."""
        self.client.drain(patience_s=patience_s)

    def verdicts(self) -> Counter[str]:
        """How many entries got which verdict, by the journal."""
        found = (self.journal.verdict(seq) for seq in range(1, self.journal.state().acked + 1))
        return Counter(one.verdict if one is not None else "accepted" for one in found)

    def close(self) -> None:
        """Another process may open the journal."""
        self.journal.close()
        self._http.close()

    def _draft(self, record: Record) -> Draft:
        body: dict[str, object] = {
            "by": str(self.person),
            "tbnr": record.tbnr,
            "occurred_at": format_recorded_at(record.occurred_at, "Europe/Berlin"),
            "street": record.street,
            "plate": record.plate,
            "synthetic_plate": True,
        }
        if record.amount_cents is not None:
            body["amount_cents"] = record.amount_cents
        return Draft(
            id=str(record.id),
            kind="offence.recorded",
            v=1,
            recorded_at=format_recorded_at(datetime.now(UTC), "Europe/Berlin"),
            body=msgspec.json.encode(body),
            media=(),
        )


def lease_of_person(server: Server, journal: Journal, key: SourceKey, login: str, password: str) -> Callable[[], Lease]:
    """Takes a phone's lease: its key, and a person's login."""

    def take() -> Lease:
        state = journal.state()
        now = journal.lease_instant(datetime.now(UTC))
        signature = base64url(key.sign(lease_input(state.source, state.incarnation, now)))
        asked = LeaseAsked(incarnation=state.incarnation, now=now, signature=signature, login=login, password=password)
        return decode(server.send("POST", f"/v1/sources/{state.source}/lease", msgspec.json.encode(asked)), Lease)

    return take
