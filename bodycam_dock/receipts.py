"""Whether what the server sent proves that it has a clip. Pure.

A camera's file is erased against this and nothing else, so whatever is not exactly right is refused: key, kind, chain
place, file, size, camera. A true receipt of another clip proves nothing here, however often it is sent.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from bodycam_dock.errors import ReceiptRefused
from sync.bodies import Digest, Instant
from sync.entry import parse_instant
from sync.envelope import opened
from sync.errors import InvalidEntry, InvalidEnvelope
from sync.journal import Place

_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


class ClipReceived(Struct, frozen=True, kw_only=True):
    """The members of `clip.received` that concern a dock (design/evidence.md 3); others are kept unread."""

    kind: Literal["clip.received"]
    v: Literal[1]
    keyid: Digest
    source: str
    incarnation: int
    seq: int
    entry_hash: Digest
    media: Digest
    size: Annotated[int, Meta(ge=0)]
    camera: str
    camera_seq: int
    delete_at: Instant
    stored_at: Instant


class Expected(NamedTuple):
    """What the receipt must speak of: one file of one entry of ours; `position` is the file's place in `media`."""

    source: str
    places: Sequence[Place]
    position: int
    size: int
    camera: str
    camera_seq: int


class Receipt(NamedTuple):
    """A receipt that holds."""

    #: SHA-256 of the signed payload, hex: what `clip.erased` names it by.
    digest: str
    delete_at: datetime


def verified(envelope: bytes, record_key: bytes, expected: Expected) -> Receipt:
    """The receipt, signed by the town's record key (SPKI DER, from the enrolment), for exactly this file.

    Raises:
        ReceiptRefused: anything is not as it must be; the message says what.
    """
    try:
        payload = opened(envelope, record_key)
        said = msgspec.json.decode(payload, type=ClipReceived)
        is_canonical = _canonical(msgspec.json.decode(payload)) == payload
        delete_at, _ = parse_instant(said.delete_at), parse_instant(said.stored_at)
    except (InvalidEnvelope, InvalidEntry, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReceiptRefused(f"no receipt: {error}") from error
    if not is_canonical:
        raise ReceiptRefused("not in the one form of a record")
    if said.keyid != sha256(record_key).hexdigest():
        raise ReceiptRefused("names another key")
    if said.source != expected.source:
        raise ReceiptRefused("of another source")
    place = (said.incarnation, said.seq, said.entry_hash)
    ours = [one for one in expected.places if place == (one.incarnation, one.seq, one.hash.hex())]
    if not ours:
        raise ReceiptRefused("of another entry")
    if said.media != ours[0].media[expected.position]:
        raise ReceiptRefused("of another file")
    if said.size != expected.size:
        raise ReceiptRefused("of another size")
    if (said.camera, said.camera_seq) != (expected.camera, expected.camera_seq):
        raise ReceiptRefused("of another camera or number")
    return Receipt(sha256(payload).hexdigest(), delete_at)
