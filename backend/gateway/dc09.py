"""SIA DC-09: what a frame tells, and how it is answered, by the case table of design/control-room.md 4.2.

Pure, bounded, never raising: `bytes → Reading`. ACK is said for what is recorded; NAK for an encrypted frame whose time
is wrong (the panel sets its clock and repeats); DUH for what no repetition would mend; nothing for a frame that was
damaged on its way, so that the panel repeats it.
"""

import os
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from backend.gateway import aes, codes
from backend.gateway.frames import Frame, Inner, RandomBytes, build, decrypted, instant, outer, padded, plain, stamp_of
from backend.gateway.lines import Line, Lines
from backend.gateway.reading import MAX_EVENTS, Event, Mark, Reading, clean, digest

#: DC-09-2026 5.5.1.9: an encrypted frame may be so old or so far ahead, against replay.
WINDOW: Final = (timedelta(seconds=-40), timedelta(seconds=20))
#: A plain frame's clock is called wrong from here on; its alarm counts all the same (our own choice).
WRONG_CLOCK: Final = timedelta(seconds=60)
POLLS: Final = frozenset({"NULL", "XNM"})
SIA_DCS: Final = "SIA-DCS"
EVENTS: Final = frozenset({SIA_DCS, "ADM-CID"})
#: Extended data that is read; all of it is kept by its letter (4.2).
OCCURRED, TEXT = "H", "I"
#: Contact ID's qualifier of an event that was told before: it attaches and never raises again.
STILL_PRESENT: Final = "6"


def read(raw: bytes, lines: Lines, now: datetime, random_bytes: RandomBytes = os.urandom) -> Reading:
    """What the bytes between LF and CR say. `now` is our clock, an aware instant."""
    frame = outer(raw)
    if frame is None:
        return unreadable(raw, "unparsed")
    if not frame.is_intact:
        return unreadable(raw, "bad_checksum", frame.account)
    line = lines.panel(frame.account)
    keys = lines.keys(line) if line else ()
    key, inner = _opened(frame, keys)
    flags = [] if line else ["unknown_sender"]
    if inner is None:
        flags.append("undecryptable" if frame.is_encrypted else "unparsed")
        is_lost = frame.is_encrypted or line is None
        return _reading(
            raw, frame, None, [Event(facts=_facts(frame, None))], flags, duh(frame) if is_lost else ack(frame)
        )
    told = None if inner.stamp is None else instant(inner.stamp)
    is_late = frame.is_encrypted and (told is None or not WINDOW[0] <= told - now <= WINDOW[1])
    if is_late:
        flags.append("outside_window")
    elif inner.stamp is not None and (told is None or abs(told - now) >= WRONG_CLOCK):
        flags.append("wrong_clock")
    if keys and not frame.is_encrypted:
        flags.append("not_encrypted")
    events = _events(frame, inner, line, flags)
    if line is None or "unknown_token" in flags:
        answer = duh(frame)
    elif is_late:
        answer = nak(frame, line, now)
    else:
        answer = ack(frame, key, now, random_bytes)
    return _reading(raw, frame, inner, events, flags, answer, told)


def unreadable(raw: bytes, flag: str, sender: str | None = None) -> Reading:
    """Bytes that are kept and not answered."""
    # A panel that always errs repeats every few seconds: kept once a minute, so that it shows as often.
    mark = Mark(content=digest(flag.encode(), raw), window_s=60)
    return Reading(protocol="dc09", raw=raw, sender=sender, events=(Event(),), flags=(flag,), mark=mark)


def ack(
    frame: Frame, key: bytes | None = None, now: datetime | None = None, random_bytes: RandomBytes = os.urandom
) -> bytes:
    """Received and recorded; encrypted, with padding and time, where the frame was."""
    if key is None or now is None:
        return build("ACK", frame.sequence, frame.address, b"]")
    rest = aes.encrypt(key, padded(b"]" + stamp_of(now), random_bytes))
    return build("*ACK", frame.sequence, frame.address, rest)


def nak(frame: Frame, line: Line, now: datetime) -> bytes:
    """The frame's time is outside the window; ours stands in it. Never encrypted."""
    address = frame.address if line.nak_address is None else line.nak_address.encode()
    return build("NAK", b"0000", address, b"]" + stamp_of(now))


def duh(frame: Frame) -> bytes:
    """Received and kept, but no repetition would make us understand it. Never encrypted."""
    return build("DUH", frame.sequence, frame.address, b"]")


def _opened(frame: Frame, keys: Sequence[bytes]) -> tuple[bytes | None, Inner | None]:
    if not frame.is_encrypted:
        return None, plain(frame.rest)
    for key in keys:
        text = aes.decrypt(key, frame.rest)
        inner = None if text is None else decrypted(text)
        if inner is not None:
            return key, inner
    return None, None


def _reading(
    raw: bytes,
    frame: Frame,
    inner: Inner | None,
    events: Sequence[Event],
    flags: Sequence[str],
    answer: bytes,
    told: datetime | None = None,
) -> Reading:
    is_poll = frame.token in POLLS
    occurred_at = told if inner is None else _occurred(inner) or told
    content = (frame.rest,) if inner is None else (inner.data, *inner.xdata)
    return Reading(
        protocol="dc09",
        raw=b"\n" + raw + b"\r",
        sender=frame.account,
        events=tuple(events),
        flags=tuple(flags),
        mark=Mark(
            content=digest(frame.token.encode(), *content),
            # A poll that is recorded at all (unknown sender, plain on an encrypted line) is recorded once.
            sequence=None if is_poll else frame.sequence.decode(),
            stamp=None if inner is None or is_poll else inner.stamp,
            was_refused="outside_window" in flags,
            is_calming=any(event.kind in codes.CALMING for event in events),
        ),
        occurred_at=occurred_at,
        answer=answer,
        # Nothing that somebody else could have sent keeps a line green.
        feeds_link=not {"unknown_sender", "undecryptable", "outside_window", "not_encrypted"} & set(flags),
    )


def _occurred(inner: Inner) -> datetime | None:
    for item in inner.xdata:
        if item[:1] == OCCURRED.encode() and re.fullmatch(rb"[0-9:]{8},[0-9-]{10}", item[1:]):
            parts = item[1:].decode()
            return instant(parts) if re.fullmatch(r"\d\d:\d\d:\d\d,\d\d-\d\d-\d{4}", parts) else None
    return None


def _events(frame: Frame, inner: Inner, line: Line | None, flags: list[str]) -> list[Event]:
    """The frame's events; none for a poll in order. Adds the flags that its content earns."""
    facts = _facts(frame, inner)
    if frame.token in POLLS:
        return [Event(code=frame.token, facts=facts)] if {"unknown_sender", "not_encrypted"} & set(flags) else []
    if frame.token not in EVENTS:
        flags.append("unknown_token")
        return [Event(code=clean(frame.token), facts=facts)]
    text = next((clean(_text(item[1:]), 2000) for item in inner.xdata if item[:1] == TEXT.encode()), None)
    data = _text(inner.data)
    found, is_whole = sia(data) if frame.token == SIA_DCS else contact_id(data)
    if not is_whole:
        flags.append("unparsed")
    if any(event.kind is None for event in found):
        flags.append("unknown_code")
    if any(event.facts.get("qualifier") == STILL_PRESENT for event in found):
        flags.append("still_present")
    return [_placed(event, facts, line, text) for event in found] or [Event(text=text, facts=facts)]


def _placed(event: Event, facts: dict[str, str], line: Line | None, text: str | None) -> Event:
    """The event with the frame's facts, its point named as the line lists it: with its partition or without."""
    partition = event.facts.get("partition")
    point = event.point
    if line and point and partition and f"{partition}/{point}" in line.points:
        point = f"{partition}/{point}"
    return Event(kind=event.kind, code=event.code, point=point, text=event.text or text, facts={**facts, **event.facts})


def _facts(frame: Frame, inner: Inner | None) -> dict[str, str]:
    found = {"sequence": frame.sequence.decode(), "receiver": frame.receiver, "prefix": frame.prefix}
    if inner is not None:
        found["stamp"] = inner.stamp
        for item in inner.xdata[:16]:
            name = item[:1].decode("ascii", "replace")
            if name.isalpha() and name != TEXT:
                found.setdefault(name, clean(_text(item[1:]), 1000))
    return {name: value for name, value in found.items() if value}


def _text(data: bytes) -> str:
    """UTF-8, as newer editions demand, else CP1252 as panels send it."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


# A block of SIA DC-03: modifiers (`ri1`), codes with an address and texts, parted by `/`.
_PACKET: Final = re.compile(
    r"/|(?P<modifier>[a-z]{2})(?P<value>(?:[^A-Z/^*|]|[A-F](?![A-Z]))*)"
    r"|(?P<code>[A-Z]{2})(?P<address>[^/^*|]*)(?:\*(?P<peripheral>[^/^|]*))?(?:\^(?P<text>[^^|]*)\^?)?"
)
_MODIFIERS: Final = {"ri": "partition", "id": "user", "ti": "time", "pi": "peripheral"}


def sia(data: str) -> tuple[list[Event], bool]:
    """The events of SIA-DCS data (`#1234|Nri1/HA0017`), and whether all of it could be read."""
    events: list[Event] = []
    notes: list[str] = []
    is_whole = True
    for block in data.split("|"):
        if block[:1] == "A":
            notes.append(block[1:])
        elif block[:1] in ("N", "O"):
            is_whole &= _block(block[1:], events)
        elif block and block[:1] != "#":
            is_whole = False
    note = clean(" ".join(notes), 2000)
    events = [Event(kind=e.kind, code=e.code, point=e.point, text=e.text or note, facts=e.facts) for e in events]
    return events, is_whole and bool(events)


def _block(block: str, events: list[Event]) -> bool:
    at, facts = 0, dict[str, str]()
    while at < len(block):
        found = _PACKET.match(block, at)
        if found is None:
            return False
        at = found.end()
        if found["modifier"]:
            value = clean(found["value"])
            name = _MODIFIERS.get(found["modifier"])
            if name and value:
                facts = {**facts, name: value}
        elif found["code"]:
            if len(events) >= MAX_EVENTS:
                return False
            code = found["code"]
            text = clean(found["text"] or found["peripheral"] or "", 2000)
            events.append(Event(kind=codes.sia(code), code=code, point=clean(found["address"]), text=text, facts=facts))
    return True


_CONTACT_ID: Final = re.compile(r"(?:#[^|]*\|)?([136])([0-9A-F]{3}) ?([0-9A-F]{2}) ?([0-9A-F]{3})\|?").fullmatch


def contact_id(data: str) -> tuple[list[Event], bool]:
    """The event of ADM-CID data (`#1234|1120 01 017`: qualifier, code, partition, zone), if it could be read."""
    found = _CONTACT_ID(data)
    if found is None:
        return [], False
    qualifier, code, partition, zone = found.groups()
    facts = {"qualifier": qualifier, "partition": partition}
    return [Event(kind=codes.contact_id(qualifier, code), code=qualifier + code, point=zone, facts=facts)], True
