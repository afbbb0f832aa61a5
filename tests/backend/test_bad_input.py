"""Whatever is sent to whatever route: a Problem that names the field, nothing stored, never a 500.

That every answer is a Problem as described is held by the client (`described.py`).
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.fields import Role, uuid7
from tests.backend.conftest import new_town
from tests.backend.described import DESCRIPTION
from tests.backend.exchange.conftest import everything
from tests.backend.test_rights import STREAMS, code_of
from tests.backend.world import World

QUICK = settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True
)
ALL_ROLES = tuple(role for role in Role if role not in (Role.DOCK, Role.GATEWAY))
BODIES = sorted(
    (m.upper(), path) for path, found in DESCRIPTION["paths"].items() for m in found if "requestBody" in found[m]
)  # fmt: skip
READS = sorted((m.upper(), path) for path, found in DESCRIPTION["paths"].items() for m in found if path not in STREAMS)

#: Not JSON, or none that any route takes.
UNREADABLE = {
    "nothing": b"",
    "no JSON": b"nonsense",
    "half": b'{"login": "a',
    "trailing": b"{} {}",
    "array": b"[]",
    "number": b"7",
    "null": b"null",
    "not UTF-8": b'{"login": "\xff\xfe"}',
    "overlong UTF-8": b'{"login": "\xc0\x80"}',
    "encoded surrogate": b'{"login": "\xed\xa0\x80"}',
    "lone surrogate": b'{"login": "\\ud800", "label": "\\ud800", "app": "\\ud800"}',
    "NaN": b'{"login": NaN, "label": NaN, "app": NaN, "role": NaN, "reason": NaN}',
    "nested": b"[" * 100_000,
    "nested objects": b'{"a":' * 50_000,
    "UTF-16": '{"login": "a"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
}
#: What no member of any body takes.
VALUES = [
    None, True, [], {}, "", "\x00", "a\x00b", "\u202e", "x" * 5000, -1, 2**53, 2**63, 2**64, 10**30, 1.5, 1e308,
    "0001-01-01T00:00:00.000+14:00", "9999-12-31T23:59:59.999-14:00", "2026-02-30T00:00:00.000Z", "' OR 1=1 --", "/../",
]  # fmt: skip
NEW_ID = str(uuid7())
#: These take several of the values, and then they do what they are for.
CREATE = (
    "openEnrolment",
    "addPerson",
    "makeReport",
    "openIncident",
    "addUnit",
    "noticeEmergency",
    "addSite",
    "openCase",
)
REVIEW = str(datetime.now(UTC).date() + timedelta(days=30))
VALID: dict[str, dict[str, Any]] = {
    "signIn": {"login": "anna", "password": "x" * 12, "town": "t"},
    "addPerson": {"login": "neu", "name": "Neu", "call_sign": "Neu", "password": "x" * 12},
    "grantRole": {"role": "clerk"},
    "openEnrolment": {"kind": "dock", "label": "x"},
    "enrolSource": {
        "code": "A" * 22, "kind": "dock", "public_key": "A" * 122, "proof": "A" * 86, "app": "t", "schema": 1,
    },
    "renewSource": {"public_key": "A" * 122, "proof": "A" * 86, "reason": "planned"},
    "leaseSource": {"incarnation": 1, "now": "2026-01-01T00:00:00.000Z", "signature": "A" * 86},
    "revokeSource": {"reason": "lost"},
    "closeTask": {"outcome": "settled", "reason": "x", "base": 1},
    "makeReport": {"id": NEW_ID, "channel": "phone", "text": "x", "place": "x"},
    "openIncident": {"id": NEW_ID, "kind": "noise", "priority": 3, "place": "x"},
    "closeIncident": {"disposition": "real"},
    "reopenIncident": {"reason": "x"},
    "addNote": {"id": NEW_ID, "text": "x"},
    "sendJob": {"id": NEW_ID, "incident": NEW_ID, "unit": NEW_ID},
    "addUnit": {"id": NEW_ID, "call_sign": "x", "mode": "foot"},
    "beginShift": {"id": NEW_ID, "person": NEW_ID},
    "setUnitStatus": {"id": NEW_ID, "code": "1"},
    "setStatusCodes": {"codes": []},
    "noticeEmergency": {"id": NEW_ID, "kind": "help", "place": {"lat": 51.0, "lon": 6.0}},
    "stepEmergency": {"step": "accept"},
    "closeAlarm": {"disposition": "real"},
    "shelveAlarm": {"reason": "x", "until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()},
    "addSite": {"id": NEW_ID, "name": "x", "address": "x"},
    "addBuilding": {"id": NEW_ID, "site": NEW_ID, "name": "x"},
    "addZone": {"id": NEW_ID, "building": NEW_ID, "name": "x", "kind": "office"},
    "changeZone": {"name": "x", "kind": "office"},
    "addPoint": {"id": NEW_ID, "zone": NEW_ID, "label": "x", "kind": "desk"},
    "changePoint": {"zone": NEW_ID, "label": "x", "kind": "desk"},
    "addLine": {
        "id": NEW_ID, "gateway": NEW_ID, "protocol": "dc09", "sender": "1234", "label": "x", "building": NEW_ID,
        "interval_s": 60, "keys": [], "nak_address": "L0A0", "token_sha256": "0" * 64, "points": [],
    },
    "changeLine": {"label": "x", "building": NEW_ID, "interval_s": 60, "keys": [], "points": []},
    "answerClip": {
        "ground": "protect_officer", "facts": "x", "place_kind": "public", "announced": "announced",
        "decided_by": "wearer", "base": 0,
    },
    "correctClip": {"started_at": "2026-03-01T12:00:00Z", "evidence": "x"},
    "placeHold": {"ground": "criminal_offence", "case_reference": "x", "review_on": REVIEW},
    "reviewHold": {"review_on": REVIEW, "reason": "x"},
    "releaseHold": {"reason": "x"},
    "openView": {"reason": "x"},
    "confirmCamera": {"kind": "bodycam"},
    "recordCertificate": {
        "person": str(uuid7()), "issued_on": "2026-01-01", "valid_until": "2027-01-01", "issuer": "x",
    },
    "assignCamera": {
        "person": str(uuid7()), "since": "2026-03-01T12:00:00Z", "until": "2099-03-02T12:00:00Z",
    },
    "openCase": {"aktenzeichen": "1 Js 1/26", "ground": "x"},
    "requestExport": {"recipient": "x", "clips": [str(uuid7())]},
    "exchange": {"incarnation": 1, "app": "t", "schema": 1, "now": "2026-01-01T00:00:00.000Z", "last_seq": 0},
}  # fmt: skip


@pytest.fixture(scope="module")
def town(http, server, tmp_path_factory) -> World:
    return new_town(http, server, tmp_path_factory.mktemp("bad"))


@pytest.fixture(scope="module")
def callers(town: World) -> dict[str, dict[str, str]]:
    """Who is let in at each kind of right."""
    person = town.person(*ALL_ROLES).headers
    return {"source": town.machine().lease(), "": person}


@pytest.fixture(scope="module")
def known(town: World) -> str:
    return town.machine().source


def operation(method: str, path: str) -> dict[str, Any]:
    return DESCRIPTION["paths"][path][method.lower()]


def call(town: World, callers, method: str, path: str, *, ids: str | None = None, headers=None, **kwargs: Any):
    what = operation(method, path)
    address = path
    for one in what.get("parameters", []):
        if one["in"] == "path":
            address = address.replace("{" + one["name"] + "}", ids if ids is not None else str(uuid7()))
    who = callers.get(what["x-right"], callers[""])
    return town.http.request(method, address, headers=who | (headers or {}), **kwargs)


def send(town: World, callers, method: str, path: str, body: bytes, **headers: str):
    typed = {"content-type": "application/json"} | headers
    return call(town, callers, method, path, content=body, headers=typed)


def test_each_operation_with_a_body_is_tried_here() -> None:
    assert {operation(*one)["operationId"] for one in BODIES} == set(VALID)


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_body_that_is_none_is_a_400_at_every_route(town, callers, method: str, path: str) -> None:
    before = everything(town)
    for name, body in UNREADABLE.items():
        answer = send(town, callers, method, path, body)
        assert answer.status_code == 400, (name, answer.text)
        assert "errors" in answer.json(), name
    assert before == everything(town)


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_each_member_that_is_wrong_is_named(town, callers, method: str, path: str) -> None:
    body = VALID[operation(method, path)["operationId"]]
    before = everything(town)
    for member in body:
        for value in VALUES:
            answer = send(town, callers, method, path, json.dumps(body | {member: value}).encode())
            if answer.status_code == 400 and answer.json()["code"] == "bad_input":
                pointers = [one["pointer"] for one in answer.json()["errors"]]
                assert [p for p in pointers if p.startswith(f"/{member}") or "/login" in p], (
                    member,
                    value,
                    answer.text,
                )
            else:
                # Some values are of the right shape; then it is refused for what it says.
                assert 200 <= answer.status_code < 500, (member, value, answer.text)
        missing = {name: one for name, one in body.items() if name != member}
        answer = send(town, callers, method, path, json.dumps(missing).encode())
        if answer.status_code == 400 and answer.json()["code"] == "bad_input":
            assert f"/{member}" == answer.json()["errors"][0]["pointer"]
    if operation(method, path)["operationId"] not in CREATE:
        assert before == everything(town)


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_unknown_members_are_refused_where_the_description_says_so(town, callers, method: str, path: str) -> None:
    what = operation(method, path)
    name = what["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    is_closed = DESCRIPTION["components"]["schemas"][name].get("additionalProperties") is False
    body = VALID[what["operationId"]] | {"a/b~c": 1}
    answer = send(town, callers, method, path, json.dumps(body).encode())
    if is_closed:
        assert (400, "/a~1b~0c") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    else:
        assert "a~1b~0c" not in answer.text


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_other_content_types_are_a_415(town, callers, method: str, path: str) -> None:
    body = json.dumps(VALID[operation(method, path)["operationId"]]).encode()
    before = everything(town)
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/msgpack",
        "",
        "x",
    ):
        answer = send(town, callers, method, path, body, **{"content-type": kind})
        assert (415, "unsupported_media") == (answer.status_code, answer.json()["code"]), kind
    assert before == everything(town)


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_too_much_is_a_413(town, callers, method: str, path: str) -> None:
    size = 5 * 1024 * 1024 if operation(method, path)["operationId"] == "exchange" else 300 * 1024
    answer = send(town, callers, method, path, b'{"login": "' + b"x" * size + b'"}')
    assert (413, "too_large") == (answer.status_code, answer.json()["code"])

    def pieces():
        for _ in range(size // 1024 + 1):
            yield b" " * 1024

    answer = send(town, callers, method, path, pieces())
    assert (413, "too_large") == (answer.status_code, answer.json()["code"]), "without a length in front too"


@pytest.mark.parametrize(("method", "path"), [one for one in BODIES if one[1] != "/v1/sync/exchange"])
def test_packed_bodies_are_for_the_exchange_alone(town, callers, method: str, path: str) -> None:
    answer = send(town, callers, method, path, b"\x1f\x8b\x08" + bytes(20), **{"content-encoding": "gzip"})
    assert answer.status_code in (400, 415)


@pytest.mark.parametrize(("method", "path"), [one for one in READS if "{" in one[1] and "tile" not in one[1]])
def test_an_address_that_names_no_id_is_a_404(town, callers, method: str, path: str) -> None:
    what = operation(method, path)["operationId"]
    for id_ in (
        "x",
        "0",
        "%00",
        "..",
        "%2e%2e",
        "a" * 3000,
        "1" * 36,
        "ä",
        "{}",
        "019cee2d-0285-7c3a-9d21-5b0e8f7a6c4g",
    ):
        answer = call(town, callers, method, path, ids=id_, json=VALID.get(what))
        if id_ == ".." and answer.request.url.path in DESCRIPTION["paths"]:
            continue  # the client resolved it to another address of ours (RFC 3986, section 5.2.4)
        assert (404, "not_found") == (answer.status_code, code_of(answer)), id_


@pytest.mark.parametrize(("method", "path"), READS)
def test_a_method_that_an_address_does_not_know_is_a_405(town, callers, method: str, path: str) -> None:
    known = {m.upper() for m in DESCRIPTION["paths"][path]} | {"OPTIONS"}
    address = path.replace("{level}", "0").replace("{name}", "000")
    while "{" in address:
        address = address[: address.index("{")] + str(uuid7()) + address[address.index("}") + 1 :]
    for other in sorted({"GET", "POST", "PUT", "PATCH", "DELETE"} - known):
        answer = town.http.request(other, address, headers=callers[""])
        assert (405, "method_not_allowed") == (answer.status_code, answer.json()["code"]), other
        assert answer.headers["allow"]


QUERIES = [
    (method, path, one["name"])
    for method, path in READS
    for one in operation(method, path).get("parameters", [])
    if one["in"] == "query"
]


@pytest.mark.parametrize(("method", "path", "name"), QUERIES)
def test_a_parameter_that_is_wrong_is_named(town, callers, method: str, path: str, name: str) -> None:
    required = {
        one["name"]: {"after": "A" * 55, "leaf": "0" * 64, "from": "1", "scope": "town"}[one["name"]]
        for one in operation(method, path).get("parameters", [])
        if one["in"] == "query" and one["required"]
    }
    for value in (
        "", "\x00", "a\x00b", "ä", "\n", "-1", "0", "x", "1.5", "1e9", "9007199254740993", "9" * 30, "NaN", "' OR 1=1",
        "0000-00-00", "9999-12-31", "0001-01-01", "2026-02-30", "x" * 5000, "\ud7ff", "A" * 55,
        "A" * 32, "/w==", "=", "_" * 32,
    ):  # fmt: skip
        answer = call(town, callers, method, path, params=required | {name: value})
        assert answer.status_code in (200, 400, 404, 409), (value, answer.text)
        if answer.status_code == 400:
            assert [f"/{name}"] == [one["pointer"] for one in answer.json()["errors"]], (value, answer.text)


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


members = st.sampled_from(
    sorted({name for body in VALID.values() for name in body} | {"entries", "holds", "joins", "cursor", "prev", "seal"})
)


@QUICK
@given(which=st.sampled_from(BODIES), changes=st.dictionaries(members, any_json, max_size=3))
def test_no_body_is_a_500(town, callers, which, changes: dict[str, Any]) -> None:
    body = VALID[operation(*which)["operationId"]] | changes
    answer = send(town, callers, *which, json.dumps(body).encode("utf-8", "surrogatepass"))
    assert answer.status_code < 500, answer.text


@QUICK
@given(which=st.sampled_from(BODIES), body=st.binary(max_size=200))
def test_no_bytes_are_a_500(town, callers, which, body: bytes) -> None:
    assert 400 <= send(town, callers, *which, body).status_code < 500


def test_a_member_twice_counts_once_and_harms_nothing(town, callers) -> None:
    answer = send(town, callers, "POST", "/v1/enrolments", b'{"kind":"dock","kind":"nothing","label":"x"}')
    assert (400, "/kind") == (answer.status_code, answer.json()["errors"][0]["pointer"])


def test_a_password_is_in_no_refusal(town, callers) -> None:
    for body in (
        {"login": "neu", "name": "Neu", "call_sign": "N", "password": "geheim\x00geheim"},
        {"login": "NEU geheim", "name": "Neu", "call_sign": "N", "password": "geheim geheim"},
    ):
        answer = send(town, callers, "POST", "/v1/people", json.dumps(body).encode())
        assert (400, False) == (answer.status_code, "geheim" in answer.text)


def test_addresses_that_are_none_are_problems_too(town) -> None:
    for path in (
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/people/",
        "//v1/people",
        "/v1/../v1/people",
        "/%00",
        "/v1/people%00",
    ):
        assert town.http.get(path).status_code in (200, 404, 401), path


def test_every_answer_tells_a_browser_what_it_may_not_do(town, callers) -> None:
    for path in ("/v1/people", "/v1/nothing", "/v1/health", "/", "/problems/400.1"):
        headers = town.http.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert ("nosniff", "no-referrer") == (headers["x-content-type-options"], headers["referrer-policy"])
        if path.startswith("/v1/"):
            assert headers["cache-control"] == "no-store"
