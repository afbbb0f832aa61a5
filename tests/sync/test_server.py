import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import msgspec
import pytest

from sync import keys
from sync.enrolment import EnrolRequest
from sync.entry import from_base64url
from sync.errors import NetworkFailure, Refused, SyncError, TooLarge, Unauthorized, Unsupported
from sync.server import Server, enrol
from tests.sync.samples import SOURCE, rfc6979_key

CODE = "AAECAwQFBgcICQoLDA0ODw"
ENROLLED = {
    "source": SOURCE,
    "incarnation": 1,
    "town": "Musterstadt",
    "server_key": "AAAA",
    "limits": {"max_entries": 100, "max_bytes": 4_194_304, "later": 1},
    "previous": {"last_seq": 7, "at": "2026-03-14T21:07:33.125Z"},
}


def server(handle: Callable[[httpx.Request], httpx.Response]) -> Server:
    return Server("http://town.test/", httpx.Client(transport=httpx.MockTransport(handle)))


def test_enrolment_proves_that_the_source_holds_its_key() -> None:
    key, seen = rfc6979_key(), []

    def handle(request: httpx.Request) -> httpx.Response:
        asked = msgspec.json.decode(request.content, type=EnrolRequest)
        seen.append((request.method, request.url.path, asked.kind))
        message = keys.enrol_input(asked.code, key.spki_sha256)
        assert keys.verify(from_base64url(asked.public_key), message, from_base64url(asked.proof))
        return httpx.Response(201, json=ENROLLED)

    enrolled = enrol(server(handle), code=CODE, kind="dock", key=key, app="dock 1")
    assert [("POST", "/v1/sources", "dock")] == seen
    assert (SOURCE, 1) == (enrolled.source, enrolled.incarnation)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, Unauthorized),
        (413, TooLarge),
        (415, Unsupported),
        (400, Refused),
        (403, Refused),
        (409, Refused),
        (408, NetworkFailure),
        (425, NetworkFailure),
        (429, NetworkFailure),
        (500, NetworkFailure),
        (502, NetworkFailure),
        (503, NetworkFailure),
        (504, NetworkFailure),
        (302, NetworkFailure),
        (204, NetworkFailure),
    ],
)
def test_each_status_has_its_error(status: int, expected: type[SyncError]) -> None:
    problem = {"type": "/problems/1", "title": "t", "detail": "d"}
    with pytest.raises(expected) as caught:
        server(lambda request: httpx.Response(status, json=problem)).send("GET", "/")
    if isinstance(caught.value, NetworkFailure):
        assert (status in {500, 502, 504}) == caught.value.was_counted


@pytest.mark.parametrize("status", [400, 403, 404, 407, 511])
def test_a_refusal_that_our_server_did_not_write_is_a_network_failure(status: int) -> None:
    with pytest.raises(NetworkFailure):
        server(lambda request: httpx.Response(status, html="<h1>Proxy</h1>")).send("GET", "/")


@contextmanager
def real(answer: bytes) -> Iterator[str]:
    """A real server that reads one request, writes `answer` as it is, and hangs up."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(answer)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
    ],
)
def test_a_cut_on_a_real_socket_after_the_request_arrived_is_counted(answer: bytes) -> None:
    with real(answer) as url, pytest.raises(NetworkFailure) as caught:
        Server(url).send("POST", "/v1/sync/exchange", b"{}")
    assert caught.value.was_counted


def test_a_server_that_is_not_there_is_not_counted() -> None:
    with real(b"") as url:
        pass
    with pytest.raises(NetworkFailure) as caught:
        Server(url).send("POST", "/v1/sync/exchange", b"{}")
    assert not caught.value.was_counted
