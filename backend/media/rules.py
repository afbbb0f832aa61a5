"""Pieces, headers and limits of uploads (tus 1.0.0, design/evidence.md 6)."""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

#: A chunk list has 32 bytes for each piece of this size; the last may be shorter (design/evidence.md 3).
PIECE: Final = 4 * 1024 * 1024
#: Of files without a list: a phone's PATCH is 256 KiB to 1 MiB, and nobody vouches for more at once (ours).
UNLISTED_PIECE: Final = 1024 * 1024
DIGEST: Final = 32
MAX_FILE: Final = 32 * 1024**3
#: Unfinished uploads of one source; a dock sends four at once (design/evidence.md 5).
MAX_UNFINISHED: Final = 4
#: After the last durable piece.
LIFE: Final = timedelta(days=7)
TUS: Final = "1.0.0"

_PAIR: Final = re.compile(r"([!-+\--~]+)(?: ([A-Za-z0-9+/=]*))?")
_SHA256: Final = re.compile("[0-9a-f]{64}")
_UUID: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER: Final = re.compile("[0-9]{1,15}")


class BadHeader(Exception):
    """A header is not what tus or our subset of it says; the arguments are its pointer and what is wrong."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(pointer, detail)
        self.pointer = pointer
        self.detail = detail


class Wanted(NamedTuple):
    """The file that a POST names."""

    entry: UUID
    #: 32 bytes.
    sha256: bytes
    type: str
    size: int


def is_list_of(chunks: bytes, size: int) -> bool:
    """Whether a chunk list has the length that a file of `size` bytes needs."""
    return len(chunks) == DIGEST * -(-size // PIECE)


def piece_end(offset: int, size: int, *, is_listed: bool) -> int:
    """Where the piece that holds `offset` ends, exclusive. Listed ones lie on a grid, others begin where they begin."""
    end = (offset // PIECE + 1) * PIECE if is_listed else offset + UNLISTED_PIECE
    return min(end, size)


def listed_digest(chunks: bytes, offset: int) -> bytes:
    """What the piece that begins at `offset`, on the grid, must hash to."""
    start = offset // PIECE * DIGEST
    return chunks[start : start + DIGEST]


def wanted(length: str | None, metadata: str | None) -> Wanted:
    """What `Upload-Length` and `Upload-Metadata` of a POST ask for.

    Raises:
        BadHeader: names the header, and the key within the metadata.
    """
    size = number("upload-length", length)
    found = _metadata(metadata)
    sha256, entry, kind = (_text(found, key) for key in ("sha256", "entry", "type"))
    if not _SHA256.fullmatch(sha256):
        raise BadHeader("/upload-metadata/sha256", "not 64 lower-case hex digits")
    if not _UUID.fullmatch(entry):
        raise BadHeader("/upload-metadata/entry", "not a lower-case UUID")
    return Wanted(UUID(entry), bytes.fromhex(sha256), kind, size)


def number(header: str, text: str | None) -> int:
    """The header as a number of bytes.

    Raises:
        BadHeader: it is missing or none.
    """
    if text is None:
        raise BadHeader(f"/{header}", "missing")
    if not _NUMBER.fullmatch(text):
        raise BadHeader(f"/{header}", "not a decimal number of bytes")
    return int(text)


def checksum(text: str | None) -> bytes | None:
    """The SHA-256 that `Upload-Checksum` gives for a body; None where the header is absent.

    Raises:
        BadHeader: another algorithm, or no digest of it.
    """
    if text is None:
        return None
    algorithm, _, encoded = text.partition(" ")
    if algorithm != "sha256":
        raise BadHeader("/upload-checksum", "only sha256 is known here")
    digest = _decoded(encoded)
    if digest is None or len(digest) != DIGEST:
        raise BadHeader("/upload-checksum", "not 32 bytes in base64")
    return digest


def _metadata(text: str | None) -> Mapping[str, bytes]:
    """Keys and decoded values of `Upload-Metadata`: `key base64,key base64,…`."""
    if text is None:
        raise BadHeader("/upload-metadata", "missing")
    found: dict[str, bytes] = {}
    for part in text.split(","):
        pair = _PAIR.fullmatch(part.strip(" "))
        value = _decoded(pair[2] or "") if pair else None
        if pair is None or value is None:
            raise BadHeader("/upload-metadata", "not pairs of a key and a base64 value, separated by commas")
        if pair[1] in found:
            raise BadHeader("/upload-metadata", "a key stands twice")
        found[pair[1]] = value
    return found


def _text(found: Mapping[str, bytes], key: str) -> str:
    try:
        return found[key].decode("ascii")
    except KeyError as error:
        raise BadHeader(f"/upload-metadata/{key}", "missing") from error
    except UnicodeDecodeError as error:
        raise BadHeader(f"/upload-metadata/{key}", "not ASCII") from error


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return None
