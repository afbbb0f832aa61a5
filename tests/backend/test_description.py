"""The API describes itself, and what it describes is what the handlers say."""

from collections import Counter
from pathlib import Path

import msgspec

from backend.app import ROUTERS, dependencies
from backend.description import described, operations, text
from backend.errors import PROBLEM_MEDIA_TYPE
from tests.backend.described import DESCRIPTION

FILE = Path(__file__).parents[2] / "openapi" / "openapi.json"
BODIES = ("post", "put", "patch")


def test_the_committed_description_is_that_of_the_code() -> None:
    """`streife openapi > openapi/openapi.json` writes it anew."""
    assert FILE.read_text() == text()


def test_the_description_is_the_same_each_time() -> None:
    assert described(ROUTERS, dependencies()) == described(ROUTERS, dependencies())
    assert text().endswith("}\n")


def test_the_server_serves_its_description_and_nothing_that_calls_a_third_party(http) -> None:
    answer = http.get("/v1/openapi/openapi.json")
    assert (answer.status_code, answer.text) == (200, text())
    for page in ("", "/swagger", "/redoc", "/elements", "/rapidoc", "/openapi.yaml", "/oauth2-redirect.html"):
        assert http.get(f"/v1/openapi{page}").status_code == 404


def test_operation_ids_are_unique_and_every_operation_tells_its_right() -> None:
    found = list(operations(DESCRIPTION))
    assert [] == [name for name, n in Counter(one["operationId"] for one in found).items() if n > 1]
    assert [] == [one["operationId"] for one in found if not one.get("x-right") or not one.get("description")]


def test_every_refusal_is_described_as_a_problem() -> None:
    for one in operations(DESCRIPTION):
        for status, answer in one["responses"].items():
            if status >= "400":
                assert [PROBLEM_MEDIA_TYPE] == list(answer["content"]), (one["operationId"], status)
        assert {"500", "503"} <= set(one["responses"])
        if one["x-right"] != "public":
            assert {"401", "403"} <= set(one["responses"]), one["operationId"]


def test_what_takes_a_body_describes_what_is_wrong_with_bodies() -> None:
    for path in DESCRIPTION["paths"].values():
        for method, one in path.items():
            if "requestBody" in one:
                assert method in BODIES
                assert {"400", "403", "413", "415"} <= set(one["responses"]), one["operationId"]


def test_inputs_that_refuse_unknown_fields_say_so() -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert {"CloseTask", "NewEnrolment", "NewGrant", "NewPerson", "Revocation", "SignIn"} <= closed
    assert {"ExchangeRequest", "EnrolRequest", "RenewRequest", "LeaseAsked"} & closed == set()


def test_no_example_is_made_up() -> None:
    assert "examples" not in msgspec.json.encode(DESCRIPTION).decode()
