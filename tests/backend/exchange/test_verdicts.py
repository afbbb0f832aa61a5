"""What becomes of each entry (design/sync.md 3.4): one verdict, one effect, and no harm to its neighbours."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from backend.exchange.tables import JournalEntryRow, JournalPrivateRow
from backend.exchange.wire import Kind, Received
from backend.fields import Actor, Role
from backend.work.tables import TaskRow
from sync import keys
from sync.bodies import EntryBody
from sync.entry import base64url, format_recorded_at
from sync.keys import SourceKey
from tests.backend.conftest import new_town
from tests.backend.exchange.conftest import Sender, effects, everything, stored
from tests.backend.world import World

QUICK = settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)

#: What a body asks for, and what it gets.
OUTCOMES = {
    "accept": None,
    "reject": ("rejected", "bad_input"),
    "conflict": ("conflict", "stale_base"),
    "already": ("conflict", "already_done"),
    "crash": ("parked", "server_error"),
    "break": ("parked", "server_error"),
}


def tasks(world: World) -> list[tuple[str, str]]:
    with world.sessions.begin() as session:
        return sorted(tuple(row) for row in session.execute(select(TaskRow.audience, TaskRow.kind)))


@pytest.mark.parametrize(("do", "outcome"), OUTCOMES.items())
def test_a_service_decides_what_its_entry_gets(sender: Sender, do: str, outcome) -> None:
    sender.entry({"do": do})
    answer = sender.send()
    assert ([(1, *outcome)] if outcome else []) == sender.verdicts(answer)
    assert (1, 0 if outcome else 1) == (answer["last_seq"], effects(sender.world))
    if do == "reject":
        assert ("/body/do", "verdict.bad_input") == (answer["verdicts"][0]["field"], answer["verdicts"][0]["text"])


def test_rejected_and_conflicting_entries_become_a_task_and_parked_ones_wait_first(sender: Sender) -> None:
    for do in OUTCOMES:
        sender.entry({"do": do})
    sender.send()
    assert [("office", "entry_conflict")] * 2 + [("office", "entry_rejected")] == tasks(sender.world)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{nonsense", "/body"),
        ("{} {}", "/body"),
        ('{"do":7}', "/body/do"),
        ('{"do":"\\ud800"}', "/body"),
        ('{"do":"a","do":', "/body"),
        ('{"subject":{"type":"x"}}', "/body/subject/id"),
        ('{"by":"nobody"}', "/body/by"),
        ('{"base":9007199254740992}', "/body/base"),
        ('{"clock":{"offset_ms":1e999,"age_s":0,"mono_ms":0}}', "/body/clock/offset_ms"),
        ('{"do":NaN}', "/body"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "/body"),
    ],
)
def test_a_body_that_cannot_be_read_is_rejected_and_kept(sender: Sender, body: str, field: str) -> None:
    sender.entry(body)
    answer = sender.send()
    assert [(1, "rejected", "unreadable")] == sender.verdicts(answer)
    assert answer["verdicts"][0]["field"].startswith(field)
    with sender.world.sessions.begin() as session:
        assert session.scalars(select(JournalPrivateRow.body)).one() == body.encode()


def test_an_unknown_kind_and_a_newer_version_are_held_and_an_older_one_is_raised(sender: Sender) -> None:
    sender.entry(kind="nobody.knows", v=1)
    sender.entry(v=3)
    sender.entry({"what": "accept"}, v=1)
    sender.entry({"what": "reject"}, v=1)
    answer = sender.send()
    assert [
        (1, "held", "unknown_kind"), (2, "held", "newer_version"), (4, "rejected", "bad_input"),
    ] == sender.verdicts(answer)  # fmt: skip
    assert ["/kind", "/v", "/body/do"] == [one["field"] for one in answer["verdicts"]]
    assert effects(sender.world) == 1


def test_what_follows_an_open_entry_about_the_same_thing_waits_for_it(sender: Sender) -> None:
    here, there = {"type": "job", "id": "1"}, {"type": "job", "id": "2"}
    sender.entry({"do": "crash", "subject": here})
    sender.entry({"subject": here})
    sender.entry({"subject": there})
    sender.entry({"subject": here, "do": "reject"})
    answer = sender.send()
    assert [
        (1, "parked", "server_error"), (2, "held", "depends_on"), (4, "held", "depends_on"),
    ] == sender.verdicts(answer)  # fmt: skip
    sender.entry({"subject": here})
    sender.entry({"subject": there})
    assert [(5, "held", "depends_on")] == sender.verdicts(sender.send(5)), "in a later batch too"
    assert effects(sender.world) == 2


def test_who_recorded_at_a_shared_phone_is_proven_by_a_lease(world: World) -> None:
    phone = world.phone()
    phone.record()
    phone.record({"by": str(world.person(Role.OFFICER).id)})
    phone.record(recorded_at=format_recorded_at(datetime.now(UTC) - timedelta(days=1), "Europe/Berlin"))
    phone.client.drain(patience_s=0)
    found = [(v.verdict, v.code) if (v := phone.journal.verdict(n)) else None for n in (1, 2, 3)]
    assert [None, ("held", "actor_unproven"), ("held", "actor_unproven")] == found


def test_one_bad_entry_of_100_refuses_only_itself(sender: Sender) -> None:
    for n in range(100):
        sender.entry({"do": "break" if n == 57 else "accept"})
    answer = sender.send()
    assert [(58, "parked", "server_error")] == sender.verdicts(answer)
    assert (100, 99) == (answer["last_seq"], effects(sender.world))


@QUICK
@given(st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=1, max_size=12))
def test_each_entry_gets_its_verdict_whatever_its_neighbours_are(http, server, tmp_path_factory, kinds, dos) -> None:
    world = new_town(http, server, tmp_path_factory.mktemp("t"))
    sender = Sender.of(world.machine())
    for do in dos:
        sender.entry({"do": do})
    answer = sender.send()
    expected = [(n, *OUTCOMES[do]) for n, do in enumerate(dos, 1) if OUTCOMES[do]]
    assert expected == sender.verdicts(answer)
    assert dos.count("accept") == effects(world)


# --- repetition ---


def test_a_repetition_gets_the_stored_verdicts_byte_for_byte_and_has_no_effect(sender: Sender) -> None:
    for do in OUTCOMES:
        sender.entry({"do": do})
    sender.entry(kind="nobody.knows")
    first = sender.send()
    before = everything(sender.world)
    for _ in range(3):
        again = sender.send()
        assert (first["verdicts"], first["last_seq"]) == (again["verdicts"], again["last_seq"])
    part = sender.send(2, 4)
    assert [one for one in first["verdicts"] if 2 <= one["seq"] <= 4] == part["verdicts"]
    assert before == everything(sender.world)


def test_an_overlap_admits_only_what_is_new(sender: Sender) -> None:
    for _ in range(3):
        sender.entry()
    sender.send()
    sender.entry({"do": "reject"})
    answer = sender.send(2)
    assert ([(4, "rejected", "bad_input")], 4) == (sender.verdicts(answer), answer["last_seq"])
    assert effects(sender.world) == 3


def test_the_same_batch_from_many_threads_at_once_has_one_effect(sender: Sender) -> None:
    for n in range(20):
        sender.entry({"do": "reject" if n == 3 else "accept"})
    request = sender.request()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: sender.post(request), range(4)))
    assert {200} == {one.status_code for one in answers}
    assert len({str(one.json()["verdicts"]) for one in answers}) == 1
    assert effects(sender.world) == 19
    assert everything(sender.world)["journal_seal"] == 1


def test_an_id_with_other_content_is_refused_and_kept(sender: Sender) -> None:
    first = sender.entry({"n": 1})
    sender.entry({"n": 2}, id=first.id)
    assert [(2, "rejected", "id_reused")] == sender.verdicts(sender.send())
    assert effects(sender.world) == 1


def test_the_same_entry_again_in_a_new_journal_has_no_second_effect(sender: Sender, world: World) -> None:
    """A renewed source sends everything that is not durable again, with new `seq` and the same id."""
    for do in ("accept", "reject", "crash"):
        sender.entry({"do": do})
    sender.send()
    again = _renewed(sender)
    for one in sender.entries:
        again.entry(one.body, id=one.id, salt=one.salt, recorded_at=one.recorded_at)
    answer = again.send()
    assert [(2, "rejected", "bad_input"), (3, "parked", "server_error")] == again.verdicts(answer)
    assert (3, 1) == (answer["last_seq"], effects(world))
    kinds = [kind for _, kind in tasks(world)]
    assert ["entry_rejected"] == kinds, "the same verdict again is no second task"
    clerk = world.person(Role.CLERK)
    shown = world.http.get("/v1/tasks", headers=clerk.headers).json()
    assert len(shown) == _in_feed(world, "task", "office") == 1, "and no task in the feed that there is not"


def _renewed(sender: Sender) -> Sender:
    machine, key = sender.machine, SourceKey.generate()
    message = keys.enrol_input(machine.source, key.spki_sha256)
    body = {
        "public_key": base64url(key.spki), "proof": base64url(key.sign(message)), "reason": "planned",
        "old_proof": base64url(machine.key.sign(message)),
    }  # fmt: skip
    path = f"/v1/sources/{machine.source}/incarnations"
    answer = machine.world.http.post(path, json=body, headers=sender.headers)
    assert answer.status_code == 201, answer.text
    machine.key, machine.incarnation = key, answer.json()["incarnation"]
    return Sender.of(machine)


def _in_feed(world: World, type_: str, scope: str) -> int:
    with world.sessions.begin() as session:
        return session.scalar(
            text("SELECT count(*) FROM feed WHERE type = :t AND scope = :s AND op = 'put'"), {"t": type_, "s": scope}
        )


def test_two_entries_of_one_id_in_one_batch_are_one_effect(sender: Sender) -> None:
    first = sender.entry({"n": 1})
    sender.entry({"n": 1}, id=first.id)
    assert [(2, "held", "depends_on")] == sender.verdicts(sender.send())
    assert effects(sender.world) == 1


# --- the server's own failures ---


def test_a_statement_that_takes_too_long_fails_the_request_and_stores_nothing(sender: Sender) -> None:
    sender.entry({"do": "wait"})
    sender.entry()
    before = everything(sender.world)
    answer = sender.post(sender.request())
    assert answer.status_code in (500, 503)
    assert before == everything(sender.world)


def test_what_killed_the_server_six_times_is_parked_without_being_run(sender: Sender) -> None:
    sender.entry({"do": "wait"})
    answer = sender.send(tries=6)
    assert ([(1, "parked", "server_error")], 1) == (sender.verdicts(answer), answer["last_seq"])
    assert effects(sender.world) == 0


def test_a_commit_that_fails_reaches_the_client_and_nothing_is_stored(sender: Sender, database) -> None:
    """A constraint that is checked at COMMIT, armed by the owner: the handler must not have answered before."""
    sender.entry()
    before = everything(sender.world)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(
            "CREATE OR REPLACE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'armed' USING ERRCODE = '23514'; END$$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER armed AFTER INSERT ON journal_entry DEFERRABLE INITIALLY DEFERRED"
            f" FOR EACH ROW WHEN (NEW.town = '{sender.world.town}') EXECUTE FUNCTION refuse_commit()"
        )
        try:
            answer = sender.post(sender.request())
            assert answer.status_code in (500, 503)
            assert "last_seq" not in answer.json()
            assert before == everything(sender.world)
            assert sender.send(1, 0)["last_seq"] == 0
        finally:
            owner.execute("DROP TRIGGER armed ON journal_entry")
    assert sender.send()["last_seq"] == 1
    assert effects(sender.world) == 1


def test_a_token_of_a_person_sends_nothing(sender: Sender) -> None:
    sender.entry()
    admin = sender.world.person(Role.ADMIN)
    assert sender.post(sender.request(), **admin.headers).status_code == 403
    assert stored(sender.world) == []


def test_an_entry_whose_slice_asks_the_database_is_accepted_without_a_second_try(sender: Sender, kinds) -> None:
    """While the journal streams no statement gives rows back: such a kind runs behind it, and is not applied twice."""
    tries: list[int] = []

    def ask(session: Session, actor: Actor, received: Received, body: EntryBody) -> None:
        tries.append(session.scalars(select(JournalEntryRow.seq).where(JournalEntryRow.id == received.id)).one())

    kinds({"probe.asks": Kind(right="source_data:C", v=2, body=EntryBody, apply=ask)})
    sender.entry(kind="probe.asks")
    assert [] == sender.send()["verdicts"]
    assert [1] == tries
