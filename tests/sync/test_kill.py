"""`kill -9` at random moments: what was acknowledged is there, whatever is there chains."""

import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from sync.journal import Journal
from tests.sync.samples import SOURCE, draft, rfc6979_key

# Records, lets "the server" acknowledge, erases, and says "recorded" only after append has returned.
SOURCE_AT_WORK = """
import sys
from datetime import timedelta
from pathlib import Path
from msgspec import structs
from sync.journal import Journal
from tests.sync.samples import NOW, answer, draft

journal = Journal.open(Path(sys.argv[1]), reserve_bytes=0)
number = journal.state().head_seq
print("ready", flush=True)
while True:
    if number % 7 == 0:
        number += len(journal.append_many([draft(number + step) for step in (1, 2, 3)]))
    else:
        number = journal.append(draft(number + 1)).seq
    print(number, flush=True)
    if number % 5 == 0:
        journal.settle(structs.replace(answer(number - 2), durable_seq=number - 4))
        journal.horizon(NOW)
"""


def kill_loop(folder: Path, rounds: int, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    path = folder / "journal.db"
    Journal.create(path, SOURCE, 1, rfc6979_key().spki_sha256).close()
    acknowledged = 0
    for _ in range(rounds):
        source = subprocess.Popen(
            [sys.executable, "-c", SOURCE_AT_WORK, str(path)], stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE
        )
        assert source.stdout is not None
        assert "ready\n" == source.stdout.readline()
        time.sleep(rng.uniform(0, 0.03))
        source.kill()
        out, err = source.communicate()
        assert "" == err
        # A last line without its end was not said.
        acknowledged = max([acknowledged, *map(int, out.split("\n")[:-1])])
        with closing(Journal.open(path, reserve_bytes=0)) as journal:
            journal.verify()
            state = journal.state()
            assert acknowledged <= state.head_seq <= acknowledged + 3
            ids = [entry.id for entry in journal.entries(limit=-1)]
            assert [draft(number).id for number in range(1, state.head_seq + 1)] == ids
            batch = journal.pending(limit=10**6)
            sent = batch.entries if batch else ()
            for entry in sent:
                assert draft(entry.seq).body.decode() == entry.body
            assert state.acked + len(sent) == state.head_seq
            acknowledged = state.head_seq
    assert acknowledged > rounds


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    kill_loop(tmp_path, rounds=25, seed=20260314)


@pytest.mark.nightly
def test_nothing_acknowledged_is_lost_by_500_kills(tmp_path: Path) -> None:
    kill_loop(tmp_path, rounds=500, seed=time.time_ns())
