"""SIA DC-09 frames: cut out of a stream, read in their outer and inner form, and built.

Pure, bounded, never raising. `LF crc(4) length(4) "token" sequence [R…] [L…] #account [ data ] [xdata]… _time CR`;
what a frame means is read in `dc09.py`.
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

LF: Final = b"\n"
CR: Final = b"\r"
#: Larger than any frame that a panel sends; what is longer is no frame (design/control-room.md 4.1).
MAX_FRAME: Final = 4096
#: Padding of what we encrypt: 16 to 31 bytes (DC-09-2026 5.4.4.3).
BLOCK: Final = 16

RandomBytes = Callable[[int], bytes]


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xA001 if byte & 1 else 0)
    return byte


_CRC: Final = tuple(_crc_of(byte) for byte in range(256))


def crc16(data: bytes) -> int:
    """CRC-16, polynomial `A001` reflected, start 0: `BB3D` for `123456789`."""
    value = 0
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value


class Piece(NamedTuple):
    """A part of a stream: a frame without its LF and CR, or, where `is_frame` is False, bytes that belong to none."""

    data: bytes
    is_frame: bool


class Cutter:
    """Cuts a stream into frames, however it was cut before; what a panel began and did not end is kept apart.

    An LF begins a frame anew, as none stands within one: half a frame never takes the next one with it.
    """

    def __init__(self) -> None:
        """Nothing arrived yet."""
        self._rest = bytearray()
        self.is_overlong = False

    @property
    def has_partial(self) -> bool:
        """Whether something is begun and not ended."""
        return bool(self._rest.strip())

    def feed(self, data: bytes) -> list[Piece]:
        """What `data` completes, in order. `is_overlong` says afterwards that the sender sends no frames."""
        self._rest += data
        pieces: list[Piece] = []
        while (end := self._rest.find(CR)) >= 0:
            start = self._rest.rfind(LF, 0, end)
            _garbage(pieces, self._rest[: max(start, 0)] if start >= 0 else self._rest[:end])
            if 0 <= end - start - 1 <= MAX_FRAME and start >= 0:
                pieces.append(Piece(bytes(self._rest[start + 1 : end]), is_frame=True))
            elif start >= 0:
                _garbage(pieces, self._rest[start:end])
            del self._rest[: end + 1]
        start = max(self._rest.rfind(LF), 0)
        if len(self._rest) - start > MAX_FRAME + 1:
            self.is_overlong = True
            pieces += self.give_up()
        elif start > MAX_FRAME:
            _garbage(pieces, self._rest[:start])
            del self._rest[:start]
        return pieces

    def give_up(self) -> list[Piece]:
        """What was begun and will not be ended."""
        pieces: list[Piece] = []
        _garbage(pieces, self._rest)
        self._rest.clear()
        return pieces


def _garbage(pieces: list[Piece], data: bytes | bytearray) -> None:
    """Kept in pieces that fit an entry; line ends between frames are nothing."""
    if data.strip():
        starts = range(0, len(data), MAX_FRAME)
        pieces.extend(Piece(bytes(data[start : start + MAX_FRAME]), is_frame=False) for start in starts)


class Frame(NamedTuple):
    """The outer form. `address` (`R…L…#…`) and `sequence` are echoed as they came; `rest` is all behind `[`."""

    token: str
    is_encrypted: bool
    sequence: bytes
    address: bytes
    receiver: str | None
    prefix: str | None
    account: str
    rest: bytes
    #: CRC and length are those of the range from the first quote to the end.
    is_intact: bool


_OUTER: Final = re.compile(
    rb'([0-9A-Fa-f]{4})0([0-9A-Fa-f]{3})("(\*?)([A-Z0-9-]{1,12})"([0-9]{4})'
    rb"((?:R([0-9A-Za-z]{0,6}))?(?:L([0-9A-Za-z]{0,6}))?#([0-9A-Za-z]{1,16}))\[(.*))",
    re.DOTALL,
).fullmatch


def outer(raw: bytes) -> Frame | None:
    """The frame between LF and CR; None where it has not even the form of one."""
    found = _OUTER(raw)
    if found is None:
        return None
    crc, length, ranged, star, token, sequence, address, receiver, prefix, account, rest = found.groups()
    return Frame(
        token=token.decode(),
        is_encrypted=bool(star),
        sequence=sequence,
        address=address,
        receiver=None if receiver is None else receiver.decode(),
        prefix=None if prefix is None else prefix.decode(),
        account=account.decode(),
        rest=rest,
        is_intact=int(length, 16) == len(ranged) & 0xFFF and int(crc, 16) == crc16(ranged),
    )


class Inner(NamedTuple):
    """What stands behind `[`: data without its bracket, extended data without theirs, and the time stamp's text."""

    data: bytes
    xdata: tuple[bytes, ...]
    stamp: str | None


_XDATA: Final = rb"((?:\[[^\]]*\])*)"
_STAMP: Final = rb"_([0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{2}-[0-9]{2}-[0-9]{4})"
_PLAIN: Final = re.compile(rb"([^\]]*)\]" + _XDATA + rb"(?:" + _STAMP + rb")?", re.DOTALL).fullmatch
# Decrypted: padding, `|` where data follows; the time stamp is mandatory and tells a wrong key.
_DECRYPTED: Final = re.compile(rb"[^|\[\]]*(?:\|([^\]]*))?\]" + _XDATA + _STAMP, re.DOTALL).fullmatch


def plain(rest: bytes) -> Inner | None:
    """The inner form of a frame that was not encrypted; None where it has none."""
    return _inner(_PLAIN(rest))


def decrypted(rest: bytes) -> Inner | None:
    """The inner form of what was decrypted; None also where the key was another."""
    return _inner(_DECRYPTED(rest))


def _inner(found: re.Match[bytes] | None) -> Inner | None:
    if found is None:
        return None
    data, xdata, stamp = found.groups()
    parts = tuple(xdata[1:-1].split(b"][")) if xdata else ()
    return Inner(data or b"", parts, None if stamp is None else stamp.decode())


def instant(stamp: str) -> datetime | None:
    """The UTC instant of `HH:MM:SS,MM-DD-YYYY`; None where there is no such day or time."""
    hour, minute, second, month, day, year = map(int, re.split("[:,-]", stamp))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def stamp_of(now: datetime) -> bytes:
    """`_HH:MM:SS,MM-DD-YYYY` of an aware instant."""
    return now.astimezone(UTC).strftime("_%H:%M:%S,%m-%d-%Y").encode()


def build(token: str, sequence: bytes, address: bytes, rest: bytes) -> bytes:
    """The whole frame, LF to CR; `rest` is all behind `[`, already encrypted where `token` begins with `*`."""
    ranged = b'"%b"%b%b[%b' % (token.encode(), sequence, address, rest)
    return LF + b"%04X0%03X" % (crc16(ranged), len(ranged) & 0xFFF) + ranged + CR


def padded(rest: bytes, random_bytes: RandomBytes = os.urandom) -> bytes:
    """`rest` behind 16 to 31 random bytes, none of them `[`, `]` or `|`, whole blocks long: ready to be encrypted."""
    size = BLOCK + -len(rest) % BLOCK
    padding = b""
    while len(padding) < size:
        padding += random_bytes(2 * size).translate(None, b"[]|")
    return padding[:size] + rest
