"""Clips, holds, footage, cameras and who may wear one; docks send theirs through the exchange."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_206_PARTIAL_CONTENT

from backend.db import Sessions
from backend.errors import problems
from backend.evidence import answering, holding, queries, viewing
from backend.evidence.wire import (
    Clip,
    ClipLine,
    ClipPage,
    CustodyEntry,
    DeletionRecords,
    EvidenceBoard,
    Gap,
    Hold,
    IncidentClips,
    NewAnswers,
    NewCorrection,
    NewHold,
    NewView,
    ReleaseHold,
    ReviewHold,
    View,
)
from backend.fields import Actor
from backend.paging import After, Limit
from backend.server import Server

ViewId = Annotated[UUID | None, QueryParameter(name="view", description="The view that was opened with a reason.")]


#: Of whatever type the camera's file is: a page of ours plays it, and no browser takes it for a page.
OCTETS: Final = "application/octet-stream"
BYTES: Final = {
    status: ResponseSpec(bytes, description=said, media_type=OCTETS, generate_examples=False)
    for status, said in ((HTTP_200_OK, "The whole clip."), (HTTP_206_PARTIAL_CONTENT, "The range asked for."))
}


@get(
    "/clips",
    operation_id="listClips",
    sync_to_thread=True,
    opt={"right": "clip_data:R", "limits": "ocp"},
    responses=problems(400, 401, 403),
)
def list_clips(actor: Actor, sessions: Sessions, after: After = None, limit: Limit = 50) -> ClipPage:
    """Clips that you may know of and that are not deleted, the newest received first."""
    with sessions.begin() as session:
        return queries.clips(session, actor, after=after, limit=limit)


@get(
    "/clips/board",
    operation_id="clipBoard",
    sync_to_thread=True,
    opt={"right": "clip_data:R", "limits": "o"},
    responses=problems(401, 403),
)
def clip_board(actor: Actor, sessions: Sessions, server: Server, now: datetime) -> EvidenceBoard:
    """What a screen of clips begins with: the newest clips, gaps, exports, waiting views, tasks, the feed's cursor."""
    with sessions.begin() as session:
        return queries.board(session, actor, secret=server.secret, now=now)


@get(
    "/clips/gaps",
    operation_id="listClipGaps",
    sync_to_thread=True,
    opt={"right": "clip_data:R"},
    responses=problems(401, 403),
)
def list_gaps(sessions: Sessions) -> list[Gap]:
    """Numbers that cameras counted and no dock ever saw, the newest first."""
    with sessions.begin() as session:
        return queries.gaps(session)


@get(
    "/clips/deleted",
    operation_id="listDeletedClips",
    sync_to_thread=True,
    opt={"right": "deletion_records:R", "limits": "op"},
    responses=problems(400, 401, 403),
)
def list_deleted(actor: Actor, sessions: Sessions, after: After = None, limit: Limit = 50) -> DeletionRecords:
    """What remains of clips that were deleted, without their content, the newest deleted first."""
    with sessions.begin() as session:
        return queries.deletion_records(session, actor, after=after, limit=limit)


@get(
    "/clips/{clip_id:uuid}",
    operation_id="getClip",
    sync_to_thread=True,
    opt={"right": "clip_data:R", "limits": "oc"},
    responses=problems(400, 401, 403, 404),
)
def get_clip(clip_id: FromPath[UUID], actor: Actor, sessions: Sessions) -> Clip:
    """One clip with all that is kept of it, but its pictures and sound."""
    with sessions.begin() as session:
        return queries.clip(session, actor, clip_id)


@get(
    "/incidents/{incident_id:uuid}/clips",
    operation_id="countIncidentClips",
    sync_to_thread=True,
    opt={"right": "dispatch:R"},
    responses=problems(400, 401, 403, 404),
)
def count_incident_clips(incident_id: FromPath[UUID], sessions: Sessions) -> IncidentClips:
    """Whether clips of an incident exist, and whether they are on hold; never which, whose, or what they show."""
    with sessions.begin() as session:
        return queries.of_incident(session, incident_id)


@post(
    "/clips/{clip_id:uuid}/answers",
    operation_id="answerClip",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "clip_answers:C", "limits": "o"},
    responses=problems(400, 401, 403, 404, 409, 410, 413, 415),
)
def answer_clip(
    clip_id: FromPath[UUID], data: NewAnswers, actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> ClipLine:
    """Answer the five questions on a clip; until then nobody views or exports it, and it expires by law."""
    with sessions.begin() as session:
        return answering.answer(session, actor, clip_id, data, key=server.record_key, now=now)


@post(
    "/clips/{clip_id:uuid}/corrections",
    operation_id="correctClip",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "clip_answers:C", "limits": "o"},
    responses=problems(400, 401, 403, 404, 410, 413, 415),
)
def correct_clip(
    clip_id: FromPath[UUID], data: NewCorrection, actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> ClipLine:
    """State beside the clip, signed, when it really began; its own start and deadline are never edited."""
    with sessions.begin() as session:
        return answering.correct(session, actor, clip_id, data, key=server.record_key, now=now)


@post(
    "/clips/{clip_id:uuid}/review",
    operation_id="reviewClip",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "core_life_review:A"},
    responses=problems(400, 401, 403, 404, 410),
)
def review_clip(clip_id: FromPath[UUID], actor: Actor, sessions: Sessions, server: Server, now: datetime) -> ClipLine:
    """State, as another person than its officer, that a dwelling's clip holds no core of private life."""
    with sessions.begin() as session:
        return answering.reviewed(session, actor, clip_id, key=server.record_key, now=now)


@post(
    "/clips/{clip_id:uuid}/holds",
    operation_id="placeHold",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "clip_hold:C", "limits": "o set"},
    responses=problems(400, 401, 403, 404, 409, 410, 413, 415),
)
def place_hold(
    clip_id: FromPath[UUID], data: NewHold, actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> Hold:
    """Keep a clip beyond its deadline; the same ground and case again return the hold that stands."""
    with sessions.begin() as session:
        return holding.place(session, actor, clip_id, data, key=server.record_key, now=now)


@post(
    "/holds/{hold_id:uuid}/review",
    operation_id="reviewHold",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "clip_hold:C"},
    responses=problems(400, 401, 403, 404, 413, 415),
)
def review_hold(
    hold_id: FromPath[UUID], data: ReviewHold, actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> Hold:
    """State that a hold was looked at and goes on until its next review."""
    with sessions.begin() as session:
        return holding.review(session, actor, hold_id, data, key=server.record_key, now=now)


@post(
    "/holds/{hold_id:uuid}/release",
    operation_id="releaseHold",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "clip_hold:C"},
    responses=problems(400, 401, 403, 404, 413, 415),
)
def release_hold(
    hold_id: FromPath[UUID], data: ReleaseHold, actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> Hold:
    """End a hold; a clip past its deadline goes within an hour."""
    with sessions.begin() as session:
        return holding.release(session, actor, hold_id, data, key=server.record_key, now=now)


@get(
    "/clips/{clip_id:uuid}/custody",
    operation_id="clipCustody",
    sync_to_thread=True,
    opt={"right": "custody_log:R", "limits": "oc"},
    responses=problems(400, 401, 403, 404),
)
def clip_custody(clip_id: FromPath[UUID], actor: Actor, sessions: Sessions) -> list[CustodyEntry]:
    """Who did what to a clip, and why, in order."""
    with sessions.begin() as session:
        return viewing.custody(session, actor, clip_id)


@post(
    "/clips/{clip_id:uuid}/views",
    operation_id="openView",
    status_code=HTTP_201_CREATED,
    sync_to_thread=True,
    opt={"right": "footage:R", "limits": "oc"},
    responses=problems(400, 401, 403, 404, 409, 410, 413, 415),
)
def open_view(
    clip_id: FromPath[UUID], data: NewView, actor: Actor, sessions: Sessions, server: Server, now: datetime
) -> View:
    """Say why you look at a clip; this is recorded before the first byte leaves, and opens it for half an hour."""
    with sessions.begin() as session:
        return viewing.open_view(session, actor, clip_id, data, key=server.record_key, now=now)


@post(
    "/views/{view_id:uuid}/approve",
    operation_id="approveView",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "footage:A"},
    responses=problems(400, 401, 403, 404),
)
def approve_view(view_id: FromPath[UUID], actor: Actor, sessions: Sessions, server: Server, now: datetime) -> View:
    """Agree, as a second person, to somebody's view, within 15 minutes."""
    with sessions.begin() as session:
        return viewing.approve_view(session, actor, view_id, key=server.record_key, now=now)


@get(
    "/clips/{clip_id:uuid}/footage",
    operation_id="getFootage",
    sync_to_thread=True,
    opt={"right": "footage:R", "limits": "oc"},
    responses=problems(400, 401, 403, 404, 409, 410, 416) | BYTES,
)
def get_footage(
    clip_id: FromPath[UUID],
    request: Request[Any, Any, Any],
    actor: Actor,
    sessions: Sessions,
    server: Server,
    now: datetime,
    view: ViewId = None,
) -> Stream:
    """The clip's bytes, whole or the range that was asked for, for a view that stands."""
    with sessions.begin() as session:
        found = viewing.footage(
            session, server.receiver.folder, actor, clip_id, view, request.headers.get("range"), now=now
        )
    return _sent(found)


def _sent(found: viewing.Footage) -> Stream:
    """The bytes on their way: in ranges where one was asked for, and kept by nobody between."""
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "no-store",
        "content-length": str(found.stop - found.start),
        "content-disposition": "attachment",
    }
    if not found.is_partial:
        return Stream(found.data, media_type=OCTETS, headers=headers)
    headers["content-range"] = f"bytes {found.start}-{found.stop - 1}/{found.size}"
    return Stream(found.data, status_code=HTTP_206_PARTIAL_CONTENT, media_type=OCTETS, headers=headers)


router = Router(
    "/v1",
    route_handlers=[
        list_clips,
        clip_board,
        list_gaps,
        list_deleted,
        get_clip,
        count_incident_clips,
        answer_clip,
        correct_clip,
        review_clip,
        place_hold,
        review_hold,
        release_hold,
        clip_custody,
        open_view,
        approve_view,
        get_footage,
    ],
    tags=["evidence"],
)
