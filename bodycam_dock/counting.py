"""A camera's counter, unwrapped; the numbers that are missing, and those that turn up later. Pure.

 raw      …  9998 9999 0001 0003 …  0001      the camera's own number: wraps, skips, falls
 seq      …  9998 9999 10000 10002 … 10007    rises by one from clip to clip for ever
 gap                        10001    10004 to 10006 (`formatted`)

A wrapped counter is no gap. A fallen one was formatted or reset: how many clips were lost with it nobody can know, so
at least one place is named as a gap. The first file that a dock ever sees of a camera gives the beginning.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from bodycam_dock.clocks import GRAIN

Cause = Literal["unknown", "overwritten", "formatted", "card_changed", "deleted_on_camera"]
# Gaps that a later clip may still fill; the oldest are forgotten first.
MAX_HOLES: Final = 1000


class Counter(Struct, frozen=True, kw_only=True):
    """How a model counts: from `minimum` to `maximum`, then from `minimum` again.

    `window`: so many clips at most lie between two dockings, so that a number further ahead is one that fell.
    """

    minimum: int = 1
    maximum: int = 9999
    window: int = 1000

    @property
    def period(self) -> int:
        """Numbers until the counter wraps."""
        return self.maximum - self.minimum + 1


class Number(NamedTuple):
    """The camera's number of a file; `part` counts the files after the first that share it (a "+" suffix)."""

    raw: int
    part: int = 0


class Seen(NamedTuple):
    """A file on the card: its number, and when it was written by the camera's own clock."""

    key: str
    number: Number
    at: datetime


class Known(NamedTuple):
    """What a number meant when it was last seen."""

    seq: int
    at: datetime


class Hole(Struct, frozen=True, kw_only=True):
    """Missing places `first` to `last`, of which `first` has the camera's number `raw`; between two camera times."""

    first: int
    last: int
    raw: int
    after: datetime | None
    before: datetime


class Count(Struct, frozen=True, kw_only=True):
    """Where a camera's counting stands: its newest clip, and the holes before it."""

    seq: int
    raw: int
    part: int
    at: datetime
    holes: tuple[Hole, ...] = ()


class Gap(NamedTuple):
    """Places `first` to `last`, both inclusive, that no dock of this state has seen."""

    first: int
    last: int
    cause: Cause


class Numbering(NamedTuple):
    """What a card's new files are called, by key, and what that says about those that are not there."""

    seqs: Mapping[str, int]
    gaps: tuple[Gap, ...]
    filled: tuple[int, ...]
    stands: Count | None


def number(
    count: Count | None, known: Mapping[Number, Known], files: Iterable[Seen], counter: Counter, *, cause: Cause
) -> Numbering:
    """The unwrapped number of each file; `files` are those that were not listed before, in any order.

    `cause` is that of ordinary gaps. A number that was seen before, written at the same time, is the same clip again.
    """
    work = _Work(counter, cause, count)
    rest = sorted(files, key=lambda one: (one.at, one.number, one.key))
    rest = [one for one in rest if not work.is_same(one, known)]
    if count is not None:
        rest = work.take_ahead(rest, count)
        rest = [one for one in rest if not work.fills(one)]
    while rest:
        begun, rest = work.begin(rest)
        rest = work.take_ahead(rest, begun)
    holes = sorted(work.holes, key=lambda hole: hole.first)[-MAX_HOLES:]
    stands = work.count and replace(work.count, holes=tuple(holes))
    return Numbering(work.seqs, tuple(work.gaps), tuple(sorted(work.filled)), stands)


class _Work:
    def __init__(self, counter: Counter, cause: Cause, count: Count | None) -> None:
        self.counter = counter
        self.cause = cause
        self.count = count
        self.holes: list[Hole] = list(count.holes) if count else []
        self.seqs: dict[str, int] = {}
        self.gaps: list[Gap] = []
        self.filled: list[int] = []

    def is_same(self, one: Seen, known: Mapping[Number, Known]) -> bool:
        found = known.get(one.number)
        if found is None or abs(found.at - one.at) > GRAIN:
            return False
        self.seqs[one.key] = found.seq
        return True

    def take_ahead(self, rest: Sequence[Seen], count: Count) -> list[Seen]:
        """Files whose number lies ahead of the newest get theirs; returns the others, in their order."""
        ahead: dict[tuple[int, int], Seen] = {}
        for one in rest:
            if 0 < self._step(count, one.number) <= self.counter.window:
                forward = (one.number.raw - count.raw) % self.counter.period
                ahead.setdefault((forward, one.number.part), one)
        taken = {one.key for one in ahead.values()}
        for _, one in sorted(ahead.items()):
            count = self._advance(count, one)
        return [one for one in rest if one.key not in taken]

    def fills(self, one: Seen) -> bool:
        """Whether the file is one of a hole: its number fits, and it was written between the hole's neighbours."""
        for hole in self.holes:
            place = hole.first + (one.number.raw - hole.raw) % self.counter.period
            is_between = (hole.after is None or hole.after - GRAIN <= one.at) and one.at <= hole.before + GRAIN
            if one.number.part or place > hole.last or not is_between:
                continue
            self.holes.remove(hole)
            self.holes += _split(hole, place, self.counter)
            self.seqs[one.key] = place
            self.filled.append(place)
            return True
        return False

    def begin(self, rest: Sequence[Seen]) -> tuple[Count, list[Seen]]:
        """The counter begins anew with the first of these files: for the first time, or because it fell."""
        first = _first_of(rest, self.counter)
        seq = first.number.raw + first.number.part
        if self.count is not None:
            lost = 1 + max(0, first.number.raw - self.counter.minimum) + first.number.part
            begins, seq = self.count.seq + 1, self.count.seq + 1 + lost
            self.gaps.append(Gap(begins, seq - 1, "formatted"))
            if lost > 1 and not first.number.part:
                hole = Hole(
                    first=begins + 1, last=seq - 1, raw=self.counter.minimum, after=None, before=first.at
                )  # fmt: skip
                self.holes.append(hole)
        return self._now(first, seq), [one for one in rest if one.key != first.key]

    def _advance(self, count: Count, one: Seen) -> Count:
        step = self._step(count, one.number)
        first, seq = count.seq + 1, count.seq + step
        if step > 1:
            self.gaps.append(Gap(first, seq - 1, self.cause))
            if not one.number.part:
                raw = self._after(count.raw)
                self.holes.append(Hole(first=first, last=seq - 1, raw=raw, after=count.at, before=one.at))
        return self._now(one, seq)

    def _now(self, one: Seen, seq: int) -> Count:
        self.seqs[one.key] = seq
        self.count = Count(seq=seq, raw=one.number.raw, part=one.number.part, at=one.at)
        return self.count

    def _step(self, count: Count, number: Number) -> int:
        """How many places `number` lies ahead of the newest clip; 0 or beyond the window: it does not."""
        forward = (number.raw - count.raw) % self.counter.period
        if forward == 0:
            return max(0, number.part - count.part)
        return forward + number.part

    def _after(self, raw: int) -> int:
        return self.counter.minimum if raw >= self.counter.maximum else raw + 1


def _split(hole: Hole, place: int, counter: Counter) -> Iterator[Hole]:
    """What is left of a hole once `place` in it was filled."""
    if place > hole.first:
        yield replace(hole, last=place - 1)
    if place < hole.last:
        offset = place + 1 - hole.first
        raw = counter.minimum + (hole.raw - counter.minimum + offset) % counter.period
        yield replace(hole, first=place + 1, raw=raw)


def _first_of(files: Sequence[Seen], counter: Counter) -> Seen:
    """The file behind the widest stretch of numbers that are not there: a card can hold 9998, 9999, 0001, 0002."""
    ordered = sorted({one.number: one for one in reversed(files)}.values(), key=lambda one: one.number)
    widest, first = -1, ordered[0]
    for before, one in zip([ordered[-1], *ordered[:-1]], ordered, strict=True):
        stretch = (one.number.raw - before.number.raw - 1) % counter.period
        if one.number.raw != before.number.raw and stretch > widest:
            widest, first = stretch, one
    return first


def vanished(places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Stretches of neighbouring places, both ends inclusive, in order."""
    first = last = None
    for place in sorted(places):
        if first is None or last is None:
            first = last = place
        elif place == last + 1:
            last = place
        else:
            yield first, last
            first = last = place
    if first is not None and last is not None:
        yield first, last
