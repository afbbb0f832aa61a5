"""The API's description (OpenAPI): what the framework derives from the handlers, and what it leaves out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Reference, SecurityScheme
from litestar.types import ControllerRouterHandler

from backend import __version__

SESSION_COOKIE: Final = "streife_session"

_TELLS: Final = (
    "API of the Streife server. Refusals are `application/problem+json` (RFC 9457). `x-right` names the right that an"
    " operation needs: a row of the rights table with R, C or A, or `public`, `signed_in` (a person), `source`"
    " (a device), `member` (either of them). `x-limits` names narrower grants that are let in too: `o` own only,"
    " `c` named cases only."
)
_SCHEMES: Final[dict[str, SecurityScheme | Reference]] = {
    "session": SecurityScheme(
        type="apiKey", security_scheme_in="cookie", name=SESSION_COOKIE, description="A person at a screen."
    ),
    "lease": SecurityScheme(type="http", scheme="bearer", description="A device with a lease (sync/README.md)."),
}
#: Whose credentials open what needs no role.
_SECURITY: Final[Mapping[str, list[dict[str, list[str]]]]] = {
    "public": [],
    "source": [{"lease": []}],
    "member": [{"session": []}, {"lease": []}],
}


@lru_cache(maxsize=1)
def text() -> str:
    """The description as JSON: the same for the same code, under any hash seed, with LF at its end."""
    from backend.app import ROUTERS, dependencies  # noqa: PLC0415 - the application serves this text

    return described(ROUTERS, dependencies())


def described(routers: Sequence[ControllerRouterHandler], dependencies: Mapping[str, Provide]) -> str:
    """As `text`, for these routes."""
    config = OpenAPIConfig(
        title="Streife",
        version=__version__,
        description=_TELLS,
        use_handler_docstrings=True,
        components=[Components(security_schemes=_SCHEMES)],
    )
    app = Litestar(list(routers), dependencies=dict(dependencies), openapi_config=config)
    schema = app.openapi_schema.to_schema()
    handlers = {handler.operation_id: handler for handler in _handlers(app)}
    for operation in operations(schema):
        handler = handlers[operation["operationId"]]
        operation["x-right"] = handler.opt["right"]
        if "limits" in handler.opt:
            operation["x-limits"] = handler.opt["limits"]
        operation["security"] = _SECURITY.get(handler.opt["right"], [{"session": []}])
    _empty(schema)
    _close(schema["components"]["schemas"], handlers.values())
    return msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=2).decode() + "\n"


def operations(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every operation of a description."""
    for path in schema["paths"].values():
        yield from path.values()


def _handlers(app: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and handler.operation_id:
                yield handler


def _empty(schema: Mapping[str, Any]) -> None:
    """Answers that hold headers alone have no content, whatever the framework derives from `Response[None]`."""
    for path in schema["paths"].values():
        for method, operation in path.items():
            for status, answer in operation["responses"].items():
                kinds = answer.get("content", {})
                if status < "300" and (
                    method == "head" or all(one["schema"] == {"type": "null"} for one in kinds.values())
                ):
                    answer.pop("content", None)


def _close(schemas: dict[str, Any], handlers: Iterable[HTTPRouteHandler]) -> None:
    """Inputs that refuse unknown fields say so; msgspec never writes it."""
    for handler in handlers:
        struct = handler.parsed_data_field.annotation if handler.parsed_data_field is not None else None
        if not (isinstance(struct, type) and issubclass(struct, msgspec.Struct)):
            continue
        if struct.__struct_config__.forbid_unknown_fields:
            schemas[struct.__name__]["additionalProperties"] = False
