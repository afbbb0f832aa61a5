"""An upload survives whatever happens on its way: no wrong byte is stored, nothing acknowledged is lost."""

import pytest

from tests.journeys.uploading import uploading

SEED = 20261126


@pytest.mark.slow
def test_files_come_whole_through_kills_cuts_stalls_wrong_bytes_and_a_full_disk() -> None:
    print(f"seed {SEED}")
    told = uploading(12, SEED)
    assert 12 == told.runs
    assert told.is_kept(), told


@pytest.mark.nightly
@pytest.mark.slow
def test_two_hundred_files_come_whole() -> None:
    print(f"seed {SEED + 1}")
    told = uploading(200, SEED + 1)
    assert 200 == told.runs
    assert {"kill", "cut", "stall", "wrong", "full", "two"} <= set(told.faults)
    assert told.is_kept(), told
