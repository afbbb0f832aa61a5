"""What travels in `POST /v1/sync/exchange` (design/sync.md 3.1), and how an arrived entry becomes an `Entry`.

Unknown members are ignored in both directions. Members that may be absent are `UNSET` and are not written.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from sync.entry import (
    MAX_INTEGER,
    MAX_MEDIA,
    Entry,
    chain_hash,
    check,
    check_private,
    commitment,
    from_base64url,
    header,
    media_commitment,
    parse_instant,
)
from sync.errors import InvalidEntry

# design/sync.md 3.1. Bytes of a request before and after decompression, which stops there.
MAX_ENTRIES: Final = 100
MAX_SCOPES: Final = 64
MAX_COMPRESSED: Final = 1024 * 1024
MAX_PLAIN: Final = 4 * 1024 * 1024
# An entry that was cut off or answered 5xx this often is sent alone; and this often, is parked by the server.
TRIES_ALONE: Final = 3
TRIES_PARKED: Final = 6

# In Python `$` also matches before a last newline: a fixed length or `(?!\n)` closes that.
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", min_length=64, max_length=64)]
SealText = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{86}$", min_length=86, max_length=86)]
InstantText = Annotated[str, Meta(pattern=r"^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z$", min_length=24, max_length=24)]
ScopeName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9:_.-]{0,99}$(?!\n)", max_length=100)]
Cursor = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$(?!\n)", max_length=200)]
Number = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
AppName = Annotated[str, Meta(max_length=100, pattern=r"^[^\x00-\x1f]*$(?!\n)")]
Positive = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]

Judgement = Literal["accepted", "rejected", "conflict", "held", "parked"]
Op = Literal["put", "drop", "delete", "purge"]
StopCode = Literal["gap", "fork", "bad_seal", "revoked", "too_large"]
ResetReason = Literal["new", "expired", "epoch", "schema", "check", "closed"]
ControlVerb = Literal["wipe", "upgrade", "lease"]

_HEX: Final = re.compile("[0-9a-f]{64}").fullmatch
# RFC 6838 § 4.2, in lower case and without parameters.
_MEDIA_TYPE: Final = re.compile("[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,63}").fullmatch


class WireMedia(msgspec.Struct, frozen=True, kw_only=True):
    """A file that belongs to an entry; the chain covers the hash, not size and type."""

    sha256: str
    size: int
    type: str


class WireEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is sent. `salt` is base64url; `body` is JSON text in a string, so that no parser touches it."""

    seq: int
    id: str
    kind: str
    v: int
    recorded_at: str
    media: tuple[WireMedia, ...]
    salt: str
    body: str


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot just finished, and the feed position from which its scope goes on."""

    scope: ScopeName
    cursor: Cursor


class ExchangeRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One push and pull. `prev` and `seal` stand only beside `entries`, whose `seq` rises by one."""

    incarnation: Positive
    app: AppName
    schema: Number
    now: InstantText
    last_seq: Number
    tries: Number = 0
    holds: Annotated[tuple[ScopeName, ...], Meta(max_length=MAX_SCOPES)] = ()
    cursor: Cursor | UnsetType = UNSET
    joins: Annotated[tuple[Join, ...], Meta(max_length=MAX_SCOPES)] = ()
    prev: Hex64 | UnsetType = UNSET
    entries: Annotated[tuple[WireEntry, ...], Meta(max_length=MAX_ENTRIES)] = ()
    seal: SealText | UnsetType = UNSET


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an entry; `text` is the key of a German message, `record` what the entry made."""

    seq: int
    verdict: Judgement
    code: str
    field: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    record: str | UnsetType = UNSET


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """The source must act before it goes on (design/sync.md 3.5)."""

    code: StopCode
    expected: int | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    since: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    max_bytes: int | UnsetType = UNSET
    max_entries: int | UnsetType = UNSET


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the feed; `body` is the stored JSON object, passed on without being encoded again."""

    scope: str
    op: Op
    type: str
    id: str
    rev: int
    body: Raw | UnsetType = UNSET


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """A scope to be fetched anew by snapshot, or to be erased where the reason is `closed`."""

    scope: str
    reason: ResetReason
    types: tuple[str, ...] | UnsetType = UNSET


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """An order of the town, signed with its record key over `keys.control_input`; `signature` is base64url."""

    do: ControlVerb
    signature: str
    until: str | UnsetType = UNSET


class ExchangeResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, also with a stop. Entries up to `last_seq` that `verdicts` does not name are accepted."""

    now: InstantText
    epoch: str
    schema: int
    last_seq: int
    durable_seq: int | None
    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...]
    more: bool
    resets: tuple[Reset, ...]
    control: tuple[Control, ...]
    cursor: Cursor | UnsetType = UNSET
    stop: Stop | UnsetType = UNSET


class Folded(NamedTuple):
    """An arrived entry with its private parts, its place in the chain (32 bytes), and when and in which zone it was."""

    entry: Entry
    salt: bytes
    body: bytes
    hash: bytes
    recorded_at: datetime
    zone: str


def private_parts(wire: WireEntry) -> tuple[bytes, bytes]:
    """Salt and body as bytes, within their bounds.

    Raises:
        InvalidEntry: names `salt` or `body`.
    """
    try:
        salt = from_base64url(wire.salt)
    except ValueError as error:
        raise InvalidEntry("salt", "not base64url without padding") from error
    try:
        body = wire.body.encode()
    except UnicodeEncodeError as error:
        raise InvalidEntry("body", "holds a lone surrogate") from error
    check_private(salt, body)
    return salt, body


def to_entry(wire: WireEntry, salt: bytes, body: bytes) -> Entry:
    """The checked entry that the source chained, with commitments computed here from `salt` and `body`.

    Raises:
        InvalidEntry: names the first field out of its bounds.
    """
    entry = _built(wire, salt, body)
    check(entry)
    return entry


def _built(wire: WireEntry, salt: bytes, body: bytes) -> Entry:
    if len(wire.media) > MAX_MEDIA:
        raise InvalidEntry("media", f"more than {MAX_MEDIA} files")
    return Entry(
        seq=wire.seq,
        id=wire.id,
        kind=wire.kind,
        v=wire.v,
        recorded_at=wire.recorded_at,
        media=commit_media(salt, wire.media),
        commitment=commitment(salt, body),
    )


def commit_media(salt: bytes, media: Sequence[WireMedia]) -> tuple[str, ...]:
    """The salted commitment of each file, in order.

    Raises:
        InvalidEntry: names the member of the first file out of its bounds.
    """
    return tuple([_commit(salt, index, item) for index, item in enumerate(media)])


def fold(prev: bytes, entries: Sequence[WireEntry]) -> list[Folded]:
    """The arrived entries checked and chained onto `prev` (32 bytes), ready for the seal and for `admission.decide`.

    Raises:
        InvalidEntry: names the field as `entries[2].kind`; also where `seq` does not rise by one.
    """
    folded: list[Folded] = []
    for index, wire in enumerate(entries):
        if wire.seq != entries[0].seq + index:
            raise InvalidEntry(f"entries[{index}].seq", "does not follow its predecessor")
        try:
            salt, body = private_parts(wire)
            entry = _built(wire, salt, body)
            recorded_at, zone = check(entry)
        except InvalidEntry as error:
            raise error.inside(f"entries[{index}]") from error
        prev = chain_hash(prev, header(entry))
        folded.append(Folded(entry, salt, body, prev, recorded_at, zone))
    return folded


def check_request(request: ExchangeRequest) -> datetime:
    """The envelope fits together: `prev` and `seal` exactly where there are entries; returns `now` as a UTC instant.

    Raises:
        InvalidEntry: names the member.
    """
    for member, value in (("prev", request.prev), ("seal", request.seal)):
        if (value is UNSET) == bool(request.entries):
            raise InvalidEntry(member, "stands exactly where there are entries")
    return parse_instant(request.now)


def _commit(salt: bytes, index: int, media: WireMedia) -> str:
    field = f"media[{index}]"
    if not 0 <= media.size <= MAX_INTEGER:
        raise InvalidEntry(f"{field}.size", f"not an integer from 0 to {MAX_INTEGER}")
    if not _MEDIA_TYPE(media.type):
        raise InvalidEntry(f"{field}.type", "not a media type in lower case")
    if not _HEX(media.sha256):
        raise InvalidEntry(f"{field}.sha256", "not 64 lower-case hex digits")
    return media_commitment(salt, bytes.fromhex(media.sha256))
