"""Devices: let in once by a code, speaking by their key, locked out for good."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select, text

from backend.errors import CodeUsed
from backend.fields import Role, uuid7
from backend.identity import rules, sources
from backend.identity.tables import EnrolmentRow, SourceKeyRow
from backend.work.tables import TaskRow
from sync import keys
from sync.entry import base64url, format_instant, from_base64url
from sync.keys import SourceKey
from tests.backend.world import PASSWORD, Machine, World


def request(code: str, key: SourceKey, **changes):
    proof = base64url(key.sign(keys.enrol_input(code, key.spki_sha256)))
    return {
        "code": code, "kind": "dock", "public_key": base64url(key.spki), "proof": proof, "app": "t", "schema": 1,
    } | changes  # fmt: skip


def enrol(world: World, code: str, key: SourceKey | None = None, **changes):
    return world.http.post("/v1/sources", json=request(code, key or SourceKey.generate(), **changes))


def renewal(machine: Machine, key: SourceKey, *, old: SourceKey | None = None, code: str | None = None, **changes):
    message = keys.enrol_input(code or machine.source, key.spki_sha256)
    body = {"public_key": base64url(key.spki), "proof": base64url(key.sign(message)), "reason": "planned"}
    if code:
        body["code"] = code
    if old:
        body["old_proof"] = base64url(old.sign(message))
    return body | changes


def renew(machine: Machine, key: SourceKey, headers: dict | None = None, **options):
    path = f"/v1/sources/{machine.source}/incarnations"
    return machine.world.http.post(path, json=renewal(machine, key, **options), headers=headers or {})


def lease(machine: Machine, **changes):
    return machine.world.http.post(f"/v1/sources/{machine.source}/lease", json=machine.lease_request(**changes))


def revoke(world: World, source: str, reason: str = "lost"):
    admin = world.person(Role.ADMIN)
    return world.http.post(f"/v1/sources/{source}/revoke", json={"reason": reason}, headers=admin.headers)


def refusal(answer) -> tuple[int, str, str | None]:
    body = answer.json()
    return answer.status_code, body["code"], body["errors"][0]["pointer"] if "errors" in body else None


def tasks(world: World, kind: str) -> list[TaskRow]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(TaskRow).where(TaskRow.kind == kind, TaskRow.closed_at.is_(None))))


# --- the code ---


def test_a_code_lets_one_device_in_and_no_second_one(world: World) -> None:
    code = world.code("dock")
    answer = enrol(world, code)
    assert (201, 1) == (answer.status_code, answer.json()["incarnation"])
    assert "previous" not in answer.json()
    assert (409, "code_used", "/code") == refusal(enrol(world, code))


def test_a_code_used_twice_at_once_lets_one_in(world: World) -> None:
    code = world.code("dock")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: enrol(world, code), range(4)))
    assert [201, 409, 409, 409] == sorted(answer.status_code for answer in answers)


def test_a_code_ends_after_15_minutes_and_only_its_hash_is_kept(world: World) -> None:
    admin = world.person(Role.ADMIN)
    body = {"kind": "dock", "label": "Wache Süd"}
    answer = world.http.post("/v1/enrolments", json=body, headers=admin.headers)
    assert answer.status_code == 201
    code = answer.json()["code"]
    assert len(from_base64url(code)) == 16
    assert answer.json()["qr"].startswith("<svg")
    with world.sessions.begin() as session:
        row = session.scalars(select(EnrolmentRow)).one()
        assert row.expires_at - row.created_at == rules.ENROLMENT_CODE == timedelta(minutes=15)
        assert code.encode() not in msgspec.json.encode([bytes(row.code_hash), row.label])
    with world.sessions.begin() as session:
        with pytest.raises(CodeUsed):
            sources._take_code(session, code, row.expires_at)
        assert sources._take_code(session, code, row.expires_at - timedelta(seconds=1))


@pytest.mark.parametrize("kind", ["phone", "gateway"])
def test_a_code_is_for_one_kind_of_device(world: World, kind: str) -> None:
    code = world.code("dock")
    assert (409, "code_used", "/code") == refusal(enrol(world, code, kind=kind))
    assert enrol(world, code).status_code == 201, "a refusal uses nothing up"


def test_an_unknown_code_opens_nothing(world: World) -> None:
    assert (409, "code_used", "/code") == refusal(enrol(world, base64url(bytes(16))))


# --- the key ---


def spki_of(public) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_a_proof_by_another_key_or_over_another_code_is_refused_and_uses_nothing_up(world: World) -> None:
    code, key = world.code("dock"), SourceKey.generate()
    stranger = SourceKey.generate()
    for proof in (
        stranger.sign(keys.enrol_input(code, key.spki_sha256)),
        key.sign(keys.enrol_input(world.code("dock"), key.spki_sha256)),
        key.sign(keys.enrol_input(code, stranger.spki_sha256)),
        bytes(64),
        b"\xff" * 64,
    ):
        assert (400, "bad_proof", "/proof") == refusal(enrol(world, code, key, proof=base64url(proof)))
    assert enrol(world, code, key).status_code == 201


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.SECP384R1()])
def test_keys_of_other_curves_are_refused(world: World, curve) -> None:
    spki = spki_of(ec.generate_private_key(curve).public_key())
    answer = enrol(world, world.code("dock"), public_key=base64url(spki))
    assert (400, "bad_input", "/public_key") == refusal(answer)


def test_what_is_no_uncompressed_point_on_p_256_is_refused(world: World) -> None:
    good = SourceKey.generate()
    number = good.spki[27:59]
    compressed = spki_of(ed25519.Ed25519PrivateKey.generate().public_key())
    for spki in (
        good.spki[:26] + b"\x02" + number,  # compressed, in the long header
        good.spki[:-1] + bytes([good.spki[-1] ^ 1]),  # not on the curve
        good.spki[:26] + b"\x04" + bytes(64),  # infinity's look
        bytes(91),
        compressed,
        good.spki + b"\x00",
    ):
        answer = enrol(world, world.code("dock"), public_key=base64url(spki))
        assert (400, "bad_input", "/public_key") == refusal(answer)


# --- the lease ---


def test_a_lease_lasts_a_day_for_a_dock_and_its_token_is_stored_as_a_hash(world: World) -> None:
    dock = world.machine()
    answer = lease(dock)
    assert answer.status_code == 201
    until = datetime.fromisoformat(answer.json()["expires_at"])
    assert timedelta(hours=23, minutes=59) < until - datetime.now(UTC) <= rules.LEASE["dock"] == timedelta(hours=24)
    with world.sessions.begin() as session:
        stored = session.scalar(text("SELECT l::text FROM lease l WHERE source = :s"), {"s": dock.source})
    assert answer.json()["token"] not in stored


def test_a_lease_request_is_good_once_and_its_clock_must_rise(world: World) -> None:
    dock, now = world.machine(), datetime.now(UTC)
    asked = dock.lease_request(now)
    path = f"/v1/sources/{dock.source}/lease"
    assert world.http.post(path, json=asked).status_code == 201
    assert (409, "stale_clock", "/now") == refusal(world.http.post(path, json=asked))
    for earlier in (timedelta(0), timedelta(milliseconds=1), timedelta(days=1)):
        assert (409, "stale_clock", "/now") == refusal(lease(dock, now=now - earlier))
    assert lease(dock, now=now + timedelta(milliseconds=1)).status_code == 201


def test_a_replayed_request_at_once_gives_one_lease(world: World) -> None:
    dock = world.machine()
    asked = dock.lease_request()
    with ThreadPoolExecutor(4) as pool:
        path = f"/v1/sources/{dock.source}/lease"
        answers = list(pool.map(lambda _: world.http.post(path, json=asked), range(4)))
    assert [201, 409, 409, 409] == sorted(answer.status_code for answer in answers)


def test_a_lease_request_signed_over_anything_else_is_refused(world: World) -> None:
    dock, stranger = world.machine(), world.machine()
    at = format_instant(datetime.now(UTC))
    for source, incarnation, now, key in (
        (dock.source, 1, at, stranger.key),
        (stranger.source, 1, at, dock.key),
        (dock.source, 2, at, dock.key),
        (dock.source, 1, format_instant(datetime.now(UTC) + timedelta(1)), dock.key),
    ):
        signature = base64url(key.sign(keys.lease_input(source, incarnation, now)))
        body = {"incarnation": 1, "now": at, "signature": signature}
        answer = world.http.post(f"/v1/sources/{dock.source}/lease", json=body)
        assert (400, "bad_proof", "/signature") == refusal(answer)


def test_a_lease_of_an_incarnation_that_never_was_is_not_found(world: World) -> None:
    dock = world.machine()
    dock.incarnation = 2
    assert (404, "not_found", None) == refusal(lease(dock))
    assert world.http.post(f"/v1/sources/{uuid7()}/lease", json=dock.lease_request()).status_code == 404


def test_a_phone_speaks_with_a_person_and_a_dock_alone(world: World) -> None:
    dock, officer = world.machine(), world.person(Role.OFFICER)
    who = {"login": officer.login, "password": PASSWORD}
    assert (400, "bad_input", "/login") == refusal(lease(dock, **who))
    phone = world.phone(officer)
    state = phone.journal.state()
    at = format_instant(datetime.now(UTC))
    signature = base64url(phone.key.sign(keys.lease_input(state.source, 1, at)))
    path, body = f"/v1/sources/{state.source}/lease", {"incarnation": 1, "now": at, "signature": signature}
    assert (400, "bad_input", "/login") == refusal(world.http.post(path, json=body))
    assert (401, "wrong_login", None) == refusal(world.http.post(path, json=body | who | {"password": "falsch"}))
    assert world.http.post(path, json=body | who).status_code == 201


def test_a_person_of_another_town_gets_no_lease_here(world: World, other: World) -> None:
    stranger = other.person(Role.OFFICER)
    phone = world.phone()
    state = phone.journal.state()
    at = format_instant(datetime.now(UTC))
    signature = base64url(phone.key.sign(keys.lease_input(state.source, 1, at)))
    body = {"incarnation": 1, "now": at, "signature": signature, "login": stranger.login, "password": PASSWORD}
    answer = world.http.post(f"/v1/sources/{state.source}/lease", json=body)
    assert (401, "wrong_login", None) == refusal(answer)


def test_each_lease_brings_the_share_that_the_one_before_announced(world: World) -> None:
    dock = world.machine()
    first, second = lease(dock).json(), lease(dock, now=datetime.now(UTC) + timedelta(seconds=1)).json()
    assert first["next_share"] == second["share"] != second["next_share"]
    assert len(from_base64url(second["share"])) == 32


# --- a new journal ---


def test_the_old_key_and_its_lease_vouch_for_a_new_one(world: World) -> None:
    dock, key = world.machine(), SourceKey.generate()
    headers = dock.lease()
    answer = renew(dock, key, headers, old=dock.key)
    assert (201, 2) == (answer.status_code, answer.json()["incarnation"])
    assert answer.json()["previous"]["last_seq"] == 0
    assert world.http.get("/v1/sync/snapshot?scope=town", headers=headers).status_code == 401, "old leases end"


def test_without_lease_or_code_no_journal_begins(world: World) -> None:
    dock, stranger, key = world.machine(), world.machine(), SourceKey.generate()
    assert (401, "not_signed_in", None) == refusal(renew(dock, key, old=dock.key))
    assert (401, "not_signed_in", None) == refusal(renew(dock, key, stranger.lease(), old=dock.key))
    admin = world.person(Role.ADMIN)
    assert (401, "not_signed_in", None) == refusal(renew(dock, key, admin.headers, old=dock.key))
    headers = dock.lease()
    assert (400, "bad_proof", "/old_proof") == refusal(renew(dock, key, headers))
    assert (400, "bad_proof", "/old_proof") == refusal(renew(dock, key, headers, old=stranger.key))
    assert (400, "bad_proof", "/proof") == refusal(renew(dock, key, headers, old=dock.key, proof=base64url(bytes(64))))


def test_a_code_for_this_device_begins_a_journal_and_one_for_another_does_not(world: World) -> None:
    dock, key = world.machine(), SourceKey.generate()
    for code in (world.code("dock"), world.code("dock", world.machine().source)):
        assert (409, "code_used", "/code") == refusal(renew(dock, key, code=code))
    code = world.code("dock", dock.source)
    assert renew(dock, key, code=code).status_code == 201
    assert (409, "code_used", "/code") == refusal(renew(dock, SourceKey.generate(), code=code))


def test_a_key_is_one_journals_for_ever(world: World) -> None:
    """Found: a new incarnation could go on with the key that was lost."""
    dock = world.machine()
    answer = renew(dock, dock.key, code=world.code("dock", dock.source))
    assert (400, "bad_input", "/public_key") == refusal(answer)
    assert (400, "bad_input", "/public_key") == refusal(enrol(world, world.code("dock"), dock.key))


@pytest.mark.parametrize("reason", ["forked", "key_lost"])
def test_a_fork_and_a_lost_key_open_the_administrators_task_each_time(world: World, reason: str) -> None:
    """Found: one settled task about a device kept every later one from being opened."""
    dock, admin = world.machine(), world.person(Role.ADMIN)
    for _ in range(2):
        answer = renew(dock, SourceKey.generate(), code=world.code("dock", dock.source), reason=reason)
        assert answer.status_code == 201
        (task,) = tasks(world, f"source_{reason}")
        assert ("admin", str(task.subject)) == (task.audience, dock.source)
        shown = world.http.get("/v1/tasks", headers=admin.headers).json()
        assert [str(task.id)] == [one["id"] for one in shown]
        body = {"outcome": "settled", "reason": "geprüft", "base": 1}
        assert world.http.post(f"/v1/tasks/{task.id}/close", json=body, headers=admin.headers).status_code == 200


@pytest.mark.parametrize("reason", ["planned", "journal_lost"])
def test_other_reasons_open_none(world: World, reason: str) -> None:
    dock = world.machine()
    assert renew(dock, SourceKey.generate(), code=world.code("dock", dock.source), reason=reason).status_code == 201
    assert tasks(world, f"source_{reason}") == []


def test_the_key_of_an_older_journal_may_send_and_gets_nothing(world: World) -> None:
    """Found: whoever held a lost key got leases that read the device's scopes for ever."""
    dock = world.machine()
    answer = renew(dock, SourceKey.generate(), code=world.code("dock", dock.source), reason="key_lost")
    assert answer.status_code == 201
    headers = dock.lease()
    assert world.http.get("/v1/sync/snapshot?scope=town", headers=headers).status_code == 401
    assert world.http.get("/v1/log/checkpoint", headers=headers).status_code == 401
    for incarnation in (1, 2):
        body = {"incarnation": incarnation, "app": "t", "schema": 1, "now": "2026-01-01T00:00:00.000Z", "last_seq": 0}
        told = world.http.post("/v1/sync/exchange", json=body, headers=headers).json()
        assert ([], [], "") == (told["changes"], told["resets"], told["epoch"])
        assert "cursor" not in told
        if incarnation == 1:
            assert told["stop"]["code"] == "fork"
    assert (401, "not_signed_in", None) == refusal(renew(dock, SourceKey.generate(), headers, old=dock.key))


# --- revocation ---


def test_a_revoked_device_gets_no_lease_but_the_signed_order_to_erase(world: World) -> None:
    dock = world.machine()
    headers = dock.lease()
    answer = revoke(world, dock.source)
    assert (200, "revoked", "lost") == (answer.status_code, answer.json()["state"], answer.json()["revoked_reason"])
    refused = lease(dock, now=datetime.now(UTC) + timedelta(seconds=1))
    assert (403, "source_revoked") == refusal(refused)[:2]
    told = world.http.post(
        "/v1/sync/exchange",
        json={"incarnation": 1, "app": "t", "schema": 1, "now": "2026-01-01T00:00:00.000Z", "last_seq": 0},
        headers=headers,
    )
    assert told.status_code == 200
    assert [] == told.json()["changes"]
    for body in (refused.json(), told.json()):
        assert ("revoked", "lost") == (body["stop"]["code"], body["stop"]["reason"])
        (order,) = body["control"]
        message = keys.control_input(dock.source, "wipe", "")
        assert order["do"] == "wipe"
        assert keys.verify(dock.server_key, message, from_base64url(order["signature"]))
        assert not keys.verify(
            dock.server_key, keys.control_input(str(uuid7()), "wipe", ""), from_base64url(order["signature"])
        )
    for path in ("/v1/sync/snapshot?scope=town", "/v1/sync/hints", "/v1/log/checkpoint", "/v1/tasks"):
        assert world.http.get(path, headers=headers).status_code == 401
    answer = renew(dock, SourceKey.generate(), code=world.code("dock", dock.source))
    assert (403, "source_revoked") == refusal(answer)[:2]
    assert (403, "source_revoked") == refusal(renew(dock, SourceKey.generate(), headers, old=dock.key))[:2]


def test_a_wrong_signature_learns_nothing_of_a_revocation(world: World) -> None:
    dock = world.machine()
    revoke(world, dock.source)
    assert (400, "bad_proof", "/signature") == refusal(lease(dock, signature=base64url(bytes(64))))


def test_revoking_again_changes_nothing_and_another_reason_is_refused(world: World) -> None:
    dock = world.machine()
    first, again = revoke(world, dock.source), revoke(world, dock.source)
    assert first.json() == again.json()
    assert (409, "already_done") == refusal(revoke(world, dock.source, "retired"))[:2]


def test_each_step_is_a_record_of_the_log(world: World) -> None:
    dock = world.machine()
    dock.lease()
    revoke(world, dock.source)
    with world.sessions.begin() as session:
        kinds = session.scalars(
            text("SELECT kind FROM log_record WHERE subject = :s ORDER BY id"), {"s": dock.source}
        ).all()
        assert ["key.enrolled", "lease.given", "key.revoked"] == kinds
        assert session.scalars(select(SourceKeyRow.incarnation).where(SourceKeyRow.source == dock.source)).all() == [1]
