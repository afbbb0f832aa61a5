"""Looking at a clip: with a reason, recorded before the first byte, and only where the rules let (R4–R7, section 9)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec import json
from sqlalchemy import text

from backend.errors import ReasonMissing
from backend.evidence import queries, viewing
from backend.fields import Actor, Role
from tests.backend.evidence.conftest import Town

DATA = bytes(range(256)) * 64
REASON = {"reason": "Bericht zum Vorfall am Bahnhof", "case_reference": "12 Js 345/26"}
DWELLING = {
    "place_kind": "dwelling",
    "decided_by": "officer_in_charge",
    "decider": "Einsatzleitung Muster",
    "is_urgent_danger": True,
}


def classified(town: Town, **changes) -> str:
    clip = town.dock.bring(DATA)
    answer = town.answer(clip, **changes)
    assert 200 == answer.status_code, answer.text
    return str(clip)


def view(town: Town, who, clip, **changes) -> str:
    answer = town.post(who, f"/clips/{clip}/views", REASON | changes)
    assert 201 == answer.status_code, answer.text
    return answer.json()["id"]


def footage(town: Town, who, clip, view_id: str | None, **headers: str):
    params = {"view": view_id} if view_id else {}
    return town.get(who, f"/clips/{clip}/footage", params=params, headers=headers)


def views(town: Town, clip) -> list[dict]:
    """Private parts of the records `clip.viewed`."""
    with town.world.sessions.begin() as session:
        rows = session.scalars(
            text(
                "SELECT p.body FROM log_record r JOIN log_private p USING (town, id)"
                " WHERE r.kind = 'clip.viewed' AND r.subject = :clip ORDER BY r.position"
            ),
            {"clip": str(clip)},
        )
        return [json.decode(body) for body in rows]


def test_with_a_reason_the_bytes_come_and_the_record_was_there_before(town: Town) -> None:
    clip = classified(town)
    refused = footage(town, town.custodian, clip, None)
    assert (403, "reason_missing") == (refused.status_code, refused.json()["code"])
    opened = view(town, town.custodian, clip)
    (record,) = views(town, clip)
    assert (REASON["reason"], str(town.custodian.id), opened) == (record["reason"], record["person"], record["view"])
    answer = footage(town, town.custodian, clip, opened)
    assert (200, DATA) == (answer.status_code, answer.content)
    assert ("no-store", "bytes") == (answer.headers["cache-control"], answer.headers["accept-ranges"])
    assert "content-encoding" not in answer.headers
    assert [record] == views(town, clip)


def test_no_public_part_tells_who_viewed_or_why(town: Town) -> None:
    clip = classified(town)
    view(town, town.custodian, clip)
    with town.world.sessions.begin() as session:
        public = session.scalars(text("SELECT public FROM log_record WHERE kind = 'clip.viewed'")).one()
    assert b"Bahnhof" not in public
    assert str(town.custodian.id).encode() not in public
    assert {"v", "kind", "id", "town", "at", "subject", "prev", "software", "keyid", "commitment"} == set(
        json.decode(public)
    )


def test_a_view_that_cannot_be_recorded_gives_no_bytes(town: Town) -> None:
    """The record's transaction is not committed: no view stands, so there is nothing to read by."""
    clip = classified(town)
    key, server = town.world.server.record_key, town.world.server
    actor = Actor(town=town.world.town, person=town.custodian.id, roles=frozenset({Role.CUSTODIAN}))
    now = datetime.now(UTC)
    with town.world.sessions() as session:
        opened = viewing.open_view(session, actor, UUID(clip), viewing.NewView(reason="x"), key=key, now=now)
        session.rollback()
    with pytest.raises(ReasonMissing), town.world.sessions.begin() as session:
        viewing.footage(session, server.receiver.folder, actor, UUID(clip), opened.id, None, now=now)


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-99", 206, DATA[:100]),
        ("bytes=100-", 206, DATA[100:]),
        ("bytes=-7", 206, DATA[-7:]),
        ("bytes=5-5", 206, DATA[5:6]),
        ("bytes=16000-99999", 206, DATA[16000:]),
        ("bytes=7-3", 200, DATA),
        ("lines=1-2", 200, DATA),
        ("bytes=0-1,5-6", 200, DATA),
    ],
)
def test_a_range_is_answered_by_exactly_its_bytes(town: Town, asked: str, status: int, expected: bytes) -> None:
    clip = classified(town)
    answer = footage(town, town.officer, clip, view(town, town.officer, clip), range=asked)
    assert (status, expected) == (answer.status_code, answer.content)
    assert str(len(expected)) == answer.headers["content-length"]
    if status == 206:
        last = int(answer.headers["content-range"].partition("-")[2].partition("/")[0])
        assert answer.headers["content-range"] == f"bytes {last + 1 - len(expected)}-{last}/{len(DATA)}"
        assert expected == DATA[last + 1 - len(expected) : last + 1]


@pytest.mark.parametrize("asked", ["bytes=16384-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_behind_the_end_is_a_416_that_names_the_size(town: Town, asked: str) -> None:
    clip = classified(town)
    answer = footage(town, town.officer, clip, view(town, town.officer, clip), range=asked)
    assert (416, f"bytes */{len(DATA)}") == (answer.status_code, answer.headers["content-range"])


def test_unclassified_clips_are_not_viewed_by_anybody(town: Town) -> None:
    clip = town.dock.bring(DATA)
    for who in (town.custodian, town.officer):
        answer = town.post(who, f"/clips/{clip}/views", REASON)
        assert (403, "unclassified") == (answer.status_code, answer.json()["code"])
    assert [] == views(town, clip)


def test_places_of_professional_secrecy_are_quarantined(town: Town) -> None:
    clip = classified(town, place_kind="professional_secrecy")
    answer = town.post(town.custodian, f"/clips/{clip}/views", REASON)
    assert (403, "quarantined") == (answer.status_code, answer.json()["code"])


def test_a_clip_whose_bytes_are_on_their_way_is_not_viewed_yet(town: Town) -> None:
    clip = town.dock.record(DATA)
    assert 200 == town.answer(clip).status_code
    answer = town.post(town.custodian, f"/clips/{clip}/views", REASON)
    assert (409, "awaiting_media") == (answer.status_code, answer.json()["code"])


def test_one_view_is_one_person_one_clip_and_half_an_hour(town: Town) -> None:
    clip = classified(town)
    other = town.dock.bring(b"other", number=2)
    town.answer(other)
    opened = view(town, town.custodian, clip)
    assert 403 == footage(town, town.officer, clip, opened).status_code, "another person"
    assert 403 == footage(town, town.custodian, other, opened).status_code, "another clip"
    with town.world.sessions.begin() as session:
        actor = Actor(town=town.world.town, person=town.custodian.id, roles=frozenset({Role.CUSTODIAN}))
        args = (session, town.world.server.receiver.folder, actor, UUID(clip), UUID(opened), None)
        now = datetime.now(UTC)
        assert len(DATA) == viewing.footage(*args, now=now + timedelta(minutes=29)).stop
        with pytest.raises(ReasonMissing):
            viewing.footage(*args, now=now + timedelta(minutes=31))


def test_answers_that_change_the_class_close_open_views(town: Town) -> None:
    clip = classified(town)
    opened = view(town, town.custodian, clip)
    assert 200 == town.answer(clip, town.custodian, place_kind="professional_secrecy", base=1).status_code
    answer = footage(town, town.custodian, clip, opened)
    assert (403, "quarantined") == (answer.status_code, answer.json()["code"])


def test_a_dwellings_clip_is_reviewed_first_and_then_viewed_by_two(town: Town) -> None:
    clip = classified(town, **DWELLING)
    answer = town.post(town.custodian, f"/clips/{clip}/views", REASON)
    assert (403, "not_reviewed") == (answer.status_code, answer.json()["code"])
    assert 403 == town.post(town.officer, f"/clips/{clip}/views", REASON | {"is_review": True}).status_code
    reviewing = view(town, town.custodian, clip, is_review=True)
    assert DATA == footage(town, town.custodian, clip, reviewing).content
    assert 200 == town.post(town.custodian, f"/clips/{clip}/review").status_code
    opened = view(town, town.officer, clip)
    waiting = footage(town, town.officer, clip, opened)
    assert (403, "second_person_needed") == (waiting.status_code, waiting.json()["code"])
    assert 403 == town.post(town.officer, f"/views/{opened}/approve").status_code
    assert 200 == town.post(town.dpo, f"/views/{opened}/approve").status_code
    assert DATA == footage(town, town.officer, clip, opened).content
    assert [str(town.custodian.id), str(town.officer.id), str(town.dpo.id)] == [
        one["person"] for one in views(town, clip)
    ]


def test_nobody_agrees_to_a_view_of_ones_own(town: Town) -> None:
    clip = classified(town, **DWELLING)
    assert 200 == town.post(town.superior, f"/clips/{clip}/review").status_code
    opened = view(town, town.custodian, clip)
    own = town.post(town.custodian, f"/views/{opened}/approve")
    assert (403, "second_person_needed") == (own.status_code, own.json()["code"])


def test_whoever_answered_does_not_review(town: Town) -> None:
    clip = str(town.dock.bring(DATA))
    assert 200 == town.answer(clip, town.custodian, **DWELLING).status_code
    answer = town.post(town.custodian, f"/clips/{clip}/review")
    assert (403, "second_person_needed") == (answer.status_code, answer.json()["code"])
    other = str(town.dock.bring(b"x", number=2))
    town.answer(other)
    assert 400 == town.post(town.superior, f"/clips/{other}/review").status_code, "not a dwelling's"


@pytest.mark.parametrize("role", [r for r in Role if r not in (Role.DOCK, Role.GATEWAY, Role.CUSTODIAN)])
def test_only_custodians_and_the_clips_officer_open_footage(town: Town, role: Role) -> None:
    clip = classified(town)
    opened = view(town, town.custodian, clip)
    stranger = town.world.person(role)
    assert town.post(stranger, f"/clips/{clip}/views", REASON).status_code in (403, 404)
    assert footage(town, stranger, clip, opened).status_code in (403, 404)
    assert 1 == len(views(town, clip))


def test_the_chain_of_custody_shows_who_and_why_in_order(town: Town) -> None:
    clip = classified(town)
    view(town, town.custodian, clip)
    shown = town.get(town.officer, f"/clips/{clip}/custody").json()
    assert [
        ("clip.received", None, None),
        ("clip.classified", str(town.officer.id), None),
        ("clip.viewed", str(town.custodian.id), REASON["reason"]),
    ] == [(one["kind"], one["person"], one["reason"]) for one in shown]


@pytest.mark.parametrize("reason", ["", "\x00", "a\nb", "x" * 300, None, 7])
def test_a_reason_is_a_line_of_text(town: Town, reason: object) -> None:
    clip = classified(town)
    answer = town.post(town.custodian, f"/clips/{clip}/views", {"reason": reason})
    assert (400, "/reason") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    assert 400 == town.get(town.custodian, f"/clips/{clip}/footage", params={"view": "x"}).status_code


def test_a_view_that_waits_stands_before_all_who_may_agree_until_one_did(town: Town) -> None:
    clip = classified(town, **DWELLING)
    assert 200 == town.post(town.custodian, f"/clips/{clip}/review").status_code
    opened = view(town, town.custodian, clip)
    (waiting,) = town.get(town.dpo, "/clips/board").json()["views"]
    assert (opened, clip, str(town.custodian.id)) == (waiting["id"], waiting["clip"], waiting["person"])
    assert "reason" not in waiting, "it is erased with the clip, and read from its custody log"
    scopes = {"evidence", f"me:{town.custodian.id}"}
    assert dict.fromkeys(scopes, ("put", waiting)) == town.feed(UUID(opened))
    assert [] == town.get(town.officer, "/clips/board").json()["views"]
    assert 200 == town.post(town.dpo, f"/views/{opened}/approve").status_code
    assert [] == town.get(town.dpo, "/clips/board").json()["views"]
    assert dict.fromkeys(scopes, ("drop", None)) == town.feed(UUID(opened))


def test_a_view_whose_time_is_over_waits_no_more(town: Town) -> None:
    clip = classified(town, **DWELLING)
    assert 200 == town.post(town.custodian, f"/clips/{clip}/review").status_code
    view(town, town.custodian, clip)
    with town.world.sessions.begin() as session:
        actor, now = Actor(town=town.world.town), datetime.now(UTC)
        assert 1 == len(queries.waiting_views(session, actor, now=now + timedelta(minutes=14)))
        assert [] == queries.waiting_views(session, actor, now=now + timedelta(minutes=16))
