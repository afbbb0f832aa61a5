"""What may differ between two installations, read from the environment once at start."""

import os
from pathlib import Path

import msgspec
from msgspec import Struct


class Settings(Struct, frozen=True, kw_only=True):
    """Each field is read from `STREIFE_<FIELD>`; a value that does not fit its type stops the start."""

    #: URL under which the application works (role `streife_app`), e.g. `postgresql://streife_app:…@/streife?host=…`.
    app_database_url: str
    #: Broker of the tasks; the default is a schema of the same database.
    broker_url: str
    #: Folder with the server's private keys, files 0600, outside the backup set (design/evidence.md 2).
    keys_dir: Path
    #: Folder with the files of entries, 0700; one file system, as finished files are renamed (media).
    media_dir: Path
    #: Secret behind cursors and pages, at least 32 characters.
    secret: str
    #: Built pages of the browser clients; by default those inside the package.
    web_dir: Path | None = None
    #: JSON object of known plate prefixes; only ever a hint (offences).
    plate_prefixes: Path | None = None
    #: Whether cookies are marked Secure: yes, unless the server is reached over plain HTTP on loopback.
    secure_cookies: bool = True
    #: Threads for the synchronous handlers, and as many database connections.
    threads: int = 12


def from_environment(environ: dict[str, str] | None = None) -> Settings:
    """The settings of this process.

    Raises:
        SystemExit: a setting is missing or does not fit; the message names its variable.
    """
    source = os.environ if environ is None else environ
    names = {field: f"STREIFE_{field.upper()}" for field in Settings.__struct_fields__}
    values = {field: source[name] for field, name in names.items() if source.get(name)}
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=lambda type_, value: type_(value))
    except msgspec.ValidationError as error:
        text = str(error)
        for field, name in names.items():
            text = text.replace(f"`{field}`", f"`{name}`").replace(f"$.{field}", name)
        raise SystemExit(f"Einstellung fehlt oder passt nicht: {text}") from error
