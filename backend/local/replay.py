"""Plays a town's offence file through many phones, their journals and the exchange, and compares what came out.

Every phone is `sync/`'s own journal and client. Journals stay beside the state: a second run sends nothing new, and a
run that was killed goes on where its journals end.
"""

import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backend.local import beside
from backend.local.office import Office
from backend.local.phone import Phone
from backend.local.records import Record, read
from backend.local.state import LocalError, State
from sync.exchange import MAX_ENTRIES

T = TypeVar("T")

#: How long a phone waits for a server that is away before the run is given up.
PATIENCE_S: Final = 120.0


@dataclass(frozen=True)
class Options:
    """What `streife replay` was asked to do."""

    offences: Path
    catalogue: Path | None
    phones: int
    address: str | None
    slug: str
    #: Of the server's administration; two, as a role needs a second person. Made by us on a server of our own.
    administrators: tuple[tuple[str, str], ...]
    as_json: bool


def default_state() -> Path:
    """The same folder at every run of this account, so that a second run finds the journals of the first."""
    import os  # noqa: PLC0415 - one number

    return Path(tempfile.gettempdir()) / f"streife-replay-{os.getuid()}"


def run(state: State, options: Options) -> int:
    """0 if the server holds exactly what the file holds, else 1. The last line of the output is one JSON object."""
    console = Console(stderr=True, quiet=options.as_json)
    records = read(options.offences)
    console.print(f"{len(records):,} Anzeigen in {options.offences.name}".replace(",", "."))
    began = time.monotonic()
    with _server(state, options, console) as (address, administrators):
        office = Office(address, options.slug, administrators, patience_s=PATIENCE_S)
        phones = _phones(state, options, office)
        sent = _play(phones, records, console)
        seconds = time.monotonic() - began
        report = compare(records, phones, office) | {"sent": sent, "seconds": round(seconds, 1)}
    for phone in phones:
        phone.close()
    click.echo(json.dumps(report))
    return 0 if report["equal"] else 1


def compare(records: Sequence[Record], phones: Sequence[Phone], office: Office) -> dict[str, object]:
    """What the phones were answered and what the server shows, beside what the file holds."""
    verdicts = sum((phone.verdicts() for phone in phones), Counter[str]())
    found = office.offences({str(phone.person) for phone in phones})
    tbnrs, amounts = Counter(one.tbnr for one in found), Counter(one.amount_cents for one in found)
    findings = Counter(str(name) for one in found for name in one.findings)
    is_equal = (
        len(found) == len(records) == verdicts.total()
        and tbnrs == Counter(record.tbnr for record in records)
        and amounts == Counter(record.amount_cents for record in records)
    )
    return {
        "records": len(records),
        "offences": len(found),
        "verdicts": dict(sorted(verdicts.items())),
        "findings": dict(sorted(findings.items())),
        "with_findings": sum(bool(one.findings) for one in found),
        "sum_cents": sum(one.amount_cents or 0 for one in found),
        "phones": len(phones),
        "equal": is_equal,
    }


def _play(phones: Sequence[Phone], records: Sequence[Record], console: Console) -> int:
    """Every record is in a journal and every journal is drained; how many entries were sent in this run."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    before = sum(phone.journal.state().acked for phone in phones)
    stop = threading.Event()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Gesendet", total=len(records), completed=before)

        def one(phone: Phone, number: int) -> None:
            own = records[number :: len(phones)]
            for start in range(phone.journal.state().head_seq, len(own), MAX_ENTRIES):
                if stop.is_set():
                    return
                phone.record(own[start : start + MAX_ENTRIES])
                phone.send(PATIENCE_S)
                progress.update(task, completed=sum(each.journal.state().acked for each in phones))
            phone.drain(PATIENCE_S)
            progress.update(task, completed=sum(each.journal.state().acked for each in phones))

        with ThreadPoolExecutor(len(phones)) as pool:
            try:
                for future in [pool.submit(one, phone, number) for number, phone in enumerate(phones)]:
                    future.result()
            except BaseException:
                stop.set()
                raise
    return sum(phone.journal.state().acked for phone in phones) - before


def _phones(state: State, options: Options, office: Office) -> list[Phone]:
    folder = state.subfolder("replay")
    known = state.recall("replay.phones")
    if known is not None and known != str(options.phones):
        raise LocalError(
            f"In {folder} liegen die Journale von {known} Telefonen. Bitte --phones {known} oder einen"
            " anderen Ordner mit --state wählen."
        )
    state.remember("replay.phones", str(options.phones))
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda n: Phone.open(folder / f"phone-{n + 1:03}", office, state), range(options.phones)))


@contextmanager
def _server(state: State, options: Options, console: Console) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Address and administrators of the server: the given one, a running one of this state, or one of our own."""
    if options.address is not None:
        if options.catalogue is not None:
            raise LocalError("Auf einem fremden Server liest »streife catalogue import« den Katalog ein.")
        yield options.address.rstrip("/"), options.administrators
        return
    with beside.running(state, "up") as address:
        yield address, _patiently(lambda: _prepare(state, options, console))


def _patiently(what: Callable[[], T]) -> T:
    """The result, as soon as the database is there; whatever it does is not done twice."""
    from psycopg import OperationalError as Gone  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return what()
        except (DBAPIError, Gone) as error:
            if time.monotonic() > until:
                raise LocalError("Die Datenbank antwortet nicht.") from error
            time.sleep(0.3)


def _prepare(state: State, options: Options, console: Console) -> tuple[tuple[str, str], ...]:
    """The town, two administrators and the catalogue are there; nothing is made twice."""
    from backend.cli import server_of  # noqa: PLC0415
    from backend.errors import NotFound  # noqa: PLC0415
    from backend.fields import uuid7  # noqa: PLC0415
    from backend.local import setup  # noqa: PLC0415

    administrators = tuple((name, state.secret(f"replay.{name}")) for name in ("probe-1", "probe-2"))
    with server_of(state) as server:
        try:
            town = setup.town_of(server, options.slug)
        except NotFound:
            town = setup.found_town(server, uuid7(), slug=options.slug, name="Probestadt", domain="probe.example")
        for login, password in administrators:
            setup.ensure_administrator(server, town, login=login, password=password)
        if options.catalogue is not None:
            imported = setup.import_catalogue(server, town, options.catalogue).imported
            console.print(f"Katalog {imported.source}: {imported.entries} Einträge")
    return administrators
