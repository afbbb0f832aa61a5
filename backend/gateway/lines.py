"""Whom this gateway expects: lines, as rows of its scope bring them or a file (design/control-room.md 3.1)."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Annotated, Final, Literal, Self

import msgspec
from msgspec import Meta, Struct

from backend.gateway import aes
from sync.bodies import Label

ROW: Final = "line"


class Line(Struct, frozen=True, kw_only=True):
    """A sender and how it is heard. Unknown members are kept unread."""

    protocol: Literal["dc09", "http"]
    #: A DC-09 account without `#`; an HTTP sender's id.
    sender: Label
    #: Supervision: a frame or heartbeat at least so often. 0: not supervised.
    interval_s: Annotated[int, Meta(ge=0, le=604_800)] = 60
    #: AES keys, the newest first; an older one is still taken while a panel changes over.
    keys: Annotated[tuple[str, ...], Meta(max_length=4)] = ()
    #: How a NAK names the sender (`L0A0`, `L0#1234`), literally; None: as the frame did.
    nak_address: Annotated[str, Meta(max_length=40, pattern=r"^[0-9A-Za-z#]+$")] | None = None
    #: Hex SHA-256 of the token that an HTTP sender shows.
    token_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    label: str = ""
    #: The sender's points, as text.
    points: tuple[str, ...] = ()

    def aes_keys(self) -> tuple[bytes, ...]:
        """The readable ones of `keys`."""
        return tuple(key for key in map(aes.key_of, self.keys) if key is not None)


class Lines:
    """All lines, by what a sender shows. Never changed; new rows make a new one."""

    def __init__(self, lines: Iterable[Line] = (), *, unreadable: int = 0) -> None:
        """A later line of the same sender takes the place of an earlier one."""
        self.unreadable = unreadable
        self._all = {(line.protocol, line.sender): line for line in lines}
        self._by_account = {line.sender: line for line in self if line.protocol == "dc09"}
        self._keys = {line.sender: line.aes_keys() for line in self if line.keys}
        self._by_token = {line.token_sha256: line for line in self if line.protocol == "http" and line.token_sha256}

    @classmethod
    def of(cls, rows: Iterable[bytes]) -> Self:
        """The lines of these JSON objects; one that cannot be read hinders no other and is counted."""
        lines, unreadable = [], 0
        for row in rows:
            try:
                lines.append(msgspec.json.decode(row, type=Line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                unreadable += 1
        return cls(lines, unreadable=unreadable)

    def __iter__(self) -> Iterator[Line]:
        """The lines, in the order of their coming."""
        return iter(self._all.values())

    def __len__(self) -> int:
        """How many senders are expected."""
        return len(self._all)

    def panel(self, account: str) -> Line | None:
        """The panel with this account."""
        return self._by_account.get(account)

    def keys(self, line: Line) -> tuple[bytes, ...]:
        """The line's AES keys."""
        return self._keys.get(line.sender, ())

    def holder(self, token: str) -> Line | None:
        """The HTTP sender whose token this is."""
        return self._by_token.get(sha256(token.encode()).hexdigest())
