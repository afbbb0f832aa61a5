"""Step 8 by itself: what must be right at the moment of erasing, each thing wrong in turn."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.local.clips import CameraCard
from bodycam_dock import delivery, docking, intake
from bodycam_dock.book import Book, Clip
from bodycam_dock.camera import Camera, look, profiles_known
from bodycam_dock.errors import CameraGone, CardChanged, ReceiptRefused
from bodycam_dock.saying import Said
from bodycam_dock.station import Station
from sync.entry import format_instant
from sync.envelope import envelope, sign
from sync.journal import Journal
from sync.keys import SourceKey
from tests.bodycam_dock.town import canonical
from tests.sync.samples import SOURCE

KEY = SourceKey.generate()


class Desk:
    """A dock without a loop or a network: one clip, received."""

    def __init__(self, folder: Path) -> None:
        self.card = CameraCard(folder / "camera", serial="TK-0001", seed=1)
        self.path = self.card.record(datetime.now(UTC) - timedelta(minutes=5), content=b"film" * 1000).path
        self.card.set_clock(datetime.now(UTC))
        self.before = self.states()
        spool = folder / "spool"
        spool.mkdir()
        self.said: list[Said] = []
        journal = Journal.create(folder / "journal", SOURCE, 1, SourceKey.generate().spki_sha256)
        self.station = Station(Book(folder / "book"), journal, spool, KEY.spki, self.said.append, reserve=0)
        camera = look(self.card.folder, profiles_known())
        assert camera is not None
        self.camera: Camera = camera
        name = docking.dock(self.station, camera)
        intake.take(self.station, camera, *self.station.book.clips("listed", camera=name))
        (recorded,) = self.station.book.clips("recorded")
        with self.station.book.change() as change:
            change.receive_clip(recorded.id, [self.receipt(recorded)], datetime.now(UTC) + timedelta(days=14))

    def states(self) -> dict[str, tuple[int, int, int]]:
        """Size, time of writing and time of any change of each file on the card."""
        files = [path for path in self.card.folder.rglob("*") if path.is_file()]
        return {path.name: (s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path in files for s in [path.stat()]}

    @property
    def clip(self) -> Clip:
        (clip,) = self.station.book.clips("received")
        return clip

    def receipt(self, clip: Clip, **changes: object) -> bytes:
        (place,) = self.station.journal.places(clip.id)
        now = format_instant(datetime.now(UTC))
        public = {
            "kind": "clip.received", "v": 1, "keyid": KEY.spki_sha256.hex(), "source": SOURCE,
            "incarnation": place.incarnation, "seq": place.seq, "entry_hash": place.hash.hex(),
            "media": place.media[0], "size": clip.facts.media[0].size, "camera": clip.camera,
            "camera_seq": clip.seq, "delete_at": now, "stored_at": now,
        }  # fmt: skip
        payload = canonical(public | changes)
        return envelope(payload, KEY.spki_sha256, sign(KEY, payload))

    def clear(self) -> None:
        delivery.clear(self.station, self.camera, self.clip)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.station.journal.entries()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_with_everything_right_the_file_goes_and_the_journal_says_so(desk: Desk) -> None:
    desk.clear()
    assert not desk.path.exists()
    assert "clip.erased" == desk.kinds()[-1]
    assert [] == desk.station.book.clips("received")


@pytest.mark.parametrize("standing", ["revoked", "frozen"])
def test_a_dock_that_is_revoked_or_frozen_erases_nothing(desk: Desk, standing: str) -> None:
    if standing == "revoked":
        desk.station.journal.revoke("2026-03-14T21:07:33.125Z", "lost")
    else:
        desk.station.journal.freeze("fork", 1)
    with pytest.raises(ReceiptRefused):
        desk.clear()
    assert desk.path.exists()


@pytest.mark.parametrize("serial", ["TK-0002\n", "", None])
def test_another_camera_or_none_loses_nothing(desk: Desk, serial: str | None) -> None:
    file = desk.card.folder / "SYSTEM" / "SERIAL.TXT"
    if serial is None:
        file.unlink()
    else:
        file.write_text(serial)
    with pytest.raises(CameraGone):
        desk.clear()
    assert desk.path.exists()
    assert "clip.erased" not in desk.kinds()


def test_a_camera_that_is_exchanged_between_comparing_and_erasing_loses_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = delivery._compare

    def exchange(*args) -> None:
        real(*args)
        (desk.card.folder / "SYSTEM" / "SERIAL.TXT").write_text("TK-0002\n")

    monkeypatch.setattr(delivery, "_compare", exchange)
    with pytest.raises(CameraGone):
        desk.clear()
    assert desk.path.exists()


def test_a_receipt_that_was_changed_on_our_own_disk_clears_nothing(desk: Desk) -> None:
    clip = desk.clip
    for changes in ({"size": 1}, {"camera_seq": 99}, {"entry_hash": "00" * 32}):
        with pytest.raises(ReceiptRefused):
            delivery.clear(desk.station, desk.camera, clip._replace(receipts=(desk.receipt(clip, **changes),)))
    with pytest.raises(ReceiptRefused):
        delivery.clear(desk.station, desk.camera, clip._replace(receipts=()))
    assert desk.path.exists()


def test_a_file_that_is_gone_is_recorded_as_seen_after_a_restart(desk: Desk) -> None:
    desk.path.unlink()
    desk.clear()
    assert "clip.erased" == desk.kinds()[-1]


def test_another_card_in_the_same_camera_does_not_count_as_erased(desk: Desk) -> None:
    desk.path.unlink()
    (desk.card.folder / "SYSTEM" / "CARD.TXT").write_text("B\n")
    with pytest.raises(CardChanged):
        desk.clear()
    assert "clip.erased" not in desk.kinds()


def test_a_card_that_cannot_be_listed_clears_nothing(desk: Desk) -> None:
    (desk.card.folder / "DCIM").rename(desk.card.folder / "gone")
    with pytest.raises(CameraGone):
        desk.clear()
    assert "clip.erased" not in desk.kinds()


def test_the_card_is_only_read_until_it_is_cleared(desk: Desk) -> None:
    """Docked, copied, probed, recorded and received: every file is as it was, to the nanosecond."""
    assert desk.before == desk.states()
    (spooled,) = desk.station.spool.iterdir()
    assert desk.path.read_bytes() == spooled.read_bytes()


def test_a_spool_file_is_mended_once_and_told_once_however_often_it_is_asked_for(desk: Desk) -> None:
    spooled = desk.station.path(desk.clip, 0)
    spooled.write_bytes(spooled.read_bytes()[:100])
    for _ in range(2):
        intake.mend(desk.station, desk.camera, desk.clip)
    assert desk.path.read_bytes() == spooled.read_bytes()
    assert ["spool_mended"] == [said.event for said in desk.said if said.event == "spool_mended"]
