"""Appending and numbering: no gaps, nothing lost, nothing that was rolled back."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from sqlalchemy import func, select, text

from backend.db import savepoint, sessions_of, write_out
from backend.fields import uuid7
from backend.log import queries, rules, service
from backend.log.tables import CheckpointRow, LeafRow, QueueRow, TileRow, TreeRow
from tests.backend.log.conftest import DOMAIN, NOW


def leaf(n: object) -> bytes:
    return sha256(str(n).encode()).digest()


def numbered(sessions) -> list[tuple[int, bytes]]:
    with sessions.begin() as session:
        return [tuple(row) for row in session.execute(select(LeafRow.index, LeafRow.leaf).order_by(LeafRow.index))]


def naive_root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def append(sessions, *leaves: bytes) -> None:
    with sessions.begin() as session:
        for one in leaves:
            service.append(session, one)


def sequence(sessions, **options) -> int:
    with sessions.begin() as session:
        return service.sequence(session, now=NOW, **options)


def tree(sessions) -> tuple[int, bytes]:
    with sessions.begin() as session:
        return tuple(session.execute(select(TreeRow.size, TreeRow.root)).one())


def test_leaves_of_a_transaction_keep_their_order(sessions):
    wanted = [leaf(n) for n in range(600)]
    append(sessions, *wanted)
    assert sequence(sessions) == 600
    assert list(enumerate(wanted)) == numbered(sessions)
    assert (600, naive_root(wanted)) == tree(sessions)


def test_nothing_waiting_changes_nothing(sessions):
    assert sequence(sessions) == 0
    append(sessions, leaf(1))
    assert [sequence(sessions), sequence(sessions)] == [1, 0]


@pytest.mark.slow
def test_batches_make_the_same_tree_as_one(sessions, fill):
    leaves = fill(270, most=1)
    assert (270, naive_root(leaves)) == tree(sessions)


def test_a_rolled_back_writer_leaves_no_leaf_and_no_gap(sessions):
    append(sessions, leaf("first"))
    with sessions() as session:
        service.append(session, leaf("never"))
        write_out(session)
        session.rollback()

    def refuse(session) -> None:
        with savepoint(session):
            service.append(session, leaf("neither"))
            raise ZeroDivisionError

    with sessions.begin() as session:
        service.append(session, leaf("second"))
        with pytest.raises(ZeroDivisionError):
            refuse(session)
        service.append(session, leaf("third"))
    assert sequence(sessions) == 3
    assert [(0, leaf("first")), (1, leaf("second")), (2, leaf("third"))] == numbered(sessions)


def test_what_commits_later_gets_a_later_index(sessions):
    slow = sessions()
    slow.begin()
    service.append(slow, leaf("began first"))
    write_out(slow)
    append(sessions, leaf("committed first"))
    assert sequence(sessions) == 1
    slow.commit()
    assert sequence(sessions) == 1
    assert [(0, leaf("committed first")), (1, leaf("began first"))] == numbered(sessions)


def test_what_began_after_a_commit_gets_a_higher_index_in_the_same_batch(sessions):
    for n in range(50):
        append(sessions, leaf(n))
    assert sequence(sessions) == 50
    assert [(n, leaf(n)) for n in range(50)] == numbered(sessions)


@pytest.mark.slow
def test_indexes_are_dense_under_writers_that_commit_and_roll_back_at_random(sessions):
    """8 writers, 3 sequencers: every committed leaf has one index, no other leaf has one, and no index is missing."""
    seed = random.randrange(2**32)
    print("seed", seed)
    committed: list[list[bytes]] = [[] for _ in range(8)]
    stop = threading.Event()

    def write(number: int) -> None:
        rng = random.Random(seed + number)
        for n in range(60):
            session = sessions()
            mine = [leaf((seed, number, n, i)) for i in range(rng.choice([1, 1, 3, 120]))]
            for one in mine:
                service.append(session, one)
            write_out(session)
            time.sleep(rng.choice([0, 0, 0.003]))
            if rng.random() < 0.3:
                session.rollback()
            else:
                session.commit()
                committed[number] += mine
            session.close()

    def run_sequencer(number: int) -> None:
        rng = random.Random(-seed - number)
        while not stop.is_set():
            session = sessions()
            service.sequence(session, now=NOW, most=rng.choice([1, 50, 2000]))
            session.rollback() if rng.random() < 0.3 else session.commit()
            session.close()

    with ThreadPoolExecutor(11) as pool:
        sequencers = [pool.submit(run_sequencer, n) for n in range(3)]
        try:
            for writer in [pool.submit(write, n) for n in range(8)]:
                writer.result()
        finally:
            stop.set()
        for one in sequencers:
            one.result()
    while sequence(sessions):
        pass
    found = numbered(sessions)
    assert list(range(len(found))) == [index for index, _ in found]
    assert sorted(one for mine in committed for one in mine) == sorted(one for _, one in found)
    for mine in committed:  # each writer's commits came one after another
        place = {one: index for index, one in found}
        assert sorted(place[one] for one in mine) == [place[one] for one in mine]
    assert (len(found), naive_root([one for _, one in found])) == tree(sessions)
    with sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(QueueRow)) == 0


def test_two_sequencers_at_once_are_safe(sessions):
    append(sessions, *(leaf(n) for n in range(10)))
    first = sessions()
    assert service.sequence(first, now=NOW, most=4) == 4
    assert sequence(sessions) == 0
    first.commit()
    assert sequence(sessions) == 6
    assert [(n, leaf(n)) for n in range(10)] == numbered(sessions)


def test_another_town_does_not_wait_for_a_sequencer(database, sessions):
    other = database.sessions(uuid7())
    append(sessions, leaf("here"))
    append(other, leaf("there"))
    with sessions.begin() as session:
        assert service.sequence(session, now=NOW) == 1
        assert sequence(other) == 1


def test_a_sequencer_that_dies_before_its_commit_loses_nothing(sessions, fill):
    leaves = fill(300)
    more = [leaf(n) for n in range(300)]
    append(sessions, *more)
    dying = sessions()
    assert service.sequence(dying, now=NOW) == 300
    dying.connection().invalidate()  # the connection is cut, as a kill -9 cuts it
    dying.close()
    assert (300, naive_root(leaves)) == tree(sessions)
    assert sequence(sessions) == 300
    assert (600, naive_root(leaves + more)) == tree(sessions)


def test_a_leaf_appended_twice_stands_twice_and_stops_nobody(sessions):
    append(sessions, leaf(1), leaf(1), leaf(2))
    assert sequence(sessions) == 3
    assert [(0, leaf(1)), (1, leaf(1)), (2, leaf(2))] == numbered(sessions)


def test_a_damaged_tile_stops_the_sequencer(database, sessions, fill, keys, publish):
    """Positive control: it does go on as soon as the tile is whole again."""
    leaves = fill(10)
    publish()
    append(sessions, leaf("waits"))
    owner = "UPDATE log_tile SET hashes = overlay(hashes placing %s from 1) WHERE town = %s"
    with sessions.begin() as session:
        town, whole = session.info["town"], session.scalar(select(TileRow.hashes))
        session.connection().exec_driver_sql(owner, (bytes(32), town))
    with pytest.raises(service.TreeDamaged):
        sequence(sessions)
    with pytest.raises(ExceptionGroup) as stopped:
        service.sequence_all(database.engine, keys, domain_of=lambda _: DOMAIN, now=lambda: NOW)
    assert [f"town {town}"] == [note for error in stopped.value.exceptions for note in error.__notes__]
    assert (10, naive_root(leaves)) == tree(sessions)
    with sessions.begin() as session:
        session.connection().exec_driver_sql(owner, (whole[:32], town))
    assert sequence(sessions) == 1


def test_a_tree_that_does_not_extend_what_was_signed_is_never_signed(database, sessions, fill, publish):
    fill(5)
    publish()
    forged = [leaf(("forged", n)) for n in range(7)]
    tiles = rules.grown(0, {}, [rules.leaf_hash(one) for one in forged])
    with sessions.begin() as session:
        values = {"hashes": tiles[rules.TileId(0, 0)], "root": naive_root(forged), "town": session.info["town"]}
        session.execute(text("UPDATE log_tile SET hashes = :hashes WHERE town = :town"), values)
        session.execute(text("UPDATE log_tree SET size = 7, root = :root WHERE town = :town"), values)
    with pytest.raises(service.TreeDamaged):
        publish()
    with sessions.begin() as session:
        session.execute(text("UPDATE log_tree SET size = 4 WHERE town = :town"), {"town": session.info["town"]})
    with pytest.raises(service.TreeDamaged):
        publish()
    with sessions.begin() as session:
        assert list(session.scalars(select(CheckpointRow.size))) == [5]


def test_checkpoints_are_made_when_the_tree_grew_and_at_most_once_a_second(sessions, fill, keys):
    def at(second: int, micro: int = 0) -> bool:
        with sessions.begin() as session:
            now = datetime(2026, 1, 1, 0, 0, second, micro, tzinfo=UTC)
            return service.publish(session, keys, DOMAIN, now=now) is not None

    assert not at(1)
    fill(1)
    assert [at(2), at(2), at(30)] == [True, False, False]
    fill(1)
    assert at(31)
    fill(1)
    assert [at(31, 999_999), at(32)] == [False, True]
    fill(1)
    assert at(5)  # the clock was set back: the log goes on
    with sessions.begin() as session:
        assert list(session.scalars(select(CheckpointRow.size).order_by(CheckpointRow.size))) == [1, 2, 3, 4]


def test_two_publishers_at_once_leave_one_checkpoint(sessions, fill, keys):
    fill(3)
    first, second = sessions(), sessions()
    first_note = service.publish(first, keys, DOMAIN, now=NOW)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(service.publish, second, keys, DOMAIN, now=NOW)
        first.commit()
        waiting.result(timeout=10)
    second.commit()
    with sessions.begin() as session:
        assert [first_note] == list(session.scalars(select(CheckpointRow.note)))


def test_all_towns_are_served_until_none_waits(new_database, keys):
    database = new_database()
    towns = [uuid7() for _ in range(3)]
    for count, town in enumerate(towns, 1):
        append(sessions_of(database.engine, town), *(leaf((town, n)) for n in range(count)))
    assert sorted(towns) == sorted(service.towns_waiting(database.engine))
    domains = {town: f"{n}.example" for n, town in enumerate(towns)}

    def serve() -> int:
        return service.sequence_all(
            database.engine, keys, domain_of=lambda session: domains[session.info["town"]], now=lambda: NOW
        )

    assert [serve(), serve()] == [6, 0]
    assert service.towns_waiting(database.engine) == []
    for n, town in enumerate(towns):
        with sessions_of(database.engine, town).begin() as session:
            assert [f"{n}.example/streife/log", str(n + 1)] == queries.checkpoint(session).split("\n")[:2]


def test_towns_wait_with_a_leaf_or_with_an_unpublished_tree_and_not_before_the_commit(new_database, keys):
    database = new_database()
    town = uuid7()
    sessions = sessions_of(database.engine, town)
    writer = sessions()
    service.append(writer, leaf(1))
    write_out(writer)
    assert service.towns_waiting(database.engine) == []
    writer.commit()
    assert [town] == service.towns_waiting(database.engine)
    sequence(sessions)
    assert [town] == service.towns_waiting(database.engine)
    with sessions.begin() as session:
        service.publish(session, keys, DOMAIN, now=NOW)
    assert service.towns_waiting(database.engine) == []
