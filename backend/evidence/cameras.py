"""Cameras, who was trained, and who has which camera (R9; invariant 14)."""

from datetime import datetime
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import AlreadyDone, BadInput, CameraTaken, CameraUnconfirmed, ForeignId, NoCertificate, NotFound
from backend.evidence import rules
from backend.evidence.clips import answers_of, class_members, due, record, tell
from backend.evidence.rules import Event
from backend.evidence.tables import AssignmentRow, CameraRow, CertificateRow, ClipRow
from backend.evidence.wire import (
    Assignment,
    Camera,
    Certificate,
    ClipFinding,
    ClipState,
    ConfirmCamera,
    NewAssignment,
    NewCertificate,
)
from backend.fields import Actor, PersonId, uuid7
from backend.identity import service as identity
from sync.keys import SourceKey


def confirm(session: Session, actor: Actor, id: UUID, data: ConfirmCamera, *, key: SourceKey, now: datetime) -> Camera:
    """A person said what the camera is; its clips get the class and deadline of its kind, each with a record.

    Raises:
        NotFound: no such camera.
        AlreadyDone: it was confirmed as another kind; its clips' deadlines stand.
    """
    camera = session.scalars(select(CameraRow).where(CameraRow.id == id).with_for_update()).one_or_none()
    if camera is None:
        raise NotFound
    if camera.kind not in (None, data.kind):
        raise AlreadyDone(outcome=str(camera.kind))
    is_new = camera.kind is None
    camera.kind, camera.state = data.kind, data.state
    camera.confirmed_by, camera.confirmed_at = actor.person, now
    if is_new:
        identity.record(session, actor, "camera.confirmed", camera.id, {"camera": camera.pseudonym}, now=now)
        session.flush()
        for clip in session.scalars(select(ClipRow).where(ClipRow.camera == camera.pseudonym).with_for_update()):
            _settle_kind(session, actor, clip, data.kind, key, now)
    return as_camera(camera)


def _settle_kind(session: Session, actor: Actor, clip: ClipRow, kind: str, key: SourceKey, now: datetime) -> None:
    """The camera of this clip is no longer unknown; what is deleted stays as it is."""
    if rules.after(ClipState(clip.state), Event.ANSWER, is_held=clip.holds > 0) is None:
        return
    clip_class = rules.classify(kind, answers_of(clip))
    if clip_class != clip.class_:
        clip.class_, (clip.delete_at, clip.rule) = clip_class, due(clip, clip_class)
        record(session, actor, "clip.classified", clip.id, class_members(clip), key=key, now=now)
    clip.findings = " ".join(one for one in clip.findings.split() if one != ClipFinding.UNKNOWN_CAMERA)
    tell(session, clip)


def record_certificate(session: Session, actor: Actor, data: NewCertificate, *, now: datetime) -> Certificate:
    """The person was trained: cameras may be assigned within these days. The same again returns the one that stands.

    Raises:
        BadInput: it ends before it begins.
        ForeignId: no such person.
    """
    for name, day in (("issued_on", data.issued_on), ("valid_until", data.valid_until)):
        if day.year not in rules.YEARS:
            raise BadInput(field=f"/{name}", detail="not within the years 2000 to 2100")
    if data.valid_until < data.issued_on:
        raise BadInput(field="/valid_until", detail="before `issued_on`")
    if not identity.is_person(session, data.person):
        raise ForeignId(field="/person")
    row = CertificateRow
    standing = session.scalars(
        select(row).where(
            row.person == data.person,
            row.issued_on == data.issued_on,
            row.valid_until == data.valid_until,
            row.withdrawn_at.is_(None),
        )
    ).first()
    if standing is not None:
        return as_certificate(standing)
    made = CertificateRow(
        town=actor.town,
        id=uuid7(),
        person=data.person,
        issued_on=data.issued_on,
        valid_until=data.valid_until,
        issuer=data.issuer,
        recorded_by=actor.person,
        recorded_at=now,
    )
    session.add(made)
    identity.record(session, actor, "training.recorded", data.person, {"certificate": str(made.id)}, now=now)
    return as_certificate(made)


def withdraw_certificate(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Certificate:
    """The certificate counts no longer, and the cameras assigned by it come back now.

    Raises:
        NotFound: no such certificate.
    """
    row = session.scalars(select(CertificateRow).where(CertificateRow.id == id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound
    if row.withdrawn_at is None:
        for one in session.scalars(
            select(AssignmentRow).where(AssignmentRow.certificate == id, AssignmentRow.until_at > now).with_for_update()
        ):
            one.until_at, one.ended_by = max(one.since_at, now), actor.person
        session.flush()  # a trigger looks that no assignment outlives the certificate
        row.withdrawn_at, row.withdrawn_by = now, actor.person
        identity.record(session, actor, "training.withdrawn", row.person, {"certificate": str(row.id)}, now=now)
    return as_certificate(row)


def assign(session: Session, actor: Actor, camera_id: UUID, data: NewAssignment, *, now: datetime) -> Assignment:
    """The officer has the camera in this span; clips that begin in it are the officer's.

    The same again returns the assignment that stands.

    Raises:
        NotFound: no such camera.
        CameraUnconfirmed: nobody confirmed it, or it was retired.
        BadInput: the span is empty.
        NoCertificate: no certificate of this person covers the whole span.
        CameraTaken: somebody else has it then.
    """
    since = now if data.since is UNSET else data.since
    for name, at in (("since", since), ("until", data.until)):
        if at.year not in rules.YEARS:
            raise BadInput(field=f"/{name}", detail="not within the years 2000 to 2100")
    if not since < data.until:
        raise BadInput(field="/until", detail="not after `since`")
    camera = session.scalars(select(CameraRow).where(CameraRow.id == camera_id).with_for_update()).one_or_none()
    if camera is None:
        raise NotFound
    if camera.state != "active":
        raise CameraUnconfirmed
    row = AssignmentRow
    standing = session.scalars(
        select(row).where(
            row.camera == camera.pseudonym,
            row.since_at < data.until,
            row.until_at > since,
            row.until_at > row.since_at,
        )
    ).first()
    if standing is not None:
        if (standing.person, standing.until_at) == (data.person, data.until) and data.since in (
            UNSET,
            standing.since_at,
        ):
            return as_assignment(standing)
        raise CameraTaken
    made = AssignmentRow(
        town=actor.town,
        id=uuid7(),
        camera=camera.pseudonym,
        person=data.person,
        certificate=_covering(session, data.person, since, data.until),
        since_at=since,
        until_at=data.until,
        assigned_by=actor.person,
        assigned_at=now,
    )
    session.add(made)
    session.flush()  # the trigger's refusal belongs to this statement
    identity.record(session, actor, "camera.assigned", camera.id, {"camera": camera.pseudonym}, now=now)
    return as_assignment(made)


def end_assignment(session: Session, actor: Actor, id: UUID, *, now: datetime) -> Assignment:
    """The camera is back; once more changes nothing.

    Raises:
        NotFound: no such assignment.
    """
    row = session.scalars(select(AssignmentRow).where(AssignmentRow.id == id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound
    if row.until_at > now:
        row.until_at, row.ended_by = max(row.since_at, now), actor.person
    return as_assignment(row)


def _covering(session: Session, person: PersonId, since: datetime, until: datetime) -> UUID:
    """A certificate of the person that is valid from `since` to `until`."""
    row = CertificateRow
    standing = session.scalars(
        select(row)
        .where(row.person == person, row.withdrawn_at.is_(None))
        .order_by(row.valid_until.desc())
        .with_for_update(read=True)
    )
    for one in standing:
        if rules.covers(one.issued_on, one.valid_until, since, until):
            return one.id
    raise NoCertificate(field="/person")


def as_camera(row: CameraRow) -> Camera:
    """The row as it is sent."""
    return Camera(
        id=row.id,
        pseudonym=row.pseudonym,
        serial=row.serial,
        model=row.model,
        kind="vehicle" if row.kind == "vehicle" else "bodycam" if row.kind == "bodycam" else None,
        state="active" if row.state == "active" else "retired" if row.state == "retired" else "unconfirmed",
        first_seen_at=row.first_seen_at,
        last_docked_at=row.last_docked_at,
    )


def as_certificate(row: CertificateRow) -> Certificate:
    """The row as it is sent."""
    return Certificate(
        id=row.id,
        person=PersonId(row.person),
        issued_on=row.issued_on,
        valid_until=row.valid_until,
        issuer=row.issuer,
        withdrawn_at=row.withdrawn_at,
    )


def as_assignment(row: AssignmentRow) -> Assignment:
    """The row as it is sent."""
    return Assignment(
        id=row.id,
        camera=row.camera,
        person=PersonId(row.person),
        certificate=row.certificate,
        since=row.since_at,
        until=row.until_at,
    )
