"""What every use case about a clip shares: the locked row, its deadline, its records, and who is told."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import ClipGone, NotFound
from backend.evidence import rules
from backend.evidence.rules import Event
from backend.evidence.tables import ClipRow
from backend.evidence.wire import Answers, ClipClass, ClipFinding, ClipLine, ClipState
from backend.feed import service as feed
from backend.feed.service import Leaving
from backend.fields import SOFTWARE, Actor, PersonId, uuid7
from backend.log import service as log
from backend.log.canonical import Json
from sync.entry import format_instant
from sync.keys import SourceKey

#: The feed scope of custodians, and of all who read every clip's data.
SCOPE = "evidence"


def locked(session: Session, actor: Actor, id: UUID) -> ClipRow:
    """The clip, locked until the transaction ends; officers reach their own only.

    Raises:
        NotFound: there is none, or this person may not know of it.
    """
    row = session.scalars(select(ClipRow).where(ClipRow.id == id).with_for_update()).one_or_none()
    if row is None or not is_within(actor, row):
        raise NotFound
    return row


def is_within(actor: Actor, row: ClipRow) -> bool:
    """Whether the limit of the caller's right reaches this clip: the whole town, or its own officer's."""
    if actor.limit.startswith("o"):
        return row.officer is not None and row.officer == actor.person
    return actor.limit in ("", "p")


def step(row: ClipRow, event: Event) -> None:
    """`event` happens to the clip.

    Raises:
        ClipGone: it is deleted, or about to be.
    """
    state = rules.after(ClipState(row.state), event, is_held=row.holds > 0)
    if state is None:
        raise ClipGone(state=row.state)
    row.state = state


def due(row: ClipRow, clip_class: ClipClass) -> rules.Deadline:
    """The deadline that this class gives the clip; no clock of a dock may carry it beyond what the server saw."""
    docked_at = min(row.docked_at, row.received_at)
    return rules.deadline(
        clip_class, min(row.started_at, docked_at), docked_at, is_clock_usable=row.clock != "unusable"
    )


def answers_of(row: ClipRow) -> Answers | None:
    """The five answers as they stand; None: there are none, or they were erased."""
    return msgspec.convert(row.answers, Answers) if row.answers is not None else None


def findings_of(row: ClipRow) -> frozenset[ClipFinding]:
    """What a custodian has to know."""
    return frozenset(map(ClipFinding, row.findings.split()))


def class_members(clip: ClipRow) -> dict[str, Json]:
    """What a record about the clip's class says."""
    return {
        "class": clip.class_,
        "rule": clip.rule,
        "delete_at": format_instant(clip.delete_at),
        "answers_rev": clip.answers_rev,
    }


def record(
    session: Session,
    actor: Actor,
    kind: str,
    clip: UUID,
    public: Mapping[str, Json],
    *,
    private: Mapping[str, Json] | None = None,
    key: SourceKey | None,
    now: datetime,
) -> log.Recorded:
    """The next link of the clip's chain of custody, signed by `key`; who it was stands in its private part."""
    return log.record(
        session,
        actor,
        kind,
        str(clip),
        public,
        private=private,
        now=now,
        new_id=uuid7,
        software=SOFTWARE,
        key=key,
    )


def tell(session: Session, row: ClipRow) -> None:
    """Custodians, the officer and the dock see the clip as it stands now; `rev` rises."""
    row.rev += 1
    tell_first(session, row)


def tell_first(session: Session, row: ClipRow) -> None:
    """As `tell`, for a clip that is new."""
    line = as_line(row)
    feed.put(session, SCOPE, "clip", id=row.id, rev=row.rev, body=line)
    if row.officer is not None:
        feed.put(session, f"me:{row.officer}", "clip", id=row.id, rev=row.rev, body=line)
    # A dock keeps its own copy never longer than this (design/evidence.md 5).
    own = {"state": row.state, "delete_at": row.delete_at, "is_held": row.holds > 0}
    feed.put(session, f"self:{row.source}", "clip", id=row.id, rev=row.rev, body=own)


def untell(session: Session, row: ClipRow, op: Leaving) -> None:
    """The clip leaves every screen and device; MUST come before its officer is erased."""
    row.rev += 1
    scopes = [SCOPE, f"self:{row.source}", *([f"me:{row.officer}"] if row.officer is not None else [])]
    for scope in scopes:
        feed.leave(session, scope, "clip", id=row.id, rev=row.rev, op=op)


def as_line(row: ClipRow) -> ClipLine:
    """The row as a list shows it."""
    return ClipLine(
        id=row.id,
        rev=row.rev,
        camera=row.camera,
        camera_seq=row.camera_seq,
        officer=PersonId(row.officer) if row.officer is not None else None,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        size_bytes=row.size_bytes,
        state=ClipState(row.state),
        clip_class=ClipClass(row.class_),
        rule=row.rule,
        delete_at=row.delete_at,
        is_held=row.holds > 0,
        is_marked=row.is_marked,
        answers_rev=row.answers_rev,
        findings=[ClipFinding(name) for name in row.findings.split()],
        event=row.event,
    )
