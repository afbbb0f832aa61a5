from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw, structs

from sync import pulled, store
from sync.exchange import Change, Join, Reset
from sync.journal import Journal
from sync.pulled import Row, SnapshotPage, SnapshotRow, Wanted
from tests.sync.samples import answer


def change(op: str, scope: str, id_: str, rev: int, body: bytes = b"{}") -> Change:
    return Change(scope=scope, op=op, type="job", id=id_, rev=rev, body=Raw(body) if op == "put" else UNSET)  # type: ignore[arg-type]


def take(journal: Journal, *changes: Change, resets: tuple[Reset, ...] = (), joined: tuple[Join, ...] = ()) -> None:
    journal.settle(structs.replace(answer(0), changes=changes, resets=resets), joined=joined)


def revs(journal: Journal) -> dict[str, int]:
    return {row.id: row.rev for row in journal.rows("job")}


def page(*ids: str, rev: int = 1, after: str | None = None, join: str | None = None) -> SnapshotPage:
    rows = tuple(SnapshotRow(type="job", id=id_, rev=rev, body=Raw(b'{"s":1}')) for id_ in ids)
    return SnapshotPage(rows=rows, after=after, join=UNSET if join is None else join)


def test_a_put_is_stored_unless_a_newer_one_is(journal: Journal) -> None:
    take(journal, change("put", "me", "a", 2, b'{"new":1}'), change("put", "me", "a", 1, b'{"old":1}'))
    assert [Row(scope="me", type="job", id="a", rev=2, body=b'{"new":1}')] == journal.rows("job")
    take(journal, change("put", "me", "a", 2, b'{"same":1}'))
    assert b'{"same":1}' == journal.rows("job")[0].body


def test_a_screen_takes_the_newest_of_all_scopes(journal: Journal) -> None:
    take(journal, change("put", "me", "a", 2), change("put", "area:1", "a", 3, b'{"x":1}'))
    assert [Row(scope="area:1", type="job", id="a", rev=3, body=b'{"x":1}')] == journal.rows("job")


def test_a_drop_takes_a_row_out_of_its_scope_only(journal: Journal) -> None:
    take(journal, change("put", "me", "a", 2), change("put", "area:1", "a", 3), change("drop", "area:1", "a", 4))
    assert {"a": 2} == revs(journal)


@pytest.mark.parametrize("op", ["delete", "purge"])
def test_a_deletion_takes_it_out_of_all_scopes_and_off_the_disk(path: Path, journal: Journal, op: str) -> None:
    secret = b'{"name":"Erika Mustermann"}'
    take(journal, change("put", "me", "a", 2, secret), change("put", "area:1", "a", 3, secret))
    take(journal, change(op, "me", "a", 4))
    assert {} == revs(journal)
    assert not [file for file in path.parent.iterdir() if b"Mustermann" in file.read_bytes()]


def test_revocation_erases_pulled_rows_from_the_disk(path: Path, journal: Journal) -> None:
    take(journal, change("put", "me", "a", 2, b'{"name":"Erika Mustermann"}'))
    journal.revoke("2026-03-14T21:07:33.125Z", "lost")
    assert {} == revs(journal)
    assert not [file for file in path.parent.iterdir() if b"Mustermann" in file.read_bytes()]


class TestSnapshot:
    def test_a_new_scope_is_wanted_fetched_joined_and_held(self, journal: Journal) -> None:
        take(journal, resets=(Reset(scope="me", reason="new"),))
        assert [Wanted(scope="me", after=None, types=None)] == journal.wanted()
        assert () == journal.holds()
        journal.take_page("me", page("a", "b", after="k1"))
        assert [Wanted(scope="me", after="k1", types=None)] == journal.wanted()
        assert ("me",) == journal.holds()
        take(journal, resets=(Reset(scope="me", reason="new"),))
        assert "k1" == journal.wanted()[0].after
        journal.take_page("me", page("c", join="c1"))
        assert [] == journal.wanted()
        join = Join(scope="me", cursor="c1")
        assert (join,) == journal.joins()
        take(journal)
        assert (join,) == journal.joins()
        take(journal, joined=(join,))
        assert () == journal.joins()
        assert {"a": 1, "b": 1, "c": 1} == revs(journal)

    def held(self, journal: Journal, *ids: str) -> None:
        take(journal, resets=(Reset(scope="me", reason="new"),))
        journal.take_page("me", page(*ids, join="c1"))
        take(journal, joined=(Join(scope="me", cursor="c1"),))

    @pytest.mark.parametrize("reason", ["expired", "check", "epoch", "new"])
    def test_what_no_page_brings_again_is_swept(self, journal: Journal, reason: str) -> None:
        self.held(journal, "a", "b", "c")
        take(journal, change("put", "area:1", "z", 1), resets=(Reset(scope="me", reason=reason),))  # type: ignore[arg-type]
        journal.take_page("me", page("a", rev=2, after="k"))
        take(journal, change("put", "me", "d", 5))
        journal.take_page("me", page("c", join="c2"))
        assert {"a": 2, "c": 1, "d": 5, "z": 1} == revs(journal)

    def test_an_older_page_does_not_take_back_a_newer_change(self, journal: Journal) -> None:
        self.held(journal, "a")
        take(journal, resets=(Reset(scope="me", reason="check"),))
        take(journal, change("put", "me", "a", 9, b'{"new":1}'))
        journal.take_page("me", page("a", rev=1, join="c2"))
        assert b'{"new":1}' == journal.rows("job")[0].body

    def test_a_new_schema_sweeps_its_own_types_only(self, journal: Journal) -> None:
        self.held(journal, "a")
        take(journal, resets=(Reset(scope="me", reason="schema", types=("case",)),))
        assert ("case",) == journal.wanted()[0].types
        journal.take_page("me", page(join="c2"))
        assert {"a": 1} == revs(journal)

    def test_a_closed_scope_is_erased(self, journal: Journal) -> None:
        self.held(journal, "a")
        take(journal, resets=(Reset(scope="me", reason="closed"),))
        assert ({}, (), []) == (revs(journal), journal.holds(), journal.wanted())
        journal.take_page("me", page("late", join="c2"))
        assert {} == revs(journal)

    def test_a_new_epoch_wants_every_scope_from_its_first_page(self, journal: Journal) -> None:
        self.held(journal, "a")
        journal.settle(structs.replace(answer(0), epoch="another"))
        assert [Wanted(scope="me", after=None, types=None)] == journal.wanted()
        assert ("me",) == journal.holds()
        journal.take_page("me", page("b", join="c9"))
        assert {"b": 1} == revs(journal)


ops = st.tuples(st.sampled_from(["put", "drop", "delete"]), st.sampled_from(["me", "town"]), st.sampled_from("abc"))


@settings(max_examples=50)
@given(st.lists(ops, max_size=20), st.data())
def test_going_back_to_an_earlier_cursor_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    changes = [change(op, scope, id_, rev) for rev, (op, scope, id_) in enumerate(history, 1)]
    again = data.draw(st.integers(0, len(changes)))
    opened = store.Store.create(tmp_path_factory.mktemp("j") / "j", "s", 1, b"")
    results = []
    with opened.transaction() as db:
        for played in (changes, changes[again:]):
            pulled.apply(db, played)
            results.append(sorted(db.execute("SELECT scope, type, id, rev FROM pulled").fetchall()))
    opened.close()
    assert results[0] == results[1]
