"""Unpacks a request's body; stops at 1 MiB packed and 4 MiB plain, before more is held (design/sync.md 3.1)."""

import zlib
from typing import Final

from litestar.datastructures import Headers
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.types.asgi_types import HTTPReceiveMessage

from backend.errors import BadEnvelope, TooLarge, UnsupportedMedia
from sync.exchange import MAX_COMPRESSED, MAX_ENTRIES, MAX_PLAIN, Stop

#: zlib's window bits for a gzip wrapper (RFC 1952), whose trailer shows a cut.
_GZIP: Final = 31


def gzipped(app: ASGIApp) -> ASGIApp:
    """Middleware: the handler sees the plain body.

    Raises:
        UnsupportedMedia: another content encoding than gzip.
        TooLarge: more than the limits, packed or plain.
        BadEnvelope: cut or not gzip.
    """

    async def unpack(scope: Scope, receive: Receive, send: Send) -> None:
        encoding = Headers.from_scope(scope).get("content-encoding", "identity").lower()
        if encoding == "identity":
            await app(scope, _counted(receive), send)
            return
        if encoding != "gzip":
            raise UnsupportedMedia(field="", detail="Content-Encoding is not gzip")
        plain = await _plain(receive)
        scope["headers"] = [
            (name, value) for name, value in scope["headers"] if name not in (b"content-encoding", b"content-length")
        ]
        is_sent = False

        async def receive_plain() -> HTTPReceiveMessage:
            nonlocal is_sent
            if is_sent:
                return await receive()  # type: ignore[return-value]  # only a disconnect can follow
            is_sent = True
            return {"type": "http.request", "body": plain, "more_body": False}

        await app(scope, receive_plain, send)

    return unpack


def _too_large() -> TooLarge:
    return TooLarge(stop=Stop(code="too_large", max_bytes=MAX_PLAIN, max_entries=MAX_ENTRIES))


def _counted(receive: Receive) -> Receive:
    """As `receive`, until more came than a request may hold."""
    size = 0

    async def count() -> HTTPReceiveMessage:
        nonlocal size
        message = await receive()
        if message["type"] == "http.request":
            size += len(message["body"])
            if size > MAX_PLAIN:
                raise _too_large()
        return message  # type: ignore[return-value]  # or a disconnect

    return count


async def _plain(receive: Receive) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    plain, packed_size, more = bytearray(), 0, True
    try:
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise BadEnvelope(field="", detail="the connection ended before the request did")
            packed = message["body"]
            more = message["more_body"]
            packed_size += len(packed)
            plain += unpacker.decompress(packed, MAX_PLAIN + 1 - len(plain))
            if packed_size > MAX_COMPRESSED or len(plain) > MAX_PLAIN:
                raise _too_large()
    except zlib.error as error:
        raise BadEnvelope(field="", detail="not gzip") from error
    if not unpacker.eof or unpacker.unused_data:
        raise BadEnvelope(field="", detail="the gzip stream is cut, or something follows it")
    return bytes(plain)
