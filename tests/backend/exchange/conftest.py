"""A dock that sends what a test wants it to send, and a kind of entry that does what its body says."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from backend.errors import AlreadyDone, BadInput, StaleBase
from backend.exchange import applying, reading
from backend.exchange.kinds import KINDS
from backend.exchange.tables import JournalEntryRow
from backend.exchange.wire import Kind, Received
from backend.feed import service as feed
from backend.feed.tables import FeedRow
from backend.fields import Actor, uuid7
from sync import keys
from sync.bodies import EntryBody
from sync.entry import base64url, format_instant, format_recorded_at, genesis_hash
from sync.exchange import ExchangeRequest, WireEntry, fold
from tests.backend.world import Machine, World


class Probe(EntryBody, frozen=True, kw_only=True):
    """Body of the kind `probe.sent`, version 2: what its service is to do."""

    do: str = "accept"
    upcasted: bool = False


#: What the service raises, which a test may change between two looks at an entry.
broken: set[str] = set()


def run(session: Session, actor: Actor, received: Received, body: Probe) -> None:
    """An effect in the feed, or what the body asks for."""
    match body.do:
        case "reject":
            raise BadInput(field="/body/do", detail="as asked")
        case "conflict":
            raise StaleBase(field="/body/base", rev=3)
        case "already":
            raise AlreadyDone
        case "crash":
            raise ZeroDivisionError
        case "break":
            session.connection().exec_driver_sql("SELECT 1/0")
        case "wait":
            session.connection().exec_driver_sql("SET LOCAL statement_timeout = 50")
            session.connection().exec_driver_sql("SELECT pg_sleep(5)")
        case "sleep":
            time.sleep(0.3)
        case name if name in broken:
            raise KeyError(name)
    feed.put(session, "town", "probe", id=received.id, rev=1, body={"upcasted": body.upcasted})


def from_1(body: bytes) -> bytes:
    """Version 1 called it `what`."""
    return body.replace(b'"what"', b'"do"').replace(b"{", b'{"upcasted":true,', 1)


PROBE = {"probe.sent": Kind(right="source_data:C", v=2, body=Probe, apply=run, upcasts=(from_1,))}


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Kind]], None]:
    """Changes which kinds the server knows, as an upgrade does; at first the real ones and `probe.sent`."""
    broken.clear()

    def know(more: dict[str, Kind]) -> None:
        for module in (reading, applying):
            monkeypatch.setattr(module, "KINDS", MappingProxyType({**KINDS, **more}))

    know(PROBE)
    return know


@dataclass
class Sender:
    """A dock's journal in memory; nothing is checked before it is sent."""

    machine: Machine
    headers: dict[str, str]
    heads: list[bytes]
    entries: list[WireEntry] = field(default_factory=list)

    @classmethod
    def of(cls, machine: Machine) -> "Sender":
        genesis = genesis_hash(machine.source, machine.incarnation, machine.key.spki_sha256)
        return cls(machine, machine.lease(), [genesis])

    @property
    def world(self) -> World:
        return self.machine.world

    def entry(self, content: dict[str, Any] | str | None = None, **changes: Any) -> WireEntry:
        """The next entry, chained."""
        body = content if isinstance(content, str) else msgspec.json.encode(content or {}).decode()
        fields = {
            "seq": len(self.entries) + 1, "id": str(uuid7()), "kind": "probe.sent", "v": 2,
            "recorded_at": format_recorded_at(datetime.now(UTC), "Europe/Berlin"), "media": (),
            "salt": base64url(bytes(16)), "body": body,
        } | changes  # fmt: skip
        one = WireEntry(**fields)
        self.entries.append(one)
        self.heads.append(fold(self.heads[-1], [one])[0].hash)
        return one

    def request(self, first: int = 1, last: int | None = None, **changes: Any) -> dict[str, Any]:
        """The entries `first` to `last`, both inclusive, sealed; as JSON would have it."""
        last = len(self.entries) if last is None else last
        batch = self.entries[first - 1 : last]
        source, incarnation = self.machine.source, self.machine.incarnation
        seal = keys.seal(self.machine.key, source, incarnation, last, self.heads[last]) if batch else None
        request = ExchangeRequest(
            incarnation=incarnation,
            app="test 1",
            schema=1,
            now=format_instant(datetime.now(UTC)),
            last_seq=first - 1,
            prev=self.heads[first - 1].hex() if batch else UNSET,
            entries=tuple(batch),
            seal=base64url(seal) if seal else UNSET,
        )
        return msgspec.to_builtins(request) | changes

    def post(self, request: dict[str, Any] | bytes, **headers: str):
        """The answer to a request."""
        body = request if isinstance(request, bytes) else msgspec.json.encode(request)
        typed = {"content-type": "application/json"} | self.headers | headers
        return self.world.http.post("/v1/sync/exchange", content=body, headers=typed)

    def send(self, first: int = 1, last: int | None = None, **changes: Any) -> dict[str, Any]:
        """The answer to these entries, which is a 200."""
        answer = self.post(self.request(first, last, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def verdicts(self, answer: dict[str, Any]) -> list[tuple[int, str, str]]:
        return [(one["seq"], one["verdict"], one["code"]) for one in answer["verdicts"]]


@pytest.fixture
def sender(world: World, kinds) -> Sender:
    return Sender.of(world.machine())


def effects(world: World) -> int:
    """How many entries of the kind `probe.sent` took effect."""
    with world.sessions.begin() as session:
        statement = select(func.count()).select_from(FeedRow).where(FeedRow.type == "probe")
        return session.scalar(statement)


def stored(world: World) -> list[tuple[int, str, str | None]]:
    """Sequence, verdict and what it was settled to, of every entry of the town."""
    with world.sessions.begin() as session:
        row = JournalEntryRow
        found = session.execute(select(row.seq, row.verdict, row.settled_verdict).order_by(row.incarnation, row.seq))
        return [tuple(one) for one in found]


def everything(world: World) -> dict[str, int]:
    """How many rows each table of the town has."""
    with world.sessions.begin() as session:
        names = session.scalars(
            text(
                "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'town'"
                " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
            )
        ).all()
        return {name: session.scalar(text(f"SELECT count(*) FROM {name}")) for name in names}


def as_uuid(value: str) -> UUID:
    return UUID(value)
