"""The tree against RFC 6962 written down once more, as naively as the RFC says it."""

import random
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.log import rules
from backend.log.rules import Range, TileId

ALL = 130


@cache
def leaf(n: int) -> bytes:
    return sha256(b"record %d" % n).digest()


def h(data: bytes) -> bytes:
    return sha256(data).digest()


@cache
def mth(start: int, end: int) -> bytes:
    """RFC 6962, 2.1."""
    n = end - start
    if n == 0:
        return h(b"")
    if n == 1:
        return h(b"\x00" + leaf(start))
    k = 1
    while k * 2 < n:
        k *= 2
    return h(b"\x01" + mth(start, start + k) + mth(start + k, end))


def path(m: int, start: int, end: int) -> list[bytes]:
    """RFC 6962, 2.1.1: the audit path of leaf `m` within D[start:end]."""
    n = end - start
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, whole: bool) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    n = end - start
    if m == n:
        return [] if whole else [mth(start, end)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*subproof(m, start, start + k, whole), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, False), mth(start, start + k)]


def grow(steps: list[int]) -> dict[TileId, bytes]:
    """The tiles of a tree that grew by these numbers of leaves."""
    tiles: dict[TileId, bytes] = {}
    size = 0
    for step in steps:
        edge = {tile: tiles[tile] for tile in rules.edge_of(size)}
        tiles |= rules.grown(size, edge, [rules.leaf_hash(leaf(n)) for n in range(size, size + step)])
        size += step
    return tiles


@pytest.fixture(scope="module")
def big() -> tuple[int, dict[TileId, bytes]]:
    """70,000 leaves, the example of C2SP tlog-tiles, grown in random steps."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng, steps = random.Random(seed), []
    while sum(steps) < 70_000:
        steps.append(min(rng.choice([1, 3, 100, 255, 256, 257, 5000]), 70_000 - sum(steps)))
    return 70_000, grow(steps)


def hashes(ranges: list[Range], tiles: dict[TileId, bytes]) -> list[bytes]:
    return [rules.range_hash(part, tiles) for part in ranges]


def flips(data: bytes) -> list[bytes]:
    return [data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :] for i in range(len(data)) for bit in range(8)]


def test_roots_are_those_of_the_rfc_for_every_small_size():
    tiles = grow([1] * ALL)
    assert [mth(0, n) for n in range(ALL + 1)] == [rules.root_of(n, tiles) for n in range(ALL + 1)]


def test_root_of_the_empty_tree_is_the_hash_of_nothing():
    assert rules.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.slow
def test_every_small_inclusion_proof_is_that_of_the_rfc_and_verifies():
    tiles = grow([ALL])
    for size in range(1, ALL + 1):
        for index in range(size):
            proof = hashes(rules.inclusion_ranges(index, size), tiles)
            assert path(index, 0, size) == proof
            assert rules.verify_inclusion(leaf(index), index, size, proof, mth(0, size))


@pytest.mark.slow
def test_every_small_consistency_proof_is_that_of_the_rfc_and_verifies():
    tiles = grow([ALL])
    for new in range(1, ALL + 1):
        for old in range(1, new + 1):
            proof = hashes(rules.consistency_ranges(old, new), tiles)
            assert subproof(old, 0, new, True) == proof
            assert rules.verify_consistency(old, new, proof, mth(0, old), mth(0, new))


def test_an_inclusion_proof_fits_no_other_index_and_no_other_leaf():
    """Within one size: under another size a path may have the same shape, which is why a checkpoint signs the size."""
    for size in range(1, 34):
        for index in range(size):
            proof, root = path(index, 0, size), mth(0, size)
            for other in set(range(size)) - {index}:
                assert not rules.verify_inclusion(leaf(index), other, size, proof, root)
                assert not rules.verify_inclusion(leaf(other), index, size, proof, root)


def test_every_flipped_bit_in_an_inclusion_proof_is_found():
    for index, size in [(0, 2), (4, 7), (6, 7), (77, 130)]:
        proof, root = path(index, 0, size), mth(0, size)
        for n, sibling in enumerate(proof):
            for flipped in flips(sibling):
                broken = [*proof[:n], flipped, *proof[n + 1 :]]
                assert not rules.verify_inclusion(leaf(index), index, size, broken, root)
        assert not any(rules.verify_inclusion(bad, index, size, proof, root) for bad in flips(leaf(index)))
        assert not any(rules.verify_inclusion(leaf(index), index, size, proof, bad) for bad in flips(root))


def test_every_flipped_bit_in_a_consistency_proof_is_found():
    for old, new in [(1, 2), (3, 7), (4, 7), (6, 7), (64, 130), (100, 130)]:
        proof, before, after = subproof(old, 0, new, True), mth(0, old), mth(0, new)
        for n, part in enumerate(proof):
            for flipped in flips(part):
                broken = [*proof[:n], flipped, *proof[n + 1 :]]
                assert not rules.verify_consistency(old, new, broken, before, after)
        assert not any(rules.verify_consistency(old, new, proof, bad, after) for bad in flips(before))
        assert not any(rules.verify_consistency(old, new, proof, before, bad) for bad in flips(after))


def test_proofs_too_short_too_long_or_of_odd_hashes_are_false_and_raise_nothing():
    proof, root = path(5, 0, 9), mth(0, 9)
    consistent = subproof(5, 0, 9, True)
    for broken in (proof[:-1], [*proof, root], [], [proof[0][:-1], *proof[1:]], [proof[0] + b"\0", *proof[1:]]):
        assert not rules.verify_inclusion(leaf(5), 5, 9, broken, root)
    for broken in (consistent[:-1], [*consistent, root], [], [b"", *consistent[1:]]):
        assert not rules.verify_consistency(5, 9, broken, mth(0, 5), root)
    for index, size in [(-1, 9), (9, 9), (0, 0), (5, -9), (5, 10**30)]:
        assert not rules.verify_inclusion(leaf(5), index, size, proof, root)
    for old, new in [(0, 9), (10, 9), (-1, 9), (5, 10**30)]:
        assert not rules.verify_consistency(old, new, consistent, mth(0, 5), root)


def test_an_inner_node_is_no_leaf():
    """Tamper class 42: without the prefix, the two hashes below a node would be a leaf of a smaller tree."""
    inner = rules.leaf_hash(leaf(0)) + rules.leaf_hash(leaf(1))
    assert not rules.verify_inclusion(inner, 0, 2, path(0, 0, 4)[1:], mth(0, 4))


def test_a_tree_of_70000_has_the_tiles_of_the_specification(big):
    _, tiles = big
    widths = {level: [len(t) // 32 for (lv, _), t in sorted(tiles.items()) if lv == level] for level in range(4)}
    assert widths == {0: [256] * 273 + [112], 1: [256, 17], 2: [1], 3: []}


def test_every_hash_of_every_tile_is_that_of_the_specification(big):
    _, tiles = big
    for (level, number), tile in tiles.items():
        span = 256**level
        expected = b"".join(
            mth((number * 256 + i) * span, (number * 256 + i + 1) * span) for i in range(len(tile) // 32)
        )
        assert expected == tile


def test_how_a_tree_grew_does_not_show(big):
    size, tiles = big
    assert grow([size]) == tiles


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_proofs_through_tiles_are_those_of_the_rfc(big, data):
    largest, tiles = big
    size = data.draw(st.integers(1, largest))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    ranges = rules.inclusion_ranges(index, size)
    wanted = {tile for part in ranges for tile in rules.tiles_under(part)}
    inclusion = hashes(ranges, {tile: tiles[tile] for tile in wanted})
    assert path(index, 0, size) == inclusion
    assert rules.verify_inclusion(leaf(index), index, size, inclusion, mth(0, size))
    consistency = hashes(rules.consistency_ranges(old, size), tiles)
    assert subproof(old, 0, size, True) == consistency
    assert rules.verify_consistency(old, size, consistency, mth(0, old), mth(0, size))


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.integers(1, 700), min_size=1, max_size=6))
def test_the_edge_alone_makes_the_root_and_grows(steps):
    size, edge = 0, {}
    for step in steps:
        changed = rules.grown(size, edge, [rules.leaf_hash(leaf(n)) for n in range(size, size + step)])
        size += step
        held = edge | changed
        edge = {tile: held[tile] for tile in rules.edge_of(size)}
        assert mth(0, size) == rules.root_of(size, edge)


def test_a_missing_or_short_tile_is_named():
    tiles = grow([600])
    with pytest.raises(rules.TileMissing) as missing:
        rules.root_of(600, tiles | {TileId(0, 2): tiles[TileId(0, 2)][:-32]})
    assert TileId(0, 2) == missing.value.args[0]


def test_names_of_tiles_are_those_of_the_specification():
    assert rules.tile_path(1234067) == "x001/x234/067"
    assert rules.tile_path(1234067, 112) == "x001/x234/067.p/112"
    assert [rules.tile_path(n) for n in (0, 999, 1000)] == ["000", "999", "x001/000"]


@given(number=st.integers(0, 2**56 - 1), width=st.integers(1, 256))
def test_names_of_tiles_can_be_read_back(number, width):
    assert (number, width) == rules.parse_tile_path(rules.tile_path(number, width))


@pytest.mark.parametrize(
    "name",
    ["", "0", "67", "x000/067", "001/067", "x001/x067", "067.p/0", "067.p/256", "067.p/012", "067.p", "067.p/1/",
     "/067", "../067", "067\n", "٠٦٧", "x999/x999/x999/x999/x999/x999/999", "x001/" * 30 + "000"],
)  # fmt: skip
def test_any_other_name_is_refused(name):
    assert rules.parse_tile_path(name) is None


@given(name=st.text(alphabet="x0123456789/.p", max_size=24))
def test_a_name_that_is_read_is_the_only_name_of_its_tile(name):
    found = rules.parse_tile_path(name)
    assert found is None or rules.tile_path(*found) == name
