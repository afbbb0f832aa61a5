"""What `streife doctor` looks at beyond the state folder: sweeps, pages, administrators."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg

from backend.local.doctor import Check, Finding, local_checks
from backend.local.installation import Installation, web_missing
from backend.local.state import State


def checks(state: State) -> list[Check]:
    """Every check of an installation, in the order in which a person would look."""
    installation = Installation(state)
    local = local_checks(
        state,
        web_missing=lambda: web_missing(Path(__file__).parent.parent / "web" / "built"),
        last_sweep=lambda: last_sweep(installation),
        now=lambda: datetime.now(UTC),
    )
    return [*local, lambda: administrators(installation)]


def administrators(installation: Installation) -> Finding:
    """Whether each town has the two administrators that production demands (DESIGN.md section 9)."""
    alone = _ask(
        installation,
        "SELECT count(*) FROM town t WHERE (SELECT count(DISTINCT g.person) FROM role_grant g WHERE g.town = t.town"
        " AND g.role = 'admin' AND g.approved_at IS NOT NULL AND g.withdrawn_at IS NULL) < 2",
    )
    if alone is None:
        return Finding("Administration", None, "Die Datenbank läuft nicht.", "streife up")
    if alone:
        return Finding(
            "Administration",
            None,
            f"{alone} Stadt/Städte mit weniger als zwei Personen; für den Betrieb sind zwei nötig.",
            "streife person add --role admin …",
        )
    return Finding("Administration", True, "Jede Stadt hat zwei.")


def last_sweep(installation: Installation) -> datetime | None:
    """When the last sweep ended; None if there was none or the database cannot be asked."""
    last = _ask(installation, "SELECT max(finished_at) FROM sweep")
    return last if isinstance(last, datetime) else None


def _ask(installation: Installation, question: str) -> datetime | int | None:
    if not installation.database.is_running():
        return None
    try:
        with psycopg.connect(installation.owner_url(), connect_timeout=3) as connection:
            row = connection.execute(question.encode()).fetchone()
    except psycopg.Error:
        return None
    return row[0] if row else None
