"""RFC 8785 JSON, narrowed until every encoder agrees on its bytes (design/evidence.md 3).

Keys are `[a-z0-9_]+`, integers lie within ±(2^53 − 1), there are no floats; instants are UTC and end in `Z`, hashes
are lower-case hex. Inside this profile sorted keys and minimal escapes are all that RFC 8785 asks for.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from backend.fields import MAX_SAFE_INTEGER

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_is_key: Final = re.compile(r"[a-z0-9_]+").fullmatch


class NotCanonical(ValueError):
    """A value lies outside the profile; the message names where and never the value itself."""


def canonical(value: Mapping[str, Json]) -> bytes:
    """The one byte form of `value` in the profile, UTF-8.

    Raises:
        NotCanonical: a key, a number or a type is outside the profile, or a text holds half a surrogate pair.
    """
    try:
        return _encode(_plain(value, ""))
    except UnicodeEncodeError as error:
        raise NotCanonical("text is not Unicode") from error


def instant(at: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ` of an aware instant, cut (not rounded) to milliseconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _plain(value: Json, place: str) -> object:
    """`value` in the types that the encoder knows."""
    match value:
        case None | bool() | str():
            return value
        case int() if abs(value) <= MAX_SAFE_INTEGER:
            return value
        case Mapping() if all(isinstance(key, str) and _is_key(key) for key in value):
            return {key: _plain(item, f"{place}/{key}") for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, f"{place}/{n}") for n, item in enumerate(value)]
    raise NotCanonical(f"{place or '/'}: a {type(value).__name__} outside the profile")
