"""Types that every slice shares: ids, instants, text that the database can hold, and who asks."""

import secrets
import time
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, NewType
from uuid import UUID

from msgspec import Meta, Struct

from backend import __version__

TownId = NewType("TownId", UUID)
PersonId = NewType("PersonId", UUID)
SourceId = NewType("SourceId", UUID)

#: The largest integer that a browser keeps exactly (ECMA-262, Number.MAX_SAFE_INTEGER).
MAX_SAFE_INTEGER: Final = 2**53 - 1

#: What writes records, by name and version.
SOFTWARE: Final = f"streife {__version__}"
#: Absolute end of a text, in Python and in ECMA-262 alike: `$` would let a trailing newline through.
END: Final = r"(?![\s\S])"

Aware = Annotated[datetime, Meta(tz=True, description="Instant with offset (RFC 3339).")]
Line = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]+" + END,
        description="One line of text, without control characters.",
    ),
]
Name = Annotated[
    str, Meta(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+" + END, description="A name shown to people.")
]
Text = Annotated[
    str,
    Meta(
        max_length=4000, pattern=r"^[^\x00]*" + END, description="Text of several lines; the character NUL is refused."
    ),
]
Cents = Annotated[int, Meta(ge=0, le=100_000_00, description="Amount in euro cents, 0 to 10,000,000.")]
Sha256Hex = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{64}$", min_length=64, max_length=64, description="SHA-256, lower-case hex.")
]


class Role(StrEnum):
    """What a person or a source may be in a town; the columns of the rights table (law-and-rules, section 9)."""

    OFFICER = "officer"
    SUPERIOR = "superior"
    DISPATCHER = "dispatcher"
    CLERK = "clerk"
    CUSTODIAN = "custodian"
    PROSECUTOR = "prosecutor"
    GUARD = "guard"
    DPO = "dpo"
    STAFF_COUNCIL = "staff_council"
    ADMIN = "admin"
    DOCK = "dock"
    GATEWAY = "gateway"


class Actor(Struct, frozen=True, kw_only=True):
    """Who asks: a person at a screen, a source, or a person through a phone; always within one town."""

    town: TownId
    person: PersonId | None = None
    source: SourceId | None = None
    roles: frozenset[Role] = frozenset()
    #: Names of feed scopes as they are stored, e.g. `office`, `self:<source>`.
    scopes: tuple[str, ...] = ()
    #: Kind of grant that let this request in: `o` own rows only and the like, or "" for the whole town.
    limit: str = ""


def uuid7(now_ms: int | None = None) -> UUID:
    """A new UUIDv7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 74 random bits."""
    ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    value = (ms & (1 << 48) - 1) << 80 | secrets.randbits(80)
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)
