"""What is sent about the server itself."""

from typing import Annotated

from msgspec import Meta, Struct


class Health(Struct, frozen=True, kw_only=True):
    """The server answers and reaches its database."""

    status: Annotated[str, Meta(description="`ok`; anything else comes as a problem.")]
    version: str
