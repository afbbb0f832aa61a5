"""`streife demo --check`: the sample town proves its four lives by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.killing import PROGRAM


@pytest.mark.slow
def test_the_four_lives_are_lived_and_shown(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "demo", "--check", "--state", str(folder / "state")],
        capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout + done.stderr
    for life, lines in (("Anzeige", 3), ("Clip", 4), ("Alarm", 3), ("Export", 4)):
        assert lines == done.stdout.count(f"│ {life} "), done.stdout
