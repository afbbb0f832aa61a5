"""Entries and keys that several tests build."""

import random
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from sync.entry import base64url, format_instant
from sync.exchange import ExchangeResponse, WireEntry, WireMedia
from sync.keys import SourceKey
from sync.ledger import Draft

SOURCE = "019cad8f-ac00-7a11-8b22-3c44d5e6f708"
NOW = datetime(2026, 3, 14, 21, 7, 33, 125_000, tzinfo=UTC)
#: The public test key of RFC 6979 A.2.5, for P-256.
RFC6979 = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721


def rfc6979_key() -> SourceKey:
    return SourceKey(derive_private_key(RFC6979, SECP256R1()))


def uuid7(number: int, *, unix_ms: int = 1_773_522_453_125) -> str:
    """A UUIDv7 that is the same for the same number."""
    bits = random.Random(number).getrandbits(74)
    return str(UUID(int=unix_ms << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1))


def wire_entry(seq: int = 1, **changes: object) -> WireEntry:
    rng = random.Random(seq)
    fields: dict[str, object] = {
        "seq": seq,
        "id": uuid7(seq),
        "kind": "offence.recorded",
        "v": 1,
        "recorded_at": "2026-03-14T21:07:33.125Z[Europe/Berlin]",
        "media": (WireMedia(sha256=rng.randbytes(32).hex(), size=5, type="image/jpeg"),),
        "salt": base64url(rng.randbytes(16)),
        "body": '{"tbnr":"141312","street":"Mühlenstraße"}',
    }
    return WireEntry(**(fields | changes))  # type: ignore[arg-type]


def wire_entries(first: int, number: int) -> list[WireEntry]:
    return [wire_entry(seq) for seq in range(first, first + number)]


def draft(number: int, **changes: object) -> Draft:
    rng = random.Random(number)
    fields: dict[str, object] = {
        "id": uuid7(number),
        "kind": "offence.recorded",
        "v": 1,
        "recorded_at": "2026-03-14T21:07:33.125Z[Europe/Berlin]",
        "body": b'{"number":%d,"street":"M\xc3\xbchlenstra\xc3\x9fe","note":"%s"}'
        % (number, rng.randbytes(20).hex().encode()),
        "media": (WireMedia(sha256=rng.randbytes(32).hex(), size=5, type="image/jpeg"),),
    }
    return Draft(**(fields | changes))  # type: ignore[arg-type]


def answer(last_seq: int) -> ExchangeResponse:
    return ExchangeResponse(
        now=format_instant(NOW),
        epoch="one",
        schema=1,
        last_seq=last_seq,
        durable_seq=None,
        verdicts=(),
        changes=(),
        more=False,
        resets=(),
        control=(),
    )
