"""What is said about files that belong to entries."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from backend.fields import Sha256Hex

State = Literal["awaiting", "stored"]


class Stored(Struct, frozen=True, kw_only=True):
    """A file whose bytes are whole, right and durable; `media` names it from now on."""

    town: UUID
    source: UUID
    #: Id of the entry that named it.
    entry: UUID
    #: 32 bytes.
    sha256: bytes
    size: int
    type: str
    media: UUID
    stored_at: datetime


class Arrived(Stored, frozen=True, kw_only=True):
    """The same, with the kind of its entry: what a kind's `media_arrived` is told."""

    kind: str


class MediaLine(Struct, frozen=True, kw_only=True, gc=False):
    """What the feed tells a source of its file; nothing is kept on the device for a file that is `stored`."""

    state: State
    entry: UUID
    sha256: Sha256Hex


class ReceiptPending(Struct, frozen=True, kw_only=True):
    """The file is not stored yet, so there is nothing to receive a receipt for."""

    state: Annotated[State, Meta(description="`awaiting`: bytes are missing, or the last step has not run.")]
