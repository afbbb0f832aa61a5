"""Looking at a clip: a record first, then bytes (design/evidence.md 9; R4–R7; invariant 13)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import (
    AwaitingMedia,
    ClipGone,
    DomainError,
    NotAllowed,
    NotFound,
    NotReviewed,
    Quarantined,
    RangeNotSatisfiable,
    ReasonMissing,
    SecondPersonNeeded,
    Unclassified,
)
from backend.evidence import rules
from backend.evidence.clips import SCOPE, findings_of, is_within, locked, record
from backend.evidence.rules import Bar, Unsatisfiable
from backend.evidence.tables import ClipMediaRow, ClipRow, ViewRow
from backend.evidence.wire import ClipClass, ClipState, CustodyEntry, NewView, View, WaitingView
from backend.feed import service as feed
from backend.fields import Actor, PersonId, uuid7
from backend.identity.rules import permit
from backend.log import service as log
from backend.log.canonical import Json
from backend.media import service as media
from backend.media.storage import Folder
from sync.keys import SourceKey

REFUSALS: Final[dict[Bar, type[DomainError]]] = {
    Bar.GONE: ClipGone,
    Bar.AWAITING_MEDIA: AwaitingMedia,
    Bar.UNCLASSIFIED: Unclassified,
    Bar.QUARANTINED: Quarantined,
    Bar.NOT_REVIEWED: NotReviewed,
}


class Footage(NamedTuple):
    """Bytes of a clip that may leave now."""

    data: Iterator[bytes]
    #: First byte and end, exclusive.
    start: int
    stop: int
    size: int
    type: str
    #: Whether a range was asked for.
    is_partial: bool


def open_view(session: Session, actor: Actor, clip_id: UUID, data: NewView, *, key: SourceKey, now: datetime) -> View:
    """The view is recorded with its reason; once this commits, and only then, `footage` gives bytes for it.

    Raises:
        NotFound: no such clip, or not this person's.
        Unclassified, Quarantined, NotReviewed, AwaitingMedia, ClipGone: its content stays closed (R4–R7).
        NotAllowed: a review is a second person's who may review.
    """
    clip = locked(session, actor, clip_id)
    if data.is_review and (permit(actor.roles, "core_life_review:A") is None or actor.person == clip.officer):
        raise NotAllowed(needs="core_life_review:A")
    _check_open(clip, is_review=data.is_review)
    view = ViewRow(
        town=actor.town,
        id=uuid7(),
        clip=clip.id,
        person=actor.person,
        opened_at=now,
        until_at=now + rules.VIEW,
        needs_approval=rules.needs_second_person(ClipClass(clip.class_)) and not data.is_review,
        is_review=data.is_review,
    )
    session.add(view)
    private: dict[str, Json] = {"view": str(view.id), "reason": data.reason, "case_reference": data.case_reference}
    private |= {"roles": ",".join(sorted(actor.roles)), "is_review": data.is_review}
    record(session, actor, "clip.viewed", clip.id, {}, private=private, key=key, now=now)
    if view.needs_approval:
        for scope in (SCOPE, f"me:{view.person}"):
            feed.put(session, scope, "view", id=view.id, rev=1, body=as_waiting(view))
    return View(id=view.id, clip=clip.id, until=view.until_at, needs_approval=view.needs_approval)


def approve_view(session: Session, actor: Actor, id: UUID, *, key: SourceKey, now: datetime) -> View:
    """A second person agrees, who was told the same reason; within 15 minutes. Once more changes nothing.

    Raises:
        NotFound: no such view, it needs nobody, or its time is over.
        SecondPersonNeeded: whoever opened it cannot agree.
    """
    row = ViewRow
    view = session.scalars(
        select(row).where(row.id == id, row.needs_approval, row.opened_at > now - rules.APPROVAL).with_for_update()
    ).one_or_none()
    if view is None:
        raise NotFound
    if view.person == actor.person:
        raise SecondPersonNeeded
    if view.approved_by is None:
        view.approved_by, view.approved_at = actor.person, now
        private: dict[str, Json] = {"view": str(view.id), "is_approval": True}
        record(session, actor, "clip.viewed", view.clip, {}, private=private, key=key, now=now)
        for scope in (SCOPE, f"me:{view.person}"):
            feed.leave(session, scope, "view", id=view.id, rev=2, op="drop")
    return View(id=view.id, clip=view.clip, until=view.until_at, needs_approval=False)


def as_waiting(view: ViewRow) -> WaitingView:
    """The row as a second person's list shows it."""
    return WaitingView(
        id=view.id,
        clip=view.clip,
        person=PersonId(view.person),
        opened_at=view.opened_at,
        answer_until=view.opened_at + rules.APPROVAL,
    )


def footage(
    session: Session,
    folder: Folder,
    actor: Actor,
    clip_id: UUID,
    view_id: UUID | None,
    asked: str | None,
    *,
    now: datetime,
) -> Footage:
    """The clip's bytes, or the range that was `asked` for, for a view that stands; nothing is read before.

    Raises:
        NotFound: no such clip, or not this person's.
        ReasonMissing: no view of this person and clip stands.
        SecondPersonNeeded: nobody agreed to it yet.
        Unclassified, Quarantined, NotReviewed, AwaitingMedia, ClipGone: as `open_view`, if that changed meanwhile.
        RangeNotSatisfiable: the range lies behind the end.
    """
    clip = session.scalars(select(ClipRow).where(ClipRow.id == clip_id)).one_or_none()
    if clip is None or not is_within(actor, clip):
        raise NotFound
    view = session.get(ViewRow, (actor.town, view_id)) if view_id is not None else None
    if view is None or (view.clip, view.person) != (clip.id, actor.person) or not view.opened_at <= now < view.until_at:
        raise ReasonMissing
    if view.needs_approval and view.approved_by is None:
        raise SecondPersonNeeded
    _check_open(clip, is_review=view.is_review)
    file = session.get_one(ClipMediaRow, (actor.town, clip.id, 0))
    if file.media is None:
        raise AwaitingMedia
    wanted = rules.byte_range(asked, file.size_bytes)
    if isinstance(wanted, Unsatisfiable):
        raise RangeNotSatisfiable(size=wanted.size)
    start, stop = wanted or (0, file.size_bytes)
    data = media.read(session, folder, file.media, start, stop)
    return Footage(data, start, stop, file.size_bytes, file.type, wanted is not None)


def custody(session: Session, actor: Actor, clip_id: UUID) -> list[CustodyEntry]:
    """Who did what to the clip, in order; also after it was deleted, as far as the law keeps the names.

    Raises:
        NotFound: no such clip, or not this person's.
    """
    clip = session.scalars(select(ClipRow).where(ClipRow.id == clip_id)).one_or_none()
    if clip is None or not is_within(actor, clip):
        raise NotFound
    entries = []
    for link in log.chain(session, str(clip_id)):
        private = msgspec.json.decode(link.body) if link.body else {}
        person = private.get("person")
        entries.append(
            CustodyEntry(
                id=link.id,
                kind=link.kind,
                at=link.at,
                hash=link.hash.hex(),
                person=PersonId(UUID(person)) if person else None,
                reason=private.get("reason"),
            )
        )
    return entries


def _check_open(clip: ClipRow, *, is_review: bool) -> None:
    is_reviewed = clip.reviewed_at is not None or is_review
    bar = rules.barred(ClipState(clip.state), ClipClass(clip.class_), findings_of(clip), is_reviewed=is_reviewed)
    if bar is not None:
        raise REFUSALS[bar]
