"""Towns, people, their roles and their sessions."""

import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from msgspec import UNSET
from sqlalchemy import Engine, delete, select, text
from sqlalchemy.orm import Session

from backend.db import rows, sessions_of
from backend.errors import AlreadyDone, NameTaken, NotFound, OwnApproval, TooManyTries, WrongLogin
from backend.fields import SOFTWARE, Actor, PersonId, Role, SourceId, TownId, uuid7
from backend.identity import rules
from backend.identity.tables import LoginSessionRow, PersonRow, RoleGrantRow, TownRow
from backend.identity.wire import Grant, Me, NewPerson, Person, SignIn, TownName
from backend.log import service as log
from backend.log.canonical import Json
from sync.keys import SourceKey

#: argon2id with the library's defaults (RFC 9106, second recommended option: 64 MiB).
_hasher: Final = PasswordHasher()
#: Verified when there is no such account, so that the answer takes as long.
_NOBODY: Final = _hasher.hash(secrets.token_urlsafe(16))


class Found(NamedTuple):
    """Who holds a token, and the state of their device."""

    actor: Actor
    #: SHA-256 of the token, as it is stored.
    token_hash: bytes
    #: The device was revoked, or the lease is that of an older incarnation: it may send, and gets nothing.
    is_locked_out: bool = False


def token_hash(token: str) -> bytes:
    """What is stored of a token or code."""
    return sha256(token.encode()).digest()


def record(
    session: Session,
    actor: Actor | None,
    kind: str,
    subject: UUID,
    public: dict[str, Json],
    *,
    now: datetime,
    key: SourceKey | None = None,
) -> None:
    """What somebody did to an account, a role or a device is in the log; who it was stands in its erasable part.

    `actor` is None for the operator of the server; `key` signs what a verifier must be able to trace back to the root.
    """
    who = actor or Actor(town=session.info["town"])
    private: dict[str, Json] = {} if actor else {"operator": True}
    log.record(
        session, who, kind, str(subject), public, private=private, now=now, new_id=uuid7, software=SOFTWARE, key=key
    )


def authenticate(session: Session, token: str, *, now: datetime) -> Found | None:
    """Who holds this token now; None where nobody does. Reads across towns through `find_actor`."""
    hashed = token_hash(token)
    found = rows(session, "SELECT * FROM find_actor(%(token)s, %(now)s)", token=hashed, now=now)
    if not found:
        return None
    row = found[0]
    person = PersonId(row.person) if row.person else None
    roles = frozenset(Role(role) for role in row.roles)
    if row.source is None:
        assert person is not None  # noqa: S101 - a login session without a person cannot be stored
        scopes = rules.scopes_of_person(person, roles)
        return Found(Actor(town=TownId(row.town), person=person, roles=roles, scopes=scopes), hashed)
    source = SourceId(row.source)
    if row.source_kind != "phone":
        roles = frozenset({Role(row.source_kind)})
    actor = Actor(
        town=TownId(row.town), person=person, source=source, roles=roles, scopes=rules.scopes_of_source(source, person)
    )
    return Found(actor, hashed, is_locked_out=row.is_locked_out)


def found_town(session: Session, *, slug: str, name: str, domain: str, now: datetime) -> TownRow:
    """A new town, in a session of that town's id.

    Raises:
        NameTaken: slug or domain are in use (by the constraint, at the flush).
    """
    row = TownRow(town=session.info["town"], slug=slug, name=name, domain=domain, created_at=now)
    session.add(row)
    session.flush()  # the town's row must exist before those that refer to it
    record(session, None, "town.founded", row.town, {}, now=now)
    return row


def add_person(session: Session, actor: Actor | None, data: NewPerson, *, now: datetime) -> Person:
    """An account without roles. `actor` is None for the operator of the server.

    Raises:
        NameTaken: the login name is in use.
    """
    if session.scalar(select(PersonRow.id).where(PersonRow.login == data.login)):
        raise NameTaken(field="/login")
    row = PersonRow(
        town=session.info["town"],
        id=uuid7(),
        login=data.login,
        name=data.name,
        call_sign=data.call_sign,
        password_hash=_hasher.hash(data.password),
        failures=0,
        state="active",
        created_at=now,
    )
    session.add(row)
    session.flush()  # grants refer to it
    record(session, actor, "person.added", row.id, {}, now=now)
    return Person(
        id=PersonId(row.id),
        login=row.login,
        name=row.name,
        call_sign=row.call_sign,
        state=row.state,
        roles=[],
        asked=[],
    )


def grant_role(session: Session, actor: Actor | None, person: PersonId, role: Role, *, now: datetime) -> Grant:
    """The role is asked for; it counts once another administrator approved it.

    The operator of the server (`actor` None) needs no second person: somebody must be the first administrator.
    The same grant again returns the one that stands.

    Raises:
        NotFound: no such person.
    """
    if session.get(PersonRow, (session.info["town"], person), with_for_update=True) is None:
        raise NotFound  # locked: the same grant twice at once finds the first
    standing = session.scalars(
        select(RoleGrantRow).where(
            RoleGrantRow.person == person, RoleGrantRow.role == role, RoleGrantRow.withdrawn_at.is_(None)
        )
    ).one_or_none()
    if standing is not None:
        return _grant(standing)
    row = RoleGrantRow(
        town=session.info["town"],
        id=uuid7(),
        person=person,
        role=role,
        granted_by=actor.person if actor else None,
        granted_at=now,
        approved_at=None if actor else now,
    )
    session.add(row)
    record(session, actor, "role.granted", person, {"role": role.value, "is_approved": actor is None}, now=now)
    return _grant(row)


def approve_grant(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Grant:
    """The role counts from now on.

    Raises:
        NotFound: no such grant, or it was withdrawn.
        OwnApproval: the same person granted it, or it is for that person.
    """
    row = _standing_grant(session, id)
    if actor.person in (row.granted_by, row.person):
        raise OwnApproval
    if row.approved_at is None:
        row.approved_by, row.approved_at = actor.person, now
        record(session, actor, "role.approved", row.person, {"role": row.role}, now=now)
    return _grant(row)


def withdraw_grant(session: Session, actor: Actor | None, id: UUID, *, now: datetime) -> None:
    """The role counts no longer, in open sessions too.

    Raises:
        NotFound: no such grant, or it was withdrawn before.
        AlreadyDone: it is the town's last administrator.
    """
    row = _standing_grant(session, id)
    if row.role == Role.ADMIN and row.approved_at is not None and _administrators(session) == 1:
        raise AlreadyDone(detail="the last administrator cannot be withdrawn")
    row.withdrawn_by, row.withdrawn_at = (actor.person if actor else None), now
    record(session, actor, "role.withdrawn", row.person, {"role": row.role}, now=now)


def people(session: Session) -> list[Person]:
    """Every account of the town with its roles, by login name."""
    grants: dict[UUID, list[RoleGrantRow]] = {}
    for grant in session.scalars(select(RoleGrantRow).where(RoleGrantRow.withdrawn_at.is_(None))):
        grants.setdefault(grant.person, []).append(grant)
    return [
        Person(
            id=PersonId(row.id),
            login=row.login,
            name=row.name,
            call_sign=row.call_sign,
            state=row.state,
            roles=sorted(Role(g.role) for g in grants.get(row.id, []) if g.approved_at is not None),
            asked=[_grant(g) for g in grants.get(row.id, []) if g.approved_at is None],
        )
        for row in session.scalars(select(PersonRow).order_by(PersonRow.login))
    ]


def is_person(session: Session, id: UUID) -> bool:
    """Whether the town has this account."""
    return session.scalar(select(PersonRow.id).where(PersonRow.id == id)) is not None


def check_password(engine: Engine, slug: str, login: str, password: str, *, now: datetime) -> tuple[TownId, PersonId]:
    """The account that this login opens in the town of this slug, or in the only town where the slug is empty.

    Wrong tries are counted in transactions of their own, so that a refusal keeps them.

    Raises:
        WrongLogin: no such account or another password; both take as long.
        TooManyTries: five wrong ones in a row, the last less than a minute ago.
    """
    with sessions_of(engine, None).begin() as session:
        found = session.execute(
            text("SELECT town, person FROM find_login(:slug, :login)"), {"slug": slug, "login": login}
        ).one_or_none()
    if found is None:
        _is_right(_NOBODY, password)
        raise WrongLogin
    _check_persons_password(engine, found.town, found.person, password, now=now)
    return TownId(found.town), PersonId(found.person)


def check_password_in(engine: Engine, town: TownId, login: str, password: str, *, now: datetime) -> PersonId:
    """The account that this login opens in a known town; otherwise as `check_password`."""
    with sessions_of(engine, town).begin() as session:
        person = session.scalar(select(PersonRow.id).where(PersonRow.login == login, PersonRow.state == "active"))
    if person is None:
        _is_right(_NOBODY, password)
        raise WrongLogin
    _check_persons_password(engine, town, person, password, now=now)
    return PersonId(person)


def _check_persons_password(engine: Engine, town: UUID, person: UUID, password: str, *, now: datetime) -> None:
    sessions = sessions_of(engine, town)
    with sessions.begin() as session:
        row = session.get_one(PersonRow, (town, person), with_for_update=True)
        if rules.must_wait(row.failures, now - row.failed_at if row.failed_at else None):
            raise TooManyTries
        # Counted before it is looked at, so that many tries at once are no more than as many in a row.
        row.failures, row.failed_at = row.failures + 1, now
        stored = row.password_hash
    if not _is_right(stored, password):  # outside a transaction: it takes a tenth of a second
        raise WrongLogin
    with sessions.begin() as session:
        row = session.get_one(PersonRow, (town, person), with_for_update=True)
        row.failures, row.failed_at = 0, None


def sign_in(engine: Engine, data: SignIn, *, now: datetime) -> tuple[str, Me]:
    """A new session: its token, which is told only now, and who it is.

    Raises:
        WrongLogin, TooManyTries: see `check_password`.
    """
    slug = "" if data.town is UNSET else data.town
    town, person = check_password(engine, slug, data.login, data.password, now=now)
    token = secrets.token_urlsafe(32)
    with sessions_of(engine, town).begin() as session:
        session.add(
            LoginSessionRow(
                town=town,
                token_hash=token_hash(token),
                person=person,
                created_at=now,
                expires_at=now + rules.SESSION,
            )
        )
        return token, me(session, Actor(town=town, person=person, roles=roles_of(session, person)))


def sign_out(session: Session, hashed: bytes) -> None:
    """The session of the token with this hash is gone."""
    session.execute(delete(LoginSessionRow).where(LoginSessionRow.token_hash == hashed))


def sweep_sessions(session: Session, *, now: datetime) -> None:
    """Sessions that have ended are gone."""
    session.execute(delete(LoginSessionRow).where(LoginSessionRow.expires_at <= now))


def me(session: Session, actor: Actor) -> Me:
    """Who is signed in."""
    assert actor.person is not None  # noqa: S101 - the right `signed_in` lets only people through
    row = session.get_one(PersonRow, (actor.town, actor.person))
    town = session.get_one(TownRow, actor.town)
    return Me(
        person=actor.person,
        name=row.name,
        call_sign=row.call_sign,
        town=TownName(slug=town.slug, name=town.name),
        roles=sorted(actor.roles),
        scopes=list(rules.scopes_of_person(actor.person, actor.roles)),
    )


def town_names(session: Session) -> list[TownName]:
    """The towns served here, by name; known before anybody signed in."""
    rows = session.execute(text("SELECT slug, name FROM town_names()"))
    return [TownName(slug=row.slug, name=row.name) for row in rows]


def all_towns(session: Session) -> list[TownId]:
    """Every town's id, for the sweeps that work through them one after the other."""
    return [TownId(town) for town in session.scalars(text("SELECT * FROM all_towns()"))]


def roles_of(session: Session, person: PersonId) -> frozenset[Role]:
    """The person's roles that count now."""
    rows = session.scalars(
        select(RoleGrantRow.role).where(
            RoleGrantRow.person == person, RoleGrantRow.approved_at.is_not(None), RoleGrantRow.withdrawn_at.is_(None)
        )
    )
    return frozenset(Role(role) for role in rows)


def _administrators(session: Session) -> int:
    """How many there are, locked: two who withdraw each other at once must not both succeed."""
    rows = session.scalars(
        select(RoleGrantRow)
        .where(
            RoleGrantRow.role == Role.ADMIN,
            RoleGrantRow.approved_at.is_not(None),
            RoleGrantRow.withdrawn_at.is_(None),
        )
        .order_by(RoleGrantRow.id)
        .with_for_update()
    )
    return len({row.person for row in rows})


def _standing_grant(session: Session, id: UUID) -> RoleGrantRow:
    row = session.scalars(
        select(RoleGrantRow).where(RoleGrantRow.id == id, RoleGrantRow.withdrawn_at.is_(None)).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def _grant(row: RoleGrantRow) -> Grant:
    return Grant(
        id=str(row.id),
        person=PersonId(row.person),
        role=Role(row.role),
        granted_at=row.granted_at,
        approved_at=row.approved_at,
    )


def _is_right(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
