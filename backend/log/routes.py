"""The log over HTTP: checkpoint and tiles as C2SP tlog-tiles has them, and proofs for those who would rather ask."""

from typing import Annotated, Final
from uuid import UUID

from litestar import MediaType, Response, Router, get
from litestar.params import FromPath, QueryParameter

from backend.db import Sessions
from backend.errors import problems
from backend.fields import MAX_SAFE_INTEGER
from backend.log import queries
from backend.log.wire import Consistency, Inclusion, Record

READ: Final = {"right": "member"}

#: `private`: only who is signed in may have it. A tile of one name never changes.
FOR_EVER: Final = "private, max-age=31536000, immutable"

_LEAVES: Final = "Leaves of the tree; by default of the one that was published last."
Leaf = Annotated[str, QueryParameter(pattern=r"^[0-9a-f]{64}$", max_length=64, description="Hash of a record, hex.")]
Size = Annotated[int | None, QueryParameter(ge=1, le=MAX_SAFE_INTEGER, description=_LEAVES)]
OldSize = Annotated[
    int, QueryParameter(name="from", ge=1, le=MAX_SAFE_INTEGER, description="Leaves of the older tree.")
]
NewSize = Annotated[int | None, QueryParameter(name="to", ge=1, le=MAX_SAFE_INTEGER, description=_LEAVES)]


@get(
    "/checkpoint",
    operation_id="getCheckpoint",
    media_type=MediaType.TEXT,
    sync_to_thread=True,
    opt=READ,
    responses=problems(401, 403, 404),
)
def get_checkpoint(sessions: Sessions) -> Response[str]:
    """The newest signed tree head: a C2SP checkpoint."""
    with sessions.begin() as session:
        return Response(queries.checkpoint(session), headers={"cache-control": "no-cache"})


@get(
    "/tile/{level:int}/{name:path}",
    operation_id="getTile",
    media_type="application/octet-stream",
    sync_to_thread=True,
    opt=READ,
    responses=problems(400, 401, 403, 404),
)
def get_tile(level: FromPath[int], name: FromPath[str], sessions: Sessions) -> Response[bytes]:
    """A tile of 256 hashes, or of fewer if its name says `.p/<width>` (C2SP tlog-tiles)."""
    with sessions.begin() as session:
        tile = queries.tile(session, level, name.removeprefix("/"))
    return Response(tile, headers={"cache-control": FOR_EVER})


@get(
    "/inclusion",
    operation_id="proveInclusion",
    sync_to_thread=True,
    opt=READ,
    responses=problems(400, 401, 403, 404),
)
def prove_inclusion(sessions: Sessions, leaf: Leaf, size: Size = None) -> Inclusion:
    """The proof that a leaf is in the tree of this size."""
    with sessions.begin() as session:
        return queries.inclusion(session, bytes.fromhex(leaf), size)


@get(
    "/consistency",
    operation_id="proveConsistency",
    sync_to_thread=True,
    opt=READ,
    responses=problems(400, 401, 403, 404),
)
def prove_consistency(sessions: Sessions, old: OldSize, new: NewSize = None) -> Consistency:
    """The proof that the newer tree begins with all leaves of the older one."""
    with sessions.begin() as session:
        return queries.consistency(session, old, new)


@get(
    "/records/{record_id:uuid}",
    operation_id="getRecord",
    sync_to_thread=True,
    opt=READ,
    responses=problems(400, 401, 403, 404),
)
def get_record(record_id: FromPath[UUID], sessions: Sessions) -> Record:
    """A record's public part, byte for byte as it was hashed."""
    with sessions.begin() as session:
        return queries.record(session, record_id)


router = Router(
    "/v1/log", route_handlers=[get_checkpoint, get_tile, prove_inclusion, prove_consistency, get_record], tags=["log"]
)
