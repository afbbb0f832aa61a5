"""What is sent about towns, people and sources."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from backend.fields import END, Aware, Line, Name, PersonId, Role, SourceId
from sync.enrolment import LeaseRequest

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9-]+" + END, max_length=40, description="Short name of the town.")]
Login = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9][a-z0-9._-]*" + END, min_length=1, max_length=40, description="Kennung, lower case."),
]
Password = Annotated[
    str, Meta(min_length=12, max_length=200, pattern=r"^[^\x00]+" + END, description="12 to 200 characters.")
]
AnyPassword = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*" + END)]
SourceKind = Literal["phone", "dock", "gateway"]
PersonRole = Literal[
    "officer", "superior", "dispatcher", "clerk", "custodian", "prosecutor", "guard", "dpo", "staff_council", "admin"
]


class TownName(Struct, frozen=True, kw_only=True):
    """A town that this server serves."""

    slug: str
    name: str


class SignIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's login. Unknown fields are refused."""

    login: Login
    password: AnyPassword
    town: Annotated[Slug | UnsetType, Meta(description="Needed where the server serves several towns.")] = UNSET


class Me(Struct, frozen=True, kw_only=True):
    """Who is signed in."""

    person: PersonId
    name: str
    call_sign: str
    town: TownName
    roles: list[Role]
    scopes: Annotated[list[str], Meta(description="Feed scopes that this person's screens read.")]


class NewPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to be made. Unknown fields are refused."""

    login: Login
    name: Name
    call_sign: Annotated[Name, Meta(description="What lists show instead of the name, e.g. `Erle 22`.")]
    password: Password


class Person(Struct, frozen=True, kw_only=True):
    """An account."""

    id: PersonId
    login: str
    name: str
    call_sign: str
    state: str
    roles: Annotated[list[Role], Meta(description="Roles that count.")]
    asked: Annotated[list["Grant"], Meta(description="Grants that wait for a second administrator.")]


class NewGrant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role for a person. Unknown fields are refused."""

    role: PersonRole


class Grant(Struct, frozen=True, kw_only=True):
    """A role given to a person; it counts once a second administrator approved it."""

    id: str
    person: PersonId
    role: Role
    granted_at: Aware
    approved_at: Aware | None


class NewEnrolment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device to be let in. Unknown fields are refused."""

    kind: SourceKind
    label: Line
    source: Annotated[
        SourceId | UnsetType, Meta(description="A known device that gets a new journal; absent for a new one.")
    ] = UNSET


class Enrolment(Struct, frozen=True, kw_only=True):
    """A code that lets one device in, once, within 15 minutes. It is shown here and never again."""

    code: str
    expires_at: Aware
    qr: Annotated[str, Meta(description="SVG picture of the code as QR (ISO/IEC 18004).")]


class LeaseAsked(LeaseRequest, frozen=True, kw_only=True):
    """A device asks for its right to speak; a phone together with a person's login."""

    login: Login | UnsetType = UNSET
    password: AnyPassword | UnsetType = UNSET


class Revocation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a device is locked out. Unknown fields are refused."""

    reason: Literal["lost", "retired", "compromised"]


class Source(Struct, frozen=True, kw_only=True):
    """A device as the administrator sees it."""

    id: SourceId
    kind: str
    label: str
    state: str
    incarnation: int
    last_seq: int
    unsettled: int
    app: str
    last_contact_at: Aware | None
    enrolled_at: Aware
    revoked_at: Aware | None
    revoked_reason: str | None
