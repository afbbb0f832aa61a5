"""Everything that `streife up` starts, kept running until somebody says stop.

    up ── lock ── orphans of a killed run ended ── port ── PostgreSQL ── prepare (migrations) ── children ── ready
                                                                                                     │
    beat, worker, api, PostgreSQL ended, in this order  ◄── Ctrl-C, SIGTERM, SIGHUP, `down` ─────────┘

A child that dies is started anew after a short pause. PostgreSQL that dies is started anew at once; when the
database was gone, however briefly, the children that do not find back to it by themselves are started anew.
"""

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import Final, Self

from backend.local import processes
from backend.local.child import Child, Spec, end_together
from backend.local.postgres import Postgres
from backend.local.run import MARK, Process, Run, end_left_behind, forget
from backend.local.state import LocalError, State
from backend.local.watch import Watch

Prepare = Callable[[Postgres, int], Sequence[Spec]]
Say = Callable[[str], None]

TURN_S: Final = 0.1
# A cold machine needs some seconds to import everything; a minute is none that is only slow.
READY_S: Final = 60.0
# Deaths in a row before the first readiness that are no accident any more.
HOPELESS_AFTER: Final = 3
# What a child may use to end when its database is gone anyway; sweeps are to run again within 5 s.
LOST_DATABASE_STOP_S: Final = 0.2
ASK_TO_END: Final = (signal.SIGTERM, 90.0)


class _Asked(BaseException):
    """Somebody wants the end while something long is being prepared."""


def up(state: State, prepare: Prepare, *, port: int | None = None, host: str = "127.0.0.1", say: Say = print) -> None:
    """Everything runs until this process is asked to end; then nothing runs that it started.

    `prepare` gets the running PostgreSQL and the HTTP port, brings the schema up to date and says which processes
    to run; they are started together and ended in reverse order. A second start on a running state folder tells
    its address and returns. Call it on the main thread: signals are taken over.

    Raises:
        LocalError: something stands in the way; nothing runs then.
    """
    with state.lock() as is_ours:
        if not is_ours:
            say(_already(Run.read(state)))
            return
        with _Stop() as stop:
            _Supervisor(state, stop, _to_terminal(say)).run(prepare, port, host)


def status(state: State) -> list[Process]:
    """The processes of this state folder, the supervisor first; empty after an orderly end."""
    run = Run.read(state)
    postgres = Postgres(state).pid
    database = Process.of("postgres", postgres) if postgres else None
    return [*((run.supervisor, *run.children) if run else ()), *([database] if database else ())]


def address(state: State) -> str | None:
    """Where the running installation is reached; None if it does not run."""
    run = Run.read(state)
    return run.address if run and run.supervisor.alive else None


def down(state: State) -> bool:
    """Nothing of this state folder runs; whether anything did.

    The running supervisor is asked to end everything in order. If it was killed, what it left is ended here.

    Raises:
        LocalError: it did not end in time.
    """
    run = Run.read(state)
    was_running = run is not None and run.supervisor.alive
    if run and was_running:
        processes.end([run.supervisor.pid], [ASK_TO_END])
    with state.lock() as is_ours:
        if not is_ours:
            raise LocalError(f"Streife endet nicht. Siehe die Protokolle in {state.folder / 'logs'}.")
        return _end_all(state) or was_running


def reset(state: State) -> None:
    """The state folder is as if it had never been used: data, secrets and port are gone for good.

    Raises:
        LocalError: something still runs there; nothing was removed.
    """
    with state.lock() as is_ours:
        if not is_ours or Postgres(state).pid is not None:
            raise LocalError("Streife läuft noch. Beenden Sie es zuerst mit »streife down«.")
        end_left_behind(state)
        state.clear()


class _Supervisor:
    """One run, from the lock to the end."""

    def __init__(self, state: State, stop: "_Stop", say: Say) -> None:
        self._state = state
        self._stop = stop
        self._say = say
        self._postgres = Postgres(state)
        self._children: list[Child] = []
        end_left_behind(state)
        us = Process.of("streife", os.getpid())
        assert us  # noqa: S101 - we live
        self._run = Run(secrets.token_hex(16), processes.boot_id(), us).write(state)

    def run(self, prepare: Prepare, port: int | None, host: str) -> None:
        try:
            with self._stop.at_once():
                number = self._state.port(port, host=host)
                self._run = replace(self._run, address=_address(host, number)).write(self._state)
                self._postgres.start()
                specs = prepare(self._postgres, number)
            with Watch(self._postgres.superuser_url()) as watch:
                self._start(specs)
                self._keep_running(watch)
        except _Asked:
            pass
        finally:
            self._end()

    def _start(self, specs: Sequence[Spec]) -> None:
        logs = self._state.subfolder("logs")
        mark = {MARK: self._run.id, "STREIFE_STATE": str(self._state.folder)}
        for is_waiting in (False, True):
            due = [spec for spec in specs if spec.waits == is_waiting]
            new = [Child(spec, logs / f"{spec.name}.log", mark, self._say) for spec in due]
            for child in new:
                child.start()
            self._children += new
            self._record()
            self._await_ready()
        if not self._stop.asked.is_set():
            self._say(f"Streife läuft: {self._run.address}")

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while not self._stop.asked.is_set() and not all(child.is_ready for child in self._children):
            self._tend()
            for child in self._children:
                if child.failures >= HOPELESS_AFTER or (time.monotonic() > deadline and not child.is_ready):
                    raise LocalError(f"{child.spec.name} wird nicht bereit. Siehe {child.log}.")
            self._stop.asked.wait(TURN_S / 2)

    def _keep_running(self, watch: Watch) -> None:
        processes.wait_until(lambda: watch.connections > 0 or self._stop.asked.is_set(), 5.0)
        connections = max(1, watch.connections)
        while not self._stop.asked.wait(TURN_S):
            if self._postgres.pid is None:
                self._restart_postgres()
                watch.look_now()
            if watch.connections > connections:
                connections = watch.connections
                self._restart_after_loss()
            self._tend()

    def _restart_postgres(self) -> None:
        self._say("Die Datenbank endete unerwartet und wird neu gestartet.")
        try:
            self._postgres.start()
        except LocalError as error:
            self._say(str(error))
            self._stop.asked.wait(5.0)

    def _restart_after_loss(self) -> None:
        lost = [child for child in self._children if child.spec.needs_database]
        end_together(lost, LOST_DATABASE_STOP_S)
        for child in lost:
            child.failures = 0  # whatever it died of meanwhile was not its fault
            child.start()
        self._record()
        self._say(f"Die Datenbank ist wieder da; neu gestartet: {', '.join(child.spec.name for child in lost)}.")

    def _tend(self) -> None:
        before = self._processes()
        for child in self._children:
            child.tend()
        if before != self._processes():
            self._record()

    def _processes(self) -> tuple[Process, ...]:
        return tuple(child.record for child in self._children if child.record)

    def _record(self) -> None:
        self._run = replace(self._run, children=self._processes())
        try:
            self._run.write(self._state)
        except OSError as error:  # a full disk: only `status` is poorer for it
            self._say(f"{self._state.folder} lässt sich nicht beschreiben: {error.strerror}.")

    def _end(self) -> None:
        self._say("Streife wird beendet.")
        for child in reversed(self._children):
            end_together([child], child.spec.stop_s)
        self._postgres.stop()
        forget(self._state)


def _end_all(state: State) -> bool:
    """What a killed supervisor left is ended; whether there was anything."""
    left = end_left_behind(state)
    postgres = Postgres(state)
    found = postgres.pid is not None
    postgres.stop()
    return found or left > 0


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _already(run: Run | None) -> str:
    return f"Streife läuft bereits: {run.address}" if run and run.address else "Streife startet gerade."


def _to_terminal(say: Say) -> Say:
    """`say`, unless the terminal was closed: no reason to stop supervising."""

    def tell(text: str) -> None:
        with suppress(OSError, ValueError):
            say(text)

    return tell


class _Stop:
    """Ctrl-C, SIGTERM and SIGHUP set `asked`. A SIGHUP that is ignored (nohup) stays so."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._at_once = False
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        self._before = {number: signal.getsignal(number) for number in numbers}

    def __enter__(self) -> Self:
        for number, handler in self._before.items():
            if (number, handler) != (signal.SIGHUP, signal.SIG_IGN):
                signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside, being asked raises `_Asked`, once: making or recovering a database can take minutes."""
        self._at_once = True
        try:
            if self.asked.is_set():
                raise _Asked
            yield
        finally:
            self._at_once = False

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked.set()
        if self._at_once:
            self._at_once = False
            raise _Asked
