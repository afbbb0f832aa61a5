"""What the catalogue says about an offence (law-and-rules, section 3): pure, so that phone and server can agree."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from backend.offences.plates import Plate, is_plausible
from backend.offences.wire import FindingKind

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


class Edition(Struct, frozen=True, gc=False):
    """An offence of the catalogue as it stood from one day to another, both inclusive."""

    tbnr: str
    valid_from: date
    #: None: still in force.
    valid_until: date | None
    #: None: the source names no amount.
    amount_cents: int | None


class Catalogue:
    """Editions by number, newest first. Immutable once made."""

    def __init__(self, editions: Iterable[Edition]) -> None:
        by_number: dict[str, list[Edition]] = {}
        for edition in sorted(editions, key=lambda e: e.valid_from, reverse=True):
            by_number.setdefault(edition.tbnr, []).append(edition)
        self._by_number: Mapping[str, tuple[Edition, ...]] = MappingProxyType(
            {number: tuple(found) for number, found in sorted(by_number.items())}
        )
        self._covered: dict[date, bool] = {}

    def in_force(self, tbnr: str, day: date) -> Edition | None:
        """The edition of this number on `day`: of those that hold then, the one that began last (R31)."""
        for edition in self._by_number.get(tbnr, ()):
            if edition.valid_from <= day and (edition.valid_until is None or day <= edition.valid_until):
                return edition
        return None

    def knows(self, tbnr: str) -> bool:
        """Whether the number stands in any edition."""
        return tbnr in self._by_number

    def covers(self, day: date) -> bool:
        """Whether any number at all is in force on `day`."""
        if day not in self._covered:
            self._covered[day] = any(self.in_force(number, day) is not None for number in self._by_number)
        return self._covered[day]


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


def check(facts: Facts, catalogue: Catalogue, prefixes: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """What a clerk has to look at: number, amount, plate and times, in this order, each kind at most once.

    `prefixes` are the known ones of number plates; empty: none is doubted.
    """
    day = offence_day(facts.occurred_at)
    edition = catalogue.in_force(facts.tbnr, day)
    findings: list[Finding] = []
    if edition is None:
        findings.append(_number(facts.tbnr, day, catalogue))
    if (amount := _amount(facts, day, edition)) is not None:
        findings.append(amount)
    if facts.plate is not None and not is_plausible(facts.plate, prefixes):
        findings.append(Finding(FindingKind.IMPLAUSIBLE_PLATE, {"plate_kind": facts.plate.kind.value}))
    if _is_time_off(facts):
        findings.append(Finding(FindingKind.IMPLAUSIBLE_TIME, {"day": day.isoformat()}))
    if facts.offset_ms is not None and abs(facts.offset_ms) > _TOLERANCE_MS:
        findings.append(Finding(FindingKind.CLOCK_OFF, {"offset_ms": facts.offset_ms}))
    return tuple(findings)


def _number(tbnr: str, day: date, catalogue: Catalogue) -> Finding:
    """No edition on that day: of a number that is known, or of the whole catalogue; else the number is unknown."""
    is_dated = catalogue.knows(tbnr) or not catalogue.covers(day)
    kind = FindingKind.NO_EDITION if is_dated else FindingKind.UNKNOWN_TBNR
    return Finding(kind, {"tbnr": tbnr, "day": day.isoformat()})


def _amount(facts: Facts, day: date, edition: Edition | None) -> Finding | None:
    """At most one: no amount, one that no warning can have, or another one than the catalogue's.

    An impossible amount is found even where the catalogue agrees: the step is law, the catalogue a guideline.
    """
    amount = facts.amount_cents
    about: dict[str, str | int] = {"tbnr": facts.tbnr, "day": day.isoformat()}
    if edition is not None and edition.amount_cents is not None:
        about["catalogue_cents"] = edition.amount_cents
    if amount is None:
        return Finding(FindingKind.AMOUNT_MISSING, about)
    about["amount_cents"] = amount
    if not is_possible(facts.tbnr, amount):
        return Finding(FindingKind.AMOUNT_IMPOSSIBLE, about)
    if about.get("catalogue_cents", amount) != amount:
        return Finding(FindingKind.AMOUNT_DIFFERS, about)
    return None


def is_possible(tbnr: str, amount_cents: int) -> bool:
    """Whether a warning or fine can have this amount: at least 5 EUR; in traffic up to 55 EUR in steps of 5 (R27).

    Outside traffic law the step is the town's choice, and above 55 EUR it is a fine, which has no step.
    """
    if amount_cents < WARNING_STEP_CENTS:
        return False
    is_traffic = len(tbnr) == 6 and tbnr.isdigit() and tbnr[0] in _TRAFFIC
    return amount_cents > WARNING_MAX_CENTS or not is_traffic or amount_cents % WARNING_STEP_CENTS == 0


def _is_time_off(facts: Facts) -> bool:
    """An act that ends before it began, or began after it was typed; all by the same phone's clock."""
    ends_before = facts.ended_at is not None and facts.ended_at < facts.occurred_at
    return ends_before or facts.occurred_at > facts.recorded_at + CLOCK_TOLERANCE
