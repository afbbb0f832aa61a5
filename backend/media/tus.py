"""The marks of tus 1.0.0 on every request and answer of uploads."""

from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import WrongTusVersion
from backend.media.rules import TUS


def marked(app: ASGIApp) -> ASGIApp:
    """Middleware: answers say which version they speak, refusals too."""

    async def mark(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableScopeHeaders.from_message(message)["tus-resumable"] = TUS
            await send(message)

        await app(scope, receive, send_marked)

    return mark


def check_version(said: str | None) -> None:
    """A request says which version it speaks, in `Tus-Resumable`.

    Raises:
        WrongTusVersion: another, or none.
    """
    if said != TUS:
        raise WrongTusVersion
