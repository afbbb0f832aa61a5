"""Cases, and the way of an export from the request to the download by those two who answer for it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import BadInput, ClipGone, ExportNotBuilt, NotAllowed, NotFound, OwnApproval, PackageGone
from backend.evidence import rules
from backend.evidence.clips import SCOPE, findings_of
from backend.evidence.export_tables import CaseRow, ExportItemRow, ExportRow
from backend.evidence.export_wire import Case, Export, ExportItem, ExportState, NewCase, NewExport, Outcome
from backend.evidence.package import top_folder
from backend.evidence.tables import ClipRow
from backend.evidence.viewing import REFUSALS
from backend.evidence.wire import ClipClass, ClipState
from backend.feed import service as feed
from backend.fields import SOFTWARE, Actor, PersonId, uuid7
from backend.log import service as log
from backend.log.canonical import Json
from sync.keys import SourceKey


class Delivery(NamedTuple):
    """A package that may leave now: its record is in the transaction."""

    path: Path
    name: str
    size: int


def open_case(session: Session, actor: Actor, data: NewCase, *, key: SourceKey, now: datetime) -> Case:
    """The case is open; the same Aktenzeichen with the same ground returns the one that is.

    Raises:
        NameTaken: the Aktenzeichen is open with another ground (by the constraint, where two open it at once).
    """
    row = session.scalars(
        select(CaseRow).where(CaseRow.aktenzeichen == data.aktenzeichen, CaseRow.ground == data.ground)
    ).one_or_none()
    if row is None:
        row = CaseRow(
            town=actor.town,
            id=uuid7(),
            aktenzeichen=data.aktenzeichen,
            ground=data.ground,
            opened_by=actor.person,
            opened_at=now,
        )
        session.add(row)
        session.flush()  # the constraint refuses before anything is recorded
        private: dict[str, Json] = {"aktenzeichen": data.aktenzeichen, "ground": data.ground}
        record(session, actor, "case.opened", row.id, {}, private=private, key=key, now=now)
    return Case(
        id=row.id,
        aktenzeichen=row.aktenzeichen,
        ground=row.ground,
        opened_by=PersonId(row.opened_by),
        opened_at=row.opened_at,
    )


def request(session: Session, actor: Actor, case: UUID, data: NewExport, *, key: SourceKey, now: datetime) -> Export:
    """The export waits for a second person; every clip of it may be handed out as things stand, or was deleted by law.

    Raises:
        NotFound: no such case or clip.
        BadInput: a clip is named twice.
        Unclassified, Quarantined, NotReviewed, AwaitingMedia, ClipGone: a clip stays closed (R4–R7); names it.
    """
    if session.get(CaseRow, (actor.town, case)) is None:
        raise NotFound
    if len(set(data.clips)) != len(data.clips):
        raise BadInput(field="/clips", detail="names a clip twice")
    found = {row.id: row for row in session.scalars(select(ClipRow).where(ClipRow.id.in_(data.clips)))}
    for n, clip in enumerate(data.clips):
        if clip not in found:
            raise NotFound(field=f"/clips/{n}")
        refuse_closed(found[clip], f"/clips/{n}")
    row = ExportRow(
        town=actor.town,
        id=uuid7(),
        rev=0,
        case_id=case,
        recipient=data.recipient,
        state="requested",
        requested_by=actor.person,
        requested_at=now,
    )
    session.add(row)
    session.flush()  # its items refer to it
    session.add_all(
        ExportItemRow(town=actor.town, export=row.id, clip=clip, number=n) for n, clip in enumerate(data.clips, 1)
    )
    session.flush()
    private: dict[str, Json] = {"recipient": data.recipient, "clips": [str(clip) for clip in data.clips]}
    record(session, actor, "export.requested", row.id, {"case": str(case)}, private=private, key=key, now=now)
    return tell(session, row)


def bar_of(clip: ClipRow) -> rules.Bar | None:
    """Why the clip's content may not leave, or None."""
    return rules.barred(
        ClipState(clip.state), ClipClass(clip.class_), findings_of(clip), is_reviewed=clip.reviewed_at is not None
    )


def refuse_closed(clip: ClipRow, field: str) -> None:
    """Nothing, where the clip may be handed out or was deleted with a tombstone.

    Raises:
        Unclassified, Quarantined, NotReviewed, AwaitingMedia, ClipGone: it stays closed.
    """
    bar = bar_of(clip)
    if bar is rules.Bar.GONE and clip.state == ClipState.DELETING:
        raise ClipGone(field=field, state=clip.state)
    if bar is not None and bar is not rules.Bar.GONE:
        raise REFUSALS[bar](field=field)


def approve(session: Session, actor: Actor, id: UUID, *, key: SourceKey, now: datetime) -> Export:
    """The export may be built; once more by the same person changes nothing.

    Raises:
        NotFound: no such export.
        OwnApproval: whoever requested it does not approve it.
    """
    row = session.get(ExportRow, (actor.town, id), with_for_update=True)
    if row is None:
        raise NotFound
    if row.requested_by == actor.person:
        raise OwnApproval
    if row.state == "requested":
        row.state, row.approved_by, row.approved_at = "approved", actor.person, now
        record(session, actor, "export.approved", row.id, {}, key=key, now=now)
        return tell(session, row)
    return as_exports(session, [row])[0]


def export(session: Session, actor: Actor, id: UUID) -> Export:
    """The export as it stands.

    Raises:
        NotFound: no such export.
    """
    row = session.get(ExportRow, (actor.town, id))
    if row is None:
        raise NotFound
    return as_exports(session, [row])[0]


def deliver(session: Session, actor: Actor, id: UUID, folder: Path, *, key: SourceKey, now: datetime) -> Delivery:
    """The package leaves: `export.delivered` is in the transaction; no byte goes before it is committed.

    Our copy goes 30 days after the first download.

    Raises:
        NotFound: no such export.
        NotAllowed: only who requested or approved it takes it.
        ExportNotBuilt, PackageGone: there is no package yet, or none any more.
    """
    row = session.get(ExportRow, (actor.town, id), with_for_update=True)
    if row is None:
        raise NotFound
    if actor.person not in (row.requested_by, row.approved_by):
        raise NotAllowed(needs="requested_by or approved_by")
    if row.state == "gone":
        raise PackageGone
    path = package_path(folder, id)
    if row.state != "built" or row.size_bytes is None or row.sha256 is None:
        raise ExportNotBuilt(state=row.state)
    if row.delivered_at is None:
        row.delivered_at, row.delete_at = now, now + rules.PACKAGE_KEPT
        tell(session, row)
    record(session, actor, "export.delivered", row.id, {"sha256": row.sha256}, private={}, key=key, now=now)
    case = session.get_one(CaseRow, (actor.town, row.case_id))
    return Delivery(path, f"{top_folder(case.aktenzeichen, id)}.zip", row.size_bytes)


def package_path(folder: Path, id: UUID) -> Path:
    """Where the package of an export lies."""
    return folder / f"{id}.zip"


def record(
    session: Session,
    actor: Actor,
    kind: str,
    subject: UUID,
    public: dict[str, Json],
    *,
    private: dict[str, Json] | None = None,
    key: SourceKey,
    now: datetime,
) -> log.Recorded:
    """The next link of a case's or export's own chain, signed; who it was stands in its private part."""
    return log.record(
        session,
        actor,
        kind,
        str(subject),
        public,
        private=private,
        now=now,
        new_id=uuid7,
        software=SOFTWARE,
        key=key,
    )


def tell(session: Session, row: ExportRow) -> Export:
    """Whoever may approve exports sees it as it stands now; `rev` rises."""
    row.rev += 1
    session.flush()
    told = as_exports(session, [row])[0]
    feed.put(session, SCOPE, "export", id=row.id, rev=row.rev, body=told)
    return told


def as_exports(session: Session, rows: Sequence[ExportRow]) -> list[Export]:
    """The rows with their items as they are sent."""
    ids = [row.id for row in rows]
    items: dict[UUID, list[ExportItem]] = {id_: [] for id_ in ids}
    statement = select(ExportItemRow).where(ExportItemRow.export.in_(ids)).order_by(ExportItemRow.number)
    for one in session.scalars(statement):
        outcome = Outcome(one.outcome) if one.outcome is not None else None
        items[one.export].append(ExportItem(clip=one.clip, outcome=outcome))
    numbers = select(CaseRow.id, CaseRow.aktenzeichen).where(CaseRow.id.in_({row.case_id for row in rows}))
    cases = dict(session.execute(numbers).all())
    return [
        Export(
            id=row.id,
            rev=row.rev,
            case_id=row.case_id,
            aktenzeichen=cases[row.case_id],
            recipient=row.recipient,
            state=ExportState(row.state),
            requested_by=PersonId(row.requested_by),
            requested_at=row.requested_at,
            approved_by=PersonId(row.approved_by) if row.approved_by is not None else None,
            approved_at=row.approved_at,
            built_at=row.built_at,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            root=row.root,
            delivered_at=row.delivered_at,
            delete_at=row.delete_at,
            problem=row.problem,
            items=items[row.id],
        )
        for row in rows
    ]
