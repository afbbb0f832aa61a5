"""Refusals: their numbers, what they say, and how whatever goes wrong becomes one."""

import json
from pathlib import Path

import psycopg.errors
import pytest
from litestar.exceptions import HTTPException
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from backend import problems
from backend.errors import BadInput, DomainError, all_problems
from backend.tables import metadata

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "problems.json").read_text())


def test_a_number_is_given_once_and_never_changed() -> None:
    """Whoever adds a problem adds a line; a line is never changed or taken away."""
    assert GOLDEN == [{"type": cls.type(), "code": cls.code, "status": cls.status} for cls in all_problems()]


def test_numbers_and_codes_are_unique() -> None:
    assert len(GOLDEN) == len({one["type"] for one in GOLDEN}) == len({one["code"] for one in GOLDEN})


def test_every_refusal_of_the_tree_is_in_the_list() -> None:
    """`all_problems` sees the first level only: nobody may hang a class below another one."""

    def below(cls: type[DomainError]) -> list[type[DomainError]]:
        return [found for one in cls.__subclasses__() for found in (one, *below(one))]

    assert sorted(below(DomainError), key=str) == sorted(all_problems(), key=str)


def test_every_refusal_says_what_happened_and_what_to_do_next() -> None:
    for cls in all_problems():
        assert cls.__doc__
        assert len(cls.advice.split(". ")) >= 2 or ";" in cls.advice or cls.status in (409, 410), cls.code
        assert cls.advice.endswith(".")


def test_each_address_of_a_problem_explains_it_in_german(http) -> None:
    for cls in all_problems():
        answer = http.get(cls.type())
        assert (200, True) == (answer.status_code, 'lang="de"' in answer.text)
    for unknown in ("/problems/400.999", "/problems/%00", "/problems/x"):
        assert http.get(unknown).status_code == 404


@pytest.mark.parametrize(
    ("message", "key", "pointer"),
    [
        ("Expected `int`, got `str` - at `$.entries[1].seq`", "", "/entries/1/seq"),
        ("Expected `int`, got `str` - at `$.entries[...].seq`", "", "/entries"),
        ("Object missing required field `login`", "data", "/login"),
        ("Object missing required field `seq` - at `$.entries[0]`", "", "/entries/0/seq"),
        ("Object contains unknown field `colour`", "", "/colour"),
        ("Object contains unknown field `a/b~c` - at `$.vehicle`", "", "/vehicle/a~1b~0c"),
        ("Expected `str`, got `int`", "limit", "/limit"),
        ("Input data was truncated", "", ""),
    ],
)
def test_the_decoders_words_become_a_json_pointer(message: str, key: str, pointer: str) -> None:
    assert pointer == problems._fault(message, key).pointer


class _Broken(Exception):
    sqlstate: str | None = None
    diag = None


def wrapped(kind: type, sqlstate: str | None, constraint: str = "") -> Exception:
    error = _Broken()
    error.sqlstate = sqlstate
    error.diag = type("Diag", (), {"constraint_name": constraint})()
    return kind("statement", {}, error)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (wrapped(OperationalError, "57P01"), 503),
        (wrapped(OperationalError, "53300"), 503),
        (wrapped(OperationalError, "40P01"), 503),
        (wrapped(OperationalError, None), 503),
        (wrapped(DataError, None), 500),
        (wrapped(DataError, "22003"), 500),
        (wrapped(IntegrityError, "23503", "fk_nobody_knows"), 500),
        (wrapped(IntegrityError, "23505", "uq_person_town_login"), 409),
        (wrapped(IntegrityError, "23505", "uq_town_slug"), 409),
    ],
)
def test_what_the_database_refuses(error, status: int) -> None:
    """A database that is away is waited for; what it can never store must not be tried for ever."""
    assert status == problems.database(None, error).status_code


def test_every_constraint_that_means_something_exists() -> None:
    names = {str(c.name) for t in metadata.tables.values() for c in t.constraints}
    raised_by_triggers = {"camera_zone"}  # buildings/tables.py; provoked in buildings/test_sites.py
    assert set(problems.CONSTRAINTS) <= names | raised_by_triggers


def test_a_refusal_of_the_framework_is_never_a_defect_of_ours() -> None:
    for status in range(400, 500):
        assert 400 <= problems.framework(None, HTTPException(status_code=status, detail="x")).status_code < 500


def test_a_defect_says_nothing_about_what_was_sent() -> None:
    answer = problems.defect(None, ValueError("Frau Müller, MO-AB 123"))
    assert (500, "defect") == (answer.status_code, answer.content.code)
    assert "Müller" not in str(answer.content)
    assert answer.content.instance.startswith("urn:uuid:")
    assert BadInput(field="/x").problem().errors[0].pointer == "/x"
    assert psycopg.errors.UniqueViolation.sqlstate == "23505"
