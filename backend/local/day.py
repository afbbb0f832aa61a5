"""A day in the sample town: phones, cameras and panels that behave as real ones, over the wire, until told to stop.

Runs beside the server as a process of its own (`python -m backend.local.day --state DIR`), so that a demo shows what
arrives from outside: nothing here writes to the database.
"""

import asyncio
import random
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
import httpx
import structlog

from backend import logs
from backend.local import supervisor
from backend.local.clips import CameraCard
from backend.local.handset import Handset
from backend.local.panels import Panel
from backend.local.state import LocalError, State
from backend.local.town import HTTP_SENDER, PANEL_HALL, PANEL_JOBCENTER, Town, desk_token, panel_key
from sync.entry import format_recorded_at
from sync.errors import SyncError

logger = structlog.get_logger()

#: Between two of a kind; a demo's day is shorter than a real one.
OFFENCE_S: Final = (15.0, 40.0)
CLIP_S: Final = (60.0, 150.0)
ALARM_S: Final = (90.0, 240.0)
POLL_S: Final = 20.0
#: How long the town waits for its gateway to be enrolled.
PATIENCE_S: Final = 60.0
#: Numbers of the sample catalogue with their amounts.
OFFENCES: Final = (("112042", 1500), ("101060", 2000))
STREETS: Final = ("Mühlenstraße", "Neumarkt", "Meerstraße", "Am Königsgraben", "Lindenallee")


class Day:
    """What happens in the sample town."""

    def __init__(self, state: State, address: str, rng: random.Random) -> None:
        """Nothing happens yet."""
        self._state = state
        self._address = address
        self._rng = rng
        self.stop = threading.Event()

    def run(self) -> None:
        """Until `stop` is set. What fails is tried again: a demo must outlive a restart of its server."""
        self._patiently(self._build)
        jobs = (self._patrol("erle-22"), self._patrol("erle-23"), self._camera, self._panels)
        threads = [threading.Thread(target=self._patiently, args=(job,), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        self.stop.wait()
        for thread in threads:
            thread.join(10)

    def _patiently(self, what: Callable[[], None]) -> None:
        while not self.stop.is_set():
            try:
                what()
            except (LocalError, SyncError, httpx.HTTPError, OSError, StopIteration) as error:
                logger.warning("demo_waits", what=getattr(what, "__name__", "patrol"), error=str(error))
                self.stop.wait(2.0)
            else:
                return

    def _build(self) -> None:
        town = Town(self._state, self._address)
        try:
            town.build()
            town.connect()
        finally:
            town.close()

    def _patrol(self, login: str) -> Callable[[], None]:
        def walk() -> None:
            town = Town(self._state, self._address)
            phone = Handset.open(self._state.subfolder("phones") / login, town, login)
            try:
                while not self._pause(OFFENCE_S):
                    self._offence(phone)
                    self._answer_jobs(phone)
            finally:
                phone.close()
                town.close()

        return walk

    def _offence(self, phone: Handset) -> None:
        tbnr, cents = self._rng.choice(OFFENCES)
        photo = photo_of(self._rng.randrange(2**32))
        body = {
            "tbnr": tbnr,
            "occurred_at": format_recorded_at(datetime.now(UTC), "Europe/Berlin"),
            "street": self._rng.choice(STREETS),
            "house_no": str(self._rng.randrange(1, 120)),
            "plate": f"GR-{self._rng.choice('ABCDE')}{self._rng.choice('KLMNP')} {self._rng.randrange(1, 9999)}",
            "synthetic_plate": True,
            "amount_cents": cents if self._rng.random() < 0.8 else cents + 500,
        }
        entry = phone.record("offence.recorded", body, (photo,))
        phone.send()
        phone.upload(entry, photo)

    def _answer_jobs(self, phone: Handset) -> None:
        """The officer takes what was sent, goes there, and finishes."""
        steps = {"sent": "accepted", "delivered": "accepted", "accepted": "en_route", "en_route": "on_scene"}
        is_done = self._rng.random() < 0.3  # a while passes at the place
        for id_, job in phone.jobs().items():
            answer = steps.get(job["state"], "done" if job["state"] == "on_scene" and is_done else None)
            if answer is not None:
                phone.record("job.answered", {"job": id_, "answer": answer})
        phone.send()

    def _camera(self) -> None:
        """A camera is docked, read, taken away, and comes back with more."""
        town = Town(self._state, self._address)
        place, away = card_places(self._state, "kamera-1")
        card = CameraCard(away if away.exists() or not place.exists() else place, serial="GR-0001", seed=7)
        try:
            while True:
                if place.exists():
                    place.rename(away)
                card.folder = away
                card.number = next_number(self._state)
                if town.assign("GR-0001", "erle-22") is not None:
                    card.record(datetime.now(UTC) - timedelta(seconds=20), seconds=4, marked=self._rng.random() < 0.3)
                    remember_number(self._state, card.number)
                card.set_clock(datetime.now(UTC))
                away.rename(place)
                card.folder = place
                if self._pause(CLIP_S if next_number(self._state) > 1 else (3.0, 4.0)):
                    return
        finally:
            town.close()

    def _panels(self) -> None:
        asyncio.run(self._panels_speak())

    async def _panels_speak(self) -> None:
        host, port = dc09_address(self._state)
        hall = Panel(host, port, PANEL_HALL)
        jobcenter = Panel(host, port, PANEL_JOBCENTER, key=panel_key(self._state))
        due = time.monotonic() + self._rng.uniform(*ALARM_S)
        try:
            # A gateway that does not know its lines yet keeps what it cannot read, and a dispatcher sees that.
            while not (self.stop.is_set() or await self._desk_lives()):
                await asyncio.to_thread(self.stop.wait, 0.5)
            while not self.stop.is_set():
                answered = [await panel.deliver(panel.poll(), until_s=5.0) for panel in (hall, jobcenter)]
                await self._desk_lives()
                if time.monotonic() >= due:
                    panel, zone = self._rng.choice(((hall, 17), (hall, 18), (jobcenter, 1)))
                    await panel.deliver(panel.alarm(zone, self._rng.choice(("122", "120"))))
                    due = time.monotonic() + self._rng.uniform(*ALARM_S)
                await asyncio.to_thread(self.stop.wait, POLL_S if all(answered) else 1.0)
        finally:
            await hall.close()
            await jobcenter.close()

    async def _desk_lives(self) -> bool:
        """The desks' alarm buttons say that they are there; whether the gateway took it."""
        headers = {"authorization": f"Bearer {desk_token(self._state)}"}
        async with httpx.AsyncClient(base_url=http_address(self._state), timeout=5, headers=headers) as http:
            answer = await http.post("/v1/heartbeats", json={"v": 1, "sender": {"id": HTTP_SENDER}})
            return answer.is_success

    def _pause(self, span: tuple[float, float]) -> bool:
        """Waits; whether the day is over."""
        return self.stop.wait(self._rng.uniform(*span))


def photo_of(seed: int) -> bytes:
    """A small JPEG of nothing in particular."""
    import cv2  # noqa: PLC0415 - half a second that only a simulation needs
    import numpy as np  # noqa: PLC0415

    picture = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    made, photo = cv2.imencode(".jpg", cv2.resize(picture, (800, 600), interpolation=cv2.INTER_CUBIC))
    if not made:
        raise LocalError("OpenCV kann kein JPEG schreiben.")
    return photo.tobytes()


def card_places(state: State, name: str) -> tuple[Path, Path]:
    """Where the dock looks for this camera's card, and where the card is while it is not docked."""
    return state.subfolder("dock-slots") / name, state.subfolder("cards") / name


def next_number(state: State) -> int:
    """The number of the camera's next clip."""
    return int(state.recall("demo.clip") or "1")


def remember_number(state: State, number: int) -> None:
    """The camera counts on from here, also after a restart."""
    state.remember("demo.clip", str(number))


def dc09_address(state: State) -> tuple[str, int]:
    """Where the gateway listens for panels."""
    return "127.0.0.1", int(state.recall("demo.dc09") or "0")


def http_address(state: State) -> str:
    """Where the gateway listens for desks."""
    return f"http://127.0.0.1:{state.recall('demo.http') or '0'}"


@click.command()
@click.option("--state", "folder", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(folder: Path) -> None:
    """Lets the day of the sample town pass until it is told to end."""
    logs.configure()
    state = State.open(folder)
    while (address := supervisor.address(state)) is None:
        time.sleep(0.2)
    day = Day(state, address, random.Random())  # noqa: S311 - a simulation
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: day.stop.set())
    day.run()


if __name__ == "__main__":
    main()
