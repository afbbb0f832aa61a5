"""PostgreSQL, started, adopted and stopped by us, as an account without rights, on a socket only.

    with Postgres(State.open(folder)) as postgres:      # started, or adopted if it already runs
        psycopg.connect(postgres.superuser_url())

A start may find the remains of any accident: a power cut, a kill -9 of the server, or one of whoever started it.
What works in our data folder is ours; nothing else is ever sent a signal.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

from backend.local import processes
from backend.local.account import Account
from backend.local.logs import rotate, tail
from backend.local.programs import Programs, find, ready_to_run
from backend.local.state import LocalError, State, fsync_folder, write_atomically

SUPERUSER: Final = "postgres"
# The socket is ours alone, so its number need not differ from anybody's.
PORT: Final = 5432
# sun_path holds 108 bytes with the closing NUL (unix(7)).
LONGEST_SOCKET_PATH: Final = 107
# Recovery after a power cut replays at most `max_wal_size`; slow disks need minutes for it.
START_S: Final = 300.0
# Fast shutdown writes a checkpoint; after this it is cut off, and the next start recovers from the WAL.
FAST_STOP_S: Final = 20.0

SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "max_prepared_transactions": "0",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failed statement's text and values can be personal data: the application reports its own errors.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# For tests, which cut no power: what is committed still survives a kill -9, as `synchronous_commit` stays on.
NOT_DURABLE: Final = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """The PostgreSQL of one state folder."""

    def __init__(
        self,
        state: State,
        *,
        durable: bool = True,
        dies_with_us: bool = False,
        programs: Programs | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            state: where data, secrets and programs are.
            durable: what is committed survives a power cut and not only a kill -9; only tests may say no.
            dies_with_us: the server is shut down when the thread that starts it ends, however it ends. Otherwise
                it outlives a kill -9 of this process, and the next start adopts it.
            programs: the installation to use instead of the one that is found.
        """
        self.state = state
        self.data = state.folder / "postgres"
        self._settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
        self._durable = durable
        self._dies_with_us = dies_with_us
        self._programs = programs
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """The server of this data folder runs and accepts connections; it is made if there is none.

        A server that already runs there is adopted, whoever started it; what a killed one left is ended.

        Raises:
            LocalError: there is no PostgreSQL, its account cannot reach the folder, or it does not come up.
        """
        with self.state.lock("postgres.lock", wait=True):
            if self._adopt():
                return
            account = Account.for_data(self.data)
            account.let_through(self.state.folder)
            programs = ready_to_run(
                self.state, self._programs or find(self.state, major=self.major), durable=self._durable
            )
            if not self.data.exists():
                self._initialise(programs, account)
            self._clear_remains()
            self._launch(programs, account)

    def stop(self) -> None:
        """No process works in the data folder any more; what was committed is on disk.

        A fast shutdown (open transactions are rolled back), then an immediate one, then SIGKILL.
        """
        with self.state.lock("postgres.lock", wait=True):
            if pid := self._postmaster():
                processes.end([pid], ((signal.SIGINT, FAST_STOP_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)))
            self._clear_remains()
        if self._child:
            self._child.wait()
            self._child = None

    def is_running(self) -> bool:
        """Whether the server of this data folder accepts connections now."""
        return self._postmaster() is not None and self._is_ready()

    @property
    def pid(self) -> int | None:
        """The postmaster of this data folder, whoever started it; None if there is none."""
        return self._postmaster()

    @property
    def port(self) -> int:
        """The number in the socket's name; nothing listens on a network."""
        return PORT

    @property
    def socket_folder(self) -> Path:
        """The private folder of the socket, the same at every start unless somebody else took its name.

        Raises:
            LocalError: there was no start yet.
        """
        if remembered := self.state.recall("socket_folder"):
            return Path(remembered)
        raise LocalError(f"Die Datenbank in {self.state.folder} wurde noch nie gestartet.")

    def url(self, user: str, password: str, database: str) -> str:
        """The address for psycopg, libpq and SQLAlchemy 2.1."""
        who = f"{quote(user, safe='')}:{quote(password, safe='')}"
        where = f"host={quote(str(self.socket_folder), safe='')}&port={self.port}"
        return f"postgresql://{who}@/{quote(database, safe='')}?{where}"

    def superuser_url(self, database: str = "postgres") -> str:
        """The address of the superuser, for migrations and for making databases and roles."""
        return self.url(SUPERUSER, self.state.secret("postgres"), database)

    @property
    def _log(self) -> Path:
        return self.state.subfolder("logs") / "postgres.log"

    @property
    def _socket(self) -> Path:
        return self.socket_folder / f".s.PGSQL.{PORT}"

    @property
    def major(self) -> int | None:
        """The version that the data are bound to; None if there are none yet."""
        with suppress(FileNotFoundError):
            return int((self.data / "PG_VERSION").read_text())
        return None

    def _postmaster(self) -> int | None:
        """The postmaster named by the data folder, if it lives and works there."""
        if self._child:
            self._child.poll()  # collects it if it has ended: a zombie still has a pid
        with suppress(FileNotFoundError, ValueError):
            pid = int(self._pid_file()[0])
            if pid > 0 and processes.started(pid) is not None and self._is_our_postmaster(pid):
                return pid
        return None

    def _pid_file(self) -> list[str]:
        return (self.data / "postmaster.pid").read_text(errors="replace").splitlines() or [""]

    def _is_our_postmaster(self, pid: int) -> bool:
        # After a power cut the pid in the file may be anybody's. The command line is all that root in a container
        # (without CAP_SYS_PTRACE) is told about another account's process.
        program, *arguments = processes.arguments(pid) or [""]
        return Path(program).name == "postgres" and arguments[:2] == ["-D", str(self.data)]

    def processes(self) -> list[int]:
        """The pids of this server: its postmaster and, found by the name they carry, all that it started."""
        title = f"postgres: {self._name}: "
        return [
            pid
            for pid in processes.every()
            if self._is_our_postmaster(pid) or next(iter(processes.arguments(pid)), "").startswith(title)
        ]

    @property
    def _name(self) -> str:
        return f"streife-{self.state.mark('cluster')}"

    def _is_ready(self) -> bool:
        """Whether the postmaster says so itself (line 8 of postmaster.pid) and its socket takes a connection."""
        with suppress(OSError, IndexError), socket.socket(socket.AF_UNIX) as probe:
            if self._pid_file()[7].strip() == "ready":
                probe.settimeout(1.0)
                probe.connect(str(self._socket))
                return True
        return False

    def _adopt(self) -> bool:
        """Whether a running server could be taken over; one that is just starting or stopping is waited for."""
        while pid := self._postmaster():
            done = processes.wait_until(lambda: self._postmaster() != pid or self._is_ready(), START_S)
            if not done:
                raise LocalError(f"Die Datenbank (Prozess {pid}) antwortet nicht. Siehe {self._log}.")
            if self._postmaster() == pid:
                return True
        return False

    def _initialise(self, programs: Programs, account: Account) -> None:
        """The data folder exists, complete: it is made under another name first."""
        part = self.state.folder / "postgres.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(mode=0o700)
        password = part / "password"
        write_atomically(password, f"{self.state.secret('postgres')}\n".encode())
        for path in (password, part):
            account.give(path)
        command = [programs.bin / "initdb", "-D", part / "data", "-U", SUPERUSER, "--locale=C", "--encoding=UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", *([] if self._durable else ["--no-sync"])]
        made = subprocess.run(  # noqa: S603
            list(map(str, command)),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=part,
            env=_environment(),
            **account.drop(),
        )
        if made.returncode == 0:
            (part / "data").rename(self.data)
        shutil.rmtree(part, ignore_errors=True)
        if made.returncode != 0:
            raise LocalError(f"Die Datenbank ließ sich nicht anlegen:\n{made.stdout.decode(errors='replace').strip()}")
        fsync_folder(self.state.folder)

    def _launch(self, programs: Programs, account: Account) -> None:
        account.give(self._private_socket_folder(account))
        settings = self._settings | {"unix_socket_directories": str(self.socket_folder), "cluster_name": self._name}
        command = [str(programs.bin / "postgres"), "-D", str(self.data), "-p", str(PORT)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        rotate(self._log)
        with self._log.open("ab") as log:
            self._child = child = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us to handle
                umask=0o077,
                preexec_fn=processes.signalled_with_parent(signal.SIGINT) if self._dies_with_us else None,  # noqa: PLW1509 - one system call
                **account.drop(),
            )
        processes.wait_until(lambda: child.poll() is not None or self._is_ready(), START_S, every_s=0.01)
        if child.poll() is not None or not self._is_ready():
            raise LocalError(f"Die Datenbank startet nicht. Ihr Protokoll {self._log} endet so:\n{tail(self._log)}")

    def _clear_remains(self) -> None:
        """What a dead postmaster left is gone: its processes, its pid file and its socket.

        A backend in the middle of a long query may outlive its postmaster, and a new one refuses to start
        beside it. Only called while no postmaster lives.
        """
        processes.end(self.processes(), ((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)))
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        if self.state.recall("socket_folder"):
            for left in (self._socket, self._socket.with_name(f"{self._socket.name}.lock")):
                left.unlink(missing_ok=True)

    def _private_socket_folder(self, account: Account) -> Path:
        """A folder that only we and the account can enter; a new one if the remembered name is somebody else's."""
        remembered = self.state.recall("socket_folder")
        if remembered is None:
            return self._new_socket_folder()
        folder = Path(remembered)
        try:
            folder.mkdir(mode=0o700)  # /run and /tmp are emptied by a boot
        except FileExistsError:
            found = folder.lstat()
            if folder.is_symlink() or not folder.is_dir() or found.st_uid not in (os.geteuid(), account.uid):
                return self._new_socket_folder()
            folder.chmod(0o700)
        except OSError:
            return self._new_socket_folder()
        return folder

    def _new_socket_folder(self) -> Path:
        places = ("/run", "/tmp") if os.geteuid() == 0 else (tempfile.gettempdir(), "/tmp")  # noqa: S108
        for place in places:
            if len(os.fsencode(place)) + len("/streife-12345678/.s.PGSQL.12345.lock") > LONGEST_SOCKET_PATH:
                continue
            with suppress(OSError):
                folder = tempfile.mkdtemp(prefix="streife-", dir=place)
                self.state.remember("socket_folder", folder)
                return Path(folder)
        raise LocalError("Weder in /run noch in /tmp lässt sich ein Ordner für die Datenbank anlegen.")


def _environment() -> dict[str, str]:
    # Nothing of the caller's: neither its locale nor its PG… variables may change the server.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
