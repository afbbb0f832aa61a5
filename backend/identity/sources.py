"""Sources: enrolment, leases, new journals, revocation (design/sync.md 2.5). Each step is a leaf of the log."""

import io
import secrets
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

import segno
from msgspec import UNSET, UnsetType
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from backend.errors import (
    AlreadyDone,
    BadInput,
    BadProof,
    CodeUsed,
    NotAllowed,
    NotFound,
    NotSignedIn,
    SourceRevoked,
    StaleClock,
)
from backend.fields import Actor, PersonId, Role, SourceId, TownId, uuid7
from backend.identity import rules
from backend.identity.service import record, roles_of, token_hash
from backend.identity.tables import EnrolmentRow, LeaseRow, SourceKeyRow, SourceRow, TownRow
from backend.identity.wire import (
    Enrolment,
    LeaseAsked,
    NewEnrolment,
    Revocation,
    Source,
)
from backend.log.canonical import Json
from backend.work import service as work
from sync import entry, exchange, keys
from sync.enrolment import Enrolled, EnrolRequest, Lease, Limits, Previous, RenewRequest
from sync.errors import InvalidEntry, InvalidKey
from sync.exchange import Control, Stop
from sync.keys import SourceKey

LIMITS: Final = Limits(max_entries=exchange.MAX_ENTRIES, max_bytes=exchange.MAX_PLAIN)


class Key(NamedTuple):
    """A public key that was checked, and its hash."""

    spki: bytes
    sha256: bytes


def open_enrolment(session: Session, actor: Actor | None, data: NewEnrolment, *, now: datetime) -> Enrolment:
    """A code of 128 random bits for one device, once, within 15 minutes. Only its hash is kept.

    Raises:
        NotFound: the named source does not exist or is of another kind.
    """
    source = None if data.source is UNSET else data.source
    if source is not None:
        row = session.get(SourceRow, (session.info["town"], source))
        if row is None or row.kind != data.kind:
            raise NotFound(field="/source")
    code = entry.base64url(secrets.token_bytes(16))
    expires_at = now + rules.ENROLMENT_CODE
    session.add(
        EnrolmentRow(
            town=session.info["town"],
            code_hash=token_hash(code),
            kind=data.kind,
            label=data.label,
            source=source,
            created_by=actor.person if actor else None,
            created_at=now,
            expires_at=expires_at,
        )
    )
    drawn = io.BytesIO()
    segno.make(code, error="m", micro=False).save(drawn, kind="svg", scale=6, xmldecl=False, dark="#000", light="#fff")
    return Enrolment(code=code, expires_at=expires_at, qr=drawn.getvalue().decode())


def town_of_code(session: Session, code: str) -> TownId:
    """The town that a code lets into, by `find_enrolment`.

    Raises:
        CodeUsed: no town gave this code.
    """
    town = session.scalar(text("SELECT find_enrolment(:code)"), {"code": token_hash(code)})
    if town is None:
        raise CodeUsed(field="/code")
    return TownId(town)


def town_of_source(session: Session, source: UUID) -> TownId:
    """The town of a source, by `find_source`.

    Raises:
        NotFound: no such source.
    """
    town = session.scalar(text("SELECT find_source(:source)"), {"source": source})
    if town is None:
        raise NotFound
    return TownId(town)


def enrol(session: Session, data: EnrolRequest, record_key: SourceKey, *, now: datetime) -> Enrolled:
    """The device is in with this key; the code is used up. A known device gets its next incarnation.

    Raises:
        CodeUsed: the code is unknown, used, out of date or for another kind of device.
        BadInput, BadProof: the key is no P-256 key or not a new one, or the signature is not its own.
        SourceRevoked: the known device was locked out.
    """
    code = _take_code(session, data.code, now)
    if code.kind != data.kind:
        raise CodeUsed(field="/code")
    key = _checked_key(data.public_key)
    _check_proof(key.spki, keys.enrol_input(data.code, key.sha256), data.proof, "/proof")
    row = _new_source(session, code, data, now) if code.source is None else _locked(session, code.source, record_key)
    code.used_at, code.used_by = now, row.id
    return _begin_incarnation(session, row, key, "enrolled", record_key, now=now)


def renew(
    session: Session, actor: Actor | None, source: SourceId, data: RenewRequest, record_key: SourceKey, *, now: datetime
) -> Enrolled:
    """The device's next incarnation with a new key, vouched for by the old one and its lease, or by a new code.

    Raises:
        NotSignedIn: neither a code nor a lease of this device came with it.
        CodeUsed: the code is not one for this device.
        BadInput, BadProof: the new key or a signature does not hold.
        SourceRevoked: the device was locked out.
    """
    row = _locked(session, source, record_key)
    key = _checked_key(data.public_key)
    if not isinstance(data.code, UnsetType):
        code = _take_code(session, data.code, now)
        if code.source != source:
            raise CodeUsed(field="/code")
        code.used_at, code.used_by = now, source
        _check_proof(key.spki, keys.enrol_input(data.code, key.sha256), data.proof, "/proof")
    else:
        if actor is None or actor.source != source:
            raise NotSignedIn
        message = keys.enrol_input(str(source), key.sha256)
        old = session.get_one(SourceKeyRow, (row.town, source, row.incarnation))
        _check_proof(key.spki, message, data.proof, "/proof")
        _check_proof(old.spki, message, data.old_proof or "", "/old_proof")
    return _begin_incarnation(session, row, key, data.reason, record_key, now=now)


def lease(
    session: Session,
    source: SourceId,
    data: LeaseAsked,
    person: PersonId | None,
    record_key: SourceKey,
    *,
    now: datetime,
) -> Lease:
    """The device may speak for a while; its token is told only now. A phone speaks together with `person`.

    Raises:
        NotFound, SourceRevoked: no such source or incarnation; it was locked out.
        NotAllowed: the person has no role that works with a phone.
        BadProof: the signature is not that of the incarnation's key.
        StaleClock: `now` of the request does not rise: a replay, or a clock that was set back.
    """
    key = session.get(SourceKeyRow, (session.info["town"], source, data.incarnation), with_for_update=True)
    if key is None:
        raise NotFound
    _check_proof(key.spki, keys.lease_input(str(source), data.incarnation, data.now), data.signature, "/signature")
    row = _locked(session, source, record_key)
    try:
        asked_at = entry.parse_instant(data.now)
    except InvalidEntry as error:
        raise BadInput(field="/now", detail=error.reason) from error
    if key.lease_now is not None and asked_at <= key.lease_now:
        raise StaleClock(field="/now")
    if (row.kind == "phone") != (person is not None):
        raise BadInput(field="/login", detail="a phone's lease needs a person's login, another device's has none")
    roles = roles_of(session, person) if person is not None else frozenset[Role]()
    if person is not None and not roles & rules.PHONE_ROLES:
        raise NotAllowed(needs="officer or guard")
    key.lease_now, key.share, key.next_share = asked_at, key.next_share, secrets.token_bytes(32)
    token = secrets.token_urlsafe(32)
    expires_at = now + rules.LEASE[row.kind]
    session.add(
        LeaseRow(
            town=row.town,
            token_hash=token_hash(token),
            source=row.id,
            incarnation=data.incarnation,
            person=person,
            roles=sorted(roles),
            issued_at=now,
            expires_at=expires_at,
        )
    )
    who = Actor(town=TownId(row.town), person=person, source=source)
    record(session, who, "lease.given", row.id, {"incarnation": data.incarnation}, now=now)
    return Lease(
        token=token,
        expires_at=entry.format_instant(expires_at),
        share=entry.base64url(key.share),
        next_share=entry.base64url(key.next_share),
    )


def wipe(source: UUID, record_key: SourceKey) -> Control:
    """The town's signed order to erase what a locked-out device holds."""
    message = keys.control_input(str(source), "wipe", "")
    return Control(do="wipe", signature=entry.base64url(record_key.sign(message)))


def stop_of(row: SourceRow) -> Stop:
    """What a locked-out device is told: since when and why."""
    since = entry.format_instant(row.revoked_at) if row.revoked_at else ""
    return Stop(code="revoked", since=since, reason=row.revoked_reason or "")


def revoke(session: Session, actor: Actor, source: SourceId, data: Revocation, *, now: datetime) -> Source:
    """The device is locked out: no new lease, and its tokens open nothing but the stop `revoked`.

    The same again returns it as it stands.

    Raises:
        NotFound: no such source.
        AlreadyDone: it was locked out for another reason.
    """
    row = session.get(SourceRow, (session.info["town"], source), with_for_update=True)
    if row is None:
        raise NotFound
    if row.state == "revoked":
        if row.revoked_reason != data.reason:
            raise AlreadyDone(reason=row.revoked_reason or "")
        return as_wire(row)
    row.state, row.revoked_at, row.revoked_reason = "revoked", now, data.reason
    record(session, actor, "key.revoked", row.id, {"reason": data.reason}, now=now)
    return as_wire(row)


def sources(session: Session) -> list[Source]:
    """Every device of the town, the longest silent first."""
    rows = session.scalars(select(SourceRow).order_by(SourceRow.last_contact_at.nulls_first(), SourceRow.id))
    return [as_wire(row) for row in rows]


def as_wire(row: SourceRow) -> Source:
    """The row as it is sent."""
    return Source(
        id=SourceId(row.id),
        kind=row.kind,
        label=row.label,
        state=row.state,
        incarnation=row.incarnation,
        last_seq=row.last_seq,
        unsettled=row.unsettled,
        app=row.app,
        last_contact_at=row.last_contact_at,
        enrolled_at=row.enrolled_at,
        revoked_at=row.revoked_at,
        revoked_reason=row.revoked_reason,
    )


def sweep_leases(session: Session, *, before: datetime) -> None:
    """Leases that ended before this instant are gone; until then they prove who recorded what at a shared phone."""
    session.execute(delete(LeaseRow).where(LeaseRow.expires_at < before))


def _locked(session: Session, source: UUID, record_key: SourceKey) -> SourceRow:
    row = session.get(SourceRow, (session.info["town"], source), with_for_update=True)
    if row is None:
        raise NotFound
    if row.state == "revoked":
        raise SourceRevoked(stop=stop_of(row), control=(wipe(row.id, record_key),))
    return row


def _take_code(session: Session, code: str, now: datetime) -> EnrolmentRow:
    row = session.scalars(
        select(EnrolmentRow).where(EnrolmentRow.code_hash == token_hash(code)).with_for_update()
    ).one_or_none()
    if row is None or row.used_at is not None or row.expires_at <= now:
        raise CodeUsed(field="/code")
    return row


def _new_source(session: Session, code: EnrolmentRow, data: EnrolRequest, now: datetime) -> SourceRow:
    row = SourceRow(
        town=code.town,
        id=uuid7(),
        kind=code.kind,
        label=code.label,
        state="active",
        incarnation=0,
        last_seq=0,
        head=b"",
        rev=0,
        unsettled=0,
        confirmed_xid=0,
        confirmed_pos=0,
        holds=[],
        app=data.app,
        schema=data.schema,
        enrolled_at=now,
    )
    session.add(row)
    session.flush()  # its key refers to it
    return row


def _begin_incarnation(
    session: Session, row: SourceRow, key: Key, reason: str, record_key: SourceKey, *, now: datetime
) -> Enrolled:
    known_until = row.last_contact_at or row.enrolled_at
    previous = Previous(last_seq=row.last_seq, at=entry.format_instant(known_until)) if row.incarnation else UNSET
    if session.scalar(select(SourceKeyRow.incarnation).where(SourceKeyRow.spki == key.spki).limit(1)) is not None:
        raise BadInput(field="/public_key", detail="a journal's key is used for no other journal")
    incarnation = row.incarnation + 1
    genesis = entry.genesis_hash(str(row.id), incarnation, key.sha256)
    session.add(
        SourceKeyRow(
            town=row.town,
            source=row.id,
            incarnation=incarnation,
            spki=key.spki,
            genesis=genesis,
            reason=reason,
            enrolled_at=now,
            share=b"",
            next_share=secrets.token_bytes(32),
        )
    )
    row.incarnation, row.last_seq, row.head = incarnation, 0, genesis
    # Leases of the old incarnation stay as proof of who recorded what, but open nothing any more.
    session.execute(update(LeaseRow).where(LeaseRow.source == row.id, LeaseRow.expires_at > now).values(expires_at=now))
    who = Actor(town=TownId(row.town), source=SourceId(row.id))
    # The key is named `source_keyid`: `keyid` of a record is the key that signs it.
    public: dict[str, Json] = {"incarnation": incarnation, "source_keyid": key.sha256.hex(), "reason": reason}
    public |= {"role": f"seal:{row.kind}", "algorithm": "p256"}
    record(session, who, "key.enrolled", row.id, public, now=now, key=record_key)
    if reason in ("forked", "key_lost"):
        facts: dict[str, str | int] = {"label": row.label, "incarnation": incarnation, "reason": reason}
        work.open_task(
            session, "admin", f"source_{reason}", subject_type="source", subject=row.id, facts=facts, now=now
        )
    town = session.get_one(TownRow, row.town)
    return Enrolled(
        source=str(row.id),
        incarnation=incarnation,
        town=town.name,
        server_key=entry.base64url(record_key.spki),
        limits=LIMITS,
        previous=previous,
    )


def _checked_key(text: str) -> Key:
    try:
        spki = entry.from_base64url(text)
        keys.public_key(spki)
    except (ValueError, InvalidKey) as error:
        raise BadInput(field="/public_key", detail="not a P-256 key (SubjectPublicKeyInfo DER, base64url)") from error
    return Key(spki, sha256(spki).digest())


def _check_proof(spki: bytes, message: bytes, signature: str, field: str) -> None:
    try:
        raw = entry.from_base64url(signature)
    except ValueError as error:
        raise BadProof(field=field, detail="not base64url") from error
    if not keys.verify(spki, message, raw):
        raise BadProof(field=field)
