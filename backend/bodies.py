"""Reading a request's body: once, strictly, straight into the handler's struct.

The framework would decode it to dicts first and convert those with `strict=False`: `"1"` passed for a number, a fault
in a member named like a dependency (`now`) was a 500, and a batch of entries was built twice.
"""

import re
from typing import Any, Final

import msgspec
from litestar import Request

from backend.errors import BadInput

_PLACE: Final = re.compile(r" - at `(?:\$|key in )(?P<path>.*)`$")
_NAMED: Final = re.compile(r"(?:missing required|contains unknown) field `(.*)`$")


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is read as its handler's `data`."""

    async def json(self) -> Any:
        """The body as the struct that the handler takes.

        Raises:
            BadInput: it is not one; names the field.
            RecursionError: nested deeper than the decoder goes.
        """
        field = self.route_handler.parsed_data_field
        try:
            return msgspec.json.decode(await self.body(), type=field.annotation if field is not None else Any)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            pointer, detail = pointed(str(error))
            raise BadInput(field=pointer, detail=detail) from error


def pointed(message: str, path: str = "") -> tuple[str, str]:
    """JSON pointer and fault out of the decoder's words: `Expected … - at `$.entries[0].seq``.

    `path` says the place where the words do not; there stand names of parameters too.
    """
    found = _PLACE.search(message)
    detail = _PLACE.sub("", message) if found else message
    path = (found["path"] if found else path).partition("[...]")[0]
    parts = [part for part in path.replace("[", ".").replace("]", "").split(".") if part]
    named = _NAMED.search(detail)
    if named:
        parts.append(named[1])
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
    return pointer, detail or "not readable"
