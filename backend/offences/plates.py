"""Number plates (Kennzeichen): from what was typed to a form that can be compared. Reading never fails.

Forms after FZV: at most eight characters beside hyphen and blanks, identification letters without umlauts. Whether a
prefix exists is known only from a list, and lists age: so it is a hint and no refusal.
"""

import re
import unicodedata
from collections.abc import Collection
from enum import StrEnum
from typing import Final

from msgspec import Struct


class PlateKind(StrEnum):
    """What kind of plate it is."""

    ORDINARY = "ordinary"
    #: Only valid in the months that it names.
    SEASONAL = "seasonal"
    #: An ordinary one typed without the hyphen: `MOAB123` is MO-AB 123 or MOA-B 123.
    AMBIGUOUS = "ambiguous"
    #: Red or yellow numbers that begin with 0: 03 and 04, 05, 06, 07.
    SHORT_TERM = "short_term"
    TEST = "test"
    DEALER = "dealer"
    COLLECTOR = "collector"
    EXPORT = "export"
    #: Town, Land or federation: letters and a number alone.
    OFFICIAL = "official"
    #: Bundeswehr (Y) and NATO (X).
    MILITARY = "military"
    DIPLOMATIC = "diplomatic"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


class Plate(Struct, frozen=True, gc=False):
    """A plate as read. Parts that its kind does not have are empty."""

    kind: PlateKind
    country: str
    #: The one form of this plate: equal plates have equal `country` and `normal`, and reading it gives it again.
    normal: str
    district: str = ""
    letters: str = ""
    digits: str = ""
    #: E (electric) or H (historic).
    suffix: str = ""


GERMANY: Final = "D"
_GERMAN: Final = frozenset({"", "D", "DE", "DEU"})
_MAX_CHARACTERS: Final = 8
_D: Final = r"([A-ZÄÖÜ]{1,3})"
_SEASON: Final = r"(-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-2]))?"
_EXPIRY: Final = r"(?:-[0-9]{2}-[0-9]{2}-(?:20)?[0-9]{2})?"
_SEPARATORS: Final = re.compile(r"[\W_]+")
_ORDINARY: Final = re.compile(rf"{_D}-([A-Z]{{1,2}})-?([1-9][0-9]{{0,3}})-?([EH]?){_SEASON}").fullmatch
_JOINED: Final = re.compile(rf"([A-ZÄÖÜ]{{2,3}}|[A-ZÄÖÜ]{{4,5}}-?)([1-9][0-9]{{0,3}})-?([EH]?){_SEASON}").fullmatch
_RED: Final = re.compile(rf"{_D}-?(0[3-7])-?([0-9]{{1,4}}){_EXPIRY}").fullmatch
_EXPORT: Final = re.compile(rf"{_D}-?([1-9][0-9]{{0,3}})-?([A-Z]){_EXPIRY}").fullmatch
_OFFICIAL: Final = re.compile(rf"{_D}-?([1-9][0-9]{{0,5}}|(?=[0-9-]{{3,7}}$)[1-9][0-9]{{0,2}}-[0-9]+)").fullmatch
_DIPLOMATIC: Final = re.compile(r"0-?([0-9]{2,3})-([0-9]{1,3})([A-Z]?)").fullmatch
_RED_KINDS: Final = {
    "03": PlateKind.SHORT_TERM,
    "04": PlateKind.SHORT_TERM,
    "05": PlateKind.TEST,
    "06": PlateKind.DEALER,
    "07": PlateKind.COLLECTOR,
}


def read(typed: str, country: str | None = None, known: Collection[str] = ()) -> Plate:
    """The plate behind `typed`; what fits no German form is `UNKNOWN`, and nothing is ever refused.

    `country` is a distinguishing sign; without one the plate is read as German. `known` prefixes decide where a plate
    typed without a hyphen could be two.
    """
    sign = (country or "").upper()
    if sign not in _GERMAN:
        return Plate(PlateKind.FOREIGN, sign, _joined(_clean(typed)))
    text = _clean(typed)
    found = _ORDINARY(text)
    if found is not None:
        district, letters, digits, suffix, season = found.groups()
        return _ordinary(district, letters, digits, suffix, season, text)
    return _other(text, known)


def is_plausible(plate: Plate, known: Collection[str] = ()) -> bool:
    """Whether a German plate has a German form and, where a list of prefixes is given, a prefix of that list."""
    if plate.kind is PlateKind.UNKNOWN:
        return False
    if not known or not plate.district or plate.kind is PlateKind.MILITARY:
        return True
    return plate.district in known


def _clean(typed: str) -> str:
    """Upper case, separators of any kind as one hyphen, none at the ends."""
    if not typed.isascii():
        typed = unicodedata.normalize("NFKC", typed)
    return _SEPARATORS.sub("-", typed.upper()).strip("-")


def _joined(text: str) -> str:
    return text.replace("-", "")


def _ordinary(district: str, letters: str, digits: str, suffix: str, season: str | None, text: str) -> Plate:
    if len(district) + len(letters) + len(digits) + len(suffix) > _MAX_CHARACTERS:
        return Plate(PlateKind.UNKNOWN, GERMANY, text)
    kind = PlateKind.SEASONAL if season else PlateKind.ORDINARY
    return Plate(kind, GERMANY, f"{district}-{letters} {digits}{suffix}", district, letters, digits, suffix)


def _other(text: str, known: Collection[str]) -> Plate:
    if found := _JOINED(text):
        run, digits, suffix, season = found.groups()
        return _split(run, digits, suffix, season, text, known)
    if found := _RED(text):
        district, prefix, number = found.groups()
        digits = prefix + number
        return Plate(_RED_KINDS[prefix], GERMANY, f"{district}-{digits}", district, "", digits)
    if found := _EXPORT(text):
        district, digits, letter = found.groups()
        return Plate(PlateKind.EXPORT, GERMANY, f"{district}-{digits} {letter}", district, letter, digits)
    if found := _OFFICIAL(text):
        return _official(found[1], _joined(found[2]))
    if found := _DIPLOMATIC(text):
        return Plate(PlateKind.DIPLOMATIC, GERMANY, f"0 {found[1]}-{found[2]}{found[3]}", "", found[3], found[1])
    return Plate(PlateKind.UNKNOWN, GERMANY, text)


def _split(run: str, digits: str, suffix: str, season: str | None, text: str, known: Collection[str]) -> Plate:
    """A run of letters without a hyphen: where it can be cut in one way only, it is."""
    run = run.rstrip("-")
    cuts = [(run[:i], run[i:]) for i in (1, 2, 3) if len(run) - 2 <= i <= len(run) and run[i:].isascii()]
    if suffix or season:
        cuts = [cut for cut in cuts if cut[1]]
    if known:
        cuts = [cut for cut in cuts if cut[0] in known]
    if not cuts or len(run) + len(digits) + len(suffix) > _MAX_CHARACTERS:
        return Plate(PlateKind.UNKNOWN, GERMANY, text)
    if len(cuts) > 1:
        return Plate(PlateKind.AMBIGUOUS, GERMANY, f"{run}{digits}{suffix}", "", run, digits, suffix)
    district, letters = cuts[0]
    if letters:
        return _ordinary(district, letters, digits, suffix, season, text)
    return _official(district, digits)


def _official(district: str, digits: str) -> Plate:
    kind = PlateKind.MILITARY if district in ("X", "Y") else PlateKind.OFFICIAL
    return Plate(kind, GERMANY, f"{district}-{digits}", district, "", digits)
