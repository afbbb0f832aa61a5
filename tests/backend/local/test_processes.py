import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.local import processes


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], env={"WORD": "a=b", "PATH": "/usr/bin:/bin"}) as process:
        yield process
        process.kill()


def test_a_process_is_told_by_its_start(sleeper: subprocess.Popen[bytes]) -> None:
    started = processes.started(sleeper.pid)

    assert started is not None
    assert abs(datetime.now(UTC) - processes.instant(started)) < timedelta(seconds=5)
    # For an instant around its exec a process has no arguments.
    assert processes.wait_until(lambda: processes.arguments(sleeper.pid) == ["sleep", "60"], 5)
    assert processes.environment(sleeper.pid)["WORD"] == "a=b"
    assert sleeper.pid in set(processes.every())


def test_a_zombie_counts_as_gone(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert processes.started(sleeper.pid) is None


def test_a_name_made_of_parentheses_misleads_nobody(folder: Path) -> None:
    folder.mkdir()
    program = folder / "a) Z 1 (b"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        try:
            assert processes.started(process.pid) is not None
        finally:
            process.kill()


def test_who_is_gone_has_nothing_to_tell(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    sleeper.wait()

    assert processes.started(sleeper.pid) is None
    assert processes.arguments(sleeper.pid) == []
    assert processes.environment(sleeper.pid) == {}
    assert processes.end([sleeper.pid], [(signal.SIGKILL, 0.0)])


def test_who_does_not_listen_is_killed() -> None:
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()

        assert not processes.end([process.pid], [(signal.SIGTERM, 0.2)])
        assert processes.end([process.pid], [(signal.SIGTERM, 0.1), (signal.SIGKILL, 5.0)])
        assert process.wait() == -signal.SIGKILL
