"""`streife demo`: the sample town with everything that reports to it, one command, nothing to set up."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from backend.local import setup, supervisor
from backend.local.beside import PROGRAM
from backend.local.child import Spec
from backend.local.day import card_places
from backend.local.installation import Installation
from backend.local.state import State, default_folder, is_free
from backend.local.town import CAMERAS, DOCK, GATEWAY, NAME, PEOPLE, Found, found, password
from backend.server import Server
from backend.settings import from_environment

HOST: Final = "127.0.0.1"
#: The gateway's ports begin here; the first free one is remembered, as panels know it by number.
FIRST_PORT: Final = 9500


def default_state() -> Path:
    """Beside the real installation, never in it."""
    folder = default_folder()
    return folder.with_name(f"{folder.name}-demo")


def up(state: State, *, port: int | None, say: Callable[[str], None]) -> None:
    """The sample town lives until this process is asked to end.

    Raises:
        LocalError: something stands in the way; nothing runs then.
    """
    installation = Installation(state)

    def prepare(_: object, number: int) -> Sequence[Spec]:
        installation.prepare()
        devices = _devices(state, installation, f"http://{HOST}:{number}")
        say(accounts(state, root=devices.root))
        return [*installation.specs(HOST, number), *devices.specs]

    supervisor.up(state, prepare, port=port, host=HOST, say=say)


def accounts(state: State, *, root: str) -> str:
    """Who can sign in, for a person to read."""
    lines = [f"{NAME}: Anmeldungen, Passwort für alle: {password(state)}"]
    lines += [f"  {one.login:<12} {one.name:<16} {one.work}" for one in PEOPLE]
    lines += [f"Fingerabdruck des Hauptschlüssels (für »streife verify«): {root}"]
    return "\n".join(lines)


class _Devices:
    """What runs beside the server: gateway, dock, and the day."""

    def __init__(self, specs: list[Spec], root: str) -> None:
        self.specs = specs
        self.root = root


def _devices(state: State, installation: Installation, address: str) -> _Devices:
    gateway, dock = state.subfolder("gateway"), state.subfolder("dock")
    new = {GATEWAY: "gateway"} if not (gateway / "journal.sqlite").exists() else {}
    new |= {DOCK: "dock"} if not (dock / "journal.sqlite").exists() else {}
    server = Server.open(from_environment(installation.environment()))
    try:
        town = found(server, state, new)
        root = setup.fingerprint(server, town.town).replace(" ", "")
    finally:
        server.engine.dispose()
    streife = [sys.executable, "-c", PROGRAM]
    dc09, http = (f"{HOST}:{_port(state, name)}" for name in ("demo.dc09", "demo.http"))
    speak = [*streife, "gateway", "--state", str(gateway), "--server", address, "--dc09", dc09, "--http", http]
    take = [*streife, "dock", "--state", str(dock), "--server", address, "--allow-unencrypted", "--json"]
    for name, _ in CAMERAS:
        take += ["--camera", str(card_places(state, name)[0])]
    day = [sys.executable, "-m", "backend.local.day", "--state", str(state.folder)]
    specs = [
        Spec("gateway", [*speak, *_code(town, GATEWAY)], waits=True),
        Spec("dock", [*take, *_code(town, DOCK)], waits=True),
        Spec("day", day, waits=True),
    ]
    return _Devices(specs, root)


def _code(town: Found, label: str) -> list[str]:
    return ["--code", town.codes[label]] if label in town.codes else []


def _port(state: State, name: str) -> int:
    known = state.recall(name)
    if known is None:
        taken = {state.recall(other) for other in ("demo.dc09", "demo.http")}
        free = (p for p in range(FIRST_PORT, FIRST_PORT + 200) if str(p) not in taken and is_free(p))
        known = str(next(free, FIRST_PORT))
        state.remember(name, known)
    return int(known)
