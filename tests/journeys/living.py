"""The sample town's day while somebody kills: API, worker, gateway, dock, PostgreSQL and the day itself, with -9.

Panels, a camera and a phone of this journey's own stand beside the town's, so that every single thing is counted:
`python -m tests.journeys.living --kills 30 --seed 1` prints one JSON object.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from backend.fields import uuid7
from backend.local import supervisor
from backend.local.clips import CameraCard
from backend.local.day import card_places, dc09_address
from backend.local.handset import Handset
from backend.local.panels import Panel
from backend.local.state import LocalError, State
from backend.local.town import GATEWAY, PANEL_HALL, Town
from bodycam_dock.settings import Folder
from sync.entry import format_recorded_at
from sync.errors import SyncError
from sync.journal import Journal
from tests.journeys.killing import is_up, start, wait_for

TARGETS = ("api", "api", "gateway", "gateway", "dock", "dock", "worker", "postgres", "day")
ACCOUNT, POINTS, SERIAL, LOGIN = "9001", 20, "GR-0099", "erle-23"


@dataclass
class Lived:
    """What was sent and acknowledged, and what stands in the end."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    counted: int = 0
    recorded: set[str] = field(default_factory=set)
    offences: Counter[str] = field(default_factory=Counter)
    clips: dict[int, str] = field(default_factory=dict)
    received: Counter[int] = field(default_factory=Counter)
    #: By the clip's id: the hash of its `clip.received`, from the custody log.
    receipts: dict[str, str] = field(default_factory=dict)
    erased: int = 0
    left_on_card: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Nothing lost, nothing twice, and no card was cleared without a receipt that verifies."""
        once = Counter(dict.fromkeys(self.clips, 1))
        return (
            self.acknowledged == self.counted
            and self.offences == Counter(dict.fromkeys(self.recorded, 1))
            and self.received == once
            and self.erased == len(self.receipts) == len(self.clips)
            and not self.left_on_card
        )


class Sources:
    """The panel, the phone and the camera of this journey, each in a thread of its own, until `over` is set."""

    def __init__(self, state: State, done: Lived, seed: int) -> None:
        self.state, self.done, self.over = state, done, threading.Event()
        self.rng = random.Random(seed)

    def press(self) -> None:
        asyncio.run(self._press())

    async def _press(self) -> None:
        panel = Panel(*dc09_address(self.state), ACCOUNT)
        for _ in range(120):  # until the gateway has heard of the line, its frames are a stranger's
            if await panel.deliver(panel.poll()):
                break
            await asyncio.sleep(0.5)
        while not self.over.is_set():
            frame = panel.alarm(self.rng.randrange(POINTS) + 1, "122")
            if await panel.deliver(frame, until_s=120):
                self.done.acknowledged += 1
            await asyncio.sleep(self.rng.uniform(0, 0.2))
        await panel.close()

    def write(self, phone: Handset) -> None:
        while not self.over.is_set():
            for _ in range(self.rng.randrange(1, 4)):
                body = {
                    "tbnr": "112042",
                    "occurred_at": format_recorded_at(datetime.now(UTC), "Europe/Berlin"),
                    "street": "Meerstraße",
                    "amount_cents": 1500,
                }
                self.done.recorded.add(phone.record("offence.recorded", body))
            with contextlib.suppress(SyncError):
                phone.client.exchange_once()
            time.sleep(self.rng.uniform(0, 0.3))

    def film(self, card: CameraCard) -> None:
        place, away = card_places(self.state, "kamera-pruefung")
        while not self.over.is_set():
            made = card.record(datetime.now(UTC) - timedelta(seconds=5), seconds=2)
            self.done.clips[made.number] = sha256(made.path.read_bytes()).hexdigest()
            card.set_clock(datetime.now(UTC))
            away.rename(place)
            self.over.wait(self.rng.uniform(4, 10))
            place.rename(away)
            self.over.wait(1.5)
        card.set_clock(datetime.now(UTC))
        away.rename(place)


def living(folder: Path, *, kills: int, seed: int) -> Lived:
    """The town's state after at least so many kills, once everything has settled."""
    rng, state, done, began = random.Random(seed), State.open(folder / "state"), Lived(), time.monotonic()
    with (folder / "demo.log").open("ab") as log:
        server = start("demo", "--state", str(state.folder), out=log)
        try:
            wait_for(lambda: is_up(state), 90)
            address = supervisor.address(state)
            assert address is not None
            wait_for(lambda: _has_lines(state, address), 90)
            town = Town(state, address)
            _line(town)
            phone = Handset.open(state.subfolder("phones") / "journey", town, LOGIN)
            card = CameraCard(card_places(state, "kamera-pruefung")[1], serial=SERIAL, seed=seed)
            sources = Sources(state, done, seed)
            jobs = ((sources.press, ()), (sources.write, (phone,)), (sources.film, (card,)))
            threads = [threading.Thread(target=job, args=args) for job, args in jobs]
            for thread in threads:
                thread.start()
            while done.kills.total() < kills:
                time.sleep(rng.uniform(0.2, 2.0))
                target = rng.choice(TARGETS)
                done.kills[target] += _kill(state, target)
            sources.over.set()
            for thread in threads:
                thread.join(150)
            wait_for(lambda: is_up(state), 60)
            phone.send(120)
            phone.close()
            _settle(state, town, card, done)
        finally:
            server.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(60)
            supervisor.down(state)
    _read_erasures(state, done)
    done.seconds = time.monotonic() - began
    return done


def _has_lines(state: State, address: str) -> bool:
    """The day has built the town, and the gateway hears its panels."""
    town = Town(state, address)
    try:
        lines = town.person("admin-1").get("/v1/sites")["lines"]
        return any(one["sender"] == PANEL_HALL and one["link"] == "online" for one in lines)
    except (LocalError, httpx.HTTPError):
        return False
    finally:
        town.close()


def _line(town: Town) -> None:
    """A panel of this journey's own, with points of its own."""
    admin = town.person("admin-1")
    gateway = next(one["id"] for one in admin.get("/v1/sources") if one["label"] == GATEWAY)
    points = []
    for number in range(1, POINTS + 1):
        id_ = town.ids.of(f"journey.{number}")
        label = f"Prüfplatz {number}"
        admin.post("/v1/points", {"id": id_, "zone": town.ids.of("hall.office"), "label": label, "kind": "desk"})
        points.append({"name": f"{number:03}", "point": id_})
    body: dict[str, Any] = {"id": str(uuid7()), "gateway": gateway, "protocol": "dc09", "sender": ACCOUNT}
    body |= {"label": "Prüfzentrale", "building": town.ids.of("hall"), "interval_s": 60, "points": points}
    admin.post("/v1/lines", body)


def _kill(state: State, target: str) -> int:
    for process in supervisor.status(state):
        if process.name == target and process.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
                return 1
    return 0


def _settle(state: State, town: Town, card: CameraCard, done: Lived) -> None:
    """What stands is read once nothing moves any more, at the latest after two minutes."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with contextlib.suppress(LocalError, httpx.HTTPError, StopIteration):
            _look(state, town, done)
            place = card_places(state, "kamera-pruefung")[0]
            done.left_on_card = [path.name for path in (place / "DCIM").iterdir()]
            expected = (done.acknowledged, len(done.recorded), len(done.clips))
            if expected == (done.counted, done.offences.total(), done.received.total()) and not done.left_on_card:
                return
        town.close()
        time.sleep(1.0)


def _look(state: State, town: Town, done: Lived) -> None:
    alarms = town.person("leitstelle").get("/v1/alarms")["alarms"]
    done.counted = sum(one["count"] for one in alarms if one["sender"] == ACCOUNT)
    done.offences, after = Counter(), None
    while True:
        page = town.person("sb-14").get("/v1/offences", limit=200, **({"after": after} if after else {}))
        done.offences.update(one["id"] for one in page["offences"] if one["id"] in done.recorded)
        after = page["after"]
        if after is None:
            break
    cameras = town.person("admin-1").get("/v1/cameras")
    camera = next(one["pseudonym"] for one in cameras if one["serial"] == SERIAL)
    done.received, after, custodian = Counter(), None, town.person("beweis-1")
    while True:
        page = custodian.get("/v1/clips", limit=100, **({"after": after} if after else {}))
        mine = [one for one in page["clips"] if one["camera"] == camera and one["state"] == "stored"]
        done.received.update(one["camera_seq"] for one in mine)
        for one in mine:
            records = custodian.get(f"/v1/clips/{one['id']}/custody")
            (done.receipts[one["id"]],) = (each["hash"] for each in records if each["kind"] == "clip.received")
        after = page["after"]
        if after is None:
            return


def _read_erasures(state: State, done: Lived) -> None:
    """Which clips the dock says it erased, by its journal, against a receipt that the server's custody log has."""
    journal = Journal.open(Folder(state.subfolder("dock")).journal)
    try:
        after = 0
        while found := journal.drafts(after):
            after = found[-1][0]
            for _, draft in found:
                if draft.kind == "clip.erased":
                    body = json.loads(draft.body)
                    done.erased += body["receipt"] == done.receipts.get(body["clip"])
    finally:
        journal.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="streife-living-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        done = living(folder, kills=asked.kills, seed=asked.seed)
    told: dict[str, object] = {"seed": asked.seed, "kills": dict(done.kills), "seconds": round(done.seconds)}
    told |= {"acknowledged": done.acknowledged, "counted": done.counted, "recorded": len(done.recorded)}
    told |= {"offences": done.offences.total(), "clips": len(done.clips), "received": done.received.total()}
    told |= {
        "receipts": len(done.receipts),
        "erased": done.erased,
        "left_on_card": done.left_on_card,
        "whole": done.is_whole,
    }
    print(json.dumps(told))
    return 0 if done.is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
