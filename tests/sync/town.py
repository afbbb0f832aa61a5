"""A town's server in memory: real folding, sealing and admission behind `httpx.MockTransport`, with faults to order."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import msgspec
from msgspec import UNSET

from sync import keys
from sync.admission import Arrived, Known, decide
from sync.client import Client
from sync.enrolment import Lease, LeaseRequest
from sync.entry import from_base64url
from sync.exchange import (
    Change,
    Control,
    ExchangeRequest,
    ExchangeResponse,
    Reset,
    Stop,
    Verdict,
    check_request,
    fold,
)
from sync.journal import Journal
from sync.keys import SourceKey, verify_seal
from sync.server import Server
from tests.sync.samples import NOW, SOURCE, rfc6979_key

Fault = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]


@dataclass
class Town:
    """What the server has committed, and what the next requests meet (`faults`, one for each request to exchange)."""

    spki: bytes
    genesis: bytes
    epoch: str = "one"
    incarnation: int = 1
    stored: list[tuple[str, str, bytes]] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    durable: int | None = None
    revoked: Stop | None = None
    token: str = "token-0"
    leases: int = 0
    faults: list[Fault] = field(default_factory=list)
    requests: list[ExchangeRequest] = field(default_factory=list)
    raw: list[httpx.Request] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    resets: tuple[Reset, ...] = ()
    control: tuple[Control, ...] = ()
    kinds_held: frozenset[str] = frozenset()
    snapshot: Callable[[httpx.Request], object] | None = None

    def handle(self, request: httpx.Request) -> httpx.Response:
        """One request, through the next fault if one is ordered."""
        if request.url.path.endswith("/lease"):
            return self._lease(request)
        if request.headers["Authorization"] != f"Bearer {self.token}":
            return problem(401, "no such token")
        if request.url.path == "/v1/sync/snapshot":
            assert self.snapshot is not None
            return httpx.Response(200, content=msgspec.json.encode(self.snapshot(request)))
        assert request.url.path == "/v1/sync/exchange"
        self.raw.append(request)
        if self.faults:
            return self.faults.pop(0)(request, lambda: self._exchange(request))
        return self._exchange(request)

    def _lease(self, request: httpx.Request) -> httpx.Response:
        asked = msgspec.json.decode(request.content, type=LeaseRequest)
        message = keys.lease_input(SOURCE, asked.incarnation, asked.now)
        assert keys.verify(self.spki, message, from_base64url(asked.signature))
        if self.revoked is not None:
            stop = msgspec.to_builtins(self.revoked)
            return httpx.Response(403, json={"type": "/problems/403.1", "title": "revoked", "stop": stop})
        self.leases += 1
        self.token = f"token-{self.leases}"
        lease = Lease(token=self.token, expires_at="2026-03-15T21:07:33.125Z")
        return httpx.Response(200, content=msgspec.json.encode(lease))

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        body = request.content
        if request.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, zlib.MAX_WBITS | 16)
        asked = msgspec.json.decode(body, type=ExchangeRequest)
        check_request(asked)
        self.requests.append(asked)
        stop = self._admit(asked)
        answer = ExchangeResponse(
            now="2026-03-14T21:07:33.125Z",
            epoch=self.epoch,
            schema=1,
            last_seq=len(self.stored),
            durable_seq=self.durable,
            verdicts=tuple(self.verdicts[entry.seq] for entry in asked.entries if entry.seq in self.verdicts),
            changes=tuple(self.changes),
            more=False,
            resets=tuple(reset for reset in self.resets if reset.scope not in {join.scope for join in asked.joins}),
            control=self.control,
            cursor=f"c{len(self.requests)}",
            stop=stop or UNSET,
        )
        if asked.joins:
            self.resets = ()
        return httpx.Response(200, content=msgspec.json.encode(answer))

    def _admit(self, asked: ExchangeRequest) -> Stop | None:
        hashes = dict(enumerate([self.genesis, *(hash_ for _, _, hash_ in self.stored)]))
        known = Known(
            incarnation=self.incarnation,
            last_seq=len(self.stored),
            hashes=hashes,
            is_revoked=self.revoked is not None,
            revoked_since="2026-03-14T21:07:33.125Z",
            revoked_reason="lost",
        )
        prev = b"" if asked.prev is UNSET else bytes.fromhex(asked.prev)
        folded = fold(prev, asked.entries)
        arrived = Arrived(
            incarnation=asked.incarnation, prev=prev, entries=tuple((item.entry.seq, item.hash) for item in folded)
        )
        if folded and not verify_seal(
            self.spki,
            from_base64url(asked.seal or ""),
            source=SOURCE,
            incarnation=asked.incarnation,
            seq=folded[-1].entry.seq,
            head=folded[-1].hash,
        ):
            return Stop(code="bad_seal")
        decision = decide(known, arrived)
        if decision.stop is not None:
            return decision.stop
        for item in folded[decision.new :]:
            self.stored.append((item.entry.id, item.body.decode(), item.hash))
            if item.entry.kind in self.kinds_held:
                self.verdicts[item.entry.seq] = Verdict(seq=item.entry.seq, verdict="held", code="unknown_kind")
        return None

    def restore(self, last_seq: int) -> None:
        """The server was restored from a backup that holds entries up to `last_seq`."""
        del self.stored[last_seq:]
        self.epoch += "'"


def problem(status: int, detail: str, **members: object) -> httpx.Response:
    content = msgspec.json.encode({"type": f"/problems/{status}.1", "title": "t", "detail": detail, **members})
    return httpx.Response(status, content=content, headers={"Content-Type": "application/problem+json"})


def dropped(request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    raise httpx.ConnectError("no network", request=request)


def answer_lost(request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    serve()
    raise httpx.ReadError("cut", request=request)


def duplicated(request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    serve()
    return serve()


def answer_cut(request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    whole = serve()
    return httpx.Response(200, content=whole.content[: len(whole.content) // 2])


def captive_portal(request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    return httpx.Response(200, html="<html>Willkommen im WLAN</html>")


def says(response: httpx.Response) -> Fault:
    """This answer instead of the server's."""
    return lambda request, serve: response


def client_of(town: Town, journal: Journal, key: SourceKey | None = None, **options: object) -> Client:
    http = httpx.Client(transport=httpx.MockTransport(town.handle))
    given: dict[str, object] = {"app": "test 1", "clock": lambda: NOW, "wait": lambda seconds: None}
    return Client(Server("http://town.test", http), journal, key or rfc6979_key(), **(given | options))  # type: ignore[arg-type]
