"""Lists in pages: the newest first, and where the next page begins."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar
from uuid import UUID

from litestar.params import QueryParameter
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.db import Base
from backend.errors import BadInput

After = Annotated[str | None, QueryParameter(max_length=64, description="`after` of the page before.")]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Most rows of a page.")]

Row = TypeVar("Row", bound=Base)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def page(
    session: Session,
    statement: Select[Row],
    by: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    id: InstrumentedAttribute[UUID],
    *,
    after: str | None,
    limit: int,
) -> tuple[list[Row], str | None]:
    """Up to `limit` rows of `statement`, the newest `by` first, then by `id`; and `after` of the next page, if any.

    `by` MUST NOT be NULL in any row. What arrives while somebody turns pages moves nothing between them.

    Raises:
        BadInput: `after` is not from a page of ours.
    """
    ordered = statement.order_by(by.desc(), id.desc()).limit(limit + 1)
    if after is not None:
        ordered = ordered.where(tuple_(by, id) < tuple_(*_opened(after)))
    rows = list(session.scalars(ordered))
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], _sealed(getattr(last, by.key), getattr(last, id.key))


def _sealed(at: datetime, id: UUID) -> str:
    """Where a page ended: 8 bytes of microseconds since 1970, then the id."""
    micros = (at - _EPOCH) // _MICROSECOND
    return urlsafe_b64encode(micros.to_bytes(8, "big", signed=True) + id.bytes).decode("ascii")


def _opened(after: str) -> tuple[datetime, UUID]:
    try:
        data = urlsafe_b64decode(after.encode("ascii"))
        return _EPOCH + int.from_bytes(data[:8], "big", signed=True) * _MICROSECOND, UUID(bytes=data[8:])
    except (ValueError, OverflowError) as error:
        raise BadInput(field="/after", detail="not a cursor of this list") from error
