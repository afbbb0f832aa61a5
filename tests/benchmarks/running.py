"""A server as `streife up` runs it, in a temporary state folder, on a database that keeps what it acknowledges."""

import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import psutil

from backend.db import sessions_of
from backend.fields import PersonId, Role, TownId, uuid7
from backend.identity import service as identity
from backend.identity import sources
from backend.identity.wire import NewEnrolment, NewPerson
from backend.local import processes
from backend.local.child import Child, end_together
from backend.local.installation import Installation
from backend.local.state import State
from backend.server import Server
from backend.settings import from_environment
from sync.client import Client
from sync.enrolment import Lease
from sync.entry import base64url
from sync.journal import Journal
from sync.keys import SourceKey, lease_input
from sync.server import Server as Address
from sync.server import enrol

PASSWORD = "ein langes Passwort"


@dataclass
class Running:
    """A town on a running server."""

    server: Server
    town: TownId
    address: str
    folder: Path
    children: list[Child]

    @property
    def sessions(self):
        return sessions_of(self.server.engine, self.town)

    def officer(self) -> tuple[PersonId, str]:
        """An officer's account: id and login."""
        login = f"p{secrets.token_hex(4)}"
        with self.sessions.begin() as session:
            data = NewPerson(login=login, name=login, call_sign=login, password=PASSWORD)
            person = identity.add_person(session, None, data, now=datetime.now(UTC)).id
            identity.grant_role(session, None, person, Role.OFFICER, now=datetime.now(UTC))
        return person, login

    def phone(self, http: httpx.Client | None = None) -> tuple[Client, Journal, PersonId]:
        """A phone with its officer, leased, its scopes fetched."""
        person, login = self.officer()
        with self.sessions.begin() as session:
            data = NewEnrolment(kind="phone", label="Messung")
            opened = sources.open_enrolment(session, None, data, now=datetime.now(UTC))
        address, key = Address(self.address, http), SourceKey.generate()
        enrolled = enrol(address, code=opened.code, kind="phone", key=key, app="benchmark", schema=1)
        path = self.folder / f"{enrolled.source}.journal"
        journal = Journal.create(path, enrolled.source, enrolled.incarnation, key.spki_sha256)

        def lease() -> Lease:
            now = journal.lease_instant(datetime.now(UTC))
            signature = base64url(key.sign(lease_input(enrolled.source, enrolled.incarnation, now)))
            request = {"incarnation": enrolled.incarnation, "now": now, "signature": signature}
            request |= {"login": login, "password": PASSWORD}
            body = address.send("POST", f"/v1/sources/{enrolled.source}/lease", msgspec.json.encode(request))
            return msgspec.json.decode(body, type=Lease)

        client = Client(address, journal, key, app="benchmark", schema=1, take_lease=lease)
        client.drain(patience_s=0)
        return client, journal, person

    def cpu_s(self) -> float:
        """User and system time of the server's processes and PostgreSQL's so far, in seconds."""
        total = 0.0
        for one in psutil.Process().children(recursive=True):
            try:
                times = one.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system
        return total


def free_port() -> int:
    """A port that is nobody's now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextmanager
def running(*names: str) -> Iterator[Running]:
    """The named processes of an installation (`api`, `worker`, `beat`) run while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="streife-bench-", ignore_cleanup_errors=True) as temporary:
        Path(temporary).chmod(0o711)
        folder = Path(temporary)
        installation = Installation(State.open(folder / "state"))
        with installation.running_database():
            port = free_port()
            children = [
                Child(spec, folder / f"{spec.name}.log", {}, print)
                for spec in installation.specs("127.0.0.1", port)
                if spec.name in names
            ]
            for child in children:
                child.start()
            processes.wait_until(lambda: all(child.is_ready for child in children), 30)
            server = Server.open(from_environment(installation.environment()))
            try:
                town = TownId(uuid7())
                with sessions_of(server.engine, town).begin() as session:
                    identity.found_town(
                        session, slug="messung", name="Messung", domain="messung.example", now=datetime.now(UTC)
                    )
                yield Running(server, town, f"http://127.0.0.1:{port}", folder, children)
            finally:
                server.engine.dispose()
                end_together(children, 10)
