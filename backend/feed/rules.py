"""Cursors: sealed positions in the feed that only the server reads (design/sync.md 3.3)."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BinasciiError
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

#: Tombstones live this long; a device that was away longer fetches its scopes anew (design/sync.md 5.1).
TOMBSTONES: Final = timedelta(days=90)
#: Rows of a page (design/sync.md 3.1), and of one beside entries.
PAGE: Final = 2000
PAGE_WITH_ENTRIES: Final = 200
#: Bytes of bodies in a page before compression (design/sync.md 3.1).
PAGE_BYTES: Final = 1024 * 1024

_VERSION: Final = 1
_MAC_SIZE: Final = 16


class Position(NamedTuple):
    """A place in the order of the feed: transaction, then sequence within it."""

    xid: int
    pos: int


START: Final = Position(0, 0)


def seal_cursor(secret: bytes, epoch: bytes, town: UUID, reader: UUID, at: Position) -> str:
    """55 characters that only this town's `reader` can use: version, epoch, position and a MAC over all of it."""
    plain = bytes([_VERSION]) + epoch + at.xid.to_bytes(8, "big") + at.pos.to_bytes(8, "big")
    return urlsafe_b64encode(plain + _mac(secret, town, reader, plain)).rstrip(b"=").decode("ascii")


def open_cursor(secret: bytes, town: UUID, reader: UUID, cursor: str) -> tuple[bytes, Position] | None:
    """Epoch and position, or None where the cursor is not one that we gave to this reader."""
    data = _decode(cursor)
    plain, mac = data[:-_MAC_SIZE], data[-_MAC_SIZE:]
    if len(data) != 25 + _MAC_SIZE or plain[0] != _VERSION:
        return None
    if not hmac.compare_digest(mac, _mac(secret, town, reader, plain)):
        return None
    return plain[1:9], Position(int.from_bytes(plain[9:17], "big"), int.from_bytes(plain[17:25], "big"))


class Place(NamedTuple):
    """How far a snapshot of a scope has come: its last row's key, and the transaction and history that pinned it."""

    epoch: bytes
    scope: str
    xid: int
    type: str
    id: UUID


def seal_place(secret: bytes, town: UUID, reader: UUID, place: Place) -> str:
    """Text that only this town's `reader` can go on from."""
    plain = place.epoch + place.xid.to_bytes(8, "big") + place.id.bytes + f"{place.scope}\n{place.type}".encode()
    return urlsafe_b64encode(plain + _mac(secret, town, reader, b"snapshot" + plain)).rstrip(b"=").decode("ascii")


def open_place(secret: bytes, town: UUID, reader: UUID, text: str) -> Place | None:
    """The place, or None where the text is not one that we gave to this reader."""
    data = _decode(text)
    plain, mac = data[:-_MAC_SIZE], data[-_MAC_SIZE:]
    if len(plain) < 33 or not hmac.compare_digest(mac, _mac(secret, town, reader, b"snapshot" + plain)):
        return None
    scope, _, kind = plain[32:].decode().partition("\n")
    return Place(plain[:8], scope, int.from_bytes(plain[8:16], "big"), kind, UUID(bytes=plain[16:32]))


def _decode(text: str) -> bytes:
    """The bytes behind base64url without padding; none where it is not that."""
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (BinasciiError, UnicodeEncodeError, ValueError):
        return b""


def _mac(secret: bytes, town: UUID, reader: UUID, plain: bytes) -> bytes:
    return hmac.digest(secret, b"streife.cursor.1" + town.bytes + reader.bytes + plain, "sha256")[:_MAC_SIZE]
