"""Signals over HTTP: desks, telephone systems, anything that can call an address (design/control-room.md 4.4).

In the same process and journal as the panels. Each answer waits for the disk.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

import msgspec
import structlog
from litestar import Litestar, Request, Response, get, post, route
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.params import Parameter

from backend.gateway import signals
from backend.gateway.lines import Line, Lines
from backend.gateway.reading import Reading, digest
from backend.gateway.recorder import Recorder
from backend.gateway.refusals import TEXTS, problem
from sync.errors import SyncError

#: Proxies cut silent connections after a minute.
LONGEST_WAIT_S: Final = 50.0

State = Literal["recorded", "shown", "accepted"]
Answer = Response[Any]
Asked = Request[Any, Any, Any]

log = structlog.get_logger()


class SignalState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a signal came: on the gateway's disk, on a screen of the control room, accepted by a person."""

    key: str
    state: State


class States:
    """What the control room did with each signal, by its key; long polls wait here."""

    def __init__(self) -> None:
        """Nothing was shown yet."""
        self._states: Mapping[str, State] = {}
        self._changed = asyncio.Event()
        #: How many long polls wait: the gateway asks its server more often while there are any.
        self.waiting = 0

    def set(self, states: Mapping[str, State]) -> None:
        """These are the states now; whoever waits looks again."""
        self._states = states
        self._changed.set()
        self._changed = asyncio.Event()

    def of(self, dedup: str) -> State:
        """The state of a recorded signal."""
        return self._states.get(dedup, "recorded")

    async def other_than(self, known: str | None, dedup: str, wait_s: float) -> State:
        """The state, as soon as it is another than `known`, or after `wait_s`."""
        self.waiting += 1
        try:
            async with asyncio.timeout(wait_s):
                while self.of(dedup) == known:
                    await self._changed.wait()
        except TimeoutError:
            pass
        finally:
            self.waiting -= 1
        return self.of(dedup)


class Web:
    """The handlers and what they share."""

    def __init__(
        self,
        recorder: Recorder,
        lines: Callable[[], Lines],
        states: States,
        *,
        on_heard: Callable[[Reading, datetime], None] = lambda _reading, _now: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Serves nothing yet; `app` is the application."""
        self.recorder, self.lines, self.states = recorder, lines, states
        self.on_heard, self.clock = on_heard, clock
        #: Requests whose token nobody has, since the last summary.
        self.strangers = 0

    def sender(self, request: Asked) -> Line | None:
        """Who sends, by the bearer token; a stranger is counted."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self.holder(token.strip()) if scheme.lower() == "bearer" else self.holder("")

    def holder(self, token: str) -> Line | None:
        """The line whose token this is; a stranger is counted."""
        line = self.lines().holder(token)
        self.strangers += line is None
        return line

    async def record(self, reading: Reading, key: str | None = None) -> Answer:
        """201 recorded, 200 it was before, 409 this key means something else (kept too), 503 not recorded."""
        now = self.clock()
        try:
            noted = await self.recorder.record(reading, now, key)
            is_other = key is not None and not noted.is_new and noted.dedup[:38] != digest(reading.raw)
            if is_other:
                flagged = msgspec.structs.replace(reading, flags=(*reading.flags, "key_reused"))
                await self.recorder.record(flagged, now)
        except SyncError:
            return problem(503)
        self.on_heard(reading, now)
        if is_other:
            return problem(409)
        body = SignalState(key=key or noted.dedup, state=self.states.of(noted.dedup))
        return Response(body, status_code=201 if noted.is_new else 200)

    async def keep(self, content: bytes, line: Line, fault: signals.Fault) -> Answer:
        """What cannot be read is kept; 422 names the field."""
        try:
            await self.recorder.record(signals.unreadable(content, line), self.clock())
        except SyncError:
            return problem(503)
        return problem(422, fault)


def app(web: Web) -> Litestar:
    """The application; its logging is left alone, as a library's would name addresses."""

    @post("/v1/signals")
    async def send_signal(request: Asked) -> Answer:
        line = web.sender(request)
        if line is None:
            return problem(401)
        content = await request.body()
        key = signals.key_of(request.headers.get("idempotency-key"))
        if key is None:
            return await web.keep(content, line, signals.Fault("Idempotency-Key", "not a UUID"))
        reading = signals.signal(content, line, key)
        if isinstance(reading, signals.Fault):
            return await web.keep(content, line, reading)
        return await web.record(reading, key)

    @get("/v1/signals/{key:str}")
    async def signal_state(
        request: Asked, key: str, known: State | None = None, wait_s: Annotated[float, Parameter(ge=0)] = 0.0
    ) -> Answer:
        line = web.sender(request)
        if line is None:
            return problem(401)
        seen = web.recorder.repeats.key(line.sender, signals.key_of(key) or "", web.clock())
        if seen is None:
            return problem(404)
        if seen.recorded is not None:
            try:
                await asyncio.shield(seen.recorded)
            except SyncError:
                return problem(404)
        state = await web.states.other_than(known, seen.dedup, min(wait_s, LONGEST_WAIT_S))
        return Response(SignalState(key=key, state=state))

    @post("/v1/heartbeats")
    async def heartbeat(request: Asked) -> Answer:
        line = web.sender(request)
        if line is None:
            return problem(401)
        web.on_heard(Reading(protocol="http", raw=b"", sender=line.sender, feeds_link=True), web.clock())
        return Response(None, status_code=204)

    @route("/v1/hooks/{token:str}", http_method=[HttpMethod.GET, HttpMethod.POST])
    async def hook(request: Asked, token: str) -> Answer:
        line = web.holder(token)
        if line is None:
            return problem(401)
        content = await request.body()
        query = request.scope["query_string"]
        given = dict(parse_qsl(query.decode("latin-1"), errors="replace")) | _fields(content)
        reading, key = signals.hook(content or query or b"-", given, line)
        return await web.record(reading, key)

    return Litestar(
        [send_signal, signal_state, heartbeat, hook],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=signals.MAX_BODY,
        exception_handlers={HTTPException: refused, Exception: defect},
    )


def refused(_: Asked, error: HTTPException) -> Answer:
    """A refusal of the framework's."""
    status = error.status_code
    return problem(status if status in TEXTS and status < 500 else 400 if status < 500 else 500)


def defect(_: Asked, error: Exception) -> Answer:
    """A bug: nothing of what was sent is told."""
    log.error("defect", error=type(error).__name__)
    return problem(500)


def _fields(content: bytes) -> dict[str, str]:
    """What a telephone system posted: a form or a flat JSON object; anything else has no fields."""
    try:
        said = msgspec.json.decode(content, type=dict[str, str | int | float | bool | None])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return dict(parse_qsl(content.decode("latin-1"), errors="replace"))
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in said.items()
        if value is not None
    }
