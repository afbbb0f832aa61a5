"""Files on disk: one for each object, `<two hex>/<two hex>/<object id>` under one folder, 0700 and 0600.

An unfinished one is called `<object id>.part`. The offset of a byte in the object is its offset in the file.

Encryption (design/evidence.md 7) takes its place in here and nowhere else: `Part.write` encrypts the whole segments of
`tail ‖ data`, writes their ciphertext by `pwrite` at its place, and returns the rest (< 64 KiB, sealed under a nonce
of its own) as the new tail, which the caller commits with the offset. That is why a write says where it
stands, hands over the tail before it and gets one back; why a file is cut back to what the row says before anybody
writes; and why readers ask for ranges. The last segment is written by `seal`, which therefore gets the tail too.

Pieces of 4 MiB go past the page cache (O_DIRECT) where the file system lets them: copied into it and synced one by one
they took 2 to 3 CPU-seconds a GiB here, and 0.08 directly. Encrypted segments lie on the same borders (65,536 bytes).
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from errno import EDQUOT, EFBIG, EINVAL, ENOSPC
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Final, Self
from uuid import UUID

import structlog

from backend.errors import NoRoom

logger = structlog.get_logger()

#: Kept free on the disk for database, log and finishing what has begun (ours).
RESERVE: Final = 256 * 1024 * 1024
#: Bytes that a reader holds at once.
READ: Final = 1024 * 1024
#: What writes past the cache are multiples of: the largest logical block of usual disks.
BLOCK: Final = 4096
_FULL: Final = (ENOSPC, EDQUOT, EFBIG)


class Folder:
    """The store of one installation; any number of threads and processes."""

    def __init__(self, root: Path) -> None:
        """`root` is there, and nobody but this account can look into it."""
        self.root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def open(self, object_: UUID, offset: int) -> "Part":
        """The unfinished object, made if it is new, cut back to `offset`: what lies behind was never acknowledged.

        Raises:
            NoRoom: the disk is full.
            DamagedObject: the file ends before `offset`; it is not filled up with zeros.
        """
        path = self._path(object_, ".part")
        try:
            self._make_folders(path.parent)
            is_new = not path.exists()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _translated(error) from error
        part = Part(descriptor, _direct(path))
        try:
            part.cut(offset)
            if is_new:
                _sync_folder(path.parent)
        except BaseException:
            part.close()
            raise
        return part

    def seal(self, object_: UUID, size: int, tail: bytes) -> None:
        """The object is whole, durable, and can be read; once more changes nothing.

        Raises:
            DamagedObject: the file is not as long as the row says.
        """
        part, whole = self._path(object_, ".part"), self._path(object_)
        assert not tail  # noqa: S101 - plain files hold nothing back
        if not whole.exists():
            if size == 0:
                self.open(object_, 0).close()
            with suppress(FileNotFoundError):  # somebody else finished it just now
                if part.stat().st_size != size:
                    raise DamagedObject(object_)
                _sync_file(part)
                part.rename(whole)
            if not whole.exists():
                raise DamagedObject(object_)
        _sync_folder(whole.parent)

    def read(self, object_: UUID, start: int, stop: int) -> Iterator[bytes]:
        """The plain bytes from `start` to `stop`, exclusive, of a finished or unfinished object, a piece at a time.

        Raises:
            DamagedObject: there are fewer; nothing of what was yielded was wrong.
        """
        with self._open_to_read(object_) as file:
            file.seek(start)
            while start < stop:
                data = file.read(min(READ, stop - start))
                if not data:
                    raise DamagedObject(object_)
                start += len(data)
                yield data

    def _open_to_read(self, object_: UUID) -> FileIO:
        # The third look is for one that was finished between the first two.
        for path in (self._path(object_), self._path(object_, ".part"), self._path(object_)):
            with suppress(FileNotFoundError):
                return FileIO(path)
        raise DamagedObject(object_)

    def digest(self, object_: UUID, size: int) -> bytes:
        """SHA-256 over the whole object; an empty one need not have been made."""
        hashed = sha256()
        for data in self.read(object_, 0, size) if size else ():
            hashed.update(data)
        return hashed.digest()

    def remove(self, object_: UUID) -> None:
        """Nothing of the object is left; once more changes nothing."""
        path = self._path(object_)
        for one in (path, self._path(object_, ".part")):
            one.unlink(missing_ok=True)
        if path.parent.exists():
            _sync_folder(path.parent)

    def has_room_for(self, size: int) -> bool:
        """Whether so many more bytes fit beside the reserve, as far as the disk knows now."""
        state = os.statvfs(self.root)
        return size + RESERVE <= state.f_bavail * state.f_frsize

    def _path(self, object_: UUID, suffix: str = "") -> Path:
        # The random end of a UUIDv7: its beginning is the time, and all would lie in one folder.
        name = object_.hex
        return self.root / name[-2:] / name[-4:-2] / f"{object_}{suffix}"

    def _make_folders(self, folder: Path) -> None:
        for one in (folder.parent, folder):
            if not one.exists():
                one.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(one.parent)


class Part:
    """An unfinished object that is open for writing; one thread at a time."""

    def __init__(self, descriptor: int, direct: int | None) -> None:
        """`direct`: the same file past the page cache, where the file system knows that."""
        self._descriptor, self._direct = descriptor, direct

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, offset: int, data: memoryview, tail: bytes) -> bytes:
        """`data` is on disk as the object's bytes from `offset` on; the tail to commit with the offset behind it.

        `data` begins on a page of memory (`receiving.Pool`), as writing past the cache demands.

        Raises:
            NoRoom: the disk is full; what was written of it is cut off again.
        """
        position, rest = offset, data
        try:
            while rest:
                written = self._pwrite(rest, position)
                position, rest = position + written, rest[written:]
            os.fdatasync(self._descriptor)
        except OSError as error:
            refusal = _translated(error)
            if isinstance(refusal, NoRoom):
                with suppress(OSError, DamagedObject):  # the next opening does it too
                    self.cut(offset)
            raise refusal from error
        return tail

    def _pwrite(self, data: memoryview, position: int) -> int:
        if self._direct is not None and position % BLOCK == 0 == len(data) % BLOCK:
            try:
                return os.pwrite(self._direct, data, position)
            except OSError as error:
                if error.errno != EINVAL:
                    raise
                os.close(self._direct)  # it opens such files and then cannot write them
                self._direct = None
        return os.pwrite(self._descriptor, data, position)

    def cut(self, offset: int) -> None:
        """Nothing of the object is left from `offset` on; one that ends before it is not filled up with zeros.

        Raises:
            DamagedObject: it ends before.
        """
        if os.fstat(self._descriptor).st_size < offset:
            raise DamagedObject(offset)
        os.ftruncate(self._descriptor, offset)

    def close(self) -> None:
        """The file is closed; once more changes nothing."""
        for descriptor in (self._descriptor, self._direct):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)
        self._descriptor, self._direct = -1, None


class DamagedObject(Exception):
    """The store lacks bytes that a row says are durable: somebody else touched it, or the disk lost them."""


def _direct(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError:  # a file system that knows no such thing: then through the cache
        return None


def _translated(error: OSError) -> Exception:
    if error.errno in _FULL:
        logger.error("media_no_room", errno=error.errno)
        return NoRoom()
    return error


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    """What was made, renamed or removed in a folder is durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
