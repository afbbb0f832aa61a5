"""The HTTP server: who may come in, how refusals look, which slices answer. Only this file knows all routes."""

import asyncio
import gc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.config.compression import CompressionConfig
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import ControllerRouterHandler

from backend import description, logs, pages
from backend.bodies import StrictRequest
from backend.buildings import routes as buildings
from backend.db import Sessions, sessions_of
from backend.description import SESSION_COOKIE
from backend.dispatch import routes as dispatch
from backend.errors import ForeignOrigin, NotAllowed, NotSignedIn, UnsupportedMedia
from backend.evidence import camera_routes, export_routes
from backend.evidence import routes as evidence
from backend.exchange import routes as exchange
from backend.exchange.arrivals import media_arrived
from backend.feed import routes as feed
from backend.feed import service as feed_service
from backend.fields import Actor
from backend.identity import routes as identity
from backend.identity import rules
from backend.identity.service import Found, authenticate
from backend.log import routes as log
from backend.media import routes as media
from backend.media.service import OnStored
from backend.offences import routes as offences
from backend.problems import handlers
from backend.server import Server
from backend.settings import from_environment
from backend.work import routes as work

ROUTERS: list[ControllerRouterHandler] = [
    identity.router,
    exchange.router,
    media.router,
    feed.router,
    log.router,
    offences.router,
    dispatch.router,
    buildings.router,
    evidence.router,
    camera_routes.router,
    export_routes.router,
    work.router,
    pages.router,
]


def create(server: Server | None = None) -> Litestar:
    """The application; `server` is made of the environment where none is given."""
    logs.configure()
    server = server or Server.open(from_environment())

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        executor = ThreadPoolExecutor(max_workers=server.settings.threads, thread_name_prefix="handler")
        asyncio.get_running_loop().set_default_executor(executor)
        with sessions_of(server.engine, None).begin() as session:
            feed_service.begin_history(session)
        # What stands now stands for ever: the collector need not walk through the framework again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        server.hub.start()
        try:
            yield
        finally:
            server.hub.stop()
            executor.shutdown(wait=False, cancel_futures=True)
            server.engine.dispose()

    app = Litestar(
        route_handlers=[*ROUTERS, describe_api, *pages.static(server.settings)],
        guards=[guard],
        dependencies=dependencies(),
        exception_handlers=handlers(),
        before_send=[pages.secure_headers],
        compression_config=CompressionConfig(
            backend="gzip",
            gzip_compress_level=3,
            minimum_size=500,
            exclude=["/v1/live", "/v1/sync/hints", r"\.woff2$", r"/footage$"],
        ),
        lifespan=[lifespan],
        openapi_config=None,
        request_class=StrictRequest,
        request_max_body_size=256 * 1024,
        debug=False,
    )
    app.state.server = server
    app.state.who = who
    check_rights(app)
    return app


def dependencies() -> dict[str, Provide]:
    """What handlers may ask for by name."""
    return {
        "actor": Provide(provide_actor, sync_to_thread=False),
        "sessions": Provide(provide_sessions, sync_to_thread=False),
        "server": Provide(provide_server, sync_to_thread=False),
        "now": Provide(provide_now, sync_to_thread=False),
        "on_stored": Provide(provide_on_stored, sync_to_thread=False),
    }


@get("/v1/openapi/openapi.json", include_in_schema=False, sync_to_thread=True, opt={"right": "public"})
def describe_api() -> Response[str]:
    """This API's description; the same text as `streife openapi` writes."""
    return Response(description.text(), media_type="application/vnd.oai.openapi+json")


def check_rights(app: Litestar) -> None:
    """Every route names the right that it needs.

    Raises:
        LookupError: a route names none, or one that the rights table does not know; the server does not start.
    """
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if not isinstance(handler, HTTPRouteHandler) or _is_the_frameworks(handler):
                continue
            right = handler.opt.get("right")
            if not isinstance(right, str) or (right not in rules.UNROLED and not rules.is_right(right)):
                raise LookupError(f"{route.path}: `opt` names no right of the rights table, but {right!r}")


def _is_the_frameworks(handler: BaseRouteHandler) -> bool:
    """The answer that the framework adds: OPTIONS, which tells the methods."""
    return handler.opt.get("right") is None and getattr(handler, "http_methods", None) == {"OPTIONS"}


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Lets a request in where the caller holds the right that the route names.

    Raises:
        NotSignedIn, NotAllowed, ForeignOrigin, UnsupportedMedia: see there.
    """
    right = handler.opt.get("right")
    if _is_the_frameworks(handler):
        return
    if right is None:
        raise NotAllowed
    if connection.scope.get("method", "GET") not in ("GET", "HEAD") and "authorization" not in connection.headers:
        _check_origin(connection)
    if right != "public":
        connection.scope["auth"] = await _let_in(connection, right, handler)
    if isinstance(handler, HTTPRouteHandler) and handler.parsed_data_field is not None:
        _check_media_type(connection)


async def _let_in(connection: ASGIConnection[Any, Any, Any, Any], right: str, handler: BaseRouteHandler) -> Found:
    found = await asyncio.to_thread(who, connection)
    if found is None:
        raise NotSignedIn
    return found._replace(actor=_allowed(found, right, handler))


def who(connection: ASGIConnection[Any, Any, Any, Any]) -> Found | None:
    """Who holds the token that came with a request, in the header of a device or the cookie of a browser."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = connection.cookies.get(SESSION_COOKIE, "")
    if not token:
        return None
    server: Server = connection.app.state.server
    with server.across_towns().begin() as session:
        return authenticate(session, token, now=datetime.now(UTC))


def _allowed(found: Found, right: str, handler: BaseRouteHandler) -> Actor:
    actor = found.actor
    if found.is_locked_out and not handler.opt.get("locked_out_too"):
        raise NotSignedIn
    if right in rules.UNROLED:
        wanted = {"signed_in": actor.source is None, "source": actor.source is not None, "member": True}
        if not wanted[right]:
            raise NotAllowed(needs=right)
        return actor
    limit = None if actor.source is not None else rules.permit(actor.roles, right)
    if limit is None or not set(limit) <= set(handler.opt.get("limits", "")):
        raise NotAllowed(needs=right)
    return Actor(town=actor.town, person=actor.person, roles=actor.roles, scopes=actor.scopes, limit=limit)


def _check_origin(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """A browser says where a request comes from; only our own pages may write, or sign in, with its cookies."""
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    own = {f"{scheme}://{connection.headers.get('host')}" for scheme in ("http", "https")}
    if (site is not None and site not in ("same-origin", "none")) or (origin is not None and origin not in own):
        raise ForeignOrigin


def _check_media_type(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Forms of foreign pages can send any text, but never name it JSON without asking first (Fetch, CORS-safelist)."""
    if connection.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia(field="", detail="Content-Type is not application/json")


def provide_actor(request: Request[Any, Any, Any]) -> Actor:
    """Who asks, as the guard found it."""
    found: Found = request.scope["auth"]
    return found.actor


def provide_sessions(request: Request[Any, Any, Any]) -> Sessions:
    """Transactions within the caller's town."""
    server: Server = request.app.state.server
    found: Found | None = request.scope.get("auth")
    return sessions_of(server.engine, found.actor.town if found else None)


def provide_server(request: Request[Any, Any, Any]) -> Server:
    """What this process holds."""
    server: Server = request.app.state.server
    return server


def provide_on_stored() -> OnStored:
    """What the entry's kind does once its file is stored; only the kinds know."""
    return media_arrived


def provide_now() -> datetime:
    """The instant of the request, UTC."""
    return datetime.now(UTC)
