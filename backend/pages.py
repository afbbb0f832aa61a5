"""What a browser gets that is no API: pages, explanations of problems, and the headers that protect them."""

from html import escape
from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path
from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.datastructures import MutableScopeHeaders
from litestar.params import FromPath
from litestar.response import File
from litestar.types import ControllerRouterHandler, Message, Scope

from backend import __version__
from backend.db import Sessions
from backend.errors import NotFound, all_problems, problems
from backend.server import Server
from backend.settings import Settings
from backend.wire import Health

#: No third party, no inline script or style, no frame (DESIGN.md, invariant 20).
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; manifest-src 'self'; worker-src 'self'; media-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(self), microphone=(), payment=(), usb=()",
}
#: An asset's name holds the hash of its bytes; a page names the assets of its own build, so it is asked for each time.
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_FIRST: Final = "no-cache"
#: What a system's own table of types may lack or name otherwise.
_KINDS: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2"}


async def secure_headers(message: Message, scope: Scope) -> None:
    """Every answer says what a browser may do with it: also those at addresses that no route has."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if scope["path"].startswith("/v1/"):
        headers.setdefault("cache-control", "no-store")


@get(
    "/v1/health",
    operation_id="health",
    tags=["server"],
    sync_to_thread=True,
    opt={"right": "public"},
    responses=problems(),
)
def health(sessions: Sessions) -> Health:
    """Whether the server can reach its database."""
    with sessions.begin() as session:
        session.connection().exec_driver_sql("SELECT 1")
    return Health(status="ok", version=__version__)


@get("/problems/{number:str}", include_in_schema=False, sync_to_thread=False, opt={"right": "public"})
def explain_problem(number: str) -> Response[str]:
    """What a problem's `type` means, in German."""
    found = next((cls for cls in all_problems() if f"{cls.status}.{cls.number}" == number), None)
    if found is None:
        raise NotFound
    page = (
        f'<!doctype html><html lang="de"><head><meta charset="utf-8"><title>Problem {number} · Streife</title></head>'
        f"<body><main><h1>Problem {number}</h1><p>{escape(found.advice)}</p>"
        f"<p>Kürzel: <code>{escape(found.code)}</code></p></main></body></html>"
    )
    return Response(page, media_type=MediaType.HTML)


def built(settings: Settings) -> Path:
    """The folder with the built browser clients."""
    return settings.web_dir or Path(str(files("backend").joinpath("web", "built")))


def static(settings: Settings) -> list[ControllerRouterHandler]:
    """The browser clients as they were built when the server started; otherwise a page that says how to.

    Only these files can be asked for: a path from outside never reaches the file system.
    """
    folder = built(settings)
    pages = {f"/{path.parent.relative_to(folder).as_posix()}".rstrip("."): path for path in folder.rglob("index.html")}
    assets = {path.name: path for path in folder.glob("assets/*")}
    if "/" not in pages:
        return [unbuilt]

    @get(sorted(pages), include_in_schema=False, sync_to_thread=False, opt={"right": "public"})
    def page(request: Request[Any, Any, Any]) -> File:
        return _file(pages[request.scope["path"].rstrip("/") or "/"], _ASK_FIRST)

    @get("/assets/{name:str}", include_in_schema=False, sync_to_thread=False, opt={"right": "public"})
    def asset(name: FromPath[str]) -> File:
        if name not in assets:
            raise NotFound
        return _file(assets[name], _FOR_EVER)

    return [page, asset]


def _file(path: Path, cache: str) -> File:
    kind = _KINDS.get(path.suffix) or guess_type(path.name)[0]
    return File(path, media_type=kind, content_disposition_type="inline", headers={"cache-control": cache})


@get("/", include_in_schema=False, sync_to_thread=False, opt={"right": "public"})
def unbuilt(server: Server) -> Response[str]:
    """Said in place of the pages where they were never built, with the reason that the build left (web/build_hook)."""
    left = built(server.settings) / "why_not.txt"
    reason = left.read_text("utf-8") if left.is_file() else "Die Seiten wurden noch nicht gebaut."
    text = (
        '<!doctype html><html lang="de"><head><meta charset="utf-8"><title>Streife</title></head><body><main>'
        f"<h1>Streife läuft, aber ohne Oberfläche</h1><p>{escape(reason)}</p><p>Bitte Node.js (ab 20.19) bereitstellen "
        "und Streife erneut installieren. Die API ist erreichbar, etwa "
        '<a href="/v1/health">/v1/health</a>.</p></main></body></html>'
    )
    return Response(text, media_type=MediaType.HTML, status_code=503)


router = Router("/", route_handlers=[health, explain_problem])
