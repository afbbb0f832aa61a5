"""Rows of towns, people, and sources."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import Base, definer_function, of_town


@of_town("SELECT", "INSERT")
class TownRow(Base):
    """A town; its id leads every key of its rows."""

    __tablename__ = "town"
    __table_args__ = (UniqueConstraint("slug"), UniqueConstraint("domain"))

    town: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str]
    name: Mapped[str]
    #: Names the log: `<domain>/streife/log`.
    domain: Mapped[str]
    created_at: Mapped[datetime]


@of_town("SELECT", "INSERT", "UPDATE (password_hash, failures, failed_at, state)")
class PersonRow(Base):
    """An account."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("town", "login"),
        ForeignKeyConstraint(["town"], ["town.town"]),
        CheckConstraint("state IN ('active', 'left')", name="state"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    login: Mapped[str]
    name: Mapped[str]
    #: What lists and maps show instead of the name, e.g. `Erle 22`.
    call_sign: Mapped[str]
    #: argon2id in PHC form.
    password_hash: Mapped[str]
    #: Wrong passwords in a row, and when the last was.
    failures: Mapped[int]
    failed_at: Mapped[datetime | None]
    state: Mapped[str]
    created_at: Mapped[datetime]


@of_town("SELECT", "INSERT", "UPDATE (approved_by, approved_at, withdrawn_by, withdrawn_at)")
class RoleGrantRow(Base):
    """A role given to a person; it counts once somebody else approved it."""

    __tablename__ = "role_grant"
    __table_args__ = (
        ForeignKeyConstraint(["town", "person"], ["person.town", "person.id"]),
        CheckConstraint("approved_by IS NULL OR approved_by <> granted_by", name="second_person"),
        Index("uq_role_grant_standing", "town", "person", "role", unique=True, postgresql_where="withdrawn_at IS NULL"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    person: Mapped[UUID]
    role: Mapped[str]
    #: None: the operator of the server, by the command line.
    granted_by: Mapped[UUID | None]
    granted_at: Mapped[datetime]
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None]
    withdrawn_by: Mapped[UUID | None]
    withdrawn_at: Mapped[datetime | None]


@of_town("SELECT", "INSERT", "DELETE")
class LoginSessionRow(Base):
    """A browser that is signed in; gone when the person signs out."""

    __tablename__ = "login_session"
    __table_args__ = (
        ForeignKeyConstraint(["town", "person"], ["person.town", "person.id"]),
        Index("ix_login_session_token_hash", "token_hash", unique=True),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    #: SHA-256 of the 32 random bytes that only the browser has.
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    person: Mapped[UUID]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


@of_town("SELECT", "INSERT", "UPDATE (used_at, used_by)")
class EnrolmentRow(Base):
    """A code that lets one device in, once (design/sync.md 2.5)."""

    __tablename__ = "enrolment"
    __table_args__ = (
        CheckConstraint("kind IN ('phone', 'dock', 'gateway')", name="kind"),
        Index("ix_enrolment_code_hash", "code_hash", unique=True),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    kind: Mapped[str]
    label: Mapped[str]
    #: A known source that gets a new incarnation; None: a new source.
    source: Mapped[UUID | None]
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[UUID | None]


@of_town("SELECT", "INSERT", "UPDATE")
class SourceRow(Base):
    """A phone, dock or gateway, and how far its journal was admitted."""

    __tablename__ = "source"
    __table_args__ = (
        ForeignKeyConstraint(["town"], ["town.town"]),
        CheckConstraint("kind IN ('phone', 'dock', 'gateway')", name="kind"),
        CheckConstraint("state IN ('active', 'revoked')", name="state"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    label: Mapped[str]
    state: Mapped[str]
    #: The newest one; entries of older ones are a fork.
    incarnation: Mapped[int]
    #: Highest `seq` of the newest incarnation that is admitted, and the chain's hash there.
    last_seq: Mapped[int]
    head: Mapped[bytes]
    #: Rises with each admitted batch; revision of the `journal` row in the source's own feed.
    rev: Mapped[int]
    #: Entries that are held or parked and not settled; later ones about the same subject wait for them.
    unsettled: Mapped[int]
    #: The cursor that the source confirmed by sending it: everything before it was applied.
    confirmed_xid: Mapped[int]
    confirmed_pos: Mapped[int]
    holds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    app: Mapped[str]
    #: Newest row schema that its app understands.
    schema: Mapped[int]
    last_contact_at: Mapped[datetime | None]
    enrolled_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None]


@of_town("SELECT", "INSERT", "UPDATE (lease_now, share, next_share)")
class SourceKeyRow(Base):
    """The one key of an incarnation; it stays for ever, as old seals must verify."""

    __tablename__ = "source_key"
    __table_args__ = (ForeignKeyConstraint(["town", "source"], ["source.town", "source.id"]),)

    town: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[UUID] = mapped_column(primary_key=True)
    incarnation: Mapped[int] = mapped_column(primary_key=True)
    #: SubjectPublicKeyInfo, DER, P-256.
    spki: Mapped[bytes]
    genesis: Mapped[bytes]
    reason: Mapped[str]
    enrolled_at: Mapped[datetime]
    #: The source's clock at its newest lease request; it must rise, so that a request cannot be replayed.
    lease_now: Mapped[datetime | None]
    #: The server's share of the key at rest, and the one that the next lease brings (design/sync.md 6).
    share: Mapped[bytes]
    next_share: Mapped[bytes]


@of_town("SELECT", "INSERT", "UPDATE (expires_at)", "DELETE")
class LeaseRow(Base):
    """A device's right to speak for a while, for phones together with a person."""

    __tablename__ = "lease"
    __table_args__ = (
        ForeignKeyConstraint(["town", "source"], ["source.town", "source.id"]),
        Index("ix_lease_token_hash", "token_hash", unique=True),
        Index("ix_lease_source", "town", "source", "person"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    source: Mapped[UUID]
    incarnation: Mapped[int]
    person: Mapped[UUID | None]
    #: What the person was when the lease began: decides about entries that arrive later.
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]


#: Who holds a token: a browser's session or a device's lease. An expired one is nobody's. A revoked device and a lease
#: of an older incarnation, which a clone or a thief may hold, are locked out.
definer_function(
    "find_actor",
    "token bytea, at timestamptz",
    "TABLE (town uuid, person uuid, roles text[], source uuid, source_kind text, is_locked_out boolean)",
    """
    SELECT s.town, s.person,
           ARRAY(SELECT g.role FROM role_grant g WHERE g.town = s.town AND g.person = s.person
                 AND g.approved_at IS NOT NULL AND g.withdrawn_at IS NULL),
           NULL::uuid, NULL::text, false
    FROM login_session s JOIN person p ON p.town = s.town AND p.id = s.person
    WHERE s.token_hash = token AND s.expires_at > at AND p.state = 'active'
    UNION ALL
    SELECT l.town, l.person,
           ARRAY(SELECT g.role FROM role_grant g WHERE g.town = l.town AND g.person = l.person
                 AND g.approved_at IS NOT NULL AND g.withdrawn_at IS NULL),
           o.id, o.kind, o.state = 'revoked' OR l.incarnation <> o.incarnation
    FROM lease l JOIN source o ON o.town = l.town AND o.id = l.source
    WHERE l.token_hash = token AND l.expires_at > at
    """,
)

#: The account behind a login name. Without a slug it is found only on a server of one town.
definer_function(
    "find_login",
    "slug text, login text",
    "TABLE (town uuid, person uuid)",
    """
    SELECT p.town, p.id FROM person p JOIN town t ON t.town = p.town
    WHERE p.login = find_login.login AND p.state = 'active'
      AND (t.slug = find_login.slug OR (find_login.slug = '' AND (SELECT count(*) FROM town) = 1))
    """,
)

definer_function("find_enrolment", "code bytea", "uuid", "SELECT town FROM enrolment WHERE code_hash = code")

definer_function("find_source", "source uuid", "uuid", "SELECT town FROM source WHERE id = find_source.source")

#: For the sweeps, which work through the towns one after the other.
definer_function("all_towns", "", "SETOF uuid", "SELECT town FROM town ORDER BY town")

#: Before anybody signed in, a page shows the names of the towns served here.
definer_function("town_names", "", "TABLE (slug text, name text)", "SELECT slug, name FROM town ORDER BY name")

#: For the operator, who names a town by its short name.
definer_function("find_town", "slug text", "uuid", "SELECT town FROM town t WHERE t.slug = find_town.slug")
