"""From whatever went wrong to one problem+json; the only place that translates."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.bodies import pointed
from backend.errors import (
    CONSTRAINTS,
    PROBLEM_MEDIA_TYPE,
    BadInput,
    Defect,
    DomainError,
    MethodNotAllowed,
    NotAllowed,
    NotFound,
    NotNow,
    NotSignedIn,
    Pointed,
    Problem,
    TooLarge,
    UnsupportedMedia,
)

logger = structlog.get_logger()

_BY_STATUS: Mapping[int, type[DomainError]] = {
    400: BadInput,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMedia,
    503: NotNow,
}
#: SQLSTATE classes of a database that cannot work now (design/sync.md 4.1).
_NOT_NOW = ("08", "53", "55P03", "57", "58", "40")
Answer = Response[Problem]


def handlers() -> dict[int | type[Exception], Callable[[Request[Any, Any, Any], Any], Answer]]:
    """What the application does with each kind of failure."""
    return {
        DomainError: refused,
        HTTPException: framework,
        RecursionError: too_deep,
        SQLAlchemyError: database,
        Exception: defect,
    }


def answer(problem: Problem, headers: dict[str, str] | None = None) -> Answer:
    """The problem as it is sent."""
    return Response(problem, status_code=problem.status, media_type=PROBLEM_MEDIA_TYPE, headers=headers)


def refused(_: Request[Any, Any, Any], error: DomainError) -> Answer:
    """A refusal of ours."""
    headers = {"www-authenticate": "Bearer"} if error.status == 401 else None
    if error.status in (429, 503):
        headers = {"retry-after": "60" if error.status == 429 else "2"}
    headers = {**(headers or {}), **error.headers()} or None
    logger.info("refused", problem=error.type(), code=error.code)
    return answer(error.problem(), headers)


def framework(request: Request[Any, Any, Any], error: HTTPException) -> Answer:
    """A refusal of the framework's: unreadable input, no such address, wrong method, too large."""
    status = error.status_code if error.status_code in _BY_STATUS else (500 if error.status_code >= 500 else 400)
    if status == 500:
        return defect(request, error)
    problem = _BY_STATUS[status]().problem()
    if status == 400:
        problem = msgspec.structs.replace(problem, errors=_faults(request, error) or UNSET)
    return answer(problem, dict(error.headers) if error.headers else None)


def too_deep(_: Request[Any, Any, Any], __: RecursionError) -> Answer:
    """JSON nested deeper than the decoder goes."""
    return answer(BadInput(field="", detail="nested too deeply").problem())


def database(request: Request[Any, Any, Any], error: SQLAlchemyError) -> Answer:
    """A statement or commit that failed: nothing was stored."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    if isinstance(error, IntegrityError):
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        if name in CONSTRAINTS:
            return refused(request, CONSTRAINTS[name]())
    is_gone = isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and error.connection_invalidated)
    has_no_answer = state is None and isinstance(error, DBAPIError) and not isinstance(error, DataError)
    if is_gone or has_no_answer or (state or "").startswith(_NOT_NOW):
        logger.warning("database_not_ready", state=state, error=type(error).__name__)
        return refused(request, NotNow())
    return defect(request, error)


def defect(_: Request[Any, Any, Any], error: Exception) -> Answer:
    """A bug: the answer holds an id to ask for, the log what happened, neither holds what was sent."""
    instance = f"urn:uuid:{uuid4()}"
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}")
        trace = trace.tb_next
    logger.error("defect", instance=instance, error=type(error).__name__, at=frames[-6:])
    return answer(msgspec.structs.replace(Defect().problem(), instance=instance))


def _faults(request: Request[Any, Any, Any], error: HTTPException) -> list[Pointed]:
    extra = getattr(error, "extra", None)
    if isinstance(error, ValidationException) and isinstance(extra, list):
        sent_as = _names_on_the_wire(request.route_handler)
        found = [(str(one.get("message", "")), str(one.get("key", ""))) for one in extra if isinstance(one, dict)]
        return [_fault(message, sent_as.get(key, key)) for message, key in found]
    return [_fault(error.detail, "")]


def _names_on_the_wire(handler: HTTPRouteHandler) -> dict[str, str]:
    """What a handler's parameters are called in the address, where that is not their own name."""
    names = {}
    for name, field in handler.parsed_fn_signature.parameters.items():
        alias = getattr(field.kwarg_definition, "query", None) or getattr(field.kwarg_definition, "name", None)
        if alias:
            names[name] = str(alias)
    return names


def _fault(message: str, key: str) -> Pointed:
    pointer, detail = pointed(message, "" if key == "data" else key)
    return Pointed(pointer=pointer, detail=detail)
