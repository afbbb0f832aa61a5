"""What a camera's clock is worth, and which clips are one recording. Pure.

A camera's clock is read three times beside the dock's. Its difference is measured and never set right in the file
(R11); a clip's start is the camera's instant less that difference.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sync.bodies import CameraClock

ClockKind = Literal["utc", "local", "local_no_dst"]

# design/evidence.md 5: above this a clock is flagged.
OFF_ABOVE_MS: Final = 120_000
# Clocks that were never set begin in 1904 (QuickTime), 1970 (Unix), 1980 (FAT) or 2000; no camera in use is as old.
NEVER_SET_BEFORE: Final = datetime(2015, 1, 1, tzinfo=UTC)
# Cameras write whole seconds, FAT even ones.
GRAIN: Final = timedelta(seconds=2)


class Reading(NamedTuple):
    """Camera's and dock's clock, read together; aware."""

    camera: datetime
    dock: datetime


class Span(NamedTuple):
    """A clip by its camera's own clock; both ends aware."""

    seq: int
    start: datetime
    end: datetime


class Start(NamedTuple):
    """When a clip began, and what the clock is worth that says so."""

    at: datetime
    clock: CameraClock | None


def to_utc(wall: datetime, kind: ClockKind, zone: ZoneInfo) -> datetime:
    """The instant that a camera's wall clock (naive) means; of two possible ones the earlier.

    `local_no_dst` stays on the zone's standard time through the summer.
    """
    if kind == "utc":
        return wall.replace(tzinfo=UTC)
    aware = wall.replace(tzinfo=zone, fold=0)
    if kind == "local_no_dst":
        offset, summer = aware.utcoffset() or timedelta(0), aware.dst() or timedelta(0)
        return (wall - (offset - summer)).replace(tzinfo=UTC)
    return aware.astimezone(UTC)


def measured(readings: Sequence[Reading]) -> CameraClock | None:
    """Median difference (camera minus dock) and spread of the readings; None without any."""
    if not readings:
        return None
    differences = sorted(round((one.camera - one.dock) / timedelta(milliseconds=1)) for one in readings)
    difference = round(median(differences))
    return CameraClock(
        difference_ms=difference,
        spread_ms=differences[-1] - differences[0],
        state="off" if abs(difference) > OFF_ABOVE_MS else "good",
    )


def start_of(
    claimed: datetime | None,
    clock: CameraClock | None,
    *,
    docked_at: datetime,
    predecessor_end: datetime | None,
    last_seen: datetime | None,
) -> Start:
    """The clip's first frame on the dock's clock.

    `claimed` and `predecessor_end` are by the camera's clock. Unset, in the future, or before the predecessor's end
    the clock is `unusable`: then the start is the earliest possible instant, which is when the camera was last seen at
    a dock, and 2015 for one that never was.
    """
    difference = timedelta(milliseconds=clock.difference_ms) if clock else timedelta(0)
    at = None if claimed is None else claimed - difference
    is_usable = (
        at is not None
        and claimed is not None
        and claimed >= NEVER_SET_BEFORE
        and at >= NEVER_SET_BEFORE
        and at <= docked_at + GRAIN
        and (predecessor_end is None or claimed >= predecessor_end - GRAIN)
    )
    if at is not None and is_usable:
        return Start(min(at, docked_at), clock)
    worthless = CameraClock(
        difference_ms=clock.difference_ms if clock else 0, spread_ms=clock.spread_ms if clock else 0, state="unusable"
    )
    return Start(min(last_seen or NEVER_SET_BEFORE, docked_at), worthless)


def continues(before: Span | None, clip: Span, tolerance: timedelta) -> bool:
    """Whether `clip` goes on where `before` ended: the next number, and no pause beyond the profile's tolerance."""
    return before is not None and clip.seq == before.seq + 1 and abs(clip.start - before.end) <= tolerance
