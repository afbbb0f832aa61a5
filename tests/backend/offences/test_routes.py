"""The addresses of offences and catalogue, with an actor as the application's guard would make it."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient

from backend.db import Sessions
from backend.errors import DomainError, Problem
from backend.fields import Actor, PersonId, TownId, uuid7
from backend.offences.catalogue import import_catalogue
from backend.offences.reading import sample
from backend.offences.routes import router
from backend.offences.wire import CatalogueImport, CatalogueImports, CatalogueOnDay, Offence, OffencePage
from tests.backend.offences.conftest import NOW

Record = Callable[..., UUID]
Ask = Callable[..., Any]


def say_problem(_: Request[Any, Any, Any], error: DomainError) -> Response[Problem]:
    return Response(error.problem(), status_code=error.status, media_type="application/problem+json")


@pytest.fixture
def who(town_id: UUID) -> dict[str, Actor]:
    """The actor of the next request; a clerk unless a test changes it."""
    return {"actor": Actor(town=TownId(town_id), person=PersonId(uuid7()))}


@pytest.fixture
def http(sessions: Sessions, who: dict[str, Actor]) -> Iterator[TestClient[Litestar]]:
    def actor() -> Actor:
        return who["actor"]

    def sessions_of_town() -> Any:
        return sessions

    def now() -> datetime:
        return NOW

    app = Litestar(
        [router],
        dependencies={
            "actor": Provide(actor, sync_to_thread=False),
            "sessions": Provide(sessions_of_town, sync_to_thread=False),
            "now": Provide(now, sync_to_thread=False),
        },
        exception_handlers={DomainError: say_problem},
    )
    with TestClient(app) as client:
        yield client


def page(http: TestClient[Litestar], **query: Any) -> OffencePage:
    answer = http.get("/v1/offences", params=query)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=OffencePage)


def test_offences_come_newest_received_first_page_by_page(http: TestClient[Litestar], record: Record) -> None:
    ids = [record(now=NOW + timedelta(seconds=number // 2)) for number in range(7)]
    expected = sorted(ids, key=lambda one: (ids.index(one) // 2, one), reverse=True)
    seen, after = [], None
    while True:
        found = page(http, limit=3, **({"after": after} if after else {}))
        seen += [offence.id for offence in found.offences]
        after = found.after
        if after is None:
            break
        assert 3 == len(found.offences)
    assert expected == seen


def test_a_page_that_ends_exactly_with_the_list_is_the_last(http: TestClient[Litestar], record: Record) -> None:
    record()
    found = page(http, limit=1)
    assert (1, None) == (len(found.offences), found.after)


def test_an_officer_sees_own_offences_only(http: TestClient[Litestar], who: dict[str, Actor], record: Record) -> None:
    officer = PersonId(uuid7())
    mine, theirs = record(by=str(officer)), record()
    who["actor"] = Actor(town=who["actor"].town, person=officer, limit="o")
    assert [mine] == [offence.id for offence in page(http).offences]
    assert 200 == http.get(f"/v1/offences/{mine}").status_code
    assert 404 == http.get(f"/v1/offences/{theirs}").status_code


def test_who_sees_only_named_cases_sees_none_yet(
    http: TestClient[Litestar], who: dict[str, Actor], record: Record
) -> None:
    offence = record()
    who["actor"] = Actor(town=who["actor"].town, person=PersonId(uuid7()), limit="c")
    assert [] == page(http).offences
    assert 404 == http.get(f"/v1/offences/{offence}").status_code


def test_one_offence_is_shown_whole(http: TestClient[Litestar], record: Record) -> None:
    offence = record(plate="mo ab1", position={"lat": 51.45, "lon": 6.62}, note="Zeile\nZeile")
    answer = http.get(f"/v1/offences/{offence}")
    found = msgspec.json.decode(answer.content, type=Offence)
    assert ("MO-AB 1", 51.45, "Zeile\nZeile") == (found.plate_normal, found.position.lat, found.note)


@pytest.mark.parametrize("cursor", ["x", "ä", "A" * 32, "____________________", "_" * 32, "A" * 65])
def test_a_cursor_of_no_page_is_bad_input_or_finds_nothing(http: TestClient[Litestar], cursor: str) -> None:
    answer = http.get("/v1/offences", params={"after": cursor})
    assert answer.status_code == 400 or (answer.status_code, answer.json()["offences"]) == (200, [])


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}])
def test_a_page_has_1_to_200_rows(http: TestClient[Litestar], query: dict[str, Any]) -> None:
    assert 400 == http.get("/v1/offences", params=query).status_code


def test_what_is_not_there_is_not_found(http: TestClient[Litestar]) -> None:
    answer = http.get(f"/v1/offences/{uuid7()}")
    assert (404, "not_found") == (answer.status_code, answer.json()["code"])
    assert 404 == http.get("/v1/offences/keine").status_code


def test_the_catalogue_shows_what_is_in_force_on_a_day(http: TestClient[Litestar], sessions: Sessions) -> None:
    def shown(**query: str) -> CatalogueOnDay:
        return msgspec.json.decode(http.get("/v1/catalogue", params=query).content, type=CatalogueOnDay)

    assert (None, []) == (shown().newest_import, shown().entries)
    with sessions.begin() as session:
        import_catalogue(session, None, sample(), now=NOW)
    assert (NOW.date(), len(sample().entries)) == (shown().day, len(shown().entries))
    assert {"113"} == {entry.tbnr[:3] for entry in shown(q="113").entries}
    assert [] == shown(day="2020-01-01").entries
    text = http.get("/v1/catalogue", params={"q": "113140"}).json()["entries"][0]
    assert (5, [], None) == (text["class"], text["slots"], text["valid_until"])


@pytest.mark.parametrize("query", [{"q": "11314x"}, {"q": "1131400"}, {"q": "113\n"}, {"day": "heute"}, {"day": ""}])
def test_a_bad_day_or_prefix_is_bad_input(http: TestClient[Litestar], query: dict[str, str]) -> None:
    assert 400 == http.get("/v1/catalogue", params=query).status_code


def test_a_proposed_import_is_listed_and_published_by_another_person(
    http: TestClient[Litestar], sessions: Sessions, who: dict[str, Actor]
) -> None:
    admin = Actor(town=who["actor"].town, person=PersonId(uuid7()))
    with sessions.begin() as session:
        proposed = import_catalogue(session, admin, sample(), now=NOW).imported
    listed = msgspec.json.decode(http.get("/v1/catalogue/imports").content, type=CatalogueImports)
    assert [proposed] == listed.imports
    address = f"/v1/catalogue/imports/{proposed.id}/approve"
    clerk, who["actor"] = who["actor"], admin
    assert "own_approval" == http.post(address).json()["code"]
    who["actor"] = clerk
    answer = http.post(address)
    assert 200 == answer.status_code
    assert "published" == msgspec.json.decode(answer.content, type=CatalogueImport).status
    assert 404 == http.post(f"/v1/catalogue/imports/{uuid7()}/approve").status_code


def test_every_address_names_its_right(http: TestClient[Litestar]) -> None:
    rights = {
        (method, route.path): handler.opt.get("right")
        for route in http.app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in sorted(getattr(handler, "http_methods", ()))
        if method != "OPTIONS" and route.path.startswith("/v1/")
    }
    assert {
        ("GET", "/v1/board"): "signed_in",
        ("GET", "/v1/offences"): "offence:R",
        ("GET", "/v1/offences/{offence_id:uuid}"): "offence:R",
        ("GET", "/v1/catalogue"): "catalogue:R",
        ("GET", "/v1/catalogue/imports"): "catalogue:R",
        ("POST", "/v1/catalogue/imports/{import_id:uuid}/approve"): "catalogue:A",
    } == rights
