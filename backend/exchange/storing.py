"""Keeping what arrived: entries, private parts, seals, log leaves, branches that are not followed."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db import Bulk, later
from backend.exchange import rules
from backend.exchange.kinds import KINDS
from backend.exchange.reading import Arriving, subject_of
from backend.exchange.rules import Ruling
from backend.exchange.tables import (
    JournalEntryRow,
    JournalForkPrivateRow,
    JournalForkRow,
    JournalPrivateRow,
    JournalSealRow,
)
from backend.exchange.wire import Received, Sender
from backend.feed import service as feed
from backend.fields import uuid7
from backend.log import service as log
from backend.work import service as work
from sync.entry import format_instant, header
from sync.exchange import ExchangeRequest, Folded, Stop

_ENTRY: Final = Bulk(
    JournalEntryRow,
    [
        "town", "source", "incarnation", "seq", "id", "kind", "v", "recorded_at", "zone", "media", "commitment", "hash",
        "verdict", "code", "field", "subject_type", "subject", "received_at", "tries", "next_try_at",
    ],
)  # fmt: skip
_PRIVATE: Final = Bulk(JournalPrivateRow, ["town", "source", "incarnation", "seq", "salt", "body", "media"])
_FORK_PRIVATE: Final = Bulk(JournalForkPrivateRow, ["town", "fork", "seq", "salt", "body", "media"])
_SEAL: Final = Bulk(JournalSealRow, ["town", "source", "incarnation", "seq", "signature", "received_at"])
_canonical = msgspec.json.Encoder(order="deterministic").encode


def store(
    session: Session, source: Sender, arriving: Sequence[Arriving], rulings: Sequence[Ruling], now: datetime
) -> None:
    """Entries, private parts and log leaves; a person learns of what was rejected or conflicts."""
    town, source_id, incarnation = source.town, source.id, source.incarnation
    town_text, source_text, at = str(town), str(source_id), format_instant(now)
    for one, ruling in zip(arriving, rulings, strict=True):
        entry, got = one.folded.entry, one.received
        subject = subject_of(one.body) or (None, None)
        retry = rules.next_try(0, now) if ruling.verdict == "parked" else None
        media = b"".join(bytes.fromhex(m) for m in entry.media)
        row = (
            town, source_id, incarnation, entry.seq, got.id, entry.kind, entry.v, got.recorded_at, got.zone, media,
            bytes.fromhex(entry.commitment), one.folded.hash, ruling.verdict, ruling.code, ruling.field,
            subject[0], subject[1], now, 0, retry,
        )  # fmt: skip
        later(session, _ENTRY, row)
        files = msgspec.json.encode(one.wire.media) if one.wire.media else b""
        later(session, _PRIVATE, (town, source_id, incarnation, entry.seq, one.folded.salt, one.folded.body, files))
        record = admitted_record(
            town_text,
            source_text,
            incarnation,
            entry.seq,
            id=entry.id,
            hash=one.folded.hash,
            verdict=ruling.verdict,
            at=at,
        )
        log.append(session, sha256(record).digest())
        if ruling.verdict in ("rejected", "conflict") and not one.is_repetition:
            open_entry_task(session, source, got, ruling, now)


def seal_kept(session: Session, source: Sender, last: Folded, signature: bytes, now: datetime) -> None:
    """The seal over the chain up to its newest entry is kept, and the source's own feed says how far it is admitted.

    The feed's row is the last of this transaction: with it a device knows that the effects before are there.
    """
    later(session, _SEAL, (source.town, source.id, source.incarnation, last.entry.seq, signature, now))
    body = {"incarnation": source.incarnation, "last_seq": last.entry.seq}
    feed.put(session, f"self:{source.id}", "journal", id=source.id, rev=source.rev + 1, body=body)


def keep_branch(
    session: Session,
    source: Sender,
    request: ExchangeRequest,
    folded: list[Folded],
    signature: bytes,
    stop: Stop,
    now: datetime,
) -> None:
    """A verified branch that is not followed stays, with its payload, and an administrator learns of it; once."""
    known = session.scalar(
        select(JournalForkRow.id).where(JournalForkRow.source == source.id, JournalForkRow.hash == folded[-1].hash)
    )
    if known is not None:
        return
    fork = uuid7()
    session.add(
        JournalForkRow(
            town=source.town,
            id=fork,
            source=source.id,
            incarnation=request.incarnation,
            reason=stop.code,
            prev=bytes.fromhex(str(request.prev)),
            first_seq=folded[0].entry.seq,
            last_seq=folded[-1].entry.seq,
            headers=b"\n".join(header(one.entry) for one in folded),
            hash=folded[-1].hash,
            signature=signature,
            received_at=now,
        )
    )
    for one, wire in zip(folded, request.entries, strict=True):
        row = (source.town, fork, one.entry.seq, one.salt, one.body, msgspec.json.encode(wire.media))
        later(session, _FORK_PRIVATE, row)
    facts: dict[str, str | int] = {"label": source.label, "incarnation": request.incarnation, "entries": len(folded)}
    kind = "journal_fork" if stop.code == "fork" else "journal_after_revocation"
    work.open_task(session, "admin", kind, subject_type="source", subject=source.id, facts=facts, now=now)


def admitted_record(
    town: str, source: str, incarnation: int, seq: int, *, id: str, hash: bytes, verdict: str, at: str
) -> bytes:
    """The public record of an admission (design/evidence.md 3): rebuilt from the entry's row, byte for byte.

    Ids are lower-case UUIDs, `at` is `format_instant` of the row's `received_at`.
    """
    return _canonical(
        {
            "v": 1,
            "kind": "entry.admitted",
            "id": id,
            "town": town,
            "at": at,
            "source": source,
            "incarnation": incarnation,
            "seq": seq,
            "entry_hash": hash.hex(),
            "verdict": verdict,
        }
    )


def open_entry_task(
    session: Session, source: Sender, received: Received | JournalEntryRow, ruling: Ruling, now: datetime
) -> None:
    """A person learns of an entry that has no effect."""
    facts: dict[str, str | int] = {
        "label": source.label,
        "kind": received.kind,
        "code": ruling.code,
        "seq": received.seq,
        "incarnation": received.incarnation,
    }
    kind = KINDS.get(received.kind)
    audience = kind.audience if kind is not None else "office"
    work.open_task(
        session, audience, f"entry_{ruling.verdict}", subject_type="entry", subject=received.id, facts=facts, now=now
    )
