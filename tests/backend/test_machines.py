"""State machines as tables: how a cell is read, and what is no table."""

import pytest

from backend.machines import REFUSED, STAYS, Machine, Step

TABLE = """
      | open           | shut
away  | loud? here / = | -
here  | here           | away note sound
"""


def test_the_first_alternative_whose_condition_holds_counts() -> None:
    machine = Machine(TABLE)
    assert Step("here") == machine.step("away", "open", {"loud"})
    assert Step(STAYS) == machine.step("away", "open")
    assert {"loud"} == machine.conditions


def test_a_states_own_name_stays_and_effects_come_with_the_step() -> None:
    machine = Machine(TABLE)
    assert Step(STAYS) == machine.step("here", "open")
    assert Step("away", frozenset({"note", "sound"})) == machine.step("here", "shut")


def test_what_no_alternative_allows_is_refused() -> None:
    assert Step(REFUSED) == Machine(TABLE).step("away", "shut")
    assert Step(REFUSED) == Machine("| open\naway | loud? away").step("away", "open")


@pytest.mark.parametrize("table", ["| a | b\nx | =", "| a\nx | = | =", "| a\nx | nowhere", "| a\nx | p? nowhere / ="])
def test_a_table_with_a_wrong_cell_is_refused_at_once(table: str) -> None:
    with pytest.raises(ValueError, match=r"zip|no such state"):
        Machine(table)


def test_an_unknown_state_or_event_is_an_error() -> None:
    for state, event in (("nowhere", "open"), ("here", "nothing")):
        with pytest.raises(KeyError):
            Machine(TABLE).step(state, event)
