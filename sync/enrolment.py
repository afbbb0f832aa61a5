"""What travels when a source enrols, begins a new incarnation, or takes a lease (design/sync.md 2.5)."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sync.exchange import AppName, Control, InstantText, Number, Positive, SealText, Stop

SourceKind = Literal["phone", "dock", "gateway"]
RenewalReason = Literal["key_lost", "journal_lost", "forked", "planned"]

# 91 bytes of SPKI DER (P-256) take 122 characters.
KeyText = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{122}$", min_length=122, max_length=122)]
# 128 random bits.
Code = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{22}$", min_length=22, max_length=22)]


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /v1/sources`. `proof` signs `keys.enrol_input`; keys and signatures are base64url."""

    code: Code
    kind: SourceKind
    public_key: KeyText
    proof: SealText
    app: AppName
    schema: Number


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server takes in one request; never above the protocol's own limits."""

    max_entries: int
    max_bytes: int


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where an earlier incarnation had come, so that a loss is seen at once."""

    last_seq: int
    at: InstantText


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an enrolment and to a new incarnation; `server_key` is the town's record key, SPKI in base64url."""

    source: str
    incarnation: int
    town: str
    server_key: str
    limits: Limits
    previous: Previous | UnsetType = UNSET


class RenewRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`POST /v1/sources/{source}/incarnations`.

    `proof` signs `keys.enrol_input` with the new key, over `code` or, without one, over the source's id; `old_proof`
    the same with the old key. Either a code or `old_proof` beside a valid lease.
    """

    public_key: KeyText
    proof: SealText
    reason: RenewalReason
    old_proof: SealText | UnsetType = UNSET
    code: Code | UnsetType = UNSET


class LeaseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /v1/sources/{source}/lease`. `signature` signs `keys.lease_input`; `now` rises from request to request."""

    incarnation: Positive
    now: InstantText
    signature: SealText


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """A token for all other requests until `expires_at`; the shares are for phones' encryption at rest."""

    token: str
    expires_at: InstantText
    share: str | UnsetType = UNSET
    next_share: str | UnsetType = UNSET


class LeaseRefused(msgspec.Struct, frozen=True, kw_only=True):
    """What a 403 to a lease request of a revoked source carries besides the problem's own members."""

    stop: Stop
    control: tuple[Control, ...] = ()
