"""The log files of the processes that we start: one each, and the one before it."""

from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

# With its predecessor a log takes at most about twice this, plus what one run writes.
LARGEST_BYTES: Final = 5_000_000


def rotate(log: Path) -> None:
    """A log that has grown too large is now its own predecessor, `NAME.log.1`; the one before that is gone."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LARGEST_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))


def tail(log: Path, lines: int = 10) -> str:
    """The last lines of a log; empty if there is none."""
    with suppress(FileNotFoundError), log.open(errors="replace") as file:
        return "".join(deque(file, lines)).rstrip()
    return ""
