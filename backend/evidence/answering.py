"""The five answers on a clip, corrections of its clock, and the review of dwellings (R4, R5, R11)."""

from datetime import datetime
from uuid import UUID

from msgspec import UnsetType, structs, to_builtins
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import BadInput, DeadlinePassed, SecondPersonNeeded, StaleBase
from backend.evidence import rules
from backend.evidence.clips import answers_of, as_line, class_members, due, locked, record, step, tell
from backend.evidence.holding import keep
from backend.evidence.rules import Event
from backend.evidence.tables import CameraRow, ClipEntryRow, ClipRow
from backend.evidence.wire import Answers, ClipClass, ClipClassified, ClipLine, NewAnswers, NewCorrection
from backend.exchange.wire import Received
from backend.fields import Actor
from backend.log.canonical import Json
from sync.entry import format_instant
from sync.keys import SourceKey


def answer(
    session: Session, actor: Actor, clip_id: UUID, data: NewAnswers, *, key: SourceKey | None, now: datetime
) -> ClipLine:
    """The five questions are answered, which sets class and deadline; the same answers again change nothing.

    A clip that is to be kept as evidence is held from now on.

    Raises:
        NotFound: no such clip, or not this officer's.
        BadInput: an answer is missing that the others ask for; names the first.
        ClipGone, DeadlinePassed: it is deleted, or about to be.
        StaleBase: somebody else answered since the person looked.
    """
    answers = Answers(**{name: getattr(data, name) for name in Answers.__struct_fields__})
    clip = locked(session, actor, clip_id)
    _answered(session, actor, clip, answers, data.base, "", key=key, now=now)
    return as_line(clip)


def answered_on_phone(session: Session, actor: Actor, received: Received, body: ClipClassified) -> None:
    """As `answer`, by the officer's phone; the entry is erased with the clip.

    The record carries no signature of ours: the phone's seal covers the entry.

    Raises:
        NotFound, BadInput, ClipGone, DeadlinePassed, StaleBase: as `answer`.
    """
    own = structs.replace(actor, limit="o")
    clip = locked(session, own, body.clip)
    base = clip.answers_rev if isinstance(body.base, UnsetType) else body.base
    _answered(session, own, clip, body.answers, base, "/body/answers", key=None, now=received.received_at)
    session.add(ClipEntryRow(town=actor.town, clip=clip.id, source=received.source, entry=received.id))


def _answered(
    session: Session,
    actor: Actor,
    clip: ClipRow,
    answers: Answers,
    base: int,
    place: str,
    *,
    key: SourceKey | None,
    now: datetime,
) -> None:
    for member, why in rules.faults(answers):
        raise BadInput(field=f"{place}/{member}", detail=why)
    step(clip, Event.ANSWER)
    if clip.holds == 0 and clip.delete_at <= now:
        raise DeadlinePassed
    if answers_of(clip) == answers and clip.answered_by == actor.person:
        return
    if clip.answers_rev != base:
        raise StaleBase(field=f"{place.removesuffix('/answers')}/base", rev=clip.answers_rev)
    kind = session.scalar(select(CameraRow.kind).where(CameraRow.pseudonym == clip.camera))
    clip_class = rules.classify(kind, answers)
    clip.class_, (clip.delete_at, clip.rule) = clip_class, due(clip, clip_class)
    clip.answers, clip.answered_by = to_builtins(answers), actor.person
    clip.answers_rev += 1
    if clip_class is not ClipClass.DWELLING:
        clip.reviewed_by = clip.reviewed_at = None
    public, private = class_members(clip), {"answers": to_builtins(answers)}
    record(session, actor, "clip.classified", clip.id, public, private=private, key=key, now=now)
    if answers.keep is not None:
        keep(session, actor, clip, answers.keep, key=key, now=now)
    tell(session, clip)


def correct(
    session: Session, actor: Actor, clip_id: UUID, data: NewCorrection, *, key: SourceKey, now: datetime
) -> ClipLine:
    """A signed statement says when the clip really began; its own start and deadline stay as they are (R11).

    Raises:
        NotFound: no such clip, or not this officer's.
        BadInput: the instant is not within 2000 to 2100.
        ClipGone: it is deleted, or about to be.
    """
    if data.started_at.year not in rules.YEARS:
        raise BadInput(field="/started_at", detail="not within the years 2000 to 2100")
    clip = locked(session, actor, clip_id)
    step(clip, Event.ANSWER)
    drift_ms = round((clip.started_at - data.started_at).total_seconds() * 1000)
    public: dict[str, Json] = {
        "recorded_at": format_instant(clip.started_at),
        "corrected_to": format_instant(data.started_at),
        "drift_ms": drift_ms,
    }
    record(session, actor, "clip.corrected", clip.id, public, private={"evidence": data.evidence}, key=key, now=now)
    return as_line(clip)


def reviewed(session: Session, actor: Actor, clip_id: UUID, *, key: SourceKey, now: datetime) -> ClipLine:
    """Another person than its officer found no core of private life in a dwelling's clip (R5): it may be viewed.

    Raises:
        NotFound: no such clip.
        BadInput: it is not of a dwelling.
        SecondPersonNeeded: its officer, or whoever answered the questions, cannot review it.
        ClipGone: it is deleted, or about to be.
    """
    clip = locked(session, actor, clip_id)
    step(clip, Event.ANSWER)
    if clip.class_ != ClipClass.DWELLING:
        raise BadInput(field="", detail="not a clip of a dwelling")
    if actor.person in (clip.officer, clip.answered_by):
        raise SecondPersonNeeded
    if clip.reviewed_at is None:
        clip.reviewed_by, clip.reviewed_at = actor.person, now
        public = class_members(clip) | {"is_reviewed": True}
        record(session, actor, "clip.classified", clip.id, public, key=key, now=now)
        tell(session, clip)
    return as_line(clip)
