"""A real year: the 48,330 offences of the town of Moers in 2015 against a catalogue of its 62 commonest numbers."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from backend.offences.reading import read
from backend.offences.rules import BERLIN, Catalogue, Facts, check
from backend.offences.wire import FindingKind

K = FindingKind


def recorded(path: Path) -> Iterator[Facts]:
    """The file as it is (data/moers-2015.md): semicolons in quotes, times without colon and leading zeros."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter=";")
        next(rows)
        for day, time, _, tbnr, amount in rows:
            at = datetime.strptime(f"{day} {time.zfill(4)}", "%d.%m.%Y %H%M").replace(tzinfo=BERLIN)
            euros = amount.strip().removesuffix("€").strip()
            cents = None if euros == "-" else int(euros.replace(",", ""))
            yield Facts(tbnr, at, None, at, cents, None, None)


def expected(path: Path) -> Counter[FindingKind]:
    """The same numbers from another file, counted by TBNR, and from data/moers-2015.md; by none of our code."""
    counted: Counter[FindingKind] = Counter()
    known = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=";"):
            known += int(row["records_2015"])
            for pair in row["amounts_cents_2015"].split():
                cents, count = (int(part) for part in pair.split("x"))
                if cents % 500 == 0 and cents != int(row["mode_cents_2015"]):
                    counted[K.AMOUNT_DIFFERS] += count
    counted[K.UNKNOWN_TBNR] = 48_330 - known
    counted[K.AMOUNT_MISSING] = 184
    counted[K.AMOUNT_IMPOSSIBLE] = 40
    return counted


@pytest.mark.slow
def test_findings_of_a_whole_year_are_exactly_those_that_the_data_hold(shared_data: Path) -> None:
    catalogue = Catalogue(read(shared_data / "moers-2015-catalogue.csv").entries)
    offences, found = 0, Counter[FindingKind]()
    for facts in recorded(shared_data / "moers-2015.csv"):
        offences += 1
        found.update(finding.kind for finding in check(facts, catalogue))
    assert 48_330 == offences
    assert expected(shared_data / "moers-2015-tbnr.csv") == found
    assert {
        K.UNKNOWN_TBNR: 1285,
        K.AMOUNT_MISSING: 184,
        K.AMOUNT_IMPOSSIBLE: 40,
        K.AMOUNT_DIFFERS: 872,
    } == found
