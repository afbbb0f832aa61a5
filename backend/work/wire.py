"""What is sent about tasks."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from backend.fields import Aware, Line


class Task(Struct, frozen=True, kw_only=True):
    """Something that waits for a person."""

    id: str
    audience: str
    kind: Annotated[str, Meta(description="What it is about, e.g. `amount_differs`.")]
    subject_type: str
    subject: str
    facts: dict[str, str | int]
    rev: int
    opened_at: Aware
    closed_at: Aware | None
    outcome: str | None


class CloseTask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a task ended. Unknown fields are refused."""

    outcome: Literal["settled", "no_action"]
    reason: Annotated[Line, Meta(description="Why, in a sentence; kept with the task.")]
    base: Annotated[int, Meta(ge=1, le=2**53 - 1, description="The revision that the person saw.")]
