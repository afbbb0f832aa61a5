"""A file on its way to the server: our subset of tus 1.0.0 (design/evidence.md 6).

 POST ─► upload ─► HEAD ─► PATCH from the server's offset … ─► all durable ─► GET receipt: 202 … 200
           ▲ 410            └── cut, stall, 409, 460: HEAD again ──┘

Whatever happens, the server's offset decides where to go on; nothing is remembered here.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from bodycam_dock.book import MediumFacts
from bodycam_dock.copying import PIECE
from bodycam_dock.errors import SpoolDamaged, UploadLater, UploadRefused

# design/evidence.md 6: 20 s without a byte is a stall. The server syncs a piece before it answers, so it gets longer.
TIMEOUTS: Final = httpx.Timeout(connect=10.0, write=20.0, read=60.0, pool=20.0)
# Answers in a row that do not move the offset; then the pause is left to the caller.
MAX_STANDSTILLS: Final = 3
_READ: Final = 256 * 1024
_RETRY_AFTER_CAP_S: Final = 3600.0
_PATH: Final = "/v1/uploads"


class Uploader:
    """Uploads of one source. Many threads; each call is its own."""

    def __init__(self, base_url: str, token: Callable[[bool], str], http: httpx.Client | None = None) -> None:
        """Sends nothing yet. `token` gives the bearer token; with true a new one, as the last was not taken."""
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._http = http or httpx.Client(timeout=TIMEOUTS)

    def close(self) -> None:
        """No connection is left open."""
        self._http.close()

    def send(
        self, entry: str, medium: MediumFacts, path: Path, *, go_on: Callable[[int], None] = lambda _: None
    ) -> str:
        """The server has the whole file; returns the upload's address. `go_on` hears each offset and may raise.

        Raises:
            UploadLater: not now; the same call goes on where the server stands.
            UploadRefused: for good.
            SpoolDamaged: our own file is not what was hashed.
        """
        if path.stat().st_size != medium.size:
            raise SpoolDamaged("a file of the spool has not the length that it had")
        upload = self._create(entry, medium)
        offset, standstills = self._offset(upload), 0
        if medium.size == 0:
            self._patch(upload, path, 0, 0)
            return upload
        while offset is None or offset < medium.size:
            if standstills >= MAX_STANDSTILLS:
                raise UploadLater(f"stands still at {offset}")
            go_on(offset or 0)
            if offset is None:
                upload = self._create(entry, medium)
                moved = self._offset(upload)
            else:
                moved = self._advance(upload, medium, path, offset)
            has_moved = moved is not None and offset is not None and moved > offset
            offset, standstills = moved, 0 if has_moved else standstills + 1
        if offset > medium.size:
            raise UploadRefused(200, f"the server stands at {offset} of {medium.size}")
        return upload

    def receipt(self, upload: str) -> bytes | None:
        """The receipt's bytes; None while the server has not written it.

        Raises:
            UploadLater, UploadRefused: as `send`; also where there is no receipt for such a file.
        """
        answer = self._ask("GET", f"{upload}/receipt")
        if answer.status_code == 200:
            return answer.content
        if answer.status_code == 202:
            return None
        raise _failure(answer)

    def _create(self, entry: str, medium: MediumFacts) -> str:
        facts = {"sha256": medium.sha256.hex(), "entry": entry, "type": medium.type}
        metadata = ",".join(f"{name} {b64encode(text.encode()).decode()}" for name, text in facts.items())
        headers = {"Upload-Length": str(medium.size), "Upload-Metadata": metadata}
        answer = self._ask("POST", _PATH, headers)
        if answer.status_code == 409:
            # The entry is not admitted yet, or is held: that may pass.
            raise UploadLater("the server does not know the entry")
        if answer.status_code not in {200, 201}:
            raise _failure(answer)
        location: str = urlsplit(answer.headers.get("Location", "")).path
        if not location.startswith(f"{_PATH}/"):
            raise UploadLater("an answer that is not the server's")
        return location

    def _offset(self, upload: str) -> int | None:
        """Where the server stands; None where the upload is gone."""
        answer = self._ask("HEAD", upload)
        if answer.status_code in {404, 410}:
            return None
        if answer.status_code not in {200, 204}:
            raise _failure(answer)
        return _number(answer)

    def _advance(self, upload: str, medium: MediumFacts, path: Path, offset: int) -> int | None:
        # A piece a request: whatever happens to it, no more than this is sent again.
        end = min(offset - offset % PIECE + PIECE, medium.size)
        try:
            answer = self._patch(upload, path, offset, end)
        except UploadLater:
            return self._offset(upload)
        if answer.status_code in {200, 204}:
            return _number(answer)
        if answer.status_code in {404, 410}:
            return None
        if answer.status_code == 460:
            _check_spool(path, medium, offset)
        if answer.status_code in {409, 460}:
            return self._offset(upload)
        raise _failure(answer)

    def _patch(self, upload: str, path: Path, offset: int, end: int) -> httpx.Response:
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(end - offset),
        }
        return self._ask("PATCH", upload, headers, lambda: _bytes_of(path, offset, end))

    def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        content: Callable[[], Iterator[bytes]] | None = None,
    ) -> httpx.Response:
        answer: httpx.Response | None = None
        for is_new in (False, True):
            bearer = {"Authorization": f"Bearer {self._token(is_new)}", "Tus-Resumable": "1.0.0"}
            body = content() if content else b"" if method == "POST" else None
            try:
                answer = self._http.request(
                    method, self._base_url + path, headers={**bearer, **(headers or {})}, content=body
                )
            except httpx.HTTPError as error:
                raise UploadLater(f"cut off: {type(error).__name__}") from error
            if answer.status_code != 401:
                return answer
        raise UploadLater("a new lease is not taken either")


def _bytes_of(path: Path, offset: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while offset < end:
            data = file.read(min(_READ, end - offset))
            if not data:
                raise SpoolDamaged("a file of the spool is shorter than it was")
            offset += len(data)
            yield data


def _check_spool(path: Path, medium: MediumFacts, offset: int) -> None:
    """Raises SpoolDamaged where our own bytes are what is wrong."""
    with path.open("rb") as file:
        for index in range(offset // PIECE, len(medium.pieces) // 32):
            file.seek(index * PIECE)
            if sha256(file.read(PIECE)).digest() != medium.pieces[32 * index : 32 * index + 32]:
                raise SpoolDamaged(f"piece {index} of a file of the spool is not what was hashed")


def _number(answer: httpx.Response) -> int:
    text = answer.headers.get("Upload-Offset", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise UploadLater("an answer that is not the server's")
    return int(text)


def _failure(answer: httpx.Response) -> UploadLater | UploadRefused:
    """429, 507, 408 and 5xx pass; another 4xx that our server said does not; all else is not our server."""
    status = answer.status_code
    is_ours = "json" in answer.headers.get("Content-Type", "")
    if 400 <= status < 500 and status not in {408, 425, 429} and is_ours:
        return UploadRefused(status, _title(answer))
    text = answer.headers.get("Retry-After", "")
    wait_s = min(float(text), _RETRY_AFTER_CAP_S) if text.isascii() and text.isdigit() else None
    return UploadLater(f"status {status}", wait_s=wait_s)


def _title(answer: httpx.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return ""
    return str(found.get("title", ""))[:200] if isinstance(found, dict) else ""
