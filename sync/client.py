"""Drains a journal to a server and takes what comes back (design/sync.md 3 and 6).

Nothing is discarded for tries or age; a failure leaves the journal as it was.
"""

import random
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET

from sync import keys
from sync.enrolment import Enrolled, Lease, RenewalReason, RenewRequest
from sync.entry import base64url, format_instant, from_base64url, parse_instant
from sync.errors import (
    JournalDamaged,
    JournalFrozen,
    NetworkFailure,
    Refused,
    SourceRevoked,
    SyncError,
    TooLarge,
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
from sync.server import Server, decode
from sync.session import Session

# Phones have zlib's level 6 (`CompressionStream`); above it the gain is below 1 %.
GZIP_LEVEL: Final = 6
# Erasing behind the horizon rewrites pages: once an hour is often enough for what is kept for days.
HORIZON_EVERY: Final = timedelta(hours=1)

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Exchanged(NamedTuple):
    """What one exchange did; `answer` is already settled in the journal."""

    answer: ExchangeResponse
    sent: tuple[WireEntry, ...]


class _Standing(NamedTuple):
    """What a request says beside its entries; `now` apart, the same standing and entries give the same request."""

    incarnation: int
    acked: int
    cursor: str | None
    holds: tuple[str, ...]
    joins: tuple[Join, ...]
    limit: int
    is_plain: bool


class _Made(NamedTuple):
    """A request ready to go, and what it was made from."""

    standing: _Standing
    batch: Batch | None
    body: bytes


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
        self._session = Session(server, journal, key, clock=clock, take_lease=take_lease)
        self._app = app
        self._schema = schema
        self._server_key = server_key
        self._clock = clock
        # Jitter must differ from device to device, and need not be secret.
        self._rng = rng or random.Random()  # noqa: S311
        self._wait = wait
        self._backoff_cap_s = backoff_cap_s
        self._lock = Lock()
        self._pace = Pace()
        self._is_plain = False
        self._had_bad_seal = False
        self._horizon_at = _NEVER
        self._ahead: _Made | None = None

    def lease(self) -> Lease:
        """A new lease, in use from now on; errors as `Session.lease`."""
        return self._session.lease()

    def token(self) -> str:
        """A token that is good now, for uploads and every other interface."""
        return self._session.token()

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
                state = self._journal.state()
                has_pending = state.acked < state.head_seq
                # Snapshots come after the last entry, so that a scope that cannot be had holds up no entry.
                for wanted in [] if has_pending else self._journal.wanted():
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
            # An answer never shows the effects of its own request: after a push, one more.
            if not (done.sent or done.answer.more or has_pending or self._journal.joins()):
                return sent

    def rebuild(self, wanted: Wanted) -> None:
        """The scope's snapshot is stored, rows it did not bring are gone; pages already here are not fetched again."""
        after, is_last = wanted.after, False
        while not is_last:
            query = {"scope": wanted.scope} | ({"after": after} if after else {})
            if wanted.types is not None:
                query["types"] = ",".join(wanted.types)
            page = decode(self._session.send("GET", "/v1/sync/snapshot", params=query), SnapshotPage)
            is_last = page.join is not UNSET
            if not is_last and page.after in {None, after}:
                raise NetworkFailure("a snapshot page that leads nowhere")
            self._journal.take_page(wanted.scope, page)
            after = page.after

    def renew(self, key: keys.SourceKey, reason: RenewalReason, *, code: str | None = None) -> Enrolled:
        """A new incarnation with `key` is open here and at the server; entries not durable are pending in it again.

        `key` MUST be on disk, and the old one stay there until this returns: the key of a journal is the one that gives
        its genesis hash. Without a `code` the old key and its lease vouch for the new one. A crash between the server's
        answer and our commit shows as `fork`, and another `renew` mends it.

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
                old_proof=UNSET if code else base64url(self._session.key.sign(message)),
                code=code or UNSET,
            )
            send = self._server.send if code else self._session.send
            body = send("POST", f"/v1/sources/{source}/incarnations", msgspec.json.encode(request))
            enrolled = decode(body, Enrolled)
            self._journal.renew(enrolled.incarnation, key.spki_sha256)
            self._session.key, self._had_bad_seal = key, False
            self._session.forget()
        return enrolled

    def _exchange(self) -> Exchanged:
        while True:
            standing = self._standing()
            made = self._made(standing)
            batch = made.batch
            try:
                with self._making_ahead(made):
                    answer = self._post(made)
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
            self._journal.settle(answer, joined=standing.joins)
            if answer.stop is not UNSET:
                if self._must_repeat(answer.stop, batch):
                    continue
                return Exchanged(answer, ())
            self._obey(answer.control)
            state = self._journal.state()
            check_may_send(state)
            if batch is not None and state.acked < batch.entries[0].seq:
                raise NetworkFailure("an answer that neither admits nor stops")
            self._had_bad_seal = False
            self._pace.went_well()
            self._keep_horizon(answer)
            return Exchanged(answer, batch.entries if batch else ())

    def _standing(self) -> _Standing:
        state = self._journal.state()
        return _Standing(
            incarnation=state.incarnation,
            acked=state.acked,
            cursor=state.cursor,
            holds=self._journal.holds(),
            joins=tuple(self._journal.joins()),
            limit=self._pace.limit,
            is_plain=self._is_plain,
        )

    def _made(self, standing: _Standing) -> _Made:
        """The request for this standing; the one made ahead where it still fits."""
        ahead, self._ahead = self._ahead, None
        return ahead if ahead is not None and ahead.standing == standing else self._make(standing)

    def _make(self, standing: _Standing) -> _Made:
        """As many of the oldest entries as the limits take; alone, an entry of which the server may have died."""
        limit = standing.limit
        while True:
            batch = self._journal.pending(limit, after=standing.acked)
            number = len(batch.entries) if batch is not None else 0
            if batch is not None and batch.tries >= TRIES_ALONE and number > 1:
                limit = 1
                continue
            body = msgspec.json.encode(self._request(standing, batch))
            if not standing.is_plain:
                body = _gzip(body)
            if len(body) <= MAX_COMPRESSED or number <= 1 or standing.is_plain:
                return _Made(standing, batch, body)
            limit = number // 2

    @contextmanager
    def _making_ahead(self, made: _Made) -> Iterator[None]:
        """While a full batch is under way the next full one is made: the server's time is enough for it.

        It stands on the answer that is expected, `accepted` and nothing pulled; any other answer and it is made again.
        """
        if made.batch is None or len(made.batch.entries) < made.standing.limit:
            yield
            return
        last = made.batch.entries[-1].seq
        if self._journal.state().head_seq < last + made.standing.limit:
            yield
            return
        thread = Thread(target=self._make_ahead, args=(made.standing._replace(acked=last, joins=()),), daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def _make_ahead(self, standing: _Standing) -> None:
        with suppress(SyncError):  # whatever is wrong with it is found again when it is its turn
            self._ahead = self._make(standing)

    def _request(self, standing: _Standing, batch: Batch | None) -> ExchangeRequest:
        request = ExchangeRequest(
            incarnation=standing.incarnation,
            app=self._app,
            schema=self._schema,
            now=format_instant(self._clock()),
            last_seq=standing.acked,
            holds=standing.holds,
            cursor=UNSET if standing.cursor is None else standing.cursor,
            joins=standing.joins,
        )
        if batch is None:
            return request
        last = batch.entries[-1].seq
        source = self._journal.state().source
        signature = keys.seal(self._session.key, source, standing.incarnation, last, batch.head)
        return msgspec.structs.replace(
            request, tries=batch.tries, prev=batch.prev.hex(), entries=batch.entries, seal=base64url(signature)
        )

    def _post(self, made: _Made) -> ExchangeResponse:
        headers = {} if made.standing.is_plain else {"Content-Encoding": "gzip"}
        return decode(self._session.send("POST", "/v1/sync/exchange", made.body, headers=headers), ExchangeResponse)

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
                self._session.forget()

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


def _gzip(body: bytes) -> bytes:
    # 16 asks zlib for a gzip frame; its time stamp is zero.
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(body) + packer.flush()
