"""`streife doctor`: what is right on this machine, what is not, and what to do about it."""

import shutil
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from backend.local.postgres import Postgres
from backend.local.programs import find
from backend.local.run import Run
from backend.local.state import FILE, LocalError, State

# A shift's clips of one station take about this much; below it PostgreSQL itself is soon in danger.
ENOUGH_BYTES: Final = 5_000_000_000
# Sweeps run every minute: two may be missed in a restart.
SWEEP_IS_LATE: Final = timedelta(minutes=3)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `ok` is None where there is nothing to say yet; `hint` is the next step."""

    name: str
    ok: bool | None
    text: str
    hint: str = ""


Check = Callable[[], Finding]


def local_checks(
    state: State,
    *,
    web_missing: Callable[[], str | None],
    last_sweep: Callable[[], datetime | None],
    now: Callable[[], datetime],
) -> list[Check]:
    """The checks of the embedded default, in the order in which a person would look; add your own to the list.

    `web_missing` says in German why the pages are not there, None if they are. `last_sweep` is the instant at which
    the last sweep ended, None if there was none or the database cannot be asked.
    """
    return [
        partial(programs, state),
        partial(rights, state),
        partial(space, state),
        partial(running, state),
        partial(database, state),
        partial(web, web_missing),
        partial(sweeps, last_sweep, now),
    ]


def examine(checks: Iterable[Check]) -> list[Finding]:
    """What each check found, in their order."""
    return [check() for check in checks]


def programs(state: State) -> Finding:
    """Whether there is a PostgreSQL that fits the data."""
    try:
        found = find(state, major=Postgres(state).major)
    except LocalError as error:
        return Finding("PostgreSQL", False, str(error))
    return Finding("PostgreSQL", True, str(found))


def rights(state: State) -> Finding:
    """Whether the state folder and its secrets are closed to everybody else."""
    folder, secrets = (stat.S_IMODE(path.stat().st_mode) for path in (state.folder, state.folder / FILE))
    if folder & ~0o710 or secrets & ~0o600:
        hint = f"chmod 700 {state.folder} && chmod 600 {state.folder / FILE}"
        return Finding("Zustandsordner", False, f"{state.folder} ist für andere Konten lesbar.", hint)
    return Finding("Zustandsordner", True, f"{state.folder}, für andere Konten verschlossen")


def space(state: State) -> Finding:
    """Whether the disk has room for the next shifts."""
    free = shutil.disk_usage(state.folder).free
    text = f"{free / 1e9:.1f} GB frei".replace(".", ",")
    return Finding("Speicherplatz", free >= ENOUGH_BYTES, text, "" if free >= ENOUGH_BYTES else "Schaffen Sie Platz.")


def running(state: State) -> Finding:
    """Whether the supervisor and all its processes live."""
    run = Run.read(state)
    if run is None or not run.supervisor.alive:
        return Finding("Dienste", None, "Streife läuft nicht.", "streife up")
    dead = [child.name for child in run.children if not child.alive]
    if dead or not run.children:
        hint = f"Siehe die Protokolle in {state.folder / 'logs'}."
        return Finding("Dienste", False, f"Nicht bereit: {', '.join(dead) or 'alle'}", hint)
    return Finding("Dienste", True, f"{run.address}: {', '.join(child.name for child in run.children)}")


def database(state: State) -> Finding:
    """Whether the database answers a query."""
    import psycopg  # noqa: PLC0415 - a tenth of a second that only this check needs

    postgres = Postgres(state)
    if postgres.pid is None:
        return Finding("Datenbank", None, "Die Datenbank läuft nicht.", "streife up")
    try:
        with psycopg.connect(postgres.superuser_url(), connect_timeout=3) as session:
            session.execute("SELECT 1")
    except psycopg.Error as error:
        hint = f"Siehe {state.folder / 'logs/postgres.log'}."
        return Finding("Datenbank", False, f"Die Datenbank antwortet nicht: {error}", hint)
    return Finding("Datenbank", True, "antwortet")


def web(missing: Callable[[], str | None]) -> Finding:
    """Whether the pages for the browsers were built."""
    reason = missing()
    if reason is None:
        return Finding("Oberflächen", True, "vorhanden")
    return Finding("Oberflächen", False, reason, "Installieren Sie Node ab 20.19 und danach Streife noch einmal.")


def sweeps(last_sweep: Callable[[], datetime | None], now: Callable[[], datetime]) -> Finding:
    """Whether the periodic work, which finds everything that was forgotten, still runs."""
    last = last_sweep()
    if last is None:
        return Finding("Prüfläufe", None, "Es ist noch keiner bekannt.")
    age = now() - last
    text = f"Der letzte endete vor {round(age.total_seconds())} Sekunden."
    if age > SWEEP_IS_LATE:
        return Finding("Prüfläufe", False, text, "streife down && streife up")
    return Finding("Prüfläufe", True, text)
