"""Running the slices' rules: all at once, and each by itself where one failed (design/sync.md 4.1)."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from msgspec import UnsetType
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from backend.db import savepoint, write_out
from backend.errors import CONSTRAINTS, DomainError, IdReused, NotNow
from backend.exchange import rules
from backend.exchange.kinds import KINDS
from backend.exchange.reading import Arriving, subject_of
from backend.exchange.rules import ACCEPTED, Ruling
from backend.exchange.tables import JournalEntryRow
from backend.exchange.wire import Received, Sender
from backend.fields import Actor, PersonId, SourceId
from sync.bodies import EntryBody

logger = structlog.get_logger()

#: Entries whose rows go out together: each statement more costs a tenth of a millisecond (measured).
_PART: Final = 50


def foresee(session: Session, source: Sender, arriving: Sequence[Arriving], parked_seq: int | None) -> list[Ruling]:
    """What becomes of each entry if no slice refuses one. Entry `parked_seq` is parked: the server died of it often."""
    return _rule(arriving, _blocked_subjects(session, source), parked_seq, lambda _: ACCEPTED)


def warm(session: Session, arriving: Sequence[Arriving]) -> None:
    """What the slices read once a transaction is read."""
    batches = defaultdict(list)
    for one in arriving:
        if one.ruling is None:
            batches[one.received.kind].append((one.received, one.body))
    for name, batch in batches.items():
        warm = KINDS[name].warm
        if warm is not None:
            warm(session, batch)


def asks(arriving: Sequence[Arriving], rulings: Sequence[Ruling]) -> bool:
    """Whether a slice that is to take effect asks the database on the way."""
    return any(
        one.ruling is None and ruling == ACCEPTED and KINDS[one.received.kind].asks
        for one, ruling in zip(arriving, rulings, strict=True)
    )


def take_effect(session: Session, actor: Actor, arriving: Sequence[Arriving], rulings: Sequence[Ruling]) -> None:
    """Each entry foreseen as accepted has its effect in this transaction.

    Services have no effect outside the transaction: where one raises, the caller rolls all back and comes again with
    `apply_carefully`. Inside `streaming` PostgreSQL writes one part of a batch while the slices work on the next.

    Raises:
        Exception: whatever a slice raises.
    """
    for number, (one, ruling) in enumerate(zip(arriving, rulings, strict=True), 1):
        if one.ruling is None and ruling == ACCEPTED:
            _call(session, actor, one.received, one.body)
        if number % _PART == 0:
            write_out(session)
    write_out(session)


def apply_carefully(
    session: Session, actor: Actor, source: Sender, arriving: Sequence[Arriving], parked_seq: int | None
) -> list[Ruling]:
    """A ruling for each entry, in their order; each runs in a savepoint, so that only the one at fault is refused.

    Raises:
        NotNow: the database cannot work now.
        DBAPIError: a deadlock or a statement's time-out.
    """

    def ask(one: Arriving) -> Ruling:
        return apply_alone(session, actor, one.received, one.body)

    return _rule(arriving, _blocked_subjects(session, source), parked_seq, ask)


def _rule(
    arriving: Sequence[Arriving],
    blocked: frozenset[tuple[str, str]],
    parked_seq: int | None,
    ask: Callable[[Arriving], Ruling],
) -> list[Ruling]:
    waiting = set(blocked)
    rulings = []
    for one in arriving:
        subject, ruling = subject_of(one.body), one.ruling
        if ruling is None and subject in waiting:
            ruling = Ruling("held", "depends_on", "/body/subject")
        if ruling is None and one.received.seq == parked_seq:
            ruling = Ruling("parked", "server_error")
        if ruling is None:
            ruling = ask(one)
        if ruling.is_open and subject is not None:
            waiting.add(subject)
        rulings.append(ruling)
    return rulings


def apply_alone(session: Session, actor: Actor, received: Received, body: EntryBody) -> Ruling:
    """What the slice makes of one entry, within a savepoint of its own.

    Raises:
        NotNow, DBAPIError: as `apply_carefully`.
    """
    try:
        with savepoint(session):
            _call(session, actor, received, body)
    except DomainError as error:
        return Ruling("conflict" if error.is_conflict else "rejected", error.code, error.field)
    except IntegrityError as error:
        refusal = CONSTRAINTS.get(getattr(getattr(error.orig, "diag", None), "constraint_name", None) or "")
        if refusal is not None:
            return Ruling("rejected", refusal.code, "/id" if refusal is IdReused else None)
        return _parked(received, error)
    except Exception as error:
        check_database(error)
        return _parked(received, error)
    return ACCEPTED


def _parked(received: Received, error: Exception) -> Ruling:
    """Never the payload: only what failed, and where the entry stands."""
    logger.error("entry_parked", source=str(received.source), seq=received.seq, error=type(error).__name__)
    return Ruling("parked", "server_error")


def _call(session: Session, actor: Actor, received: Received, body: EntryBody) -> None:
    person = None if isinstance(body.by, UnsetType) else PersonId(body.by)
    who = Actor(town=actor.town, person=person, source=SourceId(received.source), roles=actor.roles)
    KINDS[received.kind].apply(session, who, received, body)


def check_database(error: BaseException) -> None:
    """A database that cannot work now, a deadlock or a time-out is no verdict about an entry."""
    if not isinstance(error, DBAPIError):
        return
    state = getattr(error.orig, "sqlstate", None)
    if rules.is_for_all(state) or error.connection_invalidated:
        raise NotNow from error
    if rules.is_worth_repeating(state) or state == rules.STATEMENT_TIMEOUT:
        raise error


def _blocked_subjects(session: Session, source: Sender) -> frozenset[tuple[str, str]]:
    if source.unsettled == 0:
        return frozenset()
    rows = session.execute(
        select(JournalEntryRow.subject_type, JournalEntryRow.subject).where(
            JournalEntryRow.source == source.id,
            JournalEntryRow.verdict.in_(["held", "parked"]),
            JournalEntryRow.settled_at.is_(None),
            JournalEntryRow.subject.is_not(None),
        )
    )
    return frozenset((str(kind), str(subject)) for kind, subject in rows)
