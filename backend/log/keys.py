"""The log's two private keys: P-256 for our own verifiers, Ed25519 because tlog-tiles demands it of every log.

They sign checkpoints and nothing else (design/evidence.md 2). They are files outside the backup set, so that a copy
of the backups cannot speak for the log.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from backend.log.note import Algorithm, Signer, VerifierKey

P256_FILE: Final = "log-p256.pem"
ED25519_FILE: Final = "log-ed25519.pem"


class KeyUnusable(Exception):
    """A file of the log's keys holds something else; the message names the file and nothing of its content."""


@dataclass(frozen=True)
class LogKeys:
    """The keys of all towns' logs on this server; the name of a log keeps their signatures apart."""

    p256: EllipticCurvePrivateKey
    ed25519: Ed25519PrivateKey

    @classmethod
    def load_or_create(cls, folder: Path) -> Self:
        """The keys in `folder`; missing ones are made, and are on disk, mode 0600, before anything is signed.

        Processes that start at once get the same keys.

        Raises:
            KeyUnusable: a file holds no such key.
            OSError: the folder cannot be read or written.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        p256 = _load(_made(folder / P256_FILE, generate_private_key(SECP256R1())))
        ed25519 = _load(_made(folder / ED25519_FILE, Ed25519PrivateKey.generate()))
        if not isinstance(p256, EllipticCurvePrivateKey) or not isinstance(p256.curve, SECP256R1):
            raise KeyUnusable(P256_FILE)
        if not isinstance(ed25519, Ed25519PrivateKey):
            raise KeyUnusable(ED25519_FILE)
        return cls(p256, ed25519)

    def signers(self, origin: str) -> tuple[Signer, Signer]:
        """Who signs the checkpoints of the log `origin`."""
        spki = self.p256.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        raw = self.ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return (
            Signer(
                VerifierKey(origin, Algorithm.ECDSA, spki), lambda message: self.p256.sign(message, ECDSA(SHA256()))
            ),
            Signer(VerifierKey(origin, Algorithm.ED25519, raw), self.ed25519.sign),
        )

    def spkis(self) -> tuple[bytes, bytes]:
        """SubjectPublicKeyInfo, DER, of P-256 and of Ed25519: what the town's root states to be the log's keys."""
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return self.p256.public_key().public_bytes(*form), self.ed25519.public_key().public_bytes(*form)

    def verifier_keys(self, origin: str) -> tuple[VerifierKey, VerifierKey]:
        """The public halves; `str` makes the text that witnesses and verifiers are given."""
        first, second = self.signers(origin)
        return first.key, second.key


def _made(path: Path, new: EllipticCurvePrivateKey | Ed25519PrivateKey) -> Path:
    """`path` holds a whole key on disk: the one it held, or else `new`."""
    if path.exists():
        return path
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(new.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: a link never replaces
            path.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path


def _load(path: Path) -> object:
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(path.name) from error
