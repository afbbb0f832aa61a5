"""Builds the browser's pages while hatchling builds a wheel or an sdist.

Built pages carry a stamp, the hash of their sources; where it fits they are taken as they lie, so a wheel from an sdist
needs no Node. Where they cannot be built the wheel has none, and the server says why in their place.
"""

import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: The oldest Node.js that Vite runs on (its package.json, `engines`).
NODE: Final = (20, 19)
#: `npm ci` and the build take about 15 s; a registry that does not answer must not hold an installation for ever.
PATIENCE_S: Final = 600

_NOT_SOURCES: Final = frozenset({"node_modules", "built", "__pycache__"})


class CannotBuild(Exception):
    """The pages cannot be built here; the message says why, in German, for the page that stands in their place."""


class Pages(BuildHookInterface):
    """Called by hatchling before it collects files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's interface
        """`backend/web/built` holds the pages of these sources, or the reason why there are none."""
        web = Path(self.root) / "backend" / "web"
        built = web / "built"
        stamp = stamp_of(web)
        if (built / "stamp.txt").is_file() and (built / "stamp.txt").read_text() == stamp:
            return
        shutil.rmtree(built, ignore_errors=True)
        try:
            build(web)
        except CannotBuild as reason:
            self.app.display_warning(f"Streife wird ohne Oberfläche gebaut. {reason}")
            shutil.rmtree(built, ignore_errors=True)
            built.mkdir()
            (built / "why_not.txt").write_text(str(reason), encoding="utf-8")
        else:
            (built / "stamp.txt").write_text(stamp)


def stamp_of(web: Path) -> str:
    """SHA-256, hex, over the names and bytes of everything that the pages are made of."""
    digest = sha256()
    for path in sorted(_sources(web)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(web).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_SOURCES:
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path


def build(web: Path) -> None:
    """The pages are in `built`, made of exactly the packages that the lock file names.

    Raises:
        CannotBuild: Node.js is missing or too old, or one of the two steps failed.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotBuild(f"Node.js (ab {NODE[0]}.{NODE[1]}) fehlte beim Installieren.")
    version = _run([node, "--version"], web).strip()
    if tuple(int(part) for part in version.removeprefix("v").split(".")[:2]) < NODE:
        raise CannotBuild(f"Node.js {version} ist zu alt; nötig ist {NODE[0]}.{NODE[1]} oder neuer.")
    _run([npm, "ci", "--ignore-scripts", "--include=dev"], web)
    _run([npm, "run", "build"], web)


def _run(command: list[str], folder: Path) -> str:
    """What a command wrote."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=True)  # noqa: S603 - our own commands
    except subprocess.TimeoutExpired as error:
        raise CannotBuild(f"„{_said(command)}“ wurde in {PATIENCE_S} Sekunden nicht fertig.") from error
    except subprocess.CalledProcessError as error:
        raise CannotBuild(f"„{_said(command)}“ schlug fehl: {_cause(error)}") from error
    return done.stdout


def _cause(error: subprocess.CalledProcessError) -> str:
    """The line that tells most: npm's first one of an error; its last ones name log files."""
    lines = [line for line in f"{error.stderr}\n{error.stdout}".splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("npm error")), lines[0] if lines else str(error.returncode))


def _said(command: list[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:]])
