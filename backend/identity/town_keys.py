"""The town's root key states which keys sign its records and its log, so that one fingerprint pins them all.

The root signs statements about keys and nothing else (design/evidence.md 2). Whoever receives evidence compares its
fingerprint with the covering letter; everything else follows from what the root has signed.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from sqlalchemy.orm import Session

from backend.fields import SOFTWARE, Actor, TownId, uuid7
from backend.log import service as log
from backend.log.canonical import Json
from sync.keys import SourceKey

#: SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) is this and 32 bytes.
_ED25519: Final = bytes.fromhex("302a300506032b6570032100")


class Stated(NamedTuple):
    """A key of the server, and what it may sign."""

    role: Literal["record", "log"]
    #: SubjectPublicKeyInfo, DER.
    spki: bytes
    #: Name of the log, for its keys.
    origin: str = ""


def subject_of(spki: bytes) -> str:
    """Under which name the records about a key of the server are chained."""
    return f"key:{sha256(spki).hexdigest()}"


def state(session: Session, root: Callable[[], SourceKey], keys: Iterable[Stated], *, now: datetime) -> int:
    """The log says, signed by the root, what each key may sign; how many statements were missing.

    The root is asked for only where one is: it may be offline.

    A statement counts from the log's beginning (`from` 0): a server's keys are older than its first statement, and the
    root vouches for them. Once more changes nothing.
    """
    made = 0
    for key in keys:
        if log.count(session, subject_of(key.spki)):
            continue
        public: dict[str, Json] = {
            "role": key.role,
            "algorithm": "ed25519" if key.spki.startswith(_ED25519) else "p256",
            "enrolled_keyid": sha256(key.spki).hexdigest(),
            "spki": b64encode(key.spki).decode(),
            "from": 0,
        }
        if key.origin:
            public["origin"] = key.origin
        log.record(
            session,
            Actor(town=TownId(session.info["town"])),
            "key.enrolled",
            subject_of(key.spki),
            public,
            private={"operator": True},
            now=now,
            new_id=uuid7,
            software=SOFTWARE,
            key=root(),
        )
        made += 1
    return made
