"""The catalogue in force, read once for each edition and kept: what is published never changes."""

from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, SessionTransaction

from backend.offences.rules import Catalogue, Edition
from backend.offences.tables import CatalogueEntryRow, CatalogueImportRow

#: Towns and editions kept by a process; one of the federal catalogue takes about 3 MB.
_KEPT: Final = 16
_MEMO: Final = "catalogue"
_EMPTY: Final = Catalogue(())

_NEWEST: Final = (
    select(CatalogueImportRow.id)
    .where(CatalogueImportRow.published_no.is_not(None))
    .order_by(CatalogueImportRow.published_no.desc())
    .limit(1)
)


class _Memo(NamedTuple):
    transaction: SessionTransaction | None
    catalogue: Catalogue


_kept: dict[tuple[UUID, UUID], Catalogue] = {}


def catalogue_of(session: Session) -> Catalogue:
    """The town's catalogue as this transaction sees it: one small query a transaction."""
    memo: _Memo | None = session.info.get(_MEMO)
    transaction = session.get_transaction()
    if memo is not None and memo.transaction is transaction and transaction is not None:
        return memo.catalogue
    newest = session.scalar(_NEWEST)
    catalogue = _EMPTY if newest is None else _load(session, newest)
    session.info[_MEMO] = _Memo(session.get_transaction(), catalogue)
    return catalogue


def _load(session: Session, newest: UUID) -> Catalogue:
    """Kept by the newest import's id: what was published before it is settled for ever."""
    key = (session.info["town"], newest)
    found = _kept.get(key)
    if found is None:
        rows = session.execute(
            select(
                CatalogueEntryRow.tbnr,
                CatalogueEntryRow.valid_from,
                CatalogueEntryRow.valid_until,
                CatalogueEntryRow.amount_cents,
            )
            .join(
                CatalogueImportRow,
                (CatalogueImportRow.town == CatalogueEntryRow.town)
                & (CatalogueImportRow.id == CatalogueEntryRow.import_id),
            )
            .where(CatalogueImportRow.published_no.is_not(None))
            .order_by(CatalogueImportRow.published_no)
        )
        found = Catalogue({(row.tbnr, row.valid_from): Edition(*row) for row in rows}.values())
        while len(_kept) >= _KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[key] = found
    return found
