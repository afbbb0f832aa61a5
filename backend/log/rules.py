"""The Merkle tree of RFC 6962 (section 2.1, SHA-256) over C2SP tiles: hashes, proofs, and how to check them.

A leaf holds the 32-byte hash of a record and nothing else. The tree is kept as tiles of 256 hashes: tile `number` of
`level` l holds the roots of the full subtrees of height 8·l from the 256·number-th on. Every proof is a list of
ranges of leaves; a range is a few perfect subtrees; and each of these is a slice of one tile.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from hashlib import sha256
from typing import Final, NamedTuple

HASH_BYTES: Final = 32
# C2SP tlog-tiles: a full tile is 256 hashes, and so stands for a subtree of height 8.
TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
# C2SP tlog-tiles: `<L>` is between 0 and 63.
HIGHEST_LEVEL: Final = 63
#: The root of the tree without leaves (RFC 6962, 2.1).
EMPTY_ROOT: Final = sha256(b"").digest()

_TILE_PATH: Final = re.compile(r"((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class TileId(NamedTuple):
    """Where a tile stands."""

    level: int
    number: int


class Range(NamedTuple):
    """The leaves from `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


Tiles = Mapping[TileId, bytes]


class TileMissing(LookupError):
    """A tile that the tree must have is absent or too short; the argument is its id."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one leaf, whose data is `leaf`."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: bytes) -> bytes:
    """The root above a power of two of concatenated hashes."""
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([sha256(b"\x01" + hashes[i : i + 2 * HASH_BYTES]).digest() for i in pairs])
    return hashes


# ---- tiles


def edge_of(size: int) -> list[TileId]:
    """The partial tiles at the right edge of a tree: all that is needed for its root and to make it grow."""
    levels = range((size.bit_length() + TILE_HEIGHT - 1) // TILE_HEIGHT)
    counts = ((level, size >> TILE_HEIGHT * level) for level in levels)
    return [TileId(level, count // TILE_WIDTH) for level, count in counts if count % TILE_WIDTH]


def grown(size: int, edge: Tiles, leaf_hashes: Sequence[bytes]) -> dict[TileId, bytes]:
    """The tiles that are new or longer once `leaf_hashes` follow the `size` leaves of a tree with this edge."""
    changed: dict[TileId, bytes] = {}
    level, count, added = 0, size, b"".join(leaf_hashes)
    while added:
        first, width = divmod(count, TILE_WIDTH)
        held = _hashes(edge, TileId(level, first), 0, width) if width else b""
        row = held + added
        tiles = [row[i : i + TILE_BYTES] for i in range(0, len(row), TILE_BYTES)]
        changed |= {TileId(level, first + n): tile for n, tile in enumerate(tiles)}
        added = b"".join(perfect_root(tile) for tile in tiles if len(tile) == TILE_BYTES)
        level, count = level + 1, first
    return changed


def tiles_under(part: Range) -> set[TileId]:
    """The tiles that `range_hash` reads for this range."""
    return {_place(height, number)[0] for height, number in _perfect(part)}


def range_hash(part: Range, tiles: Tiles) -> bytes:
    """The Merkle tree hash of a range that a proof or a root asks for.

    Raises:
        TileMissing: `tiles` lacks a part of it.
    """
    hashes = []
    for height, number in _perfect(part):
        tile, first, count = _place(height, number)
        hashes.append(perfect_root(_hashes(tiles, tile, first, count)))
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes)) if hashes else EMPTY_ROOT


def root_of(size: int, tiles: Tiles) -> bytes:
    """The root of the tree of the first `size` leaves; its edge is enough."""
    return range_hash(Range(0, size), tiles)


def _perfect(part: Range) -> Iterator[tuple[int, int]]:
    """Height and number of the perfect subtrees that make up a range, left to right and so from high to low."""
    start = part.start
    while start < part.end:
        height = (part.end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def _place(height: int, number: int) -> tuple[TileId, int, int]:
    """The tile that holds the perfect subtree, its first hash there and how many there are."""
    level, above = divmod(height, TILE_HEIGHT)
    index, first = divmod(number << above, TILE_WIDTH)
    return TileId(level, index), first, 1 << above


def _hashes(tiles: Tiles, tile: TileId, first: int, count: int) -> bytes:
    hashes = tiles.get(tile, b"")[first * HASH_BYTES : (first + count) * HASH_BYTES]
    if len(hashes) != count * HASH_BYTES:
        raise TileMissing(tile)
    return hashes


# ---- proofs


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose hashes prove that leaf `index` is in the tree of `size`: RFC 6962, 2.1.1, leaf to root.

    `0 <= index < size`.
    """
    path, whole = [], Range(0, size)
    while whole.end - whole.start > 1:
        middle = _middle(whole)
        left, right = Range(whole.start, middle), Range(middle, whole.end)
        whole, sibling = (left, right) if index < middle else (right, left)
        path.append(sibling)
    return path[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The subtrees whose hashes prove that the tree of `new` leaves extends that of `old`: RFC 6962, 2.1.2.

    `1 <= old <= new`; empty if they are equal.
    """
    path, whole = [], Range(0, new)
    while whole.end != old:
        middle = _middle(whole)
        left, right = Range(whole.start, middle), Range(middle, whole.end)
        whole, sibling = (left, right) if old <= middle else (right, left)
        path.append(sibling)
    # The verifier knows the old root; any other last subtree of the old tree must be given.
    return (path if whole.start == 0 else [*path, whole])[::-1]


def _middle(whole: Range) -> int:
    """Where RFC 6962 divides a range: after the largest power of two that is smaller than its length."""
    return whole.start + (1 << (whole.end - whole.start - 1).bit_length() - 1)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that `leaf` (a record's hash) stands at `index` of the tree with this size and root.

    Sizes and path may come from anybody: what is out of range, too short or too long is False.
    """
    if not 0 <= index < size or any(len(sibling) != HASH_BYTES for sibling in path):
        return False
    ranges = inclusion_ranges(index, size)
    if len(path) != len(ranges):
        return False
    found = leaf_hash(leaf)
    for part, sibling in zip(ranges, path, strict=True):
        found = node_hash(sibling, found) if part.end <= index else node_hash(found, sibling)
    return found == root


def verify_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether `path` proves that the tree (`new`, `new_root`) begins with all leaves of (`old`, `old_root`).

    Sizes and path may come from anybody, as above; a log of size 0 proves nothing and is False.
    """
    if not 1 <= old <= new or any(len(sibling) != HASH_BYTES for sibling in path):
        return False
    ranges = consistency_ranges(old, new)
    if len(path) != len(ranges):
        return False
    steps = list(zip(ranges, path, strict=True))
    # The last subtree of the old tree comes first, unless it is the whole of it.
    in_old = in_new = steps.pop(0)[1] if ranges and ranges[0].end == old else old_root
    for part, sibling in steps:
        if part.end <= old:
            in_old, in_new = node_hash(sibling, in_old), node_hash(sibling, in_new)
        else:
            in_new = node_hash(in_new, sibling)
    return in_old == old_root and in_new == new_root


# ---- names


def tile_path(index: int, width: int = TILE_WIDTH) -> str:
    """The name of a tile within its level, e.g. `x001/x234/067` or `x001/x234/067.p/112` (C2SP tlog-tiles)."""
    name = f"{index % 1000:03}"
    while index := index // 1000:
        name = f"x{index % 1000:03}/{name}"
    return name if width == TILE_WIDTH else f"{name}.p/{width}"


def parse_tile_path(path: str) -> tuple[int, int] | None:
    """Index and width behind a name exactly as `tile_path` writes it; None for any other text."""
    if not (match := _TILE_PATH.fullmatch(path)):
        return None
    index = int(match[1].replace("x", "").replace("/", ""))
    width = int(match[2] or TILE_WIDTH)
    # The number of a tile is at most 2^56 − 1 in a tree of fewer than 2^64 leaves.
    return (index, width) if index < 1 << 56 and tile_path(index, width) == path else None
