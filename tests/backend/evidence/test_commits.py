"""A commit that fails promises nothing: no receipt for a dock, no byte of footage for a person (invariant 1)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from backend.exchange.arrivals import media_arrived
from backend.media import finishing
from tests.backend.evidence.conftest import Town, records


@contextmanager
def failing_commits(owner_url: str, table: str, town: Town) -> Iterator[None]:
    """Each commit that writes this town's rows of `table` fails, at its very end."""
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(
            "CREATE OR REPLACE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'armed' USING ERRCODE = '23514'; END$$"
        )
        owner.execute(
            f"CREATE CONSTRAINT TRIGGER armed AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED"
            f" FOR EACH ROW WHEN (NEW.town = '{town.world.town}') EXECUTE FUNCTION refuse_commit()"
        )
        try:
            yield
        finally:
            owner.execute(f"DROP TRIGGER armed ON {table}")


def test_no_receipt_before_its_commit_and_the_sweep_writes_it_after(town: Town, database) -> None:
    clip, server = town.dock.record(b"film"), town.world.server
    with failing_commits(database.owner_url, "log_record", town):
        with suppress(AssertionError):  # whatever the upload's last request is answered
            town.dock.upload(clip)
        assert 202 == town.dock.receipt().status_code
    assert 202 == town.dock.receipt().status_code
    assert ("awaiting_media", []) == (town.row(clip).state, records(town, clip))
    now = datetime.now(UTC) + timedelta(minutes=1)
    finishing.finish_left(town.world.sessions, server.receiver.folder, server.record_key, media_arrived, now=now)
    assert 200 == town.dock.receipt().status_code
    assert ("stored", ["clip.received"]) == (town.row(clip).state, [kind for kind, _ in records(town, clip)])


def test_no_view_before_its_record_is_committed(town: Town, database) -> None:
    clip = town.dock.bring()
    assert 200 == town.answer(clip).status_code
    with failing_commits(database.owner_url, "log_record", town):
        answer = town.post(town.custodian, f"/clips/{clip}/views", {"reason": "Bericht"})
    assert answer.status_code in (400, 500, 503)
    assert "id" not in answer.json()
    with psycopg.connect(database.owner_url) as owner:
        count = owner.execute("SELECT count(*) FROM clip_view WHERE town = %s", (town.world.town,)).fetchone()
    assert (0,) == count


def test_a_deletion_whose_commit_fails_leaves_the_clip_whole(town: Town, database) -> None:
    """(a) fails: nothing was destroyed. The next run begins anew."""
    clip = town.dock.bring()
    later = town.row(clip).delete_at.replace(year=town.row(clip).delete_at.year + 1)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(
            "CREATE OR REPLACE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'armed' USING ERRCODE = '23514'; END$$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER armed AFTER UPDATE ON clip DEFERRABLE INITIALLY DEFERRED"
            f" FOR EACH ROW WHEN (NEW.town = '{town.world.town}') EXECUTE FUNCTION refuse_commit()"
        )
        try:
            with pytest.raises(Exception, match="armed"):
                town.delete_due(later)
        finally:
            owner.execute("DROP TRIGGER armed ON clip")
    row = town.row(clip)
    assert ("stored", "MOV_0001.MP4") == (row.state, row.file_name)
    assert "purge" not in str(town.feed(clip))
    assert 1 == town.delete_due(later)
