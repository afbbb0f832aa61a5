"""From the card to the receipt and back to an empty card, with the dock as a process."""

import os
import random
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import pytest

from backend.local.clips import CameraCard, make_clip
from sync.envelope import envelope, sign
from sync.exchange import Stop
from sync.keys import SourceKey
from tests.bodycam_dock.conftest import Dock, fill
from tests.bodycam_dock.town import DockTown, canonical

pytestmark = pytest.mark.slow


def events(told: list[dict], name: str) -> list[dict]:
    return [one for one in told if one["event"] == name]


def digests(paths: list[Path]) -> set[str]:
    return {sha256(path.read_bytes()).hexdigest() for path in paths}


def test_six_clips_are_received_and_only_then_erased(dock: Dock, town, card) -> None:
    originals = digests(fill(card, 6))
    code, told = dock.once()
    assert 0 == code, told
    recorded = town.bodies("clip.recorded")
    assert originals == {body["sha256"] for body in recorded}
    assert all(town.content(digest) is not None for digest in originals)
    assert [1, 2, 3, 4, 5, 6] == sorted(body["camera_seq"] for body in recorded)
    assert 6 == len(town.bodies("clip.erased"))
    assert [] == card.clips()
    assert [] == list((dock.state / "spool").iterdir())
    assert [] == town.bodies("clip.gap")
    assert 6 == len(events(told, "clip_taken")) == len(events(told, "clip_cleared"))
    assert {1000} == {body["duration_ms"] for body in recorded}


def test_a_second_start_needs_no_code_and_another_server_is_refused(dock: Dock, town, card) -> None:
    dock.once()
    dock.code = "B" * 22
    fill(card, 1)
    assert 0 == dock.once()[0]
    assert [] == card.clips()
    done = run(dock, address="http://127.0.0.1:9")
    assert "angemeldet" in done.stderr


def run(dock: Dock, *more: str, address: str = "", allow: bool = True):
    command = dock.command("--once", *more)
    if address:
        command[command.index("--server") + 1] = address
    if not allow:
        command.remove("--allow-unencrypted")
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_an_unencrypted_volume_is_refused_with_what_was_looked_at(dock: Dock) -> None:
    done = run(dock, allow=False)
    assert 1 == done.returncode
    assert "nicht nachweislich verschlüsselt" in done.stderr
    assert "Geprüft: " in done.stderr
    assert not (dock.state / "journal.sqlite").exists()


def test_a_wrong_code_is_said_and_nothing_is_recorded(dock: Dock) -> None:
    dock.code = "B" * 22
    done = run(dock)
    assert 1 == done.returncode
    assert "nimmt die Anmeldung nicht an" in done.stderr
    assert not (dock.state / "journal.sqlite").exists()


@pytest.mark.parametrize(
    "forgery",
    ["other key", "other key under the town's name", "another clip's", "another kind", "replayed", "rubbish", "empty"],
)
def test_no_card_is_cleared_against_a_receipt_that_does_not_hold(
    dock: Dock, town: DockTown, card, forgery: str
) -> None:
    """Each clip's receipt is forged in turn; with true ones afterwards the same dock clears the card."""
    other, first = SourceKey.generate(), []

    def forge(public: dict[str, object]) -> dict[str, object] | bytes:
        first.append(public)
        payload = canonical(public)
        match forgery:
            case "other key":
                payload = canonical(public | {"keyid": other.spki_sha256.hex()})
                return envelope(payload, other.spki_sha256, sign(other, payload))
            case "other key under the town's name":
                return envelope(payload, town.key.spki_sha256, sign(other, payload))
            case "another clip's":
                return public | {"entry_hash": "11" * 32}
            case "another kind":
                return public | {"kind": "clip.classified"}
            case "replayed":
                return public if len(first) == 1 else first[0]
            case "empty":
                return b""
        return random.Random(1).randbytes(300)

    town.forge = forge
    paths = fill(card, 2)
    card_before = {path: path.read_bytes() for path in paths}
    with dock.start() as process:
        wait_for(lambda: len([u for u in town.uploads.values() if u.receipt is not None]) == 2, 60)
        time.sleep(2)
        process.kill()
    left = {path: path.read_bytes() for path in paths if path.exists()}
    true = 1 if forgery == "replayed" else 0
    assert 2 - true == len(left)
    assert left.items() <= card_before.items()
    assert true == len(town.bodies("clip.erased"))
    for upload in town.uploads.values():
        payload = canonical(town.receipt_of(upload))
        upload.receipt = envelope(payload, town.key.spki_sha256, sign(town.key, payload))
    assert 0 == dock.once()[0]
    assert [] == card.clips()


def test_a_revoked_dock_erases_nothing(dock: Dock, town: DockTown, card) -> None:
    """The receipts are here, the camera comes back after the revocation."""
    paths = fill(card, 2)
    hidden = card.folder.with_name("away")
    with dock.start() as process:
        wait_for(lambda: len(town.bodies("clip.recorded")) == 2, 60)
        card.folder.rename(hidden)
        wait_for(lambda: all(u.receipt for u in town.uploads.values()), 60)
        time.sleep(1)
        process.kill()
    kept = [hidden / path.relative_to(card.folder) for path in paths]
    left = digests([path for path in kept if path.exists()])
    assert town.town is not None
    town.town.revoked = Stop(code="revoked", since="2026-03-14T21:07:33.125Z", reason="lost")
    with dock.start() as process:
        time.sleep(2)
        hidden.rename(card.folder)
        time.sleep(3)
        process.kill()
    assert left == digests(list(card.clips()))


def wait_for(condition, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)


def test_empty_cut_and_meaningless_files_are_taken_and_the_probe_says_it(dock: Dock, town, card, tmp_path) -> None:
    make_clip(tmp_path / "whole.mp4", seed=5)
    whole = (tmp_path / "whole.mp4").read_bytes()
    now = datetime.now(UTC)
    contents = [b"", whole[: len(whole) * 6 // 10], random.Random(3).randbytes(5_000_000), whole]
    for n, content in enumerate(contents):
        card.record(now - timedelta(minutes=60 - 10 * n), content=content)
    card.set_clock(now)
    code, _ = dock.once()
    assert 0 == code
    found = {body["camera_seq"]: body["probe"].get("problem") for body in town.bodies("clip.recorded")}
    assert "empty" == found[1]
    assert str(found[2]).startswith("unreadable")
    assert str(found[3]).startswith("unreadable")
    assert found[4] is None
    assert [] == card.clips()
    for content in contents:
        assert content == town.content(sha256(content).hexdigest())


def test_sidecars_are_media_of_the_same_entry_and_go_with_their_clip(dock: Dock, town, card) -> None:
    card.record(datetime.now(UTC) - timedelta(minutes=5), gps=True)
    (card.folder / "DCIM" / "liesmich.pdf").write_bytes(b"%PDF")
    originals = [path.read_bytes() for path in card.clips() if path.suffix != ".pdf"]
    code, told = dock.once()
    assert 0 == code, told
    (entry,) = [one for one in town.entries if one.kind == "clip.recorded"]
    assert {sha256(data).hexdigest() for data in originals} == {one.sha256 for one in entry.media}
    assert all(data == town.content(sha256(data).hexdigest()) for data in originals)
    assert ["liesmich.pdf"] == [path.name for path in card.clips()]
    assert [1] == [one["number"] for one in events(told, "files_left")]


def test_a_sidecar_without_a_receipt_keeps_its_clip_on_the_card(dock: Dock, town, card) -> None:
    town.forge = lambda public: public if public["size"] > 1000 else b"{}"
    card.record(datetime.now(UTC) - timedelta(minutes=5), gps=True)
    with dock.start() as process:
        wait_for(lambda: len(town.uploads) == 2 and all(u.receipt for u in town.uploads.values()), 60)
        time.sleep(2)
        process.kill()
    assert 2 == len(card.clips())


def test_missing_numbers_are_gaps_and_a_late_find_fills_one(dock: Dock, town, card) -> None:
    paths = fill(card, 5)
    late = paths[2].with_suffix(".away")
    paths[2].rename(late)
    assert 0 == dock.once()[0]
    (gap,) = town.bodies("clip.gap")
    assert (3, 3, "unknown") == (gap["first"], gap["last"], gap["cause"])
    late.rename(paths[2])
    assert 0 == dock.once()[0]
    assert [3] == [body["camera_seq"] for body in town.bodies("clip.gap_filled")]
    assert [1, 2, 3, 4, 5] == sorted(body["camera_seq"] for body in town.bodies("clip.recorded"))


def test_a_wrap_is_no_gap_and_a_reset_is_one(dock: Dock, town, card) -> None:
    card.number = 9999
    fill(card, 2)
    assert 0 == dock.once()[0]
    assert [] == town.bodies("clip.gap")
    assert [9999, 10000] == sorted(body["camera_seq"] for body in town.bodies("clip.recorded"))
    card.number = 1
    card.record(datetime.now(UTC) - timedelta(minutes=1))
    assert 0 == dock.once()[0]
    (gap,) = town.bodies("clip.gap")
    assert (10001, 10001, "formatted") == (gap["first"], gap["last"], gap["cause"])


def test_what_was_listed_and_left_the_card_uncopied_was_deleted_on_the_camera(dock: Dock, town, card) -> None:
    """The spool has no room, so the clips are listed only; then one is deleted on the camera."""
    paths = fill(card, 3)
    dock.options = ["--reserve", str(2**50)]
    with dock.start() as process:
        wait_for(lambda: len(town.bodies("camera.docked")) == 1, 60)
        process.terminate()
        told = [msgspec.json.decode(line) for line in process.communicate()[0].splitlines()]
    assert [] == town.bodies("clip.recorded")
    assert "SPEICHER DER DOCKSTATION IST VOLL" in events(told, "spool_full")[0]["why"]
    assert 3 == len(card.clips())
    paths[1].unlink()
    dock.options = []
    assert 0 == dock.once()[0]
    (gap,) = town.bodies("clip.gap")
    assert (2, 2, "deleted_on_camera") == (gap["first"], gap["last"], gap["cause"])


def test_files_of_one_recording_share_an_event(dock: Dock, town, card) -> None:
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for offset in (0, 2, 4, 60):
        card.record(begin + timedelta(seconds=offset), seconds=2)
    card.set_clock(datetime.now(UTC))
    assert 0 == dock.once()[0]
    found = {body["camera_seq"]: body["event"] for body in town.bodies("clip.recorded")}
    assert found[1] == found[2] == found[3] != found[4]


@pytest.mark.parametrize("drift_s", [0, 3600, -86400 * 30])
def test_a_clip_starts_when_it_did_whatever_the_cameras_clock_says(dock: Dock, town, card, drift_s: int) -> None:
    card.drift = timedelta(seconds=drift_s)
    true = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    card.record(true)
    card.set_clock(datetime.now(UTC))
    assert 0 == dock.once()[0]
    (body,) = town.bodies("clip.recorded")
    # The camera's display stands still from `set_clock` on until the dock has read it.
    assert abs(datetime.fromisoformat(body["started_at"]) - true) < timedelta(seconds=30)
    assert ("off" if drift_s else "good") == body["camera_clock"]["state"]


def test_a_clock_that_was_never_set_counts_from_the_last_docking(dock: Dock, town, card) -> None:
    fill(card, 1)
    assert 0 == dock.once()[0]
    docked = datetime.fromisoformat(town.bodies("camera.docked")[-1]["docked_at"])
    card.record(datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
    assert 0 == dock.once()[0]
    body = town.bodies("clip.recorded")[-1]
    assert "unusable" == body["camera_clock"]["state"]
    assert docked == datetime.fromisoformat(body["started_at"])
    assert [] == town.bodies("clip.gap")


def test_an_unknown_model_is_copied_and_nothing_on_it_is_erased(dock: Dock, town, tmp_path) -> None:
    folder = tmp_path / "stick"
    folder.mkdir()
    make_clip(folder / "video.mp4", seed=9)
    (folder / "notes.txt").write_text("x")
    dock.cameras = [folder]
    code, told = dock.once()
    assert 0 == code, told
    assert 1 == len(town.bodies("clip.recorded"))
    assert ["notes.txt", "video.mp4"] == sorted(path.name for path in folder.iterdir())
    assert events(told, "camera_unknown")
    assert 0 == dock.once()[0]
    assert 1 == len(town.bodies("clip.recorded")), "taken once"


def test_a_card_file_that_changed_after_it_was_copied_stays(dock: Dock, town: DockTown, card) -> None:
    (path,) = fill(card, 1)
    state = path.stat()

    def change(public: dict[str, object]) -> dict[str, object]:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        return public

    town.forge = change
    with dock.start() as process:
        wait_for(lambda: any(u.receipt for u in town.uploads.values()), 60)
        time.sleep(2)
        process.terminate()
        told = [msgspec.json.decode(line) for line in process.communicate()[0].splitlines()]
    assert path.exists()
    assert [] == town.bodies("clip.erased")
    assert events(told, "clip_kept")


def test_another_camera_in_the_same_slot_loses_nothing_to_the_first_ones_receipts(
    dock: Dock, town, card, tmp_path
) -> None:
    """Same names, same sizes, same times, another serial: the receipts of one camera clear no other."""
    town.forge = lambda public: b"later"
    paths = fill(card, 1)
    with dock.start() as process:
        wait_for(lambda: any(u.receipt for u in town.uploads.values()), 60)
        process.kill()
    (card.folder / "SYSTEM" / "SERIAL.TXT").write_text("TK-0002\n")
    for upload in town.uploads.values():
        payload = canonical(town.receipt_of(upload))
        upload.receipt = envelope(payload, town.key.spki_sha256, sign(town.key, payload))
    with dock.start() as process:
        wait_for(lambda: len(town.bodies("clip.recorded")) == 2, 60)
        time.sleep(2)
        process.kill()
    assert paths[0].exists()
    assert [] == town.bodies("clip.erased")


def test_marked_clips_go_first(dock: Dock, town, card) -> None:
    fill(card, 3)
    card.record(datetime.now(UTC) - timedelta(minutes=2), marked=True)
    assert 0 == dock.once()[0]
    assert [True, False, False, False] == [body["is_marked"] for body in town.bodies("clip.recorded")]


def test_two_cameras_are_told_apart(dock: Dock, town, card, tmp_path) -> None:
    second = CameraCard(tmp_path / "second", serial="TK-0002", seed=2)
    fill(card, 2)
    fill(second, 2)
    dock.cameras.append(second.folder)
    assert 0 == dock.once()[0]
    assert 2 == len({body["camera"] for body in town.bodies("clip.recorded")})
    assert [] == card.clips() == second.clips()


def test_a_camera_taken_out_before_its_clip_was_whole_is_said_and_forgotten(dock: Dock, town, card) -> None:
    card.record(datetime.now(UTC) - timedelta(minutes=9), content=random.Random(4).randbytes(200_000_000))
    card.set_clock(datetime.now(UTC))
    hidden = card.folder.with_name("away")
    with dock.start() as process:
        wait_for(lambda: list((dock.state / "spool").glob("*.part")), 60)
        shutil.move(card.folder, hidden)
        for path in (hidden / "DCIM").iterdir():
            os.truncate(path, 1000)  # what the kernel has open ends here, as with a card that is gone
        wait_for(lambda: not list((dock.state / "spool").glob("*.part")), 60)
        process.terminate()
        told = [msgspec.json.decode(line) for line in process.communicate()[0].splitlines()]
    assert events(told, "clip_not_taken")
    assert [] == list((dock.state / "spool").iterdir())
    assert [] == town.bodies("clip.recorded")


def test_the_spool_keeps_nothing_beyond_its_deadline(dock: Dock, town: DockTown, card) -> None:
    """The server never says that it stored the file; the receipt's deadline ends the wait."""
    town.tells_stored, town.lives = False, timedelta(seconds=4)
    fill(card, 1)
    assert 0 == dock.once()[0]
    assert [] == list((dock.state / "spool").iterdir())


def test_until_the_server_says_stored_the_spool_keeps_the_clip(dock: Dock, town: DockTown, card) -> None:
    town.tells_stored = False
    fill(card, 1)
    with dock.start() as process:
        wait_for(lambda: town.bodies("clip.erased"), 60)
        time.sleep(1)
        process.kill()
    assert 1 == len(list((dock.state / "spool").iterdir()))
    for upload in town.uploads.values():
        town.tell_stored(upload)
    assert 0 == dock.once()[0]
    assert [] == list((dock.state / "spool").iterdir())


def test_two_docks_on_one_folder_do_not_work(dock: Dock, town, card) -> None:
    with dock.start() as process:
        wait_for((dock.state / "book.sqlite").exists, 60)
        done = run(dock)
        process.kill()
    assert 1 == done.returncode
    assert "läuft schon" in done.stderr


@pytest.mark.parametrize("damage", ["gone", "short", "rotten"])
def test_a_spool_file_that_is_damaged_is_copied_from_the_card_again(dock: Dock, town, card, damage: str) -> None:
    paths = fill(card, 2)
    originals = digests(paths)
    town.faults = [lambda town, request, serve: httpx.Response(503)] * 200
    with dock.start() as process:
        wait_for(lambda: len(town.bodies("clip.recorded")) == 2, 60)
        process.kill()
    town.faults.clear()
    spooled = min((dock.state / "spool").iterdir())
    match damage:
        case "gone":
            spooled.unlink()
        case "short":
            os.truncate(spooled, 100)
        case "rotten":
            data = bytearray(spooled.read_bytes())
            data[len(data) // 2] ^= 1
            spooled.write_bytes(data)
    code, told = dock.once()
    assert 0 == code, told
    assert 1 == len(events(told, "spool_mended"))
    assert all(town.content(digest) is not None for digest in originals)
    assert [] == card.clips()
