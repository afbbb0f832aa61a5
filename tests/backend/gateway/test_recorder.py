"""Nobody is answered before the disk; what the disk refuses is answered to nobody, and the fallback hears of it."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backend.gateway import dc09
from backend.gateway.fallback import Fallback, Watched
from backend.gateway.frames import Piece
from backend.gateway.lines import Line, Lines
from backend.gateway.reading import Reading
from backend.gateway.receiver import Receiver
from backend.gateway.recorder import Recorder
from backend.gateway.remembering import remembered
from backend.gateway.repeats import Repeats
from backend.local.panels import Panel
from sync.bodies import FallbackFired
from sync.errors import JournalFull, SyncError
from sync.journal import Journal
from tests.sync.samples import SOURCE, rfc6979_key, uuid7

LINES = Lines([Line(protocol="dc09", sender="1000")])
ALARM = Panel("", 0, "1000").alarm(17)[1:-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Journal.create(tmp_path / "journal.sqlite", SOURCE, 1, rfc6979_key().spki_sha256).close()
    return tmp_path / "journal.sqlite"


class Slow(Journal):
    """A journal whose disk is waited for, until `go` is set."""

    go: asyncio.Event

    def append_many(self, drafts: Any) -> Any:
        asyncio.run_coroutine_threadsafe(self.go.wait(), self.loop).result()
        self.groups.append(len(drafts))
        return super().append_many(drafts)

    loop: asyncio.AbstractEventLoop
    groups: list[int]


def running(journal: Journal, use: Callable[[Recorder], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def run() -> None:
        recorder = Recorder(journal, Repeats(), **options)
        writing = asyncio.create_task(recorder.run())
        await use(recorder)
        recorder.close()
        await writing

    try:
        asyncio.run(run())
    finally:
        journal.close()


def read() -> Reading:
    return dc09.read(ALARM, LINES, datetime.now(UTC))


async def answers(recorder: Recorder, *frames: bytes) -> list[bytes]:
    sent: list[bytes] = []
    receiver = Receiver(recorder, lambda: LINES)
    await receiver.answer([Piece(frame, is_frame=True) for frame in frames], sent.append)
    return sent


def test_no_answer_leaves_before_the_disk_has_it(path: Path) -> None:
    journal = Slow.open(path, reserve_bytes=0)

    async def use(recorder: Recorder) -> None:
        journal.go, journal.loop, journal.groups = asyncio.Event(), asyncio.get_running_loop(), []
        answering = asyncio.create_task(answers(recorder, ALARM))
        repeating = asyncio.create_task(answers(recorder, ALARM))
        await asyncio.sleep(0.05)
        assert not answering.done()
        assert not repeating.done(), "a repetition of what is still being written was answered"
        journal.go.set()
        assert 1 == len(await answering)
        assert 1 == len(await repeating)
        assert [1] == journal.groups

    running(journal, use)


def test_what_waits_is_written_with_one_fsync(path: Path) -> None:
    journal = Slow.open(path, reserve_bytes=0)
    panel = Panel("", 0, "1000")
    frames = [panel.alarm(number)[1:-1] for number in range(1, 702)]

    async def use(recorder: Recorder) -> None:
        journal.go, journal.loop, journal.groups = asyncio.Event(), asyncio.get_running_loop(), []
        first = asyncio.create_task(answers(recorder, frames[0]))
        await asyncio.sleep(0.02)
        rest = asyncio.create_task(answers(recorder, *frames[1:]))
        await asyncio.sleep(0.05)
        journal.go.set()
        assert 701 == len(await first) + len(await rest)
        assert [1, 500, 200] == journal.groups

    running(journal, use)


def test_a_sender_that_hangs_up_is_recorded_all_the_same(path: Path) -> None:
    journal = Slow.open(path, reserve_bytes=0)

    async def use(recorder: Recorder) -> None:
        journal.go, journal.loop, journal.groups = asyncio.Event(), asyncio.get_running_loop(), []
        answering = asyncio.create_task(answers(recorder, ALARM))
        await asyncio.sleep(0.02)
        answering.cancel()
        await asyncio.wait({answering})
        journal.go.set()
        assert 1 == len(await answers(recorder, ALARM))
        assert [1] == journal.groups

    running(journal, use)


def test_a_disk_below_its_reserve_answers_nobody_and_the_repetition_is_recorded_once_there_is_room(path: Path) -> None:
    lost: list[Reading] = []
    full = Journal.open(path, reserve_bytes=1 << 60)

    async def refused(recorder: Recorder) -> None:
        assert [] == await answers(recorder, ALARM, ALARM)
        with pytest.raises(JournalFull):
            await recorder.record(read(), datetime.now(UTC))

    running(full, refused, on_lost=lost.append)
    assert 2 == len(lost)
    assert "1000" == lost[0].sender

    async def taken(recorder: Recorder) -> None:
        assert 1 == len(await answers(recorder, ALARM))

    running(Journal.open(path, reserve_bytes=0), taken)


def test_a_disk_that_is_really_full_answers_nobody(path: Path) -> None:
    """Real `SQLITE_FULL`: the file may not grow, as on a disk without a free page."""
    journal = Journal.open(path, reserve_bytes=0)
    with journal._store.reading() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count={pages}")
    panel = Panel("", 0, "1000")

    async def use(recorder: Recorder) -> None:
        answered = 0
        for number in range(1, 400):
            got = len(await answers(recorder, panel.alarm(number)[1:-1]))
            answered += got
            if not got:
                break
        assert 0 < answered < 399
        assert answered == journal.state().head_seq
        assert [] == await answers(recorder, panel.alarm(500)[1:-1])

    running(journal, use)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounting a small disk needs root")
def test_enospc_answers_nobody_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], check=False, capture_output=True
    ).returncode:
        pytest.skip("NOT TESTED: this machine lets nobody mount")
    try:
        Journal.create(disk / "journal.sqlite", SOURCE, 1, rfc6979_key().spki_sha256).close()
        journal = Journal.open(disk / "journal.sqlite", reserve_bytes=0)
        panel = Panel("", 0, "1000")
        acknowledged: list[bytes] = []

        async def use(recorder: Recorder) -> None:
            for number in range(1, 900):
                frame = panel.alarm(number)[1:-1]
                if not await answers(recorder, frame):
                    break
                acknowledged.append(frame)
            assert 0 < len(acknowledged) < 899

        running(journal, use)
        again = Journal.open(disk / "journal.sqlite", reserve_bytes=0)
        assert len(acknowledged) == again.state().head_seq
        again.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def watched(seq: int, since_s: float = 0.0) -> Watched:
    return Watched(seq, "", "panic", "1000", "017", since_s, datetime.now(UTC))


@pytest.mark.parametrize(
    ("verdict", "after_s", "reasons"),
    [
        (None, 9.9, []), (None, 10.0, ["no_verdict"]), ("accepted", 99.0, []), ("held", 0.0, ["refused"]),
        ("parked", 0.0, ["refused"]), ("rejected", 0.0, ["refused"]), ("conflict", 0.0, ["refused"]),
    ],
)  # fmt: skip
def test_when_the_fallback_fires(path: Path, verdict: str | None, after_s: float, reasons: list[str]) -> None:
    journal = Journal.open(path, reserve_bytes=0)

    async def use(recorder: Recorder) -> None:
        fallback = Fallback(None, recorder, verdict=lambda _: verdict)
        fallback.watch(watched(1))
        fallback.tick(after_s)
        fallback.tick(after_s + 1000 if verdict else after_s)
        await asyncio.gather(*fallback._tasks)
        found = [draft.body for _, draft in journal.drafts()]
        assert reasons == [reason for body in found for reason in ("no_verdict", "refused") if reason.encode() in body]
        await fallback.close()

    running(journal, use)


def test_alarms_that_are_due_together_are_one_call(path: Path) -> None:
    journal = Journal.open(path, reserve_bytes=0)

    async def use(recorder: Recorder) -> None:
        fallback = Fallback(None, recorder, verdict=lambda _: None)
        for number in range(700):
            fallback.watch(watched(number)._replace(id=uuid7(number)))
        fallback.tick(10.0)
        await asyncio.gather(*fallback._tasks)
        bodies = [msgspec.json.decode(draft.body, type=FallbackFired) for _, draft in journal.drafts()]
        assert [500, 200] == [len(body.signals) for body in bodies]
        await fallback.close()

    running(journal, use)


def test_what_cannot_be_recorded_fires_once_a_minute_for_each_point(path: Path) -> None:
    journal = Journal.open(path, reserve_bytes=0)

    async def use(recorder: Recorder) -> None:
        fallback = Fallback(None, recorder, verdict=lambda _: None)
        for now_s in (100.0, 105.0, 110.0, 159.9):
            fallback.lost("panic", "1000", "017", now_s)
        fallback.lost("panic", "1000", "018", 110.0)
        fallback.lost("panic", "1000", "017", 160.0)
        assert 3 == len(fallback._tasks)
        await asyncio.gather(*fallback._tasks)
        await fallback.close()

    running(journal, use)


def test_after_a_restart_unsent_alarms_have_what_is_left_of_their_time(path: Path) -> None:
    journal = Journal.open(path, reserve_bytes=0)

    async def use(recorder: Recorder) -> None:
        await recorder.record(read(), datetime.now(UTC))

    running(journal, use)
    journal = Journal.open(path, reserve_bytes=0)
    repeats, unsent = remembered(journal, datetime.now(UTC), 1000.0)
    journal.close()
    assert [("panic.silent", "1000", "017")] == [(one.kind, one.sender, one.point) for one in unsent]
    assert 990 < unsent[0].since_s <= 1000
    mark = read().mark
    assert mark is not None
    assert repeats.find("1000", mark, datetime.now(UTC)) is not None


def test_an_error_of_the_disk_reaches_everybody_who_waits(path: Path) -> None:
    journal = Journal.open(path, reserve_bytes=0)
    journal.revoke("2026-03-14T21:07:33.125Z", "lost")

    async def use(recorder: Recorder) -> None:
        assert [] == await answers(recorder, ALARM)
        with pytest.raises(SyncError):
            await recorder.append("link.changed", b"{}", datetime.now(UTC))

    running(journal, use)
