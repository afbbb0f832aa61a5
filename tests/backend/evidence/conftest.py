"""A town with a dock, a camera, its officer and a custodian; clips come by the real exchange and upload."""

import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import select, text

from backend.evidence import deleting
from backend.evidence.rules import Tick
from backend.evidence.tables import ClipRow
from backend.feed.tables import FeedRow
from backend.fields import Role
from backend.work.tables import TaskRow
from sync.entry import base64url, format_instant
from sync.exchange import WireMedia
from tests.backend.exchange.conftest import Sender
from tests.backend.world import Person, World

PIECE = 4 * 1024 * 1024
ANSWERS = {
    "ground": "protect_officer",
    "facts": "Die Person ging mit erhobener Flasche auf den Kollegen zu.",
    "place_kind": "public",
    "announced": "announced",
    "decided_by": "wearer",
    "base": 0,
}


def chunk_list(data: bytes) -> str:
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
    return base64url(b"".join(sha256(piece).digest() for piece in pieces))


@dataclass
class Dock:
    """A dock with its journal; it sends each entry at once."""

    sender: Sender

    @classmethod
    def of(cls, world: World) -> "Dock":
        return cls(Sender.of(world.machine()))

    @property
    def source(self) -> UUID:
        return UUID(self.sender.machine.source)

    def send(self, kind: str, body: dict[str, Any], **changes: Any) -> tuple[UUID, dict[str, Any] | None]:
        """The entry's id, and its verdict where that is not simply `accepted`."""
        changes["media"] = msgspec.convert(changes.get("media", ()), tuple[WireMedia, ...])
        entry = self.sender.entry(body, kind=kind, v=1, **changes)
        answer = self.sender.send(len(self.sender.entries))
        assert "stop" not in answer, answer
        return UUID(entry.id), next(iter(answer["verdicts"]), None)

    def record(self, data: bytes = b"film", *, number: int = 1, media: Any = None, **members: Any) -> UUID:
        """A clip of `cam-1` that began a minute ago; accepted."""
        id_, verdict = self.try_record(data, number=number, media=media, **members)
        assert verdict is None, verdict
        return id_

    def try_record(
        self, data: bytes = b"film", *, number: int = 1, media: Any = None, **members: Any
    ) -> tuple[UUID, dict[str, Any] | None]:
        body = recorded(data, number=number, **members)
        file = {"sha256": sha256(data).hexdigest(), "size": len(data), "type": "video/mp4"}
        return self.send("clip.recorded", body, media=[file] if media is None else media)

    def upload(self, clip: UUID, data: bytes = b"film", type_: str = "video/mp4") -> httpx.Response:
        """All bytes of a file of the clip; the answer to the last request."""
        http, headers = self.sender.world.http, self.sender.headers | {"tus-resumable": "1.0.0"}
        named = {"sha256": sha256(data).hexdigest().encode(), "entry": str(clip).encode(), "type": type_.encode()}
        metadata = ",".join(f"{name} {b64encode(value).decode()}" for name, value in named.items())
        begun = http.post(
            "/v1/uploads", headers=headers | {"upload-length": str(len(data)), "upload-metadata": metadata}
        )
        assert begun.status_code in (200, 201), begun.text
        self.location = begun.headers["location"]
        offset = int(begun.headers.get("upload-offset", "0"))
        answer = begun
        while offset < len(data):
            typed = {"content-type": "application/offset+octet-stream", "upload-offset": str(offset)}
            answer = http.patch(self.location, headers=headers | typed, content=data[offset:])
            assert answer.status_code == 204, answer.text
            offset = int(answer.headers["upload-offset"])
        return answer

    def receipt(self) -> httpx.Response:
        """The answer about the receipt of the last upload."""
        return self.sender.world.http.get(f"{self.location}/receipt", headers=self.sender.headers)

    def bring(self, data: bytes = b"film", **members: Any) -> UUID:
        """A clip that is recorded, uploaded and receipted."""
        clip = self.record(data, **members)
        self.upload(clip, data)
        return clip


def recorded(data: bytes, *, number: int = 1, **members: Any) -> dict[str, Any]:
    """Body of `clip.recorded`."""
    now = datetime.now(UTC)
    return {
        "camera": "cam-1",
        "camera_seq": number,
        "file_name": f"MOV_{number:04}.MP4",
        "size": len(data),
        "sha256": sha256(data).hexdigest(),
        "chunks": chunk_list(data),
        "started_at": format_instant(now - timedelta(minutes=1)),
        "docked_at": format_instant(now),
        "duration_ms": 12_000,
        "camera_clock": {"difference_ms": 40, "spread_ms": 3, "state": "good"},
        "probe": {"codec": "h264", "width": 1280},
    } | members


@dataclass
class Town:
    """A town in which bodycams are worn."""

    world: World
    dock: Dock
    officer: Person
    custodian: Person
    superior: Person
    admin: Person
    dpo: Person
    camera: str = field(default="")

    def get(self, who: Person, path: str, **kwargs: Any) -> httpx.Response:
        return self.world.http.get(f"/v1{path}", headers=who.headers | kwargs.pop("headers", {}), **kwargs)

    def post(self, who: Person, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self.world.http.post(f"/v1{path}", headers=who.headers, json=body)

    def answer(self, clip: UUID, who: Person | None = None, **changes: Any) -> httpx.Response:
        return self.post(who or self.officer, f"/clips/{clip}/answers", ANSWERS | changes)

    def row(self, clip: UUID) -> ClipRow:
        with self.world.sessions.begin() as session:
            return session.scalars(select(ClipRow).where(ClipRow.id == clip)).one()

    def tasks(self) -> list[tuple[str, str]]:
        """Audience and kind of each open task."""
        with self.world.sessions.begin() as session:
            rows = session.scalars(select(TaskRow).where(TaskRow.closed_at.is_(None)).order_by(TaskRow.opened_at))
            return [(row.audience, row.kind) for row in rows]

    def feed(self, id: UUID) -> dict[str, tuple[str, Any]]:
        """Scope: operation and body of the feed's rows about a thing."""
        with self.world.sessions.begin() as session:
            rows = session.scalars(select(FeedRow).where(FeedRow.id == id))
            return {row.scope: (row.op, msgspec.json.decode(row.body) if row.body else None) for row in rows}

    def delete_due(self, now: datetime) -> int:
        """One run of the deletion, as the sweep does it."""
        server, sessions = self.world.server, self.world.sessions
        return deleting.run(sessions, server.receiver.folder, tick(now), key=server.record_key, now=now)


def records(town: Town, clip: UUID) -> list[tuple[str, dict]]:
    """Kind and public part of each record about the clip, in order."""
    with town.world.sessions.begin() as session:
        rows = session.execute(
            text("SELECT kind, public FROM log_record WHERE subject = :clip ORDER BY position"), {"clip": str(clip)}
        )
        return [(row.kind, msgspec.json.decode(row.public)) for row in rows]


def tick(now: datetime) -> Tick:
    """Clocks that agree, whatever `now` is."""
    return Tick(wall=now, mono_ms=round(now.timestamp() * 1000), boot="test")


def new_officer(world: World, superior: Person, admin: Person, dock: Dock, camera: str) -> tuple[Person, str]:
    """An officer who has worn the camera for a month, with all that this needs."""
    officer, now = world.person(Role.OFFICER), datetime.now(UTC)
    _, verdict = dock.send("camera.docked", docked(camera))
    assert verdict is None, verdict
    cameras = world.http.get("/v1/cameras", headers=admin.headers).json()
    camera_id = next(one["id"] for one in cameras if one["pseudonym"] == camera)
    confirmed = world.http.post(f"/v1/cameras/{camera_id}/confirm", headers=admin.headers, json={"kind": "bodycam"})
    assert confirmed.status_code == 200, confirmed.text
    days = {"issued_on": str(now.date() - timedelta(days=90)), "valid_until": str(now.date() + timedelta(days=90))}
    certificate = {"person": str(officer.id), "issuer": "Studieninstitut"} | days
    answer = world.http.post("/v1/training-certificates", headers=superior.headers, json=certificate)
    assert answer.status_code == 201, answer.text
    span = {"since": format_instant(now - timedelta(days=60)), "until": format_instant(now + timedelta(days=30))}
    answer = world.http.post(
        f"/v1/cameras/{camera_id}/assignments", headers=superior.headers, json={"person": str(officer.id)} | span
    )
    assert answer.status_code == 201, answer.text
    return officer, camera_id


def docked(camera: str = "cam-1", **members: Any) -> dict[str, Any]:
    """Body of `camera.docked`."""
    now = format_instant(datetime.now(UTC))
    return {
        "camera": camera,
        "serial": f"S-{secrets.token_hex(3)}",
        "model": "Testcam",
        "profile": "testcam",
        "files": [{"name": "MOV_0001.MP4", "size": 4, "modified_at": now}],
        "docked_at": now,
    } | members


@pytest.fixture
def town(world: World) -> Town:
    return make_town(world)


def make_town(world: World) -> Town:
    superior, admin = world.person(Role.SUPERIOR), world.person(Role.ADMIN)
    dock = Dock.of(world)
    officer, camera = new_officer(world, superior, admin, dock, "cam-1")
    return Town(
        world=world,
        dock=dock,
        officer=officer,
        custodian=world.person(Role.CUSTODIAN),
        superior=superior,
        admin=admin,
        dpo=world.person(Role.DPO),
        camera=camera,
    )
