import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from backend.fields import Actor, PersonId, SourceId, uuid7
from backend.log import queries, service
from backend.log.canonical import NotCanonical
from backend.log.tables import PrivateRow, QueueRow, RecordRow
from sync.keys import SourceKey
from tests.backend.log.conftest import NOW

KEY = SourceKey.generate()


def record(session, actor=None, *, subject="clip-1", public=None, **options) -> service.Recorded:
    return service.record(
        session,
        actor or Actor(town=session.info["town"]),
        "clip.viewed",
        subject,
        public or {},
        **{"now": NOW, "new_id": uuid7, "software": "streife 0.1.0"} | options,
    )


def public_part(sessions, one: service.Recorded) -> dict[str, object]:
    with sessions.begin() as session:
        found = queries.record(session, one.id)
    assert one.hash.hex() == found.hash == sha256(found.public.encode()).hexdigest()
    return json.loads(found.public)


def test_a_record_has_the_members_of_every_record_and_its_own(sessions, town_id):
    one_id = uuid7()
    with sessions.begin() as session:
        one = record(session, public={"reason_class": 3}, new_id=lambda: one_id, key=KEY)
    assert {
        "v": 1,
        "kind": "clip.viewed",
        "id": str(one_id),
        "town": str(town_id),
        "at": "2026-03-29T00:59:59.999Z",
        "subject": "clip-1",
        "prev": None,
        "software": "streife 0.1.0",
        "keyid": KEY.spki_sha256.hex(),
        "reason_class": 3,
    } == public_part(sessions, one)


def test_its_leaf_is_the_hash_of_its_public_part(sessions):
    with sessions.begin() as session:
        one = record(session)
    with sessions.begin() as session:
        assert [one.hash] == list(session.scalars(select(QueueRow.leaf)))
        assert queries.record(session, one.id).index is None
    with sessions.begin() as session:
        service.sequence(session, now=NOW)
    with sessions.begin() as session:
        assert queries.record(session, one.id).index == 0


def test_who_acted_is_private_and_only_committed_to(sessions, town_id):
    person, source = PersonId(uuid7()), SourceId(uuid7())
    with sessions.begin() as session:
        one = record(session, Actor(town=town_id, person=person, source=source), private={"why": "Verfahren 12"})
    public = public_part(sessions, one)
    with sessions.begin() as session:
        kept = session.get_one(PrivateRow, (town_id, one.id))
        assert {"person": str(person), "source": str(source), "why": "Verfahren 12"} == json.loads(kept.body)
        assert sha256(kept.salt + kept.body).hexdigest() == public["commitment"]
    assert str(person) not in str(public)
    assert "Verfahren" not in str(public)


def test_the_private_part_can_be_erased_and_the_public_part_stays(sessions, town_id):
    with sessions.begin() as session:
        one = record(session, private={"why": "Verfahren 12"})
    with sessions.begin() as session:
        session.execute(delete(PrivateRow).where(PrivateRow.id == one.id))
    assert public_part(sessions, one)["commitment"]


def test_without_anything_private_there_is_no_commitment(sessions):
    with sessions.begin() as session:
        one = record(session)
        assert list(session.scalars(select(PrivateRow))) == []
    assert "commitment" not in public_part(sessions, one)


def test_each_record_of_a_subject_names_the_one_before(sessions):
    with sessions.begin() as session:
        first, other = record(session), record(session, subject="clip-2")
        second = record(session, now=NOW - timedelta(days=1))
    with sessions.begin() as session:
        third = record(session)
    chain = [public_part(sessions, one)["prev"] for one in (first, second, third, other)]
    assert [None, first.hash.hex(), second.hash.hex(), None] == chain


def test_a_rolled_back_record_breaks_no_chain(sessions):
    with sessions.begin() as session:
        first = record(session)
    with sessions.begin() as session:
        record(session)
        session.rollback()
    with sessions.begin() as session:
        assert first.hash.hex() == public_part(sessions, record_committed(sessions))["prev"]


def record_committed(sessions) -> service.Recorded:
    with sessions.begin() as session:
        return record(session)


def test_a_chain_has_no_branches_when_many_write_at_once(sessions):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: record_committed(sessions), range(80)))
    with sessions.begin() as session:
        rows = session.execute(select(RecordRow.public, RecordRow.hash).order_by(RecordRow.position)).all()
    previous = [json.loads(public)["prev"] for public, _ in rows]
    assert previous[0] is None
    assert [one.hash.hex() for one, _ in pairwise(rows)] == previous[1:]


@pytest.mark.parametrize("public", [{"id": "x"}, {"prev": None}, {"commitment": "00"}])
def test_members_of_every_record_cannot_be_overwritten(sessions, public):
    with sessions.begin() as session, pytest.raises(ValueError, match="every record"):
        record(session, public=public)


def test_what_is_outside_the_profile_is_not_recorded(sessions):
    with sessions.begin() as session, pytest.raises(NotCanonical):
        record(session, public={"duration": 1.5})
    with sessions.begin() as session:
        assert list(session.scalars(select(RecordRow))) == []


def test_salts_differ_and_are_those_drawn(sessions, town_id):
    salts = iter([b"a" * 16, b"b" * 16])
    with sessions.begin() as session:
        for _ in range(2):
            record(session, private={"why": "x"}, new_salt=lambda size: next(salts)[:size])
        assert sorted(session.scalars(select(PrivateRow.salt))) == [b"a" * 16, b"b" * 16]
    assert isinstance(town_id, UUID)
