"""Stops (design/sync.md 3.5): when a source must act first, and what is kept of what it sent."""

import gzip

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from backend.exchange.tables import JournalForkPrivateRow, JournalForkRow
from backend.fields import Role, uuid7
from backend.work.tables import TaskRow
from sync import keys
from sync.entry import base64url, from_base64url
from sync.exchange import MAX_COMPRESSED, MAX_ENTRIES, MAX_PLAIN
from tests.backend.conftest import new_town
from tests.backend.exchange.conftest import Sender, effects, everything, stored
from tests.backend.exchange.test_verdicts import _renewed
from tests.backend.world import World

QUICK = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)


def filled(sender: Sender, count: int = 5) -> Sender:
    for n in range(count):
        sender.entry({"n": n})
    return sender


def branches(world: World) -> list[tuple[str, int, int, int, list[bytes]]]:
    with world.sessions.begin() as session:
        found = []
        for row in session.scalars(select(JournalForkRow).order_by(JournalForkRow.id)):
            private = select(JournalForkPrivateRow.body).where(JournalForkPrivateRow.fork == row.id)
            bodies = list(session.scalars(private.order_by(JournalForkPrivateRow.seq)))
            found.append((row.reason, row.incarnation, row.first_seq, row.last_seq, bodies))
        return found


def open_tasks(world: World) -> list[tuple[str, str]]:
    with world.sessions.begin() as session:
        return sorted(tuple(row) for row in session.execute(select(TaskRow.audience, TaskRow.kind)))


# --- gap ---


def test_entries_beyond_the_next_are_a_gap_that_names_what_is_expected(sender: Sender) -> None:
    filled(sender)
    before = everything(sender.world)
    answer = sender.send(3)
    assert ({"code": "gap", "expected": 1}, 0, []) == (answer["stop"], answer["last_seq"], answer["verdicts"])
    assert before == everything(sender.world)
    sender.send(1, 2)
    assert {"code": "gap", "expected": 3} == sender.send(5)["stop"]
    assert 5 == sender.send(3)["last_seq"]


# --- fork ---


def clone(sender: Sender, at: int) -> Sender:
    """The same journal and key, as it was at `at`."""
    return Sender(sender.machine, sender.headers, sender.heads[: at + 1], sender.entries[:at])


@pytest.mark.parametrize("at", [0, 2, 4])
def test_another_entry_at_a_known_place_is_a_fork_and_both_branches_are_kept(sender: Sender, at: int) -> None:
    filled(sender)
    cloned = clone(sender, at)
    sender.send()
    cloned.entry({"clone": True})
    answer = cloned.send(at + 1)
    assert ({"code": "fork", "seq": at + 1}, 5) == (answer["stop"], answer["last_seq"])
    assert [("fork", 1, at + 1, at + 1, [b'{"clone":true}'])] == branches(sender.world)
    assert [("admin", "journal_fork")] == open_tasks(sender.world)
    assert (5, 5) == (effects(sender.world), len(stored(sender.world)))


def test_a_branch_that_begins_behind_our_head_is_a_fork(sender: Sender) -> None:
    filled(sender, 2)
    cloned = clone(sender, 1)
    sender.send()
    cloned.entry({"clone": 1})
    cloned.entry({"clone": 2})
    assert {"code": "fork", "seq": 2} == cloned.send(3)["stop"], "`prev` is not the hash that stands at 2"
    assert [("fork", 1, 3, 3, [b'{"clone":2}'])] == branches(sender.world)


def test_a_fork_sent_again_is_kept_once_and_another_one_too(sender: Sender) -> None:
    filled(sender, 1)
    clones = [clone(sender, 0) for _ in range(2)]
    sender.send()
    for one in clones:
        one.entry({"clone": str(uuid7())})
        for _ in range(3):
            assert one.send()["stop"]["code"] == "fork"
    assert len(branches(sender.world)) == 2
    assert [("admin", "journal_fork")] == open_tasks(sender.world), "one task waits about one device"
    admin = sender.world.person(Role.ADMIN)
    shown = sender.world.http.get("/v1/tasks", headers=admin.headers).json()
    cursor = sender.world.http.get("/v1/session", headers=admin.headers).json()
    assert (1, True) == (len(shown), "admin" in cursor["scopes"])


def test_an_older_incarnation_is_a_fork_and_its_branch_is_kept(sender: Sender) -> None:
    filled(sender, 2)
    sender.send()
    old = clone(sender, 2)
    old_machine = type(sender.machine)(**vars(sender.machine))
    _renewed(sender)
    old.machine = old_machine
    old.headers = old_machine.lease()
    old.entry({"late": True})
    answer = old.send(3)
    assert {"code": "fork", "seq": 3} == answer["stop"]
    assert [("fork", 1, 3, 3, [b'{"late":true}'])] == branches(sender.world)
    assert (answer["changes"], answer["resets"]) == ([], [])


def test_an_incarnation_that_never_was_is_no_envelope(sender: Sender) -> None:
    filled(sender, 1)
    for request in (sender.request(incarnation=2), sender.request(1, 0, incarnation=7)):
        answer = sender.post(request)
        assert (400, "/incarnation") == (answer.status_code, answer.json()["errors"][0]["pointer"])


# --- bad seal ---


def flipped(text: str, index: int) -> str:
    raw = bytearray(from_base64url(text))
    raw[index // 8 % len(raw)] ^= 1 << index % 8
    return base64url(bytes(raw))


@pytest.fixture(scope="module")
def sealed(http, server, tmp_path_factory):
    """A sender whose batch is good and was never sent."""
    world = new_town(http, server, tmp_path_factory.mktemp("seal"))
    return filled(Sender.of(world.machine()), 3)


@QUICK
@given(index=st.integers(0, 511))
def test_any_flipped_bit_of_the_seal_is_a_bad_seal(sealed: Sender, index: int) -> None:
    request = sealed.request()
    request["seal"] = flipped(request["seal"], index)
    answer = sealed.post(request).json()
    assert ({"code": "bad_seal"}, 0) == (answer["stop"], answer["last_seq"])
    assert stored(sealed.world) == []


@QUICK
@given(index=st.integers(0, 255))
def test_any_flipped_bit_of_the_hash_before_is_a_bad_seal(sealed: Sender, index: int) -> None:
    request = sealed.request()
    raw = bytearray.fromhex(request["prev"])
    raw[index // 8] ^= 1 << index % 8
    answer = sealed.post(request | {"prev": raw.hex()}).json()
    assert {"code": "bad_seal"} == answer["stop"]


CHANGES = {
    "id": lambda one, n: str(uuid7()),
    "kind": lambda one, n: one["kind"][:-1] + "abcdefgh"[n % 8],
    "v": lambda one, n: one["v"] + 1 + n,
    "recorded_at": lambda one, n: one["recorded_at"].replace("Berlin", "Vienna"),
    "media": lambda one, n: [{"sha256": "0" * 64, "size": n, "type": "image/jpeg"}],
    "salt": lambda one, n: flipped(one["salt"], n),
    "body": lambda one, n: msgspec.json.encode({"n": n + 10}).decode(),
}


@QUICK
@given(field=st.sampled_from(sorted(CHANGES)), which=st.integers(0, 2), n=st.integers(0, 127))
def test_any_changed_member_of_any_entry_is_a_bad_seal(sealed: Sender, field: str, which: int, n: int) -> None:
    request = sealed.request()
    one = request["entries"][which]
    request["entries"] = list(request["entries"])
    request["entries"][which] = one | {field: CHANGES[field](one, n)}
    answer = sealed.post(request).json()
    assert ({"code": "bad_seal"}, 0) == (answer["stop"], answer["last_seq"])
    assert stored(sealed.world) == []


def test_swapped_dropped_and_foreign_entries_are_no_chain_of_ours(sealed: Sender, world: World) -> None:
    request = sealed.request()
    a, b, c = request["entries"]
    for entries in ([a | {"seq": 1}, c | {"seq": 2}, b | {"seq": 3}], [a, b], [a]):
        assert {"code": "bad_seal"} == sealed.post(request | {"entries": entries}).json()["stop"]
    stranger = filled(Sender.of(world.machine()), 3)
    assert {"code": "bad_seal"} == sealed.post(stranger.request()).json()["stop"]
    signed_by_other = keys.seal(stranger.machine.key, sealed.machine.source, 1, 3, sealed.heads[3])
    assert {"code": "bad_seal"} == sealed.post(request | {"seal": base64url(signed_by_other)}).json()["stop"]


# --- revoked ---


def test_what_a_revoked_source_sends_is_kept_as_evidence_and_admitted_by_nobody(sender: Sender) -> None:
    filled(sender, 2)
    sender.send(1, 1)
    admin = sender.world.person(Role.ADMIN)
    path = f"/v1/sources/{sender.machine.source}/revoke"
    assert sender.world.http.post(path, json={"reason": "compromised"}, headers=admin.headers).status_code == 200
    answer = sender.send(2)
    assert ("revoked", "compromised") == (answer["stop"]["code"], answer["stop"]["reason"])
    assert (1, [], [], "wipe") == (
        answer["last_seq"], answer["changes"], answer["resets"], answer["control"][0]["do"],
    )  # fmt: skip
    assert [("revoked", 1, 2, 2, [b'{"n":1}'])] == branches(sender.world)
    assert ("admin", "journal_after_revocation") in open_tasks(sender.world)
    assert 1 == effects(sender.world)
    tampered = sender.request(2)
    tampered["seal"] = flipped(tampered["seal"], 5)
    assert {"code": "bad_seal"} == sender.post(tampered).json()["stop"], "only what verifies is kept"
    assert len(branches(sender.world)) == 1


# --- too large, and what is no request ---


def test_more_than_a_request_may_hold_is_told_with_the_limits(sender: Sender) -> None:
    padding = '{"a":"' + "x" * 60_000 + '"}'
    for _ in range(75):
        sender.entry(padding)
    request = msgspec.json.encode(sender.request())
    assert len(request) > MAX_PLAIN
    stop = {"code": "too_large", "max_bytes": MAX_PLAIN, "max_entries": MAX_ENTRIES}
    for body, headers in ((request, {}), (gzip.compress(request), {"content-encoding": "gzip"})):
        answer = sender.post(body, **headers)
        assert (413, stop) == (answer.status_code, answer.json()["stop"])
    assert stored(sender.world) == []
    assert 60 == sender.send(1, 60)["last_seq"]


def test_a_gzip_bomb_and_too_many_packed_bytes_stop_at_the_limit(sender: Sender) -> None:
    bomb = gzip.compress(bytes(200 * 1024 * 1024), 9)
    assert len(bomb) < MAX_COMPRESSED
    noise = gzip.compress(b"".join(uuid7().bytes for _ in range(70_000)), 0)
    for body in (bomb, noise):
        answer = sender.post(body, **{"content-encoding": "gzip"})
        assert (413, "too_large") == (answer.status_code, answer.json()["stop"]["code"])


def test_packed_requests_that_are_cut_or_followed_by_something_change_nothing(sender: Sender) -> None:
    filled(sender, 3)
    packed = gzip.compress(msgspec.json.encode(sender.request()))
    before = everything(sender.world)
    for body in (
        b"", packed[:1], packed[:10], packed[:-9], packed[:-1], packed + b"x", packed + packed, packed[:20] + packed,
        b"\x1f\x8b" + bytes(40), msgspec.json.encode(sender.request()), packed[:-8] + bytes(8),
    ):  # fmt: skip
        answer = sender.post(body, **{"content-encoding": "gzip"})
        assert (400, "bad_envelope") == (answer.status_code, answer.json()["code"])
    for encoding in ("br", "deflate", "gzip, gzip", "zstd", "x-gzip"):
        assert sender.post(packed, **{"content-encoding": encoding}).status_code == 415
    assert before == everything(sender.world)
    assert 3 == sender.post(packed, **{"content-encoding": "GZIP"}).json()["last_seq"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"prev": "0" * 64}, "/prev"),
        ({"seal": "A" * 86}, "/seal"),
        ({"now": "2026-02-30T00:00:00.000Z"}, "/now"),
        ({"now": "0000-00-00T00:00:00.000Z"}, "/now"),
        ({"now": "2026-01-01T00:00:00Z"}, "/now"),
        ({"last_seq": -1}, "/last_seq"),
        ({"last_seq": 2**53}, "/last_seq"),
        ({"schema": 2**63}, "/schema"),
        ({"app": "a\x00"}, "/app"),
        ({"incarnation": 0}, "/incarnation"),
        ({"holds": ["a"] * 65}, "/holds"),
        ({"holds": ["\x00"]}, "/holds/0"),
        ({"cursor": ""}, "/cursor"),
        ({"tries": -1}, "/tries"),
        ({"tries": "1"}, "/tries"),
        ({"tries": 1.0}, "/tries"),
        ({"tries": None}, "/tries"),
        ({"incarnation": "1"}, "/incarnation"),
    ],
)
def test_an_envelope_that_cannot_be_read_names_its_member(sender: Sender, changes: dict, pointer: str) -> None:
    answer = sender.post(sender.request(1, 0) | changes)
    assert (400, pointer) == (answer.status_code, answer.json()["errors"][0]["pointer"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", 0), ("seq", 2**53), ("seq", 7), ("id", "x"), ("id", "019cee2d-0285-4c3a-9d21-5b0e8f7a6c42"),
        ("kind", "Offence"), ("kind", "offence"), ("kind", "a.b\n"), ("v", 0), ("v", 10_000), ("v", 2**63),
        ("recorded_at", "2026-02-30T00:00:00.000Z[Europe/Berlin]"), ("recorded_at", "2026-01-01T00:00:00.000Z"),
        ("recorded_at", "2026-01-01T00:00:00.000Z[\x00]"), ("salt", "!"), ("salt", "AA"),
        ("body", '{"a":"' + "x" * 65_536 + '"}'), ("body", ""), ("body", "[]"),
        ("media", [{"sha256": "0", "size": 1, "type": "image/jpeg"}]),
        ("media", [{"sha256": "0" * 64, "size": -1, "type": "image/jpeg"}]),
        ("media", [{"sha256": "0" * 64, "size": 1, "type": "image"}]),
        ("media", [{"sha256": "0" * 64, "size": 1, "type": "image/jpeg"}] * 33),
    ],
)  # fmt: skip
def test_an_entry_outside_the_table_is_no_entry_and_names_its_place(sender: Sender, field: str, value) -> None:
    filled(sender, 3)
    request = sender.request()
    request["entries"] = [*request["entries"][:2], request["entries"][2] | {field: value}]
    answer = sender.post(request)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith(f"/entries/2/{field}")
    assert stored(sender.world) == []


def test_the_earliest_and_the_latest_instant_are_stored_as_they_came(sender: Sender) -> None:
    for at in ("0001-01-01T00:00:00.000Z[Europe/Berlin]", "9999-12-31T23:59:59.999Z[Pacific/Kiritimati]"):
        sender.entry(recorded_at=at)
    assert 2 == sender.send()["last_seq"]
    phone = sender.world.phone()
    for at in ("0001-01-01T00:00:00.000Z[Europe/Berlin]", "9999-12-31T23:59:59.999Z[Pacific/Kiritimati]"):
        phone.record(recorded_at=at)
        phone.record({"occurred_at": at})
    phone.client.drain(patience_s=0)
    held, rejected = ("held", "actor_unproven"), ("rejected", "bad_input")
    found = [(v.verdict, v.code) if (v := phone.journal.verdict(n)) else None for n in range(1, 5)]
    assert [held, rejected, held, rejected] == found


def test_unknown_members_of_the_envelope_are_ignored(sender: Sender) -> None:
    filled(sender, 1)
    request = sender.request(future={"a": [1]})
    request["entries"] = [request["entries"][0] | {"future": 1}]
    assert 1 == sender.post(request).json()["last_seq"]


def test_more_than_100_entries_are_no_request(sender: Sender) -> None:
    filled(sender, 101)
    answer = sender.post(sender.request())
    assert (400, "/entries") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    assert 100 == sender.send(1, 100)["last_seq"]
