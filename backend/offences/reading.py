"""Reading a catalogue from disk: which format it is, and our own sample."""

from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Final

from backend.offences import import_csv, import_json, import_kba
from backend.offences.parsed import BadCatalogue, ParsedCatalogue

_SAMPLE: Final = "sample_catalogue.csv"
#: The federal catalogue's JSON has 2.2 MB, its largest table 0.7.
_MAX_BYTES: Final = 64 * 1024 * 1024


def read(path: Path) -> ParsedCatalogue:
    """The catalogue in a file (plain CSV or JSON) or in a folder of the KBA's tables; nothing is stored.

    Raises:
        BadCatalogue: it cannot be read; the German message names file, place and column of the first fault.
    """
    if path.is_dir():
        return _folder(path)
    return _file(path.name, _bytes(path))


def sample() -> ParsedCatalogue:
    """A small catalogue in our own words: common parking offences with the amounts in force since November 2021."""
    return _file(_SAMPLE, resources.files("backend.offences").joinpath(_SAMPLE).read_bytes())


def _file(name: str, data: bytes) -> ParsedCatalogue:
    is_json = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{")
    entries = import_json.entries_of(name, data) if is_json else import_csv.entries_of(name, data)
    if not entries:
        raise BadCatalogue(name, "", "", "enthält keinen Tatbestand.")
    return ParsedCatalogue(
        source=name, format="json" if is_json else "csv", sha256=sha256(data).digest(), entries=entries
    )


def _folder(path: Path) -> ParsedCatalogue:
    files = {name: _bytes(path / name) for name in import_kba.FILES if (path / name).is_file()}
    entries = import_kba.entries_of(files)
    if not entries:
        raise BadCatalogue(path.name, "", "", f"enthält weder {import_kba.OFFENCES} noch {import_kba.LINES}.")
    digests = "".join(f"{name} {sha256(files[name]).hexdigest()}\n" for name in sorted(files))
    return ParsedCatalogue(
        source=path.name, format="kba", sha256=sha256(digests.encode("ascii")).digest(), entries=entries
    )


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadCatalogue(path.name, "", "", "ist zu groß für einen Katalog.")
        return path.read_bytes()
    except OSError as error:
        raise BadCatalogue(path.name, "", "", "ist nicht lesbar oder nicht vorhanden.") from error
