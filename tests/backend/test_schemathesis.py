"""Schemathesis against the real application: whatever the description allows or forbids, what answers is described.

It makes the requests; the client holds every answer to the description (`described.py`). Streams are left out: an open
stream is no answer.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from tests.backend.conftest import new_town
from tests.backend.described import DESCRIPTION
from tests.backend.test_bad_input import ALL_ROLES
from tests.backend.test_rights import STREAMS
from tests.backend.world import World

SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
#: Signing in verifies a password for each well-formed request; signing out ends the session of the test.
SLOW = {"signIn": 4, "leaseSource": 5, "addPerson": 5}
OPERATIONS = {
    found.ok().definition.raw["operationId"]: found.ok()
    for found in SCHEMA.get_all_operations()
    if found.ok().path not in STREAMS and found.ok().definition.raw["operationId"] != "signOut"
}


@pytest.fixture(scope="module")
def town(http, server, tmp_path_factory) -> World:
    return new_town(http, server, tmp_path_factory.mktemp("schemathesis"))


@pytest.fixture(scope="module")
def callers(town: World) -> dict[str, dict[str, str]]:
    return {"source": town.machine().lease(), "": town.person(*ALL_ROLES).headers}


def run(town: World, callers, name: str, examples: int) -> None:
    operation = OPERATIONS[name]
    who = callers.get(operation.definition.raw["x-right"], callers[""])
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(case=cases)
    def each(case: Case) -> None:
        answer = send(town, case, who)
        assert answer.status_code < 500, answer.text

    each()


def send(town: World, case: Case, who: dict[str, str]) -> Any:
    """The case's request, on our own client."""
    given = case.as_transport_kwargs(base_url="http://testserver.local")
    headers = {
        key: value for key, value in (given.pop("headers", None) or {}).items() if key.lower() != "authorization"
    }
    wanted = ("method", "url", "params", "json", "data", "cookies")
    fitting = {key: value for key, value in given.items() if key in wanted and value is not None and key != "cookies"}
    if isinstance(fitting.get("data"), bytes | str):
        fitting["content"] = fitting.pop("data")
    return town.http.request(**fitting, headers={**headers, **who})


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_no_generated_request_breaks_what_is_described(town, callers, name: str) -> None:
    run(town, callers, name, SLOW.get(name, 10))


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_no_request_of_a_long_run_breaks_what_is_described(town, callers, name: str) -> None:
    run(town, callers, name, 100 if name in SLOW else 1000)
