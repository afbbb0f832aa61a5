"""What a receiver makes of bytes: signals to record, what tells a repetition, the answer to be sent then."""

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

import msgspec
from msgspec import Struct

from backend.gateway import codes
from sync.bodies import SignalReceived
from sync.entry import format_instant

KIND: Final = "signal.received"
#: A frame tells more events than one rarely; more than so many are no frame.
MAX_EVENTS: Final = 16
#: Panels repeat within seconds to minutes (DC-09-2007 annex C); design/control-room.md 4.2 remembers them this long.
WINDOW_S: Final = 600

Protocol = Literal["dc09", "http"]


class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened, as its sender told it; None where it did not."""

    kind: str | None = None
    code: str | None = None
    point: str | None = None
    level: int | None = None
    text: str | None = None
    facts: dict[str, str] = {}


class Mark(Struct, frozen=True, kw_only=True):
    """What tells a repetition from a new signal (K1).

    `content` is a digest of all that was told but for time and sequence. `sequence` None: the content alone counts.
    """

    content: str
    sequence: str | None = None
    stamp: str | None = None
    #: It was refused for its time: the same signal with a new time is a repetition of it, if it raises.
    was_refused: bool = False
    is_calming: bool = False
    #: The same after so many seconds is another signal.
    window_s: int = WINDOW_S


class Reading(Struct, frozen=True, kw_only=True):
    """What arrived. Without `events` there is nothing to be recorded: a poll."""

    protocol: Protocol
    raw: bytes
    sender: str | None = None
    events: tuple[Event, ...] = ()
    flags: tuple[str, ...] = ()
    mark: Mark | None = None
    occurred_at: datetime | None = None
    is_test: bool = False
    #: Sent once everything is on disk; None: this sender gets no answer.
    answer: bytes | None = None
    #: It proves that this sender's line lives.
    feeds_link: bool = False


def digest(*parts: bytes) -> str:
    """38 hex digits over the parts, each with its length before it."""
    joined = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    return sha256(joined).hexdigest()[:38]


def dedup(content: str, index: int, received_at: datetime) -> str:
    """The key of one occurrence: what it was, which event of its frame, and when the first copy arrived.

    With the time in it, the same press next week is another signal; a repetition is told here, by `repeats.py`.
    """
    return f"{content}{index:02x}{int(received_at.timestamp() * 1000):012x}"


def bodies(reading: Reading, received_at: datetime) -> list[bytes]:
    """One body of `signal.received` for each event."""
    mark = reading.mark or Mark(content=digest(reading.raw))
    return [
        msgspec.json.encode(
            SignalReceived(
                protocol=reading.protocol,
                raw=b64encode(reading.raw).decode(),
                received_at=format_instant(received_at),
                sender=reading.sender,
                point=event.point,
                kind=event.kind,
                code=event.code,
                level=event.level,
                occurred_at=None if reading.occurred_at is None else format_instant(reading.occurred_at),
                is_test=reading.is_test,
                text=event.text,
                dedup=dedup(mark.content, index, received_at),
                flags=reading.flags,
                facts=event.facts,
            )
        )
        for index, event in enumerate(reading.events[:MAX_EVENTS])
    ]


def is_p1(reading: Reading) -> bool:
    """Whether somebody may be in danger."""
    return not reading.is_test and any(event.kind in codes.P1 for event in reading.events)


_UNPRINTABLE: Final = dict.fromkeys((*range(0x20), 0x7F), "�")


def clean(text: str, limit: int = 200) -> str | None:
    """One line of text without control characters; None where nothing is left."""
    return text.translate(_UNPRINTABLE)[:limit].strip() or None
