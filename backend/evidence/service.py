"""Taking clips in: what docks write in their journals, and the receipt for bytes that are stored."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from backend.errors import BadInput, ForeignId, NotAllowed
from backend.evidence import rules
from backend.evidence.clips import SCOPE, due, record, tell, tell_first
from backend.evidence.rules import Event
from backend.evidence.tables import (
    AssignmentRow,
    CameraRow,
    ClipMediaRow,
    ClipRow,
    DockingRow,
    GapFilledRow,
    GapRow,
)
from backend.evidence.wire import ClipFinding, ClipState
from backend.exchange import kept
from backend.exchange.wire import Received
from backend.fields import Actor, Role, uuid7
from backend.media import service as media
from backend.media.wire import Arrived
from backend.work import service as work
from sync.bodies import CameraDocked, ClipErased, ClipGap, ClipGapFilled, ClipRecorded
from sync.entry import format_instant, from_base64url, parse_instant
from sync.errors import InvalidEntry
from sync.exchange import WireMedia
from sync.keys import SourceKey

#: design/evidence.md 5: a camera's clock that is further off is flagged; so is a start after its own docking.
_TOLERANCE: Final = timedelta(seconds=120)
#: design/evidence.md 4: what is stored is in the log by then.
_LOGGED_WITHIN: Final = timedelta(minutes=1)
#: A card's listing goes when a clip recorded at that moment would (ours).
_DOCKING: Final = timedelta(days=14)


def camera_docked(session: Session, actor: Actor, received: Received, body: CameraDocked) -> None:
    """The card is known as it was found; an unknown camera is kept, and an administrator is asked what it is.

    Raises:
        BadInput: an instant does not exist or is not within 2000 to 2100.
    """
    _check_dock(actor)
    docked_at = _instant(body.docked_at, "docked_at")
    camera = _camera(session, actor, body.camera, received.received_at)
    if camera.serial is not None and camera.serial != body.serial:
        _ask_admin(session, camera, "camera_serial_differs", received.received_at)
    camera.serial, camera.model = body.serial, body.model
    camera.last_docked_at = docked_at
    session.add(
        DockingRow(
            town=actor.town,
            id=received.id,
            source=received.source,
            camera=camera.pseudonym,
            docked_at=docked_at,
            files=len(body.files),
            erase_at=min(docked_at, received.received_at) + _DOCKING,
        )
    )


def clip_recorded(session: Session, actor: Actor, received: Received, body: ClipRecorded) -> None:
    """The clip is in the transaction, unclassified, with its deadline; its bytes may come from now on.

    The officer is whoever had the camera at the clip's start. The same number of the same camera that another dock
    brought before is a duplicate if the bytes are the same, and a custodian's task if they are not.

    Raises:
        BadInput: instants, size, digest or chunk list contradict each other; names the field.
    """
    _check_dock(actor)
    started_at, docked_at = _instant(body.started_at, "started_at"), _instant(body.docked_at, "docked_at")
    chunks = _chunk_list(received.media, body)
    camera = _camera(session, actor, body.camera, received.received_at)
    clip = ClipRow(
        town=actor.town,
        id=received.id,
        rev=1,
        source=received.source,
        camera=camera.pseudonym,
        camera_seq=body.camera_seq,
        started_at=started_at,
        docked_at=docked_at,
        received_at=received.received_at,
        duration_ms=body.duration_ms,
        size_bytes=body.size,
        clock=_clock(body, started_at, min(docked_at, received.received_at)),
        state=ClipState.AWAITING_MEDIA,
        holds=0,
        answers_rev=0,
        is_marked=body.is_marked,
        event=body.event,
        officer=_wearer(session, camera.pseudonym, started_at),
        file_name=body.file_name,
        sha256=body.sha256,
        probe=dict(body.probe),
    )
    clip_class = rules.classify(camera.kind, None)
    clip.class_, (clip.delete_at, clip.rule) = clip_class, due(clip, clip_class)
    _find(session, clip, camera)
    session.add(clip)
    session.flush()  # its files refer to it
    for position, file in enumerate(received.media):
        session.add(
            ClipMediaRow(
                town=actor.town,
                clip=clip.id,
                position=position,
                sha256=file.sha256,
                size_bytes=file.size,
                type=file.type,
            )
        )
        media.expect(
            session,
            source=received.source,
            entry=received.id,
            media=file,
            chunks=chunks if position == 0 else None,
            now=received.received_at,
        )
    tell_first(session, clip)


def clip_gap(session: Session, actor: Actor, received: Received, body: ClipGap) -> None:
    """The numbers that no dock saw are shown to the custodians.

    Raises:
        BadInput: the gap ends before it begins, or an instant does not exist.
    """
    _check_dock(actor)
    if body.last < body.first:
        raise BadInput(field="/body/last", detail="before `first`")
    last_seen = _instant(body.last_seen, "last_seen") if body.last_seen is not None else None
    camera = _camera(session, actor, body.camera, received.received_at)
    session.add(
        GapRow(
            town=actor.town,
            id=received.id,
            source=received.source,
            camera=camera.pseudonym,
            first=body.first,
            last=body.last,
            cause=body.cause,
            last_seen_at=last_seen,
            received_at=received.received_at,
        )
    )
    facts: dict[str, str | int] = {"camera": camera.pseudonym, "first": body.first, "last": body.last}
    work.open_task(
        session,
        SCOPE,
        "clip_gap",
        subject_type="gap",
        subject=received.id,
        facts=facts | {"cause": body.cause},
        now=received.received_at,
        is_first=True,
    )


def clip_gap_filled(session: Session, actor: Actor, received: Received, body: ClipGapFilled) -> None:
    """A number of a gap turned up; every gap of the camera that holds it shows so."""
    _check_dock(actor)
    camera = _camera(session, actor, body.camera, received.received_at)
    session.add(
        GapFilledRow(
            town=actor.town,
            id=received.id,
            camera=camera.pseudonym,
            camera_seq=body.camera_seq,
            received_at=received.received_at,
        )
    )


def clip_erased(session: Session, _: Actor, received: Received, body: ClipErased) -> None:
    """The camera's copy is gone; where that was against another receipt than ours a custodian learns of it.

    Raises:
        ForeignId: this dock brought no such clip.
    """
    clip = session.scalars(
        select(ClipRow).where(ClipRow.id == body.clip, ClipRow.source == received.source).with_for_update()
    ).one_or_none()
    if clip is None:
        raise ForeignId(field="/body/clip")
    clip.camera_erased_at = received.received_at
    ours = session.scalars(
        select(ClipMediaRow.receipt_sha256).where(ClipMediaRow.clip == clip.id, ClipMediaRow.receipt.is_not(None))
    ).all()
    if bytes.fromhex(body.receipt) not in ours:
        _ask_custodian(session, clip, "erased_without_receipt", received.received_at)


def media_arrived(session: Session, arrived: Arrived, key: SourceKey) -> UUID | None:
    """The receipt is in the transaction that stores the bytes: from its commit on the dock may clear the camera.

    Returns the record `clip.received`, the same one if the bytes are told of again; None where the clip is not known
    or is being deleted: then the run that deletes it removes the bytes too.
    """
    found = session.execute(
        select(ClipRow, ClipMediaRow)
        .join(ClipMediaRow, (ClipMediaRow.town == ClipRow.town) & (ClipMediaRow.clip == ClipRow.id))
        .where(
            ClipRow.id == arrived.entry, ClipRow.source == arrived.source, ClipMediaRow.sha256 == arrived.sha256.hex()
        )
        .order_by(ClipMediaRow.position)
        .limit(1)
        .with_for_update()
    ).one_or_none()
    if found is None:
        return None
    clip, file = found
    if file.receipt is not None:
        return file.receipt
    state = rules.after(ClipState(clip.state), Event.ARRIVE, is_held=clip.holds > 0)
    if state is None:
        return None
    if file.position == 0:
        clip.state = state
    file.media, file.stored_at = arrived.media, arrived.stored_at
    _write_receipt(session, clip, file, arrived.stored_at, key)
    if file.position == 0:
        tell(session, clip)
    return file.receipt


def _write_receipt(session: Session, clip: ClipRow, file: ClipMediaRow, now: datetime, key: SourceKey) -> None:
    """`clip.received`, as design/evidence.md 3 lists its members, linked to the camera's receipt before."""
    entry = kept.entry(session, clip.source, clip.id)
    camera = session.scalars(
        select(CameraRow).where(CameraRow.pseudonym == clip.camera).with_for_update(key_share=True)
    ).one()
    done = record(
        session,
        Actor(town=session.info["town"]),
        "clip.received",
        clip.id,
        {
            "source": str(clip.source),
            "incarnation": entry.incarnation,
            "seq": entry.seq,
            "entry_hash": entry.hash.hex(),
            "media": entry.media[file.position].hex(),
            "size": file.size_bytes,
            "camera": clip.camera,
            "camera_seq": clip.camera_seq,
            "prev_camera": camera.last_receipt.hex() if camera.last_receipt is not None else None,
            "recorded_at": format_instant(clip.started_at),
            "clock": clip.clock,
            "class": clip.class_,
            "delete_at": format_instant(clip.delete_at),
            "stored_at": format_instant(now),
            "log_by": format_instant(now + _LOGGED_WITHIN),
        },
        key=key,
        now=now,
    )
    file.receipt, file.receipt_sha256 = done
    camera.last_receipt = done.hash


def _camera(session: Session, actor: Actor, pseudonym: str, now: datetime) -> CameraRow:
    """The camera, locked: its clips are admitted one after the other. A new one waits for an administrator."""
    made = session.scalar(
        upsert(CameraRow)
        .values(town=actor.town, id=uuid7(), pseudonym=pseudonym, state="unconfirmed", first_seen_at=now)
        .on_conflict_do_nothing(index_elements=["town", "pseudonym"])
        .returning(CameraRow.id)
    )
    row = session.scalars(
        select(CameraRow).where(CameraRow.pseudonym == pseudonym).with_for_update(key_share=True)
    ).one()
    if made is not None:
        _ask_admin(session, row, "camera_unknown", now)
    return row


def _find(session: Session, clip: ClipRow, camera: CameraRow) -> None:
    """The clip's findings, each with the task that it opens."""
    found = []
    if clip.clock in ("off", "unusable"):
        found.append(ClipFinding.CLOCK_OFF if clip.clock == "off" else ClipFinding.CLOCK_UNUSABLE)
    if clip.officer is None:
        found.append(ClipFinding.NO_OFFICER)
    if camera.state == "unconfirmed":
        found.append(ClipFinding.UNKNOWN_CAMERA)
    if timedelta(milliseconds=clip.duration_ms or 0) > rules.LONG:
        found.append(ClipFinding.LONG)
    if rules.is_pre_recorded(clip.probe or {}):
        found.append(ClipFinding.PRE_RECORDED)
    twin = session.scalars(
        select(ClipRow)
        .where(ClipRow.camera == clip.camera, ClipRow.camera_seq == clip.camera_seq, ClipRow.sha256.is_not(None))
        .order_by(ClipRow.received_at, ClipRow.id)
        .limit(1)
    ).one_or_none()
    if twin is not None and twin.sha256 == clip.sha256:
        found.append(ClipFinding.DUPLICATE)
        clip.duplicate_of = twin.id
    elif twin is not None:
        found.append(ClipFinding.CONTRADICTS)
    clip.findings = " ".join(found)
    for finding in found:
        if finding in (ClipFinding.NO_OFFICER, ClipFinding.CONTRADICTS, ClipFinding.PRE_RECORDED):
            _ask_custodian(session, clip, f"clip_{finding}", clip.received_at)


def _wearer(session: Session, camera: str, at: datetime) -> UUID | None:
    """Who had the camera then."""
    row = AssignmentRow
    return session.scalar(
        select(row.person)
        .where(row.camera == camera, row.since_at <= at, row.until_at > at)
        .order_by(row.since_at.desc())
        .limit(1)
    )


def _clock(body: ClipRecorded, started_at: datetime, docked_at: datetime) -> str:
    """What is known of the camera's clock; one that puts the start after the docking is of no use."""
    if started_at > docked_at + _TOLERANCE:
        return "unusable"
    return body.camera_clock.state if body.camera_clock is not None else "unknown"


def _chunk_list(files: tuple[WireMedia, ...], body: ClipRecorded) -> bytes | None:
    """The clip's chunk list, which fits its size; None where it is too long for a body.

    Raises:
        BadInput: the entry's first file is another one, or the list is not its.
    """
    if not files or (files[0].sha256, files[0].size) != (body.sha256, body.size):
        raise BadInput(field="/body/sha256", detail="not the entry's first file")
    if len({file.sha256 for file in files}) < len(files):
        raise BadInput(field="/media", detail="the same file twice")
    try:
        chunks = from_base64url(body.chunks)
    except ValueError as error:
        raise BadInput(field="/body/chunks", detail="not base64url") from error
    if not chunks and body.size > rules.MOST_LISTED:
        return None
    if len(chunks) != rules.chunk_bytes(body.size):
        raise BadInput(field="/body/chunks", detail="not 32 bytes for each 4 MiB")
    return chunks


def _check_dock(actor: Actor) -> None:
    """Gateways hold the right to send entries too; cameras are docked at docks."""
    if Role.GATEWAY in actor.roles:
        raise NotAllowed(field="/kind")


def _instant(text: str, field: str) -> datetime:
    try:
        at = parse_instant(text, field)
    except InvalidEntry as error:
        raise BadInput(field=f"/body/{field}", detail=error.reason) from error
    if at.year not in rules.YEARS:
        raise BadInput(field=f"/body/{field}", detail="not within the years 2000 to 2100")
    return at


def _ask_admin(session: Session, camera: CameraRow, kind: str, now: datetime) -> None:
    facts: dict[str, str | int] = {"camera": camera.pseudonym}
    work.open_task(session, "admin", kind, subject_type="camera", subject=camera.id, facts=facts, now=now)


def _ask_custodian(session: Session, clip: ClipRow, kind: str, now: datetime) -> None:
    facts: dict[str, str | int] = {"camera": clip.camera, "camera_seq": clip.camera_seq}
    work.open_task(session, SCOPE, kind, subject_type="clip", subject=clip.id, facts=facts, now=now)
