import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from backend.local import processes, supervisor
from backend.local.postgres import Postgres
from backend.local.run import MARK, Run
from backend.local.state import LocalError, State, is_free
from tests.backend.local.conftest import ORDINARY_UID, SERVE, Serve, descendants, ordinary_python, state_folder

pytestmark = pytest.mark.slow
EPOCH = datetime.fromtimestamp(0, UTC)


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """A state folder whose database was made already."""
    with state_folder() as path:
        with Postgres(State.open(path), durable=False):
            pass
        yield path


@pytest.fixture
def folder(used_folder: Path) -> Iterator[Path]:
    yield used_folder
    supervisor.down(State(used_folder))
    (used_folder / "run.json").unlink(missing_ok=True)


def pids(state: State) -> dict[str, int]:
    return {process.name: process.pid for process in supervisor.status(state) if process.alive}


def test_up_status_second_start_and_down(serve: Callable[..., Serve], state: State) -> None:
    began = time.monotonic()
    first = serve()
    line = first.says("Streife läuft: http://127.0.0.1:")
    print(f"start on a used folder: {time.monotonic() - began:.2f} s")
    address = line.split()[-1]

    assert supervisor.address(state) == address
    assert list(pids(state)) == ["streife", "api", "worker", "beat", "postgres"]
    assert pids(state)["streife"] == first.process.pid

    second = serve()
    assert second.ends() == 0
    assert second.lines == [f"Streife läuft bereits: {address}"]

    with pytest.raises(LocalError, match="läuft noch"):
        supervisor.reset(state)

    running = pids(state).values()
    assert supervisor.down(state)
    assert first.ends() == 0
    assert not any(processes.started(pid) for pid in running)
    assert supervisor.status(state) == []
    assert supervisor.address(state) is None
    assert not supervisor.down(state)

    third = serve()
    assert third.says("Streife läuft: ").endswith(address)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_leaves_no_process(serve: Callable[..., Serve], state: State, number: signal.Signals) -> None:
    running = serve()
    running.says("Streife läuft: ")
    before = pids(state).values()

    running.process.send_signal(number)

    assert running.ends() == 0
    assert not any(processes.started(pid) for pid in before)
    assert not Postgres(state).is_running()


def test_ctrl_c_during_the_start_leaves_no_process(serve: Callable[..., Serve], state: State) -> None:
    for delay_s in (0.3, 0.4, 0.5, 0.6):
        running = serve()
        processes.wait_until(lambda: Run.read(state) is not None, 10)
        time.sleep(delay_s - 0.3)
        run = Run.read(state)
        running.process.send_signal(signal.SIGINT)

        assert running.ends() == 0, running.lines
        assert run is None or run.left_behind() == set()
        assert Postgres(state).pid is None
        assert "Traceback" not in "".join(running.lines)


def test_who_ignores_every_signal_but_the_last_is_ended_with_its_children(
    serve: Callable[..., Serve], state: State
) -> None:
    running = serve("--stubborn")
    running.says("Streife läuft: ")
    processes.wait_until(lambda: len(descendants(state)) == 4, 5)
    family = descendants(state)
    assert len(family) == 4  # api, beat, worker and the worker's own child

    began = time.monotonic()
    running.process.terminate()

    assert running.ends() == 0
    assert time.monotonic() - began < 10
    assert not any(processes.started(pid) for pid in family)


def test_kill_9_of_the_supervisor_leaves_nothing_that_the_next_start_does_not_settle(
    serve: Callable[..., Serve], state: State, used_folder: Path
) -> None:
    # A person's shell that knows the folder, and a process that got a child's number after a boot, are not ours.
    shell = subprocess.Popen(["sleep", "60"], env={"STREIFE_STATE": str(used_folder), "PATH": "/usr/bin:/bin"})
    first = serve("--stubborn")
    line = first.says("Streife läuft: ")
    processes.wait_until(lambda: len(descendants(state)) == 4, 5)
    family, database, port = descendants(state), pids(state)["postgres"], line.rpartition(":")[2]

    first.kill()
    # Those that listen to a signal end by themselves; the stubborn ones do not.
    assert processes.wait_until(lambda: len([pid for pid in family if processes.started(pid)]) == 2, 5)
    assert supervisor.address(state) is None
    second = serve()

    assert second.says("Streife läuft: ").rpartition(":")[2] == port
    assert not any(processes.started(pid) for pid in family)
    assert pids(state)["postgres"] == database
    assert shell.poll() is None
    shell.kill()
    shell.wait()


def test_down_after_kill_9_ends_what_was_left(serve: Callable[..., Serve], state: State) -> None:
    running = serve("--stubborn")
    running.says("Streife läuft: ")
    processes.wait_until(lambda: len(descendants(state)) == 4, 5)
    family = descendants(state)
    running.kill()

    assert supervisor.down(state)

    assert not any(processes.started(pid) for pid in family)
    assert Postgres(state).pid is None


def test_a_record_that_names_somebody_elses_process_harms_nobody(serve: Callable[..., Serve], state: State) -> None:
    running = serve()
    running.says("Streife läuft: ")
    with subprocess.Popen(["sleep", "60"]) as foreign:
        run = Run.read(state)
        assert run
        worker = next(child for child in run.children if child.name == "worker")
        running.kill()
        record = state.folder / "run.json"
        record.write_text(record.read_text().replace(f'"pid": {worker.pid},', f'"pid": {foreign.pid},'))

        supervisor.down(state)

        assert foreign.poll() is None
        foreign.kill()


def test_a_dead_child_is_started_again(serve: Callable[..., Serve], state: State) -> None:
    running = serve()
    running.says("Streife läuft: ")
    before = pids(state)

    os.kill(before["api"], signal.SIGKILL)

    running.says("api endete unerwartet (Signal SIGKILL)")
    assert processes.wait_until(lambda: pids(state).get("api", before["api"]) != before["api"], 5)
    after = pids(state)
    assert after | {"api": 0} == before | {"api": 0}


def test_after_the_database_was_gone_worker_and_beat_are_new_within_5_s(
    serve: Callable[..., Serve], state: State
) -> None:
    running = serve()
    running.says("Streife läuft: ")
    before = pids(state)
    began = time.monotonic()

    os.kill(before["postgres"], signal.SIGKILL)

    assert "worker, beat" in running.says("Die Datenbank ist wieder da")
    took_s = time.monotonic() - began
    print(f"back after {took_s:.2f} s")
    after = pids(state)
    assert took_s < 5
    assert after["api"] == before["api"]
    assert all(after[name] != before[name] for name in ("postgres", "worker", "beat"))


def test_sweeps_of_a_real_worker_and_beat_run_again_within_5_s(serve: Callable[..., Serve], state: State) -> None:
    began_at = datetime.now(UTC)
    serve("--celery").says("Streife läuft: ", 60)
    server = Postgres(state)
    assert processes.wait_until(lambda: sweeps_since(server, EPOCH) > 0, 60, every_s=0.1)
    first_s = (datetime.now(UTC) - began_at).total_seconds()
    killed_at = datetime.now(UTC)

    os.kill(pids(state)["postgres"], signal.SIGKILL)

    assert processes.wait_until(lambda: sweeps_since(server, killed_at) > 0, 30, every_s=0.1)
    again_s = (datetime.now(UTC) - killed_at).total_seconds()
    print(f"first sweep after {first_s:.2f} s, again {again_s:.2f} s after kill -9 of PostgreSQL")
    # Starting Celery is nearly all of it, so a machine that is busy with other things is measured by its own start.
    assert again_s < max(5.0, 1.5 * first_s)


def sweeps_since(server: Postgres, instant: datetime) -> int:
    with suppress(psycopg.OperationalError), psycopg.connect(server.superuser_url()) as session:
        row = session.execute("SELECT count(*) FROM sweep WHERE at > %s", [instant]).fetchone()
        return int(row[0]) if row else 0
    return 0


def test_a_database_that_recovered_by_itself_counts_as_gone_too(serve: Callable[..., Serve], state: State) -> None:
    running = serve()
    running.says("Streife läuft: ")
    server = Postgres(state)
    with psycopg.connect(server.superuser_url()) as session:
        # A backend that dies makes the postmaster end all others and recover.
        os.kill(session.info.backend_pid, signal.SIGKILL)
    postmaster = server.pid

    running.says("Die Datenbank ist wieder da")

    assert server.pid == postmaster


def test_what_never_gets_ready_is_said_with_its_log_and_all_is_ended(serve: Callable[..., Serve], state: State) -> None:
    running = serve("--broken")

    assert running.ends() == 1
    said = "\n".join(running.lines)
    assert "api endete unerwartet (Code 3).\nno such table" in said
    assert f"api wird nicht bereit. Siehe {state.folder}/logs/api.log." in said
    assert supervisor.status(state) == []
    assert Postgres(state).pid is None


def test_a_taken_port_is_said_before_anything_starts(serve: Callable[..., Serve], state: State) -> None:
    port = state.port()
    with socket.create_server(("127.0.0.1", port)):
        refused = serve()
        assert refused.ends() == 1
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]

    assert any(f"Port {port} ist von einem anderen Programm belegt" in line for line in refused.lines)
    assert Postgres(state).pid is None
    running = serve("--port", str(other))
    assert running.says("Streife läuft: ").endswith(f":{other}")
    assert not is_free(other)
    assert state.recall("port") == str(other)


def test_children_know_their_state_folder_and_their_run(serve: Callable[..., Serve], state: State) -> None:
    serve().says("Streife läuft: ")
    run = Run.read(state)
    assert run

    environment = processes.environment(pids(state)["worker"])

    assert environment[MARK] == run.id
    assert environment["STREIFE_STATE"] == str(state.folder)


def test_reset_leaves_an_empty_installation(state: State) -> None:
    state.secret("cookie")
    with Postgres(state, durable=False) as server:
        socket_folder = server.socket_folder

    supervisor.reset(state)

    assert [path.name for path in state.folder.iterdir()] == ["lock"]
    assert not socket_folder.exists()


def test_an_ordinary_account_can_run_all_of_it() -> None:
    python, env = ordinary_python()
    as_user = {"user": ORDINARY_UID, "group": ORDINARY_UID, "extra_groups": []}
    with state_folder() as folder:
        folder.mkdir()
        os.chown(folder, ORDINARY_UID, ORDINARY_UID)
        command = [*python, SERVE, folder]
        with subprocess.Popen(command, env=env, cwd="/", stdout=subprocess.PIPE, text=True, **as_user) as running:
            assert running.stdout
            assert running.stdout.readline().startswith("Streife läuft: http://127.0.0.1:")
            second = subprocess.run(
                command, check=False, env=env, cwd="/", capture_output=True, text=True, timeout=30, **as_user
            )
            mode = (folder / "postgres").stat()
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == 0

        assert (second.returncode, second.stderr) == (0, "")
        assert second.stdout.startswith("Streife läuft bereits: ")
        assert (mode.st_uid, mode.st_mode & 0o777) == (ORDINARY_UID, 0o700)
        assert folder.stat().st_mode & 0o777 == 0o700


def is_of(state: State, environment: dict[str, str]) -> bool:
    return environment["STREIFE_STATE"] == str(state.folder)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(12))
def test_kill_9_at_any_moment_never_stands_in_the_way_of_the_next_start(
    serve: Callable[..., Serve], state: State, seed: int
) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(3):
        running = serve()
        time.sleep(chance.uniform(0, 1.5))
        running.kill()
        if (postmaster := Postgres(state).pid) and chance.random() < 0.5:
            os.kill(postmaster, signal.SIGKILL)

    last = serve()
    last.says("Streife läuft: ")

    assert set(pids(state)) == {"streife", "api", "worker", "beat", "postgres"}
    last.process.terminate()
    assert last.ends() == 0
    left = [pid for pid in processes.every() if MARK in (found := processes.environment(pid)) and is_of(state, found)]
    assert left == []
    assert Postgres(state).processes() == []
