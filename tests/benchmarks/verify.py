"""How fast a package of 10,000 records is verified: the whole process, as the receiver starts it.

Two thirds of the records are signed (receipts, holds), one third rests on the log alone (admissions of entries), as in
a package of clips; each has its inclusion proof in a file of its own, each entry its place in a dock's sealed chain.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from backend.evidence import verify
from tests.backend.evidence.story import Clip, Story
from tests.benchmarks.result import result

RECORDS = 10_000
ROUNDS = 5
MUST, GOAL = 3.0, 1.5


def run() -> list[dict[str, object]]:
    """The verifier's wall and CPU seconds, medians of five processes."""
    with tempfile.TemporaryDirectory(prefix="streife-verify-") as name:
        built = story()
        path = built.build().write(Path(name))
        root = built.root.spki_sha256.hex()
        walls, cpus = [], []
        for _ in range(ROUNDS):
            before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-I", verify.__file__, path, "--root", root], capture_output=True, check=False
            )
            walls.append(time.perf_counter() - began)
            after = getrusage(RUSAGE_CHILDREN)
            cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            if done.returncode != 0:
                raise AssertionError(done.stdout.decode())
    return [
        result(f"{RECORDS} Aufzeichnungen prüfen", "s", walls, must=MUST, goal=GOAL, higher_is_better=False),
        result("davon Rechenzeit", "s CPU", cpus, higher_is_better=False),
    ]


def story() -> Story:
    """A third of the records of each kind, in one dock's journal."""
    story = Story(5)
    story.founded()
    dock = story.dock()
    clips = []
    for number in range(RECORDS // 3 - 2):
        clips.append(Clip(dock, "cam-a", number, b"%d" % number))
        story.wait(minutes=2)
    dock.sealed()
    for clip in clips:
        dock.admit(clip.entry)
    for clip in clips:
        clip.received()
        clip.held()
    while len(story.payloads) - 4 < RECORDS:
        story.record("clip.viewed", clips[0].id, {}, private={"reason": "x"})
    story.requested_and_approved()
    for clip in clips[:20]:
        story.take(clip)
    return story
