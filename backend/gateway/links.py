"""How each sender's line stands (design/control-room.md 3.2). Pure: time is told, in seconds that never go back.

unknown ──any valid frame──► online ──1.5 × interval silent──► late ──3 × interval silent──► lost
   │                           ▲                                │                            │
   └──3 × interval silent──► lost          └───────────any valid frame───────────────────────┘
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal, NamedTuple

from backend.gateway.lines import Line

State = Literal["unknown", "online", "late", "lost"]
LATE, LOST = 1.5, 3.0


class Change(NamedTuple):
    """A line that stands another way now."""

    sender: str
    state: State
    last_seen: datetime | None


class _Link:
    __slots__ = ("heard_at", "last_seen", "polls", "signals", "state")

    def __init__(self, now_s: float) -> None:
        self.state: State = "unknown"
        self.heard_at = now_s
        self.last_seen: datetime | None = None
        self.polls = self.signals = 0


def state_of(state: State, silent_s: float, interval_s: float) -> State:
    """How a line stands that was `state` and silent for so long; no interval: it is not supervised."""
    if not interval_s or silent_s < LATE * interval_s:
        return state
    if silent_s >= LOST * interval_s:
        return "lost"
    return state if state in ("unknown", "lost") else "late"


class Counted(NamedTuple):
    """What one sender sent since the last summary."""

    sender: str
    state: State
    polls: int
    signals: int


class Links:
    """The lines of one gateway, from its start on: a line is unknown until it was heard."""

    def __init__(self) -> None:
        """No line is expected yet."""
        self._links: dict[str, _Link] = {}
        self._intervals: dict[str, int] = {}
        self.unreadable: Counter[str] = Counter()

    def expect(self, lines: Iterable[Line], now_s: float) -> None:
        """These and no others are supervised."""
        self._intervals = {line.sender: line.interval_s for line in lines}
        self._links = {sender: self._links.get(sender) or _Link(now_s) for sender in self._intervals}

    def heard(self, sender: str, now_s: float, at: datetime, *, is_poll: bool) -> Change | None:
        """A valid frame or heartbeat came; the change that it makes."""
        link = self._links.get(sender)
        if link is None:
            return None
        link.heard_at, link.last_seen = now_s, at
        if is_poll:
            link.polls += 1
        else:
            link.signals += 1
        if link.state == "online":
            return None
        link.state = "online"
        return Change(sender, "online", at)

    def tick(self, now_s: float) -> list[Change]:
        """Lines that became late or lost, in the order of their names."""
        changes = []
        for sender, link in sorted(self._links.items()):
            state = state_of(link.state, now_s - link.heard_at, self._intervals[sender])
            if state != link.state:
                link.state = state
                changes.append(Change(sender, state, link.last_seen))
        return changes

    def counted(self) -> list[Counted]:
        """What each line sent since this was asked last."""
        found = [Counted(sender, link.state, link.polls, link.signals) for sender, link in sorted(self._links.items())]
        for link in self._links.values():
            link.polls = link.signals = 0
        return found


#: Lines in one `link.summary`, so that it fits an entry.
SUMMARY_LINES: Final = 250
