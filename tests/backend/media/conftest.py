"""Photos and clips on their way: phones that name files in entries and send them."""

import secrets
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.exchange import applying, arrivals, reading
from backend.exchange.kinds import KINDS
from backend.exchange.wire import Kind, Received
from backend.fields import SOFTWARE, Actor, SourceId, TownId, uuid7
from backend.log import service as log
from backend.media import service as media
from backend.media.tables import MediaRow
from backend.media.wire import Arrived
from sync.bodies import EntryBody
from sync.exchange import WireMedia
from sync.keys import SourceKey
from tests.backend.exchange.conftest import Sender
from tests.backend.world import Phone, World

TUS = {"tus-resumable": "1.0.0"}
PIECE = 4 * 1024 * 1024


def metadata(**values: str) -> str:
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in values.items())


@dataclass
class File:
    """Bytes that an entry of a source names."""

    world: World
    headers: dict[str, str]
    entry: str
    data: bytes
    type: str = "image/jpeg"
    #: What the entry says of it, where that is a lie.
    claimed: str = ""

    @property
    def sha256(self) -> str:
        return self.claimed or sha256(self.data).hexdigest()

    @property
    def id(self) -> UUID:
        with self.world.sessions.begin() as session:
            row = MediaRow
            return session.scalars(select(row.id).where(row.entry == UUID(self.entry))).one()

    def named(self, **changes: str) -> dict[str, str]:
        """Headers of a POST."""
        values = {"sha256": self.sha256, "entry": self.entry, "type": self.type} | changes
        return {**self.headers, **TUS, "upload-length": str(len(self.data)), "upload-metadata": metadata(**values)}

    def create(self, **changes: str) -> str:
        """Its address."""
        answer = self.world.http.post("/v1/uploads", headers=self.named() | changes)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    def patch(self, address: str, offset: int, body: Any, **changes: str) -> httpx.Response:
        headers = {**self.headers, **TUS, "upload-offset": str(offset)}
        headers |= {"content-type": "application/offset+octet-stream"} | changes
        return self.world.http.patch(address, content=body, headers=headers)

    def head(self, address: str) -> httpx.Response:
        return self.world.http.head(address, headers=self.headers | TUS)

    def offset(self, address: str) -> int:
        return int(self.head(address).headers["upload-offset"])

    def send(self) -> str:
        """It is stored; its address."""
        address = self.create()
        assert self.patch(address, 0, self.data).status_code == 204
        return address


def photo_of(world: World, phone: Phone, data: bytes | None = None, **changes: Any) -> File:
    """A photo of an admitted offence."""
    data = secrets.token_bytes(1000) if data is None else data
    named = WireMedia(sha256=sha256(data).hexdigest(), size=len(data), type="image/jpeg")
    entry = phone.record(media=(named,), **changes)
    phone.client.drain(patience_s=0)
    return File(world, {"authorization": f"Bearer {phone.client.token()}"}, entry, data)


class Filed(EntryBody, frozen=True, kw_only=True):
    """Body of the kind `file.probe`: the chunk list of its one file, hex, if it has one."""

    chunks: str | None = None


def _expect(session: Session, actor: Actor, received: Received, body: Filed) -> None:
    for one in received.media:
        chunks = bytes.fromhex(body.chunks) if body.chunks is not None else None
        media.expect(
            session, source=received.source, entry=received.id, media=one, chunks=chunks, now=received.received_at
        )


def _receipt(session: Session, arrived: Arrived, key: SourceKey) -> UUID:
    """What evidence does for a clip: a signed record."""
    actor = Actor(town=TownId(arrived.town), source=SourceId(arrived.source))
    public = {"source": str(arrived.source), "size": arrived.size}
    return log.record(
        session, actor, "clip.received", str(arrived.media), public, now=arrived.stored_at, new_id=uuid7,
        software=SOFTWARE, key=key,
    ).id  # fmt: skip


FILED = {
    "file.probe": Kind(right="source_data:C", v=1, body=Filed, apply=_expect, media_arrived=_receipt),
    "file.plain": Kind(right="source_data:C", v=1, body=Filed, apply=_expect),
}


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds of entry with files, as a dock sends them."""
    for module in (reading, applying, arrivals):
        monkeypatch.setattr(module, "KINDS", MappingProxyType({**KINDS, **FILED}))


@dataclass
class Dock:
    """A dock that sends files with a chunk list."""

    sender: Sender

    def file(
        self,
        data: bytes,
        *,
        chunks: bytes | None = None,
        is_listed: bool = True,
        kind: str = "file.probe",
        claimed: str = "",
    ) -> File:
        """A file that an admitted entry names; `chunks` and `claimed` are a list and a digest that lie."""
        listed = b"".join(sha256(data[i : i + PIECE]).digest() for i in range(0, len(data), PIECE))
        body = {"chunks": (listed if chunks is None else chunks).hex()} if is_listed else {}
        named = WireMedia(sha256=claimed or sha256(data).hexdigest(), size=len(data), type="video/mp4")
        entry = self.sender.entry(body, kind=kind, v=1, media=(named,))
        assert [] == self.sender.send(entry.seq)["verdicts"]
        return File(self.sender.world, self.sender.headers, entry.id, data, "video/mp4", claimed)


@pytest.fixture
def dock(world: World, kinds) -> Dock:
    return Dock(Sender.of(world.machine()))


@pytest.fixture
def phone(world: World) -> Phone:
    return world.phone()
