"""The feed for screens: hints that something moved, and the pull that brings it."""

import asyncio
from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.params import Parameter
from litestar.response import Stream

from backend.db import Sessions
from backend.errors import problems
from backend.feed import queries
from backend.feed.live import hints
from backend.feed.wire import FeedPage
from backend.fields import Actor
from backend.server import Server

#: What proxies must know of a stream of events.
EVENTS = {"cache-control": "no-store", "x-accel-buffering": "no"}


@get(
    "/feed",
    operation_id="pullFeed",
    sync_to_thread=True,
    opt={"right": "signed_in"},
    responses=problems(400, 401, 403, 409, 410),
)
def pull_feed(
    actor: Actor,
    sessions: Sessions,
    server: Server,
    after: Annotated[
        str,
        Parameter(pattern=r"^[A-Za-z0-9_-]+$", min_length=55, max_length=55, description="Cursor of the last page."),
    ],
) -> FeedPage:
    """What changed in this person's scopes after a cursor, in order, without gaps."""
    with sessions.begin() as session:
        return queries.changes(session, actor, after, server.secret)


@get(
    "/live",
    operation_id="streamHints",
    media_type="text/event-stream",
    opt={"right": "signed_in"},
    responses=problems(401, 403),
)
async def stream_hints(request: Request[Any, Any, Any], actor: Actor, server: Server) -> Stream:
    """Server-sent events: `hint` names the scopes that moved; a comment each 10 s says that the stream lives."""
    return Stream(
        hints(server.hub, actor.town, actor.scopes, str, lambda: is_still_allowed(request, actor)),
        media_type="text/event-stream",
        headers=EVENTS,
    )


async def is_still_allowed(request: Request[Any, Any, Any], actor: Actor) -> bool:
    """Whether the token that opened a stream still opens the same scopes."""
    found = await asyncio.to_thread(request.app.state.who, request)
    return found is not None and found.actor.scopes == actor.scopes


router = Router("/v1", route_handlers=[pull_feed, stream_hints], tags=["feed"])
