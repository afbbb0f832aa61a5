"""What senders say over HTTP (design/control-room.md 4.4): a signal as JSON, or whatever a telephone system can send.

Pure, bounded, never raising: `bytes → Reading | Fault`. A member that is not known hinders no alarm.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from backend.bodies import pointed
from backend.fields import END, Aware
from backend.gateway import codes
from backend.gateway.lines import Line
from backend.gateway.reading import Event, Mark, Reading, clean, digest
from sync.bodies import Label

#: design/control-room.md 4.4.
MAX_BODY: Final = 16 * 1024
#: A telephone system that tries again at once means the same press; two seconds later somebody pressed again.
HOOK_WINDOW_S: Final = 2
#: What a bare call of a hook means: it is given to those who need help.
HOOK_KIND: Final = "panic"

Kind = Annotated[str, Meta(pattern=r"^[a-z]+(?:[._][a-z]+)*" + END, max_length=60)]
Level = Annotated[int, Meta(ge=1, le=3)]


class Sender(Struct, frozen=True, kw_only=True):
    """The program that sends; the token says whose it is."""

    id: str | None = None
    version: str | None = None
    clock_offset_ms: int | None = None


class NewSignal(Struct, frozen=True, kw_only=True):
    """`POST /v1/signals`."""

    v: Literal[1]
    point: Label
    kind: Kind
    level: Level | None = None
    occurred_at: Aware | None = None
    test: bool = False
    text: Annotated[str, Meta(max_length=2000)] | None = None
    sender: Sender | None = None


class Fault(NamedTuple):
    """What cannot be read: a JSON pointer and what is wrong there."""

    pointer: str
    detail: str


_decode: Final = msgspec.json.Decoder(NewSignal).decode


def signal(content: bytes, line: Line, key: str) -> Reading | Fault:
    """The signal that `content` is, or what is wrong with it."""
    try:
        said = _decode(content)
    except msgspec.ValidationError as error:
        return Fault(*pointed(str(error), ""))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault("", "not JSON of one object")
    program = said.sender or Sender()
    offset = None if program.clock_offset_ms is None else str(program.clock_offset_ms)
    named = {"key": key, "client": program.id, "version": program.version, "clock_offset_ms": offset}
    event = Event(
        kind=said.kind,
        point=clean(said.point),
        level=said.level,
        text=clean(said.text or "", 2000),
        facts={name: found for name, value in named.items() if value and (found := clean(value))},
    )
    reading = _reading(content, line, event, mark=Mark(content=digest(content)), is_test=said.test)
    return msgspec.structs.replace(reading, occurred_at=bounded(said.occurred_at))


def unreadable(content: bytes, line: Line) -> Reading:
    """What a known sender sent and nobody could read: kept, and shown to a person."""
    return _reading(content, line, Event(), mark=Mark(content=digest(content), window_s=60), flags=("unparsed",))


def hook(content: bytes, given: Mapping[str, str], line: Line) -> tuple[Reading, str | None]:
    """The signal behind a call of a hook, and its key where the caller gives one.

    Anything is a signal: an extension that nobody knows is an alarm of the building and not an error (3.5).
    """
    kind = given.get("kind") or HOOK_KIND
    is_known = kind in codes.KINDS
    level = given.get("level", "")
    point = next((found for name in ("point", "extension", "from") if (found := clean(given.get(name, "")))), None)
    key = key_of(given.get("id"))
    rest = {name: found for name, value in list(given.items())[:16] if (found := clean(value)) and name.isidentifier()}
    event = Event(
        kind=kind if is_known else None,
        code=None if is_known else clean(kind),
        point=point,
        level=int(level) if level in ("1", "2", "3") else None,
        text=clean(given.get("text", ""), 2000),
        facts={name[:40]: value for name, value in rest.items()} | ({"key": key} if key else {}),
    )
    mark = Mark(content=digest(content), window_s=HOOK_WINDOW_S)
    flags = () if is_known else ("unknown_code",)
    return _reading(content, line, event, mark=mark, flags=flags, is_test=given.get("test") in ("1", "true")), key


def bounded(instant: datetime | None) -> datetime | None:
    """The instant, unless it is so near the calendar's ends that UTC cannot hold it."""
    return instant if instant is None or 2 <= instant.year <= 9998 else None


def key_of(text: str | None) -> str | None:
    """The UUID of an `Idempotency-Key` in its one form; None where it is none."""
    try:
        return str(UUID(text)) if text else None
    except ValueError:
        return None


def _reading(
    content: bytes, line: Line, event: Event, *, mark: Mark, flags: tuple[str, ...] = (), is_test: bool = False
) -> Reading:
    if event.kind is not None and event.kind not in codes.KINDS:
        event = msgspec.structs.replace(event, kind=None, code=event.kind)
        flags = (*flags, "unknown_code")
    return Reading(
        protocol="http",
        raw=content,
        sender=line.sender,
        events=(event,),
        flags=flags,
        mark=mark,
        is_test=is_test,
        feeds_link=True,
    )
