"""A server that runs beside a command: the one that is running already, or one that is started for it and ended."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from backend.local import supervisor
from backend.local.state import LocalError, State

#: A first start makes a database and imports everything.
START_S: Final = 90.0
#: The command line in this Python, whatever stands on PATH.
PROGRAM: Final = "from backend.cli import main; main(prog_name='streife')"


@contextmanager
def running(state: State, command: str, *options: str) -> Iterator[str]:
    """Address of this state folder's server; where none runs, `streife COMMAND` runs while the block lasts.

    Raises:
        LocalError: it does not start; its log says why.
    """
    address = supervisor.address(state)
    if address is not None:
        yield address
        return
    log = state.subfolder("logs") / f"{command}.log"
    with log.open("ab") as output:
        own = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", PROGRAM, command, "--state", str(state.folder), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield _wait(state, own)
    finally:
        own.send_signal(signal.SIGTERM)
        own.wait(90)


def _wait(state: State, process: "subprocess.Popen[bytes]") -> str:
    from backend.local.installation import is_healthy  # noqa: PLC0415

    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        address = supervisor.address(state)
        if address is not None:
            host, _, port = address.removeprefix("http://").partition(":")
            if is_healthy(host, int(port)):
                return address
        time.sleep(0.1)
    raise LocalError(f"Der Server startet nicht. Siehe {state.folder / 'logs'}.")
