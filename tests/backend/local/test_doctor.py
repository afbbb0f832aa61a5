from datetime import UTC, datetime, timedelta

import pytest

from backend.local import doctor
from backend.local.doctor import Finding, examine, local_checks
from backend.local.postgres import Postgres
from backend.local.state import State

NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def look(state: State, last_sweep: datetime | None = None, web: str | None = None) -> dict[str, Finding]:
    checks = local_checks(state, web_missing=lambda: web, last_sweep=lambda: last_sweep, now=lambda: NOW)
    return {finding.name: finding for finding in examine(checks)}


def test_a_machine_before_its_first_start(state: State) -> None:
    found = look(state)

    assert [found[name].ok for name in ("PostgreSQL", "Zustandsordner", "Oberflächen")] == [True] * 3
    assert [found[name].ok for name in ("Dienste", "Datenbank", "Prüfläufe")] == [None] * 3
    assert found["Dienste"].hint == "streife up"


def test_looking_changes_nothing(state: State) -> None:
    before = sorted(state.folder.rglob("*"))
    look(state)
    assert sorted(state.folder.rglob("*")) == before


def test_open_rights_are_found(state: State) -> None:
    (state.folder / "streife.json").chmod(0o644)

    found = look(state)["Zustandsordner"]

    assert not found.ok
    assert "chmod 600" in found.hint


def test_missing_pages_and_their_reason_are_told(state: State) -> None:
    found = look(state, web="Ohne Node wurden die Seiten nicht gebaut.")["Oberflächen"]

    assert (found.ok, found.text) == (False, "Ohne Node wurden die Seiten nicht gebaut.")


@pytest.mark.parametrize(("age_s", "ok"), [(0, True), (180, True), (181, False)])
def test_a_late_sweep_is_found(state: State, age_s: int, ok: bool) -> None:
    found = look(state, NOW - timedelta(seconds=age_s))["Prüfläufe"]

    assert found == Finding(
        "Prüfläufe",
        ok,
        f"Der letzte endete vor {age_s} Sekunden.",
        "" if ok else "streife down && streife up",
    )


def test_further_checks_follow_in_their_order(state: State) -> None:
    own = Finding("Zweites Konto", False, "Es gibt nur einen Administrator.")

    checks = local_checks(state, web_missing=lambda: None, last_sweep=lambda: None, now=lambda: NOW)

    assert examine([*checks, lambda: own])[-1] == own


@pytest.mark.slow
def test_a_running_database_answers_and_data_without_programs_are_told(state: State) -> None:
    with Postgres(state, durable=False) as postgres:
        assert doctor.database(state).ok
        assert "PostgreSQL 18" in doctor.programs(state).text
        postgres.stop()
        (postgres.data / "PG_VERSION").write_text("97")

        assert not doctor.programs(state).ok
        assert "PostgreSQL 97" in doctor.programs(state).text
