"""Hints: what moved, and how many P1 alarms wait, also while somebody's long write holds the feed back."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import text

from backend.feed.live import hints
from tests.backend.buildings.house import House, signal

PATIENCE_S = 10.0


@pytest.fixture
def house(world) -> House:
    return House.of(world)


async def always() -> bool:
    return True


async def until(stream: AsyncIterator[bytes], is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first hint that is looked for."""

    async def look() -> dict[str, Any]:
        async for event in stream:
            if event.startswith(b"event: hint\ndata: "):
                hint = json.loads(event.removeprefix(b"event: hint\ndata: "))
                if is_it(hint):
                    return hint
        raise AssertionError("the stream ended")

    return await asyncio.wait_for(look(), PATIENCE_S)


def watch(house: House, scopes: tuple[str, ...]) -> AsyncIterator[bytes]:
    return hints(house.world.server.hub, house.world.town, scopes, str, always)


def test_a_new_p1_is_hinted_at_with_how_many_wait(house: House) -> None:
    async def run() -> None:
        stream = watch(house, ("desk",))
        await until(stream, lambda hint: hint.get("p1") == 0)
        await asyncio.to_thread(house.tell, signal(), signal("tamper"))
        assert ["desk"] == (await until(stream, lambda hint: hint.get("p1") == 1))["scopes"]
        await asyncio.to_thread(house.tell, signal("duress", "018"))
        await until(stream, lambda hint: hint.get("p1") == 2)
        alarm = (await asyncio.to_thread(house.alarms))[0]
        await asyncio.to_thread(house.post, f"/v1/alarms/{alarm['id']}/accept")
        await until(stream, lambda hint: hint.get("p1") == 1)

    asyncio.run(run())


def test_a_long_write_holds_the_feed_back_and_no_p1(house: House) -> None:
    """An open transaction that wrote anything keeps the horizon below all later rows (design/control-room.md 5.4)."""

    async def run() -> None:
        stream = watch(house, ("desk",))
        await until(stream, lambda hint: hint.get("p1") == 0)
        cursor = (await asyncio.to_thread(house.board))["cursor"]
        with house.world.server.engine.connect() as connection:
            connection.execute(text("SELECT pg_current_xact_id()"))
            await asyncio.to_thread(house.tell, signal())
            await until(stream, lambda hint: hint.get("p1") == 1)
            found = await asyncio.to_thread(house.get, "/v1/alarms?open=p1")
            page = await asyncio.to_thread(house.get, f"/v1/feed?after={cursor}")
            connection.rollback()
        assert (1, []) == (len(found["alarms"]), page["changes"])

    asyncio.run(run())


def test_who_does_not_read_the_desk_learns_no_number(house: House) -> None:
    async def run() -> None:
        both, other = watch(house, ("desk",)), watch(house, ("office", f"self:{house.gateway.machine.source}"))
        await until(both, lambda hint: hint.get("p1") == 0)
        assert b": connected\n\n" == await anext(other)
        await asyncio.to_thread(house.tell, signal())
        assert {"scopes"} == set(await until(other, lambda hint: True))

    asyncio.run(run())


def test_the_poller_outlives_whatever_a_timer_raises(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    raised = threading.Event()

    def broken(*_: object) -> int:
        raised.set()
        raise ZeroDivisionError

    hub = house.world.server.hub

    async def run() -> None:
        stream = watch(house, ("desk",))
        await until(stream, lambda hint: hint.get("p1") == 0)
        with monkeypatch.context() as patch:
            patch.setattr(hub, "_timers", broken)
            assert await asyncio.to_thread(raised.wait, PATIENCE_S)
        await asyncio.to_thread(house.tell, signal())
        await until(stream, lambda hint: hint.get("p1") == 1)

    asyncio.run(run())
