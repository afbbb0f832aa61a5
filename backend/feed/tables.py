"""One row for each thing and each scope that may see it, overwritten in place."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Sequence, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.db import APP_ROLE, Base, Xid8, definer_function, grant, of_town

POSITION = Sequence("feed_pos", metadata=Base.metadata)
grant(f"GRANT USAGE ON SEQUENCE feed_pos TO {APP_ROLE}")


@of_town("SELECT", "INSERT", "UPDATE", "DELETE")
class FeedRow(Base):
    """The newest state of a thing as one scope sees it, or that it left."""

    __tablename__ = "feed"
    __table_args__ = (
        CheckConstraint("op IN ('put', 'drop', 'delete', 'purge')", name="op"),
        CheckConstraint("(op = 'put') = (body IS NOT NULL)", name="body"),
        Index("ix_feed_position", "town", "scope", "xid", "pos"),
    )

    town: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    op: Mapped[str]
    #: Rises with each change of the thing, for all its scopes alike.
    rev: Mapped[int]
    #: JSON object, what this scope may see; kept as bytes and passed on as they are.
    body: Mapped[bytes | None]
    #: The transaction that wrote it: readers take only rows below the oldest open one.
    xid: Mapped[str] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"))
    pos: Mapped[int] = mapped_column(server_default=POSITION.next_value())
    #: The writing transaction's start; only for the sweep of tombstones.
    at: Mapped[datetime] = mapped_column(server_default=text("now()"))


@of_town("SELECT", "INSERT", "UPDATE")
class FeedFloorRow(Base):
    """The highest transaction whose tombstones were swept: a cursor below it has expired."""

    __tablename__ = "feed_floor"

    town: Mapped[UUID] = mapped_column(primary_key=True)
    xid: Mapped[str] = mapped_column(Xid8)


class HistoryRow(Base):
    """Which history of the database this is; a restore begins a new one (design/sync.md 3.3)."""

    __tablename__ = "history"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: 8 random bytes.
    epoch: Mapped[bytes]
    system_identifier: Mapped[str]
    timeline: Mapped[int]


grant(f"GRANT SELECT, INSERT, UPDATE ON history TO {APP_ROLE}")

#: Which of the watched scopes have rows after a position and below the horizon. Names only, no content.
definer_function(
    "feed_moved",
    "towns uuid[], scopes text[], after_xid xid8, after_pos bigint, horizon xid8",
    "TABLE (town uuid, scope text)",
    """
    SELECT w.town, w.scope FROM unnest(towns, scopes) AS w(town, scope)
    WHERE EXISTS (SELECT 1 FROM feed f WHERE f.town = w.town AND f.scope = w.scope
                  AND (f.xid, f.pos) > (after_xid, after_pos) AND f.xid < horizon)
    """,
)
