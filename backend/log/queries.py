"""Reads of the log: checkpoint, tiles, proofs, records. Every answer is of the session's town."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from backend.errors import BadInput, NotFound
from backend.log.rules import (
    HASH_BYTES,
    HIGHEST_LEVEL,
    TILE_WIDTH,
    Range,
    TileId,
    consistency_ranges,
    inclusion_ranges,
    parse_tile_path,
    range_hash,
    tiles_under,
)
from backend.log.tables import CheckpointRow, LeafRow, RecordRow, TileRow, TreeRow
from backend.log.wire import Consistency, Inclusion, Record
from sync import envelope as dsse


def newest_checkpoint(session: Session) -> CheckpointRow | None:
    """The checkpoint of the most leaves; None until the first one is published."""
    return session.scalar(select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1))


def checkpoint(session: Session) -> str:
    """The newest checkpoint: a signed note.

    Raises:
        NotFound: nothing was published yet.
    """
    if row := newest_checkpoint(session):
        return row.note
    raise NotFound


def inclusion(session: Session, leaf: bytes, size: int | None = None) -> Inclusion:
    """The proof that `leaf`, at its first index, is in the tree of `size`; by default that of the newest checkpoint.

    Raises:
        NotFound: that tree does not hold the leaf (perhaps not yet), or nothing was published.
        BadInput: the log has never had `size` leaves.
    """
    size = _published(session) if size is None else _reached(session, size, "/size")
    index = session.scalar(select(LeafRow.index).where(LeafRow.leaf == leaf).order_by(LeafRow.index).limit(1))
    if index is None or index >= size:
        raise NotFound
    path = _hashes(session, inclusion_ranges(index, size))
    return Inclusion(index=index, size=size, leaf=leaf.hex(), path=[sibling.hex() for sibling in path])


def consistency(session: Session, old: int, new: int | None = None) -> Consistency:
    """The proof that the tree of `new` leaves, by default that of the newest checkpoint, extends the tree of `old`.

    Raises:
        NotFound: nothing was published.
        BadInput: not 1 <= old <= new, or the log has never had `new` leaves.
    """
    new = _published(session) if new is None else _reached(session, new, "/to")
    if not 1 <= old <= new:
        raise BadInput(field="/from", size=new)
    return Consistency(old=old, new=new, path=[part.hex() for part in consistency_path(session, old, new)])


def consistency_path(session: Session, old: int, new: int) -> list[bytes]:
    """The hashes of that proof, `1 <= old <= new <=` the tree's size."""
    return _hashes(session, consistency_ranges(old, new))


def tile(session: Session, level: int, path: str) -> bytes:
    """The hashes of the tile with this C2SP name, full (8,192 bytes) or partial.

    Raises:
        NotFound: no such name, or the tree has not reached that tile or that width.
    """
    name = parse_tile_path(path)
    if name is None or not 0 <= level <= HIGHEST_LEVEL:
        raise NotFound
    index, width = name
    hashes = tiles(session, [TileId(level, index)]).get(TileId(level, index), b"")
    if len(hashes) < width * HASH_BYTES:
        raise NotFound
    return hashes[: min(width, TILE_WIDTH) * HASH_BYTES]


def tiles(session: Session, wanted: Iterable[TileId]) -> dict[TileId, bytes]:
    """Those of the wanted tiles that there are, as far as they are filled."""
    found = session.execute(
        select(TileRow.level, TileRow.index, TileRow.hashes).where(
            tuple_(TileRow.level, TileRow.index).in_([tuple(tile) for tile in wanted])
        )
    )
    return {TileId(level, index): hashes for level, index, hashes in found}


def record(session: Session, record_id: UUID) -> Record:
    """The public part of a record and where its leaf stands.

    Raises:
        NotFound: this town has no such record.
    """
    row = session.scalar(select(RecordRow).where(RecordRow.id == record_id))
    if row is None:
        raise NotFound
    index = session.scalar(select(LeafRow.index).where(LeafRow.leaf == row.hash).order_by(LeafRow.index).limit(1))
    return Record(id=row.id, public=row.public.decode(), hash=row.hash.hex(), index=index)


def envelope(session: Session, record_id: UUID) -> bytes:
    """A signed record in its DSSE envelope, the same bytes each time.

    Raises:
        NotFound: this town has no such record, or no key signed it.
    """
    row = session.execute(select(RecordRow.public, RecordRow.signature).where(RecordRow.id == record_id)).one_or_none()
    if row is None or row.signature is None:
        raise NotFound
    keyid = msgspec.json.decode(row.public, type=_Signed).keyid
    return dsse.envelope(row.public, bytes.fromhex(keyid), row.signature)


class _Signed(msgspec.Struct):
    """The member of a signed record that names its key."""

    keyid: str


def _hashes(session: Session, ranges: Sequence[Range]) -> list[bytes]:
    held = tiles(session, {tile for part in ranges for tile in tiles_under(part)})
    return [range_hash(part, held) for part in ranges]


def _published(session: Session) -> int:
    if row := newest_checkpoint(session):
        return row.size
    raise NotFound


def _reached(session: Session, size: int, field: str) -> int:
    reached = session.scalar(select(TreeRow.size)) or 0
    if size > reached:
        raise BadInput(field=field, detail="The log has never had that many leaves.", size=reached)
    return size
