"""What gets installed: pages in the wheel, also from an sdist without Node, and an honest word where there are none."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("backend", "sync", "bodycam_dock", "migrations")
FILES = ("pyproject.toml", ".gitignore", "LICENSE", "README.md")
NOT_SOURCES = shutil.ignore_patterns("node_modules", "built", "__pycache__", ".*_cache")

pytestmark = pytest.mark.slow
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="Node.js is missing: no pages can be built"
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a fresh checkout has it: nothing built, no packages of npm."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=NOT_SOURCES)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def sdist(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with Node: it carries the pages beside their sources."""
    out = tmp_path_factory.mktemp("sdist")
    # `python -m build` would be one more dependency; hatchling itself builds an sdist where pip put it.
    hatchling = tmp_path_factory.mktemp("hatchling")
    run([sys.executable, "-m", "pip", "install", "-q", "--target", str(hatchling), "hatchling"], sources)
    run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(out)], sources, PYTHONPATH=str(hatchling))
    (made,) = out.glob("*.tar.gz")
    return made


def run(command: list[str], folder: Path, **environment: str) -> None:
    whole = {**os.environ, **environment}
    done = subprocess.run(command, cwd=folder, env=whole, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if "NewConnectionError" in said or "Temporary failure in name resolution" in said:
        pytest.skip("no package registry can be reached, and a wheel needs hatchling")
    assert done.returncode == 0, said


def wheel(folder: Path, out: Path, **environment: str) -> Path:
    run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-cache-dir", "-w", str(out), str(folder)],
        out,
        **environment,
    )
    (made,) = out.glob("*.whl")
    return made


def without_node(folder: Path, version: str | None = None) -> str:
    """A PATH on which nothing is but what pip needs, and a Node.js that names this version."""
    folder.mkdir()
    for name in ("env", "sh", "uname"):
        if (found := shutil.which(name)) is not None:
            (folder / name).symlink_to(found)
    for name in ("node", "npm") if version is not None else ():
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def answer_of(installed: Path, address: str) -> tuple[int, str]:
    """What the pages of the package in this folder answer, asked in a process of its own."""
    script = """
import pathlib, secrets, sys, tempfile
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient
from backend import pages
from backend.server import Server
from backend.settings import Settings
settings = Settings(app_database_url="postgresql://nobody@/nowhere", broker_url="memory://",
                    keys_dir=pathlib.Path(tempfile.mkdtemp()), media_dir=pathlib.Path(tempfile.mkdtemp()),
                    secret=secrets.token_urlsafe(32), secure_cookies=False)
server = Server.open(settings)
app = Litestar(pages.static(settings), dependencies={"server": Provide(lambda: server, sync_to_thread=False)})
with TestClient(app) as http:
    answer = http.get(sys.argv[1])
    print(answer.status_code)
    print(answer.text)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, address],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, _, text = done.stdout.partition("\n")
    return int(status), text


def installed(wheel: Path, folder: Path) -> Path:
    run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), str(wheel)], folder.parent)
    return folder


@needs_node
def test_a_wheel_from_an_sdist_needs_no_node_and_serves_each_page(sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "sdist")  # our own; `filter` came with 3.11.4
    (unpacked,) = (tmp_path / "sdist").iterdir()
    out = tmp_path / "wheel"
    out.mkdir()
    made = wheel(unpacked, out, PATH=without_node(tmp_path / "bin"))
    names = zipfile.ZipFile(made).namelist()
    assert [] == [name for name in names if name.startswith("backend/web/") and "/built/" not in name]

    place = installed(made, tmp_path / "installed")
    for address, title in (("/", "<title>Streife</title>"), ("/reference/", "<title>API-Referenz · Streife</title>")):
        status, text = answer_of(place, address)
        assert 200 == status
        assert title in text


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (None, "Node.js (ab 20.19) fehlte beim Installieren."),
        ("v18.19.0", "Node.js v18.19.0 ist zu alt; nötig ist 20.19 oder neuer."),
    ],
)
def test_without_a_fitting_node_the_installation_succeeds_and_says_why_there_is_no_page(
    sources: Path, tmp_path: Path, version: str | None, reason: str
) -> None:
    fresh = tmp_path / "fresh"
    shutil.copytree(sources, fresh, ignore=NOT_SOURCES)
    out = tmp_path / "wheel"
    out.mkdir()
    made = wheel(fresh, out, PATH=without_node(tmp_path / "bin", version))
    status, text = answer_of(installed(made, tmp_path / "installed"), "/")
    assert 503 == status
    assert reason in text
