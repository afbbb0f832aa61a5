"""P-256 keys of sources, and what is signed with them (design/sync.md 2.3 and 2.5).

Signatures are 64 raw bytes `r ‖ s`, as WebCrypto makes them (IEEE P1363).
They are random and malleable: never compare two.
"""

import os
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from sync.errors import InvalidKey

SIGNATURE_SIZE = 64


class SourceKey:
    """The private key of one incarnation of a journal; it never leaves this object but into its file."""

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        """Raises InvalidKey where `key` is not on P-256."""
        if not isinstance(key.curve, SECP256R1):
            raise InvalidKey("not a P-256 key")
        self._key = key
        self.spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.spki_sha256 = sha256(self.spki).digest()

    @classmethod
    def generate(cls) -> Self:
        """A new key from the operating system's randomness."""
        return cls(generate_private_key(SECP256R1()))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The key that `store` wrote.

        Raises:
            InvalidKey: the file holds no unencrypted P-256 key.
            OSError: the file cannot be read.
        """
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise InvalidKey(f"{path.name} holds no readable key") from error
        if not isinstance(key, EllipticCurvePrivateKey):
            raise InvalidKey("not a P-256 key")
        return cls(key)

    def store(self, path: Path) -> None:
        """The key is on disk at `path`, readable by this user only; a power cut leaves the old file or the new one."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def sign(self, message: bytes) -> bytes:
        """64 raw bytes `r ‖ s`: ECDSA with SHA-256 over `message` (FIPS 186-5)."""
        r, s = decode_dss_signature(self._key.sign(message, ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@lru_cache(maxsize=4096)
def public_key(spki: bytes) -> EllipticCurvePublicKey:
    """The P-256 key behind SPKI DER of exactly the form that `SourceKey.spki` has, so that its hash names the key.

    Raises:
        InvalidKey: unreadable, another curve, or another encoding (compressed point, explicit parameters).
    """
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidKey("not a readable public key") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidKey("not a P-256 key")
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != spki:
        raise InvalidKey("not the plain DER form")
    return key


def verify(spki: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 raw bytes `r ‖ s`) is the key's over `message`; any other bytes are simply False.

    Raises:
        InvalidKey: `spki` is no P-256 key.
    """
    key = public_key(spki)
    if len(signature) != SIGNATURE_SIZE:
        return False
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        key.verify(der, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def seal_input(source: str, incarnation: int, seq: int, head: bytes) -> bytes:
    """What a seal signs: the hash of the newest entry, which covers all before it."""
    return f'["streife.seal.1","{source}",{incarnation},{seq},"{head.hex()}"]'.encode("ascii")


def seal(key: SourceKey, source: str, incarnation: int, seq: int, head: bytes) -> bytes:
    """The 64-byte seal over entry `seq` and all before it."""
    return key.sign(seal_input(source, incarnation, seq, head))


def verify_seal(spki: bytes, signature: bytes, *, source: str, incarnation: int, seq: int, head: bytes) -> bool:
    """Whether the key sealed exactly this chain up to `seq`; malformed signatures are False."""
    return verify(spki, seal_input(source, incarnation, seq, head), signature)


def enrol_input(code: str, spki_sha256: bytes) -> bytes:
    """What proves at enrolment that the source holds the private key; `code` is base64url text."""
    return f'["streife.enrol.1","{code}","{spki_sha256.hex()}"]'.encode("ascii")


def lease_input(source: str, incarnation: int, now: str) -> bytes:
    """What a lease request signs; `now` is the text sent beside it and rises from request to request."""
    return f'["streife.lease.1","{source}",{incarnation},"{now}"]'.encode("ascii")


def control_input(source: str, do: str, until: str = "") -> bytes:
    """What the town's record key signs under a control; `until` is empty where the control has none."""
    return f'["streife.control.1","{source}","{do}","{until}"]'.encode("ascii")
