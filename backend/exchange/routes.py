"""The exchange over HTTP, and the hints that tell a source to make one."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import Parameter
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK

from backend.db import Sessions
from backend.errors import NotNow, problems
from backend.exchange import changes, rules, service
from backend.exchange.gzipped import gzipped
from backend.feed.live import hints
from backend.feed.routes import EVENTS, is_still_allowed
from backend.fields import Actor
from backend.identity.service import Found
from backend.server import Server
from sync.exchange import ExchangeRequest, ExchangeResponse
from sync.pulled import SnapshotPage

#: A deadlock is tried again so often, then the source tries (design/sync.md 4.1).
TRIES = 3


@post(
    "/exchange",
    operation_id="exchange",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "source", "locked_out_too": True},
    request_max_body_size=None,  # `gzipped` counts, packed or not
    middleware=[gzipped],
    responses=problems(400, 401, 403, 413, 415),
)
def exchange(
    request: Request[Any, Any, Any],
    data: ExchangeRequest,
    actor: Actor,
    sessions: Sessions,
    server: Server,
    now: datetime,
) -> ExchangeResponse:
    """Push a batch of entries and pull what changed, in one request (sync/README.md). Unknown members are ignored."""
    found: Found = request.scope["auth"]
    is_careful = False
    for _ in range(TRIES):
        try:
            with sessions.begin() as session:
                return service.exchange(
                    session,
                    actor,
                    data,
                    is_locked_out=found.is_locked_out,
                    is_careful=is_careful,
                    secret=server.secret,
                    record_key=server.record_key,
                    now=now,
                )
        except Exception as error:
            is_careful = service.after_failure(error, is_careful=is_careful)
    raise NotNow


@get(
    "/snapshot",
    operation_id="snapshot",
    sync_to_thread=True,
    opt={"right": "source"},
    responses=problems(400, 401, 403),
)
def get_snapshot(
    actor: Actor,
    sessions: Sessions,
    server: Server,
    name: Annotated[
        str, Parameter(query="scope", pattern=r"^[a-z][a-z0-9:_.-]{0,99}$", max_length=100, description="Scope.")
    ],
    after: Annotated[
        str | None,
        Parameter(pattern=r"^[A-Za-z0-9_-]+$", max_length=400, description="`after` of the page before; absent first."),
    ] = None,
) -> SnapshotPage:
    """A page of what stands in a scope; the last one brings the cursor from which its changes go on."""
    with sessions.begin() as session:
        return changes.snapshot(session, actor, name, after, server.secret)


@get(
    "/hints",
    operation_id="streamSourceHints",
    media_type="text/event-stream",
    opt={"right": "source"},
    responses=problems(401, 403),
)
async def stream_source_hints(request: Request[Any, Any, Any], actor: Actor, server: Server) -> Stream:
    """Server-sent events: `hint` names the scopes that moved, then exchange; a comment each 10 s."""
    return Stream(
        hints(server.hub, actor.town, actor.scopes, rules.device_scope, lambda: is_still_allowed(request, actor)),
        media_type="text/event-stream",
        headers=EVENTS,
    )


router = Router("/v1/sync", route_handlers=[exchange, get_snapshot, stream_source_hints], tags=["exchange"])
