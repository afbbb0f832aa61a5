"""Fifty panels, a real gateway, the real server: kill -9 of either loses no alarm and counts none twice."""

import asyncio
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from backend.local.panels import Panel, crowd, press
from tests.backend.gateway.running import Running as Gateway
from tests.backend.gateway.running import kinds, recorded, wait_until
from tests.benchmarks.running import Running, running
from tests.journeys.alarming import Room

SEED = 20261122
PANELS, PRESSES = 50, 10


@pytest.mark.slow
@pytest.mark.parametrize("is_killing_api", [False, True], ids=["gateway killed", "gateway and API killed"])
def test_each_alarm_of_fifty_panels_counts_once_at_the_desk(tmp_path: Path, is_killing_api: bool) -> None:
    print(f"seed {SEED}")
    folder = tmp_path / "gateway"
    with running("api") as server:
        room = Room.of(server)
        panels = crowd("127.0.0.1", 0, PANELS)
        gateway = room.gateway(folder)
        room.expect(gateway, panels)
        # What comes before the lines is an unknown sender's: kept, but not this test's matter.
        wait_until(lambda: is_expected(gateway, panels[-1]), 30)
        for panel in panels:
            panel.port, panel.patience_s = gateway.dc09 or 0, 0.5
        gateway = asyncio.run(storm(server, gateway, panels, is_killing_api))
        try:
            wait_until(lambda: server.children[0].is_ready, 30)
            wait_until(lambda: sum(room.told().values()) >= PANELS * PRESSES, 60)
            assert 0 == gateway.stop()
        finally:
            gateway.process.kill()
        told = room.told()
    assert PANELS * PRESSES == sum(told.values())
    signals = [signal for signal in recorded(folder) if "unknown_sender" not in signal.flags]
    assert PANELS * PRESSES == len({(one.sender, one.raw) for one in signals}) == len(signals)
    assert {(f"line:{room.lines[one.sender or '']}:{one.point}", one.kind) for one in signals} == set(told)
    assert "link.changed" in kinds(folder)


async def storm(server: Running, gateway: Gateway, panels: list[Panel], is_killing_api: bool) -> Gateway:
    """All panels press; the gateway, and the API where asked, die at seeded moments and come back."""
    rng, acknowledged = random.Random(SEED), Counter[str]()
    (api,) = server.children
    pressing = asyncio.create_task(
        press(panels, PRESSES, pause_s=0.1, on_acknowledged=lambda panel, _: acknowledged.update([panel.account]))
    )
    for number, done in enumerate(sorted(rng.sample(range(5, PANELS * PRESSES - 50), 5))):
        while acknowledged.total() < done:  # noqa: ASYNC110 - by progress, and a counter has no event
            await asyncio.sleep(0.005)
        if is_killing_api and number % 2:
            assert api.record is not None
            os.kill(api.record.pid, signal.SIGKILL)
            api.end(1)
            api.start()
        else:
            gateway.kill()
            gateway = await asyncio.to_thread(Gateway.start, gateway.folder, server=server.address, dc09=panels[0].port)
    assert PANELS * PRESSES == await pressing
    return gateway


def is_expected(gateway: Gateway, panel: Panel) -> bool:
    """Whether the gateway knows this panel's line by now."""

    async def asked() -> bool:
        panel.port = gateway.dc09 or 0
        answered = await panel.deliver(panel.poll(), until_s=2)
        await panel.close()
        return answered

    return asyncio.run(asked())
