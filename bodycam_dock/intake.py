"""Steps 2 to 5 of a clip's life: copied, read back, probed, recorded (README.md, design/evidence.md 5)."""

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from msgspec.structs import replace

from bodycam_dock.book import Clip, ClipFacts, MediumFacts, OnCard
from bodycam_dock.camera import Camera
from bodycam_dock.clocks import Start, start_of
from bodycam_dock.copying import Digests, copy, digests_of, part_of, write_whole
from bodycam_dock.errors import CameraGone, CardChanged
from bodycam_dock.probe import Facts, created_at, duration_ms
from bodycam_dock.station import Station, as_wire
from sync.bodies import ClipRecorded, Subject
from sync.entry import base64url, format_instant

# design/evidence.md 3: above this the chunk list travels as a medium of its own, the entry's last.
MOST_LISTED: Final = 5 * 1024**3
PIECES_TYPE: Final = "application/vnd.streife.pieces"
_TYPES: Final = {
    "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/quicktime", "avi": "video/x-msvideo",
    "mkv": "video/x-matroska", "ts": "video/mp2t", "mts": "video/mp2t",
}  # fmt: skip


def take(station: Station, camera: Camera | None, clip: Clip, *, most_listed: int = MOST_LISTED) -> None:
    """The clip's files are in the spool and its entry in the journal; only now it is "übernommen".

    What the spool holds already is hashed again and not copied. Without a camera only that is recorded.

    Raises:
        CameraGone: the card is away before the clip was whole; no part of the file that was copied is left.
        CardChanged, SpoolFull, SpoolDamaged: see `copying.copy`.
    """
    media: list[MediumFacts] = []
    of_file: list[int | None] = []
    for index, file in enumerate(clip.facts.files):
        digests = _in_spool(station, camera, clip, index, file)
        of_file.append(None if digests is None else _place(media, digests, index, type_of(file.name)))
    chunks = base64url(media[0].pieces)
    if media[0].size > most_listed:
        index = len(clip.facts.files)
        listed = write_whole(media[0].pieces, station.path(clip, index), reserve=station.reserve)
        _place(media, listed, index, PIECES_TYPE)
        chunks = ""
    probed = station.probe(station.path(clip, 0))
    facts = replace(clip.facts, media=tuple(media), of_file=tuple(of_file))
    body = _body(station, camera, clip, facts, probed, chunks)
    with station.book.change() as change:
        change.record_clip(clip.id, facts)
        wire = [as_wire(one.sha256, one.size, one.type) for one in media]
        station.draft(change, "clip.recorded", body, *wire, id_=clip.id)
    station.record()
    station.tell("clip_taken", camera=clip.camera, seq=clip.seq)
    if "problem" in probed:
        station.tell("clip_problem", camera=clip.camera, seq=clip.seq, problem=str(probed["problem"]))


def mend(station: Station, camera: Camera, clip: Clip) -> None:
    """What the spool lost of a recorded clip is copied from the card again, byte for byte; told where something was.

    An upload that met the damage before it was mended asks for it once more, and finds nothing to do.

    Raises:
        CardChanged: the card's file is not the one that was recorded either; nothing was changed.
        CameraGone, SpoolFull, SpoolDamaged: see `copying.copy`.
    """
    is_mended = False
    for file, place in zip(clip.facts.files, clip.facts.of_file, strict=True):
        if place is None:
            continue
        medium = clip.facts.media[place]
        target = station.path(clip, medium.index)
        if target.exists() and digests_of(target).sha256 == medium.sha256:
            continue
        found = copy(
            camera.path(file.name),
            target,
            size=file.size,
            mtime_ns=file.mtime_ns,
            reserve=station.reserve,
            go_on=station.check_stop,
        )
        if found.sha256 != medium.sha256:
            raise CardChanged("the card gives other bytes than were recorded")
        is_mended = True
    if is_mended:
        station.tell("spool_mended", camera=clip.camera, seq=clip.seq)


def type_of(name: str) -> str:
    """The media type of a file by its name."""
    return _TYPES.get(PurePosixPath(name).suffix.lower().lstrip("."), "application/octet-stream")


def _place(media: list[MediumFacts], digests: Digests, index: int, type_: str) -> int:
    """Where the file stands among the entry's media; two files of the same bytes are one medium."""
    for place, medium in enumerate(media):
        if medium.sha256 == digests.sha256:
            return place
    media.append(MediumFacts(sha256=digests.sha256, size=digests.size, type=type_, pieces=digests.pieces, index=index))
    return len(media) - 1


def _in_spool(station: Station, camera: Camera | None, clip: Clip, index: int, file: OnCard) -> Digests | None:
    """The digests of a file that is whole in the spool; None for a sidecar that nobody can copy any more."""
    target = station.path(clip, index)
    part_of(target).unlink(missing_ok=True)
    if target.exists():
        return digests_of(target)
    if camera is None:
        if index == 0:
            raise CameraGone("taken out before the clip was copied")
        return None
    return copy(
        camera.path(file.name),
        target,
        size=file.size,
        mtime_ns=file.mtime_ns,
        reserve=station.reserve,
        go_on=station.check_stop,
    )


def _body(
    station: Station, camera: Camera | None, clip: Clip, facts: ClipFacts, probed: Facts, chunks: str
) -> ClipRecorded:
    start, length = _start(camera, facts, probed), duration_ms(probed)
    known = {"pre_roll_s": camera.profile.recording.pre_roll_s} if camera else {}
    return ClipRecorded(
        camera=clip.camera,
        camera_seq=clip.seq,
        file_name=facts.files[0].name,
        size=facts.media[0].size,
        sha256=facts.media[0].sha256.hex(),
        chunks=chunks,
        started_at=format_instant(start.at),
        docked_at=format_instant(facts.docked_at),
        duration_ms=length,
        camera_clock=start.clock,
        event=facts.event,
        is_marked=facts.is_marked,
        probe={**probed, **known},
        subject=Subject(type="clip", id=clip.id),
        clock=station.clock(),
    )


def _start(camera: Camera | None, facts: ClipFacts, probed: Facts) -> Start:
    """By the file's name, else by what the file says, else the end less the length."""
    claimed = facts.start
    wall = created_at(probed)
    if claimed is None and wall is not None and camera is not None:
        claimed = camera.instant(wall)
    if claimed is None:
        claimed = facts.end - timedelta(milliseconds=duration_ms(probed) or 0)
    return start_of(
        claimed,
        facts.clock,
        docked_at=facts.docked_at,
        predecessor_end=facts.predecessor_end,
        last_seen=facts.last_seen,
    )
