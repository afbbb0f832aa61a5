"""Steps 6 to 9 of a clip's life: uploaded, received, erased on the card, removed from the spool (README.md)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from bodycam_dock.book import Clip, OnCard
from bodycam_dock.camera import Camera
from bodycam_dock.copying import PIECE, piece_of
from bodycam_dock.errors import CameraGone, CardChanged, ReceiptRefused, SpoolDamaged, UploadLater
from bodycam_dock.receipts import Expected, Receipt, verified
from bodycam_dock.station import Station, card_files
from bodycam_dock.upload import Uploader
from sync.bodies import ClipErased, Subject

# The server writes the receipt within its next transactions.
RECEIPT_WAIT_S = 0.5


class MediaLine(Struct, frozen=True):
    """A row `media` of the scope `self`: what the server has of one of our files."""

    state: str
    entry: str
    sha256: str


class ClipLine(Struct, frozen=True):
    """A row `clip` of the scope `self`: until when a clip may be kept, by its class as it stands now."""

    delete_at: datetime


def deliver(station: Station, uploader: Uploader, clip: Clip) -> None:
    """Steps 6 and 7: the server has every file of the clip, and its receipts are here, verified and on disk.

    Raises:
        UploadLater: not now; the next call goes on where the server stands.
        UploadRefused, ReceiptRefused: a person is needed.
        SpoolDamaged: the spool does not hold what was recorded.
    """
    envelopes: list[bytes] = []
    for medium in clip.facts.media:
        path = station.path(clip, medium.index)
        if not path.exists():
            raise SpoolDamaged("a file of the spool is gone")
        upload = uploader.send(clip.id, medium, path, go_on=station.check_stop)
        envelope = uploader.receipt(upload)
        if envelope is None:
            raise UploadLater("no receipt yet", wait_s=RECEIPT_WAIT_S)
        envelopes.append(envelope)
    receipts = _verified(station, clip, envelopes)
    with station.book.change() as change:
        change.receive_clip(clip.id, envelopes, receipts[0].delete_at)
    station.tell("clip_received", camera=clip.camera, seq=clip.seq)


def clear(station: Station, camera: Camera, clip: Clip) -> None:
    """Step 8: the card's files of this clip are gone, and the journal says so.

    Nothing is erased unless the receipts hold, this dock is not revoked, the camera is the same, and each file is the
    one that was copied: size, time, first and last piece. What is gone already (by us, before a power cut) is recorded.

    Raises:
        ReceiptRefused, CardChanged: nothing of this clip is erased; a person is needed.
        CameraGone: the card is away.
    """
    if station.journal.state().standing != "open":
        raise ReceiptRefused("this dock is revoked or frozen")
    receipts = _verified(station, clip, clip.receipts)
    names = camera.names()
    here = [file for file in card_files(clip) if file.name in names]
    if not here and clip.facts.volume != camera.volume:
        raise CardChanged("another card is in the camera")
    for file in here:
        _compare(station, camera, clip, file)
    for file in here:
        camera.erase(file.name, size=file.size, mtime_ns=file.mtime_ns)
    if {file.name for file in here} & camera.names():
        raise CardChanged("a file that was erased is still listed")
    body = ClipErased(
        clip=UUID(clip.id),
        receipt=receipts[0].digest,
        seen="erased" if here else "after_restart",
        subject=Subject(type="clip", id=clip.id),
        clock=station.clock(),
    )
    with station.book.change() as change:
        change.clear_clip(clip.id)
        station.draft(change, "clip.erased", body)
    station.record()
    station.tell("clip_cleared", camera=clip.camera, seq=clip.seq)


def sweep(station: Station) -> None:
    """Step 9: spool files that the server holds durably are gone; none is kept after its deadline."""
    lines = [msgspec.json.decode(row.body, type=MediaLine) for row in station.journal.rows("media")]
    stored = {(line.entry, line.sha256) for line in lines if line.state == "stored"}
    rows = station.journal.rows("clip")
    deadlines = {row.id: msgspec.json.decode(row.body, type=ClipLine).delete_at for row in rows}
    for clip in station.book.clips("received", "cleared"):
        delete_at = deadlines.get(clip.id, clip.delete_at)
        is_due = delete_at is not None and station.now() >= delete_at
        is_stored = all((clip.id, medium.sha256.hex()) in stored for medium in clip.facts.media)
        if clip.is_spooled and (is_stored or is_due):
            for index in range(len(clip.facts.files) + 1):
                station.path(clip, index).unlink(missing_ok=True)
            with station.book.change() as change:
                change.unspool_clip(clip.id)
                if clip.stage == "cleared":
                    change.drop_clip(clip.id)
            station.tell("spool_removed", camera=clip.camera, seq=clip.seq)
        elif not clip.is_spooled and clip.stage == "cleared":
            with station.book.change() as change:
                change.drop_clip(clip.id)


def _verified(station: Station, clip: Clip, envelopes: Sequence[bytes]) -> list[Receipt]:
    if len(envelopes) != len(clip.facts.media) or not envelopes:
        raise ReceiptRefused("not one receipt for each file")
    source, places = station.journal.state().source, station.journal.places(clip.id)
    return [
        verified(envelope, station.server_key, Expected(source, places, index, medium.size, clip.camera, clip.seq))
        for index, (envelope, medium) in enumerate(zip(envelopes, clip.facts.media, strict=True))
    ]


def _compare(station: Station, camera: Camera, clip: Clip, file: OnCard) -> None:
    """Raises CardChanged where the card's file is not the one that was copied and received."""
    place = clip.facts.of_file[clip.facts.files.index(file)]
    if place is None:
        raise CardChanged("a sidecar was not copied")
    medium, path = clip.facts.media[place], camera.path(file.name)
    try:
        found = path.lstat()
        last = max(0, len(medium.pieces) // 32 - 1)
        pieces = [piece_of(path, at) for at in {0, last}] if medium.size else []
    except OSError as error:
        raise CameraGone(f"card cannot be read: {error.strerror}") from error
    if (found.st_size, found.st_mtime_ns) != (file.size, file.mtime_ns) or found.st_size != medium.size:
        raise CardChanged(f"size or time of a file differs: {found.st_size}, expected {file.size}")
    ours = [medium.pieces[32 * at : 32 * at + 32] for at in {0, last}] if medium.size else []
    if pieces != ours:
        raise CardChanged(f"the first or last {PIECE} bytes of a file differ")
    station.check_stop()
