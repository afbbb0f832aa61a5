"""Sites, zones and points; where cameras may stand (R16); lines and what their gateway gets."""

import json

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from backend.feed.tables import FeedRow
from backend.fields import Role, uuid7
from tests.backend.buildings.house import House

ALLOWED = ("entrance", "waiting")
FORBIDDEN = ("counter", "office", "corridor", "escape", "break_room", "toilet")


def refusal(answer) -> tuple[int, str, str]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem["errors"][0]["pointer"]


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_a_camera_stands_in_no_zone_where_it_may_not(house: House, kind: str) -> None:
    zone = house.add("zones", kind, building=house.ids["building"], name=kind, kind=kind)
    body = {"id": str(uuid7()), "zone": zone, "label": "Kamera", "kind": "camera"}
    answer = house.post("/v1/points", house.admin, **body)
    assert (422, "camera_forbidden", "/zone") == refusal(answer)
    assert {"rule": "R16", "zone_kind": kind} == answer.json()["facts"]
    desk = house.add("points", "p", zone=zone, label="Platz", kind="desk")
    answer = house.post(f"/v1/points/{desk}/change", house.admin, zone=zone, label="Platz", kind="camera")
    assert (422, "camera_forbidden", "/zone") == refusal(answer)


@pytest.mark.parametrize("kind", ALLOWED)
def test_a_camera_keeps_its_zone_from_becoming_a_forbidden_one(house: House, kind: str) -> None:
    zone = house.add("zones", kind, building=house.ids["building"], name=kind, kind=kind)
    camera = house.add("points", "camera", zone=zone, label="Kamera", kind="camera")
    for forbidden in FORBIDDEN:
        answer = house.post(f"/v1/zones/{zone}/change", house.admin, name="x", kind=forbidden)
        assert (422, "camera_forbidden", "/kind") == refusal(answer)
    moved = house.post(f"/v1/points/{camera}/change", house.admin, zone=house.ids["office"], label="K", kind="camera")
    assert (422, "camera_forbidden", "/zone") == refusal(moved)
    other = next(one for one in ALLOWED if one != kind)
    assert 200 == house.post(f"/v1/zones/{zone}/change", house.admin, name="x", kind=other).status_code


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO point (town, id, rev, zone, label, kind) VALUES ({town}, {id}, 1, {office}, 'x', 'camera')",
        "UPDATE point SET kind = 'camera' WHERE id = {desk}",
        "UPDATE point SET zone = {office} WHERE id = {camera}",
        "UPDATE zone SET kind = 'toilet' WHERE id = {entrance}",
    ],
)
def test_the_database_itself_refuses_cameras_where_they_may_not_stand(house: House, database, statement: str) -> None:
    """A script past our service, and the owner of the tables, fail at the same rule."""
    house.add("points", "camera", zone=house.ids["entrance"], label="Kamera", kind="camera")
    ids = {name: house.ids[name] for name in ("office", "entrance", "camera")} | {"desk": house.ids["017"]}
    for url in (database.app_url, database.owner_url):
        with psycopg.connect(url) as connection:
            connection.execute("SELECT set_config('app.town', %s, true)", (str(house.world.town),))
            with pytest.raises(psycopg.errors.CheckViolation, match="R16") as caught:
                connection.execute(sql.SQL(statement).format(town=house.world.town, id=uuid7(), **ids))
            assert "camera_zone" == caught.value.diag.constraint_name
            connection.rollback()


def test_the_same_again_returns_what_stands_and_other_content_is_refused(house: House) -> None:
    body = {"id": str(uuid7()), "building": house.ids["building"], "name": "Zimmer 3", "kind": "office"}
    first = house.post("/v1/zones", house.admin, **body)
    assert (201, first.json()) == ((again := house.post("/v1/zones", house.admin, **body)).status_code, again.json())
    other = house.post("/v1/zones", house.admin, **body | {"name": "Zimmer 4"})
    assert (409, "id_reused", "/id") == refusal(other)
    old = house.post("/v1/zones", house.admin, **body | {"id": "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"})
    assert (400, "bad_input", "/id") == refusal(old)


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("buildings", {"site": None, "name": "x"}, "/site"),
        ("zones", {"building": None, "name": "x", "kind": "office"}, "/building"),
        ("points", {"zone": None, "label": "x", "kind": "desk"}, "/zone"),
    ],
)
def test_what_a_thing_refers_to_is_of_this_town(house: House, other, what: str, body: dict, field: str) -> None:
    foreign = House.of(other)
    of = {"/site": "site", "/building": "building", "/zone": "office"}[field]
    given = {"id": str(uuid7())} | {name: value or foreign.ids[of] for name, value in body.items()}
    assert (400, "unknown_reference", field) == refusal(house.post(f"/v1/{what}", house.admin, **given))


def gateways_rows(house: House) -> list[dict]:
    with house.world.sessions.begin() as session:
        scope = f"self:{house.gateway.machine.source}"
        rows = session.query(FeedRow).where(FeedRow.scope == scope, FeedRow.type == "line").all()
        return [json.loads(row.body) for row in rows]


def test_a_gateway_gets_its_lines_with_their_keys_and_nobody_else_does(house: House) -> None:
    key, token = "ab" * 16, "0" * 64
    line = house.line("5678", keys=[key], nak_address="L0A0", token_sha256=token, interval_s=30)
    row = next(one for one in gateways_rows(house) if one["sender"] == "5678")
    assert {
        "protocol": "dc09", "sender": "5678", "interval_s": 30, "keys": [key], "nak_address": "L0A0",
        "token_sha256": token, "label": "Zentrale 5678", "points": ["017", "018", "019", "door", "plain"],
    } == row  # fmt: skip
    shown = house.world.http.get("/v1/sites", headers=house.admin.headers).text + json.dumps(house.board())
    assert key not in shown
    assert token not in shown
    seen = next(one for one in house.board()["lines"] if one["id"] == line)
    assert (True, True, "unknown") == (seen["has_keys"], seen["has_token"], seen["link"])


def test_a_changed_line_reaches_its_gateway_whole(house: House) -> None:
    line = house.ids["line 1234"]
    body = {
        "label": "neu", "building": house.ids["building"], "interval_s": 10, "keys": [],
        "points": [{"name": "1", "point": house.ids["017"]}],
    }  # fmt: skip
    assert 200 == house.post(f"/v1/lines/{line}/change", house.admin, **body).status_code
    (row,) = gateways_rows(house)
    assert ("neu", 10, ["1"], None) == (row["label"], row["interval_s"], row["points"], row["nak_address"])


def test_a_sender_has_one_line_at_its_gateway_and_a_gateway_is_one(house: House) -> None:
    body = {
        "id": str(uuid7()), "gateway": house.gateway.machine.source, "protocol": "dc09", "sender": "1234", "label": "x",
        "building": house.ids["building"],
    }  # fmt: skip
    assert (400, "bad_input", "/sender") == refusal(house.post("/v1/lines", house.admin, **body))
    dock = {"sender": "9", "gateway": house.world.machine("dock").source}
    assert (400, "unknown_reference", "/gateway") == refusal(house.post("/v1/lines", house.admin, **body | dock))
    twice = {"sender": "9", "points": [{"name": "1", "point": house.ids["017"]}] * 2}
    answer = house.post("/v1/lines", house.admin, **body | twice)
    assert (400, "bad_input", "/points/1/name") == refusal(answer)
    foreign = {"sender": "9", "points": [{"name": "1", "point": str(uuid7())}]}
    answer = house.post("/v1/lines", house.admin, **body | foreign)
    assert (400, "unknown_reference", "/points/0/point") == refusal(answer)


def test_administrators_set_up_and_dispatchers_read(house: House) -> None:
    body = {"id": str(uuid7()), "name": "x", "address": "x"}
    for role in (Role.DISPATCHER, Role.SUPERIOR, Role.CUSTODIAN, Role.GUARD):
        assert 403 == house.post("/v1/sites", house.world.person(role), **body).status_code
    assert ["Rathaus"] == [one["name"] for one in house.get("/v1/sites")["sites"]]
    with house.world.sessions.begin() as session:
        assert 1 == session.scalar(text("SELECT count(*) FROM site"))
