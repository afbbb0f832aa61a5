#!/usr/bin/env python3
"""Prüft ein Beweispaket von Streife: ob alles unverändert und vollständig ist, und was nicht belegt werden kann.

    python3 verify.py PAKET [--root FINGERABDRUCK] [--checkpoint DATEI] [--json]

PAKET ist das ZIP oder der entpackte Ordner. FINGERABDRUCK steht im Anschreiben. Ergebnis: 0 grün, 1 rot, 2 gelb,
3 grau (nicht prüfbar). Braucht Python ab 3.9 und für Unterschriften das Paket »cryptography«.

One file, so that it can travel inside each package; `backend/evidence/package.py` writes what is read here. Checks run
in the order of design/evidence.md 11, all of them, always: one failure hides no other. Nothing is unpacked; whatever
is read has a limit; JSON, base64 and ZIP are taken in their one canonical form only.
"""

from __future__ import annotations

import argparse
import binascii
import hashlib
import json
import re
import struct
import sys
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Optional

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    CAN_VERIFY = True
except ImportError:
    CAN_VERIFY = False

# ---- limits: a package that goes beyond is not read on

MOST_FILES = 200_000
MOST_DIRECTORY = 64 << 20
MOST_LINE = 1 << 20
#: Of a file that is read whole; originals are only hashed.
MOST_TEXT = 512 << 20
MOST_SMALL = 1 << 20
#: Of all that is kept in memory at once.
MOST_MEMORY = 1 << 30
MOST_SHOWN = 20
#: Pieces in which a dock hashes a file (design/evidence.md 3).
CHUNK = 4 << 20
MAX_INTEGER = 2**53 - 1

RECORD_TYPE = "application/vnd.streife.record.v1+json"
RECORDS, JOURNAL, KEYS = "data/records/records.jsonl", "data/records/journal.jsonl", "data/keys/keys.jsonl"
CUSTODY, CONSISTENCY, CHECKPOINT = (
    "data/custody/custody.jsonl",
    "data/proof/consistency.jsonl",
    "data/proof/checkpoint.txt",
)
PAKET, MANIFEST, TAGMANIFEST = "paket.dsse.json", "manifest-sha256.txt", "tagmanifest-sha256.txt"
ORIGINALS, PRIVATE, PROOFS = "data/originale/", "data/records/private/", "data/proof/"
DIRECTORY = "ZIP-Verzeichnis"
#: From a clip's start to its deletion by its class, at least and at most (law-and-rules.md 8; R1, R4, R6; R12).
#: The law counts calendar days: two weeks may be an hour shorter or longer, the next day's end comes when it comes.
_FORTNIGHT = (timedelta(days=14) - timedelta(hours=1), timedelta(days=14) + timedelta(hours=1))
_NEXT_DAY = (timedelta(days=1) - timedelta(hours=1), timedelta(days=2) + timedelta(hours=1))
PERIODS = {
    "unclassified": _FORTNIGHT,
    "bodycam": _FORTNIGHT,
    "dwelling": _FORTNIGHT,
    "professional_secrecy": _FORTNIGHT,
    "vehicle_unclassified": _NEXT_DAY,
    "vehicle": _NEXT_DAY,
}
#: How late a deletion may be (DESIGN.md 7, invariant 10).
LATE = timedelta(hours=1)
#: What a key may be stated to be; the root is stated by nobody.
ROLES = {"record", "log", "seal:dock", "seal:phone", "seal:gateway"}
#: Records that count only with a signature; others may rest on the log alone.
SIGNED = {"clip.received", "export.built", "key.enrolled", "key.rotated"}

_SYSTEM_FILE = re.compile(r"(?:^|/)(?:Thumbs\.db|desktop\.ini|\.DS_Store|\._[^/]*)$", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{64}").fullmatch
_KEY = re.compile(r"[a-z0-9_]+").fullmatch
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z").fullmatch
_NAME = re.compile(r"[A-Za-z0-9._=+-]+(?:/[A-Za-z0-9._=+-]+)*").fullmatch
_ORIGINAL = re.compile(r"data/originale/[0-9]+_([0-9a-f-]{36})(?:\.[A-Za-z0-9]{1,8})?").fullmatch
_PROOF = re.compile(r"data/proof/(0|[1-9][0-9]{0,15})\.tlog-proof").fullmatch
_MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n").fullmatch
_NOTE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})").fullmatch
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}").fullmatch

#: Code, level, German sentence; the same table as `findings.json`, which a test compares.
_TABLE = """
algorithm_not_allowed red Der Schlüssel nennt kein oder kein zugelassenes Verfahren.
camera_clock_jump yellow Die Aufnahme beginnt laut Kamerauhr vor dem Ende der vorigen Aufnahme.
camera_gap_unexplained red Die Kamera hat diese Nummer gezählt, aber weder Aufnahme noch Lückenvermerk liegen vor.
chain_broken red Das Journal der Quelle ist an dieser Stelle verändert: Die Kette stimmt nicht.
chain_gap red Im Journal der Quelle fehlt ein Eintrag.
chain_reordered red Einträge im Journal der Quelle sind vertauscht.
chain_truncated red Das Journal der Quelle endet vor dem versiegelten Stand.
chain_wrong_genesis red Der Anfang des Journals gehört zu einem anderen Schlüssel.
checkpoint_key_unknown red Der Protokollstand ist von keinem bekannten Schlüssel des Protokolls unterschrieben.
checkpoint_malformed red Der Protokollstand ist nicht lesbar.
checkpoint_missing red Der Protokollstand fehlt.
checkpoint_signature_invalid red Die Unterschrift unter dem Protokollstand ist ungültig.
checkpoint_too_old red Der Protokollstand ist älter als diese Aufzeichnung.
checkpoint_wrong_log red Der Protokollstand gehört zu einem anderen Protokoll.
chunk_list_contradicts_digest red Abschnittsliste und Prüfsumme der Aufzeichnung widersprechen sich.
chunks_reordered red Abschnitte der Datei sind vertauscht.
commitment_mismatch red Der vertrauliche Teil passt nicht zur Aufzeichnung: Inhalt oder Zusatz wurde verändert.
consistency_invalid red Der Nachweis zu einem früheren Protokollstand ist unbrauchbar.
consistency_missing yellow Zu einem früheren Protokollstand liegt kein Nachweis bei.
custody_gap red In der Verwahrungskette fehlt ein Glied.
custody_list_wrong red Die Liste der Verwahrung nennt nicht genau die Aufzeichnungen dieses Pakets.
deadline_wrong red Die Löschfrist passt nicht zur Art der Aufnahme.
deletion_against_hold red Die Aufnahme wurde gelöscht, obwohl sie aufzubewahren war.
deletion_early red Die Aufnahme wurde vor Ablauf der Frist gelöscht, ohne dass zwei Personen es entschieden haben.
deletion_late yellow Nach Fristablauf gelöscht, zu spät.
deletion_overdue red Die Frist ist abgelaufen, aber die Aufnahme ist weder gelöscht noch aufzubewahren.
deletion_unproved red Die Aufnahme soll gelöscht sein, aber die Aufzeichnung der Löschung fehlt.
extra_file red Diese Datei gehört nicht zum Paket.
extra_file_harmless info Diese Datei hat ein Betriebssystem hinzugefügt; sie gehört nicht zum Paket.
file_changed red Die Datei wurde nach der Freigabe des Pakets verändert.
file_missing red Die Datei fehlt.
file_renamed red Die Datei wurde umbenannt.
file_unreadable red Die Datei ist nicht so aufgebaut, wie sie es sein muss.
gap_contradicted red Ein Vermerk nennt eine Lücke, obwohl es zu dieser Nummer eine Aufnahme gibt.
hold_after_deadline red Die Aufbewahrung wurde erst nach Ablauf der Frist angeordnet.
incarnation_mismatch red Einträge eines früheren Journals sind als neue ausgegeben.
inclusion_invalid red Der Nachweis, dass die Aufzeichnung im Protokoll steht, stimmt nicht.
inclusion_malformed red Der Nachweis hat eine unmögliche Form oder Länge.
inclusion_wrong_record red Der Nachweis gehört zu einer anderen Aufzeichnung.
item_not_included info Vorhanden, aber nicht Teil dieses Pakets.
key_destruction_unproved yellow Dass der Schlüssel der gelöschten Aufnahme vernichtet wurde, ist nicht belegt.
key_doubtful yellow Der Schlüssel könnte zu dieser Zeit schon in fremder Hand gewesen sein.
key_history_incomplete red Die Geschichte der Schlüssel ist unvollständig.
key_mismatch red Der beigelegte Schlüssel ist nicht der genannte.
key_not_yet_valid red Der Schlüssel wurde benutzt, bevor er galt.
key_revoked red Der Schlüssel war zu dieser Zeit gesperrt.
key_rotation_invalid red Der Wechsel des Schlüssels ist nicht von beiden Schlüsseln unterschrieben.
key_unknown red Der Schlüssel, der unterschrieben hat, ist nicht bekannt.
key_wrong_role red Der Schlüssel darf dies nicht unterschreiben.
log_not_append_only red Das Protokoll wurde umgeschrieben: Es setzt einen früheren Stand nicht fort.
log_shrunk red Das Protokoll ist kürzer als ein früherer Stand.
log_split_view red Zu derselben Größe gibt es zwei verschiedene Protokollstände.
name_ambiguous red Zwei Namen unterscheiden sich nur in Groß- und Kleinschreibung oder Zeichenform.
original_changed red Die Aufnahme wurde verändert.
original_extended red An die Aufnahme wurde etwas angehängt.
original_missing red Die Aufnahme fehlt, und es gibt keinen Nachweis einer Löschung.
original_replaced red Kein Abschnitt der Datei stimmt mit der Aufzeichnung überein: Die Aufnahme wurde ersetzt.
original_swapped red Zwei Aufnahmen haben ihre Namen getauscht.
original_truncated red Die Aufnahme ist kürzer als aufgezeichnet.
package_mixed red Teile zweier Pakete sind vermischt.
package_signature_invalid red Die Freigabe des Pakets gilt nicht für diesen Inhalt.
package_signature_missing red Die Freigabe des Pakets fehlt.
private_part_missing red Der vertrauliche Teil einer Aufzeichnung fehlt.
reason_missing red Eine Einsicht ist ohne Grund verzeichnet.
receipt_contradicts_entry red Die Quittung des Servers widerspricht dem Eintrag der Dockstation.
receipt_not_logged red Die Quittung steht nicht im Protokoll.
record_duplicate red Eine Aufzeichnung steht doppelt im Paket.
record_logged_twice info Eine Aufzeichnung steht an zwei Stellen des Protokolls.
record_missing red Eine Aufzeichnung fehlt im Paket.
record_not_canonical red Die Aufzeichnung steht nicht in der einen zulässigen Schreibweise.
record_not_in_log red Die Aufzeichnung steht nicht im Protokoll.
record_signature_invalid red Die Unterschrift unter der Aufzeichnung ist ungültig.
record_type_unknown red Das ist keine Aufzeichnung dieses Programms.
record_version_unknown yellow Die Aufzeichnung hat eine neuere Fassung, als dieses Prüfprogramm kennt.
records_out_of_order red Aufzeichnungen stehen nicht in der Reihenfolge des Protokolls.
root_key_missing red Der Hauptschlüssel der Stadt fehlt oder ist nicht lesbar.
root_key_unknown red Der Hauptschlüssel im Paket ist nicht der, dessen Fingerabdruck angegeben wurde.
root_not_pinned info Der Fingerabdruck des Hauptschlüssels wurde nicht angegeben und daher nicht verglichen.
seal_invalid red Das Siegel der Quelle gilt nicht für diesen Stand des Journals.
seal_missing red Nach diesem Eintrag folgt kein Siegel der Quelle.
seal_wrong_source red Das Siegel stammt von einer anderen Quelle.
signatures_unchecked yellow Unterschriften wurden nicht geprüft: Das Paket »cryptography« fehlt hier.
source_fork red Zu einer Nummer im Journal der Quelle gibt es zwei verschiedene Einträge.
time_contradiction red Die Aufnahme beginnt laut Aufzeichnung nach ihrer Speicherung.
tombstone_contradicted red Die Aufnahme ist als gelöscht verzeichnet, liegt aber bei.
verifier_changed red Das beigelegte Prüfprogramm wurde verändert.
wrong_town red Die Aufzeichnung gehört zu einer anderen Stadt.
zip_duplicate_entry red Das ZIP enthält diesen Namen zweimal.
zip_header_mismatch red Angaben im ZIP widersprechen sich oder sind verändert.
zip_hidden_bytes red Das ZIP enthält Daten, die zu keiner Datei oder zu zweien gehören.
zip_not_stored red Die Datei ist im ZIP gepackt oder verschlüsselt; sie muss unverändert gespeichert sein.
zip_unsafe_path red Der Name der Datei ist unzulässig.
"""
FINDINGS = {code: (level, text) for code, level, text in (line.split(" ", 2) for line in _TABLE.strip().splitlines())}

NOT_PROVED = (
    "Nicht belegt wird: ob die Szene gestellt war, was vor der Übernahme mit der Kamera geschah, die genaue Uhrzeit "
    "({clock}), wer am Gerät saß."
)
SAME_HANDS = (
    "Wer ein Paket fälscht, kann auch dieses Prüfprogramm fälschen. Vergleichen Sie den Fingerabdruck {root} mit dem "
    "Anschreiben."
)


class Unreadable(Exception):
    """Nothing can be said about it; the message says why, in German."""


class Malformed(ValueError):
    """Not in the one form in which it may be written."""


class Finding(NamedTuple):
    """What is wrong, where: a file, `file#record`, or a camera's number."""

    code: str
    place: str
    detail: str = ""

    @property
    def level(self) -> str:
        """`red`, `yellow` or `info`."""
        return FINDINGS[self.code][0]


class Report:
    """The findings, each once, in the order in which they were made."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._seen: set[tuple[str, str]] = set()

    def add(self, code: str, place: str, detail: str = "") -> None:
        """The finding is made; `code` is one of `FINDINGS`."""
        if (code, place) not in self._seen:
            self._seen.add((code, place))
            self.findings.append(Finding(code, place, detail))

    def has(self, code: str, place: str) -> bool:
        """Whether this finding was made."""
        return (code, place) in self._seen


# ---- forms


def _no_float(text: str) -> Any:
    raise Malformed(f"keine ganze Zahl: {text[:20]}")


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise Malformed("zu große Zahl")
    return int(text)


_decode = json.JSONDecoder(parse_float=_no_float, parse_int=_integer, parse_constant=_no_float).decode
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(data: bytes) -> dict[str, Any]:
    """The JSON object that `data` is the canonical form of: duplicate keys, spaces, other orders are refused."""
    try:
        text = data.decode("utf-8")
        value = _decode(text)
        is_canonical = isinstance(value, dict) and _encode(value) == text
    except (ValueError, RecursionError) as error:
        raise Malformed("kein lesbares JSON") from error
    if not is_canonical:
        raise Malformed("nicht in der einen Schreibweise")
    found: dict[str, Any] = value
    return found


def unbase64(text: object) -> bytes:
    """The bytes behind base64 in its one canonical form."""
    if not isinstance(text, str):
        raise Malformed("kein Base64")
    try:
        data = binascii.a2b_base64(text)
    except ValueError as error:
        raise Malformed("kein Base64") from error
    # Whatever was skipped, padded or left over is missed here.
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise Malformed("Base64 nicht in der einen Schreibweise")
    return data


def unbase64url(text: object) -> bytes:
    """As above, with the URL alphabet and without padding."""
    if not isinstance(text, str) or "=" in text or "+" in text or "/" in text:
        raise Malformed("kein Base64url")
    return unbase64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))


def instant(text: object) -> Optional[datetime]:
    """The instant behind `YYYY-MM-DDTHH:MM:SS.mmmZ` (naive, UTC), or None."""
    if not isinstance(text, str) or not _INSTANT(text):
        return None
    try:
        return datetime.fromisoformat(text[:-1])
    except ValueError:
        return None


#: Names that were looked at before: a package has few of them and uses them often.
_plain: set[str] = set()


def has_plain_keys(value: object) -> bool:
    """Whether all keys of all objects inside are `[a-z0-9_]+`: then sorting them is the same everywhere."""
    inside = value
    if isinstance(value, dict):
        for key in value:
            if key not in _plain:
                if not _KEY(key):
                    return False
                if len(_plain) < 4096:
                    _plain.add(key)
        inside = list(value.values())
    return not isinstance(inside, list) or all(
        has_plain_keys(item) for item in inside if isinstance(item, (dict, list))
    )


def sha256(data: bytes) -> bytes:
    """32 bytes."""
    return hashlib.sha256(data).digest()


# ---- ZIP: exactly the bytes that we would write

# APPNOTE 4.3: no date, no flags, no attributes, method 0; ZIP64 fields exactly where a value needs them.
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR = struct.Struct("<IIQI")
_NO_DATE = 0x0021
_FULL32, _FULL16 = 0xFFFFFFFF, 0xFFFF
#: Names of other ZIPs may be no UTF-8 at all; they are kept as they are, and named.
_ANY = ("utf-8", "surrogateescape")


class Member(NamedTuple):
    """One file of a ZIP."""

    name: str
    crc: int
    size: int
    #: Of its local header.
    offset: int


def local_header(member: Member) -> bytes:
    """The bytes before a member's data."""
    name = member.name.encode(*_ANY)
    large = member.size >= _FULL32
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.size) if large else b""
    size = _FULL32 if large else member.size
    version = 45 if large else 20
    packed = _LOCAL.pack(0x04034B50, version, 0, 0, 0, _NO_DATE, member.crc, size, size, len(name), len(extra))
    return packed + name + extra


def central_header(member: Member) -> bytes:
    """A member's line in the directory."""
    name = member.name.encode(*_ANY)
    is_large, is_far = member.size >= _FULL32, member.offset >= _FULL32
    values = ([member.size, member.size] if is_large else []) + ([member.offset] if is_far else [])
    extra = struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""
    size, offset = (_FULL32 if is_large else member.size), (_FULL32 if is_far else member.offset)
    version = 45 if values else 20
    fixed = (0x02014B50, version, version, 0, 0, 0, _NO_DATE, member.crc, size, size, len(name), len(extra))
    return _CENTRAL.pack(*fixed, 0, 0, 0, 0, offset) + name + extra


def end_records(count: int, size: int, offset: int) -> bytes:
    """What follows the directory of `count` lines and `size` bytes at `offset`."""
    needs64 = count >= _FULL16 or size >= _FULL32 or offset >= _FULL32
    end64 = b""
    if needs64:
        end64 = _END64.pack(0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset)
        end64 += _LOCATOR.pack(0x07064B50, 0, offset + size, 1)
    short = min(count, _FULL16), min(size, _FULL32), min(offset, _FULL32)
    return end64 + _END.pack(0x06054B50, 0, 0, short[0], short[0], short[1], short[2], 0)


class _Listed(NamedTuple):
    """A member as a header tells of it."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    attributes: int


def _sizes(extra: bytes, wanted: int) -> list[int]:
    """The first `wanted` numbers of a ZIP64 extra field; fewer where it holds fewer."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            count = min(wanted, length // 8, (len(extra) - at - 4) // 8)
            return list(struct.unpack_from(f"<{count}Q", extra, at + 4))
        at += 4 + length
    return []


def _wide(values: list[int], extra: bytes) -> list[int]:
    """`values` with those that stand at their end stop replaced by the extra field's."""
    numbers = _sizes(extra, sum(value == _FULL32 for value in values))
    return [numbers.pop(0) if value == _FULL32 and numbers else value for value in values]


class Zip:
    """A ZIP, read by its directory, or, where that is broken, from header to header."""

    def __init__(self, file: BinaryIO, report: Report) -> None:
        self._file, self._report = file, report
        self.size = file.seek(0, 2)
        self.members: list[Member] = []
        #: Names that are there and not read: a finding says why.
        self.unusable: set[str] = set()
        self._starts: dict[str, int] = {}
        listed = self._directory()
        if listed is None:
            report.add("zip_header_mismatch", DIRECTORY, "nicht lesbar")
            listed = self._from_header_to_header()
        if not listed:
            raise Unreadable("Die Datei ist kein lesbares ZIP.")
        self._take(listed)

    def _at(self, offset: int, length: int) -> bytes:
        if not 0 <= offset <= self.size:
            return b""
        self._file.seek(offset)
        return self._file.read(length)

    def _directory(self) -> Optional[list[_Listed]]:
        """What the directory lists; None where it is not whole."""
        tail_at = max(0, self.size - _END.size - _FULL16)
        tail = self._at(tail_at, _END.size + _FULL16)
        found = tail.rfind(b"PK\x05\x06")
        if found < 0 or len(tail) - found < _END.size:
            return None
        end_at = tail_at + found
        _, _, _, _, count, size, offset, _ = _END.unpack_from(tail, found)
        locator = self._at(end_at - _LOCATOR.size, _LOCATOR.size)
        if locator[:4] == b"PK\x06\x07" and len(locator) == _LOCATOR.size:
            packed = self._at(_LOCATOR.unpack(locator)[2], _END64.size)
            if len(packed) < _END64.size or packed[:4] != b"PK\x06\x06":
                return None
            count, size, offset = _END64.unpack(packed)[7:10]
        if count > MOST_FILES or size > MOST_DIRECTORY:
            return None if offset + size > self.size else self._too_much()
        return self._lines(self._at(offset, size), count)

    def _too_much(self) -> Optional[list[_Listed]]:
        raise Unreadable("Das ZIP nennt mehr Dateien, als dieses Prüfprogramm liest.")

    def _lines(self, block: bytes, count: int) -> Optional[list[_Listed]]:
        lines, at = [], 0
        for _ in range(count):
            if len(block) - at < _CENTRAL.size:
                return None
            found = _CENTRAL.unpack_from(block, at)
            name_end = at + _CENTRAL.size + found[10]
            extra_end = name_end + found[11]
            if found[0] != 0x02014B50 or extra_end + found[12] > len(block):
                return None
            size, packed, offset = _wide([found[9], found[8], found[16]], block[name_end:extra_end])
            name = block[at + _CENTRAL.size : name_end]
            lines.append(_Listed(name, found[3], found[4], found[7], packed, size, offset, found[15]))
            at = extra_end + found[12]
        return lines if at == len(block) else None

    def _from_header_to_header(self) -> list[_Listed]:
        lines: list[_Listed] = []
        at = 0
        while len(lines) < MOST_FILES:
            head = self._at(at, _LOCAL.size)
            if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
                break
            found = _LOCAL.unpack(head)
            name = self._at(at + _LOCAL.size, found[9])
            extra = self._at(at + _LOCAL.size + found[9], found[10])
            size, packed = _wide([found[8], found[7]], extra)
            lines.append(_Listed(name, found[2], found[3], found[6], packed, size, at, 0))
            at += _LOCAL.size + found[9] + found[10] + packed
        return lines

    def _take(self, listed: list[_Listed]) -> None:
        """Every byte of the file is what it must be, or there is a finding that names the member."""
        report, names = self._report, Counter(one.name for one in listed)
        pairs = [(one, Member(_text(one.name), one.crc, one.size, one.offset)) for one in listed]
        by_place = sorted(pairs, key=lambda pair: pair[0].offset)
        twice = [name for name, count in names.items() if count > 1]
        for name in twice:
            report.add("zip_duplicate_entry", _shown(name))
        if not twice and ([one.name for one in listed] != sorted(names) or by_place != pairs):
            report.add("zip_header_mismatch", DIRECTORY, "Reihenfolge")
        at = 0
        for n, (one, member) in enumerate(by_place):
            if one.offset != at:
                report.add("zip_hidden_bytes", _shown(one.name), f"bei Byte {min(at, one.offset)}")
            following = by_place[n + 1][0].offset if n + 1 < len(by_place) else None
            at = self._examine(one, member, _shown(one.name), following)
        self._check_end(at, [member for _, member in pairs])

    def _examine(self, one: _Listed, member: Member, name: str, following: Optional[int]) -> int:
        """The member is usable or named; where its bytes end."""
        report = self._report
        head = self._at(one.offset, _LOCAL.size)
        is_header = len(head) == _LOCAL.size and head[:4] == b"PK\x03\x04"
        local = _LOCAL.unpack(head) if is_header else None
        is_stored = one.method == 0 and not one.flags & 0x2049 and one.packed == one.size
        if not is_stored or (local and (local[2] & 0x2049 or local[3] != 0)):
            report.add("zip_not_stored", name)
        expected = local_header(member)
        start = one.offset + len(expected)
        if self._at(one.offset, len(expected)) != expected:
            inner = _shown(self._at(one.offset + _LOCAL.size, local[9])) if local else name
            if not report.has("zip_not_stored", name):
                report.add("zip_header_mismatch", name, f"im Dateikopf {inner}" if inner != name else "")
            if local and start + one.size != following:
                start = one.offset + _LOCAL.size + local[9] + local[10]
        end = start + one.packed
        is_link = (one.attributes >> 16) & 0o170000 == 0o120000
        if is_link or not _is_safe(one.name):
            report.add("zip_unsafe_path", name)
            self.unusable.add(member.name)
        elif is_stored and end <= self.size and member.name not in self._starts:
            self.members.append(member)
            self._starts[member.name] = start
        else:
            self.unusable.add(member.name)
        return end

    def _check_end(self, at: int, members: list[Member]) -> None:
        """The directory and the end are exactly what follows from the members, and nothing follows them."""
        report = self._report
        start = at
        for member in members:
            line = central_header(member)
            if self._at(at, len(line)) != line:
                name = _shown(member.name.encode(*_ANY))
                if not report.has("zip_not_stored", name) and not report.has("zip_unsafe_path", name):
                    report.add("zip_header_mismatch", name, DIRECTORY)
                found = self._at(at, _CENTRAL.size)
                if len(found) == _CENTRAL.size and found[:4] == b"PK\x01\x02":
                    lengths = _CENTRAL.unpack(found)[10:13]
                    at += _CENTRAL.size + sum(lengths)
                    continue
            at += len(line)
        ends = end_records(len(members), at - start, start)
        rest = self._at(at, len(ends) + 1)
        if rest != ends:
            is_longer = self.size - at > len(ends)
            report.add("zip_hidden_bytes" if is_longer else "zip_header_mismatch", DIRECTORY, f"ab Byte {at}")

    def pieces(self, name: str, size: int) -> Iterator[bytes]:
        """The member's bytes, in pieces of 4 MiB."""
        at = self._starts[name]
        for offset in range(0, size, CHUNK):
            yield self._at(at + offset, min(CHUNK, size - offset))

    def part(self, name: str, offset: int, length: int) -> bytes:
        """Some of a member's bytes."""
        return self._at(self._starts[name] + offset, length)


def _text(name: bytes) -> str:
    return name.decode(*_ANY)


def _shown(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")[:200]


def _is_safe(name: bytes) -> bool:
    """ASCII, relative, without `..`, backslash, drive, control characters or empty parts."""
    try:
        text = name.decode("ascii")
    except UnicodeDecodeError:
        return False
    return bool(_NAME(text)) and not any(set(part) == {"."} for part in text.split("/"))


class Folder:
    """An unpacked package."""

    def __init__(self, path: Path, report: Report) -> None:
        self.members: list[Member] = []
        self._path = path
        waiting = [path]
        while waiting:
            for found in sorted(waiting.pop().iterdir()):
                name = found.relative_to(path).as_posix()
                if len(self.members) >= MOST_FILES or name.count("/") > 8:
                    raise Unreadable("Der Ordner enthält mehr, als dieses Prüfprogramm liest.")
                if found.is_symlink():
                    report.add("zip_unsafe_path", name, "Verknüpfung")
                elif found.is_dir():
                    waiting.append(found)
                elif found.is_file():
                    self.members.append(Member(name, -1, found.stat().st_size, 0))
                else:
                    report.add("zip_unsafe_path", name)

    def pieces(self, name: str, size: int) -> Iterator[bytes]:
        """The file's bytes, in pieces of 4 MiB, never more than `size`."""
        with (self._path / name).open("rb") as file:
            for offset in range(0, size, CHUNK):
                yield file.read(min(CHUNK, size - offset))

    def part(self, name: str, offset: int, length: int) -> bytes:
        """Some of a file's bytes."""
        with (self._path / name).open("rb") as file:
            file.seek(offset)
            return file.read(length)


class File(NamedTuple):
    """A file of the package, hashed."""

    #: As the container knows it.
    inner: str
    size: int
    sha256: bytes
    #: SHA-256 of each piece of 4 MiB, of originals only.
    chunks: tuple[bytes, ...]
    #: The whole file, unless it is an original or too large.
    data: Optional[bytes]
    #: Whether the ZIP's own checksum fits.
    fits_crc: bool = True


class Contents:
    """All files of a package by their names below its one top folder."""

    def __init__(self, path: Path, report: Report) -> None:
        self._report = report
        self.is_zip = path.is_file()
        self.files: dict[str, File] = {}
        self.top = ""
        self.unusable: set[str] = set()
        if self.is_zip:
            with path.open("rb") as file:
                self._read(Zip(file, report))
        elif path.is_dir():
            self._read(Folder(_bag_in(path), report))
        else:
            raise Unreadable("Datei oder Ordner gibt es nicht.")
        self._path = path

    def _read(self, container: Zip | Folder) -> None:
        members = container.members
        if isinstance(container, Zip):
            self.unusable = {name.partition("/")[2] for name in container.unusable}
            tops = Counter(member.name.partition("/")[0] for member in members)
            bags = [member.name.partition("/")[0] for member in members if member.name.endswith(("/bagit.txt", PAKET))]
            self.top = Counter(bags or list(tops)).most_common(1)[0][0] if tops else ""
            for top in set(bags) - {self.top}:
                self._report.add("package_mixed", top)
        kept = 0
        with ThreadPoolExecutor(2) as pool:
            for member in members:
                top, slash, name = member.name.partition("/") if self.top else ("", "/", member.name)
                if top != self.top or not slash:
                    self._report.add("extra_file", member.name)
                    continue
                is_kept = not name.startswith(ORIGINALS) and kept + member.size <= MOST_MEMORY
                is_kept = is_kept and member.size <= (MOST_TEXT if name.endswith((".jsonl", ".txt")) else MOST_SMALL)
                found = _hashed(container, member, pool, is_kept=is_kept)
                kept += member.size if is_kept else 0
                self.files[name] = found
        self._check_names()

    def _check_names(self) -> None:
        seen: dict[str, str] = {}
        for name in self.files:
            folded = unicodedata.normalize("NFC", name).casefold()
            if seen.setdefault(folded, name) != name:
                self._report.add("name_ambiguous", name, f"wie {seen[folded]}")

    def text(self, name: str) -> Optional[bytes]:
        """The bytes of a file; None where there is none, or a finding says why it is not read."""
        found = self.files.get(name)
        if found is not None and found.data is None:
            self._report.add("file_unreadable", name, "zu groß")
        return found.data if found is not None else None

    def part(self, name: str, offset: int, length: int) -> bytes:
        """Some bytes of an original."""
        inner = self.files[name].inner
        if self.is_zip:
            with self._path.open("rb") as file:
                return Zip(file, Report()).part(inner, offset, length)
        return Folder(_bag_in(self._path), Report()).part(inner, offset, length)


def _bag_in(path: Path) -> Path:
    """The bag itself, also where the folder around it was named."""
    if (path / "bagit.txt").exists() or (path / PAKET).exists():
        return path
    inside = [found for found in path.iterdir() if found.is_dir() and not found.is_symlink()]
    return inside[0] if len(inside) == 1 else path


def _hashed(container: Zip | Folder, member: Member, pool: ThreadPoolExecutor, *, is_kept: bool) -> File:
    """The member's digests; its CRC is only compared where nothing else would tell."""
    name = member.name
    if member.size <= CHUNK:
        data = b"".join(container.pieces(name, member.size))
        digest = sha256(data)
        fits = member.crc < 0 or zlib.crc32(data) == member.crc
        return File(name, len(data), digest, (digest,) if data else (), data if is_kept else None, fits)
    whole, crc, chunks, parts, read = hashlib.sha256(), 0, [], [], 0
    for piece in container.pieces(name, member.size):
        waiting = pool.submit(whole.update, piece)
        chunks.append(sha256(piece))
        crc = zlib.crc32(piece, crc) if member.crc >= 0 else -1
        if is_kept:
            parts.append(piece)
        read += len(piece)
        waiting.result()
    fits = crc in (-1, member.crc)
    return File(name, read, whole.digest(), tuple(chunks), b"".join(parts) if is_kept else None, fits)


# ---- keys and signatures


class Key:
    """A public key, its one role, and from where to where in the log it counts."""

    def __init__(self, keyid: str, role: str, spki: bytes, place: str) -> None:
        self.keyid, self.role, self.spki, self.place = keyid, role, spki, place
        #: First index of the log at which it counts, and the one from which it does not.
        self.start, self.end = 0, MAX_INTEGER
        #: From here on a thief may have had it.
        self.doubtful_from = MAX_INTEGER
        self.source, self.incarnation = "", 0
        self._loaded: Any = None
        self._is_loaded = False

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether it made the 64 bytes `r ‖ s` over SHA-256 of `message`; without `cryptography` everything passes."""
        if not CAN_VERIFY:
            return True
        if len(signature) != 64:
            return False
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        return self.verify_der(message, der)

    def verify_der(self, message: bytes, der: bytes) -> bool:
        """As above, the signature as it stands in a checkpoint: DER, or 64 bytes of Ed25519."""
        if not CAN_VERIFY:
            return True
        key = self.loaded()
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(der, message)
            elif key is not None:
                key.verify(der, message, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return key is not None

    def loaded(self) -> Any:
        """The key of a kind that is allowed for its role, in the one DER form; None where it is not."""
        if not self._is_loaded:
            self._is_loaded = True
            with suppress(ValueError, UnsupportedAlgorithm):
                found = load_der_public_key(self.spki)
                is_p256 = isinstance(found, EllipticCurvePublicKey) and isinstance(found.curve, SECP256R1)
                if is_p256 or (isinstance(found, Ed25519PublicKey) and self.role == "log"):
                    self._loaded = found
        return self._loaded

    @property
    def is_ed25519(self) -> bool:
        """Whether its SPKI is one of Ed25519 (RFC 8410): twelve bytes and the key."""
        return len(self.spki) == 44 and self.spki.startswith(_ED25519)

    def note_id(self, name: str) -> bytes:
        """The 4 bytes by which a signed note names it."""
        if self.is_ed25519:
            return sha256(name.encode() + b"\n\x01" + self.spki[len(_ED25519) :])[:4]
        return sha256(self.spki)[:4]


_ED25519 = bytes.fromhex("302a300506032b6570032100")
#: P-256 in its uncompressed SPKI form (RFC 5480): 26 bytes, 0x04, x and y.
_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


class Record:
    """A record with its envelope, as far as it can be read."""

    def __init__(self, place: str, index: int, payload: bytes, public: dict[str, Any]) -> None:
        self.place, self.index, self.payload, self.public = place, index, payload, public
        self.hash = sha256(payload)
        self.kind, self.subject = _string(public.get("kind")), _string(public.get("subject"))
        #: keyid and 64 bytes each.
        self.signatures: list[tuple[str, bytes]] = []

    @property
    def at(self) -> Optional[datetime]:
        """When it was written, by the server's clock."""
        return instant(self.public.get("at"))


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def read_record(envelope: object, place: str, index: int, report: Report) -> Optional[Record]:
    """The record in a DSSE envelope; what is wrong with its form is a finding."""
    if not isinstance(envelope, dict) or set(envelope) != {"payload", "payloadType", "signatures"}:
        report.add("record_not_canonical", place, "Umschlag")
        return None
    if envelope["payloadType"] != RECORD_TYPE:
        report.add("record_type_unknown", place, str(envelope["payloadType"])[:80])
    try:
        payload = unbase64(envelope["payload"])
        signatures = [_signature(one) for one in envelope["signatures"]]
    except (Malformed, TypeError) as error:
        report.add("record_not_canonical", place, str(error)[:80])
        return None
    public: dict[str, Any] = {}
    try:
        public = canonical(payload)
        if not has_plain_keys(public):
            raise Malformed("Feldname")
    except (Malformed, RecursionError) as error:
        report.add("record_not_canonical", place, str(error)[:80])
        with suppress(ValueError, RecursionError):
            loose = json.loads(payload)
            public = loose if isinstance(loose, dict) else {}
    record = Record(place, index, payload, public)
    record.signatures = signatures
    return record


def _signature(one: object) -> tuple[str, bytes]:
    if not isinstance(one, dict) or set(one) != {"keyid", "sig"} or not isinstance(one["keyid"], str):
        raise Malformed("Unterschrift")
    return one["keyid"], unbase64(one["sig"])


def pre_authentication(payload: bytes) -> bytes:
    """What is signed of a record (DSSE 1.0)."""
    kind = RECORD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


# ---- Merkle tree (RFC 6962)


def leaf_hash(data: bytes) -> bytes:
    """Of a leaf: the record's hash."""
    return sha256(b"\x00" + data)


def root_from_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> Optional[bytes]:
    """The root to which `path` leads from the leaf (RFC 9162, 2.1.3.2); None where its length is impossible."""
    if not 0 <= index < size:
        return None
    first, last, found = index, size - 1, leaf_hash(leaf)
    for sibling in path:
        if last == 0:
            return None
        if first & 1 or first == last:
            found = hashlib.sha256(b"\x01" + sibling + found).digest()
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + sibling).digest()
        first, last = first >> 1, last >> 1
    return found if last == 0 else None


def roots_from_consistency(old: int, new: int, path: list[bytes], old_root: bytes) -> Optional[tuple[bytes, bytes]]:
    """Old and new root to which the proof leads (RFC 9162, 2.1.4.2); None where its length is impossible."""
    if not 1 <= old <= new:
        return None
    if old == new:
        return (old_root, old_root) if not path else None
    steps = list(path) if old & (old - 1) else [old_root, *path]
    if not steps:
        return None
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    in_old = in_new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return None
        if first & 1 or first == last:
            in_old, in_new = sha256(b"\x01" + sibling + in_old), sha256(b"\x01" + sibling + in_new)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            in_new = sha256(b"\x01" + in_new + sibling)
        first, last = first >> 1, last >> 1
    return (in_old, in_new) if last == 0 else None


class Checkpoint(NamedTuple):
    """What a log says about itself."""

    origin: str
    size: int
    root: bytes
    text: bytes
    #: Name, 4 bytes of key id, signature.
    lines: tuple[tuple[str, bytes, bytes], ...]


def read_checkpoint(data: bytes) -> Checkpoint:
    """A signed note of three lines (C2SP tlog-checkpoint)."""
    try:
        text, blank, block = data.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError as error:
        raise Malformed("kein UTF-8") from error
    parts = text.split("\n")
    if len(data) > MOST_SMALL or not blank or len(parts) < 3 or not block.endswith("\n") or not _SIZE(parts[1]):
        raise Malformed("keine drei Zeilen und Unterschriften")
    root = unbase64(parts[2])
    lines: list[tuple[str, bytes, bytes]] = []
    for line in block[:-1].split("\n"):
        found = _NOTE_LINE(line)
        packed = unbase64(found[2]) if found else b""
        if found is None or len(packed) < 5 or len(lines) >= 32:
            raise Malformed("Unterschriftszeile")
        lines.append((found[1], packed[:4], packed[4:]))
    if len(root) != 32:
        raise Malformed("Wurzel")
    return Checkpoint(parts[0], int(parts[1]), root, text.encode() + b"\n", tuple(lines))


class Proof(NamedTuple):
    """What a `.tlog-proof` says: `extra` is the record's hash."""

    leaf: bytes
    at: int
    path: list[bytes]


def read_proof(data: bytes) -> Proof:
    """The head of a C2SP tlog-proof; the package holds the checkpoint that follows it once."""
    lines = data.decode("ascii", "replace").split("\n") if len(data) < 16_384 else []
    if len(lines) < 5 or lines[0] != "c2sp.org/tlog-proof@v1" or lines[-2:] != ["", ""]:
        raise Malformed("Aufbau")
    extra, index = lines[1].partition(" "), lines[2].partition(" ")
    if extra[0] != "extra" or index[0] != "index" or not _SIZE(index[2]):
        raise Malformed("Aufbau")
    path = [unbase64(line) for line in lines[3:-2]]
    if any(len(one) != 32 for one in path):
        raise Malformed("Länge")
    return Proof(unbase64(extra[2]), int(index[2]), path)


# ---- journals


class Entry(NamedTuple):
    """An entry's place in a journal and its header."""

    source: str
    incarnation: int
    seq: int
    hash: bytes
    header: bytes
    fields: list[Any]

    @property
    def place(self) -> str:
        """How findings name it."""
        return f"{JOURNAL}#{self.source}/{self.incarnation}/{self.seq}"

    @property
    def id(self) -> str:
        """The entry's id."""
        return str(self.fields[2])

    @property
    def kind(self) -> str:
        """The entry's kind."""
        return str(self.fields[3])


class Chain:
    """One journal of one incarnation of a source, as far as it is shown."""

    def __init__(self, source: str, incarnation: int) -> None:
        self.source, self.incarnation = source, incarnation
        self.anchors: list[tuple[int, bytes]] = []
        self.entries: list[Entry] = []
        self.seals: list[tuple[int, bytes]] = []

    def place(self, seq: int) -> str:
        """How findings name an entry of it."""
        return f"{JOURNAL}#{self.source}/{self.incarnation}/{seq}"


def read_header(text: object) -> list[Any]:
    """The eight members of a header (design/sync.md 2.2)."""
    if not isinstance(text, str):
        raise Malformed("Kopf")
    try:
        fields = _decode(text)
        is_plain = isinstance(fields, list) and _encode(fields) == text
    except (ValueError, RecursionError) as error:
        raise Malformed("Kopf") from error
    if not is_plain or len(fields) != 8 or fields[0] != "streife.entry.1" or not isinstance(fields[6], list):
        raise Malformed("Kopf")
    found: list[Any] = fields
    return found


def genesis(source: str, incarnation: int, keyid: str) -> bytes:
    """`hash[0]` of a journal (design/sync.md 2.2)."""
    return sha256(f'["streife.journal.1","{source}",{incarnation},"{keyid}"]'.encode())


def seal_input(source: str, incarnation: int, seq: int, head: bytes) -> bytes:
    """What a seal signs."""
    return f'["streife.seal.1","{source}",{incarnation},{seq},"{head.hex()}"]'.encode()


class Private(NamedTuple):
    """A private part that was disclosed."""

    salt: bytes
    body: bytes
    facts: dict[str, Any]


class Clip(NamedTuple):
    """A clip: the receipt, the dock's entry and its disclosed body, as far as they are there."""

    receipt: Record
    entry: Optional[Entry]
    private: Optional[Private]

    @property
    def camera(self) -> tuple[str, int]:
        """Camera and its number."""
        public = self.receipt.public
        seq = public.get("camera_seq")
        return str(public.get("camera")), seq if isinstance(seq, int) else -1


# ---- the checks, in the order of design/evidence.md 11


class Check:
    """One package, checked."""

    def __init__(self, contents: Contents, report: Report, *, root: str = "", older: Iterable[bytes] = ()) -> None:
        self.contents, self.files, self.report = contents, contents.files, report
        self.pinned, self.older = root, tuple(older)
        self.town = ""
        self.paket: Optional[Record] = None
        self.root: Optional[Key] = None
        self.keys: dict[str, Key] = {}
        self.statements: list[Record] = []
        self.records: list[Record] = []
        self.chains: dict[tuple[str, int], Chain] = {}
        self.by_seq: dict[tuple[str, int, int], Entry] = {}
        self.admitted: dict[tuple[str, int, int], Record] = {}
        self.private: dict[str, Private] = {}
        self.clips: dict[str, Clip] = {}
        self.checkpoint: Optional[Checkpoint] = None
        #: How far the camera's clock was off at docking, in milliseconds, the most.
        self.clock_off_ms: Optional[int] = None

    def run(self) -> None:
        """Everything is checked; the report holds what was found."""
        self.read()
        for step in (
            self.bag, self.package, self.key_statements, self.all_records, self.journals, self.admissions,
            self.private_parts, self.log, self.consistency, self.link_clips, self.originals, self.custody, self.gaps,
            self.times, self.deadlines,
        ):  # fmt: skip
            step()
        if not CAN_VERIFY:
            self.report.add("signatures_unchecked", PAKET)
        if not self.pinned:
            self.report.add("root_not_pinned", KEYS)

    # -- reading

    def read(self) -> None:
        """Everything is parsed; what cannot be is named."""
        found = self._envelope(PAKET)
        if found is None and PAKET not in self.files:
            self.report.add("package_signature_missing", PAKET)
        self.paket = found
        for line, value in self._lines(KEYS):
            self._read_key(line, value)
        for line, value in self._lines(RECORDS):
            record = self._read_line(value, RECORDS, line)
            if record is not None:
                self.records.append(record)
        for line, value in self._lines(JOURNAL):
            try:
                self._read_journal(value)
            except Malformed as error:
                self.report.add("file_unreadable", f"{JOURNAL}:{line}", str(error))
        towns = Counter(str(record.public.get("town")) for record in (*self.records, *self.statements))
        own = str(self.paket.public.get("town")) if self.paket else ""
        self.town = own or (towns.most_common(1)[0][0] if towns else "")

    def _envelope(self, name: str) -> Optional[Record]:
        data = self.contents.text(name)
        if data is None:
            return None
        try:
            return read_record(canonical(data), name, -1, self.report)
        except Malformed as error:
            self.report.add("package_signature_invalid", name, str(error))
            return None

    def _lines(self, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """The JSON objects of a file, each in canonical form on a line of its own."""
        data = self.contents.text(name)
        if data is None:
            if name not in self.contents.unusable and name not in self.files and name != CONSISTENCY:
                self.report.add("file_missing", name)
            return
        lines = data.split(b"\n")
        if lines.pop() != b"":
            self.report.add("file_unreadable", name, "letzte Zeile")
        for number, line in enumerate(lines, 1):
            try:
                if len(line) > MOST_LINE:
                    raise Malformed("zu lang")
                yield number, canonical(line)
            except Malformed as error:
                code = "record_not_canonical" if name in (RECORDS, KEYS) else "file_unreadable"
                self.report.add(code, f"{name}:{number}", str(error))

    def _read_line(self, value: dict[str, Any], name: str, line: int) -> Optional[Record]:
        index = value.get("index")
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            self.report.add("record_not_canonical", f"{name}:{line}", "index")
            return None
        return read_record(value.get("envelope"), f"{name}#{index}", index, self.report)

    def _read_key(self, line: int, value: dict[str, Any]) -> None:
        """A line of keys: the root, or a statement about a key together with that key."""
        if line == 1 and value.get("role") == "root":
            with suppress(Malformed):
                spki = unbase64(value.get("spki"))
                self.root = Key(sha256(spki).hex(), "root", spki, f"{KEYS}:1")
            return
        record = self._read_line(value, KEYS, line)
        if record is None:
            return
        self.statements.append(record)
        if record.kind in ("key.enrolled", "key.rotated"):
            self._add_key(record, value)

    def _add_key(self, record: Record, value: dict[str, Any]) -> None:
        public, place = record.public, record.place
        role = public.get("role")
        named = public.get("enrolled_keyid", public.get("source_keyid"))
        try:
            spki = unbase64(value.get("spki"))
        except Malformed:
            spki = b""
        if sha256(spki).hex() != named:
            self.report.add("key_mismatch", place)
            return
        if role not in ROLES:
            self.report.add("key_wrong_role", place, str(role)[:40])
            return
        shape = {"p256": (91, _P256), "ed25519": (44, _ED25519)}.get(str(public.get("algorithm")))
        is_allowed = shape is not None and (role == "log" or shape[1] == _P256)
        if shape is None or not is_allowed or len(spki) != shape[0] or not spki.startswith(shape[1]):
            self.report.add("algorithm_not_allowed", place, str(public.get("algorithm"))[:40])
            return
        key = Key(str(named), str(role), spki, place)
        key.start = record.index
        start = public.get("from")
        if role in ("record", "log") and record.kind == "key.enrolled" and isinstance(start, int):
            key.start = start  # the root vouches for what was before its statement
        if str(role).startswith("seal:"):
            incarnation = public.get("incarnation")
            key.source, key.incarnation = record.subject, incarnation if isinstance(incarnation, int) else 0
            if any((one.source, one.incarnation) == (key.source, key.incarnation) for one in self.keys.values()):
                self.report.add("key_mismatch", place, "zweiter Schlüssel für dasselbe Journal")
                return
        if self.keys.setdefault(key.keyid, key) is not key:
            self.report.add("key_wrong_role", place, "schon vergeben")

    def _read_journal(self, value: dict[str, Any]) -> None:
        source, incarnation, seq = value.get("source"), value.get("incarnation"), value.get("seq")
        if not isinstance(source, str) or not _UUID(source) or type(incarnation) is not int or type(seq) is not int:
            raise Malformed("Quelle oder Nummer")
        chain = self.chains.setdefault((source, incarnation), Chain(source, incarnation))
        if "seal" in value:
            chain.seals.append((seq, unbase64(value["seal"])))
            return
        digest = value.get("hash")
        if not isinstance(digest, str) or not _HEX(digest):
            raise Malformed("hash")
        if "header" not in value:
            chain.anchors.append((seq, bytes.fromhex(digest)))
            return
        fields = read_header(value["header"])
        header = str(value["header"]).encode()
        chain.entries.append(Entry(source, incarnation, seq, bytes.fromhex(digest), header, fields))

    # -- bag and package

    def bag(self) -> None:
        """Nothing was added, removed, renamed or changed after the manifests were written."""
        listed = {**self._manifest(MANIFEST, is_payload=True), **self._manifest(TAGMANIFEST, is_payload=False)}
        missing = {name for name in listed if name not in self.files and name not in self.contents.unusable}
        extra = [name for name in self.files if name not in listed and name not in (PAKET, TAGMANIFEST)]
        by_digest = {listed[name]: name for name in sorted(missing)}
        for name in extra:
            old = by_digest.get(self.files[name].sha256)
            if old in missing:
                missing.discard(old)
                self.report.add("file_renamed", name, f"früher {old}")
            else:
                self.report.add("extra_file_harmless" if _SYSTEM_FILE.search(name) else "extra_file", name)
        for name in sorted(missing):
            self.report.add(_code_of_missing(name), name)
        self._renamed = {name for name in by_digest.values() if name not in missing}
        self._listed = listed
        self._missing = missing
        for name, digest in listed.items():
            found = self.files.get(name)
            if found is None:
                continue
            if found.sha256 != digest and not _ORIGINAL(name):
                self.report.add("verifier_changed" if name == "verify.py" else "file_changed", name)
            elif found.sha256 == digest and not found.fits_crc:
                self.report.add("zip_header_mismatch", f"{self.contents.top}/{name}", "Prüfsumme")
        for name in (PAKET, TAGMANIFEST):
            if name in self.files and not self.files[name].fits_crc:
                self.report.add("zip_header_mismatch", f"{self.contents.top}/{name}", "Prüfsumme")

    def _manifest(self, name: str, *, is_payload: bool) -> dict[str, bytes]:
        """File names and SHA-256; the form of BagIt 1.0 that `sha256sum` writes."""
        data = self.contents.text(name)
        if data is None:
            if name not in self.files and name not in self.contents.unusable:
                self.report.add("file_missing", name)
            return {}
        listed: dict[str, bytes] = {}
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(keepends=True), 1):
            found = _MANIFEST_LINE(line)
            if found is None or found[2] in listed or found[2].startswith("data/") != is_payload:
                self.report.add("file_unreadable", f"{name}:{number}")
            else:
                listed[found[2]] = bytes.fromhex(found[1])
        return listed

    def package(self) -> None:
        """The release covers exactly these manifests, and all parts belong to one package."""
        record, report = self.paket, self.report
        if record is None:
            if PAKET in self.files:
                report.add("package_signature_invalid", PAKET)
            return
        package = str(record.public.get("package"))
        is_mixed = any(package != name for name in self._names_of_package())
        if is_mixed:
            report.add("package_mixed", PAKET)
        found = self.files.get(TAGMANIFEST)
        expected = record.public.get("tagmanifest")
        if record.kind != "export.built":
            report.add("package_signature_invalid", PAKET, record.kind)
        if found is not None and found.sha256.hex() != expected and not is_mixed:
            report.add("package_signature_invalid", TAGMANIFEST)

    def _names_of_package(self) -> Iterator[str]:
        """What the other parts call the package: the top folder of a ZIP, and `bag-info.txt`."""
        if self.contents.is_zip:
            yield self.contents.top[-36:]
        info = self.contents.text("bag-info.txt") or b""
        for line in info.decode("utf-8", "replace").splitlines():
            if line.startswith("External-Identifier: "):
                yield line.partition(": ")[2]

    # -- keys

    def key_statements(self) -> None:
        """Every key leads back to the root; the history is whole."""
        report = self.report
        if self.root is None or (CAN_VERIFY and self.root.loaded() is None):
            report.add("root_key_missing", KEYS)
        elif self.pinned and self.pinned != self.root.keyid:
            report.add("root_key_unknown", KEYS, self.root.keyid)
        for record in self.statements:
            self._common(record)
            if record.kind == "key.rotated":
                self._rotated(record)
            elif record.kind == "key.revoked":
                self._revoked(record)
        for record in self.statements:
            if record.kind != "key.rotated":
                self._signed(record)
        self._linked(self.statements, "key_history_incomplete")
        if self.paket is not None:
            digest = sha256(b"".join(record.hash for record in self.statements)).hex()
            if self.paket.public.get("keys") != digest:
                report.add("key_history_incomplete", KEYS)
            self._common(self.paket)
            if not report.has("package_mixed", PAKET):
                self._signed(self.paket, "package_signature_invalid")

    def _rotated(self, record: Record) -> None:
        names = [str(record.public.get("old_keyid")), str(record.public.get("enrolled_keyid"))]
        keys = [self.keys.get(name) for name in names]
        message = pre_authentication(record.payload)
        made = dict(record.signatures)
        is_valid = all(key is not None and key.verify(message, made.get(key.keyid, b"")) for key in keys)
        roles = {key.role for key in keys if key is not None}
        if not is_valid or len(roles) != 1 or [name for name, _ in record.signatures] != names:
            self.report.add("key_rotation_invalid", record.place)

    def _revoked(self, record: Record) -> None:
        public = record.public
        start, since = public.get("from", record.index), public.get("compromised_since")
        for key in self.keys.values():
            is_meant = key.keyid == public.get("revoked_keyid") or (
                bool(key.source) and key.source == record.subject and key.start <= record.index
            )
            if is_meant and isinstance(start, int):
                key.end = min(key.end, start)
                key.doubtful_from = since if isinstance(since, int) else key.doubtful_from

    def _signed(self, record: Record, code: str = "record_signature_invalid") -> None:
        """The record is signed by the key that it names, one that may, at a place of the log where it may."""
        report, named = self.report, record.public.get("keyid")
        if named is None and not record.signatures:
            if record.kind in SIGNED:
                report.add(code, record.place, "ohne Unterschrift")
            return
        if len(record.signatures) != 1 or record.signatures[0][0] != named:
            report.add(code, record.place)
            return
        wanted = (
            "root" if record.kind == "key.enrolled" and record.public.get("role") in ("record", "log") else "record"
        )
        key = self.root if self.root is not None and named == self.root.keyid else self.keys.get(str(named))
        if key is None:
            report.add("key_unknown", record.place)
            return
        if key.role != wanted and not (key.role == "root" and record.kind.startswith("key.")):
            report.add("key_wrong_role", record.place, key.role)
        if not key.verify(pre_authentication(record.payload), record.signatures[0][1]):
            report.add(code, record.place)
        # The release is logged after everything that it releases.
        index = record.index if record.index >= 0 else 1 + max((one.index for one in self.records), default=0)
        self._in_force(key, index, record.place)

    def _in_force(self, key: Key, index: int, place: str) -> None:
        if index < key.start:
            self.report.add("key_not_yet_valid", place)
        elif index >= key.end:
            self.report.add("key_revoked", place)
        elif index >= key.doubtful_from:
            self.report.add("key_doubtful", place)

    # -- records

    def _common(self, record: Record) -> None:
        if record.public.get("v") != 1:
            self.report.add("record_version_unknown", record.place)
        if record.public.get("town") != self.town:
            self.report.add("wrong_town", record.place)

    def all_records(self) -> None:
        """Each record stands once, in the order of the log, in canonical form, signed where it must be."""
        before = -1
        first: dict[bytes, int] = {}
        for record in self.records:
            known = first.setdefault(record.hash, record.index)
            if record.index < before:
                self.report.add("records_out_of_order", record.place)
            elif record.index == before:
                self.report.add("record_duplicate", record.place)
            elif known != record.index:
                self.report.add("record_logged_twice", record.place, f"auch {known}")
            before = max(before, record.index)
            self._common(record)
            self._signed(record)
            if record.kind == "entry.admitted":
                self._keep_admission(record)

    def _keep_admission(self, record: Record) -> None:
        public = record.public
        source, incarnation, seq = public.get("source"), public.get("incarnation"), public.get("seq")
        if isinstance(source, str) and isinstance(incarnation, int) and isinstance(seq, int):
            self.admitted.setdefault((source, incarnation, seq), record)

    # -- journals

    def journals(self) -> None:
        """Between the first and the last entry shown none is missing, added, moved or changed; the source sealed it."""
        for chain in self.chains.values():
            entries = self._ordered(chain)
            for entry in entries:
                self.by_seq[(entry.source, entry.incarnation, entry.seq)] = entry
            if entries:
                self._follow(chain, entries)
            self._sealed(chain, entries)

    def _ordered(self, chain: Chain) -> list[Entry]:
        """The entries by number, each once; what stands twice or elsewhere is named."""
        by_seq: dict[int, Entry] = {}
        before: Optional[Entry] = None
        for entry in chain.entries:
            other = by_seq.setdefault(entry.seq, entry)
            if other is not entry:
                self.report.add("source_fork" if other.header != entry.header else "chain_broken", entry.place)
            elif before is not None and entry.seq < before.seq:
                self.report.add("chain_reordered", entry.place)
                self.report.add("chain_reordered", before.place)
            before = entry
        swapped = {int(entry.fields[1]): entry for entry in by_seq.values() if entry.fields[1] != entry.seq}
        for entry in by_seq.values():
            if entry.fields[1] != entry.seq:
                is_swap = entry.seq in swapped and swapped[entry.seq].seq == entry.fields[1]
                self.report.add("chain_reordered" if is_swap else "chain_broken", entry.place)
        return [by_seq[seq] for seq in sorted(by_seq)]

    def _follow(self, chain: Chain, entries: list[Entry]) -> None:
        anchor = next((digest for seq, digest in chain.anchors if seq == entries[0].seq - 1), None)
        if entries[0].seq == 1:
            self._begins_rightly(chain, anchor)
        previous, number = anchor, entries[0].seq - 1
        for entry in entries:
            if entry.seq != number + 1:
                self.report.add("chain_gap", chain.place(number + 1))
                previous = None
            if previous is not None and sha256(previous + entry.header) != entry.hash:
                if not self.report.has("chain_reordered", entry.place):
                    self.report.add("chain_broken", entry.place)
            elif previous is None and number == entries[0].seq - 1:
                self.report.add("chain_gap", chain.place(number))
            previous, number = entry.hash, entry.seq

    def _begins_rightly(self, chain: Chain, anchor: Optional[bytes]) -> None:
        expected = [genesis(key.source, key.incarnation, key.keyid) for key in self._keys_of(chain)]
        if anchor not in expected:
            self.report.add("chain_wrong_genesis", chain.place(0))

    def _keys_of(self, chain: Chain) -> list[Key]:
        return [
            key for key in self.keys.values() if key.source == chain.source and key.incarnation == chain.incarnation
        ]

    def _sealed(self, chain: Chain, entries: list[Entry]) -> None:
        last = entries[-1].seq if entries else 0
        for seq, _ in chain.seals:
            if seq > last:
                self.report.add("chain_truncated", chain.place(seq))
        heads = {entry.seq: entry for entry in entries}
        covering = [(seq, signature) for seq, signature in chain.seals if seq in heads]
        if entries and not any(seq >= last for seq, _ in chain.seals):
            self.report.add("seal_missing", chain.place(last))
        for seq, signature in covering:
            self._seal(chain, heads[seq], signature)

    def _seal(self, chain: Chain, head: Entry, signature: bytes) -> None:
        message = seal_input(chain.source, chain.incarnation, head.seq, head.hash)
        keys = self._keys_of(chain)
        if any(key.verify(message, signature) for key in keys):
            return
        code = "seal_invalid" if keys else "key_unknown"
        for key in self.keys.values():
            if not key.source or key in keys:
                continue
            own = seal_input(key.source, key.incarnation, head.seq, head.hash)
            if key.verify(message, signature) or key.verify(own, signature):
                code = "incarnation_mismatch" if key.source == chain.source else "seal_wrong_source"
        self.report.add(code, head.place)

    def admissions(self) -> None:
        """What the log says about an entry is true of the journal, and the source's key counted then."""
        for at, record in self.admitted.items():
            entry = self.by_seq.get(at)
            if entry is None:
                continue
            if record.public.get("entry_hash") != entry.hash.hex():
                self.report.add("chain_broken", entry.place, "anders als im Protokoll")
            for key in self._keys_of(self.chains[at[:2]]):
                self._in_force(key, record.index, entry.place)

    # -- private parts

    def private_parts(self) -> None:
        """What was disclosed is what was committed to when it was recorded."""
        committed = {str(record.public.get("id")): record.public.get("commitment") for record in self.records
                     if record.kind != "entry.admitted"}  # fmt: skip
        committed.update({entry.id: entry.fields[7] for entry in self.by_seq.values()})
        for name in self.files:
            if not name.startswith(PRIVATE):
                continue
            data = self.contents.text(name)
            if data is None:
                continue
            try:
                value = canonical(data)
                salt, body = unbase64(value.get("salt")), str(value.get("body")).encode()
            except (Malformed, UnicodeEncodeError) as error:
                self.report.add("file_unreadable", name, str(error)[:80])
                continue
            of = name[len(PRIVATE) :].partition(".")[0]
            if sha256(salt + body).hex() != committed.get(of):
                self.report.add("commitment_mismatch", name)
            facts: object = None
            with suppress(ValueError, RecursionError):
                facts = json.loads(body)
            self.private[of] = Private(salt, body, facts if isinstance(facts, dict) else {})

    # -- log

    def log(self) -> None:
        """Every record stands in the log whose checkpoint is signed."""
        data = self.contents.text(CHECKPOINT)
        if data is None:
            if CHECKPOINT not in self.contents.unusable:
                self.report.add("checkpoint_missing", CHECKPOINT)
        else:
            try:
                self.checkpoint = read_checkpoint(data)
                self._check_checkpoint(self.checkpoint, CHECKPOINT)
            except Malformed as error:
                self.report.add("checkpoint_malformed", CHECKPOINT, str(error))
        proved = set()
        for record in (*self.statements, *self.records):
            proved.add(record.index)
            self._included(record)
        for name in self.files:
            found = _PROOF(name)
            if found is not None and int(found[1]) not in proved and not self._is_unread(int(found[1])):
                self.report.add("record_missing", f"{RECORDS}#{found[1]}")

    def _is_unread(self, index: int) -> bool:
        """Whether a line of this index is there and a finding says that it could not be read."""
        places = (f"{RECORDS}#{index}", f"{KEYS}#{index}")
        return any(one.code == "record_not_canonical" and one.place in places for one in self.report.findings)

    def _check_checkpoint(self, checkpoint: Checkpoint, place: str) -> None:
        """At least one known key of the log signed it, and no line of a known key is broken."""
        logs = [key for key in self.keys.values() if key.role == "log"]
        origin = next((str(one.public.get("origin")) for one in self.statements if one.public.get("role") == "log"), "")
        if checkpoint.origin != origin:
            self.report.add("checkpoint_wrong_log", place)
        known = 0
        for name, id_, signature in checkpoint.lines:
            key = next((key for key in logs if key.note_id(name) == id_ and name == origin), None)
            if key is None:
                if name == origin:
                    self.report.add("checkpoint_key_unknown", place)
                continue
            known += not key.is_ed25519
            if not key.verify_der(checkpoint.text, signature):
                self.report.add("checkpoint_signature_invalid", place)
        if not known and checkpoint.origin == origin:
            self.report.add("checkpoint_key_unknown", place)

    def _included(self, record: Record) -> None:
        report, name = self.report, f"{PROOFS}{record.index}.tlog-proof"
        if self.checkpoint is not None and record.index >= self.checkpoint.size:
            report.add("checkpoint_too_old", record.place)
            return
        not_logged = "receipt_not_logged" if record.kind == "clip.received" else "record_not_in_log"
        data = self.contents.text(name)
        if data is None:
            if name not in self.contents.unusable:
                report.add(not_logged, record.place)
            return
        try:
            proof = read_proof(data)
        except Malformed as error:
            report.add("inclusion_malformed", name, str(error))
            return
        if self.checkpoint is None:
            return
        found = root_from_path(proof.leaf, proof.at, self.checkpoint.size, proof.path)
        if proof.leaf != record.hash:
            is_of_this_place = proof.at == record.index and found == self.checkpoint.root
            report.add(*((not_logged, record.place) if is_of_this_place else ("inclusion_wrong_record", name)))
        elif found is None and proof.at == record.index:
            report.add("inclusion_malformed", name)
        elif proof.at != record.index or found != self.checkpoint.root:
            report.add("inclusion_invalid", name)

    def consistency(self) -> None:
        """The log extends every older checkpoint that is known."""
        if self.checkpoint is None:
            return
        told: dict[tuple[int, bytes], bool] = {}
        for line, value in self._lines(CONSISTENCY):
            place = f"{CONSISTENCY}:{line}"
            try:
                old = read_checkpoint(str(value.get("note")).encode("utf-8", "replace"))
                path = [bytes.fromhex(one) for one in value.get("path", ()) if _HEX(one)]
                is_of_these = value.get("old") == old.size and value.get("new") == self.checkpoint.size
                is_whole = len(path) == len(value.get("path", ()))
            except (Malformed, TypeError) as error:
                self.report.add("consistency_invalid", place, str(error)[:80])
                continue
            self._check_checkpoint(old, place)
            told[(old.size, old.root)] = True
            self._extends(old, path if is_of_these and is_whole else None, place)
        for data in self.older:
            try:
                old = read_checkpoint(data)
            except Malformed as error:
                raise Unreadable("Der ältere Protokollstand ist nicht lesbar.") from error
            if (old.size, old.root) not in told:
                self._extends(old, [] if old.size >= self.checkpoint.size else None, f"Protokollstand {old.size}",
                              "consistency_missing")  # fmt: skip

    def _extends(
        self, old: Checkpoint, path: Optional[list[bytes]], place: str, without: str = "consistency_invalid"
    ) -> None:
        new = self.checkpoint
        if new is None:
            return
        if old.size > new.size:
            self.report.add("log_shrunk", place, f"{old.size} → {new.size}")
        elif old.size == new.size:
            if old.root != new.root:
                self.report.add("log_split_view", place)
            elif path:
                self.report.add("consistency_invalid", place)
        else:
            roots = roots_from_consistency(old.size, new.size, path, old.root) if path is not None else None
            if roots is None:
                self.report.add(without, place)
            elif roots != (old.root, new.root):
                self.report.add("log_not_append_only", place)

    # -- clips and their bytes

    def link_clips(self) -> None:
        """Receipt, entry and disclosed body of each clip belong together and say the same."""
        for record in self.records:
            if record.kind != "clip.received":
                continue
            public = record.public
            at = (str(public.get("source")), public.get("incarnation"), public.get("seq"))
            entry = self.by_seq.get(at)  # type: ignore[arg-type]
            admitted = self.admitted.get(at)  # type: ignore[arg-type]
            item = entry.id if entry else str(admitted.public.get("id")) if admitted else record.subject
            if entry is not None and entry.fields[6] and public.get("media") in entry.fields[6][1:]:
                continue  # what a camera wrote beside the recording has a receipt of its own
            clip = Clip(record, entry, self.private.get(item))
            self.clips.setdefault(item, clip)
            self._agrees(clip)

    def _agrees(self, clip: Clip) -> None:
        public, entry = clip.receipt.public, clip.entry
        is_same = True
        if entry is not None:
            media = entry.fields[6][0] if entry.fields[6] else None
            is_same = public.get("entry_hash") == entry.hash.hex() and public.get("media") == media
        if clip.private is not None:
            facts = clip.private.facts
            is_same = is_same and all(public.get(name) == facts.get(name) for name in ("size", "camera", "camera_seq"))
            with suppress(AttributeError, TypeError):
                off = abs(int(facts["camera_clock"]["difference_ms"])) if facts.get("camera_clock") else None
                self.clock_off_ms = max(self.clock_off_ms or 0, off) if off is not None else self.clock_off_ms
        if not is_same:
            self.report.add("receipt_contradicts_entry", clip.receipt.place)

    def items(self) -> list[dict[str, Any]]:
        """The items that the release names."""
        found = self.paket.public.get("items") if self.paket else None
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def originals(self) -> None:
        """Each original is byte for byte what the dock sealed; each other item is what the release says of it."""
        present = {}
        for name in self.files:
            found = _ORIGINAL(name)
            if found is not None:
                present[name] = found[1]
        digests = {str(clip.private.facts.get("sha256")): item for item, clip in self.clips.items() if clip.private}
        wrong: dict[str, str] = {}
        for name, item in sorted(present.items()):
            clip = self.clips.get(item)
            if clip is not None and self._tombstone(clip) is not None:
                self.report.add("tombstone_contradicted", name)
            if clip is None or clip.entry is None or clip.private is None:
                missing = f"{PRIVATE}{item}.json"
                self.report.add("private_part_missing" if clip and clip.entry else "chain_gap",
                                missing if clip and clip.entry else name)  # fmt: skip
                self._by_manifest(name)
                continue
            other = digests.get(self.files[name].sha256.hex())
            if other is not None and other != item:
                self.report.add("original_swapped", name, f"mit {other}")
            elif self._bytes(name, clip.private, clip.entry):
                self._by_manifest(name)
            else:
                wrong[name] = item
        for one in self.items():
            self._item(one, set(present.values()))

    def _by_manifest(self, name: str) -> None:
        if self._listed.get(name, self.files[name].sha256) != self.files[name].sha256:
            self.report.add("file_changed", name)

    def _bytes(self, name: str, private: Private, entry: Entry) -> bool:
        """The file's bytes against chunk list and digest; whether nothing was found."""
        file, facts = self.files[name], private.facts
        try:
            joined = unbase64url(facts.get("chunks"))
            digest = bytes.fromhex(str(facts.get("sha256")))
        except ValueError:
            joined, digest = b"?", b""
        size = facts.get("size")
        expected = [joined[n : n + 32] for n in range(0, len(joined), 32)]
        media = entry.fields[6][0] if entry.fields[6] else None
        is_bound = hashlib.sha256(private.salt + b"\0" + digest).hexdigest() == media
        if type(size) is not int or len(joined) != 32 * -(-size // CHUNK) or not is_bound:
            self.report.add("chunk_list_contradicts_digest", name)
            return False
        found = file.chunks
        fits, whole = list(found) == expected and file.size == size, file.sha256 == digest
        if fits and whole:
            return True
        if fits != whole and file.size == size:
            self.report.add("chunk_list_contradicts_digest", name)
            return False
        self._explain(name, file, size, expected)
        return False

    def _explain(self, name: str, file: File, size: int, expected: list[bytes]) -> None:
        found = list(file.chunks)
        full = min(file.size, size) // CHUNK
        wrong = [n + 1 for n in range(full) if found[n] != expected[n]]
        if file.size == size:
            wrong = [n + 1 for n in range(len(expected)) if found[n] != expected[n]]
            if sorted(found) == sorted(expected):
                self.report.add("chunks_reordered", name, _chunks(wrong))
            elif len(wrong) == len(expected) > 1:
                self.report.add("original_replaced", name)
            else:
                self.report.add("original_changed", name, _chunks(wrong))
        elif full and len(wrong) == full:
            self.report.add("original_replaced", name)
        elif wrong:
            self.report.add("original_changed", name, _chunks(wrong))
        elif file.size < size:
            self.report.add("original_truncated", name, f"{file.size} statt {size} Byte")
        else:
            rest = size - full * CHUNK
            begins = not rest or sha256(self.contents.part(name, full * CHUNK, rest)) == expected[full]
            self.report.add(
                "original_extended" if begins else "original_replaced", name, f"{file.size} statt {size} Byte"
            )

    def _item(self, one: dict[str, Any], present: set[str]) -> None:
        item, state = str(one.get("item")), one.get("state")
        clip = self.clips.get(item)
        place = str(one.get("file") or item)
        if state == "original" and item not in present and place not in self._renamed:
            self.report.add("original_missing", place)
        elif state == "deleted" and (clip is None or self._tombstone(clip) is None):
            self.report.add("deletion_unproved", item)
        elif state == "withheld":
            self.report.add("item_not_included", item, str(one.get("reason") or ""))

    # -- custody

    def custody(self) -> None:
        """Every record about an item links to the one before, and the list names exactly these."""
        own = [*self.records, *([self.paket] if self.paket else [])]
        self._linked(own, "custody_gap")
        listed = []
        for line, value in self._lines(CUSTODY):
            digest, index = value.get("hash"), value.get("index")
            if not isinstance(digest, str) or not isinstance(index, int):
                self.report.add("file_unreadable", f"{CUSTODY}:{line}")
            else:
                listed.append((index, digest))
        if CUSTODY in self.files:
            mine = {(record.index, record.hash.hex()) for record in self.records if record.subject}
            indexes = {record.index for record in self.records}
            for index, _ in sorted(set(listed) - mine):
                if index in indexes:
                    if not self._is_named(index):
                        self.report.add("custody_list_wrong", f"{CUSTODY}#{index}")
                elif not self._is_unread(index):
                    self.report.add("record_missing", f"{RECORDS}#{index}")
            for index, _ in sorted(mine - set(listed)):
                if not self._is_named(index):
                    self.report.add("custody_list_wrong", f"{CUSTODY}#{index}")
        for record in self.records:
            if record.kind == "clip.viewed":
                private = self.private.get(str(record.public.get("id")))
                if "commitment" not in record.public or (private is not None and not private.facts.get("reason")):
                    self.report.add("reason_missing", record.place)

    def _is_named(self, index: int) -> bool:
        """Whether the record of this index was already found to be another than it was."""
        place = f"{RECORDS}#{index}"
        return any(one.place == place and one.level == "red" for one in self.report.findings)

    def _linked(self, records: Iterable[Record], code: str) -> None:
        """`prev` of each record is the hash of the one before it with the same subject."""
        last: dict[str, Optional[str]] = {}
        seen: set[bytes] = set()
        for record in records:
            if not record.subject or "prev" not in record.public or record.hash in seen:
                continue
            prev = record.public["prev"]
            if prev != last.get(record.subject):
                self.report.add(code, record.place, f"davor fehlt {prev}")
            last[record.subject] = record.hash.hex()
            seen.add(record.hash)

    # -- gaps, times, deadlines

    def gaps(self) -> None:
        """Every number that a camera counted is a clip, deleted or not, or a named gap."""
        numbers: dict[str, set[int]] = {}
        for clip in self.clips.values():
            camera, seq = clip.camera
            numbers.setdefault(camera, set()).add(seq)
        named: dict[str, list[tuple[int, int]]] = {}
        filled: set[tuple[str, int]] = set()
        for entry in self.by_seq.values():
            private = self.private.get(entry.id)
            if private is None or entry.kind not in ("clip.gap", "clip.gap_filled"):
                continue
            facts, camera = private.facts, str(private.facts.get("camera"))
            if entry.kind == "clip.gap" and type(facts.get("first")) is int and type(facts.get("last")) is int:
                named.setdefault(camera, []).append((facts["first"], facts["last"]))
            elif entry.kind == "clip.gap_filled" and type(facts.get("camera_seq")) is int:
                filled.add((camera, facts["camera_seq"]))
        for camera, seen in numbers.items():
            for first, last in _holes(seen):
                for begin, end in _uncovered(first, last, named.get(camera, ())):
                    self.report.add("camera_gap_unexplained", f"{camera}#{begin}" + (f"-{end}" if end > begin else ""))
            for first, last in named.get(camera, ()):
                for seq in sorted(n for n in seen if first <= n <= last and (camera, n) not in filled):
                    self.report.add("gap_contradicted", f"{camera}#{seq}")

    def times(self) -> None:
        """No clip was stored before it began; one that begins before its predecessor's end is shown."""
        ends: dict[tuple[str, int], datetime] = {}
        for clip in self.clips.values():
            public = clip.receipt.public
            start, stored = instant(public.get("recorded_at")), instant(public.get("stored_at"))
            if start is not None and stored is not None and start > stored:
                self.report.add("time_contradiction", clip.receipt.place)
            duration = clip.private.facts.get("duration_ms") if clip.private else None
            if start is not None and type(duration) is int and 0 <= duration < 10**10:
                ends[clip.camera] = start + timedelta(milliseconds=duration)
        for clip in self.clips.values():
            camera, seq = clip.camera
            start, before = instant(clip.receipt.public.get("recorded_at")), ends.get((camera, seq - 1))
            # Two seconds: instants are rounded, and a camera splits its files with a little overlap.
            if start is not None and before is not None and start + timedelta(seconds=2) < before:
                self.report.add("camera_clock_jump", clip.receipt.place)

    def _tombstone(self, clip: Clip) -> Optional[Record]:
        for record in self._about(clip):
            if record.kind == "clip.deleted":
                return record
        return None

    def _about(self, clip: Clip) -> list[Record]:
        if not hasattr(self, "_by_subject"):
            self._by_subject: dict[str, list[Record]] = {}
            for record in self.records:
                self._by_subject.setdefault(record.subject, []).append(record)
        return self._by_subject.get(clip.receipt.subject, [])

    def deadlines(self) -> None:
        """Deadlines are those of the rules; what was deleted was deleted lawfully, and what was due is gone."""
        destroyed = {str(record.public.get("kek")) for record in self.records if record.kind == "kek.destroyed"}
        now = self.paket.at if self.paket else None
        for clip in self.clips.values():
            start = instant(clip.receipt.public.get("recorded_at"))
            is_usable = clip.receipt.public.get("clock") != "unusable"
            due: Optional[datetime] = None
            freed: Optional[datetime] = None
            holds: set[str] = set()
            tombstone: Optional[Record] = None
            for record in self._about(clip):
                due = self._deadline(record, due, start if is_usable else None)
                hold = str(record.public.get("hold"))
                if record.kind == "hold.placed":
                    if not holds and due is not None and record.at is not None and record.at > due:
                        self.report.add("hold_after_deadline", record.place)
                    holds.add(hold)
                elif record.kind == "hold.released":
                    holds.discard(hold)
                    freed = None if holds else record.at
                elif record.kind == "clip.deleted" and tombstone is None:
                    tombstone = record
                    self._deleted(record, due, freed, destroyed, is_held=bool(holds))
            last = _later(due, freed)
            if tombstone is None and not holds and last is not None and now is not None and now > last + LATE:
                self.report.add("deletion_overdue", clip.receipt.place)

    def _deadline(self, record: Record, due: Optional[datetime], start: Optional[datetime]) -> Optional[datetime]:
        """The deadline after this record, which says the clip's class."""
        told, period = instant(record.public.get("delete_at")), PERIODS.get(str(record.public.get("class")))
        if told is not None and start is not None and (period is None or not period[0] <= told - start <= period[1]):
            self.report.add("deadline_wrong", record.place)
        return told or due

    def _deleted(
        self,
        record: Record,
        due: Optional[datetime],
        freed: Optional[datetime],
        destroyed: set[str],
        *,
        is_held: bool,
    ) -> None:
        """`freed`: when the last hold was released; from then on, if the deadline was over, it is late."""
        public, place = record.public, record.place
        steps = [instant(public.get(name)) for name in ("keys_destroyed_at", "erased_at", "object_deleted_at")]
        when = min((step for step in steps if step is not None), default=record.at)
        told = instant(public.get("deadline"))
        is_agreed = public.get("rule") == "R2" and public.get("second_person") is True
        if is_held:
            self.report.add("deletion_against_hold", place)
        if told is not None and due is not None and told != due and not is_agreed:
            self.report.add("deadline_wrong", place)
        if when is not None and due is not None:
            if when < due and not is_agreed:
                self.report.add("deletion_early", place)
            last = _later(due, freed) or due
            if when > last + LATE and not is_held:
                hours = int((when - last).total_seconds() // 3600)
                self.report.add("deletion_late", place, f"{hours} Stunden")
        if public.get("kek") is not None and str(public.get("kek")) not in destroyed:
            self.report.add("key_destruction_unproved", place)


def _later(due: Optional[datetime], freed: Optional[datetime]) -> Optional[datetime]:
    """From when a clip has to be gone: its deadline, or the end of what held it beyond that."""
    return max(due, freed) if due is not None and freed is not None else due


def _code_of_missing(name: str) -> str:
    if name.startswith(ORIGINALS):
        return "original_missing"
    return "private_part_missing" if name.startswith(PRIVATE) else "file_missing"


def _chunks(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:MOST_SHOWN]))
    return f"Abschnitt {shown}" + (" …" if len(numbers) > MOST_SHOWN else "")


def _holes(seen: set[int]) -> Iterator[tuple[int, int]]:
    """What is missing between the lowest and the highest number."""
    ordered = sorted(seen)
    for low, high in zip(ordered, ordered[1:]):
        if high > low + 1:
            yield low + 1, high - 1


def _uncovered(first: int, last: int, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of `first` to `last` that no range covers; all ends inclusive."""
    at = first
    for begin, end in sorted(ranges):
        if end < at or begin > last:
            continue
        if begin > at:
            yield at, begin - 1
        at = max(at, end + 1)
    if at <= last:
        yield at, last


# ---- the answer


class Answer(NamedTuple):
    """What a person is told."""

    verdict: str
    text: str
    findings: list[Finding]
    items: list[str]
    always: list[str]
    root: str


EXIT = {"green": 0, "red": 1, "yellow": 2, "grey": 3}


def verify(path: Path, *, root: str = "", older: Iterable[bytes] = ()) -> Answer:
    """The package at `path` (ZIP or folder), judged against the root's fingerprint and older checkpoints."""
    report = Report()
    try:
        check = Check(Contents(path, report), report, root=root.replace(" ", "").replace(":", "").lower(), older=older)
        if not {PAKET, MANIFEST, "bagit.txt", RECORDS} & set(check.files):
            raise Unreadable("Das ist kein Beweispaket von Streife.")
        check.run()
    except Unreadable as error:
        text = f"Nicht prüfbar: {error} Das sagt nichts darüber, ob der Inhalt echt ist."
        return Answer("grey", text, report.findings, [], [], "")
    except OSError as error:
        text = f"Nicht prüfbar: {error.strerror}. Das sagt nichts darüber, ob der Inhalt echt ist."
        return Answer("grey", text, report.findings, [], [], "")
    return _answer(check)


def _answer(check: Check) -> Answer:
    findings = check.report.findings
    levels = {one.level for one in findings}
    verdict = "red" if "red" in levels else "yellow" if "yellow" in levels else "green"
    clock = "Abweichung unbekannt" if check.clock_off_ms is None else f"Abweichung {check.clock_off_ms / 1000:g} s"
    clock = clock.replace(".", ",")
    fingerprint = check.root.keyid if check.root else ""
    shown = " ".join(fingerprint[n : n + 8] for n in range(0, 64, 8))
    always = [NOT_PROVED.format(clock=clock), SAME_HANDS.format(root=shown)]
    return Answer(verdict, _sentence(check, verdict), findings, _item_lines(check), always, fingerprint)


def _sentence(check: Check, verdict: str) -> str:
    present = {found[1] for found in map(_ORIGINAL, check.files) if found is not None}
    shown = [clip for item, clip in check.clips.items() if item in present]
    if verdict == "red":
        first = next(one for one in check.report.findings if one.level == "red")
        return (
            f"Verändert oder unvollständig: {first.place} – {FINDINGS[first.code][1]} "
            "Bitte nicht ohne Rückfrage bei der Behörde verwenden."
        )
    if verdict == "yellow":
        codes = dict.fromkeys(one.code for one in check.report.findings if one.level == "yellow")
        found = " ".join(FINDINGS[code][1] for code in codes)
        return (
            f"Unverändert, aber nicht vollständig belegt: {found} Die Dateien stimmen mit den Aufzeichnungen überein."
        )
    if not shown:
        return "Unverändert. Das Paket enthält keine Aufnahmen. Keine Prüfung ist fehlgeschlagen."
    days = sorted({_day(clip.receipt.public.get("stored_at")) for clip in shown})
    cameras = sorted({clip.camera[0] for clip in shown})
    files = "Die Datei ist" if len(shown) == 1 else f"Alle {len(shown)} Dateien sind"
    were = "wurde" if len(shown) == 1 else "wurden"
    return (
        f"Unverändert. {files} so, wie sie am {', '.join(days)} von der Kamera {', '.join(cameras)} übernommen {were}. "
        "Keine Prüfung ist fehlgeschlagen."
    )


def _day(text: object) -> str:
    at = instant(text)
    return at.strftime("%d.%m.%Y") if at else "unbekannt"


def _item_lines(check: Check) -> list[str]:
    """What became of each item that is not in the package."""
    lines = []
    for item, clip in check.clips.items():
        record = check._tombstone(clip)
        if record is not None:
            public = record.public
            when = public.get("keys_destroyed_at") or public.get("object_deleted_at") or public.get("at")
            wrong = [one for one in check.report.findings if one.place == record.place]
            if any(one.code == "deletion_late" for one in wrong):
                late = next(one.detail for one in wrong if one.code == "deletion_late")
                lines.append(f"{item}: Nach Fristablauf gelöscht, {late} zu spät.")
            elif not wrong:
                rule, deadline = str(public.get("rule")), _day(public.get("deadline"))
                lines.append(f"{item}: Rechtmäßig gelöscht am {_day(when)} nach {rule}, Frist {deadline}.")
    for one in check.items():
        if one.get("state") == "withheld":
            reason = str(one.get("reason") or "ohne Angabe")
            lines.append(f"{one.get('item')}: Vorhanden, aber nicht Teil dieses Pakets ({reason}).")
    return lines


def _printed(answer: Answer) -> str:
    color = {"green": "GRÜN", "red": "ROT", "yellow": "GELB", "grey": "GRAU"}[answer.verdict]
    lines = [f"{color}: {answer.text}", ""]
    counts: Counter[str] = Counter()
    for one in answer.findings:
        counts[one.code] += 1
        if counts[one.code] <= MOST_SHOWN:
            mark = {"red": "!", "yellow": "?", "info": "i"}[one.level]
            detail = f" ({one.detail})" if one.detail else ""
            lines.append(f"  {mark} {one.place}: {FINDINGS[one.code][1]}{detail} [{one.code}]")
    lines += [f"  … und {count - MOST_SHOWN} weitere [{code}]" for code, count in counts.items() if count > MOST_SHOWN]
    lines += [f"  · {line}" for line in answer.items]
    return "\n".join([*lines, "", *answer.always]).rstrip() + "\n"


def _as_json(answer: Answer) -> str:
    value = {
        "verdict": answer.verdict,
        "text": answer.text,
        "findings": [
            {"code": one.code, "level": one.level, "place": one.place, "detail": one.detail,
             "text": FINDINGS[one.code][1]}
            for one in answer.findings
        ],
        "items": answer.items,
        "not_proved": answer.always,
        "root": answer.root,
        "signatures_checked": CAN_VERIFY,
    }  # fmt: skip
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def main(arguments: Optional[list[str]] = None) -> int:
    """The command line; the exit code says the verdict."""
    parser = argparse.ArgumentParser(description="Prüft ein Beweispaket von Streife.")
    parser.add_argument("package", type=Path, help="das ZIP oder der entpackte Ordner")
    parser.add_argument("--root", default="", help="Fingerabdruck des Hauptschlüssels aus dem Anschreiben")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="früherer Protokollstand")
    parser.add_argument("--json", action="store_true", help="Ergebnis als JSON")
    given = parser.parse_args(arguments)
    try:
        older = [path.read_bytes()[: MOST_SMALL + 1] for path in given.checkpoint]
    except OSError as error:
        parser.error(f"--checkpoint: {error.strerror}")
    answer = verify(given.package, root=given.root, older=older)
    text = _as_json(answer) if given.json else _printed(answer)
    sys.stdout.buffer.write(text.encode())
    return EXIT[answer.verdict]


if __name__ == "__main__":
    sys.exit(main())
