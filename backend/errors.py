"""One tree of refusals. Each answer is `application/problem+json` (RFC 9457) and says what a person can do next.

A number is `<status>.<n>`: given once, never changed, never used again (`tests/backend/test_errors.py` holds the list).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Final

from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Meta, Struct, UnsetType

from sync.exchange import Control, Stop

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"


class Pointed(Struct, frozen=True, kw_only=True):
    """One fault in what was sent."""

    pointer: Annotated[str, Meta(description="JSON pointer to the field (RFC 6901).")]
    detail: Annotated[str, Meta(description="What is wrong with it.")]


class Problem(Struct, frozen=True, kw_only=True):
    """What every refusal looks like."""

    type: Annotated[str, Meta(description="Address that explains this kind of problem in German.")]
    title: Annotated[str, Meta(description="What happened, in English, the same for every problem of this type.")]
    status: Annotated[int, Meta(ge=400, le=599, description="HTTP status.")]
    detail: Annotated[str, Meta(description="What happened and what to do next, in German.")]
    code: Annotated[str, Meta(description="Name of the problem, as verdicts carry it.")]
    errors: Annotated[list[Pointed] | UnsetType, Meta(description="The fields at fault.")] = UNSET
    instance: Annotated[str | UnsetType, Meta(description="Id of this occurrence, to ask for.")] = UNSET
    facts: Annotated[dict[str, str | int | list[str]] | UnsetType, Meta(description="What the answer rests on.")] = (
        UNSET
    )
    stop: Annotated[Stop | UnsetType, Meta(description="What a device must act upon (sync/README.md).")] = UNSET
    control: Annotated[tuple[Control, ...] | UnsetType, Meta(description="The town's signed orders to it.")] = UNSET


class DomainError(Exception):
    """A refusal that the caller can act on."""

    status: ClassVar[int]
    number: ClassVar[int]
    code: ClassVar[str]
    #: Says it to a person, in German, and ends with the next step.
    advice: ClassVar[str]
    #: As a verdict of an entry: a conflict is decided by a person, anything else is rejected.
    is_conflict: ClassVar[bool] = False
    #: After how many seconds the same request may succeed.
    retry_after: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        field: str | None = None,
        detail: str | None = None,
        stop: Stop | None = None,
        control: tuple[Control, ...] = (),
        **facts: str | int | list[str],
    ) -> None:
        """`field` is the JSON pointer of what is at fault; `facts` travel in the answer and hold no personal data."""
        super().__init__(self.code)
        self.stop = stop
        self.control = control
        self.field = field
        self.detail = detail
        self.facts = facts

    @classmethod
    def type(cls) -> str:
        """The address that explains this problem, e.g. `/problems/409.1`."""
        return f"/problems/{cls.status}.{cls.number}"

    def headers(self) -> dict[str, str]:
        """Headers of the answer that a protocol asks for."""
        return {"retry-after": str(self.retry_after)} if self.retry_after is not None else {}

    def problem(self) -> Problem:
        """The answer's body."""
        title = (type(self).__doc__ or self.code).strip().splitlines()[0]
        return Problem(
            type=self.type(),
            title=title,
            status=self.status,
            detail=self.advice,
            code=self.code,
            errors=[Pointed(pointer=self.field, detail=self.detail or title)] if self.field is not None else UNSET,
            facts=dict(self.facts) if self.facts else UNSET,
            stop=self.stop if self.stop is not None else UNSET,
            control=self.control or UNSET,
        )


class BadInput(DomainError):
    """The request cannot be read as what this address expects."""

    status, number, code = 400, 1, "bad_input"
    advice = "Die Angaben sind so nicht lesbar. Bitte das genannte Feld prüfen und erneut senden."


class BadEnvelope(DomainError):
    """The exchange's envelope is unreadable; nothing was applied."""

    status, number, code = 400, 2, "bad_envelope"
    advice = "Das Gerät hat eine unlesbare Sendung geschickt. Nichts wurde übernommen; bitte die App aktualisieren."


class BadProof(DomainError):
    """The signature does not prove that the sender holds the key."""

    status, number, code = 400, 3, "bad_proof"
    advice = "Der Schlüsselnachweis des Geräts stimmt nicht. Bitte die Anmeldung des Geräts neu beginnen."


class ForeignId(DomainError):
    """The referenced thing does not exist in this town."""

    status, number, code = 400, 4, "unknown_reference"
    advice = "Der genannte Bezug ist hier nicht bekannt. Bitte die Auswahl neu laden."


class NotSignedIn(DomainError):
    """No valid session or token came with the request."""

    status, number, code = 401, 1, "not_signed_in"
    advice = "Sie sind nicht angemeldet oder die Anmeldung ist abgelaufen. Bitte neu anmelden."


class WrongLogin(DomainError):
    """Login name or password are wrong."""

    status, number, code = 401, 2, "wrong_login"
    advice = "Kennung oder Passwort stimmen nicht. Bitte erneut versuchen oder die Administration fragen."


class NotAllowed(DomainError):
    """The caller's roles do not hold the right that this address needs."""

    status, number, code = 403, 1, "not_allowed"
    advice = "Ihre Rolle darf das nicht. Bitte die zuständige Stelle fragen."


class OwnApproval(DomainError):
    """Whoever created a thing cannot approve it."""

    status, number, code = 403, 2, "own_approval"
    advice = (
        "Eine zweite Person muss zustimmen. Bitte eine andere Administratorin oder einen anderen Administrator bitten."
    )


class SourceRevoked(DomainError):
    """The source was revoked: it gets no lease."""

    status, number, code = 403, 3, "source_revoked"
    advice = "Dieses Gerät ist gesperrt. Bitte die Leitstelle anrufen; nicht Gesendetes bleibt auf dem Gerät."


class ForeignOrigin(DomainError):
    """A browser sent this from a page that is not ours."""

    status, number, code = 403, 4, "foreign_origin"
    advice = "Die Anfrage kam von einer fremden Seite und wurde nicht ausgeführt. Bitte Streife direkt öffnen."


class Unclassified(DomainError):
    """The five questions about the clip are not answered: nobody views or exports it."""

    status, number, code = 403, 60, "unclassified"
    advice = "Zu diesem Clip fehlen die fünf Angaben; ohne sie sieht ihn niemand. Bitte zuerst die Angaben machen."


class Quarantined(DomainError):
    """The clip is quarantined: nobody views or exports it."""

    status, number, code = 403, 61, "quarantined"
    advice = "Dieser Clip ist gesperrt und wird gelöscht, ohne dass ihn jemand ansieht. Bitte den Datenschutz fragen."


class NotReviewed(DomainError):
    """A dwelling's clip was not yet reviewed for the core of private life."""

    status, number, code = 403, 62, "not_reviewed"
    advice = "Aufnahmen aus Wohnungen prüft zuerst eine andere Person auf den Kernbereich. Bitte die Prüfung anstoßen."


class SecondPersonNeeded(DomainError):
    """Another person has to agree first."""

    status, number, code = 403, 63, "second_person_needed"
    advice = "Hier gilt das Vier-Augen-Prinzip. Bitte eine zweite berechtigte Person um Zustimmung bitten."


class ReasonMissing(DomainError):
    """Footage is opened with a reason, for one person, one clip and half an hour."""

    status, number, code = 403, 64, "reason_missing"
    advice = "Zum Ansehen fehlt eine gültige Begründung. Bitte die Ansicht mit einem Grund neu öffnen."


class NotFound(DomainError):
    """Nothing is known under this address."""

    status, number, code = 404, 1, "not_found"
    advice = "Das Gesuchte gibt es hier nicht. Bitte Adresse oder Nummer prüfen."


class MethodNotAllowed(DomainError):
    """This address does not know this method."""

    status, number, code = 405, 1, "method_not_allowed"
    advice = "So kann diese Adresse nicht benutzt werden. Bitte die API-Beschreibung lesen."


class IdReused(DomainError):
    """The same id came with other content; both are kept."""

    status, number, code = 409, 1, "id_reused"
    advice = "Unter dieser Kennung ist schon etwas anderes gespeichert. Bitte als neuen Eintrag erfassen."


class AlreadyDone(DomainError):
    """Somebody did this before, with another outcome."""

    status, number, code = 409, 2, "already_done"
    advice = "Das hat inzwischen jemand anderes erledigt. Bitte den Stand neu laden."
    is_conflict = True


class NameTaken(DomainError):
    """The name is in use in this town."""

    status, number, code = 409, 3, "name_taken"
    advice = "Dieser Name ist schon vergeben. Bitte einen anderen wählen."


class EpochChanged(DomainError):
    """The cursor belongs to another history of the database."""

    status, number, code = 409, 4, "epoch_changed"
    advice = "Der Server wurde wiederhergestellt. Die Ansicht wird neu geladen."


class CodeUsed(DomainError):
    """The enrolment code is unknown, used or out of date."""

    status, number, code = 409, 5, "code_used"
    advice = "Dieser Anmeldecode gilt nicht mehr. Bitte in der Verwaltung einen neuen erzeugen."


class StaleClock(DomainError):
    """The lease request is not newer than the one before."""

    status, number, code = 409, 6, "stale_clock"
    advice = "Die Uhr des Geräts geht vor oder nach. Bitte Datum und Uhrzeit am Gerät prüfen."


class StaleBase(DomainError):
    """The person saw an older revision than the one that stands."""

    status, number, code = 409, 7, "stale_base"
    advice = "Der Eintrag wurde inzwischen geändert. Bitte den neuen Stand ansehen und erneut entscheiden."
    is_conflict = True


class RefusedTransition(DomainError):
    """The thing is in a state in which this cannot happen to it."""

    status, number, code = 409, 50, "refused_transition"
    advice = "Das geht im jetzigen Stand nicht. Bitte den neuen Stand ansehen und neu entscheiden."
    is_conflict = True


class NotYourUnit(DomainError):
    """The person was not on shift in the unit that this is about."""

    status, number, code = 409, 51, "not_your_unit"
    advice = "Sie waren zu dieser Zeit nicht in dieser Streife eingetragen. Bitte die Leitstelle ansprechen."
    is_conflict = True


class DeadlinePassed(DomainError):
    """The clip's deadline has passed: it goes, and nothing holds it any more."""

    status, number, code = 409, 60, "deadline_passed"
    advice = "Die Löschfrist dieses Clips ist abgelaufen; er wird gelöscht. Eine Löschsperre ist nicht mehr möglich."


class NoCertificate(DomainError):
    """The officer has no training certificate that is valid for the whole span."""

    status, number, code = 409, 61, "no_certificate"
    advice = "Für diesen Zeitraum fehlt ein gültiger Schulungsnachweis. Bitte zuerst den Nachweis eintragen."


class CameraTaken(DomainError):
    """Somebody else has the camera in that span."""

    status, number, code = 409, 62, "camera_taken"
    advice = "Die Kamera ist in diesem Zeitraum schon vergeben. Bitte die andere Zuordnung zuerst beenden."


class AwaitingMedia(DomainError):
    """The clip's bytes are not here yet."""

    status, number, code = 409, 63, "awaiting_media"
    advice = "Die Aufnahme ist noch nicht vollständig übertragen. Bitte später erneut öffnen."


class CameraUnconfirmed(DomainError):
    """Nobody has said yet what this camera is."""

    status, number, code = 409, 64, "camera_unconfirmed"
    advice = "Diese Kamera ist noch nicht bestätigt oder ausgemustert. Bitte die Administration fragen."


class ExportNotBuilt(DomainError):
    """There is no package of this export yet."""

    status, number, code = 409, 70, "export_not_built"
    advice = "Das Paket ist noch nicht fertig. Bitte auf Freigabe und Zusammenstellung warten und erneut versuchen."


class CursorExpired(DomainError):
    """The cursor is older than what the feed still holds."""

    status, number, code = 410, 1, "cursor_expired"
    advice = "Die Ansicht ist zu alt und wird vollständig neu geladen."


class ClipGone(DomainError):
    """The clip was deleted by law, or is about to be."""

    status, number, code = 410, 60, "clip_gone"
    advice = "Dieser Clip wurde fristgemäß gelöscht. Was blieb, steht im Löschprotokoll."


class PackageGone(DomainError):
    """Our copy of the package is gone, as it has to be."""

    status, number, code = 410, 70, "package_gone"
    advice = "Unsere Kopie des Pakets ist fristgerecht gelöscht. Bei Bedarf bitte eine neue Ausgabe beantragen."


class TooLarge(DomainError):
    """The request is larger than this address takes."""

    status, number, code = 413, 1, "too_large"
    advice = "Die Sendung ist zu groß. Bitte in kleineren Teilen senden."


class UnsupportedMedia(DomainError):
    """The content type or encoding is not taken here."""

    status, number, code = 415, 1, "unsupported_media"
    advice = "Dieses Format wird hier nicht angenommen. Bitte als JSON ohne Kompression senden."


class CameraForbidden(DomainError):
    """A camera may stand in entrances and waiting zones only (rule R16)."""

    status, number, code = 422, 50, "camera_forbidden"
    advice = (
        "Regel R16: Kameras dürfen nur in Eingang und Wartezone stehen. Bitte eine andere Zone wählen oder die Kamera"
        " dort zuerst entfernen."
    )


class RangeNotSatisfiable(DomainError):
    """The range lies behind the end of the file, or cannot be read."""

    status, number, code = 416, 60, "range_not_satisfiable"
    advice = "Der angeforderte Abschnitt liegt außerhalb der Aufnahme. Bitte die Aufnahme neu öffnen."

    def headers(self) -> dict[str, str]:
        """The size that there is (RFC 9110, 14.4)."""
        return {"content-range": f"bytes */{self.facts['size']}"}


class TooManyTries(DomainError):
    """Too many attempts in a short time."""

    status, number, code = 429, 1, "too_many_tries"
    advice = "Zu viele Versuche. Bitte eine Minute warten."


class Defect(DomainError):
    """Something is broken on our side."""

    status, number, code = 500, 1, "defect"
    advice = "Auf dem Server ist ein Fehler aufgetreten. Bitte die genannte Nummer der Administration melden."


class UploadStalled(DomainError):
    """No byte of the body came for too long; what is durable stays."""

    status, number, code = 408, 40, "upload_stalled"
    advice = "Die Übertragung stand still und wurde beendet. Bitte ab dem bestätigten Stand fortsetzen."


class EntryUnknown(DomainError):
    """No admitted entry of this source names this file."""

    status, number, code = 409, 40, "entry_unknown"
    advice = "Zu dieser Datei liegt kein angenommener Eintrag vor. Bitte zuerst den Eintrag senden."


class WrongOffset(DomainError):
    """The upload stands at another offset than the request begins at."""

    status, number, code = 409, 41, "wrong_offset"
    advice = "Der Server hat einen anderen Stand der Datei. Bitte ab dem genannten Stand fortsetzen."

    def headers(self) -> dict[str, str]:
        """The offset that stands, as tus tells it."""
        return {"upload-offset": str(self.facts["offset"])}


class WriterReplaced(DomainError):
    """A newer request writes this upload now; what this one sent and was not told durable is dropped."""

    status, number, code = 409, 42, "writer_replaced"
    advice = "Eine neuere Verbindung setzt diese Übertragung fort. Bitte den Stand neu abfragen."


class UploadGone(DomainError):
    """This upload has ended without its file: it was terminated, took too long, or the file was deleted by law."""

    status, number, code = 410, 40, "upload_gone"
    advice = "Diese Übertragung gibt es nicht mehr. Bitte die Datei neu anmelden, falls sie noch gebraucht wird."


class WrongTusVersion(DomainError):
    """The request does not say that it speaks tus 1.0.0."""

    status, number, code = 412, 40, "wrong_tus_version"
    advice = "Das Gerät spricht eine andere Fassung des Übertragungsprotokolls. Bitte die App aktualisieren."

    def headers(self) -> dict[str, str]:
        """The versions known here, as tus tells them."""
        return {"tus-version": "1.0.0"}


class NotAPiece(DomainError):
    """The body of a PATCH is not named a piece of a file, or it is packed."""

    status, number, code = 415, 40, "not_a_piece"
    advice = "So werden Dateien hier nicht angenommen. Bitte als application/offset+octet-stream senden."


class TooManyUploads(DomainError):
    """This source has as many unfinished uploads as it may."""

    status, number, code = 429, 40, "too_many_uploads"
    advice = "Zu viele Dateien sind gleichzeitig unterwegs. Bitte eine davon erst zu Ende senden."
    retry_after = 10


class WrongBytes(DomainError):
    """What arrived is not what its digest says; the offset stays where it was."""

    status, number, code = 460, 40, "wrong_bytes"
    advice = "Die Datei kam verändert an. Bitte ab dem genannten Stand erneut senden."

    def headers(self) -> dict[str, str]:
        """The offset that stands, as tus tells it."""
        return {"upload-offset": str(self.facts["offset"])}


class NoRoom(DomainError):
    """The disk has no room for it; what is durable stays."""

    status, number, code = 507, 40, "no_room"
    advice = "Der Speicher des Servers ist voll. Bitte die Administration rufen; nichts ging verloren."
    retry_after = 60


class NotNow(DomainError):
    """The server cannot do this at the moment; nothing was stored."""

    status, number, code = 503, 1, "not_now"
    advice = "Der Server ist gerade nicht bereit. Nichts ging verloren; es wird von selbst erneut versucht."


#: What a broken constraint means to whoever sent the row; every other one is a defect.
CONSTRAINTS: Final[Mapping[str, type[DomainError]]] = MappingProxyType(
    {
        "uq_person_town_login": NameTaken,
        "uq_town_slug": NameTaken,
        "uq_town_domain": NameTaken,
        "fk_role_grant_town_person": ForeignId,
        "pk_offence": IdReused,
        "uq_unit_town_call_sign": NameTaken,
        "camera_zone": CameraForbidden,
        "pk_clip": IdReused,
        "uq_evidence_case_town_aktenzeichen": NameTaken,
        "pk_clip_gap": IdReused,
        "pk_clip_gap_filled": IdReused,
        "pk_camera_docking": IdReused,
    }
)


def all_problems() -> list[type[DomainError]]:
    """Every refusal, ordered by its number."""
    return sorted(DomainError.__subclasses__(), key=lambda cls: (cls.status, cls.number))


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """What a route's `responses=` says about refusals; it replaces the framework's own description of a 400.

    500 and 503 stand at every route without being named: a defect or a database that is away can happen anywhere.
    """
    titles = {status: next(c for c in all_problems() if c.status == status) for status in {*statuses, 500, 503}}
    return {
        status: ResponseSpec(
            Problem,
            description=(cls.__doc__ or "").strip(),
            media_type=PROBLEM_MEDIA_TYPE,
            generate_examples=False,
        )
        for status, cls in titles.items()
    }
