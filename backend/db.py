"""The database: how rows are declared, how a transaction knows its town, how many rows are written at once.

Every table of a town has row-level security, so that a forgotten WHERE shows nothing instead of another town's rows.
The application's role owns nothing, cannot bypass policies and cannot truncate.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy import Uuid as UuidType
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction, sessionmaker
from sqlalchemy.types import UserDefinedType

from backend.arrays import BinaryArray, array, knows

APP_ROLE: Final = "streife_app"
BROKER_ROLE: Final = "streife_broker"

#: The town of this transaction, or NULL; as a sub-select, so that it is computed once a statement and not once a row.
THIS_TOWN: Final = "(SELECT nullif(current_setting('app.town', true), '')::uuid)"

#: Of every connection of the application. A write transaction that idles stalls the feed (design/sync.md 5.2).
_OPTIONS: Final = (
    "-c timezone=UTC -c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=5s"
)

Sessions = sessionmaker[Session]
RowType = TypeVar("RowType", bound="type[Base]")
ThingType = TypeVar("ThingType")


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id; psycopg gives and takes it as text."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "XID8"


class Base(DeclarativeBase):
    """Every row of ours."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way to declare it
        bytes: LargeBinary,
        datetime: TIMESTAMP(timezone=True),
        int: BigInteger,
        str: Text,
        UUID: UuidType,
    }


def table_of(row: type[Base]) -> Table:
    """The table behind a mapped class."""
    table = row.__table__
    assert isinstance(table, Table)  # noqa: S101 - a mapped class without a table is a programming error
    return table


def of_town(*grants: str, append_only: bool = False) -> Callable[[RowType], RowType]:
    """Row-level security by the column `town`, and what the application may do with the table.

    `grants` are SELECT, INSERT, UPDATE (also `UPDATE (a, b)`) and DELETE. `append_only` adds triggers that refuse
    UPDATE, DELETE and TRUNCATE from everybody, the owner included.
    """

    def declare(row: RowType) -> RowType:
        name = row.__tablename__
        statements = [
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY own_town ON {name} USING (town = {THIS_TOWN}) WITH CHECK (town = {THIS_TOWN})",
            f"GRANT {', '.join(grants)} ON {name} TO {APP_ROLE}",
        ]
        if append_only:
            statements += [
                f"CREATE TRIGGER keep_rows BEFORE UPDATE OR DELETE ON {name}"
                " FOR EACH ROW EXECUTE FUNCTION refuse_change()",
                f"CREATE TRIGGER keep_all BEFORE TRUNCATE ON {name}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            ]
        _after_create(table_of(row), statements)
        return row

    return declare


def triggers(row: type[Base], *statements: str) -> None:
    """Functions and triggers that hold what no constraint can say; they are made with the table."""
    _after_create(table_of(row), statements)


def definer_function(name: str, arguments: str, returns: str, body: str) -> None:
    """A SQL function with the owner's rights, which sees every town: only for what comes before a town is known."""
    signature = f"{name}({', '.join(part.split()[-1] for part in arguments.split(',') if part)})"
    _after_create(
        Base.metadata,
        [
            f"CREATE FUNCTION {name}({arguments}) RETURNS {returns} LANGUAGE sql SECURITY DEFINER"
            f" SET search_path = pg_catalog, public, pg_temp AS $$\n{body}\n$$",
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {APP_ROLE}",
        ],
    )


def grant(*statements: str) -> None:
    """Statements that run once every table exists, for what is no town's: sequences and rows of the server itself."""
    _after_create(Base.metadata, statements)


def _after_create(target: Table | MetaData, statements: Sequence[str]) -> None:
    def run(_: object, connection: Connection, **__: object) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    event.listen(target, "after_create", run)


@event.listens_for(Base.metadata, "before_create")
def _make_refusing_trigger(_: object, connection: Connection, **__: object) -> None:
    connection.exec_driver_sql(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        "BEGIN RAISE EXCEPTION 'append-only: %% on %% refused', TG_OP, TG_TABLE_NAME; END\n$$"
    )


def connect(url: str, *, pool_size: int = 12, options: str = _OPTIONS) -> Engine:
    """An engine on psycopg 3 whose connections speak UTC and give up on statements, locks and idling by themselves."""
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=10,
        pool_pre_ping=False,
        pool_use_lifo=True,  # the warmest connection: it has planned our statements (a tenth faster, measured)
        hide_parameters=True,
        connect_args={"options": options, "connect_timeout": 5},
    )


def sessions_of(engine: Engine, town: UUID | None) -> Sessions:
    """Transactions that see `town` and nothing else; without a town they see no row of any town."""
    return sessionmaker(engine, expire_on_commit=False, info={"town": town})


@event.listens_for(Session, "after_begin")
def _set_town(session: Session, _: SessionTransaction, connection: Connection) -> None:
    town = session.info.get("town")
    if town is not None and not connection.in_nested_transaction():
        with _driver(connection) as driver, driver.pipeline():  # in one round trip with BEGIN
            driver.execute(b"SELECT set_config('app.town', %s, true)", (str(town),))


def rows(session: Session, statement: str, **values: object) -> list[Any]:
    """What a fixed statement returns, as rows with attributes; `%(name)s` stand for the values. See `send`.

    For the exchange's hot path, straight to psycopg: SQLAlchemy's own way takes up to a millisecond more for each.
    `statement` MUST be a constant: nothing is ever formatted into it.
    """
    with _wrapped(session) as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(statement.encode(), values)
        return cursor.fetchall()


def send(session: Session, statement: str, **values: object) -> None:
    """As `rows`, of a statement that returns none; inside `streaming` nobody waits for it."""
    with _wrapped(session) as connection:
        connection.execute(statement.encode(), values)


def rows_of_both(session: Session, first: str, second: str, **values: object) -> tuple[list[Any], list[Any]]:
    """As `rows`, of two statements that take the same values and share a round trip."""
    with _wrapped(session) as connection:
        cursors = connection.cursor(row_factory=namedtuple_row), connection.cursor(row_factory=namedtuple_row)
        with connection.pipeline():
            for cursor, statement in zip(cursors, (first, second), strict=True):
                cursor.execute(statement.encode(), values)
        return cursors[0].fetchall(), cursors[1].fetchall()


def _wrapped(session: Session) -> AbstractContextManager[psycopg.Connection[Any]]:
    return _driver(session.connection())


@contextmanager
def _driver(connection: Connection) -> Iterator[psycopg.Connection[Any]]:
    """The psycopg connection behind one; its errors become SQLAlchemy's, without values, as everywhere else."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - there is one driver (DESIGN.md section 6)
    try:
        yield driver
    except psycopg.Error as error:
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


class Bulk:
    """One statement that writes many rows of one table: `INSERT … SELECT FROM unnest(…)` with binary arrays.

    Three to four times faster than rows of VALUES (1.5 ms for 100 rows of 14 columns against 5.3), and unlike COPY it
    keeps row-level security. Columns with a default in the database are left out of `columns`.
    """

    def __init__(
        self, row: type[Base], columns: Sequence[str], *, unique: Sequence[str] = (), on_conflict: str = ""
    ) -> None:
        """`on_conflict` is the SQL after the SELECT; of rows alike in the columns `unique` the last one is written."""
        table = table_of(row)
        self._types = [str(table.c[name].type.compile(postgresql.dialect())) for name in columns]  # type: ignore[no-untyped-call]
        if unknown := [kind for kind in self._types if not knows(kind)]:
            raise TypeError(f"{table.name}: columns of types that arrays do not know: {unknown}")
        arrays = ", ".join(f"%b::{kind}[]" for kind in self._types)
        self.statement = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) {on_conflict}"  # noqa: S608 - names of our own tables
        self._returns = "RETURNING" in on_conflict
        self._key = itemgetter(*[list(columns).index(name) for name in unique]) if unique else None

    def write(self, session: Session, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """`rows` are in the transaction, one round trip; the first column of what the statement returns."""
        with _wrapped(session) as connection:
            cursor = connection.execute(self.statement, self.columns(rows))
            return [row[0] for row in cursor.fetchall()] if self._returns else []

    def columns(self, rows: Sequence[tuple[Any, ...]]) -> tuple[BinaryArray, ...]:
        """The statement's values: one array for each column; of rows alike in `unique` only the last counts."""
        if self._key is not None:
            rows = list({self._key(row): row for row in rows}.values())
        return tuple(map(array, self._types, zip(*rows, strict=True)))


class Whole(Generic[ThingType]):
    """A table whose rows are read and written whole, as structs with a field for each column but the town.

    Unlike the ORM it works within `streaming`, and a thing that was saved is found by the next `find`.
    """

    def __init__(self, row: type[Base], struct: type[ThingType]) -> None:
        """`row` has the key (town, id); every column of it is a field of `struct`, which may have more."""
        table = table_of(row)
        self._struct = struct
        self._fields = [str(column.name) for column in table.columns if column.name != "town"]
        changes = ", ".join(f"{name} = excluded.{name}" for name in self._fields if name != "id")
        self._bulk = Bulk(
            row,
            ["town", *self._fields],
            unique=["town", "id"],
            on_conflict=f"ON CONFLICT (town, id) DO UPDATE SET {changes}",
        )
        self._select = f"SELECT {', '.join(self._fields)} FROM {table.name} "  # noqa: S608 - names of our own tables

    def find(self, session: Session, where: str, **values: object) -> list[ThingType]:
        """The things that the constant SQL `where` (with ORDER BY and the like) picks, as they stand now."""
        write_out(session)
        return [self._struct(**row._asdict()) for row in rows(session, self._select + where, **values)]

    def get(self, session: Session, id: UUID) -> ThingType | None:
        """The thing with this id, or None."""
        return next(iter(self.find(session, "WHERE id = %(id)s", id=id)), None)

    def save(self, session: Session, thing: ThingType) -> None:
        """The thing is written with the others of its table before the savepoint or transaction ends."""
        later(session, self._bulk, (session.info["town"], *[getattr(thing, name) for name in self._fields]))


def memo(session: Session) -> dict[str, Any]:
    """What this transaction read and may go on believing: empty after its end and after a savepoint's rollback."""
    kept: tuple[object, dict[str, Any]] | None = session.info.get("memo")
    if kept is None or kept[0] is not session.get_transaction():
        session.connection()
        kept = session.info["memo"] = (session.get_transaction(), {})
    return kept[1]


def later(session: Session, bulk: Bulk, row: tuple[Any, ...]) -> None:
    """`row` is written with the others of its table before the savepoint or transaction ends, or by `write_out`."""
    session.info.setdefault("later", {}).setdefault(bulk, []).append(row)


def write_out(session: Session) -> None:
    """What `later` gathered is in the transaction, table by table in the order of first use.

    The statements go out one after the other without waiting: PostgreSQL writes a table while we encode the next.
    """
    if not session.info.get("later"):
        return
    if session.info.get("streams"):
        _send(session, session.connection().connection.driver_connection)
    else:
        with streaming(session):
            write_out(session)


@contextmanager
def streaming(session: Session) -> Iterator[None]:
    """Inside, `write_out` only sends: PostgreSQL writes while we go on. At the end all is written, or it raises.

    A statement that is asked for its rows inside waits for all that was sent before.
    """
    with _wrapped(session) as connection, connection.pipeline():
        session.info["streams"] = True
        try:
            yield
        finally:
            session.info.pop("streams")


def _send(session: Session, connection: Any) -> None:
    gathered: dict[Bulk, list[tuple[Any, ...]]] = session.info.pop("later")
    for bulk, rows in gathered.items():
        connection.execute(bulk.statement, bulk.columns(rows))


@event.listens_for(Session, "before_commit")
def _write_out_before_commit(session: Session) -> None:
    session.flush()
    write_out(session)


@event.listens_for(Session, "after_soft_rollback")
def _forget_what_was_rolled_back(session: Session, _: SessionTransaction) -> None:
    session.info.pop("later", None)
    session.info.pop("memo", None)


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """Either all that happens inside is in the transaction, rows of `later` included, or none of it."""
    write_out(session)
    with session.begin_nested():
        yield
