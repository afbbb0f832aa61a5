"""What waits for a person."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK

from backend.db import Sessions
from backend.errors import problems
from backend.fields import Actor
from backend.work import service
from backend.work.wire import CloseTask, Task


@get(
    "/tasks",
    operation_id="listTasks",
    sync_to_thread=True,
    opt={"right": "signed_in"},
    responses=problems(400, 401, 403),
)
def list_tasks(
    actor: Actor,
    sessions: Sessions,
    limit: Annotated[int, Parameter(ge=1, le=1000, description="At most so many.")] = 200,
) -> list[Task]:
    """The tasks that wait for the roles of whoever asks, oldest first."""
    with sessions.begin() as session:
        return service.open_tasks(session, actor, limit)


@post(
    "/tasks/{task_id:uuid}/close",
    operation_id="closeTask",
    status_code=HTTP_200_OK,
    sync_to_thread=True,
    opt={"right": "signed_in"},
    responses=problems(400, 401, 403, 404, 409, 413, 415),
)
def close_task(task_id: UUID, data: CloseTask, actor: Actor, sessions: Sessions, now: datetime) -> Task:
    """Settle a task, with a reason; only those for whose roles it waits may."""
    with sessions.begin() as session:
        return service.close_task(session, actor, task_id, data, now=now)


router = Router("/v1", route_handlers=[list_tasks, close_task], tags=["work"])
