import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import UNSET, structs

from sync.entry import Entry, format_instant, genesis_hash, header
from sync.errors import (
    IdReused,
    InvalidEntry,
    JournalDamaged,
    JournalFailed,
    JournalFrozen,
    JournalFull,
    JournalInUse,
    SourceRevoked,
)
from sync.exchange import Verdict, WireMedia, fold
from sync.journal import Journal
from tests.sync.samples import NOW, SOURCE, answer, draft, rfc6979_key

SPKI = rfc6979_key().spki_sha256


def head_of(journal: Journal) -> tuple[int, bytes]:
    state = journal.state()
    return state.head_seq, state.head


def settle(journal: Journal, last_seq: int, **changes: object) -> None:
    journal.settle(structs.replace(answer(last_seq), **changes))


def test_an_entry_chains_onto_its_predecessor_and_the_server_computes_the_same(journal: Journal) -> None:
    entries = [journal.append(draft(number)) for number in range(1, 4)]
    assert [1, 2, 3] == [entry.seq for entry in entries]
    batch = journal.pending()
    assert batch is not None
    assert genesis_hash(SOURCE, 1, SPKI) == batch.prev
    folded = fold(batch.prev, batch.entries)
    assert entries == [item.entry for item in folded]
    assert (3, folded[-1].hash) == head_of(journal)
    assert folded[-1].hash == batch.head
    journal.verify()


def test_the_body_is_kept_byte_for_byte(journal: Journal) -> None:
    body = '{ "b" : 1e2, "b":1,\n"a":"\\u00fcü"}'.encode()
    journal.append(draft(1, body=body))
    batch = journal.pending()
    assert batch is not None
    assert body == batch.entries[0].body.encode()


def test_what_was_recorded_is_there_after_opening_again(path: Path, journal: Journal) -> None:
    entry = journal.append(draft(1))
    journal.close()
    with closing(Journal.open(path)) as again:
        assert [entry] == again.entries()
        assert 2 == again.append(draft(2)).seq


def test_repeating_a_draft_returns_the_stored_entry(journal: Journal) -> None:
    first = journal.append(draft(1))
    assert first == journal.append(draft(1))
    assert (first, journal.append(draft(2)), first) == journal.append_many((draft(1), draft(2), draft(1)))
    assert 2 == journal.state().head_seq


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"other":1}'},
        {"kind": "other.kind"},
        {"v": 2},
        {"media": ()},
        {"recorded_at": format_instant(NOW) + "[UTC]"},
    ],
)
def test_an_id_with_other_content_is_refused_with_both_digests(journal: Journal, change: dict[str, object]) -> None:
    journal.append(draft(1))
    with pytest.raises(IdReused) as caught:
        journal.append_many((draft(2), structs.replace(draft(1), **change)))
    assert caught.value.stored != caught.value.offered
    assert 1 == journal.state().head_seq


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"body": b"[1]"}, "body"),
        ({"body": b"{"}, "body"),
        ({"body": b'{"a":"\xff"}'}, "body"),
        ({"body": b'{"a":{"b":["\\ud800"]}}'}, "body"),
        ({"body": b'{"a":1}x'}, "body"),
        ({"body": b'{"a":' + b"[" * 60_000 + b"}"}, "body"),
        ({"body": b' {"a":1}'}, "body"),
        ({"body": b'{"a":"' + b"x" * 65_536 + b'"}'}, "body"),
        ({"kind": "Offence"}, "kind"),
        ({"id": "1"}, "id"),
        ({"recorded_at": format_instant(NOW)}, "recorded_at"),
        ({"media": (WireMedia(sha256="a" * 64, size=1, type="image/jpeg"),) * 33}, "media"),
        ({"media": (WireMedia(sha256="a", size=1, type="image/jpeg"),)}, "media[0].sha256"),
    ],
)
def test_what_breaks_the_table_never_gets_into_a_chain(journal: Journal, change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidEntry) as caught:
        journal.append_many((draft(1), structs.replace(draft(2), **change)))
    assert field == caught.value.field
    assert journal.pending() is None
    assert 1 == journal.append(draft(1)).seq


def test_a_batch_fits_its_bytes_and_holds_at_least_one(journal: Journal) -> None:
    journal.append_many([draft(number, body=b'{"a":"' + b'\\"' * 20_000 + b'"}') for number in range(1, 60)])
    batch = journal.pending()
    assert batch is not None
    assert 20 < len(batch.entries) < 59
    one = journal.pending(max_bytes=1)
    assert one is not None
    assert (1, batch.entries[:1]) == (len(one.entries), one.entries)
    assert fold(one.prev, one.entries)[-1].hash == one.head


def test_acknowledged_entries_are_not_pending_and_verdicts_are_kept(journal: Journal) -> None:
    journal.append_many([draft(number) for number in range(1, 6)])
    held = Verdict(seq=2, verdict="held", code="unknown_kind")
    settle(journal, 3, verdicts=(held,), cursor="c1")
    batch = journal.pending()
    assert batch is not None
    assert [4, 5] == [entry.seq for entry in batch.entries]
    assert (held, None) == (journal.verdict(2), journal.verdict(1))
    assert "c1" == journal.state().cursor
    settle(journal, 3, cursor=UNSET)
    assert "c1" == journal.state().cursor


def test_an_old_answer_does_not_take_back_an_acknowledgement(journal: Journal) -> None:
    journal.append_many([draft(number) for number in range(1, 6)])
    settle(journal, 4)
    settle(journal, 2)
    assert 4 == journal.state().acked


def test_a_new_epoch_makes_the_servers_word_true(journal: Journal) -> None:
    journal.append_many([draft(number) for number in range(1, 6)])
    settle(journal, 4, verdicts=(Verdict(seq=3, verdict="held", code="unknown_kind"),))
    settle(journal, 2, epoch="another")
    assert (2, None) == (journal.state().acked, journal.verdict(3))
    batch = journal.pending()
    assert batch is not None
    assert [3, 4, 5] == [entry.seq for entry in batch.entries]
    assert fold(batch.prev, batch.entries)[-1].hash == batch.head


def test_a_server_that_knows_more_than_we_ever_wrote_proves_a_clone(journal: Journal) -> None:
    journal.append(draft(1))
    settle(journal, 2)
    with pytest.raises(JournalFrozen) as caught:
        journal.pending()
    assert ("fork", 2) == (caught.value.reason, caught.value.seq)


def test_a_frozen_journal_records_but_does_not_send(path: Path, journal: Journal) -> None:
    journal.freeze("fork", 7)
    journal.freeze("bad_seal", 8)
    journal.append(draft(1))
    journal.close()
    with closing(Journal.open(path)) as again, pytest.raises(JournalFrozen) as caught:
        again.pending()
    assert ("fork", 7) == (caught.value.reason, caught.value.seq)


def test_a_revoked_journal_is_locked_and_keeps_what_was_not_sent(path: Path, journal: Journal) -> None:
    journal.append(draft(1))
    journal.revoke("2026-03-14T21:07:33.125Z", "lost")
    for attempt in (lambda: journal.append(draft(2)), journal.pending):
        with pytest.raises(SourceRevoked) as caught:
            attempt()
        assert "lost" == caught.value.reason
    assert 1 == len(journal.entries())
    assert bytes(draft(1).body) in path.read_bytes()


class TestHorizon:
    def test_what_a_backup_holds_is_erased_and_the_chain_still_verifies(self, path: Path, journal: Journal) -> None:
        journal.append_many([draft(number) for number in range(1, 6)])
        settle(journal, 4, durable_seq=3)
        assert 3 == journal.horizon(NOW)
        assert 0 == journal.horizon(NOW)
        journal.verify()
        journal.close()
        bytes_on_disk = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())
        for number in (1, 2, 3):
            assert draft(number).body not in bytes_on_disk
            assert draft(number).media[0].sha256.encode() not in bytes_on_disk
        for number in (4, 5):
            assert draft(number).body in bytes_on_disk
        with closing(Journal.open(path)) as again:
            again.verify()

    def test_without_a_backup_acknowledged_entries_stay_seven_days(self, journal: Journal) -> None:
        journal.append_many([draft(number) for number in range(1, 6)])
        settle(journal, 2)
        settle(journal, 4, now=format_instant(NOW + timedelta(days=1)))
        assert 0 == journal.horizon(NOW + timedelta(days=7))
        assert 2 == journal.horizon(NOW + timedelta(days=7, milliseconds=1))
        assert 2 == journal.horizon(NOW + timedelta(days=9))
        assert 0 == journal.horizon(NOW + timedelta(days=99))

    def test_a_backup_that_lags_keeps_entries_longer_than_seven_days(self, journal: Journal) -> None:
        journal.append_many([draft(number) for number in range(1, 6)])
        settle(journal, 5, durable_seq=1)
        assert 1 == journal.horizon(NOW + timedelta(days=99))

    def test_a_draft_repeated_after_erasure_returns_the_stored_entry(self, journal: Journal) -> None:
        entry = journal.append(draft(1))
        settle(journal, 1, durable_seq=1)
        journal.horizon(NOW)
        assert entry == journal.append(draft(1))
        with pytest.raises(IdReused):
            journal.append(draft(1, kind="other.kind"))

    def test_entries_that_are_gone_freeze_the_journal_when_the_server_wants_them(self, journal: Journal) -> None:
        journal.append_many([draft(number) for number in range(1, 4)])
        settle(journal, 3, durable_seq=2)
        journal.horizon(NOW)
        journal.rewind(2)
        with pytest.raises(JournalFrozen) as caught:
            journal.pending()
        assert ("gone", 2) == (caught.value.reason, caught.value.seq)


class TestNewIncarnation:
    def test_what_is_not_durable_is_appended_again_unchanged(self, path: Path, journal: Journal) -> None:
        old = journal.append_many([draft(number) for number in range(1, 6)])
        settle(journal, 4, durable_seq=2, verdicts=(Verdict(seq=3, verdict="held", code="unknown_kind"),))
        journal.freeze("fork", 4)
        assert 3 == journal.renew(2, bytes(32))
        journal.verify()
        assert [1, 2, 3] == [entry.seq for entry in journal.entries()]
        assert [structs.replace(entry, seq=entry.seq - 2) for entry in old[2:]] == journal.entries()
        state = journal.state()
        assert (2, 0, None, "open") == (state.incarnation, state.acked, state.durable, state.standing)
        assert genesis_hash(SOURCE, 2, bytes(32)) == state.genesis
        assert journal.verdict(3) is None
        journal.close()
        with closing(Journal.open(path)) as again:
            assert 4 == again.append(draft(9)).seq

    def test_the_old_headers_stay_and_a_durable_draft_is_still_known(self, journal: Journal) -> None:
        old = journal.append_many([draft(number) for number in range(1, 4)])
        settle(journal, 3, durable_seq=1)
        journal.renew(2, bytes(32))
        journal.renew(3, bytes(32))
        assert old[0] == journal.append(draft(1))
        assert 2 == journal.state().head_seq

    def test_a_revoked_source_that_enrols_again_records_again(self, journal: Journal) -> None:
        journal.append(draft(1))
        journal.revoke(format_instant(NOW), "lost")
        journal.renew(2, bytes(32))
        assert 2 == journal.append(draft(2)).seq

    def test_an_incarnation_never_goes_back(self, journal: Journal) -> None:
        with pytest.raises(ValueError):
            journal.renew(1, bytes(32))


class TestDamage:
    @pytest.mark.parametrize(
        ("damage", "seq"),
        [
            ("UPDATE entry SET kind = 'other.kind' WHERE seq = 2", 2),
            ("UPDATE entry SET body = x'7b7d' WHERE seq = 3", 3),
            ("DELETE FROM entry WHERE seq = 2", 2),
            ("DELETE FROM entry WHERE seq = 4", 4),
            ("UPDATE entry SET hash = zeroblob(32) WHERE seq = 1", 1),
            ("UPDATE journal SET head_seq = 3", 5),
        ],
    )
    def test_a_change_to_the_file_is_found_and_named(self, path: Path, journal: Journal, damage: str, seq: int) -> None:
        journal.append_many([draft(number) for number in range(1, 5)])
        journal.close()
        with closing(sqlite3.connect(path)) as db:
            db.execute(damage)
            db.commit()
        with pytest.raises(JournalDamaged) as caught:
            Journal.open(path)
        assert seq == caught.value.seq

    def test_a_file_that_is_no_journal_is_said_to_be_none(self, path: Path) -> None:
        path.write_bytes(b"not a database" * 100)
        with pytest.raises(JournalDamaged):
            Journal.open(path)

    def test_a_file_of_another_version_is_not_touched(self, path: Path, journal: Journal) -> None:
        journal.close()
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA user_version = 99")
        with pytest.raises(JournalDamaged):
            Journal.open(path)

    def test_there_is_nothing_to_open(self, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            Journal.open(path)
        assert not path.exists()

    def test_an_existing_journal_is_not_created_again(self, path: Path, journal: Journal) -> None:
        with pytest.raises(FileExistsError):
            Journal.create(path, SOURCE, 1, SPKI)


def test_the_file_is_for_its_owner_only(path: Path, journal: Journal) -> None:
    journal.append(draft(1))
    assert {0o600} == {file.stat().st_mode & 0o777 for file in path.parent.iterdir()}


def test_a_reserve_that_is_not_there_refuses_before_writing(path: Path, journal: Journal) -> None:
    journal.close()
    with closing(Journal.open(path, reserve_bytes=2**60)) as full:
        with pytest.raises(JournalFull):
            full.append(draft(1))
        assert 0 == full.state().head_seq


FILLS_ITS_DISK = """
import resource, sys
from pathlib import Path
from sync.errors import JournalFull
from sync.journal import Journal
from tests.sync.samples import draft

path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
journal, number = Journal.open(path, reserve_bytes=0), 0
try:
    while True:
        journal.append(draft(number + 1))
        number += 1
except JournalFull:
    print(number, flush=True)
"""


def test_a_full_disk_raises_and_loses_nothing_that_was_recorded(path: Path, journal: Journal) -> None:
    journal.close()
    run = [sys.executable, "-c", FILLS_ITS_DISK, str(path)]
    result = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120)
    recorded = int(result.stdout)
    with closing(Journal.open(path)) as again:
        again.verify()
        assert 10 < recorded == again.state().head_seq
        assert recorded + 1 == again.append(draft(recorded + 1)).seq


TRIES_TO_OPEN = """
import sys
from pathlib import Path
from sync.errors import JournalInUse
from sync.journal import Journal

try:
    Journal.open(Path(sys.argv[1]))
except JournalInUse:
    print("in use")
"""


def test_two_processes_cannot_have_one_journal(path: Path, journal: Journal) -> None:
    run = [sys.executable, "-c", TRIES_TO_OPEN, str(path)]
    result = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
    assert "in use" == result.stdout.strip()
    with pytest.raises(JournalInUse):
        Journal.open(path)
    assert 1 == journal.append(draft(1)).seq
    journal.close()
    Journal.open(path).close()


def test_many_threads_write_one_chain(journal: Journal) -> None:
    entries: list[Entry] = []

    def record(thread: int) -> None:
        entries.extend(journal.append(draft(number)) for number in range(thread * 100, thread * 100 + 25))

    threads = [threading.Thread(target=record, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.verify()
    assert list(range(1, 101)) == sorted(entry.seq for entry in entries)
    assert sorted(map(header, entries)) == sorted(map(header, journal.entries()))


def test_lease_times_rise_also_when_the_clock_goes_back(journal: Journal) -> None:
    times = [journal.lease_instant(NOW + timedelta(seconds=step)) for step in (0, 0, -60, 1)]
    assert sorted(set(times)) == times


def test_failures_are_counted_for_the_first_entry_only(path: Path, journal: Journal) -> None:
    journal.append_many([draft(1), draft(2)])
    journal.count_failure(1)
    journal.count_failure(1)
    journal.close()
    with closing(Journal.open(path)) as again:
        batch = again.pending()
        assert batch is not None
        assert 2 == batch.tries
        settle(again, 1)
        batch = again.pending()
        assert batch is not None
        assert 0 == batch.tries


def test_the_disk_is_told_to_keep_what_is_committed(journal: Journal) -> None:
    with journal._store.reading() as db:
        found = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "locking_mode")]
        assert ["wal", 2, "exclusive"] == found
        assert 1 == db.execute("PRAGMA secure_delete").fetchone()[0]


def test_a_disk_that_fails_says_so_and_records_nothing(journal: Journal) -> None:
    """A second failure mode beside a full disk: the file is not writable any more."""
    with journal._store.reading() as db:
        db.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalFailed):
        journal.append(draft(1))
    with journal._store.reading() as db:
        db.execute("PRAGMA query_only = OFF")
    assert 1 == journal.append(draft(1)).seq
