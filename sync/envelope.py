"""Signed records in a DSSE envelope (Dead Simple Signing Envelope 1.0; design/evidence.md 3).

A dock erases a camera's file only against such an envelope, and a verifier reads nothing else. The payload is kept as
the bytes that were signed.
"""

from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from sync.errors import InvalidEnvelope
from sync.keys import SourceKey, verify

PAYLOAD_TYPE: Final = "application/vnd.streife.record.v1+json"
#: Records are small; nothing that is larger is one.
MAX_PAYLOAD: Final = 64 * 1024


class Signature(Struct, frozen=True, kw_only=True):
    """`keyid`: hex SHA-256 of the signer's SPKI DER. `sig`: 64 bytes `r ‖ s`, base64."""

    keyid: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?![\s\S])")]
    sig: Annotated[str, Meta(min_length=88, max_length=88)]


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As it is stored and sent; members in this order."""

    payload: Annotated[str, Meta(max_length=4 * MAX_PAYLOAD // 3 + 4)]
    payloadType: str  # noqa: N815 - DSSE's own spelling
    signatures: Annotated[tuple[Signature, ...], Meta(min_length=1, max_length=4)]


def pre_authentication(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """What is signed: `DSSEv1 SP len(type) SP type SP len(payload) SP payload`."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(key: SourceKey, payload: bytes) -> bytes:
    """64 raw bytes `r ‖ s` over the payload as a record."""
    return key.sign(pre_authentication(payload))


def envelope(payload: bytes, keyid: bytes, signature: bytes) -> bytes:
    """The envelope of a signed record, as JSON in one line; the same arguments give the same bytes."""
    return msgspec.json.encode(
        Envelope(
            payload=b64encode(payload).decode(),
            payloadType=PAYLOAD_TYPE,
            signatures=(Signature(keyid=keyid.hex(), sig=b64encode(signature).decode()),),
        )
    )


def opened(data: bytes, spki: bytes) -> bytes:
    """The payload of an envelope that the key behind `spki` signed.

    Raises:
        InvalidEnvelope: no envelope, no record, base64 in another than its one canonical form, or not this key's.
    """
    try:
        read = msgspec.json.decode(data, type=Envelope)
        payload = b64decode(read.payload, validate=True)
        raw = b64decode(read.signatures[0].sig, validate=True)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidEnvelope("not an envelope") from error
    if b64encode(payload).decode() != read.payload or b64encode(raw).decode() != read.signatures[0].sig:
        raise InvalidEnvelope("base64 that is not canonical")
    if read.payloadType != PAYLOAD_TYPE:
        raise InvalidEnvelope("not a record")
    is_named = [one.keyid for one in read.signatures] == [sha256(spki).hexdigest()]
    if not is_named or not verify(spki, pre_authentication(payload), raw):
        raise InvalidEnvelope("not signed by this key")
    return payload
