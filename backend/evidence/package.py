"""The package that a prosecutor verifies without us: a ZIP of a BagIt bag, written once, front to back.

`begin` writes what the release signs, `finish` the release itself, the verifier and the directory of the ZIP. Between
the two the record `export.built` is made, which names the digest of the tag manifest. Pure over its inputs: whoever
calls gives records, headers, proofs and the bytes of originals, and a file to write to. The form, byte for byte, is
what `verify.py` reads; sizes up to those of ZIP64.
"""

import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.resources import files
from operator import itemgetter
from typing import BinaryIO, Final, NamedTuple
from uuid import UUID

import msgspec

from backend.evidence.verify import (
    CHECKPOINT,
    CONSISTENCY,
    CUSTODY,
    JOURNAL,
    KEYS,
    MANIFEST,
    ORIGINALS,
    PAKET,
    PRIVATE,
    PROOFS,
    RECORD_TYPE,
    RECORDS,
    TAGMANIFEST,
    Member,
    central_header,
    end_records,
    local_header,
)

_line: Final = msgspec.json.Encoder(order="deterministic").encode

BAGIT: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
README: Final = """\
Dies ist ein Beweispaket. Es lässt sich ohne uns und ohne Netz prüfen.

1. Das ZIP nicht verändern; am besten eine Kopie aufheben.
2. Python ab 3.9 installieren, dazu mit »pip install cryptography« das Paket für Unterschriften.
3. Prüfen:  python3 verify.py PAKET.zip --root FINGERABDRUCK
   Der Fingerabdruck steht im Anschreiben. Auch der entpackte Ordner lässt sich prüfen.
4. GRÜN heißt unverändert, GELB nicht vollständig belegt, ROT verändert oder unvollständig, GRAU nicht prüfbar.
5. Die Aufnahmen liegen in data/originale, die Aufzeichnungen darüber in data/records.
6. Wer ein Paket fälscht, kann auch verify.py fälschen: Nehmen Sie dann eines aus anderer Hand.
"""


class Logged(NamedTuple):
    """A record, its place in the log and the signatures over it."""

    at: int
    payload: bytes
    #: keyid in hex and 64 bytes `r ‖ s`; none for records that rest on the log alone.
    signatures: tuple[tuple[str, bytes], ...] = ()


class KeyStatement(NamedTuple):
    """A record about a key, with the key itself where it brings one."""

    record: Logged
    spki: bytes | None


class Shown(NamedTuple):
    """An entry of a journal as it is shown: its header, not its body."""

    seq: int
    hash: bytes
    header: bytes


class Journal(NamedTuple):
    """A journal from the entry before the first one shown to the next seal."""

    source: str
    incarnation: int
    #: Hash of the entry before the first one shown; of the genesis before entry 1.
    before: bytes
    entries: Sequence[Shown]
    #: Number of the newest entry under a seal, and its 64 bytes.
    seals: Sequence[tuple[int, bytes]]


class Proof(NamedTuple):
    """That a record stands in the log."""

    at: int
    leaf: bytes
    path: Sequence[bytes]


class Older(NamedTuple):
    """A checkpoint that somebody was given before, and the proof that ours extends it."""

    note: str
    size: int
    path: Sequence[bytes]


class Original(NamedTuple):
    """A clip's file."""

    number: int
    item: UUID
    #: Without a dot; empty if unknown.
    extension: str
    size: int
    pieces: Callable[[], Iterable[bytes]]

    @property
    def name(self) -> str:
        """Its name in the package; the camera's own name is personal and stands in the private part."""
        return f"{ORIGINALS}{self.number:03}_{self.item}" + (f".{self.extension}" if self.extension else "")


class Parts(NamedTuple):
    """What goes into a package."""

    package: UUID
    aktenzeichen: str
    town: str
    recipient: str
    #: Calendar day in Europe/Berlin, ISO 8601.
    built_on: str
    root: bytes
    keys: Sequence[KeyStatement]
    #: In the order of the log.
    records: Sequence[Logged]
    journals: Sequence[Journal]
    #: Id of entry or record → salt and body.
    private: Sequence[tuple[str, bytes, bytes]]
    proofs: Sequence[Proof]
    checkpoint: str
    size: int
    older: Sequence[Older]
    originals: Sequence[Original]


class SizeDiffers(Exception):
    """An original has another length than its record says; the arguments are its name and both lengths."""


class ZipWriter:
    """A ZIP of stored members whose every byte follows from their names and contents."""

    def __init__(self, file: BinaryIO, top: str) -> None:
        self._file, self._top = file, top
        self._members: list[Member] = []

    def add(self, name: str, size: int, pieces: Iterable[bytes]) -> bytes:
        """The member is written; its SHA-256. Names come in ascending order.

        Raises:
            SizeDiffers: `pieces` are not `size` bytes.
        """
        offset = self._file.tell()
        member = Member(f"{self._top}/{name}", 0, size, offset)
        self._file.write(local_header(member))
        digest, crc, written = sha256(), 0, 0
        for piece in pieces:
            digest.update(piece)
            crc = zlib.crc32(piece, crc)
            written += len(piece)
            self._file.write(piece)
        if written != size:
            raise SizeDiffers(name, size, written)
        member = member._replace(crc=crc)
        end = self._file.tell()
        self._file.seek(offset)
        self._file.write(local_header(member))
        self._file.seek(end)
        self._members.append(member)
        return digest.digest()

    def close(self) -> None:
        """The directory follows; nothing may be added any more."""
        start, size = self._file.tell(), 0
        for member in self._members:
            size += self._file.write(central_header(member))
        self._file.write(end_records(len(self._members), size, start))


class Unreleased(NamedTuple):
    """A package that waits for its release."""

    writer: ZipWriter
    tagmanifest: bytes

    @property
    def digest(self) -> str:
        """What the release names: hex SHA-256 of the tag manifest, which covers everything else."""
        return sha256(self.tagmanifest).hexdigest()


def top_folder(aktenzeichen: str, package: UUID) -> str:
    """`streife-<aktenzeichen>-<uuid>`; what a file name cannot hold becomes `-`."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in aktenzeichen)[:40].strip("-")
    return f"streife-{plain or 'akte'}-{package}"


def begin(parts: Parts, file: BinaryIO) -> Unreleased:
    """Everything but the release is written to `file`, which is empty and can seek.

    Raises:
        SizeDiffers: an original is not as long as its record says.
    """
    writer = ZipWriter(file, top_folder(parts.aktenzeichen, parts.package))
    tags = {"verify.py": sha256(verifier()).digest()}
    for name, data in (("LIES-MICH.txt", README.encode()), ("bag-info.txt", _bag_info(parts)), ("bagit.txt", BAGIT)):
        tags[name] = writer.add(name, len(data), [data])
    listed = [(name, writer.add(name, size, pieces())) for name, size, pieces in _payload(parts)]
    manifest = _manifest(listed)
    tags[MANIFEST] = writer.add(MANIFEST, len(manifest), [manifest])
    return Unreleased(writer, _manifest(sorted(tags.items())))


def finish(unreleased: Unreleased, release: bytes) -> None:
    """The package is whole; `release` is the envelope of the record `export.built` that names its digest."""
    writer, code = unreleased.writer, verifier()
    for name, data in ((PAKET, release), (TAGMANIFEST, unreleased.tagmanifest), ("verify.py", code)):
        writer.add(name, len(data), [data])
    writer.close()


def verifier() -> bytes:
    """The verifier that travels with the package."""
    return (files("backend.evidence") / "verify.py").read_bytes()


def envelope(record: Logged) -> dict[str, object]:
    """The record's DSSE envelope as it stands in a line; without signatures where it has none."""
    return {
        "payload": b64encode(record.payload).decode(),
        "payloadType": RECORD_TYPE,
        "signatures": [{"keyid": keyid, "sig": b64encode(raw).decode()} for keyid, raw in record.signatures],
    }


def release_line(record: Logged) -> bytes:
    """The content of `paket.dsse.json`."""
    return _line(envelope(record))


def keys_digest(keys: Sequence[KeyStatement]) -> str:
    """What the release says about the history of keys: one that was left out is missed."""
    return sha256(b"".join(sha256(one.record.payload).digest() for one in keys)).hexdigest()


def _payload(parts: Parts) -> list[tuple[str, int, Callable[[], Iterable[bytes]]]]:
    """Names, sizes and bytes below `data/`, sorted by name."""
    texts = {
        KEYS: _lines(_key_lines(parts)),
        RECORDS: _lines({"envelope": envelope(one), "index": one.at} for one in parts.records),
        JOURNAL: _lines(line for journal in parts.journals for line in _journal_lines(journal)),
        CUSTODY: _lines(_custody(parts.records)),
        CHECKPOINT: parts.checkpoint.encode(),
    }
    if parts.older:
        texts[CONSISTENCY] = _lines(_consistency(parts))
    texts |= {f"{PROOFS}{one.at}.tlog-proof": _proof(one) for one in parts.proofs}
    texts |= {
        f"{PRIVATE}{of}.json": _line({"body": body.decode(), "salt": b64encode(salt).decode()})
        for of, salt, body in parts.private
    }
    members = [(name, len(data), _once(data)) for name, data in texts.items()]
    members += [(one.name, one.size, one.pieces) for one in parts.originals]
    return sorted(members, key=itemgetter(0))


def _once(data: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: (data,)


def _lines(values: Iterable[object]) -> bytes:
    return b"".join(_line(value) + b"\n" for value in values)


def _key_lines(parts: Parts) -> Iterator[dict[str, object]]:
    yield {"role": "root", "spki": b64encode(parts.root).decode()}
    for statement in parts.keys:
        line: dict[str, object] = {"envelope": envelope(statement.record), "index": statement.record.at}
        yield line | ({"spki": b64encode(statement.spki).decode()} if statement.spki is not None else {})


def _journal_lines(journal: Journal) -> Iterator[dict[str, object]]:
    of: dict[str, object] = {"source": journal.source, "incarnation": journal.incarnation}
    if journal.entries:
        yield of | {"seq": journal.entries[0].seq - 1, "hash": journal.before.hex()}
    seals = dict(journal.seals)
    for entry in journal.entries:
        yield of | {"seq": entry.seq, "hash": entry.hash.hex(), "header": entry.header.decode()}
        if entry.seq in seals:
            yield of | {"seq": entry.seq, "seal": b64encode(seals[entry.seq]).decode()}


def _custody(records: Iterable[Logged]) -> Iterator[dict[str, object]]:
    for record in records:
        subject = msgspec.json.decode(record.payload).get("subject")
        if subject is not None:
            yield {"item": subject, "index": record.at, "hash": sha256(record.payload).hexdigest()}


def _consistency(parts: Parts) -> Iterator[dict[str, object]]:
    for one in parts.older:
        yield {"note": one.note, "old": one.size, "new": parts.size, "path": [part.hex() for part in one.path]}


def _proof(proof: Proof) -> bytes:
    """C2SP tlog-proof; with the checkpoint, which the package holds once, appended it is complete."""
    path = "".join(f"{b64encode(one).decode()}\n" for one in proof.path)
    return f"c2sp.org/tlog-proof@v1\nextra {b64encode(proof.leaf).decode()}\nindex {proof.at}\n{path}\n".encode()


def _manifest(listed: Iterable[tuple[str, bytes]]) -> bytes:
    return "".join(f"{digest.hex()}  {name}\n" for name, digest in listed).encode()


def _bag_info(parts: Parts) -> bytes:
    """BagIt's own labels; values on one line each."""
    values = {
        "Source-Organization": parts.town,
        "External-Description": f"Beweispaket {parts.aktenzeichen} für {parts.recipient}",
        "Bagging-Date": parts.built_on,
        "External-Identifier": str(parts.package),
    }
    return "".join(f"{label}: {' '.join(text.split())}\n" for label, text in values.items()).encode()
