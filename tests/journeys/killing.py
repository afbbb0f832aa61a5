"""A town's offences replayed while somebody kills: API, worker, beat, PostgreSQL and the replay itself, with -9.

`python -m tests.journeys.killing --offences FILE --catalogue FILE --kills 30 --seed 1` prints one JSON object.
"""

import argparse
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
from pathlib import Path

from backend.local import supervisor
from backend.local.installation import is_healthy
from backend.local.state import State

#: The replay less often: it needs some seconds to sign everybody in before it can be killed while it sends.
TARGETS = ("api", "api", "worker", "beat", "postgres", "postgres", "replay")
PROGRAM = "from backend.cli import main; main(prog_name='streife')"


@dataclass
class Killed:
    """What was done to the town and how it ended."""

    kills: Counter[str] = field(default_factory=Counter)
    replays: int = 0
    report: dict = field(default_factory=dict)
    second: dict = field(default_factory=dict)
    sweep_age_s: float = -1.0


def killing(folder: Path, offences: Path, catalogue: Path, *, phones: int, kills: int, seed: int) -> Killed:
    """The replay's report after at least `kills` kills, that of a second run, and the age of the last sweep."""
    rng, state, done = random.Random(seed), State.open(folder / "state"), Killed()
    log = (folder / "up.log").open("ab")
    server = start("up", "--state", str(state.folder), out=log)
    wait_for(lambda: is_up(state), 90)
    arguments = ["--offences", str(offences), "--catalogue", str(catalogue), "--phones", str(phones), "--json"]
    replay = Replay([*arguments, "--state", str(state.folder)], folder)
    try:
        finished = threading.Event()
        runner = threading.Thread(target=replay.until_done, args=(finished,))
        runner.start()
        while not finished.is_set() or done.kills.total() < kills:
            if finished.is_set():  # everything is in: kill on while more of the same changes nothing
                finished = threading.Event()
                runner.join()
                runner = threading.Thread(target=replay.until_done, args=(finished,))
                runner.start()
            time.sleep(rng.uniform(0.2, 2.0))
            if done.kills.total() < kills:
                target = rng.choice(TARGETS)
                if kill(state, target, replay):
                    done.kills[target] += 1
        runner.join()
        done.report = replay.reports[0]
        wait_for(lambda: is_up(state), 60)
        killed_at = time.time()
        done.second = replay.once()
        done.sweep_age_s = sweep_age(state, after=killed_at)
        done.replays = replay.count
    finally:
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(60)
        supervisor.down(state)
        log.close()
    return done


class Replay:
    """`streife replay`, started anew whenever it was killed."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self.arguments = arguments
        self.reports: list[dict] = []
        self.count = 0
        self.process: subprocess.Popen | None = None
        self._log = folder / "replay.log"

    def once(self) -> dict:
        """The last line of a run that nobody kills."""
        with self._log.open("ab") as log:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, "replay", *self.arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                check=True,
            )
        return json.loads(done.stdout.splitlines()[-1])

    def until_done(self, finished: threading.Event) -> None:
        while not finished.is_set():
            with self._log.open("ab") as log:
                self.count += 1
                self.process = start("replay", *self.arguments, out=subprocess.PIPE, errors=log)
                output, _ = self.process.communicate()
            if self.process.returncode == 0:
                self.reports.append(json.loads(output.splitlines()[-1]))
                finished.set()
            elif self.process.returncode != -signal.SIGKILL:
                time.sleep(0.2)


def start(*arguments: str, out, errors=subprocess.STDOUT) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=errors,
        start_new_session=True,
    )


def kill(state: State, target: str, replay: Replay) -> bool:
    """Whether there was somebody of this name to kill."""
    if target == "replay":
        process = replay.process
        if process is None or process.poll() is not None:
            return False
        process.kill()
        return True
    for process in supervisor.status(state):
        if process.name == target and process.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
                return True
    return False


def is_up(state: State) -> bool:
    address = supervisor.address(state)
    if address is None:
        return False
    host, _, port = address.removeprefix("http://").partition(":")
    return is_healthy(host, int(port))


def sweep_age(state: State, *, after: float) -> float:
    """Seconds from `after` until a sweep ended that began later; sweeps run again by themselves."""
    from backend.local.examination import last_sweep  # noqa: PLC0415
    from backend.local.installation import Installation  # noqa: PLC0415

    installation, begun = Installation(state), time.time()
    while time.time() - begun < 30:
        last = last_sweep(installation)
        if last is not None and last.timestamp() > after:
            return last.timestamp() - after
        time.sleep(0.1)
    return float("inf")


def wait_for(condition, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--offences", type=Path, required=True)
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--phones", type=int, default=12)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="streife-kill-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        began = time.monotonic()
        done = killing(folder, asked.offences, asked.catalogue, phones=asked.phones, kills=asked.kills, seed=asked.seed)
    told = {"seed": asked.seed, "kills": dict(done.kills), "replays": done.replays}
    told |= {"seconds": round(time.monotonic() - began), "sweep_after_s": round(done.sweep_age_s, 1)}
    print(json.dumps(told | {"report": done.report, "second_run": done.second}))
    return 0 if done.report["equal"] and done.second["equal"] and done.second["sent"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
