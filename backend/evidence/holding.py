"""Löschsperre: keeping a clip beyond its deadline, looking at it again, letting go (R3)."""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import BadInput, DeadlinePassed, NotAllowed, NotFound, SecondPersonNeeded
from backend.evidence import rules
from backend.evidence.clips import locked, record, step, tell
from backend.evidence.rules import Event
from backend.evidence.tables import ClipRow, HoldRow
from backend.evidence.wire import Hold, HoldGround, Keep, NewHold, ReleaseHold, ReviewHold
from backend.fields import Actor, PersonId, uuid7
from sync.keys import SourceKey


def place(session: Session, actor: Actor, clip_id: UUID, data: NewHold, *, key: SourceKey, now: datetime) -> Hold:
    """The clip is kept beyond its deadline; the same ground and case again return the hold that stands.

    Hold and deletion lock the same row: one wins. A clip whose deadline has passed is not held any more, even if no
    run has come to it yet.

    Raises:
        NotFound: no such clip, or not this officer's.
        NotAllowed: this ground is not this role's.
        BadInput: the review lies in the past or more than 90 days ahead.
        ClipGone: it is deleted, or about to be.
        DeadlinePassed: its deadline has passed and no other hold stands.
    """
    if not rules.may_hold(data.ground, actor.roles):
        raise NotAllowed(field="/ground")
    _check_review(data.review_on, now)
    return _placed(session, actor, locked(session, actor, clip_id), data, key=key, now=now)


def keep(session: Session, actor: Actor, clip: ClipRow, wanted: Keep, *, key: SourceKey | None, now: datetime) -> Hold:
    """The fifth answer: as `place`, reviewed at the latest time that the rule allows. `clip` is locked."""
    review_on = rules.today(now) + timedelta(days=rules.REVIEW_DAYS)
    data = NewHold(ground=wanted.ground, case_reference=wanted.case_reference, review_on=review_on)
    return _placed(session, actor, clip, data, key=key, now=now)


def _placed(
    session: Session, actor: Actor, clip: ClipRow, data: NewHold, *, key: SourceKey | None, now: datetime
) -> Hold:
    step(clip, Event.HOLD)
    if clip.holds == 0 and clip.delete_at <= now:
        raise DeadlinePassed
    row = HoldRow
    standing = session.scalars(
        select(row).where(
            row.clip == clip.id,
            row.ground == data.ground,
            row.case_reference == data.case_reference,
            row.released_at.is_(None),
        )
    ).one_or_none()
    if standing is not None:
        return as_hold(standing)
    made = HoldRow(
        town=actor.town,
        id=uuid7(),
        clip=clip.id,
        ground=data.ground,
        case_reference=data.case_reference,
        review_on=data.review_on,
        note=data.note,
        placed_by=actor.person,
        placed_at=now,
    )
    session.add(made)
    clip.holds += 1
    public = {"hold": str(made.id), "ground": data.ground, "review_on": data.review_on.isoformat()}
    private = {"case_reference": data.case_reference}
    record(session, actor, "hold.placed", clip.id, public, private=private, key=key, now=now)
    tell(session, clip)
    return as_hold(made)


def review(session: Session, actor: Actor, id: UUID, data: ReviewHold, *, key: SourceKey, now: datetime) -> Hold:
    """The hold was looked at and goes on; missing a review deletes nothing.

    Raises:
        NotFound: no such hold, or it was released.
        BadInput: the next review lies in the past or more than 90 days ahead.
    """
    _check_review(data.review_on, now)
    clip, hold = _standing(session, actor, id)
    hold.review_on = data.review_on
    public = {"hold": str(hold.id), "ground": hold.ground, "review_on": data.review_on.isoformat()}
    record(session, actor, "hold.placed", clip.id, public, private={"reason": data.reason}, key=key, now=now)
    return as_hold(hold)


def release(session: Session, actor: Actor, id: UUID, data: ReleaseHold, *, key: SourceKey, now: datetime) -> Hold:
    """The hold ends; a clip without another one goes at its deadline, or in the next run if that has passed.

    Raises:
        NotFound: no such hold, or it was released.
        NotAllowed: this ground is not this role's.
        SecondPersonNeeded: a person's request is released by another than who placed it.
    """
    clip, hold = _standing(session, actor, id)
    if not rules.may_hold(_ground(hold.ground), actor.roles):
        raise NotAllowed
    if hold.ground == "person_request" and actor.person == hold.placed_by:
        raise SecondPersonNeeded
    step(clip, Event.RELEASE)
    hold.released_at, hold.released_by, hold.release_reason = now, actor.person, data.reason
    clip.holds -= 1
    public = {"hold": str(hold.id), "ground": hold.ground}
    record(session, actor, "hold.released", clip.id, public, private={"reason": data.reason}, key=key, now=now)
    tell(session, clip)
    return as_hold(hold)


def _standing(session: Session, actor: Actor, id: UUID) -> tuple[ClipRow, HoldRow]:
    """The hold and its clip, locked in the order in which deletion locks them: the clip first."""
    clip_id = session.scalar(select(HoldRow.clip).where(HoldRow.id == id))
    if clip_id is None:
        raise NotFound
    clip = locked(session, actor, clip_id)
    hold = session.scalars(
        select(HoldRow).where(HoldRow.id == id, HoldRow.released_at.is_(None)).with_for_update()
    ).one_or_none()
    if hold is None:
        raise NotFound
    return clip, hold


def _check_review(review_on: date, now: datetime) -> None:
    if not rules.is_review_in_time(review_on, now):
        raise BadInput(field="/review_on", detail=f"not within {rules.REVIEW_DAYS} days from today")


def _ground(name: str) -> HoldGround:
    for ground in rules.GROUNDS:
        if ground == name:
            return ground
    raise ValueError(name)


def as_hold(row: HoldRow) -> Hold:
    """The row as it is sent."""
    return Hold(
        id=row.id,
        clip=row.clip,
        ground=_ground(row.ground),
        case_reference=row.case_reference,
        review_on=row.review_on,
        note=row.note,
        placed_by=PersonId(row.placed_by),
        placed_at=row.placed_at,
        released_by=PersonId(row.released_by) if row.released_by is not None else None,
        released_at=row.released_at,
        release_reason=row.release_reason,
    )
