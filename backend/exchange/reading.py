"""From an arrived entry to what its slice can be asked: read, known, proven, new (design/sync.md 4.1, 6)."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct, UnsetType
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db import Bulk, later, rows
from backend.exchange import rules
from backend.exchange.kinds import KINDS
from backend.exchange.rules import ID_REUSED, PersonsLease, Ruling
from backend.exchange.tables import JournalEffectRow, JournalEntryRow, JournalPrivateRow
from backend.exchange.wire import Received, Sender
from backend.fields import Role
from backend.identity.rules import permit
from sync.bodies import EntryBody, Subject
from sync.exchange import Folded, WireEntry, WireMedia

_COLUMNS: Final = ("town", "source", "id", "commitment", "incarnation", "seq")
#: Fails where an id is known: then the batch is done again with care, where repetitions are looked up.
_NEW_EFFECT: Final = Bulk(JournalEffectRow, _COLUMNS)
_EFFECT: Final = Bulk(JournalEffectRow, _COLUMNS, on_conflict="ON CONFLICT DO NOTHING RETURNING seq")
_reserved: Final = msgspec.json.Decoder(EntryBody)
_decoder: Final = cache(msgspec.json.Decoder)
#: The columns that `standing` reads.
STANDING: Final = (
    JournalEntryRow.verdict,
    JournalEntryRow.code,
    JournalEntryRow.field,
    JournalEntryRow.settled_verdict,
    JournalEntryRow.settled_code,
    JournalEntryRow.settled_field,
)


class Arriving(Struct):
    """A new entry on its way through the rules."""

    folded: Folded
    wire: WireEntry
    body: EntryBody
    received: Received
    #: Set where the entry does not reach its slice.
    ruling: Ruling | None
    #: The same id with the same content was here before: whoever had to learn of it did.
    is_repetition: bool = False


def prepare(
    session: Session,
    source: Sender,
    new: Sequence[Folded],
    wires: Sequence[WireEntry],
    leases: Sequence[PersonsLease],
    *,
    is_careful: bool,
    now: datetime,
) -> list[Arriving]:
    """The new entries, each with the ruling that stands before its slice is asked.

    Their ids are claimed; not `is_careful`, one that is known fails the transaction when it is written.
    """
    effects = [
        (source.town, source.id, UUID(o.entry.id), bytes.fromhex(o.entry.commitment), source.incarnation, o.entry.seq)
        for o in new
    ]
    repeated: dict[int, Ruling] = {}
    if is_careful:
        first_time = set(_EFFECT.write(session, effects))
        repeated = _repeated(session, source, [o for o in new if o.entry.seq not in first_time])
    else:
        for effect in effects:
            later(session, _NEW_EFFECT, effect)
    arriving = []
    for one, wire in zip(new, wires, strict=True):
        received = Received(
            id=UUID(one.entry.id),
            source=source.id,
            incarnation=source.incarnation,
            seq=one.entry.seq,
            kind=one.entry.kind,
            recorded_at=one.recorded_at,
            zone=one.zone,
            received_at=now,
            media=wire.media,
        )
        body, ruling = _read(received, one.entry.v, one.body, source.kind, leases)
        again = repeated.get(one.entry.seq)
        is_repetition = again is not None and again.code != ID_REUSED
        arriving.append(Arriving(one, wire, body, received, again or ruling, is_repetition))
    return arriving


def judge_again(
    session: Session, source: Sender, entry: JournalEntryRow, private: JournalPrivateRow
) -> tuple[Received, EntryBody, Ruling | None]:
    """A stored entry as it would arrive today: a newer server may know its kind, a lease may prove its person."""
    received = Received(
        id=entry.id,
        source=entry.source,
        incarnation=entry.incarnation,
        seq=entry.seq,
        kind=entry.kind,
        recorded_at=entry.recorded_at,
        zone=entry.zone,
        received_at=entry.received_at,
        media=msgspec.json.decode(private.media, type=tuple[WireMedia, ...]) if private.media else (),
    )
    leases = persons_leases(rows(session, LEASES, id=source.id))
    return received, *_read(received, entry.v, private.body, source.kind, leases)


def standing(row: object) -> Ruling:
    """The verdict that counts: the settled one where there is one. `row` has the columns of the entry."""
    if row.settled_verdict is not None:  # type: ignore[attr-defined]
        return Ruling(row.settled_verdict, row.settled_code, row.settled_field)  # type: ignore[attr-defined]
    return Ruling(row.verdict, row.code, row.field)  # type: ignore[attr-defined]


def subject_of(body: EntryBody) -> tuple[str, str] | None:
    """What the entry is about, if it says so: the unit of order."""
    return (body.subject.type, body.subject.id) if isinstance(body.subject, Subject) else None


#: Who had the source `id`, and when; a dock's and a gateway's leases name nobody.
LEASES: Final = "SELECT person, roles, issued_at, expires_at FROM lease WHERE source = %(id)s"


def persons_leases(found: Sequence[Any]) -> list[PersonsLease]:
    """The rows of `LEASES`, as the rules take them."""
    return [PersonsLease(row.person, frozenset(map(Role, row.roles)), row.issued_at, row.expires_at) for row in found]


def _repeated(session: Session, source: Sender, again: Sequence[Folded]) -> dict[int, Ruling]:
    """What an id got that was known before: the stored verdict, or `id_reused` where the content differs."""
    if not again:
        return {}
    found = {
        row.id: (row.commitment, standing(row))
        for row in session.execute(
            select(JournalEffectRow.id, JournalEffectRow.commitment, *STANDING)
            .outerjoin(
                JournalEntryRow,
                (JournalEntryRow.town == JournalEffectRow.town)
                & (JournalEntryRow.source == JournalEffectRow.source)
                & (JournalEntryRow.incarnation == JournalEffectRow.incarnation)
                & (JournalEntryRow.seq == JournalEffectRow.seq),
            )
            .where(JournalEffectRow.source == source.id, JournalEffectRow.id.in_([UUID(o.entry.id) for o in again]))
        )
    }
    rulings = {}
    for one in again:
        commitment, ruling = found[UUID(one.entry.id)]
        if commitment != bytes.fromhex(one.entry.commitment):
            rulings[one.entry.seq] = Ruling("rejected", ID_REUSED, "/id")
        else:
            # The first of the two may stand in this very batch: then it is not stored yet, and this one waits for it.
            rulings[one.entry.seq] = ruling if ruling.verdict else Ruling("held", "depends_on")
    return rulings


def _read(
    received: Received, v: int, text: bytes, source_kind: str, leases: Sequence[PersonsLease]
) -> tuple[EntryBody, Ruling | None]:
    """The body, decoded as its kind says, and the ruling where that fails or the person is not proven."""
    kind = KINDS.get(received.kind)
    is_known = kind is not None and v <= kind.v
    try:
        body = _decode(received.kind, v, text) if is_known else _reserved.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        return EntryBody(), Ruling("rejected", "unreadable", _body_field(error))
    if kind is None:
        return body, Ruling("held", "unknown_kind", "/kind")
    if not is_known:
        return body, Ruling("held", "newer_version", "/v")
    return body, _barred(received, kind.right, body, source_kind, leases)


def _barred(
    received: Received, right: str, body: EntryBody, source_kind: str, leases: Sequence[PersonsLease]
) -> Ruling | None:
    """The ruling where whoever recorded it could not, at that time; None where they could."""
    roles: frozenset[Role] | None = frozenset({Role(source_kind)}) if source_kind != "phone" else None
    if roles is None:
        if isinstance(body.by, UnsetType):
            return Ruling("rejected", "unreadable", "/body/by")
        roles = rules.roles_then(body.by, received.recorded_at, leases)
    if roles is None:
        return Ruling("held", "actor_unproven", "/body/by")
    return None if permit(roles, right) is not None else Ruling("rejected", "not_allowed", "/body/by")


def _decode(kind: str, v: int, text: bytes) -> EntryBody:
    """The body of a known kind, raised to the newest version."""
    for upcast in KINDS[kind].upcasts[v - 1 :]:
        text = upcast(text)
    body: EntryBody = _decoder(KINDS[kind].body).decode(text)
    return body


def _body_field(error: Exception) -> str:
    """Where a body is at fault: the decoder's `… - at `$.place`` and ``missing required field `street```."""
    message, _, path = str(error).partition(" - at `$")
    _, _, missing = message.partition("missing required field `")
    places = [path.rstrip("`").lstrip("."), missing.rstrip("`")]
    return "/body" + "".join(pointer(place) for place in places if place)


def pointer(field: str) -> str:
    """`entries[2].kind` as a JSON pointer."""
    return "/" + field.replace("[", "/").replace("]", "").replace(".", "/")
