"""Every kind of source at once, on the sample town, under kill -9: nothing lost, nothing twice."""

from pathlib import Path

import pytest

from tests.journeys.living import living


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "seed"), [(9, 11), pytest.param(60, 12, marks=pytest.mark.nightly)])
def test_no_clip_receipt_alarm_or_effect_is_lost_or_twice(folder: Path, kills: int, seed: int) -> None:
    done = living(folder, kills=kills, seed=seed)
    assert done.is_whole, done
    assert done.acknowledged > 0
    assert done.clips
