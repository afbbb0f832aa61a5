"""What a screen pulls."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType


class FeedChange(Struct, frozen=True, kw_only=True):
    """One row of the feed as a screen gets it."""

    scope: Annotated[str, Meta(description="The audience that this state is for.")]
    op: Annotated[str, Meta(description="`put`, `drop`, `delete` or `purge`.")]
    type: Annotated[str, Meta(description="Kind of thing, e.g. `offence`.")]
    id: Annotated[str, Meta(description="The thing's id.")]
    rev: Annotated[int, Meta(description="Revision of the thing; the highest one counts.")]
    body: Annotated[Raw | UnsetType, Meta(description="Its state; only with `put`.")] = UNSET


class FeedPage(Struct, frozen=True, kw_only=True):
    """Changes in their order, and where to go on."""

    changes: list[FeedChange]
    cursor: Annotated[str, Meta(description="Send it as `after` with the next pull.")]
    more: Annotated[bool, Meta(description="Whether another page waits.")]
