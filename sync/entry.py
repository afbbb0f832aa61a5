"""Entries of a journal: header bytes, commitments and the chain (design/sync.md 2.1 to 2.3).

Nobody parses a header. Both sides build it from checked fields, whose characters need no JSON escape,
so that every JSON writer gives the same bytes.
"""

import re
from base64 import urlsafe_b64encode
from binascii import Error as BinasciiError
from binascii import a2b_base64
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec

from sync.errors import InvalidEntry

# The largest integer that a browser's numbers hold exactly.
MAX_INTEGER: Final = 2**53 - 1
MAX_VERSION: Final = 9999
# design/sync.md 3.1: with these a lone entry always fits the limits of a request.
MAX_MEDIA: Final = 32
MAX_BODY: Final = 65_536
SALT_SIZE: Final = 16
HASH_SIZE: Final = 32

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}").fullmatch
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,2}").fullmatch
_HEX: Final = re.compile(r"[0-9a-f]{64}").fullmatch
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z").fullmatch
_ZONE: Final = re.compile(r"[A-Za-z0-9_+/-]{1,40}").fullmatch
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*").fullmatch
_TO_STANDARD: Final = str.maketrans("-_", "+/")


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The public part of an entry: what the chain covers and what stays when the body is erased.

    `recorded_at` is RFC 9557 text, evidence and not order. `media` holds one salted commitment for each file,
    `commitment` the one of the body; both are lower-case hex of SHA-256.
    """

    seq: int
    id: str
    kind: str
    v: int
    recorded_at: str
    media: tuple[str, ...]
    commitment: str


def header(entry: Entry) -> bytes:
    """The bytes that are chained: a JSON array of fixed order, ASCII, without white space.

    `entry` MUST have passed `check`: characters that JSON would escape are not escaped here.
    """
    media = '"' + '","'.join(entry.media) + '"' if entry.media else ""
    return (
        f'["streife.entry.1",{entry.seq},"{entry.id}","{entry.kind}",{entry.v},"{entry.recorded_at}",'
        f'[{media}],"{entry.commitment}"]'
    ).encode("ascii")


def genesis_hash(source: str, incarnation: int, spki_sha256: bytes) -> bytes:
    """`hash[0]` of one incarnation of a journal: 32 bytes over source, incarnation and its public key.

    Raises:
        InvalidEntry: `source` is no lower-case UUID, or `incarnation` is not in 1 … 2^53 − 1.
    """
    if not _UUID(source):
        raise InvalidEntry("source", "not a lower-case UUID")
    _integer("incarnation", incarnation, MAX_INTEGER)
    return sha256(f'["streife.journal.1","{source}",{incarnation},"{spki_sha256.hex()}"]'.encode("ascii")).digest()


def chain_hash(previous: bytes, header: bytes) -> bytes:
    """`hash[n]` over `hash[n-1]` and the header of entry n; 32 bytes each."""
    return sha256(previous + header).digest()


def commitment(salt: bytes, body: bytes) -> str:
    """Hex SHA-256 over salt and body: says nothing about the body once the salt is erased."""
    return sha256(salt + body).hexdigest()


def media_commitment(salt: bytes, digest: bytes) -> str:
    """Hex SHA-256 over salt, a zero byte and the file's 32-byte SHA-256.

    The zero byte keeps it apart from a body's commitment, as bodies begin with `{`.
    """
    return sha256(salt + b"\0" + digest).hexdigest()


def check(entry: Entry) -> tuple[datetime, str]:
    """`entry` fits the table of design/sync.md 2.1, so its header can be built and chained; `recorded_at`, parsed.

    Raises:
        InvalidEntry: names the first field that does not.
    """
    _integer("seq", entry.seq, MAX_INTEGER)
    if not _ID(entry.id):
        raise InvalidEntry("id", "not a UUIDv7 in lower case")
    if not _KIND(entry.kind):
        raise InvalidEntry("kind", "not two or three names of [a-z][a-z0-9_]{0,30} joined by dots")
    _integer("v", entry.v, MAX_VERSION)
    recorded_at = parse_recorded_at(entry.recorded_at)
    if len(entry.media) > MAX_MEDIA:
        raise InvalidEntry("media", f"more than {MAX_MEDIA} files")
    for index, value in enumerate(entry.media):
        if not _HEX(value):
            raise InvalidEntry(f"media[{index}]", "not 64 lower-case hex digits")
    if not _HEX(entry.commitment):
        raise InvalidEntry("commitment", "not 64 lower-case hex digits")
    return recorded_at


def check_private(salt: bytes, body: bytes) -> None:
    """Salt and body have their lengths, and the body begins as an object; whether it is JSON is not looked at.

    Raises:
        InvalidEntry: names `salt` or `body`.
    """
    if len(salt) != SALT_SIZE:
        raise InvalidEntry("salt", f"not {SALT_SIZE} bytes")
    if not body.startswith(b"{"):
        raise InvalidEntry("body", "does not begin with {")
    if len(body) > MAX_BODY:
        raise InvalidEntry("body", f"more than {MAX_BODY} bytes")


def parse_recorded_at(text: str) -> tuple[datetime, str]:
    """The UTC instant, exact to the millisecond, and the name of the zone it was recorded in.

    The name is not looked up: a source may know zones that this machine does not.

    Raises:
        InvalidEntry: not `YYYY-MM-DDTHH:MM:SS.mmmZ[Zone]` with a day and time that exist (RFC 9557).
    """
    if text[24:25] != "[" or text[-1] != "]" or not _ZONE(text[25:-1]):
        raise InvalidEntry("recorded_at", "not YYYY-MM-DDTHH:MM:SS.mmmZ[Zone]")
    return parse_instant(text[:24], "recorded_at"), text[25:-1]


def format_recorded_at(instant: datetime, zone: str) -> str:
    """RFC 9557 text of an aware instant, cut (not rounded) to milliseconds.

    Raises:
        InvalidEntry: `zone` is not made of `[A-Za-z0-9_+/-]{1,40}`.
    """
    if not _ZONE(zone):
        raise InvalidEntry("recorded_at", "zone is not [A-Za-z0-9_+/-]{1,40}")
    return f"{format_instant(instant)}[{zone}]"


def parse_instant(text: str, field: str = "now") -> datetime:
    """The UTC instant behind `YYYY-MM-DDTHH:MM:SS.mmmZ`, the one form of RFC 3339 on this wire.

    Raises:
        InvalidEntry: another form, or a day or time that does not exist; it names `field`.
    """
    if not _INSTANT(text):
        raise InvalidEntry(field, "not YYYY-MM-DDTHH:MM:SS.mmmZ")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidEntry(field, "no such day or time") from error


def format_instant(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` of an aware instant, cut (not rounded) to milliseconds."""
    if instant.utcoffset() is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def base64url(data: bytes) -> str:
    """Base64 with the URL alphabet and without padding (RFC 4648 § 5)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """The bytes behind `base64url`; only the one text that `base64url` gives for them is taken.

    Raises:
        ValueError: padding, other characters, an impossible length or stray last bits.
    """
    if not _BASE64URL(text):
        raise ValueError("not base64url")
    try:
        data = a2b_base64(text.translate(_TO_STANDARD) + "=" * (-len(text) % 4))
    except BinasciiError as error:
        raise ValueError("not base64url") from error
    if base64url(data) != text:
        raise ValueError("stray last bits")
    return data


def _integer(field: str, value: int, highest: int) -> None:
    # A bool is an int in Python, but not in JSON.
    if type(value) is not int or not 1 <= value <= highest:
        raise InvalidEntry(field, f"not an integer from 1 to {highest}")
