"""Uploads of the files that entries name: our subset of tus 1.0.0 (design/evidence.md 6)."""

from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, head, patch, post, route
from litestar.enums import HttpMethod
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter
from litestar.response.base import ASGIResponse
from litestar.status_codes import HTTP_201_CREATED, HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from backend.db import Sessions
from backend.errors import problems
from backend.feed.routes import is_still_allowed
from backend.fields import Actor
from backend.media import finishing, queries, rules, uploading
from backend.media.service import OnStored
from backend.media.tus import check_version, marked
from backend.media.uploading import Standing
from backend.server import Server

#: Everything that tus lets a client ask for before it uploads.
OPTIONS = {
    "tus-version": rules.TUS,
    "tus-extension": "creation,checksum,expiration,termination",
    "tus-checksum-algorithm": "sha256",
    "tus-max-size": str(rules.MAX_FILE),
}
RECEIPT = "application/vnd.dsse.envelope.v1+json"
Speaks = Annotated[str | None, HeaderParameter(name="Tus-Resumable", description="`1.0.0`.")]
Length = Annotated[str | None, HeaderParameter(name="Upload-Length", description="Size of the file in bytes.")]
Metadata = Annotated[
    str | None,
    HeaderParameter(
        name="Upload-Metadata",
        description="`sha256 <base64>,entry <base64>,type <base64>`: as the entry names the file.",
    ),
]
Offset = Annotated[str | None, HeaderParameter(name="Upload-Offset", description="Where the body begins in the file.")]
Checksum = Annotated[
    str | None,
    HeaderParameter(name="Upload-Checksum", description="`sha256 <base64>` over the body, then of one piece at most."),
]


@route(
    ["/uploads", "/uploads/{upload_id:uuid}"],
    http_method=[HttpMethod.OPTIONS],
    status_code=HTTP_204_NO_CONTENT,
    include_in_schema=False,
    sync_to_thread=False,
    opt={"right": "public"},
)
def tell_options() -> Response[None]:
    """What of tus is spoken here."""
    return Response(None, headers=OPTIONS)


@post(
    "/uploads",
    operation_id="createUpload",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "source"},
    responses=problems(400, 401, 403, 409, 410, 412, 413, 429, 507),
)
def create_upload(
    actor: Actor,
    sessions: Sessions,
    server: Server,
    on_stored: OnStored,
    now: datetime,
    tus_resumable: Speaks = None,
    upload_length: Length = None,
    upload_metadata: Metadata = None,
) -> ASGIResponse:
    """Begin to send a file that an admitted entry of yours names; the same file again has the same `Location`."""
    check_version(tus_resumable)
    wanted = uploading.asked(upload_length, upload_metadata)
    with sessions.begin() as session:
        standing = uploading.create(session, actor, wanted, server.receiver.folder, now=now)
    if standing.offset == standing.size:  # an empty file is whole from the beginning
        finishing.finish_one(sessions, standing.id, server.receiver.folder, server.record_key, on_stored)
    headers = {"location": f"/v1/uploads/{standing.id}", **_told(standing)}
    return ASGIResponse(status_code=HTTP_201_CREATED, headers=headers)


@head(
    "/uploads/{upload_id:uuid}",
    operation_id="getUploadOffset",
    sync_to_thread=True,
    opt={"right": "source"},
    responses=problems(400, 401, 403, 404, 410, 412),
)
def get_offset(
    upload_id: FromPath[UUID], actor: Actor, sessions: Sessions, tus_resumable: Speaks = None
) -> Response[None]:
    """Up to which byte the file is on disk, in `Upload-Offset`; `Upload-Length` is all of it."""
    check_version(tus_resumable)
    with sessions.begin() as session:
        return Response(None, headers=_told(uploading.standing(session, actor, upload_id)))


@patch(
    "/uploads/{upload_id:uuid}",
    operation_id="sendPiece",
    status_code=HTTP_204_NO_CONTENT,
    opt={"right": "source"},
    request_max_body_size=None,  # the receiver counts
    responses=problems(400, 401, 403, 404, 408, 409, 410, 412, 413, 415, 460, 507),
)
async def send_piece(
    upload_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    actor: Actor,
    sessions: Sessions,
    server: Server,
    on_stored: OnStored,
    tus_resumable: Speaks = None,
    upload_offset: Offset = None,
    upload_checksum: Checksum = None,
) -> Response[None]:
    """Send bytes of a file, as `application/offset+octet-stream`, from the offset that stands.

    The answer's `Upload-Offset` is on disk. A file with a chunk list is taken in whole pieces of 4 MiB: the offset is
    less than what was sent where the last piece came in part. With the last byte the file is stored.
    """
    check_version(tus_resumable)
    sent = uploading.sent(request.headers, upload_offset, upload_checksum)
    receiver = server.receiver
    durable = await receiver.receive(
        request.receive,
        sessions,
        actor,
        upload_id,
        sent,
        may_go_on=lambda: is_still_allowed(request, actor),
        finish=partial(finishing.finish_one, sessions, upload_id, receiver.folder, server.record_key, on_stored),
    )
    return Response(None, headers={"upload-offset": str(durable)})


@delete(
    "/uploads/{upload_id:uuid}",
    operation_id="terminateUpload",
    status_code=HTTP_204_NO_CONTENT,
    sync_to_thread=True,
    opt={"right": "source"},
    responses=problems(400, 401, 403, 404, 412),
)
def terminate_upload(
    upload_id: FromPath[UUID], actor: Actor, sessions: Sessions, server: Server, tus_resumable: Speaks = None
) -> None:
    """Give up an unfinished upload; its file may be sent anew."""
    check_version(tus_resumable)
    with sessions.begin() as session:
        uploading.terminate(session, actor, upload_id, server.receiver.folder)


@get(
    "/uploads/{upload_id:uuid}/receipt",
    operation_id="getReceipt",
    media_type=RECEIPT,
    sync_to_thread=True,
    opt={"right": "source"},
    responses={
        200: ResponseSpec(dict[str, Any], description="A DSSE envelope.", media_type=RECEIPT, generate_examples=False),
        202: ResponseSpec(None, description="Not stored yet: ask again."),
    }
    | problems(400, 401, 403, 404),
)
def get_receipt(upload_id: FromPath[UUID], actor: Actor, sessions: Sessions) -> ASGIResponse:
    """The signed receipt of a stored file, a DSSE envelope; the same bytes each time. 202 until it exists."""
    with sessions.begin() as session:
        receipt = queries.receipt(session, actor, upload_id)
    if receipt is None:
        return ASGIResponse(status_code=HTTP_202_ACCEPTED)
    return ASGIResponse(body=receipt, media_type=RECEIPT)


def _told(standing: Standing) -> dict[str, str]:
    headers = {"upload-offset": str(standing.offset), "upload-length": str(standing.size)}
    if standing.expires_at is not None:
        headers["upload-expires"] = format_datetime(standing.expires_at, usegmt=True)
    return headers


router = Router(
    "/v1",
    route_handlers=[tell_options, create_upload, get_offset, send_piece, terminate_upload, get_receipt],
    tags=["media"],
    middleware=[marked],
)
