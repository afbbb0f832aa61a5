"""HTTP to one server: good answers as structs, everything else as an error of ours. The one importer of httpx."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import httpx
import msgspec
from msgspec import UNSET

from sync import keys
from sync.enrolment import Enrolled, EnrolRequest, SourceKind
from sync.entry import base64url
from sync.errors import NetworkFailure, Refused, TooLarge, Unauthorized, Unsupported
from sync.exchange import Stop

# design/sync.md 3.5.
TIMEOUT_S: Final = 30.0
# A `Retry-After` beyond an hour is a mistake of something between us and the server.
RETRY_AFTER_CAP_S: Final = 3600.0

# The server had the whole request and may have died of it (`tries` in design/sync.md 3.1).
_COUNTED: Final = frozenset({500, 502, 504})
_LATER: Final = frozenset({408, 425, 429})

_T = TypeVar("_T")


class Server:
    """HTTP to one server: bodies of good answers, and everything else as an error of ours."""

    def __init__(self, base_url: str, http: httpx.Client | None = None) -> None:
        """Opens nothing yet."""
        self._base_url = base_url.rstrip("/")
        self._http = http or httpx.Client(timeout=TIMEOUT_S)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of a 200 or 201.

        Raises:
            Unauthorized, TooLarge, Unsupported: 401, 413, 415.
            Refused: another 4xx that our server said (problem+json).
            NetworkFailure: all else; `was_counted` where the request had arrived whole.
        """
        typed = {"Content-Type": "application/json"} if body is not None else {}
        try:
            answer = self._http.request(
                method, self._base_url + path, content=body, params=params, headers={**typed, **(headers or {})}
            )
        except (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError, httpx.DecodingError) as error:
            raise NetworkFailure(f"cut off: {type(error).__name__}", was_counted=True) from error
        except httpx.HTTPError as error:
            raise NetworkFailure(f"not reached: {type(error).__name__}") from error
        _check(answer)
        return answer.content


def enrol(server: Server, *, code: str, kind: SourceKind, key: keys.SourceKey, app: str, schema: int = 0) -> Enrolled:
    """The server knows this source by `key`, which MUST be on disk before; the journal is made from the answer.

    Raises:
        NetworkFailure: whether the code was used is not known; try the same again.
        Refused: the code is unknown, used, or older than 15 minutes.
    """
    request = EnrolRequest(
        code=code,
        kind=kind,
        public_key=base64url(key.spki),
        proof=base64url(key.sign(keys.enrol_input(code, key.spki_sha256))),
        app=app,
        schema=schema,
    )
    return decode(server.send("POST", "/v1/sources", msgspec.json.encode(request)), Enrolled)


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if status in {200, 201}:
        return
    if status == 401:
        raise Unauthorized
    if status == 413:
        raise TooLarge(max_entries=_max_entries(answer.content))
    if status == 415:
        raise Unsupported
    is_ours = "json" in answer.headers.get("Content-Type", "")
    if 400 <= status < 500 and is_ours and status not in _LATER:
        raise Refused(status, _detail(answer.content), answer.content)
    raise NetworkFailure(f"status {status}", wait_s=_retry_after(answer), was_counted=status in _COUNTED)


class _Problem(msgspec.Struct):
    """The members of a problem+json that we read."""

    title: str = ""
    detail: str = ""
    max_entries: int | None = None
    stop: Stop | None = None


def _problem(body: bytes) -> _Problem:
    try:
        return msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        return _Problem()


def _detail(body: bytes) -> str:
    problem = _problem(body)
    return problem.detail or problem.title


def _max_entries(body: bytes) -> int | None:
    problem = _problem(body)
    if problem.max_entries is None and problem.stop is not None and problem.stop.max_entries is not UNSET:
        return problem.stop.max_entries
    return problem.max_entries


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_CAP_S)
    try:
        until, sent = parsedate_to_datetime(text), parsedate_to_datetime(answer.headers["Date"])
        return min(max((until - sent).total_seconds(), 0.0), RETRY_AFTER_CAP_S)
    except (ValueError, TypeError, KeyError):
        return None


def decode(body: bytes, type_: type[_T]) -> _T:
    """The answer as `type_`. Raises NetworkFailure where it is not one: a captive portal answers 200 too."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NetworkFailure("an answer that is not the server's") from error
