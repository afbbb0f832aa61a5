"""Uploads on a real server while somebody kills it, cuts, stalls, sends wrong bytes, fills the disk, writes twice.

`python -m tests.journeys.uploading --runs 200 --seed 1` prints one JSON object. After every fault the source asks for
the offset and goes on; what was acknowledged must stand, and in the end the stored bytes must be the file's.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psutil
import structlog
from sqlalchemy import text

from backend.local import processes
from backend.media import service as media
from tests.benchmarks.docking import PIECE, Clip, Dock
from tests.benchmarks.running import Running, running

FAULTS = ("kill", "cut", "stall", "wrong", "full", "two")
#: Bytes that are handed to the socket at once.
BLOCK = 64 * 1024
#: Of the file system that is filled; the server keeps 256 MiB of it free.
ROOM = 400 * 1024 * 1024


@dataclass
class Told:
    """What was done and how it went."""

    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong_bytes: int = 0
    #: Acknowledged offsets that did not stand afterwards.
    taken_back: int = 0
    #: Bytes sent again after a fault: what was handed to the socket beyond what stands afterwards. By a source that
    #: sends a piece of 4 MiB a request, as the dock does: never more than a piece. By a client that sends all in one
    #: body, as no source of ours does: up to `receiving.AHEAD` pieces under way, and what sockets hold.
    resent_pieces: int = 0
    resent_one_body: int = 0
    takeover_s: float = 0.0
    restart_s: float = 0.0
    full_by: str = ""

    def is_kept(self) -> bool:
        """Whether all stood that is promised."""
        return self.wrong_bytes == self.taken_back == 0 and self.resent_pieces <= PIECE and self.takeover_s < 5


class Line:
    """One connection that sends a PATCH by hand, as far as it is asked to."""

    def __init__(self, dock: Dock, address: str, offset: int, length: int) -> None:
        where = urlsplit(address)
        self.socket = socket.create_connection((where.hostname, where.port), timeout=60)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BLOCK)
        given = dock.headers | {
            "host": where.netloc, "upload-offset": str(offset), "content-length": str(length),
            "content-type": "application/offset+octet-stream",
        }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.socket.sendall(f"PATCH {where.path} HTTP/1.1\r\n{head}\r\n".encode())
        self.sent = 0

    def send(self, data: memoryview) -> bool:
        """Whether all of it was handed over before the server closed."""
        try:
            for start in range(0, len(data), BLOCK):
                self.socket.sendall(data[start : start + BLOCK])
                self.sent += len(data[start : start + BLOCK])
        except OSError:
            return False
        return True

    def answer(self) -> tuple[int, int | None]:
        """Status and `Upload-Offset`; (0, None) where the server went away."""
        received = b""
        try:
            while b"\r\n\r\n" not in received:
                more = self.socket.recv(65536)
                if not more:
                    return 0, None
                received += more
        except OSError:
            return 0, None
        lines = received.split(b"\r\n\r\n")[0].decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        offset = headers.get("upload-offset")
        return int(lines[0].split()[1]), int(offset) if offset is not None else None

    def close(self, *, hard: bool = False) -> None:
        if hard:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


class Town:
    """A running server, its dock, and what can be done to them."""

    def __init__(self, server: Running, store: Path, told: Told) -> None:
        self.server, self.store, self.told = server, store, told
        self.dock = Dock(server)

    def offset(self, address: str) -> int:
        answer = httpx.head(address, headers=self.dock.headers, timeout=30)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    def kill(self) -> None:
        (api,) = [child for child in self.server.children if child.spec.name == "api"]
        os.killpg(api.record.pid, signal.SIGKILL)
        api.end(10)
        began = time.monotonic()
        api.start()
        assert processes.wait_until(lambda: api.is_ready, 30)
        self.told.restart_s = max(self.told.restart_s, time.monotonic() - began)

    @contextlib.contextmanager
    def full_disk(self, left: int, part: int) -> Iterator[None]:
        """The store takes `left` more bytes, or a file no more than `part + left`."""
        if os.path.ismount(self.store):
            self.told.full_by = "file system"
            state = os.statvfs(self.store)
            filler = self.store / "filler"
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, state.f_bavail * state.f_frsize - left))
            try:
                yield
            finally:
                filler.unlink()
            return
        self.told.full_by = "RLIMIT_FSIZE"
        (api,) = [child for child in self.server.children if child.spec.name == "api"]
        pids = [api.record.pid, *(one.pid for one in psutil.Process(api.record.pid).children(recursive=True))]
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (part + left, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            for pid in pids:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def stored(self, upload: UUID) -> bytes:
        """SHA-256 over what the server reads back."""
        hashed = sha256()
        with self.server.sessions.begin() as session:
            pieces = media.read(session, self.server.server.receiver.folder, upload)
        for piece in pieces:
            hashed.update(piece)
        return hashed.digest()


def run(town: Town, rng: random.Random, folder: Path, faults: list[str]) -> None:
    """One file, through these faults."""
    told, dock = town.told, town.dock
    size = rng.choice([0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, rng.randrange(6 * PIECE), 5 * PIECE + 12345])
    is_listed, one_body = rng.random() < 0.75, rng.random() < 0.5
    path = folder / "clip"
    path.write_bytes(rng.randbytes(size))
    clip = Clip.of(path)
    data = memoryview(path.read_bytes())
    address = dock.create(clip, dock.name(clip, is_listed=is_listed))
    upload, offset = UUID(address.rpartition("/")[2]), 0
    pending, tries = list(faults), 0
    now = object_of(town, upload)
    # Without a list wrong bytes are found at the end, and the file begins anew: that takes nothing right back.
    may_begin_anew = not is_listed and "wrong" in faults
    while offset < size:
        tries += 1
        assert tries < 60, "no progress"
        end = size if one_body else min(size, (offset // PIECE + 1) * PIECE)
        fault = pending.pop() if pending else ""
        told.faults[fault or "none"] += 1
        stands, sent = attempt(town, rng, address, data, offset, end, fault)
        began, now = now, object_of(town, upload)
        begins_anew = may_begin_anew and began != now is not None
        if stands < offset and not begins_anew:
            told.taken_back += 1
        resent = 0 if begins_anew else max(0, offset + sent - stands)
        if one_body:
            told.resent_one_body = max(told.resent_one_body, resent)
        else:
            told.resent_pieces = max(told.resent_pieces, resent)
        offset = stands
    processes.wait_until(lambda: is_stored(town, upload), 30)
    if town.stored(upload) != bytes.fromhex(clip.sha256):
        told.wrong_bytes += 1
    told.runs += 1
    with town.server.sessions.begin() as session:
        media.remove(session, town.server.server.receiver.folder, upload)


def object_of(town: Town, upload: UUID) -> UUID | None:
    """Where its bytes are written: another one after it began anew; None once it is stored."""
    with town.server.sessions.begin() as session:
        return session.scalar(text("SELECT object FROM media_upload WHERE id = :id"), {"id": upload})


def is_stored(town: Town, upload: UUID) -> bool:
    with town.server.sessions.begin() as session:
        return session.scalar(text("SELECT state FROM media WHERE id = :id"), {"id": upload}) == "stored"


def attempt(
    town: Town, rng: random.Random, address: str, data: memoryview, offset: int, end: int, fault: str
) -> tuple[int, int]:
    """One PATCH of the bytes up to `end`, with a fault in the midst; what stands afterwards, how much was sent."""
    dock, told = town.dock, town.told
    length = end - offset
    at = rng.randrange(length + 1)
    if fault == "wrong":
        bad = bytearray(data[offset:end])
        bad[rng.randrange(length)] ^= 1 << rng.randrange(8)
        line = Line(dock, address, offset, length)
        line.send(memoryview(bad))
        status, _ = line.answer()
        line.close()
        stands = town.offset(address)
        if status != 460 and stands == len(data):
            told.wrong_bytes += 1  # counted again where the stored bytes are compared
        return stands, 0
    if fault == "full":
        with town.full_disk(rng.randrange(1024 * 1024, 2 * PIECE), offset):
            line = Line(dock, address, offset, length)
            line.send(data[offset:end])
            status, _ = line.answer()
            line.close()
            assert status in (204, 460, 507, 0), status
            stands = town.offset(address)
        return stands, 0
    line = Line(dock, address, offset, length)
    if fault == "":
        line.send(data[offset:end])
        status, told_offset = line.answer()
        line.close()
        assert status in (204, 409, 460), (status, told_offset)  # 460: one before was wrong, and no list told
        stands = town.offset(address)
        assert status != 204 or told_offset == stands, (told_offset, stands)
        return stands, 0
    line.send(data[offset : offset + at])
    if fault == "kill":
        town.kill()
        line.close()
    elif fault == "cut":
        line.close(hard=rng.random() < 0.5)
        return settled(town, address), line.sent
    elif fault in ("stall", "two"):
        return take_over(town, rng, address, data, line, fault), 0
    return town.offset(address), line.sent


def take_over(town: Town, rng: random.Random, address: str, data: memoryview, old: Line, fault: str) -> int:
    """A second connection goes on while the first one is silent, or sends on too."""
    began = time.monotonic()
    old.socket.settimeout(0.5)  # nobody may read it any more
    for _ in range(50):
        offset = town.offset(address)
        if offset == len(data):
            break
        end = min(len(data), (offset // PIECE + 1) * PIECE)
        new = Line(town.dock, address, offset, end - offset)
        if fault == "two":
            rest = data[offset + old.sent : offset + old.sent + PIECE]
            for start in range(0, len(rest), BLOCK):
                if not old.send(rest[start : start + BLOCK]):
                    break
        new.send(data[offset:end])
        status, _ = new.answer()
        new.close()
        if status == 204:
            break
        assert status in (409, 460), status
    town.told.takeover_s = max(town.told.takeover_s, time.monotonic() - began)
    old.close()
    return settled(town, address)


def settled(town: Town, address: str) -> int:
    """The offset once nothing of a cut request is written any more."""
    last = -1
    while (now := town.offset(address)) != last:
        last = now
        time.sleep(0.05)
    return now


@contextlib.contextmanager
def store(folder: Path) -> Iterator[Path]:
    """A folder for the server's files; a small file system of its own where that can be mounted."""
    where = folder / "store"
    where.mkdir(mode=0o700)
    options = f"size={ROOM},mode=700"
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(where)]
    mounted = shutil.which("mount") is not None and (
        subprocess.run(command, check=False, capture_output=True).returncode == 0
    )
    os.environ["STREIFE_MEDIA_DIR"] = str(where)
    try:
        yield where
    finally:
        del os.environ["STREIFE_MEDIA_DIR"]
        if mounted:
            subprocess.run(["umount", "-l", str(where)], check=False)


def uploading(runs: int, seed: int) -> Told:
    """This many files, each with up to three faults."""
    rng, told = random.Random(seed), Told()
    with tempfile.TemporaryDirectory(prefix="streife-upload-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with store(folder) as where, running("api", "worker", "beat") as server:
            town = Town(server, where, told)
            try:
                for _ in range(runs):
                    run(town, rng, folder, rng.choices(FAULTS, k=rng.randrange(4)))
            except BaseException:
                print((server.folder / "api.log").read_text()[-3000:], file=sys.stderr)
                raise
    return told


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    told = uploading(asked.runs, asked.seed)
    seen = {name: getattr(told, name) for name in told.__dataclass_fields__} | {"faults": dict(told.faults)}
    print(json.dumps({"seed": asked.seed, "seconds": round(time.monotonic() - began)} | seen))
    return 0 if told.is_kept() else 1


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    sys.exit(main())
