"""Holds every answer that goes through the test client to the API's description, 4xx and 5xx included.

An undocumented status or media type fails the test that provoked it, as does a refusal that is no Problem.
"""

import re
from typing import Any

import httpx
import msgspec
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from backend.description import text
from backend.errors import PROBLEM_MEDIA_TYPE, all_problems

DESCRIPTION: dict[str, Any] = msgspec.json.decode(text())
TYPES = {cls.type(): cls for cls in all_problems()}
_PATHS = [(re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path))), path) for path in sorted(DESCRIPTION["paths"])]
_validators: dict[str, Validator] = {}


def validator(schema: dict[str, Any]) -> Validator:
    """A validator of one schema, with the components that it may refer to."""
    key = msgspec.json.encode(schema).decode()
    if key not in _validators:
        _validators[key] = Draft202012Validator({**schema, "components": DESCRIPTION["components"]})
    return _validators[key]


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """The operation that answers, or None where the address is none of the API's."""
    for pattern, template in _PATHS:
        # A tile's name has slashes in it.
        if pattern.fullmatch(path) or (template.endswith("/{name}") and path.startswith("/v1/log/tile/")):
            return DESCRIPTION["paths"][template].get(method.lower())
    return None


def check(answer: httpx.Response) -> None:
    """The answer is what the description says.

    Raises:
        AssertionError: it is not; names the operation and what was found.
    """
    method, path = answer.request.method, answer.request.url.path
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    where = f"{method} {path} → {answer.status_code} {media_type}"
    if answer.status_code >= 400:
        assert media_type == PROBLEM_MEDIA_TYPE or path == "/", f"{where}: a refusal that is no Problem"
    if media_type == PROBLEM_MEDIA_TYPE and method != "HEAD":
        check_problem(answer)
    operation = operation_of(method, path)
    if operation is None or answer.status_code == 405:
        return
    described = operation["responses"].get(str(answer.status_code))
    assert described is not None, f"{where}: this status is not described: {answer.text[:300]}"
    content = described.get("content") or {}
    if method == "HEAD":
        assert answer.content == b"", where
        return
    if not content:
        assert answer.content == b"", f"{where}: a body that is not described"
        return
    assert media_type in content, f"{where}: described are {list(content)}"
    if "json" in media_type:
        faults = [str(e.message) for e in validator(content[media_type]["schema"]).iter_errors(answer.json())]
        assert faults == [], f"{where}: {faults}"


def check_problem(answer: httpx.Response) -> None:
    """The body is a Problem of the list, and says the same as the status line."""
    problem = answer.json()
    validator(DESCRIPTION["components"]["schemas"]["Problem"]).validate(problem)
    assert problem["status"] == answer.status_code
    cls = TYPES[problem["type"]]
    assert (cls.status, cls.code, cls.advice) == (problem["status"], problem["code"], problem["detail"])
    for one in problem.get("errors", []):
        assert one["pointer"] == "" or one["pointer"].startswith("/"), f"no JSON pointer: {one}"
