"""State folders that PostgreSQL's account can reach, and helpers to start what a person would start."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from backend.local import processes, supervisor
from backend.local.run import Run
from backend.local.state import State

ROOT = Path(__file__).parents[3]
SERVE = Path(__file__).parent / "serve.py"
ORDINARY_UID = 65534


class Serve:
    """`serve.py` as a process of its own; what it prints can be waited for."""

    def __init__(self, folder: Path, bytecode: Path, *arguments: str) -> None:
        # As pip installs it: with compiled byte code. Without, Celery alone needs three seconds to start.
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)}
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **compiled}
        self.process = subprocess.Popen(
            [sys.executable, SERVE, folder, *arguments],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def says(self, text: str, seconds: float = 20) -> str:
        found: list[str] = []

        def heard() -> bool:
            found[:] = [line for line in self.lines if text in line]
            return bool(found) or self.process.poll() is not None

        processes.wait_until(heard, seconds)
        processes.wait_until(lambda: heard() and bool(found), 0.5)
        assert found, f"{text!r} was not said within {seconds} s, but: {self.lines}"
        return found[-1]

    def ends(self, seconds: float = 20) -> int:
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(5)


@contextmanager
def state_folder() -> Iterator[Path]:
    """A path for a state folder, not yet made; nothing of it is left afterwards."""
    # pytest's own folders are closed to every account but ours.
    around = Path(tempfile.mkdtemp(prefix="streife-test-"))
    around.chmod(0o711)
    yield around / "state"
    for found in {path.parent for path in around.rglob("streife.json")}:
        with suppress(FileNotFoundError):
            state = State(found)
            supervisor.down(state)
            state.clear()
    shutil.rmtree(around)


@pytest.fixture
def folder() -> Iterator[Path]:
    with state_folder() as path:
        yield path


@pytest.fixture
def state(folder: Path) -> State:
    return State.open(folder)


@pytest.fixture
def serve(folder: Path, pytestconfig: pytest.Config) -> Iterator[Callable[..., Serve]]:
    started: list[Serve] = []
    bytecode = pytestconfig.rootpath / ".pytest_cache/d/bytecode"

    def start(*arguments: str, at: Path = folder) -> Serve:
        started.append(Serve(at, bytecode, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(30)


def descendants(state: State) -> dict[int, str]:
    """The living processes of the run on record, by pid, with their names."""
    run = Run.read(state)
    assert run
    named = {child.pid: child.name for child in run.children if child.alive}
    return {pid: named.get(pid, "?") for pid in run.left_behind()}


def ordinary_python() -> tuple[list[str], dict[str, str]]:
    """A command and an environment in which an account without rights can run our code, or a skip."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process as another account")
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    env = {"PYTHONPATH": packages, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        with suppress(OSError, subprocess.CalledProcessError):
            command = [python, "-c", "import psycopg, backend.local.supervisor"]
            as_user = {"user": ORDINARY_UID, "group": ORDINARY_UID, "extra_groups": []}
            subprocess.run(command, check=True, env=env, capture_output=True, cwd="/", **as_user)
            return [python], env
    pytest.skip("no Python of this version, and of these packages, is open to an ordinary account")
