"""One exchange: what is admitted has one effect and one verdict, whatever happens on the way."""

from sqlalchemy import func, select

from backend.offences.tables import OffenceRow
from tests.backend.world import World


def offences(world: World) -> int:
    with world.sessions.begin() as session:
        return session.scalar(select(func.count()).select_from(OffenceRow))


def test_a_recorded_offence_is_accepted_and_comes_back_in_the_feed(world: World) -> None:
    phone = world.phone()
    ids = [phone.record() for _ in range(3)]
    assert phone.client.drain(patience_s=0) == 3
    assert [phone.journal.verdict(n) for n in (1, 2, 3)] == [None] * 3
    assert offences(world) == 3
    assert sorted(ids) == [row.id for row in phone.journal.rows("offence")]
    assert phone.journal.state().acked == 3
