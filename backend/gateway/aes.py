"""AES-CBC with a zero IV, as SIA DC-09 (5.4.6) demands it; nothing authenticates it. The one importer of AES here."""

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

_ZERO: Final = bytes(16)
KEY_SIZES: Final = (16, 24, 32)


def encrypt(key: bytes, data: bytes) -> bytes:
    """`data` (whole blocks), encrypted, as hex text."""
    return _run(Cipher(AES(key), CBC(_ZERO)).encryptor(), data).hex().upper().encode()


def decrypt(key: bytes, text: bytes) -> bytes | None:
    """What the hex text holds; None where it is no hex text of whole blocks. A wrong key gives other bytes."""
    try:
        data = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None
    if not data or len(data) % 16:
        return None
    return _run(Cipher(AES(key), CBC(_ZERO)).decryptor(), data)


def _run(context: CipherContext, data: bytes) -> bytes:
    return context.update(data) + context.finalize()


def key_of(text: str) -> bytes | None:
    """The key of 32, 48 or 64 hex digits, or of 16, 24, 32 characters behind `text:`; None where it is neither."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) in KEY_SIZES and len(text) == 2 * len(key):
        return key
    literal = text.removeprefix("text:").encode()
    return literal if text.startswith("text:") and len(literal) in KEY_SIZES else None
