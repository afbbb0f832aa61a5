"""The way back: cursors, resets and snapshots of a device (design/sync.md 3.2, 3.3, 5)."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from backend.exchange import changes
from backend.feed import rules as feed_rules
from backend.feed import service as feed
from backend.feed.rules import Place, Position, open_cursor, seal_cursor, seal_place
from backend.fields import uuid7
from tests.backend.exchange.conftest import Sender
from tests.backend.world import World

HELD = {"holds": ["self", "town"]}


def put(world: World, count: int = 1, scope: str = "town", **changes) -> list:
    ids = [uuid7() for _ in range(count)]
    with world.sessions.begin() as session:
        for n, id_ in enumerate(ids):
            feed.put(session, scope, "thing", id=id_, rev=1, body={"n": n} | changes)
    return ids


def pull(sender: Sender, cursor: str | None = None, **changes) -> dict:
    given = {} if cursor is None else {"cursor": cursor}
    return sender.send(1, 0, **(HELD | given | changes))


def joined(sender: Sender) -> str:
    """A cursor from which everything that is written later comes."""
    return pull(sender)["cursor"]


def things(answer: dict) -> list[str]:
    return [one["id"] for one in answer["changes"] if one["type"] == "thing"]


def snapshot(sender: Sender, scope: str = "town", after: str | None = None):
    params = {"scope": scope} | ({"after": after} if after else {})
    return sender.world.http.get("/v1/sync/snapshot", params=params, headers=sender.headers)


def reasons(answer: dict) -> dict[str, str]:
    return {one["scope"]: one["reason"] for one in answer["resets"]}


def test_a_new_device_fetches_its_scopes_first(sender: Sender) -> None:
    answer = pull(sender, holds=[])
    assert {"self": "new", "town": "new"} == reasons(answer)
    assert [] == answer["changes"]


def test_changes_come_in_order_once_and_nothing_after_them(sender: Sender) -> None:
    cursor = joined(sender)
    first, second = put(sender.world, 3), put(sender.world, 2)
    answer = pull(sender, cursor)
    assert [str(id_) for id_ in (*first, *second)] == things(answer)
    assert ([], {}) == (things(pull(sender, answer["cursor"])), reasons(answer))
    assert [str(id_) for id_ in (*first, *second)] == things(pull(sender, cursor)), "an old cursor repeats"


def test_pages_lead_to_the_end_and_a_request_with_entries_gets_short_ones(sender: Sender) -> None:
    cursor = joined(sender)
    ids = [str(id_) for id_ in put(sender.world, 450)]
    sender.entry()
    answer = sender.send(cursor=cursor, **HELD)
    assert (200, True) == (len(answer["changes"]), answer["more"])
    rest = pull(sender, answer["cursor"])
    assert ids == things(answer) + things(rest)
    assert rest["more"] is False


def test_a_request_never_sees_its_own_effects(sender: Sender) -> None:
    cursor = joined(sender)
    sender.entry()
    answer = sender.send(cursor=cursor, **HELD)
    assert [] == answer["changes"]
    after = pull(sender, answer["cursor"])
    assert ["probe", "journal"] == [one["type"] for one in after["changes"]], "the journal's row comes last"


def test_what_leaves_a_scope_is_told_and_its_body_is_gone(sender: Sender) -> None:
    (id_,) = put(sender.world)
    cursor = joined(sender)
    with sender.world.sessions.begin() as session:
        feed.leave(session, "town", "thing", id=id_, rev=2, op="purge")
    (row,) = pull(sender, cursor)["changes"]
    assert ("purge", str(id_), 2, False) == (row["op"], row["id"], row["rev"], "body" in row)
    with sender.world.sessions.begin() as session:
        assert session.scalar(text("SELECT body FROM feed WHERE id = :id"), {"id": id_}) is None


def foreign_cursors(sender: Sender, world: World, other: World) -> dict[str, str]:
    """Cursors that are well made, for somebody or somewhere else."""
    secret, town = world.server.secret, world.town
    good = joined(sender)
    epoch, at = open_cursor(secret, town, as_id(sender), good)
    stranger = Sender.of(world.machine())
    elsewhere = Sender.of(other.machine())
    return {
        "another source's": joined(stranger),
        "another town's": joined(elsewhere),
        "another epoch's": seal_cursor(secret, secrets.token_bytes(8), town, as_id(sender), at),
        "another secret's": seal_cursor(b"x" * 32, epoch, town, as_id(sender), at),
        "changed": good[:20] + ("A" if good[20] != "A" else "B") + good[21:],
        "short": good[:-1],
        "nonsense": "A" * 55,
        "one letter": "A",
    }


def as_id(sender: Sender):
    return UUID(sender.machine.source)


def test_a_cursor_that_is_not_ours_resets_and_never_blocks_a_push(sender: Sender, world: World, other: World) -> None:
    put(world, 3)
    for name, cursor in foreign_cursors(sender, world, other).items():
        sender.entry()
        answer = sender.send(len(sender.entries), cursor=cursor, **HELD)
        assert {"self": "epoch", "town": "epoch"} == reasons(answer), name
        assert (len(sender.entries), []) == (answer["last_seq"], answer["changes"]), name


def test_a_cursor_below_the_swept_tombstones_has_expired(sender: Sender) -> None:
    cursor = joined(sender)
    (id_,) = put(sender.world)
    with sender.world.sessions.begin() as session:
        feed.leave(session, "town", "thing", id=id_, rev=2, op="delete")
    with sender.world.sessions.begin() as session:
        later = datetime.now(UTC) + feed_rules.TOMBSTONES + timedelta(minutes=1)
        assert feed.sweep_tombstones(session, now=later) == 1
    sender.entry()
    answer = sender.send(cursor=cursor, **HELD)
    assert ({"self": "expired", "town": "expired"}, 1) == (reasons(answer), answer["last_seq"])
    fresh = joined(sender)
    assert {} == reasons(pull(sender, fresh))


def test_a_scope_that_is_not_granted_is_closed_and_a_granted_one_that_is_not_held_is_new(sender: Sender) -> None:
    put(sender.world, 2)
    cursor = joined(sender)
    put(sender.world, 2)
    answer = pull(sender, cursor, holds=["self", "desk", "area:9"])
    assert {"desk": "closed", "area:9": "closed", "town": "new"} == reasons(answer)
    assert [] == things(answer), "what is not held is not sent"


@pytest.mark.parametrize("scope", ["office", "desk", "admin", "me", "nothing"])
def test_a_device_gets_no_snapshot_of_a_scope_that_is_not_its_own(sender: Sender, scope: str) -> None:
    answer = snapshot(sender, scope)
    assert (400, "/scope") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_a_device_reads_its_own_self_and_not_anothers(sender: Sender, world: World) -> None:
    stranger = Sender.of(world.machine())
    stranger.entry()
    stranger.send()
    assert [] == snapshot(sender, "self").json()["rows"]
    assert ["journal"] == [row["type"] for row in snapshot(stranger, "self").json()["rows"]]
    name = f"self:{stranger.machine.source}"
    assert snapshot(sender, name).status_code == 400


def test_pages_of_a_snapshot_and_the_feed_behind_them_are_the_same_as_one_full_read(
    sender: Sender, monkeypatch
) -> None:
    """Rows change, come and go between the pages, as they do."""
    monkeypatch.setattr(changes, "PAGE", 7)
    world = sender.world
    ids = put(world, 40)
    seen: dict[str, dict] = {}
    page, after, turn = {}, None, 0
    while "join" not in page:
        page = snapshot(sender, after=after).json()
        seen |= {row["id"]: row["body"] for row in page["rows"]}
        after = page["after"]
        with world.sessions.begin() as session:
            feed.put(session, "town", "thing", id=ids[turn * 3], rev=turn + 2, body={"changed": turn})
            feed.leave(session, "town", "thing", id=ids[turn * 3 + 1], rev=turn + 2, op="drop")
        put(world, 2, new=turn)
        turn += 1
    assert turn >= 6
    joins = [{"scope": "town", "cursor": page["join"]}]
    answer = pull(sender, joins=joins, holds=["self"])
    while True:
        for row in answer["changes"]:
            if row["op"] == "put":
                seen[row["id"]] = row["body"]
            else:
                seen.pop(row["id"], None)
        if not answer["more"]:
            break
        answer = pull(sender, answer["cursor"])
    with world.sessions.begin() as session:
        rows = session.execute(text("SELECT id, body FROM feed WHERE scope = 'town' AND op = 'put'"))
        assert {str(id_): msgspec.json.decode(body) for id_, body in rows} == seen


def test_a_snapshots_place_is_good_for_its_reader_scope_and_history_only(
    sender: Sender, world: World, other: World
) -> None:
    secret, town, source = world.server.secret, world.town, as_id(sender)
    epoch, at = open_cursor(secret, town, source, joined(sender))
    good = Place(epoch, "town", at.xid, "", uuid7())
    assert snapshot(sender, after=seal_place(secret, town, source, good)).status_code == 200
    for place in (
        seal_place(secret, other.town, source, good),
        seal_place(secret, town, uuid7(), good),
        seal_place(b"x" * 32, town, source, good),
        seal_place(secret, town, source, good._replace(scope="self")),
        # Found: after a restore it joined at a position of the old history.
        seal_place(secret, town, source, good._replace(epoch=bytes(8))),
        seal_cursor(secret, epoch, town, source, Position(1, 1)),
        "A",
    ):
        answer = snapshot(sender, after=place)
        assert (400, "/after") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_a_devices_cursor_opens_no_screen_and_a_screens_no_device(sender: Sender, world: World) -> None:
    clerk = world.person()
    answer = world.http.get("/v1/feed", params={"after": joined(sender)}, headers=clerk.headers)
    assert (400, "/after") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_what_is_idle_is_written_once_a_minute(sender: Sender, world: World) -> None:
    """A write for each poll would keep the feed of everybody busy."""
    cursor = joined(sender)

    def version() -> str:
        with world.sessions.begin() as session:
            return session.scalar(text("SELECT xmin::text FROM source WHERE id = :id"), {"id": as_id(sender)})

    before = version()
    for _ in range(3):
        pull(sender, cursor)
    assert before == version()
