"""A town, a card, and a dock between them."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from backend.local.clips import CameraCard
from tests.bodycam_dock.town import DockTown, serving

CODE = "A" * 22


@dataclass
class Dock:
    """`streife dock` as a process, on one state folder."""

    address: str
    state: Path
    cameras: list[Path]
    options: list[str] = field(default_factory=list)
    code: str = CODE

    def command(self, *more: str) -> list[str]:
        places = [part for camera in self.cameras for part in ("--camera", str(camera))]
        given = [
            "--server",
            self.address,
            "--code",
            self.code,
            "--state",
            str(self.state),
            "--allow-unencrypted",
            "--json",
        ]
        return [sys.executable, "-m", "bodycam_dock", *given, *places, *self.options, *more]

    def once(self, *, timeout: float = 120) -> tuple[int, list[dict]]:
        """Runs until nothing is left to do: its exit code and what it told."""
        done = subprocess.run(self.command("--once"), capture_output=True, timeout=timeout, check=False, text=True)
        assert done.returncode in {0, 1}, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, [msgspec.json.decode(line) for line in done.stdout.splitlines()]

    def start(self, *more: str) -> subprocess.Popen:
        return subprocess.Popen(self.command(*more), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def start_working(self) -> subprocess.Popen:
        """As `start`, and returned once it looks for cameras: a kill before that tries nothing but the loader."""
        process = self.start()
        assert process.stdout is not None
        for line in process.stdout:
            if b'"event":"started"' in line:
                break
        return process


@pytest.fixture
def town() -> DockTown:
    return DockTown()


@pytest.fixture
def address(town: DockTown) -> Iterator[str]:
    with serving(town) as address:
        yield address


@pytest.fixture
def card(tmp_path: Path) -> CameraCard:
    return CameraCard(tmp_path / "camera", serial="TK-0001", seed=1)


@pytest.fixture
def dock(address: str, card: CameraCard, tmp_path: Path) -> Dock:
    return Dock(address, tmp_path / "state", [card.folder])


def fill(card: CameraCard, number: int, *, seconds: float = 1.0, pause_s: float = 600) -> list[Path]:
    """So many clips, the last one a while ago, and a clock that is right."""
    now = datetime.now(UTC)
    made = [
        card.record(
            now - timedelta(hours=1) - timedelta(seconds=(number - n) * (seconds + pause_s)), seconds=seconds
        ).path
        for n in range(number)
    ]
    card.set_clock(now)
    return made
