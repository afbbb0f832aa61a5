"""A dock's evening on a real town while somebody kills: the dock, the API, PostgreSQL, with -9.

`python -m tests.journeys.docking --clips 6 --kills 30 --seed 1` prints one JSON object.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.cli import server_of
from backend.db import sessions_of
from backend.evidence.tables import ClipRow
from backend.exchange.tables import JournalEntryRow
from backend.fields import TownId, uuid7
from backend.identity import sources
from backend.identity.wire import NewEnrolment
from backend.local import setup, supervisor
from backend.local.clips import CameraCard
from backend.local.state import State
from backend.log.tables import RecordRow
from backend.media import service as media
from backend.media.tables import MediaRow
from backend.server import Server
from bodycam_dock.receipts import Expected, verified
from sync.envelope import envelope
from sync.journal import Journal
from tests.bodycam_dock.conftest import Dock, fill
from tests.journeys.killing import is_up, start, wait_for

TARGETS = ("dock", "dock", "dock", "api", "api", "postgres")


@dataclass
class Town:
    """A running installation with one town."""

    state: State
    server: Server
    id: TownId

    @property
    def address(self) -> str:
        found = supervisor.address(self.state)
        assert found is not None
        return found

    @property
    def sessions(self):
        return sessions_of(self.server.engine, self.id)

    def code(self) -> str:
        """An enrolment code for a dock."""
        with self.sessions.begin() as session:
            data = NewEnrolment(kind="dock", label="Wache Mitte")
            return sources.open_enrolment(session, None, data, now=datetime.now(UTC)).code


@dataclass
class Night:
    """What was done, and what the card once held."""

    originals: dict[str, bytes]
    kills: Counter[str] = field(default_factory=Counter)
    too_early: list[str] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def town_in(folder: Path) -> Iterator[Town]:
    """`streife up` in this folder, with a town."""
    state = State.open(folder / "state")
    with (folder / "up.log").open("ab") as log:
        process = start("up", "--state", str(state.folder), out=log)
        try:
            wait_for(lambda: is_up(state), 90)
            with server_of(state) as server:
                town = TownId(uuid7())
                setup.found(server, town, slug="probe", name="Probestadt", domain="probe.example", login="admin")
                yield Town(state, server, town)
        finally:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            supervisor.down(state)


def night(town: Town, dock: Dock, card: CameraCard, *, kills: int, seed: int) -> Night:
    """The card is emptied into the town, however often somebody kills; more clips come while kills are left."""
    rng, began = random.Random(seed), time.monotonic()
    away = card.folder.with_name("away")
    card.folder.rename(away)
    assert 0 == dock.once()[0], "the dock is enrolled, before anybody kills"
    away.rename(card.folder)
    done = Night({path.name: path.read_bytes() for path in card.clips()})
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(town, card, done, over))
    watching.start()
    process = dock.start_working()
    try:
        while done.kills.total() < kills:
            time.sleep(rng.uniform(0.0, rng.choice((1.0, 6.0))))
            if not card.clips():
                done.originals |= {path.name: path.read_bytes() for path in fill(card, 3)}
            target = rng.choice(TARGETS)
            done.kills[target] += _kill(town, process, target)
            if target == "dock":
                process.communicate()
                process = dock.start_working()
    finally:
        process.kill()
        process.communicate()
    wait_for(lambda: is_up(town.state), 60)
    code, told = dock.once(timeout=300)
    over.set()
    watching.join()
    assert 0 == code, told[-5:]
    assert [] == card.clips()
    done.seconds = time.monotonic() - began
    return done


def _kill(town: Town, process: subprocess.Popen, target: str) -> int:
    if target == "dock":
        process.kill()
        return 1
    for one in supervisor.status(town.state):
        if one.name == target and one.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
                return 1
    return 0


def _watch(town: Town, card: CameraCard, done: Night, over: threading.Event) -> None:
    """A file that is gone from the card is whole in the server's store at that moment."""
    seen: set[str] = set()
    while not over.wait(0.05):
        gone = set(done.originals) - {path.name for path in card.clips()} - seen
        for name in gone:
            digest = sha256(done.originals[name]).digest()
            try:
                with town.sessions.begin() as session:
                    state = session.scalar(select(MediaRow.state).where(MediaRow.sha256 == digest))
            except DBAPIError:  # the database is being killed; asked again
                continue
            seen.add(name)
            if state != "stored":
                done.too_early.append(name)


def report(town: Town, dock: Dock, done: Night) -> dict[str, object]:
    """What the server holds against what the card held and what the dock's journal says."""
    journal = Journal.open(dock.state / "journal.sqlite")
    try:
        journal.verify()
        entries, state = journal.entries(limit=-1), journal.state()
        kinds = Counter(entry.kind for entry in entries)
        with town.sessions.begin() as session:
            ours = JournalEntryRow.source == UUID(state.source)
            verdicts = Counter(session.scalars(select(JournalEntryRow.verdict).where(ours)))
            clips = session.scalars(select(ClipRow).where(ClipRow.source == UUID(state.source))).all()
            receipts = sum(_holds(town, session, journal, state.source, clip) for clip in clips)
            stored = session.scalars(select(MediaRow).where(MediaRow.state == "stored")).all()
            files = {row.sha256: row.id for row in stored}
            erased = sum(clip.camera_erased_at is not None for clip in clips)
            described = [
                b"".join(media.read(session, town.server.receiver.folder, files[digest])) == data
                for data in done.originals.values()
                if (digest := sha256(data).digest()) in files
            ]
    finally:
        journal.close()
    return {
        "clips": len(done.originals),
        "recorded": kinds["clip.recorded"],
        "at_server": len(clips),
        "duplicates": sum(clip.duplicate_of is not None for clip in clips),
        "right_bytes": sum(described),
        "receipts": receipts,
        "erased": kinds["clip.erased"],
        "erased_at_server": erased,
        "gaps": kinds["clip.gap"],
        "docked": kinds["camera.docked"],
        "entries": len(entries),
        "acknowledged": state.acked,
        "verdicts": dict(verdicts),
        "too_early": done.too_early,
        "spool": len(list((dock.state / "spool").iterdir())),
    }


def _holds(town: Town, session: Session, journal: Journal, source: str, clip: ClipRow) -> bool:
    """Whether the clip has exactly one receipt, signed by the town's key, for what the dock's own journal says."""
    rows = session.scalars(
        select(RecordRow).where(RecordRow.kind == "clip.received", RecordRow.subject == str(clip.id))
    ).all()
    if len(rows) != 1:
        return False
    key = town.server.record_key
    whole = envelope(rows[0].public, key.spki_sha256, rows[0].signature or b"")
    expected = Expected(source, journal.places(str(clip.id)), 0, clip.size_bytes, clip.camera, clip.camera_seq)
    return bool(verified(whole, key.spki, expected).digest)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="streife-dock-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        with town_in(folder) as town:
            card = CameraCard(folder / "camera", serial="TK-0001", seed=asked.seed)
            fill(card, asked.clips)
            dock = Dock(town.address, folder / "dock", [card.folder], code=town.code())
            done = night(town, dock, card, kills=asked.kills, seed=asked.seed)
            told = report(town, dock, done)
    print(json.dumps({"seed": asked.seed, "kills": dict(done.kills), "seconds": round(done.seconds), **told}))
    return 0 if is_whole(told) else 1


def is_whole(told: dict[str, object]) -> bool:
    """Everything that was on the card is at the server, once, with its bytes and a receipt; nothing went too early."""
    counts = {told[name] for name in ("clips", "recorded", "at_server", "right_bytes", "receipts", "erased")}
    is_told = told["erased_at_server"] == told["clips"] and told["entries"] == told["acknowledged"]
    accepted = told["verdicts"] == {"accepted": told["entries"]}
    return (
        len(counts) == 1 and is_told and accepted and not told["too_early"] and not told["gaps"] and not told["spool"]
    )


if __name__ == "__main__":
    sys.exit(main())
