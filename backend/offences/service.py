"""Recording offences."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from backend.db import Bulk, later
from backend.errors import BadInput
from backend.exchange.wire import Received
from backend.feed import service as feed
from backend.fields import Actor
from backend.media import service as media
from backend.media.wire import Arrived
from backend.offences import plates, prefixes
from backend.offences.catalogue import in_force
from backend.offences.plates import Plate
from backend.offences.queries import as_line
from backend.offences.rules import Facts, Finding, check, offence_day
from backend.offences.tables import OffenceRow
from backend.offences.wire import CatalogueEntry, FindingKind, MediaState, OffenceLine, OffenceRecorded, OwnOffence
from backend.work import service as work
from sync.bodies import Clock
from sync.entry import parse_recorded_at
from sync.errors import InvalidEntry
from sync.keys import SourceKey

#: Years in which an instant is believed; beyond them calendars and databases overflow.
_YEARS: Final = range(2000, 2101)

_OFFENCE: Final = Bulk(
    OffenceRow,
    [
        "town", "id", "rev", "source", "by", "recorded_at", "recorded_zone", "received_at", "occurred_at",
        "occurred_zone", "ended_at", "tbnr", "street", "house_no", "place_detail", "lat", "lon", "accuracy_m",
        "plate", "plate_country", "plate_kind", "plate_normal", "vehicle_make", "vehicle_colour", "vehicle_kind",
        "amount_cents", "edition_from", "edition_cents", "findings", "note", "photos", "media_state",
        "synthetic_plate",
    ],
)  # fmt: skip


def record(session: Session, actor: Actor, received: Received, body: OffenceRecorded) -> None:
    """The offence is in the transaction, checked against the edition of its day, and office and officer see it.

    A wrong number or amount refuses nothing: it is a finding, and each opens one clerk's task (DESIGN.md 9).

    Raises:
        BadInput: an instant is unreadable or not within 2000 to 2100; names the field.
    """
    occurred_at, zone = _instant(body.occurred_at, "occurred_at")
    known = prefixes.known()
    facts = Facts(
        tbnr=body.tbnr,
        occurred_at=occurred_at,
        ended_at=_instant(body.ended_at, "ended_at")[0] if body.ended_at is not None else None,
        recorded_at=received.recorded_at,
        amount_cents=body.amount_cents,
        plate=plates.read(body.plate, body.plate_country, known) if body.plate is not None else None,
        offset_ms=body.clock.offset_ms if isinstance(body.clock, Clock) else None,
    )
    catalogue = in_force(session).catalogue
    findings = check(facts, catalogue, known)
    entry = catalogue.in_force(body.tbnr, offence_day(occurred_at))
    kinds = [finding.kind for finding in findings]
    later(session, _OFFENCE, _row(actor, received, body, facts, zone, entry, " ".join(kinds)))
    for photo in received.media:
        media.expect(
            session, source=received.source, entry=received.id, media=photo, chunks=None, now=received.received_at
        )
    _tell(session, received, body, occurred_at, kinds)
    _open_tasks(session, received, findings)


def media_arrived(session: Session, arrived: Arrived, _: SourceKey) -> None:
    """A photo is stored; with the last one the offence is complete, and office and officer see it.

    The offence's lock is taken before the photos are counted: of two that arrive at once the second counts both.
    """
    row = session.get_one(OffenceRow, (arrived.town, arrived.entry), with_for_update=True)
    if row.media_state == "complete" or media.awaited(session, arrived.source, arrived.entry):
        return
    row.media_state, row.rev = "complete", row.rev + 1
    _show(session, as_line(row))


def _instant(text: str, field: str) -> tuple[datetime, str]:
    try:
        at, zone = parse_recorded_at(text)
    except InvalidEntry as error:
        raise BadInput(field=f"/body/{field}", detail=error.reason) from error
    if at.year not in _YEARS:
        raise BadInput(field=f"/body/{field}", detail="not within the years 2000 to 2100")
    return at, zone


def _row(
    actor: Actor,
    received: Received,
    body: OffenceRecorded,
    facts: Facts,
    zone: str,
    entry: CatalogueEntry | None,
    findings: str,
) -> tuple[object, ...]:
    position, vehicle, plate = body.position, body.vehicle, facts.plate
    where = (position.lat, position.lon, position.accuracy_m) if position is not None else (None, None, None)
    what = (vehicle.make, vehicle.colour, vehicle.kind) if vehicle is not None else (None, None, None)
    read = _read(plate) if plate is not None else (None, None, None)
    edition = (entry.valid_from, entry.amount_cents) if entry is not None else (None, None)
    return (
        actor.town, received.id, 1, received.source, body.by, received.recorded_at, received.zone,
        received.received_at, facts.occurred_at, zone, facts.ended_at, body.tbnr, body.street, body.house_no,
        body.place_detail, *where, body.plate, *read, *what, body.amount_cents, *edition, findings, body.note,
        len(received.media), _media_state(received), body.synthetic_plate,
    )  # fmt: skip


def _read(plate: Plate) -> tuple[str, str, str]:
    return plate.country, plate.kind.value, plate.normal


def _media_state(received: Received) -> MediaState:
    return "awaiting" if received.media else "none"


def _tell(
    session: Session, received: Received, body: OffenceRecorded, occurred_at: datetime, findings: list[FindingKind]
) -> None:
    """The office's list and the officer's phone show it."""
    line = OffenceLine(
        id=received.id,
        rev=1,
        by=body.by,
        received_at=received.received_at,
        occurred_at=occurred_at,
        tbnr=body.tbnr,
        plate=body.plate,
        street=body.street,
        house_no=body.house_no,
        amount_cents=body.amount_cents,
        findings=findings,
        photos=len(received.media),
        media_state=_media_state(received),
        synthetic_plate=body.synthetic_plate,
    )
    _show(session, line)


def _show(session: Session, line: OffenceLine) -> None:
    own = OwnOffence(
        occurred_at=line.occurred_at,
        tbnr=line.tbnr,
        plate=line.plate,
        street=line.street,
        amount_cents=line.amount_cents,
        media_state=line.media_state,
    )
    feed.put(session, "office", "offence", id=line.id, rev=line.rev, body=line)
    feed.put(session, f"me:{line.by}", "offence", id=line.id, rev=line.rev, body=own)


def _open_tasks(session: Session, received: Received, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        work.open_task(
            session,
            "office",
            finding.kind.value,
            subject_type="offence",
            subject=received.id,
            facts=finding.facts,
            now=received.received_at,
            is_first=True,  # an entry's id takes effect once
        )
