"""What a dock tells: one German line for the person in front of it, or one JSON object for a machine.

Camera names are pseudonyms, clips go by the camera's number; serials and file names stay in the journal.
"""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

#: What each event says to a person; the rest of its facts fills the gaps.
LINES: Final = {
    "enrolled": "Angemeldet bei „{town}“.",
    "started": "Dockstation läuft. {encryption}.",
    "camera_docked": "{camera}: eingesetzt, {files} Aufnahmen auf der Karte, {new} neue.",
    "camera_undocked": "{camera}: abgezogen.",
    "camera_unknown": "{camera}: Modell unbekannt. Aufnahmen werden kopiert, auf der Karte bleibt alles.",
    "files_left": "{camera}: {number} Dateien sind keine Aufnahmen und bleiben auf der Karte.",
    "clock_off": "{camera}: Uhr weicht um {seconds} s ab.",
    "gap": "{camera}: Nummern {first} bis {last} fehlen ({cause}).",
    "gap_filled": "{camera}: Nummer {seq} ist wieder da.",
    "clip_taken": "{camera} Nr. {seq}: übernommen.",
    "clip_not_taken": "{camera} Nr. {seq}: NICHT übernommen. {why}",
    "clip_problem": "{camera} Nr. {seq}: übernommen; das Video ist auffällig ({problem}).",
    "clip_received": "{camera} Nr. {seq}: vom Server quittiert.",
    "clip_not_sent": "{camera} Nr. {seq}: noch nicht beim Server. {why}",
    "clip_cleared": "{camera} Nr. {seq}: auf der Kamera gelöscht.",
    "clip_kept": "{camera} Nr. {seq}: bleibt auf der Kamera. {why}",
    "spool_removed": "{camera} Nr. {seq}: hier gelöscht, der Server hat die Aufnahme.",
    "spool_mended": "{camera} Nr. {seq}: im Speicher beschädigt, von der Karte neu übernommen.",
    "spool_full": "SPEICHER VOLL: {why}",
    "spool_stray": "Im Speicher liegen {number} unbekannte Dateien; bitte die Administration verständigen.",
    "offline": "Server nicht erreichbar. Aufnahmen werden übernommen und später gesendet.",
    "online": "Server erreichbar.",
    "alarm": "ACHTUNG: {why}",
    "idle": "Alles übernommen und quittiert: {cleared} Aufnahmen auf Kameras gelöscht, {waiting} warten noch.",
}
_CAUSES: Final = {
    "unknown": "Ursache unbekannt",
    "overwritten": "von der Kamera überschrieben",
    "formatted": "Karte formatiert oder Zähler zurückgesetzt",
    "card_changed": "Karte gewechselt",
    "deleted_on_camera": "auf der Kamera gelöscht",
}

Fact = str | int | bool | None


class Said(Struct, frozen=True, kw_only=True):
    """One line."""

    at: datetime
    event: str
    facts: dict[str, Fact]


Say = Callable[[Said], None]


def line(said: Said) -> str:
    """For a person: local time and a German sentence."""
    facts = said.facts | ({"cause": _CAUSES[str(said.facts["cause"])]} if "cause" in said.facts else {})
    return f"{said.at.astimezone():%d.%m. %H:%M:%S}  {LINES[said.event].format_map(facts)}"


def to_screen(said: Said) -> None:
    """Printed for a person."""
    sys.stdout.write(line(said) + "\n")
    sys.stdout.flush()


def as_json(said: Said) -> None:
    """Printed for a machine: one JSON object a line."""
    told = {"at": said.at, "event": said.event, **said.facts}
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
    sys.stdout.flush()
