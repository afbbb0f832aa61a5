"""Recording offences on a real database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from backend.db import Sessions, sessions_of
from backend.errors import BadInput
from backend.exchange.wire import Received
from backend.feed.tables import FeedRow
from backend.fields import Actor, PersonId, SourceId, TownId, uuid7
from backend.offences import prefixes, queries, service
from backend.offences.catalogue import import_catalogue
from backend.offences.reading import sample
from backend.offences.tables import OffenceRow
from backend.offences.wire import FindingKind, OffenceRecorded, Position, Vehicle
from backend.work.tables import TaskRow
from sync.exchange import WireMedia
from tests.backend.offences.conftest import NOW, body
from tests.conftest import Database

Record = Callable[..., UUID]


@pytest.fixture
def published(sessions: Sessions) -> None:
    with sessions.begin() as session:
        import_catalogue(session, None, sample(), now=NOW)


def clerk(town: UUID) -> Actor:
    return Actor(town=TownId(town), person=PersonId(uuid7()), scopes=("office",))


def tasks(sessions: Sessions) -> dict[str, dict[str, Any]]:
    with sessions.begin() as session:
        return {row.kind: row.facts for row in session.scalars(select(TaskRow))}


def feed(sessions: Sessions, id: UUID) -> dict[str, dict[str, Any]]:
    with sessions.begin() as session:
        rows = session.scalars(select(FeedRow).where(FeedRow.id == id))
        return {row.scope: msgspec.json.decode(row.body) for row in rows}


def test_all_that_was_recorded_is_kept_exactly(
    sessions: Sessions, town_id: UUID, record: Record, published: None
) -> None:
    by = uuid7()
    offence = record(
        by=str(by),
        occurred_at="2026-03-14T21:07:33.125Z[Europe/Berlin]",
        ended_at="2026-03-14T21:09:00.000Z[Etc/UTC]",
        house_no="12 a",
        place_detail="vor der Einfahrt",
        position={"lat": 51.4516, "lon": 6.6262, "accuracy_m": 7.5},
        plate="mo ab123e",
        vehicle={"make": "VW", "colour": "blau"},
        note="Warnblinker\nniemand am Fahrzeug",
        synthetic_plate=True,
        speed_of_light="an unknown member is kept in the journal and unread here",
    )
    with sessions.begin() as session:
        found = queries.offence(session, clerk(town_id), offence)
    expected = {
        "id": offence,
        "rev": 1,
        "by": by,
        "recorded_at": NOW,
        "recorded_zone": "Europe/Berlin",
        "received_at": NOW,
        "occurred_at": datetime(2026, 3, 14, 21, 7, 33, 125000, tzinfo=UTC),
        "occurred_zone": "Europe/Berlin",
        "ended_at": datetime(2026, 3, 14, 21, 9, tzinfo=UTC),
        "tbnr": "141312",
        "street": "Mühlenstraße",
        "house_no": "12 a",
        "place_detail": "vor der Einfahrt",
        "position": Position(lat=51.4516, lon=6.6262, accuracy_m=7.5),
        "plate": "mo ab123e",
        "plate_country": "D",
        "plate_kind": "ordinary",
        "plate_normal": "MO-AB 123E",
        "vehicle": Vehicle(make="VW", colour="blau"),
        "amount_cents": 25_00,
        "edition_from": date(2021, 11, 9),
        "edition_cents": 25_00,
        "findings": [],
        "note": "Warnblinker\nniemand am Fahrzeug",
        "photos": 0,
        "media_state": "none",
        "synthetic_plate": True,
    }
    actual = msgspec.structs.asdict(found)
    assert expected == {name: actual[name] for name in expected}
    assert {"source"} == actual.keys() - expected.keys()
    assert {} == tasks(sessions)


def test_the_least_that_makes_an_offence_is_kept(sessions: Sessions, town_id: UUID, record: Record) -> None:
    offence = record(amount_cents=None)
    with sessions.begin() as session:
        found = queries.offence(session, clerk(town_id), offence)
    assert (None, None, None, None) == (found.plate, found.plate_kind, found.position, found.vehicle)


def test_office_and_officer_see_it_and_nobody_else(sessions: Sessions, record: Record, published: None) -> None:
    by = uuid7()
    seen = feed(sessions, record(by=str(by), plate="MO-AB 1", note="nur für die Akte"))
    assert {"office", f"me:{by}"} == seen.keys()
    assert "nur für die Akte" not in str(seen)
    assert "id" not in seen[f"me:{by}"]
    assert "MO-AB 1" == seen["office"]["plate"]


def test_photos_that_are_still_to_come_are_awaited(sessions: Sessions, record: Record, published: None) -> None:
    photo = WireMedia(sha256="0" * 64, size=5, type="image/jpeg")
    seen = feed(sessions, record(media=(photo, photo)))
    assert (2, "awaiting") == (seen["office"]["photos"], seen["office"]["media_state"])


def test_each_finding_opens_one_task_with_its_facts(sessions: Sessions, record: Record, published: None) -> None:
    offence = record(amount_cents=30_00, plate="Roller", clock={"offset_ms": -120_001, "age_s": 5, "mono_ms": 9})
    day = {"day": "2026-03-14", "tbnr": "141312"}
    assert {
        "amount_differs": day | {"amount_cents": 30_00, "catalogue_cents": 25_00},
        "implausible_plate": day | {"plate_kind": "unknown"},
        "clock_off": day | {"offset_ms": -120_001},
    } == tasks(sessions)
    assert ["amount_differs", "implausible_plate", "clock_off"] == feed(sessions, offence)["office"]["findings"]


def test_a_wrong_number_or_no_amount_refuses_nothing(sessions: Sessions, record: Record, published: None) -> None:
    record(tbnr="Parken im Park", amount_cents=None)
    assert {"unknown_tbnr": {"day": "2026-03-14"}, "amount_missing": {"day": "2026-03-14"}} == tasks(sessions)


def test_no_plate_reaches_a_task_whatever_field_it_is_typed_into(sessions: Sessions, record: Record) -> None:
    record(tbnr="MO-AB 123", plate="MO-AB 123 x y", street="MO-AB 123")
    assert {"no_edition", "implausible_plate"} == tasks(sessions).keys()
    assert "MO-AB" not in str(tasks(sessions))


def test_a_prefix_that_the_list_does_not_know_is_a_finding(
    sessions: Sessions, record: Record, published: None, tmp_path: Any
) -> None:
    path = tmp_path / "list.json"
    path.write_text('{"MO": "Moers"}', encoding="utf-8")
    prefixes.use(path)
    try:
        record(plate="MO-AB 123")
        assert {} == tasks(sessions)
        record(plate="QQ-AB 123")
        assert {"implausible_plate"} == tasks(sessions).keys()
    finally:
        prefixes.use(None)


def test_another_town_sees_nothing_of_it(database: Database, sessions: Sessions, record: Record) -> None:
    offence = record(plate="MO-AB 1")
    with sessions_of(database.engine, uuid7()).begin() as session:
        assert [] == session.scalars(select(OffenceRow)).all()
        assert [] == session.scalars(select(FeedRow).where(FeedRow.id == offence)).all()


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"occurred_at": "gestern"}, "/body/occurred_at"),
        ({"occurred_at": "2026-02-30T00:00:00.000Z[Europe/Berlin]"}, "/body/occurred_at"),
        ({"occurred_at": "1999-12-31T23:59:59.999Z[Europe/Berlin]"}, "/body/occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59.999Z[Europe/Berlin]"}, "/body/occurred_at"),
        ({"ended_at": "2101-01-01T00:00:00.000Z[Europe/Berlin]"}, "/body/ended_at"),
    ],
)
def test_an_instant_that_cannot_be_is_refused_and_nothing_is_kept(
    sessions: Sessions, record: Record, members: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadInput) as caught:
        record(**members)
    assert field == caught.value.field
    with sessions.begin() as session:
        assert [] == session.scalars(select(OffenceRow)).all()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("by", None),
        ("by", "niemand"),
        ("tbnr", ""),
        ("tbnr", "1" * 21),
        ("tbnr", "11\x003140"),
        ("tbnr", 141312),
        ("street", ""),
        ("street", "x" * 201),
        ("street", "a\nb"),
        ("plate", "x" * 41),
        ("plate_country", "Niederlande"),
        ("position", {"lat": 91, "lon": 0}),
        ("position", {"lat": 51}),
        ("position", {"lat": 51, "lon": 6, "accuracy_m": -1}),
        ("amount_cents", -1),
        ("amount_cents", 10_000_001),
        ("amount_cents", 12.5),
        ("note", "x" * 4001),
        ("note", "a\x00b"),
        ("vehicle", {"make": "x\x00"}),
        ("synthetic_plate", "ja"),
        ("occurred_at", "2026-03-14T21:07:00.000Z[" + "x" * 60 + "]"),
    ],
)
def test_a_body_that_nobody_could_use_names_its_member(member: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError, match=rf"at `\$\.{member}"):
        body(**{member: value})


@pytest.mark.parametrize("member", ["by", "tbnr", "occurred_at", "street"])
def test_a_body_without_what_makes_an_offence_is_refused(member: str) -> None:
    whole = msgspec.to_builtins(body())
    del whole[member]
    with pytest.raises(msgspec.ValidationError, match=member):
        msgspec.convert(whole, OffenceRecorded)


def test_a_number_beyond_what_a_float_holds_is_refused() -> None:
    text = msgspec.json.encode(body()).replace(b'"position":null', b'"position":{"lat":1e999,"lon":1}')
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(text, type=OffenceRecorded)


@given(
    tbnr=st.text(min_size=1, max_size=20),
    street=st.text(min_size=1, max_size=200),
    plate=st.none() | st.text(min_size=1, max_size=40),
    note=st.none() | st.text(max_size=200),
    country=st.none() | st.text(max_size=3),
    amount=st.none() | st.integers(-5, 20_000_000),
    day=st.dates(date(1990, 1, 1), date(2110, 1, 1)),
)
def test_whatever_decodes_is_kept_or_refused_by_name(unguarded: Sessions, **members: Any) -> None:
    names = {"country": "plate_country", "amount": "amount_cents"}
    at = f"{members.pop('day')}T12:00:00.000Z[Europe/Berlin]"
    changed = {names.get(name, name): value for name, value in members.items()}
    with refused(msgspec.ValidationError) as unreadable:
        sent = body(occurred_at=at, **changed)
    if unreadable:
        assert "at `$." in str(unreadable[0])
        return
    received = Received(
        id=uuid7(), source=uuid7(), incarnation=1, seq=1, kind="offence.recorded", recorded_at=NOW,
        zone="Europe/Berlin", received_at=NOW, media=(),
    )  # fmt: skip
    town = unguarded.kw["info"]["town"]
    with refused(BadInput) as bad, unguarded.begin() as session:
        service.record(session, Actor(town=town, source=SourceId(received.source)), received, sent)
    if bad:
        assert "/body/occurred_at" == bad[0].field
        return
    with unguarded.begin() as session:
        found = queries.offence(session, clerk(town), received.id)
    assert (sent.tbnr, sent.street, sent.plate, sent.note) == (found.tbnr, found.street, found.plate, found.note)


@contextmanager
def refused(kind: type[Exception]) -> Iterator[list[Any]]:
    """Holds the refusal that may come, so that what it says is checked outside."""
    caught: list[Any] = []
    try:
        yield caught
    except kind as error:
        caught.append(error)


@pytest.fixture(scope="module")
def unguarded(database: Database) -> Sessions:
    """A town that the examples of one property share."""
    return database.sessions(uuid7())


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes to PostgreSQL past SQLAlchemy, which is how many rows are written."""
    seen: list[str] = []
    execute = psycopg.Connection.execute

    def see(self: psycopg.Connection, statement: str, *values: object, **options: object) -> psycopg.Cursor:
        seen.append(statement)
        return execute(self, statement, *values, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", see)
    return seen


def test_a_batch_costs_a_handful_of_statements_whatever_its_size(
    sessions: Sessions, town_id: UUID, published: None, statements: list[str]
) -> None:
    sent = body(amount_cents=30_00)
    actor = Actor(town=TownId(town_id), person=sent.by, source=SourceId(uuid7()))
    with sessions.begin() as session:
        for seq in range(1, 101):
            received = Received(
                id=uuid7(), source=uuid7(), incarnation=1, seq=seq, kind="offence.recorded", recorded_at=NOW,
                zone="Europe/Berlin", received_at=NOW, media=(),
            )  # fmt: skip
            service.record(session, actor, received, sent)
        statements.clear()
    assert ["offence", "feed", "task"] == [statement.split()[2] for statement in statements]
    with sessions.begin() as session:
        assert 100 == len(session.scalars(select(OffenceRow.id)).all())


def test_findings_have_the_names_of_their_tasks() -> None:
    assert {
        "unknown_tbnr", "no_edition", "amount_missing", "amount_differs", "amount_impossible", "implausible_plate",
        "implausible_time", "clock_off",
    } == set(FindingKind)  # fmt: skip
