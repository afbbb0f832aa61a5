"""What goes into a package, read in one transaction: records, headers, proofs, keys, and where the originals lie.

Only what the case needs and what the verifier needs to follow it: of the asked clips the originals and their bodies;
of every other number that their cameras counted between them the public records; of the docks' journals the headers
from the first entry shown to the seal that covers the last.
"""

from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from backend.evidence import package
from backend.evidence.cases import bar_of
from backend.evidence.export_tables import CaseRow, ExportItemRow, ExportRow
from backend.evidence.export_wire import Outcome
from backend.evidence.rules import Bar, today
from backend.evidence.tables import ClipMediaRow, ClipRow, GapFilledRow, GapRow
from backend.evidence.wire import ClipState
from backend.exchange.storing import admitted_record
from backend.exchange.tables import JournalEffectRow, JournalEntryRow, JournalPrivateRow, JournalSealRow
from backend.identity.tables import SourceKeyRow, TownRow
from backend.log import queries as log
from backend.log import rules as tree
from backend.log.tables import CheckpointRow, LeafRow, RecordRow
from backend.media import service as media
from backend.media.storage import Folder
from sync.entry import HASH_SIZE, Entry, format_instant, format_recorded_at, header

#: Why a clip is not part of the package, for whoever reads it.
_REASONS: Final = {
    Bar.AWAITING_MEDIA: "noch nicht übertragen",
    Bar.UNCLASSIFIED: "nicht eingeordnet",
    Bar.QUARANTINED: "gesperrt",
    Bar.NOT_REVIEWED: "noch nicht gesichtet",
    Bar.GONE: "wird gerade gelöscht",
}
#: Values in one IN.
_AT_ONCE: Final = 1000
_T = TypeVar("_T")


class Gathered(NamedTuple):
    """A package's parts, and what its release says about the clips that were asked for."""

    parts: package.Parts
    outcomes: dict[UUID, Outcome]
    items: list[dict[str, str]]


class NotLogged(Exception):
    """Something that belongs into the package is not in a published checkpoint yet; soon it is."""


def gather(session: Session, folder: Folder, export: ExportRow, root: bytes, *, now: datetime) -> Gathered:
    """Everything for the package, but for its release.

    Raises:
        NotLogged: the sequencer has not come to a record of it yet.
    """
    case = session.get_one(CaseRow, (export.town, export.case_id))
    town = session.get_one(TownRow, export.town)
    wanted = _wanted(session, export.id)
    near = _near(session, wanted)
    outcomes = {clip.id: _outcome(clip) for clip in wanted}
    gap_ids = _gaps(session, wanted)
    entries = _entries(session, [(clip.source, clip.id) for clip in near] + gap_ids)
    shown = [one for one in entries if one.id in outcomes or (one.source, one.id) in set(gap_ids)]
    disclosed = [one for one in shown if outcomes.get(one.id, Outcome.ORIGINAL) is Outcome.ORIGINAL]
    journals = [_journal(session, of, list(own)) for of, own in _by_journal(shown)]
    sources = {(one.source, one.incarnation) for one in entries}
    subjects = [str(clip.id) for clip in near] + [str(case.id), str(export.id)]
    statements = _statements(session, sources)
    records = [_signed(row) for row in _records(session, subjects)]
    records += [package.Logged(-1, _admitted(one)) for one in entries]
    size, checkpoint, records, statements = _placed(session, records, statements)
    originals = list(_originals(session, folder, wanted, outcomes))
    parts = package.Parts(
        package=export.id,
        aktenzeichen=case.aktenzeichen,
        town=town.name,
        recipient=export.recipient,
        built_on=today(now).isoformat(),
        root=root,
        keys=statements,
        records=records,
        journals=journals,
        private=list(_private(session, disclosed)),
        proofs=_proofs(session, [one.record for one in statements] + records, size),
        checkpoint=checkpoint,
        size=size,
        older=_older(session, size),
        originals=originals,
    )
    return Gathered(parts, outcomes, _items(wanted, outcomes, {one.item: one.name for one in originals}))


# ---- clips and gaps


def _wanted(session: Session, export: UUID) -> list[ClipRow]:
    row = ExportItemRow
    return list(
        session.scalars(
            select(ClipRow)
            .join(row, and_(row.town == ClipRow.town, row.clip == ClipRow.id))
            .where(row.export == export)
            .order_by(row.number)
        )
    )


def _outcome(clip: ClipRow) -> Outcome:
    if clip.state == ClipState.DELETED:
        return Outcome.DELETED
    return Outcome.WITHHELD if bar_of(clip) is not None else Outcome.ORIGINAL


def _items(wanted: Iterable[ClipRow], outcomes: dict[UUID, Outcome], names: dict[UUID, str]) -> list[dict[str, str]]:
    items = []
    for clip in wanted:
        item = {"item": str(clip.id), "state": str(outcomes[clip.id])}
        if clip.id in names:
            item["file"] = names[clip.id]
        bar = bar_of(clip)
        if outcomes[clip.id] is Outcome.WITHHELD and bar is not None:
            item["reason"] = _REASONS[bar]
        items.append(item)
    return items


def _spans(wanted: Iterable[ClipRow]) -> dict[str, tuple[int, int]]:
    """Of each camera the lowest and the highest number that was asked for."""
    spans: dict[str, tuple[int, int]] = {}
    for clip in wanted:
        low, high = spans.get(clip.camera, (clip.camera_seq, clip.camera_seq))
        spans[clip.camera] = min(low, clip.camera_seq), max(high, clip.camera_seq)
    return spans


def _near(session: Session, wanted: Sequence[ClipRow]) -> list[ClipRow]:
    """The clips of the same cameras from the first to the last number, the asked ones among them."""
    within = [
        and_(ClipRow.camera == camera, ClipRow.camera_seq.between(*span)) for camera, span in _spans(wanted).items()
    ]
    return list(session.scalars(select(ClipRow).where(or_(*within)).order_by(ClipRow.received_at, ClipRow.id)))


def _gaps(session: Session, wanted: Sequence[ClipRow]) -> list[tuple[UUID, UUID]]:
    """Source and id of the entries about numbers between that no dock saw, and about those that turned up."""
    found: list[tuple[UUID, UUID]] = []
    for camera, (low, high) in _spans(wanted).items():
        gaps = select(GapRow.source, GapRow.id).where(GapRow.camera == camera, GapRow.first <= high, GapRow.last >= low)
        found += [(row.source, row.id) for row in session.execute(gaps)]
        filled = select(GapFilledRow.id).where(
            GapFilledRow.camera == camera, GapFilledRow.camera_seq.between(low, high)
        )
        effect = JournalEffectRow
        found += [
            (row.source, row.id)
            for row in session.execute(select(effect.source, effect.id).where(effect.id.in_(filled)))
        ]
    return found


def _originals(
    session: Session, folder: Folder, wanted: Sequence[ClipRow], outcomes: dict[UUID, Outcome]
) -> Iterator[package.Original]:
    for number, clip in enumerate(wanted, 1):
        if outcomes[clip.id] is not Outcome.ORIGINAL:
            continue
        file = session.get_one(ClipMediaRow, (clip.town, clip.id, 0))
        if file.media is None:
            raise LookupError("a clip that is stored without its file", clip.id)
        pieces = media.read(session, folder, file.media)
        extension = {"video/mp4": "mp4", "video/quicktime": "mov", "video/x-msvideo": "avi"}.get(file.type, "bin")
        yield package.Original(number, clip.id, extension, file.size_bytes, lambda pieces=pieces: pieces)  # type: ignore[misc]


# ---- journals


def _entries(session: Session, wanted: Sequence[tuple[UUID, UUID]]) -> list[JournalEntryRow]:
    """The entries of these sources and ids, each where it took effect."""
    row, effect = JournalEntryRow, JournalEffectRow
    found: list[JournalEntryRow] = []
    for some in _batches(dict.fromkeys(wanted)):
        found += session.scalars(
            select(row)
            .join(
                effect,
                and_(
                    effect.town == row.town,
                    effect.source == row.source,
                    effect.incarnation == row.incarnation,
                    effect.seq == row.seq,
                ),
            )
            .where(tuple_(effect.source, effect.id).in_(some))
        )
    return sorted(found, key=lambda one: (one.source, one.incarnation, one.seq))


def _by_journal(entries: Iterable[JournalEntryRow]) -> list[tuple[tuple[UUID, int], list[JournalEntryRow]]]:
    journals: dict[tuple[UUID, int], list[JournalEntryRow]] = {}
    for entry in entries:
        journals.setdefault((entry.source, entry.incarnation), []).append(entry)
    return list(journals.items())


def _journal(session: Session, of: tuple[UUID, int], shown: Sequence[JournalEntryRow]) -> package.Journal:
    """The headers from the first entry shown to the newest one under the seal that covers the last."""
    row, seal = JournalEntryRow, JournalSealRow
    source, incarnation = of
    first, last = shown[0].seq, shown[-1].seq
    sealed = session.execute(
        select(seal.seq, seal.signature)
        .where(seal.source == source, seal.incarnation == incarnation, seal.seq >= last)
        .order_by(seal.seq, seal.id)
        .limit(1)
    ).one()
    rows = session.scalars(
        select(row)
        .where(row.source == source, row.incarnation == incarnation, row.seq.between(first - 1, sealed.seq))
        .order_by(row.seq)
    ).all()
    key = session.get_one(SourceKeyRow, (session.info["town"], source, incarnation))
    before = rows[0].hash if rows[0].seq < first else key.genesis
    entries = [package.Shown(one.seq, one.hash, _header(one)) for one in rows if one.seq >= first]
    return package.Journal(str(source), incarnation, before, entries, [(sealed.seq, sealed.signature)])


def _header(row: JournalEntryRow) -> bytes:
    """The bytes that were chained, rebuilt from what is kept of them."""
    return header(
        Entry(
            seq=row.seq,
            id=str(row.id),
            kind=row.kind,
            v=row.v,
            recorded_at=format_recorded_at(row.recorded_at, row.zone),
            media=tuple(row.media[at : at + HASH_SIZE].hex() for at in range(0, len(row.media), HASH_SIZE)),
            commitment=row.commitment.hex(),
        )
    )


def _admitted(row: JournalEntryRow) -> bytes:
    return admitted_record(
        str(row.town),
        str(row.source),
        row.incarnation,
        row.seq,
        id=str(row.id),
        hash=row.hash,
        verdict=row.verdict,
        at=format_instant(row.received_at),
    )


def _private(session: Session, entries: Iterable[JournalEntryRow]) -> Iterator[tuple[str, bytes, bytes]]:
    for entry in entries:
        row = session.get(JournalPrivateRow, (entry.town, entry.source, entry.incarnation, entry.seq))
        if row is not None:
            yield str(entry.id), row.salt, row.body


# ---- log


def _records(session: Session, subjects: Sequence[str]) -> list[RecordRow]:
    found: list[RecordRow] = []
    for some in _batches(dict.fromkeys(subjects)):
        found += session.scalars(select(RecordRow).where(RecordRow.subject.in_(some)))
    return found


def _signed(row: RecordRow) -> package.Logged:
    if row.signature is None:
        return package.Logged(-1, row.public)
    return package.Logged(-1, row.public, ((_keyid(row), row.signature),))


def _keyid(row: RecordRow) -> str:
    _, _, rest = row.public.partition(b'"keyid":"')
    return rest[:64].decode()


def _statements(session: Session, sources: Iterable[tuple[UUID, int]]) -> list[package.KeyStatement]:
    """What the log says about the server's keys and those of the sources, each chain up to its last word on a key."""
    row = RecordRow
    of_town = session.scalars(select(row).where(row.subject.startswith("key:"))).all()
    of_sources = _records(session, [str(source) for source, _ in sources])
    last = {one.subject: one.position for one in sorted(of_sources, key=lambda one: one.position) if _is_of_key(one)}
    chosen = [*of_town, *[one for one in of_sources if one.position <= last.get(one.subject, 0)]]
    keys = session.scalars(select(SourceKeyRow.spki).where(SourceKeyRow.source.in_({source for source, _ in sources})))
    spkis = {sha256(spki).hexdigest(): spki for spki in keys}
    return [package.KeyStatement(_signed(one), _spki(one, spkis)) for one in chosen]


def _batches(values: Iterable[_T]) -> Iterator[list[_T]]:
    found = list(values)
    for at in range(0, len(found), _AT_ONCE):
        yield found[at : at + _AT_ONCE]


def _is_of_key(row: RecordRow) -> bool:
    return row.kind.startswith("key.")


def _spki(row: RecordRow, of_sources: dict[str, bytes]) -> bytes | None:
    """The key that a statement is about: the server's stand in it, a source's is kept beside its journal."""
    public = msgspec.json.decode(row.public)
    if "spki" in public:
        return b64decode(public["spki"])
    return of_sources.get(public.get("source_keyid", ""))


def _placed(
    session: Session, records: Sequence[package.Logged], statements: Sequence[package.KeyStatement]
) -> tuple[int, str, list[package.Logged], list[package.KeyStatement]]:
    """Size and note of the newest checkpoint, and everything with its place in the log, in that order.

    Raises:
        NotLogged: something has no place yet, or one behind the checkpoint.
    """
    checkpoint = log.newest_checkpoint(session)
    leaves = {sha256(one.payload).digest() for one in [*records, *[one.record for one in statements]]}
    places: dict[bytes, int] = {}
    for some in _batches(leaves):
        first = select(LeafRow.leaf, func.min(LeafRow.index).label("index")).where(LeafRow.leaf.in_(some))
        places |= {row.leaf: row.index for row in session.execute(first.group_by(LeafRow.leaf))}
    if checkpoint is None or len(places) < len(leaves) or max(places.values(), default=0) >= checkpoint.size:
        raise NotLogged

    def placed(record: package.Logged) -> package.Logged:
        return record._replace(at=places[sha256(record.payload).digest()])

    return (
        checkpoint.size,
        checkpoint.note,
        sorted((placed(one) for one in records), key=lambda one: one.at),
        sorted((one._replace(record=placed(one.record)) for one in statements), key=lambda one: one.record.at),
    )


def _proofs(session: Session, records: Iterable[package.Logged], size: int) -> list[package.Proof]:
    """The inclusion proof of each record; every tile is read once."""
    paths = {one.at: (sha256(one.payload).digest(), tree.inclusion_ranges(one.at, size)) for one in records}
    tiles = _tiles(session, (part for _, path in paths.values() for part in path))
    return [
        package.Proof(at, leaf, [tree.range_hash(part, tiles) for part in path])
        for at, (leaf, path) in sorted(paths.items())
    ]


def _tiles(session: Session, ranges: Iterable[tree.Range]) -> dict[tree.TileId, bytes]:
    wanted = {tile for part in set(ranges) for tile in tree.tiles_under(part)}
    found: dict[tree.TileId, bytes] = {}
    for some in _batches(wanted):
        found |= log.tiles(session, some)
    return found


def _older(session: Session, size: int) -> list[package.Older]:
    """The checkpoints that recipients of earlier packages hold, each with the proof that ours extends it."""
    given = session.execute(
        select(CheckpointRow.size, CheckpointRow.note)
        .where(
            CheckpointRow.size < size,
            CheckpointRow.size.in_(select(ExportRow.checkpoint_size).where(ExportRow.checkpoint_size.is_not(None))),
        )
        .order_by(CheckpointRow.size)
    ).all()
    return [package.Older(note, old, log.consistency_path(session, old, size)) for old, note in given]
