"""One supervised process: started, watched, started again, ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from backend.local import processes
from backend.local.logs import rotate, tail
from backend.local.run import Process

# Between a death and the next start; doubled with each death in a row.
SHORTEST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
# Who lived so long has not failed to start.
HEALTHY_AFTER_S: Final = 10.0


@dataclass(frozen=True)
class Spec:
    """A process to be kept running.

    `env` is added to our own environment. `ready` is asked until it is true, and must not block for long; without
    one the process is ready once it was started. `needs_database`: it does not find back to a database that was
    gone (Celery's beat), so it is started anew then. `waits`: it is started once all that do not wait are ready.
    `stop_s`: how long an orderly end may take.
    """

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    needs_database: bool = False
    waits: bool = False
    stop_s: float = 10.0


class Child:
    """The process of one spec. Used by one thread, which must live as long as the process is to live."""

    def __init__(self, spec: Spec, log: Path, mark: Mapping[str, str], say: Callable[[str], None]) -> None:
        """Nothing is started yet. `say` tells a person what goes wrong."""
        self.spec = spec
        self.log = log
        self.record: Process | None = None
        self.failures = 0
        self._say = say
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", **spec.env, **mark}
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._started_at = self._not_before = 0.0

    def start(self) -> None:
        """The process runs, in a session of its own, with its output in its log.

        If its program cannot be run, that counts as a death.
        """
        self._started_at, self._is_ready = time.monotonic(), False
        try:
            self._process = self._launch()
        except OSError as error:
            self._failed(f"{self.spec.name} lässt sich nicht starten: {error}")
        else:
            self.record = Process.of(self.spec.name, self._process.pid)

    def _launch(self) -> subprocess.Popen[bytes]:
        rotate(self.log)
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                [str(part) for part in self.spec.argv],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the supervisor, which ends its children in order
                preexec_fn=processes.signalled_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
            )

    @property
    def is_ready(self) -> bool:
        """Whether it has done what its spec asks since it was started."""
        if self._process and not self._is_ready:
            self._is_ready = self.spec.ready is None or self.spec.ready()
        return self._is_ready

    def tend(self) -> None:
        """A process found dead will be started anew after its pause; one whose pause is over was started."""
        if self._process is None:
            if time.monotonic() >= self._not_before:
                self.start()
        elif self._has_ended():
            if time.monotonic() - self._started_at >= HEALTHY_AFTER_S:
                self.failures = 0
            self._failed(f"{self.spec.name} endete unerwartet ({_reason(self._collect())}).\n{tail(self.log, 5)}")

    def _failed(self, message: str) -> None:
        self._not_before = time.monotonic() + min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2**self.failures)
        self.failures += 1
        self._say(message.rstrip())

    def ask_to_end(self) -> None:
        """The process got SIGTERM, if it still runs."""
        if self._process:
            os.kill(self._process.pid, signal.SIGTERM)  # not Popen's own way, which may collect it

    def end(self, seconds: float) -> None:
        """The process and all of its group are gone: by themselves within `seconds`, else by SIGKILL."""
        if self._process:
            processes.wait_until(self._has_ended, seconds)
            self._collect()

    def _has_ended(self) -> bool:
        # Looks without collecting: until then the kernel keeps the number, and so the group's, from being reused.
        assert self._process  # noqa: S101 - only asked about a started process
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._process.pid, look) is not None

    def _collect(self) -> int:
        """Its exit code, after nobody of its group is left."""
        assert self._process  # noqa: S101 - only asked about a started process
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self._process = None
        return code


def end_together(children: Sequence[Child], seconds: float) -> None:
    """All of these are gone within about `seconds`; they are asked at the same time."""
    deadline = time.monotonic() + seconds
    for child in children:
        child.ask_to_end()
    for child in children:
        child.end(max(0.0, deadline - time.monotonic()))


def _reason(code: int) -> str:
    return f"Signal {signal.Signals(-code).name}" if code < 0 else f"Code {code}"
