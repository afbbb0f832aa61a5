"""Proofs, tiles and checkpoints as they come out of the database, checked only with what a stranger has."""

import random

import pytest

from backend.errors import BadInput, NotFound
from backend.fields import uuid7
from backend.log import note, queries, rules
from tests.backend.log.conftest import DOMAIN
from tests.backend.log.test_service import append, leaf, naive_root


def read(sessions, query, *arguments):
    with sessions.begin() as session:
        return query(session, *arguments)


@pytest.mark.slow
def test_a_stranger_can_check_every_leaf_and_every_older_checkpoint(sessions, keys, fill, publish):
    seen: list[note.Checkpoint] = []
    known, origin = keys.verifier_keys(note.origin_of(DOMAIN)), note.origin_of(DOMAIN)
    for step in (1, 1, 2, 251, 1, 2, 300, 40):
        leaves = fill(step)
        assert publish() is not None
        head = note.verified_checkpoint(read(sessions, queries.checkpoint).encode(), known, origin)
        assert (len(leaves), naive_root(leaves)) == (head.size, head.root)
        for index in {0, 1, len(leaves) // 2, len(leaves) - 1} & set(range(len(leaves))):
            proof = read(sessions, queries.inclusion, leaves[index])
            assert (index, head.size, leaves[index].hex()) == (proof.index, proof.size, proof.leaf)
            path = [bytes.fromhex(part) for part in proof.path]
            assert rules.verify_inclusion(leaves[index], index, head.size, path, head.root)
        for older in seen:
            grown = read(sessions, queries.consistency, older.size)
            path = [bytes.fromhex(part) for part in grown.path]
            assert rules.verify_consistency(older.size, head.size, path, older.root, head.root)
        seen.append(head)


def test_proofs_for_any_sizes_are_right(sessions, fill):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng, leaves = random.Random(seed), fill(1500)
    for _ in range(60):
        size = rng.randint(1, 1500)
        index, old = rng.randrange(size), rng.randint(1, size)
        root = naive_root(leaves[:size])
        path = [bytes.fromhex(part) for part in read(sessions, queries.inclusion, leaves[index], size).path]
        assert rules.verify_inclusion(leaves[index], index, size, path, root)
        path = [bytes.fromhex(part) for part in read(sessions, queries.consistency, old, size).path]
        assert rules.verify_consistency(old, size, path, naive_root(leaves[:old]), root)


def test_tiles_are_served_full_and_in_every_width_they_had(sessions, fill):
    leaves = fill(300)
    hashes = b"".join(rules.leaf_hash(one) for one in leaves)
    assert hashes[:8192] == read(sessions, queries.tile, 0, "000")
    assert hashes[: 7 * 32] == read(sessions, queries.tile, 0, "000.p/7")
    assert hashes[8192:] == read(sessions, queries.tile, 0, "001.p/44")
    assert naive_root(leaves[:256]) == read(sessions, queries.tile, 1, "000.p/1")
    for level, name in [(0, "001"), (0, "001.p/45"), (0, "002.p/1"), (1, "000"), (2, "000.p/1"), (0, "1"), (64, "000")]:
        with pytest.raises(NotFound):
            read(sessions, queries.tile, level, name)


def test_what_is_not_there_is_said_so(sessions, fill, publish):
    with pytest.raises(NotFound):
        read(sessions, queries.checkpoint)
    with pytest.raises(NotFound):
        read(sessions, queries.consistency, 1)
    leaves = fill(5)
    with pytest.raises(NotFound):  # numbered, but nothing is published
        read(sessions, queries.inclusion, leaves[0])
    publish()
    leaves = fill(2)
    with pytest.raises(NotFound):  # not in the tree that was published
        read(sessions, queries.inclusion, leaves[6])
    assert read(sessions, queries.inclusion, leaves[6], 7).index == 6
    with pytest.raises(NotFound):
        read(sessions, queries.inclusion, leaf("unknown"))
    with pytest.raises(NotFound):
        read(sessions, queries.record, uuid7())


@pytest.mark.parametrize(("old", "new"), [(6, 5), (0, 5), (1, 8)])
def test_sizes_that_the_log_never_had_are_refused(sessions, fill, publish, old, new):
    leaves = fill(7)
    with pytest.raises(BadInput):
        read(sessions, queries.consistency, old, new)
    with pytest.raises(BadInput):
        read(sessions, queries.inclusion, leaves[0], 8)


def test_a_leaf_logged_twice_is_proved_at_its_first_index(sessions, fill):
    leaves = fill(4)
    append(sessions, leaves[2])
    fill(1)
    assert read(sessions, queries.inclusion, leaves[2], 6).index == 2
