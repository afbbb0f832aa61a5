"""The record of a running supervisor: what others ask, and what the next one must end after a kill -9."""

import json
import signal
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Self

from backend.local import processes
from backend.local.state import State, write_atomically

# Every process that a supervisor starts carries this variable, with the random id of its run. Not the state
# folder's name: a person may have exported that in a shell which is none of our business.
MARK: Final = "STREIFE_RUN"
FILE: Final = "run.json"


@dataclass(frozen=True)
class Process:
    """One process of a run. `pid` and `started` (ticks since boot) together name it for as long as the boot lasts."""

    name: str
    pid: int
    started: int

    @classmethod
    def of(cls, name: str, pid: int) -> Self | None:
        """The living process of this pid; None if it is gone already."""
        started = processes.started(pid)
        return None if started is None else cls(name, pid, started)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return processes.started(self.pid) == self.started

    @property
    def since(self) -> datetime:
        """When it was started, UTC."""
        return processes.instant(self.started)


@dataclass(frozen=True)
class Run:
    """One life of a supervisor. `address` is None until it knows its port."""

    id: str
    boot: str
    supervisor: Process
    address: str | None = None
    children: tuple[Process, ...] = ()

    def write(self, state: State) -> Self:
        """Others read this record from now on."""
        write_atomically(state.folder / FILE, json.dumps(asdict(self), indent=2).encode())
        return self

    @classmethod
    def read(cls, state: State) -> Self | None:
        """The newest record, of a living supervisor or one that was killed; None after an orderly end or a boot."""
        try:
            found = json.loads((state.folder / FILE).read_bytes())
            run = cls(
                found["id"],
                found["boot"],
                _process(found["supervisor"]),
                found["address"],
                tuple(map(_process, found["children"])),
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return run if run.boot == processes.boot_id() else None

    def left_behind(self) -> set[int]:
        """The pids of this run's living processes: those on record, and all that were started under its mark."""
        recorded = {child.pid for child in self.children if child.alive}
        return recorded | {pid for pid in processes.every() if processes.environment(pid).get(MARK) == self.id}


def forget(state: State) -> None:
    """No run is on record."""
    (state.folder / FILE).unlink(missing_ok=True)


def end_left_behind(state: State) -> int:
    """No process of an earlier run lives; how many had to be ended. Only called by whoever holds the lock."""
    run = Run.read(state)
    orphans = run.left_behind() if run else set()
    processes.end(orphans, ((signal.SIGTERM, 2.0), (signal.SIGKILL, 3.0)))
    forget(state)
    return len(orphans)


def _process(found: dict[str, object]) -> Process:
    name, pid, started = (found[key] for key in ("name", "pid", "started"))
    if isinstance(pid, int) and isinstance(started, int):
        return Process(str(name), pid, started)
    raise TypeError(found)
