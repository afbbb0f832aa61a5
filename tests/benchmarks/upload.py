"""Uploads of 1 GiB, hashed piece by piece and durable, beside @tus/server 2.4.5 and nginx (dav) in one run.

curl sends to all three from the same file over loopback. Ours compares each 4 MiB with the entry's list, syncs it and
commits; @tus/server and nginx neither hash nor sync. The limit is what this machine does in plain threads: receive,
SHA-256, write past the page cache, sync. CPU is user and system time of a server's processes (ours with PostgreSQL);
memory is that of the processes that serve HTTP, sampled while 16 uploads run at once: PSS counts a page that two of
them share once. CPU holds what worker and beat do meanwhile.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from mmap import mmap
from pathlib import Path
from queue import Queue
from uuid import UUID

import httpx
import psutil

from backend.media import service
from tests.benchmarks.docking import PIECE, TUS, Clip, Dock, curl
from tests.benchmarks.result import result
from tests.benchmarks.running import Running, running

GIB = 1024**3
SIZE = int(os.environ.get("STREIFE_BENCH_MIB", "1024")) * 1024 * 1024
ROUNDS, AT_ONCE = 5, 16
TUS_SERVER = "@tus/server 2.4.5 + @tus/file-store, ein PATCH"
NGINX = "nginx dav, PUT"
PACKAGES = ["@tus/server@2.4.5", "@tus/file-store@2.1.1"]
SCRIPT = Path(__file__).parent / "peers" / "tusserver.mjs"
MIB = 1024 * 1024


def run() -> list[dict[str, object]]:
    ours: list[dict[str, float]] = []
    tus: list[dict[str, float]] = []
    dav: list[dict[str, float]] = []
    limits: list[float] = []
    with ExitStack() as stack, running("api", "worker", "beat") as server:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="streife-peer-")))
        clip = Clip.make(folder / "clip.bin", SIZE)
        peer = stack.enter_context(tus_server(folder / "tus"))
        nginx = stack.enter_context(nginx_dav(folder / "nginx"))
        dock = Dock(server)
        for number in range(-1, ROUNDS):  # the first is a warm-up
            rounds = [send_ours(server, dock, clip)]
            rounds.append(send_tus(*peer, clip) if peer else {})
            rounds.append(send_dav(*nginx, clip) if nginx else {})
            limit = limit_of(folder, clip)
            print(f"Runde {number + 1}: {rounds} Grenze {limit:.0f}", file=sys.stderr)
            if number >= 0:
                for kept, one in zip((ours, tus, dav), rounds, strict=True):
                    kept.extend([one] if one else [])
                limits.append(limit)
        memory, together = send_many(server, clip)
    rates = [one["mb_s"] for one in ours]
    cpu = [one["cpu_s"] for one in ours]
    return [
        result(
            "upload, one file, hashed and durable", "MB/s", rates, peer=TUS_SERVER if tus else None,
            peer_values=[one["mb_s"] for one in tus], must=1.0, goal=1.5, is_ratio=True,
        ),
        result(
            "the same beside the machine's limit", "MB/s", rates, peer="Empfang + SHA-256 + fsync, rohe Threads",
            peer_values=limits, goal=0.7, is_ratio=True,
        ),
        result(
            "the same beside nginx, which neither hashes nor syncs", "MB/s", rates, peer=NGINX if dav else None,
            peer_values=[one["mb_s"] for one in dav], is_ratio=True,
        ),
        result(
            "server CPU a GiB, PostgreSQL included", "s", cpu, peer=TUS_SERVER if tus else None,
            peer_values=[one["cpu_s"] for one in tus], goal=1.8, higher_is_better=False,
        ),
        result(
            "peak memory of HTTP at 16 uploads at once (PSS)", "MiB", [memory[0]], must=160, goal=96,
            higher_is_better=False,
        ),
        result("the same as resident sets, pages of two processes counted twice", "MiB", [memory[1]]),
        result("16 uploads at once, together", "MB/s", [together]),
    ]  # fmt: skip


def _cpu(processes: list[psutil.Process]) -> float:
    total = 0.0
    for one in processes:
        try:
            times = one.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def _timed(
    size: int, start: Callable[[], subprocess.Popen[bytes]], cpu: Callable[[], float], ok: str
) -> dict[str, float]:
    before, began = cpu(), time.perf_counter()
    status = start().communicate()[0].decode()
    seconds = time.perf_counter() - began
    assert status == ok, status
    return {"mb_s": round(size / 1e6 / seconds, 1), "cpu_s": round((cpu() - before) / (size / GIB), 3)}


def send_ours(server: Running, dock: Dock, clip: Clip) -> dict[str, float]:
    address = dock.create(clip, dock.name(clip))
    timed = _timed(clip.size, lambda: dock.curl(clip, address), lambda: server_cpu(server), "204")
    _forget(server, address)
    return timed


def server_cpu(_: Running) -> float:
    """The server's processes and PostgreSQL's; not curl, and not the peers."""
    ours = psutil.Process().children(recursive=True)
    return _cpu([one for one in ours if _name(one) not in ("curl", "node", "nginx")])


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _forget(server: Running, address: str) -> None:
    """The disk is small: what was measured goes."""
    with server.sessions.begin() as session:
        service.remove(session, server.server.receiver.folder, UUID(address.rpartition("/")[2]))


def send_many(server: Running, clip: Clip) -> tuple[tuple[float, float], float]:
    """Highest memory of the HTTP processes in MiB, as PSS and RSS, and MB/s of all: four docks with four files each."""
    (api,) = [child for child in server.children if child.spec.name == "api"]
    assert api.record is not None
    root = psutil.Process(api.record.pid)
    jobs = []
    for _ in range(AT_ONCE // 4):
        dock = Dock(server)
        jobs += [(dock, dock.create(clip, dock.name(clip))) for _ in range(4)]
    peak, is_done = (0.0, 0.0), threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_done.wait(0.05):
            now = [one.memory_full_info() for one in [root, *root.children(recursive=True)]]
            peak = max(peak[0], sum(one.pss for one in now) / MIB), max(peak[1], sum(one.rss for one in now) / MIB)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    sending = [dock.curl(clip, address) for dock, address in jobs]
    statuses = {one.communicate()[0] for one in sending}
    seconds = time.perf_counter() - began
    is_done.set()
    watcher.join()
    assert statuses == {b"204"}, statuses
    for _, address in jobs:
        _forget(server, address)
    return peak, AT_ONCE * clip.size / 1e6 / seconds


def limit_of(folder: Path, clip: Clip) -> float:
    """MB/s of receiving, hashing and writing in three threads with four buffers of 4 MiB, one sync at the end."""
    listening = socket.create_server(("127.0.0.1", 0))
    sender = subprocess.Popen(
        [sys.executable, "-c", _SENDER, str(clip.path), str(listening.getsockname()[1])], stdin=subprocess.DEVNULL
    )
    connection, _ = listening.accept()
    free: Queue[mmap] = Queue()
    for _ in range(4):
        free.put(mmap(-1, PIECE))
    to_hash: Queue[tuple[mmap, int] | None] = Queue()
    to_write: Queue[tuple[mmap, int] | None] = Queue()
    target, hashed = folder / "limit.bin", sha256()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o600)

    def hash_all() -> None:
        while (item := to_hash.get()) is not None:
            hashed.update(memoryview(item[0])[: item[1]])
            to_write.put(item)
        to_write.put(None)

    def write_all() -> None:
        while (item := to_write.get()) is not None:
            os.write(descriptor, memoryview(item[0])[: item[1]])
            free.put(item[0])

    began = time.perf_counter()
    threads = [threading.Thread(target=one) for one in (hash_all, write_all)]
    for thread in threads:
        thread.start()
    received = 0
    while received < clip.size:
        buffer, filled = free.get(), 0
        wanted = min(PIECE, clip.size - received)
        while filled < wanted:
            filled += connection.recv_into(memoryview(buffer)[filled:wanted])
        received += filled
        to_hash.put((buffer, filled))
    to_hash.put(None)
    for thread in threads:
        thread.join()
    os.fsync(descriptor)
    seconds = time.perf_counter() - began
    assert hashed.hexdigest() == clip.sha256
    os.close(descriptor)
    target.unlink()
    sender.wait()
    listening.close()
    return clip.size / 1e6 / seconds


_SENDER = """
import socket, sys
with open(sys.argv[1], "rb") as file, socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as line:
    line.sendfile(file)
"""


@contextmanager
def tus_server(folder: Path) -> Iterator[tuple[str, psutil.Process, Path] | None]:
    """Address, process and folder; None, said aloud, where its packages cannot be had."""
    cache = install(PACKAGES)
    if cache is None:
        print("@tus/server ließ sich nicht installieren: gemessen wird ohne ihn.", file=sys.stderr)
        yield None
        return
    folder.mkdir()
    node = subprocess.Popen(["node", str(SCRIPT), str(folder)], cwd=cache, stdout=subprocess.PIPE, text=True)
    try:
        assert node.stdout is not None
        yield f"http://127.0.0.1:{int(node.stdout.readline())}/files", psutil.Process(node.pid), folder
    finally:
        node.terminate()
        node.wait()


def send_tus(address: str, process: psutil.Process, folder: Path, clip: Clip) -> dict[str, float]:
    created = httpx.post(address, headers=TUS | {"upload-length": str(clip.size)})
    location = created.headers["location"]
    headers = TUS | {"upload-offset": "0"}
    timed = _timed(clip.size, lambda: curl("PATCH", location, clip.path, headers), lambda: _cpu([process]), "204")
    for path in folder.iterdir():
        path.unlink()
    return timed


@contextmanager
def nginx_dav(folder: Path) -> Iterator[tuple[str, psutil.Process, Path] | None]:
    """Address, master process and folder; None, said aloud, where nginx is absent."""
    program = shutil.which("nginx")
    if program is None:
        print("nginx fehlt (apt-get install nginx-light): gemessen wird ohne ihn.", file=sys.stderr)
        yield None
        return
    folder.mkdir()
    (folder / "files").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;"
        f" events {{}} http {{ access_log off; {paths} client_max_body_size 0;"
        f" server {{ listen 127.0.0.1:{port}; root {folder}/files; location / {{ dav_methods PUT; }} }} }}"
    )
    process = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/clip.bin", psutil.Process(process.pid), folder / "files"
    finally:
        process.terminate()
        process.wait()


def send_dav(address: str, process: psutil.Process, folder: Path, clip: Clip) -> dict[str, float]:
    servers = [process, *process.children(recursive=True)]
    timed = _timed(clip.size, lambda: curl("PUT", address, clip.path, {}), lambda: _cpu(servers), "201")
    for path in folder.iterdir():
        path.unlink()
    return timed


def install(packages: list[str]) -> Path | None:
    """A folder outside the tree with these npm packages; None where they cannot be had."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    cache = base / "streife-benchmarks" / "tus"
    if (cache / "node_modules" / "@tus" / "file-store").is_dir():
        return cache
    npm = shutil.which("npm")
    if npm is None:
        return None
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "package.json").write_text('{"private": true, "type": "module"}')
    command = [npm, "install", "--no-audit", "--no-fund", *packages]
    done = subprocess.run(command, cwd=cache, check=False, capture_output=True)
    return cache if done.returncode == 0 else None
