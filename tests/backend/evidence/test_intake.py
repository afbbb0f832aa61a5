"""From a dock's entries to the signed receipt (design/evidence.md 3 and 5)."""

from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from sqlalchemy import select, text

from backend.evidence.tables import CameraRow, ClipMediaRow, ClipRow
from backend.fields import Role, uuid7
from sync.entry import format_instant, media_commitment
from sync.envelope import opened
from tests.backend.evidence.conftest import PIECE, Dock, Town, docked, records
from tests.backend.exchange.conftest import Sender


def receipt_of(town: Town, dock: Dock) -> dict:
    answer = dock.receipt()
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(opened(answer.content, town.world.server.record_key.spki))


def test_a_clip_becomes_a_row_and_its_bytes_a_receipt_that_says_what_the_design_lists(town: Town) -> None:
    data = bytes(range(256)) * 100
    clip = town.dock.record(data)
    assert ("awaiting_media", "unclassified", "R4") == (
        town.row(clip).state,
        town.row(clip).class_,
        town.row(clip).rule,
    )
    town.dock.upload(clip, data)
    row, entry = town.row(clip), town.dock.sender.entries[-1]
    assert ("stored", str(town.officer.id)) == (row.state, str(row.officer))
    public = receipt_of(town, town.dock)
    assert public == {
        "v": 1,
        "kind": "clip.received",
        "id": public["id"],
        "town": str(town.world.town),
        "at": public["at"],
        "subject": str(clip),
        "prev": None,
        "software": public["software"],
        "keyid": town.world.server.record_key.spki_sha256.hex(),
        "source": str(town.dock.source),
        "incarnation": 1,
        "seq": entry.seq,
        "entry_hash": town.dock.sender.heads[-1].hex(),
        "media": media_commitment(bytes(16), sha256(data).digest()),
        "size": len(data),
        "camera": "cam-1",
        "camera_seq": 1,
        "prev_camera": None,
        "recorded_at": format_instant(row.started_at),
        "clock": "good",
        "class": "unclassified",
        "delete_at": format_instant(row.delete_at),
        "stored_at": public["stored_at"],
        "log_by": format_instant(datetime.fromisoformat(public["stored_at"]) + timedelta(minutes=1)),
    }
    assert "commitment" not in public, "a receipt has no private part"


def test_the_receipt_is_the_same_bytes_each_time_and_stands_in_the_log(town: Town) -> None:
    clip = town.dock.bring()
    first, second = town.dock.receipt(), town.dock.receipt()
    assert first.content == second.content
    payload = b64decode(msgspec.json.decode(first.content)["payload"])
    with town.world.sessions.begin() as session:
        leaves = session.scalars(text("SELECT leaf FROM log_queue UNION SELECT leaf FROM log_leaf")).all()
        kept = session.scalars(select(ClipMediaRow.receipt_sha256).where(ClipMediaRow.clip == clip)).one()
    assert sha256(payload).digest() == kept
    assert kept in leaves


def test_each_receipt_names_the_cameras_receipt_before(town: Town) -> None:
    hashes = []
    for number in (1, 2, 3):
        town.dock.bring(f"film {number}".encode(), number=number)
        payload = b64decode(msgspec.json.decode(town.dock.receipt().content)["payload"])
        hashes.append((msgspec.json.decode(payload)["prev_camera"], sha256(payload).hexdigest()))
    assert [None, hashes[0][1], hashes[1][1]] == [prev for prev, _ in hashes]


def test_a_receipt_is_there_only_after_the_bytes(town: Town) -> None:
    data = b"x" * (PIECE + 5)
    clip = town.dock.record(data)
    town.dock.upload(clip, data)
    assert 200 == town.dock.receipt().status_code
    other = town.dock.record(b"other", number=2)
    row = town.row(other)
    assert ("awaiting_media", 1) == (row.state, row.rev)


def test_an_empty_file_is_received_too(town: Town) -> None:
    clip = town.dock.record(b"")
    town.dock.upload(clip, b"")
    assert "stored" == town.row(clip).state
    assert 0 == receipt_of(town, town.dock)["size"]


def test_a_file_beside_the_recording_has_a_receipt_of_its_own(town: Town) -> None:
    film, track = b"film", b"GPS"
    files = [
        {"sha256": sha256(film).hexdigest(), "size": len(film), "type": "video/mp4"},
        {"sha256": sha256(track).hexdigest(), "size": len(track), "type": "text/plain"},
    ]
    clip = town.dock.record(film, media=files)
    town.dock.upload(clip, track, "text/plain")
    assert media_commitment(bytes(16), sha256(track).digest()) == receipt_of(town, town.dock)["media"]
    assert "awaiting_media" == town.row(clip).state
    town.dock.upload(clip, film)
    assert "stored" == town.row(clip).state


def test_the_officer_follows_from_the_assignment_at_the_clips_start(town: Town) -> None:
    long_ago = format_instant(datetime.now(UTC) - timedelta(days=80))
    before = town.dock.record(b"a", number=1, started_at=long_ago)
    within = town.dock.record(b"b", number=2)
    assert [None, town.officer.id] == [town.row(before).officer, town.row(within).officer]
    assert "no_officer" in town.row(before).findings
    assert ("evidence", "clip_no_officer") in town.tasks()


def test_custodian_officer_and_dock_learn_of_it_and_no_dispatcher(town: Town) -> None:
    clip = town.dock.bring()
    seen = town.feed(clip)
    assert {"evidence", f"me:{town.officer.id}", f"self:{town.dock.source}"} == set(seen)
    assert {"state", "delete_at", "is_held"} == set(seen[f"self:{town.dock.source}"][1])
    assert "MOV_0001" not in str(seen), "no file names in feeds"
    dispatcher = town.world.person(Role.DISPATCHER)
    for path in ("/clips", "/clips/board", f"/clips/{clip}", f"/clips/{clip}/footage", f"/clips/{clip}/custody"):
        assert 403 == town.get(dispatcher, path).status_code, path


def test_an_unknown_camera_is_kept_and_an_administrator_asked(town: Town) -> None:
    clip = town.dock.record(camera="cam-new")
    assert "unknown_camera" in town.row(clip).findings
    assert ("admin", "camera_unknown") in town.tasks()
    shown = town.get(town.admin, "/cameras").json()
    assert {"cam-1": "active", "cam-new": "unconfirmed"} == {one["pseudonym"]: one["state"] for one in shown}


def test_another_serial_under_a_known_pseudonym_is_an_administrators_task(town: Town) -> None:
    _, verdict = town.dock.send("camera.docked", docked(serial="OTHER"))
    assert verdict is None
    assert ("admin", "camera_serial_differs") in town.tasks()


def test_the_same_clip_through_two_docks_is_a_duplicate_with_two_receipts(town: Town) -> None:
    second = Dock.of(town.world)
    first_clip, again = town.dock.bring(), second.bring()
    assert [200, 200] == [town.dock.receipt().status_code, second.receipt().status_code]
    assert (first_clip, "duplicate") == (town.row(again).duplicate_of, town.row(again).findings)


def test_the_same_number_with_other_bytes_is_a_custodians_task(town: Town) -> None:
    town.dock.bring(b"one")
    other = Dock.of(town.world).record(b"two")
    assert "contradicts" == town.row(other).findings
    assert ("evidence", "clip_contradicts") in town.tasks()


def test_an_unusable_clock_leaves_a_day_after_docking(town: Town) -> None:
    now = datetime.now(UTC)
    old = format_instant(now - timedelta(days=40))
    clock = {"difference_ms": 0, "spread_ms": 0, "state": "unusable"}
    row = town.row(town.dock.record(started_at=old, docked_at=format_instant(now), camera_clock=clock))
    assert "clock_unusable" in row.findings
    assert timedelta(hours=23, minutes=59) < row.delete_at - now <= timedelta(hours=24)


def test_a_start_after_the_docking_does_not_lengthen_the_deadline(town: Town) -> None:
    now = datetime.now(UTC)
    future = format_instant(now + timedelta(days=400))
    row = town.row(town.dock.record(started_at=future, docked_at=future))
    assert "unusable" == row.clock
    assert row.delete_at <= now + timedelta(days=14, hours=2)


def test_what_is_odd_is_flagged_and_never_refused(town: Town) -> None:
    clock = {"difference_ms": 300_000, "spread_ms": 9, "state": "off"}
    row = town.row(town.dock.record(duration_ms=31 * 60_000, camera_clock=clock, probe={"pre_recording_ms": 30_000}))
    assert {"clock_off", "long", "pre_recorded"} == set(row.findings.split())


def test_gaps_are_shown_with_what_turned_up_later(town: Town) -> None:
    gap = {"camera": "cam-1", "first": 4, "last": 6, "cause": "overwritten"}
    _, verdict = town.dock.send("clip.gap", gap)
    assert verdict is None
    assert ("evidence", "clip_gap") in town.tasks()
    town.dock.send("clip.gap_filled", {"camera": "cam-1", "camera_seq": 5})
    town.dock.send("clip.gap_filled", {"camera": "cam-1", "camera_seq": 9})
    (shown,) = town.get(town.custodian, "/clips/gaps").json()
    assert (4, 6, [5], "overwritten") == (shown["first"], shown["last"], shown["filled"], shown["cause"])


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("clip.gap", {"camera": "cam-1", "first": 6, "last": 4, "cause": "unknown"}, "/body/last"),
        ("clip.gap", {"camera": "a b", "first": 1, "last": 4, "cause": "unknown"}, "/body/camera"),
        ("clip.gap", {"camera": "cam-1", "first": 1, "last": 4, "cause": "lost"}, "/body/cause"),
        ("clip.erased", {"clip": str(uuid7()), "receipt": "0" * 64, "seen": "erased"}, "/body/clip"),
        ("camera.docked", docked(docked_at="2026-02-30T00:00:00.000Z"), "/body/docked_at"),
        ("camera.docked", docked(docked_at="1999-12-31T00:00:00.000Z"), "/body/docked_at"),
    ],
)
def test_what_no_person_could_use_is_rejected_with_the_field(town: Town, kind: str, body: dict, field: str) -> None:
    _, verdict = town.dock.send(kind, body)
    assert verdict is not None
    assert ("rejected", field) == (verdict["verdict"], verdict["field"])


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"size": 5}, "/body/sha256"),
        ({"sha256": "0" * 64}, "/body/sha256"),
        ({"chunks": ""}, "/body/chunks"),
        ({"chunks": "AAAA"}, "/body/chunks"),
        ({"chunks": "A" * 43 + "B"}, "/body/chunks"),
        ({"chunks": "A" * 44}, "/body/chunks"),
        ({"started_at": "2026-13-01T00:00:00.000Z"}, "/body/started_at"),
        ({"started_at": "9999-12-31T23:59:59.999Z"}, "/body/started_at"),
        ({"camera_seq": -1}, "/body/camera_seq"),
    ],
)
def test_a_clip_that_contradicts_itself_is_rejected_with_the_field(town: Town, members: dict, field: str) -> None:
    _, verdict = town.dock.try_record(**members)
    assert verdict is not None
    assert ("rejected", field) == (verdict["verdict"], verdict["field"])
    with town.world.sessions.begin() as session:
        assert [] == session.scalars(select(ClipRow)).all()


def test_a_clip_without_its_file_is_rejected(town: Town) -> None:
    _, verdict = town.dock.try_record(media=[])
    assert ("rejected", "/body/sha256") == (verdict["verdict"], verdict["field"])


def test_a_gateway_brings_no_clips(town: Town) -> None:
    gateway = Dock(Sender.of(town.world.machine("gateway")))
    _, verdict = gateway.try_record()
    assert ("rejected", "not_allowed") == (verdict["verdict"], verdict["code"])


def test_the_same_entry_twice_has_one_effect(town: Town) -> None:
    clip = town.dock.record()
    town.dock.sender.send(len(town.dock.sender.entries))
    with town.world.sessions.begin() as session:
        assert [clip] == session.scalars(select(ClipRow.id)).all()
        assert [clip] == session.scalars(select(ClipMediaRow.clip)).all()


def test_the_cameras_copy_goes_against_our_receipt_or_a_custodian_learns_of_it(town: Town) -> None:
    clip = town.dock.bring()
    payload = b64decode(msgspec.json.decode(town.dock.receipt().content)["payload"])
    erased = {"clip": str(clip), "receipt": sha256(payload).hexdigest(), "seen": "erased"}
    _, verdict = town.dock.send("clip.erased", erased)
    assert verdict is None
    assert town.row(clip).camera_erased_at is not None
    assert ("evidence", "erased_without_receipt") not in town.tasks()
    town.dock.send("clip.erased", erased | {"receipt": "0" * 64})
    assert ("evidence", "erased_without_receipt") in town.tasks()


def test_another_docks_clip_is_not_this_docks_to_erase(town: Town) -> None:
    clip = town.dock.bring()
    erased = {"clip": str(clip), "receipt": "0" * 64, "seen": "erased"}
    _, verdict = Dock.of(town.world).send("clip.erased", erased)
    assert ("rejected", "/body/clip") == (verdict["verdict"], verdict["field"])


def test_a_vehicles_clip_goes_at_the_end_of_the_next_day(town: Town) -> None:
    clip = town.dock.record(camera="car-1")
    (camera,) = [one for one in town.get(town.admin, "/cameras").json() if one["pseudonym"] == "car-1"]
    assert "R4" == town.row(clip).rule
    answer = town.post(town.admin, f"/cameras/{camera['id']}/confirm", {"kind": "vehicle"})
    assert 200 == answer.status_code, answer.text
    row = town.row(clip)
    assert ("vehicle_unclassified", "R12", "no_officer") == (row.class_, row.rule, row.findings)
    kind, public = records(town, clip)[-1]
    assert ("clip.classified", "R12", format_instant(row.delete_at)) == (kind, public["rule"], public["delete_at"])
    later = town.row(town.dock.record(b"x", camera="car-1", number=2))
    assert ("vehicle_unclassified", "R12") == (later.class_, later.rule)
    again = town.post(town.admin, f"/cameras/{camera['id']}/confirm", {"kind": "bodycam"})
    assert (409, "already_done") == (again.status_code, again.json()["code"])


def test_clips_of_one_camera_by_two_docks_at_once_make_one_chain(town: Town) -> None:
    docks = [Dock.of(town.world) for _ in range(3)]

    def bring(n: int) -> None:
        for k in range(3):
            docks[n].bring(f"{n} {k}".encode(), number=10 * n + k)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(bring, range(3)))
    with town.world.sessions.begin() as session:
        publics = [
            (msgspec.json.decode(one.public), one.hash.hex())
            for one in session.execute(text("SELECT public, hash FROM log_record WHERE kind = 'clip.received'"))
        ]
        newest = session.scalars(select(CameraRow.last_receipt).where(CameraRow.pseudonym == "cam-1")).one()
    before = {public["prev_camera"] for public, _ in publics}
    hashes = {hash_ for _, hash_ in publics}
    assert (9, 9) == (len(before), len(hashes)), "no two follow the same one"
    assert before - hashes == {None}
    assert hashes - before == {newest.hex()}
