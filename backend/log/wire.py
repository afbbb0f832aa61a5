"""What the log tells. Hashes are lower-case hex in JSON, as in records; base64 stands only in C2SP's own formats."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from backend.fields import MAX_SAFE_INTEGER, Sha256Hex

Size = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER, description="Number of leaves of a tree.")]
Path = Annotated[list[Sha256Hex], Meta(max_length=64, description="Hashes from the leaves' side to the root's.")]


class Inclusion(Struct, frozen=True, kw_only=True):
    """That a leaf is in the tree."""

    index: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER, description="Place of the leaf, from 0.")]
    size: Size
    leaf: Annotated[Sha256Hex, Meta(description="The leaf's data: the hash of a record.")]
    path: Annotated[Path, Meta(description="RFC 6962, 2.1.1.")]


class Consistency(Struct, frozen=True, kw_only=True):
    """That a tree only grew."""

    old: Annotated[Size, Meta(description="Leaves of the older tree.")]
    new: Annotated[Size, Meta(description="Leaves of the newer tree.")]
    path: Annotated[Path, Meta(description="RFC 6962, 2.1.2; empty if the sizes are equal.")]


class Record(Struct, frozen=True, kw_only=True):
    """A record's public part."""

    id: UUID
    public: Annotated[str, Meta(description="JSON text, byte for byte as it was hashed (RFC 8785).")]
    hash: Annotated[Sha256Hex, Meta(description="SHA-256 of `public`: the leaf.")]
    index: Annotated[
        int | None, Meta(description="Place of its leaf in the log; null until the sequencer has numbered it.")
    ]
