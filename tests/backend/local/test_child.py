import sys
import time
from pathlib import Path

import pytest

from backend.local import processes
from backend.local.child import Child, Spec, end_together
from backend.local.logs import LARGEST_BYTES, rotate, tail


def test_who_dies_at_once_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    child = Child(Spec("worker", ["/bin/sh", "-c", "echo no table; exit 3"]), tmp_path / "worker.log", {}, said.append)
    deaths: list[float] = []
    child.start()
    while len(deaths) < 3:
        child.tend()
        if child.failures > len(deaths):
            deaths.append(time.monotonic())
        time.sleep(0.005)

    assert deaths[1] - deaths[0] >= 0.2
    assert deaths[2] - deaths[1] >= 0.4
    assert said == ["worker endete unerwartet (Code 3).\n" + "\n".join(["no table"] * n) for n in (1, 2, 3)]


def test_a_program_that_is_not_there_is_said_and_tried_again(tmp_path: Path) -> None:
    said: list[str] = []
    child = Child(Spec("api", [tmp_path / "none"]), tmp_path / "api.log", {}, said.append)

    child.start()

    assert (child.is_ready, child.failures) == (False, 1)
    assert "api lässt sich nicht starten" in said[0]
    (tmp_path / "none").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "none").chmod(0o755)
    assert processes.wait_until(lambda: child.tend() or child.is_ready, 2)
    end_together([child], 5)
    assert child.record
    assert not child.record.alive


def test_ready_is_asked_until_it_is_true_and_anew_after_a_restart(tmp_path: Path) -> None:
    answers = iter([False, True, False])
    child = Child(Spec("api", ["sleep", "60"], ready=lambda: next(answers)), tmp_path / "api.log", {}, print)

    child.start()

    assert [child.is_ready, child.is_ready, child.is_ready] == [False, True, True]
    end_together([child], 5)
    child.start()
    assert not child.is_ready
    end_together([child], 5)


def test_several_are_ended_in_the_time_of_one(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    children = [Child(Spec(f"c{n}", [sys.executable, "-c", deaf]), tmp_path / f"{n}.log", {}, print) for n in range(3)]
    for child in children:
        child.start()
    assert processes.wait_until(lambda: all(tail(child.log) == "deaf" for child in children), 10)
    pids = [child.record.pid for child in children if child.record]

    began = time.monotonic()
    end_together(children, 0.5)

    assert time.monotonic() - began < 1.2
    assert not any(processes.started(pid) for pid in pids)


@pytest.mark.parametrize(("size", "kept"), [(LARGEST_BYTES, True), (LARGEST_BYTES + 1, False)])
def test_a_log_that_grew_too_large_becomes_its_predecessor(tmp_path: Path, size: int, kept: bool) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * size)

    rotate(log)

    assert log.exists() == kept
    assert (tmp_path / "api.log.1").exists() == (not kept)


def test_the_tail_of_no_log_is_empty(tmp_path: Path) -> None:
    rotate(tmp_path / "none.log")
    assert tail(tmp_path / "none.log") == ""
