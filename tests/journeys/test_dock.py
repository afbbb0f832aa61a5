"""A dock on a real town: clips are at the server with receipts that hold, and only then off the card."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.local.clips import CameraCard
from tests.bodycam_dock.conftest import Dock, fill
from tests.journeys.docking import Night, Town, is_whole, night, report, town_in

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


def test_the_same_clips_through_two_docks_are_receipted_twice(town: Town, folder: Path) -> None:
    """A camera whose card was not cleared at one dock comes to another one: same name, same numbers, same bytes."""
    first = CameraCard(folder / "first", serial="TK-0002", seed=SEED + 1)
    fill(first, 2)
    shutil.copytree(first.folder, folder / "second")
    second = CameraCard(folder / "second", serial="TK-0002", seed=SEED + 1)
    for number, card in enumerate((first, second)):
        originals = {path.name: path.read_bytes() for path in card.clips()}
        dock = Dock(town.address, folder / f"dock-{number}", [card.folder], code=town.code())
        assert 0 == dock.once()[0]
        told = report(town, dock, Night(originals))
        assert is_whole(told), told
        assert 2 * number == told["duplicates"]


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
