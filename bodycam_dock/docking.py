"""Step 1 of a clip's life: the card is listed, its clips are numbered, and what is missing is named (README.md)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from bodycam_dock.book import CameraFacts, Change, Clip, ClipFacts, OnCard
from bodycam_dock.camera import UNKNOWN, Camera, Found
from bodycam_dock.clocks import Span, continues, measured
from bodycam_dock.counting import Cause, Count, Gap, Hole, Known, Number, Numbering, Seen, number, vanished
from bodycam_dock.station import Station
from sync.bodies import CameraClock, CameraDocked, CardFile, ClipGap, ClipGapFilled
from sync.entry import format_instant

# What a body of 64 KiB leaves for the card's listing; a longer one goes into several entries.
_LISTING_BYTES: Final = 48_000
_LISTING_FILES: Final = 2000


class Card(NamedTuple):
    """A card as it was read, before anything is made of it."""

    name: str
    clips: tuple[Found, ...]
    others: tuple[Found, ...]
    docked_at: datetime
    clock: CameraClock | None
    volume: str | None


class New(NamedTuple):
    """A file that was not listed before: its place, its event, and its clip's id."""

    found: Found
    seq: int
    event: str
    id: str
    predecessor_end: datetime | None


def dock(station: Station, camera: Camera) -> str:
    """The card's new clips wait to be copied, and the journal says what was found; returns the camera's name.

    Doing it again with the same card changes nothing but one more `camera.docked`.

    Raises:
        CameraGone: the card cannot be read.
    """
    card = _read(station, camera)
    before = station.book.camera(card.name)
    listed = station.book.clips("listed", camera=card.name)
    names = {found.name: found for found in card.clips}
    rewritten = [(clip, names[_name(clip)]) for clip in listed if _name(clip) in names and clip.key not in _keys(card)]
    gone = [clip for clip in listed if _name(clip) not in names and not station.path(clip, 0).exists()]
    known = station.book.keys(card.name) | {found.key for _, found in rewritten}
    numbering = _number(station, camera, card, before, [one for one in card.clips if one.key not in known], gone)
    new = list(_in_order(station, camera, before, card, numbering))
    gaps = [*_gaps_of(camera, gone), *numbering.gaps]
    with station.book.change() as change:
        _draft(station, change, camera, card, gaps, numbering.filled, before)
        for clip in gone:
            change.drop_clip(clip.id)
            change.drop_number(card.name, clip.seq)
        for clip, found in rewritten:
            change.drop_clip(clip.id)
            facts = replace(clip.facts, files=_files(found), start=found.start, end=found.modified_at)
            change.list_clip(clip.id, card.name, found.key, clip.seq, facts)
        for one in new:
            change.list_clip(one.id, card.name, one.found.key, one.seq, _facts(camera, card, before, one))
            change.set_number(card.name, one.seq, one.found.number or Number(one.seq), one.found.modified_at)
        change.set_camera(card.name, _moved(before, card, numbering.stands, new))
    station.record()
    _tell(station, camera, card, gaps, numbering, len(new))
    return card.name


def _read(station: Station, camera: Camera) -> Card:
    docked_at = station.now()
    readings = camera.readings(station.now, lambda: station.stop.wait(0.05))
    clips, others = camera.list()
    name = camera.pseudonym(station.server_key)
    return Card(name, tuple(clips), tuple(others), docked_at, measured(readings), camera.volume)


def _number(
    station: Station, camera: Camera, card: Card, before: CameraFacts, new: Sequence[Found], gone: Sequence[Clip]
) -> Numbering:
    counter = camera.profile.counter
    if counter is None:
        return _in_order_of_writing(before.count, new)
    numbers = station.book.numbers(card.name)
    raws = {known.seq: number for number, known in numbers.items()}
    missing = {clip.seq for clip in gone}
    holes = [
        Hole(first=seq, last=seq, raw=raws[seq].raw, after=None, before=card.docked_at + timedelta(days=1))
        for seq in sorted(missing)
        if seq in raws and not raws[seq].part
    ]
    count = before.count and replace(before.count, holes=(*before.count.holes, *holes))
    still_known: Mapping[Number, Known] = {raw: known for raw, known in numbers.items() if known.seq not in missing}
    cause: Cause = "unknown"
    if before.volume not in {None, card.volume}:
        cause = "card_changed"
    elif camera.profile.recording.overwrites_oldest:
        cause = "overwritten"
    seen = [Seen(found.key, found.number or Number(0), found.modified_at) for found in new]
    return number(count, still_known, seen, counter, cause=cause)


def _in_order_of_writing(count: Count | None, new: Sequence[Found]) -> Numbering:
    """Nobody said how this model counts: places in the order the files were written, without gaps."""
    first = count.seq if count else 0
    ordered = sorted(new, key=lambda found: (found.modified_at, found.name))
    seqs = {found.key: first + place for place, found in enumerate(ordered, 1)}
    if not ordered:
        return Numbering(seqs, (), (), count)
    last = first + len(ordered)
    return Numbering(seqs, (), (), Count(seq=last, raw=last, part=0, at=ordered[-1].modified_at))


def _in_order(station: Station, camera: Camera, before: CameraFacts, card: Card, numbering: Numbering) -> Iterator[New]:
    """The new files by their places; those that one recording was split into share an event."""
    previous = event = None
    if before.last_seq is not None and before.last_end is not None:
        previous, event = Span(before.last_seq, before.last_end, before.last_end), before.last_event
    tolerance = timedelta(milliseconds=camera.profile.recording.tolerance_ms)
    of_place = sorted(
        (found for found in card.clips if found.key in numbering.seqs), key=lambda f: numbering.seqs[f.key]
    )
    for found in of_place:
        seq, id_ = numbering.seqs[found.key], station.new_id()
        follows = previous is not None and seq == previous.seq + 1
        span = Span(seq, found.start, found.modified_at) if found.start else None
        if event is None or span is None or not continues(previous, span, tolerance):
            event = id_
        yield New(found, seq, event, id_, previous.end if previous and follows else None)
        previous = span or Span(seq, found.modified_at, found.modified_at)


def _facts(camera: Camera, card: Card, before: CameraFacts, new: New) -> ClipFacts:
    return ClipFacts(
        files=_files(new.found),
        docked_at=card.docked_at,
        start=new.found.start,
        end=new.found.modified_at,
        predecessor_end=new.predecessor_end,
        last_seen=before.last_seen,
        clock=card.clock,
        event=new.event,
        is_marked=new.found.is_marked,
        erases=camera.profile.erase.how == "unlink",
        volume=card.volume,
    )


def _moved(before: CameraFacts, card: Card, stands: Count | None, new: Sequence[New]) -> CameraFacts:
    last = max(new, key=lambda one: one.seq, default=None)
    if last is None or (before.last_seq is not None and last.seq <= before.last_seq):
        return replace(before, count=stands, last_seen=card.docked_at, volume=card.volume)
    return CameraFacts(
        count=stands,
        last_seen=card.docked_at,
        volume=card.volume,
        last_seq=last.seq,
        last_end=last.found.modified_at,
        last_event=last.event,
    )


def _gaps_of(camera: Camera, gone: Iterable[Clip]) -> Iterator[Gap]:
    """Clips that were listed once and left the card before they could be copied."""
    cause: Cause = "overwritten" if camera.profile.recording.overwrites_oldest else "deleted_on_camera"
    for first, last in vanished(clip.seq for clip in gone):
        yield Gap(first, last, cause)


def _draft(
    station: Station,
    change: Change,
    camera: Camera,
    card: Card,
    gaps: Iterable[Gap],
    filled: Iterable[int],
    before: CameraFacts,
) -> None:
    for part in _listings(card):
        docked = CameraDocked(
            camera=card.name,
            serial=camera.serial,
            model=f"{camera.profile.maker} {camera.profile.model}",
            profile=camera.profile.name,
            files=part,
            docked_at=format_instant(card.docked_at),
            camera_clock=card.clock,
            clock=station.clock(),
        )
        station.draft(change, "camera.docked", docked)
    seen = None if before.last_seen is None else format_instant(before.last_seen)
    for gap in gaps:
        body = ClipGap(camera=card.name, first=gap.first, last=gap.last, last_seen=seen, cause=gap.cause)
        station.draft(change, "clip.gap", body)
    for seq in filled:
        station.draft(change, "clip.gap_filled", ClipGapFilled(camera=card.name, camera_seq=seq))


def _listings(card: Card) -> Iterator[tuple[CardFile, ...]]:
    """Everything on the card, in as many parts as bodies need; one, empty, for an empty card."""
    part: list[CardFile] = []
    size = 0
    for found in sorted((*card.clips, *(s for c in card.clips for s in c.sidecars), *card.others), key=_path):
        one = CardFile(name=found.name, size=found.size, modified_at=format_instant(found.modified_at))
        length = len(msgspec.json.encode(one)) + 1
        if part and (size + length > _LISTING_BYTES or len(part) == _LISTING_FILES):
            yield tuple(part)
            part, size = [], 0
        part.append(one)
        size += length
    yield tuple(part)


def _tell(station: Station, camera: Camera, card: Card, gaps: Iterable[Gap], numbering: Numbering, new: int) -> None:
    station.tell("camera_docked", camera=card.name, files=len(card.clips), new=new)
    if camera.profile.name == UNKNOWN:
        station.tell("camera_unknown", camera=card.name)
    if card.others:
        station.tell("files_left", camera=card.name, number=len(card.others))
    if card.clock is not None and card.clock.state == "off":
        station.tell("clock_off", camera=card.name, seconds=card.clock.difference_ms // 1000)
    for gap in gaps:
        station.tell("gap", camera=card.name, first=gap.first, last=gap.last, cause=gap.cause)
    for seq in numbering.filled:
        station.tell("gap_filled", camera=card.name, seq=seq)


def _files(found: Found) -> tuple[OnCard, ...]:
    return tuple(OnCard(name=one.name, size=one.size, mtime_ns=one.mtime_ns) for one in (found, *found.sidecars))


def _keys(card: Card) -> set[str]:
    return {found.key for found in card.clips}


def _name(clip: Clip) -> str:
    return clip.facts.files[0].name


def _path(found: Found) -> str:
    return found.name
