"""A small honest server for docks, over real HTTP in this process: enrolment, exchange, uploads, receipts.

It keeps what it acknowledges in memory, so that a test can ask it what really arrived. Uploads pass the same contract
as the real server's (`test_upload.py`). Faults to order stand in `faults`, one for each upload request.
"""

import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec

from sync.enrolment import Enrolled, EnrolRequest, Limits
from sync.entry import base64url, format_instant, from_base64url, genesis_hash
from sync.envelope import envelope, sign
from sync.exchange import Change, ExchangeRequest, WireEntry
from sync.keys import SourceKey
from tests.sync.samples import SOURCE
from tests.sync.town import Town, problem

PIECE = 4 * 1024 * 1024
canonical = msgspec.json.Encoder(order="deterministic").encode


@dataclass
class Upload:
    """One expected file."""

    entry: WireEntry
    position: int
    pieces: bytes | None
    id: str
    data: bytearray = field(default_factory=bytearray)
    is_begun: bool = False
    receipt: bytes | None = None

    @property
    def medium(self):
        return self.entry.media[self.position]


Fault = Callable[["DockTown", httpx.Request, Callable[[], httpx.Response]], httpx.Response]


@dataclass
class DockTown:
    """The town and everything it has."""

    key: SourceKey = field(default_factory=SourceKey.generate)
    town: Town | None = None
    codes: set[str] = field(default_factory=lambda: {"A" * 22})
    uploads: dict[str, Upload] = field(default_factory=dict)
    entries: list[WireEntry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    tells_stored: bool = True
    lives: timedelta = timedelta(days=14)
    #: May change a receipt's members, or its bytes once signed.
    forge: Callable[[dict[str, object]], dict[str, object] | bytes] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def bodies(self, kind: str) -> list[dict[str, object]]:
        """The bodies of all entries of a kind, in order."""
        return [msgspec.json.decode(one.body) for one in self.entries if one.kind == kind]

    def content(self, file_sha256: str) -> bytes | None:
        """A file's bytes, if they are whole."""
        for upload in self.uploads.values():
            if upload.medium.sha256 == file_sha256 and len(upload.data) == upload.medium.size:
                return bytes(upload.data)
        return None

    def handle(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            if request.url.path.startswith("/v1/uploads"):
                if request.headers.get("Authorization") != f"Bearer {self.town and self.town.token}":
                    return problem(401, "no such token")
                if self.faults:
                    return self.faults.pop(0)(self, request, lambda: self._upload(request))
                return self._upload(request)
            if request.url.path == "/v1/sources":
                return self._enrol(request)
            if self.town is None:
                return problem(404, "nobody enrolled")
            try:
                return self.town.handle(request)
            finally:  # what was admitted is here, also where its answer is lost
                if request.url.path == "/v1/sync/exchange" and self.town.requests:
                    self.take_entries()

    def _enrol(self, request: httpx.Request) -> httpx.Response:
        asked = msgspec.json.decode(request.content, type=EnrolRequest)
        if asked.code not in self.codes:
            return problem(409, "Der Code ist verbraucht.")
        self.codes.discard(asked.code)
        spki = from_base64url(asked.public_key)
        self.town = Town(spki, genesis_hash(SOURCE, 1, sha256(spki).digest()))
        answer = Enrolled(
            source=SOURCE,
            incarnation=1,
            town="Musterstadt",
            server_key=base64url(self.key.spki),
            limits=Limits(max_entries=100, max_bytes=4_194_304),
        )
        return httpx.Response(201, content=msgspec.json.encode(answer))

    def take_entries(self) -> None:
        """What the newest request brought, as far as it was admitted, is in `entries`, each once."""
        assert self.town is not None
        asked: ExchangeRequest = self.town.requests[-1]
        for entry in asked.entries:
            if not len(self.entries) < entry.seq <= len(self.town.stored):
                continue  # repeated, as the answer to it was lost; or not admitted
            self.entries.append(entry)
            body = msgspec.json.decode(entry.body)
            chunks = body.get("chunks")
            for position, _ in enumerate(entry.media):
                pieces = from_base64url(chunks) if chunks and position == 0 else None
                id_ = f"{len(self.uploads):08d}"
                self.uploads[id_] = Upload(entry, position, pieces, id_)

    def _upload(self, request: httpx.Request) -> httpx.Response:
        answer = self._answer(request)
        self.requests.append((request.method, request.url.path, answer.status_code))
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("Tus-Resumable") != "1.0.0":
            return problem(412, "no tus")
        if request.method == "POST":
            return self._create(request)
        id_, _, rest = request.url.path.removeprefix("/v1/uploads/").partition("/")
        upload = self.uploads.get(id_)
        if upload is None or not upload.is_begun:
            return problem(404, "no such upload")
        if rest == "receipt":
            if upload.receipt is None:
                return httpx.Response(202, json={"state": "awaiting"})
            return httpx.Response(200, content=upload.receipt)
        if request.method == "HEAD":
            return httpx.Response(200, headers={"Upload-Offset": str(len(upload.data))})
        return self._patch(request, upload)

    def _create(self, request: httpx.Request) -> httpx.Response:
        pairs = dict(pair.split(" ") for pair in request.headers["Upload-Metadata"].split(","))
        facts = {name: b64decode(value).decode() for name, value in pairs.items()}
        for upload in self.uploads.values():
            if (upload.entry.id, upload.medium.sha256) == (facts["entry"], facts["sha256"]):
                if int(request.headers["Upload-Length"]) != upload.medium.size:
                    return problem(400, "not the size that the entry gives")
                upload.is_begun = True
                return httpx.Response(201, headers={"Location": f"/v1/uploads/{upload.id}"})
        return problem(409, "entry unknown")

    def _patch(self, request: httpx.Request, upload: Upload) -> httpx.Response:
        offset, body = int(request.headers["Upload-Offset"]), request.content
        if offset != len(upload.data):
            return problem(409, "wrong offset")
        if offset + len(body) > upload.medium.size:
            return problem(413, "too long")
        for start in range(0, len(body), PIECE):
            piece, at = body[start : start + PIECE], offset + start
            is_whole = len(piece) == PIECE or at + len(piece) == upload.medium.size
            if upload.pieces is not None and not is_whole:
                break
            if upload.pieces is not None and sha256(piece).digest() != upload.pieces[at // PIECE * 32 :][:32]:
                answer = problem(460, "wrong bytes")
                answer.headers["Upload-Offset"] = str(len(upload.data))
                return answer
            upload.data += piece
        if len(upload.data) == upload.medium.size:
            if sha256(upload.data).hexdigest() != upload.medium.sha256:
                upload.data.clear()
                return problem(460, "wrong bytes")
            self._store(upload)
        return httpx.Response(204, headers={"Upload-Offset": str(len(upload.data))})

    def _store(self, upload: Upload) -> None:
        if upload.receipt is not None:
            return
        assert self.town is not None
        public = self.receipt_of(upload)
        made = self.forge(public) if self.forge else public
        if isinstance(made, bytes):
            upload.receipt = made
        else:
            payload = canonical(made)
            upload.receipt = envelope(payload, self.key.spki_sha256, sign(self.key, payload))
        if self.tells_stored:
            self.tell_stored(upload)

    def tell_stored(self, upload: Upload) -> None:
        """The feed says that the server keeps this file."""
        assert self.town is not None
        line = {"state": "stored", "entry": upload.entry.id, "sha256": upload.medium.sha256}
        body = msgspec.Raw(msgspec.json.encode(line))
        self.town.changes.append(Change(scope=f"self:{SOURCE}", op="put", type="media", id=upload.id, rev=2, body=body))

    def receipt_of(self, upload: Upload) -> dict[str, object]:
        """The public part of `clip.received`."""
        assert self.town is not None
        body, now = msgspec.json.decode(upload.entry.body), datetime.now(UTC)
        salt = from_base64url(upload.entry.salt)
        return {
            "kind": "clip.received", "v": 1, "id": upload.id, "town": "t", "at": format_instant(now),
            "subject": f"clip:{upload.entry.id}", "prev": None, "software": "test 1",
            "keyid": self.key.spki_sha256.hex(), "source": SOURCE, "incarnation": 1, "seq": upload.entry.seq,
            "entry_hash": self.town.stored[upload.entry.seq - 1][2].hex(),
            "media": sha256(salt + b"\0" + bytes.fromhex(upload.medium.sha256)).hexdigest(),
            "size": upload.medium.size, "camera": body["camera"], "camera_seq": body["camera_seq"],
            "prev_camera": None, "recorded_at": body["started_at"], "clock": "good", "class": "unclassified",
            "delete_at": format_instant(now + self.lives), "stored_at": format_instant(now),
            "log_by": format_instant(now),
        }  # fmt: skip


@contextmanager
def serving(town: DockTown) -> Iterator[str]:
    """The town's address, over HTTP on a port of the system's choice."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = httpx.Request(
                self.command, f"http://town.test{self.path}", headers=dict(self.headers), content=body
            )
            try:
                answer = town.handle(request)
            except httpx.HTTPError:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in {"content-length", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.content)

        do_GET = do_POST = do_HEAD = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
