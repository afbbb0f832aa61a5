"""State machines as tables: what becomes of a thing in a state when something happens (STYLE.md section 5).

A table's first line names the events, each other line a state and one cell for each event. A cell is a list of
alternatives, separated by `/`; the first whose condition holds counts: `[condition?] target [effect …]`.

    =   it stays as it is          -   refused
    +   a new thing, linked        >   the thing that this one was merged into
    <   the state before           any other word: the new state
"""

from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Final, NamedTuple

STAYS: Final = "="
REFUSED: Final = "-"
NEW: Final = "+"
TARGET: Final = ">"
BEFORE: Final = "<"
_SIGNS: Final = frozenset({STAYS, REFUSED, NEW, TARGET, BEFORE})


class Step(NamedTuple):
    """What becomes of a thing: its state afterwards (or one of the signs), and what else has to be done."""

    state: str
    effects: frozenset[str] = frozenset()


class _Alternative(NamedTuple):
    condition: str
    step: Step


class Machine:
    """The table of one kind of thing. Immutable."""

    def __init__(self, table: str) -> None:
        """`table` as this module describes it.

        Raises:
            ValueError: a line has too few or too many cells, or a cell names a state that has no line.
        """
        head, *lines = [line for line in table.strip().splitlines() if line.strip()]
        self.events: Final = tuple(head.replace("|", " ").split())
        self._cells: Final[Mapping[tuple[str, str], tuple[_Alternative, ...]]] = MappingProxyType(
            {
                (state, event): _read(cell)
                for line in lines
                for states, *cells in [[part.strip() for part in line.split("|")]]
                for state in states.split(", ")
                for event, cell in zip(self.events, cells, strict=True)
            }
        )
        self.states: Final = tuple(dict.fromkeys(state for state, _ in self._cells))
        for alternatives in self._cells.values():
            for one in alternatives:
                if one.step.state not in self.states and one.step.state not in _SIGNS:
                    raise ValueError(f"no such state: {one.step.state!r}")

    def step(self, state: str, event: str, facts: Set[str] = frozenset()) -> Step:
        """What becomes of a thing in `state` at `event`, where `facts` are the conditions that hold.

        A state's own name as a target is `STAYS`: nothing changes, so nobody is told.

        Raises:
            KeyError: no such state or event.
        """
        for condition, found in self._cells[state, event]:
            if not condition or condition in facts:
                return found._replace(state=STAYS) if found.state == state else found
        return Step(REFUSED)

    @property
    def conditions(self) -> frozenset[str]:
        """Every condition that some cell asks for."""
        return frozenset(one.condition for cell in self._cells.values() for one in cell if one.condition)


def _read(cell: str) -> tuple[_Alternative, ...]:
    alternatives = []
    for part in cell.split(" / "):
        condition, mark, rest = part.rpartition("?")
        target, *effects = rest.split()
        alternatives.append(_Alternative(condition.strip() if mark else "", Step(target, frozenset(effects))))
    return tuple(alternatives)
