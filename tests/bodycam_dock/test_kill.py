"""kill -9 between any two steps, at random moments, and of the network: nothing lost, nothing erased too early."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from backend.local.clips import CameraCard
from sync.entry import genesis_hash
from sync.exchange import ExchangeRequest
from sync.keys import SourceKey
from tests.bodycam_dock.conftest import Dock, fill
from tests.bodycam_dock.cutting import STEPS
from tests.bodycam_dock.town import DockTown
from tests.sync.samples import SOURCE, wire_entries
from tests.sync.town import Town

pytestmark = pytest.mark.slow
SEED = 20261126


class Watch:
    """Looks all the time whether a file is gone from the card that the town has no receipt for."""

    def __init__(self, town: DockTown, card: CameraCard) -> None:
        self.town = town
        self.originals = {path: path.read_bytes() for path in card.clips()}
        self.sha256 = {path: sha256(data).hexdigest() for path, data in self.originals.items()}
        self.wrong: list[str] = []

    def look(self) -> None:
        gone = [path for path in self.originals if not path.exists()]
        with self.town.lock:
            self.wrong += [path.name for path in gone if self.originals[path] != self.town.content(self.sha256[path])]

    def check(self) -> None:
        """Everything arrived, once, with its own bytes."""
        self.look()
        assert [] == self.wrong
        recorded = [body["sha256"] for body in self.town.bodies("clip.recorded")]
        assert sorted(self.sha256.values()) == sorted(recorded)
        erased = [body["clip"] for body in self.town.bodies("clip.erased")]
        assert len(self.originals) == len(erased) == len(set(erased))
        for path, data in self.originals.items():
            assert data == self.town.content(self.sha256[path])
        assert [] == self.town.bodies("clip.gap")


def finish(dock: Dock, card: CameraCard) -> None:
    code, told = dock.once()
    assert 0 == code, told
    assert [] == card.clips()
    assert [] == list((dock.state / "spool").iterdir())


#: Run each time; the others each night.
SHORT = {
    ("append", "before"), ("append", "after"), ("copy", "after"), ("in_place", "before"), ("record_clip", "after"),
    ("patch", "after"), ("verified", "after"), ("receive_clip", "after"), ("erase", "after"), ("clear_clip", "before"),
}  # fmt: skip
CUTS = [
    pytest.param(step, when, marks=[] if (step, when) in SHORT else [pytest.mark.nightly])
    for step in STEPS
    for when in ("before", "after")
]


@pytest.mark.parametrize(("step", "when"), CUTS)
def test_a_cut_at_any_step_changes_nothing_in_the_end(dock: Dock, town, card, step: str, when: str) -> None:
    fill(card, 2)
    watch = Watch(town, card)
    # The first append is the docking's, the second the first clip's.
    given = {"set_camera": 1, "append": 2, "drop_drafts": 2}
    nth = given.get(step) or random.Random(f"{SEED}{step}{when}").choice([1, 1, 2])
    program = [sys.executable, "-m", "tests.bodycam_dock.cutting", step, when, str(nth)]
    done = subprocess.run([*program, *dock.command("--once")[3:]], capture_output=True, timeout=120, check=False)
    assert -signal.SIGKILL == done.returncode, (step, when, nth, done.stderr.decode()[-2000:])
    watch.look()
    finish(dock, card)
    watch.check()


def kill_at_random(dock: Dock, town, card: CameraCard, *, kills: int, seed: int) -> None:
    """The dock is started and killed so often, and may then finish."""
    rng = random.Random(seed)
    watch = Watch(town, card)
    over = threading.Event()

    def look_on() -> None:
        while not over.wait(0.01):
            watch.look()

    looking = threading.Thread(target=look_on)
    looking.start()
    try:
        for _ in range(kills):
            with dock.start_working() as process:
                time.sleep(rng.uniform(0.0, 1.2))
                process.kill()
        finish(dock, card)
    finally:
        over.set()
        looking.join()
    watch.check()


def test_kills_at_random_moments_lose_nothing(dock: Dock, town, card) -> None:
    print(f"seed {SEED}")
    fill(card, 8)
    kill_at_random(dock, town, card, kills=8, seed=SEED)


def test_a_kill_before_the_answer_came_costs_nothing_of_what_is_recorded_afterwards(
    dock: Dock, town: DockTown, card
) -> None:
    assert 0 == dock.once()[0]
    assert town.town is not None

    def lose(request: httpx.Request, admit: Callable[[], httpx.Response]) -> httpx.Response:
        admit()
        raise httpx.ReadError("the answer is lost", request=request)

    town.town.faults += [lose] * 100
    before = len(town.entries)
    fill(card, 2)
    with dock.start() as process:
        until = time.monotonic() + 120
        # One, not both: after three lost answers the oldest entry goes alone, and the second waits for an answer to it.
        while not town.bodies("clip.recorded"):
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
    town.town.faults.clear()
    fill(card, 4)
    watch, known = Watch(town, card), len(town.town.requests)
    finish(dock, card)
    watch.check()
    assert town.town.requests[known].last_seq == before, "the dock knew nothing of what the town had"


def test_the_town_of_these_tests_takes_each_entry_once_however_it_comes_again() -> None:
    """As after a kill: entries whose answer was lost, with new ones behind them, and then fewer."""
    key = SourceKey.generate()
    town = DockTown(town=Town(key.spki, genesis_hash(SOURCE, 1, key.spki_sha256)))
    assert town.town is not None
    for first, number, has in ((1, 2, 2), (1, 5, 5), (4, 2, 5), (5, 2, 6)):
        town.town.stored += [("", "", b"")] * (has - len(town.town.stored))
        entries = tuple(wire_entries(first, number))
        town.town.requests.append(
            ExchangeRequest(incarnation=1, app="a", schema=1, now="", last_seq=first - 1, entries=entries)
        )
        town.take_entries()
        assert list(range(1, has + 1)) == [one.seq for one in town.entries]


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(10))
def test_many_kills_at_random_moments_lose_nothing(dock: Dock, town, card, seed: int) -> None:
    fill(card, 10)
    kill_at_random(dock, town, card, kills=12, seed=seed)


def observed(folder: Path, card: CameraCard, state: str) -> bool:
    """Whether the dock stands between these steps, as far as its disk and the card show."""
    names = [one.name for one in (folder / "spool").glob("*")]
    match state:
        case "part":
            return any(name.endswith(".part") for name in names)
        case "spooled":
            return any(not name.endswith(".part") for name in names)
        case "erased":
            return len(card.clips()) < 3
    return False


@pytest.mark.parametrize("state", ["part", "spooled", "erased"])
def test_a_kill_at_a_state_that_shows_on_the_disk(dock: Dock, town, card, state: str) -> None:
    fill(card, 3)
    card.record(datetime.now(UTC) - timedelta(minutes=20), content=random.Random(1).randbytes(30_000_000))
    watch = Watch(town, card)
    with dock.start() as process:
        until = time.monotonic() + 60
        while not observed(dock.state, card, state):
            assert time.monotonic() < until, state
        process.kill()
    watch.look()
    finish(dock, card)
    watch.check()


def test_a_network_that_fails_in_every_way_only_costs_time(dock: Dock, town, card) -> None:
    """Cuts before and after the effect, wrong offsets, lies about it, full server, rubbish: seeded."""
    rng = random.Random(SEED)

    def cut_before(_, request, serve):
        raise httpx.ConnectError("cut", request=request)

    def cut_after(_, request, serve):
        serve()
        raise httpx.ReadError("cut", request=request)

    def says(status: int):
        return lambda _, request, serve: httpx.Response(status, json={"title": "later"}, headers={"Retry-After": "0"})

    def portal(_, request, serve):
        return httpx.Response(200, html="<html>Willkommen</html>")

    kinds = [cut_before, cut_after, says(507), says(429), says(503), says(409), says(460), says(410), portal]
    town.faults = [rng.choice(kinds) if rng.random() < 0.6 else (lambda _, request, serve: serve()) for _ in range(40)]
    fill(card, 3)
    watch = Watch(town, card)
    for _ in range(3):  # `--once` gives up after a minute without progress; pauses grow past that with bad luck
        if 0 == dock.once()[0]:
            break
    finish(dock, card)
    watch.check()
    assert [] == town.faults
