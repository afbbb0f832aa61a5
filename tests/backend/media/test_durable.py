"""Nothing is told before it is committed and on disk; what a crash leaves is finished; what is gone is gone."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select, text

from backend import sweeps
from backend.errors import NotFound, NotSignedIn, UploadStalled, WriterReplaced
from backend.fields import Actor, Role, SourceId, uuid7
from backend.local.processes import wait_until
from backend.media import finishing, queries, receiving, service, storage
from backend.media.rules import UNLISTED_PIECE
from backend.media.storage import DamagedObject, Folder
from backend.media.tables import MediaRow
from backend.work.tables import TaskRow
from tests.backend.media.conftest import PIECE, TUS
from tests.backend.media.test_routes import code, read


@contextmanager
def failing_commit(owner_url: str, table: str) -> Iterator[None]:
    """Every transaction that changes a row of `table` fails at its commit, and not before."""
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'armed'; END $$"
        )
        owner.execute(
            f"CREATE CONSTRAINT TRIGGER fail_late AFTER UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION fail_late()"
        )
        try:
            yield
        finally:
            owner.execute(f"DROP TRIGGER fail_late ON {table}")
            owner.execute("DROP FUNCTION fail_late")


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_commit_that_fails_acknowledges_nothing(world, dock, database, is_listed: bool) -> None:
    clip = dock.file(secrets.token_bytes(PIECE + 5), is_listed=is_listed)
    address = clip.create()
    with failing_commit(database.owner_url, "media_upload"):
        answer = clip.patch(address, 0, clip.data[:PIECE])
        assert answer.status_code >= 500
        assert "upload-offset" not in answer.headers
        assert 0 == clip.offset(address)
    assert 204 == clip.patch(address, 0, clip.data).status_code
    assert clip.data == read(world, clip)


def test_a_commit_that_fails_at_the_end_gives_no_receipt_and_the_sweep_finishes(world, dock, database) -> None:
    clip = dock.file(secrets.token_bytes(100))
    address = clip.create()
    with failing_commit(database.owner_url, "media"):
        assert clip.patch(address, 0, clip.data).status_code >= 500
        assert 202 == world.http.get(f"{address}/receipt", headers=clip.headers).status_code
    assert 100 == clip.offset(address)
    sweeps.finish_uploads(world.server, datetime.now(UTC))
    assert 202 == world.http.get(f"{address}/receipt", headers=clip.headers).status_code, "left to its request yet"
    sweeps.finish_uploads(world.server, datetime.now(UTC) + timedelta(seconds=6))
    receipt = world.http.get(f"{address}/receipt", headers=clip.headers)
    assert 200 == receipt.status_code
    assert clip.data == read(world, clip)
    sweeps.finish_uploads(world.server, datetime.now(UTC) + timedelta(seconds=6))
    assert receipt.content == world.http.get(f"{address}/receipt", headers=clip.headers).content


def test_bytes_behind_the_row_are_cut_off_before_anybody_writes(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(PIECE + 100))
    address = clip.create()
    clip.patch(address, 0, clip.data[:PIECE])
    path = part_of(world, clip)
    with path.open("ab") as file:
        file.write(b"garbage of a crash" * 1000)
    assert 204 == clip.patch(address, PIECE, clip.data[PIECE:]).status_code
    assert clip.data == read(world, clip)


def test_a_store_that_lost_bytes_is_not_filled_up_with_zeros(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(2 * PIECE))
    address = clip.create()
    clip.patch(address, 0, clip.data[:PIECE])
    part_of(world, clip).unlink()
    answer = clip.patch(address, PIECE, clip.data[PIECE:])
    assert (409, "wrong_offset", "0") == (*code(answer), answer.headers["upload-offset"])
    assert 204 == clip.patch(address, 0, clip.data).status_code
    assert clip.data == read(world, clip)


def part_of(world, clip):
    with world.sessions.begin() as session:
        object_ = session.execute(text("SELECT object FROM media_upload WHERE id = :id"), {"id": clip.id}).scalar_one()
    (path,) = world.server.receiver.folder.root.rglob(f"{object_}.part")
    return path


def test_a_list_that_contradicts_the_digest_is_shown_to_a_custodian(world, dock) -> None:
    good, lying = dock.file(secrets.token_bytes(50)), dock.file(secrets.token_bytes(60), claimed="ab" * 32)
    for clip in (good, lying):
        clip.send()
    now = datetime.now(UTC)
    assert 2 == finishing.describe_some(world.sessions, world.server.receiver.folder, now=now)
    assert 0 == finishing.describe_some(world.sessions, world.server.receiver.folder, now=now)
    with world.sessions.begin() as session:
        task = session.scalars(select(TaskRow)).one()
    assert ("evidence", "chunk_list_contradicts_digest", lying.id) == (task.audience, task.kind, task.subject)
    assert {"entry": lying.entry, "found": sha256(lying.data).hexdigest()} == task.facts


def test_a_stored_file_that_the_disk_lost_is_shown_to_a_custodian_once(world, dock) -> None:
    clip, folder, now = dock.file(secrets.token_bytes(50)), world.server.receiver.folder, datetime.now(UTC)
    clip.send()
    with world.sessions.begin() as session:
        folder.remove(session.get(MediaRow, (world.town, clip.id)).object)
    assert [1, 0] == [finishing.describe_some(world.sessions, folder, now=now) for _ in range(2)]
    with world.sessions.begin() as session:
        assert ["object_damaged"] == list(session.scalars(select(TaskRow.kind)))


def test_of_a_removed_file_neither_bytes_nor_digest_are_left(world, dock) -> None:
    clip, folder = dock.file(secrets.token_bytes(70)), world.server.receiver.folder
    address = clip.send()
    receipt = world.http.get(f"{address}/receipt", headers=clip.headers).content
    before = {path for path in folder.root.rglob("*") if path.is_file()}
    for _ in range(2):
        with world.sessions.begin() as session:
            service.remove(session, folder, clip.id)
    assert 1 == len(before - {path for path in folder.root.rglob("*") if path.is_file()})
    with world.sessions.begin() as session:
        row = session.get(MediaRow, (world.town, clip.id))
        assert ("removed", None, None, None) == (row.state, row.sha256, row.chunks, row.object)
        ops = session.scalars(text("SELECT op FROM feed WHERE type = 'media'")).all()
    assert ["purge"] == ops
    with pytest.raises(NotFound):
        read(world, clip)
    assert (410, "upload_gone") == code(world.http.post("/v1/uploads", headers=clip.named()))
    assert 410 == clip.head(address).status_code
    assert receipt == world.http.get(f"{address}/receipt", headers=clip.headers).content, "the record stays"


def test_an_unfinished_upload_can_be_removed_too(world, dock) -> None:
    clip, folder = dock.file(secrets.token_bytes(PIECE + 1)), world.server.receiver.folder
    address = clip.create()
    clip.patch(address, 0, clip.data[:PIECE])
    path = part_of(world, clip)
    with world.sessions.begin() as session:
        service.remove(session, folder, clip.id)
    assert not path.exists()
    assert 410 == clip.head(address).status_code
    assert 404 == world.http.delete(address, headers=clip.headers | TUS).status_code


def test_what_was_named_and_did_not_come_is_found(world, dock) -> None:
    late, come = dock.file(b"late"), dock.file(b"come")
    come.send()
    now = datetime.now(UTC)
    with world.sessions.begin() as session:
        assert [late.id] == [id_ for id_, _, _ in queries.missing(session, before=now + timedelta(hours=1))]
        assert [] == queries.missing(session, before=now - timedelta(hours=1))


def test_a_finished_object_is_sealed_once(tmp_path) -> None:
    folder, object_ = Folder(tmp_path / "store"), uuid7()
    with folder.open(object_, 0) as part:
        part.write(0, memoryview(b"abc"), b"")
    with pytest.raises(DamagedObject):
        folder.seal(object_, 4, b"")
    for _ in range(2):
        folder.seal(object_, 3, b"")
    assert sha256(b"abc").digest() == folder.digest(object_, 3)
    for _ in range(2):
        folder.remove(object_)
    with pytest.raises(DamagedObject):
        folder.digest(object_, 3)


def test_a_file_system_without_direct_writing_takes_the_same_bytes(tmp_path, monkeypatch) -> None:
    data = secrets.token_bytes(2 * storage.BLOCK)
    monkeypatch.setattr(storage, "_direct", lambda _: None)
    folder, object_ = Folder(tmp_path), uuid7()
    with folder.open(object_, 0) as part:
        part.write(0, memoryview(data), b"")
    assert data == b"".join(folder.read(object_, 0, len(data)))


def test_a_silent_network_ends_the_request_and_what_is_durable_stays(world, dock, monkeypatch) -> None:
    monkeypatch.setattr(receiving, "STALL_S", 0.2)
    clip = dock.file(secrets.token_bytes(UNLISTED_PIECE + 10), is_listed=False)
    address = clip.create()
    messages = [{"type": "http.request", "body": clip.data[: UNLISTED_PIECE + 5], "more_body": True}]

    async def receive():
        if messages:
            return messages.pop()
        return await asyncio.sleep(60)

    with pytest.raises(UploadStalled):
        asyncio.run(begin(world, dock, clip, receive))
    assert UNLISTED_PIECE == clip.offset(address)


def test_a_source_that_is_revoked_meanwhile_sends_no_further(world, dock, monkeypatch) -> None:
    monkeypatch.setattr(receiving, "ASK_AGAIN_S", 0)
    clip, answers = dock.file(secrets.token_bytes(3 * PIECE)), iter([True, False])
    address = clip.create()

    async def receive():
        return {"type": "http.request", "body": clip.data, "more_body": False}

    async def may_go_on() -> bool:
        is_allowed = next(answers)
        if not is_allowed:
            await asyncio.to_thread(wait_until, lambda: clip.offset(address) == PIECE, 5)
        return is_allowed

    with pytest.raises(NotSignedIn):
        asyncio.run(begin(world, dock, clip, receive, may_go_on))
    assert PIECE == clip.offset(address), "what was durable stays"


async def begin(world, dock, clip, receive, may_go_on=None, receiver=None) -> int:
    """One PATCH from offset 0, on a receiver of its own where none is given."""
    receiver = receiver or receiving.Receiver(world.server.receiver.folder)
    actor = Actor(town=world.town, source=SourceId(UUID(dock.sender.machine.source)), roles=frozenset({Role.DOCK}))
    sent = receiving.Sent(0, None, None)
    return await receiver.receive(
        receive, world.sessions, actor, clip.id, sent, may_go_on=may_go_on, finish=lambda: None
    )


def test_a_newer_request_ends_an_older_one_at_once(world, dock) -> None:
    clip = dock.file(secrets.token_bytes(PIECE))
    address = clip.create()

    waits = asyncio.Event()

    async def silent():
        waits.set()
        await asyncio.sleep(60)

    async def whole():
        return {"type": "http.request", "body": clip.data, "more_body": False}

    async def both() -> None:
        receiver = receiving.Receiver(world.server.receiver.folder)

        def send(receive):
            return asyncio.create_task(begin(world, dock, clip, receive, receiver=receiver))

        old = send(silent)
        await asyncio.wait_for(waits.wait(), 5)
        assert PIECE == await asyncio.wait_for(send(whole), 5)
        with pytest.raises(WriterReplaced):
            await asyncio.wait_for(old, 1)

    asyncio.run(both())
    assert PIECE == clip.offset(address)
