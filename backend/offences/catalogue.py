"""The town's catalogue: taking in what was read, publishing it, and what is in force.

    (read) ──import by an administrator──► proposed ──approve by a clerk──► published
       └─────import by the operator, on the server's command line──────────────►

What is published never changes, so a process may keep it under the import that was published last.
"""

from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, SessionTransaction

from backend.db import Bulk, rows
from backend.errors import AlreadyDone, NotFound, OwnApproval
from backend.fields import Actor, PersonId, uuid7
from backend.identity.service import record
from backend.log.canonical import Json
from backend.offences.parsed import ParsedCatalogue
from backend.offences.rules import Catalogue
from backend.offences.tables import CatalogueEntryRow, CatalogueImportRow
from backend.offences.wire import CatalogueEntry, CatalogueImport, Slot

#: Catalogues that a process keeps; the federal one takes about 3 MB.
_KEPT: Final = 16
#: Entries of one INSERT.
_CHUNK: Final = 2000
_MEMO: Final = "catalogue"

_ENTRY: Final = Bulk(
    CatalogueEntryRow,
    ["town", "import_id", "tbnr", "valid_from", "valid_until", "amount_cents", "text", "provision", "class", "slots"],
)
_NEWEST: Final = "SELECT id FROM catalogue_import WHERE published_no IS NOT NULL ORDER BY published_no DESC LIMIT 1"


class InForce(NamedTuple):
    """A town's catalogue and the import that made it so; None: nothing was published yet."""

    newest: UUID | None
    catalogue: Catalogue


class _Memo(NamedTuple):
    transaction: SessionTransaction | None
    in_force: InForce


_kept: dict[tuple[UUID, UUID], Catalogue] = {}
_keeping: Final = Lock()


class Imported(NamedTuple):
    """What became of an import; not `is_new`: the same files were imported before and nothing changed."""

    imported: CatalogueImport
    is_new: bool


def import_catalogue(session: Session, actor: Actor | None, parsed: ParsedCatalogue, *, now: datetime) -> Imported:
    """The catalogue is stored: proposed by an administrator, or published at once by the operator (no `actor`).

    The same files again change nothing, whoever brings them: also a proposal stays one. Does not commit.
    """
    _lock(session)
    known = session.scalars(select(CatalogueImportRow).where(CatalogueImportRow.sha256 == parsed.sha256)).one_or_none()
    if known is not None:
        return Imported(as_wire(known), is_new=False)
    row = CatalogueImportRow(
        town=session.info["town"],
        id=uuid7(),
        source=parsed.source,
        format=parsed.format,
        sha256=parsed.sha256,
        entries=len(parsed.entries),
        status="proposed",
        published_no=None,
        imported_at=now,
        imported_by=actor.person if actor is not None else None,
        approved_at=None,
        approved_by=None,
    )
    session.add(row)
    session.flush()  # the entries refer to it
    for start in range(0, len(parsed.entries), _CHUNK):
        _ENTRY.write(session, [_values(row, entry) for entry in parsed.entries[start : start + _CHUNK]])
    public: dict[str, Json] = {"sha256": row.sha256.hex(), "format": row.format, "entries": row.entries}
    record(session, actor, "catalogue.imported", row.id, public, now=now)
    if actor is None:
        _publish(session, row, None, now)
    return Imported(as_wire(row), is_new=True)


def approve(session: Session, actor: Actor, id: UUID, *, now: datetime) -> CatalogueImport:
    """The proposed import is published, from now on over all before it; the same person again changes nothing.

    Raises:
        NotFound: no such import.
        OwnApproval: this person imported it.
        AlreadyDone: it was published by somebody else.
    """
    _lock(session)
    row = session.get(CatalogueImportRow, (session.info["town"], id))
    if row is None:
        raise NotFound
    if row.status == "published":
        if row.approved_by is None or row.approved_by != actor.person:
            raise AlreadyDone
        return as_wire(row)
    if actor.person is None or row.imported_by == actor.person:
        raise OwnApproval
    row.approved_at, row.approved_by = now, actor.person
    _publish(session, row, actor, now)
    return as_wire(row)


def in_force(session: Session) -> InForce:
    """The town's catalogue as this transaction sees it, for one small query a transaction."""
    memo: _Memo | None = session.info.get(_MEMO)
    if memo is not None and memo.transaction is not None and memo.transaction is session.get_transaction():
        return memo.in_force
    newest = next((row.id for row in rows(session, _NEWEST)), None)
    found = InForce(newest, _NOTHING if newest is None else _load(session, newest))
    session.info[_MEMO] = _Memo(session.get_transaction(), found)
    return found


def as_wire(row: CatalogueImportRow) -> CatalogueImport:
    """The row as it is sent."""
    return CatalogueImport(
        id=row.id,
        source=row.source,
        format=row.format,
        sha256=row.sha256.hex(),
        entries=row.entries,
        status="published" if row.status == "published" else "proposed",
        imported_at=row.imported_at,
        imported_by=PersonId(row.imported_by) if row.imported_by is not None else None,
        approved_at=row.approved_at,
        approved_by=PersonId(row.approved_by) if row.approved_by is not None else None,
    )


_NOTHING: Final = Catalogue(())


def _lock(session: Session) -> None:
    """One import or approval of a town at a time: the numbers of publishing have no gap and no double."""
    session.execute(text("SELECT pg_advisory_xact_lock(7310013, hashtext(:town))"), {"town": str(session.info["town"])})


def _publish(session: Session, row: CatalogueImportRow, actor: Actor | None, now: datetime) -> None:
    highest = session.scalar(select(func.max(CatalogueImportRow.published_no)))
    row.status, row.published_no = "published", (highest or 0) + 1
    record(session, actor, "catalogue.published", row.id, {"published_no": row.published_no}, now=now)
    session.flush()  # a later read in this transaction sees it
    session.info.pop(_MEMO, None)


def _values(row: CatalogueImportRow, entry: CatalogueEntry) -> tuple[object, ...]:
    slots = msgspec.json.encode(entry.slots).decode()
    return (
        row.town, row.id, entry.tbnr, entry.valid_from, entry.valid_until, entry.amount_cents, entry.text,
        entry.provision, entry.class_, slots,
    )  # fmt: skip


def _load(session: Session, newest: UUID) -> Catalogue:
    """What was published up to `newest`, from memory where this process read it before."""
    key = (session.info["town"], newest)
    found = _kept.get(key)
    if found is None:
        entry, of = CatalogueEntryRow, CatalogueImportRow
        rows = session.scalars(
            select(entry)
            .join(of, (of.town == entry.town) & (of.id == entry.import_id))
            .where(of.published_no.is_not(None))
            .order_by(of.published_no)
            .execution_options(yield_per=_CHUNK)
        )
        found = Catalogue(_entry(row) for row in rows)
        with _keeping:
            while len(_kept) >= _KEPT:
                del _kept[next(iter(_kept))]
            _kept[key] = found
    return found


def _entry(row: CatalogueEntryRow) -> CatalogueEntry:
    return CatalogueEntry(
        tbnr=row.tbnr,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        amount_cents=row.amount_cents,
        text=row.text,
        provision=row.provision,
        class_=row.class_,
        slots=msgspec.convert(row.slots, list[Slot]),
    )
