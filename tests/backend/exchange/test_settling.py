"""Held and parked entries come to their verdict, each by itself, and the source learns it by its feed."""

from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import select

from backend.exchange import settling
from backend.exchange.tables import JournalEntryRow
from backend.feed.tables import FeedRow
from backend.identity.tables import SourceRow
from backend.work.tables import TaskRow
from tests.backend.exchange.conftest import PROBE, Sender, broken, effects, stored
from tests.backend.world import World


def settle(world: World, minutes: float = 0) -> int:
    return settling.settle_town(world.server.engine, world.town, now=datetime.now(UTC) + timedelta(minutes=minutes))


def told(world: World) -> list[dict]:
    """The verdict rows of the sources' own feeds, by `seq`."""
    with world.sessions.begin() as session:
        rows = session.scalars(select(FeedRow).where(FeedRow.type == "verdict"))
        return sorted((msgspec.json.decode(row.body) for row in rows), key=lambda one: one["seq"])


def kinds_of_tasks(world: World) -> list[str]:
    with world.sessions.begin() as session:
        return sorted(session.scalars(select(TaskRow.kind)))


def tries(world: World) -> list[int]:
    with world.sessions.begin() as session:
        return list(session.scalars(select(JournalEntryRow.tries).order_by(JournalEntryRow.seq)))


def unsettled(world: World) -> int:
    with world.sessions.begin() as session:
        return session.scalars(select(SourceRow.unsettled)).one()


def test_an_unknown_kind_is_settled_once_the_server_knows_it(sender: Sender, kinds) -> None:
    kinds({})
    thing = {"type": "job", "id": "1"}
    sender.entry({"subject": thing})
    sender.entry({"subject": thing, "do": "reject"})
    assert [(1, "held", "unknown_kind"), (2, "held", "unknown_kind")] == sender.verdicts(sender.send())
    assert settle(sender.world) == 0
    kinds(PROBE)
    assert settle(sender.world) == 2
    assert [(1, "held", "accepted"), (2, "held", "rejected")] == stored(sender.world)
    assert [(1, "accepted", ""), (2, "rejected", "bad_input")] == [
        (one["seq"], one["verdict"], one["code"]) for one in told(sender.world)
    ]
    assert (1, 0, ["entry_rejected"]) == (effects(sender.world), unsettled(sender.world), kinds_of_tasks(sender.world))
    assert [(2, "rejected", "bad_input")] == sender.verdicts(sender.send()), "a repetition gets what it was settled to"
    assert settle(sender.world) == 0


def test_the_source_reads_the_verdict_in_its_feed(sender: Sender, kinds) -> None:
    kinds({})
    sender.entry()
    sender.send()
    cursor = sender.send(1, 0)["cursor"]
    kinds(PROBE)
    settle(sender.world)
    answer = sender.send(1, 0, cursor=cursor, holds=["self", "town"])
    (row,) = [one for one in answer["changes"] if one["type"] == "verdict"]
    assert ("self", sender.entries[0].id) == (row["scope"], row["id"])
    assert {"incarnation": 1, "seq": 1, "verdict": "accepted", "code": "", "text": "verdict."} == row["body"]


def test_what_depends_is_settled_in_the_order_of_its_entries(sender: Sender) -> None:
    thing = {"type": "job", "id": "1"}
    broken.add("later")
    sender.entry({"do": "later", "subject": thing})
    for _ in range(3):
        sender.entry({"subject": thing})
    sender.send()
    settle(sender.world, 2)
    assert [None] * 4 == [settled for _, _, settled in stored(sender.world)], "the first still fails, so all wait"
    broken.clear()
    assert settle(sender.world, 15) == 4
    assert effects(sender.world) == 4
    assert [1, 2, 3, 4] == [one["seq"] for one in told(sender.world)]


def test_a_parked_entry_is_tried_after_1_10_and_60_minutes_and_then_a_persons(sender: Sender) -> None:
    broken.add("later")
    sender.entry({"do": "later"})
    sender.send()
    seen = []
    for minutes in (0, 0.5, 1.1, 2, 10, 11.2, 12, 60, 71.3, 72, 500, 5000):
        settle(sender.world, minutes)
        seen.append(tries(sender.world)[0])
    assert [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3] == seen
    assert ["entry_parked"] == kinds_of_tasks(sender.world)
    broken.clear()
    assert settle(sender.world, 6000) == 0, "it is a person's now"
    assert effects(sender.world) == 0


def test_a_try_is_counted_before_it_runs(sender: Sender, monkeypatch) -> None:
    """Found: an entry that kills the worker was never counted, and killed each sweep after it."""
    broken.add("later")
    sender.entry({"do": "later"})
    sender.send()

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(settling, "apply_alone", die)
    seen = []
    for minutes in (2, 20, 100, 200, 300):
        try:
            settle(sender.world, minutes)
            seen.append("survived")
        except SystemExit:
            seen.append("died")
    assert ["died", "died", "died", "survived", "survived"] == seen
    assert [3] == tries(sender.world)


def test_a_held_entry_that_fails_when_it_is_run_becomes_a_persons_too(sender: Sender, kinds) -> None:
    """Found: it was tried at every sweep for ever, and each time wrote a task that there was not."""
    kinds({})
    sender.entry({"do": "crash"})
    sender.send()
    kinds(PROBE)
    for minutes in (0, 5, 11, 30, 75, 100, 1000):
        settle(sender.world, minutes)
    assert [3] == tries(sender.world)
    assert ["entry_parked"] == kinds_of_tasks(sender.world)


def test_a_statement_that_takes_too_long_stops_no_other_entry_and_no_other_source(sender: Sender, kinds) -> None:
    """Found: it ended the sweep, so that no town behind it was ever settled."""
    kinds({})
    second = Sender.of(sender.world.machine())
    sender.entry({"do": "wait"})
    sender.entry()
    second.entry()
    sender.send()
    second.send()
    kinds(PROBE)
    settle(sender.world)
    assert effects(sender.world) == 2


def test_the_second_of_two_same_entries_gets_what_the_first_got(sender: Sender) -> None:
    first = sender.entry({"do": "reject"})
    sender.entry({"do": "reject"}, id=first.id)
    sender.send()
    assert settle(sender.world) == 1
    assert [(1, "rejected", None), (2, "held", "rejected")] == stored(sender.world)
    assert ["entry_rejected"] == kinds_of_tasks(sender.world)


def test_more_than_a_batch_is_settled_in_one_call(sender: Sender, kinds) -> None:
    kinds({})
    for _ in range(settling.BATCH + 7):
        sender.entry()
    sender.send()
    kinds(PROBE)
    assert settle(sender.world) == settling.BATCH + 7
    assert (settling.BATCH + 7, 0) == (effects(sender.world), unsettled(sender.world))
