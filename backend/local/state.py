"""The state folder: where one installation keeps its data, its secrets and what it once decided.

    streife.json   0600  random secrets, the HTTP port, the folder of PostgreSQL's socket
    lock           0600  held by the supervisor that runs here
    programs/            PostgreSQL's programs, copied from the wheel
    postgres/      0700  PostgreSQL's data, owned by the account that it runs as
    logs/          0700  one file a process

The folder is 0700. Run as root it is 0710 with the group of PostgreSQL's account, which has to pass through it.
"""

import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

FIRST_PORT: Final = 8080
# How many ports after the first one are tried before a person has to choose.
PORTS_TRIED: Final = 100
FILE: Final = "streife.json"
LOCK: Final = "lock"


class LocalError(Exception):
    """Something only a person can settle; the message says in German what it is and what to do next."""


class PortTaken(LocalError):
    """The port is held by a process that is not ours."""

    def __init__(self, port: int, *, remembered: bool) -> None:
        since = " Er ist die Adresse dieser Installation, an der die Browser hängen." if remembered else ""
        super().__init__(
            f"Port {port} ist von einem anderen Programm belegt.{since} "
            f"Beenden Sie das andere Programm, oder wählen Sie mit --port eine andere Nummer."
        )
        self.port = port


def default_folder(environ: Mapping[str, str] = os.environ, *, is_root: bool | None = None) -> Path:
    """`/var/lib/streife` for root, else `streife` in the user's data folder (XDG Base Directory, XDG_DATA_HOME)."""
    if os.geteuid() == 0 if is_root is None else is_root:
        return Path("/var/lib/streife")
    base = environ.get("XDG_DATA_HOME", "")
    # The specification demands that relative paths are ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".local/share") / "streife"


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """`path` holds `content` on disk, or, after a power cut, what it held before."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
    part.rename(path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """The names in `folder` are on disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@dataclass(frozen=True)
class State:
    """One state folder. Any number of processes may read it; changes are made under a lock of their own."""

    folder: Path

    @classmethod
    def open(cls, folder: Path | None = None) -> Self:
        """The folder exists, is ours, and no other user can read it.

        Raises:
            LocalError: the folder holds somebody else's files, belongs to another user or cannot be made.
        """
        folder = (folder or default_folder()).expanduser().absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = folder.resolve()
            found = folder.stat()
            if found.st_uid != os.geteuid():
                raise LocalError(
                    f"Der Ordner {folder} gehört einem anderen Konto (Nummer {found.st_uid}). Starten Sie Streife "
                    "unter diesem Konto, oder wählen Sie mit --state einen eigenen Ordner."
                )
            # Looked at in this order: whoever opens the folder at the same time makes the file before all others.
            if any(_is_foreign(path.name) for path in folder.iterdir()) and not (folder / FILE).exists():
                raise LocalError(
                    f"Der Ordner {folder} enthält bereits andere Dateien. "
                    "Wählen Sie mit --state einen leeren oder neuen Ordner."
                )
            # The account that root lends PostgreSQL passes through; a user's PostgreSQL is the user.
            allowed = 0o710 if os.geteuid() == 0 else 0o700
            if stat.S_IMODE(found.st_mode) & ~allowed:
                folder.chmod(found.st_mode & allowed)
            state = cls(folder)
            with state._changing():
                state._update({})
        except OSError as error:
            raise LocalError(
                f"Der Ordner {folder} kann nicht benutzt werden ({error.strerror}). "
                "Wählen Sie mit --state einen Ordner, der Ihnen gehört."
            ) from error
        return state

    def subfolder(self, name: str, *, mode: int = 0o700) -> Path:
        """The folder of this name inside the state folder; it exists afterwards."""
        path = self.folder / name
        path.mkdir(mode=mode, exist_ok=True)
        return path

    def secret(self, name: str) -> str:
        """A random text of 256 bits, the same at every call for this name and state folder."""
        return self._random(f"secret.{name}", lambda: secrets.token_urlsafe(32))

    def mark(self, name: str) -> str:
        """A random text of 12 letters and digits, no secret, by which this state folder is told from others."""
        return self._random(f"mark.{name}", lambda: secrets.token_hex(6))

    def recall(self, name: str) -> str | None:
        """What `remember` stored under this name, if anything."""
        value = self._read().get(name)
        return value if isinstance(value, str) else None

    def remember(self, name: str, value: str) -> None:
        """`recall` returns `value` from now on, also after a power cut."""
        with self._changing():
            self._set(name, value)

    def port(self, wanted: int | None = None, *, host: str = "127.0.0.1") -> int:
        """The HTTP port of this installation, free at this moment and remembered.

        A browser files what it stored under the origin, so a port once chosen is kept: another one only if
        `wanted` says so. The first choice is 8080 or the next free one.

        Raises:
            PortTaken: the wanted or remembered port is held by a process that is not ours.
        """
        remembered = self.recall("port")
        if wanted is None and remembered is None:
            wanted = next((p for p in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if is_free(p, host)), FIRST_PORT)
        port = int(remembered or 0) if wanted is None else wanted
        if not is_free(port, host):
            raise PortTaken(port, remembered=remembered == str(port))
        if remembered != str(port):
            self.remember("port", str(port))
        return port

    def clear(self) -> None:
        """The folder is as if it had never been used. Only called by whoever holds the lock."""
        if socket_folder := self.recall("socket_folder"):
            with suppress(OSError):
                Path(socket_folder).rmdir()
        # The file that says that the folder is ours goes last: cut off in between, this can be repeated.
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name == FILE):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    @contextmanager
    def lock(self, name: str = LOCK, *, wait: bool = False) -> Iterator[bool]:
        """True while this process alone holds the lock `name`; False if another one does and `wait` is not set.

        The kernel lets go of it when the process ends, however it ends; children do not inherit it.
        """
        fd = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(fd)

    def _random(self, name: str, make: Callable[[], str]) -> str:
        if known := self.recall(name):
            return known
        with self._changing():
            return self.recall(name) or self._set(name, make())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self.lock(f".{FILE}.lock", wait=True):
            yield

    def _read(self) -> dict[str, object]:
        with suppress(FileNotFoundError):
            content = json.loads((self.folder / FILE).read_bytes())
            if isinstance(content, dict):
                return content
            raise LocalError(f"Die Datei {self.folder / FILE} ist beschädigt. Holen Sie sie aus der Sicherung zurück.")
        return {}

    def _set(self, name: str, value: str) -> str:
        self._update({name: value})
        return value

    def _update(self, values: Mapping[str, object]) -> None:
        before = self._read()
        if values or not before:
            content = json.dumps({"format": 1, **before, **values}, indent=2, sort_keys=True)
            write_atomically(self.folder / FILE, content.encode())


def _is_foreign(name: str) -> bool:
    """Whether a file of this name in a folder without `streife.json` speaks against using the folder."""
    return name not in ("lost+found", LOCK) and not name.startswith(f".{FILE}")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether this process could listen on the port now.

    Raises:
        LocalError: the port may not be used at all (below 1024 without the right), or the host is not ours.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # Connections of our last run in TIME_WAIT do not count as taken; a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise LocalError(f"An {host}:{port} kann nicht gelauscht werden ({error.strerror}).") from error
    return True
