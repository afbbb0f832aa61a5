"""`streife dock`: takes clips off cameras and hands them to the town's server. Runs on the dock's own PC."""

import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from bodycam_dock.agent import Agent
from bodycam_dock.book import Book
from bodycam_dock.camera import profiles_known
from bodycam_dock.errors import DockError, SpoolNotEncrypted
from bodycam_dock.saying import as_json, to_screen
from bodycam_dock.settings import APP, RESERVE_BYTES, SCHEMA, Folder
from bodycam_dock.station import Station
from bodycam_dock.upload import Uploader
from sync.client import Client
from sync.errors import JournalDamaged, JournalInUse, SyncError
from sync.server import Server

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--server", "address", required=True, help="Adresse des Servers der Stadt.")
@click.option("--code", help="Anmeldecode, nur beim ersten Start.")
@click.option("--state", type=_FOLDER, required=True, help="Ordner für Journal und Speicher, verschlüsselt.")
@click.option("--camera", "cameras", type=_FOLDER, multiple=True, required=True, help="Wo eine Karte erscheint.")
@click.option("--profile", help="Kameramodell; sonst wird es an der Karte erkannt.")
@click.option("--allow-unencrypted", is_flag=True, help="Auch auf einem unverschlüsselten Datenträger arbeiten.")
@click.option(
    "--reserve", type=click.IntRange(0), default=RESERVE_BYTES, show_default=True, help="Bytes, die frei bleiben."
)
@click.option("--once", is_flag=True, help="Endet, wenn alles erledigt ist; Rückgabe 1, wenn etwas offen blieb.")
@click.option("--json", "as_objects", is_flag=True, help="Eine JSON-Zeile je Ereignis.")
def main(
    address: str,
    code: str | None,
    state: Path,
    cameras: tuple[Path, ...],
    profile: str | None,
    allow_unencrypted: bool,
    reserve: int,
    once: bool,
    as_objects: bool,
) -> None:
    """Übernimmt Aufnahmen von Bodycams und löscht sie dort erst gegen die Quittung des Servers."""
    if find_spec("av") is None:
        raise click.ClickException("Es fehlt PyAV. Bitte installieren: pip install 'streife[dock]'")
    try:
        known = profiles_known()
        if profile is not None and profile not in known:
            raise click.UsageError(f"Unbekanntes Profil {profile}; es gibt: {', '.join(sorted(known))}")
        agent, station = _open(address, code, state, allow_unencrypted, reserve, as_objects, cameras, profile)
    except SpoolNotEncrypted as error:
        raise click.ClickException(f"{error.text}\nGeprüft: {error}") from error
    except DockError as error:
        raise click.ClickException(error.text) from error
    except JournalInUse as error:
        raise click.ClickException("Auf diesem Ordner läuft schon eine Dockstation.") from error
    except JournalDamaged as error:
        raise click.ClickException(f"Das Journal ist beschädigt ({error}). Bitte die Administration holen.") from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: station.stop.set())
    try:
        is_done = agent.run(once=once)
    except DockError as error:
        raise click.ClickException(error.text) from error
    except SyncError as error:
        raise click.ClickException(f"Die Dockstation hält an: {error}") from error
    finally:
        station.book.close()
        station.journal.close()
    sys.exit(0 if is_done or not once else 1)


def _open(
    address: str,
    code: str | None,
    state: Path,
    allow_unencrypted: bool,
    reserve: int,
    as_objects: bool,
    cameras: tuple[Path, ...],
    profile: str | None,
) -> tuple[Agent, Station]:
    folder, server = Folder(state.absolute()), Server(address)
    encryption = folder.prepare(allow_unencrypted=allow_unencrypted)
    is_new = folder.enrolment() is None
    enrolled, key = folder.enrol(server, address.rstrip("/"), code)
    journal = folder.open_journal(enrolled, key)
    client = Client(server, journal, key, app=APP, schema=SCHEMA, server_key=enrolled.record_key)
    station = Station(
        book=Book(folder.book),
        journal=journal,
        spool=folder.spool,
        server_key=enrolled.record_key,
        say=as_json if as_objects else to_screen,
        reserve=reserve,
    )
    if is_new:
        station.tell("enrolled", town=enrolled.town)
    station.tell("started", encryption=encryption.text, is_encrypted=encryption.is_encrypted)
    uploader = Uploader(address, lambda is_refused: client.lease().token if is_refused else client.token())
    folders = [one.absolute() for one in cameras]
    return Agent(station, client, uploader, folders, profiles_known(), profile=profile), station


if __name__ == "__main__":
    main(prog_name="streife dock")
