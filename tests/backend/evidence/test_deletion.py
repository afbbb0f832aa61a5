"""What the law says is deleted is gone, with a tombstone; what is held is not (design/evidence.md 8; invariant 10)."""

import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from msgspec import json, structs
from psycopg import sql
from sqlalchemy import select, text

from backend.errors import ClipGone, DeadlinePassed
from backend.evidence import deleting, holding
from backend.evidence.tables import ClipRow
from backend.evidence.wire import ClipState, NewHold
from backend.fields import Actor, Role
from backend.sweeps import SWEEPS
from backend.work.tables import TaskRow
from sync.entry import format_instant, genesis_hash
from sync.envelope import pre_authentication
from sync.keys import verify
from tests.backend.evidence.conftest import PIECE, Dock, Town, docked, records, tick
from tests.backend.evidence.test_answers import HOLD, in_days

pytestmark = pytest.mark.slow

DATA = b"Film" * 1000
DAY = timedelta(days=1)


def marker(town: Town) -> str:
    """A word that stands nowhere but in this town's clip."""
    return f"Marderhund_{town.world.town.hex}"


def film(town: Town) -> bytes:
    return f"{marker(town)} im Film".encode() * 1000


def objects(town: Town) -> list[Path]:
    """Stored files, whole or in part, that hold the marker."""
    root = town.world.server.receiver.folder.root
    return [path for path in root.rglob("*") if path.is_file() and marker(town).encode() in path.read_bytes()]


def begun(town: Town, days_ago: float, data: bytes = DATA, **members) -> UUID:
    """A stored clip that began so many days ago; the clock of the dock says so."""
    return town.dock.bring(data, started_at=format_instant(datetime.now(UTC) - days_ago * DAY), **members)


def marked(town: Town) -> UUID:
    """A clip whose file name, probe, answers, correction and note hold the marker, seen by a phone too."""
    word = marker(town)
    clip = town.dock.bring(film(town), file_name=f"{word}.MP4", probe={"comment": word})
    phone = town.world.phone(town.officer)
    answers = {
        "ground": "protect_officer", "facts": word, "place_kind": "public", "announced": "imminent_danger",
        "announcement_note": word, "decided_by": "officer_in_charge", "decider": word,
    }  # fmt: skip
    phone.record({"clip": str(clip), "answers": answers}, kind="clip.classified")
    phone.client.drain(patience_s=0)
    assert phone.journal.verdict(1) is None
    changed = town.answer(clip, town.custodian, facts=f"{word} 2", base=1)
    assert 200 == changed.status_code, changed.text
    correction = {"started_at": format_instant(datetime.now(UTC)), "evidence": word}
    assert 200 == town.post(town.custodian, f"/clips/{clip}/corrections", correction).status_code
    hold = town.post(town.custodian, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(9), "note": word})
    released = town.post(town.custodian, f"/holds/{hold.json()['id']}/release", {"reason": "eingestellt"})
    assert 200 == released.status_code
    return clip


def found_in_database(url: str, marker: str) -> set[str]:
    """Tables with a row that holds the marker as text, or in bytes."""
    found = set()
    with psycopg.connect(url) as owner:
        tables = owner.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace ="
                               " 'public'::regnamespace").fetchall()  # fmt: skip
        for (table,) in tables:
            rows = owner.execute(
                sql.SQL("SELECT count(*) FROM {} t WHERE t::text LIKE %s OR t::text LIKE %s").format(sql.SQL(table)),
                (f"%{marker}%", f"%{marker.encode().hex()}%"),
            ).fetchone()
            if rows[0]:
                found.add(table)
    return found


# --- what goes, and what stays ---


def test_after_the_deadline_the_marker_is_nowhere_and_the_tombstone_stays(town: Town, database) -> None:
    clip = marked(town)
    before = found_in_database(database.owner_url, marker(town))
    assert {"clip", "clip_hold", "journal_private", "log_private"} <= before
    assert [film(town)] == [path.read_bytes() for path in objects(town)]
    deadline = town.row(clip).delete_at
    assert 0 == town.delete_due(deadline), "not before, and not at the deadline itself"
    assert 1 == town.delete_due(deadline + timedelta(milliseconds=1))
    assert set() == found_in_database(database.owner_url, marker(town))
    assert [] == objects(town)
    kind, public = records(town, clip)[-1]
    assert "clip.deleted" == kind
    expected = {"class": "bodycam", "rule": "R1", "rule_edition": "2026-11", "deadline": format_instant(deadline)}
    assert expected == {name: public[name] for name in expected}
    assert len(records(town, clip)) - 1 == public["records"]
    assert None is not public["object_deleted_at"]
    assert 0 == town.delete_due(deadline + DAY), "once more changes nothing"


def test_chain_seal_and_leaves_still_verify_after_the_deletion(town: Town) -> None:
    clip = town.dock.bring(DATA)
    town.delete_due(town.row(clip).delete_at + DAY)
    machine, entries = town.dock.sender.machine, town.dock.sender.entries
    with town.world.sessions.begin() as session:
        hashes = session.execute(
            text("SELECT seq, hash, erased_at FROM journal_entry WHERE source = :s ORDER BY seq"), {"s": machine.source}
        ).all()
        signed = session.execute(
            text("SELECT public, signature, hash FROM log_record WHERE subject = :c ORDER BY position"),
            {"c": str(clip)},
        ).all()
    heads = [genesis_hash(machine.source, 1, machine.key.spki_sha256), *[row.hash for row in hashes]]
    assert town.dock.sender.heads == heads
    assert [entries[-1].seq] == [row.seq for row in hashes if row.erased_at is not None][-1:]
    previous = None
    for row in signed:
        public = json.decode(row.public)
        assert previous == public["prev"]
        assert verify(town.world.server.record_key.spki, pre_authentication(row.public), row.signature)
        previous = row.hash.hex()


def test_every_screen_and_device_learns_it_by_purge(town: Town) -> None:
    clip = town.dock.bring(DATA)
    town.delete_due(town.row(clip).delete_at + DAY)
    assert {
        "evidence": ("purge", None),
        f"me:{town.officer.id}": ("purge", None),
        f"self:{town.dock.source}": ("purge", None),
    } == town.feed(clip)


def test_what_is_deleted_is_listed_without_content_and_opens_nothing(town: Town) -> None:
    clip = town.dock.bring(DATA)
    town.answer(clip)
    view = town.post(town.custodian, f"/clips/{clip}/views", {"reason": "x"}).json()["id"]
    deadline = town.row(clip).delete_at
    town.delete_due(deadline + DAY)
    (shown,) = town.get(town.custodian, "/clips/deleted").json()["records"]
    assert (str(clip), "cam-1", "R1") == (shown["clip"], shown["camera"], shown["rule"])
    assert [str(clip)] == [one["clip"] for one in town.get(town.officer, "/clips/deleted").json()["records"]]
    assert [] == town.get(town.custodian, "/clips").json()["clips"]
    answer = town.get(town.custodian, f"/clips/{clip}/footage", params={"view": view})
    assert answer.status_code in (403, 410)
    for path, body in (
        ("views", {"reason": "x"}),
        ("holds", HOLD | {"review_on": in_days(9)}),
        ("corrections", {"started_at": "2026-03-01T12:00:00Z", "evidence": "x"}),
    ):
        answer = town.post(town.custodian, f"/clips/{clip}/{path}", body)
        assert (410, "clip_gone") == (answer.status_code, answer.json()["code"]), path
    answer = town.answer(clip, town.custodian)
    assert (410, "clip_gone") == (answer.status_code, answer.json()["code"])
    detail = town.get(town.custodian, f"/clips/{clip}").json()
    assert (None, {}, None) == (detail["file_name"], detail["probe"], detail["answers"])


def test_who_viewed_a_clip_is_known_after_its_deletion_and_what_was_in_it_is_not(town: Town) -> None:
    """Names in the custody log stay until 31 December of the following year (law-and-rules 8)."""
    clip = town.dock.bring(DATA)
    town.answer(clip)
    town.post(town.custodian, f"/clips/{clip}/views", {"reason": "Bericht"})
    town.delete_due(town.row(clip).delete_at + DAY)
    custody = town.get(town.custodian, f"/clips/{clip}/custody").json()
    assert [
        ("clip.received", None),
        ("clip.classified", None),
        ("clip.viewed", str(town.custodian.id)),
        ("clip.deleted", None),
    ] == [(one["kind"], one["person"]) for one in custody]


def test_an_unclassified_clip_goes_by_r4_and_a_vehicles_by_r12(town: Town) -> None:
    clip = begun(town, 13)
    assert 0 == town.delete_due(datetime.now(UTC))
    assert 1 == town.delete_due(datetime.now(UTC) + 1.1 * DAY)
    assert "R4" == records(town, clip)[-1][1]["rule"]


def test_a_clip_whose_bytes_never_came_goes_too_and_they_are_not_taken_any_more(town: Town) -> None:
    clip = town.dock.record(DATA)
    assert 1 == town.delete_due(town.row(clip).delete_at + DAY)
    assert "deleted" == town.row(clip).state
    with pytest.raises(AssertionError, match="410"):
        town.dock.upload(clip, DATA)


def test_a_half_uploaded_clip_leaves_no_part_behind(town: Town) -> None:
    data = film(town) * 300  # more than one piece of 4 MiB
    clip = town.dock.record(data)
    assert [] == objects(town)
    metadata = ",".join(
        f"{name} {b64encode(value.encode()).decode()}"
        for name, value in (("sha256", sha256(data).hexdigest()), ("entry", str(clip)), ("type", "video/mp4"))
    )
    headers = town.dock.sender.headers | {"tus-resumable": "1.0.0", "upload-length": str(len(data))}
    begin = town.world.http.post("/v1/uploads", headers=headers | {"upload-metadata": metadata})
    assert 201 == begin.status_code, begin.text
    typed = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
    sent = town.world.http.patch(begin.headers["location"], headers=headers | typed, content=data[:PIECE])
    assert (204, str(PIECE)) == (sent.status_code, sent.headers["upload-offset"])
    assert 1 == len(objects(town))
    assert 1 == town.delete_due(town.row(clip).delete_at + DAY)
    assert [] == objects(town)


def test_the_listing_of_the_card_is_erased_with_the_last_deadline(town: Town, database) -> None:
    files = [{"name": f"{marker(town)}.MP4", "size": 1, "modified_at": format_instant(datetime.now(UTC))}]
    _, verdict = town.dock.send("camera.docked", docked(files=files))
    assert verdict is None
    assert {"journal_private"} == found_in_database(database.owner_url, marker(town))
    town.delete_due(datetime.now(UTC) + 13 * DAY)
    assert {"journal_private"} == found_in_database(database.owner_url, marker(town))
    town.delete_due(datetime.now(UTC) + 15 * DAY)
    assert set() == found_in_database(database.owner_url, marker(town))


# --- holds against deletion ---


def test_what_is_held_is_not_deleted_and_goes_in_the_next_run_once_it_is_released(town: Town) -> None:
    clip = town.dock.bring(DATA)
    hold = town.post(town.custodian, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(80)}).json()["id"]
    much_later = town.row(clip).delete_at + 300 * DAY
    assert 0 == town.delete_due(much_later)
    assert [] == [task for task in town.tasks() if task[1] == "clip_overdue"]
    assert ("evidence", "hold_review_due") in town.tasks(), "a missed review escalates and deletes nothing"
    assert 200 == town.post(town.custodian, f"/holds/{hold}/release", {"reason": "Verfahren beendet"}).status_code
    assert 1 == town.delete_due(much_later)


def test_the_database_itself_refuses_to_delete_what_is_held(town: Town) -> None:
    clip = town.dock.bring(DATA)
    town.post(town.custodian, f"/clips/{clip}/holds", HOLD | {"review_on": in_days(80)})
    with pytest.raises(Exception, match="ck_clip_held"), town.world.sessions.begin() as session:
        session.execute(
            text("UPDATE clip SET state = 'deleting', officer = NULL, file_name = NULL, sha256 = NULL, probe = NULL")
        )


def test_the_database_itself_refuses_to_keep_content_of_what_is_deleted(town: Town) -> None:
    town.dock.bring(DATA)
    with pytest.raises(Exception, match="ck_clip_erased"), town.world.sessions.begin() as session:
        session.execute(text("UPDATE clip SET state = 'deleting', officer = NULL, file_name = NULL, sha256 = NULL"))


@pytest.mark.parametrize("seed", range(6))
def test_hold_and_deletion_at_once_one_wins_and_both_are_logged(town: Town, seed: int) -> None:
    """At the very deadline: the hold's clock stands just before it, the run's just behind."""
    clip = town.dock.bring(DATA)
    deadline = town.row(clip).delete_at
    key, sessions = town.world.server.record_key, town.world.sessions
    actor = Actor(town=town.world.town, person=town.custodian.id, roles=frozenset({Role.CUSTODIAN}))
    wanted = NewHold(ground="criminal_offence", case_reference="1 Js 1/26", review_on=(deadline + DAY).date())
    ready = Barrier(2)

    def hold() -> bool:
        ready.wait()
        try:
            with sessions.begin() as session:
                holding.place(session, actor, clip, wanted, key=key, now=deadline - timedelta(milliseconds=1))
        except (ClipGone, DeadlinePassed):
            return False
        return True

    def delete() -> bool:
        ready.wait()
        return town.delete_due(deadline + timedelta(milliseconds=1)) == 1

    with ThreadPoolExecutor(2) as pool:
        first, second = (hold, delete) if seed % 2 else (delete, hold)
        one, two = pool.submit(first), pool.submit(second)
        outcomes = {first.__name__: one.result(), second.__name__: two.result()}
    assert outcomes["hold"] is not outcomes["delete"], outcomes
    row, kinds = town.row(clip), [kind for kind, _ in records(town, clip)]
    assert ("stored", 1) == (row.state, row.holds) if outcomes["hold"] else ("deleted", 0) == (row.state, row.holds)
    assert ["clip.received", "hold.placed" if outcomes["hold"] else "clip.deleted"] == kinds


def test_two_runs_at_once_delete_each_clip_once(town: Town) -> None:
    clips = [town.dock.bring(f"{n}".encode(), number=n) for n in range(8)]
    later = datetime.now(UTC) + 15 * DAY
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: town.delete_due(later), range(2)))
    assert 8 == sum(done)
    for clip in clips:
        assert ["clip.received", "clip.deleted"] == [kind for kind, _ in records(town, clip)]


# --- crashes between the stages ---


def test_killed_between_the_stages_the_next_run_finishes(town: Town, database) -> None:
    """(a) is committed, and then nothing more runs: the content is closed at once, the sweep removes the bytes."""
    clip = marked(town)
    later = town.row(clip).delete_at + timedelta(minutes=1)
    with town.world.sessions.begin() as session:
        assert 1 == deleting.begin_due(session, now=later)
    assert "deleting" == town.row(clip).state
    assert set() == found_in_database(database.owner_url, marker(town)), "texts and names go first"
    assert 404 == town.get(town.officer, f"/clips/{clip}").status_code
    assert 410 == town.answer(clip, town.custodian).status_code
    assert objects(town), "the bytes are still there"
    assert 1 == town.delete_due(later)
    assert [] == objects(town)


def test_killed_after_the_bytes_went_the_next_run_writes_the_tombstone(town: Town) -> None:
    clip = town.dock.bring(DATA)
    later, folder = town.row(clip).delete_at + timedelta(minutes=1), town.world.server.receiver.folder
    with town.world.sessions.begin() as session:
        deleting.begin_due(session, now=later)
    with town.world.sessions() as session:  # the bytes are gone, and the commit never came
        deleting.remove_object(session, folder, clip)
        session.rollback()
    with town.world.sessions.begin() as session:
        assert not deleting.finish(session, clip, key=town.world.server.record_key, now=later), "not before (b) stands"
    assert 1 == town.delete_due(later)
    assert ["clip.received", "clip.deleted"] == [kind for kind, _ in records(town, clip)]


def test_bytes_that_cannot_be_removed_stop_no_other_clip_and_become_the_dpos_task(town: Town) -> None:
    stuck, other = town.dock.bring(b"one", number=1), town.dock.bring(b"two", number=2)
    later = datetime.now(UTC) + 15 * DAY
    folder = town.world.server.receiver.folder
    with town.world.sessions.begin() as session:
        named = session.scalars(text("SELECT object FROM media WHERE entry = :clip"), {"clip": stuck}).one()
    path = next(folder.root.rglob(str(named)))
    hidden = path.with_name("hidden")
    path.rename(hidden)
    path.mkdir()
    (path / "x").touch()  # unlink fails
    assert 1 == town.delete_due(later)
    assert ["deleting", "deleted"] == [town.row(stuck).state, town.row(other).state]
    assert ("privacy", "clip_overdue") in town.tasks()
    (path / "x").unlink()
    path.rmdir()
    hidden.rename(path)
    assert 1 == town.delete_due(later + timedelta(minutes=1))
    assert not path.exists()


# --- clocks ---


def test_a_wall_clock_that_jumped_makes_deletion_wait_for_a_person(town: Town) -> None:
    clip = town.dock.bring(DATA)
    now = datetime.now(UTC)
    server, sessions = town.world.server, town.world.sessions
    town.delete_due(now)

    def run(at: datetime, passed: timedelta) -> int:
        told = structs.replace(tick(now + passed), wall=at)
        return deleting.run(sessions, server.receiver.folder, told, key=server.record_key, now=at)

    jumped = now + 20 * DAY
    assert 0 == run(jumped, timedelta(minutes=1)), "twenty days in one minute"
    assert ("privacy", "deletion_waits") in town.tasks()
    assert 0 == run(jumped + timedelta(minutes=1), timedelta(minutes=2)), "it still waits"
    assert "stored" == town.row(clip).state
    task = next(one for one in town.get(town.dpo, "/tasks").json() if one["kind"] == "deletion_waits")
    closed = {"outcome": "settled", "reason": "Uhr geprüft, stimmt", "base": task["rev"]}
    assert 404 == town.post(town.custodian, f"/tasks/{task['id']}/close", closed).status_code
    assert 200 == town.post(town.dpo, f"/tasks/{task['id']}/close", closed).status_code
    assert 1 == run(jumped + timedelta(minutes=2), timedelta(minutes=3))


def test_while_deletion_waits_what_is_late_is_the_data_protection_officers_task(town: Town) -> None:
    clip = town.dock.bring(DATA)
    now, server = datetime.now(UTC), town.world.server
    town.delete_due(now)
    later = town.row(clip).delete_at + timedelta(minutes=61)
    told = structs.replace(tick(now), wall=later)
    deleting.run(town.world.sessions, server.receiver.folder, told, key=server.record_key, now=later)
    with town.world.sessions.begin() as session:
        (task,) = session.scalars(select(TaskRow).where(TaskRow.kind == "clip_overdue"))
        assert ("privacy", clip, "stored") == (task.audience, task.subject, task.facts["state"])


def test_what_is_on_its_way_out_is_finished_while_the_clock_waits(town: Town) -> None:
    clip = town.dock.bring(DATA)
    now, server = datetime.now(UTC), town.world.server
    town.delete_due(now)
    with town.world.sessions.begin() as session:
        deleting.begin_due(session, now=now + 15 * DAY)
    told = structs.replace(tick(now), wall=now + 15 * DAY)
    run = deleting.run(town.world.sessions, server.receiver.folder, told, key=server.record_key, now=now + 15 * DAY)
    assert (1, "deleted") == (run, town.row(clip).state)


def test_a_simulated_year_deletes_everything_within_its_hour_and_nothing_before(town: Town) -> None:
    """Clips of a year, a run every half hour around each deadline: none is early, none is late."""
    start = datetime(2025, 1, 3, 1, 30, tzinfo=UTC)
    dock = Dock.of(town.world)
    clips = {}
    for n in range(24):
        began = start + n * 15 * DAY + timedelta(minutes=37 * n)
        clip = dock.record(
            f"{n}".encode(), number=100 + n, started_at=format_instant(began), docked_at=format_instant(began)
        )
        clips[clip] = town.row(clip).delete_at
    for clip, deadline in sorted(clips.items(), key=lambda one: one[1]):
        # The same clocks, moved on together, as they are when time passes.
        town.delete_due(deadline - timedelta(seconds=1))
        assert "awaiting_media" == town.row(clip).state, "early"
        town.delete_due(deadline + timedelta(minutes=30))
        assert "deleted" == town.row(clip).state, "late"
    assert [] == [task for task in town.tasks() if task[1] in ("clip_overdue", "deletion_waits")]


def test_the_sweep_deletes_in_every_town(town: Town, server) -> None:
    clip = begun(town, 14.5)
    SWEEPS["delete_due"][0](server, datetime.now(UTC))
    assert "deleted" == town.row(clip).state


def test_no_log_line_of_the_deletion_names_anybody(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    clip = marked(town)
    capsys.readouterr()
    town.delete_due(town.row(clip).delete_at + DAY)
    printed = capsys.readouterr()
    for word in (marker(town), town.officer.login, str(town.officer.id)):
        assert not re.search(re.escape(word), printed.out + printed.err)


def test_a_deleted_clip_is_one_of_the_states_that_the_drawing_knows(town: Town) -> None:
    clip = town.dock.bring(DATA)
    town.delete_due(town.row(clip).delete_at + DAY)
    with town.world.sessions.begin() as session:
        row = session.scalars(select(ClipRow).where(ClipRow.id == clip)).one()
        assert ClipState.DELETED == row.state
        assert (None, None, None, None, None) == (row.officer, row.file_name, row.sha256, row.probe, row.answers)
