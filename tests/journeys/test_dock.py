"""A dock on a real town: clips are at the server with receipts that hold, and only then off the card."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.local.clips import CameraCard
from tests.bodycam_dock.conftest import Dock, fill
from tests.journeys.docking import Town, is_whole, night, report, town_in

pytestmark = pytest.mark.slow
SEED = 20261126


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's account can pass through."""
    with tempfile.TemporaryDirectory(prefix="streife-dock-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def town(folder: Path) -> Iterator[Town]:
    with town_in(folder) as town:
        yield town


def test_six_clips_come_in_and_go_off_the_card_while_everything_is_killed(town: Town, folder: Path) -> None:
    print(f"seed {SEED}")
    card = CameraCard(folder / "camera", serial="TK-0001", seed=SEED)
    fill(card, 6)
    dock = Dock(town.address, folder / "dock", [card.folder], code=town.code())
    done = night(town, dock, card, kills=10, seed=SEED)
    told = report(town, dock, done)
    assert is_whole(told), told


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(3))
def test_many_kills_of_dock_and_server(seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="streife-dock-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        with town_in(folder) as town:
            card = CameraCard(folder / "camera", serial="TK-0001", seed=seed)
            fill(card, 6)
            dock = Dock(town.address, folder / "dock", [card.folder], code=town.code())
            done = night(town, dock, card, kills=30, seed=seed)
            told = report(town, dock, done)
            assert is_whole(told), told
