"""Taking the signals that gateways heard (design/control-room.md 3.2, 3.4, 4.1)."""

from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy.orm import Session

from backend.buildings import meanings, rules
from backend.buildings.meanings import Heard, Where
from backend.buildings.rules import Ruled
from backend.buildings.standing import State, keep_alarm, keep_incident, look, loose, warm
from backend.buildings.tables import SignalRepeatRow, SignalRow
from backend.db import Bulk, later, rows, write_out
from backend.dispatch import service as dispatch
from backend.dispatch.service import decide
from backend.exchange.wire import Received
from backend.fields import Actor
from sync.bodies import SignalReceived
from sync.entry import parse_instant
from sync.errors import InvalidEntry

#: Years in which an instant is believed; beyond them calendars and databases overflow.
_YEARS: Final = range(2000, 2101)
_SIGNAL: Final = Bulk(
    SignalRow,
    [
        "town", "id", "source", "state", "outcome", "alarm", "line", "protocol", "raw", "sender", "point_name", "kind",
        "code", "level", "text", "flags", "is_test", "facts", "dedup", "occurred_at", "received_at", "admitted_at",
        "rule", "version",
    ],
)  # fmt: skip
_REPEAT: Final = Bulk(SignalRepeatRow, ["town", "id", "signal", "received_at", "admitted_at"])
_KNOWN: Final = "SELECT id FROM signal WHERE source = %(source)s AND dedup = %(dedup)s"
_BAD: Final = (
    "SELECT count(*) AS n FROM signal WHERE source = %(source)s AND sender IS NOT DISTINCT FROM %(sender)s"
    " AND state = 'unparsed' AND flags LIKE '%%bad_checksum%%' AND received_at > %(since)s"
)
_UNPARSED: Final = frozenset({"unparsed", "undecryptable", "bad_checksum"})


def foresee(session: Session, batch: Sequence[tuple[Received, SignalReceived]]) -> None:
    """What the rules need for these signals is read at once."""
    state = warm(session)
    places = [state.where(one.source, body.protocol, body.sender, body.point) for one, body in batch]
    look(session, [spot for where in places for spot in (where.spot, where.sender_spot)])


def receive(session: Session, actor: Actor, received: Received, body: SignalReceived) -> None:
    """The signal has its row, and what the rules make of it stands: alarm, incident, decisions. It refuses nothing.

    What cannot be believed (bytes that are no base64, an impossible instant) is kept and flagged, since a P1 may hang
    on it. The same key of the same gateway again is the same signal, counted (K1).
    """
    state = warm(session)
    known = _known(session, state, received.source, body.dedup)
    heard = _heard(received, body)
    if known is not None:
        later(session, _REPEAT, (actor.town, received.id, known, heard.received_at, received.received_at))
        return
    state.keys[received.source, body.dedup] = received.id
    where = state.where(received.source, body.protocol, body.sender, body.point)
    look(session, (where.spot, where.sender_spot))
    ruled = rules.decide(heard, where, state.standing(where.building, _bad_before(session, received, heard)))
    alarm = take_effect(session, state, heard, ruled)
    later(session, _SIGNAL, _row(actor, received, body, heard, where, ruled, alarm))


def _known(session: Session, state: State, source: UUID, dedup: str) -> UUID | None:
    """The signal with this key.

    While the exchange streams it is not asked for: there a known key breaks the unique constraint, and the batch is
    done again with care, where it is.
    """
    found = state.keys.get((source, dedup))
    if found is None and not session.info.get("streams"):
        write_out(session)
        found = next((row.id for row in rows(session, _KNOWN, source=source, dedup=dedup)), None)
    return found


def _bad_before(session: Session, received: Received, heard: Heard) -> int:
    if "bad_checksum" not in heard.flags:
        return 0
    write_out(session)
    since = heard.received_at - meanings.BAD_WITHIN
    (row,) = rows(session, _BAD, source=received.source, sender=heard.sender, since=since)
    return int(row.n)


def instant(text: str | None) -> datetime | None:
    """The instant, or None where it is none that calendars and databases can hold."""
    if text is None:
        return None
    try:
        at = parse_instant(text)
    except (InvalidEntry, ValueError):
        return None
    return at.astimezone(UTC) if at.year in _YEARS else None


def _heard(received: Received, body: SignalReceived) -> Heard:
    flags = set(body.flags)
    received_at = instant(body.received_at)
    if received_at is None:
        flags.add("gateway_clock")
    if body.occurred_at is not None and instant(body.occurred_at) is None:
        flags.add("impossible_time")
    return Heard(
        id=received.id,
        kind=body.kind,
        code=body.code,
        level=body.level,
        is_test=body.is_test,
        text=body.text,
        sender=body.sender,
        flags=frozenset(flags),
        received_at=received_at or received.received_at,
        admitted_at=received.received_at,
    )


def _raw(text: str) -> bytes:
    """The bytes that arrived; what is no base64 stays as it came."""
    try:
        return b64decode(text, validate=True)
    except (BinasciiError, ValueError):
        return text.encode()


def _row(
    actor: Actor, received: Received, body: SignalReceived, heard: Heard, where: Where, ruled: Ruled, alarm: UUID | None
) -> tuple[object, ...]:
    state = "unparsed" if heard.flags & _UNPARSED else "normalised"
    facts = msgspec.json.encode({key.replace("\0", "�"): value.replace("\0", "�") for key, value in body.facts.items()})
    return (
        actor.town, received.id, received.source, state, ruled.outcome, alarm, where.line, body.protocol,
        _raw(body.raw), body.sender, body.point, body.kind, body.code, body.level, body.text,
        " ".join(sorted(heard.flags)), body.is_test, facts.decode(), body.dedup, instant(body.occurred_at),
        heard.received_at, received.received_at, ruled.decisions[0][0] if ruled.decisions else None, rules.VERSION,
    )  # fmt: skip


def take_effect(session: Session, state: State, heard: Heard, ruled: Ruled) -> UUID | None:
    """What the rules decided stands; the id of the signal's own alarm."""
    first = ruled.alarms[0] if ruled.alarms else None
    own = first.id if first is not None else None
    for rule, outcome, reason in ruled.decisions:
        subject = ("alarm", own) if own is not None else ("signal", heard.id)
        if rule != "K2":  # an occurrence's own row says it; a flood would write a decision for each
            decide(session, subject[0], subject[1], rule, outcome, reason, cause=heard.id, at=heard.admitted_at)
    incident: UUID | None = None
    if first is not None and ruled.opens is not None:
        made = dispatch.open_by_rule(
            session,
            cause=heard.id,
            kind=first.kind,
            priority=first.priority,
            place=first.place,
            building=first.building,
            text=first.text,
            happened_at=first.last_at,
            rule="K3",
            reason=ruled.opens.reason,
            linked=ruled.opens.linked,
            now=heard.admitted_at,
        )
        keep_incident(state, made)
        incident = made.id
    elif first is not None and ruled.joins is not None:
        before = state.incidents[ruled.joins]
        keep_incident(
            state,
            dispatch.heard_again(session, before, first.priority, rule="K3", cause=heard.id, now=heard.admitted_at),
        )
    for index, alarm in enumerate(ruled.alarms):
        final = replace(alarm, incident=incident) if incident is not None and index == 0 else alarm
        if state.alarms.get((final.spot, final.kind)) != final:
            keep_alarm(session, final)
        if final.kind in ("unknown_sender", "unparsed") and final.line is None:
            state.unknown[final.spot] = final.received_at
    if first is not None and ruled.opens is not None:
        for alarm in loose(session, first.building):
            if rules.attaches(alarm, first):
                keep_alarm(session, replace(alarm, incident=incident))
    return own
