"""Importing and publishing catalogues on a real database."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from threading import Barrier, Thread
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError

from backend.db import Sessions
from backend.errors import AlreadyDone, NotFound, OwnApproval
from backend.fields import Actor, PersonId, TownId, uuid7
from backend.offences import catalogue, queries
from backend.offences.catalogue import approve, import_catalogue, in_force
from backend.offences.parsed import ParsedCatalogue
from backend.offences.reading import read, sample
from backend.offences.tables import CatalogueEntryRow, CatalogueImportRow
from tests.backend.offences.conftest import NOW
from tests.backend.offences.test_rules import entry

DAY = date(2022, 1, 1)


def parsed(cents: int = 20_00, name: str = "k.csv") -> ParsedCatalogue:
    return ParsedCatalogue(
        source=name, format="csv", sha256=f"{name} {cents}".encode().ljust(32), entries=[entry(cents=cents)]
    )


@pytest.fixture
def somebody(town_id: UUID) -> Callable[[], Actor]:
    return lambda: Actor(town=TownId(town_id), person=PersonId(uuid7()))


def amount(sessions: Sessions) -> int | None:
    with sessions.begin() as session:
        found = in_force(session).catalogue.in_force("113140", DAY)
        return found.amount_cents if found else None


def test_what_the_operator_imports_is_in_force_at_once(sessions: Sessions) -> None:
    with sessions.begin() as session:
        imported, is_new = import_catalogue(session, None, sample(), now=NOW)
    assert ("published", True, None, len(sample().entries)) == (
        imported.status,
        is_new,
        imported.imported_by,
        imported.entries,
    )
    with sessions.begin() as session:
        shown = queries.catalogue_on(session, DAY, "", now=NOW)
    assert (imported.id, list(sample().entries)) == (shown.newest_import, shown.entries)


def test_what_an_administrator_imports_waits_for_a_clerk(sessions: Sessions, somebody: Callable[[], Actor]) -> None:
    admin, clerk = somebody(), somebody()
    with sessions.begin() as session:
        imported, _ = import_catalogue(session, admin, parsed(), now=NOW)
    assert ("proposed", admin.person) == (imported.status, imported.imported_by)
    assert amount(sessions) is None
    with sessions.begin() as session:
        approved = approve(session, clerk, imported.id, now=NOW)
    assert ("published", clerk.person, NOW) == (approved.status, approved.approved_by, approved.approved_at)
    assert 20_00 == amount(sessions)


def test_nobody_approves_an_import_of_his_own(sessions: Sessions, somebody: Callable[[], Actor]) -> None:
    admin = somebody()
    with sessions.begin() as session:
        imported, _ = import_catalogue(session, admin, parsed(), now=NOW)
    with pytest.raises(OwnApproval), sessions.begin() as session:
        approve(session, admin, imported.id, now=NOW)
    assert amount(sessions) is None


def test_approving_again_changes_nothing_and_another_person_learns_of_it(
    sessions: Sessions, somebody: Callable[[], Actor]
) -> None:
    clerk = somebody()
    with sessions.begin() as session:
        imported, _ = import_catalogue(session, somebody(), parsed(), now=NOW)
        first = approve(session, clerk, imported.id, now=NOW)
    with sessions.begin() as session:
        assert first == approve(session, clerk, imported.id, now=NOW + timedelta(days=1))
        with pytest.raises(AlreadyDone):
            approve(session, somebody(), imported.id, now=NOW)
        with pytest.raises(NotFound):
            approve(session, clerk, uuid7(), now=NOW)


def test_the_same_files_again_change_nothing_and_say_so(sessions: Sessions, somebody: Callable[[], Actor]) -> None:
    with sessions.begin() as session:
        first = import_catalogue(session, somebody(), parsed(), now=NOW)
    with sessions.begin() as session:
        again = import_catalogue(session, None, parsed(), now=NOW + timedelta(days=1))
        assert 1 == session.scalar(select(func.count()).select_from(CatalogueEntryRow))
    assert (True, False) == (first.is_new, again.is_new)
    assert first.imported == again.imported


def test_what_is_published_later_overrides(sessions: Sessions, somebody: Callable[[], Actor]) -> None:
    with sessions.begin() as session:
        older, _ = import_catalogue(session, somebody(), parsed(20_00), now=NOW)
    with sessions.begin() as session:
        import_catalogue(session, None, parsed(25_00), now=NOW)
    assert 25_00 == amount(sessions)
    with sessions.begin() as session:
        approve(session, somebody(), older.id, now=NOW)  # imported first, published last
    assert 20_00 == amount(sessions)


def test_a_catalogue_counts_from_its_publishing_on_within_the_same_transaction(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert in_force(session).newest is None
        imported, _ = import_catalogue(session, None, parsed(), now=NOW)
        assert imported.id == in_force(session).newest
    with sessions() as session:
        with session.begin():
            assert imported.id == in_force(session).newest
        with sessions.begin() as other:
            newer, _ = import_catalogue(other, None, parsed(25_00), now=NOW)
        with session.begin():
            assert newer.id == in_force(session).newest


def test_an_import_that_is_taken_back_leaves_nothing_in_memory(sessions: Sessions) -> None:
    with sessions() as session:
        session.begin()
        import_catalogue(session, None, parsed(99_00), now=NOW)
        assert 99_00 == in_force(session).catalogue.in_force("113140", DAY).amount_cents
        session.rollback()
    assert amount(sessions) is None
    with sessions.begin() as session:
        import_catalogue(session, None, parsed(20_00), now=NOW)
    assert 20_00 == amount(sessions)


def test_imports_at_the_same_time_take_turns(sessions: Sessions) -> None:
    start, done = Barrier(4), []

    def run(number: int) -> None:
        start.wait()
        with sessions.begin() as session:
            done.append(import_catalogue(session, None, parsed(500 * (1 + number % 2)), now=NOW).is_new)

    threads = [Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [False, False, True, True] == sorted(done)
    with sessions.begin() as session:
        assert [1, 2] == sorted(session.scalars(select(CatalogueImportRow.published_no)))


def test_a_town_has_its_own_catalogue(database, sessions: Sessions) -> None:
    with sessions.begin() as session:
        import_catalogue(session, None, parsed(), now=NOW)
    other = database.sessions(uuid7())
    assert amount(other) is None
    with other.begin() as session:
        assert [] == queries.imports(session).imports


def test_a_process_keeps_only_so_many_catalogues(database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_kept", {})
    for cents in range(500, 500 * 20, 500):
        made = database.sessions(uuid7())
        with made.begin() as session:
            import_catalogue(session, None, parsed(cents), now=NOW)
        assert cents == amount(made)
    assert 16 == len(catalogue._kept)


def test_entries_of_the_catalogue_cannot_be_changed(sessions: Sessions) -> None:
    with sessions.begin() as session:
        import_catalogue(session, None, parsed(), now=NOW)
    for statement in ("UPDATE catalogue_entry SET amount_cents = 1", "DELETE FROM catalogue_entry"):
        with pytest.raises(ProgrammingError, match="permission denied"), sessions.begin() as session:
            session.execute(text(statement))


@pytest.mark.slow
def test_amounts_of_the_json_and_slots_of_the_tables_stand_together(shared_data: Path, sessions: Sessions) -> None:
    for path in (shared_data / "bkat" / "charges-2021-11.json", shared_data / "bkat"):
        with sessions.begin() as session:
            import_catalogue(session, None, read(path), now=NOW)
    with sessions.begin() as session:
        found = {e.tbnr: e for e in queries.catalogue_on(session, DAY, "113140", now=NOW).entries}["113140"]
    assert (20_00, "713002", 0.5) == (found.amount_cents, found.slots[0].table, found.slots[0].upper)
    assert found.text is not None
