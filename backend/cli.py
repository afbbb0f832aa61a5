"""`streife`: what the operator of a server types. Imports are late: `status` must not load half a server."""

import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backend import __version__
from backend.local.state import LocalError, State

if TYPE_CHECKING:
    from backend.server import Server

HOST: Final = "127.0.0.1"
ROLES: Final = (
    "officer", "superior", "dispatcher", "clerk", "custodian", "prosecutor", "guard", "dpo", "staff_council", "admin",
)  # fmt: skip


class Commands(click.Group):
    """Says in one sentence what stands in the way, instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command; what only a person can settle becomes a message and exit code 1."""
        from backend.errors import DomainError  # noqa: PLC0415

        try:
            return super().invoke(ctx)
        except LocalError as error:
            raise click.ClickException(str(error)) from error
        except DomainError as error:
            raise click.ClickException(f"{error.advice} ({error.code} {error.field or ''})") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="streife")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Ordner dieser Installation.")
@click.pass_context
def main(ctx: click.Context, state: Path | None) -> None:
    """Streife: die Software des Kommunalen Ordnungsdienstes."""
    ctx.obj = state


def with_state(command: Callable[..., None]) -> Callable[..., None]:
    """`--state` may stand before or after the command's name."""

    @wraps(command)
    def run(*, state: Path | None, **arguments: object) -> None:
        command(State.open(state or click.get_current_context().find_root().obj), **arguments)

    path = click.Path(path_type=Path, file_okay=False)
    return click.option("--state", type=path, help="Ordner dieser Installation.")(run)


@main.command()
@with_state
@click.option("--port", type=click.IntRange(1, 65535), help="HTTP-Port; sonst der gemerkte, zuerst 8080.")
def up(state: State, port: int | None) -> None:
    """Startet alles und läuft, bis Strg-C kommt."""
    from backend.local import supervisor  # noqa: PLC0415
    from backend.local.installation import Installation  # noqa: PLC0415

    installation = Installation(state)

    def prepare(_: object, number: int) -> object:
        installation.prepare()
        return installation.specs(HOST, number)

    supervisor.up(state, prepare, port=port, host=HOST, say=click.echo)  # type: ignore[arg-type]


@main.command()
@click.option("--state", "folder", type=click.Path(path_type=Path, file_okay=False), help="Ordner der Musterstadt.")
@click.option("--port", type=click.IntRange(1, 65535), help="HTTP-Port; sonst der gemerkte, zuerst 8080.")
@click.option("--check", is_flag=True, help="Spielt die vier Leben durch und zeigt, was bewiesen wurde.")
def demo(folder: Path | None, port: int | None, check: bool) -> None:
    """Eine Musterstadt mit Telefonen, Dockstation und Gebäuden; mit --check prüft sie sich selbst."""
    from rich.console import Console  # noqa: PLC0415

    from backend.local import beside, proving  # noqa: PLC0415
    from backend.local import demo as sample  # noqa: PLC0415

    state = State.open(folder or sample.default_state())
    if not check:
        sample.up(state, port=port, say=click.echo)
        return
    with beside.running(state, "demo", *([] if port is None else ["--port", str(port)])) as address:
        proving.run(state, address, Console())


@main.command()
@with_state
def down(state: State) -> None:
    """Beendet alles, was zu dieser Installation läuft."""
    from backend.local import supervisor  # noqa: PLC0415

    click.echo("Beendet." if supervisor.down(state) else "Es lief nichts.")


@main.command()
@with_state
def status(state: State) -> None:
    """Zeigt, was läuft und seit wann."""
    from backend.local import supervisor  # noqa: PLC0415

    found = supervisor.status(state)
    address = supervisor.address(state)
    click.echo(f"Streife läuft: {address}" if address else "Streife läuft nicht.")
    for process in found:
        since = process.since.astimezone().strftime("%d.%m.%Y %H:%M:%S")
        click.echo(f"  {process.name:10} {process.pid:>8}  {'läuft' if process.alive else 'beendet'} seit {since}")
    if not address:
        sys.exit(3)


@main.command()
@with_state
@click.confirmation_option("--yes", prompt="Alle Daten dieser Installation unwiderruflich löschen?")
def reset(state: State) -> None:
    """Löscht Daten, Geheimnisse und Port dieser Installation."""
    from backend.local import supervisor  # noqa: PLC0415

    supervisor.reset(state)
    click.echo("Gelöscht.")


@main.command()
@with_state
def doctor(state: State) -> None:
    """Prüft diese Installation und sagt, was zu tun ist."""
    from backend.local import doctor as checks  # noqa: PLC0415
    from backend.local import examination  # noqa: PLC0415

    findings = checks.examine(examination.checks(state))
    for finding in findings:
        mark = {True: "ok", False: "FEHLT", None: "?"}[finding.ok]
        click.echo(f"{mark:6} {finding.name}: {finding.text}")
        if finding.hint and finding.ok is not True:
            click.echo(f"       → {finding.hint}")
    sys.exit(1 if any(finding.ok is False for finding in findings) else 0)


@main.command()
@with_state
@click.option("--town", "name", required=True, help="Name, etwa »Stadt Grafenrath«.")
@click.option("--slug", required=True, help="Kurzname, etwa »grafenrath«.")
@click.option("--domain", required=True, help="Domain der Stadt; sie benennt das Protokoll.")
@click.option("--login", default="admin", show_default=True, help="Kennung der ersten Administration.")
def init(state: State, name: str, slug: str, domain: str, login: str) -> None:
    """Legt eine Stadt und ihre erste Administration an."""
    from backend.fields import uuid7  # noqa: PLC0415
    from backend.local import setup  # noqa: PLC0415

    with server_of(state) as server:
        town = uuid7()
        password = setup.found(server, town, slug=slug, name=name, domain=domain, login=login)
        root = setup.fingerprint(server, town)
    click.echo(f"{name} ist angelegt.\nKennung: {login}\nPasswort: {password}\nEs wird nur jetzt gezeigt.")
    click.echo(f"Fingerabdruck des Hauptschlüssels, für Anschreiben und Website der Stadt:\n{root}")


@main.group()
def person() -> None:
    """Konten."""


@person.command("add")
@with_state
@click.option("--town", "slug", required=True, help="Kurzname der Stadt.")
@click.option("--login", required=True, help="Kennung.")
@click.option("--name", required=True, help="Name.")
@click.option("--call-sign", required=True, help="Was Listen statt des Namens zeigen, etwa »Erle 22«.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="Rolle; mehrfach möglich.")
def add_person(state: State, slug: str, login: str, name: str, call_sign: str, roles: tuple[str, ...]) -> None:
    """Legt ein Konto an; seine Rollen gelten sofort, denn wer den Server betreibt, braucht keine zweite Person."""
    from backend.local import setup  # noqa: PLC0415

    with server_of(state) as server:
        password = secrets.token_urlsafe(12)
        town = setup.town_of(server, slug)
        setup.add_person(server, town, login=login, name=name, call_sign=call_sign, roles=roles, password=password)
    click.echo(f"Kennung: {login}\nPasswort: {password}\nEs wird nur jetzt gezeigt.")


@main.group()
def catalogue() -> None:
    """Tatbestandskatalog."""


@catalogue.command("import")
@with_state
@click.option("--town", "slug", required=True, help="Kurzname der Stadt.")
@click.option("--sample", is_flag=True, help="Die kleine mitgelieferte Probe statt einer Datei.")
@click.argument("path", type=click.Path(path_type=Path, exists=True), required=False)
def import_catalogue(state: State, slug: str, sample: bool, path: Path | None) -> None:
    """Liest eine Ausgabe ein: Tabellen des KBA, das JSON vom November 2021 oder einfaches CSV."""
    if sample == (path is not None):
        raise click.UsageError("Bitte entweder einen Pfad angeben oder --sample.")
    from backend.local import setup  # noqa: PLC0415

    with server_of(state) as server:
        done = setup.import_catalogue(server, setup.town_of(server, slug), path)
    what = "veröffentlicht" if done.is_new else "war schon eingelesen, nichts geändert"
    click.echo(f"{done.imported.source}: {done.imported.entries} Einträge, {what}.")


@main.command()
@click.option("--offences", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=True)
@click.option("--catalogue", type=click.Path(path_type=Path, exists=True), help="Katalog für den eigenen Server.")
@click.option("--phones", type=click.IntRange(1, 200), default=12, show_default=True)
@click.option("--server", "address", help="Laufender Server; sonst wird einer für diesen Lauf gestartet.")
@click.option("--town", "slug", default="probe", show_default=True, help="Kurzname der Stadt.")
@click.option("--admin", "admins", multiple=True, metavar="KENNUNG:PASSWORT", help="Zweimal, nur mit --server.")
@click.option("--json", "as_json", is_flag=True, help="Nur die letzte Zeile mit den Zahlen.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Ordner für Server und Journale.")
def replay(state: Path | None, admins: tuple[str, ...], **options: Any) -> None:
    """Spielt die Anzeigen einer Stadt durch die Journale vieler Telefone."""
    from backend.local import replay as player  # noqa: PLC0415

    pairs = tuple((login, password) for login, _, password in (one.partition(":") for one in admins))
    asked = player.Options(administrators=pairs, **options)
    sys.exit(player.run(State.open(state or player.default_state()), asked))


@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dock(arguments: tuple[str, ...]) -> None:
    """Dockstation: übernimmt Aufnahmen von Bodycams (eigener Rechner, kein Server nötig)."""
    from bodycam_dock.__main__ import main as program  # noqa: PLC0415

    program.main(args=list(arguments), prog_name="streife dock")


@main.command()
@click.option("--state", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Ordner.")
@click.option("--server", "url", metavar="URL", help="Adresse des Servers; ohne sie zeichnet das Gateway nur auf.")
@click.option("--code", help="Anmeldecode, nur beim ersten Start.")
@click.option("--dc09", metavar="HOST:PORT", help="Für Melderzentralen (SIA DC-09, TCP und UDP).")
@click.option("--http", metavar="HOST:PORT", help="Für Alarmtasten am Arbeitsplatz und Telefonanlagen.")
@click.option("--http-certificate", "certificate", type=click.Path(path_type=Path, exists=True), help="PEM, für TLS.")
@click.option("--http-key", "private_key", type=click.Path(path_type=Path, exists=True), help="PEM, dazu.")
@click.option("--lines", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Leitungen als JSON.")
@click.option("--fallback", metavar="URL", help="Wird gerufen, wenn ein Alarm zehn Sekunden ohne Antwort bleibt.")
@click.option(
    "--per-peer", type=click.IntRange(1, 10_000), default=8, show_default=True, help="Verbindungen je Adresse."
)
def gateway(**options: Any) -> None:
    """Nimmt Alarme aus dem Gebäude entgegen: erst aufgezeichnet, dann quittiert, dann zum Server."""
    from backend.gateway.home import GatewayError  # noqa: PLC0415
    from backend.gateway.process import run, settings_of  # noqa: PLC0415
    from backend.logs import configure  # noqa: PLC0415
    from sync.errors import SyncError  # noqa: PLC0415

    configure()
    folder, url, code = (options.pop(name) for name in ("folder", "url", "code"))
    try:
        sys.exit(run(folder, url, code, settings_of(**options)))
    except GatewayError as error:
        raise click.ClickException(str(error)) from error
    except SyncError as error:
        raise click.ClickException(f"Das Journal lässt sich nicht öffnen: {error}") from error


@main.command()
@with_state
@click.option("--town", "slug", required=True, help="Kurzname der Stadt.")
def fingerprint(state: State, slug: str) -> None:
    """Zeigt den Fingerabdruck des Hauptschlüssels einer Stadt."""
    from backend.local import setup  # noqa: PLC0415

    with server_of(state) as server:
        click.echo(setup.fingerprint(server, setup.town_of(server, slug)))


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(arguments: tuple[str, ...]) -> None:
    """Prüft ein Beweispaket: PAKET [--root FINGERABDRUCK] [--checkpoint DATEI] [--json]."""
    from backend.evidence import verify as verifier  # noqa: PLC0415

    sys.exit(verifier.main(list(arguments)))


@main.command()
def openapi() -> None:
    """Schreibt die Beschreibung der API auf die Ausgabe."""
    from backend.description import text  # noqa: PLC0415

    click.echo(text(), nl=False)


@contextmanager
def server_of(state: State) -> Iterator["Server"]:
    """The installation's server without HTTP, on its running database or on one started for this."""
    from backend.local.installation import Installation  # noqa: PLC0415
    from backend.server import Server  # noqa: PLC0415
    from backend.settings import from_environment  # noqa: PLC0415

    installation = Installation(state)
    with installation.running_database():
        server = Server.open(from_environment(installation.environment()))
        try:
            yield server
        finally:
            server.engine.dispose()
