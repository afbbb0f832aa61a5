"""An upload survives whatever happens on its way: no wrong byte is stored, nothing acknowledged is lost."""

import pytest

from tests.benchmarks.docking import PIECE
from tests.journeys.uploading import Told, uploading

SEED = 20261126


def check(told: Told) -> None:
    assert (0, 0) == (told.wrong_bytes, told.taken_back), told
    assert told.resent_pieces <= PIECE, told
    assert told.takeover_s < 5, told


@pytest.mark.slow
def test_files_come_whole_through_kills_cuts_stalls_wrong_bytes_and_a_full_disk() -> None:
    print(f"seed {SEED}")
    told = uploading(12, SEED)
    assert 12 == told.runs
    check(told)


@pytest.mark.nightly
@pytest.mark.slow
def test_two_hundred_files_come_whole() -> None:
    print(f"seed {SEED + 1}")
    told = uploading(200, SEED + 1)
    assert 200 == told.runs
    assert {"kill", "cut", "stall", "wrong", "full", "two"} <= set(told.faults)
    check(told)
