"""Drains a journal to a server and takes what comes back (design/sync.md 3 and 6).

The one file here that talks HTTP. Nothing is discarded for tries or age; a failure leaves the journal as it was.
"""

import random
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Final, NamedTuple, TypeVar

import httpx
import msgspec
from msgspec import UNSET

from sync import keys
from sync.enrolment import (
    Enrolled,
    EnrolRequest,
    Lease,
    LeaseRefused,
    LeaseRequest,
    RenewalReason,
    RenewRequest,
    SourceKind,
)
from sync.entry import base64url, format_instant, from_base64url, parse_instant
from sync.errors import (
    JournalDamaged,
    JournalFrozen,
    NetworkFailure,
    Refused,
    SourceRevoked,
    SyncError,
    TooLarge,
    Unauthorized,
    Unsupported,
)
from sync.exchange import (
    MAX_COMPRESSED,
    TRIES_ALONE,
    Control,
    ExchangeRequest,
    ExchangeResponse,
    Join,
    Stop,
    WireEntry,
)
from sync.journal import Batch, Journal
from sync.ledger import check_may_send
from sync.pacing import BACKOFF_CAP_S, Pace, backoff
from sync.pulled import SnapshotPage, Wanted

# design/sync.md 3.5.
TIMEOUT_S: Final = 30.0
# A `Retry-After` beyond an hour is a mistake of something between us and the server.
RETRY_AFTER_CAP_S: Final = 3600.0
# Phones have zlib's level 6 (`CompressionStream`); above it the gain is below 1 %.
GZIP_LEVEL: Final = 6
# Erasing behind the horizon rewrites pages: once an hour is often enough for what is kept for days.
HORIZON_EVERY: Final = timedelta(hours=1)
# A lease is taken anew this long before its end, so that no request under way outlives it.
LEASE_MARGIN: Final = timedelta(minutes=5)

# The server had the whole request and may have died of it (`tries` in design/sync.md 3.1).
_COUNTED: Final = frozenset({500, 502, 504})
_LATER: Final = frozenset({408, 425, 429})
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

_T = TypeVar("_T")


class Exchanged(NamedTuple):
    """What one exchange did; `answer` is already settled in the journal."""

    answer: ExchangeResponse
    sent: tuple[WireEntry, ...]


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
    return _decode(server.send("POST", "/v1/sources", msgspec.json.encode(request)), Enrolled)


class Client:
    """One journal's way to its server. One exchange at a time, whatever threads call."""

    def __init__(
        self,
        server: Server,
        journal: Journal,
        key: keys.SourceKey,
        *,
        app: str,
        schema: int = 0,
        server_key: bytes | None = None,
        take_lease: Callable[[], Lease] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: random.Random | None = None,
        wait: Callable[[float], object] = time.sleep,
        backoff_cap_s: float = BACKOFF_CAP_S,
    ) -> None:
        """Sends nothing yet.

        `take_lease` gets a new lease; by default the key alone does (docks and gateways). `server_key` is the town's
        record key, SPKI DER; without it no control is obeyed. `wait` pauses between tries: an `Event.wait` lets a new
        entry or a returning network end the pause. Gateways pass `pacing.BACKOFF_CAP_URGENT_S`.
        """
        self._server = server
        self._journal = journal
        self._key = key
        self._app = app
        self._schema = schema
        self._server_key = server_key
        self._take_lease = take_lease or self._lease_by_key
        self._clock = clock
        # Jitter must differ from device to device, and need not be secret.
        self._rng = rng or random.Random()  # noqa: S311
        self._wait = wait
        self._backoff_cap_s = backoff_cap_s
        self._lock = Lock()
        self._lease: Lease | None = None
        self._lease_until = _NEVER
        self._pace = Pace()
        self._is_plain = False
        self._had_bad_seal = False
        self._horizon_at = _NEVER

    def lease(self) -> Lease:
        """A new lease, in use from now on; its token names this source to every other interface too.

        Raises:
            NetworkFailure: no lease now; the old one may still be good.
            SourceRevoked: the journal is locked, pulled rows are erased.
            Refused: the server does not take the signature.
        """
        self._lease = self._take_lease()
        self._lease_until = parse_instant(self._lease.expires_at, "expires_at") - LEASE_MARGIN
        return self._lease

    def token(self) -> str:
        """The token in use; a new lease is taken where there is none or it ends within five minutes."""
        if self._lease is None or self._clock() >= self._lease_until:
            return self.lease().token
        return self._lease.token

    def exchange_once(self) -> Exchanged:
        """The oldest pending entries were sent, and the whole answer is settled in the journal.

        Raises:
            NetworkFailure: nothing is known to have happened; send again later.
            JournalFrozen: `fork`, a second `bad_seal`, or entries that are gone. Alarm; the way out is `renew`.
            JournalDamaged: our own chain does not verify; the journal is frozen as `bad_seal`.
            SourceRevoked: the journal is locked, pulled rows are erased.
            Refused: a defect of ours (400), or one entry alone is too large for what stands between us and the server.
        """
        with self._lock:
            return self._exchange()

    def drain(self, *, patience_s: float | None = None) -> int:
        """Nothing is pending, everything there is was pulled, wanted scopes are rebuilt; returns how many entries went.

        Waits between tries, for ever unless `patience_s` is given: once so much was waited since the last success, the
        failure is raised. Other errors as `exchange_once`.
        """
        sent = tries = 0
        waited = 0.0
        while True:
            try:
                done = self.exchange_once()
                for wanted in self._journal.wanted():
                    self.rebuild(wanted)
            except SyncError as error:
                if not error.can_retry or (patience_s is not None and waited >= patience_s):
                    raise
                asked = error.wait_s if isinstance(error, NetworkFailure) else None
                pause = backoff(tries, self._rng, cap_s=self._backoff_cap_s, asked_s=asked)
                self._wait(pause)
                tries, waited = tries + 1, waited + pause
                continue
            tries, waited = 0, 0.0
            sent += len(done.sent)
            state = self._journal.state()
            # An answer never shows the effects of its own request: after a push, one more.
            if not (done.sent or done.answer.more or state.acked < state.head_seq or self._journal.joins()):
                return sent

    def rebuild(self, wanted: Wanted) -> None:
        """The scope's snapshot is stored, rows it did not bring are gone; pages already here are not fetched again."""
        after, is_last = wanted.after, False
        while not is_last:
            query = {"scope": wanted.scope} | ({"after": after} if after else {})
            if wanted.types is not None:
                query["types"] = ",".join(wanted.types)
            page = _decode(self._authorized("GET", "/v1/sync/snapshot", params=query), SnapshotPage)
            is_last = page.join is not UNSET
            if not is_last and page.after in {None, after}:
                raise NetworkFailure("a snapshot page that leads nowhere")
            self._journal.take_page(wanted.scope, page)
            after = page.after

    def renew(self, key: keys.SourceKey, reason: RenewalReason, *, code: str | None = None) -> Enrolled:
        """A new incarnation with `key` is open here and at the server; entries not durable are pending in it again.

        `key` MUST be on disk. Without a `code` the old key and its lease vouch for the new one. A crash between the
        server's answer and our commit shows as `fork`, and another `renew` mends it.

        Raises:
            NetworkFailure, Refused, SourceRevoked: nothing changed here.
        """
        with self._lock:
            source = self._journal.state().source
            message = keys.enrol_input(code or source, key.spki_sha256)
            request = RenewRequest(
                public_key=base64url(key.spki),
                proof=base64url(key.sign(message)),
                reason=reason,
                old_proof=UNSET if code else base64url(self._key.sign(message)),
                code=code or UNSET,
            )
            send = self._server.send if code else self._authorized
            body = send("POST", f"/v1/sources/{source}/incarnations", msgspec.json.encode(request))
            enrolled = _decode(body, Enrolled)
            self._journal.renew(enrolled.incarnation, key.spki_sha256)
            self._key, self._lease, self._had_bad_seal = key, None, False
        return enrolled

    def _exchange(self) -> Exchanged:
        while True:
            batch = self._next_batch()
            joins = self._journal.joins()
            try:
                answer = self._post(self._request(batch, joins))
            except TooLarge as error:
                self._shrink(batch, error)
                continue
            except Unsupported as error:
                if self._is_plain:
                    raise Refused(415, "takes no JSON") from error
                self._is_plain = True
                continue
            except NetworkFailure as error:
                self._note(batch, error)
                raise
            before = self._journal.state()
            self._journal.settle(answer, joined=joins)
            self._obey(answer.control)
            if answer.stop is not UNSET:
                if self._must_repeat(answer.stop, batch):
                    continue
                return Exchanged(answer, ())
            check_may_send(self._journal.state())
            if batch is not None and answer.last_seq <= before.acked and answer.epoch == before.epoch:
                raise NetworkFailure("an answer that neither admits nor stops")
            self._had_bad_seal = False
            self._pace.went_well()
            self._keep_horizon(answer)
            return Exchanged(answer, batch.entries if batch else ())

    def _next_batch(self) -> Batch | None:
        batch = self._journal.pending(self._pace.limit)
        if batch is not None and batch.tries >= TRIES_ALONE and len(batch.entries) > 1:
            return self._journal.pending(1)
        return batch

    def _request(self, batch: Batch | None, joins: Sequence[Join]) -> ExchangeRequest:
        state = self._journal.state()
        request = ExchangeRequest(
            incarnation=state.incarnation,
            app=self._app,
            schema=self._schema,
            now=format_instant(self._clock()),
            last_seq=state.acked,
            holds=self._journal.holds(),
            cursor=UNSET if state.cursor is None else state.cursor,
            joins=tuple(joins),
        )
        if batch is None:
            return request
        last = batch.entries[-1].seq
        signature = keys.seal(self._key, state.source, state.incarnation, last, batch.head)
        return msgspec.structs.replace(
            request, tries=batch.tries, prev=batch.prev.hex(), entries=batch.entries, seal=base64url(signature)
        )

    def _post(self, request: ExchangeRequest) -> ExchangeResponse:
        body = msgspec.json.encode(request)
        if self._is_plain:
            headers = {}
        else:
            body, headers = _gzip(body), {"Content-Encoding": "gzip"}
            if len(body) > MAX_COMPRESSED and len(request.entries) > 1:
                raise TooLarge(is_ours=True)
        return _decode(self._authorized("POST", "/v1/sync/exchange", body, headers=headers), ExchangeResponse)

    def _authorized(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        """As `Server.send`, with the token; a token that is not taken is renewed once."""
        for token in (self.token, lambda: self.lease().token):
            bearer = {"Authorization": f"Bearer {token()}", **(headers or {})}
            try:
                return self._server.send(method, path, body, headers=bearer, params=params)
            except Unauthorized:
                continue
        raise NetworkFailure("a new lease is not taken either")

    def _lease_by_key(self) -> Lease:
        state = self._journal.state()
        now = self._journal.lease_instant(self._clock())
        signature = self._key.sign(keys.lease_input(state.source, state.incarnation, now))
        request = LeaseRequest(incarnation=state.incarnation, now=now, signature=base64url(signature))
        try:
            body = self._server.send("POST", f"/v1/sources/{state.source}/lease", msgspec.json.encode(request))
        except Refused as error:
            self._heed_refused_lease(error)
            raise
        return _decode(body, Lease)

    def _heed_refused_lease(self, error: Refused) -> None:
        try:
            refused = msgspec.json.decode(error.body, type=LeaseRefused)
        except msgspec.DecodeError:
            return
        if refused.stop.code == "revoked":
            self._revoke(refused.stop)

    def _must_repeat(self, stop: Stop, batch: Batch | None) -> bool:
        """Whether the same entries go once more at once; raises where the source must not go on by itself."""
        first = batch.entries[0].seq if batch else 0
        match stop.code:
            case "gap" if stop.expected is not UNSET and 0 < stop.expected < first:
                self._journal.rewind(stop.expected)
                return False
            case "bad_seal" if not self._had_bad_seal:
                self._had_bad_seal = True
                self._verify(first)
                return True
            case "fork" | "bad_seal":
                self._freeze(stop.code, first if stop.seq is UNSET else stop.seq)
            case "revoked":
                self._revoke(stop)
            case "too_large":
                self._shrink(batch, TooLarge(max_entries=stop.max_entries or None))
                return True
        raise Refused(200, f"a stop that makes no sense here: {stop.code}")

    def _freeze(self, reason: str, seq: int) -> None:
        self._journal.freeze(reason, seq)
        raise JournalFrozen(reason, seq)

    def _revoke(self, stop: Stop) -> None:
        since, reason = stop.since or "", stop.reason or ""
        self._journal.revoke(since, reason)
        raise SourceRevoked(since, reason)

    def _verify(self, first: int) -> None:
        try:
            self._journal.verify(after=max(0, first - 1))
        except JournalDamaged as error:
            self._journal.freeze("bad_seal", error.seq)
            raise

    def _shrink(self, batch: Batch | None, error: TooLarge) -> None:
        number = len(batch.entries) if batch else 0
        if number <= 1:
            raise Refused(413, "too large though it is one entry at most") from error
        if error.is_ours:
            self._pace.is_too_large(number)
        else:
            self._pace.was_too_large(number, error.max_entries)

    def _note(self, batch: Batch | None, error: NetworkFailure) -> None:
        if batch is not None and error.was_counted:
            self._journal.count_failure(batch.entries[0].seq)
            self._pace.was_cut(len(batch.entries))

    def _obey(self, controls: Sequence[Control]) -> None:
        """Orders that the town's record key signed take effect; `upgrade` is left to whoever reads the answer."""
        for control in controls:
            if not self._is_signed(control):
                continue
            if control.do == "wipe":
                self._revoke(Stop(code="revoked", since=format_instant(self._clock()), reason="wipe"))
            if control.do == "lease":
                self._lease = None

    def _is_signed(self, control: Control) -> bool:
        if self._server_key is None:
            return False
        message = keys.control_input(self._journal.state().source, control.do, control.until or "")
        try:
            return keys.verify(self._server_key, message, from_base64url(control.signature))
        except ValueError:
            return False

    def _keep_horizon(self, answer: ExchangeResponse) -> None:
        now = parse_instant(answer.now)
        if now - self._horizon_at >= HORIZON_EVERY:
            self._journal.horizon(now)
            self._horizon_at = now


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


def _decode(body: bytes, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NetworkFailure("an answer that is not the server's") from error


def _gzip(body: bytes) -> bytes:
    # 16 asks zlib for a gzip frame; its time stamp is zero.
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(body) + packer.flush()
