"""Signed notes and checkpoints (C2SP signed-note and tlog-checkpoint): one text, one line for each signature.

example.de/streife/log          origin
20852163                        number of leaves
CsUYapGGPo4dkMgIAUqom/X…        root, base64

— example.de/streife/log Az3g…  key's name; base64 of 4 bytes of key id and the signature over the text above
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final, Literal, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

# signed-note asks for at least 16; a note of ours carries two of the log and a few of witnesses.
MOST_SIGNATURES: Final = 32
# A post-quantum signature takes up to 5 kB.
MOST_BYTES: Final = 200_000

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_SIGNATURE_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_VKEY: Final = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")

Reason = Literal["malformed", "signature_invalid", "key_unknown", "wrong_log"]


class BadNote(Exception):
    """A note that proves nothing. `reason` says why: the verifier's finding is `checkpoint_<reason>`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Algorithm(IntEnum):
    """How a line is signed: the type byte of signed-note."""

    ED25519 = 0x01
    #: P-256 with SHA-256, the signature in DER.
    ECDSA = 0x02


@dataclass(frozen=True)
class VerifierKey:
    """A public key under the name that its lines carry."""

    name: str
    algorithm: Algorithm
    #: 32 bytes for Ed25519 (RFC 8032), SPKI in DER for ECDSA.
    public: bytes

    @property
    def id(self) -> bytes:
        """The 4 bytes that, with the name, say which key made a line."""
        if self.algorithm is Algorithm.ECDSA:  # as deployed before the specification had a rule
            return sha256(self.public).digest()[:4]
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """The key as text, `<name>+<id>+<base64>`, as witnesses and other verifiers are told of it."""
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.algorithm]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that `str` wrote.

        Raises:
            ValueError: not such a text, another algorithm, or an id that is not the key's.
        """
        if not (match := _VKEY.fullmatch(text)):
            raise ValueError("not a verifier key")
        packed = b64decode(match[3], validate=True)
        key = cls(match[1], Algorithm(packed[0]), packed[1:])
        if key.id.hex() != match[2]:
            raise ValueError("the id is not that of the key")
        return key

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made the signature; an unusable key or signature is False."""
        try:
            if self.algorithm is Algorithm.ED25519:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
                return True
            key = load_der_public_key(self.public)
            if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
                return False
            key.verify(signature, text, ECDSA(SHA256()))
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A key that can sign, and what others verify it with."""

    key: VerifierKey
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Checkpoint:
    """What a log says about itself."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        """The text that is signed: three lines."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def origin_of(domain: str) -> str:
    """The name of a town's log, and of the keys that sign for it."""
    return f"{domain}/streife/log"


def sign(text: str, signers: Iterable[Signer]) -> str:
    """The note: `text`, which ends in a newline, and a line for each signer."""
    lines = [
        f"— {signer.key.name} {b64encode(signer.key.id + signer.sign(text.encode())).decode()}\n" for signer in signers
    ]
    return f"{text}\n{''.join(lines)}"


def verified_text(note: bytes, known: Iterable[VerifierKey]) -> str:
    """The text of a note that at least one known key signed; lines of other keys are ignored.

    Raises:
        BadNote: `malformed`; `signature_invalid`, if one line of a known key is broken, whatever the others say;
            `key_unknown`, if no known key signed.
    """
    text, lines = _parts(note)
    keys = {(key.name, key.id): key for key in known}
    ours = [(key, signature) for name, id_, signature in lines if (key := keys.get((name, id_)))]
    if not all(key.verify(text.encode(), signature) for key, signature in ours):
        raise BadNote("signature_invalid")
    if not ours:
        raise BadNote("key_unknown")
    return text


def verified_checkpoint(note: bytes, known: Iterable[VerifierKey], origin: str) -> Checkpoint:
    """What the log of this origin said and signed.

    Raises:
        BadNote: as above, or `wrong_log`.
    """
    checkpoint = parse_checkpoint(verified_text(note, known))
    if checkpoint.origin != origin:
        raise BadNote("wrong_log")
    return checkpoint


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in the text of a note; further lines, which the format allows, are ignored.

    Raises:
        BadNote: `malformed`.
    """
    lines = text.split("\n")
    if len(lines) < 4 or not all(lines[:-1]) or lines[-1] or not _SIZE.fullmatch(lines[1]):
        raise BadNote("malformed")
    root = _decoded(lines[2])
    if len(root) != 32 or b64encode(root).decode() != lines[2]:
        raise BadNote("malformed")
    return Checkpoint(lines[0], int(lines[1]), root)


def _parts(note: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The signed text, with its final newline, and of each line the name, the key's id and the signature."""
    try:
        whole = note.decode() if len(note) <= MOST_BYTES else ""
    except UnicodeDecodeError as error:
        raise BadNote("malformed") from error
    text, blank, block = whole.rpartition("\n\n")
    if not text or not blank or not block.endswith("\n") or _CONTROL.search(whole):
        raise BadNote("malformed")
    lines = block[:-1].split("\n")
    matches = [match for line in lines if (match := _SIGNATURE_LINE.fullmatch(line))]
    if len(matches) != len(lines) or len(lines) > MOST_SIGNATURES:
        raise BadNote("malformed")
    packed = [(match[1], _decoded(match[2])) for match in matches]
    if any(len(signature) < 5 for _, signature in packed):
        raise BadNote("malformed")
    return text + "\n", [(name, signature[:4], signature[4:]) for name, signature in packed]


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadNote("malformed") from error
