"""What an operator does without a second person: the first administrator, accounts, catalogues. All of it is logged."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from backend.db import sessions_of
from backend.errors import NotFound
from backend.fields import PersonId, Role, TownId
from backend.identity import service as identity
from backend.identity import town_keys
from backend.identity.wire import NewPerson
from backend.local.state import LocalError
from backend.offences import catalogue, reading
from backend.offences.parsed import BadCatalogue
from backend.server import Server


def found(server: Server, town: UUID, *, slug: str, name: str, domain: str, login: str) -> str:
    """The town exists with one administrator, whose password is returned and kept nowhere."""
    password = secrets.token_urlsafe(12)
    found_town(server, town, slug=slug, name=name, domain=domain)
    ensure_administrator(server, TownId(town), login=login, password=password)
    return password


def found_town(server: Server, town: UUID, *, slug: str, name: str, domain: str) -> TownId:
    """The town exists, without anybody in it; its root has stated which keys sign records and log."""
    now = datetime.now(UTC)
    with sessions_of(server.engine, town).begin() as session:
        identity.found_town(session, slug=slug, name=name, domain=domain, now=now)
        town_keys.state(session, lambda: server.root_key(town), server.stated_keys(domain), now=now)
    return TownId(town)


def fingerprint(server: Server, town: UUID) -> str:
    """What whoever receives evidence of this town compares: hex SHA-256 of the root key, in groups of eight."""
    text = sha256(server.root(town)).hexdigest()
    return " ".join(text[at : at + 8] for at in range(0, len(text), 8))


def ensure_administrator(server: Server, town: TownId, *, login: str, password: str) -> None:
    """An administrator of this login exists; one that existed before keeps the old password."""
    with sessions_of(server.engine, town).begin() as session:
        if any(person.login == login for person in identity.people(session)):
            return
    add_person(server, town, login=login, name="Administration", call_sign=login, roles=["admin"], password=password)


def town_of(server: Server, slug: str) -> TownId:
    """The town of this short name.

    Raises:
        NotFound: there is none.
    """
    with server.across_towns().begin() as session:
        town = session.scalar(text("SELECT find_town(:slug)"), {"slug": slug})
    if town is None:
        raise NotFound(field="--town")
    return TownId(town)


def add_person(
    server: Server, town: TownId, *, login: str, name: str, call_sign: str, roles: Sequence[str], password: str
) -> PersonId:
    """The account exists; its roles count at once."""
    now = datetime.now(UTC)
    with sessions_of(server.engine, town).begin() as session:
        data = NewPerson(login=login, name=name, call_sign=call_sign, password=password)
        person = identity.add_person(session, None, data, now=now).id
        for role in roles:
            identity.grant_role(session, None, person, Role(role), now=now)
    return person


def import_catalogue(server: Server, town: TownId, path: Path | None) -> catalogue.Imported:
    """The catalogue's rows are published; `path` None is the small sample of our own words.

    Raises:
        LocalError: the files cannot be read as a catalogue; nothing was stored.
    """
    try:
        parsed = reading.sample() if path is None else reading.read(path)
    except BadCatalogue as error:
        raise LocalError(str(error)) from error
    with sessions_of(server.engine, town).begin() as session:
        return catalogue.import_catalogue(session, None, parsed, now=datetime.now(UTC))
