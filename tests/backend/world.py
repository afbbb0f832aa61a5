"""A town of a test's own on the real application: people of every role, phones that record and exchange."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from argon2 import PasswordHasher
from litestar.testing import TestClient

from backend.db import sessions_of
from backend.fields import PersonId, Role, TownId, uuid7
from backend.identity import service as identity
from backend.identity import sources
from backend.identity.rules import SESSION
from backend.identity.tables import LoginSessionRow, PersonRow
from backend.identity.wire import NewEnrolment
from backend.server import Server
from sync.client import Client
from sync.enrolment import Lease
from sync.entry import base64url, format_instant, format_recorded_at, from_base64url
from sync.journal import Journal
from sync.keys import SourceKey, lease_input
from sync.ledger import Draft
from sync.server import Server as Address
from sync.server import enrol

PASSWORD = "ein langes Passwort"


@lru_cache(maxsize=1)
def _hashed() -> str:
    return PasswordHasher().hash(PASSWORD)


@dataclass
class Person:
    id: PersonId
    login: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Phone:
    """A phone with its officer, on `sync/`'s own journal and client."""

    client: Client
    journal: Journal
    key: SourceKey
    source: str
    officer: Person

    def record(self, body: dict[str, Any] | None = None, **changes: Any) -> str:
        """An entry in the journal; its id."""
        draft = offence(self.officer.id, body, **changes)
        self.journal.append(draft)
        return draft.id


@dataclass
class Machine:
    """A dock or gateway, which speaks by its key alone."""

    world: "World"
    source: str
    key: SourceKey
    incarnation: int
    server_key: bytes

    def lease_request(self, now: datetime | None = None, **changes: Any) -> dict[str, Any]:
        """A well-formed request; `changes` come after the signature."""
        at = format_instant(now or datetime.now(UTC))
        signature = base64url(self.key.sign(lease_input(self.source, self.incarnation, at)))
        return {"incarnation": self.incarnation, "now": at, "signature": signature} | changes

    def lease(self) -> dict[str, str]:
        """Headers of a new lease."""
        answer = self.world.http.post(f"/v1/sources/{self.source}/lease", json=self.lease_request())
        assert answer.status_code == 201, answer.text
        return {"authorization": f"Bearer {answer.json()['token']}"}


@dataclass
class World:
    """One town."""

    http: TestClient
    server: Server
    town: TownId
    slug: str
    folder: Path

    @property
    def sessions(self):
        return sessions_of(self.server.engine, self.town)

    def person(self, *roles: Role) -> Person:
        """An account with these roles and `PASSWORD`, signed in by a token of its own.

        Rows as the service writes them, without its quarter of a second of argon2id for each; signing in has tests.
        """
        person, token, now = PersonId(uuid7()), secrets.token_urlsafe(32), datetime.now(UTC)
        login = f"p{secrets.token_hex(4)}"
        with self.sessions.begin() as session:
            session.add(
                PersonRow(
                    town=self.town, id=person, login=login, name=f"Person {login}", call_sign=f"Erle {login[-2:]}",
                    password_hash=_hashed(), failures=0, state="active", created_at=now,
                )
            )  # fmt: skip
            session.flush()
            for role in roles:
                identity.grant_role(session, None, person, role, now=now)
            session.add(
                LoginSessionRow(
                    town=self.town, token_hash=identity.token_hash(token), person=person, created_at=now,
                    expires_at=now + SESSION,
                )
            )  # fmt: skip
        return Person(person, login, {"authorization": f"Bearer {token}"})

    def phone(self, officer: Person | None = None) -> Phone:
        """A new phone, enrolled by a code."""
        officer = officer or self.person(Role.OFFICER)
        with self.sessions.begin() as session:
            opened = sources.open_enrolment(
                session, None, NewEnrolment(kind="phone", label="Telefon"), now=datetime.now(UTC)
            )
        address, key = Address("http://testserver", http=self.http), SourceKey.generate()
        enrolled = enrol(address, code=opened.code, kind="phone", key=key, app="test 1", schema=1)
        path = self.folder / f"{enrolled.source}.journal"
        journal = Journal.create(path, enrolled.source, enrolled.incarnation, key.spki_sha256, reserve_bytes=0)
        client = Client(
            address,
            journal,
            key,
            app="test 1",
            schema=1,
            take_lease=lambda: self.lease(journal, client_key(), officer),
        )
        phone = Phone(client, journal, key, enrolled.source, officer)

        def client_key() -> SourceKey:
            return phone.client._session.key if "phone" in locals() else key

        return phone

    def code(self, kind: str, source: str | None = None) -> str:
        """A fresh enrolment code."""
        data = NewEnrolment(kind=kind, label=kind.title(), **({"source": UUID(source)} if source else {}))
        with self.sessions.begin() as session:
            return sources.open_enrolment(session, None, data, now=datetime.now(UTC)).code

    def machine(self, kind: str = "dock") -> Machine:
        """A new dock or gateway, enrolled by a code."""
        key = SourceKey.generate()
        address = Address("http://testserver", http=self.http)
        enrolled = enrol(address, code=self.code(kind), kind=kind, key=key, app="test 1", schema=1)
        return Machine(self, enrolled.source, key, enrolled.incarnation, from_base64url(enrolled.server_key))

    def lease(self, journal: Journal, key: SourceKey, officer: Person) -> Lease:
        """A phone's lease: its key and a person's login."""
        state = journal.state()
        now = journal.lease_instant(datetime.now(UTC))
        signature = base64url(key.sign(lease_input(state.source, state.incarnation, now)))
        request = {"incarnation": state.incarnation, "now": now, "signature": signature}
        answer = self.http.post(
            f"/v1/sources/{state.source}/lease", json=request | {"login": officer.login, "password": PASSWORD}
        )
        assert answer.status_code == 201, answer.text
        return msgspec.json.decode(answer.content, type=Lease)


def offence(by: UUID, body: dict[str, Any] | None = None, **changes: Any) -> Draft:
    """A draft of `offence.recorded`, or of whatever `changes` say."""
    now = datetime.now(UTC)
    content = {
        "by": str(by),
        "tbnr": "112042",
        "occurred_at": format_recorded_at(now, "Europe/Berlin"),
        "street": "Mühlenstraße",
        "plate": "MO-AB 123",
        "amount_cents": 2500,
    } | (body or {})
    fields = {
        "id": str(uuid7()),
        "kind": "offence.recorded",
        "v": 1,
        "recorded_at": format_recorded_at(now, "Europe/Berlin"),
        "body": msgspec.json.encode(content),
        "media": (),
    } | changes
    return Draft(**fields)
