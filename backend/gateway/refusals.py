"""What the gateway's HTTP answers where it cannot do what was asked: problem+json (RFC 9457), block .90."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from litestar import Response

from backend.gateway.signals import Fault

MEDIA_TYPE: Final = "application/problem+json"

#: Status: title in English, then what a person can do, in German.
TEXTS: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        400: (
            "The request cannot be read.",
            "Die Anfrage ist so nicht lesbar. Bitte das Programm prüfen, das sie sendet.",
        ),
        401: (
            "Nobody is known by this token.",
            "Dieses Zeichen ist hier nicht bekannt. Bitte in der Leitstelle die Leitung prüfen.",
        ),
        404: (
            "Nothing is known under this address.",
            "Das Gesuchte gibt es hier nicht. Bitte Adresse und Schlüssel prüfen.",
        ),
        405: (
            "This address does not know this method.",
            "So kann diese Adresse nicht benutzt werden. Bitte die Beschreibung lesen.",
        ),
        409: (
            "The same key came with other content; both are kept.",
            "Unter diesem Schlüssel kam schon etwas anderes; beides ist aufgezeichnet. Bitte stets einen neuen bilden.",
        ),
        413: (
            "The request is too large; nothing was recorded.",
            "Die Anfrage ist zu groß. Bitte höchstens 16 KiB senden.",
        ),
        422: (
            "A field cannot be read; what was sent is kept for a person.",
            "Das genannte Feld ist nicht lesbar; die Sendung ist aufgezeichnet. Bitte das sendende Programm prüfen.",
        ),
        500: (
            "Something is wrong here.",
            "Hier ist ein Fehler passiert. Bitte erneut senden und die Administration rufen.",
        ),
        503: (
            "Nothing was recorded.",
            "Das Signal ist NICHT aufgezeichnet. Bitte sofort erneut senden und auf anderem Weg Hilfe rufen.",
        ),
    }
)


class Pointed(msgspec.Struct, frozen=True, kw_only=True):
    """One fault in what was sent."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every refusal looks like, as the server's do."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Pointed, ...] = ()


def problem(status: int, fault: Fault | None = None) -> Response[Problem]:
    """The refusal with this status."""
    title, detail = TEXTS[status]
    errors = () if fault is None else (Pointed(pointer=fault.pointer, detail=fault.detail),)
    body = Problem(type=f"/problems/{status}.90", title=title, status=status, detail=detail, errors=errors)
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}.get(status)
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)
