"""What the catalogue says about an offence (law-and-rules, section 3): pure, so that phone and server can agree."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from backend.offences.plates import Plate, is_plausible
from backend.offences.wire import CatalogueEntry, FindingKind

#: The law counts calendar days of this zone (DESIGN.md 7, 18).
BERLIN: Final = ZoneInfo("Europe/Berlin")
#: How far a phone's clock may be off before a clerk is told (design/sync.md 2.2).
CLOCK_TOLERANCE: Final = timedelta(seconds=120)
_TOLERANCE_MS: Final = CLOCK_TOLERANCE // timedelta(milliseconds=1)

#: Warnings: 5, 10, … 55 EUR (§ 56 OWiG; BKatV § 2 Abs. 3; law-and-rules R27). Above begins the fine.
WARNING_STEP_CENTS: Final = 5_00
WARNING_MAX_CENTS: Final = 55_00
#: First digits of traffic law; 7 numbers tables, and 9 is a town's to use, where the step is not law.
_TRAFFIC: Final = frozenset("1234568")
_ABOUT_AMOUNTS: Final = frozenset(
    {FindingKind.AMOUNT_MISSING, FindingKind.AMOUNT_DIFFERS, FindingKind.AMOUNT_IMPOSSIBLE}
)


class Catalogue:
    """Entries by number, newest first. Immutable once made."""

    def __init__(self, entries: Iterable[CatalogueEntry]) -> None:
        """`entries` in the order of publishing: a later one stands for an earlier with its number and first day."""
        standing: dict[tuple[str, date], CatalogueEntry] = {}
        for entry in entries:
            key = (entry.tbnr, entry.valid_from)
            standing[key] = over(standing[key], entry) if key in standing else entry
        by_number: dict[str, list[CatalogueEntry]] = {}
        for _, entry in sorted(standing.items(), reverse=True):
            by_number.setdefault(entry.tbnr, []).append(entry)
        self._by_number: Mapping[str, Sequence[CatalogueEntry]] = MappingProxyType(by_number)
        self._covered: dict[date, bool] = {}

    def in_force(self, tbnr: str, day: date) -> CatalogueEntry | None:
        """The entry of this number on `day`: the one that began last (R31), unless it has ended by then.

        One that was replaced does not come back when its successor ends, even if nobody wrote down its own end.
        """
        for entry in self._by_number.get(tbnr, ()):
            if entry.valid_from <= day:
                return entry if entry.valid_until is None or day <= entry.valid_until else None
        return None

    def on(self, day: date, prefix: str = "") -> list[CatalogueEntry]:
        """What is in force on `day`, by number, as far as it begins with `prefix`."""
        numbers = sorted(number for number in self._by_number if number.startswith(prefix))
        found = (self.in_force(number, day) for number in numbers)
        return [entry for entry in found if entry is not None]

    def knows(self, tbnr: str) -> bool:
        """Whether the number stands in any entry."""
        return tbnr in self._by_number

    def covers(self, day: date) -> bool:
        """Whether any number at all is in force on `day`."""
        if day not in self._covered:
            self._covered[day] = any(self.in_force(number, day) is not None for number in self._by_number)
        return self._covered[day]


def over(earlier: CatalogueEntry, later: CatalogueEntry) -> CatalogueEntry:
    """What stands where two imports name the same number and first day: the later one.

    A later entry without amount and text (the KBA's tables alone) only adds its slots, and slots outlive an entry
    that brings none.
    """
    slots = later.slots or earlier.slots
    is_bare = later.amount_cents is None and later.text is None
    return structs.replace(earlier if is_bare else later, slots=slots)


class Facts(NamedTuple):
    """What was recorded, as far as it is checked."""

    tbnr: str
    #: When the act was (or began), aware.
    occurred_at: datetime
    ended_at: datetime | None
    recorded_at: datetime
    amount_cents: int | None
    plate: Plate | None
    #: The phone's clock against the server's; None: never compared.
    offset_ms: int | None


class Finding(Struct, frozen=True):
    """Something for a clerk, with the facts that the sentence on the screen needs. Never a plate or a name."""

    kind: FindingKind
    facts: dict[str, str | int]


def offence_day(at: datetime) -> date:
    """The calendar day in Europe/Berlin that decides which edition holds."""
    return at.astimezone(BERLIN).date()


def check(facts: Facts, catalogue: Catalogue, prefixes: Collection[str] = ()) -> tuple[Finding, ...]:
    """What a clerk has to look at: number, amount, plate and times, in this order, each kind at most once.

    `prefixes` are the known ones of number plates; empty: none is doubted.
    """
    day = offence_day(facts.occurred_at)
    entry = catalogue.in_force(facts.tbnr, day)
    kinds: list[FindingKind] = []
    if entry is None:
        # A number that is known, or a day that no edition knows: dated. Else nobody ever heard of the number.
        is_dated = catalogue.knows(facts.tbnr) or not catalogue.covers(day)
        kinds.append(FindingKind.NO_EDITION if is_dated else FindingKind.UNKNOWN_TBNR)
    catalogue_cents = entry.amount_cents if entry is not None else None
    if (amount := _amount(facts.tbnr, facts.amount_cents, catalogue_cents)) is not None:
        kinds.append(amount)
    if facts.plate is not None and not is_plausible(facts.plate, prefixes):
        kinds.append(FindingKind.IMPLAUSIBLE_PLATE)
    if _is_time_off(facts):
        kinds.append(FindingKind.IMPLAUSIBLE_TIME)
    if facts.offset_ms is not None and abs(facts.offset_ms) > _TOLERANCE_MS:
        kinds.append(FindingKind.CLOCK_OFF)
    return tuple([Finding(kind, _about(kind, facts, day, catalogue_cents)) for kind in kinds])


def _about(kind: FindingKind, facts: Facts, day: date, catalogue_cents: int | None) -> dict[str, str | int]:
    """The day, the number unless it is free text (which may hold anything), and what the kind compares."""
    about: dict[str, str | int] = {"day": day.isoformat()}
    if _is_number(facts.tbnr):
        about["tbnr"] = facts.tbnr
    if kind in _ABOUT_AMOUNTS and facts.amount_cents is not None:
        about["amount_cents"] = facts.amount_cents
    if kind in _ABOUT_AMOUNTS and catalogue_cents is not None:
        about["catalogue_cents"] = catalogue_cents
    if kind is FindingKind.IMPLAUSIBLE_PLATE and facts.plate is not None:
        about["plate_kind"] = facts.plate.kind.value
    if kind is FindingKind.CLOCK_OFF and facts.offset_ms is not None:
        about["offset_ms"] = facts.offset_ms
    return about


def _amount(tbnr: str, amount_cents: int | None, catalogue_cents: int | None) -> FindingKind | None:
    """At most one: no amount, one that no warning can have, or another one than the catalogue's.

    An impossible amount is found even where the catalogue agrees: the step is law, the catalogue a guideline.
    """
    if amount_cents is None:
        return FindingKind.AMOUNT_MISSING
    if not is_possible(tbnr, amount_cents):
        return FindingKind.AMOUNT_IMPOSSIBLE
    if catalogue_cents is not None and amount_cents != catalogue_cents:
        return FindingKind.AMOUNT_DIFFERS
    return None


def is_possible(tbnr: str, amount_cents: int) -> bool:
    """Whether a warning or fine can have this amount: at least 5 EUR; in traffic up to 55 EUR in steps of 5 (R27).

    Outside traffic law the step is the town's choice, and above 55 EUR it is a fine, which has no step.
    """
    if amount_cents < WARNING_STEP_CENTS:
        return False
    is_traffic = _is_number(tbnr) and tbnr[0] in _TRAFFIC
    return amount_cents > WARNING_MAX_CENTS or not is_traffic or amount_cents % WARNING_STEP_CENTS == 0


def _is_number(tbnr: str) -> bool:
    return len(tbnr) == 6 and tbnr.isascii() and tbnr.isdigit()


def _is_time_off(facts: Facts) -> bool:
    """An act that ends before it began, or began after it was typed; all by the same phone's clock."""
    ends_before = facts.ended_at is not None and facts.ended_at < facts.occurred_at
    return ends_before or facts.occurred_at > facts.recorded_at + CLOCK_TOLERANCE
