"""How much a source sends at once, and how long it waits between tries (design/sync.md 3.5)."""

import random
from typing import Final

from sync.exchange import MAX_ENTRIES

BACKOFF_CAP_S: Final = 60.0
# For gateways and while an emergency is open.
BACKOFF_CAP_URGENT_S: Final = 5.0


class Pace:
    """Entries for the next request: `limit` falls with failures and doubles with success, up to what a 413 taught."""

    def __init__(self) -> None:
        """Begins with what the protocol allows."""
        self._ceiling = self._limit = MAX_ENTRIES

    @property
    def limit(self) -> int:
        """At most so many entries, at least one."""
        return self._limit

    def went_well(self) -> None:
        """The request was answered in order."""
        self._limit = min(self._ceiling, 2 * self._limit)

    def was_cut(self, number: int) -> None:
        """`number` entries arrived whole and got no answer: halving finds the one that breaks the server."""
        self._limit = max(1, number // 2)

    def was_too_large(self, number: int, max_entries: int | None) -> None:
        """`number` (at least 2) entries were too many for good, as a 413 said."""
        self._limit = self._ceiling = max(1, min(number // 2, max_entries or number))


def backoff(tries: int, rng: random.Random, *, cap_s: float = BACKOFF_CAP_S, asked_s: float | None = None) -> float:
    """Seconds to wait after `tries` failures before this one: full jitter, at least what the server asked for."""
    return max(rng.uniform(0, min(cap_s, 2.0 ** min(tries, 16))), asked_s or 0.0)
