"""What the tests of dispatch share."""

import pytest

from tests.backend.buildings.house import House, Patrol, patrol
from tests.backend.world import World


@pytest.fixture
def house(world: World) -> House:
    """A town hall in a town of this test's own."""
    return House.of(world)


@pytest.fixture
def unit(house: House) -> Patrol:
    """A unit with an officer on shift, an incident, and a job that was sent."""
    return patrol(house)
