"""What can go wrong at a dock: one tree; `text` says it to a person and ends with the next step."""

from typing import ClassVar


class DockError(Exception):
    """Something stands in the way; `can_retry` says whether it may go by itself, without anybody acting."""

    can_retry: ClassVar[bool] = False
    #: For a person, in German.
    text: str = "Die Dockstation kann so nicht weiterarbeiten. Bitte die Administration verständigen."


class SettingsWrong(DockError):
    """The dock cannot start with what it was told; the message is in German and says what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class SpoolNotEncrypted(DockError):
    """The volume of state and spool is not known to be encrypted; the message says what was looked at."""

    text = (
        "Der Datenträger der Dockstation ist nicht nachweislich verschlüsselt."
        " Bitte einen verschlüsselten Ordner angeben (--state) oder mit --allow-unencrypted bewusst darauf verzichten."
    )


class CameraGone(DockError):
    """The camera was taken out, or its card cannot be read any more."""

    can_retry = True
    text = "Kamera abgezogen. Bitte wieder einsetzen."


class CardChanged(DockError):
    """A file on the card is not the one that was listed or copied: nothing on the card is touched."""

    text = "Eine Datei auf der Karte hat sich verändert. Sie bleibt dort; bitte die Administration verständigen."


class SpoolFull(DockError):
    """The spool has no room for the next file; the card keeps it."""

    can_retry = True
    text = "DER SPEICHER DER DOCKSTATION IST VOLL. Es wird nichts mehr übernommen; bitte die Verbindung prüfen."


class SpoolDamaged(DockError):
    """What the disk gives back is not what was written to it: a defect of the dock's disk."""

    text = "Der Datenträger der Dockstation gibt andere Daten zurück, als geschrieben wurden. Bitte austauschen."


class UploadRefused(DockError):
    """The server refuses this upload in a way that repeating cannot mend; spool and card keep the file."""

    text = (
        "Der Server nimmt die Datei nicht an. Sie bleibt hier und auf der Karte; bitte die Administration verständigen."
    )

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status


class UploadLater(DockError):
    """Not now: no network, a stall, no room at the server, or the receipt is not written yet."""

    can_retry = True
    text = "Übertragung unterbrochen, sie wird fortgesetzt."

    def __init__(self, what: str, *, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class ReceiptRefused(DockError):
    """What came as a receipt does not prove that the server has this clip: the camera's file stays."""

    text = (
        "Die Quittung des Servers ist nicht gültig. Die Aufnahme bleibt auf der Karte;"
        " bitte die Administration verständigen."
    )
