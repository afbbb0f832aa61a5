"""Held and parked entries come to their verdict: after an upgrade, after the earlier entry, after a while.

Under the source's lock and in the order of `seq`, a few at a time, so that a source that sends waits for a moment only.
"""

from datetime import datetime
from typing import Final

import msgspec
import structlog
from sqlalchemy import Engine, Select, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.db import send, sessions_of
from backend.errors import NotNow
from backend.exchange import rules
from backend.exchange.applying import apply_alone
from backend.exchange.reading import STANDING, judge_again, standing
from backend.exchange.rules import STATEMENT_TIMEOUT, Ruling
from backend.exchange.service import lock
from backend.exchange.storing import open_entry_task
from backend.exchange.tables import JournalEffectRow, JournalEntryRow, JournalPrivateRow
from backend.exchange.wire import Received, Sender
from backend.feed import service as feed
from backend.fields import Actor, SourceId, TownId
from backend.identity.tables import SourceRow
from backend.work import service as work
from sync.bodies import EntryBody
from sync.exchange import Verdict

logger = structlog.get_logger()

#: Incarnation and `seq` of an entry.
Place = tuple[int, int]

#: Entries settled in one transaction (DESIGN.md section 3: bulk work commits after 500 rows or 1 s).
BATCH: Final = 50


def settle_town(engine: Engine, town: TownId, *, now: datetime) -> int:
    """Every entry of the town that can be settled is; how many were."""
    sessions = sessions_of(engine, town)
    with sessions.begin() as session:
        waiting = list(session.scalars(select(SourceRow.id).where(SourceRow.unsettled > 0)))
    total = 0
    for source in waiting:
        try:
            with sessions.begin() as session:
                due = count_tries(session, SourceId(source), now=now)
            while True:
                with sessions.begin() as session:
                    settled = settle_source(session, SourceId(source), due, now=now)
                total += settled
                if settled < BATCH:
                    break
        except (DBAPIError, NotNow) as error:  # the next sweep tries again; other sources must not wait for this one
            logger.warning("source_not_settled", source=str(source), error=type(error).__name__)
    return total


def count_tries(session: Session, source: SourceId, *, now: datetime) -> frozenset[Place]:
    """The entries to be tried again now, each counted as tried; MUST be committed before they are run.

    An entry that kills whatever runs it is thus tried as often as any other, and no sweep dies of it for ever.
    """
    lock(session, source)
    found = session.scalars(_open(source).where(JournalEntryRow.next_try_at <= now)).all()
    for entry in found:
        entry.tries += 1
        entry.next_try_at = rules.next_try(entry.tries, now)
    return frozenset((entry.incarnation, entry.seq) for entry in found)


def settle_source(session: Session, source: SourceId, due: frozenset[Place], *, now: datetime) -> int:
    """Up to `BATCH` entries of the source have their verdict, oldest first; what still waits blocks its subject.

    Of those that failed before only the ones that are `due` are run.
    """
    row = lock(session, source)
    open_rows = session.execute(
        _open(source)
        .add_columns(JournalPrivateRow)
        .join(
            JournalPrivateRow,
            (JournalPrivateRow.town == JournalEntryRow.town)
            & (JournalPrivateRow.source == JournalEntryRow.source)
            & (JournalPrivateRow.incarnation == JournalEntryRow.incarnation)
            & (JournalPrivateRow.seq == JournalEntryRow.seq),
        )
        .order_by(JournalEntryRow.incarnation, JournalEntryRow.seq)
        .limit(1000)
    ).all()
    settled, waiting = 0, set[tuple[str, str]]()
    for entry, private in open_rows:
        subject = (str(entry.subject_type), entry.subject) if entry.subject is not None else None
        ruling = None if subject in waiting else _ruling(session, row, entry, private, due, now)
        if ruling is None:
            if subject is not None:
                waiting.add(subject)
            continue
        _settle(session, row, entry, ruling, now)
        settled += 1
        if settled == BATCH:
            break
    send(session, "UPDATE source SET unsettled = unsettled - %(settled)s WHERE id = %(id)s", settled=settled, id=source)
    return settled


def _ruling(
    session: Session,
    source: Sender,
    entry: JournalEntryRow,
    private: JournalPrivateRow,
    due: frozenset[Place],
    now: datetime,
) -> Ruling | None:
    """The entry's verdict, or None while its reason lasts."""
    first = _first(session, entry)
    if first is not None:
        return None if first.is_open else first
    if (entry.verdict == "parked" or entry.tries) and (entry.incarnation, entry.seq) not in due:
        return None  # its time has not come, or it is a person's since the last try
    received, body, ruling = judge_again(session, source, entry, private)
    if ruling is None:
        who = Actor(town=TownId(source.town), source=SourceId(source.id))
        ruling = _apply(session, who, received, body)
    if ruling.verdict == "parked":
        _try_later(session, source, entry, now)
        return None
    return None if ruling.is_open else ruling


def _apply(session: Session, who: Actor, received: Received, body: EntryBody) -> Ruling:
    """As `apply_alone`; here a statement that takes too long is a failed try of this entry, and of no request."""
    try:
        return apply_alone(session, who, received, body)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != STATEMENT_TIMEOUT:
            raise
        return Ruling("parked", "server_error")


def _open(source: SourceId) -> Select[JournalEntryRow]:
    return select(JournalEntryRow).where(
        JournalEntryRow.source == source,
        JournalEntryRow.verdict.in_(["held", "parked"]),
        JournalEntryRow.settled_at.is_(None),
    )


def _first(session: Session, entry: JournalEntryRow) -> Ruling | None:
    """What the same id came to where it arrived first; None if this is the first."""
    effect = session.get_one(JournalEffectRow, (entry.town, entry.source, entry.id))
    if (effect.incarnation, effect.seq) == (entry.incarnation, entry.seq):
        return None
    row = session.execute(
        select(*STANDING).where(
            JournalEntryRow.source == entry.source,
            JournalEntryRow.incarnation == effect.incarnation,
            JournalEntryRow.seq == effect.seq,
        )
    ).one()
    return standing(row)


def _try_later(session: Session, source: Sender, entry: JournalEntryRow, now: datetime) -> None:
    """A first failure is counted, later ones were before they ran; after the last one a person learns of the entry."""
    if entry.tries == 0:
        entry.tries, entry.next_try_at = 1, rules.next_try(1, now)
    if entry.next_try_at is None:
        facts: dict[str, str | int] = {"label": source.label, "kind": entry.kind, "seq": entry.seq}
        work.open_task(session, "office", "entry_parked", subject_type="entry", subject=entry.id, facts=facts, now=now)


def _settle(session: Session, source: Sender, entry: JournalEntryRow, ruling: Ruling, now: datetime) -> None:
    """The verdict stands, the source learns it by its feed, and a person if it has no effect."""
    entry.settled_verdict, entry.settled_code, entry.settled_field = ruling.verdict, ruling.code, ruling.field
    entry.settled_at = now
    session.flush()  # the next entry's look at its first must see it
    verdict = Verdict(
        seq=entry.seq,
        verdict=ruling.verdict,
        code=ruling.code,
        field=ruling.field if ruling.field is not None else msgspec.UNSET,
        text=f"verdict.{ruling.code}",
    )
    body = {"incarnation": entry.incarnation, **msgspec.to_builtins(verdict)}
    feed.put(session, f"self:{source.id}", "verdict", id=entry.id, rev=1, body=body)
    if ruling.verdict in ("rejected", "conflict"):
        open_entry_task(session, source, entry, ruling, now)
