"""One exchange: changes out, one batch of entries in, in the caller's transaction.

The steps carry the numbers of design/sync.md 4.1.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from msgspec import UNSET, UnsetType
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.db import rows, streaming, write_out
from backend.errors import BadEnvelope, NotNow
from backend.exchange.applying import apply_carefully, asks, foresee, take_effect, warm
from backend.exchange.changes import Pulled, pull
from backend.exchange.reading import STANDING, pointer, prepare, standing
from backend.exchange.rules import ACCEPTED, STATEMENT_TIMEOUT, Ruling, is_for_all, is_worth_repeating
from backend.exchange.storing import keep_branch, seal_kept, store
from backend.exchange.tables import JournalEntryRow
from backend.exchange.wire import Sender
from backend.fields import Actor
from backend.identity.sources import wipe
from sync.admission import Arrived, Known, decide
from sync.entry import format_instant, from_base64url
from sync.errors import InvalidEntry
from sync.exchange import (
    TRIES_PARKED,
    ExchangeRequest,
    ExchangeResponse,
    Folded,
    Stop,
    Verdict,
    check_request,
    fold,
)
from sync.keys import SourceKey, verify_seal

#: Newest shape of the rows that the feed carries.
SCHEMA: Final = 1
#: How often an idle device is noted (ours): a write for each poll would keep the feed busy with nothing.
CONTACT_EVERY: Final = timedelta(minutes=1)


class Admitted(NamedTuple):
    """How far the journal is admitted now, what became of the entries that were not simply accepted, and the stop."""

    last_seq: int
    verdicts: tuple[Verdict, ...] = ()
    stop: Stop | None = None
    #: The chain's hash at `last_seq` where this batch moved it.
    head: bytes | None = None
    #: Entries of this batch that are held or parked.
    opened: int = 0


def exchange(
    session: Session,
    actor: Actor,
    request: ExchangeRequest,
    *,
    is_locked_out: bool,
    is_careful: bool,
    secret: bytes,
    record_key: SourceKey,
    now: datetime,
) -> ExchangeResponse:
    """The answer to one exchange; it MUST NOT be sent before the caller's transaction is committed.

    A request never sees its own effects: changes are read first (step 2), entries admitted after.

    Raises:
        BadEnvelope: the request breaks the form of design/sync.md 2.1 or 3.1; nothing was applied.
        NotNow: the database cannot work now; nothing was applied.
        DBAPIError: a deadlock; the caller may do the whole transaction again.
        Exception: an entry failed; the caller does the whole transaction again with `is_careful`.
    """
    try:
        check_request(request)
    except InvalidEntry as error:
        raise BadEnvelope(field=pointer(error.field), detail=error.reason) from error
    assert actor.source is not None  # noqa: S101 - the right `source` lets only devices through
    pulled = None if is_locked_out else pull(session, actor, request, secret)
    if request.entries or is_locked_out:
        admitted = admit(session, actor, request, is_careful=is_careful, now=now)
    else:
        admitted = Admitted(_last_seq(session, actor, request))
    if pulled is not None:
        _note(session, actor, request, pulled, admitted, now)
    control = (wipe(actor.source, record_key),) if admitted.stop is not None and admitted.stop.code == "revoked" else ()
    return ExchangeResponse(
        now=format_instant(now),
        epoch=(pulled.epoch if pulled else b"").hex(),
        schema=SCHEMA,
        last_seq=admitted.last_seq,
        durable_seq=None,
        verdicts=admitted.verdicts,
        changes=pulled.changes if pulled else (),
        cursor=pulled.cursor if pulled else UNSET,
        more=pulled.more if pulled else False,
        resets=pulled.resets if pulled else (),
        control=control,
        stop=admitted.stop if admitted.stop is not None else UNSET,
    )


def after_failure(error: Exception, *, is_careful: bool) -> bool:
    """Whether the exchange is to be done again with care, after its transaction was rolled back.

    A deadlock is done again as it was. An entry's failure shows only that some entry failed: again, with care.

    Raises:
        Exception: the error itself where no entry is at fault, or where care did not help either.
    """
    if isinstance(error, (BadEnvelope, NotNow)):
        raise error
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if is_worth_repeating(state):
            return is_careful
        if is_for_all(state) or state == STATEMENT_TIMEOUT or error.connection_invalidated:
            raise error
    if is_careful:
        raise error
    return True


def _last_seq(session: Session, actor: Actor, request: ExchangeRequest) -> int:
    (row,) = rows(session, "SELECT incarnation, last_seq FROM source WHERE id = %(id)s", id=actor.source)
    if row.incarnation < request.incarnation:
        raise BadEnvelope(field="/incarnation", detail="this source never had this incarnation")
    return int(row.last_seq) if row.incarnation == request.incarnation else request.last_seq


_CONTACT: Final = (
    " last_contact_at = %(now)s, confirmed_xid = %(xid)s, confirmed_pos = %(pos)s, holds = %(holds)s, app = %(app)s,"
    " schema = %(schema)s WHERE id = %(id)s"
)
_MOVE: Final = (
    "UPDATE source SET last_seq = %(seq)s, head = %(head)s, rev = rev + 1, unsettled = unsettled + %(opened)s,"  # noqa: S608 - constants
    + _CONTACT
)
_TOUCH: Final = "UPDATE source SET" + _CONTACT + " AND (last_contact_at IS NULL OR last_contact_at < %(stale)s)"


def _note(
    session: Session, actor: Actor, request: ExchangeRequest, pulled: Pulled, admitted: Admitted, now: datetime
) -> None:
    """Where the source stands, what it confirmed and holds; an idle one is written at most once a minute."""
    rows(
        session,
        _TOUCH if admitted.head is None else _MOVE,
        id=actor.source,
        seq=admitted.last_seq,
        head=admitted.head,
        opened=admitted.opened,
        now=now,
        stale=now - CONTACT_EVERY,
        xid=pulled.confirmed.xid,
        pos=pulled.confirmed.pos,
        holds=list(request.holds),
        app=request.app,
        schema=request.schema,
    )


def admit(session: Session, actor: Actor, request: ExchangeRequest, *, is_careful: bool, now: datetime) -> Admitted:
    """The batch is stored, with a verdict for each entry, or a stop says why not; nothing is committed yet.

    Raises:
        BadEnvelope: an entry breaks the form of design/sync.md 2.1; nothing was applied.
        NotNow: the database cannot work now; nothing was applied.
    """
    source, key = _lock(session, actor, request.incarnation)  # 3
    folded, signature = _verified(source.id, key, request)  # 4
    if folded is None:
        return Admitted(source.last_seq, stop=Stop(code="bad_seal"))
    decision = decide(_known(session, source, key, folded), _arrived(request, folded))  # 5
    if decision.stop is not None:
        if folded and decision.stop.code in ("fork", "revoked"):
            keep_branch(session, source, request, folded, signature, decision.stop, now)
        return Admitted(source.last_seq, stop=decision.stop)
    verdicts = _stored_verdicts(session, source, decision.duplicates)
    new = folded[decision.new :]
    if not new:
        return Admitted(source.last_seq, tuple(verdicts))
    wires = request.entries[decision.new :]
    arriving = prepare(session, source, new, wires, is_careful=is_careful, now=now)  # 6
    parked_seq = request.entries[0].seq if request.tries >= TRIES_PARKED else None
    if is_careful:
        rulings = apply_carefully(session, actor, source, arriving, parked_seq)
        store(session, source, arriving, rulings, now)  # 7
        seal_kept(session, source, new[-1], signature, now)
    else:
        rulings = foresee(session, source, arriving, parked_seq)
        warm(session, arriving)
        is_asking = asks(arriving, rulings)
        with streaming(session):
            store(session, source, arriving, rulings, now)  # PostgreSQL writes the journal while the slices run
            write_out(session)
            if not is_asking:
                take_effect(session, actor, arriving, rulings)
                seal_kept(session, source, new[-1], signature, now)
                write_out(session)
        if is_asking:  # a pipeline gives no rows back
            take_effect(session, actor, arriving, rulings)
            seal_kept(session, source, new[-1], signature, now)
            write_out(session)
    verdicts += [_verdict(a.received.seq, r) for a, r in zip(arriving, rulings, strict=True) if r != ACCEPTED]
    opened = sum(ruling.is_open for ruling in rulings)
    return Admitted(new[-1].entry.seq, tuple(verdicts), head=new[-1].hash, opened=opened)


class _Key(NamedTuple):
    incarnation: int
    spki: bytes
    genesis: bytes


_LOCK: Final = (
    "SELECT s.town, s.id, s.kind, s.label, s.state, s.incarnation, s.last_seq, s.head, s.rev, s.unsettled,"
    " s.revoked_at, s.revoked_reason, k.spki, k.genesis FROM source s LEFT JOIN source_key k"
    " ON k.town = s.town AND k.source = s.id AND k.incarnation = coalesce(%(incarnation)s::bigint, s.incarnation)"
    " WHERE s.id = %(id)s FOR NO KEY UPDATE OF s"
)


def lock(session: Session, source: UUID) -> Sender:
    """The source, locked until the transaction ends; others may still refer to it."""
    (row,) = rows(session, _LOCK, id=source, incarnation=None)
    return Sender(*row[:-2])


def _lock(session: Session, actor: Actor, incarnation: int) -> tuple[Sender, _Key]:
    (row,) = rows(session, _LOCK, id=actor.source, incarnation=incarnation)
    if row.spki is None:
        raise BadEnvelope(field="/incarnation", detail="this source never had this incarnation")
    return Sender(*row[:-2]), _Key(incarnation, row.spki, row.genesis)


def _verified(source: UUID, key: _Key, request: ExchangeRequest) -> tuple[list[Folded] | None, bytes]:
    """The chained entries and the raw seal; None where chain and seal do not verify."""
    if isinstance(request.prev, UnsetType) or isinstance(request.seal, UnsetType):
        return [], b""
    try:
        folded = fold(bytes.fromhex(request.prev), request.entries)
    except InvalidEntry as error:
        raise BadEnvelope(field=pointer(error.field), detail=error.reason) from error
    last = folded[-1]
    try:
        signature = from_base64url(request.seal)
    except ValueError:
        return None, b""
    is_good = verify_seal(
        key.spki, signature, source=str(source), incarnation=key.incarnation, seq=last.entry.seq, head=last.hash
    )
    return (folded if is_good else None), signature


def _known(session: Session, source: Sender, key: _Key, folded: list[Folded]) -> Known:
    hashes = {source.last_seq: source.head}
    first = folded[0].entry.seq if folded else source.last_seq + 1
    if first <= source.last_seq and key.incarnation == source.incarnation:
        found = session.execute(
            select(JournalEntryRow.seq, JournalEntryRow.hash).where(
                JournalEntryRow.source == source.id,
                JournalEntryRow.incarnation == source.incarnation,
                JournalEntryRow.seq.between(first - 1, folded[-1].entry.seq),
            )
        )
        hashes |= {0: key.genesis} | {row.seq: row.hash for row in found}
    return Known(
        incarnation=source.incarnation,
        last_seq=source.last_seq,
        hashes=hashes,
        is_revoked=source.state == "revoked",
        revoked_since=format_instant(source.revoked_at) if source.revoked_at else "",
        revoked_reason=source.revoked_reason or "",
    )


def _arrived(request: ExchangeRequest, folded: list[Folded]) -> Arrived:
    prev = b"" if isinstance(request.prev, UnsetType) else bytes.fromhex(request.prev)
    entries = tuple([(one.entry.seq, one.hash) for one in folded])
    return Arrived(incarnation=request.incarnation, prev=prev, entries=entries)


def _stored_verdicts(session: Session, source: Sender, seqs: range) -> list[Verdict]:
    if not seqs:
        return []
    found = session.execute(
        select(JournalEntryRow.seq, *STANDING)
        .where(
            JournalEntryRow.source == source.id,
            JournalEntryRow.incarnation == source.incarnation,
            JournalEntryRow.seq.between(seqs[0], seqs[-1]),
        )
        .order_by(JournalEntryRow.seq)
    )
    rulings = [(row.seq, standing(row)) for row in found]
    return [_verdict(seq, ruling) for seq, ruling in rulings if ruling != ACCEPTED]


def _verdict(seq: int, ruling: Ruling) -> Verdict:
    return Verdict(
        seq=seq,
        verdict=ruling.verdict,
        code=ruling.code,
        field=ruling.field if ruling.field is not None else UNSET,
        text=f"verdict.{ruling.code}",
    )
