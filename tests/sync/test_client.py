import random
import zlib
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec import UNSET, Raw, structs

from sync import keys
from sync.enrolment import Lease
from sync.entry import base64url, genesis_hash
from sync.errors import JournalDamaged, JournalFrozen, NetworkFailure, Refused, SourceRevoked
from sync.exchange import Change, Control, ExchangeRequest, ExchangeResponse, Join, Reset, Stop, fold
from sync.journal import Journal
from sync.keys import SourceKey
from sync.pacing import BACKOFF_CAP_URGENT_S, Pace, backoff
from sync.pulled import SnapshotPage, SnapshotRow
from tests.sync.samples import SOURCE, answer, draft, rfc6979_key
from tests.sync.town import (
    Fault,
    Town,
    answer_cut,
    answer_lost,
    captive_portal,
    client_of,
    dropped,
    duplicated,
    problem,
    says,
)


@pytest.fixture
def town() -> Town:
    key = rfc6979_key()
    return Town(spki=key.spki, genesis=genesis_hash(SOURCE, 1, key.spki_sha256))


def record(journal: Journal, first: int, number: int) -> None:
    journal.append_many([draft(item) for item in range(first, first + number)])


def admitted(town: Town) -> list[str]:
    return [id_ for id_, _, _ in town.stored]


def ids(first: int, number: int) -> list[str]:
    return [draft(item).id for item in range(first, first + number)]


def answered(**changes: object) -> Fault:
    """An answer of the server with these members instead of its own, after it has worked."""

    def fault(request: httpx.Request, serve: object) -> httpx.Response:
        whole = msgspec.json.decode(serve().content, type=ExchangeResponse)  # type: ignore[operator]
        return httpx.Response(200, content=msgspec.json.encode(structs.replace(whole, **changes)))

    return fault


def test_a_shift_goes_in_batches_of_a_hundred_and_one_more_exchange_brings_its_effects(
    town: Town, journal: Journal
) -> None:
    record(journal, 1, 250)
    assert 250 == client_of(town, journal).drain()
    assert [100, 100, 50, 0] == [len(request.entries) for request in town.requests]
    assert ids(1, 250) == admitted(town)
    assert (250, "c4", 1) == (journal.state().acked, journal.state().cursor, town.leases)
    assert UNSET is town.requests[0].cursor
    assert "c1" == town.requests[1].cursor


def test_an_idle_exchange_is_one_small_request(town: Town, journal: Journal) -> None:
    assert 0 == client_of(town, journal).drain()
    (request,) = town.raw
    assert len(request.content) < 200


def test_requests_are_gzip_and_compact(town: Town, journal: Journal) -> None:
    record(journal, 1, 1)
    client_of(town, journal).exchange_once()
    plain = zlib.decompress(town.raw[0].content, zlib.MAX_WBITS | 16)
    assert msgspec.json.encode(msgspec.json.decode(plain)) == plain
    assert b"null" not in plain


def test_held_verdicts_reach_the_journal(town: Town, journal: Journal) -> None:
    town.kinds_held = frozenset({"offence.recorded"})
    record(journal, 1, 2)
    client_of(town, journal).drain()
    verdict = journal.verdict(2)
    assert verdict is not None
    assert ("held", 2) == (verdict.verdict, journal.state().acked)


@pytest.mark.parametrize("fault", [dropped, answer_lost, duplicated, answer_cut, captive_portal])
def test_each_entry_takes_effect_once_whatever_the_network_does(town: Town, journal: Journal, fault: Fault) -> None:
    record(journal, 1, 30)
    town.faults = [fault, fault]
    client_of(town, journal).drain()
    assert ids(1, 30) == admitted(town)
    assert 30 == journal.state().acked


def trace_of_faults(town: Town, journal: Journal, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    busy = says(httpx.Response(503, headers={"Retry-After": "1"}))
    every: list[Fault] = [dropped, answer_lost, duplicated, answer_cut, captive_portal, busy]
    every += [says(httpx.Response(status)) for status in (302, 404, 429, 500, 502, 504)]
    client, number = client_of(town, journal, rng=rng), 0
    for _ in range(12):
        step = rng.randint(1, 60)
        record(journal, number + 1, step)
        number += step
        town.faults = rng.choices(every, k=rng.randint(0, 5))
        if rng.random() < 0.2:
            town.token = "ended"
        if rng.random() < 0.2:
            town.restore(rng.randint(0, len(town.stored)))
        client.drain()
    assert ids(1, number) == admitted(town)
    journal.verify()


@pytest.mark.parametrize("seed", range(6))
def test_seeded_faults_lose_and_double_nothing(town: Town, journal: Journal, seed: int) -> None:
    trace_of_faults(town, journal, seed)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_many_seeded_faults_lose_and_double_nothing(town: Town, journal: Journal, seed: int) -> None:
    trace_of_faults(town, journal, seed)


def test_an_ended_lease_is_renewed_and_nothing_is_discarded(town: Town, journal: Journal) -> None:
    client = client_of(town, journal)
    client.drain()
    record(journal, 1, 3)
    town.token = "ended"
    client.drain()
    assert (3, 2) == (len(town.stored), town.leases)


def test_a_lease_that_is_never_taken_is_a_failure_to_try_again(town: Town, journal: Journal) -> None:
    town.faults = [says(problem(401, "no")), says(problem(401, "no"))]
    with pytest.raises(NetworkFailure):
        client_of(town, journal).exchange_once()


class TestTooLarge:
    def test_a_proxys_413_halves_and_is_remembered(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 100)
        html = says(httpx.Response(413, html="<h1>413 Request Entity Too Large</h1>"))
        town.faults = [html, html]
        client_of(town, journal).drain()
        assert [25, 25, 25, 25, 0] == [len(request.entries) for request in town.requests]

    def test_the_servers_own_limit_is_taken_at_once(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 30)
        stop = {"code": "too_large", "max_entries": 10, "max_bytes": 100_000}
        town.faults = [says(problem(413, "too large", stop=stop))]
        client_of(town, journal).drain()
        assert [10, 10, 10, 0] == [len(request.entries) for request in town.requests]

    def test_what_does_not_compress_is_halved_before_it_is_sent(self, town: Town, journal: Journal) -> None:
        rng = random.Random(1)
        noise = [b'{"a":"' + base64url(rng.randbytes(44_000)).encode() + b'"}' for _ in range(40)]
        journal.append_many([draft(number, body=body) for number, body in enumerate(noise, 1)])
        client_of(town, journal).drain()
        assert 40 == len(town.stored)
        assert max(len(request.content) for request in town.raw) <= 1024 * 1024

    def test_one_entry_alone_that_does_not_pass_is_an_alarm(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 1)
        town.faults = [says(httpx.Response(413))] * 3
        with pytest.raises(Refused):
            client_of(town, journal).drain()


def test_a_proxy_that_takes_no_gzip_gets_plain_json_from_then_on(town: Town, journal: Journal) -> None:
    record(journal, 1, 2)
    town.faults = [says(httpx.Response(415))]
    client_of(town, journal).drain()
    assert [True, False, False] == ["Content-Encoding" in request.headers for request in town.raw]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "999999"}, 3600.0),
        ({"Retry-After": "Sat, 14 Mar 2026 21:08:00 GMT", "Date": "Sat, 14 Mar 2026 21:07:33 GMT"}, 27.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(
    town: Town, journal: Journal, status: int, headers: dict[str, str], expected: float | None
) -> None:
    waits: list[float] = []
    town.faults = [says(httpx.Response(status, headers=headers))]
    client_of(town, journal, wait=waits.append).drain()
    (wait,) = waits
    assert wait == expected if expected is not None and expected > 1 else 0 <= wait <= 1


def test_patience_ends_with_the_failure_itself(town: Town, journal: Journal) -> None:
    town.faults = [dropped] * 100
    waits: list[float] = []
    with pytest.raises(NetworkFailure):
        client_of(town, journal, wait=waits.append, rng=random.Random(1)).drain(patience_s=300)
    assert 300 <= sum(waits) < 360


def test_a_400_is_a_defect_of_ours_that_keeps_everything(town: Town, journal: Journal) -> None:
    record(journal, 1, 2)
    town.faults = [says(problem(400, "entries[0].kind"))]
    with pytest.raises(Refused) as caught:
        client_of(town, journal).drain()
    assert (400, "entries[0].kind") == (caught.value.status, caught.value.detail)
    assert 2 == client_of(town, journal).drain()


class TestPoison:
    """An entry that kills the server blocks none of the others."""

    @pytest.mark.parametrize("place", [1, 2, 50, 100])
    def test_it_is_cornered_and_parked_while_the_others_pass(self, town: Town, journal: Journal, place: int) -> None:
        record(journal, 1, 100)
        poison = draft(place).id

        def deadly(request: httpx.Request, serve: object) -> httpx.Response:
            asked = msgspec.json.decode(zlib.decompress(request.content, zlib.MAX_WBITS | 16), type=ExchangeRequest)
            is_alone = asked.tries >= 6 and asked.entries[0].id == poison
            if poison in [entry.id for entry in asked.entries] and not is_alone:
                return httpx.Response(500)
            return serve()  # type: ignore[no-any-return,operator]

        town.faults = [deadly] * 100
        client_of(town, journal).drain()
        assert ids(1, 100) == admitted(town)
        assert len(town.raw) < 40
        assert 1 == len(next(request.entries for request in town.requests if request.tries >= 6))

    def test_a_network_that_is_not_there_blames_no_entry(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 2)
        town.faults = [dropped, captive_portal, says(httpx.Response(429)), says(httpx.Response(503))]
        client_of(town, journal).drain()
        assert [0, 0] == [request.tries for request in town.requests]

    def test_a_lease_that_fails_blames_no_entry(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 2)

        def no_lease() -> None:
            raise NetworkFailure("status 500", was_counted=True)

        with pytest.raises(NetworkFailure):
            client_of(town, journal, take_lease=no_lease).exchange_once()
        batch = journal.pending()
        assert batch is not None
        assert 0 == batch.tries


class TestStops:
    def test_a_gap_is_closed_from_where_the_server_stands(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 10)
        client_of(town, journal).drain()
        del town.stored[4:]
        record(journal, 11, 2)
        client_of(town, journal).drain()
        assert ids(1, 12) == admitted(town)

    def test_a_gap_of_entries_that_are_gone_freezes(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 10)
        town.durable = 9
        client_of(town, journal).drain()
        del town.stored[4:]
        record(journal, 11, 2)
        with pytest.raises(JournalFrozen) as caught:
            client_of(town, journal).drain()
        assert "gone" == caught.value.reason

    @pytest.mark.parametrize("expected", [0, 1, 5])
    def test_a_gap_that_is_none_does_not_turn_in_circles(self, town: Town, journal: Journal, expected: int) -> None:
        record(journal, 1, 2)
        town.faults = [answered(stop=Stop(code="gap", expected=expected), last_seq=0)] * 5
        with pytest.raises(Refused):
            client_of(town, journal).drain()

    def test_a_clone_finds_its_fork_and_is_frozen(self, town: Town, journal: Journal, path: Path) -> None:
        record(journal, 1, 3)
        client_of(town, journal).drain()
        journal.close()
        clone = path.with_name("clone.db")
        clone.write_bytes(path.read_bytes())
        with closing(Journal.open(path)) as original, closing(Journal.open(clone)) as copy:
            original.append(draft(4))
            client_of(town, original).drain()
            copy.append(draft(5))
            with pytest.raises(JournalFrozen) as caught:
                client_of(town, copy).drain()
            assert ("fork", 4) == (caught.value.reason, caught.value.seq)
            with pytest.raises(JournalFrozen):
                client_of(town, copy).exchange_once()
            assert "frozen" == copy.state().standing

    def test_a_restored_copy_is_found_even_without_a_new_entry(self, town: Town, journal: Journal, path: Path) -> None:
        journal.close()
        copy = path.with_name("copy.db")
        copy.write_bytes(path.read_bytes())
        with closing(Journal.open(path)) as original:
            original.append(draft(1))
            client_of(town, original).drain()
        with closing(Journal.open(copy)) as restored, pytest.raises(JournalFrozen):
            client_of(town, restored).drain()

    def test_a_bad_seal_is_computed_again_once(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 3)
        town.faults = [says(httpx.Response(200, content=msgspec.json.encode(bad_seal())))]
        client_of(town, journal).drain()
        assert ids(1, 3) == admitted(town)

    def test_a_second_bad_seal_freezes(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 3)
        with pytest.raises(JournalFrozen) as caught:
            client_of(town, journal, SourceKey.generate(), take_lease=lease_of(town)).drain()
        assert "bad_seal" == caught.value.reason
        assert 2 == len(town.raw)

    def test_a_bad_seal_from_a_damaged_journal_names_the_damage(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 3)
        with journal._store.transaction() as db:
            db.execute("UPDATE entry SET kind = 'other.kind' WHERE seq = 2")
        with pytest.raises(JournalDamaged) as caught:
            client_of(town, journal).drain()
        assert (2, "frozen") == (caught.value.seq, journal.state().standing)

    def test_a_revoked_source_locks_itself_and_keeps_what_was_not_sent(self, town: Town, journal: Journal) -> None:
        client = client_of(town, journal)
        client.drain()
        journal.settle(structs.replace(answer(0), changes=(CHANGE,)))
        record(journal, 1, 3)
        town.revoked = Stop(code="revoked", since="2026-03-14T21:07:33.125Z", reason="lost")
        with pytest.raises(SourceRevoked) as caught:
            client.drain()
        assert "lost" == caught.value.reason
        assert ([], 3, "revoked") == (journal.rows("job"), len(journal.entries()), journal.state().standing)

    def test_a_refused_lease_of_a_revoked_source_locks_it_too(self, town: Town, journal: Journal) -> None:
        town.revoked = Stop(code="revoked", since="2026-03-14T21:07:33.125Z", reason="lost")
        with pytest.raises(SourceRevoked):
            client_of(town, journal).drain()
        assert "revoked" == journal.state().standing

    def test_an_answer_that_neither_admits_nor_stops_is_tried_later(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 3)
        town.faults = [answered(last_seq=0)]
        with pytest.raises(NetworkFailure):
            client_of(town, journal).exchange_once()
        client_of(town, journal).drain()
        assert ids(1, 3) == admitted(town)


CHANGE = Change(scope="me", op="put", type="job", id="a", rev=1, body=Raw(b'{"name":"Erika Mustermann"}'))


def bad_seal() -> ExchangeResponse:
    return structs.replace(answer(0), stop=Stop(code="bad_seal"))


def lease_of(town: Town) -> object:
    return lambda: Lease(token=town.token, expires_at="2026-03-15T21:07:33.125Z")


def test_a_restored_server_gets_everything_again_that_the_source_still_holds(town: Town, journal: Journal) -> None:
    record(journal, 1, 120)
    client = client_of(town, journal)
    client.drain()
    town.restore(30)
    record(journal, 121, 5)
    client.drain()
    assert ids(1, 125) == admitted(town)


class TestControl:
    def order(self, key: SourceKey, do: str = "wipe") -> Control:
        return Control(do=do, signature=base64url(key.sign(keys.control_input(SOURCE, do))))  # type: ignore[arg-type]

    def test_a_wipe_signed_by_the_town_is_obeyed(self, town: Town, journal: Journal) -> None:
        record_key = SourceKey.generate()
        journal.settle(structs.replace(answer(0), changes=(CHANGE,)))
        town.control = (self.order(record_key),)
        with pytest.raises(SourceRevoked):
            client_of(town, journal, server_key=record_key.spki).drain()
        assert ([], "revoked") == (journal.rows("job"), journal.state().standing)

    def test_a_wipe_of_anybody_else_is_not(self, town: Town, journal: Journal) -> None:
        town.control = (self.order(SourceKey.generate()), Control(do="wipe", signature="="))
        client_of(town, journal, server_key=SourceKey.generate().spki).drain()
        client_of(town, journal).drain()
        assert "open" == journal.state().standing

    def test_a_lease_order_takes_a_new_lease(self, town: Town, journal: Journal) -> None:
        record_key = SourceKey.generate()
        client = client_of(town, journal, server_key=record_key.spki)
        town.control = (self.order(record_key, "lease"),)
        client.drain()
        client.drain()
        assert 2 == town.leases


class TestScopes:
    def test_a_new_scope_is_fetched_page_by_page_and_joined(self, town: Town, journal: Journal) -> None:
        town.resets = (Reset(scope="me", reason="new"),)

        def pages(request: httpx.Request) -> SnapshotPage:
            row = SnapshotRow(type="job", id=request.url.params.get("after", "a"), rev=1, body=Raw(b"{}"))
            if "after" in request.url.params:
                return SnapshotPage(rows=(row,), join="j1")
            return SnapshotPage(rows=(row,), after="b")

        town.snapshot = pages
        client_of(town, journal).drain()
        assert ["a", "b"] == [row.id for row in journal.rows("job")]
        assert [(), ("me",)] == [request.holds for request in town.requests]
        assert (Join(scope="me", cursor="j1"),) == town.requests[1].joins
        assert ([], ()) == (journal.wanted(), journal.joins())

    def test_a_snapshot_that_leads_nowhere_is_a_failure(self, town: Town, journal: Journal) -> None:
        town.resets = (Reset(scope="me", reason="new"),)
        town.snapshot = lambda request: SnapshotPage(rows=(), after=None)
        with pytest.raises(NetworkFailure):
            client_of(town, journal).drain(patience_s=0)

    def test_a_scope_that_cannot_be_had_holds_up_no_entry(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 150)
        town.resets = (Reset(scope="me", reason="new"),)
        town.snapshot = lambda request: {"rows": "?"}
        with pytest.raises(NetworkFailure):
            client_of(town, journal).drain(patience_s=0)
        assert 150 == len(town.stored)


class TestRenewal:
    def test_a_new_incarnation_sends_what_is_not_durable_under_a_new_key(self, town: Town, journal: Journal) -> None:
        record(journal, 1, 4)
        client = client_of(town, journal)
        client.drain()
        journal.freeze("fork", 4)
        new = SourceKey.generate()
        asked: list[dict[str, object]] = []

        def renewing(request: httpx.Request) -> httpx.Response:
            if request.url.path != f"/v1/sources/{SOURCE}/incarnations":
                return town.handle(request)
            asked.append(msgspec.json.decode(request.content))
            town.incarnation, town.spki, town.genesis = 2, new.spki, genesis_hash(SOURCE, 2, new.spki_sha256)
            town.stored.clear()
            body = {"source": SOURCE, "incarnation": 2, "town": "t", "server_key": "k"}
            return httpx.Response(201, json={**body, "limits": {"max_entries": 100, "max_bytes": 4_194_304}})

        client._server._http = httpx.Client(transport=httpx.MockTransport(renewing))
        assert 2 == client.renew(new, "forked").incarnation
        assert {"public_key", "proof", "reason", "old_proof"} == set(asked[0])
        client.drain()
        assert ids(1, 4) == admitted(town)
        assert [2] == list({request.incarnation for request in town.requests[-2:]})


def test_jitter_is_full_and_capped() -> None:
    rng = random.Random(1)
    for tries in (0, 3, 5, 6, 1000):
        cap = min(60.0, 2.0 ** min(tries, 10))
        waits = [backoff(tries, rng) for _ in range(500)]
        assert 0 <= min(waits) < 0.05 * cap
        assert 0.95 * cap < max(waits) <= cap
    assert max(backoff(9, rng, cap_s=BACKOFF_CAP_URGENT_S) for _ in range(100)) <= 5


def test_the_pace_grows_again_but_not_above_what_a_413_taught() -> None:
    pace = Pace()
    pace.was_too_large(100, None)
    pace.was_cut(50)
    assert 25 == pace.limit
    for _ in range(5):
        pace.went_well()
    assert 50 == pace.limit
    pace.was_cut(1)
    assert 1 == pace.limit


def test_the_seal_covers_the_whole_batch(town: Town, journal: Journal) -> None:
    record(journal, 1, 3)
    client_of(town, journal).exchange_once()
    (request,) = town.requests
    folded = fold(bytes.fromhex(request.prev or ""), request.entries)
    assert journal.state().head == folded[-1].hash
