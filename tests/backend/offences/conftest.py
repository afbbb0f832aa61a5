"""What the tests of offences share: the data that are not ours, a town, bodies."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from backend.db import Sessions
from backend.exchange.wire import Received
from backend.fields import Actor, PersonId, SourceId, TownId, uuid7
from backend.identity.tables import TownRow
from backend.offences import service
from backend.offences.wire import OffenceRecorded
from tests.conftest import Database

NOW = datetime(2026, 3, 14, 21, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the project; they are not ours to ship."""
    folder = Path(__file__).parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is absent")
    return folder


@pytest.fixture
def sessions(database: Database, town_id: UUID) -> Sessions:
    """Transactions of the application in a town of this test's own."""
    made = database.sessions(town_id)
    with made.begin() as session:
        session.add(
            TownRow(town=town_id, slug=str(town_id), name="Probstadt", domain=f"{town_id}.example", created_at=NOW)
        )
    return made


def body(**members: Any) -> OffenceRecorded:
    """A sound body, as the exchange decodes it, with some members changed."""
    whole = {
        "by": str(uuid7()),
        "tbnr": "141312",
        "occurred_at": "2026-03-14T21:07:00.000Z[Europe/Berlin]",
        "street": "Mühlenstraße",
        "amount_cents": 25_00,
    } | members
    return msgspec.json.decode(msgspec.json.encode(whole), type=OffenceRecorded)


@pytest.fixture
def record(sessions: Sessions, town_id: UUID) -> Callable[..., UUID]:
    """Records one offence as the exchange would, in a transaction of its own; its id."""

    def one(media: tuple[Any, ...] = (), now: datetime = NOW, **members: Any) -> UUID:
        offence, sent = uuid7(), body(**members)
        received = Received(
            id=offence,
            source=uuid7(),
            incarnation=1,
            seq=1,
            kind="offence.recorded",
            recorded_at=NOW,
            zone="Europe/Berlin",
            received_at=now,
            media=media,
        )
        actor = Actor(town=TownId(town_id), person=PersonId(sent.by), source=SourceId(received.source))
        with sessions.begin() as session:
            service.record(session, actor, received, sent)
        return offence

    return one
