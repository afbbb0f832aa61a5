"""What the service of a slice gets of an admitted entry; what travels stands in `sync.exchange`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct
from sqlalchemy.orm import Session

from backend.fields import Actor
from backend.media.wire import Arrived
from sync.bodies import EntryBody
from sync.exchange import WireMedia
from sync.keys import SourceKey


class Sender(NamedTuple):
    """A source whose row is locked: one source, one admission."""

    town: UUID
    id: UUID
    kind: str
    label: str
    state: str
    #: The newest one.
    incarnation: int
    last_seq: int
    head: bytes
    rev: int
    #: Entries that are held or parked and not settled.
    unsettled: int
    revoked_at: datetime | None
    revoked_reason: str | None


class Received(Struct, frozen=True, kw_only=True):
    """An admitted entry, apart from its body. `id` is the record's id."""

    id: UUID
    source: UUID
    incarnation: int
    seq: int
    kind: str
    recorded_at: datetime
    zone: str
    received_at: datetime
    media: tuple[WireMedia, ...]


class Kind(Struct, frozen=True):
    """How entries of one kind are read and what they do."""

    #: What whoever recorded it must hold, as in the rights table; a source's own kinds need `source_data:C`.
    right: str
    #: Newest version of the body that this server reads.
    v: int
    body: type[EntryBody]
    #: The slice's use case: writes its rows, feed rows and records; raises DomainError to refuse.
    apply: Callable[[Session, Actor, Received, Any], None]
    #: What its slice reads once a transaction for a batch's entries of this kind, so that applying one asks the
    #: database nothing.
    warm: Callable[[Session, Sequence[tuple[Received, Any]]], object] | None = None
    #: What follows when a file of the entry is stored, in that transaction: the id of the record that is its receipt,
    #: signed by the given record key, or None where the kind gives none. MUST raise nothing that passes by itself.
    media_arrived: Callable[[Session, Arrived, SourceKey], UUID | None] | None = None
    #: Who settles an entry of this kind that was rejected or conflicts (the audience of the task).
    audience: str = "office"
    #: Whether the use case asks the database while it applies an entry. One that does not is run while PostgreSQL still
    #: writes the journal, where SQLAlchemy's own statements give no rows.
    asks: bool = True
    #: One pure function for each step v → v + 1, the first from v = 1.
    upcasts: tuple[Callable[[bytes], bytes], ...] = ()
