"""What the tests of buildings share."""

import pytest

from tests.backend.buildings.house import House
from tests.backend.world import World


@pytest.fixture
def house(world: World) -> House:
    """A town hall in a town of this test's own."""
    return House.of(world)
