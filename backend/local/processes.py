"""What Linux tells about processes under /proc (proc(5)), enough to know our own from everybody else's."""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

PROC = Path("/proc")


def started(pid: int) -> int | None:
    """The start time of a living process in clock ticks since boot (field 22 of stat); None if gone or a zombie.

    A pid is reused, a pid together with its start time is not.
    """
    try:
        text = (PROC / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the name in parentheses and may hold anything, parentheses and spaces included.
    fields = text[text.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def instant(ticks: int) -> datetime:
    """The UTC instant of a start time that `started` gave, to about a second."""
    seconds = next(int(line.split()[1]) for line in (PROC / "stat").open() if line.startswith("btime "))
    return datetime.fromtimestamp(seconds + ticks // os.sysconf("SC_CLK_TCK"), UTC)


def boot_id() -> str:
    """A text that changes with every boot: start times of different boots are not to be compared."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def arguments(pid: int) -> list[str]:
    """The command line, or the title that a process gave itself (one text); empty if it is gone. Open to everybody."""
    try:
        content = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(part) for part in content.removesuffix(b"\0").split(b"\0")]


def environment(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty if it is gone or not ours to ask."""
    try:
        content = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (os.fsdecode(item).partition("=") for item in content.split(b"\0") if item)
    return {name: value for name, _, value in pairs}


def every() -> Iterator[int]:
    """The pids of all processes of this moment."""
    return (int(path.name) for path in PROC.iterdir() if path.name.isdigit())


def wait_until(condition: Callable[[], bool], seconds: float, *, every_s: float = 0.02) -> bool:
    """True as soon as `condition` holds, False if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every_s)
    return True


def end(pids: Iterable[int], signals: Sequence[tuple[signal.Signals, float]]) -> bool:
    """These processes got each signal in turn until all were gone, with so many seconds between; whether they are.

    Their start times are read first: a process that gets one of the pids later is sent nothing.
    """
    born = {pid: started(pid) for pid in pids}

    def left() -> list[int]:
        return [pid for pid, ticks in born.items() if ticks is not None and started(pid) == ticks]

    for number, seconds in signals:
        for pid in left():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        if wait_until(lambda: not left(), seconds):
            return True
    return not left()


def signalled_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child this signal when the thread that started it ends, however it ends.

    Runs after the child has changed its account, which would clear the wish again (PR_SET_PDEATHSIG in prctl(2)).
    """
    prctl, pr_set_pdeathsig, parent = ctypes.CDLL(None).prctl, 1, os.getpid()

    def ask() -> None:
        prctl(pr_set_pdeathsig, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it ended before we could ask
            os._exit(1)

    return ask
