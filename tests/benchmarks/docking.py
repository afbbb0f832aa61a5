"""A dock on a running server: files with a chunk list that entries name, sent by curl or by hand."""

import secrets
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec

from backend.fields import uuid7
from backend.identity import sources
from backend.identity.wire import NewEnrolment
from backend.media import service as media
from sync.client import Client
from sync.enrolment import Lease
from sync.entry import base64url, format_instant, format_recorded_at
from sync.exchange import WireMedia
from sync.journal import Journal
from sync.keys import SourceKey, lease_input
from sync.ledger import Draft
from sync.server import Server as Address
from sync.server import enrol
from tests.benchmarks.running import Running

PIECE = 4 * 1024 * 1024
TUS = {"tus-resumable": "1.0.0"}


@dataclass(frozen=True)
class Clip:
    """A file on disk and what an entry says of it."""

    path: Path
    size: int
    sha256: str
    chunks: bytes

    @classmethod
    def of(cls, path: Path) -> "Clip":
        whole, chunks = sha256(), []
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                whole.update(piece)
                chunks.append(sha256(piece).digest())
        return cls(path, path.stat().st_size, whole.hexdigest(), b"".join(chunks))

    @classmethod
    def make(cls, path: Path, size: int) -> "Clip":
        """A file of random bytes."""
        with path.open("wb") as file:
            for start in range(0, size, PIECE):
                file.write(secrets.token_bytes(min(PIECE, size - start)))
        return cls.of(path)


class Dock:
    """A dock with a lease; its entries name clips, and the server expects them with their list."""

    def __init__(self, server: Running) -> None:
        self.server = server
        with server.sessions.begin() as session:
            data = NewEnrolment(kind="dock", label="Messung")
            opened = sources.open_enrolment(session, None, data, now=datetime.now(UTC))
        self.address, key = Address(server.address), SourceKey.generate()
        enrolled = enrol(self.address, code=opened.code, kind="dock", key=key, app="benchmark", schema=1)
        self.source, self._key, self.named = enrolled.source, key, 0
        self.journal = Journal.create(
            server.folder / f"{self.source}.journal", self.source, enrolled.incarnation, key.spki_sha256
        )
        self.client = Client(self.address, self.journal, key, app="benchmark", schema=1, take_lease=self._lease)

    def _lease(self) -> Lease:
        now = self.journal.lease_instant(datetime.now(UTC))
        incarnation = self.journal.state().incarnation
        signature = base64url(self._key.sign(lease_input(self.source, incarnation, now)))
        request = {"incarnation": incarnation, "now": now, "signature": signature}
        body = self.address.send("POST", f"/v1/sources/{self.source}/lease", msgspec.json.encode(request))
        return msgspec.json.decode(body, type=Lease)

    @property
    def headers(self) -> dict[str, str]:
        return TUS | {"authorization": f"Bearer {self.client.token()}"}

    def name(self, clip: Clip, *, is_listed: bool = True) -> str:
        """An admitted entry names the clip; its id."""
        now, entry = datetime.now(UTC), str(uuid7())
        self.named += 1
        named = WireMedia(sha256=clip.sha256, size=clip.size, type="video/mp4")
        body: dict[str, Any] = {
            "camera": "cam-00001", "camera_seq": self.named, "file_name": "MOV_0001.MP4",
            "size": clip.size, "sha256": clip.sha256, "chunks": base64url(clip.chunks),
            "started_at": format_instant(now), "docked_at": format_instant(now),
        }  # fmt: skip
        recorded_at = format_recorded_at(now, "Europe/Berlin")
        kind = "clip.recorded" if is_listed else "file.plain"
        self.journal.append(
            Draft(id=entry, kind=kind, v=1, recorded_at=recorded_at, body=msgspec.json.encode(body), media=(named,))
        )
        self.client.drain(patience_s=0)
        with self.server.sessions.begin() as session:  # as the slice of the kind says it; again changes nothing
            media.expect(
                session, source=UUID(self.source), entry=UUID(entry), media=named,
                chunks=clip.chunks if is_listed else None, now=now,
            )  # fmt: skip
        return entry

    def create(self, clip: Clip, entry: str) -> str:
        """The address to send the clip to."""
        values = {"sha256": clip.sha256, "entry": entry, "type": "video/mp4"}
        metadata = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in values.items())
        headers = self.headers | {"upload-length": str(clip.size), "upload-metadata": metadata}
        answer = httpx.post(f"{self.server.address}/v1/uploads", headers=headers)
        assert answer.status_code == 201, answer.text
        return self.server.address + answer.headers["location"]

    def curl(self, clip: Clip, address: str) -> subprocess.Popen[bytes]:
        """curl sends the whole clip in one PATCH."""
        return curl("PATCH", address, clip.path, self.headers | {"upload-offset": "0"})


def curl(method: str, address: str, path: Path, headers: dict[str, str]) -> subprocess.Popen[bytes]:
    """curl sends a file as one body and prints the status."""
    given = {"content-type": "application/offset+octet-stream", "expect": ""} | headers
    arguments = [part for name, value in given.items() for part in ("-H", f"{name}: {value}" if value else f"{name}:")]
    command = [
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-X",
        method,
        *arguments,
        "-T",
        str(path),
        address,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE)
